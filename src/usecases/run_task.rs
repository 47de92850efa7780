//! Runs one task: the hot path.
//!
//! # Why
//! What the caller waits for and what costs money are apart. Everything up to the cache runs in the call; from there on
//! a flight does the work and the call only waits for it, so a caller who hangs up or runs out of patience leaves a paid
//! answer in the cache, where its retry finds it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
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
use crate::engine::idempotency::{Begin, Claim, Scope, Standing};
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
        let begun = self.begin(caller, asked.repeat.as_ref(), &patience, by);
        let known = match begun.await {
            None => Ok(None),
            Some(Begin::First(claim)) => Ok(Some(claim)),
            Some(Begin::Replay(landed)) => Err(repeated(landed)),
            Some(Begin::Late) => Err(Err(Error::Late)),
            Some(Begin::Mismatch) => Err(Err(Error::IdempotencyMismatch)),
            Some(Begin::Unknown) => Err(Err(Error::dark())),
        };
        let told = match known {
            Ok(claim) => {
                self.answer(caller, asked, by, patience, (lane, counted), claim)
                    .await
            }
            Err(landed) => self.noted(caller, &asked, landed, "replayed").await,
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
        Trail::refused(&self.parts, caller, question, code).await;
    }

    /// What `repeats`, all of one call, mean for it as a whole.
    pub async fn standing(&self, caller: &Caller, repeats: &[Repeat]) -> Standing {
        let Some(Repeat { body, .. }) = repeats.first() else {
            return Standing::Open;
        };
        let scopes: Vec<Scope> = repeats.iter().map(|repeat| repeat.scope(caller)).collect();
        self.parts.idempotency.standing(&scopes, *body).await
    }

    async fn begin(
        &self,
        caller: &Caller,
        repeat: Option<&Repeat>,
        patience: &Patience,
        by: Deadline,
    ) -> Option<Begin<Landed>> {
        let repeat = repeat?;
        let scope = repeat.scope(caller);
        let begun = self
            .parts
            .idempotency
            .begin(&scope, repeat.body, patience, by.at());
        Some(begun.await)
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
                let refused = ended(claim, Err(error)).await;
                return self.noted(caller, &asked, refused, "ok").await;
            }
        };
        let caching = asked.caching;
        if !caching.fresh
            && let Some(found) = parts.known(&key, caching.max_age)
        {
            parts.metrics.cache(CacheResult::Hit);
            let hit = self.hit(&asked, found.value, found.ttl, by);
            let hit = ended(claim, Ok(hit)).await;
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
                let hit = self.hit(&asked, found.value, found.ttl, by);
                let hit = ended(claim, Ok(hit)).await;
                return self.noted(caller, &asked, hit, "cached").await;
            }
            parts.metrics.cache(CacheResult::Miss);
            let missed = ended(claim, Err(Error::NotCached)).await;
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
        let noted = claim.map(|claim| {
            let (note, noted) = oneshot::channel::<()>();
            let lifecycle = parts.lifecycle.clone();
            let end = move |landed: Option<Landed>| {
                lifecycle.spawn("idempotency", async move {
                    let _ = ended(Some(claim), landed.unwrap_or(Err(Error::Internal))).await;
                    drop(note);
                });
            };
            parts.flights.follow("idempotency", landing, end);
            noted
        });
        let landed = ticket.wait(by.at()).await.unwrap_or(Err(Error::Late));
        if let Some(noted) = noted {
            // A repeat right behind the answer shall find it, at whichever replica.
            let _ = tokio::time::timeout_at(by.at(), noted).await;
        }
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
        Trail::begin(&self.parts, caller, asked)
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
async fn ended(claim: Option<Claim<Landed>>, landed: Landed) -> Landed {
    if let Some(claim) = claim {
        claim.end(landed.clone()).await;
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
