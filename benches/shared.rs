//! What a store behind the replicas adds to a call: the same call at a gateway by itself and at one that shares its limits
//! through a real Redis, in turns, so that what the machine does meanwhile falls on both.
//!
//! A call asks the store twice before it is answered (its place in the minute; its slot, tokens and money in one step) and
//! tells it twice afterwards. Numbers are printed as they were measured, and nothing here judges them.

#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark asks the machine for its time and ends with its process"
)]

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use belay::app::{App, Listeners, World};
use belay::config::{self, Surroundings};
use belay::identity::KeyHash;
use belay::telemetry::audit::Target;
use serde_json::json;
use tokio::net::TcpListener;

/// What the binary allocates by, too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const KEY: &str = "belay_bench";
/// Calls measured each way.
const ROUNDS: usize = 2_000;
/// Calls before that, so that connections stand and caches are warm.
const WARM_UP: usize = 200;

struct Around(String);

/// A server that ends with the benchmark.
struct Redis(Child);

impl Surroundings for Around {
    fn variable(&self, name: &str) -> Option<String> {
        (name == "REDIS_URL").then(|| self.0.clone())
    }

    fn variables(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    fn file(&self, _: &Path) -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::NotFound.into())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn redis() -> (Redis, String) {
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = free.local_addr().expect("it is bound").port();
    drop(free);
    let child = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--save", "", "--appendonly", "no"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server is installed");
    let redis = Redis(child);
    for _ in 0..500 {
        if tokio::net::TcpStream::connect(("127.0.0.1", port))
            .await
            .is_ok()
        {
            return (redis, format!("redis://127.0.0.1:{port}"));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no Redis came up");
}

/// A gateway whose answers are made up at once, with every limit and a budget, and `more` in its config.
async fn gateway(redis: &str, more: &str) -> SocketAddr {
    let text = format!(
        "[server]\nbind = \"127.0.0.1:0\"\nadmin_bind = \"127.0.0.1:0\"\n\
         [[orgs]]\nid = \"00D5f000000XyZaEAK\"\nname = \"acme\"\n\
         [[orgs.credentials]]\nkind = \"api_key\"\nid = \"bench\"\nsha256 = \"{hash}\"\nscopes = [\"tasks\"]\n\
         [orgs.limits]\nrequests_per_minute = 10_000_000\ntokens_per_minute = 1_000_000_000\ncalls_in_flight = 1_000\nbudget_usd_per_day = 1_000_000.0\n\
         [[providers]]\nname = \"sim\"\nkind = \"simulator\"\ncalls_in_flight = 1_000\n\
         [models.default]\ntargets = [{{ provider = \"sim\", model = \"simulator\" }}]\n{more}",
        hash = KeyHash::of(KEY)
    );
    let mut settings = config::read(&text, &Around(redis.to_owned())).expect("a good config");
    settings.audit = Target::Nowhere;
    let app = App::build(settings, World::default()).expect("good settings");
    let listeners = Listeners {
        public: TcpListener::bind("127.0.0.1:0").await.expect("a port"),
        admin: TcpListener::bind("127.0.0.1:0").await.expect("a port"),
    };
    let address = listeners.public.local_addr().expect("it is bound");
    tokio::spawn(app.serve(listeners));
    address
}

async fn call(client: &reqwest::Client, address: SocketAddr, nth: usize) -> Duration {
    let body = json!({"facts": [{"label": "Amount", "value": nth.to_string()}]}).to_string();
    let began = Instant::now();
    let answer = client
        .post(format!("http://{address}/briefing"))
        .bearer_auth(KEY)
        .header("content-type", "application/json")
        .body(body)
        .send()
        .await
        .expect("an answer");
    let status = answer.status();
    let text = answer.text().await.expect("a body");
    assert_eq!(status, 200, "{text}");
    began.elapsed()
}

fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    sorted[(sorted.len() - 1) * percent / 100].as_secs_f64() * 1e6
}

#[tokio::main]
async fn main() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let (_server, url) = redis().await;
    let alone = gateway(&url, "").await;
    let store = "[shared]\nredis = \"env:REDIS_URL\"\nreplicas = 3\ntimeout_ms = 1_000\n";
    let shared = gateway(&url, store).await;
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let (mut by_itself, mut behind) = (Vec::new(), Vec::new());
    for nth in 0..WARM_UP + ROUNDS {
        let one = call(&client, alone, nth).await;
        let other = call(&client, shared, nth).await;
        if nth >= WARM_UP {
            by_itself.push(one);
            behind.push(other);
        }
    }
    by_itself.sort();
    behind.sort();
    println!("a call of /briefing that reaches a provider, {ROUNDS} each way, one at a time");
    for percent in [50, 99] {
        let (one, other) = (
            percentile(&by_itself, percent),
            percentile(&behind, percent),
        );
        println!(
            "  p{percent}: by itself {one:.0} µs, behind a store {other:.0} µs: {:.0} µs more, {:.2} times",
            other - one,
            other / one
        );
    }
}
