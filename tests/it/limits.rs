//! Requests and tokens a minute, calls in flight, and equal calls at once.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::helpers::reply::COST;
use crate::helpers::{
    Config, Play, Reply, TestApp, TestClock, Upstream, opportunity, opportunity_named,
};

#[tokio::test]
async fn fifty_equal_calls_at_once_reach_the_upstream_once() {
    let (upstream, gate) = Upstream::held().await;
    let app = TestApp::new(&Config::to(&upstream)).await;

    let calls = join_all((0..50).map(|_| app.brief(&opportunity()).send()));
    let opened = async {
        app.metric_reaches(r#"belay_cache_total{result="collapsed"}"#, 49.0)
            .await;
        gate.open();
    };
    let (answers, ()) = tokio::join!(calls, opened);

    assert_eq!(upstream.count(), 1);
    let told = |status: &str| {
        let of = answers
            .iter()
            .filter(|answer| answer.header("cache-status") == Some(status));
        of.count()
    };
    assert_eq!(told("belay; fwd=miss; stored"), 1);
    assert_eq!(told("belay; fwd=miss; collapsed"), 49);
    let cost: f64 = answers
        .iter()
        .map(|answer| {
            answer.expect_ok()["usage"]["cost_usd"]
                .as_f64()
                .expect("a number")
        })
        .sum();
    assert!((cost - COST).abs() < 1e-9, "charged {cost}");
    let charged = app.metric(r#"belay_cost_usd_total{org="acme"}"#).await;
    assert!((charged - COST).abs() < 1e-9, "charged {charged}");
    let ids: std::collections::BTreeSet<String> = answers
        .iter()
        .map(|answer| answer.json()["request_id"].to_string())
        .collect();
    assert_eq!(ids.len(), 50, "each has its own request id");
}

#[tokio::test]
async fn fifty_different_calls_under_ten_a_minute_give_ten_answers_and_forty_refusals() {
    let upstream = Upstream::good().await;
    let clock = TestClock::still_at("2026-03-10T12:00:00Z");
    let config = Config::to(&upstream).limit("requests_per_minute", 10);
    let app = TestApp::in_world(config.settings(), clock.world()).await;

    let answers = join_all((0..50).map(|nth| {
        let record = opportunity_named(nth);
        let call = app.brief(&record);
        async move { call.send().await }
    }))
    .await;

    let answered = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(answered, 10);
    assert_eq!(upstream.count(), 10);
    for refused in answers.iter().filter(|answer| answer.status != 200) {
        let problem = refused.expect_problem(429, "rate-limited");
        assert_eq!(problem["retryable"], true);
        // Ten a minute: one flows back in six seconds, and the clock stands still.
        assert_eq!(problem["retry_after_ms"], 6_000);
        assert_eq!(refused.header("retry-after"), Some("6"));
    }
    let limited = app
        .metric(r#"belay_limited_total{org="acme",limit="requests_per_minute"}"#)
        .await;
    assert!((limited - 40.0).abs() < 1e-9, "{limited}");

    clock.turn(Duration::from_secs(6));
    app.brief(&opportunity_named(0)).send().await.expect_ok();
    let next = app.brief(&opportunity_named(1)).send().await;
    next.expect_problem(429, "rate-limited");
}

#[tokio::test]
async fn a_hit_counts_as_a_call_and_costs_neither_tokens_nor_money() {
    let upstream = Upstream::good().await;
    let clock = TestClock::still_at("2026-03-10T12:00:00Z");
    let config = Config::to(&upstream)
        .limit("requests_per_minute", 10)
        .limit("tokens_per_minute", 10_000)
        .limit("budget_usd_per_day", 1.0);
    let app = TestApp::in_world(config.settings(), clock.world()).await;
    app.brief(&opportunity()).send().await.expect_ok();
    let before = [
        app.allowance("tokens_per_minute").await.0,
        app.allowance("budget_usd_per_day").await.0,
    ];
    app.brief(&opportunity()).send().await.expect_ok();
    let after = [
        app.allowance("tokens_per_minute").await.0,
        app.allowance("budget_usd_per_day").await.0,
    ];
    assert_eq!(format!("{before:?}"), format!("{after:?}"));
    // Two briefings and five looks at the allowances, this one among them.
    let (left, _) = app.allowance("requests_per_minute").await;
    assert!((left - 3.0).abs() < 1e-9, "{left}");
}

#[tokio::test]
async fn spent_tokens_are_told_with_the_time_until_they_flow_back() {
    let upstream = Upstream::doing(Play::Answer(Reply::good().using(11_000, 900))).await;
    let config = Config::to(&upstream).limit("tokens_per_minute", 12_000);
    let app = TestApp::new(&config).await;
    app.brief(&opportunity()).send().await.expect_ok();

    let refused = app
        .brief(&opportunity_named("next"))
        .waiting(5)
        .send()
        .await;
    let problem = refused.expect_problem(429, "tokens-limited");
    let wait = problem["retry_after_ms"].as_u64().expect("a number");
    assert!((1_000..60_000).contains(&wait), "{wait}");
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn a_call_that_alone_needs_more_tokens_than_a_minute_has_is_refused_for_good() {
    let upstream = Upstream::good().await;
    let config = Config::to(&upstream).limit("tokens_per_minute", 1_000);
    let app = TestApp::new(&config).await;
    let refused = app.brief(&opportunity()).send().await;
    let problem = refused.expect_problem(422, "over-limit");
    assert_eq!(problem["retryable"], false);
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn a_call_that_finds_no_slot_in_a_third_of_its_patience_is_told_so() {
    let (upstream, gate) = Upstream::held().await;
    let config = Config::to(&upstream).limit("calls_in_flight", 1);
    let app = TestApp::new(&config).await;

    let first = async { app.brief(&opportunity()).send().await.expect_ok() };
    let second = async {
        upstream.reached(1).await;
        let refused = app
            .brief(&opportunity_named("next"))
            .waiting(1)
            .send()
            .await;
        let problem = refused.expect_problem(429, "too-many-in-flight");
        assert_eq!(problem["retryable"], true);
        gate.open();
    };
    tokio::join!(first, second);
    app.brief(&opportunity_named("next"))
        .send()
        .await
        .expect_ok();
}

#[tokio::test]
async fn a_call_waits_in_line_for_a_slot_that_comes_free_in_time() {
    let (upstream, gate) = Upstream::held().await;
    let config = Config::to(&upstream).limit("calls_in_flight", 1);
    let app = TestApp::new(&config).await;

    let calls = join_all((0..5).map(|nth| {
        let call = app.brief(&opportunity_named(nth));
        async move { call.send().await.expect_ok() }
    }));
    let opened = async {
        upstream.reached(1).await;
        app.metric_reaches(r#"belay_cache_total{result="miss"}"#, 5.0)
            .await;
        assert_eq!(upstream.count(), 1);
        gate.open();
    };
    tokio::join!(calls, opened);
    assert_eq!(upstream.count(), 5);
}

#[tokio::test]
async fn a_flood_of_one_org_does_not_hold_back_a_call_of_another() {
    let (upstream, gate) = Upstream::held().await;
    let app = TestApp::new(&Config::to(&upstream).upstream_calls(1)).await;
    let flood = join_all((0..20).map(|nth| {
        let call = app.brief(&opportunity_named(format!("flood {nth}")));
        async move { call.send().await.expect_ok() }
    }));
    let missed = r#"belay_cache_total{result="miss"}"#;
    let other = async {
        app.metric_reaches(missed, 20.0).await;
        let call = app
            .anonymous(reqwest::Method::POST, "/briefing")
            .bearer(crate::helpers::org::OTHER_KEY)
            .json(&json!({"record": opportunity_named("of another org")}));
        call.send().await.expect_ok();
    };
    let opened = async {
        app.metric_reaches(missed, 21.0).await;
        assert_eq!(upstream.count(), 1);
        gate.open();
    };
    tokio::join!(flood, other, opened);
    let seen = upstream.seen();
    let turn = seen
        .iter()
        .position(|seen| seen.body.contains("of another org"));
    // One was under way, and one more of the flood may have had the first turn.
    assert!(turn.is_some_and(|turn| turn <= 2), "{turn:?}");
}

#[tokio::test]
async fn calls_that_keep_their_slots_leave_one_for_another_org() {
    let (upstream, gate) = Upstream::held().await;
    let app = TestApp::new(&Config::to(&upstream).upstream_calls(5)).await;
    let long = join_all((0..8).map(|nth| {
        let call = app.brief(&opportunity_named(format!("long {nth}")));
        async move { call.send().await.expect_ok() }
    }));
    let other = async {
        app.metric_reaches(r#"belay_cache_total{result="miss"}"#, 8.0)
            .await;
        upstream.reached(4).await;
        let call = app
            .anonymous(reqwest::Method::POST, "/briefing")
            .bearer(crate::helpers::org::OTHER_KEY)
            .json(&json!({"record": opportunity_named("of another org")}));
        call.send().await.expect_ok();
    };
    let opened = async {
        upstream.reached(5).await;
        assert!(upstream.seen()[4].body.contains("of another org"));
        gate.open();
    };
    tokio::join!(long, other, opened);
    assert_eq!(upstream.count(), 9);
}

#[tokio::test]
async fn a_look_at_the_models_counts_as_a_call() {
    let upstream = Upstream::good().await;
    let clock = TestClock::still_at("2026-03-10T12:00:00Z");
    let config = Config::to(&upstream).limit("requests_per_minute", 2);
    let app = TestApp::in_world(config.settings(), clock.world()).await;
    for (path, status) in [
        ("/v1/models", 200),
        ("/v1/models/default", 200),
        ("/v1/models", 429),
        ("/v1/models/default", 429),
    ] {
        let call = app.anonymous(reqwest::Method::GET, path);
        let answer = call.bearer(crate::helpers::org::MESSAGES_KEY).send().await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
    }
}

#[tokio::test]
async fn the_limits_of_one_org_are_not_those_of_another() {
    let upstream = Upstream::good().await;
    let clock = TestClock::still_at("2026-03-10T12:00:00Z");
    let config = Config::to(&upstream).limit("requests_per_minute", 1);
    let app = TestApp::in_world(config.settings(), clock.world()).await;
    app.brief(&opportunity()).send().await.expect_ok();
    let again = app.brief(&opportunity()).send().await;
    again.expect_problem(429, "rate-limited");

    let other = app
        .anonymous(reqwest::Method::POST, "/briefing")
        .bearer(crate::helpers::org::OTHER_KEY)
        .json(&json!({"record": opportunity()}));
    other.send().await.expect_ok();
}
