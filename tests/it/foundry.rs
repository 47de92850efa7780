//! Foundry, over real HTTP: what stands on the wire, and how a token is come by.

use std::collections::BTreeMap;
use std::sync::Arc;

use belay::domain::{ModelId, ProviderName, SystemClock};
use belay::providers::foundry::{Foundry, Settings, SignIn};
use belay::providers::versions::Versions;
use belay::providers::{Dialect, Outgoing, Provider, Reach, Surface};
use bytes::Bytes;
use tempfile::TempDir;

use crate::helpers::process::Belay;
use crate::helpers::{Config, Play, Upstream, opportunity, opportunity_named};

const TOKEN: &str = r#"{"access_token":"made-up-token","expires_in":3599,"token_type":"Bearer"}"#;

async fn serve(upstream: &Upstream, sign_in: &str) -> Belay {
    let keys = format!(
        "kind = \"foundry\"\nbase_url = \"{}\"\n{sign_in}",
        upstream.address()
    );
    let config = Config::to(upstream).only(&keys, "our-deployment");
    Belay::serve_among(&config, &[("CLOUD_KEY", "made-up-key")]).await
}

#[tokio::test]
async fn a_key_goes_along_and_the_model_is_the_deployment() {
    let upstream = Upstream::good().await;
    let belay = serve(&upstream, "api_key = \"env:CLOUD_KEY\"").await;
    belay.brief(&opportunity()).send().await.expect_ok();

    let seen = &upstream.seen()[0];
    assert_eq!(seen.line, "POST /anthropic/v1/messages HTTP/1.1");
    assert_eq!(seen.header("x-api-key"), Some("made-up-key"));
    assert_eq!(seen.header("authorization"), None);
    assert_eq!(seen.header("anthropic-version"), Some("2026-10-21"));
    assert_eq!(seen.json()["model"], "our-deployment");
    assert!(!belay.log().join("\n").contains("made-up-key"));
}

#[tokio::test]
async fn an_application_asks_entra_once_for_its_token() {
    let (upstream, entra) = (
        Upstream::good().await,
        Upstream::doing(Play::Body(TOKEN.into())).await,
    );
    let sign_in = format!(
        "entra = {{ tenant_id = \"t-1\", client_id = \"c-1\", client_secret = \"env:CLOUD_KEY\", authority = \"{}\" }}",
        entra.address()
    );
    let belay = serve(&upstream, &sign_in).await;
    for name in ["one", "two"] {
        belay
            .brief(&opportunity_named(name))
            .send()
            .await
            .expect_ok();
    }

    assert_eq!((entra.count(), upstream.count()), (1, 2));
    let asked = &entra.seen()[0];
    assert_eq!(asked.line, "POST /t-1/oauth2/v2.0/token HTTP/1.1");
    assert_eq!(
        asked.body,
        "grant_type=client_credentials&client_id=c-1&scope=https%3A%2F%2Fai.azure.com%2F.default&client_secret=made-up-key"
    );
    let seen = &upstream.seen()[1];
    assert_eq!(seen.header("authorization"), Some("Bearer made-up-token"));
    assert_eq!(seen.header("x-api-key"), None);
    assert!(!belay.log().join("\n").contains("made-up"));
}

#[tokio::test]
async fn a_federated_token_is_read_again_for_each_of_ours() {
    let (upstream, entra) = (Upstream::good().await, Upstream::good().await);
    // Each of ours is over at once, so each call needs the next.
    entra.always(Play::Body(TOKEN.replace("3599", "0")));
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("token");
    std::fs::write(&file, "first-assertion\n").expect("it can be written");
    let sign_in = format!(
        "entra = {{ tenant_id = \"t-1\", client_id = \"c-1\", federated_token = \"file:{}\", authority = \"{}\" }}",
        file.display(),
        entra.address()
    );
    let belay = serve(&upstream, &sign_in).await;
    belay
        .brief(&opportunity_named("one"))
        .send()
        .await
        .expect_ok();
    std::fs::write(&file, "second-assertion\n").expect("it can be written");
    belay
        .brief(&opportunity_named("two"))
        .send()
        .await
        .expect_ok();

    let asked = entra.seen();
    assert!(
        asked[0].body.ends_with("&client_assertion=first-assertion"),
        "{}",
        asked[0].body
    );
    assert!(
        asked[1]
            .body
            .ends_with("&client_assertion=second-assertion"),
        "{}",
        asked[1].body
    );
}

#[tokio::test]
async fn a_machine_asks_for_its_own_identity() {
    let (upstream, machine) = (
        Upstream::good().await,
        Upstream::doing(Play::Body(TOKEN.replace("3599", "\"3599\""))).await,
    );
    let sign_in = format!(
        "entra = {{ managed_identity = true, client_id = \"c-1\", authority = \"{}\" }}",
        machine.address()
    );
    let belay = serve(&upstream, &sign_in).await;
    belay.brief(&opportunity()).send().await.expect_ok();

    let asked = &machine.seen()[0];
    assert_eq!(
        asked.line,
        "GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fai.azure.com&client_id=c-1 HTTP/1.1"
    );
    assert_eq!(asked.header("metadata"), Some("true"));
    assert_eq!(
        upstream.seen()[0].header("authorization"),
        Some("Bearer made-up-token")
    );
}

#[tokio::test]
async fn a_refusal_of_entra_sends_nothing_and_is_told_by_its_codes() {
    let upstream = Upstream::good().await;
    let entra = Upstream::doing(Play::Status(
        401,
        &[],
        r#"{"error":"invalid_client","error_description":"made-up-key is wrong","error_codes":[7000215]}"#,
    ))
    .await;
    let sign_in = format!(
        "entra = {{ tenant_id = \"t-1\", client_id = \"c-1\", client_secret = \"env:CLOUD_KEY\", authority = \"{}\" }}",
        entra.address()
    );
    let belay = serve(&upstream, &sign_in).await;
    let answer = belay.brief(&opportunity()).send().await;
    answer.expect_problem(502, "upstream-failed");

    assert_eq!(upstream.count(), 0);
    let log = belay.log().join("\n");
    assert!(
        log.contains("Entra: 401 invalid_client AADSTS7000215"),
        "{log}"
    );
    assert!(!log.contains("made-up-key"), "{log}");
}

#[tokio::test]
async fn an_error_behind_a_200_is_an_error() {
    let upstream = Upstream::doing(Play::Body(
        r#"{"type":"error","error":{"type":"permission_error","message":"no such deployment"}}"#
            .into(),
    ))
    .await;
    let belay = serve(&upstream, "api_key = \"env:CLOUD_KEY\"").await;
    let answer = belay.brief(&opportunity()).send().await;
    answer.expect_problem(502, "upstream-refused");
}

#[tokio::test]
async fn a_clients_body_version_and_betas_go_on_to_the_byte() {
    let body = include_str!("../../src/providers/golden/foundry_wire.json");
    let upstream = Upstream::good().await;
    let settings = Settings {
        resource: String::new(),
        sign_in: SignIn::Key("made-up-key".into()),
        base_url: Some(upstream.address().parse().expect("an address")),
    };
    let foundry = Foundry::new(
        ProviderName::parse("azure").expect("a name"),
        &settings,
        Versions::new(Surface::Foundry, BTreeMap::new()),
        Arc::new(SystemClock),
    );
    let asked = Outgoing {
        body: Bytes::from_static(body.as_bytes()),
        model: ModelId::parse("our-deployment").expect("a model"),
        max_tokens: 1_500,
        reach: Reach::default(),
        rehearsed: None,
        dialect: Dialect {
            version: Some("2023-06-01".into()),
            betas: Some("one-beta, another".into()),
        },
    };
    let foundry = foundry.expect("a client");
    foundry.send(asked).await.expect("an answer");

    let seen = &upstream.seen()[0];
    assert_eq!(seen.body, body);
    assert_eq!(seen.header("anthropic-version"), Some("2023-06-01"));
    assert_eq!(seen.header("anthropic-beta"), Some("one-beta, another"));
    assert_eq!(seen.header("content-type"), Some("application/json"));
}
