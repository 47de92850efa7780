//! Addresses: where the gateway listens, where a provider is, and how callers know the gateway.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use url::{Host, Url};

use super::reader::Entry;
use crate::http::Proxies;

/// An address and a port to listen on.
pub fn socket(entry: &Entry<'_>) -> Option<SocketAddr> {
    entry.parsed(
        "must be an address and a port, such as 127.0.0.1:8080, 0.0.0.0:8080 or [::]:8080",
        |text| text.parse().ok(),
    )
}

/// Whether the two cannot both be listened on. Port 0 is a new port each time.
pub fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    one.port() == other.port()
        && one.port() != 0
        && (one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified())
}

/// Proxies, each by its address or by the network that it is in.
pub fn proxies(list: Entry<'_>) -> Proxies {
    const WANTED: &str = "must be an IP address or a network, such as 10.0.0.7 or 10.0.0.0/8";
    let entries = list.items("must be a list of IP addresses or networks, such as [\"10.0.0.7\"]");
    Proxies::new(entries.iter().filter_map(|entry| {
        let network = entry.parsed(WANTED, network)?;
        if network.trunc() != network {
            entry.note(format!(
                "names an address within its network; write {} for the network, or {} for that one address",
                network.trunc(),
                network.addr()
            ));
        }
        Some(network)
    }))
}

/// An address alone is the network of that address.
fn network(text: &str) -> Option<IpNet> {
    match text.parse::<IpAddr>() {
        Ok(address) => Some(address.to_canonical().into()),
        Err(_) => text.parse().ok(),
    }
}

/// Where a provider is reached. Our key travels there, so it is told in clear on this machine only.
pub fn base_url(entry: &Entry<'_>) -> Option<Url> {
    web(entry, "our key for the provider would travel in clear")
}

/// How callers know the gateway. Their keys travel there, so it is told in clear on this machine only.
pub fn public_url(entry: &Entry<'_>) -> Option<Url> {
    web(entry, "the callers' keys would travel in clear")
}

/// Where traces and metrics are collected. No content is among them, so they may travel in clear.
pub fn collector(entry: &Entry<'_>) -> Option<Url> {
    const WANTED: &str = "must be the address of a collector, such as http://collector:4317";
    let text = entry.text_or(WANTED)?;
    let url = Url::parse(text).ok().filter(|url| {
        let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        plain && url.has_host() && matches!(url.scheme(), "http" | "https")
    });
    if url.is_none() {
        entry.note_redacted(format!("{WANTED}; a key of it belongs into otlp_headers"));
    }
    url
}

fn web(entry: &Entry<'_>, in_clear: &str) -> Option<Url> {
    const WANTED: &str =
        "must be an address such as https://api.example.com, with or without a path";
    let text = entry.text_or(WANTED)?;
    let Some(mut url) = Url::parse(text).ok().filter(Url::has_host) else {
        entry.note(WANTED);
        return None;
    };
    let mut problems = Vec::new();
    if !url.username().is_empty() || url.password().is_some() {
        problems
            .push("holds a user or a password; remove them, since an address is logged".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        problems.push("has a query or a fragment; it must end with its path".to_owned());
    }
    match url.scheme() {
        "https" => {}
        "http" if is_this_machine(&url) => {}
        "http" => problems.push(format!(
            "uses http, so {in_clear}; use https, or an address of this machine"
        )),
        _ => problems.push("must begin with https:// (or http:// on this machine)".to_owned()),
    }
    // A query carries keys as readily as a user's place does.
    let may_be_printed =
        url.query().is_none() && url.username().is_empty() && url.password().is_none();
    for problem in &problems {
        if may_be_printed {
            entry.note(problem);
        } else {
            entry.note_redacted(problem);
        }
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    problems.is_empty().then_some(url)
}

/// Whether `url` never leaves the machine.
fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

/// An address as people write it, without the slash that ends every bare host.
pub fn written(url: &Url) -> &str {
    url.as_str().trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use super::super::scripted::{Scripted, mistake};
    use super::super::settings::read;
    use super::*;

    #[test]
    fn two_doors_need_two_ports() {
        let collide = |one: &str, other: &str| {
            super::collide(one.parse().expect("one"), other.parse().expect("other"))
        };
        assert!(collide("127.0.0.1:80", "127.0.0.1:80"));
        assert!(collide("0.0.0.0:80", "127.0.0.1:80"));
        assert!(!collide("127.0.0.1:80", "127.0.0.2:80"));
        assert!(!collide("127.0.0.1:80", "127.0.0.1:81"));
        assert!(!collide("127.0.0.1:0", "127.0.0.1:0"));
    }

    #[test]
    fn a_proxy_is_an_address_or_a_whole_network() {
        let written = |list: &str| {
            let config = Scripted::EXAMPLE.replace("trusted_proxies = []", list);
            let settings = read(&config, &Scripted::example()).expect("a good config");
            settings.server.trusted_proxies
        };
        let proxies = written(r#"trusted_proxies = ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32"]"#);
        assert_eq!(proxies.to_string(), "10.0.0.0/8, 192.0.2.7, 2001:db8::/32");
        let trusts = |address: &str| proxies.trust(address.parse().expect("an address"));
        assert!(trusts("10.255.0.1") && trusts("192.0.2.7") && trusts("2001:db8::9"));
        assert!(trusts("::ffff:10.0.0.1"));
        assert!(!trusts("11.0.0.1") && !trusts("192.0.2.8") && !trusts("2001:db9::"));
        assert!(!written("trusted_proxies = []").trust("10.0.0.1".parse().expect("one")));

        let told = |list: &str| mistake("trusted_proxies = []", list);
        let within = told(r#"trusted_proxies = ["10.0.0.7/8"]"#);
        assert!(within.starts_with("server.trusted_proxies[0]"), "{within}");
        assert!(
            within.contains("write 10.0.0.0/8 for the network"),
            "{within}"
        );
        for wrong in ["10.0.0.0/33", "10.0.0", "proxy.example", "10.0.0.1-9"] {
            let told = told(&format!("trusted_proxies = [\"{wrong}\"]"));
            assert!(told.contains("an IP address or a network"), "{told}");
        }
        let told = told("trusted_proxies = \"10.0.0.7\"");
        assert!(told.contains("must be a list"), "{told}");
    }

    #[test]
    fn an_address_ends_without_a_slash() {
        let config = Scripted::EXAMPLE
            .replace("https://api.anthropic.com", "http://[::1]:9/claude//")
            .replace("https://belay.acme.example", "https://belay.acme.example/");
        let settings = read(&config, &Scripted::example()).expect("a good config");
        let crate::providers::Kind::Anthropic { base_url, .. } = &settings.providers[0].kind else {
            panic!("the example's first provider is Claude");
        };
        assert_eq!(base_url.as_str(), "http://[::1]:9/claude");
        let public = settings.server.public_url.expect("is set");
        assert_eq!(written(&public), "https://belay.acme.example");
    }

    #[test]
    fn an_address_that_would_leak_keys_is_refused() {
        let told = |url: &str| mistake("https://api.anthropic.com", url);
        assert!(told("http://proxy.example").contains("in clear"));
        let with_query = told("https://api.example/?key=hunter2");
        assert!(with_query.contains("query") && !with_query.contains("hunter2"));
        assert!(told("ftp://api.example").contains("https://"));
        assert!(told("api.example").contains("must be an address"));
        let with_password = told("https://user:hunter2@api.example");
        assert!(with_password.contains("a user or a password"));
        assert!(!with_password.contains("hunter2"));
        let public = mistake("https://belay.acme.example", "http://belay.acme.example");
        assert!(public.contains("server.public_url") && public.contains("in clear"));
    }
}
