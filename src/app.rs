//! Puts the house together: the only file that knows every room.
//!
//! `build` makes the parts and starts nothing; `serve` starts. The listeners come from outside, so a test passes port 0
//! and runs the very app that ships.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use jiff::tz::TimeZone;
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::config::Settings;
use crate::domain::{Clock, Entropy, SystemClock, SystemEntropy};
use crate::engine::behind::Behind;
use crate::engine::cache::Cache;
use crate::engine::dispatch::{Dispatch, Upstream, Upstreams};
use crate::engine::flight::Flights;
use crate::engine::idempotency::{self, Idempotency};
use crate::engine::limits::{Common, Limits};
use crate::engine::slots::Slots;
use crate::http::bodies::Bodies;
use crate::http::layers::{Door, ROOM};
use crate::http::openapi::{self, Documents};
use crate::http::router::{self, AdminState, HttpState};
use crate::http::tls::Acceptor;
use crate::http::validate::BodySchemas;
use crate::http::{self, server};
use crate::identity::{Directory, Guard, InMemory, Memory};
use crate::lifecycle::{self, Lifecycle};
use crate::privacy;
use crate::providers;
use crate::shared::{self, Books, Link, Once, Seal, SharedMemory, Shelf, books, seal};
use crate::telemetry::{Audit, Metrics, Traces};
use crate::usage::Journal;
use crate::usecases::parts::Cached;
use crate::usecases::{
    CompleteChat, CountTokens, Forget, Parts, PreviewTask, ReadAllowances, ReadBudgets, ReadUsage,
    RelayBatches, RelayMessage, RunBulk, RunTask,
};

/// The gateway, built and not yet started.
pub struct App {
    settings: Settings,
    store: Option<Store>,
    parts: Arc<Parts>,
    behind: Option<Arc<Behind<Cached>>>,
    state: HttpState,
    budgets: ReadBudgets,
    audit: Audit,
    metrics: Arc<Metrics>,
    traces: Traces,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    tls: Option<Arc<Acceptor>>,
    lifecycle: Lifecycle,
}

/// What is shared with other replicas.
struct Store {
    link: Arc<Link>,
    common: Common,
    /// None where there is no key to seal outcomes with.
    once: Option<idempotency::Common>,
    name: String,
    keys: Option<seal::Keys>,
}

/// Time and randomness.
#[derive(Clone)]
pub struct World {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

/// The two ports, bound.
pub struct Listeners {
    /// The only one that the outside needs.
    pub public: TcpListener,
    /// Metrics and health.
    pub admin: TcpListener,
}

/// Puts new settings into force while the gateway runs.
#[derive(Clone)]
pub struct Reloader {
    parts: Arc<Parts>,
    directory: Arc<Directory>,
    clock: Arc<dyn Clock>,
    tls: Option<Arc<Acceptor>>,
    metrics: Arc<Metrics>,
}

/// How long an end waits for the collector to take the last of the traces.
const FOR_THE_COLLECTOR: Duration = Duration::from_secs(3);
/// How long a start waits for the store.
const FOR_THE_STORE: Duration = Duration::from_secs(2);

impl Default for World {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
        }
    }
}

impl App {
    /// Makes every part of the gateway.
    ///
    /// # Errors
    /// Where a provider's HTTP client cannot be made, or the audit's target cannot be opened.
    pub fn build(settings: Settings, world: World) -> anyhow::Result<Self> {
        let World { clock, entropy } = world;
        privacy::prepare(clock.timestamp().to_zoned(TimeZone::UTC).date());
        let metrics = Arc::new(Metrics::new());
        let lifecycle = Lifecycle::default();
        let shared = settings.shared.as_ref();
        let store = shared.map(|shared| Store::of(shared, &metrics, &clock, &lifecycle));
        let journal = Arc::new(journal(&settings, store.as_ref(), &clock, &metrics)?);
        let limits = Limits::new(Arc::clone(&clock), Arc::clone(&metrics));
        let limits = Arc::new(kept(limits, store.as_ref(), &journal)?);
        let cache = Arc::new(Cache::new(settings.engine.cache_bytes, Arc::clone(&clock)));
        let of_store = |store: &Store| store.stands_behind(&cache, &clock, &lifecycle);
        let behind = store.as_ref().map(of_store);
        let memory = memory(store.as_ref(), &clock);
        let directory = Arc::new(Directory::new(settings.roster(), Arc::clone(&memory)));
        let upstreams = upstreams(&settings, &Upstreams::new(), &directory, &clock)?;
        let traces = traces(&settings, &*entropy).context("telemetry.otlp cannot be used")?;
        let audit = Audit::open(&settings.audit).context("the audit cannot be written")?;
        let once = store.as_ref().and_then(|store| store.once.clone());
        let parts = Arc::new(Parts {
            limits: Arc::clone(&limits),
            cache: Arc::clone(&cache),
            behind: behind.clone(),
            flights: Flights::new(lifecycle.clone()),
            idempotency: Idempotency::new(settings.engine.idempotency_bytes / 2, once.clone()),
            relays: Idempotency::new(settings.engine.idempotency_bytes / 2, once),
            dispatch: Dispatch::new(
                upstreams,
                Arc::clone(&limits),
                settings.engine.longest_life,
                (Arc::clone(&clock), Arc::clone(&entropy)),
                (Arc::clone(&metrics), traces.clone()),
            ),
            lifecycle: lifecycle.clone(),
            audit: audit.clone(),
            journal: Arc::clone(&journal),
            metrics: Arc::clone(&metrics),
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&entropy),
        });
        let budgets = ReadBudgets::new(
            Arc::clone(&directory),
            Arc::clone(&limits),
            Arc::clone(&metrics),
        );
        metrics.certificates(&settings.certificate_ends());
        let run_task = RunTask::new(Arc::clone(&parts));
        let server = &settings.server;
        let largest = server.body_bytes.max(server.messages_body_bytes);
        let state = HttpState {
            run_bulk: RunBulk::new(run_task.clone(), Arc::clone(&limits)),
            preview_task: PreviewTask::new(Arc::clone(&parts)),
            run_task,
            relay_message: RelayMessage::new(Arc::clone(&parts)),
            complete_chat: CompleteChat::new(Arc::clone(&parts)),
            count_tokens: CountTokens::new(Arc::clone(&parts)),
            relay_batches: RelayBatches::new(
                Arc::clone(&parts),
                settings.server.public_url.as_ref(),
            ),
            forget: Forget::new(cache, behind.clone(), Arc::clone(&limits)),
            read_usage: ReadUsage::new(
                Arc::clone(&journal),
                Arc::clone(&limits),
                Arc::clone(&directory),
                Arc::clone(&clock),
            ),
            allowances: ReadAllowances::new(limits),
            directory,
            guard: Arc::new(Guard::new(memory, server.slow_answer)),
            entropy: Arc::clone(&entropy),
            settings: Arc::new(settings.server.clone()),
            bodies: Arc::new(Bodies::new(server.held_bytes, largest)),
            schemas: Arc::new(BodySchemas::of(&openapi::document(router::documentation()))),
            documents: Arc::new(Documents::new(
                router::documentation(),
                settings.server.public_url.as_ref(),
            )),
        };
        let tls = settings.server.tls.as_ref().map(|tls| {
            let asks = settings.asks_for_certificates();
            Arc::new(Acceptor::new(tls, asks, Arc::clone(&clock)))
        });
        Ok(Self {
            settings,
            store,
            parts,
            behind,
            state,
            budgets,
            audit,
            metrics,
            traces,
            clock,
            entropy,
            tls,
            lifecycle,
        })
    }

    /// What tells the gateway to stop, and waits for its work.
    pub fn lifecycle(&self) -> Lifecycle {
        self.lifecycle.clone()
    }

    /// What puts new settings into force.
    pub fn reloader(&self) -> Reloader {
        Reloader {
            parts: Arc::clone(&self.parts),
            clock: Arc::clone(&self.clock),
            directory: Arc::clone(&self.state.directory),
            tls: self.tls.clone(),
            metrics: Arc::clone(&self.metrics),
        }
    }

    /// Serves until its [`Lifecycle`] is told to stop, then lets the work under way finish and settle.
    ///
    /// # Errors
    /// Where work outlived the grace period.
    pub async fn serve(self, listeners: Listeners) -> anyhow::Result<()> {
        let lifecycle::Settings { drain, .. } = self.settings.lifecycle;
        let lifecycle = self.lifecycle;
        if let Some(store) = &self.store {
            store.open(Arc::clone(&self.clock), &lifecycle).await;
            lifecycle.spawn_detached(Arc::clone(&self.parts).keep_telling());
        }
        if let Some(behind) = self.behind {
            lifecycle.spawn_detached(behind.keep_up());
        }
        let journal = Arc::clone(&self.parts.journal);
        lifecycle.spawn_detached(Arc::clone(&journal).keep());
        let door = Door {
            clock: self.clock,
            entropy: self.entropy,
            metrics: Arc::clone(&self.metrics),
            traces: self.traces.clone(),
            scheme: if self.tls.is_some() { "https" } else { "http" },
            allowances: self.state.allowances.clone(),
            lifecycle: lifecycle.clone(),
            trusted_proxies: self.settings.server.trusted_proxies.clone(),
            room: tokio::sync::Semaphore::new(ROOM),
        };
        let batches = self.state.relay_batches.clone();
        lifecycle.spawn("batches", batches.watch(lifecycle.clone()));
        let read_usage = self.state.read_usage.clone();
        let door = Arc::new(door);
        let public = http::public(self.state, Arc::clone(&door));
        let admin = AdminState {
            metrics: self.metrics,
            budgets: self.budgets,
            read_usage,
            lifecycle: lifecycle.clone(),
        };
        let admin = http::admin(admin, door);
        let server = &self.settings.server;
        let doors = async {
            tokio::join!(
                server::serve(
                    listeners.public,
                    public,
                    self.tls,
                    server,
                    drain,
                    lifecycle.clone()
                ),
                // Operators are near, and what asks for metrics and health rarely speaks TLS.
                server::serve(
                    listeners.admin,
                    admin,
                    None,
                    server,
                    drain,
                    lifecycle.clone()
                ),
            )
        };
        let stopped = async {
            lifecycle.stopping().await;
            Instant::now()
        };
        let (_, stopped) = tokio::join!(doors, stopped);
        // One drain for the connections and for the work behind them.
        let left = drain.saturating_sub(stopped.elapsed());
        let ended = lifecycle.ended(left).await;
        if let Some(store) = &self.store {
            store.common.books.farewell().await;
        }
        self.parts.limits.close();
        journal.close().await;
        self.audit.close().await;
        // It blocks, and sends from threads of its own; a collector that hangs must not outlast the grace of a pod.
        let closed = tokio::task::spawn_blocking(move || self.traces.close());
        let _ = tokio::time::timeout(FOR_THE_COLLECTOR, closed).await;
        ended.map_err(|left| {
            let names: Vec<String> = left
                .iter()
                .map(|(name, count)| format!("{count} {name}"))
                .collect();
            anyhow::anyhow!("still running when the drain ended: {}", names.join(", "))
        })
    }
}

/// Where spans go, as those of a replica that no other is called like.
fn traces(settings: &Settings, entropy: &dyn Entropy) -> anyhow::Result<Traces> {
    let replica = || format!("{:032x}", entropy.bits());
    let watched = settings.otlp.as_ref();
    watched.map_or_else(
        || Ok(Traces::default()),
        |otlp| Traces::to(otlp, &replica()),
    )
}

/// Every provider of `settings` with its slots, which the orgs take turns at where there are several. Where `before` has
/// one of that name with as many slots, it keeps them: calls under way are counted on.
fn upstreams(
    settings: &Settings,
    before: &Upstreams,
    directory: &Arc<Directory>,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Upstreams> {
    let providers = providers::registry::build(&settings.providers, clock)
        .context("no HTTP client can be made")?;
    let named = settings.providers.iter().filter_map(|one| {
        let count = one.calls_in_flight.get();
        let old = before
            .get(&one.name)
            .filter(|old| old.slots.count() == count);
        let orgs = Arc::clone(directory);
        let are_shared = move || orgs.orgs().len() > 1;
        let slots = old.map_or_else(
            || Slots::new(count, are_shared),
            |old| Arc::clone(&old.slots),
        );
        let provider = Arc::clone(providers.get(&one.name)?);
        Some((one.name.clone(), Arc::new(Upstream { provider, slots })))
    });
    Ok(named.collect())
}

/// Where what was used is kept: behind `store`, where there are several replicas.
fn journal(
    settings: &Settings,
    store: Option<&Store>,
    clock: &Arc<dyn Clock>,
    metrics: &Arc<Metrics>,
) -> anyhow::Result<Journal> {
    let (usage, clock, metrics) = (&settings.usage, Arc::clone(clock), Arc::clone(metrics));
    if let Some(store) = store {
        let link = Arc::clone(&store.link);
        return Ok(Journal::shared(
            usage,
            link,
            store.name.clone(),
            clock,
            metrics,
        ));
    }
    Journal::open(usage, clock, metrics).map_err(|why| match &usage.file {
        Some(path) => anyhow::anyhow!("usage.file: {} {why}", path.display()),
        None => anyhow::anyhow!("what is used cannot be counted: {why}"),
    })
}

/// The `limits`, with what outlives this process: in `store`, or in `journal` where that keeps it.
fn kept(limits: Limits, store: Option<&Store>, journal: &Arc<Journal>) -> anyhow::Result<Limits> {
    if let Some(store) = store {
        return Ok(limits.shared_by(store.common.clone()));
    }
    if !journal.keeps_budgets() {
        return Ok(limits);
    }
    let left = journal
        .standings()
        .map_err(|why| anyhow::anyhow!("usage.file: what is left of budgets {why}"))?;
    Ok(limits.kept_in(Arc::clone(journal), left))
}

/// What is remembered of proofs: by all replicas, where there are several.
fn memory(store: Option<&Store>, clock: &Arc<dyn Clock>) -> Arc<dyn Memory> {
    let clock = Arc::clone(clock);
    match store {
        Some(store) => Arc::new(SharedMemory::new(Arc::clone(&store.link), clock)),
        None => Arc::new(InMemory::new(clock)),
    }
}

impl Store {
    /// The parts behind the store that `shared` names.
    fn of(
        shared: &shared::Settings,
        metrics: &Arc<Metrics>,
        clock: &Arc<dyn Clock>,
        lifecycle: &Lifecycle,
    ) -> Self {
        let link = Arc::new(Link::new(shared, Arc::clone(metrics)));
        // This replica's name, which no other has, nor this one after a restart.
        let name = format!("{:032x}", SystemEntropy.bits());
        let settings = books::Settings {
            replicas: shared.replicas.get(),
            ..books::Settings::default()
        };
        let once = shared.keys.as_ref().map(|keys| idempotency::Common {
            once: Arc::new(Once::new(
                Arc::clone(&link),
                Seal::new(keys),
                name.clone(),
                lifecycle.clone(),
            )),
            on_outage: shared.on_outage,
        });
        let books = Books::new(
            Arc::clone(&link),
            settings,
            name.clone(),
            Arc::clone(clock),
            lifecycle.clone(),
        );
        let common = Common {
            books: Arc::new(books),
            on_outage: shared.on_outage,
            replicas: shared.replicas,
            clock: Arc::clone(clock),
        };
        Self {
            link,
            common,
            once,
            name,
            keys: shared.keys.clone(),
        }
    }

    /// What other replicas know of what `cache` does not.
    fn stands_behind(
        &self,
        cache: &Arc<Cache<Cached>>,
        clock: &Arc<dyn Clock>,
        lifecycle: &Lifecycle,
    ) -> Arc<Behind<Cached>> {
        let link = Arc::clone(&self.link);
        let (cache, clock) = (Arc::clone(cache), Arc::clone(clock));
        let common = Shelf::new(link, self.keys.as_ref(), self.name.clone());
        Arc::new(Behind::new(cache, common, clock, lifecycle.clone()))
    }

    /// Opens the way to the store, and waits for it for a moment: calls of the first second should not be in the dark.
    async fn open(&self, clock: Arc<dyn Clock>, lifecycle: &Lifecycle) {
        let mut changes = self.link.changes();
        lifecycle.spawn_detached(Arc::clone(&self.link).keep(clock));
        lifecycle.spawn_detached(Arc::clone(&self.common.books).keep());
        let up = changes.wait_for(|is_up| *is_up);
        if tokio::time::timeout(FOR_THE_STORE, up).await.is_err() {
            tracing::warn!("the store behind the replicas is not there; serving without it");
        }
    }
}

impl Reloader {
    /// Puts the orgs, providers, models, prices, tasks, signing keys and certificates of `settings` into force, all at once.
    /// TLS is neither turned on nor off by it.
    ///
    /// # Errors
    /// Where the providers cannot be made; then nothing has changed.
    pub fn replace(&self, settings: &Settings, providers_differ: bool) -> anyhow::Result<()> {
        if providers_differ {
            let dispatch = &self.parts.dispatch;
            let before = dispatch.upstreams();
            // Before the routes that lead to them.
            dispatch.replace(upstreams(settings, &before, &self.directory, &self.clock)?);
        }
        self.directory.replace(settings.roster());
        if let (Some(acceptor), Some(tls)) = (&self.tls, &settings.server.tls) {
            acceptor.replace(tls, settings.asks_for_certificates());
        }
        self.metrics.certificates(&settings.certificate_ends());
        self.metrics.config_reload_failed.set(0);
        Ok(())
    }

    /// Notes that a config was refused and the one in force serves on.
    pub fn refused(&self) {
        self.metrics.config_reload_failed.set(1);
    }
}
