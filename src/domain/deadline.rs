//! The caller's patience.

use std::time::Duration;

use tokio::time::Instant;

/// The moment by which the caller must have its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    received: Instant,
    at: Instant,
}

impl Deadline {
    /// The deadline of a call that was received at `received` by a caller who waits for `patience`.
    ///
    /// It stands max(100 ms, 2 %) before the patience ends, so that the answer is back in time.
    pub fn after(received: Instant, patience: Duration) -> Self {
        let margin = (patience / 50).max(Duration::from_millis(100));
        Self {
            received,
            at: received + patience.saturating_sub(margin),
        }
    }

    /// The moment itself.
    pub fn at(self) -> Instant {
        self.at
    }

    /// When the call came in.
    pub fn received(self) -> Instant {
        self.received
    }

    /// What is left of it; zero once it has passed.
    pub fn left(self, now: Instant) -> Duration {
        self.at.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_due_before_the_patience_ends() {
        let now = Instant::now();
        let due = |s| Deadline::after(now, Duration::from_secs(s)).left(now);
        assert_eq!(due(2), Duration::from_millis(1_900));
        assert_eq!(due(110), Duration::from_millis(107_800));
        assert_eq!(due(0), Duration::ZERO);
    }
}
