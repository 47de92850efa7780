//! `belay serve`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

use super::kept::Kept;
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
        let kept = Kept::of(path).await;
        let (settings, watched) = config::load_watched(path, &kept.around());
        (settings?, Some((path.clone(), watched, kept)), None)
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
    if let Some((path, watched, kept)) = watched {
        let now = Now {
            settings: settings.clone(),
            watched,
            kept,
        };
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

/// What is in force.
struct Now {
    settings: Settings,
    watched: Watched,
    kept: Kept,
}

/// Reads the config again on `SIGHUP` and when a file of it or a value in a vault changed; a bad one is refused as a whole.
fn reload(
    path: PathBuf,
    mut now: Now,
    reloader: Reloader,
    lifecycle: Lifecycle,
) -> anyhow::Result<impl Future<Output = ()> + Send> {
    let mut hangup = signals(SignalKind::hangup())?;
    Ok(async move {
        let watch = async {
            let mut asked_at = Instant::now();
            loop {
                let refresh = now.kept.refresh().map(|refresh| asked_at + refresh);
                let hung_up = tokio::select! {
                    _ = hangup.recv() => true,
                    () = tokio::time::sleep(LOOK_EVERY) => false,
                    () = until(refresh) => false,
                };
                let has_changed = hung_up || now.watched.has_changed(&Process);
                let is_due = refresh.is_some_and(|refresh| refresh <= Instant::now());
                if has_changed || is_due {
                    let another = now.kept.look_again(&path).await;
                    asked_at = Instant::now();
                    if has_changed || another {
                        take(&path, &mut now, &reloader);
                    }
                }
            }
        };
        tokio::select! {
            () = watch => {}
            () = lifecycle.draining() => {}
        }
    })
}

/// Resolves at that time, or never where there is none.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Puts the config on disk into force, or says why not; notes which files it consists of now.
fn take(path: &Path, now: &mut Now, reloader: &Reloader) {
    let (read, watched) = config::load_watched(path, &now.kept.around());
    now.watched = watched;
    let settings = match read {
        Ok(settings) => settings,
        Err(mistakes) => {
            reloader.refused();
            tracing::error!(%mistakes, "config refused; the one in force serves on");
            return;
        }
    };
    let waiting = config::differs_beyond_reload(&now.settings, &settings);
    if !waiting.is_empty() {
        tracing::warn!(sections = ?waiting, "changed sections that take a restart");
    }
    let providers_differ = config::providers_differ(&now.settings, &settings);
    if let Err(why) = reloader.replace(&settings, providers_differ) {
        reloader.refused();
        tracing::error!("config refused: {why:#}; the one in force serves on");
        return;
    }
    now.settings = settings;
    tracing::info!("config reloaded");
}
