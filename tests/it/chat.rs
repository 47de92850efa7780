//! Salesforce's LLM Open Connector: a chat in OpenAI's form, answered by Claude.

use reqwest::Method;
use serde_json::{Value, json};

use crate::helpers::org::MESSAGES_KEY;
use crate::helpers::process::Belay;
use crate::helpers::reply::{COST, USAGE};
use crate::helpers::{Config, Play, Reply, TestApp, Upstream, until};

/// A chat as Prompt Builder sends it.
fn chat() -> Value {
    json!({
        "model": "default",
        "messages": [{"role": "user", "content": "Write a subject line."}],
        "max_tokens": 64, "n": 1, "temperature": 0.7, "parameters": {"top_p": 0.5},
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut chat = chat();
    chat[name] = value;
    chat
}

/// What reaches Claude of this chat.
async fn sent(chat: &Value) -> Value {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    app.chat(chat).send().await.expect_ok();
    upstream.seen()[0].json()
}

#[tokio::test]
async fn a_chat_is_answered_in_openais_form() {
    let upstream = Upstream::doing(Play::Answer(Reply::saying("The quay lease"))).await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let call = app.chat(&chat()).by_salesforce();
    let answer = call.header("x-request-id", "call-1").send().await;
    let mut completion = answer.expect_ok();
    // The clock of the test begins at noon of this day.
    let created = completion["created"].take().as_i64().expect("a number");
    assert!(
        (1_773_144_000..1_773_144_060).contains(&created),
        "{created}"
    );
    let (prompt, completed) = USAGE;
    assert_eq!(
        completion,
        json!({
            "id": "chatcmpl-call-1",
            "object": "chat.completion",
            "created": null,
            "model": "default",
            "choices": [{
                "index": 0,
                "message": {"role": "assistant", "content": "The quay lease"},
                "finish_reason": "stop",
            }],
            "usage": {
                "prompt_tokens": prompt,
                "completion_tokens": completed,
                "total_tokens": prompt + completed,
            },
        })
    );
    assert!(answer.header("server-timing").is_some());
}

#[tokio::test]
async fn what_was_said_reaches_claude_in_its_places() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let messages = json!([
        {"role": "system", "content": "You write for sales."},
        {"role": "user", "content": [{"type": "text", "text": "Who owns "}, {"type": "text", "text": "the quay?"}]},
        {"role": "assistant", "content": "The port authority."},
        {"role": "developer", "content": "Be brief."},
        {"role": "assistant", "content": null},
        {"role": "user", "content": "  "},
        {"role": "user", "name": "ada", "content": "Since when?"},
    ]);
    let mut body = with("messages", messages);
    body["stop"] = json!("END");
    body["user"] = json!("005-ada");
    app.chat(&body).send().await.expect_ok();

    let seen = &upstream.seen()[0];
    assert_eq!(seen.line, "POST /v1/messages HTTP/1.1");
    assert_eq!(
        seen.json(),
        json!({
            "model": "claude-sonnet-5-5",
            "max_tokens": 64,
            "system": "You write for sales.\n\nBe brief.",
            "messages": [
                {"role": "user", "content": "Who owns the quay?"},
                {"role": "assistant", "content": "The port authority."},
                {"role": "user", "content": "Since when?"},
            ],
            "stop_sequences": ["END"],
            "thinking": {"type": "disabled"},
        })
    );
}

#[tokio::test]
async fn instructions_alone_are_the_question() {
    let body = with(
        "messages",
        json!([{"role": "system", "content": "Write a haiku."}]),
    );
    let sent = sent(&body).await;
    assert_eq!(
        sent["messages"],
        json!([{"role": "user", "content": "Write a haiku."}])
    );
    assert!(sent.get("system").is_none());
}

#[tokio::test]
async fn what_claude_has_no_use_for_is_taken_and_not_sent() {
    let mut body = chat();
    let harmless = json!({
        "top_p": 1, "seed": 7, "frequency_penalty": 0.5, "presence_penalty": 0, "store": false, "metadata": {"a": "b"},
        "service_tier": "auto", "tools": [], "tool_choice": "none", "response_format": {"type": "text"}, "stream": false,
        "logprobs": false, "logit_bias": null, "n": null, "of_the_future": {"x": 1},
    });
    for (name, value) in harmless.as_object().expect("an object") {
        body[name] = value.clone();
    }
    body["parameters"] = json!({
        "temperature": 0.2, "top_p": 0.5, "top_k": 40, "seed": 1, "frequency_penalty": 0, "presence_penalty": 0, "n": 1,
        "user": "x", "stream": false,
    });
    let sent = sent(&body).await;
    assert_eq!(
        sent,
        json!({
            "model": "claude-sonnet-5-5",
            "max_tokens": 64,
            "messages": chat()["messages"],
            "thinking": {"type": "disabled"},
        })
    );
}

#[tokio::test]
async fn parameters_count_where_the_member_itself_does_not_come() {
    let mut body = chat();
    body["max_tokens"] = Value::Null;
    body["parameters"] =
        json!({"max_tokens": 99, "stop_sequences": ["A", "B"], "effort": "medium"});
    let first = sent(&body).await;
    assert_eq!(first["max_tokens"], 99);
    assert_eq!(first["stop_sequences"], json!(["A", "B"]));
    assert_eq!(first["output_config"], json!({"effort": "medium"}));

    body["max_tokens"] = json!(64);
    body["reasoning_effort"] = json!("minimal");
    let second = sent(&body).await;
    assert_eq!(second["max_tokens"], 64);
    assert_eq!(second["output_config"], json!({"effort": "low"}));
}

#[tokio::test]
async fn an_answer_has_room_by_the_number_or_by_default_and_never_more_than_the_model_writes() {
    for (members, room) in [
        (json!({"max_tokens": null}), 4_096),
        (json!({"max_tokens": 8_000}), 8_000),
        (
            json!({"max_tokens": 900, "max_completion_tokens": 800}),
            800,
        ),
        (json!({"max_tokens": 4_000_000_000_u32}), 128_000),
    ] {
        let mut body = chat();
        for (name, value) in members.as_object().expect("an object") {
            body[name] = value.clone();
        }
        assert_eq!(sent(&body).await["max_tokens"], room, "{members}");
    }
}

#[tokio::test]
async fn each_target_is_told_in_its_own_way_to_think_little() {
    let upstream = Upstream::doing(Play::Status(500, &[], "{}")).await;
    let spare = Upstream::good().await;
    let config = Config::to(&upstream).then(&spare).more(
        "[models.mixed]\ntargets = [{ provider = \"claude\", model = \"claude-sonnet-5-5\" }, \
         { provider = \"spare\", model = \"claude-opus-5-5\" }]\n",
    );
    let app = TestApp::new(&config).await;
    app.chat(&with("model", json!("mixed")))
        .send()
        .await
        .expect_ok();
    let first = upstream.seen()[0].json();
    assert_eq!(first["thinking"], json!({"type": "disabled"}));
    assert_eq!(first["max_tokens"], 64);
    let second = spare.seen()[0].json();
    assert!(second.get("thinking").is_none(), "{second}");
    assert_eq!(second["output_config"], json!({"effort": "low"}));
    assert_eq!(second["max_tokens"], 64 + 2_048);
}

#[tokio::test]
async fn why_an_answer_ended_is_told_in_openais_words() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    for (reason, told) in [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
    ] {
        upstream.next([Play::Answer(Reply::saying("so far").stopped_by(reason))]);
        let completion = app.chat(&chat()).send().await.expect_ok();
        assert_eq!(completion["choices"][0]["finish_reason"], told, "{reason}");
    }
}

#[tokio::test]
async fn a_prompt_cache_counts_as_prompt_and_an_answer_may_be_empty() {
    let body = json!({
        "type": "message", "content": [], "stop_reason": "refusal",
        "usage": {"input_tokens": 10, "output_tokens": 0, "cache_creation_input_tokens": 20, "cache_read_input_tokens": 30},
    });
    let upstream = Upstream::doing(Play::Body(body.to_string())).await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let completion = app.chat(&chat()).send().await.expect_ok();
    assert_eq!(completion["usage"]["prompt_tokens"], 60);
    assert_eq!(completion["choices"][0]["message"]["content"], "");
}

#[tokio::test]
async fn every_spelling_of_the_credential_and_of_the_path_is_taken() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let call = app.anonymous(Method::POST, "/chat/completions/");
    call.bearer(MESSAGES_KEY)
        .json(&chat())
        .send()
        .await
        .expect_ok();
    let call = app.anonymous(Method::POST, "/chat/completions");
    call.basic("relay", MESSAGES_KEY)
        .json(&chat())
        .send()
        .await
        .expect_ok();
    let seen = upstream.seen();
    assert!(!format!("{seen:?}").contains(MESSAGES_KEY));
}

#[tokio::test]
async fn a_chat_is_charged_what_it_used() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream).limit("budget_usd_per_day", 10.0)).await;
    app.chat(&chat()).send().await.expect_ok();
    let (left, all) = app.allowance("budget_usd_per_day").await;
    assert!((all - left - COST).abs() < 1e-9, "{left} of {all}");
    assert!(app.metric("belay_reserved_tokens").await.abs() < 1e-9);
    let calls = "belay_requests_total{org=\"acme\",task=\"chat-completions\",outcome=\"ok\"}";
    app.metric_reaches(calls, 1.0).await;
}

#[tokio::test]
async fn what_was_reserved_covers_the_room_that_was_asked_for() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream).limit("budget_usd_per_day", 0.05)).await;
    let short = app.chat(&chat()).send().await;
    short.expect_ok();
    let bound = upstream.seen()[0].bound();
    assert!(bound < 0.05, "{bound}");
    // 20,000 tokens out at ten dollars a million are more than the whole budget.
    let long = app.chat(&with("max_tokens", json!(20_000))).send().await;
    assert_eq!(long.status, 422, "{}", long.text());
    assert_eq!(long.json()["error"]["code"], "over-limit");
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn a_repeat_by_its_key_costs_nothing() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let ask = async |body: &Value| {
        let call = app.chat(body).header("idempotency-key", "once");
        call.send().await
    };
    let first = ask(&chat()).await.expect_ok();
    let answer = ask(&chat()).await;
    let second = answer.expect_ok();
    assert_eq!(
        answer.header("cache-status"),
        Some("belay; hit; detail=idempotency-key")
    );
    assert_eq!(
        (&first["choices"], &first["usage"]),
        (&second["choices"], &second["usage"])
    );
    let other = ask(&with("max_tokens", json!(65))).await;
    assert_eq!(other.status, 422, "{}", other.text());
    assert_eq!(other.json()["error"]["code"], "idempotency-mismatch");
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn an_org_that_wants_it_is_given_an_answer_twice_but_none_of_another_effort() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream).org("messages_cache_ttl_s = 60")).await;
    let hard = with("reasoning_effort", json!("high"));
    for (body, count) in [(chat(), 1), (chat(), 1), (hard.clone(), 2), (hard, 2)] {
        app.chat(&body).send().await.expect_ok();
        assert_eq!(upstream.count(), count);
    }
    // To the byte what the chat was written as, and yet another question: this one leaves thinking to the model.
    let same = format!(
        "{{\"model\":\"default\",\"max_tokens\":64,\"messages\":{}}}",
        chat()["messages"]
    );
    let call = app.anonymous(Method::POST, "/v1/messages");
    let call = call.bearer(MESSAGES_KEY).body(same);
    call.send().await.expect_ok();
    assert_eq!(upstream.count(), 3);
}

#[tokio::test]
async fn what_an_org_keeps_back_is_masked_in_a_chat_as_well() {
    let upstream = Upstream::doing(Play::Answer(Reply::saying("Write to [EMAIL_1]."))).await;
    let app = TestApp::new(&Config::to(&upstream).privacy("detect = [\"email\"]")).await;
    let messages = json!([
        {"role": "system", "content": "Sign as ada@acme.example."},
        {"role": "user", "content": "Whom do I write to?"},
    ]);
    let answer = app.chat(&with("messages", messages)).send().await;
    let completion = answer.expect_ok();
    let sent = &upstream.seen()[0].body;
    assert!(!sent.contains("ada@acme.example"), "{sent}");
    assert!(sent.contains("[EMAIL_1]"), "{sent}");
    assert_eq!(
        completion["choices"][0]["message"]["content"],
        "Write to ada@acme.example."
    );
}

#[tokio::test]
async fn the_audit_tells_chats_from_messages() {
    let upstream = Upstream::good().await;
    let belay = Belay::serve(&Config::to(&upstream)).await;
    let lines = || -> Vec<Value> {
        let printed = belay.printed();
        let lines = printed.lines();
        lines
            .map(|line| serde_json::from_str(line).expect("every line is JSON"))
            .collect()
    };
    for (nth, body) in [chat(), with("stream", json!(true))].iter().enumerate() {
        let call = belay.anonymous(Method::POST, "/chat/completions");
        call.bearer(MESSAGES_KEY).json(body).send().await;
        until("its line", async || lines().len() == nth + 1).await;
    }
    for (line, (outcome, fields, tokens)) in lines().iter().zip([
        ("ok", json!(["messages"]), USAGE.0),
        ("invalid-request", json!([]), 0),
    ]) {
        assert_eq!(line["task"], "chat-completions");
        assert_eq!(line["outcome"], outcome);
        assert_eq!(line["fields_sent"], fields);
        assert_eq!(line["input_tokens"], tokens);
    }
}
