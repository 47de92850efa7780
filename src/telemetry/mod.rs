//! What the outside can see of the gateway's work: logs and metrics.
//!
//! # Why
//! No prompt, record value or credential reaches a log line or a label, at any level: what is logged is listed field by
//! field where it is logged, and labels are enums or an org's configured name, so that the number of series is known
//! from reading.

pub mod audit;
pub mod logs;
pub mod metrics;

pub use audit::Audit;
pub use logs::Settings;
pub use metrics::Metrics;
