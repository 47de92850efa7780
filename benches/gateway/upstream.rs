//! The other side: an upstream that answers at once with the same bytes, and a bare handler that does so by axum.

use std::process::ExitCode;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::asking::{Head, body_of, runtime};

/// How late an answer is that is late.
const LATE: Duration = Duration::from_secs(1);

/// Binds a free port and says which, on a line of its own.
async fn bound() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("{}", listener.local_addr().expect("it is bound").port());
    listener
}

/// Answers like the Claude API, as cheaply as it goes.
pub fn serve() -> ExitCode {
    runtime().block_on(async {
        let listener = bound().await;
        let answers: &'static Answers = Box::leak(Box::new(Answers::new()));
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            tokio::spawn(answer_all(stream, answers));
        }
    })
}

/// How an upstream fails, where it is to: three calls in ten, each kind in turn.
#[derive(Clone, Copy)]
enum Fault {
    Overloaded,
    Broken,
    Closed,
    Cut,
    NoMessage,
    Late,
}

const FAULTS: [Fault; 6] = [
    Fault::Overloaded,
    Fault::Broken,
    Fault::Closed,
    Fault::Cut,
    Fault::NoMessage,
    Fault::Late,
];
/// What set in the environment makes it fail.
pub const FAULTY: &str = "BELAY_BENCH_FAULTY";

/// The fault of the next call, if it is to have one.
fn next_fault() -> Option<Fault> {
    static IS_FAULTY: LazyLock<bool> = LazyLock::new(|| std::env::var(FAULTY).is_ok());
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let nth = CALLS.fetch_add(1, Ordering::Relaxed);
    (*IS_FAULTY && nth % 10 < 3).then(|| FAULTS[(nth / 10 * 3 + nth % 10) % FAULTS.len()])
}

struct Answers {
    whole: Vec<u8>,
    briefing: Vec<u8>,
    events: Vec<u8>,
}

impl Answers {
    fn new() -> Self {
        let usage = json!({"input_tokens": 1_000, "output_tokens": 200});
        let message = |text: &str| {
            json!({
                "id": "msg_01", "type": "message", "role": "assistant", "model": "claude-sonnet-5-5",
                "content": [{"type": "text", "text": text}], "stop_reason": "end_turn", "stop_sequence": null,
                "usage": usage,
            })
            .to_string()
        };
        let briefing = json!({
            "headline": "The crane lease waits for the insurer",
            "deal_context": "The customer wants to renew and asks for a longer notice period.",
            "risk_factors": [{"risk": "The insurer may decline", "severity": "high", "evidence": "NextStep"}],
            "talking_points": ["Ask what the insurer needs"],
            "next_steps": ["Send the load certificates"],
        });
        let text = "The crane stops at noon and the harbour master waits. ".repeat(14);
        Self {
            whole: packed(&message(&text)),
            briefing: packed(&message(&briefing.to_string())),
            events: in_events(&text),
        }
    }
}

fn packed(body: &str) -> Vec<u8> {
    with_status("200 OK", body)
}

fn with_status(status: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nrequest-id: req_01\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn error(status: &str, kind: &str) -> Vec<u8> {
    let told = json!({"type": "error", "error": {"type": kind, "message": "as it was asked to"}});
    with_status(status, &told.to_string())
}

fn in_events(text: &str) -> Vec<u8> {
    let mut events = vec![
        json!({"type": "message_start", "message": {
            "id": "msg_01", "type": "message", "role": "assistant", "model": "claude-sonnet-5-5", "content": [],
            "stop_reason": null, "stop_sequence": null, "usage": {"input_tokens": 1_000, "output_tokens": 1},
        }}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
    ];
    let words: Vec<&str> = text.split_inclusive(' ').collect();
    events.extend(words.chunks(8).map(|words| {
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": words.concat()}})
    }));
    events.extend([
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null}, "usage": {"output_tokens": 200}}),
        json!({"type": "message_stop"}),
    ]);
    let mut answer =
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
            .to_vec();
    for event in events {
        let name = event["type"].as_str().expect("a type");
        let told = format!("event: {name}\ndata: {event}\n\n");
        answer.extend_from_slice(format!("{:x}\r\n{told}\r\n", told.len()).as_bytes());
    }
    answer.extend_from_slice(b"0\r\n\r\n");
    answer
}

async fn answer_all(mut stream: TcpStream, answers: &'static Answers) {
    let _ = stream.set_nodelay(true);
    let mut read = Vec::with_capacity(16 * 1024);
    loop {
        let (head, length) = loop {
            if let Some(head) = Head::find(&read) {
                break (head.end, head.length.unwrap_or_default());
            }
            match stream.read_buf(&mut read).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        };
        while read.len() < head + length {
            match stream.read_buf(&mut read).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
        let body = &read[head..head + length];
        let has = |text: &str| body_of(body, text);
        let answer = if has("\"system\":[") {
            &answers.briefing
        } else if has("\"stream\":true") {
            &answers.events
        } else {
            &answers.whole
        };
        let sent = match next_fault() {
            None => stream.write_all(answer).await,
            Some(Fault::Overloaded) => {
                let told = error("529 Overloaded", "overloaded_error");
                stream.write_all(&told).await
            }
            Some(Fault::Broken) => {
                let told = error("500 Internal Server Error", "api_error");
                stream.write_all(&told).await
            }
            Some(Fault::Closed) => return,
            Some(Fault::Cut) => {
                let _ = stream.write_all(&answer[..answer.len() / 2]).await;
                return;
            }
            Some(Fault::NoMessage) => stream.write_all(&packed("<html>")).await,
            Some(Fault::Late) => {
                tokio::time::sleep(LATE).await;
                stream.write_all(answer).await
            }
        };
        if sent.is_err() {
            return;
        }
        read.drain(..head + length);
    }
}

/// Answers `POST /briefing` with the bytes of its first request's body, by axum and nothing else.
pub fn serve_bare() -> ExitCode {
    runtime().block_on(async {
        let listener = bound().await;
        let path = std::env::var("BELAY_BENCH_BYTES").expect("a file");
        let bytes = Bytes::from(std::fs::read(path).expect("it is there"));
        let answer = move |_: Bytes| {
            let bytes = bytes.clone();
            async move { ([("content-type", "application/json")], bytes) }
        };
        let router = Router::new().route("/briefing", post(answer));
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            let _ = stream.set_nodelay(true);
            let service = hyper_util::service::TowerToHyperService::new(router.clone());
            let stream = hyper_util::rt::TokioIo::new(stream);
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(stream, service),
            );
        }
    })
}
