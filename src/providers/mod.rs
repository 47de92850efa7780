//! The upstreams that answer a Messages request.
//!
//! A provider translates and sends. It neither retries, caches nor counts: those stand once, in `engine`. Translation
//! is pure and stands in [`claude`]; sending stands in one file a provider. What a known model costs and can do stands
//! in [`prices`] and [`capabilities`].
//!
//! # Why
//! Providers are held as `Arc<dyn Provider>`: beside a network call a virtual call costs nothing, and the one `match`
//! over their kinds stands in [`registry`]. No cloud SDK is used: each owns its HTTP client and its retries, and
//! retries are ours, because they must fit the caller's deadline.

pub mod anthropic;
pub mod batches;
pub mod capabilities;
pub mod claude;
pub mod prices;
pub mod provider;
pub mod registry;
pub mod simulator;
pub mod wire;

pub use batches::{Batches, Lines, UpstreamId};
pub use provider::{Dialect, Error, Events, Fault, Outgoing, Provider, Reach, Reply, Said};
pub use registry::{Kind, Settings};
