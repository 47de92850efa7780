//! Spans of calls and of the attempts behind them, on their way to a collector.
//!
//! A call's span is begun by the door and follows it through the house as OpenTelemetry's current context: whatever is
//! started for the call (`lifecycle.spawn`) keeps it, and each attempt at a provider is a span below it. Where no
//! collector is set nothing of this costs more than a look.
//!
//! # Why
//! * What a span says is listed field by field, as log lines are: names, numbers and outcomes, never a word of a prompt,
//!   a record or an answer.
//! * Spans are made here by hand and not out of log events, so that no later log line becomes part of what leaves the house.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use opentelemetry::metrics::{Histogram, MeterProvider as _};
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{
    FutureExt as _, SpanContext, SpanKind, Status, TraceContextExt as _, TraceId, TraceState,
    Tracer as _, TracerProvider as _,
};
use opentelemetry::{Array, Context, InstrumentationScope, KeyValue, StringValue, Value};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

use super::names;
use super::otlp::Settings;
use crate::domain::{Money, OrgName, ProviderName, Usage};

/// Where spans go; by default nowhere.
#[derive(Clone, Default)]
pub struct Traces(Option<Arc<Watched>>);

struct Watched {
    tracer: SdkTracer,
    traces: SdkTracerProvider,
    meters: SdkMeterProvider,
    requests: Histogram<f64>,
    operations: Histogram<f64>,
    tokens: Histogram<u64>,
}

/// The span of one call at the door. Dropped without its end, it ends there.
pub struct CallSpan {
    context: Context,
    watched: Option<Arc<Watched>>,
}

/// What is told of a call at its end.
pub struct CallEnd<'a> {
    /// Its method.
    pub method: &'a http::Method,
    /// Its path.
    pub path: &'a str,
    /// `http` or `https`, by which it came to the gateway.
    pub scheme: &'static str,
    /// Its id.
    pub request_id: &'a str,
    /// Whose it is, where somebody was recognised.
    pub org: Option<&'a OrgName>,
    /// Its task; `other` where it is none.
    pub task: &'static str,
    /// `ok`, or the code of a problem.
    pub outcome: &'a str,
    /// Its status.
    pub status: u16,
    /// What `Cache-Status` says.
    pub cache_status: Option<&'a str>,
    /// How long it took.
    pub took: Duration,
}

/// The span of one attempt at a provider. Dropped without its end, it ends there.
pub struct AttemptSpan {
    context: Context,
    watched: Option<Arc<Watched>>,
    labels: Vec<KeyValue>,
}

/// What one attempt asks, and whom.
pub struct Attempt<'a> {
    /// Whose it is.
    pub org: &'a OrgName,
    /// The provider by its name in the config.
    pub provider: &'a ProviderName,
    /// What the conventions call a provider of its kind.
    pub kind: &'static str,
    /// The model's id there.
    pub model: &'a str,
    /// The most tokens that may come back.
    pub max_tokens: u32,
    /// Whether the answer comes in events.
    pub stream: bool,
    /// Which of its call's attempts it is, from 1.
    pub nth: u32,
}

/// What one attempt came to.
#[derive(Default)]
pub struct AttemptEnd<'a> {
    /// The word for the fault; `None` where it answered.
    pub fault: Option<&'static str>,
    /// What the provider says that it used.
    pub usage: Option<&'a Usage>,
    /// What it is charged.
    pub cost: Money,
    /// What the answer says of itself.
    pub answer: Label,
    /// How long it took.
    pub took: Duration,
}

/// What an answer says of itself: no word of what it answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Label {
    /// The provider's id of it.
    pub id: Option<String>,
    /// The model that wrote it.
    pub model: Option<String>,
    /// Why it ends where it does.
    pub stop_reason: Option<String>,
}

/// The bounds that the conventions give for times of generative AI, in seconds.
const OPERATION_SECONDS: [f64; 14] = [
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];
/// The bounds that they give for times of HTTP servers.
const REQUEST_SECONDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];
/// The bounds that they give for numbers of tokens.
const TOKENS: [f64; 14] = [
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];

impl Traces {
    /// Spans and their metrics go to a collector from now on, as those of `replica`.
    ///
    /// # Errors
    /// Where the way to it cannot be made.
    pub fn to(settings: &Settings, replica: &str) -> anyhow::Result<Self> {
        let (traces, meters) = settings.providers(replica)?;
        let scope = InstrumentationScope::builder("belay")
            .with_version(env!("CARGO_PKG_VERSION"))
            .with_schema_url(names::SCHEMA_URL)
            .build();
        let meter = meters.meter_with_scope(scope.clone());
        let seconds = |name: &'static str, bounds: &[f64]| {
            let histogram = meter.f64_histogram(name).with_unit("s");
            histogram.with_boundaries(bounds.to_vec()).build()
        };
        let tokens = meter.u64_histogram(names::TOKEN_USAGE).with_unit("{token}");
        Ok(Self(Some(Arc::new(Watched {
            tracer: traces.tracer_with_scope(scope),
            requests: seconds(names::REQUEST_DURATION, &REQUEST_SECONDS),
            operations: seconds(names::OPERATION_DURATION, &OPERATION_SECONDS),
            tokens: tokens.with_boundaries(TOKENS.to_vec()).build(),
            traces,
            meters,
        }))))
    }

    /// Begins the span of a call with these headers: below the caller's, where they name one.
    pub fn call(&self, headers: &HeaderMap) -> CallSpan {
        let Some(watched) = &self.0 else {
            return CallSpan {
                context: Context::new(),
                watched: None,
            };
        };
        let callers = callers(headers);
        let span = watched
            .tracer
            .span_builder("call")
            .with_kind(SpanKind::Server)
            .start_with_context(&watched.tracer, &callers);
        CallSpan {
            context: callers.with_span(span),
            watched: Some(Arc::clone(watched)),
        }
    }

    /// Begins the span of an attempt, below the call that it is made for.
    pub fn attempt(&self, attempt: &Attempt<'_>) -> AttemptSpan {
        let Some(watched) = &self.0 else {
            return AttemptSpan {
                context: Context::new(),
                watched: None,
                labels: Vec::new(),
            };
        };
        let labels = vec![
            KeyValue::new(names::OPERATION, names::CHAT),
            KeyValue::new(names::PROVIDER, attempt.kind),
            KeyValue::new(names::REQUEST_MODEL, attempt.model.to_owned()),
        ];
        let call = Context::current();
        let span = watched
            .tracer
            .span_builder(format!("{} {}", names::CHAT, attempt.model))
            .with_kind(SpanKind::Client)
            .with_attributes(labels.iter().cloned().chain([
                KeyValue::new(names::REQUEST_MAX_TOKENS, i64::from(attempt.max_tokens)),
                KeyValue::new(names::REQUEST_STREAM, attempt.stream),
                KeyValue::new(names::BELAY_ORG, attempt.org.to_string()),
                KeyValue::new(names::BELAY_PROVIDER, attempt.provider.to_string()),
                KeyValue::new(names::BELAY_ATTEMPT, i64::from(attempt.nth)),
            ]))
            .start_with_context(&watched.tracer, &call);
        AttemptSpan {
            context: call.with_span(span),
            watched: Some(Arc::clone(watched)),
            labels,
        }
    }

    /// Sends what has not been sent, and ends. Blocks until that is done or an export has taken its longest.
    pub fn close(&self) {
        let Some(watched) = &self.0 else {
            return;
        };
        let closed = [watched.traces.shutdown(), watched.meters.shutdown()];
        for error in closed.into_iter().filter_map(Result::err) {
            tracing::warn!("the last of the telemetry was not sent: {error}");
        }
    }
}

/// The trace that a request with these headers belongs to, by its caller; an empty context where it names none.
///
/// The caller's `tracestate` is left behind: it is text of somebody's making, which spans would carry out of the house.
fn callers(headers: &HeaderMap) -> Context {
    let context = TraceContextPropagator::new()
        .extract_with_context(&Context::new(), &HeaderExtractor(headers));
    let told = context.span().span_context().clone();
    if !told.is_valid() {
        return Context::new();
    }
    Context::new().with_remote_span_context(SpanContext::new(
        told.trace_id(),
        told.span_id(),
        told.trace_flags(),
        true,
        TraceState::default(),
    ))
}

/// The header that tells whoever is asked next which trace a request belongs to; `None` outside of one.
pub fn traceparent() -> Option<HeaderValue> {
    let context = Context::current();
    let span = context.span();
    let span = span.span_context();
    let (trace, id, flags) = (span.trace_id(), span.span_id(), span.trace_flags());
    let text = || format!("00-{trace}-{id}-{:02x}", flags.to_u8());
    let header = span.is_valid().then(text)?;
    HeaderValue::from_str(&header).ok()
}

impl CallSpan {
    /// `work`, with this span as the one that spans begun in it stand below.
    pub fn around<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        work.with_context(self.context.clone())
    }

    /// The trace that it belongs to, where that is kept.
    pub fn trace_id(&self) -> Option<TraceId> {
        sampled(&self.context)
    }

    /// Ends it.
    pub fn end(&self, end: &CallEnd<'_>) {
        let Some(watched) = &self.watched else {
            return;
        };
        let method = match end.method.as_str() {
            // Whatever a stranger writes for a method is no name of a series.
            known @ ("GET" | "POST" | "DELETE" | "HEAD" | "PUT" | "PATCH" | "OPTIONS") => known,
            _ => "_OTHER",
        };
        let failed = end.status >= 500;
        let mut labels = vec![
            KeyValue::new(names::HTTP_REQUEST_METHOD, method.to_owned()),
            KeyValue::new(names::HTTP_RESPONSE_STATUS_CODE, i64::from(end.status)),
            KeyValue::new(names::URL_SCHEME, end.scheme),
            KeyValue::new(names::BELAY_TASK, end.task),
        ];
        labels.extend(failed.then(|| KeyValue::new(names::ERROR_TYPE, end.outcome.to_owned())));
        labels.extend(
            end.org
                .map(|org| KeyValue::new(names::BELAY_ORG, org.to_string())),
        );
        watched.requests.record(end.took.as_secs_f64(), &labels);
        let span = self.context.span();
        if span.is_recording() {
            span.update_name(format!("{method} {}", end.task));
            span.set_attributes(labels);
            span.set_attributes([
                KeyValue::new(names::URL_PATH, end.path.to_owned()),
                KeyValue::new(names::BELAY_REQUEST_ID, end.request_id.to_owned()),
                KeyValue::new(names::BELAY_OUTCOME, end.outcome.to_owned()),
            ]);
            if let Some(status) = end.cache_status {
                span.set_attribute(KeyValue::new(names::BELAY_CACHE, status.to_owned()));
            }
            if failed {
                span.set_status(Status::error(end.outcome.to_owned()));
            }
        }
        span.end();
    }
}

impl AttemptSpan {
    /// `work`, with this span as the current one.
    pub fn around<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        work.with_context(self.context.clone())
    }

    /// Whether anybody sees it.
    pub fn is_seen(&self) -> bool {
        self.watched.is_some() && self.context.span().is_recording()
    }

    /// The trace that it belongs to, where that is kept.
    pub fn trace_id(&self) -> Option<TraceId> {
        sampled(&self.context)
    }

    /// Ends it.
    pub fn end(self, end: AttemptEnd<'_>) {
        let Some(watched) = &self.watched else {
            return;
        };
        let fault = end
            .fault
            .map(|fault| KeyValue::new(names::ERROR_TYPE, fault));
        let mut labels = self.labels;
        if let Some(usage) = end.usage {
            for (kind, tokens) in [("input", read(usage)), ("output", usage.output_tokens)] {
                let mut labels = labels.clone();
                labels.push(KeyValue::new(names::TOKEN_TYPE, kind));
                watched.tokens.record(tokens, &labels);
            }
        }
        labels.extend(fault.clone());
        watched.operations.record(end.took.as_secs_f64(), &labels);
        let span = self.context.span();
        if span.is_recording() {
            let number =
                |name, tokens: u64| KeyValue::new(name, i64::try_from(tokens).unwrap_or(i64::MAX));
            let used = end.usage.into_iter().flat_map(|usage| {
                let written = usage.cache_write_5m_tokens + usage.cache_write_1h_tokens;
                [
                    number(names::USAGE_INPUT_TOKENS, read(usage)),
                    number(names::USAGE_OUTPUT_TOKENS, usage.output_tokens),
                    number(names::USAGE_CACHE_READ, usage.cache_read_tokens),
                    number(names::USAGE_CACHE_CREATION, written),
                ]
            });
            let Label {
                id,
                model,
                stop_reason,
            } = end.answer;
            let reasons = stop_reason.map(|reason| {
                let reasons = Array::String(vec![StringValue::from(reason)]);
                KeyValue::new(names::RESPONSE_FINISH_REASONS, Value::Array(reasons))
            });
            let answer = [
                id.map(|id| KeyValue::new(names::RESPONSE_ID, id)),
                model.map(|model| KeyValue::new(names::RESPONSE_MODEL, model)),
                reasons,
                fault,
            ];
            span.set_attributes(used.chain(answer.into_iter().flatten()));
            span.set_attribute(KeyValue::new(names::BELAY_COST_USD, end.cost.as_usd()));
            if let Some(fault) = end.fault {
                span.set_status(Status::error(fault));
            }
        }
        span.end();
    }
}

/// What the model read: the conventions count what came from its cache as well.
fn read(usage: &Usage) -> u64 {
    usage.input_tokens
        + usage.cache_read_tokens
        + usage.cache_write_5m_tokens
        + usage.cache_write_1h_tokens
}

fn sampled(context: &Context) -> Option<TraceId> {
    let span = context.span();
    let span = span.span_context();
    (span.is_valid() && span.is_sampled()).then(|| span.trace_id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nobody_watches_there_is_no_trace_to_tell_of() {
        let traces = Traces::default();
        let mut headers = HeaderMap::new();
        let theirs = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        headers.insert("traceparent", HeaderValue::from_static(theirs));
        let call = traces.call(&headers);
        assert_eq!(call.trace_id(), None);
        assert_eq!(traceparent(), None);
        traces.close();
    }
}
