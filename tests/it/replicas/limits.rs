//! Limits and budgets that hold over all replicas.

use tokio::time::Instant;

use futures_util::{StreamExt, stream};

use super::{Replicas, shared};
use crate::helpers::org::ACME;
use crate::helpers::redis::Redis;
use crate::helpers::wait::until;
use crate::helpers::{Config, Play, Reply, Upstream, opportunity_named};

#[tokio::test]
async fn three_thousand_calls_at_three_replicas_overshoot_a_minutes_calls_by_no_more_than_one_percent()
 {
    let (upstream, redis) = (Upstream::good().await, Redis::start().await);
    let config = Config::to(&upstream).limit("requests_per_minute", 600);
    let replicas = Replicas::three(&shared(config, ""), &redis).await;
    let began = Instant::now();
    let statuses: Vec<u16> = stream::iter(0..3_000)
        .map(|nth| {
            let call = replicas.nth(nth).call(reqwest::Method::GET, "/whoami");
            async move {
                let answer = call.send().await;
                if answer.status != 200 {
                    answer.expect_problem(429, "rate-limited");
                }
                answer.status
            }
        })
        .buffer_unordered(96)
        .collect()
        .await;
    let admitted = statuses.iter().filter(|status| **status == 200).count();
    let refilled = began.elapsed().as_secs_f64() * 10.0;
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let admitted = admitted as f64;
    assert!(admitted <= (600.0 + refilled + 1.0) * 1.01, "{admitted}");
    assert!(admitted >= 600.0, "{admitted}");
}

#[tokio::test]
async fn a_budget_is_never_overshot_by_three_thousand_calls_and_is_used_to_its_last_reservation() {
    const BUDGET: f64 = 5.0;
    // 1,500 tokens at two dollars and 200 at ten per million: half a cent a call.
    const EACH: f64 = 0.005;
    let upstream = Upstream::doing(Play::Answer(Reply::good().using(1_500, 200))).await;
    let redis = Redis::start().await;
    let config = Config::to(&upstream).limit("budget_usd_per_day", BUDGET);
    let replicas = Replicas::three(&shared(config, ""), &redis).await;
    let answered: usize = stream::iter(0..3_000)
        .map(|nth| {
            let call = replicas.nth(nth).brief(&opportunity_named(nth));
            async move {
                let answer = call.send().await;
                if answer.status != 200 {
                    answer.expect_problem(429, "budget-spent");
                }
                usize::from(answer.status == 200)
            }
        })
        .buffer_unordered(48)
        .fold(0, |sum, one| async move { sum + one })
        .await;
    assert_eq!(answered, upstream.count(), "every attempt was answered");
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let spent = answered as f64 * EACH;
    assert!(spent <= BUDGET + 1e-9, "spent {spent}");
    let seen = upstream.seen();
    let bound = seen.iter().map(crate::helpers::upstream::Seen::bound);
    let bound = bound.fold(0.0, f64::max);
    assert!(
        spent >= BUDGET - 3.0 * (bound + EACH),
        "spent {spent} of {BUDGET}, a call holds {bound}"
    );
    settled(&redis).await;
    let account = redis.account(ACME).await;
    #[expect(clippy::cast_precision_loss, reason = "a dollar in millionths")]
    let counted = account["day_spent"] as f64 / 1e6;
    assert!((counted - spent).abs() < 1e-9, "{account:?}");
}

#[tokio::test]
async fn a_replica_that_is_killed_gives_its_slots_back_within_the_lease_and_its_calls_are_charged()
{
    let (upstream, _gate) = Upstream::held().await;
    let redis = Redis::start().await;
    let config = Config::to(&upstream)
        .limit("budget_usd_per_day", 50.0)
        .limit("calls_in_flight", 2);
    let replicas = Replicas::three(&shared(config, ""), &redis).await;
    for nth in 0..2 {
        let call = replicas.nth(0).brief(&opportunity_named(nth));
        crate::helpers::app::spawn(async move { call.try_send().await });
    }
    upstream.reached(2).await;
    let held = redis.account(ACME).await;
    assert_eq!(held["slots"], 2, "{held:?}");
    let full = replicas.nth(1).brief(&opportunity_named("third"));
    let full = full.header("prefer", "wait=1").send().await;
    full.expect_problem(429, "too-many-in-flight");

    replicas.nth(0).signal("KILL").await;
    until("slots that are free again", async || {
        // Only who asks is told.
        replicas
            .nth(1)
            .call(reqwest::Method::GET, "/whoami")
            .send()
            .await;
        redis.account(ACME).await["slots"] == 0
    })
    .await;
    let account = redis.account(ACME).await;
    assert!(account["day_spent"] > 0, "{account:?}");
    let bound: f64 = upstream
        .seen()
        .iter()
        .map(crate::helpers::upstream::Seen::bound)
        .sum();
    #[expect(clippy::cast_precision_loss, reason = "a few dollars in millionths")]
    let spent = account["day_spent"] as f64 / 1e6;
    assert!(spent >= bound - 1e-6, "{spent} of {bound}");
}

/// Waits until nothing is held any more, but what each replica has set apart.
pub(super) async fn settled(redis: &Redis) {
    until("settlements", async || {
        let account = redis.account(ACME).await;
        let keys = redis.ask(&["KEYS", "belay:*:held:*"]).await;
        let keys: Vec<String> = redis::from_redis_value(keys).expect("names");
        let mut apart = 0;
        for key in keys {
            let fields = redis.ask(&["HGETALL", &key]).await;
            let fields: std::collections::BTreeMap<String, String> =
                redis::from_redis_value(fields).expect("names and values");
            for (name, record) in fields {
                if !name.starts_with("slice:") {
                    return false;
                }
                let record: serde_json::Value = serde_json::from_str(&record).expect("JSON");
                apart += record["cost"].as_u64().unwrap_or_default();
            }
        }
        account["slots"] == 0 && account["day_held"] == apart
    })
    .await;
}

#[tokio::test]
async fn a_replica_that_ends_in_order_leaves_what_was_set_apart_for_it_to_the_others() {
    let (upstream, redis) = (Upstream::good().await, Redis::start().await);
    let config = Config::to(&upstream)
        .limit("budget_usd_per_day", 20.0)
        .server("drain_delay_s", 0);
    let mut replicas = Replicas::three(&shared(config, ""), &redis).await;
    for nth in 0..3 {
        let call = replicas.nth(nth).brief(&opportunity_named(nth));
        call.send().await.expect_ok();
    }
    let spent = async || redis.account(ACME).await["day_spent"];
    until("money that is set apart", async || {
        redis.account(ACME).await["day_held"] > 2_500_000
    })
    .await;
    let before = spent().await;
    for one in &mut replicas.0[..2] {
        one.signal("TERM").await;
        assert!(one.ended().await.success());
    }
    until("money that is given back", async || {
        redis.account(ACME).await["day_held"] <= 1_000_000
    })
    .await;
    assert_eq!(spent().await, before, "nothing was charged for it");
}
