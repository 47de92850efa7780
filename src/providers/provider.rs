//! What every provider is to the rest of the house.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use serde_json::Value;

use super::batches::Batches;
pub use super::dialect::Dialect;
pub use super::error::{Error, Fault, Said};
use crate::domain::{ModelId, ProviderName, Usage};

/// One upstream that can answer a Messages request.
pub trait Provider: Send + Sync {
    /// The name that logs, metrics and routes know it by.
    fn name(&self) -> &ProviderName;

    /// What OpenTelemetry's conventions call a provider of its kind (`gen_ai.provider.name`); `_OTHER` where they have
    /// no word for it.
    fn kind(&self) -> &'static str {
        "_OTHER"
    }

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
