//! Vertex AI, over real HTTP: what stands on the wire, and how a token is come by.

use std::collections::BTreeMap;

use belay::domain::{ModelId, ProviderName};
use belay::providers::versions::Versions;
use belay::providers::vertex::{Settings, Vertex};
use belay::providers::{Dialect, Outgoing, Provider, Reach, Surface};
use bytes::Bytes;
use futures_util::TryStreamExt;
use serde_json::json;
use tempfile::TempDir;

use crate::helpers::process::Belay;
use crate::helpers::{Config, Play, Upstream, opportunity, opportunity_named};

const TOKEN: &str = r#"{"access_token":"made-up-token","expires_in":3600,"token_type":"Bearer","issued_token_type":"urn:ietf:params:oauth:token-type:access_token"}"#;

/// A gateway before `upstream`, with a file of credentials beside it.
async fn serve(
    upstream: &Upstream,
    credentials: &serde_json::Value,
    model: &str,
) -> (Belay, TempDir) {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("credentials.json");
    std::fs::write(&file, credentials.to_string()).expect("it can be written");
    let keys = format!(
        "kind = \"vertex\"\nproject = \"acme-ai\"\nregion = \"global\"\nbase_url = \"{}\"\ncredentials = \"file:{}\"",
        upstream.address(),
        file.display()
    );
    let config = Config::to(upstream).only(&keys, model);
    (Belay::serve_among(&config, &[]).await, folder)
}

fn user(giver: &Upstream) -> serde_json::Value {
    json!({
        "type": "authorized_user", "client_id": "c", "client_secret": "made-up-secret", "refresh_token": "made-up-refresh",
        "token_uri": format!("{}/token", giver.address()),
    })
}

#[tokio::test]
async fn the_model_stands_in_the_path_and_the_version_in_the_body() {
    for (model, version) in [
        ("claude-sonnet-5-5", "2026-10-21"),
        ("claude-haiku-4-5@20251001", "vertex-2023-10-16"),
    ] {
        let (upstream, giver) = (
            Upstream::good().await,
            Upstream::doing(Play::Body(TOKEN.into())).await,
        );
        let (belay, _folder) = serve(&upstream, &user(&giver), model).await;
        for name in ["one", "two"] {
            belay
                .brief(&opportunity_named(name))
                .send()
                .await
                .expect_ok();
        }

        assert_eq!((giver.count(), upstream.count()), (1, 2));
        let seen = &upstream.seen()[1];
        assert_eq!(
            seen.line,
            format!(
                "POST /v1/projects/acme-ai/locations/global/publishers/anthropic/models/{model}:rawPredict HTTP/1.1"
            )
        );
        assert_eq!(seen.header("authorization"), Some("Bearer made-up-token"));
        assert_eq!(seen.header("x-api-key"), None);
        assert!(seen.json().get("model").is_none());
        assert_eq!(seen.json()["anthropic_version"], version);
        let log = belay.log().join("\n");
        assert!(!log.contains("made-up"), "{log}");
    }
}

#[tokio::test]
async fn a_workload_identity_is_exchanged_for_a_token() {
    let (upstream, giver) = (
        Upstream::good().await,
        Upstream::doing(Play::Body(TOKEN.into())).await,
    );
    let folder = TempDir::new().expect("a folder");
    let subject = folder.path().join("token");
    std::fs::write(&subject, "made-up-subject").expect("it can be written");
    let account = json!({
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": format!("{}/v1/token", giver.address()),
        "credential_source": {"file": subject},
    });
    let (belay, _folder) = serve(&upstream, &account, "claude-sonnet-5-5").await;
    belay.brief(&opportunity()).send().await.expect_ok();

    assert!(giver.seen()[0].body.contains("made-up-subject"));
    assert_eq!(
        upstream.seen()[0].header("authorization"),
        Some("Bearer made-up-token")
    );
}

#[tokio::test]
async fn without_a_token_nothing_is_sent_and_the_log_says_why() {
    let upstream = Upstream::good().await;
    let giver = Upstream::doing(Play::Status(
        400,
        &[],
        r#"{"error":"invalid_grant","error_description":"made-up-refresh is wrong"}"#,
    ))
    .await;
    let (belay, _folder) = serve(&upstream, &user(&giver), "claude-sonnet-5-5").await;
    let answer = belay.brief(&opportunity()).send().await;
    answer.expect_problem(502, "upstream-failed");

    assert_eq!(upstream.count(), 0);
    let log = belay.log().join("\n");
    assert!(
        log.contains("no credential for the provider could be had"),
        "{log}"
    );
    assert!(
        log.contains("invalid_grant") && !log.contains("made-up"),
        "{log}"
    );
}

#[tokio::test]
async fn what_google_says_is_told_apart() {
    let (upstream, giver) = (
        Upstream::good().await,
        Upstream::doing(Play::Body(TOKEN.into())).await,
    );
    upstream.next([Play::Status(
        403,
        &[],
        r#"[{"error":{"code":403,"message":"project acme-ai may not","status":"PERMISSION_DENIED"}}]"#,
    )]);
    let (belay, _folder) = serve(&upstream, &user(&giver), "claude-sonnet-5-5").await;
    let answer = belay.brief(&opportunity()).send().await;
    let problem = answer.expect_problem(502, "upstream-refused");
    assert!(!problem.to_string().contains("acme-ai"), "{problem}");
}

#[tokio::test]
async fn events_and_counts_have_paths_of_their_own() {
    let events = b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    let giver = Upstream::doing(Play::Body(TOKEN.into())).await;
    let upstream = Upstream::doing(Play::Body(r#"{"input_tokens":7}"#.into())).await;
    upstream.next([Play::Bytes("text/event-stream", events.to_vec())]);
    let settings = Settings {
        project: "acme-ai".into(),
        region: "eu".into(),
        credentials: Some(user(&giver).to_string().into()),
        base_url: Some(upstream.address().parse().expect("an address")),
    };
    let name = ProviderName::parse("gcp").expect("a name");
    let surface = Surface::Vertex { global: false };
    let versions = Versions::new(surface, BTreeMap::new());
    let vertex = Vertex::new(name, &settings, versions).expect("a client");
    let asked = Outgoing {
        body: Bytes::from_static(br#"{"model":"default","stream":true,"messages":[]}"#),
        model: ModelId::parse("claude-sonnet-5-5").expect("a model"),
        max_tokens: 100,
        reach: Reach::default(),
        rehearsed: None,
        dialect: Dialect {
            version: Some("2023-06-01".into()),
            betas: Some("a-beta".into()),
        },
    };
    let came = vertex.stream(asked.clone()).await.expect("a stream");
    let came: Vec<Bytes> = came.bytes.try_collect().await.expect("events");
    assert_eq!(came.concat(), events);
    let counted = vertex.count_tokens(asked).expect("it counts");
    assert_eq!(counted.await.expect("a count"), r#"{"input_tokens":7}"#);

    let below = "POST /v1/projects/acme-ai/locations/eu/publishers/anthropic/models";
    let seen = upstream.seen();
    assert_eq!(
        seen[0].line,
        format!("{below}/claude-sonnet-5-5:streamRawPredict HTTP/1.1")
    );
    assert_eq!(
        seen[0].body,
        r#"{"stream":true,"messages":[],"anthropic_version":"vertex-2023-10-16"}"#
    );
    assert_eq!(seen[0].header("anthropic-beta"), Some("a-beta"));
    assert_eq!(
        seen[1].line,
        format!("{below}/count-tokens:rawPredict HTTP/1.1")
    );
    assert_eq!(seen[1].json()["model"], "claude-sonnet-5-5");
}
