//! Time that a test turns, and randomness without surprises.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use belay::app::World;
use belay::domain::{Clock, Entropy};
use jiff::Timestamp;
use tokio::time::Instant;

/// A clock that stands still or runs with the machine's, and goes ahead when it is told to.
pub struct TestClock {
    begun: Instant,
    noon: Timestamp,
    runs: bool,
    ahead: Mutex<Duration>,
}

/// Retries come at once, and ids differ.
struct NoJitter;

impl TestClock {
    /// A clock that runs from `at`, such as `2026-03-10T12:00:00Z`.
    pub fn running_from(at: &str) -> Arc<Self> {
        Self::new(at, true)
    }

    /// A clock that stands at `at` until it is turned.
    pub fn still_at(at: &str) -> Arc<Self> {
        Self::new(at, false)
    }

    /// Goes ahead by `time`.
    pub fn turn(&self, time: Duration) {
        *self.ahead.lock().expect("no panic") += time;
    }

    /// The world by this clock.
    pub fn world(self: &Arc<Self>) -> World {
        World {
            clock: Arc::clone(self) as Arc<dyn Clock>,
            entropy: Arc::new(NoJitter),
        }
    }

    fn new(at: &str, runs: bool) -> Arc<Self> {
        Arc::new(Self {
            begun: Instant::now(),
            noon: at.parse().expect("a time"),
            runs,
            ahead: Mutex::default(),
        })
    }

    fn passed(&self) -> Duration {
        let ran = if self.runs {
            self.begun.elapsed()
        } else {
            Duration::ZERO
        };
        ran + *self.ahead.lock().expect("no panic")
    }
}

impl Clock for TestClock {
    fn now(&self) -> Instant {
        self.begun + self.passed()
    }

    fn timestamp(&self) -> Timestamp {
        self.noon + self.passed()
    }
}

impl Entropy for NoJitter {
    fn unit(&self) -> f64 {
        0.0
    }

    fn bits(&self) -> u128 {
        fastrand::u128(..)
    }
}
