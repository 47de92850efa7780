//! What every provider is to the rest of the house.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use serde_json::Value;

use super::batches::Batches;
use crate::domain::{ModelId, ProviderName, Usage};

/// One upstream that can answer a Messages request.
pub trait Provider: Send + Sync {
    /// The name that logs, metrics and routes know it by.
    fn name(&self) -> &ProviderName;

    /// Sends `request` and yields the whole answer.
    fn send(&self, request: Outgoing) -> BoxFuture<'_, Result<Reply, Error>>;

    /// Sends `request`, whose body asks for a stream, and yields its events as they come.
    fn stream(&self, request: Outgoing) -> BoxFuture<'_, Result<Events, Error>>;

    /// Asks how many tokens `request` comes to; `None` where the provider does not count.
    fn count_tokens(&self, request: Outgoing) -> Option<BoxFuture<'_, Result<Bytes, Error>>> {
        let _ = request;
        None
    }

    /// Its batches; `None` where the provider takes none.
    fn batches(&self) -> Option<&dyn Batches> {
        None
    }
}

/// A Messages body as it goes on the wire, with the few facts that routing needs.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// The body, in Claude's Messages format.
    pub body: Bytes,
    /// The model's id at the provider.
    pub model: ModelId,
    /// The most tokens that may come back, thinking included.
    pub max_tokens: u32,
    /// How far it can go beyond what the bytes of its body tell.
    pub reach: Reach,
    /// What the simulator shall answer; nothing else reads it.
    pub rehearsed: Option<Value>,
    /// Which API the body is written for.
    pub dialect: Dialect,
}

/// How far a call can go beyond what the bytes of its body tell: what a budget has to reserve for besides.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reach {
    /// The most searches of the web that it may run at the provider.
    pub searches: u32,
    /// Images in it: small files can be large pictures.
    pub images: u32,
    /// Whether it reads what is not in it (pages of the web, files), so that the model's context alone bounds it.
    pub boundless: bool,
    /// Percent on top of the list price, as for inference in a named region.
    pub surcharge_percent: u32,
}

/// Which generation of the API a body is written for, in the words of whoever wrote it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dialect {
    /// The client's `anthropic-version`; `None` for a question of our own, which the provider names itself.
    pub version: Option<String>,
    /// The client's `anthropic-beta`, as it wrote it; several headers joined by commas.
    pub betas: Option<String>,
}

/// A whole Messages answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The answer's body, as it came.
    pub body: Bytes,
    /// What it used; `None` where the answer does not say.
    pub usage: Option<Usage>,
}

/// A Messages answer that comes in events.
pub struct Events {
    /// The bytes of server-sent events: as they came, or as the provider's own framing translates into them. Chunks end
    /// anywhere. A fault is the last item.
    pub bytes: BoxStream<'static, Result<Bytes, Fault>>,
    /// The provider's own id of the call, for its support.
    pub upstream_id: Option<String>,
}

/// What a provider says of a request that it rejects, in its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The kind of error, such as `invalid_request_error`.
    pub kind: String,
    /// The message, as it came. It may quote the request, so it goes to the caller alone and never into a log.
    pub message: String,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[error("{fault}")]
pub struct Error {
    /// What went wrong.
    pub fault: Fault,
    /// How long the provider asks us to stay away.
    pub retry_after: Option<Duration>,
    /// The provider's own id of the call, for its support.
    pub upstream_id: Option<String>,
    /// Its own words, where it rejected the request itself.
    pub said: Option<Said>,
}

/// What went wrong at a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No credential for the provider could be had: nothing was sent.
    #[error("no credential for the provider could be had")]
    NoCredentials,
    /// No connection, or no TLS: nothing was sent.
    #[error("no connection to the provider")]
    Unreachable,
    /// The connection ended after the question was sent and before the answer was whole.
    #[error("the provider's answer was cut off")]
    Cut,
    /// Nothing came within the longest life of a call.
    #[error("the provider did not answer within the longest life of a call")]
    Hung,
    /// A 200 whose body is no Messages answer.
    #[error("the provider answered with something that is no message")]
    Malformed,
    /// The provider asks for a pause: 429.
    #[error("the provider limits our rate")]
    RateLimited,
    /// The provider has no room: 503, 529.
    #[error("the provider is overloaded ({0})")]
    Overloaded(u16),
    /// Another failure that may pass: 408, 409, 5xx.
    #[error("the provider failed ({0})")]
    Failed(u16),
    /// Our account or the model is not to be had: 401, 402, 403, 404, a spend limit.
    #[error("the provider refused our account or model ({0})")]
    Denied(u16),
    /// Our request itself was refused: 400, 413, 422.
    #[error("the provider rejected the request ({0})")]
    Rejected(u16),
}

impl Fault {
    /// Whether the same target may be asked again.
    pub fn may_pass(self) -> bool {
        match self {
            Self::Unreachable
            | Self::Cut
            | Self::Malformed
            | Self::RateLimited
            | Self::Overloaded(_)
            | Self::Failed(_) => true,
            Self::NoCredentials | Self::Hung | Self::Denied(_) | Self::Rejected(_) => false,
        }
    }

    /// Whether another target may fare better.
    pub fn is_of_the_target(self) -> bool {
        !matches!(self, Self::Rejected(_))
    }

    /// Whether the breaker counts it: faults of theirs, never of a request.
    pub fn counts_against_the_target(self) -> bool {
        match self {
            Self::NoCredentials
            | Self::Unreachable
            | Self::Cut
            | Self::Hung
            | Self::Malformed
            | Self::Overloaded(_)
            | Self::Failed(_)
            | Self::Denied(_) => true,
            Self::RateLimited | Self::Rejected(_) => false,
        }
    }

    /// Whether tokens may have been spent although nobody will say how many.
    pub fn may_have_cost(self) -> bool {
        matches!(self, Self::Cut | Self::Hung | Self::Malformed)
    }

    /// The word for it in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoCredentials => "no_credentials",
            Self::Unreachable => "unreachable",
            Self::Cut => "cut",
            Self::Hung => "hung",
            Self::Malformed => "malformed",
            Self::RateLimited => "rate_limited",
            Self::Overloaded(_) => "overloaded",
            Self::Failed(_) => "failed",
            Self::Denied(_) => "denied",
            Self::Rejected(_) => "rejected",
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self {
            fault,
            retry_after: None,
            upstream_id: None,
            said: None,
        }
    }
}

/// A request as tests write it.
///
/// # Panics
/// Where `model` is no id.
#[cfg(test)]
pub fn outgoing(model: &str, body: &str) -> Outgoing {
    Outgoing {
        body: Bytes::copy_from_slice(body.as_bytes()),
        model: ModelId::parse(model).expect("a model"),
        max_tokens: 1_000,
        reach: Reach::default(),
        rehearsed: None,
        dialect: Dialect::default(),
    }
}
