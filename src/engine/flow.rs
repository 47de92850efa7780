//! An answer that comes in events: passed on as it comes, watched over, and settled at its end.
//!
//! # Why
//! Once the first event is out nothing can be asked again, so what goes wrong from here on is told inside the stream, by an
//! `error` event, as Claude itself does. A client library that sees a stream just end takes what it has for an answer.
//!
//! Only whole events pass: of one that is cut off the beginning would stand before our error and spoil it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use serde_json::json;
use tokio::time::Instant;

use super::breaker::Pass;
use super::limits::Hold;
use super::slots::Permit;
use crate::domain::{Caller, Clock, Money, Price, ProviderName, RequestId, Target, Usage};
use crate::providers::claude::{Stop, Tap};
use crate::providers::{self, Events, Fault};
use crate::telemetry::Metrics;
use crate::telemetry::traces::{self, AttemptEnd, AttemptSpan};

/// A stream whose first event has come.
pub struct Opening {
    first: Bytes,
    rest: BoxStream<'static, Result<Bytes, Fault>>,
    tap: Tap,
}

/// An opening, with everything that its attempt holds.
pub struct Begun {
    /// The stream.
    pub opening: Opening,
    /// What will be charged for it.
    pub bill: Bill,
    /// Its slot at the provider.
    pub permit: Permit,
    /// When it was asked for.
    pub begun: Instant,
    /// The longest that it may live.
    pub longest_life: Duration,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// What one attempt holds, until its usage is known. Dropped unsettled, it is charged in full.
pub struct Bill {
    /// The id of the call, for the log.
    pub request_id: RequestId,
    /// Who is charged.
    pub caller: Caller,
    /// Who answers.
    pub target: Target,
    /// What that costs; `None` where nobody knows.
    pub price: Option<Price>,
    /// What is reserved for it.
    pub hold: Hold,
    /// The numbers.
    pub metrics: Arc<Metrics>,
    /// The span of the attempt.
    pub span: AttemptSpan,
}

/// What an attempt came to, for whoever watches.
pub struct Outcome {
    /// What went wrong, where something did.
    pub fault: Option<Fault>,
    /// How long it took.
    pub took: Duration,
    /// What the answer says of itself.
    pub answer: traces::Label,
}

/// A stream of events on its way to the caller. Dropped before its end, it is charged in full.
pub struct Flow {
    first: Option<Bytes>,
    rest: BoxStream<'static, Result<Bytes, Fault>>,
    tap: Tap,
    bill: Bill,
    pass: Pass,
    begun: Instant,
    until: Instant,
    clock: Arc<dyn Clock>,
    /// When a connection that has given its last event is left.
    over: Option<Instant>,
    fault: Option<Fault>,
    ended: bool,
    _permit: Permit,
}

/// How a stream ended.
pub struct Ending {
    /// What it used, and what was charged for it.
    pub charged: (Usage, Money),
    /// Whether the whole answer came.
    pub is_whole: bool,
    /// How the model ended it, as far as that was told.
    pub stop: Option<Stop>,
}

/// The longest silence in a stream that is believed: Claude sends a `ping` long before.
const IDLE: Duration = Duration::from_mins(1);
/// Times that one call can read all that fits into its model.
const ROUNDS: u64 = 50;
/// Searches that one call can run.
const SEARCHES: u64 = 1_000;
/// Bytes that may come before the first event: comments, and that event itself.
const BEFORE_THE_FIRST: usize = 1_000_000;
/// How long a connection may stay open behind the last event.
const AFTER_THE_LAST: Duration = Duration::from_secs(1);

impl Opening {
    /// Waits for the first event of `events`.
    ///
    /// # Errors
    /// The fault that came instead of it, be it told by the connection or by the event itself.
    pub async fn of(mut events: Events) -> Result<Self, providers::Error> {
        let mut tap = Tap::default();
        let mut first = Vec::new();
        let mut came = 0;
        let upstream_id = events.upstream_id.take();
        let failed = |fault| providers::Error {
            upstream_id: upstream_id.clone(),
            ..providers::Error::from(fault)
        };
        while !tap.has_begun() {
            let chunk = match events.bytes.next().await {
                Some(Ok(chunk)) => chunk,
                Some(Err(fault)) => return Err(failed(fault)),
                None => return Err(failed(Fault::Cut)),
            };
            came += chunk.len();
            first.extend(tap.read(chunk).map_err(failed)?);
            if came > BEFORE_THE_FIRST && !tap.has_begun() {
                return Err(failed(Fault::Malformed));
            }
        }
        if let Some(failure) = tap.failure().filter(|_| !tap.has_started()) {
            // A success that turns out to be none before anything was said.
            let mut error = failed(failure.fault);
            error.said = matches!(failure.fault, Fault::Rejected(_)).then(|| failure.said.clone());
            return Err(error);
        }
        Ok(Self {
            first: first.into(),
            rest: events.bytes,
            tap,
        })
    }
}

impl Bill {
    /// Charges what the attempt used: what the provider told, all of the bound where nobody did. Tells what that was.
    pub fn settle(self, outcome: Outcome, usage: Option<Usage>) -> (Usage, Money) {
        let org = &self.caller.org.name;
        let believed = usage.filter(|usage| self.is_plausible(usage));
        if believed.is_none() && usage.is_some() {
            tracing::error!(
                request_id = %self.request_id,
                org = %org,
                provider = %self.target.provider,
                model = %self.target.model,
                "the provider tells a usage that no call can have; the bound is charged"
            );
        }
        let bound = self.hold.bound();
        let cost = match (&believed, self.price) {
            (None, _) => bound,
            (Some(usage), price) => price.map_or(Money::ZERO, |price| price.of(usage)),
        };
        if cost > bound && self.price.is_some() {
            tracing::error!(
                request_id = %self.request_id,
                org = %org,
                provider = %self.target.provider,
                model = %self.target.model,
                "a call cost more than its bound; the price or the bound is wrong"
            );
        }
        let usage = believed.unwrap_or_default();
        self.metrics.used(org, &usage, cost);
        match believed {
            Some(usage) => self.hold.settle(usage.all_tokens(), cost),
            // What nobody settles is charged in full.
            None => drop(self.hold),
        }
        outcome.told(
            &self.target.provider,
            &self.metrics,
            self.span,
            (believed.as_ref(), cost),
        );
        (usage, cost)
    }

    /// Charges nothing: nobody was asked, or whoever was did nothing for it.
    pub fn release(self, outcome: Outcome) {
        self.hold.release();
        let nothing = (None, Money::ZERO);
        outcome.told(&self.target.provider, &self.metrics, self.span, nothing);
    }
}

impl Outcome {
    /// Tells whoever watches.
    fn told(
        self,
        provider: &ProviderName,
        metrics: &Metrics,
        span: AttemptSpan,
        (usage, cost): (Option<&Usage>, Money),
    ) {
        let fault = self.fault.map(Fault::as_str);
        metrics.upstream(provider, fault.unwrap_or("ok"), self.took, span.trace_id());
        span.end(AttemptEnd {
            fault,
            usage,
            cost,
            answer: self.answer,
            took: self.took,
        });
    }
}

impl Bill {
    /// Whether a call can have used so much: a few times what fits into the model, since one that searches reads it anew
    /// each time.
    fn is_plausible(&self, usage: &Usage) -> bool {
        let capabilities = &self.target.capabilities;
        let fits =
            u64::from(capabilities.context_tokens) + u64::from(capabilities.max_output_tokens);
        usage.all_tokens() <= fits.saturating_mul(ROUNDS) && usage.web_searches <= SEARCHES
    }
}

impl Flow {
    /// The flow of what has begun, through the breaker that let it pass.
    pub fn new(begun: Begun, mut pass: Pass) -> Self {
        // A target that begins to answer is well; whether it comes to an end is told later.
        pass.answers();
        Self {
            first: Some(begun.opening.first),
            rest: begun.opening.rest,
            tap: begun.opening.tap,
            bill: begun.bill,
            pass,
            begun: begun.begun,
            until: begun.begun + begun.longest_life,
            clock: begun.clock,
            over: None,
            fault: None,
            ended: false,
            _permit: begun.permit,
        }
    }

    /// The next events, whole; `None` once there are no more. Where the stream breaks, the last of them says so.
    pub async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        while !self.ended {
            let now = self.clock.now();
            if self.tap.is_finished() {
                self.until = self
                    .until
                    .min(*self.over.get_or_insert(now + AFTER_THE_LAST));
            }
            let left = self.until.saturating_duration_since(now);
            let next = async {
                // What is ready is taken also where no time is left, unless it is asked first.
                if left.is_zero() {
                    std::future::pending().await
                } else {
                    self.rest.next().await
                }
            };
            let wait = IDLE.min(left);
            let fault = match tokio::time::timeout(wait, next).await {
                Ok(Some(Ok(chunk))) => match self.tap.read(chunk) {
                    Ok(events) if events.is_empty() => continue,
                    Ok(events) => return Some(events),
                    Err(fault) => fault,
                },
                Ok(Some(Err(fault))) => fault,
                Ok(None) => Fault::Cut,
                Err(_) => Fault::Hung,
            };
            self.ended = true;
            // Whatever a connection does behind the last event is no matter, and neither is it behind an error.
            if !self.tap.is_finished() && self.tap.failure().is_none() {
                self.fault = Some(fault);
                return Some(self.told(fault));
            }
        }
        None
    }

    /// Settles what came, also where more would have.
    pub fn end(self) -> Ending {
        let is_whole = self.tap.is_finished() && self.tap.failure().is_none();
        let failure = self.tap.failure().map(|failure| failure.fault);
        let fault = self.fault.or(failure);
        let target = &self.bill.target;
        let took = self.clock.now().saturating_duration_since(self.begun);
        match fault {
            None => self.pass.succeeded(),
            Some(fault) => {
                tracing::warn!(
                    request_id = %self.bill.request_id,
                    org = %self.bill.caller.org.name,
                    provider = %target.provider,
                    model = %target.model,
                    fault = fault.as_str(),
                    "the provider's stream broke off: {fault}"
                );
                if fault.counts_against_the_target() {
                    self.pass.failed();
                }
            }
        }
        Ending {
            is_whole,
            stop: self.tap.stop(),
            charged: self.bill.settle(
                Outcome {
                    fault,
                    took,
                    answer: traces::Label::default(),
                },
                self.tap.usage(),
            ),
        }
    }

    /// Our own last event.
    fn told(&self, fault: Fault) -> Bytes {
        let (kind, message) = match fault {
            Fault::Hung => ("timeout_error", "the provider's stream fell silent"),
            _ => (
                "api_error",
                "the provider's stream was cut off before its end",
            ),
        };
        let event = json!({
            "type": "error",
            "error": {"type": kind, "message": message},
            "request_id": self.bill.request_id.as_str(),
        });
        Bytes::from(format!("event: error\ndata: {event}\n\n"))
    }
}
