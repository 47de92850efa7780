//! Waits that end: a test that hangs fails, and says for what it waited.

use std::future::Future;
use std::time::Duration;

/// Longer than anything here may take, also on a busy machine.
pub const LONGEST: Duration = Duration::from_secs(20);

/// What `future` yields.
///
/// # Panics
/// Where that takes too long.
pub async fn within<F: Future>(what: &str, future: F) -> F::Output {
    tokio::time::timeout(LONGEST, future)
        .await
        .unwrap_or_else(|_| panic!("waited too long for {what}"))
}

/// Asks until the answer is yes.
pub async fn until(what: &str, mut check: impl AsyncFnMut() -> bool) {
    within(what, async {
        while !check().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}
