//! What the outside can see of the gateway's work: logs, traces and metrics.
//!
//! # Why
//! No prompt, record value or credential reaches a log line or a label, at any level: what is logged is listed field by
//! field where it is logged, and labels are enums or an org's configured name, so that the number of series is known
//! from reading.

pub mod audit;
pub mod logs;
pub mod metrics;
mod names;
pub mod otlp;
pub mod traces;

pub use audit::Audit;
pub use logs::Settings;
pub use metrics::Metrics;
pub use traces::Traces;
