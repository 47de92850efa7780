//! What waits to be written down, added up, with those who wait for it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use super::row::{Key, Sums};
use super::standing::{Purse, Standing};

/// Takes what is to be written, from any number of calls at once.
#[derive(Default)]
pub(super) struct Basket {
    batch: Mutex<Batch>,
    /// Whether nothing could be written of late, so that nobody should wait for it.
    is_behind: AtomicBool,
    in_haste: Notify,
    at_leisure: Notify,
}

/// Everything that is written in one step.
#[derive(Default)]
pub(super) struct Batch {
    /// What was used.
    pub rows: HashMap<Key, Sums>,
    /// How budgets stand.
    pub standings: HashMap<Purse, Standing>,
    waiting: Vec<oneshot::Sender<bool>>,
}

/// The moment at which something is written down.
#[must_use = "nobody waits unless this is waited for"]
pub struct Written(Option<oneshot::Receiver<bool>>);

/// How long what nobody waits for may lie.
const LEISURE: Duration = Duration::from_millis(500);
/// The longest that a call waits for a disk or a store that stands still; what it used is written when that moves again.
const PATIENCE: Duration = Duration::from_secs(1);
/// Lines that may wait while nothing can be written. Those past it are told without their user, so that there is an end.
const LINES: usize = 50_000;

impl Basket {
    /// Adds to a line that nobody waits for.
    pub fn add(&self, key: Key, sums: Sums) {
        self.lock().add(key, sums);
        self.at_leisure.notify_one();
    }

    /// Adds to a line, and tells when it is written.
    pub fn add_in_haste(&self, key: Key, sums: Sums) -> Written {
        let mut batch = self.lock();
        batch.add(key, sums);
        self.awaited(batch)
    }

    /// Notes how budgets stand; `is_awaited` where nothing may go out before that is written.
    pub fn stand(&self, standings: &[Standing], is_awaited: bool) -> Written {
        if standings.is_empty() {
            return Written::already();
        }
        let mut batch = self.lock();
        for standing in standings {
            batch
                .standings
                .insert(standing.purse.clone(), standing.clone());
        }
        if is_awaited {
            return self.awaited(batch);
        }
        drop(batch);
        self.at_leisure.notify_one();
        Written::already()
    }

    /// Tells when everything that is here now is written.
    pub fn flush(&self) -> Written {
        let batch = self.lock();
        self.awaited(batch)
    }

    fn awaited(&self, mut batch: MutexGuard<'_, Batch>) -> Written {
        if self.is_behind.load(Ordering::Relaxed) {
            self.at_leisure.notify_one();
            return Written(None);
        }
        let (write, written) = oneshot::channel();
        batch.waiting.push(write);
        drop(batch);
        self.in_haste.notify_one();
        Written(Some(written))
    }

    /// Notes whether what was taken last could be written.
    pub fn could_write(&self, could: bool) {
        self.is_behind.store(!could, Ordering::Relaxed);
    }

    /// Waits until there is something to write, and takes it.
    pub async fn next(&self) -> Batch {
        tokio::select! {
            () = self.in_haste.notified() => {}
            () = self.at_leisure.notified() => {
                tokio::select! {
                    () = self.in_haste.notified() => {}
                    () = tokio::time::sleep(LEISURE) => {}
                }
            }
        }
        // Calls that are ready to go on have their say first: what they use is written with the rest, in one step.
        tokio::task::yield_now().await;
        std::mem::take(&mut *self.lock())
    }

    /// Takes back what could not be written; nobody waits for it any more. What came meanwhile is newer.
    pub fn put_back(&self, batch: Batch) {
        let mut here = self.lock();
        for (key, sums) in batch.rows {
            here.add(key, sums);
        }
        for (purse, standing) in batch.standings {
            here.standings.entry(purse).or_insert(standing);
        }
        drop(here);
        self.at_leisure.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Batch> {
        self.batch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Batch {
    fn add(&mut self, mut key: Key, sums: Sums) {
        if self.rows.len() >= LINES && !self.rows.contains_key(&key) {
            key.user = None;
        }
        *self.rows.entry(key).or_default() += sums;
    }

    /// Whether there is nothing in it, though somebody may wait to hear so.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.standings.is_empty()
    }

    /// Tells those who wait whether it `is_written`.
    pub fn tell(&mut self, is_written: bool) {
        for waiting in self.waiting.drain(..) {
            // Whoever no longer waits has gone on.
            let _ = waiting.send(is_written);
        }
    }
}

impl Written {
    /// There is nothing to wait for.
    pub fn already() -> Self {
        Self(None)
    }

    /// Waits for it, for a moment at most; false where it is not known to be written.
    pub async fn wait(self) -> bool {
        match self.0 {
            Some(written) => matches!(tokio::time::timeout(PATIENCE, written).await, Ok(Ok(true))),
            None => false,
        }
    }
}
