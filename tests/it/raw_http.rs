//! Bytes that no decent client sends, and some that only Java sends.

use std::time::Duration;

use serde_json::json;

use crate::helpers::org::{KEY, OTHER_KEY};
use crate::helpers::raw::{Raw, head};
use crate::helpers::{Config, TestApp, TestClock, Upstream, opportunity, until};

async fn app() -> (TestApp, Upstream) {
    let upstream = Upstream::good().await;
    (TestApp::new(&Config::to(&upstream)).await, upstream)
}

/// An app that waits for heads, bodies and readers only for a moment.
async fn hasty() -> (TestApp, Upstream) {
    let upstream = Upstream::good().await;
    let mut settings = Config::to(&upstream).settings();
    settings.server.body_time = Duration::from_millis(300);
    settings.server.header_time = Duration::from_millis(300);
    settings.server.write_time = Duration::from_millis(300);
    let clock = TestClock::running_from("2026-03-10T12:00:00Z");
    (TestApp::in_world(settings, clock.world()).await, upstream)
}

/// How many answers stand in what came over a connection.
fn answers(text: &str) -> usize {
    text.matches("HTTP/1.1 ").count()
}

#[tokio::test]
async fn a_body_that_comes_byte_by_byte_is_given_up() {
    let (app, upstream) = hasty().await;
    let mut raw = Raw::to(app.public).await;
    raw.send(&head("/briefing", "Content-Length: 1000\r\n"))
        .await;
    let (mut reading, mut writing) = raw.0.into_split();
    let drip = async {
        use tokio::io::AsyncWriteExt;
        while writing.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let told = async {
        use tokio::io::AsyncReadExt;
        let mut bytes = vec![0; 4_096];
        let read = reading.read(&mut bytes).await.expect("an answer");
        String::from_utf8_lossy(&bytes[..read]).into_owned()
    };
    let told = tokio::select! {
        told = crate::helpers::within("an answer", told) => told,
        () = drip => panic!("it ended without an answer"),
    };
    assert!(told.starts_with("HTTP/1.1 408 "), "{told}");
    assert!(told.contains(r#""code":"request-timeout""#), "{told}");
    assert!(told.contains(r#""retryable":true"#), "{told}");
    assert_eq!(upstream.count(), 0);
    app.expect_serving().await;
}

#[tokio::test]
async fn a_connection_may_be_idle_for_longer_than_a_head_may_take() {
    let (app, _upstream) = hasty().await;
    let mut raw = Raw::to(app.public).await;
    raw.send("GET /healthz HTTP/1.1\r\nHost: belay\r\n\r\n")
        .await;
    raw.until("\"ok\"").await;
    // Three times as long as a head may take, between two requests.
    tokio::time::sleep(Duration::from_millis(900)).await;
    raw.send("GET /healthz HTTP/1.1\r\nHost: belay\r\n\r\n")
        .await;
    raw.until("\"ok\"").await;
    raw.send("GET /healthz HTTP/1.1\r\nHo").await;
    assert_eq!(answers(&raw.rest().await), 0, "half a head is given up");
}

#[tokio::test]
async fn a_form_of_a_stranger_may_take_as_long_as_a_head_and_no_longer() {
    let upstream = Upstream::good().await;
    let mut settings = Config::to(&upstream).settings();
    settings.server.body_time = Duration::from_hours(1);
    settings.server.header_time = Duration::from_millis(300);
    let clock = TestClock::running_from("2026-03-10T12:00:00Z");
    let app = TestApp::in_world(settings, clock.world()).await;
    let mut raw = Raw::to(app.public).await;
    raw.send("POST /oauth/token HTTP/1.1\r\nHost: belay\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 40\r\n\r\ngrant_type=")
        .await;
    let told = raw.until("error_description").await;
    assert!(told.starts_with("HTTP/1.1 408 "), "{told}");
    app.expect_serving().await;
}

#[tokio::test]
async fn half_sent_bodies_take_the_room_of_their_own_org_and_no_other() {
    let upstream = Upstream::good().await;
    let mut settings = Config::to(&upstream)
        .server("body_bytes", 20_000)
        .server("messages_body_bytes", 20_000)
        .settings();
    settings.server.held_bytes = 80_000;
    let clock = TestClock::running_from("2026-03-10T12:00:00Z");
    let app = TestApp::in_world(settings, clock.world()).await;
    let by = |key: &str| {
        let text = "x".repeat(15_000);
        let body = json!({"record": opportunity(), "preview": true, "text": text});
        let call = app.anonymous(reqwest::Method::POST, "/briefing");
        call.bearer(key).json(&body)
    };
    by(KEY).send().await.expect_ok();

    let mut raw = Raw::to(app.public).await;
    raw.send(&head("/briefing", "Content-Length: 20000\r\n"))
        .await;
    raw.send(&" ".repeat(10_000)).await;
    until("no room", async || {
        let answer = by(KEY).send().await;
        answer.status != 200 && answer.expect_problem(503, "overloaded")["retryable"] == true
    })
    .await;
    by(OTHER_KEY).send().await.expect_ok();
    drop(raw);
    until("room again", async || by(KEY).send().await.status == 200).await;
}

#[tokio::test]
async fn a_head_that_never_ends_is_given_up() {
    let (app, _upstream) = hasty().await;
    let mut raw = Raw::to(app.public).await;
    raw.send("POST /briefing HTTP/1.1\r\nHost: belay\r\n").await;
    let told = raw.rest().await;
    assert!(
        told.is_empty() || told.starts_with("HTTP/1.1 408 "),
        "{told}"
    );
    app.expect_serving().await;
}

#[tokio::test]
async fn one_who_asks_and_asks_and_reads_nothing_is_given_up() {
    let (app, _upstream) = hasty().await;
    let raw = Raw::to(app.public).await;
    let (reading, mut writing) = raw.0.into_split();
    let asking = async {
        use tokio::io::AsyncWriteExt;
        let one = "GET /openapi.json HTTP/1.1\r\nHost: belay\r\n\r\n";
        while writing.write_all(one.as_bytes()).await.is_ok() {}
    };
    crate::helpers::within("the end of the connection", asking).await;
    drop(reading);
    app.expect_serving().await;
}

#[tokio::test]
async fn a_head_of_64_kilobytes_is_too_large() {
    let (app, _upstream) = app().await;
    let mut raw = Raw::to(app.public).await;
    let large = format!("X-Large: {}\r\n", "x".repeat(65_536));
    raw.send(&head("/briefing", &large)).await;
    let told = raw.until("\r\n").await;
    assert!(told.starts_with("HTTP/1.1 431 "), "{told}");
    app.expect_serving().await;
}

#[tokio::test]
async fn a_body_that_ends_before_its_length_reaches_no_upstream() {
    let (app, upstream) = app().await;
    let mut raw = Raw::to(app.public).await;
    raw.send(&head("/briefing", "Content-Length: 1000\r\n"))
        .await;
    raw.send("{\"record\": {}").await;
    drop(raw);
    app.expect_serving().await;
    assert_eq!(upstream.count(), 1, "the good call alone");
}

#[tokio::test]
async fn two_lengths_that_differ_are_refused() {
    let (app, upstream) = app().await;
    let mut raw = Raw::to(app.public).await;
    let lengths = "Content-Length: 2\r\nContent-Length: 40\r\n";
    raw.send(&head("/briefing", lengths)).await;
    raw.send("{}GET /healthz HTTP/1.1\r\nHost: belay\r\n\r\n")
        .await;
    let told = raw.rest().await;
    assert!(told.starts_with("HTTP/1.1 400 "), "{told}");
    assert_eq!(answers(&told), 1, "{told}");
    assert_eq!(upstream.count(), 0);
    app.expect_serving().await;
}

#[tokio::test]
async fn no_second_request_is_smuggled_behind_a_length_and_chunks() {
    let (app, upstream) = app().await;
    for both in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    ] {
        let mut raw = Raw::to(app.public).await;
        raw.send(&head("/briefing", both)).await;
        raw.send("0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: belay\r\n\r\n")
            .await;
        let told = raw.rest().await;
        assert!(told.starts_with("HTTP/1.1 400 "), "{told}");
        assert_eq!(answers(&told), 1, "{both}: {told}");
    }
    assert_eq!(upstream.count(), 0);
    app.expect_serving().await;
}

#[tokio::test]
async fn an_encoding_that_hides_chunks_is_refused() {
    let (app, upstream) = app().await;
    for encoding in ["xchunked", "chunked, identity", "identity", "\x0bchunked"] {
        let mut raw = Raw::to(app.public).await;
        let header = format!("Transfer-Encoding: {encoding}\r\n");
        raw.send(&head("/briefing", &header)).await;
        raw.send("0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: belay\r\n\r\n")
            .await;
        let told = raw.rest().await;
        assert!(told.starts_with("HTTP/1.1 400 "), "{encoding}: {told}");
        assert_eq!(answers(&told), 1, "{encoding}: {told}");
    }
    assert_eq!(upstream.count(), 0);
    app.expect_serving().await;
}

#[tokio::test]
async fn what_is_no_http_is_refused() {
    let (app, _upstream) = app().await;
    for bytes in [
        "\x16\x03\x01\x02\r\n\r\n",
        "GET /healthz\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost : belay\r\n\r\n",
    ] {
        let mut raw = Raw::to(app.public).await;
        raw.send(bytes).await;
        let told = raw.rest().await;
        assert!(
            told.is_empty() || told.starts_with("HTTP/1.1 400 "),
            "{told}"
        );
    }
    app.expect_serving().await;
}

#[tokio::test]
async fn a_caller_who_asks_before_sending_its_body_is_told_to_go_on() {
    let (app, _upstream) = app().await;
    let body = json!({"record": opportunity()}).to_string();
    let mut raw = Raw::to(app.public).await;
    let more = format!(
        "Content-Length: {}\r\nExpect: 100-continue\r\nConnection: close\r\n",
        body.len()
    );
    raw.send(&head("/briefing", &more)).await;
    let told = raw.until("\r\n\r\n").await;
    assert_eq!(told, "HTTP/1.1 100 Continue\r\n\r\n");
    raw.send(&body).await;
    let told = raw.rest().await;
    assert!(told.starts_with("HTTP/1.1 200 "), "{told}");
}

#[tokio::test]
async fn a_caller_who_asks_first_and_proves_nothing_is_refused_without_its_body() {
    let (app, _upstream) = app().await;
    let mut raw = Raw::to(app.public).await;
    raw.send(
        "POST /briefing HTTP/1.1\r\nHost: belay\r\nExpect: 100-continue\r\nContent-Length: 4000000\r\n\r\n",
    )
    .await;
    let told = raw.until("\r\n").await;
    assert!(told.starts_with("HTTP/1.1 401 "), "{told}");
}

#[tokio::test]
async fn a_caller_who_asks_first_and_says_too_great_a_length_is_refused_without_its_body() {
    let (app, upstream) = app().await;
    let mut raw = Raw::to(app.public).await;
    let more = "Content-Length: 6000000\r\nExpect: 100-continue\r\n";
    raw.send(&head("/briefing", more)).await;
    let told = raw.until("\r\n").await;
    assert!(told.starts_with("HTTP/1.1 413 "), "{told}");
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn a_caller_who_reads_only_after_sending_all_of_too_much_still_reads_why() {
    let (app, _upstream) = app().await;
    for bytes in [6_000_000, 12_000_000] {
        let mut raw = Raw::to(app.public).await;
        let length = format!("Content-Length: {bytes}\r\n");
        raw.send(&head("/briefing", &length)).await;
        raw.send(&" ".repeat(bytes)).await;
        let told = raw.until("\r\n").await;
        assert!(told.starts_with("HTTP/1.1 413 "), "{told}");
    }
    app.expect_serving().await;
}

#[tokio::test]
async fn calls_that_share_a_connection_are_answered_in_their_order() {
    let (app, _upstream) = app().await;
    let mut raw = Raw::to(app.public).await;
    let one = |path: &str, more: &str| format!("GET {path} HTTP/1.1\r\nHost: belay\r\n{more}\r\n");
    raw.send(&one("/healthz", "X-Request-Id: first\r\n")).await;
    raw.send(&one(
        "/nowhere",
        "X-Request-Id: second\r\nConnection: close\r\n",
    ))
    .await;
    let told = raw.rest().await;
    assert_eq!(answers(&told), 2, "{told}");
    let (first, second) = (told.find("first"), told.find("second"));
    assert!(first.is_some() && first < second, "{told}");
}
