//! A real Redis, on a port of its own, that a test pauses, kills and fills.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::process::Stdio;

use redis::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::wait::{until, within};

/// A server, running or not.
pub struct Redis {
    child: Option<Child>,
    port: u16,
    folder: TempDir,
}

impl Redis {
    /// An empty server.
    pub async fn start() -> Self {
        for _ in 0..20 {
            let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
            let port = free.local_addr().expect("it is bound").port();
            drop(free);
            let mut redis = Self {
                child: None,
                port,
                folder: TempDir::new().expect("a folder"),
            };
            // Whoever takes the port in between makes the server end, and another is tried.
            if redis.restart().await {
                return redis;
            }
        }
        panic!("no Redis came up");
    }

    /// Starts it again, empty, at the same place; false where it ended at once.
    pub async fn restart(&mut self) -> bool {
        let mut child = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("redis-server is installed");
        let mut lives = true;
        until("a Redis that listens", async || {
            lives = child.try_wait().expect("it is ours").is_none();
            !lives
                || tokio::net::TcpStream::connect(("127.0.0.1", self.port))
                    .await
                    .is_ok()
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
        let asked = async {
            let client = redis::Client::open(self.url()).expect("an address");
            let mut connection = client.get_multiplexed_async_connection().await?;
            let mut command = redis::cmd(words[0]);
            command.arg(&words[1..]);
            command.query_async(&mut connection).await
        };
        let answer: Result<Value, redis::RedisError> = within("an answer of Redis", asked).await;
        answer.expect("it answers")
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
