//! Certificates whose time is over, has not begun, or ends soon.

use jiff::{SignedDuration, Timestamp};

use super::settings::Settings;
use crate::http::tls;
use crate::identity::Certificate;
use crate::identity::certificate::Standing;

/// Certificates that end within this time are pointed out: a month is what getting a new one from Setup may take.
const SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What is to be told of the certificates in `settings` at `now`.
pub fn warnings(settings: &Settings, now: Timestamp) -> Vec<String> {
    let server = settings.server.tls.iter().flat_map(of_the_server);
    let orgs = settings.tenants.iter().flat_map(|tenant| {
        tenant.credentials.iter().flat_map(|credential| {
            let whose = format!(
                "{}: the certificate of `{}`",
                tenant.org.name, credential.id
            );
            let certificates = credential.certificates().iter();
            certificates.map(move |certificate| (whose.clone(), certificate))
        })
    });
    server
        .chain(orgs)
        .filter_map(|(whose, certificate)| Some(format!("{whose} {}", told(certificate, now)?)))
        .collect()
}

fn of_the_server(tls: &tls::Settings) -> impl Iterator<Item = (String, &Certificate)> {
    let own = tls.chain.iter();
    let own = own.map(|one| (format!("server.tls.cert: {}", one.subject), one));
    let authorities = tls.client_ca.iter().flat_map(|ca| &ca.certificates);
    let authorities =
        authorities.map(|one| (format!("server.tls.client_ca: {}", one.subject), one));
    own.chain(authorities)
}

/// How a certificate stands, where that is worth telling.
fn told(certificate: &Certificate, now: Timestamp) -> Option<String> {
    let day = |moment: Timestamp| moment.strftime("%Y-%m-%d").to_string();
    let (begin, end) = (day(certificate.not_before), day(certificate.not_after));
    match certificate.standing(now) {
        Standing::NotYet => Some(format!("does not count before {begin}")),
        Standing::Expired => Some(format!("has expired on {end}")),
        Standing::Good if certificate.not_after.duration_since(now) < SOON => {
            Some(format!("expires on {end}"))
        }
        Standing::Good => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::scripted::Scripted;
    use super::super::settings::read;
    use super::*;
    use crate::identity::scripted::{ACME, ELLIPTIC};

    #[test]
    fn the_gateways_certificate_and_those_of_orgs_are_told_of_a_month_before_they_end() {
        let around = Scripted::example()
            .with_file("tls.crt", &ACME.certificate)
            .with_file("tls.key", &ACME.key)
            .with_file("ca.crt", &ELLIPTIC.certificate)
            .with_file("org.crt", &ELLIPTIC.certificate);
        let config = Scripted::EXAMPLE
            .replace(
                "docs = true",
                "docs = true\ntls = { cert = \"file:tls.crt\", key = \"file:tls.key\", client_ca = \"file:ca.crt\" }",
            )
            .replacen(
                "[orgs.limits]",
                "[[orgs.credentials]]\nkind = \"mtls\"\nid = \"cert\"\ncertificate = \"file:org.crt\"\nscopes = [\"tasks\"]\n[orgs.limits]",
                1,
            );
        let settings = read(&config, &around).expect("a good config");
        let (first, last) = (ACME.read().not_before, ACME.read().not_after);
        let month = SignedDuration::from_hours(31 * 24);
        let hour = SignedDuration::from_hours(1);
        let told = |now| {
            let told = warnings(&settings, now);
            let whose = [
                "server.tls.cert: CN=",
                "server.tls.client_ca: CN=",
                "acme-prod: ",
            ];
            assert_eq!(told.len(), 3, "{told:?}");
            for (line, whose) in told.iter().zip(whose) {
                assert!(line.starts_with(whose), "{line}");
            }
            told.into_iter().next_back().expect("three")
        };
        // They are good for ten days, which is soon from their first second on.
        let soon = told(last - hour);
        let ends = ELLIPTIC.read().not_after.strftime("%Y-%m-%d").to_string();
        assert_eq!(
            soon,
            format!("acme-prod: the certificate of `cert` expires on {ends}")
        );
        assert!(told(last + month).contains("has expired on"));
        assert!(told(first - month).contains("does not count before"));
    }

    #[test]
    fn what_ends_later_than_in_a_month_is_nothing_to_tell() {
        let mut certificate = ACME.read();
        certificate.not_before = Timestamp::UNIX_EPOCH;
        let day = SignedDuration::from_hours(24);
        assert_eq!(
            super::told(&certificate, certificate.not_after - SOON),
            None
        );
        let told = super::told(&certificate, certificate.not_after - SOON + day);
        assert!(told.expect("soon").starts_with("expires on"));
    }
}
