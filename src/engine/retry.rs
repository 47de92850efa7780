//! When to ask the same target again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use tokio::time::Instant;

use crate::domain::{Clock, Entropy};

/// Attempts at one target beyond the first.
pub const RETRIES: usize = 2;

/// How long to wait before the `nth` retry, from 0: exponential from half a second to eight, with full jitter, and no
/// less than the provider asked for.
pub fn wait(nth: usize, asked_for: Option<Duration>, entropy: &dyn Entropy) -> Duration {
    let backoff = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(500))
        .with_max_delay(Duration::from_secs(8))
        .with_max_times(RETRIES)
        .build()
        .nth(nth)
        .unwrap_or(Duration::from_secs(8));
    asked_for
        .unwrap_or_default()
        .max(backoff.mul_f64(entropy.unit()))
}

/// Retries that the whole process may make: a tenth of its calls, and ten a minute on top.
///
/// # Why
/// When a provider is down every call wants to try three times; this keeps an outage from being tripled.
pub struct RetryBudget {
    state: Mutex<(f64, Instant)>,
    clock: Arc<dyn Clock>,
}

/// Retries granted for each call.
const PER_CALL: f64 = 0.1;
/// Retries granted each second, whatever the traffic.
const PER_SECOND: f64 = 10.0 / 60.0;
/// Retries that may be saved up: a minute's floor.
const MOST: f64 = 10.0;

impl RetryBudget {
    /// A full minute's floor to begin with.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            state: Mutex::new((MOST, clock.now())),
            clock,
        }
    }

    /// Notes a call.
    pub fn deposit(&self) {
        self.change(|held| {
            *held += PER_CALL;
            true
        });
    }

    /// Takes one retry, if there is one.
    pub fn withdraw(&self) -> bool {
        self.change(|held| {
            let granted = *held >= 1.0;
            if granted {
                *held -= 1.0;
            }
            granted
        })
    }

    fn change(&self, change: impl FnOnce(&mut f64) -> bool) -> bool {
        let now = self.clock.now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (held, since) = &mut *state;
        *held += now.saturating_duration_since(*since).as_secs_f64() * PER_SECOND;
        *held = held.min(MOST);
        *since = now;
        change(held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::SystemClock;

    struct Always(f64);

    impl Entropy for Always {
        fn unit(&self) -> f64 {
            self.0
        }

        fn bits(&self) -> u128 {
            0
        }
    }

    #[test]
    fn the_wait_doubles_is_jittered_and_never_undercuts_what_was_asked() {
        let longest = |nth| wait(nth, None, &Always(1.0));
        assert_eq!(longest(0), Duration::from_millis(500));
        assert_eq!(longest(1), Duration::from_secs(1));
        assert_eq!(wait(1, None, &Always(0.0)), Duration::ZERO);
        let asked = Some(Duration::from_secs(7));
        assert_eq!(wait(0, asked, &Always(0.5)), Duration::from_secs(7));
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_not_tripled() {
        let budget = RetryBudget::new(Arc::new(SystemClock));
        let granted = (0..1_000)
            .filter(|_| {
                budget.deposit();
                budget.withdraw()
            })
            .count();
        assert!((100..=110).contains(&granted), "{granted}");

        tokio::time::advance(Duration::from_mins(1)).await;
        assert_eq!((0..100).filter(|_| budget.withdraw()).count(), 10);
    }
}
