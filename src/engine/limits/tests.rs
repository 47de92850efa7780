use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::domain::{CredentialKind, Deadline, Limits as Caps, Org, OrgName, Scope, SystemClock};

fn limits() -> Limits {
    Limits::new(Arc::new(SystemClock), Arc::new(Metrics::new()))
}

fn caller(limits: Caps) -> Caller {
    let id = "00D5f000000XyZaEAK".parse().expect("an id");
    Caller::of_org(
        Arc::new(Org {
            id: OrgId::new(id).expect("an org"),
            name: OrgName::parse("acme").expect("a name"),
            timezone: TimeZone::UTC,
            limits,
            per_user: Caps::default(),
            models: BTreeMap::new(),
            tasks: Arc::default(),
            messages_cache_ttl: Duration::ZERO,
            privacy: None,
            batches: false,
        }),
        "flow".into(),
        CredentialKind::ApiKey,
        Arc::new([Scope::Tasks]),
    )
}

fn in_flight(count: u32) -> Caps {
    Caps {
        calls_in_flight: NonZeroU32::new(count),
        ..Caps::default()
    }
}

fn need(micros: u64) -> Need {
    Need {
        slot: true,
        tokens: 100,
        cost: Some(Money::micros(micros)),
    }
}

/// Reserves as a call of this patience does.
async fn reserve(
    limits: &Limits,
    caller: &Caller,
    lane: Lane,
    need: Need,
    seconds: u64,
) -> Result<(Option<Slot>, Hold), Refusal> {
    limits.reserve(caller, lane, need, &patience(seconds)).await
}

fn patience(seconds: u64) -> Patience {
    Patience::until(Deadline::after(
        Instant::now(),
        Duration::from_secs(seconds),
    ))
}

#[tokio::test(start_paused = true)]
async fn a_single_call_queues_for_a_third_of_its_patience() {
    let (limits, caller) = (limits(), caller(in_flight(1)));
    let _held = reserve(&limits, &caller, Lane::Single, need(1), 30)
        .await
        .expect("room");
    let begun = Instant::now();
    let refused = reserve(&limits, &caller, Lane::Single, need(1), 30)
        .await
        .err();
    assert!(matches!(
        refused,
        Some(Refusal::Spent {
            limit: LimitName::CallsInFlight,
            ..
        })
    ));
    let waited = Instant::now() - begun;
    assert!(
        (Duration::from_millis(9_700)..Duration::from_secs(10)).contains(&waited),
        "{waited:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_bulk_always_leaves_a_slot_to_a_single_call() {
    let (limits, caller) = (limits(), caller(in_flight(3)));
    let mut held = Vec::new();
    for _ in 0..2 {
        let item = reserve(&limits, &caller, Lane::Bulk, need(1), 5);
        held.push(item.await.expect("room"));
    }
    let third = reserve(&limits, &caller, Lane::Bulk, need(1), 5);
    assert_eq!(third.await.err(), Some(Refusal::Late));
    let single = reserve(&limits, &caller, Lane::Single, need(1), 5);
    assert!(single.await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_single_call_goes_before_the_items_of_a_bulk_that_wait() {
    let limits = Arc::new(limits());
    let caller = caller(in_flight(1));
    let held = reserve(&limits, &caller, Lane::Bulk, need(1), 30)
        .await
        .expect("room");
    let order = Arc::new(Mutex::new(Vec::new()));
    let wait = |lane| {
        let (limits, caller, order) = (Arc::clone(&limits), caller.clone(), Arc::clone(&order));
        async move {
            let patience = patience(30);
            let got = limits.reserve(&caller, lane, need(1), &patience).await;
            order.lock().expect("no panic").push(lane);
            drop(got);
        }
    };
    let release = async {
        tokio::task::yield_now().await;
        drop(held);
    };
    tokio::join!(
        wait(Lane::Bulk),
        wait(Lane::Bulk),
        wait(Lane::Single),
        release
    );
    assert_eq!(
        *order.lock().expect("no panic"),
        [Lane::Single, Lane::Bulk, Lane::Bulk]
    );
}

#[tokio::test]
async fn a_call_that_needs_more_than_the_whole_budget_is_refused_at_once() {
    let caps = Caps {
        budget_per_day: Some(Money::micros(500)),
        ..Caps::default()
    };
    let (limits, caller) = (limits(), caller(caps));
    let refused = reserve(&limits, &caller, Lane::Single, need(501), 30);
    assert!(matches!(
        refused.await.err(),
        Some(Refusal::OverLimit {
            limit: LimitName::BudgetPerDay,
            ..
        })
    ));
    let unpriced = Need {
        cost: None,
        ..need(0)
    };
    let refused = reserve(&limits, &caller, Lane::Single, unpriced, 30);
    assert!(matches!(
        refused.await.err(),
        Some(Refusal::OverLimit { .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn what_is_dropped_unsettled_is_charged_in_full_and_what_is_released_is_not() {
    let caps = Caps {
        budget_per_day: Some(Money::micros(1_000)),
        tokens_per_minute: NonZeroU32::new(1_000),
        ..in_flight(5)
    };
    let (limits, caller) = (limits(), caller(caps));
    let remaining = |name: LimitName| {
        let all = limits.allowances(&caller);
        let found = all.iter().find(|one| one.name == name);
        found.expect("it is set").remaining
    };
    let (slot, hold) = reserve(&limits, &caller, Lane::Single, need(600), 5)
        .await
        .expect("room");
    assert!((remaining(LimitName::BudgetPerDay) - 0.0004).abs() < 1e-9);
    hold.release();
    drop(slot);
    assert!((remaining(LimitName::BudgetPerDay) - 0.001).abs() < 1e-9);
    assert!((remaining(LimitName::TokensPerMinute) - 1_000.0).abs() < 1e-9);
    assert!((remaining(LimitName::CallsInFlight) - 5.0).abs() < 1e-9);

    let lost = reserve(&limits, &caller, Lane::Single, need(600), 5);
    drop(lost.await.expect("room"));
    assert!((remaining(LimitName::BudgetPerDay) - 0.0004).abs() < 1e-9);
    let refused = reserve(&limits, &caller, Lane::Single, need(600), 5);
    assert!(matches!(
        refused.await.err(),
        Some(Refusal::Spent {
            limit: LimitName::BudgetPerDay,
            ..
        })
    ));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_only_fits_later_waits_for_what_is_given_back() {
    let caps = Caps {
        budget_per_day: Some(Money::micros(1_000)),
        ..Caps::default()
    };
    let (limits, caller) = (limits(), caller(caps));
    let first = reserve(&limits, &caller, Lane::Single, need(900), 30);
    let (_slot, hold) = first.await.expect("room");
    let settle = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        hold.settle(10, Money::micros(50));
    };
    let begun = Instant::now();
    let patience = patience(30);
    let second = limits.reserve(&caller, Lane::Single, need(900), &patience);
    let (second, ()) = tokio::join!(second, settle);
    assert!(second.is_ok());
    assert_eq!(Instant::now() - begun, Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_further_attempt_that_the_budget_has_no_room_for_is_refused_at_once() {
    let caps = Caps {
        budget_per_day: Some(Money::micros(1_000)),
        ..in_flight(5)
    };
    let (limits, caller) = (limits(), caller(caps));
    let first = reserve(&limits, &caller, Lane::Single, need(600), 30);
    let (_slot, lost) = first.await.expect("room");
    drop(lost);
    let begun = Instant::now();
    let again = Need {
        slot: false,
        ..need(600)
    };
    let refused = reserve(&limits, &caller, Lane::Again, again, 30)
        .await
        .err();
    assert!(matches!(
        refused,
        Some(Refusal::Spent {
            limit: LimitName::BudgetPerDay,
            ..
        })
    ));
    assert_eq!(Instant::now(), begun);
}

/// One call of the property test: when it comes, what it reserves, what it costs (never more), how long it takes, and
/// whether its cost is ever told.
#[derive(Debug, Clone, Copy)]
struct Call {
    comes_ms: u64,
    bound: u64,
    cost: u64,
    takes_ms: u64,
    told: bool,
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let call = (
        0_u64..2_000,
        1_u64..400,
        0_u64..100,
        0_u64..500,
        prop::bool::weighted(0.9),
    );
    let call = call.prop_map(|(comes_ms, bound, percent, takes_ms, told)| Call {
        comes_ms,
        bound,
        cost: bound * percent / 100,
        takes_ms,
        told,
    });
    prop::collection::vec(call, 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever comes in whatever order: what is spent never passes the budget, no more calls than slots are ever under
    /// way, and at the end nothing is held.
    #[test]
    fn no_interleaving_spends_more_than_the_budget(
        calls in calls(),
        budget in 400_u64..3_000,
        slots in 1_u32..8,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let (spent, most, left, answered) = runtime.block_on(run(calls.clone(), budget, slots));
        prop_assert!(spent <= budget, "{spent} of {budget}");
        prop_assert!(most <= slots);
        let expected = Money::micros(budget - spent).as_usd();
        prop_assert!((left - expected).abs() < 1e-9, "left {left}, expected {expected}");
        // Nobody is turned away while there is room for the dearest call.
        let dearest = calls.iter().map(|call| call.bound).max().unwrap_or(0);
        if answered < calls.len() {
            prop_assert!(spent + dearest > budget, "turned away at {spent} of {budget}");
        }
    }
}

async fn run(calls: Vec<Call>, budget: u64, slots: u32) -> (u64, u32, f64, usize) {
    let caps = Caps {
        budget_per_day: Some(Money::micros(budget)),
        ..in_flight(slots)
    };
    let (limits, caller) = (Arc::new(limits()), caller(caps));
    let (under_way, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let runs = calls.into_iter().map(|call| {
        let (limits, caller) = (Arc::clone(&limits), caller.clone());
        let (under_way, most) = (Arc::clone(&under_way), Arc::clone(&most));
        async move {
            tokio::time::sleep(Duration::from_millis(call.comes_ms)).await;
            // Patient enough that only the budget can turn a call away.
            let patience = patience(1_000);
            let reserved = limits
                .reserve(&caller, Lane::Single, need(call.bound), &patience)
                .await;
            let Ok((_slot, hold)) = reserved else {
                return None;
            };
            most.fetch_max(
                under_way.fetch_add(1, Ordering::SeqCst) + 1,
                Ordering::SeqCst,
            );
            tokio::time::sleep(Duration::from_millis(call.takes_ms)).await;
            under_way.fetch_sub(1, Ordering::SeqCst);
            if call.told {
                hold.settle(10, Money::micros(call.cost));
                Some(call.cost)
            } else {
                drop(hold);
                Some(call.bound)
            }
        }
    });
    let outcomes = futures_util::future::join_all(runs).await;
    let left = limits
        .allowances(&caller)
        .iter()
        .find(|one| one.name == LimitName::BudgetPerDay)
        .map_or(0.0, |one| one.remaining);
    let answered = outcomes.iter().flatten().count();
    let spent = outcomes.into_iter().flatten().sum();
    (spent, most.load(Ordering::SeqCst), left, answered)
}

fn budget(micros: u64) -> Caps {
    Caps {
        budget_per_day: Some(Money::micros(micros)),
        ..Caps::default()
    }
}

fn money_left(limits: &Limits, caller: &Caller) -> f64 {
    limits.allowances(caller)[0].remaining
}

#[tokio::test]
async fn a_deposit_is_charged_at_once_and_corrected_once_its_cost_is_known() {
    let (limits, caller) = (limits(), caller(budget(1_000_000)));
    let most = Some(Money::micros(600_000));
    let deposit = limits.deposit(&caller, most).await.expect("room");
    assert!((money_left(&limits, &caller) - 0.4).abs() < 1e-9);
    deposit.settle(Money::micros(100_000));
    assert!((money_left(&limits, &caller) - 0.9).abs() < 1e-9);
    drop(limits.deposit(&caller, most).await.expect("room"));
    assert!((money_left(&limits, &caller) - 0.3).abs() < 1e-9);
}

#[tokio::test]
async fn nobody_waits_for_the_money_of_a_deposit() {
    let (limits, caller) = (limits(), caller(budget(1_000_000)));
    let most = Some(Money::micros(600_000));
    let _deposit = limits.deposit(&caller, most).await.expect("room");
    let spent = |refusal: Option<Refusal>| match refusal {
        Some(Refusal::Spent { retry_in, .. }) => retry_in > WHILE_OTHERS_END,
        _ => false,
    };
    assert!(spent(limits.deposit(&caller, most).await.err()));
    let refused = reserve(&limits, &caller, Lane::Single, need(600_000), 600);
    assert!(spent(refused.await.err()), "told at once until when");
    let never = limits.deposit(&caller, Some(Money::micros(1_000_001)));
    assert!(matches!(never.await.err(), Some(Refusal::OverLimit { .. })));
    assert!(matches!(
        limits.deposit(&caller, None).await.err(),
        Some(Refusal::OverLimit { .. })
    ));
}
