//! One request on its way to the providers and its answer on its way back. It outlives the call that began it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::Message;
use super::memory::Memory;
use super::relayed::{Events, Relayed};
use crate::domain::{Caller, Route, Target};
use crate::engine::dispatch::{self, Turn};
use crate::engine::flight::Patience;
use crate::engine::idempotency::Claim;
use crate::engine::limits::Lane;
use crate::providers::{Fault, claude};
use crate::usecases::cover::{Cover, Uncovering, aside};
use crate::usecases::error::A_MOMENT;
use crate::usecases::trail::Trail;
use crate::usecases::{Error, Parts};

/// One request on its way. It outlives the call that began it.
pub struct Passage {
    /// What relaying takes.
    pub parts: Arc<Parts>,
    /// Who asks.
    pub caller: Caller,
    /// What is asked, as it may leave.
    pub message: Message,
    /// The way back of what was masked in it.
    pub cover: Option<Cover>,
    /// Where it may be asked.
    pub route: Arc<Route>,
    /// How long somebody waits.
    pub patience: Patience,
    /// Where its answer is kept.
    pub memory: Option<Memory>,
    /// Its claim on an idempotency key.
    pub claim: Option<Claim<Landed>>,
    /// Its audit line.
    pub trail: Trail,
}

/// How a request that comes whole ended.
pub type Landed = Result<Bytes, Error>;

/// Where the answer goes, if somebody still waits for it.
pub type Waiter = oneshot::Sender<Result<Relayed, Error>>;

/// How long a client may read nothing before its stream is given up.
const SLOWEST: Duration = Duration::from_mins(1);

/// Whoever reads a stream, as long as he does.
struct Reader<'m> {
    going: Option<mpsc::Sender<Bytes>>,
    uncovering: Option<Uncovering>,
    /// Whether the answer could not be looked through to its end, so that no more of it goes on.
    gave_up: bool,
    memory: Option<&'m mut Memory>,
}

impl Passage {
    /// Asks, and tells `waiter` what came.
    pub async fn run(self, waiter: Waiter) {
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
        let landed = match sent {
            Ok(delivery) => {
                trail.answered_by(delivery.target);
                let body = uncovered(cover, delivery.reply.body).await;
                if let (Some(mut memory), Ok(body)) = (memory, &body) {
                    let stop = claude::read(body).map(|message| message.stop);
                    memory.add(body);
                    memory.keep(&parts, stop, is_stand_in(delivery.target, &route));
                }
                body
            }
            Err(error) => Err(restored(told(error), cover.as_ref())),
        };
        end(claim, &landed).await;
        trail.used(&turn);
        let outcome = landed.as_ref().map_or_else(Error::code, |_| "ok");
        let upstream = turn.upstream;
        trail.ended(outcome).await;
        // Whoever no longer waits has been told so already.
        let _ = waiter.send(landed.map(|body| Relayed::Whole { body, upstream }));
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
                let error = restored(told(error), cover.as_ref());
                trail.used(&turn);
                trail.ended(error.code()).await;
                let _ = waiter.send(Err(error));
                return;
            }
        };
        let (going, ended, events) = Events::channel();
        let relayed = Relayed::Events {
            events,
            upstream: turn.upstream,
        };
        let _ = waiter.send(Ok(relayed));
        let mut reader = Reader {
            going: Some(going),
            uncovering: cover.map(Cover::uncover_stream),
            gave_up: false,
            memory: memory.as_mut(),
        };
        while let Some(events) = flow.next().await {
            reader.take(events).await;
        }
        let ending = flow.end();
        turn.charged(ending.charged);
        trail.used(&turn);
        // The last that the client is given says that the answer is whole, so the answer is counted before that.
        trail
            .counted(how(ending.is_whole, reader.gave_up, true))
            .await;
        let all_read = reader.end().await;
        ended.store(all_read, Ordering::Release);
        let gave_up = reader.gave_up;
        drop(reader);
        if let Some(memory) = memory.filter(|_| ending.is_whole && !gave_up) {
            memory.keep(&parts, ending.stop, stand_in);
        }
        let outcome = how(ending.is_whole, gave_up, all_read);
        trail.ended(outcome).await;
    }
}

/// How a stream ended, as the audit line has it.
fn how(is_whole: bool, gave_up: bool, all_read: bool) -> &'static str {
    match (is_whole, all_read) {
        _ if gave_up => Error::AnswerInvalid.code(),
        (false, _) => "upstream-failed",
        (true, false) => "gone",
        (true, true) => "ok",
    }
}

impl Reader<'_> {
    /// Hands `events` on.
    async fn take(&mut self, events: Bytes) {
        if self.gave_up {
            return;
        }
        let Some(mut uncovering) = self.uncovering.take() else {
            return self.hand(events).await;
        };
        let bytes = uncovering.held() + events.len();
        let fed = aside(bytes, move || (uncovering.feed(&events), uncovering)).await;
        self.looked_through(fed).await;
    }

    /// Hands on what was held back, and tells whether everything was read. There is no more to come.
    async fn end(&mut self) -> bool {
        if let Some(mut uncovering) = self.uncovering.take() {
            let bytes = uncovering.held();
            let rest = aside(bytes, move || (uncovering.finish(), uncovering)).await;
            self.looked_through(rest).await;
        }
        self.going.is_some()
    }

    /// Hands on what came of looking through more of it; where nothing did, no more goes on.
    async fn looked_through(&mut self, fed: Result<(Bytes, Uncovering), Error>) {
        if let Ok((events, uncovering)) = fed {
            self.gave_up = uncovering.gave_up();
            self.uncovering = Some(uncovering);
            self.hand(events).await;
        } else {
            self.gave_up = true;
            self.going = None;
        }
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

/// `error` with the values put back into what the provider says, which may repeat the request, and without foreign links.
pub fn restored(error: Error, cover: Option<&Cover>) -> Error {
    match (error, cover) {
        (Error::Rejected { status, mut said }, Some(cover)) => {
            said.message = cover.uncover_text(&said.message);
            Error::Rejected { status, said }
        }
        (error, _) => error,
    }
}

/// A whole `reply` as its caller may see it.
async fn uncovered(cover: Option<Cover>, reply: Bytes) -> Result<Bytes, Error> {
    match cover {
        Some(cover) => aside(reply.len(), move || cover.uncover(&reply)).await,
        None => Ok(reply),
    }
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

/// Tells a claim how its call ended.
pub async fn end(claim: Option<Claim<Landed>>, landed: &Landed) {
    if let Some(claim) = claim {
        claim.end(landed.clone()).await;
    }
}

/// Whether an answer of `target` only stands in for a real one.
fn is_stand_in(target: &Target, route: &Route) -> bool {
    target.simulated && !route.simulated()
}
