//! A scripted upstream: speaks just enough HTTP to be Claude, or to fail like it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::AbortHandle;

use super::reply::Reply;
use super::wait::within;
use crate::helpers::app::spawn;

/// What the upstream does about one request.
#[derive(Debug, Clone)]
pub enum Play {
    /// It answers.
    Answer(Reply),
    /// It waits until the gate opens, and then answers.
    Held(Gate, Reply),
    /// It answers with this body, to the byte.
    Body(String),
    /// It answers with this status, these headers and this body.
    Status(u16, &'static [(&'static str, &'static str)], &'static str),
    /// It takes the request and never answers.
    Hang,
    /// It ends the connection once it has the request.
    Cut,
    /// It ends the connection amid the answer's body.
    CutAmid,
    /// It answers in events.
    Stream(Stream),
}

/// An answer in events.
#[derive(Debug, Clone)]
pub struct Stream {
    /// What goes out, one piece at a time.
    pub pieces: Vec<String>,
    /// What the pieces behind the first wait for.
    pub gate: Option<Gate>,
    /// Whether the connection ends before the body does.
    pub cut: bool,
}

/// Holds answers back until a test lets them go.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Semaphore>);

/// A request that reached the upstream.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Method and path.
    pub line: String,
    /// Names in lower case, with their values.
    pub headers: Vec<(String, String)>,
    /// The body, as it came.
    pub body: String,
}

/// The upstream itself; it ends when it is dropped.
pub struct Upstream {
    port: u16,
    script: Arc<Script>,
    listening: AbortHandle,
}

#[derive(Debug)]
struct Script {
    /// Played once each, in their order.
    next: Mutex<VecDeque<Play>>,
    /// Played once each, for requests that hold the text.
    about: Mutex<Vec<(String, VecDeque<Play>)>>,
    /// Played for all others.
    usual: Mutex<Play>,
    seen: watch::Sender<Vec<Seen>>,
}

impl Gate {
    /// A gate that is closed.
    pub fn closed() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// Lets everything through from now on.
    pub fn open(&self) {
        self.0.close();
    }

    async fn pass(&self) {
        // A gate opens by being closed to whoever would wait.
        let _ = self.0.acquire().await;
    }
}

impl Upstream {
    /// An upstream that answers everything well.
    pub async fn good() -> Self {
        Self::doing(Play::Answer(Reply::good())).await
    }

    /// An upstream that does this to every request.
    pub async fn doing(usual: Play) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let script = Arc::new(Script {
            next: Mutex::default(),
            about: Mutex::default(),
            usual: Mutex::new(usual),
            seen: watch::Sender::default(),
        });
        let listening = spawn(listen(listener, Arc::clone(&script))).abort_handle();
        Self {
            port,
            script,
            listening,
        }
    }

    /// An upstream that holds every answer back until the gate opens.
    pub async fn held() -> (Self, Gate) {
        let gate = Gate::closed();
        let upstream = Self::doing(Play::Held(gate.clone(), Reply::good())).await;
        (upstream, gate)
    }

    /// Does these to the next requests, one each.
    pub fn next(&self, plays: impl IntoIterator<Item = Play>) {
        self.script.next.lock().expect("no panic").extend(plays);
    }

    /// Does these to the next requests that hold `text`, one each.
    pub fn about(&self, text: &str, plays: impl IntoIterator<Item = Play>) {
        let plays = plays.into_iter().collect();
        let mut about = self.script.about.lock().expect("no panic");
        about.push((text.to_owned(), plays));
    }

    /// Does this to every request that no script is for.
    pub fn always(&self, play: Play) {
        *self.script.usual.lock().expect("no panic") = play;
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.script.seen.borrow().clone()
    }

    /// How many requests there were so far.
    pub fn count(&self) -> usize {
        self.script.seen.borrow().len()
    }

    /// Waits until `count` requests have come.
    pub async fn reached(&self, count: usize) {
        let mut seen = self.script.seen.subscribe();
        let what = format!("{count} requests at the upstream");
        let come = within(&what, seen.wait_for(|seen| seen.len() >= count)).await;
        drop(come.expect("the script lives"));
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Seen {
    /// The value of a header that came once.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(known, _)| known == name)?;
        Some(value)
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("we send JSON")
    }

    /// The most that this request could cost at two and ten dollars per million, in dollars: a token a byte and 2,000
    /// that the provider may add, at the price of an hour's cache, with all its room for output.
    #[expect(clippy::cast_precision_loss, reason = "bodies are small")]
    pub fn bound(&self) -> f64 {
        let room = self.json()["max_tokens"].as_f64().expect("a number");
        ((self.body.len() as f64 + 2_000.0) * 4.0 + room * 10.0) / 1e6
    }
}

impl Script {
    fn play(&self, request: &Seen) -> Play {
        let mut about = self.about.lock().expect("no panic");
        let meant = about
            .iter_mut()
            .find(|(text, plays)| request.body.contains(text) && !plays.is_empty());
        if let Some((_, plays)) = meant {
            return plays.pop_front().expect("it is not empty");
        }
        let next = self.next.lock().expect("no panic").pop_front();
        next.unwrap_or_else(|| self.usual.lock().expect("no panic").clone())
    }
}

async fn listen(listener: TcpListener, script: Arc<Script>) {
    while let Ok((stream, _)) = listener.accept().await {
        spawn(converse(stream, Arc::clone(&script)));
    }
}

/// Serves one connection until either side ends it.
async fn converse(mut stream: TcpStream, script: Arc<Script>) {
    while let Some(request) = receive(&mut stream).await {
        let play = script.play(&request);
        script.seen.send_modify(|seen| seen.push(request.clone()));
        let asked = serde_json::from_str(&request.body).unwrap_or_default();
        let answer = match play {
            Play::Answer(reply) => written(200, &[], &reply.body(&asked)),
            Play::Held(gate, reply) => {
                gate.pass().await;
                written(200, &[], &reply.body(&asked))
            }
            Play::Body(body) => written(200, &[], &body),
            Play::Status(status, headers, body) => written(status, headers, body),
            Play::Stream(events) => {
                if pour(&mut stream, &events).await.is_err() || events.cut {
                    return;
                }
                continue;
            }
            Play::Hang => return std::future::pending().await,
            Play::Cut => return,
            Play::CutAmid => {
                let whole = written(200, &[], &Reply::good().body(&asked));
                let _ = stream.write_all(&whole.as_bytes()[..whole.len() / 2]).await;
                return;
            }
        };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Sends `events` in chunks, one a piece.
async fn pour(stream: &mut TcpStream, events: &Stream) -> std::io::Result<()> {
    const HEAD: &str = "HTTP/1.1 200 Scripted\r\nContent-Type: text/event-stream\r\nrequest-id: req_upstream\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(HEAD.as_bytes()).await?;
    for (nth, piece) in events.pieces.iter().enumerate() {
        if let (1.., Some(gate)) = (nth, &events.gate) {
            gate.pass().await;
        }
        let chunk = format!("{:x}\r\n{piece}\r\n", piece.len());
        stream.write_all(chunk.as_bytes()).await?;
        stream.flush().await?;
    }
    if !events.cut {
        stream.write_all(b"0\r\n\r\n").await?;
    }
    Ok(())
}

async fn receive(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let head = loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
    };
    let text = String::from_utf8(bytes[..head].to_vec()).ok()?;
    let mut lines = text.lines();
    let line = lines.next()?.to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut seen = Seen {
        line,
        headers,
        body: String::new(),
    };
    // A request without a body need not say so.
    let length: usize = seen.header("content-length").unwrap_or("0").parse().ok()?;
    while bytes.len() < head + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    seen.body = String::from_utf8(bytes[head + 4..].to_vec()).ok()?;
    Some(seen)
}

fn written(status: u16, headers: &[(&str, &str)], body: &str) -> String {
    let headers = headers.iter().fold(String::new(), |text, (name, value)| {
        text + name + ": " + value + "\r\n"
    });
    let length = body.len();
    format!(
        "HTTP/1.1 {status} Scripted\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    )
}
