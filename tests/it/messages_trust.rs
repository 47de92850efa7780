//! What a provider says is not believed without looking: usage that no call can have, answers of an odd form, streams
//! that say one thing and then another.

use reqwest::Method;
use serde_json::{Value, json};

use crate::helpers::events::{event, saying};
use crate::helpers::org::MESSAGES_KEY;
use crate::helpers::reply::COST;
use crate::helpers::{Config, Play, Stream, TestApp, Upstream, until};

fn question(stream: bool) -> Value {
    json!({
        "model": "default", "max_tokens": 64, "stream": stream,
        "messages": [{"role": "user", "content": "Hello"}],
    })
}

async fn spent(app: &TestApp) -> f64 {
    let (left, all) = app.allowance("budget_usd_per_day").await;
    all - left
}

async fn app_before(play: Play) -> (TestApp, Upstream) {
    let upstream = Upstream::doing(play).await;
    let config = Config::to(&upstream).limit("budget_usd_per_day", 10.0);
    (TestApp::new(&config).await, upstream)
}

#[tokio::test]
async fn a_usage_that_no_call_can_have_is_charged_at_the_bound_and_shuts_nobody_out() {
    let body = json!({"type": "message", "content": [], "usage": {"input_tokens": u64::MAX, "output_tokens": 1}});
    let (app, _upstream) = app_before(Play::Body(body.to_string())).await;
    for nth in 1..=3 {
        let answer = app.relay(&question(false)).send().await;
        assert_eq!(answer.status, 200, "call {nth}: {}", answer.text());
    }
    let spent = spent(&app).await;
    assert!(spent > 0.0 && spent < 0.1, "${spent}");
}

#[tokio::test]
async fn an_answer_of_an_odd_form_is_handed_on_once_and_charged() {
    for body in [
        r#"{"type":"message","content":[{"type":"of_the_future","text":{"odd":true}}],"usage":{"input_tokens":10.0,"output_tokens":5}}"#.to_owned(),
        r#"{"type":"message","content":"odd \ud83d","usage":{"input_tokens":-5,"output_tokens":5}}"#.to_owned(),
        format!(r#"{{"type":"message","content":[{{"input":{}0{}}}]}}"#, "[".repeat(200), "]".repeat(200)),
    ] {
        let (app, upstream) = app_before(Play::Body(body.clone())).await;
        let answer = app.relay(&question(false)).send().await;
        assert_eq!((answer.status, answer.text()), (200, body));
        assert_eq!(upstream.count(), 1);
        assert!(spent(&app).await > 0.0);
    }
}

#[tokio::test]
async fn an_error_behind_the_beginning_passes_and_what_was_used_is_charged() {
    let mut pieces = saying(&["Hello"]);
    pieces.pop();
    pieces.push(event(
        &json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
    ));
    let whole = pieces.concat();
    let (app, upstream) = app_before(Play::Stream(Stream::of(vec![whole.clone()]))).await;
    let answer = app.relay(&question(true)).send().await;
    assert_eq!((answer.status, answer.text()), (200, whole));
    assert_eq!(upstream.count(), 1);
    until("it is charged", async || spent(&app).await < COST + 1e-9).await;
    assert!((spent(&app).await - COST).abs() < 1e-9);
}

#[tokio::test]
async fn comments_without_end_are_no_answer() {
    let comments = ": keepalive\n\n".repeat(100_000);
    let (app, _upstream) = app_before(Play::Stream(Stream::of(vec![comments]))).await;
    let answer = app.relay(&question(true)).send().await;
    assert_eq!(answer.status, 502, "{}", answer.text());
}

#[tokio::test]
async fn what_is_no_count_never_reaches_the_client() {
    let (app, _upstream) = app_before(Play::Body("<html>proxy.internal</html>".to_owned())).await;
    let call = app.anonymous(Method::POST, "/v1/messages/count_tokens");
    let answer = call
        .bearer(MESSAGES_KEY)
        .json(&question(false))
        .send()
        .await;
    assert_eq!(answer.status, 502);
    assert!(!answer.text().contains("proxy.internal"));
}

#[tokio::test]
async fn a_count_takes_one_of_the_orgs_slots() {
    let upstream = Upstream::doing(Play::Hang).await;
    let config = Config::to(&upstream).limit("calls_in_flight", 1);
    let app = TestApp::new(&config).await;
    let count = || {
        let call = app.anonymous(Method::POST, "/v1/messages/count_tokens");
        call.bearer(MESSAGES_KEY).json(&question(false))
    };
    let first = count().waiting(8).send();
    let second = async {
        upstream.reached(1).await;
        count().waiting(1).send().await
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!(first.status, 504);
    assert_eq!(second.status, 429, "{}", second.text());
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn what_may_pass_at_the_first_target_is_told_before_what_the_second_has_against_it() {
    let (busy, narrow) = (
        Upstream::doing(Play::Status(429, &[("Retry-After", "900")], "{}")).await,
        Upstream::doing(Play::Status(400, &[], "{}")).await,
    );
    let app = TestApp::new(&Config::to(&busy).then(&narrow)).await;
    let answer = app.relay(&question(false)).send().await;
    assert_eq!(answer.status, 429, "{}", answer.text());
    assert_eq!(answer.header("retry-after"), Some("900"));
}
