//! What `/usage` tells, to an org and to whoever runs the gateway.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::{cost, message, upstream};
use crate::helpers::events::saying;
use crate::helpers::org::{ACME, MESSAGES_KEY, OTHER_KEY};
use crate::helpers::{Config, Play, Stream, TestApp, TestClock, opportunity, opportunity_named};

fn row<'a>(report: &'a Value, task: &str, model: &Value) -> &'a Value {
    let rows = report["rows"].as_array().expect("a list");
    rows.iter()
        .find(|row| row["task"] == task && &row["model"] == model)
        .unwrap_or_else(|| panic!("no {task} by {model} in {report}"))
}

#[tokio::test]
async fn calls_tokens_and_money_are_told_by_day_task_and_model() {
    let upstream = upstream().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    app.brief(&opportunity()).send().await.expect_ok();
    app.brief(&opportunity()).send().await.expect_ok();
    app.relay(&message()).send().await.expect_ok();
    upstream.next([Play::Status(400, &[], "no")]);
    let refused = app.brief(&opportunity_named("refused")).send().await;
    assert_eq!(refused.status, 502);
    let invalid = app.post("/briefing", &json!({"record": 5})).send().await;
    assert_eq!(invalid.status, 400);

    let report = app.get("/usage").send().await.expect_ok();
    assert_eq!(report["org_id"], ACME);
    assert_eq!(report["org_name"], "acme");
    assert_eq!(report["timezone"], "UTC");
    assert_eq!(report["first_day"], "2026-03-01");
    assert_eq!(report["last_day"], "2026-03-10");
    assert_eq!(report["truncated"], false);
    let model = json!("claude-sonnet-5-5");
    assert_eq!(
        row(&report, "briefing", &model),
        &json!({
            "day": "2026-03-10", "task": "briefing", "model": "claude-sonnet-5-5", "user_id": null,
            "calls": 1, "from_cache": 0, "failed": 0, "provider_calls": 1,
            "input_tokens": 1_500, "output_tokens": 200, "web_searches": 0, "cost_usd": cost(1),
        })
    );
    let without = row(&report, "briefing", &Value::Null);
    assert_eq!(
        without["calls"], 3,
        "cached, refused by the provider, and invalid"
    );
    assert_eq!(without["from_cache"], 1);
    assert_eq!(without["failed"], 2);
    assert_eq!(without["provider_calls"], 1);
    assert_eq!(row(&report, "messages", &model)["calls"], 1);
    let totals = &report["totals"];
    assert_eq!(totals["calls"], 5);
    assert_eq!(totals["provider_calls"], upstream.count());
    assert_eq!(totals["cost_usd"], cost(2));
}

#[tokio::test]
async fn a_stream_is_counted_when_its_client_has_read_it() {
    let upstream = upstream().await;
    upstream.always(Play::Stream(Stream::of(saying(&["Hello"]))));
    let app = TestApp::new(&Config::to(&upstream)).await;
    let mut asked = message();
    asked["stream"] = json!(true);
    let answer = app.relay(&asked).send().await;
    assert_eq!(answer.status, 200);
    let report = app.get("/usage").send().await.expect_ok();
    assert_eq!(report["totals"]["calls"], 1);
    assert_eq!(report["totals"]["failed"], 0);
    assert!(
        report["totals"]["output_tokens"].as_u64() > Some(0),
        "{report}"
    );
}

#[tokio::test]
async fn a_day_begins_at_midnight_where_the_org_is() {
    let upstream = upstream().await;
    let clock = TestClock::still_at("2026-03-10T22:30:00Z");
    let config = Config::to(&upstream).org("timezone = \"Europe/Berlin\"");
    let app = TestApp::in_world(config.settings(), clock.world()).await;
    app.brief(&opportunity_named(1)).send().await.expect_ok();
    clock.turn(Duration::from_hours(1));
    app.brief(&opportunity_named(2)).send().await.expect_ok();

    let report = app.get("/usage?by=day").send().await.expect_ok();
    let rows = report["rows"].as_array().expect("a list");
    let days: Vec<_> = rows.iter().map(|row| &row["day"]).collect();
    assert_eq!(days, ["2026-03-10", "2026-03-11"]);
    assert_eq!(report["timezone"], "Europe/Berlin");
    let first = app.get("/usage?from=2026-03-10&to=2026-03-10").send().await;
    assert_eq!(first.expect_ok()["totals"]["calls"], 1);
}

#[tokio::test]
async fn an_org_is_told_its_own_and_whoever_runs_the_gateway_is_told_all() {
    let upstream = upstream().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    app.brief(&opportunity()).send().await.expect_ok();
    let globex = |method, path: &str| app.anonymous(method, path).bearer(OTHER_KEY);
    let mine = globex(Method::GET, "/usage").send().await.expect_ok();
    assert_eq!(mine["totals"]["calls"], 0);
    assert_eq!(mine["rows"], json!([]));
    let body = json!({"record": opportunity()});
    for _ in 0..2 {
        let call = globex(Method::POST, "/briefing").json(&body);
        call.send().await.expect_ok();
    }

    let all = app.admin("/usage?by=day").await.expect_ok();
    let calls: Vec<_> = all["orgs"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|org| (org["org_name"].as_str(), org["totals"]["calls"].as_u64()))
        .collect();
    assert_eq!(calls, [(Some("globex"), Some(2)), (Some("acme"), Some(1))]);
    let one = app.admin(&format!("/usage?org={ACME}")).await.expect_ok();
    assert_eq!(one["orgs"].as_array().expect("a list").len(), 1);
    assert_eq!(one["orgs"][0]["org_id"], ACME);
    let no_scope = app.anonymous(Method::GET, "/usage").bearer(MESSAGES_KEY);
    no_scope.send().await.expect_problem(403, "forbidden");
    app.anonymous(Method::GET, "/usage")
        .send()
        .await
        .expect_problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_query_that_makes_no_sense_is_told_what_would() {
    let upstream = upstream().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    for (query, told) in [
        ("from=yesterday", "from must be a day"),
        ("to=2026-02-30", "to must be a day"),
        ("to=2026-03-01T10:00:00Z", "to must be a day"),
        ("from=2026-03-11", "the first day comes first"),
        ("from=2024-01-01", "366 at most"),
        ("by=week", "day, task, model and user"),
        ("by=", "day, task, model and user"),
        ("since=2026-03-01", "from=<day>, to=<day>"),
        ("from=2026-03-01&from=2026-03-02", "from=<day>, to=<day>"),
    ] {
        let answer = app.get(&format!("/usage?{query}")).send().await;
        let problem = answer.expect_problem(400, "invalid-request");
        let detail = problem["detail"].as_str().expect("a text");
        assert!(detail.contains(told), "{query}: {detail}");
    }
    for (query, told) in [
        ("from=yesterday", "from must be a day"),
        ("org=acme", "org is 4 characters long"),
        ("org=0065f00000QwErTAAV", "begins with 00D"),
        ("user=1", "org=<Salesforce id of an org>"),
    ] {
        let answer = app.admin(&format!("/usage?{query}")).await;
        let problem = answer.expect_problem(400, "invalid-request");
        let detail = problem["detail"].as_str().expect("a text");
        assert!(detail.contains(told), "{query}: {detail}");
    }
}

#[tokio::test]
async fn asking_what_was_used_counts_as_a_call_a_minute_and_as_no_usage() {
    let upstream = upstream().await;
    let config = Config::to(&upstream).limit("requests_per_minute", 2);
    let app = TestApp::new(&config).await;
    for _ in 0..2 {
        let report = app.get("/usage").send().await.expect_ok();
        assert_eq!(report["totals"]["calls"], 0);
    }
    app.get("/usage")
        .send()
        .await
        .expect_problem(429, "rate-limited");
}
