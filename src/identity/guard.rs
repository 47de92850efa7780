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
