//! Money: reserved before, settled after, never overshot.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use proptest::prelude::*;

use crate::helpers::reply::USAGE;
use crate::helpers::upstream::Seen;
use crate::helpers::{
    Config, Play, Reply, TestApp, TestClock, Upstream, opportunity, opportunity_named,
};

/// What was charged, in dollars.
const CHARGED: &str = r#"belay_cost_usd_total{org="acme"}"#;

#[tokio::test]
async fn a_budget_of_half_a_dollar_is_never_overshot_by_180_calls_64_at_once() {
    const BUDGET: f64 = 0.5;
    // 1,500 tokens at two dollars and 200 at ten per million: half a cent a call.
    const EACH: f64 = 0.005;
    let upstream = Upstream::doing(Play::Answer(Reply::good().using(1_500, 200))).await;
    let config = Config::to(&upstream).limit("budget_usd_per_day", BUDGET);
    let app = TestApp::new(&config).await;

    let statuses: Vec<u16> = stream::iter(0..180)
        .map(|nth| {
            let call = app.brief(&opportunity_named(nth));
            async move {
                let answer = call.send().await;
                if answer.status != 200 {
                    let problem = answer.expect_problem(429, "budget-spent");
                    assert_eq!(problem["retryable"], true);
                }
                answer.status
            }
        })
        .buffer_unordered(64)
        .collect()
        .await;

    let answered = statuses.iter().filter(|status| **status == 200).count();
    assert_eq!(answered, upstream.count(), "every attempt was answered");
    let spent = count(answered) * EACH;
    assert!(spent <= BUDGET + 1e-9, "spent {spent}");
    let seen = upstream.seen();
    let held = seen.iter().map(Seen::bound).fold(0.0, f64::max);
    assert!(held > EACH, "one reservation holds {held}");
    assert!(
        spent >= BUDGET - held - EACH,
        "spent {spent}, one reservation holds {held}"
    );
    let (left, maximum) = app.allowance("budget_usd_per_day").await;
    assert!((maximum - left - spent).abs() < 1e-9, "{left} is left");
    let charged = app.metric(CHARGED).await;
    assert!((charged - spent).abs() < 1e-9, "charged {charged}");
}

#[tokio::test]
async fn a_call_that_alone_needs_more_than_the_budget_is_over_limit_and_not_retryable() {
    let upstream = Upstream::good().await;
    let config = Config::to(&upstream).limit("budget_usd_per_day", 0.02);
    let app = TestApp::new(&config).await;
    let refused = app.brief(&opportunity()).send().await;
    let problem = refused.expect_problem(422, "over-limit");
    assert_eq!(problem["retryable"], false);
    assert_eq!(problem["retry_after_ms"], 0);
    let detail = problem["detail"].as_str().expect("a text");
    assert!(
        detail.contains("budget_usd_per_day") && detail.contains("$0.02"),
        "{detail}"
    );
    assert_eq!(upstream.count(), 0);
    let limited = app
        .metric(r#"belay_limited_total{org="acme",limit="budget_usd_per_day"}"#)
        .await;
    assert!((limited - 1.0).abs() < 1e-9, "{limited}");
}

#[tokio::test]
async fn a_spent_budget_is_told_with_the_time_until_midnight_and_opens_then() {
    // 30,000 tokens at two dollars and 3,000 at ten per million: nine cents.
    let upstream = Upstream::doing(Play::Answer(Reply::good().using(30_000, 3_000))).await;
    let clock = TestClock::still_at("2026-03-10T23:59:00Z");
    let config = Config::to(&upstream).limit("budget_usd_per_day", 0.1);
    let app = TestApp::in_world(config.settings(), clock.world()).await;
    app.brief(&opportunity()).send().await.expect_ok();

    let refused = app.brief(&opportunity_named("next")).send().await;
    let problem = refused.expect_problem(429, "budget-spent");
    assert_eq!(problem["detail"], "acme has spent its $0.10 for today");
    assert_eq!(problem["retry_after_ms"], 60_000);
    assert_eq!(refused.header("retry-after"), Some("60"));
    // What is cached costs nothing, so a spent budget does not keep it back.
    app.brief(&opportunity()).send().await.expect_ok();

    clock.turn(Duration::from_mins(1));
    app.brief(&opportunity_named("next"))
        .send()
        .await
        .expect_ok();
}

#[tokio::test]
async fn an_attempt_whose_usage_never_becomes_known_is_charged_in_full() {
    let upstream = Upstream::good().await;
    upstream.next([Play::CutAmid]);
    let config = Config::to(&upstream).limit("budget_usd_per_day", 5.0);
    let app = TestApp::new(&config).await;
    let body = app.brief(&opportunity()).send().await.expect_ok();

    let seen = upstream.seen();
    assert_eq!(seen.len(), 2);
    let (left, maximum) = app.allowance("budget_usd_per_day").await;
    let expected = seen[0].bound() + cost(USAGE);
    assert!((maximum - left - expected).abs() < 2e-6, "{left} is left");
    let told = body["usage"]["cost_usd"].as_f64().expect("a number");
    assert!((told - expected).abs() < 2e-6, "told {told}");
}

#[tokio::test]
async fn an_attempt_that_the_upstream_turned_away_costs_nothing() {
    let upstream = Upstream::good().await;
    upstream.next([Play::Status(500, &[], "{}"), Play::Status(529, &[], "{}")]);
    let config = Config::to(&upstream).limit("budget_usd_per_day", 5.0);
    let app = TestApp::new(&config).await;
    app.brief(&opportunity()).send().await.expect_ok();
    assert_eq!(upstream.count(), 3);
    let (left, maximum) = app.allowance("budget_usd_per_day").await;
    assert!(
        (maximum - left - cost(USAGE)).abs() < 1e-9,
        "{left} is left"
    );
    let reserved = app.metric("belay_reserved_tokens").await;
    assert!(
        reserved.abs() < 1e-9,
        "{reserved} tokens are still reserved"
    );
}

#[tokio::test]
async fn a_retry_that_the_budget_has_no_room_for_is_told_so_at_once() {
    let upstream = Upstream::doing(Play::CutAmid).await;
    // Room for one reservation and a half.
    let config = Config::to(&upstream).limit("budget_usd_per_day", 0.09);
    let app = TestApp::new(&config).await;
    let refused = app.brief(&opportunity()).send().await;
    refused.expect_problem(429, "budget-spent");
    assert_eq!(upstream.count(), 1);
}

/// What the upstream does to one call of the property test.
#[derive(Debug, Clone)]
enum Fate {
    Answered { input: u64, output: u64 },
    Cut,
    Failed,
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate = prop_oneof![
        8 => (100_u64..2_500, 10_u64..1_400)
            .prop_map(|(input, output)| Fate::Answered { input, output }),
        1 => Just(Fate::Cut),
        1 => Just(Fate::Failed),
    ];
    prop::collection::vec(fate, 10..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever comes at once and however it ends: no more than the budget is spent, and nothing stays reserved.
    #[test]
    fn no_interleaving_spends_more_than_the_budget(fates in fates(), at_once in 1_usize..32, cents in 8_u32..40) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(spend(fates, at_once, f64::from(cents) / 100.0));
    }
}

async fn spend(fates: Vec<Fate>, at_once: usize, budget: f64) {
    let upstream = Upstream::good().await;
    for (nth, fate) in fates.iter().enumerate() {
        let play = match *fate {
            Fate::Answered { input, output } => Play::Answer(Reply::good().using(input, output)),
            Fate::Cut => Play::CutAmid,
            Fate::Failed => Play::Status(500, &[], "{}"),
        };
        upstream.about(&format!("lease {nth} of the test"), [play]);
    }
    let config = Config::to(&upstream).limit("budget_usd_per_day", budget);
    let app = TestApp::new(&config).await;
    let told: Vec<f64> = stream::iter(0..fates.len())
        .map(|nth| {
            let call = app.brief(&opportunity_named(format!("lease {nth} of the test")));
            async move {
                let answer = call.send().await;
                let cost = answer.json()["usage"]["cost_usd"].as_f64();
                cost.unwrap_or_default()
            }
        })
        .buffer_unordered(at_once)
        .collect()
        .await;

    let seen = upstream.seen();
    let known = seen.iter().all(|seen| seen.body.contains(" of the test"));
    assert!(known, "each call meets the fate that was meant for it");
    let told: f64 = told.iter().sum();
    let (left, maximum) = app.allowance("budget_usd_per_day").await;
    let charged = app.metric(CHARGED).await;
    assert!(charged <= budget + 1e-9, "charged {charged} of {budget}");
    assert!((maximum - left - charged).abs() < 1e-6, "{left} is left");
    assert!(told <= charged + 1e-9, "told {told}, charged {charged}");
    let reserved = app.metric("belay_reserved_tokens").await;
    assert!(
        reserved.abs() < 1e-9,
        "{reserved} tokens are still reserved"
    );
}

/// Dollars at two and ten per million.
#[expect(clippy::cast_precision_loss, reason = "numbers of tokens are small")]
fn cost((input, output): (u64, u64)) -> f64 {
    (input as f64 * 2.0 + output as f64 * 10.0) / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "a few calls")]
fn count(calls: usize) -> f64 {
    calls as f64
}
