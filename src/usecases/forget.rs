//! Forgets what is known of a record, or of all of them.

use std::sync::Arc;

use crate::domain::{Caller, SalesforceId};
use crate::engine::behind::Behind;
use crate::engine::cache::Cache;
use crate::engine::limits::Limits;
use crate::shared::shelf::Mark;

use super::Error;
use super::parts::Cached;

/// Forgets cached answers, of the caller's org only.
#[derive(Clone)]
pub struct Forget {
    cache: Arc<Cache<Cached>>,
    behind: Option<Arc<Behind<Cached>>>,
    limits: Arc<Limits>,
}

impl Forget {
    /// Forgets in `cache`, and in what stands behind it.
    pub fn new(
        cache: Arc<Cache<Cached>>,
        behind: Option<Arc<Behind<Cached>>>,
        limits: Arc<Limits>,
    ) -> Self {
        Self {
            cache,
            behind,
            limits,
        }
    }

    /// Forgets every answer that speaks of `record`, or every one of the org where there is none, those still being made
    /// included, at every replica: at the others within a second, or as soon as the store behind them can be told.
    ///
    /// # Errors
    /// Where the org's calls a minute are used up.
    pub async fn run(&self, caller: &Caller, record: Option<SalesforceId>) -> Result<(), Error> {
        self.limits.admit_request(caller).await?;
        let org = caller.org.id;
        let mark = record.map_or(Mark::ALL, |record| Mark::of(org, record));
        match &self.behind {
            Some(behind) => behind.forget(org, mark).await,
            None => self.cache.forget(org, mark),
        }
        Ok(())
    }
}
