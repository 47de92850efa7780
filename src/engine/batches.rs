//! Batches: how a provider is asked about one, and what is held for those that nobody has settled yet.
//!
//! # Why
//! A batch lives for hours, and there is no store. Its money is a [`Deposit`]: charged when it begins, corrected once when
//! its results are first seen, and kept in full where that does not happen in time. So whatever is lost, be it this list
//! with the process that holds it, is lost to the safe side. The breakers have no say here: they watch models, and a batch
//! that is only asked about reaches none.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::dispatch::{Dispatch, Error, Turn};
use super::limits::Deposit;
use super::retry;
use crate::domain::{Caller, ModelId, OrgId, Price, ProviderName, RequestId};
use crate::providers::{self, Batches, Fault, UpstreamId};

/// Batches that are neither settled nor charged in full.
#[derive(Default)]
pub struct OpenBatches {
    of_orgs: Mutex<HashMap<OrgId, HashMap<Place, Open>>>,
}

/// Where a batch is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place {
    /// The provider that works on it.
    pub provider: ProviderName,
    /// Its id there.
    pub id: UpstreamId,
}

/// One of them.
pub struct Open {
    /// The call that began it.
    pub request_id: RequestId,
    /// Who began it.
    pub caller: Caller,
    /// What is charged for it so far: the most that it can cost.
    pub deposit: Deposit,
    /// What its models cost in a batch, each model once for each price.
    pub prices: Vec<(ModelId, Option<Price>)>,
    /// How many requests it has.
    pub requests: usize,
    /// When it is charged in full.
    pub until: Instant,
}

/// Whether a provider may be asked the same again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Whatever came of it: asking changes nothing.
    Always,
    /// Only where it is sure that nothing was done.
    IfNothingWasDone,
}

/// Open batches of one org. Those beyond are charged in full, the oldest first.
const OPEN: usize = 10_000;

impl OpenBatches {
    /// Keeps `open`, and yields what has to make room for it.
    pub fn keep(&self, place: Place, open: Open) -> Option<Open> {
        let mut orgs = self.lock();
        let batches = orgs.entry(open.caller.org.id).or_default();
        let room = batches.len() < OPEN || batches.contains_key(&place);
        let oldest = || batches.iter().min_by_key(|(_, open)| open.until);
        let oldest = (!room).then(oldest).flatten();
        let oldest = oldest.map(|(place, _)| place.clone());
        let out = oldest.and_then(|oldest| batches.remove(&oldest));
        batches.insert(place, open).or(out)
    }

    /// Takes the batch of `org` at `place`, if it is there and `fit`: whoever takes it settles it.
    pub fn take(&self, org: OrgId, place: &Place, fit: impl FnOnce(&Open) -> bool) -> Option<Open> {
        let mut orgs = self.lock();
        let batches = orgs.get_mut(&org)?;
        batches.get(place).filter(|open| fit(open))?;
        batches.remove(place)
    }

    /// Takes every batch whose time is over at `now`.
    pub fn overdue(&self, now: Instant) -> Vec<Open> {
        let mut orgs = self.lock();
        let over = orgs
            .values_mut()
            .flat_map(|batches| batches.extract_if(|_, open| open.until <= now))
            .map(|(_, open)| open);
        over.collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<OrgId, HashMap<Place, Open>>> {
        self.of_orgs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Repeat {
    fn allows(self, fault: Fault) -> bool {
        match self {
            Self::Always => fault.may_pass(),
            Self::IfNothingWasDone => matches!(
                fault,
                Fault::Unreachable | Fault::RateLimited | Fault::Overloaded(_)
            ),
        }
    }
}

impl Dispatch {
    /// Whether `provider` takes batches.
    pub fn takes_batches(&self, provider: &ProviderName) -> bool {
        let upstream = self.upstream(provider);
        upstream.is_some_and(|upstream| upstream.provider.batches().is_some())
    }

    /// What is derived for `purpose` from the secret that `provider` is asked with; `None` where it takes no batches.
    pub fn batch_secret(&self, provider: &ProviderName, purpose: &str) -> Option<[u8; 32]> {
        let upstream = self.upstream(provider)?;
        Some(upstream.provider.batches()?.derived_secret(purpose))
    }

    /// Asks `provider` about batches, again where that may help and is allowed.
    ///
    /// # Errors
    /// What the provider said last. [`Error::Late`] where its slots were taken for all of the patience: then nothing was
    /// sent.
    pub async fn ask_batches<T>(
        &self,
        turn: &mut Turn,
        provider: &ProviderName,
        repeat: Repeat,
        ask: impl for<'a> Fn(&'a dyn Batches) -> BoxFuture<'a, Result<T, providers::Error>>,
    ) -> Result<T, Error> {
        self.retries.deposit();
        let upstream = self.upstream(provider);
        let Some((upstream, batches)) = upstream
            .as_ref()
            .and_then(|upstream| Some((upstream, upstream.provider.batches()?)))
        else {
            // Whoever asks has looked; a reload took it away in between.
            return Err(Error::Upstream(Fault::Unreachable.into()));
        };
        let mut nth = 0;
        loop {
            let org = turn.caller.org.id;
            let Some(permit) = upstream.slots.take(org, &turn.patience).await else {
                return Err(Error::Late);
            };
            let begun = self.clock.now();
            turn.attempts += 1;
            let answer = tokio::time::timeout(self.longest_life, ask(batches)).await;
            let answer = answer.unwrap_or_else(|_| Err(Fault::Hung.into()));
            drop(permit);
            let took = self.clock.now().saturating_duration_since(begun);
            turn.upstream += took;
            let error = match answer {
                Ok(answer) => {
                    self.metrics.upstream(provider, "ok", took, None);
                    return Ok(answer);
                }
                Err(error) => error,
            };
            self.told(turn, provider, &error, took);
            let wait = retry::wait(nth, error.retry_after, &*self.entropy);
            let again = repeat.allows(error.fault)
                && nth < retry::RETRIES
                && wait < self.left(turn)
                && self.retries.withdraw();
            if !again {
                return Err(Error::Upstream(error));
            }
            nth += 1;
            self.metrics.retried();
            tokio::time::sleep(wait).await;
        }
    }

    fn told(&self, turn: &Turn, provider: &ProviderName, error: &providers::Error, took: Duration) {
        let fault = error.fault.as_str();
        self.metrics.upstream(provider, fault, took, None);
        tracing::warn!(
            request_id = %turn.request_id,
            org = %turn.caller.org.name,
            provider = %provider,
            fault,
            upstream_id = error.upstream_id.as_deref(),
            "the provider did not answer about a batch: {error}"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use jiff::tz::TimeZone;

    use super::*;
    use crate::domain::{CredentialKind, Limits as Caps, Money, Org, OrgName, SystemClock};
    use crate::engine::limits::Limits;
    use crate::telemetry::Metrics;

    fn caller() -> Caller {
        let id = "00D5f000000XyZaEAK".parse().expect("an id");
        Caller::of_org(
            Arc::new(Org {
                id: OrgId::new(id).expect("an org"),
                name: OrgName::parse("acme").expect("a name"),
                timezone: TimeZone::UTC,
                limits: Caps::default(),
                per_user: Caps::default(),
                models: BTreeMap::new(),
                tasks: Arc::default(),
                messages_cache_ttl: std::time::Duration::ZERO,
                privacy: None,
                batches: true,
            }),
            "relay".into(),
            CredentialKind::ApiKey,
            Arc::new([]),
        )
    }

    fn place(nth: usize) -> Place {
        Place {
            provider: ProviderName::parse("claude").expect("a name"),
            id: UpstreamId::parse(&format!("msgbatch_{nth}")).expect("an id"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_org_has_room_for_so_many_and_the_oldest_goes_first() {
        let limits = Limits::new(Arc::new(SystemClock), Arc::new(Metrics::new()));
        let (batches, caller, begin) = (OpenBatches::default(), caller(), Instant::now());
        let org = caller.org.id;
        let open = async |seconds: u64| Open {
            request_id: RequestId::parse("r1").expect("an id"),
            caller: caller.clone(),
            deposit: limits
                .deposit(&caller, Some(Money::ZERO))
                .await
                .expect("room"),
            prices: Vec::new(),
            requests: 1,
            until: begin + Duration::from_secs(seconds),
        };
        for nth in 0..OPEN {
            assert!(
                batches
                    .keep(place(nth), open(nth as u64 + 1).await)
                    .is_none()
            );
        }
        let same = batches
            .keep(place(7), open(70_000).await)
            .expect("the one before");
        assert_eq!(same.until, begin + Duration::from_secs(8));
        let oldest = batches
            .keep(place(OPEN), open(70_000).await)
            .expect("no room");
        assert_eq!(oldest.until, begin + Duration::from_secs(1));
        assert!(batches.take(org, &place(0), |_| true).is_none());
        assert!(batches.take(org, &place(1), |_| false).is_none());
        assert!(batches.take(org, &place(1), |_| true).is_some());
        assert!(batches.take(org, &place(1), |_| true).is_none(), "once");
        // The third to the tenth are over by then, less the one that was begun again.
        assert_eq!(batches.overdue(begin + Duration::from_secs(10)).len(), 7);
        assert!(batches.overdue(begin + Duration::from_secs(10)).is_empty());
    }
}
