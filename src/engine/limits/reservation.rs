//! What was reserved, and how it is settled: exactly once, whatever happens.

use std::sync::Arc;

use super::account::Booked;
use super::{Ledger, Need};
use crate::domain::{Caller, Money};

/// A slot among the org's calls in flight, given back when dropped.
pub struct Slot {
    ledger: Arc<Ledger>,
    caller: Caller,
    bulk: bool,
}

/// Tokens and money that one upstream attempt may use. Dropped unsettled, it is charged in full.
pub struct Hold {
    ledger: Arc<Ledger>,
    caller: Caller,
    need: Need,
    booked: Booked,
    settled: bool,
}

/// Money that was charged long before its cost is known. Dropped, it stays charged.
pub struct Deposit {
    ledger: Arc<Ledger>,
    caller: Caller,
    amount: Money,
    booked: Booked,
}

impl Slot {
    pub(super) fn new(ledger: Arc<Ledger>, caller: &Caller, bulk: bool) -> Self {
        Self {
            ledger,
            caller: caller.clone(),
            bulk,
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.ledger
            .give_back(|accounts| accounts.leave_slot(&self.caller, self.bulk));
    }
}

impl Hold {
    pub(super) fn new(ledger: Arc<Ledger>, caller: &Caller, need: Need, booked: Booked) -> Self {
        ledger.metrics.reserved_tokens.inc_by(tokens(need));
        Self {
            ledger,
            caller: caller.clone(),
            need,
            booked,
            settled: false,
        }
    }

    /// The most that the attempt may cost, which is charged where nobody tells what it did cost.
    pub fn bound(&self) -> Money {
        self.need.cost.unwrap_or_default()
    }

    /// Charges what was really used, and gives the rest back.
    pub fn settle(mut self, tokens: u64, cost: Money) {
        self.charge(tokens, cost);
    }

    /// Gives everything back: nothing was used.
    pub fn release(mut self) {
        self.charge(0, Money::ZERO);
    }

    fn charge(&mut self, used: u64, cost: Money) {
        if std::mem::replace(&mut self.settled, true) {
            return;
        }
        self.ledger
            .metrics
            .reserved_tokens
            .dec_by(tokens(self.need));
        let now = self.ledger.clock.now();
        self.ledger.give_back(|accounts| {
            accounts.settle(&self.caller, self.need, self.booked, (used, cost), now);
        });
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.charge(self.need.tokens, self.bound());
    }
}

impl Deposit {
    pub(super) fn new(ledger: Arc<Ledger>, caller: &Caller, amount: Money, booked: Booked) -> Self {
        Self {
            ledger,
            caller: caller.clone(),
            amount,
            booked,
        }
    }

    /// What was charged.
    pub fn amount(&self) -> Money {
        self.amount
    }

    /// Corrects it to what was spent, on the day on which it was charged.
    pub fn settle(self, cost: Money) {
        self.ledger.give_back(|accounts| {
            accounts.correct(&self.caller, self.booked, self.amount, cost);
        });
    }
}

fn tokens(need: Need) -> i64 {
    i64::try_from(need.tokens).unwrap_or(i64::MAX)
}
