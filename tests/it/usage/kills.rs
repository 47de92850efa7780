//! A process that is killed at any moment loses no call that was answered, and makes no budget whole again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use futures_util::future::join_all;
use reqwest::Method;
use rusqlite::Connection;

use super::{EACH, cost, kept_at, today, upstream};
use crate::helpers::app::spawn;
use crate::helpers::process::Belay;
use crate::helpers::{Config, opportunity_named};

/// How often it is killed, in each of so many files at once.
const KILLS: usize = 50;
const FILES: usize = 4;
/// Callers, each of which asks again as soon as it has its answer.
const CALLERS: usize = 4;
const BUDGET: f64 = 40.0;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_kills_under_load_lose_no_call_that_was_answered_and_refill_no_budget() {
    join_all((0..FILES).map(|_| killed_again_and_again())).await;
}

async fn killed_again_and_again() {
    let upstream = upstream().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("usage.db");
    let config = Config::to(&upstream).limit("budget_usd_per_month", BUDGET);
    let config = kept_at(config, &file);
    let next = Arc::new(AtomicUsize::new(0));
    let answered = Arc::new(AtomicU64::new(0));
    let mut cut = 0;
    for kill in 0..=KILLS {
        let belay = Arc::new(Belay::serve_at(&config, "warn").await);
        check(
            &belay,
            upstream.count() as u64,
            answered.load(Ordering::SeqCst),
            cut,
        )
        .await;
        if kill == KILLS {
            break;
        }
        let before = upstream.count();
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| {
                let (next, answered) = (Arc::clone(&next), Arc::clone(&answered));
                let belay = Arc::clone(&belay);
                spawn(async move {
                    loop {
                        let nth = next.fetch_add(1, Ordering::SeqCst);
                        match belay.brief(&opportunity_named(nth)).try_send().await {
                            Ok(answer) => answer.expect_ok(),
                            Err(_) => return,
                        };
                        answered.fetch_add(1, Ordering::SeqCst);
                    }
                })
            })
            .collect();
        upstream.reached(before + fastrand::usize(1..12)).await;
        // Anywhere between a call and the next, and amid any step of one.
        tokio::time::sleep(std::time::Duration::from_micros(fastrand::u64(..5_000))).await;
        belay.signal("KILL").await;
        for caller in join_all(callers).await {
            caller.expect("what was answered was answered well");
            cut += 1;
        }
        let mut belay = Arc::into_inner(belay).expect("its callers are gone");
        belay.ended().await;
        let found: String = Connection::open(&file)
            .and_then(|file| file.pragma_query_value(None, "integrity_check", |row| row.get(0)))
            .expect("a database");
        assert_eq!(found, "ok", "after kill {kill}");
    }
}

#[expect(clippy::cast_precision_loss, reason = "a few hundred")]
fn count(kills: u64) -> f64 {
    kills as f64
}

/// What the file says, after `answered` calls of `asked` that reached the upstream; `cut` were under way at a kill.
async fn check(belay: &Belay, asked: u64, answered: u64, cut: u64) {
    let from = today().yesterday().expect("there is one");
    let usage = belay.call(Method::GET, &format!("/usage?from={from}"));
    let report = usage.send().await.expect_ok();
    let number = |name: &str| report["totals"][name].as_u64().expect("a number");
    let counted = number("provider_calls");
    assert!(
        (answered..=asked).contains(&counted) && asked - counted <= cut,
        "{counted} are counted; {asked} were asked, {answered} answered, {cut} cut"
    );
    assert_eq!(number("calls"), counted);
    assert_eq!(number("input_tokens"), counted * 1_500);
    let told = report["totals"]["cost_usd"].as_f64().expect("a number");
    assert!((told - cost(counted)).abs() < 1e-6, "{told}");

    let whoami = belay.call(Method::GET, "/whoami").send().await.expect_ok();
    let all = whoami["allowances"].as_array().expect("a list");
    let budget = all.iter().find(|one| one["name"] == "budget_usd_per_month");
    let left = budget.expect("there is one")["remaining"]
        .as_f64()
        .expect("a number");
    let spent = BUDGET - left;
    // A call that was cut is charged what it had reserved: more than it cost, and less than thirty of its kind. Each kill
    // takes a thousandth of the budget on top, at most.
    let most = cost(answered + cut) + cost(cut * 30) + BUDGET / 1_000.0 * count(cut) + 1e-6;
    assert!(
        spent >= cost(counted) - 1e-6 && spent <= most,
        "{spent} is spent; {answered} calls of {EACH} were answered, {cut} cut"
    );
}
