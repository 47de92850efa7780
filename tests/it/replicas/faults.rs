//! Calls that go on while something befalls the store: what they are told, how long they wait, and what is left of it.
//!
//! Each fault is tried in both modes of `on_outage`, under the same load: plain calls, calls with a key of their own, and
//! calls with little patience, at three replicas that share all that can be shared.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::limits::settled;
use super::outage::all_know;
use super::{Replicas, TIMEOUT, shared};
use crate::helpers::app::spawn;
use crate::helpers::call::Call;
use crate::helpers::org::ACME;
use crate::helpers::redis::{Between, Redis, Sentinels};
use crate::helpers::wait::until;
use crate::helpers::{Config, Play, Reply, Upstream, opportunity_named};

/// What befalls the store.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    Paused,
    Emptied,
    Full,
    OnlyAReplica,
    Lying,
    FailedOver,
}

/// The store, and whatever a fault needs around it.
enum Store {
    Plain(Redis),
    Behind(Redis, Between),
    Watched(Box<Sentinels>),
}

/// What became of one call.
#[derive(Debug)]
struct Told {
    status: u16,
    code: String,
    took: Duration,
    patience: Option<Duration>,
}

/// Calls at all replicas, one after another in each of a few lanes, until they are stopped.
struct Load {
    stop: Arc<AtomicBool>,
    lanes: Vec<JoinHandle<Vec<Told>>>,
}

/// What a call costs, in millionths of a dollar: 1,500 tokens at two dollars and 200 at ten per million.
const EACH: u64 = 5_000;
/// How long the store is paused.
const PAUSE: Duration = Duration::from_secs(5);
/// How long any other fault is there after every replica knows of it: longer than a lease, so that each counts as lost.
const WHILE: Duration = Duration::from_secs(6);
/// What the way to the gateway and back may take on a busy machine.
const WAY: Duration = Duration::from_millis(500);
const LANES: usize = 6;

impl Store {
    async fn ready_for(fault: Fault) -> Self {
        match fault {
            Fault::FailedOver => Self::Watched(Box::new(Sentinels::start().await)),
            Fault::Lying => {
                let redis = Redis::start().await;
                let between = Between::the_callers_and(&redis).await;
                Self::Behind(redis, between)
            }
            _ => Self::Plain(Redis::start().await),
        }
    }

    fn url(&self) -> String {
        match self {
            Self::Plain(redis) => redis.url(),
            Self::Behind(_, between) => between.url(),
            Self::Watched(sentinels) => sentinels.url(),
        }
    }

    /// The server that has the accounts once the fault is over.
    fn server(&self) -> &Redis {
        match self {
            Self::Plain(redis) | Self::Behind(redis, _) => redis,
            Self::Watched(sentinels) => sentinels.next(),
        }
    }

    async fn suffer(&mut self, fault: Fault) {
        match (self, fault) {
            (Self::Plain(redis), Fault::Paused) => redis.signal("STOP").await,
            (Self::Plain(redis), Fault::Emptied) => redis.kill().await,
            (Self::Plain(redis), Fault::Full) => {
                redis.ask(&["CONFIG", "SET", "maxmemory", "1"]).await;
            }
            (Self::Plain(redis), _) => {
                redis.ask(&["REPLICAOF", "127.0.0.1", "1"]).await;
            }
            (Self::Behind(_, between), _) => between.lie(true),
            (Self::Watched(sentinels), _) => sentinels.master.kill().await,
        }
    }

    async fn recover(&mut self, fault: Fault) {
        match (self, fault) {
            (Self::Plain(redis), Fault::Paused) => redis.signal("CONT").await,
            (Self::Plain(redis), Fault::Emptied) => {
                assert!(redis.restart().await, "the port is still ours");
            }
            (Self::Plain(redis), Fault::Full) => {
                // With no limit at all a server of release 7.0 goes on to refuse scripts.
                redis.ask(&["CONFIG", "SET", "maxmemory", "1gb"]).await;
            }
            (Self::Plain(redis), _) => {
                redis.ask(&["REPLICAOF", "NO", "ONE"]).await;
            }
            (Self::Behind(_, between), _) => between.lie(false),
            // The Sentinels see to it.
            (Self::Watched(_), _) => {}
        }
    }
}

impl Load {
    fn on(replicas: &Arc<Replicas>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let next = Arc::new(AtomicUsize::new(0));
        let lane = || {
            let (stop, next, replicas) =
                (Arc::clone(&stop), Arc::clone(&next), Arc::clone(replicas));
            spawn(async move {
                let mut told = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let nth = next.fetch_add(1, Ordering::Relaxed);
                    told.push(one(replicas.nth(nth).brief(&opportunity_named(nth)), nth).await);
                }
                told
            })
        };
        let lanes = (0..LANES).map(|_| lane()).collect();
        Self { stop, lanes }
    }

    async fn ended(self) -> Vec<Told> {
        self.stop.store(true, Ordering::Relaxed);
        let lanes = join_all(self.lanes).await.into_iter();
        lanes.flat_map(|lane| lane.expect("no panic")).collect()
    }
}

/// Every third call has a key, and every third little patience.
async fn one(call: Call, nth: usize) -> Told {
    let (call, patience) = match nth / 3 % 3 {
        0 => (call, None),
        1 => (call.header("idempotency-key", &format!("key-{nth}")), None),
        _ => (call.waiting(2), Some(Duration::from_secs(2))),
    };
    let began = Instant::now();
    let answer = call.send().await;
    let code = match answer.status {
        200 => String::new(),
        _ => answer.json()["code"].as_str().unwrap_or("none").to_owned(),
    };
    Told {
        status: answer.status,
        code,
        took: began.elapsed(),
        patience,
    }
}

/// Lets `fault` come and go under load, and looks at all that was told and all that is left.
async fn endure(fault: Fault, on_outage: &str) {
    let upstream = Upstream::doing(Play::Answer(Reply::good().using(1_500, 200))).await;
    let mut store = Store::ready_for(fault).await;
    let config = Config::to(&upstream)
        .limit("budget_usd_per_day", 100.0)
        .limit("calls_in_flight", 100);
    let more = format!("key = \"env:SHARED_KEY\"\non_outage = \"{on_outage}\"");
    let replicas = Replicas::three_at(&shared(config, &more), &store.url()).await;
    let replicas = Arc::new(replicas);
    all_know(&replicas, true).await;

    let load = Load::on(&replicas);
    upstream.reached(30).await;
    let before = upstream.count();
    store.suffer(fault).await;
    let began = Instant::now();
    all_know(&replicas, false).await;
    let held = if fault == Fault::Paused {
        PAUSE.saturating_sub(began.elapsed())
    } else {
        WHILE
    };
    tokio::time::sleep(held).await;
    let in_the_dark = upstream.count() - before;
    store.recover(fault).await;
    all_know(&replicas, true).await;
    let after = upstream.count();
    upstream.reached(after + 30).await;
    let told = load.ended().await;

    for one in &told {
        let is_as_documented = match (one.status, one.code.as_str()) {
            (200, _) | (503, "shared-store-down") => true,
            // Waiting for the store is waiting, too.
            (504, "deadline-passed") => one.patience.is_some(),
            _ => false,
        };
        assert!(is_as_documented, "{one:?}");
        let longest = one
            .patience
            .map_or(3 * TIMEOUT, |patience| patience.min(3 * TIMEOUT));
        assert!(one.took < longest + WAY, "{one:?}");
    }
    let refused = told.iter().filter(|one| one.status == 503).count();
    match on_outage {
        "refuse" => assert!(refused > 0, "the outage is told"),
        _ => assert!(in_the_dark > LANES, "{in_the_dark} calls in the dark"),
    }
    for one in &replicas.0 {
        let page = one.admin("/metrics").await.text();
        let dark = page
            .lines()
            .find_map(|line| line.strip_prefix("belay_shared_dark_seconds_total "));
        let dark: f64 = dark.expect("it is told").parse().expect("a number");
        assert!(dark > 0.0, "{dark} s in the dark");
    }
    settled(store.server()).await;
    let truth = upstream.count() as u64 * EACH;
    // What was set apart for a replica that was not heard of is charged until it is.
    until("all that was spent, and nothing twice", async || {
        store.server().account(ACME).await["day_spent"] == truth
    })
    .await;
}

/// A test a fault and mode.
macro_rules! faults {
    ($($name:ident: $fault:ident, $on_outage:literal;)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                endure(Fault::$fault, $on_outage).await;
            }
        )*
    };
}

faults! {
    a_store_that_is_paused_for_five_seconds_is_gone_on_without: Paused, "local";
    a_store_that_is_paused_for_five_seconds_is_told_of: Paused, "refuse";
    a_store_that_is_killed_and_comes_back_empty_is_gone_on_without: Emptied, "local";
    a_store_that_is_killed_and_comes_back_empty_is_told_of: Emptied, "refuse";
    a_store_that_is_full_is_gone_on_without: Full, "local";
    a_store_that_is_full_is_told_of: Full, "refuse";
    a_store_that_is_only_a_replica_is_gone_on_without: OnlyAReplica, "local";
    a_store_that_is_only_a_replica_is_told_of: OnlyAReplica, "refuse";
    a_store_that_answers_garbage_is_gone_on_without: Lying, "local";
    a_store_that_answers_garbage_is_told_of: Lying, "refuse";
    a_store_whose_master_is_lost_is_gone_on_without: FailedOver, "local";
    a_store_whose_master_is_lost_is_told_of: FailedOver, "refuse";
}
