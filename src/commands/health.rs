//! `belay health`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use url::Url;

/// Asks `url`, and succeeds where it answers 200 within three seconds.
pub async fn run(url: Url) -> anyhow::Result<ExitCode> {
    let client = crate::providers::wire::client(&url).context("no HTTP client can be made")?;
    let response = client
        .get(url.clone())
        .timeout(Duration::from_secs(3))
        .send()
        .await
        .with_context(|| format!("{url} does not answer"))?;
    let status = response.status();
    if status.is_success() {
        println!("ok");
        return Ok(ExitCode::SUCCESS);
    }
    println!("{url} answers {status}");
    Ok(ExitCode::FAILURE)
}
