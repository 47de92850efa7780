//! The gateway's core: who may call, what is already known, and how a question reaches a provider.
//!
//! [`limits`] admits and reserves, [`cache`] remembers, and [`behind`] it stands what replicas share; [`flight`] lets equal
//! calls share one, [`idempotency`] lets a repeat be a repeat, and [`dispatch`] sends, retries and fails over inside the
//! caller's deadline; an answer that comes in events is a [`flow`]. What is asked today and answered tomorrow is kept in
//! [`batches`].
//!
//! # Why
//! Everything that can be spent is reserved before and settled after, by types that settle when they are dropped: an
//! early `?`, a panic or a caller who hangs up leaks nothing. All of it is held in memory; replicas share what [`shared`]
//! holds for them.
//!
//! [`shared`]: crate::shared

pub mod batches;
pub mod behind;
pub mod breaker;
pub mod cache;
pub mod dispatch;
pub mod flight;
pub mod flow;
pub mod idempotency;
pub mod limits;
pub mod retry;
pub mod slots;

use std::time::Duration;

/// Sizes and times of the core.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Bytes of answers kept in memory. In the file: `cache.bytes`. Default: 268,435,456.
    pub cache_bytes: u64,
    /// Bytes of outcomes kept for idempotency keys, half of them for the Claude API. In the file: `idempotency.bytes`. Default: 67,108,864.
    pub idempotency_bytes: u64,
    /// The longest that one upstream call may live. Ten minutes, as the Claude SDKs have it; not in the file.
    pub longest_life: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cache_bytes: 268_435_456,
            idempotency_bytes: 67_108_864,
            longest_life: Duration::from_mins(10),
        }
    }
}
