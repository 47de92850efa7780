//! What goes wrong with a chat, in OpenAI's form.

use reqwest::Method;
use serde_json::{Value, json};

use crate::helpers::org::{KEY, MESSAGES_KEY};
use crate::helpers::{Answer, Config, Play, TestApp, Upstream};

fn chat() -> Value {
    json!({"model": "default", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 64})
}

fn with(name: &str, value: Value) -> Value {
    let mut chat = chat();
    chat[name] = value;
    chat
}

/// The error itself, with what every one of them has.
fn expect_error(answer: &Answer, status: u16, kind: &str, code: &str) -> Value {
    let told = answer.text();
    assert_eq!(answer.status, status, "{told}");
    assert_eq!(
        answer.header("content-type"),
        Some("application/json; charset=utf-8")
    );
    let mut body = answer.json();
    assert_eq!(body.as_object().expect("an object").len(), 1, "{told}");
    let error = body["error"].take();
    assert_eq!(error.as_object().expect("an object").len(), 4, "{told}");
    assert_eq!(error["type"], kind, "{told}");
    assert_eq!(error["code"], code, "{told}");
    assert!(!error["message"].as_str().expect("a text").is_empty());
    assert!(error["param"].is_string() || error["param"].is_null());
    error
}

fn expect_invalid(answer: &Answer) -> Value {
    expect_error(answer, 400, "invalid_request_error", "invalid-request")
}

#[tokio::test]
async fn what_would_change_the_answers_meaning_is_refused_by_name() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let tool = json!([{"type": "function", "function": {"name": "f"}}]);
    for (name, value, says) in [
        ("n", json!(2), "must be 1"),
        ("n", json!("1"), "must be 1"),
        ("stream", json!(true), "POST /v1/messages streams"),
        ("tools", tool.clone(), "/v1/messages"),
        ("functions", tool.clone(), "/v1/messages"),
        ("tool_choice", json!("required"), "/v1/messages"),
        ("function_call", json!({"name": "f"}), "/v1/messages"),
        (
            "response_format",
            json!({"type": "json_object"}),
            "type text",
        ),
        ("logprobs", json!(true), "probabilities"),
        ("top_logprobs", json!(5), "probabilities"),
        ("logit_bias", json!({"50256": -100}), "left out"),
        ("modalities", json!(["text", "audio"]), "text alone"),
        ("audio", json!({"voice": "alloy"}), "left out"),
        ("web_search_options", json!({}), "left out"),
    ] {
        let error = expect_invalid(&app.chat(&with(name, value.clone())).send().await);
        assert_eq!(error["param"], name);
        let message = error["message"].as_str().expect("a text");
        assert!(message.starts_with(&format!("{name}: ")), "{message}");
        assert!(message.contains(says), "{message}");

        let body = with("parameters", json!({name: value}));
        let error = expect_invalid(&app.chat(&body).send().await);
        assert_eq!(error["param"], format!("parameters.{name}"));
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn what_a_chat_must_have_is_named_where_it_is_wrong() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let turn = |turn: Value| with("messages", json!([{"role": "user", "content": "Hi"}, turn]));
    let part = |part: Value| turn(json!({"role": "user", "content": [part]}));
    let image = json!({"type": "image_url", "image_url": {"url": "https://x.example/a.png"}});
    for (body, param, says) in [
        (with("messages", json!([])), "messages", "must not be empty"),
        (json!({"model": "default"}), "messages", "is missing"),
        (with("model", json!(7)), "model", "must be a string"),
        (with("model", json!("a/b")), "model", "1 to 128 characters"),
        (
            with("messages", json!("Hello")),
            "messages",
            "must be an array",
        ),
        (
            turn(json!({"content": "Hi"})),
            "messages[1].role",
            "is missing",
        ),
        (
            turn(json!({"role": "tool", "content": "Hi"})),
            "messages[1].role",
            "must be one of system, developer, user, assistant",
        ),
        (
            turn(json!({"role": "user", "content": 5})),
            "messages[1].content",
            "must be",
        ),
        (
            part(image),
            "messages[1].content[0].type",
            "must be text: pictures",
        ),
        (
            part(json!({"type": "text"})),
            "messages[1].content[0].text",
            "is missing",
        ),
        (
            part(json!("Hi")),
            "messages[1].content[0]",
            "must be an object",
        ),
        (
            with("messages", json!([{"role": "user", "content": " "}])),
            "messages",
            "a text",
        ),
        (with("max_tokens", json!(0)), "max_tokens", "at least 1"),
        (with("max_tokens", json!("64")), "max_tokens", "an integer"),
        (with("temperature", json!("hot")), "temperature", "a number"),
        (with("stop", json!([1])), "stop[0]", "must be a string"),
        (
            with("reasoning_effort", json!("max")),
            "reasoning_effort",
            "must be one of",
        ),
        (with("parameters", json!([])), "parameters", "must be"),
        (
            with("parameters", json!({"efort": "low"})),
            "parameters.efort",
            "there can be max_tokens, max_completion_tokens, stop, stop_sequences, effort",
        ),
        (
            with("parameters", json!({"effort": "max"})),
            "parameters.effort",
            "must be one of",
        ),
        (
            with("parameters", json!({"stop_sequences": [1]})),
            "parameters.stop_sequences[0]",
            "a string",
        ),
        (
            with("parameters", json!({"messages": []})),
            "parameters.messages",
            "there can be",
        ),
    ] {
        let error = expect_invalid(&app.chat(&body).send().await);
        assert_eq!(error["param"], param, "{body}: {error}");
        let message = error["message"].as_str().expect("a text");
        assert!(message.contains(says), "{body}: {message}");
    }
    for body in ["[]", "nonsense", "{\"model\":\"default\",", "\"text\""] {
        let call = app.anonymous(Method::POST, "/chat/completions");
        let call = call.header("api-key", MESSAGES_KEY);
        let call = call.header("content-type", "application/json").body(body);
        let error = expect_invalid(&call.send().await);
        assert_eq!(error["param"], Value::Null);
    }
    let error = expect_invalid(&app.chat(&with("max_tokens", json!(64.0))).send().await);
    assert!(error["message"].as_str().expect("a text").contains("whole"));
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn a_model_that_the_org_does_not_have_is_told_with_those_that_it_has() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let answer = app.chat(&with("model", json!("gpt-4-turbo"))).send().await;
    let error = expect_error(&answer, 404, "invalid_request_error", "model_not_found");
    assert_eq!(error["param"], "model");
    assert_eq!(
        error["message"],
        "model: gpt-4-turbo is no model of acme; it has default, claude-sonnet-5-5"
    );
    app.chat(&with("model", json!("claude-sonnet-5-5")))
        .send()
        .await
        .expect_ok();
}

#[tokio::test]
async fn who_may_not_is_told_so() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let call = |key: &str| {
        let call = app.anonymous(Method::POST, "/chat/completions");
        call.header("api-key", key).json(&chat())
    };
    let answer = call("belay_nobody").send().await;
    expect_error(&answer, 401, "authentication_error", "invalid_api_key");
    assert_eq!(
        answer.header("www-authenticate"),
        Some("Bearer error=\"invalid_token\"")
    );
    let answer = call(KEY).send().await;
    let error = expect_error(&answer, 403, "permission_error", "forbidden");
    assert!(
        error["message"]
            .as_str()
            .expect("a text")
            .contains("messages")
    );
    let call = app.anonymous(Method::GET, "/chat/completions");
    let answer = call.header("api-key", MESSAGES_KEY).send().await;
    expect_error(&answer, 405, "invalid_request_error", "method-not-allowed");
    assert_eq!(answer.header("allow"), Some("POST"));
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn a_body_is_bounded_as_a_tasks_is() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream).server("body_bytes", 2_000)).await;
    let answer = app
        .chat(&with("user", json!("x".repeat(3_000))))
        .send()
        .await;
    expect_error(&answer, 413, "invalid_request_error", "too-large");
    let call = app.anonymous(Method::POST, "/chat/completions");
    let call = call.header("api-key", MESSAGES_KEY);
    let answer = call
        .header("content-type", "text/plain")
        .body("Hello")
        .send()
        .await;
    expect_error(
        &answer,
        415,
        "invalid_request_error",
        "unsupported-media-type",
    );
}

#[tokio::test]
async fn a_limit_is_told_with_the_time_to_wait() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream).limit("requests_per_minute", 1)).await;
    app.chat(&chat()).send().await.expect_ok();
    let answer = app.chat(&chat()).send().await;
    expect_error(&answer, 429, "rate_limit_error", "rate_limit_exceeded");
    assert!(answer.header("retry-after").is_some());
    assert_eq!(answer.header("x-should-retry"), None);
}

#[tokio::test]
async fn a_spent_budget_is_told_as_a_quota_and_not_as_a_rate() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream).limit("budget_usd_per_day", 0.02)).await;
    let mut spent = None;
    for _ in 0..20 {
        let answer = app.chat(&chat()).send().await;
        if answer.status != 200 {
            spent = Some(answer);
            break;
        }
    }
    let answer = spent.expect("a budget ends");
    expect_error(&answer, 429, "insufficient_quota", "insufficient_quota");
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    assert!(answer.header("retry-after").is_some());
}

#[tokio::test]
async fn claude_says_itself_what_it_rejects() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let body = "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"prompt is too long\"}}";
    upstream.next([Play::Status(400, &[], body)]);
    let error = expect_invalid(&app.chat(&chat()).send().await);
    assert_eq!(error["message"], "prompt is too long");
    let body =
        "{\"type\":\"error\",\"error\":{\"type\":\"request_too_large\",\"message\":\"too large\"}}";
    upstream.next([Play::Status(413, &[], body)]);
    let answer = app.chat(&chat()).send().await;
    expect_error(&answer, 413, "invalid_request_error", "too-large");
}

#[tokio::test]
async fn what_ails_our_account_is_no_401_of_theirs() {
    for status in [401, 402, 403, 404] {
        let upstream = Upstream::doing(Play::Status(status, &[], "{}")).await;
        let app = TestApp::new(&Config::to(&upstream)).await;
        let answer = app.chat(&chat()).send().await;
        expect_error(&answer, 502, "server_error", "upstream-refused");
        assert_eq!(answer.header("x-should-retry"), Some("false"));
        assert_eq!(answer.header("www-authenticate"), None);
    }
}

#[tokio::test]
async fn a_provider_that_fails_is_a_fault_of_ours_and_never_of_the_request() {
    let patient = [("retry-after", "300")];
    for (play, status, kind, code) in [
        (
            Play::Status(429, Box::leak(Box::new(patient)), "{}"),
            429,
            "rate_limit_error",
            "rate_limit_exceeded",
        ),
        (
            Play::Status(529, Box::leak(Box::new(patient)), "{}"),
            503,
            "server_error",
            "overloaded",
        ),
        (
            Play::Status(500, &[], "{}"),
            502,
            "server_error",
            "upstream-failed",
        ),
        (
            Play::Body("[]".to_owned()),
            502,
            "server_error",
            "upstream-failed",
        ),
        (Play::Cut, 502, "server_error", "upstream-failed"),
    ] {
        let upstream = Upstream::doing(play).await;
        let app = TestApp::new(&Config::to(&upstream)).await;
        let answer = app.chat(&chat()).send().await;
        expect_error(&answer, status, kind, code);
        let waits = answer.header("retry-after").is_some();
        assert_eq!(waits, matches!(status, 429 | 503), "{status}");
    }
}

#[tokio::test]
async fn a_chat_is_answered_before_its_patience_ends() {
    let upstream = Upstream::doing(Play::Hang).await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let answer = app.chat(&chat()).waiting(1).send().await;
    expect_error(&answer, 504, "server_error", "deadline-passed");
    assert_eq!(answer.header("preference-applied"), Some("wait=1"));
}
