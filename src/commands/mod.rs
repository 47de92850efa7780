//! What `belay` can be told to do, one file a command.

mod check;
mod demo;
mod health;
mod kept;
mod key;
mod openapi;
mod org;
mod page;
mod serve;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

/// A command and its arguments.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the gateway; without a config on loopback, with one made-up org and the simulator.
    Serve {
        /// The config file.
        #[arg(long, env = "BELAY_CONFIG")]
        config: Option<PathBuf>,
    },
    /// Show the main job: each task, a bulk and a cached answer, over real HTTP, with no network and no key.
    Demo,
    /// Check a config and print what it means.
    Check {
        /// The config file.
        #[arg(long, env = "BELAY_CONFIG", default_value = "belay.toml")]
        config: PathBuf,
    },
    /// Orgs of a config.
    Org {
        /// What to do about them.
        #[command(subcommand)]
        command: OrgCommand,
    },
    /// API keys.
    Key {
        /// What to do about them.
        #[command(subcommand)]
        command: KeyCommand,
    },
    /// Print the OpenAPI 3.1 document, or the 3.0.3 one for External Services.
    Openapi {
        /// Whom it is for.
        #[arg(long = "for", value_name = "READER")]
        reader: Option<Reader>,
        /// The gateway's address as its callers know it, for `servers`.
        #[arg(long, value_name = "URL")]
        public_url: Option<url::Url>,
    },
    /// Ask a running gateway whether it is alive: the health check of a container.
    Health {
        /// What to ask.
        #[arg(long, default_value = "http://127.0.0.1:9090/livez")]
        url: url::Url,
    },
}

/// What can be done about orgs.
#[derive(Debug, Subcommand)]
pub enum OrgCommand {
    /// Print what to set up in Salesforce for each credential of an org, and test its certificates.
    Check {
        /// The org's name in the config, or its id.
        name: String,
        /// The config file.
        #[arg(long, env = "BELAY_CONFIG", default_value = "belay.toml")]
        config: PathBuf,
    },
}

/// What can be done about API keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Print a new API key once, and the line for the config that lets it in.
    New,
}

/// Who will read an OpenAPI document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Reader {
    /// Salesforce External Services.
    Salesforce,
}

/// Does what `command` says.
///
/// # Errors
/// Whatever keeps it from doing so.
pub fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve { config } => in_runtime(serve::run(config)),
        Command::Demo => in_runtime(demo::run()),
        Command::Check { config } => in_runtime(async { Ok(check::run(&config).await) }),
        Command::Org {
            command: OrgCommand::Check { name, config },
        } => in_runtime(async { Ok(org::check(&name, &config).await) }),
        Command::Key {
            command: KeyCommand::New,
        } => key::new(),
        Command::Openapi { reader, public_url } => {
            openapi::run(reader, public_url.as_ref());
            Ok(ExitCode::SUCCESS)
        }
        Command::Health { url } => in_runtime(health::run(url)),
    }
}

fn in_runtime(work: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let code = runtime.block_on(work);
    // What is still running was named in the log; waiting for it any longer helps nobody.
    runtime.shutdown_background();
    code
}
