//! Forgets what is known of a record.

use std::sync::Arc;

use crate::domain::{Caller, SalesforceId};
use crate::engine::behind::Behind;
use crate::engine::cache::Cache;
use crate::engine::limits::Limits;

use super::Error;
use super::parts::Cached;

/// Forgets cached answers about a record, of the caller's org only.
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

    /// Forgets every answer that speaks of `record`, those still being made included, at every replica: at the others within a
    /// second, or as soon as the store behind them can be told.
    ///
    /// # Errors
    /// Where the org's calls a minute are used up.
    pub async fn run(&self, caller: &Caller, record: SalesforceId) -> Result<(), Error> {
        self.limits.admit_request(caller).await?;
        match &self.behind {
            Some(behind) => behind.forget(caller.org.id, record).await,
            None => self.cache.forget(caller.org.id, record),
        }
        Ok(())
    }
}
