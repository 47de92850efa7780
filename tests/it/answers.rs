//! The main job: a record in, a typed answer out.

use serde_json::{Value, json};

use crate::helpers::drafts;
use crate::helpers::org::{KEY, UPSTREAM_KEY};
use crate::helpers::reply::COST;
use crate::helpers::{Config, Play, Reply, TestApp, Upstream, case, opportunity};

/// The members that every task's answer has, before and after the task's own.
const COMMON: [&str; 16] = [
    "id",
    "task",
    "record_id",
    "text",
    "ungrounded",
    "masked_fields",
    "input_truncated",
    "truncated",
    "cached",
    "simulated",
    "model",
    "provider",
    "prompt_version",
    "usage",
    "request_id",
    "duration_ms",
];

/// Asserts that `object` has these members and no others.
fn assert_members(object: &Value, expected: &[&str]) {
    let mut members: Vec<&str> = object
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    let mut expected = expected.to_vec();
    members.sort_unstable();
    expected.sort_unstable();
    assert_eq!(members, expected);
}

#[tokio::test]
async fn a_briefing_has_exactly_the_members_of_the_contract() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;

    let answer = app.brief(&opportunity()).send().await;
    let body = answer.expect_ok();
    let own = [
        "headline",
        "deal_context",
        "risk_factors",
        "talking_points",
        "next_steps",
    ];
    assert_members(&body, &[&COMMON[..], &own].concat());
    assert_members(&body["risk_factors"][0], &["risk", "severity", "evidence"]);
    assert_members(
        &body["usage"],
        &["input_tokens", "output_tokens", "cost_usd"],
    );
    for (member, value) in drafts::briefing().as_object().expect("an object") {
        assert_eq!(&body[member], value, "{member}");
    }
    assert!(body["id"].as_str().expect("a text").starts_with("brf_"));
    assert_eq!(body["task"], "briefing");
    assert_eq!(body["record_id"], opportunity()["Id"]);
    assert_eq!(body["ungrounded"], json!([]));
    assert_eq!(body["masked_fields"], 0);
    for flag in ["input_truncated", "truncated", "cached", "simulated"] {
        assert_eq!(body[flag], false, "{flag}");
    }
    assert_eq!(body["model"], "claude-sonnet-5-5");
    assert_eq!(body["provider"], "claude");
    assert_eq!(body["prompt_version"], "briefing-1");
    assert_eq!(
        body["usage"],
        json!({"input_tokens": 812, "output_tokens": 431, "cost_usd": COST})
    );
    assert_eq!(body["request_id"].as_str(), answer.header("x-request-id"));
    let text = body["text"].as_str().expect("a text");
    assert!(text.contains("The crane lease waits for the insurer"));
    assert!(text.contains("Send the load certificates"));
    assert_eq!(
        answer.header("cache-status"),
        Some("belay; fwd=miss; stored")
    );
}

#[tokio::test]
async fn a_case_summary_has_exactly_the_members_of_the_contract() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;

    let call = app.post("/case-summary", &json!({"record": case()}));
    let body = call.send().await.expect_ok();
    let own = [
        "situation",
        "history",
        "next_step",
        "sentiment",
        "open_questions",
    ];
    assert_members(&body, &[&COMMON[..], &own].concat());
    assert!(body["id"].as_str().expect("a text").starts_with("csm_"));
    assert_eq!(body["task"], "case-summary");
    assert_eq!(body["record_id"], case()["Id"]);
    assert_eq!(body["prompt_version"], "case-summary-1");
    assert_eq!(body["sentiment"], "concerned");
}

#[tokio::test]
async fn the_same_call_as_salesforce_sends_it_is_a_hit_and_reaches_no_upstream() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;

    for (path, record) in [("/briefing", opportunity()), ("/case-summary", case())] {
        let request = json!({"record": record});
        let first = app.post(path, &request).send().await.expect_ok();
        let reached = upstream.count();

        let again = app.post(path, &request).by_salesforce().send().await;
        let body = again.expect_ok();
        let status = again.header("cache-status").expect("it is told");
        assert!(status.starts_with("belay; hit; ttl="), "{status}");
        assert_eq!(upstream.count(), reached);
        assert_eq!(body["cached"], true);
        assert_eq!(body["id"], first["id"]);
        assert_eq!(body["text"], first["text"]);
        assert_eq!(
            body["usage"],
            json!({"input_tokens": 0, "output_tokens": 0, "cost_usd": 0.0})
        );
    }
}

#[tokio::test]
async fn the_upstream_is_asked_with_our_key_and_sees_no_credential_of_the_caller() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let request = json!({"record": opportunity(), "instructions": "stress the notice period", "language": "de"});
    app.post("/briefing", &request)
        .header("x-api-key", KEY)
        .header("cookie", "session=of-the-caller")
        .header("x-request-id", "call-of-the-caller")
        .send()
        .await
        .expect_ok();

    let seen = upstream.seen().remove(0);
    assert_eq!(seen.line, "POST /v1/messages HTTP/1.1");
    assert_eq!(seen.header("x-api-key"), Some(UPSTREAM_KEY));
    assert_eq!(seen.header("anthropic-version"), Some("2026-10-21"));
    assert_eq!(seen.header("content-type"), Some("application/json"));
    for name in ["authorization", "cookie", "x-forwarded-for", "prefer"] {
        assert_eq!(seen.header(name), None, "{name}");
    }
    let everything = format!("{:?}{}", seen.headers, seen.body);
    assert!(!everything.contains(KEY));

    let body = seen.json();
    assert_eq!(body["model"], "claude-sonnet-5-5");
    assert_eq!(
        body["system"][0]["cache_control"],
        json!({"type": "ephemeral"})
    );
    let system = body["system"].to_string();
    assert!(!system.contains("Brackwater"), "the prompt is static");
    let format = &body["output_config"]["format"];
    assert_eq!(format["type"], "json_schema");
    assert!(format["schema"]["properties"]["risk_factors"].is_object());
    let asked = body["messages"][0]["content"].as_str().expect("a text");
    for part in [
        "Port of Brackwater",
        "stress the notice period",
        "four months",
    ] {
        assert!(asked.contains(part), "{part}");
    }
    for name in ["temperature", "top_p", "top_k", "stream"] {
        assert!(body.get(name).is_none(), "{name}");
    }
}

#[tokio::test]
async fn a_record_may_come_as_text_or_as_facts() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;

    let text = json!({"record_json": opportunity().to_string()});
    let body = app.post("/briefing", &text).send().await.expect_ok();
    assert_eq!(body["record_id"], opportunity()["Id"]);

    let facts = json!({"facts": [{"label": "Stage", "value": "Proposal"}, {"label": "Owner", "value": null}]});
    let body = app.post("/briefing", &facts).send().await.expect_ok();
    assert_eq!(body["record_id"], Value::Null);
    let asked = upstream.seen().pop().expect("it was asked").body;
    assert!(asked.contains("Proposal"));

    let both = json!({"record": opportunity(), "facts": []});
    let refused = app.post("/briefing", &both).send().await;
    let problem = refused.expect_problem(400, "invalid-request");
    assert_eq!(problem["errors"][0]["pointer"], "/record");
}

#[tokio::test]
async fn what_the_record_does_not_say_is_listed_as_ungrounded() {
    let mut draft = drafts::briefing();
    draft["headline"] = json!("Brackwater will sign for $150,000 on 4 July 2026");
    let upstream = Upstream::doing(Play::Answer(Reply::saying(draft))).await;
    let app = TestApp::new(&Config::to(&upstream)).await;

    let body = app.brief(&opportunity()).send().await.expect_ok();
    let ungrounded = body["ungrounded"].to_string();
    assert!(ungrounded.contains("$150,000"), "{ungrounded}");
    assert!(ungrounded.contains("4 July 2026"), "{ungrounded}");
}

#[tokio::test]
async fn more_than_the_model_should_read_loses_its_oldest_and_says_so() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let mut record = case();
    let comments: Vec<Value> = (0..300)
        .map(|nth| {
            let mut comment = case()["CaseComments"]["records"][0].clone();
            let day = jiff::civil::date(2025, 3, 1)
                .checked_add(jiff::Span::new().days(nth))
                .expect("a day");
            comment["CreatedDate"] = json!(format!("{day}T08:00:00.000+0000"));
            comment["CommentBody"] = json!(format!("mark-{nth:03} {}", "reading ".repeat(200)));
            comment
        })
        .collect();
    record["CaseComments"] = json!({"totalSize": 300, "done": true, "records": comments});

    let call = app.post("/case-summary", &json!({"record": record}));
    let body = call.send().await.expect_ok();
    assert_eq!(body["input_truncated"], true);
    let asked = upstream.seen().remove(0).body;
    assert!(asked.contains("mark-299"), "the newest is read");
    assert!(!asked.contains("mark-000"), "the oldest is left out");
    assert!(asked.len() < 200_000, "{} bytes", asked.len());
}

#[tokio::test]
async fn a_model_that_the_org_does_not_have_is_named_with_those_that_it_has() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let request = json!({"record": opportunity(), "model": "largest"});
    let refused = app.post("/briefing", &request).send().await;
    let problem = refused.expect_problem(400, "invalid-request");
    assert_eq!(problem["errors"][0]["pointer"], "/model");
    let detail = problem["detail"].as_str().expect("a text");
    assert!(
        detail.contains("largest") && detail.contains("default"),
        "{detail}"
    );
    assert_eq!(upstream.count(), 0);
}
