//! Time and randomness, handed in.
//!
//! # Why
//! A limit that asks the system for the time cannot be tested at midnight. Every room that needs the time or a random
//! number is given one of these.

use jiff::Timestamp;
use tokio::time::Instant;

/// Tells the time.
pub trait Clock: Send + Sync + 'static {
    /// A reading that never goes back, for waits and rates.
    fn now(&self) -> Instant;
    /// The wall clock, for days, months and what people read.
    fn timestamp(&self) -> Timestamp;
}

/// Gives random numbers. Not for secrets.
pub trait Entropy: Send + Sync + 'static {
    /// A number in `0.0..1.0`.
    fn unit(&self) -> f64;
    /// 128 random bits.
    fn bits(&self) -> u128;
}

/// The system's clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// The system's randomness, by a fast generator that is seeded from it.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the system"
    )]
    fn timestamp(&self) -> Timestamp {
        Timestamp::now()
    }
}

impl Entropy for SystemEntropy {
    fn unit(&self) -> f64 {
        fastrand::f64()
    }

    fn bits(&self) -> u128 {
        fastrand::u128(..)
    }
}
