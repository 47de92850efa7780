//! `belay check`.

use std::path::Path;
use std::process::ExitCode;

use super::page;
use crate::config::{self, Process};
use crate::domain::{Clock as _, SystemClock};

/// Prints what the config at `path` means, or everything that is wrong with it.
pub fn run(path: &Path) -> ExitCode {
    match config::load(path, &Process) {
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
