//! What asking a model about a record takes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::answer::{Answer, Landed};
use super::error::Error;
use crate::domain::{Clock, Entropy};
use crate::engine::behind::{Asking, Behind, Flying, Lead};
use crate::engine::cache::{Cache, Found, Keeping, Key};
use crate::engine::dispatch::Dispatch;
use crate::engine::flight::{Flights, Patience};
use crate::engine::idempotency::Idempotency;
use crate::engine::limits::Limits;
use crate::lifecycle::Lifecycle;
use crate::telemetry::{Audit, Metrics};
use crate::usage::Journal;

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
    /// What other replicas know, where there are any.
    pub behind: Option<Arc<Behind<Cached>>>,
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
    /// What was used.
    pub journal: Arc<Journal>,
    /// The numbers.
    pub metrics: Arc<Metrics>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for ids.
    pub entropy: Arc<dyn Entropy>,
}

impl Parts {
    /// Tells the store behind several replicas what it could not be told; it never ends.
    pub async fn keep_telling(self: Arc<Self>) {
        tokio::join!(self.idempotency.keep(), self.relays.keep());
    }

    /// The task's answer to `key`, if one is known here that is no older than `max_age`.
    pub fn known(&self, key: &Key, max_age: Option<Duration>) -> Option<Found<Arc<Answer>>> {
        self.cache.find(key, max_age)?.of_a_task()
    }

    /// The answer to `key` that another replica knows, and the beginning of what is asked for in its place.
    pub async fn find_behind(&self, key: &Key, asking: Asking) -> (Option<Found<Cached>>, Flying) {
        match &self.behind {
            Some(behind) => behind.find(key, asking).await,
            None => (None, Flying::default()),
        }
    }

    /// What becomes of a question that nothing is known of here.
    pub async fn lead(&self, key: &Key, asking: Asking, patience: &Patience) -> Lead<Cached> {
        match &self.behind {
            Some(behind) => behind.lead(key, asking, patience).await,
            None => Lead::Fly(Flying::default()),
        }
    }

    /// Keeps the answer that `flying` brought, here and for other replicas. False where it may not be kept.
    pub fn keep(&self, key: &Key, value: &Cached, keeping: &Keeping, flying: Flying) -> bool {
        let stored = self.cache.keep(key.clone(), value.clone(), keeping);
        if let Some(behind) = self.behind.as_ref().filter(|_| stored) {
            behind.keep(key, value, keeping, flying);
        }
        stored
    }
}

impl Found<Cached> {
    /// The same, where it is a task's.
    pub fn of_a_task(self) -> Option<Found<Arc<Answer>>> {
        match self.value {
            Cached::Answer(value) => Some(Found {
                value,
                ttl: self.ttl,
            }),
            Cached::Relayed(_) => None,
        }
    }

    /// The same, where it is a relayed one.
    pub fn relayed(self) -> Option<Found<Bytes>> {
        match self.value {
            Cached::Relayed(value) => Some(Found {
                value,
                ttl: self.ttl,
            }),
            Cached::Answer(_) => None,
        }
    }
}
