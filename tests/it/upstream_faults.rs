//! What the upstream can do to us, and what the caller sees of it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::helpers::reply::COST;
use crate::helpers::{
    Answer, Config, Play, Reply, TestApp, TestClock, Upstream, opportunity, opportunity_named,
};

/// What an upstream might say of itself; no caller may ever read it.
const CANARY: &str =
    r#"{"type":"error","error":{"type":"api_error","message":"canary-of-the-upstream"}}"#;

fn status(status: u16) -> Play {
    Play::Status(status, &[], CANARY)
}

async fn brief(app: &TestApp) -> Answer {
    let answer = app.brief(&opportunity()).send().await;
    assert!(!answer.text().contains("canary"), "{}", answer.text());
    answer
}

#[tokio::test]
async fn what_may_pass_is_asked_again_at_the_same_target() {
    for fault in [
        status(408),
        status(409),
        status(429),
        status(500),
        status(502),
        status(503),
        status(504),
        status(529),
        Play::Cut,
        Play::CutAmid,
        Play::Status(200, &[], "<html>no message</html>"),
    ] {
        let (upstream, spare) = (Upstream::good().await, Upstream::good().await);
        upstream.next([fault.clone()]);
        let app = TestApp::new(&Config::to(&upstream).then(&spare)).await;
        brief(&app).await.expect_ok();
        assert_eq!(upstream.count(), 2, "{fault:?}");
        assert_eq!(spare.count(), 0, "{fault:?}");
        let retries = app.metric("belay_retries_total").await;
        assert!((retries - 1.0).abs() < 1e-9, "{fault:?}: {retries}");
    }
}

#[tokio::test]
async fn a_retry_waits_as_long_as_the_upstream_asks_for() {
    let upstream = Upstream::good().await;
    upstream.next([Play::Status(429, &[("Retry-After", "1")], "{}")]);
    let app = TestApp::new(&Config::to(&upstream)).await;
    let body = app
        .brief(&opportunity())
        .waiting(15)
        .send()
        .await
        .expect_ok();
    let took = body["duration_ms"].as_u64().expect("a number");
    assert!(took >= 1_000, "answered after {took} ms");
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn a_wait_that_does_not_fit_sends_the_call_to_the_next_target() {
    let (upstream, spare) = (Upstream::good().await, Upstream::good().await);
    upstream.next([Play::Status(429, &[("Retry-After", "600")], "{}")]);
    let app = TestApp::new(&Config::to(&upstream).then(&spare)).await;
    let body = brief(&app).await.expect_ok();
    assert_eq!(body["provider"], "spare");
    assert_eq!((upstream.count(), spare.count()), (1, 1));
}

#[tokio::test]
async fn three_attempts_are_all_and_then_the_next_target_answers() {
    let upstream = Upstream::doing(status(529)).await;
    let spare = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream).then(&spare)).await;
    let body = brief(&app).await.expect_ok();
    assert_eq!(body["provider"], "spare");
    assert_eq!((upstream.count(), spare.count()), (3, 1));
}

#[tokio::test]
async fn an_upstream_that_keeps_failing_is_told_by_its_kind() {
    for (play, http, code) in [
        (status(429), 503, "overloaded"),
        (status(529), 503, "overloaded"),
        (status(503), 503, "overloaded"),
        (status(500), 502, "upstream-failed"),
        (Play::Cut, 502, "upstream-failed"),
        (Play::CutAmid, 502, "upstream-failed"),
        (Play::Status(200, &[], "{}"), 502, "upstream-failed"),
    ] {
        let upstream = Upstream::doing(play.clone()).await;
        let app = TestApp::new(&Config::to(&upstream)).await;
        let problem = brief(&app).await.expect_problem(http, code);
        assert_eq!(problem["retryable"], true, "{play:?}");
        assert_eq!(upstream.count(), 3, "{play:?}");
    }
}

#[tokio::test]
async fn an_upstream_that_cannot_be_reached_is_passed_over() {
    let gone = Upstream::good().await.address();
    let spare = Upstream::good().await;
    let app = TestApp::new(&Config::to_address(&gone).then(&spare)).await;
    assert_eq!(brief(&app).await.expect_ok()["provider"], "spare");

    let alone = TestApp::new(&Config::to_address(&gone)).await;
    brief(&alone).await.expect_problem(502, "upstream-failed");
}

#[tokio::test]
async fn a_refused_account_goes_to_the_next_target_and_is_never_a_401() {
    const SPENT: &str = r#"{"type":"error","error":{"type":"rate_limit_error","message":"m","details":{"error_code":"enforced_spend_limit_reached"}}}"#;
    for play in [
        status(401),
        status(402),
        status(403),
        status(404),
        Play::Status(429, &[("Retry-After", "1")], SPENT),
    ] {
        let upstream = Upstream::doing(play.clone()).await;
        let spare = Upstream::good().await;
        let both = TestApp::new(&Config::to(&upstream).then(&spare)).await;
        assert_eq!(brief(&both).await.expect_ok()["provider"], "spare");
        assert_eq!((upstream.count(), spare.count()), (1, 1), "{play:?}");

        let alone = TestApp::new(&Config::to(&upstream)).await;
        let refused = brief(&alone).await;
        let problem = refused.expect_problem(502, "upstream-refused");
        assert_eq!(problem["retryable"], false, "{play:?}");
        assert_eq!(refused.header("www-authenticate"), None);
        assert_eq!(upstream.count(), 2, "{play:?}");
    }
}

#[tokio::test]
async fn a_request_that_the_upstream_rejects_is_sent_nowhere_else() {
    for number in [400, 413, 422] {
        let upstream = Upstream::doing(status(number)).await;
        let spare = Upstream::good().await;
        let app = TestApp::new(&Config::to(&upstream).then(&spare)).await;
        let problem = brief(&app).await.expect_problem(502, "upstream-refused");
        assert_eq!(problem["retryable"], false, "{number}");
        assert_eq!((upstream.count(), spare.count()), (1, 0), "{number}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_with_our_key() {
    let elsewhere = Upstream::good().await;
    let location: &'static str = Box::leak(format!("{}/v1/messages", elsewhere.address()).into());
    let headers: &'static [(&str, &str)] = Box::leak(Box::new([("Location", location)]));
    let upstream = Upstream::doing(Play::Status(307, headers, "")).await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    brief(&app).await.expect_problem(502, "upstream-failed");
    assert_eq!(elsewhere.count(), 0);
}

#[tokio::test]
async fn five_faults_in_a_row_open_the_breaker_and_a_probe_closes_it() {
    let upstream = Upstream::doing(status(500)).await;
    let spare = Upstream::good().await;
    let clock = TestClock::running_from("2026-03-10T12:00:00Z");
    let config = Config::to(&upstream).then(&spare);
    let app = TestApp::in_world(config.settings(), clock.world()).await;
    let open = r#"belay_breaker_open{provider="claude"}"#;

    for nth in 0..4 {
        let call = app.brief(&opportunity_named(nth));
        assert_eq!(call.send().await.expect_ok()["provider"], "spare");
    }
    assert_eq!(upstream.count(), 5, "three attempts, two, and none");
    assert!((app.metric(open).await - 1.0).abs() < 1e-9);

    upstream.always(Play::Answer(Reply::good()));
    clock.turn(Duration::from_secs(5));
    for nth in 4..6 {
        let call = app.brief(&opportunity_named(nth));
        assert_eq!(call.send().await.expect_ok()["provider"], "claude");
    }
    assert!(app.metric(open).await.abs() < 1e-9);
}

#[tokio::test]
async fn where_every_target_rests_the_caller_is_told_how_long() {
    let upstream = Upstream::doing(status(500)).await;
    let clock = TestClock::running_from("2026-03-10T12:00:00Z");
    let app = TestApp::in_world(Config::to(&upstream).settings(), clock.world()).await;
    let first = brief(&app).await;
    first.expect_problem(502, "upstream-failed");
    app.brief(&opportunity_named("next")).send().await;
    let refused = brief(&app).await;
    let problem = refused.expect_problem(503, "overloaded");
    let wait = problem["retry_after_ms"].as_u64().expect("a number");
    assert!((1..=5_000).contains(&wait), "{wait}");
    assert_eq!(upstream.count(), 5);
}

#[tokio::test]
async fn an_outage_is_not_amplified_beyond_the_budget_of_retries() {
    let upstream = Upstream::doing(status(429)).await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    for nth in 0..20 {
        let refused = app.brief(&opportunity_named(nth)).send().await;
        refused.expect_problem(503, "overloaded");
    }
    // Ten a minute and a tenth of twenty calls, and what little flowed in meanwhile; without a budget it would be 60.
    let attempts = upstream.count();
    assert!((20..=35).contains(&attempts), "{attempts} attempts");
}

#[tokio::test]
async fn an_answer_that_breaks_its_schema_is_repaired_once_with_the_violation_named() {
    let upstream = Upstream::good().await;
    upstream.next([Play::Answer(Reply::schema_breaking())]);
    let app = TestApp::new(&Config::to(&upstream)).await;
    let body = brief(&app).await.expect_ok();
    let cost = body["usage"]["cost_usd"].as_f64().expect("a number");
    assert!((cost - 2.0 * COST).abs() < 1e-9, "both are charged: {cost}");

    let again = upstream.seen().remove(1).json();
    let turns = again["messages"].as_array().expect("a list");
    let roles: Vec<&Value> = turns.iter().map(|turn| &turn["role"]).collect();
    assert_eq!(roles, ["user", "assistant", "user"]);
    assert!(turns[1]["content"].to_string().contains("Only this"));
    assert!(turns[2]["content"].to_string().contains("deal_context"));
}

#[tokio::test]
async fn an_answer_that_stays_broken_is_invalid() {
    for reply in [
        Reply::schema_breaking(),
        Reply::saying("no JSON at all"),
        Reply::saying("{\"headline\": \"cut"),
        Reply::saying(json!([1, 2])),
        Reply::saying(""),
    ] {
        let upstream = Upstream::doing(Play::Answer(reply.clone())).await;
        let app = TestApp::new(&Config::to(&upstream)).await;
        let problem = brief(&app).await.expect_problem(502, "answer-invalid");
        assert_eq!(problem["retryable"], true, "{reply:?}");
        assert_eq!(upstream.count(), 2, "{reply:?}");
    }
}

#[tokio::test]
async fn an_answer_that_ran_out_of_tokens_is_asked_for_once_more_with_double_the_room() {
    let cut = Reply::saying("{\"headline\": \"The cr").stopped_by("max_tokens");
    let upstream = Upstream::good().await;
    upstream.next([Play::Answer(cut.clone())]);
    let app = TestApp::new(&Config::to(&upstream)).await;
    brief(&app).await.expect_ok();
    let room: Vec<Value> = upstream
        .seen()
        .iter()
        .map(|seen| seen.json()["max_tokens"].clone())
        .collect();
    assert_eq!(room, [1_500, 3_000]);

    upstream.always(Play::Answer(cut));
    let refused = app.brief(&opportunity_named("next")).send().await;
    let problem = refused.expect_problem(502, "answer-cut");
    assert_eq!(problem["retryable"], true);
    assert_eq!(upstream.count(), 4);
}

#[tokio::test]
async fn a_simulated_answer_in_place_of_a_real_one_says_so_and_is_not_cached() {
    let upstream = Upstream::doing(status(401)).await;
    let config = Config::to(&upstream).more(
        "[[providers]]\nname = \"stand-in\"\nkind = \"simulator\"\n\
         [models.mixed]\ntargets = [{ provider = \"claude\", model = \"claude-sonnet-5-5\" }, \
         { provider = \"stand-in\", model = \"simulator\" }]\n",
    );
    let app = TestApp::new(&config).await;
    let request = json!({"record": opportunity(), "model": "mixed"});
    let answer = app.post("/briefing", &request).send().await;
    assert_eq!(answer.expect_ok()["simulated"], true);
    assert_eq!(answer.header("cache-status"), Some("belay; fwd=miss"));

    upstream.always(Play::Answer(Reply::good()));
    let body = app.post("/briefing", &request).send().await.expect_ok();
    assert_eq!(body["simulated"], false);
    assert_eq!(body["cached"], false);
}

#[tokio::test]
async fn what_is_broken_cut_or_refused_is_never_cached() {
    let upstream = Upstream::good().await;
    let refusal = Reply::saying("I will not").stopped_by("refusal");
    upstream.next([
        Play::Answer(refusal),
        Play::Answer(Reply::schema_breaking()),
        Play::Answer(Reply::schema_breaking()),
    ]);
    let app = TestApp::new(&Config::to(&upstream)).await;
    let refused = brief(&app).await;
    let problem = refused.expect_problem(422, "model-refused");
    assert_eq!(problem["retryable"], false);
    assert_eq!(upstream.count(), 1, "a refusal is not asked again");
    brief(&app).await.expect_problem(502, "answer-invalid");
    assert_eq!(brief(&app).await.expect_ok()["cached"], false);
    assert_eq!(upstream.count(), 4);
}
