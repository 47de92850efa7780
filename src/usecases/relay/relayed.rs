//! An answer on its way to the client.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;

/// An answer on its way to the client.
pub enum Relayed {
    /// All of it.
    Whole {
        /// The answer, as it came.
        body: Bytes,
        /// The time spent waiting for providers.
        upstream: Duration,
    },
    /// All of it, known from before.
    Known {
        /// The answer, in the form that was asked for.
        body: Bytes,
        /// Whether that form is events.
        in_events: bool,
        /// Why it is known.
        kept: Kept,
    },
    /// Its events, as they come.
    Events {
        /// The events.
        events: Events,
        /// The time spent waiting for the first of them.
        upstream: Duration,
    },
}

/// Why an answer is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// The org has answers given again, this one for so much longer.
    For(Duration),
    /// The call repeats another by its idempotency key.
    ByItsKey,
}

/// The events of an answer.
pub struct Events {
    coming: mpsc::Receiver<Bytes>,
    ended: Arc<AtomicBool>,
}

/// The events stopped coming before their end.
#[derive(Debug, thiserror::Error)]
#[error("the stream was given up")]
pub struct GivenUp;

/// Chunks of events that wait for a client to read them.
const AHEAD: usize = 32;

impl Events {
    /// Events that come as `mpsc` sends them; whoever sends says by the flag that all were sent.
    pub(super) fn channel() -> (mpsc::Sender<Bytes>, Arc<AtomicBool>, Self) {
        let (going, coming) = mpsc::channel(AHEAD);
        let ended = Arc::new(AtomicBool::new(false));
        let events = Self {
            coming,
            ended: Arc::clone(&ended),
        };
        (going, ended, events)
    }

    /// The next events; `None` once there are no more.
    ///
    /// # Errors
    /// Where they stopped before their end, so that the connection must not look as if all had come.
    pub async fn next(&mut self) -> Option<Result<Bytes, GivenUp>> {
        match self.coming.recv().await {
            Some(events) => Some(Ok(events)),
            None if self.ended.load(Ordering::Acquire) => None,
            None => Some(Err(GivenUp)),
        }
    }
}
