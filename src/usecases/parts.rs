//! What asking a model about a record takes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::answer::{Answer, Landed};
use super::error::Error;
use crate::domain::{Clock, Entropy};
use crate::engine::cache::{Cache, Found, Key};
use crate::engine::dispatch::Dispatch;
use crate::engine::flight::Flights;
use crate::engine::idempotency::Idempotency;
use crate::engine::limits::Limits;
use crate::lifecycle::Lifecycle;
use crate::telemetry::{Audit, Metrics};

/// An answer that may be given again.
#[derive(Debug, Clone)]
pub enum Cached {
    /// A task's.
    Answer(Arc<Answer>),
    /// A relayed one, whole or in events, to the byte.
    Relayed(Bytes),
}

/// What running a task takes.
pub struct Parts {
    /// What each org may use.
    pub limits: Arc<Limits>,
    /// What is known already.
    pub cache: Arc<Cache<Cached>>,
    /// What is being asked.
    pub flights: Flights<Landed>,
    /// Which task repeats which.
    pub idempotency: Idempotency<Landed>,
    /// Which request to the Claude API repeats which.
    pub relays: Idempotency<Result<Bytes, Error>>,
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

impl Parts {
    /// Tells the store behind several replicas what it could not be told; it never ends.
    pub async fn keep(self: Arc<Self>) {
        tokio::join!(self.idempotency.keep(), self.relays.keep());
    }

    /// The task's answer to `key`, if one is known that is no older than `max_age`.
    pub fn known(&self, key: &Key, max_age: Option<Duration>) -> Option<Found<Arc<Answer>>> {
        let found = self.cache.find(key, max_age)?;
        match found.value {
            Cached::Answer(value) => Some(Found {
                value,
                ttl: found.ttl,
            }),
            Cached::Relayed(_) => None,
        }
    }
}
