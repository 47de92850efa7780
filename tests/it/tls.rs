//! TLS at the gateway itself, and who is known by the certificate of a connection.

use std::time::Duration;

use reqwest::{Client, Method, tls::Version};
use serde_json::{Value, json};

use crate::helpers::openssl::Made;
use crate::helpers::org::{ACME, KEY, OTHER_KEY};
use crate::helpers::tls::{Place, today};
use crate::helpers::{Answer, Config, TestApp, TestClock, Upstream, opportunity};

/// The app by `config`, in the days for which the certificates are made.
async fn app(config: &Config) -> TestApp {
    TestApp::in_world(config.settings(), today().world()).await
}

/// A call that nobody is recognised by, and that is no missing credential.
fn expect_unknown(answer: &Answer) -> String {
    let problem = answer.expect_problem(401, "unauthenticated");
    let told = answer.header("www-authenticate").expect("a challenge");
    assert!(told.starts_with("Bearer error=\"invalid_token\""), "{told}");
    problem["detail"].as_str().expect("a text").to_owned()
}

#[tokio::test]
async fn a_self_signed_certificate_that_is_pinned_proves_its_org() {
    let (upstream, place) = (Upstream::good().await, Place::new());
    let acme = Made::self_signed("acme");
    let app = app(&place.secure(Config::to(&upstream).shows("cert", &acme))).await;
    let client = place.client_with(&acme);
    let body = app.whoami_over_tls(&client).await.expect_ok();
    assert_eq!(body["org_id"], ACME);
    assert_eq!(body["credential_id"], "cert");
    assert_eq!(body["credential_kind"], "mtls");
    let proofs = json!([{"kind": "mtls", "credential_id": "cert", "proves": "org"}]);
    assert_eq!(body["proofs"], proofs);
    let briefing = app.over_tls(&client, Method::POST, "/briefing");
    let briefing = briefing.json(&json!({"record": opportunity()}));
    briefing.send().await.expect_ok();
}

#[tokio::test]
async fn with_an_authority_a_pinned_certificate_has_to_be_of_it_or_of_itself() {
    let (upstream, place) = (Upstream::good().await, Place::new());
    let (authority, stranger) = (Made::authority("orgs"), Made::authority("orgs"));
    let below = authority.intermediate("below");
    let of_it = authority.client("of-it");
    let cut = below.client("by-way-of-another");
    let by_way_of_another = cut.below(&[&below]);
    let not_of_it = stranger.client("not-of-it");
    let of_itself = Made::self_signed("of-itself");
    let server_only = authority.server();
    let config = [
        ("of-it", &of_it),
        ("by-way", &by_way_of_another),
        ("not-of-it", &not_of_it),
        ("of-itself", &of_itself),
        ("server-only", &server_only),
    ]
    .into_iter()
    .fold(Config::to(&upstream), |config, (id, made)| {
        config.shows(id, made)
    });
    let app = app(&place.secure_for(config, &authority)).await;
    let whoami = async |made| app.whoami_over_tls(&place.client_with(made)).await;
    for (id, made) in [
        ("of-it", &of_it),
        ("by-way", &by_way_of_another),
        ("of-itself", &of_itself),
    ] {
        assert_eq!(whoami(made).await.expect_ok()["credential_id"], id);
    }
    for made in [&not_of_it, &server_only] {
        let why = expect_unknown(&whoami(made).await);
        assert!(why.contains("not of the configured authority"), "{why}");
    }
    // Without the certificate between them nobody can tell.
    let why = expect_unknown(&whoami(&cut).await);
    assert!(why.contains("not of the configured authority"), "{why}");
}

#[tokio::test]
async fn a_certificate_of_the_authority_that_no_org_has_is_unknown() {
    let (upstream, place) = (Upstream::good().await, Place::new());
    let authority = Made::authority("orgs");
    let app = app(&place.secure_for(Config::to(&upstream), &authority)).await;
    for stranger in [authority.client("acme"), Made::self_signed("acme")] {
        let client = place.client_with(&stranger);
        let why = expect_unknown(&app.whoami_over_tls(&client).await);
        assert_eq!(why, "the credential is not known");
    }
}

#[tokio::test]
async fn a_certificate_counts_in_its_time_alone_also_on_a_connection_that_is_open() {
    let (upstream, place) = (Upstream::good().await, Place::new());
    let authority = Made::authority("orgs");
    let acme = authority.client("acme");
    let config = Config::to(&upstream).shows("cert", &acme);
    let config = place.secure_for(config, &authority);
    let clock = today();
    let app = TestApp::in_world(config.settings(), clock.world()).await;
    let client = place.client_with(&acme);
    app.whoami_over_tls(&client).await.expect_ok();
    clock.turn(Duration::from_hours(11 * 24));
    for client in [client, place.client_with(&acme)] {
        let why = expect_unknown(&app.whoami_over_tls(&client).await);
        assert!(why.contains("certificate has expired"), "{why}");
    }

    let early = TestClock::running_from("2001-03-10T12:00:00Z");
    let app = TestApp::in_world(config.settings(), early.world()).await;
    let why = expect_unknown(&app.whoami_over_tls(&place.client_with(&acme)).await);
    assert!(why.contains("time has not begun"), "{why}");
}

#[tokio::test]
async fn who_shows_no_certificate_is_known_by_a_key_as_ever() {
    let (upstream, place) = (Upstream::good().await, Place::new());
    let acme = Made::self_signed("acme");
    let app = app(&place.secure(Config::to(&upstream).shows("cert", &acme))).await;
    let client = place.client();
    let call = app.over_tls(&client, Method::GET, "/whoami");
    let body = call.bearer(KEY).send().await.expect_ok();
    assert_eq!(body["credential_id"], "flow");
    let nobody = app.whoami_over_tls(&client).await;
    nobody.expect_problem(401, "unauthenticated");
    let health = app.over_tls(&client, Method::GET, "/healthz").send().await;
    health.expect_ok();
}

#[tokio::test]
async fn a_certificate_stands_beside_a_key_of_its_org_and_of_no_other() {
    let (upstream, place) = (Upstream::good().await, Place::new());
    let acme = Made::self_signed("acme");
    let app = app(&place.secure(Config::to(&upstream).shows("cert", &acme))).await;
    let whoami = async |client: &Client, key: &str| {
        let call = app.over_tls(client, Method::GET, "/whoami");
        call.bearer(key).send().await
    };
    let client = place.client_with(&acme);
    let body = whoami(&client, KEY).await.expect_ok();
    let proofs: Vec<&Value> = body["proofs"].as_array().expect("a list").iter().collect();
    let ids: Vec<_> = proofs.iter().map(|proof| &proof["credential_id"]).collect();
    assert_eq!(ids, ["flow", "cert"]);
    expect_unknown(&whoami(&client, OTHER_KEY).await);
    expect_unknown(&whoami(&client, "belay_nobodys").await);
    let stranger = place.client_with(&Made::self_signed("acme"));
    expect_unknown(&whoami(&stranger, KEY).await);
}

#[tokio::test]
async fn a_certificate_is_asked_for_only_where_it_could_prove_something() {
    let (upstream, place) = (Upstream::good().await, Place::new());
    let app = app(&place.secure(Config::to(&upstream))).await;
    let client = place.client_with(&Made::self_signed("acme"));
    let call = app.over_tls(&client, Method::GET, "/whoami");
    // It would not agree with the key, had it been shown.
    call.bearer(KEY).send().await.expect_ok();
}

#[tokio::test]
async fn both_versions_of_tls_are_spoken_and_carry_a_certificate() {
    let (upstream, place) = (Upstream::good().await, Place::new());
    let (elliptic, rsa) = (
        Made::authority("orgs").client("acme"),
        Made::self_signed("acme"),
    );
    let config = Config::to(&upstream)
        .shows("ec", &elliptic)
        .shows("rsa", &rsa);
    let app = app(&place.secure(config)).await;
    for version in [Version::TLS_1_2, Version::TLS_1_3] {
        for (id, made) in [("ec", &elliptic), ("rsa", &rsa)] {
            let client = place.builder().identity(made.identity());
            let client = client.min_tls_version(version).max_tls_version(version);
            let client = client.build().expect("a client");
            let body = app.whoami_over_tls(&client).await.expect_ok();
            assert_eq!(body["credential_id"], id);
        }
    }
}

#[tokio::test]
async fn a_certificate_without_its_key_opens_nothing_not_even_a_connection() {
    let (upstream, place) = (Upstream::good().await, Place::new());
    let orgs = Made::authority("orgs");
    let (acme, thief) = (orgs.client("acme"), orgs.client("thief"));
    let app = app(&place.secure(Config::to(&upstream).shows("cert", &acme))).await;
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let told = |key| place.told_to_a_thief(app.public, version, &acme, key);
        assert_eq!(told(&thief).await, "");
        assert!(told(&acme).await.contains("\"credential_id\":\"cert\""));
    }
}

#[tokio::test]
async fn the_whole_chain_is_sent() {
    let upstream = Upstream::good().await;
    let root = Made::authority("root");
    let below = root.intermediate("below");
    let server = below.server().below(&[&below]);
    let place = Place { root, server };
    let app = app(&place.secure(Config::to(&upstream))).await;
    let client = place.client();
    let health = app.over_tls(&client, Method::GET, "/healthz").send().await;
    health.expect_ok();
}
