//! `belay check`.

use std::path::Path;
use std::process::ExitCode;

use super::kept::Kept;
use super::page;
use crate::config;
use crate::domain::{Clock as _, SystemClock};

/// Prints what the config at `path` means, or everything that is wrong with it.
pub async fn run(path: &Path) -> ExitCode {
    let kept = Kept::of(path).await;
    match config::load(path, &kept.around()) {
        Ok(settings) => {
            let now = SystemClock.timestamp();
            page::print(&(config::describe(&settings, now) + "\n"));
            ExitCode::SUCCESS
        }
        Err(mistakes) => {
            eprintln!("{mistakes}");
            ExitCode::FAILURE
        }
    }
}
