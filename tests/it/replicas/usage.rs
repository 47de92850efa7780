//! What was used is counted once, whichever replica it was used at, and whether or not the store was there.

use reqwest::Method;

use super::{Replicas, shared};
use crate::helpers::org::ACME;
use crate::helpers::redis::Redis;
use crate::helpers::{Config, Play, Reply, Upstream, opportunity_named, until};

/// What a call costs in dollars: 1,500 tokens at two dollars and 200 at ten per million.
const EACH: f64 = 0.005;

async fn config() -> (Upstream, Config) {
    let upstream = Upstream::doing(Play::Answer(Reply::good().using(1_500, 200))).await;
    let config = shared(Config::to(&upstream), "");
    (upstream, config)
}

#[tokio::test]
async fn calls_of_every_replica_are_told_by_each_and_by_one_that_comes_later() {
    let (_upstream, config) = config().await;
    let redis = Redis::start().await;
    let replicas = Replicas::three(&config, &redis).await;
    for nth in 0..6 {
        let answer = replicas
            .nth(nth)
            .brief(&opportunity_named(nth))
            .send()
            .await;
        answer.expect_ok();
    }
    let later = Replicas::one_at(&config, &redis.url()).await;
    for replica in replicas.0.iter().chain([&later]) {
        let report = replica.call(Method::GET, "/usage").send().await.expect_ok();
        assert_eq!(report["totals"]["calls"], 6, "{report}");
        assert_eq!(report["totals"]["input_tokens"], 6 * 1_500);
        assert_eq!(report["totals"]["cost_usd"], 6.0 * EACH);
        assert_eq!(report["rows"].as_array().map(Vec::len), Some(1));
        assert_eq!(report["rows"][0]["model"], "claude-sonnet-5-5");
    }
    let all = later.admin(&format!("/usage?org={ACME}&by=task")).await;
    assert_eq!(all.expect_ok()["orgs"][0]["totals"]["calls"], 6);
}

#[tokio::test]
async fn calls_of_the_dark_are_counted_once_when_the_store_is_back() {
    let (_upstream, config) = config().await;
    let mut redis = Redis::start().await;
    let replica = Replicas::one_at(&config, &redis.url()).await;
    replica
        .brief(&opportunity_named(0))
        .send()
        .await
        .expect_ok();
    redis.signal("STOP").await;
    for nth in 1..5 {
        let answer = replica.brief(&opportunity_named(nth)).send().await;
        answer.expect_ok();
    }
    let dark = replica.call(Method::GET, "/usage").send().await;
    dark.expect_problem(503, "shared-store-down");
    redis.signal("CONT").await;
    until("what was used", async || {
        let usage = replica.call(Method::GET, "/usage").send().await;
        usage.status == 200 && usage.json()["totals"]["calls"] == 5
    })
    .await;
    // Whatever went out before the stop and was not answered has been told again, and counts once.
    replica
        .brief(&opportunity_named(9))
        .send()
        .await
        .expect_ok();
    let report = replica.call(Method::GET, "/usage").send().await.expect_ok();
    assert_eq!(report["totals"]["calls"], 6);
    redis.kill().await;
}
