//! Bedrock, over real HTTP: what stands on the wire, who signs it, and what its streams become.

use std::collections::BTreeMap;
use std::sync::Arc;

use belay::domain::{ModelId, ProviderName, SystemClock};
use belay::providers::bedrock::{Api, Bedrock, Settings, SignIn};
use belay::providers::versions::Versions;
use belay::providers::{Dialect, Events, Fault, Outgoing, Provider, Reach, Surface};
use bytes::Bytes;
use futures_util::StreamExt;

use crate::helpers::process::Belay;
use crate::helpers::{Config, Play, Upstream, aws, opportunity, opportunity_named};

const KEYS: [(&str, &str); 3] = [
    ("AWS_ACCESS_KEY_ID", "AKIDMADEUP"),
    ("AWS_SECRET_ACCESS_KEY", "made-up-secret"),
    ("AWS_SESSION_TOKEN", "made-up-session"),
];
const MODEL: &str = "us.anthropic.claude-haiku-4-5-20251001-v1:0";
const PROFILE: &str = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3";

fn config(upstream: &Upstream, more: &str, model: &str) -> Config {
    let keys = format!(
        "kind = \"bedrock\"\nregion = \"us-east-1\"\nbase_url = \"{}\"\n{more}",
        upstream.address()
    );
    Config::to(upstream).only(&keys, model)
}

/// Bedrock itself, with a key.
fn bedrock(upstream: &Upstream, api: Api) -> Bedrock {
    let settings = Settings {
        region: "us-east-1".into(),
        sign_in: SignIn::Bearer("made-up-key".into()),
        api,
        base_url: Some(upstream.address().parse().expect("an address")),
    };
    let versions = Versions::new(Surface::Bedrock, BTreeMap::new());
    let name = ProviderName::parse("aws").expect("a name");
    Bedrock::new(name, &settings, versions, Arc::new(SystemClock)).expect("a client")
}

fn outgoing(body: &str) -> Outgoing {
    Outgoing {
        body: Bytes::copy_from_slice(body.as_bytes()),
        model: ModelId::parse(MODEL).expect("a model"),
        max_tokens: 100,
        reach: Reach::default(),
        rehearsed: None,
        dialect: Dialect::default(),
    }
}

async fn text_of(events: Events) -> (String, Option<Fault>) {
    let items: Vec<_> = events.bytes.collect().await;
    let mut text = String::new();
    let mut fault = None;
    for item in items {
        match item {
            Ok(bytes) => text += std::str::from_utf8(&bytes).expect("UTF-8"),
            Err(told) => fault = Some(told),
        }
    }
    (text, fault)
}

#[tokio::test]
async fn a_call_is_signed_over_the_very_bytes_on_the_wire() {
    for (model, path) in [
        (MODEL, "us.anthropic.claude-haiku-4-5-20251001-v1%3A0"),
        (
            PROFILE,
            "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aapplication-inference-profile%2Fa1b2c3",
        ),
    ] {
        let upstream = Upstream::good().await;
        let belay = Belay::serve_among(&config(&upstream, "", model), &KEYS).await;
        belay.brief(&opportunity()).send().await.expect_ok();

        let seen = &upstream.seen()[0];
        assert_eq!(seen.line, format!("POST /model/{path}/invoke HTTP/1.1"));
        let signed = aws::signed_headers(seen, "AKIDMADEUP", "made-up-secret", "us-east-1");
        for name in [
            "host",
            "content-type",
            "x-amz-date",
            "x-amz-security-token",
            "x-amz-content-sha256",
        ] {
            assert!(
                signed.iter().any(|signed| signed == name),
                "{name} in {signed:?}"
            );
        }
        assert_eq!(seen.header("x-amz-security-token"), Some("made-up-session"));
        assert_eq!(seen.header("x-api-key"), None);
        let body = seen.json();
        assert!(body.get("model").is_none() && body.get("stream").is_none());
        let version = if model == MODEL {
            "bedrock-2023-05-31"
        } else {
            "2026-10-21"
        };
        assert_eq!(body["anthropic_version"], version);
        let log = belay.log().join("\n");
        assert!(!log.contains("made-up-secret") && !log.contains("made-up-session"));
    }
}

#[tokio::test]
async fn the_messages_api_of_bedrock_is_signed_as_well() {
    let upstream = Upstream::good().await;
    let config = config(&upstream, "api = \"messages\"", "anthropic.claude-opus-4-8");
    let belay = Belay::serve_among(&config, &KEYS).await;
    belay.brief(&opportunity()).send().await.expect_ok();

    let seen = &upstream.seen()[0];
    assert_eq!(seen.line, "POST /anthropic/v1/messages HTTP/1.1");
    aws::signed_headers(seen, "AKIDMADEUP", "made-up-secret", "us-east-1");
    assert_eq!(seen.header("anthropic-version"), Some("2026-10-21"));
    assert_eq!(seen.json()["model"], "anthropic.claude-opus-4-8");
    assert_eq!(
        seen.headers
            .iter()
            .filter(|(name, _)| name == "content-type")
            .count(),
        1
    );
}

#[tokio::test]
async fn a_containers_credentials_are_fetched_once() {
    let upstream = Upstream::good().await;
    let giver = Upstream::doing(Play::Body(
        r#"{"AccessKeyId":"AKIDTASK","SecretAccessKey":"task-secret","Token":"task-token","Expiration":"2099-01-01T00:00:00Z"}"#.into(),
    ))
    .await;
    let uri = format!("{}/credentials", giver.address());
    let variables = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri.as_str())];
    let belay = Belay::serve_among(&config(&upstream, "", MODEL), &variables).await;
    for name in ["one", "two"] {
        let record = opportunity_named(name);
        belay.brief(&record).send().await.expect_ok();
    }

    assert_eq!((giver.count(), upstream.count()), (1, 2));
    let seen = &upstream.seen()[1];
    aws::signed_headers(seen, "AKIDTASK", "task-secret", "us-east-1");
    assert_eq!(seen.header("x-amz-security-token"), Some("task-token"));
    let log = belay.log().join("\n");
    assert!(!log.contains("task-secret") && !log.contains("task-token"));
}

#[tokio::test]
async fn without_credentials_nothing_is_sent_and_the_log_says_why() {
    let upstream = Upstream::good().await;
    let belay = Belay::serve_among(&config(&upstream, "", MODEL), &[]).await;
    let answer = belay.brief(&opportunity()).send().await;
    answer.expect_problem(502, "upstream-failed");

    assert_eq!(upstream.count(), 0);
    let log = belay.log().join("\n");
    assert!(
        log.contains("no credential for the provider could be had"),
        "{log}"
    );
    assert!(
        log.contains("\"provider\":\"cloud\"") && log.contains("AWS: "),
        "{log}"
    );
}

#[tokio::test]
async fn a_profile_that_is_named_goes_before_the_environment() {
    let upstream = Upstream::good().await;
    let folder = tempfile::TempDir::new().expect("a folder");
    let file = folder.path().join("credentials");
    let lines = "[acme]\naws_access_key_id = AKIDACME\naws_secret_access_key = acme-secret\n";
    std::fs::write(&file, lines).expect("it can be written");
    let file = file.to_str().expect("UTF-8");
    let mut variables = KEYS.to_vec();
    variables.push(("AWS_SHARED_CREDENTIALS_FILE", file));
    let config = config(&upstream, "profile = \"acme\"", MODEL);
    let belay = Belay::serve_among(&config, &variables).await;
    belay.brief(&opportunity()).send().await.expect_ok();

    let seen = &upstream.seen()[0];
    aws::signed_headers(seen, "AKIDACME", "acme-secret", "us-east-1");
    assert_eq!(seen.header("x-amz-security-token"), None);
}

#[tokio::test]
async fn frames_on_the_wire_come_out_as_claudes_events() {
    let start = r#"{"type":"message_start","message":{"id":"msg_1"}}"#;
    let stop =
        r#"{"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":3}}"#;
    let frames = [aws::chunk(start), aws::chunk("{}"), aws::chunk(stop)].concat();
    let kind = "application/vnd.amazon.eventstream";
    let upstream = Upstream::doing(Play::Bytes(kind, frames)).await;
    let bedrock = bedrock(&upstream, Api::Invoke);
    let mut asked = outgoing(r#"{"model":"m","stream":true,"max_tokens":9}"#);
    asked.dialect.betas = Some("a-beta".into());
    let events = bedrock.stream(asked).await.expect("a stream");

    let told =
        format!("event: message_start\ndata: {start}\n\nevent: message_stop\ndata: {stop}\n\n");
    assert_eq!(text_of(events).await, (told, None));
    let seen = &upstream.seen()[0];
    assert_eq!(
        seen.line,
        "POST /model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/invoke-with-response-stream HTTP/1.1"
    );
    assert_eq!(seen.header("authorization"), Some("Bearer made-up-key"));
    assert_eq!(seen.header("accept"), Some(kind));
    assert_eq!(
        seen.body,
        r#"{"max_tokens":9,"anthropic_version":"bedrock-2023-05-31","anthropic_beta":["a-beta"]}"#
    );
}

#[tokio::test]
async fn an_exception_and_a_cut_end_a_stream_in_their_own_ways() {
    let kind = "application/vnd.amazon.eventstream";
    let start = aws::chunk(r#"{"type":"message_start"}"#);
    let thrown = [
        start.clone(),
        aws::exception("throttlingException", "slow down"),
    ]
    .concat();
    let cut = start[..start.len() - 3].to_vec();
    let upstream = Upstream::good().await;
    upstream.next([Play::Bytes(kind, thrown), Play::Bytes(kind, cut)]);
    let bedrock = bedrock(&upstream, Api::Invoke);

    let events = bedrock.stream(outgoing("{}")).await.expect("a stream");
    let (text, fault) = text_of(events).await;
    assert_eq!(fault, None);
    assert!(
        text.ends_with("\"error\":{\"type\":\"rate_limit_error\",\"message\":\"slow down\"}}\n\n"),
        "{text}"
    );
    let events = bedrock.stream(outgoing("{}")).await.expect("a stream");
    assert_eq!(text_of(events).await, (String::new(), Some(Fault::Cut)));
}

#[tokio::test]
async fn what_bedrock_says_is_told_apart() {
    let upstream = Upstream::good().await;
    upstream.next([
        Play::Status(
            429,
            &[("x-amzn-ErrorType", "ThrottlingException:http://x/")],
            r#"{"message":"Too many tokens"}"#,
        ),
        Play::Status(
            400,
            &[("x-amzn-ErrorType", "ValidationException")],
            r#"{"message":"max_tokens is too large"}"#,
        ),
        Play::Status(403, &[], r#"{"message":"arn:aws:iam::1:user/x may not"}"#),
        Play::Body(r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#.into()),
    ]);
    let bedrock = bedrock(&upstream, Api::Invoke);
    let mut faults = Vec::new();
    let mut words = Vec::new();
    for _ in 0..4 {
        let error = bedrock.send(outgoing("{}")).await.expect_err("an error");
        faults.push(error.fault);
        words.extend(error.said.map(|said| said.message));
    }
    assert_eq!(
        faults,
        [
            Fault::RateLimited,
            Fault::Rejected(400),
            Fault::Denied(403),
            Fault::Overloaded(529)
        ]
    );
    assert_eq!(words, ["max_tokens is too large"]);
}

#[tokio::test]
async fn tokens_are_counted_by_the_messages_api_alone() {
    let upstream = Upstream::doing(Play::Body(r#"{"input_tokens":7}"#.into())).await;
    assert!(
        bedrock(&upstream, Api::Invoke)
            .count_tokens(outgoing("{}"))
            .is_none()
    );
    let bedrock = bedrock(&upstream, Api::Messages);
    let counted = bedrock.count_tokens(outgoing("{}")).expect("it counts");
    assert_eq!(counted.await.expect("a count"), r#"{"input_tokens":7}"#);
    assert_eq!(
        upstream.seen()[0].line,
        "POST /anthropic/v1/messages/count_tokens HTTP/1.1"
    );
}

#[tokio::test]
async fn events_that_come_as_events_pass_as_they_are() {
    let events = b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    let upstream = Upstream::doing(Play::Bytes(
        "text/event-stream; charset=utf-8",
        events.to_vec(),
    ))
    .await;
    let bedrock = bedrock(&upstream, Api::Invoke);
    let came = bedrock.stream(outgoing("{}")).await.expect("a stream");
    assert_eq!(text_of(came).await.0.as_bytes(), events);
}
