//! How a budget stands, for a process that begins where another ended.

use jiff::Timestamp;

use crate::domain::{LimitName, Money, OrgId, UserId};

/// Whose budget, and of which time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Purse {
    /// The org.
    pub org: OrgId,
    /// The user in it, where it is a user's own.
    pub user: Option<UserId>,
    /// [`LimitName::BudgetPerDay`] or [`LimitName::BudgetPerMonth`].
    pub limit: LimitName,
}

/// What is gone of a budget: spent, or reserved by a call under way, which is charged in full if nobody settles it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Of which budget.
    pub purse: Purse,
    /// The end of its day or month.
    pub ends: Timestamp,
    /// How much is gone.
    pub gone: Money,
}
