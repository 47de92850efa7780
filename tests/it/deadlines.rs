//! The caller's patience, and what happens to an answer that comes after it.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::helpers::app::client;
use crate::helpers::call::Call;
use crate::helpers::org::KEY;
use crate::helpers::reply::COST;
use crate::helpers::{Config, Play, TestApp, TestClock, Upstream, opportunity, within};

/// What was charged, in dollars.
const CHARGED: &str = r#"belay_cost_usd_total{org="acme"}"#;

#[tokio::test]
async fn a_slow_upstream_is_told_in_time_and_its_late_answer_is_cached() {
    let (upstream, gate) = Upstream::held().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let request = json!({"record": opportunity()});
    // A caller who really waits no longer than it says.
    let url = format!("http://{}/briefing", app.public);
    let impatient = client()
        .request(Method::POST, url)
        .timeout(Duration::from_secs(2));

    let late = Call(impatient).bearer(KEY).waiting(2).json(&request);
    let answer = late.send().await;
    let problem = answer.expect_problem(504, "deadline-passed");
    assert_eq!(problem["retryable"], true);
    assert_eq!(answer.header("preference-applied"), Some("wait=2"));
    assert!(app.metric(CHARGED).await.abs() < 1e-9);

    gate.open();
    app.metric_reaches(CHARGED, COST - 1e-9).await;
    let again = app.brief(&opportunity()).send().await;
    again.expect_ok();
    let status = again.header("cache-status").expect("it is told");
    assert!(status.starts_with("belay; hit"), "{status}");
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn a_hanging_upstream_is_given_up_and_charged_in_full() {
    let upstream = Upstream::doing(Play::Hang).await;
    let config = Config::to(&upstream).limit("budget_usd_per_day", 5.0);
    let mut settings = config.settings();
    settings.engine.longest_life = Duration::from_millis(200);
    let clock = TestClock::running_from("2026-03-10T12:00:00Z");
    let app = TestApp::in_world(settings, clock.world()).await;

    let refused = app.brief(&opportunity()).send().await;
    let problem = refused.expect_problem(502, "upstream-failed");
    assert_eq!(problem["retryable"], true);
    assert_eq!(upstream.count(), 1, "what hung once is not asked again");
    let hung = r#"belay_upstream_seconds_count{provider="claude",outcome="hung"}"#;
    assert!((app.metric(hung).await - 1.0).abs() < 1e-9);
    let bound = upstream.seen()[0].bound();
    let (left, maximum) = app.allowance("budget_usd_per_day").await;
    assert!((maximum - left - bound).abs() < 2e-6, "{left} is left");
}

#[tokio::test]
async fn a_hanging_upstream_is_given_up_also_when_its_caller_is_long_gone() {
    let upstream = Upstream::doing(Play::Hang).await;
    let mut settings = Config::to(&upstream).settings();
    settings.engine.longest_life = Duration::from_millis(1_500);
    let clock = TestClock::running_from("2026-03-10T12:00:00Z");
    let app = TestApp::in_world(settings, clock.world()).await;

    let late = app.brief(&opportunity()).waiting(1).send().await;
    late.expect_problem(504, "deadline-passed");
    app.metric_reaches(CHARGED, upstream.seen()[0].bound() - 2e-6)
        .await;
    assert!(app.metric("belay_reserved_tokens").await.abs() < 1e-9);
}

#[tokio::test]
async fn a_caller_who_hangs_up_is_settled_and_cached_all_the_same() {
    let (upstream, gate) = Upstream::held().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    {
        let call = app.brief(&opportunity()).send();
        tokio::select! {
            answer = call => panic!("it was answered: {answer:?}"),
            () = upstream.reached(1) => {}
        }
    }
    let gone = r#"belay_requests_total{org="acme",task="briefing",outcome="gone"}"#;
    app.metric_reaches(gone, 1.0).await;
    gate.open();
    app.metric_reaches(CHARGED, COST - 1e-9).await;

    let again = app.brief(&opportunity()).send().await;
    assert_eq!(again.expect_ok()["cached"], true);
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn a_patient_joiner_gets_the_answer_that_came_too_late_for_the_first() {
    let (upstream, gate) = Upstream::held().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let first = async {
        let late = app.brief(&opportunity()).waiting(1).send().await;
        late.expect_problem(504, "deadline-passed");
        gate.open();
    };
    let joiner = async {
        upstream.reached(1).await;
        app.brief(&opportunity()).waiting(15).send().await
    };
    let ((), answer) = tokio::join!(first, joiner);
    answer.expect_ok();
    assert_eq!(
        answer.header("cache-status"),
        Some("belay; fwd=miss; collapsed")
    );
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn only_a_stated_patience_is_said_to_be_kept_and_none_is_longer_than_110_seconds() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let silent = app.brief(&opportunity()).send().await;
    assert_eq!(silent.header("preference-applied"), None);
    for (stated, kept) in [
        ("wait=25", Some("wait=25")),
        ("respond-async, wait=1000", Some("wait=110")),
        ("wait=soon", None),
    ] {
        let call = app.brief(&opportunity()).header("prefer", stated);
        let answer = call.send().await;
        answer.expect_ok();
        assert_eq!(answer.header("preference-applied"), kept, "{stated}");
    }
}

#[tokio::test]
async fn a_retry_that_does_not_fit_the_patience_is_not_waited_for() {
    let upstream = Upstream::good().await;
    upstream.next([Play::Status(429, &[("Retry-After", "30")], "{}")]);
    let app = TestApp::new(&Config::to(&upstream)).await;
    let refused = app.brief(&opportunity()).waiting(10).send();
    let refused = within("a refusal without a wait", refused).await;
    let problem = refused.expect_problem(503, "overloaded");
    assert_eq!(problem["retry_after_ms"], 30_000);
    assert_eq!(upstream.count(), 1);
}
