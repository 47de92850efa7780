//! How a question reaches a provider: attempts, retries and failover inside the caller's patience.
//!
//! # Why
//! Retries and failover stand here once, for every provider and every door, because only here are the deadline, the
//! budget and the breakers all in sight. Each attempt reserves for itself, so a retry cannot overshoot what the first
//! attempt was allowed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;

use super::breaker::Breakers;
use super::flight::Patience;
use super::flow::{Begun, Bill, Flow, Opening, Outcome};
use super::limits::{Hold, Lane, Limits, Need, Refusal, Slot};
use super::retry::{self, RetryBudget};
use super::slots::Slots;
use crate::domain::{
    Caller, Clock, Entropy, Money, Price, ProviderName, RequestId, Route, Target, Usage,
};
use crate::providers::{self, Fault, Outgoing, Provider, Reach, Reply, claude};
use crate::telemetry::traces::{Attempt, Label};
use crate::telemetry::{Metrics, Traces};

/// Sends questions to providers.
pub struct Dispatch {
    known: ArcSwap<Known>,
    limits: Arc<Limits>,
    breakers: Arc<Breakers>,
    pub(super) retries: RetryBudget,
    pub(super) longest_life: Duration,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) metrics: Arc<Metrics>,
    traces: Traces,
}

/// The providers by their names.
pub type Upstreams = BTreeMap<ProviderName, Arc<Upstream>>;

/// The providers of the config, and those of the one before it: calls under way may still have its routes.
struct Known {
    now: Arc<Upstreams>,
    before: Arc<Upstreams>,
}

/// One provider and its slots.
pub struct Upstream {
    /// The provider.
    pub provider: Arc<dyn Provider>,
    /// Calls under way at it.
    pub slots: Arc<Slots>,
}

/// What a question is for one target.
pub trait Question: Send + Sync {
    /// The question as it goes to `target`.
    fn outgoing(&self, target: &Target) -> Outgoing;

    /// Whether `target` has what the question needs. One that has not is asked only where none has.
    fn suits(&self, target: &Target) -> bool {
        let _ = target;
        true
    }
}

/// One call's way through its attempts: what it holds and what it has used so far.
pub struct Turn {
    /// The id of the call, for the log.
    pub request_id: RequestId,
    /// Who asks.
    pub caller: Caller,
    /// How long somebody waits.
    pub patience: Patience,
    lane: Lane,
    slot: Option<Slot>,
    /// Tokens that providers reported, over all attempts.
    pub usage: Usage,
    /// Money charged, over all attempts; the bound where nobody told the usage.
    pub cost: Money,
    /// Time spent waiting for providers.
    pub upstream: Duration,
    /// Attempts that went out to a provider.
    pub attempts: u32,
}

/// A provider's answer.
#[derive(Debug)]
pub struct Delivery<'a> {
    /// The answer.
    pub reply: Reply,
    /// Who gave it.
    pub target: &'a Target,
}

/// Why no provider answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A limit of the org.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The patience ended before a provider could be asked again.
    #[error("the deadline passed before a provider answered")]
    Late,
    /// Every target of the route is resting.
    #[error("every target keeps failing and is not asked at the moment")]
    Resting {
        /// Until the first of them is tried again.
        retry_in: Duration,
    },
    /// The last target asked failed.
    #[error("no target answered")]
    Upstream(#[source] providers::Error),
}

/// Tokens that a provider may add to a question of its own accord: tool and format instructions.
const ADDED_TOKENS: u64 = 2_000;
/// Bytes of text to a token, for the estimate that the tokens a minute go by. Settled to the truth afterwards.
const BYTES_PER_TOKEN: u64 = 3;
/// Tokens that the pages of one search come to, for the same estimate.
const TOKENS_PER_SEARCH: u64 = 8_000;
/// More than any picture comes to, however small its file is.
const TOKENS_PER_IMAGE: u64 = 6_000;

/// How an answer is asked for.
#[derive(Clone, Copy)]
enum Way {
    Whole,
    Stream,
}

/// What one target gave.
enum Answered {
    Whole(Reply),
    Begun(Box<Flow>),
}

/// What one attempt gave.
enum Attempted {
    Whole(Reply),
    Begun(Box<Begun>),
}

/// What came back of one attempt.
enum Came {
    Whole(Reply),
    Begun(Opening),
}

impl Turn {
    /// A call that has neither asked nor used anything yet.
    pub fn new(request_id: RequestId, caller: Caller, lane: Lane, patience: Patience) -> Self {
        Self {
            request_id,
            caller,
            patience,
            lane,
            slot: None,
            usage: Usage::default(),
            cost: Money::ZERO,
            upstream: Duration::ZERO,
            attempts: 0,
        }
    }

    /// Adds what an attempt was charged.
    pub fn charged(&mut self, (usage, cost): (Usage, Money)) {
        self.usage += usage;
        self.cost += cost;
    }
}

impl Dispatch {
    /// Sends to `upstreams`, inside `limits`; no call lives longer than `longest_life`.
    pub fn new(
        upstreams: Upstreams,
        limits: Arc<Limits>,
        longest_life: Duration,
        (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>),
        (metrics, traces): (Arc<Metrics>, Traces),
    ) -> Self {
        Self {
            breakers: Breakers::new(Arc::clone(&clock), Arc::clone(&metrics)),
            retries: RetryBudget::new(Arc::clone(&clock)),
            known: ArcSwap::from_pointee(Known {
                now: Arc::new(upstreams),
                before: Arc::default(),
            }),
            limits,
            longest_life,
            clock,
            entropy,
            metrics,
            traces,
        }
    }

    /// Asks these providers from now on; a call under way whose route leads to one that is gone finds it still.
    pub fn replace(&self, upstreams: Upstreams) {
        self.known.store(Arc::new(Known {
            now: Arc::new(upstreams),
            before: self.upstreams(),
        }));
    }

    /// The providers as they stand.
    pub fn upstreams(&self) -> Arc<Upstreams> {
        Arc::clone(&self.known.load().now)
    }

    pub(super) fn upstream(&self, name: &ProviderName) -> Option<Arc<Upstream>> {
        let known = self.known.load();
        known
            .now
            .get(name)
            .or_else(|| known.before.get(name))
            .cloned()
    }

    /// Asks the targets of `route` in their order until one answers.
    ///
    /// # Errors
    /// What the last target said, where none answered; a refusal of the org's limits ends it at once.
    pub async fn send<'a>(
        &self,
        turn: &mut Turn,
        route: &'a Route,
        question: &dyn Question,
    ) -> Result<Delivery<'a>, Error> {
        match self.walk(turn, route, question, Way::Whole).await? {
            (Answered::Whole(reply), target) => Ok(Delivery { reply, target }),
            (Answered::Begun(_), _) => unreachable!("what is asked for whole comes whole"),
        }
    }

    /// Asks the targets of `route` in their order until one begins to answer: the first event is there.
    ///
    /// # Errors
    /// As [`Dispatch::send`]. What goes wrong from here on is told by the flow itself.
    pub async fn stream<'a>(
        &self,
        turn: &mut Turn,
        route: &'a Route,
        question: &dyn Question,
    ) -> Result<(Flow, &'a Target), Error> {
        match self.walk(turn, route, question, Way::Stream).await? {
            (Answered::Begun(flow), target) => Ok((*flow, target)),
            (Answered::Whole(_), _) => unreachable!("what is asked for in events comes in events"),
        }
    }

    /// Asks the targets of `route` that count how many tokens `question` comes to. That costs nothing, so only a slot is
    /// reserved; `None` where no target of the route counts.
    ///
    /// # Errors
    /// What the last target said, where none answered.
    pub async fn count(
        &self,
        turn: &mut Turn,
        route: &Route,
        question: &dyn Question,
    ) -> Result<Option<Bytes>, Error> {
        let need = Need {
            slot: true,
            tokens: 0,
            cost: Some(Money::ZERO),
        };
        let reserved = self
            .limits
            .reserve(&turn.caller, turn.lane, need, &turn.patience);
        let (_slot, hold) = reserved.await?;
        hold.release();
        let mut last = None;
        for target in &route.targets {
            let Some(upstream) = self.upstream(&target.provider) else {
                continue;
            };
            let Some(counting) = upstream.provider.count_tokens(question.outgoing(target)) else {
                continue;
            };
            let Some(_permit) = upstream
                .slots
                .take(turn.caller.org.id, &turn.patience)
                .await
            else {
                return Err(Error::Late);
            };
            turn.attempts += 1;
            match tokio::time::timeout(self.left(turn), counting).await {
                Ok(Ok(count)) if claude::is_count(&count) => return Ok(Some(count)),
                Ok(Ok(_)) => last = Some(Fault::Malformed.into()),
                Ok(Err(error)) if error.fault.is_of_the_target() => last = Some(error),
                Ok(Err(error)) => return Err(Error::Upstream(error)),
                Err(_) => return Err(Error::Late),
            }
        }
        last.map_or(Ok(None), |error| Err(Error::Upstream(error)))
    }

    async fn walk<'a>(
        &self,
        turn: &mut Turn,
        route: &'a Route,
        question: &dyn Question,
        way: Way,
    ) -> Result<(Answered, &'a Target), Error> {
        self.retries.deposit();
        let mut last = None;
        let mut resting: Option<Duration> = None;
        let any_suits = route.targets.iter().any(|target| question.suits(target));
        let asked = route
            .targets
            .iter()
            .filter(|target| !any_suits || question.suits(target));
        for target in asked {
            match self.ask(turn, target, question, way).await {
                Ok(answered) => return Ok((answered, target)),
                Err(Error::Upstream(error)) => {
                    let hopeless = !error.fault.is_of_the_target();
                    last = Some(told_of(last, error));
                    if hopeless || self.left(turn).is_zero() {
                        break;
                    }
                }
                Err(Error::Resting { retry_in }) => {
                    resting = Some(resting.map_or(retry_in, |wait| wait.min(retry_in)));
                }
                Err(refused @ (Error::Refused(_) | Error::Late)) => return Err(refused),
            }
        }
        match (last, resting) {
            (Some(error), _) => Err(Error::Upstream(error)),
            (None, retry_in) => Err(Error::Resting {
                retry_in: retry_in.unwrap_or(Duration::from_secs(1)),
            }),
        }
    }

    /// Asks one target, again where that may help.
    async fn ask(
        &self,
        turn: &mut Turn,
        target: &Target,
        question: &dyn Question,
        way: Way,
    ) -> Result<Answered, Error> {
        let mut nth = 0;
        loop {
            let pass = match self.breakers.pass(target) {
                Ok(pass) => pass,
                Err(retry_in) => return Err(Error::Resting { retry_in }),
            };
            let error = match self.attempt(turn, target, question, way).await {
                Ok(Attempted::Whole(reply)) => {
                    pass.succeeded();
                    return Ok(Answered::Whole(reply));
                }
                Ok(Attempted::Begun(begun)) => {
                    return Ok(Answered::Begun(Box::new(Flow::new(*begun, pass))));
                }
                Err(Error::Upstream(error)) => error,
                Err(other) => return Err(other),
            };
            if error.fault.counts_against_the_target() {
                pass.failed();
            } else {
                drop(pass);
            }
            let wait = retry::wait(nth, error.retry_after, &*self.entropy);
            let again = error.fault.may_pass()
                && nth < retry::RETRIES
                && wait < self.left(turn)
                && self.retries.withdraw();
            if !again {
                return Err(Error::Upstream(error));
            }
            nth += 1;
            self.metrics.retried();
            tracing::debug!(request_id = %turn.request_id, provider = %target.provider, fault = error.fault.as_str(), nth, "asking again");
            tokio::time::sleep(wait).await;
        }
    }

    /// One attempt: reserved, sent, and settled, or handed on with what it holds.
    async fn attempt(
        &self,
        turn: &mut Turn,
        target: &Target,
        question: &dyn Question,
        way: Way,
    ) -> Result<Attempted, Error> {
        let Some(upstream) = self.upstream(&target.provider) else {
            // The config checks every route against its providers; two reloads took this one away while the call was under way.
            return Err(Error::Upstream(Fault::Unreachable.into()));
        };
        let outgoing = question.outgoing(target);
        let price = target
            .price
            .map(|price| price.with_surcharge(outgoing.reach.surcharge_percent));
        let hold = self.reserve(turn, target, &outgoing, price).await?;
        let org = turn.caller.org.id;
        let Some(permit) = upstream.slots.take(org, &turn.patience).await else {
            hold.release();
            return Err(Error::Late);
        };
        let begun = self.clock.now();
        turn.attempts += 1;
        let span = self.traces.attempt(&Attempt {
            org: &turn.caller.org.name,
            provider: &target.provider,
            kind: upstream.provider.kind(),
            model: target.model.as_str(),
            max_tokens: outgoing.max_tokens,
            stream: matches!(way, Way::Stream),
            nth: turn.attempts,
        });
        let asked = async {
            match way {
                Way::Whole => upstream.provider.send(outgoing).await.map(Came::Whole),
                Way::Stream => {
                    let events = upstream.provider.stream(outgoing).await?;
                    Opening::of(events).await.map(Came::Begun)
                }
            }
        };
        let answer = tokio::time::timeout(self.longest_life, span.around(asked))
            .await
            .unwrap_or_else(|_| Err(Fault::Hung.into()));
        let took = self.clock.now().saturating_duration_since(begun);
        turn.upstream += took;
        let bill = Bill {
            request_id: turn.request_id.clone(),
            caller: turn.caller.clone(),
            target: target.clone(),
            price,
            hold,
            metrics: Arc::clone(&self.metrics),
            span,
        };
        let outcome = |fault, answer| Outcome {
            fault,
            took,
            answer,
        };
        match answer {
            Ok(Came::Begun(opening)) => Ok(Attempted::Begun(Box::new(Begun {
                opening,
                bill,
                permit,
                begun,
                longest_life: self.longest_life,
                clock: Arc::clone(&self.clock),
            }))),
            Ok(Came::Whole(reply)) => {
                let answer = if bill.span.is_seen() {
                    claude::label(&reply.body)
                } else {
                    Label::default()
                };
                turn.charged(bill.settle(outcome(None, answer), reply.usage));
                Ok(Attempted::Whole(reply))
            }
            Err(error) => {
                let fault = error.fault;
                let trace_id = bill.span.trace_id();
                let outcome = outcome(Some(fault), Label::default());
                if fault.may_have_cost() {
                    turn.charged(bill.settle(outcome, None));
                } else {
                    bill.release(outcome);
                }
                tracing::warn!(
                    request_id = %turn.request_id,
                    trace_id = trace_id.map(tracing::field::display),
                    org = %turn.caller.org.name,
                    provider = %target.provider,
                    model = %target.model,
                    fault = fault.as_str(),
                    upstream_id = error.upstream_id.as_deref(),
                    "the provider did not answer: {error}"
                );
                Err(Error::Upstream(error))
            }
        }
    }

    async fn reserve(
        &self,
        turn: &mut Turn,
        target: &Target,
        outgoing: &Outgoing,
        price: Option<Price>,
    ) -> Result<Hold, Refusal> {
        let bytes = outgoing.body.len() as u64;
        let room = u64::from(outgoing.max_tokens);
        let searches = u64::from(outgoing.reach.searches);
        let need = Need {
            slot: turn.slot.is_none(),
            tokens: bytes / BYTES_PER_TOKEN + searches * TOKENS_PER_SEARCH + room,
            cost: price
                .map(|price| bound(bytes, outgoing.max_tokens, &outgoing.reach, target, &price)),
        };
        let lane = if need.slot { turn.lane } else { Lane::Again };
        let (slot, hold) = self
            .limits
            .reserve(&turn.caller, lane, need, &turn.patience)
            .await?;
        turn.slot = turn.slot.take().or(slot);
        Ok(hold)
    }

    pub(super) fn left(&self, turn: &Turn) -> Duration {
        turn.patience
            .end()
            .saturating_duration_since(self.clock.now())
    }
}

/// Of two targets' errors the one to tell: what may pass at the first goes before what the second has against a request
/// that the first would have taken, or against our account.
fn told_of(first: Option<providers::Error>, second: providers::Error) -> providers::Error {
    match first {
        Some(first) if first.fault.may_pass() && !second.fault.may_pass() => first,
        _ => second,
    }
}

/// The most that a body of so many bytes can cost at `target`, which may write `room` tokens, by `price`.
pub fn bound(bytes: u64, room: u32, reach: &Reach, target: &Target, price: &Price) -> Money {
    let told = bytes + ADDED_TOKENS + u64::from(reach.images) * TOKENS_PER_IMAGE;
    // What is read beyond the body is bounded by nothing of ours.
    let most_read = if reach.boundless {
        told.max(u64::from(target.capabilities.context_tokens))
    } else {
        told
    };
    price.at_most(most_read, u64::from(room), u64::from(reach.searches))
}
