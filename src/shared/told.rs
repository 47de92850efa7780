//! What the books' script answers.

use std::time::Duration;

use redis::Value;
use serde_json::Value as Json;

use crate::domain::{LimitName, Money};

/// One account, as the store last told it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Account {
    /// When the calls of the minute are whole again, in microseconds since 1970.
    pub requests: i64,
    /// The same of its tokens.
    pub tokens: i64,
    /// Calls under way.
    pub slots: i64,
    /// Of them items of a bulk.
    pub bulk: i64,
    /// The day's money.
    pub day: Spending,
    /// The month's.
    pub month: Spending,
}

/// The money of one window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spending {
    /// When the window ends, in milliseconds since 1970.
    pub ends: i64,
    /// What was spent in it.
    pub spent: Money,
    /// What is reserved beside.
    pub held: Money,
}

/// Whether the store has let a call in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict<T> {
    /// It has.
    LetIn(T),
    /// A limit is used up for now.
    Refused {
        /// Which limit.
        limit: LimitName,
        /// Whether it is the user's own.
        of_the_user: bool,
        /// When it may have room; `None` where that hangs on what is under way.
        opens_in: Option<Duration>,
    },
    /// The store may have lost what replicas still know, and gives no money until they had the time to tell.
    Forgetful {
        /// When it will.
        opens_in: Duration,
    },
}

/// Why the script let nobody in.
#[derive(Clone, Copy)]
pub(super) struct Refused {
    of_the_user: bool,
    limit: Option<LimitName>,
    opens_in: Option<Duration>,
}

/// What the script answered.
pub(super) struct Told {
    pub refused: Option<Refused>,
    pub memory: String,
    pub apart: Money,
    pub accounts: Vec<Account>,
    pub slices: Option<Json>,
}

/// Fields of an account in an answer.
const FIELDS: usize = 10;
/// What stands before the accounts in an answer.
const BEFORE: usize = 7;
impl Told {
    pub fn read(value: Value) -> Option<Self> {
        let Value::Array(list) = value else {
            return None;
        };
        let number = |nth: usize| match list.get(nth) {
            Some(Value::Int(number)) => Some(*number),
            _ => None,
        };
        let memory = match list.get(5)? {
            Value::BulkString(bytes) => String::from_utf8(bytes.clone()).ok()?,
            Value::SimpleString(text) => text.clone(),
            _ => return None,
        };
        let refused = match number(0)? {
            1 => None,
            _ => Some(Refused {
                of_the_user: number(1)? == 1,
                limit: limit_of(number(2)?),
                opens_in: u64::try_from(number(3)?).ok().map(Duration::from_micros),
            }),
        };
        let money = |nth| Some(Money::micros(u64::try_from(number(nth)?).ok()?));
        let spending = |nth: usize| {
            Some(Spending {
                ends: number(nth)?,
                spent: money(nth + 1)?,
                held: money(nth + 2)?,
            })
        };
        let account = |nth: usize| {
            Some(Account {
                requests: number(nth)?,
                tokens: number(nth + 1)?,
                slots: number(nth + 2)?,
                bulk: number(nth + 3)?,
                day: spending(nth + 4)?,
                month: spending(nth + 7)?,
            })
        };
        let count = list.len().checked_sub(BEFORE)? / FIELDS;
        let accounts: Option<Vec<_>> = (0..count)
            .map(|nth| account(BEFORE + nth * FIELDS))
            .collect();
        Some(Self {
            refused,
            memory,
            apart: money(6)?,
            accounts: accounts.filter(|accounts| !accounts.is_empty())?,
            slices: match list.last() {
                Some(Value::BulkString(text)) => serde_json::from_slice(text).ok(),
                _ => None,
            },
        })
    }

    pub fn verdict<T>(&self, let_in: T) -> Verdict<T> {
        match self.refused {
            None => Verdict::LetIn(let_in),
            Some(Refused {
                limit: None,
                opens_in,
                ..
            }) => Verdict::Forgetful {
                opens_in: opens_in.unwrap_or_default(),
            },
            Some(Refused {
                limit: Some(limit),
                of_the_user,
                opens_in,
            }) => Verdict::Refused {
                limit,
                of_the_user,
                opens_in,
            },
        }
    }
}

/// The limit that the script tells by this number; `None` for its memory, which is none.
pub(crate) fn limit_of(number: i64) -> Option<LimitName> {
    match number {
        0 => Some(LimitName::RequestsPerMinute),
        1 => Some(LimitName::TokensPerMinute),
        2 => Some(LimitName::CallsInFlight),
        3 => Some(LimitName::BudgetPerDay),
        4 => Some(LimitName::BudgetPerMonth),
        _ => None,
    }
}
