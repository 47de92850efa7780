//! Limits that several replicas keep together, and what becomes of them while the store is away.
//!
//! # Why
//! The store decides, in one step; the turnstile here only orders those who wait at this replica, and lets whoever is first
//! ask again. Another replica's calls end without a bell that rings here, so who waits looks again after a moment.
//!
//! In the dark each replica holds its share of every rate, and money only out of what was set apart for it beforehand. A
//! user's own budget has nothing set apart: who has one waits for the light.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use super::account::{Account, Allowance};
use super::blocked::Blocked;
use super::reservation::{Backing, Deposit, Hold, Slot};
use super::turnstile::{Lane, Place};
use super::{Ledger, Need, Refusal, refusal};
use crate::domain::{Caller, Clock, LimitName, Limits, Money};
use crate::engine::flight::Patience;
use crate::shared::books::{self, Books, Verdict};
use crate::shared::{Down, OnOutage};

/// What several replicas use together.
#[derive(Clone)]
pub struct Common {
    /// The books of every org.
    pub books: Arc<Books>,
    /// What a call is told while they cannot be opened.
    pub on_outage: OnOutage,
    /// At most so many replicas: each has its share in the dark.
    pub replicas: NonZeroU32,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// How long one who is turned away for the store's sake should stay away.
const DARK: Duration = Duration::from_secs(2);
/// How long one who waits for another replica's calls to end waits before it looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

impl Common {
    /// `caller` with this replica's share of its org's rates, and without budgets, which are kept otherwise in the dark.
    ///
    /// # Errors
    /// Where nobody goes on in the dark, or the user has a budget.
    pub(super) fn share(&self, caller: &Caller) -> Result<Caller, Refusal> {
        let per_user = &caller.org.per_user;
        let own_money = per_user.budget_per_day.is_some() || per_user.budget_per_month.is_some();
        if self.on_outage == OnOutage::Refuse || (caller.user.is_some() && own_money) {
            return Err(Refusal::StoreDown { retry_in: DARK });
        }
        let mut org = (*caller.org).clone();
        org.limits = self.share_of(&org.limits);
        org.per_user = self.share_of(&org.per_user);
        Ok(Caller {
            org: Arc::new(org),
            ..caller.clone()
        })
    }

    fn share_of(&self, limits: &Limits) -> Limits {
        let share = |limit: Option<NonZeroU32>| {
            limit.map(|limit| {
                let share = limit.get() / self.replicas;
                NonZeroU32::new(share).unwrap_or(NonZeroU32::MIN)
            })
        };
        Limits {
            requests_per_minute: share(limits.requests_per_minute),
            tokens_per_minute: share(limits.tokens_per_minute),
            calls_in_flight: share(limits.calls_in_flight),
            budget_per_day: None,
            budget_per_month: None,
        }
    }

    /// Waits for a turn and reserves, as [`Ledger::reserve`] does, with the store deciding.
    pub(super) async fn reserve(
        &self,
        ledger: &Arc<Ledger>,
        caller: &Caller,
        lane: Lane,
        need: Need,
        patience: &Patience,
    ) -> Result<Result<(Option<Slot>, Hold), Refusal>, Down> {
        if let Some(never) = never(caller, need) {
            return Ok(Err(refusal(&never)));
        }
        let asked = books::Need {
            slot: need.slot,
            bulk: lane == Lane::Bulk,
            tokens: need.tokens,
            cost: need.cost.unwrap_or_default(),
        };
        let mut place: Option<Place> = None;
        loop {
            let may_go = ledger.lock().turnstile.may_go(lane, place.as_ref());
            let blocked = if may_go {
                match told(caller, self.books.reserve(caller, &asked).await?) {
                    Ok(reserved) => {
                        let mut state = ledger.lock();
                        state.ahead = None;
                        state.turnstile.leave(place.take());
                        drop(state);
                        let reserved = self.reserved(ledger, caller, lane, need, reserved);
                        return Ok(Ok(reserved));
                    }
                    Err(blocked) => {
                        ledger.lock().ahead = Some(blocked.clone());
                        blocked
                    }
                }
            } else {
                let ahead = ledger.lock().ahead.clone();
                // Money that is not there for the first may be enough for the next.
                let ahead = ahead.filter(|ahead| !ahead.is_of_money());
                ahead.unwrap_or_else(Blocked::by_others)
            };
            let now = self.clock.now();
            let until = match lane {
                Lane::Single => patience.third(),
                Lane::Again | Lane::Bulk => patience.end(),
            };
            let opens = blocked.opens_at(now);
            let hopeless = opens.is_some_and(|opens| {
                opens > until && (blocked.is_of_money() || !self.may_open_sooner(caller))
            });
            if now >= until || hopeless {
                ledger.lock().turnstile.leave(place.take());
                return Ok(Err(match lane {
                    Lane::Again | Lane::Bulk if !hopeless => Refusal::Late,
                    Lane::Again | Lane::Bulk | Lane::Single => refusal(&blocked),
                }));
            }
            if place.is_none() {
                place = ledger.lock().turnstile.join(lane, ledger);
            }
            let Some(place) = &place else {
                return Ok(Err(refusal(&blocked)));
            };
            let again = now + LOOK_AGAIN;
            let wake = opens.unwrap_or(again).min(again).min(until);
            place.wait(wake, patience).await;
        }
    }

    /// Whether what others hold may make room before a limit does so by itself.
    fn may_open_sooner(&self, caller: &Caller) -> bool {
        let standing = self.books.standing(caller);
        standing.is_some_and(|(org, _)| org.slots > 0)
    }

    fn reserved(
        &self,
        ledger: &Arc<Ledger>,
        caller: &Caller,
        lane: Lane,
        need: Need,
        reserved: books::Reserved,
    ) -> (Option<Slot>, Hold) {
        let backing = |id: String| Backing::Common {
            books: Arc::clone(&self.books),
            id,
        };
        let bulk = lane == Lane::Bulk;
        let slot = reserved.slot.map(|id| {
            let ledger = Arc::clone(ledger);
            Slot::new(ledger, caller, bulk, backing(id))
        });
        let ledger = Arc::clone(ledger);
        (
            slot,
            Hold::new(ledger, caller, need, backing(reserved.hold)),
        )
    }

    /// Reserves while the store is away: this replica's share, and money only out of what was set apart.
    pub(super) async fn in_the_dark(
        &self,
        ledger: &Arc<Ledger>,
        caller: &Caller,
        lane: Lane,
        need: Need,
        patience: &Patience,
    ) -> Result<(Option<Slot>, Hold), Refusal> {
        let share = self.share(caller)?;
        let limits = &caller.org.limits;
        let has_budget = limits.budget_per_day.is_some() || limits.budget_per_month.is_some();
        let lent = if has_budget {
            let bound = need.cost.unwrap_or_default();
            let lent = self.books.lend(caller, bound);
            Some(lent.ok_or(Refusal::StoreDown { retry_in: DARK })?)
        } else {
            None
        };
        let reserved = ledger.reserve(&share, lane, need, patience).await;
        match (reserved, lent) {
            (Ok((slot, hold)), Some(lent)) => Ok((slot, hold.out_of(lent))),
            (Ok(reserved), None) => Ok(reserved),
            (Err(refusal), lent) => {
                if let Some(lent) = lent {
                    lent.settle(Money::ZERO);
                }
                Err(refusal)
            }
        }
    }

    /// Charges the most that work of hours can cost. Not in the dark: it would outlive what is set apart.
    pub(super) async fn deposit(
        &self,
        ledger: &Arc<Ledger>,
        caller: &Caller,
        cost: Option<Money>,
    ) -> Result<Deposit, Refusal> {
        let need = Need {
            slot: false,
            tokens: 0,
            cost,
        };
        if let Some(never) = never(caller, need) {
            return Err(refusal(&never));
        }
        let amount = cost.unwrap_or_default();
        let asked = books::Need {
            slot: false,
            bulk: false,
            tokens: 0,
            cost: amount,
        };
        let verdict = self.books.reserve(caller, &asked).await;
        let verdict = verdict.map_err(|Down| Refusal::StoreDown { retry_in: DARK })?;
        let reserved = told(caller, verdict).map_err(|blocked| refusal(&blocked))?;
        let backing = Backing::Common {
            books: Arc::clone(&self.books),
            id: reserved.hold,
        };
        Ok(Deposit::new(Arc::clone(ledger), caller, amount, backing))
    }

    /// Every limit that is set, as the store last told how it stands; `None` where it never has.
    pub(super) fn allowances(&self, caller: &Caller) -> Option<Vec<Allowance>> {
        let (org, user) = self.books.standing(caller)?;
        let (now, timestamp) = (self.clock.now(), self.clock.timestamp());
        let mut all = Vec::new();
        let accounts = [
            Some((org, &caller.org.limits)),
            user.map(|user| (user, &caller.org.per_user)),
        ];
        for (nth, (account, limits)) in accounts.into_iter().flatten().enumerate() {
            let account = Account::of_books(&account, now, timestamp);
            account.allowances(limits, nth == 1, now, timestamp, &mut all);
        }
        Some(all)
    }
}

/// What the store told, in the terms of this room.
pub(super) fn told<T>(caller: &Caller, verdict: Verdict<T>) -> Result<T, Blocked> {
    match verdict {
        Verdict::LetIn(what) => Ok(what),
        Verdict::Forgetful { opens_in } => Err(Blocked::Forgetful { opens_in }),
        Verdict::Refused {
            limit,
            of_the_user,
            opens_in,
        } => {
            let limits = if of_the_user {
                &caller.org.per_user
            } else {
                &caller.org.limits
            };
            let budget = match limit {
                LimitName::BudgetPerDay => limits.budget_per_day,
                LimitName::BudgetPerMonth => limits.budget_per_month,
                LimitName::RequestsPerMinute
                | LimitName::TokensPerMinute
                | LimitName::CallsInFlight => None,
            };
            Err(Blocked::ForNow {
                limit,
                budget,
                opens_in,
            })
        }
    }
}

/// What `need` asks for that there never is.
fn never(caller: &Caller, need: Need) -> Option<Blocked> {
    let user = caller.user.is_some().then_some(&caller.org.per_user);
    let mut all = std::iter::once(&caller.org.limits).chain(user);
    all.find_map(|limits| Account::never(limits, need))
}
