//! Door 1: HTTP. The only room that knows axum.
//!
//! Every route stands on one page ([`router`]), every layer on another ([`layers`]); handlers are thin and stand in
//! `routes` beside their wire types; [`problem`] is the only file that turns an error into a status.
//!
//! # Why
//! The accept loop is our own, over hyper: `axum::serve` has no time limit for a request's head, no bound on it, and no
//! end to a drain. HTTP/1.1 only, which is what Apex speaks.

pub mod bodies;
pub mod call;
mod certificate;
mod connection;
pub mod extract;
mod fit;
mod heads;
pub mod layers;
mod limit_headers;
pub mod openapi;
pub mod problem;
mod progress;
mod proxies;
pub mod router;
mod routes;
pub mod server;
pub mod settings;
pub mod tls;
pub mod validate;

pub use problem::{Code, Problem};
pub use proxies::Proxies;
pub use router::{HttpState, admin, public};
pub use settings::Settings;
