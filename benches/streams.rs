//! What the gateway adds to a stream: the time to its first byte, beside asking the same upstream directly, and whether
//! every byte comes through, also with 512 streams at once.
//!
//! Both ways are asked in turns from the same client over loopback, so what the machine does meanwhile falls on both.
//! Numbers are printed as they were measured and as a ratio; nothing here judges them. It fails where a byte is lost.

#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark asks the machine for its time and ends with its process"
)]

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use belay::app::{App, Listeners, World};
use belay::config::{self, Surroundings};
use belay::identity::KeyHash;
use belay::telemetry::audit::Target;
use futures_util::future::join_all;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the binary allocates by, too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const KEY: &str = "belay_bench";
/// Streams measured each way.
const ROUNDS: usize = 2_000;
/// Streams before that, so that connections stand and caches are warm.
const WARM_UP: usize = 200;
/// Streams at once.
const AT_ONCE: usize = 512;

struct Around;

impl Surroundings for Around {
    fn variable(&self, name: &str) -> Option<String> {
        (name == "UPSTREAM_KEY").then(|| "sk-ant-bench".to_owned())
    }

    fn variables(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    fn file(&self, _: &Path) -> io::Result<Vec<u8>> {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// The events of one answer of about four kilobytes.
fn events() -> Vec<String> {
    let usage = json!({"input_tokens": 812, "output_tokens": 1});
    let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "content": [], "stop_reason": null, "usage": usage});
    let mut events = vec![
        json!({"type": "message_start", "message": message}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
    ];
    events.extend((0..30).map(|n| {
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": format!("word number {n} ")}})
    }));
    events.extend([
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 120}}),
        json!({"type": "message_stop"}),
    ]);
    let written = events.iter().map(|event| {
        let name = event["type"].as_str().expect("a type");
        format!("event: {name}\ndata: {event}\n\n")
    });
    written.collect()
}

/// Answers every request with the events, one chunk each.
#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark ends with its process"
)]
fn upstream(listener: TcpListener) {
    let events = Arc::new(events());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let events = Arc::clone(&events);
            tokio::spawn(async move { converse(stream, &events).await.ok() });
        }
    });
}

async fn converse(mut stream: TcpStream, events: &[String]) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut bytes = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
        };
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok())
            .unwrap_or(0);
        while bytes.len() < end + length {
            if stream.read_buf(&mut bytes).await? == 0 {
                return Ok(());
            }
        }
        bytes.drain(..end + length);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            .await?;
        for event in events {
            let chunk = format!("{:x}\r\n{event}\r\n", event.len());
            stream.write_all(chunk.as_bytes()).await?;
        }
        stream.write_all(b"0\r\n\r\n").await?;
    }
}

/// The gateway before `upstream`, with a key, limits, a budget, metrics and logs.
#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark ends with its process"
)]
async fn gateway(upstream: SocketAddr) -> SocketAddr {
    let text = format!(
        "[server]\nbind = \"127.0.0.1:0\"\nadmin_bind = \"127.0.0.1:0\"\n\
         [[orgs]]\nid = \"00D5f000000XyZaEAK\"\nname = \"acme\"\n\
         [[orgs.credentials]]\nkind = \"api_key\"\nid = \"bench\"\nsha256 = \"{hash}\"\nscopes = [\"messages\"]\n\
         [orgs.limits]\nrequests_per_minute = 10_000_000\ntokens_per_minute = 1_000_000_000\ncalls_in_flight = 1_000\nbudget_usd_per_day = 1_000_000.0\n\
         [[providers]]\nname = \"claude\"\nkind = \"anthropic\"\napi_key = \"env:UPSTREAM_KEY\"\nbase_url = \"http://{upstream}\"\ncalls_in_flight = 1_000\n\
         [models.default]\ntargets = [{{ provider = \"claude\", model = \"claude-sonnet-5-5\" }}]\n",
        hash = KeyHash::of(KEY)
    );
    let mut settings = config::read(&text, &Around).expect("a good config");
    settings.audit = Target::Nowhere;
    let listeners = Listeners {
        public: TcpListener::bind("127.0.0.1:0").await.expect("a free port"),
        admin: TcpListener::bind("127.0.0.1:0").await.expect("a free port"),
    };
    let address = listeners.public.local_addr().expect("it is bound");
    let app = App::build(settings, World::default()).expect("good settings");
    tokio::spawn(app.serve(listeners));
    address
}

/// One stream: the time to its first byte, and all of its bytes.
async fn stream(client: &reqwest::Client, address: SocketAddr, body: &str) -> (Duration, Vec<u8>) {
    let begun = Instant::now();
    let request = client
        .post(format!("http://{address}/v1/messages"))
        .bearer_auth(KEY)
        .header("content-type", "application/json")
        .body(body.to_owned());
    let mut response = request.send().await.expect("an answer");
    let mut bytes = Vec::new();
    let first = response
        .chunk()
        .await
        .expect("a chunk")
        .expect("a first one");
    let took = begun.elapsed();
    bytes.extend_from_slice(&first);
    while let Some(chunk) = response.chunk().await.expect("a chunk") {
        bytes.extend_from_slice(&chunk);
    }
    (took, bytes)
}

fn at(sorted: &[Duration], share: usize) -> f64 {
    let place = (sorted.len() * share / 100).min(sorted.len() - 1);
    sorted[place].as_secs_f64() * 1e6
}

#[tokio::main]
async fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let direct = listener.local_addr().expect("it is bound");
    upstream(listener);
    let through = gateway(direct).await;
    let client = reqwest::Client::builder()
        .no_proxy()
        .tcp_nodelay(true)
        .build()
        .expect("a client");
    let question = json!({
        "model": "default", "max_tokens": 256, "stream": true,
        "messages": [{"role": "user", "content": "word ".repeat(800)}],
    });
    let body = question.to_string();
    let whole = events().concat().into_bytes();

    let (mut plain, mut relayed) = (Vec::new(), Vec::new());
    for round in 0..WARM_UP + ROUNDS {
        for (address, times) in [(direct, &mut plain), (through, &mut relayed)] {
            let (took, bytes) = stream(&client, address, &body).await;
            assert!(bytes == whole, "a byte was lost");
            if round >= WARM_UP {
                times.push(took);
            }
        }
    }
    plain.sort_unstable();
    relayed.sort_unstable();
    println!(
        "time to the first byte of a stream, {ROUNDS} each way, {} bytes asked, {} answered",
        body.len(),
        whole.len()
    );
    for share in [50, 99] {
        let (plain, relayed) = (at(&plain, share), at(&relayed, share));
        println!(
            "p{share}: direct {plain:.0} µs, through the gateway {relayed:.0} µs, added {:.0} µs ({:.2} ×)",
            relayed - plain,
            relayed / plain
        );
    }
    let begun = Instant::now();
    let all = join_all((0..AT_ONCE).map(|_| stream(&client, through, &body))).await;
    let lost = all.iter().filter(|(_, bytes)| *bytes != whole).count();
    println!(
        "{AT_ONCE} streams at once: {lost} differ from the upstream's bytes, all done in {:.0} ms",
        begun.elapsed().as_secs_f64() * 1e3
    );
    assert!(lost == 0, "{lost} streams lost something");
}
