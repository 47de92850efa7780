//! What an org and its users have used.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::Duration;

use jiff::{Timestamp, Unit};
use tokio::time::Instant;

use super::Need;
use super::blocked::Blocked;
use super::rate::Rate;
use super::window::{Window, too_dear};
use crate::domain::{Caller, LimitName, Limits, Money, OrgId, UserId};
use crate::shared::books;
use crate::usage::{Purse, Standing};

/// A limit and what is left of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Allowance {
    /// Which limit.
    pub name: LimitName,
    /// Whether it is the proved user's own, inside the org's.
    pub of_the_user: bool,
    /// Its size; money in US dollars.
    pub maximum: f64,
    /// What is left now; never below zero.
    pub remaining: f64,
    /// Until it is whole again; `None` where that hangs on calls under way.
    pub resets_in: Option<Duration>,
}

/// The accounts of one org and of the users in it.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    org: Account,
    users: HashMap<UserId, Account>,
    /// Reservations that are neither settled nor released.
    held: u32,
}

/// What one org or user has used.
#[derive(Debug, Default)]
pub(super) struct Account {
    requests: Rate,
    tokens: Rate,
    in_flight: u32,
    bulk_in_flight: u32,
    day: Window,
    month: Window,
}

/// In which windows a reservation was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Booked {
    day: Option<Timestamp>,
    month: Option<Timestamp>,
}

/// Users of one org that are remembered apart; those beyond are forgotten when nothing of theirs is under way.
const USERS: usize = 100_000;

impl Accounts {
    /// Takes one call off requests a minute, of the org and of the user or of neither.
    pub fn take_request(&mut self, caller: &Caller, now: Instant) -> Result<(), Blocked> {
        for (account, limits) in self.of(caller) {
            if let Some(size) = limits.requests_per_minute {
                let wait = account.requests.wait_for(1, size, now);
                if !wait.is_zero() {
                    return Err(Blocked::ForNow {
                        limit: LimitName::RequestsPerMinute,
                        budget: None,
                        opens_in: Some(wait),
                    });
                }
            }
        }
        for (account, limits) in self.of(caller) {
            if let Some(size) = limits.requests_per_minute {
                account.requests.take(1, size, now);
            }
        }
        Ok(())
    }

    /// Whether `need` fits into every account now.
    pub fn check(
        &mut self,
        caller: &Caller,
        need: Need,
        bulk: bool,
        now: Instant,
        timestamp: Timestamp,
    ) -> Result<(), Blocked> {
        let timezone = &caller.org.timezone;
        for (account, limits) in self.of(caller) {
            account.day.roll(timestamp, timezone, Unit::Day);
            account.month.roll(timestamp, timezone, Unit::Month);
            account.check_slot(limits, need, bulk)?;
            account.check_tokens(limits, need, now)?;
            account.check_money(limits, need.cost, timestamp)?;
        }
        Ok(())
    }

    /// Takes what [`Self::check`] found to fit, and tells in which windows.
    pub fn take(&mut self, caller: &Caller, need: Need, bulk: bool, now: Instant) -> Booked {
        self.held += 1;
        for (account, limits) in self.of(caller) {
            if need.slot {
                account.in_flight += 1;
                account.bulk_in_flight += u32::from(bulk);
            }
            if let Some(size) = limits.tokens_per_minute {
                account.tokens.take(need.tokens, size, now);
            }
            let cost = need.cost.unwrap_or_default();
            account.day.reserve(cost);
            account.month.reserve(cost);
        }
        self.booked()
    }

    /// Charges `cost` at once, where every budget has room for it, and tells in which windows.
    pub fn deposit(
        &mut self,
        caller: &Caller,
        cost: Option<Money>,
        timestamp: Timestamp,
    ) -> Result<Booked, Blocked> {
        let timezone = &caller.org.timezone;
        for (account, limits) in self.of(caller) {
            account.day.roll(timestamp, timezone, Unit::Day);
            account.month.roll(timestamp, timezone, Unit::Month);
            account.check_money(limits, cost, timestamp)?;
        }
        for (account, _) in self.of(caller) {
            account.day.spend(cost.unwrap_or_default());
            account.month.spend(cost.unwrap_or_default());
        }
        Ok(self.booked())
    }

    /// Corrects what was charged as `amount` to what it has cost.
    pub fn correct(&mut self, caller: &Caller, booked: Booked, amount: Money, cost: Money) {
        for (account, _) in self.of(caller) {
            account.day.correct(booked.day, amount, cost);
            account.month.correct(booked.month, amount, cost);
        }
    }

    /// What of `caller`'s budgets has to be written down before a call goes out.
    pub fn raised(&mut self, caller: &Caller) -> Vec<Standing> {
        self.standings(caller, Window::raise)
    }

    /// What of them may be written down when one was settled.
    pub fn lowered(&mut self, caller: &Caller) -> Vec<Standing> {
        self.standings(caller, Window::lower)
    }

    /// What of the budgets that are set `change` has to be written down.
    fn standings(
        &mut self,
        caller: &Caller,
        change: impl Fn(&mut Window, Money) -> Option<Money>,
    ) -> Vec<Standing> {
        let org = caller.org.id;
        let mut standings = Vec::new();
        for (nth, (account, limits)) in self.of(caller).enumerate() {
            for (limit, budget, window) in account.budgets(limits) {
                let Some((budget, ends)) = budget.zip(window.ends()) else {
                    continue;
                };
                if let Some(gone) = change(window, budget) {
                    let user = caller.user.clone().filter(|_| nth == 1);
                    let purse = Purse { org, user, limit };
                    standings.push(Standing { purse, ends, gone });
                }
            }
        }
        standings
    }

    /// Notes that `standings` are written down.
    pub fn are_written(&mut self, standings: &[Standing]) {
        for standing in standings {
            if let Some(window) = self.window(&standing.purse) {
                window.is_written(standing.ends, standing.gone);
            }
        }
    }

    /// How every budget that is written down stands, to the millionth.
    pub fn exactly(&self, org: OrgId) -> Vec<Standing> {
        let users = self.users.iter().map(|(user, one)| (Some(user), one));
        let all = std::iter::once((None, &self.org)).chain(users);
        let mut standings = Vec::new();
        for (user, account) in all {
            for (limit, window) in [
                (LimitName::BudgetPerDay, &account.day),
                (LimitName::BudgetPerMonth, &account.month),
            ] {
                if let Some((ends, gone)) = window.exactly() {
                    let user = user.cloned();
                    let purse = Purse { org, user, limit };
                    standings.push(Standing { purse, ends, gone });
                }
            }
        }
        standings
    }

    fn window(&mut self, purse: &Purse) -> Option<&mut Window> {
        let account = match &purse.user {
            Some(user) => self.users.get_mut(user)?,
            None => &mut self.org,
        };
        match purse.limit {
            LimitName::BudgetPerDay => Some(&mut account.day),
            LimitName::BudgetPerMonth => Some(&mut account.month),
            LimitName::RequestsPerMinute
            | LimitName::TokensPerMinute
            | LimitName::CallsInFlight => None,
        }
    }

    /// Goes on where the process before left a budget. What that had reserved was never settled, and so is spent.
    pub fn resume(&mut self, standing: &Standing) {
        if let Some(user) = &standing.purse.user {
            self.users.entry(user.clone()).or_default();
        }
        if let Some(window) = self.window(&standing.purse) {
            *window = Window::left_behind(standing.ends, standing.gone);
        }
    }

    fn booked(&self) -> Booked {
        Booked {
            day: self.org.day.ends(),
            month: self.org.month.ends(),
        }
    }

    /// Gives a slot back.
    pub fn leave_slot(&mut self, caller: &Caller, bulk: bool) {
        for (account, _) in self.of(caller) {
            account.in_flight = account.in_flight.saturating_sub(1);
            account.bulk_in_flight = account.bulk_in_flight.saturating_sub(u32::from(bulk));
        }
    }

    /// Turns a reservation into what was really used: `tokens` and `cost`.
    pub fn settle(
        &mut self,
        caller: &Caller,
        need: Need,
        booked: Booked,
        (tokens, cost): (u64, Money),
        now: Instant,
    ) {
        self.held = self.held.saturating_sub(1);
        let reserved = need.cost.unwrap_or_default();
        for (account, limits) in self.of(caller) {
            if let Some(size) = limits.tokens_per_minute {
                if tokens <= need.tokens {
                    account.tokens.give_back(need.tokens - tokens, size);
                } else {
                    account.tokens.take(tokens - need.tokens, size, now);
                }
            }
            account.day.settle(booked.day, reserved, cost);
            account.month.settle(booked.month, reserved, cost);
        }
    }

    /// Whether anything reserved may still give tokens or money back. A call between two attempts holds nothing but its
    /// slot, so it waits for others only.
    pub fn may_be_given_back(&self) -> bool {
        self.held > 0
    }

    /// Every limit that is set, with what is left of it.
    pub fn allowances(
        &mut self,
        caller: &Caller,
        now: Instant,
        timestamp: Timestamp,
    ) -> Vec<Allowance> {
        let timezone = caller.org.timezone.clone();
        let mut all = Vec::new();
        for (nth, (account, limits)) in self.of(caller).enumerate() {
            account.day.roll(timestamp, &timezone, Unit::Day);
            account.month.roll(timestamp, &timezone, Unit::Month);
            account.allowances(limits, nth == 1, now, timestamp, &mut all);
        }
        all
    }

    /// The org's account and, where a user is proved, the user's, each with the limits that hold for it.
    fn of<'a>(
        &'a mut self,
        caller: &'a Caller,
    ) -> impl Iterator<Item = (&'a mut Account, &'a Limits)> {
        let user = caller.user.as_ref().map(|user| {
            if self.users.len() >= USERS && !self.users.contains_key(user) {
                self.users.retain(|_, account| account.in_flight > 0);
            }
            let account = self.users.entry(user.clone()).or_default();
            (account, &caller.org.per_user)
        });
        std::iter::once((&mut self.org, &caller.org.limits)).chain(user)
    }
}

impl Account {
    /// Both windows, with the budgets that `limits` give them.
    fn budgets<'a>(
        &'a mut self,
        limits: &Limits,
    ) -> [(LimitName, Option<Money>, &'a mut Window); 2] {
        [
            (
                LimitName::BudgetPerDay,
                limits.budget_per_day,
                &mut self.day,
            ),
            (
                LimitName::BudgetPerMonth,
                limits.budget_per_month,
                &mut self.month,
            ),
        ]
    }

    /// What `need` asks for that `limits` never have.
    pub(super) fn never(limits: &Limits, need: Need) -> Option<Blocked> {
        let tokens = limits.tokens_per_minute;
        let money = [
            (LimitName::BudgetPerDay, limits.budget_per_day),
            (LimitName::BudgetPerMonth, limits.budget_per_month),
        ];
        let money = money.into_iter().find_map(|(limit, budget)| {
            budget.and_then(|budget| too_dear(limit, budget, need.cost))
        });
        tokens
            .and_then(|size| too_many(need.tokens, size))
            .or(money)
    }

    /// An account of the books, as it stands on the clock here.
    pub(super) fn of_books(account: &books::Account, now: Instant, timestamp: Timestamp) -> Self {
        let rate = |full_at| Rate::full_at(instant(full_at, now, timestamp));
        let window = |spending: &books::Spending| {
            let ends = Timestamp::from_millisecond(spending.ends).ok();
            Window::of(ends, spending.spent, spending.held)
        };
        let count = |slots: i64| u32::try_from(slots).unwrap_or_default();
        Self {
            requests: rate(account.requests),
            tokens: rate(account.tokens),
            in_flight: count(account.slots),
            bulk_in_flight: count(account.bulk),
            day: window(&account.day),
            month: window(&account.month),
        }
    }

    /// Items of a bulk leave one slot to single calls wherever there is more than one.
    fn check_slot(&self, limits: &Limits, need: Need, bulk: bool) -> Result<(), Blocked> {
        let Some(cap) = limits.calls_in_flight.filter(|_| need.slot) else {
            return Ok(());
        };
        let full = self.in_flight >= cap.get();
        let left_to_others = bulk && self.bulk_in_flight >= (cap.get() - 1).max(1);
        if full || left_to_others {
            return Err(Blocked::ForNow {
                limit: LimitName::CallsInFlight,
                budget: None,
                opens_in: None,
            });
        }
        Ok(())
    }

    fn check_tokens(&self, limits: &Limits, need: Need, now: Instant) -> Result<(), Blocked> {
        let Some(size) = limits.tokens_per_minute else {
            return Ok(());
        };
        if let Some(never) = too_many(need.tokens, size) {
            return Err(never);
        }
        let wait = self.tokens.wait_for(need.tokens, size, now);
        if wait.is_zero() {
            return Ok(());
        }
        Err(Blocked::ForNow {
            limit: LimitName::TokensPerMinute,
            budget: None,
            opens_in: Some(wait),
        })
    }

    fn check_money(
        &self,
        limits: &Limits,
        cost: Option<Money>,
        timestamp: Timestamp,
    ) -> Result<(), Blocked> {
        let budgets = [
            (LimitName::BudgetPerDay, limits.budget_per_day, &self.day),
            (
                LimitName::BudgetPerMonth,
                limits.budget_per_month,
                &self.month,
            ),
        ];
        for (name, budget, window) in budgets {
            if let Some(budget) = budget {
                window.check(name, budget, cost, timestamp)?;
            }
        }
        Ok(())
    }

    pub(super) fn allowances(
        &self,
        limits: &Limits,
        of_the_user: bool,
        now: Instant,
        timestamp: Timestamp,
        into: &mut Vec<Allowance>,
    ) {
        let mut push = |name, maximum, remaining, resets_in| {
            into.push(Allowance {
                name,
                of_the_user,
                maximum,
                remaining,
                resets_in,
            });
        };
        let rates = [
            (
                LimitName::RequestsPerMinute,
                limits.requests_per_minute,
                &self.requests,
            ),
            (
                LimitName::TokensPerMinute,
                limits.tokens_per_minute,
                &self.tokens,
            ),
        ];
        for (name, size, rate) in rates {
            if let Some(size) = size {
                let held = as_f64(rate.held(size, now));
                push(name, size.get().into(), held, Some(rate.full_in(now)));
            }
        }
        if let Some(cap) = limits.calls_in_flight.map(NonZeroU32::get) {
            let free = cap.saturating_sub(self.in_flight);
            let whole = (self.in_flight == 0).then_some(Duration::ZERO);
            push(LimitName::CallsInFlight, cap.into(), free.into(), whole);
        }
        let budgets = [
            (LimitName::BudgetPerDay, limits.budget_per_day, &self.day),
            (
                LimitName::BudgetPerMonth,
                limits.budget_per_month,
                &self.month,
            ),
        ];
        for (name, budget, window) in budgets {
            if let Some(budget) = budget {
                let left = budget.saturating_sub(window.gone());
                push(
                    name,
                    budget.as_usd(),
                    left.as_usd(),
                    Some(window.left(timestamp)),
                );
            }
        }
    }
}

/// Why `tokens` never fit into a bucket of `size`, if they do not.
fn too_many(tokens: u64, size: NonZeroU32) -> Option<Blocked> {
    (tokens > u64::from(size.get())).then(|| Blocked::Never {
        limit: LimitName::TokensPerMinute,
        need: format!("{tokens} tokens"),
        maximum: size.to_string(),
    })
}

/// A moment that the store tells in microseconds since 1970, on the clock here.
fn instant(micros: i64, now: Instant, timestamp: Timestamp) -> Option<Instant> {
    let ahead = micros.checked_sub(timestamp.as_microsecond())?;
    let ahead = u64::try_from(ahead).ok()?;
    Some(now + Duration::from_micros(ahead))
}

/// Exact for anything that fits a limit.
#[expect(
    clippy::cast_precision_loss,
    reason = "limits are 32-bit numbers, which a double holds exactly"
)]
fn as_f64(units: u64) -> f64 {
    units as f64
}
