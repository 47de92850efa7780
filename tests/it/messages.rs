//! The Claude API as a drop-in: what a client sends and gets, to the byte.

use reqwest::Method;
use serde_json::{Value, json};

use crate::helpers::events::{event, saying};
use crate::helpers::org::{KEY, MESSAGES_KEY, UPSTREAM_KEY};
use crate::helpers::reply::COST;
use crate::helpers::{Answer, Config, Gate, Play, Reply, Stream, TestApp, Upstream, within};

fn question() -> Value {
    json!({"model": "default", "max_tokens": 64, "messages": [{"role": "user", "content": "Hello"}]})
}

fn streaming() -> Value {
    let mut question = question();
    question["stream"] = json!(true);
    question
}

/// The body of an error in Claude's form, with what every one of them has.
fn expect_error(answer: &Answer, status: u16, kind: &str) -> Value {
    let told = answer.text();
    assert_eq!(answer.status, status, "{told}");
    let error = answer.json();
    assert_eq!(error["type"], "error", "{told}");
    assert_eq!(error["error"]["type"], kind, "{told}");
    assert_eq!(error["request_id"].as_str(), answer.header("request-id"));
    assert_eq!(
        answer.header("content-type"),
        Some("application/json; charset=utf-8")
    );
    error
}

#[tokio::test]
async fn a_request_reaches_the_provider_to_the_byte_but_for_its_model() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let body = "{ \"messages\" : [{\"role\":\"user\",\"content\":\"Gr\\u00fc\\u00dfe\"}],\n \"x_of_the_future\": 1.50e1, \"model\":\"default\",\"max_tokens\":64 }";
    let call = app.anonymous(Method::POST, "/v1/messages?beta=true");
    let call = call
        .header("x-api-key", MESSAGES_KEY)
        .header("anthropic-version", "2023-06-01")
        .header("anthropic-beta", "a-2026-01-01,b-2026-02-02")
        .header("content-type", "application/json")
        .body(body);
    let answer = call.send().await;
    answer.expect_ok();

    let seen = &upstream.seen()[0];
    assert_eq!(seen.body, body.replace("default", "claude-sonnet-5-5"));
    assert_eq!(seen.line, "POST /v1/messages HTTP/1.1");
    assert_eq!(seen.header("anthropic-version"), Some("2023-06-01"));
    assert_eq!(
        seen.header("anthropic-beta"),
        Some("a-2026-01-01,b-2026-02-02")
    );
}

#[tokio::test]
async fn the_answer_comes_back_to_the_byte() {
    let upstream = Upstream::good().await;
    let body = "{\"type\":\"message\", \"content\":[{\"type\":\"of_the_future\",\"n\":1.0e0}],\n\"usage\":{\"input_tokens\":3,\"output_tokens\":2,\"x\":null}}";
    upstream.always(Play::Body(body.to_owned()));
    let app = TestApp::new(&Config::to(&upstream)).await;
    let answer = app.relay(&question()).send().await;
    assert_eq!(answer.text(), body);
    assert_eq!(answer.header("request-id"), answer.header("x-request-id"));
    assert!(answer.header("request-id").is_some());
}

#[tokio::test]
async fn events_come_back_to_the_byte_and_one_by_one() {
    let gate = Gate::closed();
    let mut pieces = saying(&["Hel", "lo"]);
    pieces.insert(2, ": a comment\r\n\r\n".to_owned());
    pieces.insert(
        3,
        "event: of_the_future\r\ndata: {\"type\":\"of_the_future\"}\r\n\r\n".to_owned(),
    );
    let whole = pieces.concat();
    let upstream = Upstream::doing(Play::Stream(Stream {
        gate: Some(gate.clone()),
        ..Stream::of(pieces.clone())
    }))
    .await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let call = app.relay(&streaming()).0;
    let mut response = within("the first event", call.send())
        .await
        .expect("an answer");
    assert_eq!(response.status(), 200);
    assert_eq!(
        response.headers()["content-type"],
        "text/event-stream; charset=utf-8"
    );
    // The upstream holds back all but the first, so what comes now was not waited for.
    let first = within("the first event", response.chunk()).await;
    let first = first.expect("a chunk").expect("not the end");
    assert_eq!(first, pieces[0]);
    gate.open();
    let mut all = first.to_vec();
    while let Some(chunk) = within("more", response.chunk()).await.expect("a chunk") {
        all.extend_from_slice(&chunk);
    }
    assert_eq!(String::from_utf8(all).expect("UTF-8"), whole);
}

#[tokio::test]
async fn a_stream_is_charged_what_its_last_event_says() {
    let upstream = Upstream::doing(Play::Stream(Stream::of(saying(&["Hello"])))).await;
    let config = Config::to(&upstream).limit("budget_usd_per_day", 10.0);
    let app = TestApp::new(&config).await;
    app.relay(&streaming()).send().await;
    app.metric_reaches("belay_cost_usd_total{org=\"acme\"}", COST)
        .await;
    let (left, all) = app.allowance("budget_usd_per_day").await;
    assert!((all - left - COST).abs() < 1e-9, "{left} of {all}");
    assert!(app.metric("belay_reserved_tokens").await.abs() < 1e-9);
}

#[tokio::test]
async fn a_client_that_hangs_up_is_charged_what_was_written_for_it() {
    let gate = Gate::closed();
    let upstream = Upstream::doing(Play::Stream(Stream {
        gate: Some(gate.clone()),
        ..Stream::of(saying(&["Hello"]))
    }))
    .await;
    let config = Config::to(&upstream).limit("budget_usd_per_day", 10.0);
    let app = TestApp::new(&config).await;
    let call = app.relay(&streaming()).0;
    let mut response = call.send().await.expect("an answer");
    response.chunk().await.expect("a chunk");
    drop(response);
    gate.open();
    app.metric_reaches("belay_cost_usd_total{org=\"acme\"}", COST)
        .await;
    let (left, all) = app.allowance("budget_usd_per_day").await;
    assert!((all - left - COST).abs() < 1e-9, "{left} of {all}");
}

#[tokio::test]
async fn a_stream_that_is_cut_ends_in_an_error_event() {
    let mut pieces = saying(&["Hello", " there"]);
    pieces.truncate(4);
    pieces.push("event: content_block_delta\ndata: {\"type\":\"content_blo".to_owned());
    let upstream = Upstream::doing(Play::Stream(Stream::cut(pieces.clone()))).await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let answer = app.relay(&streaming()).send().await;
    assert_eq!(answer.status, 200);
    let text = answer.text();
    let before = pieces[..4].concat();
    let last = text
        .strip_prefix(&before)
        .expect("what came before the cut");
    let data = last.strip_prefix("event: error\ndata: ").expect("an error");
    let error: Value = serde_json::from_str(data.trim_end()).expect("JSON");
    assert_eq!(error["error"]["type"], "api_error");
    assert_eq!(error["request_id"].as_str(), answer.header("request-id"));
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn an_error_that_comes_first_is_no_answer_and_the_next_target_is_asked() {
    let overloaded = event(
        &json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
    );
    let upstream = Upstream::doing(Play::Stream(Stream::of(vec![overloaded]))).await;
    let spare = Upstream::doing(Play::Stream(Stream::of(saying(&["Hi"])))).await;
    let app = TestApp::new(&Config::to(&upstream).then(&spare)).await;
    let answer = app.relay(&streaming()).send().await;
    assert_eq!(answer.text(), saying(&["Hi"]).concat());
    assert_eq!((upstream.count(), spare.count()), (3, 1));
}

#[tokio::test]
async fn apex_is_given_one_body_where_it_asks_for_a_stream() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let answer = app.relay(&streaming()).by_salesforce().send().await;
    assert_eq!(answer.expect_ok()["type"], "message");
    assert_eq!(upstream.seen()[0].json()["stream"], false);
}

#[tokio::test]
async fn no_credential_or_hop_of_the_client_goes_upstream_and_none_of_ours_comes_back() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let call = app
        .relay(&question())
        .header("x-api-key", MESSAGES_KEY)
        .header("cookie", "session=canary")
        .header("proxy-authorization", "Basic canary")
        .header("connection", "x-hop")
        .header("x-hop", "canary")
        .header("te", "trailers")
        .header("x-forwarded-for", "203.0.113.9")
        .header("x-amz-security-token", "canary")
        .header("x-stainless-lang", "canary")
        .header("anthropic-workspace-id", "canary");
    let answer = call.send().await;
    answer.expect_ok();
    let seen = &upstream.seen()[0];
    let sent = format!("{:?}", seen.headers);
    for forbidden in ["canary", MESSAGES_KEY, KEY, "203.0.113.9"] {
        assert!(!sent.contains(forbidden), "{forbidden} in {sent}");
    }
    for name in [
        "authorization",
        "cookie",
        "te",
        "x-hop",
        "proxy-authorization",
    ] {
        assert_eq!(seen.header(name), None);
    }
    assert_eq!(seen.header("x-api-key"), Some(UPSTREAM_KEY));
    let told = format!("{:?} {}", answer.headers, answer.text());
    let host = upstream.address();
    for forbidden in [UPSTREAM_KEY, host.trim_start_matches("http://")] {
        assert!(!told.contains(forbidden), "{forbidden} in {told}");
    }
}

#[tokio::test]
async fn two_credentials_that_disagree_are_none() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let call = app.relay(&question()).header("x-api-key", KEY);
    expect_error(&call.send().await, 401, "authentication_error");
    let call = app
        .anonymous(Method::POST, "/v1/messages")
        .json(&question());
    expect_error(&call.send().await, 401, "authentication_error");
    let call = app.post("/v1/messages", &question());
    let error = expect_error(&call.send().await, 403, "permission_error");
    assert!(
        error["error"]["message"]
            .as_str()
            .expect("a text")
            .contains("messages")
    );
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_told_in_claudes_form() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream).server("messages_body_bytes", 2_000)).await;
    let with = |name: &str, value: Value| {
        let mut body = question();
        body[name] = value;
        body
    };
    for (body, status, kind, says) in [
        (
            with("model", json!("gpt")),
            404,
            "not_found_error",
            "default",
        ),
        (
            with("model", json!("a/b")),
            400,
            "invalid_request_error",
            "/model",
        ),
        (
            with("model", json!("..%2f")),
            400,
            "invalid_request_error",
            "/model",
        ),
        (
            with("max_tokens", json!("x")),
            400,
            "invalid_request_error",
            "/max_tokens",
        ),
        (json!([]), 400, "invalid_request_error", "object"),
        (
            with("metadata", json!("x".repeat(3_000))),
            413,
            "request_too_large",
            "2000",
        ),
    ] {
        let error = expect_error(&app.relay(&body).send().await, status, kind);
        let message = error["error"]["message"].as_str().expect("a text");
        assert!(message.contains(says), "{message}");
    }
    let call = app
        .relay(&question())
        .header("anthropic-version", "new\u{e9}");
    expect_error(&call.send().await, 400, "invalid_request_error");
    let call = app
        .anonymous(Method::GET, "/v1/messages")
        .bearer(MESSAGES_KEY);
    expect_error(&call.send().await, 405, "invalid_request_error");
    let call = app
        .anonymous(Method::GET, "/v1/nothing")
        .bearer(MESSAGES_KEY);
    expect_error(&call.send().await, 404, "not_found_error");
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn the_upstream_says_itself_what_it_rejects() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    for (status, kind) in [(400, "invalid_request_error"), (413, "request_too_large")] {
        let body =
            "{\"type\":\"error\",\"error\":{\"type\":\"KIND\",\"message\":\"messages.0: no\"}}";
        let body = body.replace("KIND", kind);
        upstream.next([Play::Status(status, &[], body.leak())]);
        let error = expect_error(&app.relay(&question()).send().await, status, kind);
        assert_eq!(error["error"]["message"], "messages.0: no");
    }
}

#[tokio::test]
async fn what_ails_our_account_is_no_401_of_theirs() {
    for status in [401, 402, 403, 404] {
        let upstream = Upstream::doing(Play::Status(status, &[], "{}")).await;
        let app = TestApp::new(&Config::to(&upstream)).await;
        let answer = app.relay(&question()).send().await;
        expect_error(&answer, 502, "api_error");
        assert_eq!(answer.header("x-should-retry"), Some("false"));
    }
}

#[tokio::test]
async fn a_limit_of_ours_is_told_as_claude_tells_its_own() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream).limit("requests_per_minute", 1)).await;
    let answer = app.relay(&question()).send().await;
    answer.expect_ok();
    assert_eq!(
        answer.header("anthropic-ratelimit-requests-limit"),
        Some("1")
    );
    assert_eq!(
        answer.header("anthropic-ratelimit-requests-remaining"),
        Some("0")
    );
    let reset = answer.header("anthropic-ratelimit-requests-reset");
    assert!(reset.expect("a time").ends_with('Z'));
    let answer = app.relay(&question()).send().await;
    expect_error(&answer, 429, "rate_limit_error");
    assert!(answer.header("retry-after").is_some());
    assert_eq!(answer.header("x-should-retry"), None);
}

#[tokio::test]
async fn a_spent_budget_is_no_reason_to_try_again() {
    let upstream = Upstream::good().await;
    let config = Config::to(&upstream).limit("budget_usd_per_day", 0.02);
    let app = TestApp::new(&config).await;
    let mut spent = None;
    for _ in 0..20 {
        let answer = app.relay(&question()).send().await;
        if answer.status != 200 {
            spent = Some(answer);
            break;
        }
    }
    let answer = spent.expect("a budget ends");
    expect_error(&answer, 429, "rate_limit_error");
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    let (left, all) = app.allowance("budget_usd_per_day").await;
    assert!(left >= 0.0 && left < all);
}

#[tokio::test]
async fn an_org_with_a_budget_sends_nothing_that_has_no_bound() {
    let upstream = Upstream::good().await;
    let config = Config::to(&upstream).limit("budget_usd_per_day", 50.0);
    let app = TestApp::new(&config).await;
    let mut body = question();
    body["tools"] = json!([{"type": "web_search_20260318", "name": "web_search"}]);
    let error = expect_error(&app.relay(&body).send().await, 400, "invalid_request_error");
    let message = error["error"]["message"].as_str().expect("a text");
    assert!(message.starts_with("/tools/0/max_uses"), "{message}");
    assert_eq!(upstream.count(), 0);
    body["tools"][0]["max_uses"] = json!(2);
    app.relay(&body).send().await.expect_ok();
}

#[tokio::test]
async fn a_count_costs_nothing_and_comes_back_to_the_byte() {
    let upstream = Upstream::doing(Play::Body("{\"input_tokens\": 14}".to_owned())).await;
    let app = TestApp::new(&Config::to(&upstream).limit("budget_usd_per_day", 1.0)).await;
    let mut body = question();
    body.as_object_mut()
        .expect("an object")
        .remove("max_tokens");
    let call = app.anonymous(Method::POST, "/v1/messages/count_tokens");
    let answer = call.bearer(MESSAGES_KEY).json(&body).send().await;
    assert_eq!(answer.text(), "{\"input_tokens\": 14}");
    assert_eq!(
        upstream.seen()[0].line,
        "POST /v1/messages/count_tokens HTTP/1.1"
    );
    assert_eq!(upstream.seen()[0].json()["model"], "claude-sonnet-5-5");
    let (left, all) = app.allowance("budget_usd_per_day").await;
    assert!((all - left).abs() < 1e-9);
}

#[tokio::test]
async fn a_client_sees_the_models_that_its_org_may_use() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let get = async |path: &str| {
        let call = app.anonymous(Method::GET, path);
        call.bearer(MESSAGES_KEY).send().await
    };
    let page = get("/v1/models").await.expect_ok();
    let ids: Vec<&str> = page["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|model| model["id"].as_str().expect("a text"))
        .collect();
    assert_eq!(ids, ["default", "claude-sonnet-5-5"]);
    assert_eq!(page["has_more"], false);
    let page = get("/v1/models?limit=1").await.expect_ok();
    assert_eq!(
        (&page["has_more"], &page["last_id"]),
        (&json!(true), &json!("default"))
    );
    let page = get("/v1/models?limit=1&after_id=default").await.expect_ok();
    assert_eq!(page["data"][0]["id"], "claude-sonnet-5-5");
    let model = get("/v1/models/default").await.expect_ok();
    assert_eq!(model["type"], "model");
    expect_error(&get("/v1/models/gpt").await, 404, "not_found_error");
    expect_error(
        &get("/v1/models?limit=0").await,
        400,
        "invalid_request_error",
    );
    let body = json!({"model": "claude-sonnet-5-5", "max_tokens": 8, "messages": []});
    app.relay(&body).send().await.expect_ok();
}

#[tokio::test]
async fn a_stated_patience_ends_with_the_first_byte() {
    let upstream = Upstream::doing(Play::Hang).await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let answer = app.relay(&question()).waiting(1).send().await;
    expect_error(&answer, 504, "timeout_error");
    assert_eq!(answer.header("preference-applied"), Some("wait=1"));

    let gate = Gate::closed();
    let upstream = Upstream::doing(Play::Stream(Stream {
        gate: Some(gate.clone()),
        ..Stream::of(saying(&["Hello"]))
    }))
    .await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let call = app.relay(&streaming()).waiting(1).0;
    let mut response = call.send().await.expect("an answer");
    response.chunk().await.expect("a chunk");
    // Its patience is over by now; what has begun goes on.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    gate.open();
    let mut rest = Vec::new();
    while let Some(chunk) = within("the rest", response.chunk()).await.expect("a chunk") {
        rest.extend_from_slice(&chunk);
    }
    assert!(rest.ends_with(b"{\"type\":\"message_stop\"}\n\n"));
}

#[tokio::test]
async fn the_simulator_speaks_the_claude_api_too() {
    let upstream = Upstream::good().await;
    let config = Config::to(&upstream).more(
        "[[providers]]\nname = \"rehearsal\"\nkind = \"simulator\"\n[models.rehearsed]\ntargets = [{ provider = \"rehearsal\", model = \"simulator\" }]\n",
    );
    let app = TestApp::new(&config).await;
    let mut body = streaming();
    body["model"] = json!("rehearsed");
    let text = app.relay(&body).send().await.text();
    assert!(text.starts_with("event: message_start\n") && text.contains("message_stop"));
    body["stream"] = json!(false);
    assert_eq!(app.relay(&body).send().await.expect_ok()["type"], "message");
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn five_hundred_streams_at_once_lose_no_event() {
    let words: Vec<String> = (0..40).map(|n| format!("word {n} ")).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let pieces = saying(&words);
    let whole = pieces.concat();
    let upstream = Upstream::doing(Play::Stream(Stream::of(pieces))).await;
    let config = Config::to(&upstream)
        .upstream_calls(600)
        .limit("calls_in_flight", 600);
    let app = TestApp::new(&config).await;
    let calls = (0..512).map(|_| app.relay(&streaming()).send());
    let answers = futures_util::future::join_all(calls).await;
    assert_eq!(answers.len(), 512);
    for answer in answers {
        assert_eq!(answer.text(), whole);
    }
    assert!(app.metric("belay_reserved_tokens").await.abs() < 1e-9);
}

#[tokio::test]
async fn only_an_org_that_wants_it_is_given_an_answer_twice() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let first = app.relay(&question()).send().await;
    let second = app.relay(&question()).send().await;
    assert_eq!(
        (first.header("cache-status"), second.header("cache-status")),
        (None, None)
    );
    assert_eq!(upstream.count(), 2);

    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream).org("messages_cache_ttl_s = 60")).await;
    let first = app.relay(&question()).send().await;
    let second = app.relay(&question()).send().await;
    assert_eq!(first.body, second.body);
    assert!(
        second
            .header("cache-status")
            .expect("told")
            .starts_with("belay; hit; ttl=")
    );
    assert_eq!(upstream.count(), 1);
    app.relay(&question())
        .header("cache-control", "no-cache")
        .send()
        .await
        .expect_ok();
    assert_eq!(upstream.count(), 2);
    let mut other = question();
    other["temperature"] = json!(0.5);
    let call = app.relay(&other).header("cache-control", "only-if-cached");
    expect_error(&call.send().await, 504, "timeout_error");
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn a_stream_is_given_again_to_the_byte_unless_it_was_cut() {
    let upstream = Upstream::doing(Play::Stream(Stream::of(saying(&["Hello"])))).await;
    let cut = Play::Stream(Stream::cut(saying(&["Hello"])[..4].to_vec()));
    upstream.next([cut]);
    let app = TestApp::new(&Config::to(&upstream).org("messages_cache_ttl_s = 60")).await;
    let broken = app.relay(&streaming()).send().await.text();
    assert!(broken.contains("event: error"));
    let first = app.relay(&streaming()).send().await;
    assert_eq!(first.text(), saying(&["Hello"]).concat());
    let again = async || app.relay(&streaming()).send().await;
    crate::helpers::until("it is kept", async || {
        again().await.header("cache-status").is_some()
    })
    .await;
    let second = again().await;
    assert_eq!(second.text(), first.text());
    assert_eq!(
        second.header("content-type"),
        Some("text/event-stream; charset=utf-8")
    );
}

#[tokio::test]
async fn a_purge_forgets_relayed_answers_about_the_record() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream).org("messages_cache_ttl_s = 60")).await;
    let mut body = question();
    body["messages"][0]["content"] = json!("Tell me about 0065f00000QwErTAAV.");
    app.relay(&body).send().await.expect_ok();
    let purge = app.call(Method::DELETE, "/cache?record_id=0065f00000QwErT");
    purge.send().await.expect_ok();
    let answer = app.relay(&body).send().await;
    assert_eq!(answer.header("cache-status"), None);
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn a_repeat_by_its_key_costs_nothing_and_gets_the_same_bytes() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let ask = async |body: &Value| {
        let call = app.relay(body).header("idempotency-key", "once");
        call.send().await
    };
    let first = ask(&question()).await;
    let second = ask(&question()).await;
    first.expect_ok();
    assert_eq!(first.body, second.body);
    assert_eq!(
        second.header("cache-status"),
        Some("belay; hit; detail=idempotency-key")
    );
    let mut other = question();
    other["max_tokens"] = json!(65);
    expect_error(&ask(&other).await, 422, "invalid_request_error");
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn a_failure_leaves_the_key_free() {
    let upstream = Upstream::good().await;
    upstream.next([Play::Status(401, &[], "{}")]);
    let app = TestApp::new(&Config::to(&upstream)).await;
    let call = || app.relay(&question()).header("idempotency-key", "once");
    expect_error(&call().send().await, 502, "api_error");
    call().send().await.expect_ok();
}

const RULES: &str =
    "mask = [\"Contact.Name\"]\ndrop = [\"*.SSN__c\"]\nlink_hosts = [\"acme.example\"]";

#[tokio::test]
async fn what_an_org_masks_never_reaches_the_provider_and_comes_back_in_the_answer() {
    let upstream = Upstream::doing(Play::Answer(Reply::saying(
        "Write to [EMAIL_1], not to [x](https://evil.example/?d=1).",
    )))
    .await;
    let app = TestApp::new(&Config::to(&upstream).privacy(RULES)).await;
    let record = json!({"attributes": {"type": "Contact"}, "Name": "Fixture Person", "SSN__c": "078-05-1120", "Email": "box@mail.example"});
    let mut body = question();
    body["system"] = json!("The customer is box@mail.example.");
    body["messages"][0]["content"] = json!(format!("Who is this? {record}"));
    let answer = app.relay(&body).send().await.expect_ok();
    assert_eq!(
        answer["content"][0]["text"],
        "Write to box@mail.example, not to x."
    );
    let sent = &upstream.seen()[0].body;
    for withheld in ["box@mail", "Fixture", "078-05"] {
        assert!(!sent.contains(withheld), "{withheld} in {sent}");
    }
    assert!(
        sent.contains("[EMAIL_1]") && sent.contains("[CONTACT_NAME_1]"),
        "{sent}"
    );
}

#[tokio::test]
async fn a_placeholder_that_is_split_over_events_comes_back_whole() {
    let words = [
        "Write to [EM",
        "AIL",
        "_1",
        "] or ",
        "see https://ev",
        "il.example/x now",
    ];
    let upstream = Upstream::doing(Play::Stream(Stream::of(saying(&words)))).await;
    let app = TestApp::new(&Config::to(&upstream).privacy(RULES)).await;
    let mut body = streaming();
    body["messages"][0]["content"] = json!("I am box@mail.example");
    let text = app.relay(&body).send().await.text();
    let said: String = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok())
        .filter_map(|event| Some(event["delta"]["text"].as_str()?.to_owned()))
        .collect();
    assert_eq!(said, "Write to box@mail.example or see [link removed] now");
    assert!(text.ends_with("data: {\"type\":\"message_stop\"}\n\n"));
    assert!(!upstream.seen()[0].body.contains("box@mail"));
}

#[tokio::test]
async fn an_org_with_rules_sends_nothing_that_cannot_be_looked_into() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream).privacy(RULES)).await;
    let mut body = question();
    body["messages"][0]["content"] = json!([{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}]);
    let error = expect_error(&app.relay(&body).send().await, 400, "invalid_request_error");
    let message = error["error"]["message"].as_str().expect("a text");
    assert!(message.starts_with("/messages/0/content/0"), "{message}");
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn tokens_are_counted_of_what_would_leave() {
    let upstream = Upstream::doing(Play::Body("{\"input_tokens\":9}".to_owned())).await;
    let app = TestApp::new(&Config::to(&upstream).privacy(RULES)).await;
    let mut body = question();
    body["messages"][0]["content"] = json!("I am box@mail.example");
    let call = app.anonymous(Method::POST, "/v1/messages/count_tokens");
    let answer = call.bearer(MESSAGES_KEY).json(&body).send().await;
    answer.expect_ok();
    assert!(!upstream.seen()[0].body.contains("box@mail"));
}

#[tokio::test]
async fn a_question_for_the_web_goes_to_a_target_that_can_search() {
    let (plain, searching) = (Upstream::good().await, Upstream::good().await);
    let config = Config::to(&plain)
        .then(&searching)
        .more("[capabilities.\"claude/claude-sonnet-5-5\"]\nweb_search = false\n");
    let app = TestApp::new(&config).await;
    let mut body = question();
    body["tools"] = json!([{"type": "web_search_20260318", "name": "web_search", "max_uses": 1}]);
    app.relay(&body).send().await.expect_ok();
    assert_eq!((plain.count(), searching.count()), (0, 1));
    app.relay(&question()).send().await.expect_ok();
    assert_eq!((plain.count(), searching.count()), (1, 1));
}

#[tokio::test]
async fn a_version_is_a_day_and_nothing_else_goes_on_in_its_place() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    for version in ["4111111111111111", "2026-13-01", "latest"] {
        let call = app.relay(&question()).header("anthropic-version", version);
        expect_error(&call.send().await, 400, "invalid_request_error");
    }
    assert_eq!(upstream.count(), 0);
}
