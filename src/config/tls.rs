//! `[server.tls]`.

use super::environment::Secrets;
use super::reader::{Entry, Section};
use crate::http::tls::{Authority, Settings, read_chain};

/// Reads `tls` in `[server]`, where it stands.
pub fn read(server: &mut Section<'_>, secrets: &Secrets<'_>) -> Option<Settings> {
    let mut section = server.table_if_there("tls")?;
    let cert = section.need(
        "cert",
        "it must be file:PATH of the gateway's certificate and, after it, those of its issuers, in PEM",
    );
    let key = section.need(
        "key",
        "it must be file:PATH of the private key of that certificate, in PEM",
    );
    let client_ca = section.take("client_ca");
    section.done();
    let has_ca = client_ca.is_some();
    let client_ca = client_ca.and_then(|entry| authority(&entry, secrets));
    let cert = cert.and_then(|entry| {
        let pem = secrets.reveal_pem(&entry, "certificates")?;
        noted(&entry, read_chain(&pem)).map(|_| pem)
    });
    let (key, pem) = key.and_then(|entry| {
        let pem = secrets.reveal_pem(&entry, "a private key")?;
        Some((entry, pem))
    })?;
    let settings = noted(&key, Settings::new(&cert?, &pem, client_ca))?;
    // A wrong authority is a mistake already; without one anybody's certificate would do.
    (settings.client_ca.is_some() == has_ca).then_some(settings)
}

fn authority(entry: &Entry<'_>, secrets: &Secrets<'_>) -> Option<Authority> {
    let pem = secrets.reveal_pem(entry, "certificates")?;
    noted(entry, Authority::new(&pem))
}

/// The authority that `entry` refers to, which certified `whom`, in PEM that was read.
pub fn certifier(entry: &Entry<'_>, secrets: &Secrets<'_>, whom: &str) -> Option<String> {
    let pem = secrets.reveal_pem(entry, &format!("the authority that certified {whom}"))?;
    noted(entry, Authority::new(&pem)).map(|_| pem)
}

fn noted<T, E: std::fmt::Display>(entry: &Entry<'_>, read: Result<T, E>) -> Option<T> {
    read.map_err(|why| entry.note(why.to_string())).ok()
}

#[cfg(test)]
mod tests {
    use super::super::scripted::Scripted;
    use super::super::settings::{differs_beyond_reload, read};
    use crate::config::{Mistakes, Settings};
    use crate::identity::scripted::{ACME, ELLIPTIC, GLOBEX, private_key};

    const TLS: &str = r#"tls = { cert = "file:tls.crt", key = "file:tls.key" }"#;
    const WITH_CA: &str =
        r#"tls = { cert = "file:tls.crt", key = "file:tls.key", client_ca = "file:ca.crt" }"#;

    /// The example with this line in `[server]`, and with these files around it.
    fn with(line: &str, files: &[(&str, &str)]) -> Result<Settings, Mistakes> {
        let config = Scripted::EXAMPLE.replace("docs = true", &format!("docs = true\n{line}"));
        let around = files
            .iter()
            .fold(Scripted::example(), |around, (name, text)| {
                around.with_file(name, text)
            });
        read(&config, &around)
    }

    /// The one mistake in it.
    fn told(line: &str, files: &[(&str, &str)]) -> String {
        let mistakes = with(line, files).expect_err("a mistake");
        assert_eq!(mistakes.iter().count(), 1, "{mistakes}");
        mistakes.to_string()
    }

    fn own() -> [(&'static str, &'static str); 2] {
        [("tls.crt", &ACME.certificate), ("tls.key", &ACME.key)]
    }

    #[test]
    fn a_certificate_with_its_key_is_served_and_an_authority_is_asked_where_there_is_one() {
        let settings = with(TLS, &own()).expect("a good config");
        let tls = settings.server.tls.as_ref().expect("it stands");
        assert_eq!(tls.chain[0].fingerprint, ACME.read().fingerprint);
        assert!(tls.client_ca.is_none() && !settings.asks_for_certificates());

        let files = [own().as_slice(), &[("ca.crt", &GLOBEX.certificate)]].concat();
        let settings = with(WITH_CA, &files).expect("a good config");
        let tls = settings.server.tls.as_ref().expect("it stands");
        let authority = tls.client_ca.as_ref().expect("it stands");
        assert_eq!(authority.certificates[0].subject, "CN=acme-org");
        assert!(settings.asks_for_certificates());
        assert!(!format!("{settings:?}").contains("PRIVATE"));
    }

    #[test]
    fn each_file_that_holds_something_else_is_told_what_it_must_hold() {
        let (crt, key) = (ACME.certificate.as_str(), ACME.key.as_str());
        let no_cert = told(TLS, &[("tls.crt", key), ("tls.key", key)]);
        assert!(no_cert.starts_with("server.tls.cert"), "{no_cert}");
        assert!(no_cert.contains("no certificate in PEM"), "{no_cert}");
        let no_key = told(TLS, &[("tls.crt", crt), ("tls.key", crt)]);
        assert!(no_key.starts_with("server.tls.key"), "{no_key}");
        assert!(no_key.contains("no private key in PEM"), "{no_key}");
        let anothers = told(TLS, &[("tls.crt", crt), ("tls.key", &GLOBEX.key)]);
        assert!(anothers.starts_with("server.tls.key"), "{anothers}");
        assert!(anothers.contains("does not belong to"), "{anothers}");
        let gone = told(TLS, &[("tls.key", key)]);
        assert!(gone.contains("cannot be read"), "{gone}");
        let broken = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        let broken = told(TLS, &[("tls.crt", broken), ("tls.key", key)]);
        assert!(broken.contains("no X.509 certificate"), "{broken}");
        let odd = private_key(&["-algorithm", "X25519"]);
        let odd = told(TLS, &[("tls.crt", crt), ("tls.key", &odd)]);
        assert!(odd.contains("P-256"), "{odd}");
        for told in [no_cert, no_key, anothers] {
            assert!(!told.contains("MII"), "{told}");
        }
    }

    #[test]
    fn an_authority_without_certificates_is_a_mistake_and_not_no_authority() {
        let files = [own().as_slice(), &[("ca.crt", "")]].concat();
        let told = told(WITH_CA, &files);
        assert!(told.starts_with("server.tls.client_ca"), "{told}");
        assert!(told.contains("no certificate in PEM"), "{told}");
    }

    #[test]
    fn what_is_missing_or_unknown_in_the_table_is_told() {
        let mistakes = with("tls = { certificate = \"file:tls.crt\" }", &[]);
        let mistakes = mistakes.expect_err("mistakes").to_string();
        assert!(
            mistakes.contains("server.tls.cert: is missing"),
            "{mistakes}"
        );
        assert!(
            mistakes.contains("server.tls.key: is missing"),
            "{mistakes}"
        );
        assert!(mistakes.contains("server.tls.certificate"), "{mistakes}");
        assert!(told("tls = true", &[]).contains("[server.tls]"));
        let key = ACME.key.lines().collect::<String>();
        let written_out = format!("tls = {{ cert = \"file:tls.crt\", key = \"{key}\" }}");
        let written_out = told(&written_out, &own());
        assert!(written_out.contains("[redacted]"), "{written_out}");
    }

    #[test]
    fn other_certificates_take_no_restart_and_tls_itself_does() {
        let none = with("", &[]).expect("a good config");
        let one = with(TLS, &own()).expect("a good config");
        let files = [
            ("tls.crt", ELLIPTIC.certificate.as_str()),
            ("tls.key", &ELLIPTIC.key),
            ("ca.crt", &GLOBEX.certificate),
        ];
        let other = with(WITH_CA, &files).expect("a good config");
        assert_ne!(one.server.tls, other.server.tls);
        assert!(differs_beyond_reload(&one, &other).is_empty());
        assert_eq!(differs_beyond_reload(&none, &one), ["server"]);
        assert_eq!(differs_beyond_reload(&one, &none), ["server"]);
    }
}
