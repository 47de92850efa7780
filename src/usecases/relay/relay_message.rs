//! Relays one request: whole, or in events.
//!
//! # Why
//! What the caller waits for and what costs money are apart, as with a task: a passage does the work, and the call only
//! waits for it. A caller who hangs up, or runs out of patience, is charged for what was asked in his name and no more:
//! the passage reads on to the end, where the provider says how much that was.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::memory::Memory;
use super::{Message, models};
use crate::domain::{Caller, Deadline, RequestId, Route, Target};
use crate::engine::dispatch::{self, Turn};
use crate::engine::flight::Patience;
use crate::engine::idempotency::{Begin, Claim, Scope};
use crate::engine::limits::Lane;
use crate::providers::{Fault, claude};
use crate::telemetry::metrics::CacheResult;
use crate::usecases::answer::Repeat;
use crate::usecases::cover::{Cover, Uncovering};
use crate::usecases::error::A_MOMENT;
use crate::usecases::trail::Trail;
use crate::usecases::{Error, Parts};

/// Relays one request.
#[derive(Clone)]
pub struct RelayMessage {
    parts: Arc<Parts>,
    task: &'static str,
}

/// An answer on its way to the client.
pub enum Relayed {
    /// All of it.
    Whole {
        /// The answer, as it came.
        body: Bytes,
        /// The time spent waiting for providers.
        upstream: Duration,
    },
    /// All of it, known from before.
    Known {
        /// The answer, in the form that was asked for.
        body: Bytes,
        /// Whether that form is events.
        in_events: bool,
        /// Why it is known.
        kept: Kept,
    },
    /// Its events, as they come.
    Events {
        /// The events.
        events: Events,
        /// The time spent waiting for the first of them.
        upstream: Duration,
    },
}

/// Why an answer is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// The org has answers given again, this one for so much longer.
    For(Duration),
    /// The call repeats another by its idempotency key.
    ByItsKey,
}

/// The events of an answer.
pub struct Events {
    coming: mpsc::Receiver<Bytes>,
    ended: Arc<AtomicBool>,
}

/// The events stopped coming before their end.
#[derive(Debug, thiserror::Error)]
#[error("the stream was given up")]
pub struct GivenUp;

/// One request on its way. It outlives the call that began it.
struct Passage {
    parts: Arc<Parts>,
    caller: Caller,
    message: Message,
    cover: Option<Cover>,
    route: Arc<Route>,
    patience: Patience,
    memory: Option<Memory>,
    claim: Option<Claim<Landed>>,
    trail: Trail,
}

/// How a request that comes whole ended.
type Landed = Result<Bytes, Error>;

/// Where the answer goes, if somebody still waits for it.
type Waiter = oneshot::Sender<Result<Relayed, Error>>;

/// Chunks of events that wait for a client to read them.
const AHEAD: usize = 32;
/// How long a client may read nothing before its stream is given up.
const SLOWEST: Duration = Duration::from_mins(1);

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
        let Parts { audit, clock, .. } = &*self.parts;
        Trail::of(audit, clock, caller, self.task, request_id)
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
        let begun = repeat.map(|repeat| {
            let scope = scope(caller, repeat);
            self.parts.relays.begin(scope, repeat.body, &patience)
        });
        let landed = match begun {
            None => return self.relay(caller, message, (by, patience), None).await,
            Some(Begin::First(claim)) => {
                return self
                    .relay(caller, message, (by, patience), Some(claim))
                    .await;
            }
            Some(Begin::Mismatch) => Err(Error::IdempotencyMismatch),
            Some(Begin::Replay(landed)) => landed,
            Some(Begin::Running(first)) => first.wait(by.at()).await.unwrap_or(Err(Error::Late)),
        };
        let Parts { audit, clock, .. } = &*self.parts;
        let trail = Trail::of(audit, clock, caller, self.task, &message.request_id);
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
        let Parts { audit, clock, .. } = &*self.parts;
        let trail = Trail::of(audit, clock, caller, self.task, &message.request_id);
        let route = match admitted(&self.parts, caller, &message) {
            Ok(route) => route,
            Err(error) => {
                end(claim, &Err(error.clone()));
                trail.ended(error.code()).await;
                return Err(error);
            }
        };
        let memory = Memory::of(caller, &message, &route, by.received());
        if let Some(memory) = &memory {
            let found = memory.find(&self.parts, &message);
            self.parts.metrics.cache(match &found {
                Some(_) => CacheResult::Hit,
                None if message.caching.fresh => CacheResult::Bypassed,
                None => CacheResult::Miss,
            });
            if let Some(found) = found {
                end(claim, &Ok(found.value.clone()));
                trail.ended("cached").await;
                return Ok(Relayed::Known {
                    body: found.value,
                    in_events: message.stream,
                    kept: Kept::For(found.ttl),
                });
            }
        }
        if message.caching.only_if_cached {
            end(claim, &Err(Error::NotCached));
            trail.ended(Error::NotCached.code()).await;
            return Err(Error::NotCached);
        }
        let (message, cover) = match covered(caller, message) {
            Ok(covered) => covered,
            Err(error) => {
                end(claim, &Err(error.clone()));
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
pub fn admitted(parts: &Parts, caller: &Caller, message: &Message) -> Result<Arc<Route>, Error> {
    parts.limits.admit_request(caller)?;
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
/// Where something in it may not leave, and cannot be masked.
pub fn covered(caller: &Caller, message: Message) -> Result<(Message, Option<Cover>), Error> {
    let policy = caller.org.privacy.as_ref();
    let Some(policy) = policy.filter(|policy| policy.messages) else {
        return Ok((message, None));
    };
    let (body, cover) = Cover::of(&message.body(), policy).map_err(Error::Unfit)?;
    Ok((message.with_body(&body), Some(cover)))
}

/// What a client is told of a failed dispatch: of its own mistakes in the provider's words, of a limited rate by its name.
pub fn told(error: dispatch::Error) -> Error {
    let dispatch::Error::Upstream(upstream) = &error else {
        return error.into();
    };
    match (upstream.fault, &upstream.said) {
        (Fault::Rejected(status), Some(said)) => Error::Rejected {
            status,
            said: said.clone(),
        },
        (Fault::RateLimited, _) => Error::RateLimitedUpstream {
            retry_in: upstream.retry_after.unwrap_or(A_MOMENT),
        },
        _ => error.into(),
    }
}

impl Passage {
    async fn run(self, waiter: Waiter) {
        let turn = Turn::new(
            self.message.request_id.clone(),
            self.caller.clone(),
            Lane::Single,
            self.patience.clone(),
        );
        if self.message.stream {
            self.stream(turn, waiter).await;
        } else {
            self.whole(turn, waiter).await;
        }
    }

    async fn whole(self, mut turn: Turn, waiter: Waiter) {
        let Self {
            parts,
            message,
            cover,
            route,
            memory,
            claim,
            mut trail,
            ..
        } = self;
        trail.sends_message(&message.body(), cover.as_ref());
        let sent = parts.dispatch.send(&mut turn, &route, &message).await;
        let landed = sent.map(|delivery| {
            trail.answered_by(delivery.target);
            let body = match &cover {
                Some(cover) => cover.uncover(&delivery.reply.body),
                None => delivery.reply.body,
            };
            if let Some(mut memory) = memory {
                let stop = claude::read(&body).map(|message| message.stop);
                memory.add(&body);
                memory.keep(&parts, stop, is_stand_in(delivery.target, &route));
            }
            body
        });
        let landed = landed.map_err(told);
        end(claim, &landed);
        trail.used(&turn);
        let outcome = landed.as_ref().map_or_else(Error::code, |_| "ok");
        let upstream = turn.upstream;
        // Whoever no longer waits has been told so already.
        let _ = waiter.send(landed.map(|body| Relayed::Whole { body, upstream }));
        trail.ended(outcome).await;
    }

    async fn stream(self, mut turn: Turn, waiter: Waiter) {
        let Self {
            parts,
            message,
            cover,
            route,
            mut memory,
            mut trail,
            ..
        } = self;
        trail.sends_message(&message.body(), cover.as_ref());
        let begun = parts.dispatch.stream(&mut turn, &route, &message).await;
        let (mut flow, stand_in) = match begun {
            Ok((flow, target)) => {
                trail.answered_by(target);
                (flow, is_stand_in(target, &route))
            }
            Err(error) => {
                let error = told(error);
                trail.used(&turn);
                let outcome = error.code();
                let _ = waiter.send(Err(error));
                return trail.ended(outcome).await;
            }
        };
        let (going, coming) = mpsc::channel(AHEAD);
        let ended = Arc::new(AtomicBool::new(false));
        let events = Events {
            coming,
            ended: Arc::clone(&ended),
        };
        let relayed = Relayed::Events {
            events,
            upstream: turn.upstream,
        };
        let _ = waiter.send(Ok(relayed));
        let mut reader = Reader {
            going: Some(going),
            uncovering: cover.map(Cover::uncover_stream),
            memory: memory.as_mut(),
        };
        while let Some(events) = flow.next().await {
            reader.take(events).await;
        }
        let all_read = reader.end().await;
        ended.store(all_read, Ordering::Release);
        drop(reader);
        let ending = flow.end();
        if let Some(memory) = memory.filter(|_| ending.is_whole) {
            memory.keep(&parts, ending.stop, stand_in);
        }
        turn.charged(ending.charged);
        trail.used(&turn);
        let outcome = match (ending.is_whole, all_read) {
            (false, _) => "upstream-failed",
            (true, false) => "gone",
            (true, true) => "ok",
        };
        trail.ended(outcome).await;
    }
}

fn scope(caller: &Caller, repeat: &Repeat) -> Scope {
    Scope {
        org: caller.org.id,
        path: repeat.path,
        key: repeat.key.clone(),
        item: repeat.item,
    }
}

/// Tells a claim how its call ended.
fn end(claim: Option<Claim<Landed>>, landed: &Landed) {
    if let Some(claim) = claim {
        let (is_final, bytes) = match landed {
            Ok(body) => (true, u32::try_from(body.len()).unwrap_or(u32::MAX)),
            Err(error) => (error.is_final(), 256),
        };
        claim.end(landed.clone(), is_final, bytes);
    }
}

/// Whether an answer of `target` only stands in for a real one.
fn is_stand_in(target: &Target, route: &Route) -> bool {
    target.simulated && !route.simulated()
}

/// Whoever reads a stream, as long as he does.
struct Reader<'m> {
    going: Option<mpsc::Sender<Bytes>>,
    uncovering: Option<Uncovering>,
    memory: Option<&'m mut Memory>,
}

impl Reader<'_> {
    /// Hands `events` on.
    async fn take(&mut self, events: Bytes) {
        let events = match &mut self.uncovering {
            Some(uncovering) => uncovering.feed(&events),
            None => events,
        };
        self.hand(events).await;
    }

    /// Hands on what was held back, and tells whether everything was read. There is no more to come.
    async fn end(&mut self) -> bool {
        if let Some(uncovering) = &mut self.uncovering {
            let rest = uncovering.finish();
            self.hand(rest).await;
        }
        self.going.is_some()
    }

    async fn hand(&mut self, events: Bytes) {
        if events.is_empty() {
            return;
        }
        if let Some(memory) = &mut self.memory {
            memory.add(&events);
        }
        if let Some(going) = &self.going {
            let sent = tokio::time::timeout(SLOWEST, going.send(events)).await;
            if !matches!(sent, Ok(Ok(()))) {
                self.going = None;
            }
        }
    }
}

impl Events {
    /// The next events; `None` once there are no more.
    ///
    /// # Errors
    /// Where they stopped before their end, so that the connection must not look as if all had come.
    pub async fn next(&mut self) -> Option<Result<Bytes, GivenUp>> {
        match self.coming.recv().await {
            Some(events) => Some(Ok(events)),
            None if self.ended.load(Ordering::Acquire) => None,
            None => Some(Err(GivenUp)),
        }
    }
}
