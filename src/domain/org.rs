//! The tenant: one Salesforce org, and what it may do.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::model::{Alias, Route};
use super::money::Money;
use super::privacy::Privacy;
use super::salesforce_id::SalesforceId;
use super::task::{TaskName, TaskSettings};

/// The id of an org: a Salesforce id that begins with `00D`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrgId(SalesforceId);

/// An org's configured name, short enough for a metric label.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OrgName(Arc<str>);

/// One org and everything that the config says of it.
#[derive(Debug, Clone)]
pub struct Org {
    /// The Salesforce id.
    pub id: OrgId,
    /// The configured name.
    pub name: OrgName,
    /// Where the org's budget days and months begin.
    pub timezone: TimeZone,
    /// What all of the org's calls together may use.
    pub limits: Limits,
    /// What each proved user may use of that.
    pub per_user: Limits,
    /// The aliases that the org may name, and where they lead.
    pub models: BTreeMap<Alias, Arc<Route>>,
    /// How each task is done.
    pub tasks: Arc<BTreeMap<TaskName, TaskSettings>>,
    /// How long an answer of the Claude API may be given again; zero keeps none. Default: zero.
    pub messages_cache_ttl: Duration,
    /// What of its data may leave; `None` where the org has said nothing of it.
    pub privacy: Option<Arc<Privacy>>,
    /// Whether it may use message batches.
    pub batches: bool,
}

/// Limits of an org, or of a user in it; `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Calls a minute: a bucket of that many, refilled at that rate.
    pub requests_per_minute: Option<NonZeroU32>,
    /// Tokens in and out a minute, in the same manner.
    pub tokens_per_minute: Option<NonZeroU32>,
    /// Calls under way at once that reach a provider.
    pub calls_in_flight: Option<NonZeroU32>,
    /// Money a day.
    pub budget_per_day: Option<Money>,
    /// Money a calendar month.
    pub budget_per_month: Option<Money>,
}

impl OrgId {
    /// Takes a Salesforce id that names an org.
    pub fn new(id: SalesforceId) -> Option<Self> {
        (id.key_prefix() == "00D").then_some(Self(id))
    }

    /// The id in its 18-character form.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for OrgId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl OrgName {
    /// Takes 1 to 64 of `[A-Za-z0-9._-]`.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=64).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        fits.then(|| Self(text.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OrgName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
