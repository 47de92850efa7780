//! Equal calls at several replicas reach the upstream once.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream;
use tokio::time::Instant;

use super::cache::{keys, status};
use super::{Replicas, keyed};
use crate::helpers::redis::Redis;
use crate::helpers::wait::until;
use crate::helpers::{Config, Gate, Play, Reply, Upstream, opportunity};

async fn three(upstream: &Upstream, redis: &Redis) -> Replicas {
    let replicas = Replicas::three(&keyed(Config::to(upstream)), redis).await;
    super::outage::all_know(&replicas, true).await;
    replicas
}

/// Waits until nobody asks for anything any more, so that what came of it is in the store.
pub(super) async fn landed(redis: &Redis) {
    until("flights that have landed", async || {
        let keys = keys(redis, "belay:{").await;
        keys.iter().all(|key| !key.contains("}:flight:"))
    })
    .await;
}

#[tokio::test]
async fn three_thousand_equal_calls_at_three_replicas_reach_the_upstream_once() {
    let (upstream, gate) = Upstream::held().await;
    let redis = Redis::start().await;
    let replicas = three(&upstream, &redis).await;
    let calls = (0..3_000).map(|nth| replicas.nth(nth).brief(&opportunity()).send());
    let calls = stream::iter(calls).buffer_unordered(300);
    let (answers, ()) = tokio::join!(calls.collect::<Vec<_>>(), async {
        upstream.reached(1).await;
        gate.open();
    });
    let id = answers[0].expect_ok()["id"].clone();
    let mut paid = 0;
    for answer in &answers {
        assert_eq!(answer.expect_ok()["id"], id);
        if status(answer) == "belay; fwd=miss; stored" {
            paid += 1;
        }
    }
    assert_eq!((upstream.count(), paid), (1, 1));
    landed(&redis).await;
}

#[tokio::test]
async fn a_waiter_is_told_that_its_call_was_collapsed() {
    let (upstream, gate) = Upstream::held().await;
    let redis = Redis::start().await;
    let replicas = three(&upstream, &redis).await;
    let lead = replicas.nth(0).brief(&opportunity()).send();
    let (first, second) = tokio::join!(lead, async {
        upstream.reached(1).await;
        let wait = replicas.nth(1).brief(&opportunity()).send();
        let (second, ()) = tokio::join!(wait, async {
            // Longer than a lease: it is renewed.
            tokio::time::sleep(Duration::from_secs(4)).await;
            gate.open();
        });
        second
    });
    assert_eq!(status(&first), "belay; fwd=miss; stored");
    assert_eq!(status(&second), "belay; fwd=miss; collapsed");
    assert_eq!(first.json()["id"], second.json()["id"]);
    assert_eq!(second.json()["usage"]["cost_usd"], 0.0);
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn a_waiter_with_less_patience_is_late_by_its_own() {
    let (upstream, gate) = Upstream::held().await;
    let redis = Redis::start().await;
    let replicas = three(&upstream, &redis).await;
    let lead = replicas.nth(0).brief(&opportunity()).send();
    let (first, ()) = tokio::join!(lead, async {
        upstream.reached(1).await;
        let late = replicas
            .nth(1)
            .brief(&opportunity())
            .waiting(2)
            .send()
            .await;
        late.expect_problem(504, "deadline-passed");
        gate.open();
    });
    first.expect_ok();
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn a_failure_is_not_shared_and_the_waiter_asks_itself() {
    let (upstream, gate) = Upstream::held().await;
    upstream.next([Play::Held(
        gate.clone(),
        Reply::good().stopped_by("refusal"),
    )]);
    let redis = Redis::start().await;
    let replicas = three(&upstream, &redis).await;
    let lead = replicas.nth(0).brief(&opportunity()).send();
    let (first, second) = tokio::join!(lead, async {
        upstream.reached(1).await;
        let wait = replicas.nth(1).brief(&opportunity()).send();
        let (second, ()) = tokio::join!(wait, async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            gate.open();
        });
        second
    });
    first.expect_problem(422, "model-refused");
    assert_eq!(status(&second), "belay; fwd=miss; stored");
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn a_waiter_takes_over_when_the_replica_that_asked_is_killed() {
    let gate = Gate::closed();
    let upstream = Upstream::good().await;
    upstream.next([Play::Held(gate, Reply::good())]);
    let redis = Redis::start().await;
    let replicas = three(&upstream, &redis).await;
    let lead = replicas.nth(0).brief(&opportunity()).0.send();
    let (lost, (waited, took)) = tokio::join!(lead, async {
        upstream.reached(1).await;
        let waiters = [1, 2, 4, 5].map(|nth| replicas.nth(nth).brief(&opportunity()).send());
        let (answers, killed) = tokio::join!(join_all(waiters), async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            replicas.nth(0).signal("KILL").await;
            Instant::now()
        });
        (answers, killed.elapsed())
    });
    assert!(lost.is_err(), "its connection is gone");
    let id = waited[0].expect_ok()["id"].clone();
    for answer in &waited {
        assert_eq!(answer.expect_ok()["id"], id);
    }
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(
        upstream.count(),
        2,
        "the lost one and the one that took over"
    );
}

#[tokio::test]
async fn a_store_that_goes_away_under_a_waiter_lets_it_ask() {
    let (upstream, gate) = Upstream::held().await;
    let mut redis = Redis::start().await;
    let replicas = three(&upstream, &redis).await;
    let lead = replicas.nth(0).brief(&opportunity()).send();
    let (first, second) = tokio::join!(lead, async {
        upstream.reached(1).await;
        let wait = replicas.nth(1).brief(&opportunity()).send();
        let (second, ()) = tokio::join!(wait, async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            redis.kill().await;
            upstream.reached(2).await;
            gate.open();
        });
        second
    });
    first.expect_ok();
    assert_eq!(status(&second), "belay; fwd=miss; stored");
    assert_eq!(upstream.count(), 2);
}
