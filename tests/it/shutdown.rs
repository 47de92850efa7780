//! A stop loses no call.

use futures_util::future::join_all;
use serde_json::json;

use crate::helpers::org::MESSAGES_KEY;
use crate::helpers::process::Belay;
use crate::helpers::{
    Answer, Config, Gate, Play, Reply, Upstream, opportunity, opportunity_named, until,
};

async fn ready(belay: &Belay) -> u16 {
    belay.admin("/readyz").await.status
}

#[tokio::test]
async fn a_stop_during_twenty_calls_loses_none_and_takes_calls_until_the_delay_is_over() {
    let upstream = Upstream::good().await;
    let gate = Gate::closed();
    let held = vec![Play::Held(gate.clone(), Reply::good()); 20];
    upstream.about("held item", held);
    let config = Config::to(&upstream).server("drain_delay_s", 3);
    let mut belay = Belay::serve(&config).await;
    assert_eq!(ready(&belay).await, 200);

    let calls = join_all((0..20).map(|nth| {
        let call = belay.brief(&opportunity_named(format!("held item {nth}")));
        async move { call.send().await }
    }));
    let stopped = async {
        upstream.reached(20).await;
        belay.signal("TERM").await;
        until("red readiness", async || ready(&belay).await == 503).await;
        let late = belay.brief(&opportunity()).send().await;
        late.expect_ok();
        assert_eq!(late.header("connection"), Some("close"));
        until("the closed door", async || belay.is_closed().await).await;
        gate.open();
    };
    let (answers, ()) = tokio::join!(calls, stopped);
    for answer in &answers {
        answer.expect_ok();
    }
    assert_eq!(upstream.count(), 21);
    let status = belay.ended().await;
    assert_eq!(status.code(), Some(0), "{:?}", belay.log().last());
}

#[tokio::test]
async fn a_call_whose_caller_is_gone_is_settled_before_the_end() {
    let (upstream, gate) = Upstream::held().await;
    let config = Config::to(&upstream).server("drain_delay_s", 0);
    let mut belay = Belay::serve(&config).await;
    {
        let call = belay.brief(&opportunity()).send();
        tokio::select! {
            answer = call => panic!("it was answered: {answer:?}"),
            () = upstream.reached(1) => {}
        }
    }
    belay.signal("TERM").await;
    until("the closed door", async || belay.is_closed().await).await;
    gate.open();
    assert_eq!(belay.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let upstream = Upstream::doing(Play::Hang).await;
    let config = Config::to(&upstream).server("drain_delay_s", 600);
    let mut belay = Belay::serve(&config).await;
    let call = belay.brief(&opportunity());
    let hanging = crate::helpers::app::spawn(async move { call.try_send().await });
    upstream.reached(1).await;
    belay.signal("INT").await;
    until("red readiness", async || ready(&belay).await == 503).await;
    belay.signal("TERM").await;
    assert_eq!(belay.ended().await.code(), Some(1));
    let cut = crate::helpers::within("the cut call", hanging).await;
    assert!(cut.expect("no panic").is_err());
}

#[tokio::test]
async fn what_outlives_the_drain_is_named_and_the_end_is_no_success() {
    let upstream = Upstream::doing(Play::Hang).await;
    let config = Config::to(&upstream)
        .server("drain_delay_s", 0)
        .server("drain_s", 1);
    let mut belay = Belay::serve(&config).await;
    let call = belay.brief(&opportunity());
    let hanging = crate::helpers::app::spawn(async move { call.try_send().await });
    upstream.reached(1).await;
    belay.signal("TERM").await;
    assert_eq!(belay.ended().await.code(), Some(1));
    expect_none(hanging.await.expect("no panic"));
    let log = belay.log().join("\n");
    assert!(
        log.contains("still running when the drain ended: "),
        "{log}"
    );
    assert!(log.contains("1 flight"), "{log}");
}

#[tokio::test]
async fn what_outlives_the_drain_leaves_its_audit_line() {
    let upstream = Upstream::doing(Play::Hang).await;
    let config = Config::to(&upstream)
        .server("drain_delay_s", 0)
        .server("drain_s", 1);
    let mut belay = Belay::serve(&config).await;
    let briefing = belay.brief(&opportunity());
    let ask = |stream: bool| {
        let call = belay.anonymous(reqwest::Method::POST, "/v1/messages");
        call.bearer(MESSAGES_KEY).json(&json!({
            "model": "default", "max_tokens": 16, "stream": stream,
            "messages": [{"role": "user", "content": "hello"}]
        }))
    };
    let hanging: Vec<_> = [briefing, ask(false), ask(true)]
        .into_iter()
        .map(|call| crate::helpers::app::spawn(async move { call.try_send().await }))
        .collect();
    upstream.reached(3).await;
    belay.signal("TERM").await;
    assert_eq!(belay.ended().await.code(), Some(1));
    for call in hanging {
        expect_none(call.await.expect("no panic"));
    }
    until("three lines", async || belay.printed().lines().count() == 3).await;
    let tasks = belay.printed().matches(r#""task":"messages""#).count();
    assert_eq!(tasks, 2, "{}", belay.printed());
}

/// A call that was given up: its connection ended, or it was told so just before.
fn expect_none(came: reqwest::Result<Answer>) {
    if let Ok(answer) = came {
        assert!(answer.status >= 500, "{}", answer.text());
    }
}
