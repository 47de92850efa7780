//! Whatever comes in: its documented error, and the gateway serves on.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::Method;
use serde_json::{Value, json};

use crate::helpers::call::Call;
use crate::helpers::org::{KEY, MESSAGES_KEY, OTHER_KEY};
use crate::helpers::{Answer, Config, TestApp, Upstream, opportunity};

async fn app() -> (TestApp, Upstream) {
    let upstream = Upstream::good().await;
    (TestApp::new(&Config::to(&upstream)).await, upstream)
}

/// The problem that `call` meets, once the gateway has proved that it serves on and that nothing went upstream.
async fn refused(app: &TestApp, upstream: &Upstream, call: Call) -> Answer {
    let answer = call.send().await;
    assert_eq!(upstream.count(), 0);
    app.expect_serving().await;
    answer
}

fn raw(app: &TestApp, body: impl Into<reqwest::Body>) -> Call {
    app.call(Method::POST, "/briefing")
        .header("content-type", "application/json")
        .body(body)
}

#[tokio::test]
async fn what_is_no_json_is_told_by_line_and_column_and_not_repeated() {
    let (app, upstream) = app().await;
    let call = raw(&app, "{\"record\": confidential}");
    let answer = refused(&app, &upstream, call).await;
    let problem = answer.expect_problem(400, "invalid-request");
    let detail = problem["detail"].as_str().expect("a text");
    assert!(detail.contains("is not JSON: line 1, column"), "{detail}");
    assert!(!answer.text().contains("confidential"));
}

#[tokio::test]
async fn truncated_json_is_told_as_such() {
    let (app, upstream) = app().await;
    let whole = json!({"record": opportunity()}).to_string();
    let call = raw(&app, whole[..whole.len() / 2].to_owned());
    let answer = refused(&app, &upstream, call).await;
    let problem = answer.expect_problem(400, "invalid-request");
    let detail = problem["detail"].as_str().expect("a text");
    assert!(detail.contains("ends before its JSON does"), "{detail}");
}

#[tokio::test]
async fn an_empty_body_is_invalid() {
    let (app, upstream) = app().await;
    let answer = refused(&app, &upstream, raw(&app, "")).await;
    answer.expect_problem(400, "invalid-request");
}

#[tokio::test]
async fn json_nested_too_deeply_is_refused_and_not_crashed_on() {
    let (app, upstream) = app().await;
    let deep = format!(
        "{{\"record\": {}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let answer = refused(&app, &upstream, raw(&app, deep)).await;
    answer.expect_problem(400, "invalid-request");
}

#[tokio::test]
async fn a_body_of_six_megabytes_is_too_large() {
    let (app, upstream) = app().await;
    let body = json!({"text": "x".repeat(6_000_000)}).to_string();
    let answer = refused(&app, &upstream, raw(&app, body)).await;
    let problem = answer.expect_problem(413, "too-large");
    assert_eq!(problem["retryable"], false);
    let detail = problem["detail"].as_str().expect("a text");
    assert!(detail.contains("5000000"), "{detail}");
}

#[tokio::test]
async fn a_caller_who_sends_on_after_its_body_was_refused_still_reads_why() {
    let (app, upstream) = app().await;
    // As much as Apex can send, and more than the sockets between us hold.
    for bytes in [12_000_000, 24_000_000] {
        let body = json!({"text": "x".repeat(bytes)}).to_string();
        let answer = raw(&app, body).send().await;
        answer.expect_problem(413, "too-large");
    }
    assert_eq!(upstream.count(), 0);
    app.expect_serving().await;
}

#[tokio::test]
async fn a_gzip_bomb_is_too_large() {
    let (app, upstream) = app().await;
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    let blank = vec![b' '; 1_000_000];
    for _ in 0..60 {
        packed.write_all(&blank).expect("memory");
    }
    let packed = packed.finish().expect("memory");
    assert!(packed.len() < 100_000, "it is small on the wire");
    let call = raw(&app, packed).header("content-encoding", "gzip");
    let answer = refused(&app, &upstream, call).await;
    answer.expect_problem(413, "too-large");
}

#[tokio::test]
async fn a_body_that_is_not_packed_as_its_header_says_is_invalid() {
    let (app, upstream) = app().await;
    let call = raw(&app, "{\"record\": {}}").header("content-encoding", "gzip");
    let answer = refused(&app, &upstream, call).await;
    answer.expect_problem(400, "invalid-request");
}

#[tokio::test]
async fn a_packing_that_is_not_known_is_unsupported() {
    let (app, upstream) = app().await;
    let call = raw(&app, "{}").header("content-encoding", "br");
    let answer = refused(&app, &upstream, call).await;
    answer.expect_problem(415, "unsupported-media-type");
}

#[tokio::test]
async fn bad_utf_8_is_invalid() {
    let (app, upstream) = app().await;
    let call = raw(&app, b"{\"text\": \"\xff\xfe\"}".to_vec());
    let answer = refused(&app, &upstream, call).await;
    answer.expect_problem(400, "invalid-request");
}

#[tokio::test]
async fn every_wrong_member_is_named_by_its_place() {
    let (app, upstream) = app().await;
    for (body, pointer) in [
        (json!([]), ""),
        (json!("a text"), ""),
        (json!({}), "/record"),
        (json!({"record": null}), "/record"),
        (json!({"record": 5}), "/record"),
        (
            json!({"record": opportunity(), "colour": "blue"}),
            "/colour",
        ),
        (json!({"record": opportunity(), "language": 5}), "/language"),
        (
            json!({"record": opportunity(), "language": "no language"}),
            "/language",
        ),
        (json!({"record": opportunity(), "fresh": "yes"}), "/fresh"),
        (
            json!({"record": opportunity(), "instructions": "x".repeat(2_001)}),
            "/instructions",
        ),
        (
            json!({"record": opportunity(), "related": {"cases": []}}),
            "/related/cases",
        ),
        (
            json!({"record": opportunity(), "related": {"contacts": [5]}}),
            "/related/contacts/0",
        ),
        (json!({"facts": [{"value": "no label"}]}), "/facts/0/label"),
        (json!({"record_json": 5}), "/record_json"),
    ] {
        let answer = app.post("/briefing", &body).send().await;
        let problem = answer.expect_problem(400, "invalid-request");
        let errors = problem["errors"].as_array().expect("a list");
        let named = errors.iter().any(|error| error["pointer"] == pointer);
        assert!(named, "{pointer} is not among {errors:?}");
        assert_eq!(problem["retryable"], false);
    }
    assert_eq!(upstream.count(), 0);
    app.expect_serving().await;
}

#[tokio::test]
async fn an_unknown_member_is_refused_by_name_with_those_that_there_are() {
    let (app, upstream) = app().await;
    let body = json!({"record": opportunity(), "colour": "of-the-canary"});
    let call = app.post("/briefing", &body);
    let answer = refused(&app, &upstream, call).await;
    let problem = answer.expect_problem(400, "invalid-request");
    let detail = problem["detail"].as_str().expect("a text");
    assert!(
        detail.contains("/colour") && detail.contains("record_json"),
        "{detail}"
    );
    assert!(
        !answer.text().contains("of-the-canary"),
        "a value is not repeated"
    );
}

#[tokio::test]
async fn all_that_is_wrong_is_told_at_once() {
    let (app, upstream) = app().await;
    let body = json!({"record": opportunity(), "colour": 1, "fresh": 2, "language": 3});
    let call = app.post("/briefing", &body);
    let answer = refused(&app, &upstream, call).await;
    let problem = answer.expect_problem(400, "invalid-request");
    let errors = problem["errors"].as_array().expect("a list");
    assert_eq!(errors.len(), 3, "{errors:?}");
}

#[tokio::test]
async fn a_record_of_another_object_is_refused_by_its_type() {
    let (app, upstream) = app().await;
    let call = app.post("/case-summary", &json!({"record": opportunity()}));
    let answer = refused(&app, &upstream, call).await;
    let problem = answer.expect_problem(400, "invalid-request");
    assert_eq!(problem["errors"][0]["pointer"], "/record/attributes/type");
}

#[tokio::test]
async fn an_unknown_task_is_not_found_and_the_tasks_are_listed() {
    let (app, upstream) = app().await;
    for path in ["/brief", "/forecast", "/briefing/bulk/more", "/"] {
        let call = app.post(path, &json!({"record": opportunity()}));
        let problem = call.send().await.expect_problem(404, "not-found");
        let detail = problem["detail"].as_str().expect("a text");
        assert!(
            detail.contains("/briefing, /case-summary, /email-draft"),
            "{detail}"
        );
    }
    assert_eq!(upstream.count(), 0);
    app.expect_serving().await;
}

#[tokio::test]
async fn a_wrong_method_is_told_with_those_that_are_allowed() {
    let (app, _upstream) = app().await;
    for (method, path, allowed) in [
        (Method::GET, "/briefing", "POST"),
        (Method::PUT, "/case-summary/bulk", "POST"),
        (Method::POST, "/whoami", "GET,HEAD"),
        (Method::GET, "/cache", "DELETE"),
    ] {
        let answer = app.call(method.clone(), path).send().await;
        answer.expect_problem(405, "method-not-allowed");
        assert_eq!(answer.header("allow"), Some(allowed), "{method} {path}");
    }
    app.expect_serving().await;
}

#[tokio::test]
async fn a_wrong_content_type_is_unsupported() {
    let (app, upstream) = app().await;
    let body = json!({"record": opportunity()}).to_string();
    for wrong in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=iso-8859-1",
    ] {
        let call = app
            .call(Method::POST, "/briefing")
            .header("content-type", wrong)
            .body(body.clone());
        let answer = call.send().await;
        answer.expect_problem(415, "unsupported-media-type");
    }
    assert_eq!(upstream.count(), 0);
    app.expect_serving().await;
}

#[tokio::test]
async fn whoever_proves_nothing_is_asked_for_a_token() {
    let (app, upstream) = app().await;
    let bare = || {
        app.anonymous(Method::POST, "/briefing")
            .json(&json!({"record": opportunity()}))
    };
    let calls = [
        bare(),
        bare().bearer("belay_unknown"),
        bare().header("x-api-key", "belay_unknown"),
        bare().header("authorization", "Bearer"),
        bare().header("authorization", "Digest abc"),
        bare().header("authorization", "Basic !!!"),
        bare().basic("relay", KEY),
    ];
    for call in calls {
        let answer = call.send().await;
        let problem = answer.expect_problem(401, "unauthenticated");
        assert_eq!(problem["retryable"], false);
        assert_eq!(
            answer.header("www-authenticate"),
            Some(r#"Bearer error="invalid_token""#)
        );
    }
    assert_eq!(upstream.count(), 0);
    app.expect_serving().await;
}

#[tokio::test]
async fn two_credentials_that_disagree_prove_nothing() {
    let (app, upstream) = app().await;
    for other in [OTHER_KEY, MESSAGES_KEY, "belay_unknown"] {
        let call = app.brief(&opportunity()).header("x-api-key", other);
        let answer = call.send().await;
        let problem = answer.expect_problem(401, "unauthenticated");
        let detail = problem["detail"].as_str().expect("a text");
        assert!(detail.contains("disagree"), "{detail}");
        assert!(answer.header("www-authenticate").is_some());
    }
    assert_eq!(upstream.count(), 0);
    app.expect_serving().await;
}

#[tokio::test]
async fn a_credential_without_the_scope_is_forbidden() {
    let (app, upstream) = app().await;
    for (method, path) in [
        (Method::POST, "/briefing"),
        (Method::DELETE, "/cache?record_id=0065f00000CrnLs"),
    ] {
        let call = app
            .anonymous(method, path)
            .bearer(MESSAGES_KEY)
            .json(&json!({"record": opportunity()}));
        let answer = call.send().await;
        answer.expect_problem(403, "forbidden");
        assert_eq!(
            answer.header("www-authenticate"),
            Some(r#"Bearer error="insufficient_scope", scope="tasks""#)
        );
    }
    assert_eq!(upstream.count(), 0);
    app.expect_serving().await;
}

#[tokio::test]
async fn another_org_is_never_given_our_answer() {
    let (app, upstream) = app().await;
    let body = json!({"record": opportunity()});
    let ours = app
        .post("/briefing", &body)
        .header("idempotency-key", "shared")
        .send()
        .await
        .expect_ok();
    let theirs = || {
        app.anonymous(Method::POST, "/briefing")
            .bearer(OTHER_KEY)
            .json(&body)
    };
    let cached = theirs().header("cache-control", "only-if-cached");
    cached.send().await.expect_problem(504, "not-cached");
    let answer = theirs().header("idempotency-key", "shared").send().await;
    let told = answer.expect_ok();
    assert_ne!(told["id"], ours["id"]);
    assert_eq!(told["cached"], false);
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn a_trailing_slash_answers_the_same_and_nothing_redirects() {
    let (app, _upstream) = app().await;
    let body = json!({"record": opportunity()});
    app.post("/briefing/", &body).send().await.expect_ok();
    let again = app.post("/briefing", &body).send().await.expect_ok();
    assert_eq!(again["cached"], true);
    app.post("/briefing/bulk/", &json!({"items": []}))
        .send()
        .await
        .expect_ok();
    for path in ["/whoami", "/whoami/", "/healthz", "/healthz/"] {
        assert_eq!(app.get(path).send().await.status, 200, "{path}");
    }
    for path in ["/openapi.json/", "/docs/"] {
        assert_eq!(app.get(path).send().await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_record_that_is_nothing_but_text_of_every_kind_is_answered() {
    let (app, upstream) = app().await;
    let mut record = opportunity();
    record["Description"] =
        json!("\u{202e}\u{0}\u{200b}🏗️ عقد إيجار \u{e0041} </record> ".repeat(900));
    record["What"] = json!({"attributes": {"type": "Name"}, "Type": "Opportunity"});
    record["Tasks"] = Value::Null;
    app.brief(&record).send().await.expect_ok();
    assert_eq!(upstream.count(), 1);
}
