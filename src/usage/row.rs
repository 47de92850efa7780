//! A line of the journal: whose, of which day, and what was used.

use std::borrow::Cow;
use std::ops::AddAssign;
use std::sync::Arc;

use jiff::civil::Date;

use crate::domain::{Money, OrgId};

/// What a line is about. No two lines have the same key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// Whose calls.
    pub org: OrgId,
    /// The day on which they ended, where the org is.
    pub day: Date,
    /// Of which task, or which door of the Claude API.
    pub task: Cow<'static, str>,
    /// The model that answered; none where none did.
    pub model: Option<Arc<str>>,
    /// The user, where the credential proved one.
    pub user: Option<Arc<str>>,
}

/// What calls used, added up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Calls, whatever became of them.
    pub calls: u64,
    /// Calls that were given what was known already.
    pub from_cache: u64,
    /// Calls that were told a problem.
    pub failed: u64,
    /// How often a provider was asked.
    pub attempts: u64,
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Searches of the web.
    pub web_searches: u64,
    /// What was charged.
    pub cost: Money,
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        let mut sums = self.numbers();
        for (sum, other) in sums.iter_mut().zip(other.numbers()) {
            *sum = sum.saturating_add(other);
        }
        *self = Self::of(sums);
    }
}

impl Sums {
    /// How many numbers there are.
    pub(super) const COUNT: usize = 8;

    /// The numbers in the order of the members; money in millionths of a dollar.
    pub(super) fn numbers(&self) -> [u64; Self::COUNT] {
        [
            self.calls,
            self.from_cache,
            self.failed,
            self.attempts,
            self.input_tokens,
            self.output_tokens,
            self.web_searches,
            self.cost.as_micros(),
        ]
    }

    /// The sums that have these `numbers`.
    pub(super) fn of(numbers: [u64; Self::COUNT]) -> Self {
        let [
            calls,
            from_cache,
            failed,
            attempts,
            input_tokens,
            output_tokens,
            web_searches,
            cost,
        ] = numbers;
        Self {
            calls,
            from_cache,
            failed,
            attempts,
            input_tokens,
            output_tokens,
            web_searches,
            cost: Money::micros(cost),
        }
    }
}
