//! Background work with a name, an owner and an end.
//!
//! A stop has two moments. *Draining*: readiness turns red while calls are still taken, so that whoever balances the
//! load has time to look away. *Stopping*: no new call begins, calls under way finish and settle, and what outlives
//! the grace period is dropped, settles by that, and is named in the log.
//!
//! # Why
//! A call that reached a provider costs money whether or not somebody waits for it, so it runs as a task of its own
//! that the process waits for, not inside the connection that asked.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opentelemetry::trace::FutureExt as _;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long a stop may take. In the file: `server.drain_delay_s` and `server.drain_s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// From the signal until new calls are turned away. Default: 5 s.
    pub drain_delay: Duration,
    /// From then until work under way is abandoned. Default: 120 s, the longest that Apex waits.
    pub drain: Duration,
}

/// The one place that starts background work and tells it to end.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    draining: CancellationToken,
    stopping: CancellationToken,
    ending: CancellationToken,
    tasks: TaskTracker,
    running: Arc<Mutex<BTreeMap<&'static str, usize>>>,
}

/// How long work that outlived the grace period may take to be dropped.
const FOR_DROPPING: Duration = Duration::from_secs(2);

/// Takes a task off the list of those running, also when it panics.
struct Running {
    name: &'static str,
    list: Arc<Mutex<BTreeMap<&'static str, usize>>>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            drain_delay: Duration::from_secs(5),
            drain: Duration::from_mins(2),
        }
    }
}

impl Lifecycle {
    /// Starts `work` under `name` and lets it outlive the call that asked for it. It stays part of that call's trace.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that spawns, so that every task is waited for"
    )]
    pub fn spawn<F>(&self, name: &'static str, work: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let running = Running::note(name, &self.running);
        let ending = self.ending.clone();
        // What wraps it from here on would move all of it each time, and a call's is 28 KB.
        let work = Box::pin(work);
        let tracked = self.tasks.track_future(async move {
            let _running = running;
            tokio::select! {
                // The end first: a call whose work was dropped has no answer to give any more.
                biased;
                () = ending.cancelled() => {}
                () = work => {}
            }
        });
        tokio::spawn(tracked.with_current_context());
    }

    /// Starts `work` that nobody waits for: it may well never end.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that spawns, so that this exception is seen"
    )]
    pub fn spawn_detached<F>(&self, work: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        tokio::spawn(work);
    }

    /// Readiness turns red; calls are still taken.
    pub fn drain(&self) {
        self.draining.cancel();
    }

    /// No new call begins from here on.
    pub fn stop(&self) {
        self.draining.cancel();
        self.stopping.cancel();
    }

    /// Whether the process is on its way out.
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Whether new calls are turned away.
    pub fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// Resolves when the process begins to drain.
    pub async fn draining(&self) {
        self.draining.cancelled().await;
    }

    /// Resolves when the process stops taking calls.
    pub async fn stopping(&self) {
        self.stopping.cancelled().await;
    }

    /// Waits until all background work has ended, at most for `grace`; what is left then is dropped where it stands, and so
    /// settles and leaves its audit line.
    ///
    /// # Errors
    /// The names of the tasks that outlived it, and how many of each.
    pub async fn ended(&self, grace: Duration) -> Result<(), Vec<(&'static str, usize)>> {
        self.tasks.close();
        if tokio::time::timeout(grace, self.tasks.wait()).await.is_ok() {
            return Ok(());
        }
        let left: Vec<_> = {
            let list = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            list.iter().map(|(name, count)| (*name, *count)).collect()
        };
        self.ending.cancel();
        // Only what blocks its thread is not gone by then, and that cannot be dropped.
        let _ = tokio::time::timeout(FOR_DROPPING, self.tasks.wait()).await;
        Err(left)
    }
}

impl Running {
    fn note(name: &'static str, list: &Arc<Mutex<BTreeMap<&'static str, usize>>>) -> Self {
        let mut names = list.lock().unwrap_or_else(PoisonError::into_inner);
        *names.entry(name).or_default() += 1;
        Self {
            name,
            list: Arc::clone(list),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut names = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = names.get_mut(self.name) {
            *count -= 1;
            if *count == 0 {
                names.remove(self.name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_outlives_the_grace_period_is_named_and_dropped() {
        let lifecycle = Lifecycle::default();
        lifecycle.spawn("quick", async {});
        let guard = Arc::new(());
        let held = Arc::clone(&guard);
        lifecycle.spawn("slow", async move {
            std::future::pending::<()>().await;
            drop(held);
        });

        let left = lifecycle.ended(Duration::from_secs(1)).await;
        assert_eq!(left, Err(vec![("slow", 1)]));
        assert_eq!(Arc::strong_count(&guard), 1);
    }
}
