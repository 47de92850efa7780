//! Equal calls at once share one.
//!
//! A flight is work that runs as a task of its own: whoever asked may stop waiting, the work goes on, is settled and
//! cached. Whoever asks the same meanwhile joins it, and it lives by the longest patience among its waiters.
//!
//! # Why
//! A cache that loads on a miss runs the loader inside the first caller, and ends it when that caller goes. A call to
//! a model is too dear for that.

use std::collections::HashMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::time::Instant;

use super::cache::Key;
use crate::domain::Deadline;
use crate::lifecycle::Lifecycle;

/// How long somebody will wait: read by the work, extended by whoever joins.
#[derive(Debug, Clone)]
pub struct Patience {
    begun: Instant,
    end: Arc<watch::Sender<Instant>>,
}

/// Every flight of the process, by what was asked.
pub struct Flights<V> {
    under_way: Arc<Mutex<HashMap<Key, Flight<V>>>>,
    lifecycle: Lifecycle,
}

/// One flight, as its waiters see it.
#[derive(Clone)]
struct Flight<V> {
    patience: Patience,
    outcome: watch::Receiver<Option<V>>,
}

/// A waiter's hold on a flight.
#[derive(Clone)]
pub struct Ticket<V> {
    outcome: watch::Receiver<Option<V>>,
    /// Whether another call had begun it.
    pub joined: bool,
}

/// Takes the flight off the list when its work ends, however it ends.
struct Landing<V> {
    key: Option<Key>,
    under_way: Arc<Mutex<HashMap<Key, Flight<V>>>>,
}

impl Patience {
    /// The patience of a call that must be answered by `by`.
    pub fn until(by: Deadline) -> Self {
        Self {
            begun: by.received(),
            end: Arc::new(watch::Sender::new(by.at())),
        }
    }

    /// When it ends.
    pub fn end(&self) -> Instant {
        *self.end.borrow()
    }

    /// When a third of it has passed: the longest that a single call queues.
    pub fn third(&self) -> Instant {
        self.begun + self.end().saturating_duration_since(self.begun) / 3
    }

    /// Waits at least until `at` from now on.
    pub fn extend(&self, at: Instant) {
        self.end.send_if_modified(|end| {
            let longer = at > *end;
            *end = at.max(*end);
            longer
        });
    }

    /// Resolves when somebody extends it.
    pub async fn changed(&self) {
        // The sender lives as long as `self`, so the channel cannot be closed.
        let _ = self.end.subscribe().changed().await;
    }
}

impl<V: Clone + Send + Sync + 'static> Flights<V> {
    /// None is under way.
    pub fn new(lifecycle: Lifecycle) -> Self {
        Self {
            under_way: Arc::default(),
            lifecycle,
        }
    }

    /// Joins the flight of `key`, or begins it with `work`; without a key nobody can join.
    ///
    /// `crashed` is what the waiters are told where the work panics.
    pub fn join_or_begin<F>(
        &self,
        key: Option<Key>,
        patience: &Patience,
        crashed: fn() -> V,
        work: impl FnOnce() -> F,
    ) -> Ticket<V>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut under_way = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = key.as_ref().and_then(|key| under_way.get(key)) {
            flight.patience.extend(patience.end());
            return Ticket {
                outcome: flight.outcome.clone(),
                joined: true,
            };
        }
        let (tell, outcome) = watch::channel(None);
        if let Some(key) = &key {
            let flight = Flight {
                patience: patience.clone(),
                outcome: outcome.clone(),
            };
            under_way.insert(key.clone(), flight);
        }
        drop(under_way);
        let landing = Landing {
            key,
            under_way: Arc::clone(&self.under_way),
        };
        let work = work();
        self.lifecycle.spawn("flight", async move {
            let outcome = AssertUnwindSafe(work).catch_unwind().await;
            drop(landing);
            tell.send_replace(Some(outcome.unwrap_or_else(|_| crashed())));
        });
        Ticket {
            outcome,
            joined: false,
        }
    }

    /// Does `then` with the flight's outcome whenever it lands, whoever still waits for it; `None` where it never does.
    pub fn follow(
        &self,
        name: &'static str,
        mut ticket: Ticket<V>,
        then: impl FnOnce(Option<V>) + Send + 'static,
    ) {
        self.lifecycle.spawn(name, async move {
            let landed = ticket.outcome.wait_for(Option::is_some).await;
            then(landed.ok().and_then(|outcome| outcome.clone()));
        });
    }
}

impl<V: Clone> Ticket<V> {
    /// The outcome; `None` where it has not come by `deadline`.
    pub async fn wait(mut self, deadline: Instant) -> Option<V> {
        let landed = self.outcome.wait_for(Option::is_some);
        match tokio::time::timeout_at(deadline, landed).await {
            Ok(Ok(outcome)) => outcome.clone(),
            // The teller is only dropped untold when the runtime ends.
            Ok(Err(_)) | Err(_) => None,
        }
    }
}

impl<V> Drop for Landing<V> {
    fn drop(&mut self) {
        if let Some(key) = &self.key {
            self.under_way
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use super::*;

    fn patience(seconds: u64) -> Patience {
        Patience::until(Deadline::after(
            Instant::now(),
            Duration::from_secs(seconds),
        ))
    }

    fn key() -> Key {
        Key::for_test("same")
    }

    #[tokio::test(start_paused = true)]
    async fn equal_calls_share_one_flight_and_it_outlives_the_first_caller() {
        let flights = Flights::new(Lifecycle::default());
        let runs = Arc::new(AtomicU32::new(0));
        let begin = |seconds| {
            let runs = Arc::clone(&runs);
            flights.join_or_begin(
                Some(key()),
                &patience(seconds),
                || 0,
                move || async move {
                    runs.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_secs(10)).await;
                    7
                },
            )
        };
        let hasty = begin(1);
        let patient = begin(60);
        assert!(!hasty.joined && patient.joined);

        let now = Instant::now();
        assert_eq!(hasty.wait(now + Duration::from_secs(1)).await, None);
        assert_eq!(patient.wait(now + Duration::from_mins(1)).await, Some(7));
        assert_eq!(runs.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_flight_lives_by_the_longest_patience_among_its_waiters() {
        let flights = Flights::new(Lifecycle::default());
        let first = patience(1);
        let wait_out = {
            let patience = first.clone();
            move || async move {
                while Instant::now() < patience.end() {
                    tokio::select! {
                        () = tokio::time::sleep_until(patience.end()) => {}
                        () = patience.changed() => {}
                    }
                }
                patience.end()
            }
        };
        let _first = flights.join_or_begin(Some(key()), &first, Instant::now, wait_out);
        let longer = patience(30);
        let end = longer.end();
        let second = flights.join_or_begin(Some(key()), &longer, Instant::now, || async {
            Instant::now()
        });
        assert_eq!(second.wait(end + Duration::from_secs(1)).await, Some(end));
    }

    #[tokio::test]
    async fn a_panic_is_told_to_every_waiter_and_the_key_is_free_again() {
        let flights = Flights::new(Lifecycle::default());
        let soon = Instant::now() + Duration::from_secs(5);
        let crash = flights.join_or_begin(
            Some(key()),
            &patience(5),
            || "crashed",
            || async { panic!("on purpose") },
        );
        assert_eq!(crash.wait(soon).await, Some("crashed"));
        let again =
            flights.join_or_begin(Some(key()), &patience(5), || "crashed", || async { "fine" });
        assert!(!again.joined);
        assert_eq!(again.wait(soon).await, Some("fine"));
    }
}
