//! A real Redis, on a port of its own, that a test pauses, kills and fills.

use std::collections::BTreeMap;
use std::iter;
use std::net::{SocketAddr, TcpListener};
use std::ops::Range;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redis::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::app::spawn;
use super::openssl::Made;
use super::wait::{LONGEST, until, within};

/// A server, running or not.
pub struct Redis {
    child: Option<Child>,
    port: u16,
    /// Where it speaks TLS, if at all.
    tls_port: Option<u16>,
    folder: TempDir,
    arguments: Vec<String>,
}

/// Ports below those that the system gives away, so that nobody takes one while its server is down; a Cluster's nodes
/// speak among each other 10,000 above.
const PORTS: Range<u16> = 10_000..20_000;

/// A port that is free; another server that draws the same in between makes ours end.
fn free_port() -> u16 {
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let mut drawn = iter::repeat_with(|| fastrand::u16(PORTS)).take(1_000);
    drawn.find(is_free).expect("a free port")
}

impl Redis {
    /// An empty server.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// An empty server with further arguments.
    pub async fn start_with(arguments: &[&str]) -> Self {
        for _ in 0..20 {
            let mut redis = Self {
                child: None,
                port: free_port(),
                tls_port: None,
                folder: TempDir::new().expect("a folder"),
                arguments: arguments.iter().map(|&one| one.to_owned()).collect(),
            };
            if redis.restart().await {
                return redis;
            }
        }
        panic!("no Redis came up");
    }

    /// An empty server that speaks TLS as `server`, and in clear with the test.
    pub async fn start_over_tls(server: &Made) -> Self {
        let folder = TempDir::new().expect("a folder");
        let write = |name: &str, content: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).expect("it can be written");
            path.display().to_string()
        };
        let certificate = write("server.crt", &server.certificate);
        let key = write("server.key", &server.key);
        let port = free_port();
        let mut redis = Self::start_with(&[
            "--tls-port",
            &port.to_string(),
            "--tls-cert-file",
            &certificate,
            "--tls-key-file",
            &key,
            "--tls-ca-cert-file",
            &certificate,
            "--tls-auth-clients",
            "no",
        ])
        .await;
        redis.tls_port = Some(port);
        redis
    }

    /// Where it speaks TLS, for a user and its password.
    pub fn tls_url(&self, user: &str) -> String {
        let port = self.tls_port.expect("it speaks TLS");
        format!("rediss://{user}@127.0.0.1:{port}")
    }

    /// Starts it again, empty, at the same place; false where it ended at once.
    pub async fn restart(&mut self) -> bool {
        let mut child = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(self.folder.path())
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("redis-server is installed");
        let mut lives = true;
        until("a Redis that listens", async || {
            lives = child.try_wait().expect("it is ours").is_none();
            !lives || TcpStream::connect(("127.0.0.1", self.port)).await.is_ok()
        })
        .await;
        self.child = Some(child);
        lives
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Kills it; what it held is gone.
    pub async fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.start_kill().expect("it is ours");
        within("the end of Redis", child.wait())
            .await
            .expect("it is ours");
    }

    /// Sends it a signal, such as `STOP`.
    pub async fn signal(&self, name: &str) {
        let id = self.child.as_ref().and_then(Child::id).expect("it runs");
        let sent = Command::new("sh")
            .arg("-c")
            .arg(format!("kill -{name} {id}"))
            .status();
        assert!(within("kill", sent).await.expect("it runs").success());
    }

    /// Asks it for something by words.
    pub async fn ask(&self, words: &[&str]) -> Value {
        let answer = within("an answer of Redis", asked(self.port, words)).await;
        answer.expect("it answers")
    }

    /// Every byte that it keeps, names and values one after another.
    pub async fn everything(&self) -> Vec<u8> {
        let names = self.ask(&["KEYS", "*"]).await;
        let names: Vec<String> = redis::from_redis_value(names).expect("names");
        let mut all = Vec::new();
        for name in names {
            all.extend_from_slice(name.as_bytes());
            let kind = self.ask(&["TYPE", &name]).await;
            let kind: String = redis::from_redis_value(kind).expect("a name");
            let value = match kind.as_str() {
                "string" => self.ask(&["GET", &name]).await,
                "hash" => self.ask(&["HGETALL", &name]).await,
                "zset" => self.ask(&["ZRANGE", &name, "0", "-1"]).await,
                "set" => self.ask(&["SMEMBERS", &name]).await,
                other => panic!("{name} is a {other}"),
            };
            gather(&value, &mut all);
        }
        all
    }

    /// What an org has used: the fields of its account.
    pub async fn account(&self, org: &str) -> BTreeMap<String, u64> {
        let key = format!("belay:{{{org}}}:account:org");
        let value = self.ask(&["HGETALL", &key]).await;
        let pairs: BTreeMap<String, String> =
            redis::from_redis_value(value).expect("names and values");
        pairs
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.parse().ok()?)))
            .collect()
    }
}

/// A master with a replica of its own, and three Sentinels that watch over them.
pub struct Sentinels {
    /// The server that is the master at first.
    pub master: Redis,
    replica: Redis,
    watchers: Vec<(Child, u16)>,
    _folder: TempDir,
}

impl Sentinels {
    /// All of them, and in step.
    pub async fn start() -> Self {
        let (master, replica) = (Redis::start().await, Redis::start().await);
        master
            .ask(&["CONFIG", "SET", "repl-diskless-sync-delay", "0"])
            .await;
        let port = master.port.to_string();
        replica.ask(&["REPLICAOF", "127.0.0.1", &port]).await;
        until("a replica in step", async || {
            let told = replica.ask(&["INFO", "replication"]).await;
            let told: String = redis::from_redis_value(told).expect("a text");
            told.contains("master_link_status:up")
        })
        .await;
        let folder = TempDir::new().expect("a folder");
        let mut sentinels = Vec::new();
        for nth in 0..3 {
            let own = free_port();
            let config = folder.path().join(format!("{nth}.conf"));
            let text = format!(
                "port {own}\nbind 127.0.0.1\ndir {}\nsentinel monitor mymaster 127.0.0.1 {port} 2\n\
                 sentinel down-after-milliseconds mymaster 1000\nsentinel failover-timeout mymaster 3000\n",
                folder.path().display()
            );
            std::fs::write(&config, text).expect("it can be written");
            let child = Command::new("redis-server")
                .arg(&config)
                .arg("--sentinel")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .kill_on_drop(true)
                .spawn()
                .expect("redis-server is installed");
            sentinels.push((child, own));
        }
        let all = Self {
            master,
            replica,
            watchers: sentinels,
            _folder: folder,
        };
        until("Sentinels that know each other", async || {
            for (_, port) in &all.watchers {
                let told = asked(*port, &["SENTINEL", "MASTER", "mymaster"]).await;
                let Ok(told) = told else { return false };
                let pairs: BTreeMap<String, String> =
                    redis::from_redis_value(told).expect("names and values");
                let is = |name: &str, value: &str| pairs.get(name).is_some_and(|is| is == value);
                if !is("num-slaves", "1") || !is("num-other-sentinels", "2") {
                    return false;
                }
            }
            true
        })
        .await;
        all
    }

    /// Where they are.
    pub fn url(&self) -> String {
        let nodes: Vec<String> = self
            .watchers
            .iter()
            .map(|(_, port)| format!("127.0.0.1:{port}"))
            .collect();
        format!("redis-sentinel://{}/mymaster", nodes.join(","))
    }

    /// The server that takes over.
    pub fn next(&self) -> &Redis {
        &self.replica
    }
}

/// Three servers that share the keys among them.
pub struct Cluster(Vec<Redis>);

impl Cluster {
    /// All three, each with its part.
    pub async fn start() -> Self {
        let mut nodes = Vec::new();
        for _ in 0..3 {
            nodes.push(Redis::start_with(&["--cluster-enabled", "yes"]).await);
        }
        let addresses = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port));
        let created = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(addresses)
            .arg("--cluster-yes")
            .output();
        let created = within("a cluster", created).await.expect("it runs");
        assert!(created.status.success(), "{created:?}");
        let all = Self(nodes);
        until("a cluster that stands", async || {
            for node in &all.0 {
                let told = node.ask(&["CLUSTER", "INFO"]).await;
                let told: String = redis::from_redis_value(told).expect("a text");
                if !told.contains("cluster_state:ok") {
                    return false;
                }
            }
            true
        })
        .await;
        all
    }

    /// Where it is.
    pub fn url(&self) -> String {
        let nodes: Vec<String> = self
            .0
            .iter()
            .map(|node| format!("127.0.0.1:{}", node.port))
            .collect();
        format!("redis-cluster://{}", nodes.join(","))
    }
}

/// A way to a Redis that passes everything on, or answers everything with garbage.
pub struct Between {
    address: SocketAddr,
    lies: Arc<AtomicBool>,
}

impl Between {
    /// The way to `redis`.
    pub async fn the_callers_and(redis: &Redis) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (lies, port) = (Arc::new(AtomicBool::new(false)), redis.port);
        let lying = Arc::clone(&lies);
        spawn(async move {
            while let Ok((caller, _)) = listener.accept().await {
                let lying = Arc::clone(&lying);
                spawn(async move {
                    // Whichever end goes takes the other with it.
                    let _ = passed_on(caller, port, &lying).await;
                });
            }
        });
        Self { address, lies }
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Whether it lies from now on, also on connections that are open.
    pub fn lie(&self, lies: bool) {
        self.lies.store(lies, Ordering::Relaxed);
    }
}

async fn passed_on(mut caller: TcpStream, port: u16, lies: &AtomicBool) -> std::io::Result<()> {
    let mut server = TcpStream::connect(("127.0.0.1", port)).await?;
    let (mut asked, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = caller.read(&mut asked) => match read? {
                0 => return Ok(()),
                _ if lies.load(Ordering::Relaxed) => {
                    caller.write_all(b"+OK\r\n$-7\r\nHTTP/1.1 200 OK\r\n\r\n").await?;
                }
                count => server.write_all(&asked[..count]).await?,
            },
            read = server.read(&mut answered) => match read? {
                0 => return Ok(()),
                count => caller.write_all(&answered[..count]).await?,
            },
        }
    }
}

/// The bytes of all texts in `value`.
fn gather(value: &Value, all: &mut Vec<u8>) {
    match value {
        Value::BulkString(bytes) => all.extend_from_slice(bytes),
        Value::Array(list) => list.iter().for_each(|one| gather(one, all)),
        _ => {}
    }
}

/// What the server at `port` answers.
async fn asked(port: u16, words: &[&str]) -> Result<Value, redis::RedisError> {
    let client = redis::Client::open(format!("redis://127.0.0.1:{port}"))?;
    // The library's own half a second is less than a busy machine may take.
    let patient = redis::AsyncConnectionConfig::new()
        .set_connection_timeout(Some(LONGEST))
        .set_response_timeout(Some(LONGEST));
    let connecting = client.get_multiplexed_async_connection_with_config(&patient);
    let mut connection = connecting.await?;
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    command.query_async(&mut connection).await
}
