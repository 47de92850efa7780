//! `[telemetry]`: how log lines look, and where traces and metrics go.

use std::collections::BTreeMap;

use http::HeaderName;
use url::Url;

use super::addresses;
use super::environment::Secrets;
use super::reader::{Entry, Section};
use crate::telemetry::Settings as Logs;
use crate::telemetry::otlp::{Protocol, Settings};

const NOT_SET: &str = "says how telemetry.otlp is used, which is not set; set that to the address of a collector, or remove this";

/// Reads the section.
pub fn read(mut section: Section<'_>, secrets: &Secrets<'_>) -> (Logs, Option<Settings>) {
    let logs = section
        .take("logs")
        .and_then(|entry| entry.choice(&["json", "pretty"]));
    let endpoint = section.take("otlp");
    let is_set = endpoint.is_some();
    let endpoint = endpoint.and_then(|entry| addresses::collector(&entry));
    let protocol = section
        .take("otlp_protocol")
        .inspect(|entry| beside(entry, is_set))
        .and_then(|entry| entry.choice(&["grpc", "http"]));
    let sample_ratio = section
        .take("sample_ratio")
        .inspect(|entry| beside(entry, is_set))
        .and_then(|entry| {
            let wanted = "must be the share of traces that is kept, a number from 0 to 1";
            entry.number(0.0..=1.0, wanted)
        });
    let headers = section
        .table_if_there("otlp_headers")
        .map(|table| headers(table, is_set, secrets))
        .unwrap_or_default();
    section.done();
    let otlp = endpoint.map(|endpoint| Settings {
        protocol: match protocol {
            Some("http") => Protocol::Http,
            Some(_) => Protocol::Grpc,
            None => usual(&endpoint),
        },
        endpoint,
        headers,
        sample_ratio: sample_ratio.unwrap_or(1.0),
    });
    let logs = match logs {
        Some("pretty") => Logs::Pretty,
        _ => Logs::Json,
    };
    (logs, otlp)
}

/// Notes what stands beside an address that is not there.
fn beside(entry: &Entry<'_>, is_set: bool) {
    if !is_set {
        entry.note_without_value(NOT_SET);
    }
}

/// What collectors speak at this port: HTTP at 4318, gRPC anywhere else.
fn usual(endpoint: &Url) -> Protocol {
    if endpoint.port() == Some(4318) {
        Protocol::Http
    } else {
        Protocol::Grpc
    }
}

fn headers(
    mut table: Section<'_>,
    is_set: bool,
    secrets: &Secrets<'_>,
) -> BTreeMap<String, secrecy::SecretString> {
    if !is_set {
        table.note(NOT_SET);
    }
    let names: Vec<String> = table.names();
    let headers = names.into_iter().filter_map(|name| {
        let entry = table.take_unlisted(&name)?;
        if name.parse::<HeaderName>().is_err() {
            entry.note_without_value("is no name of a header, such as authorization");
            return None;
        }
        let value = secrets.reveal_header(&entry)?;
        Some((name.to_ascii_lowercase(), value))
    });
    headers.collect()
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::super::scripted::Scripted;
    use super::super::settings::read as read_all;
    use super::*;

    fn with(lines: &str) -> Result<Option<Settings>, String> {
        let config = format!("{}\n[telemetry]\n{lines}\n", without_telemetry());
        let around = Scripted::example().with("OTLP_KEY", "Bearer of-the-collector");
        let read = read_all(&config, &around).map_err(|mistakes| mistakes.to_string());
        read.map(|settings| settings.otlp)
    }

    fn without_telemetry() -> String {
        let (before, rest) = Scripted::EXAMPLE
            .split_once("[telemetry]")
            .expect("it has the section");
        let after = rest.find("\n[").map_or("", |end| &rest[end..]);
        format!("{before}{after}")
    }

    #[test]
    fn a_collector_is_spoken_with_as_its_port_tells_unless_it_is_said() {
        let protocol = |lines: &str| with(lines).expect("a good config").map(|one| one.protocol);
        assert_eq!(protocol(""), None);
        let grpc = protocol("otlp = \"http://collector:4317\"");
        assert_eq!(grpc, Some(Protocol::Grpc));
        let http = protocol("otlp = \"http://collector:4318\"");
        assert_eq!(http, Some(Protocol::Http));
        let said = protocol("otlp = \"https://collector.example\"\notlp_protocol = \"http\"");
        assert_eq!(said, Some(Protocol::Http));
    }

    #[test]
    fn headers_are_references_to_secrets_and_print_none() {
        let read = with(
            "otlp = \"http://127.0.0.1:4317\"\nsample_ratio = 0.25\notlp_headers = { Authorization = \"env:OTLP_KEY\" }",
        );
        let read = read.expect("a good config").expect("a collector");
        let value = read.headers["authorization"].expose_secret();
        assert_eq!(value, "Bearer of-the-collector");
        assert!((read.sample_ratio - 0.25).abs() < f64::EPSILON);
        assert!(!format!("{read:?}").contains("of-the-collector"));
        let plain = with(
            "otlp = \"http://127.0.0.1:4317\"\notlp_headers = { authorization = \"Bearer of-the-collector\" }",
        );
        let told = plain.expect_err("a mistake");
        assert!(
            told.contains("telemetry.otlp_headers.authorization"),
            "{told}"
        );
        assert!(!told.contains("of-the-collector"), "{told}");
    }

    #[test]
    fn what_cannot_be_meant_is_told_with_what_would_be_right() {
        let told = |lines: &str| with(lines).expect_err("a mistake");
        let address = told("otlp = \"collector\"");
        assert!(
            address.contains("such as http://collector:4317"),
            "{address}"
        );
        let alone = told("sample_ratio = 0.5");
        assert!(
            alone.contains("telemetry.otlp is used, which is not set"),
            "{alone}"
        );
        let ratio = told("otlp = \"http://c:4317\"\nsample_ratio = 50");
        assert!(ratio.contains("a number from 0 to 1"), "{ratio}");
        let word = told("otlp = \"http://c:4317\"\notlp_protocol = \"htp\"");
        assert!(word.contains("must be one of: grpc, http"), "{word}");
        let name = told("otlp = \"http://c:4317\"\notlp_headers = { \"a b\" = \"env:OTLP_KEY\" }");
        assert!(name.contains("is no name of a header"), "{name}");
    }
}
