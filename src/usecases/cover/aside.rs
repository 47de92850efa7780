//! Looks through what is large beside the workers that all calls share.
//!
//! # Why
//! To look through a megabyte takes a worker for tens of milliseconds, in which no deadline and no other org's call goes
//! on. What is small is done at once, since handing it over would take longer. As many large ones as there are cores
//! go on at a time, and the others wait for them: they would only slow each other down.

use std::sync::{Arc, LazyLock};
use std::thread::available_parallelism;

use tokio::sync::Semaphore;

use crate::usecases::Error;

/// What is no larger is done at once.
const SMALL_BYTES: usize = 65_536;
/// Where nobody knows how many cores there are.
const CORES: usize = 2;

/// Whose turn it is; of the whole process, since the cores are.
static TURNS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| {
    let cores = available_parallelism().map_or(CORES, usize::from);
    Arc::new(Semaphore::new(cores))
});

/// What `work` on so many bytes comes to. It goes on to its end when nobody waits for it any more.
///
/// # Errors
/// Where it panics.
pub async fn aside<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    if bytes <= SMALL_BYTES {
        return Ok(work());
    }
    let turn = Arc::clone(&TURNS).acquire_owned().await;
    let worked = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        work()
    });
    worked.await.map_err(|_| Error::Internal)
}

#[cfg(test)]
mod tests {
    use std::thread::{self, ThreadId};

    use super::*;

    async fn thread_for(bytes: usize) -> ThreadId {
        aside(bytes, || thread::current().id()).await.unwrap()
    }

    #[tokio::test]
    async fn what_is_large_keeps_no_worker_from_others() {
        let here = thread::current().id();
        assert_eq!(thread_for(SMALL_BYTES).await, here);
        assert_ne!(thread_for(SMALL_BYTES + 1).await, here);
    }

    #[tokio::test]
    async fn work_that_panics_gives_its_turn_back() {
        for _ in 0..100 {
            let failed = aside(SMALL_BYTES + 1, || panic!("as this test wants it")).await;
            assert!(matches!(failed, Err(Error::Internal)));
        }
        assert_ne!(thread_for(SMALL_BYTES + 1).await, thread::current().id());
    }
}
