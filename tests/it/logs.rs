//! What is logged, and what never is.

use reqwest::Method;
use serde_json::{Value, json};

use crate::helpers::org::{KEY, OTHER_KEY, UPSTREAM_KEY};
use crate::helpers::process::Belay;
use crate::helpers::{Config, Play, Reply, Upstream, case, drafts, opportunity, until};

/// Stands in every value that a caller, a record or a model brings.
const CANARY: &str = "canary";

fn record() -> Value {
    let mut record = opportunity();
    record["Name"] = json!("canary of the name");
    record["Description"] = json!("canary of the description, call +49 30 555 0147");
    record["Account"]["Name"] = json!("canary of the account");
    record
}

/// Answers and faults that speak of the canary themselves.
fn plays() -> Vec<Play> {
    let mut wrong = drafts::briefing();
    wrong["risk_factors"][0]["severity"] = json!("canary of the severity");
    wrong["canary of a member"] = json!("canary of its value");
    vec![
        Play::Status(
            400,
            &[],
            r#"{"error": {"message": "canary of the upstream"}}"#,
        ),
        Play::Status(
            500,
            &[("request-id", "req_scripted")],
            "canary of the upstream",
        ),
        Play::Status(200, &[], "canary of the upstream"),
        Play::Cut,
        Play::Answer(Reply::saying(wrong)),
        Play::Answer(Reply::saying("canary of the model")),
        Play::Answer(Reply::saying("canary of the model").stopped_by("refusal")),
        Play::Answer(Reply::good()),
    ]
}

/// Calls that go wrong at the door, each with a canary in it.
async fn knock_wrongly(belay: &Belay) {
    let post = |path: &str| belay.call(Method::POST, path);
    let refused = [
        post("/briefing").body("{\"record\": canary}"),
        post("/briefing").json(&json!({"record": record(), "colour": "canary of the colour"})),
        post("/briefing").json(&json!({"record": record(), "language": "canary of the language"})),
        post("/case-summary").json(&json!({"record": record()})),
        post("/briefing").json(&json!({"record_json": "{\"canary\": "})),
        post("/briefing/bulk")
            .json(&json!({"items": [{"record": "canary"}], "omit_text": "canary"})),
        post("/briefing")
            .header("idempotency-key", "canary of a key")
            .json(&json!({})),
        belay.call(Method::GET, "/whoami?token=canary"),
        belay
            .anonymous(Method::GET, "/whoami")
            .bearer("belay_canary-key"),
        belay
            .anonymous(Method::GET, "/whoami")
            .basic("canary", "belay_canary-key"),
        belay
            .anonymous(Method::GET, "/whoami")
            .header("x-request-id", "canary id"),
        belay.call(Method::DELETE, "/cache?record_id=canary"),
    ];
    for call in refused {
        call.send().await;
    }
}

#[tokio::test]
async fn no_line_of_the_log_holds_a_value_or_a_key_whatever_goes_wrong() {
    let upstream = Upstream::good().await;
    let belay = Belay::serve(&Config::to(&upstream)).await;
    upstream.next(plays());
    for nth in 0..12 {
        let body = json!({
            "record": record(),
            "instructions": format!("canary of the instructions {nth}"),
            "text": "canary of the notes",
        });
        let call = belay.call(Method::POST, "/briefing").json(&body);
        call.header("x-request-id", &format!("call-{nth}"))
            .send()
            .await;
    }
    let mut comments = case();
    comments["CaseComments"]["records"][0]["CommentBody"] = json!("canary of a comment");
    let call = belay
        .call(Method::POST, "/case-summary")
        .json(&json!({"record": comments}));
    assert_eq!(call.send().await.status, 200);
    knock_wrongly(&belay).await;
    let last = belay
        .call(Method::GET, "/healthz")
        .header("x-request-id", "the-last-call");
    last.send().await;
    until("the last line", async || {
        belay
            .log()
            .iter()
            .any(|line| line.contains("the-last-call"))
    })
    .await;

    assert!(upstream.count() >= 12, "the canaries went all the way");
    for line in belay.log() {
        for secret in [CANARY, KEY, OTHER_KEY, UPSTREAM_KEY, "Brackwater", "0147"] {
            assert!(!line.contains(secret), "{secret} stands in {line}");
        }
    }
}

#[tokio::test]
async fn every_call_has_one_line_with_its_id_org_task_status_and_outcome() {
    let upstream = Upstream::good().await;
    let belay = Belay::serve(&Config::to(&upstream)).await;
    let call = belay.brief(&opportunity()).header("x-request-id", "one");
    call.send().await.expect_ok();
    let call = belay
        .anonymous(Method::GET, "/nowhere")
        .header("x-request-id", "two");
    call.send().await.expect_problem(404, "not-found");

    let lines = || -> Vec<Value> {
        let log = belay.log();
        let lines = log
            .iter()
            .map(|line| serde_json::from_str(line).expect("a JSON object"));
        lines
            .filter(|line: &Value| line["message"] == "call")
            .collect()
    };
    until("two lines", async || lines().len() == 2).await;
    let lines = lines();
    let picked = |line: &Value| {
        [
            "request_id",
            "org",
            "method",
            "path",
            "task",
            "status",
            "outcome",
        ]
        .map(|name| line[name].clone())
    };
    assert_eq!(
        picked(&lines[0]),
        [
            json!("one"),
            json!("acme"),
            json!("POST"),
            json!("/briefing"),
            json!("briefing"),
            json!(200),
            json!("ok")
        ]
    );
    assert_eq!(
        picked(&lines[1]),
        [
            json!("two"),
            Value::Null,
            json!("GET"),
            json!("/nowhere"),
            json!("other"),
            json!(404),
            json!("not-found")
        ]
    );
    for name in ["timestamp", "level", "duration_ms", "upstream_ms"] {
        assert!(!lines[0][name].is_null(), "{name}");
    }
}

#[tokio::test]
async fn a_fault_of_the_upstream_is_logged_with_the_id_of_the_call_that_met_it() {
    let upstream = Upstream::good().await;
    upstream.next([Play::Status(500, &[("request-id", "req_scripted")], "{}")]);
    let belay = Belay::serve(&Config::to(&upstream)).await;
    let call = belay
        .brief(&opportunity())
        .header("x-request-id", "the-unlucky-one");
    call.send().await.expect_ok();
    let fault = || {
        let log = belay.log();
        log.into_iter().find(|line| line.contains("req_scripted"))
    };
    until("the line of the fault", async || fault().is_some()).await;
    let line = fault().expect("it was waited for");
    assert!(line.contains("the-unlucky-one"), "{line}");
}
