//! What is remembered of proofs, by all replicas alike.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use redis::Value;

use super::link::Link;
use crate::domain::Clock;
use crate::identity::InMemory;
use crate::identity::memory::{Assertion, Memory, Suspect, Tally, Use};

/// The store's memory, and this replica's own beside it for while the store is away.
///
/// # Why
/// An assertion is noted in both: one that this replica has seen is known again by it even in the dark, and the store is
/// asked first, so that no replica takes what another has. In the dark a replay can reach each replica once, which is what a
/// proof of ten minutes' life is worth against shutting every org out.
pub struct SharedMemory {
    link: Arc<Link>,
    own: InMemory,
    clock: Arc<dyn Clock>,
}

/// How long failures count, in milliseconds.
const MINUTE_MS: u64 = 60_000;

impl SharedMemory {
    /// Remembers over `link`.
    pub fn new(link: Arc<Link>, clock: Arc<dyn Clock>) -> Self {
        Self {
            link,
            own: InMemory::new(Arc::clone(&clock)),
            clock,
        }
    }

    async fn note_use(&self, assertion: Assertion, until: Timestamp) -> Use {
        let own = self.own.uses(assertion, until).await;
        if own != Use::First {
            return own;
        }
        let left = until.duration_since(self.clock.timestamp()).as_millis();
        let mut note = redis::cmd("SET");
        note.arg(format!(
            "belay:{{{}}}:jti:{}",
            assertion.org(),
            assertion.hash_text()
        ))
        .arg(1)
        .arg("NX")
        .arg("PX")
        .arg(left.max(1));
        match self.link.ask(&note).await {
            // `SET … NX` answers nothing where the key stood already.
            Ok(Value::Nil) => Use::Again,
            Ok(_) | Err(_) => Use::First,
        }
    }

    async fn note_failure(&self, suspect: Suspect) -> Tally {
        let own = self.own.failed(suspect).await;
        let key = format!("belay:failed:{}", suspect.hash_text());
        let mut begin = redis::cmd("SET");
        begin.arg(&key).arg(0).arg("NX").arg("PX").arg(MINUTE_MS);
        let mut count = redis::cmd("INCR");
        count.arg(&key);
        if self.link.ask(&begin).await.is_err() {
            return own;
        }
        match self.link.ask(&count).await {
            Ok(Value::Int(failures)) => Tally {
                failures: own
                    .failures
                    .max(u32::try_from(failures).unwrap_or(u32::MAX)),
                ..own
            },
            Ok(_) | Err(_) => own,
        }
    }
}

impl Memory for SharedMemory {
    fn uses(&self, assertion: Assertion, until: Timestamp) -> BoxFuture<'_, Use> {
        self.note_use(assertion, until).boxed()
    }

    fn failed(&self, suspect: Suspect) -> BoxFuture<'_, Tally> {
        self.note_failure(suspect).boxed()
    }
}
