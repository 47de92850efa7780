//! What becomes of calls and of money while the store is gone, and where it keeps them in a Cluster.

use super::{Replicas, shared};
use crate::helpers::org::ACME;
use crate::helpers::redis::{Cluster, Redis};
use crate::helpers::wait::until;
use crate::helpers::{Config, Play, Reply, Upstream, opportunity_named};

const CHEAP: fn() -> Reply = || Reply::good().using(1_500, 200);

/// Waits until every replica knows whether the store is there.
pub(super) async fn all_know(replicas: &Replicas, up: bool) {
    for one in &replicas.0 {
        let wanted = format!("belay_shared_up {}", i32::from(up));
        until("a replica that knows of the store", async || {
            let page = one.admin("/metrics").await.text();
            page.lines().any(|line| line == wanted)
        })
        .await;
    }
}

#[tokio::test]
async fn in_the_dark_three_replicas_spend_no_more_than_there_is() {
    const BUDGET: f64 = 2.0;
    let upstream = Upstream::doing(Play::Answer(CHEAP())).await;
    let mut redis = Redis::start().await;
    let config = Config::to(&upstream).limit("budget_usd_per_day", BUDGET);
    let replicas = Replicas::three(&shared(config, ""), &redis).await;
    all_know(&replicas, true).await;
    for nth in 0..3 {
        replicas
            .nth(nth)
            .brief(&opportunity_named(nth))
            .send()
            .await
            .expect_ok();
    }
    until("money that is set apart", async || {
        redis.account(ACME).await["day_held"] > 100_000
    })
    .await;
    redis.kill().await;
    all_know(&replicas, false).await;
    for nth in 0..300 {
        let answer = replicas
            .nth(nth)
            .brief(&opportunity_named(format!("dark {nth}")));
        let answer = answer.send().await;
        if answer.status != 200 {
            let problem = answer.expect_problem(503, "shared-store-down");
            assert_eq!(problem["retryable"], true);
        }
    }
    let dark = upstream.count();
    assert!(dark > 3, "something was set apart: {dark}");
    assert!(redis.restart().await, "the port is still ours");
    all_know(&replicas, true).await;
    for nth in 0..450 {
        let answer = replicas
            .nth(nth)
            .brief(&opportunity_named(format!("light {nth}")));
        // An empty store gives no money before every replica could tell what it knows.
        let answer = answer.header("prefer", "wait=9").send().await;
        if answer.status != 200 {
            answer.expect_problem(429, "budget-spent");
            break;
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "about a hundred")]
    let spent = upstream.count() as f64 * 0.005;
    assert!(spent > BUDGET * 0.8, "the light is used as well: {spent}");
    assert!(
        spent <= BUDGET + 1e-9,
        "spent {spent} of {BUDGET}, in the dark {dark}"
    );
}

#[tokio::test]
async fn where_an_outage_is_refused_callers_are_told_to_come_back() {
    let upstream = Upstream::good().await;
    let mut redis = Redis::start().await;
    let config = shared(Config::to(&upstream), "on_outage = \"refuse\"");
    let replicas = Replicas::three(&config, &redis).await;
    all_know(&replicas, true).await;
    replicas
        .nth(0)
        .brief(&opportunity_named(1))
        .send()
        .await
        .expect_ok();
    redis.kill().await;
    all_know(&replicas, false).await;
    let refused = replicas.nth(1).brief(&opportunity_named(2)).send().await;
    let problem = refused.expect_problem(503, "shared-store-down");
    assert_eq!(problem["retryable"], true);
    assert_eq!(refused.header("retry-after"), Some("2"));
    assert!(redis.restart().await, "the port is still ours");
    all_know(&replicas, true).await;
    replicas
        .nth(1)
        .brief(&opportunity_named(2))
        .send()
        .await
        .expect_ok();
}

#[tokio::test]
async fn a_cluster_keeps_all_of_an_org_in_one_place() {
    let upstream = Upstream::doing(Play::Answer(CHEAP())).await;
    let cluster = Cluster::start().await;
    let config = Config::to(&upstream).limit("budget_usd_per_day", 0.1);
    let config = shared(config, "on_outage = \"refuse\"");
    let replicas = Replicas::three_at(&config, &cluster.url()).await;
    all_know(&replicas, true).await;
    let mut spent = 0;
    for nth in 0..60 {
        let call = replicas.nth(nth).brief(&opportunity_named(nth));
        let patience = if nth == 0 { "wait=30" } else { "wait=3" };
        let answer = call.header("prefer", patience).send().await;
        if answer.status != 200 {
            answer.expect_problem(429, "budget-spent");
            break;
        }
        spent += 5;
    }
    assert!(
        (10..=100).contains(&spent),
        "{spent} thousandths of a dollar"
    );
}
