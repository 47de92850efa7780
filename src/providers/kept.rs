//! A credential that is fetched when it is needed and kept until shortly before it ends.
//!
//! # Why
//! Clouds give credentials for an hour, and asking for one takes longer than many a call. So one is kept, and however
//! many calls need the next one, it is fetched once: the first fetches it and the others wait. They also share its
//! failure, since a queue of callers that each wait ten seconds for the same refusal would outlast every deadline.
//!
//! A new one is wanted five minutes before the old one ends. Until then an outage of whoever gives them costs nothing.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::provider::{Error, Fault};
use crate::domain::{Clock, ProviderName};

/// A credential, or the lack of one.
pub struct Kept<T> {
    provider: ProviderName,
    clock: Arc<dyn Clock>,
    state: Mutex<State<T>>,
    fetching: tokio::sync::Mutex<()>,
}

/// A credential as it was given.
#[derive(Debug, Clone)]
pub struct Fresh<T> {
    /// The credential.
    pub value: T,
    /// How long it will be good for; `None` for one without an end.
    pub lives: Option<Duration>,
}

/// Why there is no credential, in words for the operator. They hold no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Trouble(pub String);

struct State<T> {
    held: Option<Held<T>>,
    failed: Option<Instant>,
}

struct Held<T> {
    value: T,
    renewed: Option<Instant>,
    ends: Option<Instant>,
}

/// How long before its end a credential is renewed.
const AHEAD: Duration = Duration::from_mins(5);
/// How long fetching one may take.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// How long nobody tries again to renew one that is still good.
const PAUSE: Duration = Duration::from_secs(10);
/// Characters of a trouble that are told.
const TOLD_CHARS: usize = 400;

impl Trouble {
    /// What an error and those behind it say.
    pub fn of(error: &dyn std::error::Error) -> Self {
        let mut told = error.to_string();
        let mut behind = error.source();
        while let Some(source) = behind {
            told = format!("{told}: {source}");
            behind = source.source();
        }
        Self(told.chars().take(TOLD_CHARS).collect())
    }

    /// Tells the operator, and becomes the fault of a call.
    pub fn told(&self, provider: &ProviderName) -> Error {
        tracing::warn!(%provider, trouble = %self, "no credential for the provider could be had");
        Fault::NoCredentials.into()
    }
}

impl<T: Clone> Kept<T> {
    /// None yet.
    pub fn new(provider: ProviderName, clock: Arc<dyn Clock>) -> Self {
        Self {
            provider,
            clock,
            state: Mutex::new(State {
                held: None,
                failed: None,
            }),
            fetching: tokio::sync::Mutex::new(()),
        }
    }

    /// The credential that is kept, else what `fetch` gives.
    ///
    /// # Errors
    /// [`Fault::NoCredentials`] where none is kept and none can be had.
    pub async fn get<F>(&self, fetch: impl FnOnce() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<Fresh<T>, Trouble>>,
    {
        let asked = self.clock.now();
        if let Some(value) = self.still_good(asked) {
            return Ok(value);
        }
        let _leading = self.fetching.lock().await;
        if let Some(value) = self.still_good(self.clock.now()) {
            return Ok(value);
        }
        if self.lock().failed.is_some_and(|failed| failed > asked) {
            return Err(Fault::NoCredentials.into());
        }
        let fetched = match tokio::time::timeout(PATIENCE, fetch()).await {
            Ok(fetched) => fetched,
            Err(_) => Err(Trouble(format!(
                "none came within {} s",
                PATIENCE.as_secs()
            ))),
        };
        let now = self.clock.now();
        let mut state = self.lock();
        match fetched {
            Ok(fresh) => {
                state.failed = None;
                state.held = Some(Held::since(now, &fresh));
                Ok(fresh.value)
            }
            Err(trouble) => {
                state.failed = Some(now);
                let good = state.held.as_ref().filter(|held| !held.has_ended(now));
                let value = good.map(|held| held.value.clone());
                drop(state);
                let error = trouble.told(&self.provider);
                value.ok_or(error)
            }
        }
    }

    /// What is kept, where it need not be renewed, or where that was just tried.
    fn still_good(&self, now: Instant) -> Option<T> {
        let state = self.lock();
        let held = state.held.as_ref().filter(|held| !held.has_ended(now))?;
        let wanted = held.renewed.is_some_and(|renewed| renewed <= now);
        let tried = state.failed.is_some_and(|failed| now < failed + PAUSE);
        (!wanted || tried).then(|| held.value.clone())
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone> Held<T> {
    fn since(now: Instant, fresh: &Fresh<T>) -> Self {
        // One that lives for minutes only is renewed at half its life.
        let renewed = |lives: Duration| lives.saturating_sub(AHEAD).max(lives / 2);
        Self {
            value: fresh.value.clone(),
            renewed: fresh
                .lives
                .and_then(|lives| now.checked_add(renewed(lives))),
            ends: fresh.lives.and_then(|lives| now.checked_add(lives)),
        }
    }

    fn has_ended(&self, now: Instant) -> bool {
        self.ends.is_some_and(|ends| ends <= now)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::domain::SystemClock;

    struct Giver {
        kept: Kept<u32>,
        given: AtomicU32,
    }

    impl Giver {
        fn new() -> Self {
            let name = ProviderName::parse("cloud").expect("a name");
            Self {
                kept: Kept::new(name, Arc::new(SystemClock)),
                given: AtomicU32::new(0),
            }
        }

        /// The credential, where the next one lives for so many minutes.
        async fn get(&self, minutes: u64) -> Result<u32, Fault> {
            let fetch = || async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok(Fresh {
                    value: self.given.fetch_add(1, Ordering::Relaxed),
                    lives: Some(Duration::from_mins(minutes)),
                })
            };
            self.kept.get(fetch).await.map_err(|error| error.fault)
        }

        /// The credential, where no next one is given.
        async fn fail(&self) -> Result<u32, Fault> {
            let fetch = || async {
                tokio::time::sleep(Duration::from_secs(1)).await;
                self.given.fetch_add(1, Ordering::Relaxed);
                Err(Trouble("out of order".into()))
            };
            self.kept.get(fetch).await.map_err(|error| error.fault)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_fetch_serves_all_until_five_minutes_before_the_end() {
        let giver = Giver::new();
        let all = futures_util::future::join_all((0..20).map(|_| giver.get(60))).await;
        assert!(all.iter().all(|one| *one == Ok(0)), "{all:?}");
        tokio::time::advance(Duration::from_mins(54)).await;
        assert_eq!(giver.get(60).await, Ok(0));
        tokio::time::advance(Duration::from_mins(1)).await;
        assert_eq!(giver.get(60).await, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_still_good_outlives_an_outage() {
        let giver = Giver::new();
        assert_eq!(giver.get(60).await, Ok(0));
        tokio::time::advance(Duration::from_mins(56)).await;
        assert_eq!(giver.fail().await, Ok(0));
        // It was just tried, so nobody waits for it again.
        let before = tokio::time::Instant::now();
        assert_eq!(giver.fail().await, Ok(0));
        assert_eq!(before.elapsed(), Duration::ZERO);
        tokio::time::advance(Duration::from_mins(4)).await;
        assert_eq!(giver.fail().await, Err(Fault::NoCredentials));
    }

    #[tokio::test(start_paused = true)]
    async fn callers_that_waited_together_fail_together() {
        let giver = Giver::new();
        let all = futures_util::future::join_all((0..20).map(|_| giver.fail())).await;
        assert!(all.iter().all(|one| *one == Err(Fault::NoCredentials)));
        assert_eq!(giver.given.load(Ordering::Relaxed), 1);
        // The next to ask finds it mended.
        assert_eq!(giver.get(60).await, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_without_end() {
        let giver = Giver::new();
        let got = giver.kept.get(std::future::pending).await;
        assert_eq!(got.expect_err("none").fault, Fault::NoCredentials);
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_who_leaves_hands_the_fetching_on() {
        let giver = Giver::new();
        let leaves = tokio::time::timeout(Duration::from_millis(1), giver.get(60));
        assert!(leaves.await.is_err());
        assert_eq!(giver.get(60).await, Ok(0));
    }
}
