//! New replicas take the place of old ones while calls go on, behind a balancer that asks each whether it is ready.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::future::join_all;

use super::limits::settled;
use super::outage::all_know;
use super::{Replicas, shared};
use crate::helpers::app::spawn;
use crate::helpers::org::ACME;
use crate::helpers::process::Belay;
use crate::helpers::redis::Redis;
use crate::helpers::{Config, Play, Reply, Upstream, opportunity_named, until};

/// What a call costs, in millionths of a dollar: 1,500 tokens at two dollars and 200 at ten per million.
const EACH: u64 = 5_000;
const LANES: usize = 6;

/// The replicas that calls go to.
#[derive(Clone, Default)]
struct Balancer(Arc<Mutex<Vec<Arc<Belay>>>>);

impl Balancer {
    fn nth(&self, nth: usize) -> Arc<Belay> {
        let replicas = self.0.lock().expect("no panic");
        Arc::clone(&replicas[nth % replicas.len()])
    }

    fn takes_in(&self, replica: Belay) {
        self.0.lock().expect("no panic").push(Arc::new(replica));
    }

    /// Sends nothing more to the oldest, once that says so.
    async fn lets_go_of_the_oldest(&self) -> Arc<Belay> {
        let oldest = self.nth(0);
        until("red readiness", async || {
            oldest.admin("/readyz").await.status == 503
        })
        .await;
        self.0.lock().expect("no panic").remove(0)
    }
}

/// Waits until nobody else has it, and for its end.
async fn end(replica: Arc<Belay>) {
    until("no caller of the old replica", async || {
        Arc::strong_count(&replica) == 1
    })
    .await;
    let mut replica = Arc::into_inner(replica).expect("nobody else has it");
    assert_eq!(replica.ended().await.code(), Some(0), "{:?}", replica.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_of_three_replicas_are_replaced_and_no_call_is_lost_and_no_budget_refilled() {
    const BUDGET: u64 = 20_000_000;
    let upstream = Upstream::doing(Play::Answer(Reply::good().using(1_500, 200))).await;
    let redis = Redis::start().await;
    let config = Config::to(&upstream)
        .server("drain_delay_s", 2)
        .limit("budget_usd_per_day", BUDGET / 1_000_000)
        .limit("calls_in_flight", 100);
    let config = shared(config, "key = \"env:SHARED_KEY\"");
    let replicas = Replicas::three(&config, &redis).await;
    all_know(&replicas, true).await;
    let balancer = Balancer::default();
    for replica in replicas.0 {
        balancer.takes_in(replica);
    }

    let stop = Arc::new(AtomicBool::new(false));
    let next = Arc::new(AtomicUsize::new(0));
    let lanes: Vec<_> = (0..LANES)
        .map(|_| {
            let (stop, next, balancer) = (Arc::clone(&stop), Arc::clone(&next), balancer.clone());
            spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let nth = next.fetch_add(1, Ordering::Relaxed);
                    let replica = balancer.nth(nth);
                    let answer = replica.brief(&opportunity_named(nth)).send().await;
                    answer.expect_ok();
                }
            })
        })
        .collect();
    upstream.reached(30).await;
    for _ in 0..2 {
        let new = Replicas::one_at(&config, &redis.url()).await;
        until("a replica that is ready", async || {
            new.admin("/readyz").await.status == 200
        })
        .await;
        balancer.takes_in(new);
        balancer.nth(0).signal("TERM").await;
        let old = balancer.lets_go_of_the_oldest().await;
        end(old).await;
        let so_far = upstream.count();
        upstream.reached(so_far + 30).await;
    }
    stop.store(true, Ordering::Relaxed);
    for lane in join_all(lanes).await {
        lane.expect("every call was answered");
    }

    settled(&redis).await;
    let spent = upstream.count() as u64 * EACH;
    assert!(spent < BUDGET, "{spent}: some is left to look at");
    assert_eq!(redis.account(ACME).await["day_spent"], spent);
    // What a replica of the last minute knows is what all have spent since the first, and what is set apart for each.
    let whoami = balancer.nth(2).call(reqwest::Method::GET, "/whoami");
    let told = whoami.send().await.expect_ok();
    let allowances = told["allowances"].as_array().expect("a list");
    let budget = allowances
        .iter()
        .find(|one| one["name"] == "budget_usd_per_day");
    let left = budget.expect("it has one")["remaining"]
        .as_f64()
        .expect("a number");
    #[expect(clippy::cast_precision_loss, reason = "a few dollars in millionths")]
    let usd = |micros: u64| micros as f64 / 1e6;
    let apart = 3.0 * usd(BUDGET / 20);
    let due = usd(BUDGET - spent);
    assert!(
        left <= due + 1e-6 && left >= due - apart - 1e-6,
        "{left} is left, not {due} less {apart} at most"
    );
}
