//! `belay org check`: what an admin sets up in Salesforce, by the binary that ships.

use std::path::Path;
use std::process::{Command, Output};

use belay::domain::{Clock as _, SystemClock};
use jiff::SignedDuration;

use crate::helpers::process::{folder_with, run};

/// A config of two orgs; `server` and `credentials` are lines of the first.
fn config(server: &str, credentials: &str) -> String {
    format!(
        r#"
        [server]
        {server}
        [[orgs]]
        id = "00D5f000000XyZaEAK"
        name = "acme-prod"
        {credentials}
        [[orgs]]
        id = "00D5f000000GbxQ"
        name = "globex"
        [[providers]]
        name = "simulator"
        kind = "simulator"
        [models.default]
        targets = [{{ provider = "simulator", model = "simulator" }}]
        [tokens]
        signing_keys = ["file:token.key"]
        "#
    )
}

const PUBLIC_URL: &str = r#"public_url = "https://belay.acme.example""#;
const KEY: &str = r#"
    [[orgs.credentials]]
    kind = "api_key"
    id = "flow"
    sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    scopes = ["tasks"]
"#;
/// One of every kind; the certificate is good for long.
const EVERY_KIND: &str = r#"
    [[orgs.credentials]]
    kind = "oauth_client"
    id = "acme-client"
    secret_sha256 = "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"
    scopes = ["tasks", "messages"]
    [[orgs.credentials]]
    kind = "oauth_client"
    id = "acme-signs"
    certificate = "file:org.crt"
    scopes = ["tasks"]
    [[orgs.credentials]]
    kind = "jwt_exchange"
    id = "acme_exchange"
    issuer = "acme & \"sons\" <prod>"
    certificate = "file:org.crt"
    user_claim = "sub"
    scopes = ["tasks"]
    [[orgs.credentials]]
    kind = "jwt"
    id = "acme_2026"
    issuer = "https://acme.my.salesforce.com"
    certificate = "file:org.crt"
    user_claim = "user_id"
    username_claim = "username"
    jti = "once"
    scopes = ["tasks"]
    [[orgs.credentials]]
    kind = "mtls"
    id = "acme-mtls"
    certificate = "file:org.crt"
    scopes = ["tasks"]
"#;
const SIGNED: &str = r#"
    [[orgs.credentials]]
    kind = "jwt"
    id = "acme_2026"
    issuer = "acme"
    certificate = "file:org.crt"
    scopes = ["tasks"]
"#;

struct Told {
    good: bool,
    page: String,
    wrong: String,
}

/// Checks `org` of `config`, whose certificate counts from `begins` to `ends`, as `openssl ca` writes times.
async fn check(org: &str, config: &str, (begins, ends): (&str, &str)) -> Told {
    let (folder, path) = folder_with(config);
    certificate(folder.path(), begins, ends);
    let path = path.to_str().expect("UTF-8");
    let Output {
        status,
        stdout,
        stderr,
    } = run(&["org", "check", org, "--config", path]).await;
    Told {
        good: status.success(),
        page: String::from_utf8(stdout).expect("UTF-8"),
        wrong: String::from_utf8(stderr).expect("UTF-8"),
    }
}

const LONG: (&str, &str) = ("20200101000000Z", "20991231235959Z");

/// `org.crt` and `token.key` in `folder`.
fn certificate(folder: &Path, begins: &str, ends: &str) {
    let by_ca = "[ca]\ndefault_ca = own\n[own]\ndatabase = index\nrand_serial = yes\nnew_certs_dir = .\n\
                 default_md = sha256\npolicy = any\n[any]\ncommonName = supplied\n";
    std::fs::write(folder.join("ca.cnf"), by_ca).expect("it can be written");
    std::fs::write(folder.join("index"), "").expect("it can be written");
    for arguments in [
        "genpkey -algorithm ed25519 -out token.key",
        "req -new -nodes -newkey rsa:2048 -subj /CN=acme-org -keyout key -out csr",
        &format!(
            "ca -config ca.cnf -batch -notext -selfsign -keyfile key -in csr -out org.crt -startdate {begins} -enddate {ends}"
        ),
    ] {
        let output = Command::new("openssl")
            .current_dir(folder)
            .args(arguments.split(' '))
            .output()
            .expect("openssl is installed");
        assert!(
            output.status.success(),
            "{arguments}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// The XML documents in a page.
fn documents(page: &str) -> Vec<&str> {
    let starts = page.match_indices("<?xml").map(|(at, _)| at);
    let ends = [
        "</ExternalCredential>",
        "</NamedCredential>",
        "</PermissionSet>",
    ];
    starts
        .map(|at| {
            let end = ends
                .iter()
                .filter_map(|end| Some(page[at..].find(end)? + end.len()))
                .min();
            &page[at..at + end.expect("a document ends")]
        })
        .collect()
}

#[tokio::test]
async fn every_kind_comes_with_metadata_that_is_xml() {
    let config = config(PUBLIC_URL, &format!("{KEY}{EVERY_KIND}"));
    let told = check("acme-prod", &config, LONG).await;
    assert!(told.good, "{}", told.wrong);
    assert_eq!(told.wrong, "");
    let documents = documents(&told.page);
    assert_eq!(documents.len(), 6 * 3, "{}", told.page);
    let mut escaped = 0;
    for document in documents {
        let parsed = roxmltree::Document::parse(document);
        let parsed = parsed.unwrap_or_else(|error| panic!("{error} in {document}"));
        let root = parsed.root_element();
        assert_eq!(
            root.tag_name().namespace(),
            Some("http://soap.sforce.com/2006/04/metadata")
        );
        if document.contains("acme &amp;") {
            let mut texts = root.descendants().filter_map(|one| one.text());
            assert!(texts.any(|text| text == r#"acme & "sons" <prod>"#));
            escaped += 1;
        }
    }
    assert_eq!(escaped, 1);
    for variant in [
        "ClientCredentialsClientSecretBasic",
        "ClientCredentialsJwtAssertion",
        "JwtBearer",
        "NoAuthentication",
    ] {
        let value = format!("<parameterValue>{variant}</parameterValue>");
        assert_eq!(told.page.matches(&value).count(), 1, "{variant}");
    }
    let url = "<parameterValue>https://belay.acme.example/oauth/token</parameterValue>";
    assert_eq!(told.page.matches(url).count(), 3);
}

#[tokio::test]
async fn an_org_is_found_by_its_name_and_by_its_id_in_either_length() {
    let config = config(PUBLIC_URL, KEY);
    for org in ["acme-prod", "00D5f000000XyZa", "00D5f000000XyZaEAK"] {
        let told = check(org, &config, LONG).await;
        assert!(told.good, "{org}: {}", told.wrong);
        assert!(told.page.starts_with("Org acme-prod, 00D5f000000XyZaEAK\n"));
        assert!(!told.page.contains("9f86d081"), "{}", told.page);
    }
}

#[tokio::test]
async fn an_org_that_is_not_there_is_answered_with_those_that_are() {
    let told = check("acme-prd", &config(PUBLIC_URL, KEY), LONG).await;
    assert!(!told.good);
    assert_eq!(told.page, "");
    for part in [
        "\"acme-prd\"",
        "acme-prod, globex",
        "did you mean `acme-prod`?",
    ] {
        assert!(told.wrong.contains(part), "{part} is not in {}", told.wrong);
    }
}

#[tokio::test]
async fn a_certificate_that_has_ended_or_not_begun_fails_and_one_that_soon_ends_warns() {
    let config = config(PUBLIC_URL, SIGNED);
    let ended = check("acme-prod", &config, ("20200101000000Z", "20210101000000Z")).await;
    assert!(!ended.good);
    assert!(ended.page.contains("has EXPIRED, "), "{}", ended.page);
    assert!(ended.wrong.starts_with("acme_2026: the certificate "));

    let to_come = check("acme-prod", &config, ("20980101000000Z", "20991231235959Z")).await;
    assert!(!to_come.good);
    assert!(
        to_come.wrong.contains("is NOT YET VALID"),
        "{}",
        to_come.wrong
    );

    let week = SystemClock.timestamp() + SignedDuration::from_hours(7 * 24);
    let week = week.strftime("%Y%m%d%H%M%SZ").to_string();
    let soon = check("acme-prod", &config, ("20200101000000Z", &week)).await;
    assert!(soon.good, "{}", soon.wrong);
    assert!(
        soon.page.contains("WARNING: good, 6 days left"),
        "{}",
        soon.page
    );

    let long = check("acme-prod", &config, LONG).await;
    assert!(long.good && !long.page.contains("WARNING"), "{}", long.page);
}

#[tokio::test]
async fn without_a_public_url_it_says_what_to_set() {
    let config = config("", KEY).replace("signing_keys = [\"file:token.key\"]", "");
    let config = config.replace("[tokens]", "");
    let told = check("acme-prod", &config, LONG).await;
    assert!(!told.good);
    assert!(
        told.wrong.contains("set `public_url` in [server]"),
        "{}",
        told.wrong
    );
    assert!(told.page.contains("X-API-Key") && !told.page.contains("<?xml"));
}

#[tokio::test]
async fn a_config_with_mistakes_is_told_them_all() {
    let config = config(PUBLIC_URL, KEY)
        .replace("api_key", "api_kee")
        .replace("\"tasks\"", "\"task\"");
    let told = check("acme-prod", &config, LONG).await;
    assert!(!told.good);
    assert_eq!(told.page, "");
    assert_eq!(told.wrong.lines().count(), 2, "{}", told.wrong);
    assert!(
        told.wrong.contains("did you mean `api_key`?"),
        "{}",
        told.wrong
    );
}
