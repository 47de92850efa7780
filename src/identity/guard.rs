//! Slows down whoever keeps failing to prove who they are.
//!
//! # Why
//! Many orgs come through Salesforce's few addresses, so an address that guesses must never shut out one that knows:
//! only answers to failed proofs wait, and what is right is answered at once, whatever came before it. Waiting answers
//! hold memory, so only so many wait; the others are told to come back later and are not held.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::memory::{Memory, Suspect};

/// Slows failed proofs, per address and per id of a key.
pub struct Guard {
    memory: Arc<dyn Memory>,
    slowness: Duration,
    waiting: Semaphore,
}

/// Failures in a minute that are answered at once: a rotation that went wrong, a few times over.
const FREE: u32 = 10;
/// Answers that wait at once.
const WAITING: usize = 256;

impl Guard {
    /// Lets answers to who keeps failing wait for `slowness`.
    pub fn new(memory: Arc<dyn Memory>, slowness: Duration) -> Self {
        Self {
            memory,
            slowness,
            waiting: Semaphore::new(WAITING),
        }
    }

    /// Notes a proof that failed, from `address` and naming the key `id`, and waits where there were many. Tells when the
    /// next one is answered at once again, where this one was not.
    pub async fn failed(&self, address: Option<IpAddr>, id: Option<&str>) -> Option<Duration> {
        let suspects = address
            .map(Suspect::at)
            .into_iter()
            .chain(id.map(Suspect::naming));
        let mut longest = None;
        for suspect in suspects {
            let tally = self.memory.failed(suspect).await;
            if tally.failures > FREE {
                longest = longest.max(Some(tally.forgotten_in));
            }
        }
        let wait = longest?;
        if let Ok(_room) = self.waiting.try_acquire() {
            tokio::time::sleep(self.slowness).await;
        }
        Some(wait)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use tokio::time::Instant;

    use super::*;
    use crate::domain::SystemClock;
    use crate::identity::InMemory;

    fn guard() -> Guard {
        let memory = InMemory::new(Arc::new(SystemClock));
        Guard::new(Arc::new(memory), Duration::from_secs(1))
    }

    #[tokio::test(start_paused = true)]
    async fn the_eleventh_failure_of_a_minute_waits_and_is_told_for_how_long() {
        let guard = guard();
        let address = Some([192, 0, 2, 1].into());
        let begin = Instant::now();
        for _ in 0..FREE {
            assert_eq!(guard.failed(address, None).await, None);
        }
        assert_eq!(begin.elapsed(), Duration::ZERO);
        let wait = guard.failed(address, None).await;
        assert_eq!(wait, Some(Duration::from_mins(1)));
        assert_eq!(begin.elapsed(), Duration::from_secs(1));
        let elsewhere = Some([192, 0, 2, 2].into());
        assert_eq!(guard.failed(elsewhere, None).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_is_guessed_at_from_many_addresses_is_slowed_as_well() {
        let guard = guard();
        let from = |nth: u32| Some(IpAddr::from(nth.to_be_bytes()));
        for nth in 0..FREE {
            assert_eq!(guard.failed(from(nth), Some("flow")).await, None);
        }
        assert!(guard.failed(from(FREE), Some("flow")).await.is_some());
        assert_eq!(guard.failed(from(FREE + 1), Some("other")).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn only_so_many_answers_wait_at_once() {
        let guard = guard();
        let address = Some([192, 0, 2, 1].into());
        for _ in 0..FREE {
            guard.failed(address, None).await;
        }
        let begin = Instant::now();
        let many = (0..10 * WAITING).map(|_| async {
            guard.failed(address, None).await;
            begin.elapsed()
        });
        let took = join_all(many).await;
        let waited = took.iter().filter(|took| !took.is_zero()).count();
        assert_eq!(waited, WAITING);
    }
}
