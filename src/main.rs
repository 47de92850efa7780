//! Arguments, command, exit code.

use std::process::ExitCode;

use belay::commands::{self, Command};
use clap::Parser;

/// Gives memory back after a burst, and costs less than the system's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The gateway between Salesforce orgs and Claude.
#[derive(Parser)]
#[command(name = "belay", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    // One TLS provider for the whole process, before anything asks for one; a second call finds it installed.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match commands::run(Arguments::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("belay: {error:#}");
            ExitCode::FAILURE
        }
    }
}
