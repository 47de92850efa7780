//! `belay serve`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::{App, Listeners, Reloader, World};
use crate::config::{self, Process, Settings, Surroundings, Watched};
use crate::identity::ApiKey;
use crate::lifecycle::Lifecycle;
use crate::telemetry::logs;

/// How often the config on disk is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Runs the gateway until a signal ends it.
pub async fn run(path: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    let (settings, watched, key) = if let Some(path) = &path {
        let (settings, watched) = config::load_watched(path, &Process);
        (settings?, Some((path.clone(), watched)), None)
    } else {
        let key = ApiKey::generate()
            .map_err(|_| anyhow::anyhow!("the system has no randomness to give"))?;
        (config::sandbox(&key.hash(), &Process)?, None, Some(key))
    };
    let filter = Process
        .variable("BELAY_LOG")
        .unwrap_or_else(|| "info".to_owned());
    logs::init(settings.logs, &filter);
    logs::tell_panics_by_their_place();

    let listeners = Listeners {
        public: bind(settings.server.bind, "server.bind").await?,
        admin: bind(settings.server.admin_bind, "server.admin_bind").await?,
    };
    let addr = listeners.public.local_addr()?;
    let admin_addr = listeners.admin.local_addr()?;
    if let Some(key) = key {
        println!(
            "No config: one org, sandbox, with this key. It is shown this once and ends with the process."
        );
        println!("  {}", key.reveal());
        println!("Try it:");
        println!(
            "  curl http://{addr}/whoami -H 'X-API-Key: {}'",
            key.reveal()
        );
    }
    let app = App::build(settings.clone(), World::default())?;
    let lifecycle = app.lifecycle();
    if let Some((path, watched)) = watched {
        let now = (settings.clone(), watched);
        let watch = reload(path, now, app.reloader(), lifecycle.clone())?;
        lifecycle.spawn("config", watch);
    }
    let stop = stop(lifecycle.clone(), settings.lifecycle.drain_delay)?;
    lifecycle.spawn("signals", stop);
    tracing::info!(%addr, %admin_addr, version = env!("CARGO_PKG_VERSION"), "listening");
    match app.serve(listeners).await {
        Ok(()) => {
            tracing::info!("stopped");
            Ok(ExitCode::SUCCESS)
        }
        Err(left) => {
            tracing::error!("{left}");
            Ok(ExitCode::FAILURE)
        }
    }
}

async fn bind(address: std::net::SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("{key} = \"{address}\" cannot be listened on"))
}

/// The first signal drains and then stops; a second one ends the process at once.
fn stop(
    lifecycle: Lifecycle,
    drain_delay: Duration,
) -> anyhow::Result<impl Future<Output = ()> + Send> {
    let (mut terminate, mut interrupt) = (
        signals(SignalKind::terminate())?,
        signals(SignalKind::interrupt())?,
    );
    Ok(async move {
        either(&mut terminate, &mut interrupt).await;
        tracing::info!(drain_delay_s = drain_delay.as_secs(), "draining");
        lifecycle.drain();
        lifecycle.spawn_detached(async move {
            either(&mut terminate, &mut interrupt).await;
            tracing::warn!("a second signal: ending at once");
            std::process::exit(1);
        });
        tokio::time::sleep(drain_delay).await;
        lifecycle.stop();
    })
}

fn signals(kind: SignalKind) -> anyhow::Result<Signal> {
    signal(kind).context("signals cannot be listened to")
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Reads the config again on `SIGHUP` and when a file of it changed; a bad one is refused as a whole.
fn reload(
    path: PathBuf,
    (mut current, mut watched): (Settings, Watched),
    reloader: Reloader,
    lifecycle: Lifecycle,
) -> anyhow::Result<impl Future<Output = ()> + Send> {
    let mut hangup = signals(SignalKind::hangup())?;
    Ok(async move {
        loop {
            let asked = tokio::select! {
                _ = hangup.recv() => true,
                () = tokio::time::sleep(LOOK_EVERY) => false,
                () = lifecycle.draining() => return,
            };
            if asked || watched.has_changed(&Process) {
                watched = take(&path, &mut current, &reloader);
            }
        }
    })
}

/// Puts the config on disk into force, or says why not; tells which files it consists of now.
fn take(path: &Path, current: &mut Settings, reloader: &Reloader) -> Watched {
    let (read, watched) = config::load_watched(path, &Process);
    match read {
        Ok(settings) => {
            let waiting = config::differs_beyond_reload(current, &settings);
            if waiting.contains(&"providers") {
                // New routes could lead to a provider that is not there.
                reloader.refused();
                tracing::error!(
                    "config refused: changed providers take a restart; the one in force serves on"
                );
                return watched;
            }
            if !waiting.is_empty() {
                tracing::warn!(sections = ?waiting, "changed sections that take a restart");
            }
            reloader.replace(&settings);
            *current = settings;
            tracing::info!("config reloaded");
        }
        Err(mistakes) => {
            reloader.refused();
            tracing::error!(%mistakes, "config refused; the one in force serves on");
        }
    }
    watched
}
