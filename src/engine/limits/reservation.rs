//! What was reserved, and how it is settled: exactly once, whatever happens.

use std::sync::Arc;

use super::account::Booked;
use super::{Ledger, Need};
use crate::domain::{Caller, Money};
use crate::shared::books::{Books, Lent};

/// A slot among the org's calls in flight, given back when dropped.
pub struct Slot {
    ledger: Arc<Ledger>,
    caller: Caller,
    bulk: bool,
    backing: Backing,
}

/// Tokens and money that one upstream attempt may use. Dropped unsettled, it is charged in full.
pub struct Hold {
    ledger: Arc<Ledger>,
    caller: Caller,
    need: Need,
    backing: Backing,
    /// Where the money came from, while the store was away.
    lent: Option<Lent>,
    settled: bool,
}

/// Money that was charged long before its cost is known. Dropped, it stays charged.
pub struct Deposit {
    ledger: Arc<Ledger>,
    caller: Caller,
    amount: Money,
    backing: Backing,
    settled: bool,
}

/// Where a reservation stands.
pub(super) enum Backing {
    /// In the accounts of this process.
    Own(Booked),
    /// In the books that replicas share, under this name.
    Common {
        /// The books.
        books: Arc<Books>,
        /// The record's name.
        id: String,
    },
}

impl Slot {
    pub(super) fn new(ledger: Arc<Ledger>, caller: &Caller, bulk: bool, backing: Backing) -> Self {
        Self {
            ledger,
            caller: caller.clone(),
            bulk,
            backing,
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        match &self.backing {
            Backing::Own(_) => self
                .ledger
                .give_back(|accounts| accounts.leave_slot(&self.caller, self.bulk)),
            Backing::Common { books, id } => {
                let ledger = Arc::clone(&self.ledger);
                books.leave(&self.caller, id.clone(), move || ledger.ring());
            }
        }
    }
}

impl Hold {
    pub(super) fn new(ledger: Arc<Ledger>, caller: &Caller, need: Need, backing: Backing) -> Self {
        ledger.metrics.reserved_tokens.inc_by(tokens(need));
        Self {
            ledger,
            caller: caller.clone(),
            need,
            backing,
            lent: None,
            settled: false,
        }
    }

    /// The same, with its money out of what was set apart for the dark.
    pub(super) fn out_of(mut self, lent: Lent) -> Self {
        self.lent = Some(lent);
        self
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
        if let Some(lent) = self.lent.take() {
            lent.settle(cost);
        }
        match &self.backing {
            Backing::Own(booked) => {
                let now = self.ledger.clock.now();
                self.ledger.settle(&self.caller, |accounts| {
                    accounts.settle(&self.caller, self.need, *booked, (used, cost), now);
                });
            }
            Backing::Common { books, id } => {
                let ledger = Arc::clone(&self.ledger);
                let used = (used, cost);
                books.settle(&self.caller, id.clone(), used, move || ledger.ring());
            }
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.charge(self.need.tokens, self.bound());
    }
}

impl Deposit {
    pub(super) fn new(
        ledger: Arc<Ledger>,
        caller: &Caller,
        amount: Money,
        backing: Backing,
    ) -> Self {
        Self {
            ledger,
            caller: caller.clone(),
            amount,
            backing,
            settled: false,
        }
    }

    /// What was charged.
    pub fn amount(&self) -> Money {
        self.amount
    }

    /// Corrects it to what was spent, on the day on which it was charged.
    pub fn settle(mut self, cost: Money) {
        self.correct(cost);
    }

    fn correct(&mut self, cost: Money) {
        if std::mem::replace(&mut self.settled, true) {
            return;
        }
        match &self.backing {
            Backing::Own(booked) => self.ledger.settle(&self.caller, |accounts| {
                accounts.correct(&self.caller, *booked, self.amount, cost);
            }),
            Backing::Common { books, id } => {
                let ledger = Arc::clone(&self.ledger);
                books.settle(&self.caller, id.clone(), (0, cost), move || ledger.ring());
            }
        }
    }
}

impl Drop for Deposit {
    fn drop(&mut self) {
        self.correct(self.amount);
    }
}

fn tokens(need: Need) -> i64 {
    i64::try_from(need.tokens).unwrap_or(i64::MAX)
}
