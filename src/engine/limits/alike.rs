//! The books of several replicas decide as the accounts of one process do, call by call.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tokio::runtime::Runtime;
use tokio::time::Instant;

use super::Need;
use super::account::{Accounts, Booked};
use super::blocked::Blocked;
use crate::domain::{
    Caller, Clock, CredentialKind, LimitName, Limits, Money, Org, OrgId, OrgName, Scope, UserId,
};
use crate::lifecycle::Lifecycle;
use crate::shared::books::{self, Books, Reserved, Verdict};
use crate::shared::scripted::Server;
use crate::shared::told;

/// What happens to an org.
#[derive(Debug, Clone)]
enum Step {
    Admit {
        user: Option<u8>,
    },
    Reserve {
        user: Option<u8>,
        slot: bool,
        bulk: bool,
        tokens: u64,
        cost: u64,
    },
    Settle {
        nth: usize,
        tokens: u64,
        cost: u64,
    },
    Leave {
        nth: usize,
    },
    Pass {
        ms: u64,
    },
}

/// A clock that a test turns.
struct Dial {
    start: (Instant, Timestamp),
    passed: Mutex<Duration>,
}

/// A reservation that both sides hold.
struct Open {
    caller: Caller,
    need: Need,
    bulk: bool,
    booked: Booked,
    reserved: Reserved,
    settled: bool,
    left: bool,
}

impl Clock for Dial {
    fn now(&self) -> Instant {
        self.start.0 + *self.passed.lock().expect("no panic")
    }

    fn timestamp(&self) -> Timestamp {
        self.start.1 + *self.passed.lock().expect("no panic")
    }
}

/// Sizes that divide a minute's microseconds, so that both sides' times are exact.
fn limits() -> impl Strategy<Value = Limits> {
    let size = |sizes: &'static [u32]| {
        proptest::option::weighted(0.8, proptest::sample::select(sizes))
            .prop_map(|size| size.and_then(NonZeroU32::new))
    };
    let money = || proptest::option::weighted(0.7, (1_u64..400).prop_map(Money::micros));
    (
        size(&[1, 2, 4, 10, 60]),
        size(&[10, 100, 600, 1_000]),
        size(&[1, 2, 3, 5]),
        money(),
        money(),
    )
        .prop_map(|(requests, tokens, slots, day, month)| Limits {
            requests_per_minute: requests,
            tokens_per_minute: tokens,
            calls_in_flight: slots,
            budget_per_day: day,
            budget_per_month: month,
        })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let user = || proptest::option::of(0_u8..2);
    let step = prop_oneof![
        3 => user().prop_map(|user| Step::Admit { user }),
        6 => (user(), any::<bool>(), any::<bool>(), 0_u64..120, 0_u64..120).prop_map(
            |(user, slot, bulk, tokens, cost)| Step::Reserve { user, slot, bulk, tokens, cost }
        ),
        4 => (any::<usize>(), 0_u64..200, 0_u64..200)
            .prop_map(|(nth, tokens, cost)| Step::Settle { nth, tokens, cost }),
        3 => any::<usize>().prop_map(|nth| Step::Leave { nth }),
        2 => prop_oneof![0_u64..90_000, 0_u64..200_000_000].prop_map(|ms| Step::Pass { ms }),
    ];
    proptest::collection::vec(step, 1..40)
}

fn caller(limits: (Limits, Limits), user: Option<u8>) -> Caller {
    let id = "00D5f000000XyZaEAK".parse().expect("an id");
    let org = Org {
        id: OrgId::new(id).expect("an org"),
        name: OrgName::parse("acme").expect("a name"),
        timezone: TimeZone::fixed(jiff::tz::offset(2)),
        limits: limits.0,
        per_user: limits.1,
        models: BTreeMap::new(),
        tasks: Arc::default(),
        messages_cache_ttl: Duration::ZERO,
        privacy: None,
        batches: false,
    };
    let scopes = [Scope::Tasks];
    let mut caller = Caller::of_org(
        Arc::new(org),
        "flow".into(),
        CredentialKind::ApiKey,
        scopes.into(),
    );
    caller.user = user.map(|nth| UserId(format!("user-{nth}").into()));
    caller
}

/// A refusal of the accounts in the terms of the books; what can never fit is refused before anybody asks the books.
fn told(blocked: &Result<(), Blocked>) -> Option<Verdict<()>> {
    match blocked {
        Ok(()) => Some(Verdict::LetIn(())),
        Err(Blocked::Never { .. } | Blocked::Forgetful { .. }) => None,
        Err(Blocked::ForNow {
            limit, opens_in, ..
        }) => Some(Verdict::Refused {
            limit: *limit,
            of_the_user: false,
            opens_in: *opens_in,
        }),
    }
}

/// The same verdict without whose limit it was, which the accounts do not tell.
fn plain<T>(verdict: &Verdict<T>) -> Verdict<()> {
    match verdict {
        Verdict::LetIn(_) => Verdict::LetIn(()),
        Verdict::Refused {
            limit, opens_in, ..
        } => Verdict::Refused {
            limit: *limit,
            of_the_user: false,
            opens_in: *opens_in,
        },
        Verdict::Forgetful { opens_in } => Verdict::Forgetful {
            opens_in: *opens_in,
        },
    }
}

#[expect(
    clippy::too_many_lines,
    reason = "one arm a step, and both sides of each in one place"
)]
async fn play(server: &Server, caps: (Limits, Limits), steps: Vec<Step>) {
    let clock = Arc::new(Dial {
        start: (
            Instant::now(),
            "2026-11-26T08:00:00Z".parse().expect("a time"),
        ),
        passed: Mutex::default(),
    });
    let lifecycle = Lifecycle::default();
    let link = server.link(&lifecycle).await;
    let flushed = link.ask(&redis::cmd("FLUSHALL")).await;
    flushed.expect("the server is there");
    let settings = books::Settings {
        // No replica is lost here, however far the clock jumps, and nobody else knows anything.
        lease: Duration::from_hours(24 * 365),
        youth: Duration::from_millis(1),
        ..books::Settings::default()
    };
    let own: Arc<dyn Clock> = Arc::clone(&clock) as Arc<dyn Clock>;
    let mut books = Books::new(link, settings, "one".to_owned(), own, lifecycle.clone());
    books.by_own_clock = true;
    let books = Arc::new(books);
    let mut accounts = Accounts::default();
    let mut open: Vec<Open> = Vec::new();
    // The memory has begun, and is no longer young.
    books.beat().await;
    let first = caller(caps, None);
    books.look(&first).await.expect("the server is there");
    tokio::time::sleep(Duration::from_millis(3)).await;

    for step in steps {
        match step {
            Step::Pass { ms } => {
                *clock.passed.lock().expect("no panic") += Duration::from_millis(ms);
            }
            Step::Admit { user } => {
                let caller = caller(caps, user);
                let here = accounts.take_request(&caller, clock.now());
                let there = books.admit(&caller).await.expect("the server is there");
                assert_eq!(told(&here), Some(plain(&there)), "admit");
            }
            Step::Reserve {
                user,
                slot,
                bulk,
                tokens,
                cost,
            } => {
                let caller = caller(caps, user);
                let need = Need {
                    slot,
                    tokens,
                    cost: Some(Money::micros(cost)),
                };
                let (now, timestamp) = (clock.now(), clock.timestamp());
                let here = accounts.check(&caller, need, bulk, now, timestamp);
                let booked = here
                    .is_ok()
                    .then(|| accounts.take(&caller, need, bulk, now));
                let Some(here) = told(&here) else { continue };
                let asked = books::Need {
                    slot,
                    bulk,
                    tokens,
                    cost: Money::micros(cost),
                };
                let there = books.reserve(&caller, &asked).await;
                let there = there.expect("the server is there");
                assert_eq!(here, plain(&there), "reserve {asked:?}");
                if let (Verdict::LetIn(reserved), Some(booked)) = (there, booked) {
                    open.push(Open {
                        caller,
                        need,
                        bulk,
                        booked,
                        reserved,
                        settled: false,
                        left: !slot,
                    });
                }
            }
            Step::Settle { nth, tokens, cost } => {
                let count = open.len().max(1);
                let Some(one) = open.get_mut(nth % count).filter(|one| !one.settled) else {
                    continue;
                };
                one.settled = true;
                let cost = Money::micros(cost);
                let used = (tokens, cost);
                accounts.settle(&one.caller, one.need, one.booked, used, clock.now());
                let hold = one.reserved.hold.clone();
                // Told twice, it counts once.
                for _ in 0..2 {
                    let told = books.settle_now(&one.caller, &hold, tokens, cost).await;
                    told.expect("the server is there");
                }
            }
            Step::Leave { nth } => {
                let count = open.len().max(1);
                let Some(one) = open.get_mut(nth % count).filter(|one| !one.left) else {
                    continue;
                };
                one.left = true;
                accounts.leave_slot(&one.caller, one.bulk);
                let slot = one.reserved.slot.clone().expect("it has one");
                for _ in 0..2 {
                    let told = books.leave_now(&one.caller, &slot).await;
                    told.expect("the server is there");
                }
            }
        }
    }
    lifecycle.stop();
}

#[test]
fn the_books_decide_as_the_accounts_do() {
    let (server, runtime) = (Server::start(), Runtime::new().expect("a runtime"));
    let config = ProptestConfig {
        cases: 200,
        max_shrink_iters: 200,
        ..ProptestConfig::default()
    };
    let played =
        TestRunner::new(config).run(&(limits(), limits(), steps()), |(org, user, steps)| {
            runtime.block_on(play(&server, (org, user), steps));
            Ok(())
        });
    played.expect("both sides decide alike");
}

#[test]
fn every_limit_has_a_name_that_the_books_tell() {
    for (nth, limit) in [
        LimitName::RequestsPerMinute,
        LimitName::TokensPerMinute,
        LimitName::CallsInFlight,
        LimitName::BudgetPerDay,
        LimitName::BudgetPerMonth,
    ]
    .into_iter()
    .enumerate()
    {
        let number = i64::try_from(nth).expect("a few");
        assert_eq!(told::limit_of(number), Some(limit));
    }
    assert_eq!(told::limit_of(5), None);
}
