//! What every answer bears, and in which form it comes.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use reqwest::Method;
use serde_json::{Value, json};

use crate::helpers::{Config, TestApp, TestClock, Upstream, opportunity};

async fn app() -> (TestApp, Upstream) {
    let upstream = Upstream::good().await;
    (TestApp::new(&Config::to(&upstream)).await, upstream)
}

#[tokio::test]
async fn a_request_id_is_kept_where_it_is_harmless_and_else_replaced() {
    let (app, _upstream) = app().await;
    let longest = "a".repeat(128);
    for kept in ["trace-7.of_Apex", "A", longest.as_str()] {
        let answer = app.get("/whoami").header("x-request-id", kept).send().await;
        assert_eq!(answer.header("x-request-id"), Some(kept));
    }
    let too_long = "a".repeat(129);
    for replaced in ["with blank", "semi;colon", "", too_long.as_str()] {
        let call = app.get("/whoami").header("x-request-id", replaced);
        let answer = call.send().await;
        let id = answer.header("x-request-id").expect("there is one");
        assert_ne!(id, replaced);
        assert!((1..=128).contains(&id.len()));
    }
    let ids: std::collections::BTreeSet<String> = [
        app.get("/whoami").send().await,
        app.get("/nowhere").send().await,
    ]
    .iter()
    .map(|answer| {
        answer
            .header("x-request-id")
            .expect("there is one")
            .to_owned()
    })
    .collect();
    assert_eq!(ids.len(), 2);
}

#[tokio::test]
async fn the_tightest_limit_is_told_first_and_policies_stand_beside() {
    let upstream = Upstream::good().await;
    let clock = TestClock::still_at("2026-03-10T12:00:00Z");
    let config = Config::to(&upstream)
        .limit("requests_per_minute", 10)
        .limit("tokens_per_minute", 100_000)
        .limit("calls_in_flight", 20)
        .limit("budget_usd_per_day", 1.0);
    let app = TestApp::in_world(config.settings(), clock.world()).await;
    let answer = app.brief(&opportunity()).send().await;
    answer.expect_ok();
    assert_eq!(
        answer.header("ratelimit"),
        Some(
            r#""requests_per_minute";r=9;t=6, "tokens_per_minute";r=98757;t=1, "calls_in_flight";r=20"#
        )
    );
    assert_eq!(
        answer.header("ratelimit-policy"),
        Some(
            r#""requests_per_minute";q=10;w=60, "tokens_per_minute";q=100000;qu="tokens";w=60, "calls_in_flight";q=20;qu="concurrent-requests""#
        )
    );
    let nobody = app.anonymous(Method::GET, "/whoami").send().await;
    assert_eq!(nobody.header("ratelimit"), None);
}

#[tokio::test]
async fn the_time_is_told_in_total_upstream_and_overhead() {
    let (app, _upstream) = app().await;
    for answer in [
        app.brief(&opportunity()).send().await,
        app.get("/nowhere").send().await,
    ] {
        let timing = answer.header("server-timing").expect("there is one");
        let parts: Vec<(&str, f64)> = timing
            .split(", ")
            .map(|part| {
                let (name, time) = part.split_once(";dur=").expect("a duration");
                (name, time.parse().expect("a number"))
            })
            .collect();
        let names: Vec<&str> = parts.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["total", "upstream", "overhead"]);
        let (total, rest) = (parts[0].1, parts[1].1 + parts[2].1);
        assert!((total - rest).abs() < 0.2, "{timing}");
    }
}

#[tokio::test]
async fn a_problem_comes_as_plain_json_only_to_whoever_cannot_read_another() {
    let (app, _upstream) = app().await;
    let refused = || app.post("/briefing", &json!({}));
    let problem = Some("application/problem+json; charset=utf-8");
    let plain = Some("application/json; charset=utf-8");
    for (call, media_type) in [
        (refused(), problem),
        (refused().by_salesforce(), plain),
        (refused().header("accept", "application/json"), plain),
        (
            refused().header("accept", "application/problem+json, application/json"),
            problem,
        ),
    ] {
        let answer = call.send().await;
        answer.expect_problem(400, "invalid-request");
        assert_eq!(answer.header("content-type"), media_type);
    }
}

#[tokio::test]
async fn every_json_answer_names_its_charset_and_length() {
    let (app, _upstream) = app().await;
    for path in [
        "/healthz",
        "/whoami",
        "/openapi.json",
        "/openapi-salesforce.json",
    ] {
        app.get(path).by_salesforce().send().await.expect_ok();
    }
    let forget = app.call(Method::DELETE, "/cache?record_id=0065f00000CrnLs");
    forget.send().await.expect_ok();
    app.brief(&opportunity())
        .by_salesforce()
        .send()
        .await
        .expect_ok();
}

#[tokio::test]
async fn a_packed_body_is_understood() {
    let (app, upstream) = app().await;
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    let body = json!({"record": opportunity()}).to_string();
    packed.write_all(body.as_bytes()).expect("memory");
    let call = app
        .call(Method::POST, "/briefing")
        .header("content-type", "application/json; charset=UTF-8")
        .header("content-encoding", "gzip")
        .body(packed.finish().expect("memory"));
    call.send().await.expect_ok();
    assert!(upstream.seen()[0].body.contains("Port of Brackwater"));
}

#[tokio::test]
async fn an_answer_is_packed_only_when_that_is_asked_for() {
    let (app, _upstream) = app().await;
    let plain = app.get("/openapi.json").send().await;
    assert_eq!(plain.header("content-encoding"), None);

    let call = app.get("/openapi.json").header("accept-encoding", "gzip");
    let packed = call.send().await;
    assert_eq!(packed.status, 200);
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    let length = packed.body.len().to_string();
    assert_eq!(packed.header("content-length"), Some(length.as_str()));
    assert!(packed.body.len() < plain.body.len());
    let mut whole = Vec::new();
    let mut reader = GzDecoder::new(packed.body.as_slice());
    reader.read_to_end(&mut whole).expect("it is gzip");
    assert_eq!(whole, plain.body);
}

#[tokio::test]
async fn a_body_without_a_content_type_is_taken_for_json() {
    let (app, _upstream) = app().await;
    let body = json!({"record": opportunity()}).to_string();
    let call = app.call(Method::POST, "/briefing").body(body);
    let answer: Value = call.send().await.expect_ok();
    assert_eq!(answer["task"], "briefing");
}
