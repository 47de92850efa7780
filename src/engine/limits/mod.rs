//! What an org may use: calls a minute, tokens a minute, calls in flight, and money a day and a month.
//!
//! A call that will reach a provider reserves a slot, its tokens and the most that it can cost, in one step. What does
//! not fit waits its turn in one of three lanes: further attempts of a call under way, then single calls, then items of
//! a bulk, which always leave a slot to single calls.
//!
//! # Why
//! * A budget reserves an upper bound and settles to what was spent, so it cannot be overshot by any number of calls
//!   at once; a reservation that nobody settles is charged in full.
//! * Rates are kept as one point in time (GCRA) instead of a counter that something has to refill: taking and giving
//!   back are an addition, and a reload that changes the rate needs no conversion.
//! * What takes hours, as a batch does, is charged at once and corrected later: nobody who waits for money should wait for
//!   that. It needs no turn, since it takes neither a slot nor tokens of the minute.
//! * Order within a lane is strict. A large call at the head may hold up small ones behind it for a moment; the
//!   other way round it could wait for ever.

mod account;
mod blocked;
mod common;
mod rate;
mod reservation;
mod turnstile;
mod window;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use account::Allowance;
use account::{Accounts, Booked};
use blocked::Blocked;
pub use common::Common;
use reservation::Backing;
pub use reservation::{Deposit, Hold, Slot};
use tokio::time::Instant;
pub use turnstile::Lane;
use turnstile::Turnstile;

use super::flight::Patience;
pub use crate::domain::LimitName;
use crate::domain::{Caller, Clock, Money, OrgId};
use crate::shared::Down;
use crate::telemetry::Metrics;
use crate::usage::{Journal, Standing, Written};

/// The limits of every org, and what is used of them.
pub struct Limits {
    orgs: Mutex<HashMap<OrgId, Arc<Ledger>>>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    /// What other replicas use as well, where there are any.
    common: Option<Common>,
    /// What outlives this process.
    journal: Option<Arc<Journal>>,
    /// How the process before left the budgets of orgs that have not called yet.
    left: Mutex<HashMap<OrgId, Vec<Standing>>>,
}

/// One org's accounts and those who wait for them.
pub(in crate::engine) struct Ledger {
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    journal: Option<Arc<Journal>>,
}

/// What a ledger's lock guards.
struct State {
    accounts: Accounts,
    turnstile: Turnstile,
    /// What the store last told whoever was first in line: those behind wait for the same.
    ahead: Option<Blocked>,
}

/// What one upstream attempt needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// Whether it still needs a slot; a retry has its call's.
    pub slot: bool,
    /// Tokens by estimate, with all room for output.
    pub tokens: u64,
    /// The most that it can cost; `None` where the model's price is not known.
    pub cost: Option<Money>,
}

/// Why a call may not go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Too much is used at the moment.
    #[error("{limit} is used up")]
    Spent {
        /// Which limit.
        limit: LimitName,
        /// Its size, where it is money.
        budget: Option<Money>,
        /// After this the same call may be let in.
        retry_in: Duration,
    },
    /// The call alone needs more than there ever is.
    #[error("one call needs {need}, and {limit} is {maximum}")]
    OverLimit {
        /// Which limit.
        limit: LimitName,
        /// What the call needs, as text with its unit.
        need: String,
        /// What there is, as text with its unit.
        maximum: String,
    },
    /// The call's time ended while it waited.
    #[error("the deadline passed while the call waited for its turn")]
    Late,
    /// What the replicas have used cannot be looked up.
    #[error("the store behind the replicas is down, and what is set apart for that does not do")]
    StoreDown {
        /// After this it may be tried again.
        retry_in: Duration,
    },
}

/// What is about to be written down as gone, and when it is.
type Raised = (Vec<Standing>, Written);

/// How long a caller should stay away when only another call's end can help.
const WHILE_OTHERS_END: Duration = Duration::from_secs(1);

impl Limits {
    /// No org has used anything yet.
    pub fn new(clock: Arc<dyn Clock>, metrics: Arc<Metrics>) -> Self {
        Self {
            orgs: Mutex::default(),
            clock,
            metrics,
            common: None,
            journal: None,
            left: Mutex::default(),
        }
    }

    /// Counts what every replica uses, by `common`.
    #[must_use]
    pub fn shared_by(self, common: Common) -> Self {
        Self {
            common: Some(common),
            ..self
        }
    }

    /// Goes on where the process before `left` the budgets, and notes in `journal` how they stand.
    #[must_use]
    pub fn kept_in(self, journal: Arc<Journal>, left: Vec<Standing>) -> Self {
        let mut orgs: HashMap<OrgId, Vec<Standing>> = HashMap::new();
        for standing in left {
            orgs.entry(standing.purse.org).or_default().push(standing);
        }
        Self {
            journal: Some(journal),
            left: Mutex::new(orgs),
            ..self
        }
    }

    /// Counts one call against requests a minute.
    ///
    /// # Errors
    /// [`Refusal::Spent`] where the minute's calls are used up.
    pub async fn admit_request(&self, caller: &Caller) -> Result<(), Refusal> {
        let Some(common) = &self.common else {
            return self.admit_alone(caller);
        };
        match common.books.admit(caller).await {
            Ok(verdict) => common::told(caller, verdict).map_err(|blocked| refusal(&blocked)),
            Err(Down) => self.admit_alone(&common.share(caller)?),
        }
    }

    fn admit_alone(&self, caller: &Caller) -> Result<(), Refusal> {
        let ledger = self.ledger(caller);
        let mut state = ledger.lock();
        state
            .accounts
            .take_request(caller, self.clock.now())
            .map_err(|blocked| refusal(&blocked))
    }

    /// Waits for a turn in `lane` and reserves what `need` names.
    ///
    /// A single call waits for at most a third of its patience, everything else until the patience ends.
    ///
    /// # Errors
    /// [`Refusal::OverLimit`] at once; [`Refusal::Spent`] when nothing that is under way could make room in time, or a
    /// single call has waited long enough; [`Refusal::Late`] when the patience ended first.
    pub async fn reserve(
        &self,
        caller: &Caller,
        lane: Lane,
        need: Need,
        patience: &Patience,
    ) -> Result<(Option<Slot>, Hold), Refusal> {
        let ledger = self.ledger(caller);
        let Some(common) = &self.common else {
            return ledger.reserve(caller, lane, need, patience).await;
        };
        match common.reserve(&ledger, caller, lane, need, patience).await {
            Ok(reserved) => reserved,
            Err(Down) => {
                common
                    .in_the_dark(&ledger, caller, lane, need, patience)
                    .await
            }
        }
    }

    /// Charges `cost`, the most that work of hours can cost, until what it did cost is known.
    ///
    /// # Errors
    /// At once, where a budget has no room for it: [`Refusal::OverLimit`] where it never has, else [`Refusal::Spent`].
    pub async fn deposit(&self, caller: &Caller, cost: Option<Money>) -> Result<Deposit, Refusal> {
        let ledger = self.ledger(caller);
        if let Some(common) = &self.common {
            return common.deposit(&ledger, caller, cost).await;
        }
        let timestamp = self.clock.timestamp();
        let (booked, written) = {
            let accounts = &mut ledger.lock().accounts;
            let booked = accounts
                .deposit(caller, cost, timestamp)
                .map_err(|blocked| refusal(&blocked))?;
            (booked, ledger.raise(accounts, caller))
        };
        let amount = cost.unwrap_or_default();
        let backing = Backing::Own(booked);
        let deposit = Deposit::new(Arc::clone(&ledger), caller, amount, backing);
        ledger.once_written(written).await;
        Ok(deposit)
    }

    /// Every limit of the caller's org, and of its user where one is proved, with what is left.
    pub fn allowances(&self, caller: &Caller) -> Vec<Allowance> {
        if let Some(allowances) = self.common.as_ref().and_then(|c| c.allowances(caller)) {
            return allowances;
        }
        let ledger = self.ledger(caller);
        let mut state = ledger.lock();
        state
            .accounts
            .allowances(caller, self.clock.now(), self.clock.timestamp())
    }

    /// Has it written down how budgets stand to the millionth: nothing is under way any more.
    pub fn close(&self) {
        let Some(journal) = &self.journal else { return };
        let orgs = self.orgs.lock().unwrap_or_else(PoisonError::into_inner);
        for (org, ledger) in &*orgs {
            let _ = journal.stand(&ledger.lock().accounts.exactly(*org), false);
        }
    }

    fn ledger(&self, caller: &Caller) -> Arc<Ledger> {
        let mut orgs = self.orgs.lock().unwrap_or_else(PoisonError::into_inner);
        let ledger = orgs.entry(caller.org.id).or_insert_with(|| {
            let mut accounts = Accounts::default();
            let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
            for standing in left.remove(&caller.org.id).into_iter().flatten() {
                accounts.resume(&standing);
            }
            Arc::new(Ledger {
                state: Mutex::new(State {
                    accounts,
                    turnstile: Turnstile::default(),
                    ahead: None,
                }),
                clock: Arc::clone(&self.clock),
                metrics: Arc::clone(&self.metrics),
                journal: self.journal.clone(),
            })
        });
        Arc::clone(ledger)
    }
}

impl Ledger {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn reserve(
        self: &Arc<Self>,
        caller: &Caller,
        lane: Lane,
        need: Need,
        patience: &Patience,
    ) -> Result<(Option<Slot>, Hold), Refusal> {
        let mut place = None;
        let (booked, written) = loop {
            let now = self.clock.now();
            let until = match lane {
                Lane::Single => patience.third(),
                Lane::Again | Lane::Bulk => patience.end(),
            };
            let wake = {
                let mut guard = self.lock();
                let state = &mut *guard;
                let blocked = match state.accounts.check(
                    caller,
                    need,
                    lane == Lane::Bulk,
                    now,
                    self.clock.timestamp(),
                ) {
                    Ok(()) if state.turnstile.may_go(lane, place.as_ref()) => {
                        let booked = state.accounts.take(caller, need, lane == Lane::Bulk, now);
                        state.turnstile.leave(place.take());
                        break (booked, self.raise(&mut state.accounts, caller));
                    }
                    Ok(()) => Blocked::by_others(),
                    Err(blocked) => blocked,
                };
                if let Blocked::Never { .. } = blocked {
                    state.turnstile.leave(place.take());
                    return Err(refusal(&blocked));
                }
                let hopeless = blocked
                    .opens_at(now)
                    .is_some_and(|opens| opens > until && !state.accounts.may_be_given_back());
                if now >= until || hopeless {
                    state.turnstile.leave(place.take());
                    return Err(match lane {
                        _ if hopeless => refusal(&blocked),
                        Lane::Single => refusal(&blocked),
                        Lane::Again | Lane::Bulk => Refusal::Late,
                    });
                }
                if place.is_none() {
                    place = state.turnstile.join(lane, self);
                    if place.is_none() {
                        return Err(refusal(&blocked));
                    }
                }
                blocked
                    .opens_at(now)
                    .map_or(until, |opens| opens.min(until))
            };
            if let Some(place) = &place {
                place.wait(wake, patience).await;
            }
        };
        let reserved = self.reserved(caller, lane, need, booked);
        self.once_written(written).await;
        Ok(reserved)
    }

    /// Has more written down as gone of the budgets of `caller`, where more is gone than is written.
    fn raise(&self, accounts: &mut Accounts, caller: &Caller) -> Option<Raised> {
        let journal = self.journal.as_ref()?;
        let standings = accounts.raised(caller);
        (!standings.is_empty()).then(|| {
            let written = journal.stand(&standings, true);
            (standings, written)
        })
    }

    /// Waits until what was `raised` is written down.
    async fn once_written(&self, raised: Option<Raised>) {
        if let Some((standings, written)) = raised
            && written.wait().await
        {
            self.lock().accounts.are_written(&standings);
        }
    }

    /// Wraps what was just taken into types that give it back by themselves.
    fn reserved(
        self: &Arc<Self>,
        caller: &Caller,
        lane: Lane,
        need: Need,
        booked: Booked,
    ) -> (Option<Slot>, Hold) {
        let own = || Backing::Own(booked);
        let slot = need
            .slot
            .then(|| Slot::new(Arc::clone(self), caller, lane == Lane::Bulk, own()));
        let hold = Hold::new(Arc::clone(self), caller, need, own());
        (slot, hold)
    }

    /// Wakes whoever is first in line.
    fn ring(&self) {
        self.lock().turnstile.ring();
    }

    /// Changes the accounts and wakes whoever is first in line.
    fn give_back(&self, change: impl FnOnce(&mut Accounts)) {
        let mut state = self.lock();
        change(&mut state.accounts);
        state.turnstile.ring();
    }

    /// Changes the accounts where it is about the money of `caller`.
    fn settle(&self, caller: &Caller, change: impl FnOnce(&mut Accounts)) {
        self.give_back(|accounts| {
            change(accounts);
            if let Some(journal) = &self.journal {
                let standings = accounts.lowered(caller);
                // Nobody waits for it: it is written with what the call used, and that before the call is answered.
                let _ = journal.stand(&standings, false);
            }
        });
    }
}

fn refusal(blocked: &Blocked) -> Refusal {
    match blocked {
        Blocked::Never {
            limit,
            need,
            maximum,
        } => Refusal::OverLimit {
            limit: *limit,
            need: need.clone(),
            maximum: maximum.clone(),
        },
        Blocked::ForNow {
            limit,
            budget,
            opens_in,
        } => Refusal::Spent {
            limit: *limit,
            budget: *budget,
            retry_in: opens_in.unwrap_or(WHILE_OTHERS_END),
        },
        Blocked::Forgetful { opens_in } => Refusal::StoreDown {
            retry_in: *opens_in,
        },
    }
}

impl Blocked {
    fn by_others() -> Self {
        Self::ForNow {
            limit: LimitName::CallsInFlight,
            budget: None,
            opens_in: None,
        }
    }

    /// Whether it is money that is spent: no call that ends gives that back.
    fn is_of_money(&self) -> bool {
        matches!(
            self,
            Self::ForNow {
                limit: LimitName::BudgetPerDay | LimitName::BudgetPerMonth,
                ..
            }
        )
    }

    fn opens_at(&self, now: Instant) -> Option<Instant> {
        match self {
            Self::ForNow { opens_in, .. } => opens_in.map(|wait| now + wait),
            Self::Forgetful { opens_in } => Some(now + *opens_in),
            Self::Never { .. } => None,
        }
    }
}

#[cfg(test)]
mod alike;
#[cfg(test)]
mod tests;
