//! What asking a model about a record takes.

use std::sync::Arc;

use super::answer::{Answer, Landed};
use crate::domain::{Clock, Entropy};
use crate::engine::cache::Cache;
use crate::engine::dispatch::Dispatch;
use crate::engine::flight::Flights;
use crate::engine::idempotency::Idempotency;
use crate::engine::limits::Limits;
use crate::lifecycle::Lifecycle;
use crate::telemetry::{Audit, Metrics};

/// What running a task takes.
pub struct Parts {
    /// What each org may use.
    pub limits: Arc<Limits>,
    /// What is known already.
    pub cache: Arc<Cache<Arc<Answer>>>,
    /// What is being asked.
    pub flights: Flights<Landed>,
    /// Who repeats whom.
    pub idempotency: Idempotency<Landed>,
    /// The way to the providers.
    pub dispatch: Dispatch,
    /// What outlives a call.
    pub lifecycle: Lifecycle,
    /// Who sent what.
    pub audit: Audit,
    /// The numbers.
    pub metrics: Arc<Metrics>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for ids.
    pub entropy: Arc<dyn Entropy>,
}
