//! `belay check`.

use std::path::Path;
use std::process::ExitCode;

use crate::config::{self, Process};

/// Prints what the config at `path` means, or everything that is wrong with it.
pub fn run(path: &Path) -> ExitCode {
    match config::load(path, &Process) {
        Ok(settings) => {
            println!("{}", config::describe(&settings));
            ExitCode::SUCCESS
        }
        Err(mistakes) => {
            eprintln!("{mistakes}");
            ExitCode::FAILURE
        }
    }
}
