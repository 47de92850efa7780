//! Runs one task: the hot path.
//!
//! # Why
//! What the caller waits for and what costs money are apart. Everything up to the cache runs in the call; from there on
//! a flight does the work and the call only waits for it, so a caller who hangs up or runs out of patience leaves a paid
//! answer in the cache, where its retry finds it.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::answer::{Answer, Asked, Landed, Repeat, Told, Via};
use super::error::Error;
use super::parts::Parts;
use super::task_flight::Flight;
use super::trail::Trail;
use crate::domain::{
    Caller, Deadline, Money, Privacy, RequestId, Route, TaskName, TaskSettings, Usage,
};
use crate::engine::behind::Asking;
use crate::engine::cache::{Found, Key};
use crate::engine::flight::Patience;
use crate::engine::idempotency::{Begin, Claim};
use crate::engine::limits::Lane;
use crate::salesforce::canonical;
use crate::telemetry::metrics::CacheResult;

/// Runs one task for one record.
#[derive(Clone)]
pub struct RunTask {
    parts: Arc<Parts>,
}

/// Whether a call counts against requests a minute by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// It does.
    ByItself,
    /// It is an item of a bulk, which was counted as a whole.
    WithItsBulk,
}

impl RunTask {
    /// Runs tasks with `parts`.
    pub fn new(parts: Arc<Parts>) -> Self {
        Self { parts }
    }

    /// The answer to `asked`, before `by`.
    ///
    /// # Errors
    /// Whatever keeps the caller from an answer; what is under way goes on all the same.
    pub async fn run(
        &self,
        caller: &Caller,
        asked: Asked,
        by: Deadline,
        (lane, counted): (Lane, Counted),
    ) -> Landed {
        let parts = &self.parts;
        let asked = Arc::new(asked);
        let patience = Patience::until(by);
        let repeated = |landed: Landed| {
            landed.map(|told| Told {
                via: Via::Replayed,
                ..told
            })
        };
        let told = match self.begin(caller, asked.repeat.as_ref(), &patience) {
            Some(Begin::Mismatch) => {
                let mismatch = Err(Error::IdempotencyMismatch);
                self.noted(caller, &asked, mismatch, "replayed").await
            }
            Some(Begin::Replay(landed)) => {
                self.noted(caller, &asked, repeated(landed), "replayed")
                    .await
            }
            Some(Begin::Running(first)) => {
                let landed = first.wait(by.at()).await.unwrap_or(Err(Error::Late));
                self.noted(caller, &asked, repeated(landed), "replayed")
                    .await
            }
            Some(Begin::First(claim)) => {
                self.answer(caller, asked, by, patience, (lane, counted), Some(claim))
                    .await
            }
            None => {
                self.answer(caller, asked, by, patience, (lane, counted), None)
                    .await
            }
        };
        if let Err(Error::Limited { limit, .. } | Error::OverLimit { limit, .. }) = &told {
            parts.metrics.limited(&caller.org.name, limit.as_str());
        }
        told
    }

    /// Leaves the audit line of a question that its door has refused as `code`.
    pub async fn refused(
        &self,
        caller: &Caller,
        question: (TaskName, &RequestId),
        code: &'static str,
    ) {
        let Parts { audit, clock, .. } = &*self.parts;
        Trail::refused(audit, clock, caller, question, code).await;
    }

    /// Whether any of `repeats` came with another body before.
    pub fn any_mismatch(&self, caller: &Caller, repeats: &[Repeat]) -> bool {
        repeats.iter().any(|repeat| {
            self.parts
                .idempotency
                .is_mismatch(&repeat.scope(caller), repeat.body)
        })
    }

    /// Whether all of `repeats` have ended, so that the whole call costs nothing.
    pub fn all_ended(&self, caller: &Caller, repeats: &[Repeat]) -> bool {
        !repeats.is_empty()
            && repeats
                .iter()
                .all(|repeat| self.parts.idempotency.has_ended(&repeat.scope(caller)))
    }

    fn begin(
        &self,
        caller: &Caller,
        repeat: Option<&Repeat>,
        patience: &Patience,
    ) -> Option<Begin<Landed>> {
        let repeat = repeat?;
        let scope = repeat.scope(caller);
        Some(self.parts.idempotency.begin(scope, repeat.body, patience))
    }

    /// Finds or makes the answer. The claim on an idempotency key is told how that ends, also when the caller is gone.
    async fn answer(
        &self,
        caller: &Caller,
        asked: Arc<Asked>,
        by: Deadline,
        patience: Patience,
        (lane, counted): (Lane, Counted),
        claim: Option<Claim<Landed>>,
    ) -> Landed {
        let parts = &self.parts;
        let (settings, route, key) = match self.prepare(caller, &asked, counted).await {
            Ok(prepared) => prepared,
            Err(error) => {
                let refused = ended(claim, Err(error));
                return self.noted(caller, &asked, refused, "ok").await;
            }
        };
        let caching = asked.caching;
        if !caching.fresh
            && let Some(found) = parts.known(&key, caching.max_age)
        {
            parts.metrics.cache(CacheResult::Hit);
            let hit = ended(claim, Ok(self.hit(&asked, found.value, found.ttl, by)));
            return self.noted(caller, &asked, hit, "cached").await;
        }
        if caching.only_if_cached {
            let asking = Asking {
                begun: by.received(),
                max_age: caching.max_age,
                anew: caching.fresh,
            };
            let (found, _) = parts.find_behind(&key, asking).await;
            if let Some(found) = found.and_then(Found::of_a_task) {
                parts.metrics.cache(CacheResult::Hit);
                let hit = ended(claim, Ok(self.hit(&asked, found.value, found.ttl, by)));
                return self.noted(caller, &asked, hit, "cached").await;
            }
            parts.metrics.cache(CacheResult::Miss);
            let missed = ended(claim, Err(Error::NotCached));
            return self.noted(caller, &asked, missed, "ok").await;
        }
        let shared = (!caching.no_store).then(|| key.clone());
        let flight = Flight {
            parts: Arc::clone(parts),
            caller: caller.clone(),
            asked: Arc::clone(&asked),
            route,
            settings,
            patience: patience.clone(),
            lane,
            key,
            begun: by.received(),
        };
        let ticket = parts.flights.join_or_begin(
            shared,
            &patience,
            || Err(Error::Internal),
            || flight.run(),
        );
        let joined = ticket.joined;
        if joined {
            parts.metrics.cache(CacheResult::Collapsed);
        }
        let landing = ticket.clone();
        if let Some(claim) = claim {
            let end = move |landed: Option<Landed>| {
                let _told = ended(Some(claim), landed.unwrap_or(Err(Error::Internal)));
            };
            parts.flights.follow("idempotency", landing, end);
        }
        let landed = ticket.wait(by.at()).await.unwrap_or(Err(Error::Late));
        if !joined {
            return landed; // the flight's own line tells of this call
        }
        let collapsed = landed.map(|told| self.collapsed(asked.request_id.clone(), &told, by));
        self.noted(caller, &asked, collapsed, "collapsed").await
    }

    /// Leaves the audit line of a call that sent nothing itself, and hands its outcome on.
    async fn noted(
        &self,
        caller: &Caller,
        asked: &Asked,
        landed: Landed,
        told: &'static str,
    ) -> Landed {
        let Parts { audit, clock, .. } = &*self.parts;
        Trail::begin(audit, clock, caller, asked)
            .end(&landed, told)
            .await;
        landed
    }

    /// What stands between the caller and the cache: its calls a minute, and a model that its org has.
    async fn prepare(
        &self,
        caller: &Caller,
        asked: &Asked,
        counted: Counted,
    ) -> Result<(TaskSettings, Arc<Route>, Key), Error> {
        if counted == Counted::ByItself {
            self.parts.limits.admit_request(caller).await?;
        }
        let (settings, route) = asked.way(&caller.org)?;
        let key = key(caller, asked, &route);
        Ok((settings, route, key))
    }

    /// An answer from the cache costs nothing.
    fn hit(&self, asked: &Asked, answer: Arc<Answer>, ttl: Duration, by: Deadline) -> Told {
        Told {
            answer,
            request_id: asked.request_id.clone(),
            via: Via::Hit { ttl },
            usage: Usage::default(),
            cost: Money::ZERO,
            upstream: Duration::ZERO,
            took: self.since(by.received()),
        }
    }

    /// An answer that another call asked for was charged to that call.
    fn collapsed(&self, request_id: RequestId, told: &Told, by: Deadline) -> Told {
        let took = self.since(by.received());
        Told {
            answer: Arc::clone(&told.answer),
            request_id,
            via: Via::Collapsed,
            usage: Usage::default(),
            cost: Money::ZERO,
            upstream: told.upstream.min(took),
            took,
        }
    }

    fn since(&self, begun: Instant) -> Duration {
        self.parts.clock.now().saturating_duration_since(begun)
    }
}

/// Tells a claim how its call ended, and hands that on.
fn ended(claim: Option<Claim<Landed>>, landed: Landed) -> Landed {
    if let Some(claim) = claim {
        let (is_final, bytes) = match &landed {
            Ok(told) => (true, told.answer.bytes()),
            Err(error) => (error.is_final(), 256),
        };
        claim.end(landed.clone(), is_final, bytes);
    }
    landed
}

/// The name of a question: the org, the task and its prompt, the alias, the language, the policy, and the canonical input. An alias
/// that only the simulator answers has names of its own, so that no simulated answer outlives the change to a real one.
fn key(caller: &Caller, asked: &Asked, route: &Route) -> Key {
    let policy = caller.org.privacy.as_deref().map(Privacy::fingerprint);
    let policy = policy.unwrap_or_default();
    let mut key = Key::of(caller.org.id)
        .part(asked.task.name().as_str().as_bytes())
        .part(asked.task.prompt_version().as_bytes())
        .part(route.alias.as_str().as_bytes())
        .part(&[u8::from(route.simulated())])
        .part(asked.language.as_deref().unwrap_or_default().as_bytes())
        .part(asked.instructions.as_deref().unwrap_or_default().as_bytes())
        .part(&serde_json::to_vec(&asked.options).expect("plain data"))
        .part(policy.as_bytes());
    canonical(&asked.source, &mut |bytes| key.add(bytes));
    key.finish()
}
