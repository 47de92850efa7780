//! A repeat is a repeat.

use reqwest::Method;
use serde_json::{Value, json};

use crate::helpers::call::Call;
use crate::helpers::org::OTHER_KEY;
use crate::helpers::{
    Answer, Config, Play, Reply, TestApp, TestClock, Upstream, opportunity, opportunity_named,
};

const REPLAYED: Option<&str> = Some("belay; hit; detail=idempotency-key");

/// A question that no cache answers, so that only the key can.
fn fresh(name: &str) -> Value {
    json!({"record": opportunity_named(name), "fresh": true})
}

fn keyed(app: &TestApp, key: &str, body: &Value) -> Call {
    app.post("/briefing", body).header("idempotency-key", key)
}

async fn ask(app: &TestApp, key: &str, body: &Value) -> Answer {
    keyed(app, key, body).send().await
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer_again_and_costs_nothing() {
    let upstream = Upstream::good().await;
    let clock = TestClock::still_at("2026-03-10T12:00:00Z");
    let config = Config::to(&upstream).limit("requests_per_minute", 1);
    let app = TestApp::in_world(config.settings(), clock.world()).await;
    let first = ask(&app, "one", &fresh("lease")).await.expect_ok();

    let again = ask(&app, "one", &fresh("lease")).await;
    assert_eq!(again.expect_ok(), first);
    assert_eq!(again.header("cache-status"), REPLAYED);
    assert_eq!(upstream.count(), 1);
    // The minute's one call was the first.
    let other = ask(&app, "two", &fresh("lease")).await;
    other.expect_problem(429, "rate-limited");
}

#[tokio::test]
async fn the_same_key_with_another_body_is_a_mismatch() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    ask(&app, "one", &fresh("lease")).await.expect_ok();
    let refused = ask(&app, "one", &fresh("sale")).await;
    let problem = refused.expect_problem(422, "idempotency-mismatch");
    assert_eq!(problem["retryable"], false);
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn a_repeat_joins_the_first_while_it_runs_also_after_its_504() {
    let (upstream, gate) = Upstream::held().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    // Each waits for the one upstream call within its own patience.
    for _ in 0..2 {
        let late = keyed(&app, "one", &fresh("lease")).waiting(1).send().await;
        late.expect_problem(504, "deadline-passed");
    }
    let refused = ask(&app, "one", &fresh("sale")).await;
    refused.expect_problem(422, "idempotency-mismatch");
    gate.open();
    let answer = ask(&app, "one", &fresh("lease")).await;
    answer.expect_ok();
    assert_eq!(answer.header("cache-status"), REPLAYED);
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn a_retryable_outcome_frees_the_key() {
    let upstream = Upstream::doing(Play::Status(500, &[], "{}")).await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let failed = ask(&app, "one", &fresh("lease")).await;
    let problem = failed.expect_problem(502, "upstream-failed");
    assert_eq!(problem["retryable"], true);

    upstream.always(Play::Answer(Reply::good()));
    let answer = ask(&app, "one", &fresh("lease")).await;
    answer.expect_ok();
    assert_eq!(
        answer.header("cache-status"),
        Some("belay; fwd=request; stored")
    );
}

#[tokio::test]
async fn a_refusal_of_the_model_is_final() {
    let refusal = Reply::saying("I will not").stopped_by("refusal");
    let upstream = Upstream::good().await;
    upstream.next([Play::Answer(refusal)]);
    let app = TestApp::new(&Config::to(&upstream)).await;
    for _ in 0..2 {
        let refused = ask(&app, "one", &fresh("lease")).await;
        let problem = refused.expect_problem(422, "model-refused");
        assert_eq!(problem["retryable"], false);
    }
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn another_orgs_key_is_its_own() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let ours = ask(&app, "one", &fresh("lease")).await.expect_ok();
    for name in ["lease", "sale"] {
        let theirs = app
            .anonymous(Method::POST, "/briefing")
            .bearer(OTHER_KEY)
            .header("idempotency-key", &format!("one-{name}"))
            .json(&fresh(name));
        assert_ne!(theirs.send().await.expect_ok()["id"], ours["id"]);
    }
    let theirs = app
        .anonymous(Method::POST, "/briefing")
        .bearer(OTHER_KEY)
        .header("idempotency-key", "one")
        .json(&fresh("quite another body"));
    assert_ne!(theirs.send().await.expect_ok()["id"], ours["id"]);
    assert_eq!(upstream.count(), 4);
}

#[tokio::test]
async fn a_bulk_keeps_its_finished_items_and_runs_the_rest() {
    let upstream = Upstream::good().await;
    upstream.about("second", vec![Play::Status(500, &[], "{}"); 3]);
    let app = TestApp::new(&Config::to(&upstream)).await;
    let items = json!({"items": [fresh("first"), fresh("second"), fresh("third")]});
    let bulk = || {
        app.post("/briefing/bulk", &items)
            .header("idempotency-key", "one")
    };

    let first = bulk().send().await.expect_ok();
    let statuses = |body: &Value| -> Vec<u64> {
        let results = body["results"].as_array().expect("a list");
        results
            .iter()
            .map(|result| result["status"].as_u64().expect("a number"))
            .collect()
    };
    assert_eq!(statuses(&first), [200, 502, 200]);
    let reached = upstream.count();

    let again = bulk().send().await.expect_ok();
    assert_eq!(statuses(&again), [200, 200, 200]);
    assert_eq!(upstream.count(), reached + 1);
    for kept in [0, 2] {
        assert_eq!(again["results"][kept], first["results"][kept]);
    }
    let other = json!({"items": [fresh("first")]});
    let refused = app
        .post("/briefing/bulk", &other)
        .header("idempotency-key", "one");
    let refused = refused.send().await;
    refused.expect_problem(422, "idempotency-mismatch");
}

#[tokio::test]
async fn a_key_belongs_to_its_path() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    ask(&app, "one", &json!({"record": opportunity()}))
        .await
        .expect_ok();
    let bulk = json!({"items": [{"record": opportunity()}]});
    let call = app
        .post("/briefing/bulk", &bulk)
        .header("idempotency-key", "one");
    call.send().await.expect_ok();
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let long = "k".repeat(256);
    for key in ["two words", "", long.as_str()] {
        let refused = ask(&app, key, &fresh("lease")).await;
        refused.expect_problem(400, "invalid-request");
    }
    assert_eq!(upstream.count(), 0);
}
