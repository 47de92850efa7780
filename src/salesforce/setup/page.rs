//! The page as a whole.

use std::fmt::Write as _;

use jiff::Timestamp;
use url::Url;

use super::connection::{Connection, Gateway};
use super::{certificates, metadata, steps};
use crate::domain::Scope;
use crate::identity::Tenant;

/// What an admin reads, and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The page. No secret is in it.
    pub page: String,
    /// What keeps calls from working, a sentence each.
    pub problems: Vec<String>,
}

/// What to set up in Salesforce for `tenant` to call the gateway at `public_url`, and how its certificates stand at `now`.
pub fn report(tenant: &Tenant, public_url: Option<&Url>, now: Timestamp) -> Report {
    let gateway = Gateway::at(public_url);
    let connections = Connection::all(tenant, &gateway);
    let mut problems = Vec::new();
    if !gateway.is_known() {
        problems.push(
            "the gateway's address is not known; set `public_url` in [server] to what Salesforce calls, such as \"https://belay.acme.example\""
                .to_owned(),
        );
    }
    if connections.is_empty() {
        problems.push(format!(
            "{} has no credential, so it cannot call; `belay key new` makes a key and prints its lines",
            tenant.org.name
        ));
    }
    let mut page = format!("Org {}, {}\n", tenant.org.name, tenant.org.id);
    let _ = writeln!(page, "Gateway {}", gateway.url());
    for connection in &connections {
        let credential = connection.credential;
        let kind = credential.kind().as_str();
        let _ = writeln!(page, "\n== {}, {kind} ==\n\nIn Setup", credential.id);
        page += &steps::steps(connection, &gateway);
        if gateway.is_known() {
            let version = metadata::API_VERSION;
            let _ = writeln!(page, "\nThe same as metadata, API version {version}");
            for file in metadata::files(connection, &gateway) {
                let _ = write!(page, "\n{}\n{}", file.path, file.xml);
            }
        } else {
            page += "\nThe same as metadata is printed once the address is known.\n";
        }
    }
    page += "\n== Certificates ==\n\n";
    page += &certificates::tested(&tenant.credentials, now, &mut problems);
    if let Some(first) = connections.first() {
        smoke_test(tenant, first, &connections, &mut page);
    }
    Report { page, problems }
}

fn smoke_test(
    tenant: &Tenant,
    first: &Connection<'_>,
    connections: &[Connection<'_>],
    page: &mut String,
) {
    let _ = write!(
        page,
        "
== Smoke test ==

As a user who has the permission set, in the Developer Console, Debug > Open Execute Anonymous Window:

  HttpRequest request = new HttpRequest();
  request.setEndpoint('callout:{}/whoami');
  request.setMethod('GET');
  request.setTimeout(20000);
  HttpResponse response = new Http().send(request);
  System.debug(response.getStatusCode() + ' ' + response.getBody());

It answers 200 with, beside others:
",
        first.name
    );
    for connection in connections {
        let credential = connection.credential;
        let user = if credential.proves_a_user() {
            "the id of whoever runs it"
        } else {
            "null"
        };
        let scopes: Vec<_> = credential
            .scopes
            .iter()
            .copied()
            .map(Scope::as_str)
            .collect();
        let _ = writeln!(page, "  callout:{}/whoami", connection.name);
        for (member, value) in [
            ("org_id", tenant.org.id.as_str()),
            ("org_name", tenant.org.name.as_str()),
            ("credential_id", &credential.id),
            ("credential_kind", credential.kind().as_str()),
            ("user_id", user),
            ("scopes", &scopes.join(", ")),
        ] {
            let _ = writeln!(page, "    {member:<16} {value}");
        }
    }
    *page += "
A 401 says in `detail` what is not proved. \"We couldn't access the credential(s)\" is Salesforce's own: the user lacks the permission set.
";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::time::Duration;

    use jiff::tz::TimeZone;

    use super::*;
    use crate::domain::{Limits, Org, OrgId, OrgName};
    use crate::identity::scripted::{ACME, GLOBEX, Made};
    use crate::identity::{Certificate, Credential, Fingerprint, Jti, KeyHash, Proof, Trust};

    const NOW: &str = "2026-11-22T12:00:00Z";

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn tenant(credentials: Vec<Credential>) -> Tenant {
        let id = "00D5f000000XyZaEAK".parse().expect("an id");
        let org = Org {
            id: OrgId::new(id).expect("an org"),
            name: OrgName::parse("acme-prod").expect("a name"),
            timezone: TimeZone::UTC,
            limits: Limits::default(),
            per_user: Limits::default(),
            models: BTreeMap::new(),
            tasks: Arc::default(),
            messages_cache_ttl: Duration::ZERO,
            privacy: None,
            batches: false,
        };
        Tenant {
            org: Arc::new(org),
            credentials,
        }
    }

    fn credential(id: &str, proof: Proof) -> Credential {
        Credential {
            id: id.into(),
            proof,
            scopes: [Scope::Tasks, Scope::Messages].into(),
        }
    }

    /// A certificate that counts for the year 2026 and a day.
    fn certificate(made: &Made) -> Certificate {
        let mut certificate = made.read();
        certificate.not_before = time("2026-01-01T00:00:00Z");
        certificate.not_after = time("2027-01-02T00:00:00Z");
        certificate
    }

    fn trust(issuer: &str) -> Trust {
        Trust {
            certificates: vec![certificate(&ACME)],
            issuer: issuer.to_owned(),
            subject: None,
            audiences: vec!["https://belay.acme.example".to_owned()],
            user_claim: None,
            username_claim: None,
            jti: Jti::Ignored,
        }
    }

    fn told(credentials: Vec<Credential>) -> Report {
        let url = Url::parse("https://belay.acme.example/").expect("an address");
        report(&tenant(credentials), Some(&url), time(NOW))
    }

    /// The page of a credential that nothing is wrong with, less what differs each time.
    fn page(credential: Credential) -> String {
        let report = told(vec![credential]);
        assert_eq!(report.problems, Vec::<String>::new());
        let fingerprint = ACME.read().fingerprint.to_string();
        report.page.replace(&fingerprint, "[fingerprint]")
    }

    #[test]
    fn an_api_key_goes_into_a_header_of_its_own() {
        let key = Proof::ApiKey(KeyHash::of("belay_secret"));
        let page = page(credential("flow", key));
        assert!(!page.contains(&KeyHash::of("belay_secret").to_string()));
        insta::assert_snapshot!(page);
    }

    #[test]
    fn a_client_with_a_secret_fetches_tokens_by_basic() {
        let secret = Proof::Secret(vec![KeyHash::of("belay_secret")]);
        let page = page(credential("acme-client", secret));
        assert!(!page.contains(&KeyHash::of("belay_secret").to_string()));
        insta::assert_snapshot!(page);
    }

    #[test]
    fn a_client_with_a_certificate_signs_an_assertion_about_itself() {
        let trust = Trust {
            subject: Some("acme-client".to_owned()),
            jti: Jti::OnceIfThere,
            ..trust("acme-client")
        };
        insta::assert_snapshot!(page(credential("acme-client", Proof::Assertion(trust))));
    }

    #[test]
    fn an_org_exchanges_a_jwt_about_its_user() {
        let trust = Trust {
            user_claim: Some("sub".to_owned()),
            username_claim: Some("username".to_owned()),
            jti: Jti::OnceIfThere,
            ..trust("https://acme.my.salesforce.com")
        };
        insta::assert_snapshot!(page(credential("acme_prod_2026", Proof::Exchange(trust))));
    }

    #[test]
    fn an_org_signs_its_jwt_with_a_claim_for_its_user() {
        let trust = Trust {
            user_claim: Some("user_id".to_owned()),
            ..trust("acme & \"sons\" <prod>")
        };
        insta::assert_snapshot!(page(credential("acme_prod_2026", Proof::Jwt(trust))));
    }

    #[test]
    fn a_client_certificate_stands_on_the_named_credential() {
        let certificate = certificate(&ACME);
        let proof = Proof::Certificate {
            fingerprint: certificate.fingerprint,
            certificate: Some(certificate),
        };
        insta::assert_snapshot!(page(credential("acme-mtls", proof)));
    }

    #[test]
    fn several_credentials_have_connections_of_their_own_and_one_test() {
        let flow = credential("flow", Proof::ApiKey(KeyHash::of("one")));
        let next = credential("flow-next", Proof::ApiKey(KeyHash::of("two")));
        let page = told(vec![flow, next]).page;
        for part in [
            "== flow, api_key ==",
            "== flow-next, api_key ==",
            "namedCredentials/Belay.namedCredential-meta.xml",
            "namedCredentials/Belay_flow_next.namedCredential-meta.xml",
            "{!$Credential.Belay_flow_next.Key}",
            "  callout:Belay/whoami\n",
            "  callout:Belay_flow_next/whoami\n",
        ] {
            assert!(page.contains(part), "{part} is not in {page}");
        }
        assert_eq!(page.matches("new HttpRequest()").count(), 1);
    }

    #[test]
    fn without_an_address_it_says_what_to_set_and_prints_no_metadata() {
        let flow = credential("flow", Proof::Secret(vec![KeyHash::of("one")]));
        let report = report(&tenant(vec![flow]), None, time(NOW));
        assert_eq!(report.problems.len(), 1, "{:?}", report.problems);
        assert!(report.problems[0].contains("`public_url` in [server]"));
        let mut lines = report.page.lines().map(str::trim);
        let line = lines.find(|line| line.starts_with("Identity Provider URL"));
        let told = line.expect("a token endpoint");
        assert!(
            told.ends_with("(not known: set `public_url` in [server])"),
            "{told}"
        );
        assert!(!report.page.contains("<?xml"), "{}", report.page);
    }

    #[test]
    fn an_org_without_a_credential_has_nothing_to_set_up() {
        let report = told(Vec::new());
        assert!(report.problems[0].contains("has no credential"));
        assert!(!report.page.contains("Smoke test"), "{}", report.page);
    }

    #[test]
    fn each_certificate_that_does_not_count_is_a_problem() {
        let (mut ended, mut to_come) = (certificate(&ACME), certificate(&GLOBEX));
        ended.not_after = time("2026-11-19T12:00:00Z");
        to_come.not_before = time("2026-11-24T12:00:00Z");
        let trust = Trust {
            certificates: vec![ended, to_come],
            ..trust("acme")
        };
        let report = told(vec![credential("acme_2026", Proof::Jwt(trust))]);
        assert_eq!(report.problems.len(), 2, "{:?}", report.problems);
        assert!(report.problems[0].starts_with("acme_2026: the certificate "));
        assert!(report.problems[0].contains("… has EXPIRED, 3 days ago: nothing"));
        assert!(report.problems[1].contains("… is NOT YET VALID, for another 2 days"));
        for told in ["now      has EXPIRED", "now      is NOT YET VALID"] {
            assert!(report.page.contains(told), "{}", report.page);
        }
    }

    #[test]
    fn of_a_bare_fingerprint_no_dates_can_be_tested() {
        let proof = Proof::Certificate {
            fingerprint: Fingerprint::of(b"a certificate"),
            certificate: None,
        };
        let report = told(vec![credential("acme-mtls", proof)]);
        assert!(report.problems.is_empty(), "{:?}", report.problems);
        let told = "its dates cannot be tested; `certificate = \"file:org.crt\"`";
        assert!(report.page.contains(told), "{}", report.page);
    }

    #[test]
    fn an_id_that_no_certificate_can_have_and_a_jti_that_no_callout_has_are_pointed_out() {
        let trust = Trust {
            jti: Jti::Once,
            ..trust("acme")
        };
        let page = told(vec![credential("acme.prod", Proof::Jwt(trust))]).page;
        for part in [
            "No certificate can have the unique name `acme.prod`",
            "Leave `jti = \"once\"` out",
            "<parameterName>jti</parameterName>",
        ] {
            assert!(page.contains(part), "{part} is not in {page}");
        }
    }
}
