//! A budget's day or month: what is spent of it, what is reserved, and what a process that begins after this one would find.
//!
//! # Why
//! What is written down as gone is never less than is gone when a call goes out, so that no end of the process makes a
//! budget whole again. It may be a thousandth more: calls that fit into that go out without waiting, and a process that is
//! killed leaves so much less to the next one.

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit};

use super::blocked::Blocked;
use crate::domain::limit::end_of;
use crate::domain::{LimitName, Money};

/// A budget's day or month.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// Its end, which is also its name; `None` before the first call.
    ends: Option<Timestamp>,
    spent: Money,
    reserved: Money,
    /// The least that may be written down as gone; `None` where nothing is.
    written: Option<Money>,
    /// What was last asked to be written down. What was asked before it may never be.
    asked: Option<Money>,
}

impl Window {
    /// A window in which so much is spent and reserved.
    pub fn of(ends: Option<Timestamp>, spent: Money, reserved: Money) -> Self {
        Self {
            ends,
            spent,
            reserved,
            ..Self::default()
        }
    }

    /// A window as the process before wrote it down.
    pub fn left_behind(ends: Timestamp, gone: Money) -> Self {
        Self {
            written: Some(gone),
            ..Self::of(Some(ends), gone, Money::ZERO)
        }
    }

    /// Its end.
    pub fn ends(&self) -> Option<Timestamp> {
        self.ends
    }

    /// What nobody can have any more.
    pub fn gone(&self) -> Money {
        self.spent + self.reserved
    }

    /// Begins a new window where the old one has ended. What is still reserved belongs to the old one.
    pub fn roll(&mut self, now: Timestamp, timezone: &TimeZone, unit: Unit) {
        if self.ends.is_some_and(|ends| now < ends) {
            return;
        }
        *self = Self {
            ends: Some(end_of(now, timezone, unit)),
            ..Self::default()
        };
    }

    /// Whether `cost` fits into what is left of `budget`.
    pub fn check(
        &self,
        limit: LimitName,
        budget: Money,
        cost: Option<Money>,
        now: Timestamp,
    ) -> Result<(), Blocked> {
        if let Some(never) = too_dear(limit, budget, cost) {
            return Err(never);
        }
        let cost = cost.unwrap_or_default();
        if self.gone() + cost <= budget {
            return Ok(());
        }
        let is_spent = self.spent + cost > budget;
        Err(Blocked::ForNow {
            limit,
            budget: Some(budget),
            opens_in: is_spent.then(|| self.left(now)),
        })
    }

    /// Reserves `cost`.
    pub fn reserve(&mut self, cost: Money) {
        self.reserved += cost;
    }

    /// Spends `cost`.
    pub fn spend(&mut self, cost: Money) {
        self.spent += cost;
    }

    /// Turns what was `reserved` in the window `booked` into what it cost.
    pub fn settle(&mut self, booked: Option<Timestamp>, reserved: Money, cost: Money) {
        if booked == self.ends {
            self.reserved = self.reserved.saturating_sub(reserved);
            self.spent += cost;
        }
    }

    /// Corrects what was spent in the window `booked` as `amount` to what it cost.
    pub fn correct(&mut self, booked: Option<Timestamp>, amount: Money, cost: Money) {
        if booked == self.ends {
            self.spent = self.spent.saturating_sub(amount) + cost;
        }
    }

    /// How long it still runs.
    pub fn left(&self, now: Timestamp) -> Duration {
        self.ends
            .and_then(|ends| Duration::try_from(ends.duration_since(now)).ok())
            .unwrap_or_default()
    }

    /// What has to be written down before a call goes out: something where more is gone than is written.
    pub fn raise(&mut self, budget: Money) -> Option<Money> {
        let gone = self.gone();
        (self.written.unwrap_or_default() < gone).then(|| *self.asked.insert(gone + slack(budget)))
    }

    /// What may be written down when something was settled: something where much less is gone than is written.
    pub fn lower(&mut self, budget: Money) -> Option<Money> {
        let slack = slack(budget);
        let lower = self.gone() + slack;
        if self.written.is_none_or(|written| written <= lower + slack) {
            return None;
        }
        // From now on it may be written at any time.
        self.written = Some(lower);
        self.asked = Some(lower);
        self.asked
    }

    /// Notes that `gone` is written down of the window that ends then, unless something else was asked for since: that may
    /// be less, and written by now.
    pub fn is_written(&mut self, ends: Timestamp, gone: Money) {
        if self.ends == Some(ends) && self.asked == Some(gone) {
            self.written = Some(gone);
        }
    }

    /// Its end and what is gone of it, to the millionth, where anything was ever asked to be written down.
    pub fn exactly(&self) -> Option<(Timestamp, Money)> {
        let is_kept = self.written.is_some() || self.asked.is_some();
        self.ends
            .filter(|_| is_kept)
            .map(|ends| (ends, self.gone()))
    }
}

/// How much more than is gone is written down.
fn slack(budget: Money) -> Money {
    Money::micros(budget.as_micros() / 1_000)
}

/// Why a call that may cost `cost` never fits into `budget`, if it does not.
pub(super) fn too_dear(limit: LimitName, budget: Money, cost: Option<Money>) -> Option<Blocked> {
    let need = match cost {
        None => "money that cannot be bounded, since its model has no price".to_owned(),
        Some(cost) if cost > budget => format!("up to {cost}"),
        Some(_) => return None,
    };
    Some(Blocked::Never {
        limit,
        need,
        maximum: budget.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BUDGET: Money = Money::micros(100_000);

    #[derive(Debug, Clone)]
    enum Step {
        /// A call reserves so much, and asks for what it takes.
        Reserve(u64),
        /// The call of this place is settled for this share of what it reserved, and may ask for less.
        Settle(usize, u64),
        /// All that was asked for is written, the last of it at the end.
        Write,
        /// The call of this place hears of the write that it waited for, and goes out.
        Hear(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => (1_u64..3_000).prop_map(Step::Reserve),
            3 => (any::<usize>(), 0_u64..100).prop_map(|(nth, share)| Step::Settle(nth, share)),
            2 => Just(Step::Write),
            3 => any::<usize>().prop_map(Step::Hear),
        ];
        prop::collection::vec(step, 1..80)
    }

    /// A call that has reserved, and the number of the write that it waits for.
    struct Call {
        bound: u64,
        waits_for: Option<(usize, Money)>,
    }

    proptest! {
        /// Whenever a call goes out, as much is written down as all that went out may cost.
        #[test]
        fn no_call_goes_out_before_what_it_may_cost_is_written_down(steps in steps()) {
            let ends = Timestamp::UNIX_EPOCH;
            let mut window = Window::of(Some(ends), Money::ZERO, Money::ZERO);
            let (mut on_disk, mut asked, mut written) = (Money::ZERO, Vec::new(), 0);
            let (mut calls, mut spent) = (Vec::<Call>::new(), 0_u64);
            for step in steps {
                match step {
                    Step::Reserve(bound) => {
                        window.reserve(Money::micros(bound));
                        let waits_for = window.raise(BUDGET).map(|gone| {
                            asked.push(gone);
                            (asked.len(), gone)
                        });
                        calls.push(Call { bound, waits_for });
                    }
                    Step::Settle(nth, share) if !calls.is_empty() => {
                        let nth = nth % calls.len();
                        if calls[nth].waits_for.is_none() {
                            let bound = calls.remove(nth).bound;
                            let cost = bound * share / 100;
                            spent += cost;
                            window.settle(Some(ends), Money::micros(bound), Money::micros(cost));
                            asked.extend(window.lower(BUDGET));
                        }
                    }
                    Step::Write => {
                        on_disk = asked.last().copied().unwrap_or(on_disk);
                        written = asked.len();
                    }
                    Step::Hear(nth) if !calls.is_empty() => {
                        let nth = nth % calls.len();
                        if let Some((number, gone)) = calls[nth].waits_for
                            && number <= written
                        {
                            calls[nth].waits_for = None;
                            window.is_written(ends, gone);
                        }
                    }
                    Step::Settle(..) | Step::Hear(_) => {}
                }
                let out: u64 = calls
                    .iter()
                    .filter(|call| call.waits_for.is_none())
                    .map(|call| call.bound)
                    .sum();
                prop_assert!(
                    on_disk >= Money::micros(spent + out),
                    "{on_disk} is written, {spent} spent and {out} out"
                );
            }
        }
    }
}
