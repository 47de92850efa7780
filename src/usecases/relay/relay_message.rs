//! Relays one request: whole, or in events.
//!
//! # Why
//! What the caller waits for and what costs money are apart, as with a task: a passage does the work, and the call only
//! waits for it. A caller who hangs up, or runs out of patience, is charged for what was asked in his name and no more:
//! the passage reads on to the end, where the provider says how much that was.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::memory::Memory;
use super::passage::{Landed, Passage, end};
use super::relayed::{Kept, Relayed};
use super::{Message, models};
use crate::domain::{Caller, Deadline, RequestId, Route};
use crate::engine::flight::Patience;
use crate::engine::idempotency::{Begin, Claim};
use crate::telemetry::metrics::CacheResult;
use crate::usecases::cover::{Cover, aside};
use crate::usecases::trail::Trail;
use crate::usecases::{Error, Parts};

/// Relays one request.
#[derive(Clone)]
pub struct RelayMessage {
    parts: Arc<Parts>,
    task: &'static str,
}

impl RelayMessage {
    /// Relays with `parts`.
    pub fn new(parts: Arc<Parts>) -> Self {
        Self { parts, task: TASK }
    }

    /// Relays what the audit shall call `task`.
    #[must_use]
    pub fn called(self, task: &'static str) -> Self {
        Self { task, ..self }
    }

    /// The answer to `message`, or its first event, before `by`.
    ///
    /// # Errors
    /// Whatever keeps the caller from an answer; what is under way goes on all the same.
    pub async fn run(
        &self,
        caller: &Caller,
        message: Message,
        by: Deadline,
    ) -> Result<Relayed, Error> {
        let relayed = self.begin(caller, message, by).await;
        if let Err(Error::Limited { limit, .. } | Error::OverLimit { limit, .. }) = &relayed {
            let metrics = &self.parts.metrics;
            metrics.limited(&caller.org.name, limit.as_str());
        }
        relayed
    }

    /// Leaves the audit line of a request that its door has refused as `code`.
    pub async fn refused(&self, caller: &Caller, request_id: &RequestId, code: &'static str) {
        Trail::of(&self.parts, caller, self.task, request_id)
            .ended(code)
            .await;
    }

    /// A request that comes whole may repeat another; of one in events there is nothing to give again.
    async fn begin(
        &self,
        caller: &Caller,
        message: Message,
        by: Deadline,
    ) -> Result<Relayed, Error> {
        let patience = Patience::until(by);
        let repeat = message.repeat.as_ref().filter(|_| !message.stream);
        let Some(repeat) = repeat else {
            return self.relay(caller, message, (by, patience), None).await;
        };
        let (scope, relays) = (repeat.scope(caller), &self.parts.relays);
        let begun = relays.begin(&scope, repeat.body, &patience, by.at());
        let landed = match begun.await {
            Begin::First(claim) => {
                return self
                    .relay(caller, message, (by, patience), Some(claim))
                    .await;
            }
            Begin::Replay(landed) => landed,
            Begin::Late => Err(Error::Late),
            Begin::Mismatch => Err(Error::IdempotencyMismatch),
            Begin::Unknown => Err(Error::dark()),
        };
        let trail = Trail::of(&self.parts, caller, self.task, &message.request_id);
        let outcome = landed.as_ref().map_or_else(Error::code, |_| "replayed");
        trail.ended(outcome).await;
        landed.map(|body| Relayed::Known {
            body,
            in_events: false,
            kept: Kept::ByItsKey,
        })
    }

    async fn relay(
        &self,
        caller: &Caller,
        message: Message,
        (by, patience): (Deadline, Patience),
        claim: Option<Claim<Landed>>,
    ) -> Result<Relayed, Error> {
        let trail = Trail::of(&self.parts, caller, self.task, &message.request_id);
        let route = match admitted(&self.parts, caller, &message).await {
            Ok(route) => route,
            Err(error) => {
                end(claim, &Err(error.clone())).await;
                trail.ended(error.code()).await;
                return Err(error);
            }
        };
        let mut memory = Memory::of(caller, &message, &route, by.received());
        if let Some(memory) = &mut memory {
            let found = memory.find(&self.parts, &message).await;
            self.parts.metrics.cache(match &found {
                Some(_) => CacheResult::Hit,
                None if message.caching.fresh => CacheResult::Bypassed,
                None => CacheResult::Miss,
            });
            if let Some(found) = found {
                end(claim, &Ok(found.value.clone())).await;
                trail.ended("cached").await;
                return Ok(Relayed::Known {
                    body: found.value,
                    in_events: message.stream,
                    kept: Kept::For(found.ttl),
                });
            }
        }
        if message.caching.only_if_cached {
            end(claim, &Err(Error::NotCached)).await;
            trail.ended(Error::NotCached.code()).await;
            return Err(Error::NotCached);
        }
        let (message, cover) = match covered(caller, message, by).await {
            Ok(covered) => covered,
            Err(error) => {
                end(claim, &Err(error.clone())).await;
                trail.ended(error.code()).await;
                return Err(error);
            }
        };
        let passage = Passage {
            parts: Arc::clone(&self.parts),
            caller: caller.clone(),
            message,
            cover,
            route,
            patience,
            memory,
            claim,
            trail,
        };
        let (waiter, answer) = oneshot::channel();
        let lifecycle = &self.parts.lifecycle;
        lifecycle.spawn("message", passage.run(waiter));
        tokio::select! {
            answer = answer => answer.unwrap_or(Err(Error::Internal)),
            () = tokio::time::sleep_until(by.at()) => Err(Error::Late),
        }
    }
}

/// What relayed requests are called in metrics and the audit.
pub const TASK: &str = "messages";

/// What stands between the caller and a provider: its calls a minute, a model that its org has, and a bound for its budget.
///
/// # Errors
/// Which of these is missing.
pub async fn admitted(
    parts: &Parts,
    caller: &Caller,
    message: &Message,
) -> Result<Arc<Route>, Error> {
    parts.limits.admit_request(caller).await?;
    let org = &caller.org;
    let route = models::way(org, &message.model).ok_or_else(|| {
        let names = models::all(org);
        let known: Vec<&str> = names.iter().map(|model| model.name.as_str()).collect();
        Error::NoSuchModel {
            named: message.model.clone(),
            known: known.join(", "),
        }
    })?;
    if let Some(fault) = message.unbounded_for(org) {
        return Err(Error::Unfit(fault.clone()));
    }
    Ok(route)
}

/// `message` as it may leave the caller's org, and the way back; none where the org has no rules for it.
///
/// # Errors
/// Where something in it may not leave, and cannot be masked, and where `by` passes before that is known.
pub async fn covered(
    caller: &Caller,
    message: Message,
    by: Deadline,
) -> Result<(Message, Option<Cover>), Error> {
    let policy = caller.org.privacy.as_ref();
    let Some(policy) = policy.filter(|policy| policy.messages) else {
        return Ok((message, None));
    };
    let (body, policy) = (message.body(), Arc::clone(policy));
    let covering = aside(body.len(), move || Cover::of(&body, &policy));
    let covered = tokio::time::timeout_at(by.at(), covering).await;
    let (body, cover) = covered.map_err(|_| Error::Late)??.map_err(Error::Unfit)?;
    Ok((message.with_body(&body), Some(cover)))
}
