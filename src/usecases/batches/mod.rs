//! Message batches: thousands of Messages requests handed in at once, at half the price, answered within a day.
//!
//! [`Requests`] is what a client hands in, read as far as the gateway must know it; [`RelayBatches`] hands it on, tells how
//! far it is, and passes the results on. `BatchId` is how the client names it afterwards.
//!
//! # Why
//! * There is no store, so the id that a client gets says by itself where the batch is, and a MAC over it and over the org
//!   proves that this org was given it. An id that is not ours is answered without asking anybody. The MAC's secret is
//!   derived from our key at the provider, which all replicas share, so no key of its own has to be configured; whoever
//!   changes that key makes the ids of open batches unknown.
//! * Nobody can list batches: which of those at the provider are whose stands nowhere but in the ids.
//! * A batch goes to one provider and stays there. Which one is known before anything is sent, so nothing fails over.
//! * The sum of what its requests can cost is charged at once, see [`crate::engine::batches`]. Tokens a minute are not
//!   touched: the provider works on a batch when it has the time, so a minute's rate says nothing about it.
//! * What was masked could not be put back a day later without a store, so the config refuses batches for an org whose
//!   privacy rules hold for messages.

mod create;
mod follow;
mod id;
mod placing;
mod reply;
mod requests;
mod results;
mod settling;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use url::Url;

use self::id::BatchId;
pub use self::requests::Requests;
pub use self::results::Results;
use super::{Error, Parts};
use crate::domain::{Caller, Deadline, ProviderName, RequestId};
use crate::engine::batches::{OpenBatches, Place};
use crate::engine::dispatch::Turn;
use crate::engine::flight::Patience;
use crate::engine::limits::Lane;
use crate::lifecycle::Lifecycle;
use crate::providers::Dialect;

/// Relays batches.
#[derive(Clone)]
pub struct RelayBatches {
    parts: Arc<Parts>,
    open: Arc<OpenBatches>,
    /// The gateway's own address without a trailing slash, as its callers know it.
    public_url: Option<Arc<str>>,
}

/// One call about a batch.
pub struct About<'a> {
    /// The batch, as the client names it.
    pub id: &'a str,
    /// Which API the client speaks.
    pub dialect: Dialect,
    /// The id of the call.
    pub request_id: RequestId,
    /// By when it must be answered.
    pub by: Deadline,
}

/// What a provider says of a batch, as the client may see it.
#[derive(Debug)]
pub struct Answered {
    /// Its words.
    pub body: Bytes,
    /// The time spent waiting for it.
    pub upstream: Duration,
}

/// What calls about batches are called in metrics and the audit.
pub const TASK: &str = "batches";

/// How long a batch lives at its provider.
const LIFE: Duration = Duration::from_hours(24);
/// How long behind that its results are waited for before it is charged in full.
const MARGIN: Duration = Duration::from_hours(1);
/// How often batches whose time is over are looked for.
const WATCH: Duration = Duration::from_mins(1);
/// What the secret behind the ids is derived for.
const PURPOSE: &str = "belay batch ids 1";

impl RelayBatches {
    /// Relays with `parts`, for callers who know the gateway by `public_url`.
    pub fn new(parts: Arc<Parts>, public_url: Option<&Url>) -> Self {
        let public_url = public_url.map(|url| url.as_str().trim_end_matches('/').into());
        Self {
            parts,
            open: Arc::default(),
            public_url,
        }
    }

    /// Charges in full what nobody has settled in time, until the gateway stops.
    pub async fn watch(self, lifecycle: Lifecycle) {
        loop {
            tokio::select! {
                () = lifecycle.stopping() => return,
                () = tokio::time::sleep(WATCH) => self.charge_overdue(),
            }
        }
    }

    /// The gateway's address, where the caller's org may use batches.
    fn opened_for(&self, caller: &Caller) -> Result<&str, Error> {
        let url = self.public_url.as_deref();
        url.filter(|_| caller.org.batches)
            .ok_or(Error::BatchesClosed)
    }

    /// Lets a call about a batch in: the org may use batches, has calls left, and was given this id.
    async fn admit(&self, caller: &Caller, about: &About<'_>) -> Result<BatchId, Error> {
        self.opened_for(caller)?;
        self.parts.limits.admit_request(caller).await?;
        self.charge_overdue();
        BatchId::open(about.id, caller.org.id, |provider| self.secret_at(provider))
            .ok_or(Error::NoSuchBatch)
    }

    /// What the ids of batches at `provider` are sealed with.
    fn secret_at(&self, provider: &ProviderName) -> Option<[u8; 32]> {
        self.parts.dispatch.batch_secret(provider, PURPOSE)
    }
}

impl About<'_> {
    fn turn(&self, caller: &Caller) -> Turn {
        turn(&self.request_id, caller, self.by)
    }
}

/// What each limit that turned a call away counts.
fn counted(parts: &Parts, caller: &Caller, error: &Error) {
    if let Error::Limited { limit, .. } | Error::OverLimit { limit, .. } = error {
        parts.metrics.limited(&caller.org.name, limit.as_str());
    }
}

fn turn(request_id: &RequestId, caller: &Caller, by: Deadline) -> Turn {
    let patience = Patience::until(by);
    Turn::new(request_id.clone(), caller.clone(), Lane::Single, patience)
}
