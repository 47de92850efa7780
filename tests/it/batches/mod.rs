//! Message batches: what passes and what does not, and whose a batch is. What they cost stands in `costs`.

mod costs;

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::helpers::call::Call;
use crate::helpers::org::{MESSAGES_KEY, OTHER_MESSAGES_KEY, UPSTREAM_KEY};
use crate::helpers::process::Belay;
use crate::helpers::reply::{COST, USAGE};
use crate::helpers::{
    Answer, Config, Gate, Play, Stream, TestApp, TestClock, Upstream, until, within,
};

/// The provider's own id of the batch.
const THEIRS: &str = "msgbatch_013Zva2CMHLNnXjNJJKqJ2EF";
const OURS: &str = "https://belay.brackwater.example/v1/messages/batches/";

/// A batch as the provider tells it, which writes it in its own way.
fn told(status: &str, results: &str) -> String {
    format!(
        "{{\"id\" : \"{THEIRS}\",\"type\":\"message_batch\", \"processing_status\":\"{status}\",\n\"request_counts\":{{\"processing\":1.0e0}},\"x_new\":null,\"results_url\": {results}}}"
    )
}

fn begun() -> Play {
    Play::Body(told("in_progress", "null"))
}

fn ended(upstream: &Upstream) -> Play {
    let url = format!(
        "\"{}/v1/messages/batches/{THEIRS}/results\"",
        upstream.address()
    );
    Play::Body(told("ended", &url))
}

fn request(custom_id: &str, model: &str) -> Value {
    let params = json!({"model": model, "max_tokens": 64, "messages": [{"role": "user", "content": "Hello"}]});
    json!({"custom_id": custom_id, "params": params})
}

fn two() -> Value {
    json!({"requests": [request("a", "default"), request("b", "claude-sonnet-5-5")]})
}

/// The result of one request that used what every reply does.
fn succeeded(custom_id: &str) -> String {
    let (input, output) = USAGE;
    format!(
        "{{\"custom_id\":\"{custom_id}\", \"result\":{{\"type\":\"succeeded\",\"message\":{{\"type\":\"message\",\"model\":\"claude-sonnet-5-5\",\"content\":[],\"n\":1.0e0,\"usage\":{{\"input_tokens\":{input},\"output_tokens\":{output}}}}}}}}}\n"
    )
}

fn lines() -> String {
    succeeded("a") + "{\"custom_id\":\"b\",\"result\":{\"type\":\"expired\"}}\n"
}

fn results() -> Play {
    Play::Stream(Stream::of(vec![lines()]))
}

/// What one request of the batch costs at the batch's price.
const HALF: f64 = COST / 2.0;

async fn app(upstream: &Upstream) -> TestApp {
    let config = Config::to(upstream).batches();
    TestApp::new(&config.limit("budget_usd_per_day", 10.0)).await
}

fn call(app: &TestApp, method: Method, path: &str) -> Call {
    let path = format!("/v1/messages/batches{path}");
    app.anonymous(method, &path).bearer(MESSAGES_KEY)
}

async fn create(app: &TestApp, body: &Value) -> Answer {
    call(app, Method::POST, "").json(body).send().await
}

/// Begins a batch of two requests and yields our id of it.
async fn batch(app: &TestApp, upstream: &Upstream) -> String {
    upstream.next([begun()]);
    let batch = create(app, &two()).await.expect_ok();
    let id = batch["id"].as_str().expect("a text");
    assert!(id.starts_with("msgbatch_") && id != THEIRS, "{id}");
    id.to_owned()
}

async fn read(app: &TestApp, id: &str) -> Answer {
    call(app, Method::GET, &format!("/{id}/results"))
        .send()
        .await
}

async fn spent(app: &TestApp) -> f64 {
    let (left, all) = app.allowance("budget_usd_per_day").await;
    all - left
}

async fn batches(app: &TestApp, fate: &str) -> f64 {
    let name = format!("belay_batches_total{{org=\"acme\",fate=\"{fate}\"}}");
    app.metric(&name).await
}

/// The most that the batch in `body`, as the upstream saw it, can cost at half the price.
fn bound(body: &Value) -> f64 {
    let requests = body["requests"].as_array().expect("a list");
    let bounds = requests.iter().map(|request| {
        let params = request["params"].to_string();
        let room = request["params"]["max_tokens"].as_u64().expect("a number");
        let bytes = u64::try_from(params.len()).expect("small");
        // Two and five micro-dollars a token, rounded up once a request.
        (bytes + 2_000) * 2 + room * 5
    });
    let micros = u32::try_from(bounds.sum::<u64>()).expect("small");
    f64::from(micros) / 1e6
}

fn near(one: f64, other: f64) -> bool {
    (one - other).abs() < 2e-6
}

fn expect_error(answer: &Answer, status: u16, kind: &str) -> String {
    let told = answer.text();
    assert_eq!(answer.status, status, "{told}");
    let error = answer.json();
    assert_eq!(error["error"]["type"], kind, "{told}");
    let message = error["error"]["message"].as_str();
    message.expect("a text").to_owned()
}

#[tokio::test]
async fn a_batch_goes_on_to_the_byte_but_for_its_models_and_comes_back_so_but_for_its_id() {
    let upstream = Upstream::good().await;
    let app = app(&upstream).await;
    upstream.next([begun()]);
    let body = "{ \"x_of_the_future\":1.50e1, \"requests\":[\n{\"custom_id\":\"a\", \"params\":{\"model\" : \"default\",\"max_tokens\":64,\"messages\":[]}},{\"params\":{\"max_tokens\":6.4e1, \"model\":\"default\"}} ]}";
    let sent = call(&app, Method::POST, "?beta=true")
        .header("anthropic-version", "2023-06-01")
        .header("anthropic-beta", "a-2026-01-01")
        .header("content-type", "application/json");
    let answer = sent.body(body).send().await;
    // The gateway reads how much may come back, so that must be a whole number.
    let message = expect_error(&answer, 400, "invalid_request_error");
    assert!(
        message.starts_with("/requests/1/params/max_tokens"),
        "{message}"
    );
    assert_eq!(upstream.count(), 0);

    let body = body.replace("6.4e1", "64");
    let sent = call(&app, Method::POST, "?beta=true")
        .header("anthropic-version", "2023-06-01")
        .header("anthropic-beta", "a-2026-01-01")
        .header("content-type", "application/json");
    let answer = sent.body(body.clone()).send().await;
    let id = answer.expect_ok()["id"]
        .as_str()
        .expect("a text")
        .to_owned();
    assert_eq!(
        answer.text(),
        told("in_progress", "null").replace(THEIRS, &id)
    );
    let seen = &upstream.seen()[0];
    assert_eq!(
        seen.body,
        body.replace("\"default\"", "\"claude-sonnet-5-5\"")
    );
    assert_eq!(seen.line, "POST /v1/messages/batches HTTP/1.1");
    assert_eq!(seen.header("anthropic-version"), Some("2023-06-01"));
    assert_eq!(seen.header("anthropic-beta"), Some("a-2026-01-01"));

    upstream.next([ended(&upstream), results()]);
    let path = format!("/{id}");
    let answer = call(&app, Method::GET, &path).send().await;
    let url = format!("{OURS}{id}/results");
    answer.expect_ok();
    assert_eq!(
        answer.text(),
        told("ended", &format!("\"{url}\"")).replace(THEIRS, &id)
    );
    let answer = read(&app, &id).await;
    assert_eq!((answer.status, answer.text()), (200, lines()));
    let media_type = answer.header("content-type").expect("a type");
    assert!(
        media_type.starts_with("application/x-jsonl"),
        "{media_type}"
    );

    upstream.next([
        Play::Body(told("canceling", "null")),
        Play::Body(format!(
            "{{\"id\":\"{THEIRS}\",\"type\":\"message_batch_deleted\"}}"
        )),
    ]);
    let cancel = call(&app, Method::POST, &format!("/{id}/cancel"))
        .send()
        .await;
    assert_eq!(cancel.expect_ok()["processing_status"], "canceling");
    let deleted = call(&app, Method::DELETE, &path).send().await.expect_ok();
    assert_eq!(deleted, json!({"id": id, "type": "message_batch_deleted"}));
    let asked: Vec<String> = upstream
        .seen()
        .into_iter()
        .skip(1)
        .map(|seen| seen.line)
        .collect();
    let theirs = format!("/v1/messages/batches/{THEIRS}");
    assert_eq!(
        asked,
        [
            format!("GET {theirs} HTTP/1.1"),
            format!("GET {theirs}/results HTTP/1.1"),
            format!("POST {theirs}/cancel HTTP/1.1"),
            format!("DELETE {theirs} HTTP/1.1"),
        ]
    );
}

#[tokio::test]
async fn no_key_goes_the_wrong_way_and_nothing_of_the_upstream_comes_back() {
    let upstream = Upstream::good().await;
    let app = app(&upstream).await;
    let id = batch(&app, &upstream).await;
    let gone = format!(
        "{{\"type\":\"error\",\"error\":{{\"type\":\"not_found_error\",\"message\":\"batch {THEIRS} has no results yet\"}}}}"
    );
    upstream.next([
        ended(&upstream),
        results(),
        Play::Status(404, &[], gone.leak()),
    ]);
    let mut told = String::new();
    for path in [
        format!("/{id}"),
        format!("/{id}/results"),
        format!("/{id}/results"),
    ] {
        let answer = call(&app, Method::GET, &path)
            .header("x-forwarded-host", "elsewhere.example")
            .header("host", "elsewhere.example")
            .header("cookie", "session=canary")
            .send()
            .await;
        let headers = format!("{:?}", answer.headers);
        told.push_str(&headers);
        told.push_str(&answer.text());
    }
    let host = upstream.address();
    for forbidden in [
        UPSTREAM_KEY,
        THEIRS,
        host.trim_start_matches("http://"),
        "elsewhere",
    ] {
        assert!(!told.contains(forbidden), "{forbidden} in {told}");
    }
    assert!(
        told.contains(&format!("batch {id} has no results yet")),
        "{told}"
    );
    for seen in upstream.seen() {
        let sent = format!("{:?}", seen.headers);
        assert!(
            !sent.contains("canary") && !sent.contains(MESSAGES_KEY),
            "{sent}"
        );
        assert_eq!(seen.header("x-api-key"), Some(UPSTREAM_KEY));
    }
}

#[tokio::test]
async fn an_id_that_the_org_was_not_given_leads_nowhere() {
    let upstream = Upstream::good().await;
    let app = app(&upstream).await;
    let id = batch(&app, &upstream).await;
    let mut foreign = vec![
        THEIRS.to_owned(),
        "msgbatch_".to_owned(),
        "x".to_owned(),
        "..%2f..".to_owned(),
    ];
    for place in 0..id.len() {
        let other = if &id[place..=place] == "A" { "B" } else { "A" };
        let mut tampered = id.clone();
        tampered.replace_range(place..=place, other);
        foreign.push(tampered);
    }
    for tampered in foreign {
        let answer = call(&app, Method::GET, &format!("/{tampered}"))
            .send()
            .await;
        expect_error(&answer, 404, "not_found_error");
    }
    for (method, rest) in [
        (Method::GET, ""),
        (Method::GET, "/results"),
        (Method::POST, "/cancel"),
        (Method::DELETE, ""),
    ] {
        let path = format!("/v1/messages/batches/{id}{rest}");
        let globex = app.anonymous(method, &path).bearer(OTHER_MESSAGES_KEY);
        expect_error(&globex.send().await, 404, "not_found_error");
    }
    assert_eq!(upstream.count(), 1, "nothing but the batch itself");
}

#[tokio::test]
async fn an_id_holds_in_every_process_with_the_same_key_at_the_provider() {
    let upstream = Upstream::good().await;
    let id = batch(&app(&upstream).await, &upstream).await;
    let other = app(&upstream).await;
    upstream.next([ended(&upstream), results()]);
    call(&other, Method::GET, &format!("/{id}"))
        .send()
        .await
        .expect_ok();
    // It holds nothing for this batch, so there is nothing to settle.
    assert_eq!(read(&other, &id).await.text(), lines());
    assert!(near(batches(&other, "unheld").await, 1.0));
    assert!(near(spent(&other).await, 0.0));
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_named_where_it_stands() {
    let upstream = Upstream::good().await;
    let config = Config::to(&upstream).batches();
    let config = config.limit("budget_usd_per_day", 10.0).more(
        "[[providers]]\nname = \"rehearsal\"\nkind = \"simulator\"\n[models.rehearsed]\ntargets = [{ provider = \"rehearsal\", model = \"simulator\" }]\n",
    );
    let app = TestApp::new(&config).await;
    let third = |name: &str, value: Value| {
        let mut third = request("c", "default");
        third["params"][name] = value;
        json!({"requests": [request("a", "default"), request("b", "default"), third]})
    };
    for (body, status, says) in [
        (
            third("model", json!("gpt")),
            400,
            "/requests/2/params/model: gpt is no model of acme; it has",
        ),
        (
            third("max_tokens", json!("x")),
            400,
            "/requests/2/params/max_tokens",
        ),
        (
            third("speed", json!("fast")),
            400,
            "/requests/2/params/speed",
        ),
        (
            third("tools", json!([{"type": "web_search_20260318"}])),
            400,
            "/requests/2/params/tools/0/max_uses",
        ),
        (
            third("model", json!("rehearsed")),
            404,
            "batches are not offered by the providers of model rehearsed",
        ),
        (json!({"requests": []}), 400, "/requests"),
        (json!([]), 400, "the body"),
    ] {
        let kind = if status == 404 {
            "not_found_error"
        } else {
            "invalid_request_error"
        };
        let message = expect_error(&create(&app, &body).await, status, kind);
        assert!(message.starts_with(says), "{message}");
    }
    assert_eq!(upstream.count(), 0);
    assert!(near(spent(&app).await, 0.0));
}

#[tokio::test]
async fn a_batch_goes_to_one_provider_that_has_all_of_its_models() {
    let (upstream, spare) = (Upstream::good().await, Upstream::good().await);
    let more =
        "[models.fast]\ntargets = [{ provider = \"spare\", model = \"claude-haiku-5-5\" }]\n";
    let config = Config::to(&upstream).then(&spare).batches().more(more);
    let app = TestApp::new(&config).await;
    upstream.always(begun());
    spare.always(begun());
    let body = json!({"requests": [request("a", "default"), request("b", "fast")]});
    let id = create(&app, &body).await.expect_ok()["id"].clone();
    let sent = spare.seen()[0].json();
    assert_eq!(sent["requests"][0]["params"]["model"], "claude-sonnet-5-5");
    assert_eq!(sent["requests"][1]["params"]["model"], "claude-haiku-5-5");
    let id = id.as_str().expect("a text");
    call(&app, Method::GET, &format!("/{id}"))
        .send()
        .await
        .expect_ok();
    assert_eq!((upstream.count(), spare.count()), (0, 2));
    // The first that takes it keeps it: where it fails, no other is asked.
    upstream.always(Play::Status(500, &[], "{}"));
    expect_error(&create(&app, &two()).await, 502, "api_error");
    assert_eq!((upstream.count(), spare.count()), (1, 2));
}

#[tokio::test]
async fn batches_are_closed_unless_an_operator_opens_them() {
    let upstream = Upstream::good().await;
    let closed = TestApp::new(&Config::to(&upstream)).await;
    for (method, path) in [
        (Method::POST, ""),
        (Method::GET, ""),
        (Method::GET, "/msgbatch_x"),
        (Method::DELETE, "/msgbatch_x"),
        (Method::POST, "/msgbatch_x/cancel"),
        (Method::GET, "/msgbatch_x/results"),
    ] {
        let call = call(&closed, method, path).json(&two());
        let message = expect_error(&call.send().await, 404, "not_found_error");
        assert!(message.contains("batches = true"), "{message}");
    }
    let open = app(&upstream).await;
    let list = call(&open, Method::GET, "").send().await;
    let message = expect_error(&list, 404, "not_found_error");
    assert!(message.contains("keeps no list"), "{message}");
    let tasks = open.post("/v1/messages/batches", &two());
    expect_error(&tasks.send().await, 403, "permission_error");
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn every_call_about_a_batch_counts_as_a_call_and_takes_no_tokens_of_the_minute() {
    let upstream = Upstream::good().await;
    let config = Config::to(&upstream).batches();
    let config = config
        .limit("requests_per_minute", 3)
        .limit("tokens_per_minute", 50);
    let app = TestApp::new(&config).await;
    let id = batch(&app, &upstream).await;
    upstream.always(ended(&upstream));
    let path = format!("/{id}");
    call(&app, Method::GET, &path).send().await.expect_ok();
    expect_error(
        &call(&app, Method::GET, "/msgbatch_x").send().await,
        404,
        "not_found_error",
    );
    expect_error(
        &call(&app, Method::GET, &path).send().await,
        429,
        "rate_limit_error",
    );
    assert_eq!(upstream.count(), 2);
}
