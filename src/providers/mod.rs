//! The upstreams that answer a Messages request.
//!
//! A provider translates and sends. It neither retries, caches nor counts: those stand once, in `engine`. Translation
//! is pure and stands in [`claude`]; sending stands in one file a provider. What a known model costs and can do stands
//! in [`prices`] and [`capabilities`].
//!
//! # Why
//! Providers are held as `Arc<dyn Provider>`: beside a network call a virtual call costs nothing, and the one `match`
//! over their kinds stands in [`registry`]. No cloud SDK is used: each owns its HTTP client and its retries, and
//! retries are ours, because they must fit the caller's deadline. What is hard to get right is taken from the clouds'
//! own libraries: credentials and signatures of AWS, tokens of Google. They are made when a call first needs them, so
//! that building stays at once and a config that is only checked asks nobody for anything.
//!
//! Whoever cannot prove who we are sends nothing: that is a fault of the target ([`Fault::NoCredentials`]), so the next
//! target is asked, and the log says what was missing.

pub mod anthropic;
pub mod batches;
pub mod bedrock;
pub mod capabilities;
pub mod claude;
pub mod dialect;
pub mod error;
pub mod foundry;
pub mod kept;
pub mod messages;
pub mod prices;
pub mod provider;
pub mod registry;
pub mod secret;
pub mod simulator;
pub mod spelling;
pub mod versions;
pub mod vertex;
pub mod wire;

pub use batches::{Batches, Lines, UpstreamId};
pub use capabilities::Surface;
pub use provider::{Dialect, Error, Events, Fault, Outgoing, Provider, Reach, Reply, Said};
pub use registry::{Kind, Settings};
pub use secret::Secret;
