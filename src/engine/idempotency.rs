//! A repeat is a repeat: the first final outcome of a key is given again.
//!
//! # Why
//! An Apex Queueable or a Flow runs again after a fault, and must not pay twice. What is kept is the outcome and not the
//! bytes that were sent, so that a repeat may ask for another size.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moka::sync::Cache as Moka;
use tokio::sync::watch;
use tokio::time::Instant;

use super::flight::Patience;
use crate::domain::{IdempotencyKey, OrgId};

/// What a key is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope {
    /// The org; nobody sees another's.
    pub org: OrgId,
    /// The path, with its bulk form apart.
    pub path: &'static str,
    /// What the caller named.
    pub key: IdempotencyKey,
    /// Which item of a bulk; 0 for a single call.
    pub item: u32,
}

/// The SHA-256 of the body that came with a key.
pub type BodyHash = [u8; 32];

/// Outcomes by key, for a day, bounded by their weight.
pub struct Idempotency<V> {
    shared: Arc<Shared<V>>,
}

struct Shared<V> {
    running: Mutex<HashMap<Scope, Running<V>>>,
    finals: Moka<Scope, Arc<Final<V>>>,
}

struct Running<V> {
    body: BodyHash,
    patience: Patience,
    outcome: watch::Receiver<Option<V>>,
}

struct Final<V> {
    body: BodyHash,
    outcome: V,
    bytes: u32,
}

/// What a key means for a call.
pub enum Begin<V> {
    /// The key is new: run, and tell the claim how it ended.
    First(Claim<V>),
    /// It has ended already.
    Replay(V),
    /// The first is still running.
    Running(Join<V>),
    /// The key came with another body before.
    Mismatch,
}

/// A call's claim on its key. Dropped untold, the key is free again.
pub struct Claim<V> {
    scope: Scope,
    body: BodyHash,
    shared: Arc<Shared<V>>,
    tell: watch::Sender<Option<V>>,
}

/// A repeat's hold on the call that is still running.
pub struct Join<V> {
    outcome: watch::Receiver<Option<V>>,
}

/// How long a final outcome is kept.
const DAY: Duration = Duration::from_hours(24);

impl<V: Clone + Send + Sync + 'static> Idempotency<V> {
    /// No key was seen yet; outcomes of at most `bytes` are kept.
    pub fn new(bytes: u64) -> Self {
        let finals = Moka::builder()
            .max_capacity(bytes)
            .weigher(|_: &Scope, kept: &Arc<Final<V>>| kept.bytes)
            .time_to_live(DAY)
            .build();
        Self {
            shared: Arc::new(Shared {
                running: Mutex::default(),
                finals,
            }),
        }
    }

    /// What `scope` means for a call with this body, whose patience a repeat may extend.
    pub fn begin(&self, scope: Scope, body: BodyHash, patience: &Patience) -> Begin<V> {
        let mut running = self.shared.running();
        if let Some(first) = running.get(&scope) {
            if first.body != body {
                return Begin::Mismatch;
            }
            first.patience.extend(patience.end());
            return Begin::Running(Join {
                outcome: first.outcome.clone(),
            });
        }
        if let Some(kept) = self.shared.finals.get(&scope) {
            if kept.body != body {
                return Begin::Mismatch;
            }
            return Begin::Replay(kept.outcome.clone());
        }
        let (tell, outcome) = watch::channel(None);
        let first = Running {
            body,
            patience: patience.clone(),
            outcome,
        };
        running.insert(scope.clone(), first);
        Begin::First(Claim {
            scope,
            body,
            shared: Arc::clone(&self.shared),
            tell,
        })
    }

    /// Whether `scope` is known with another body.
    pub fn is_mismatch(&self, scope: &Scope, body: BodyHash) -> bool {
        let running = self.shared.running();
        running.get(scope).is_some_and(|first| first.body != body)
            || self
                .shared
                .finals
                .get(scope)
                .is_some_and(|kept| kept.body != body)
    }

    /// Whether `scope` has ended, so that a repeat costs nothing.
    pub fn has_ended(&self, scope: &Scope) -> bool {
        self.shared.finals.contains_key(scope)
    }
}

impl<V> Shared<V> {
    fn running(&self) -> std::sync::MutexGuard<'_, HashMap<Scope, Running<V>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V: Clone + Send + Sync + 'static> Claim<V> {
    /// Tells how the call ended; a final outcome of about `bytes` is kept, any other frees the key.
    pub fn end(self, outcome: V, is_final: bool, bytes: u32) {
        if is_final {
            let kept = Final {
                body: self.body,
                outcome: outcome.clone(),
                bytes,
            };
            self.shared
                .finals
                .insert(self.scope.clone(), Arc::new(kept));
        }
        self.tell.send_replace(Some(outcome));
    }
}

impl<V> Drop for Claim<V> {
    fn drop(&mut self) {
        self.shared.running().remove(&self.scope);
    }
}

impl<V: Clone> Join<V> {
    /// The first call's outcome; `None` where it has not come by `deadline`, or the first ended without one.
    pub async fn wait(mut self, deadline: Instant) -> Option<V> {
        let ended = self.outcome.wait_for(Option::is_some);
        match tokio::time::timeout_at(deadline, ended).await {
            Ok(Ok(outcome)) => outcome.clone(),
            Ok(Err(_)) | Err(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Deadline, SalesforceId};

    fn scope(item: u32) -> Scope {
        let id: SalesforceId = "00D5f000000XyZaEAK".parse().expect("an id");
        Scope {
            org: OrgId::new(id).expect("an org"),
            path: "/briefing",
            key: IdempotencyKey::parse("k1").expect("a key"),
            item,
        }
    }

    fn patience() -> Patience {
        Patience::until(Deadline::after(Instant::now(), Duration::from_secs(5)))
    }

    #[tokio::test]
    async fn the_first_final_outcome_is_given_again_and_another_body_is_refused() {
        let keys = Idempotency::new(1_000);
        let Begin::First(claim) = keys.begin(scope(0), [1; 32], &patience()) else {
            panic!("a new key");
        };
        let Begin::Running(join) = keys.begin(scope(0), [1; 32], &patience()) else {
            panic!("still running");
        };
        claim.end("answer", true, 10);
        assert_eq!(join.wait(Instant::now()).await, Some("answer"));
        assert!(matches!(
            keys.begin(scope(0), [1; 32], &patience()),
            Begin::Replay("answer")
        ));
        assert!(matches!(
            keys.begin(scope(0), [2; 32], &patience()),
            Begin::Mismatch
        ));
        assert!(matches!(
            keys.begin(scope(1), [2; 32], &patience()),
            Begin::First(_)
        ));
    }

    #[tokio::test]
    async fn an_outcome_that_may_be_tried_again_frees_the_key() {
        let keys = Idempotency::new(1_000);
        let Begin::First(claim) = keys.begin(scope(0), [1; 32], &patience()) else {
            panic!("a new key");
        };
        claim.end("busy", false, 10);
        let Begin::First(dropped) = keys.begin(scope(0), [2; 32], &patience()) else {
            panic!("free again");
        };
        drop(dropped);
        assert!(matches!(
            keys.begin(scope(0), [3; 32], &patience()),
            Begin::First(_)
        ));
    }
}
