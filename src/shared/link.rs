//! The way to the store: one connection, a time limit for every command, and a breaker that stops waiting while it is down.
//!
//! # Why
//! A store that is slow, paused or gone must not hold calls up. So no command waits longer than its limit, a few failures in
//! a row end the waiting altogether, and from then on one task alone looks whether the store is back: by writing to it,
//! since a server that is full or only a replica answers every other question well.
//!
//! The client library's own reconnecting is not used: it makes commands wait for it, and it knows nothing of a server that
//! is there and does not do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, Pipeline, RedisError, RedisFuture, Script,
    ScriptInvocation, TlsCertificates, TlsMode, Value,
};
use secrecy::ExposeSecret as _;
use tokio::sync::{Notify, watch};

use super::Settings;
use super::address::{Address, Way};
use crate::domain::Clock;
use crate::telemetry::Metrics;

/// The way to the store.
pub struct Link {
    address: Address,
    root: Option<Vec<u8>>,
    time: Duration,
    wire: ArcSwapOption<Wire>,
    failures: AtomicU32,
    broken: Notify,
    is_up: watch::Sender<bool>,
    metrics: Arc<Metrics>,
}

/// An open connection.
#[derive(Clone)]
enum Wire {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// The store cannot be asked, or did not answer as it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the store behind the replicas is down")]
pub struct Down;

/// Failures in a row after which nobody waits any more.
const FAILURES: u32 = 3;
/// How long a connection may take to be made.
const CONNECTING: Duration = Duration::from_secs(2);
/// How often a store that is down is looked at.
const LOOKING: Duration = Duration::from_millis(250);

impl Link {
    /// The way to the store that `settings` name. It begins down; [`Self::keep`] opens it.
    pub fn new(settings: &Settings, metrics: Arc<Metrics>) -> Self {
        metrics.has_store();
        Self {
            address: settings.address.clone(),
            root: settings.root.clone().map(String::into_bytes),
            time: settings.time,
            wire: ArcSwapOption::empty(),
            failures: AtomicU32::new(0),
            broken: Notify::new(),
            is_up: watch::Sender::new(false),
            metrics,
        }
    }

    /// Whether the store is asked at all.
    pub fn is_up(&self) -> bool {
        *self.is_up.borrow()
    }

    /// Tells when the store comes and goes.
    pub fn changes(&self) -> watch::Receiver<bool> {
        self.is_up.subscribe()
    }

    /// Runs `script` on the keys that begin with `key`.
    ///
    /// # Errors
    /// Where the store is down, does not answer in time, or answers what nobody understands. Whether it did what it was
    /// asked is not known then.
    pub async fn run(&self, script: &Script, key: &str, argument: &str) -> Result<Value, Down> {
        self.run_with(script, key, &[argument.as_bytes()]).await
    }

    /// Runs `script` on the keys that begin with `key`, with more than one argument.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn run_with(
        &self,
        script: &Script,
        key: &str,
        arguments: &[&[u8]],
    ) -> Result<Value, Down> {
        let mut call = script.key(key);
        for argument in arguments {
            call.arg(*argument);
        }
        self.invoke(&call).await
    }

    /// Runs a script on what it was given.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn invoke(&self, call: &ScriptInvocation<'_>) -> Result<Value, Down> {
        self.judge(async |wire| call.invoke_async(wire).await).await
    }

    /// Sends one command.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn ask(&self, command: &Cmd) -> Result<Value, Down> {
        self.judge(async |wire| asked(wire, command).await).await
    }

    /// Asks on the open connection for as long as a command may take, and judges by what comes of it how the store is.
    async fn judge(
        &self,
        asking: impl AsyncFnOnce(&mut Wire) -> Result<Value, RedisError>,
    ) -> Result<Value, Down> {
        let held = self.wire.load_full().ok_or(Down)?;
        let mut wire = Wire::clone(&held);
        match tokio::time::timeout(self.time, asking(&mut wire)).await {
            Ok(Ok(value)) => {
                self.failures.store(0, Ordering::Relaxed);
                return Ok(value);
            }
            Ok(Err(error)) => {
                // Its words may repeat what was asked; its kind does not.
                tracing::debug!(kind = ?error.kind(), "the store refused");
                self.failed(&held, is_final(&error));
            }
            Err(_) => {
                tracing::debug!("the store did not answer in time");
                self.failed(&held, false);
            }
        }
        Err(Down)
    }

    /// What came back makes no sense: whatever answers there is no store of ours.
    pub fn answered_garbage(&self) {
        if let Some(held) = self.wire.load_full() {
            tracing::warn!("the store answered what makes no sense");
            self.failed(&held, true);
        }
    }

    /// A command failed on the connection `held`; one that was given up meanwhile is no reason to give up the next.
    fn failed(&self, held: &Arc<Wire>, is_final: bool) {
        self.metrics.store_failed();
        let current = self.wire.load();
        if !current.as_ref().is_some_and(|wire| Arc::ptr_eq(wire, held)) {
            return;
        }
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        if is_final || failures >= FAILURES {
            self.wire.store(None);
            let was_up = self.is_up.send_replace(false);
            if was_up {
                tracing::warn!(store = %self.address, "the store behind the replicas is down");
            }
            self.broken.notify_one();
        }
    }

    /// Connects, and connects again whenever the store has gone. It never ends: what is under way when the process stops
    /// still has to be settled.
    pub async fn keep(self: Arc<Self>, clock: Arc<dyn Clock>) {
        let mut since = clock.now();
        loop {
            let attempt = tokio::time::timeout(CONNECTING, self.connect()).await;
            if let Ok(Ok(wire)) = attempt {
                self.failures.store(0, Ordering::Relaxed);
                self.wire.store(Some(Arc::new(wire)));
                self.is_up.send_replace(true);
                tracing::info!(store = %self.address, "the store behind the replicas is there");
                self.metrics
                    .store_is(true, clock.now().saturating_duration_since(since));
                self.warn_of_a_store_that_forgets().await;
                self.watch().await;
                self.wire.store(None);
                self.is_up.send_replace(false);
                since = clock.now();
                self.metrics.store_is(false, Duration::ZERO);
            }
            tokio::time::sleep(LOOKING).await;
        }
    }

    /// Waits until the store is down. It is looked at also while nobody asks it for anything.
    ///
    /// A command may fail on a connection before it is told of, so either sign ends the wait: told of as up and without a
    /// connection nobody would ever connect again.
    async fn watch(&self) {
        let ping = redis::cmd("PING");
        while self.is_up() && self.wire.load().is_some() {
            tokio::select! {
                () = self.broken.notified() => {}
                () = tokio::time::sleep(LOOKING) => {
                    let _ = self.ask(&ping).await;
                }
            }
        }
    }

    /// A store that throws out what it holds when it is full would forget what was spent.
    async fn warn_of_a_store_that_forgets(&self) {
        let mut info = redis::cmd("INFO");
        info.arg("memory");
        let Some(held) = self.wire.load_full() else {
            return;
        };
        let mut wire = Wire::clone(&held);
        let told = tokio::time::timeout(self.time, asked(&mut wire, &info)).await;
        // Who may not ask, or asks all nodes of a Cluster at once, is none the wiser.
        let Ok(Ok(told)) = told else { return };
        let Ok(told) = redis::from_redis_value::<String>(told) else {
            return;
        };
        let policy = told
            .lines()
            .find_map(|line| line.strip_prefix("maxmemory_policy:"));
        if let Some(policy) = policy.filter(|policy| *policy != "noeviction") {
            tracing::warn!(
                store = %self.address,
                "the store's maxmemory-policy is {policy}: when it is full it forgets what was spent; noeviction would be right"
            );
        }
    }

    /// A connection to a store that can be written to, in the way in which everything here writes: a server may let a user's
    /// command pass, and not its script.
    async fn connect(&self) -> Result<Wire, RedisError> {
        let mut wire = self.open().await?;
        let write = Script::new("return redis.call('SET', KEYS[1], 1, 'PX', 60000)");
        let written = write.key("belay:written");
        written.invoke_async::<Value>(&mut wire).await?;
        Ok(wire)
    }

    async fn open(&self) -> Result<Wire, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECTING))
            .set_response_timeout(Some(CONNECTING));
        let certificates = || TlsCertificates {
            client_tls: None,
            root_cert: self.root.clone(),
        };
        match &self.address.way {
            Way::Server => {
                let server = self.address.library_server()?;
                let client = if self.address.tls {
                    Client::build_with_tls(server, certificates())?
                } else {
                    Client::open(server)?
                };
                let one = client.get_multiplexed_async_connection_with_config(&config);
                Ok(Wire::One(one.await?))
            }
            Way::Sentinel(master) => {
                let nodes = self.address.library_nodes();
                let kind = SentinelServerType::Master;
                let mut builder = SentinelClientBuilder::new(nodes, master, kind)?
                    .set_client_to_redis_db(self.address.database);
                if let Some(user) = &self.address.user {
                    builder = builder.set_client_to_redis_username(user);
                }
                if let Some(password) = &self.address.password {
                    builder = builder.set_client_to_redis_password(password.expose_secret());
                }
                if self.address.tls {
                    builder = builder
                        .set_client_to_redis_tls_mode(TlsMode::Secure)
                        .set_client_to_redis_certificates(certificates())
                        .set_client_to_sentinel_certificates(certificates());
                }
                let mut client = builder.build()?;
                let one = client.get_async_connection_with_config(&config);
                Ok(Wire::One(one.await?))
            }
            Way::Cluster => {
                let mut builder = ClusterClientBuilder::new(self.address.library_nodes())
                    .connection_timeout(CONNECTING)
                    .response_timeout(self.time)
                    .retries(1);
                if let Some(user) = &self.address.user {
                    builder = builder.username(user);
                }
                if let Some(password) = &self.address.password {
                    builder = builder.password(password.expose_secret());
                }
                if self.address.tls {
                    builder = builder.tls(TlsMode::Secure).certs(certificates());
                }
                let client = builder.build()?;
                Ok(Wire::Cluster(client.get_async_connection().await?))
            }
        }
    }
}

/// What the store answers to one command; its own errors come as a value from the library.
async fn asked(wire: &mut Wire, command: &Cmd) -> Result<Value, RedisError> {
    wire.req_packed_command(command).await?.extract_error()
}

/// Whether an error says that the store, as it is, will not do: nobody needs to try it twice more.
fn is_final(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_unrecoverable_error()
        || matches!(
            error.kind(),
            ErrorKind::Parse | ErrorKind::AuthenticationFailed
        )
        || error.code().is_some_and(|code| {
            matches!(code, "READONLY" | "OOM" | "LOADING" | "NOPERM" | "NOAUTH")
        })
}

impl ConnectionLike for Wire {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::One(one) => one.req_packed_command(command),
            Self::Cluster(cluster) => cluster.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        commands: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::One(one) => one.req_packed_commands(commands, offset, count),
            Self::Cluster(cluster) => cluster.req_packed_commands(commands, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::One(one) => one.get_db(),
            Self::Cluster(cluster) => cluster.get_db(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::Lifecycle;
    use crate::shared::scripted::Server;

    async fn until(link: &Link, is_up: bool) {
        let mut changes = link.changes();
        let told = changes.wait_for(|now| *now == is_up);
        tokio::time::timeout(Duration::from_secs(10), told)
            .await
            .expect("it is told in time")
            .expect("the link lives");
    }

    #[tokio::test]
    async fn a_connection_that_fails_before_it_is_told_of_is_made_again() {
        let (server, lifecycle) = (Server::start(), Lifecycle::default());
        let link = server.link(&lifecycle).await;
        // As a command leaves it that fails between the connection and the news of it.
        link.wire.store(None);
        link.is_up.send_replace(true);
        link.broken.notify_one();
        until(&link, false).await;
        until(&link, true).await;
        assert!(link.ask(&redis::cmd("PING")).await.is_ok());
    }

    #[tokio::test]
    async fn an_error_that_the_store_answers_is_a_failure() {
        let (server, lifecycle) = (Server::start(), Lifecycle::default());
        let link = server.link(&lifecycle).await;
        let mut nonsense = redis::cmd("SET");
        nonsense.arg("only a name");
        assert_eq!(link.ask(&nonsense).await, Err(Down));
        assert!(link.ask(&redis::cmd("PING")).await.is_ok());
    }
}
