//! Callers: as many connections as asked for, each with one call at a time.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::questions::Question;

/// The head of a request or an answer.
pub struct Head {
    /// Where the body begins.
    pub end: usize,
    /// How long the body is, where it says so.
    pub length: Option<usize>,
    /// The status, of an answer.
    pub status: u16,
}

/// What callers measured.
pub struct Measured {
    /// Calls that were answered.
    pub calls: u64,
    /// For how long they asked.
    pub took: Duration,
    /// How long each call took, sorted, in microseconds.
    pub latencies: Vec<u64>,
}

/// The number of the next call, so that none is asked twice in a run.
static NEXT: AtomicU64 = AtomicU64::new(1);

impl Head {
    /// The head at the beginning of `bytes`, where it is whole.
    pub fn find(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|part| part == b"\r\n\r\n")? + 4;
        let head = std::str::from_utf8(&bytes[..end]).expect("ASCII");
        let length = head.split("\r\n").find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then(|| value.trim().parse().ok())?
        });
        let status = head.get(9..12).and_then(|text| text.parse().ok());
        Some(Self {
            end,
            length,
            status: status.unwrap_or_default(),
        })
    }

    /// Whether `bytes` are all of the answer.
    fn is_whole(&self, bytes: &[u8]) -> bool {
        match self.length {
            Some(length) => bytes.len() >= self.end + length,
            None => bytes.ends_with(b"0\r\n\r\n"),
        }
    }
}

/// Whether `text` stands in `body`.
pub fn body_of(body: &[u8], text: &str) -> bool {
    // What is looked for stands near one of the ends.
    let near = 400.min(body.len());
    let stands = |part: &[u8]| part.windows(text.len()).any(|part| part == text.as_bytes());
    stands(&body[..near]) || stands(&body[body.len() - near..])
}

impl Measured {
    /// The latency that this share of the calls does not exceed, in milliseconds.
    pub fn quantile(&self, share: f64) -> f64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index, and microseconds"
        )]
        let at = |count: usize| self.latencies[((count - 1) as f64 * share) as usize] as f64 / 1e3;
        match self.latencies.len() {
            0 => f64::NAN,
            count => at(count),
        }
    }

    /// Calls a second.
    #[expect(clippy::cast_precision_loss, reason = "a count")]
    pub fn rate(&self) -> f64 {
        self.calls as f64 / self.took.as_secs_f64()
    }
}

/// A runtime of one thread, since callers and upstream have one core.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

/// Asks `question` at `address` over so many connections, each as soon as it has its answer, for so long.
///
/// # Errors
/// What went wrong with the first call that failed.
pub fn saturate(
    address: SocketAddr,
    question: &Question,
    connections: usize,
    time: Duration,
) -> Result<Measured, String> {
    runtime().block_on(async {
        let begun = Instant::now();
        let until = begun + time;
        let lanes: Vec<_> = (0..connections)
            .map(|_| {
                let question = question.clone();
                tokio::spawn(async move { one_lane(address, &question, until).await })
            })
            .collect();
        let mut latencies = Vec::new();
        for lane in lanes {
            latencies.extend(lane.await.map_err(|error| error.to_string())??);
        }
        latencies.sort_unstable();
        Ok(Measured {
            calls: latencies.len() as u64,
            took: begun.elapsed(),
            latencies,
        })
    })
}

async fn one_lane(
    address: SocketAddr,
    question: &Question,
    until: Instant,
) -> Result<Vec<u64>, String> {
    let stream = tokio::net::TcpStream::connect(address).await;
    let mut stream = stream.map_err(|error| format!("no connection: {error}"))?;
    let _ = stream.set_nodelay(true);
    let (mut asked, mut answer) = (Vec::new(), Vec::with_capacity(16 * 1024));
    let mut latencies = Vec::new();
    while Instant::now() < until {
        question.write(NEXT.fetch_add(1, Ordering::Relaxed), &mut asked);
        let begun = Instant::now();
        let head = call(&mut stream, &asked, &mut answer).await;
        latencies.push(micros(begun.elapsed()));
        let head = head.map_err(|error| format!("the connection ended: {error}"))?;
        judge(&head, &answer)?;
    }
    Ok(latencies)
}

/// Asks `question` so many times a second, over connections enough that none has two calls, for so long.
///
/// # Errors
/// What went wrong with the first call that failed.
pub fn steadily(
    address: SocketAddr,
    question: &Question,
    rate: u32,
    time: Duration,
) -> Result<Measured, String> {
    const LANES: u32 = 16;
    let each = Duration::from_secs(1) / rate * LANES;
    let failed = Arc::new(AtomicBool::new(false));
    let begun = Instant::now() + Duration::from_millis(50);
    let lanes: Vec<_> = (0..LANES)
        .map(|nth| {
            let (question, failed) = (question.clone(), Arc::clone(&failed));
            let first = begun + Duration::from_secs(1) / rate * nth;
            std::thread::spawn(move || {
                let asked = one_steady_lane(address, &question, (first, each), time, &failed);
                asked.inspect_err(|_| failed.store(true, Ordering::Relaxed))
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for lane in lanes {
        latencies.extend(lane.join().expect("no panic")?);
    }
    latencies.sort_unstable();
    Ok(Measured {
        calls: latencies.len() as u64,
        took: time,
        latencies,
    })
}

fn one_steady_lane(
    address: SocketAddr,
    question: &Question,
    (first, each): (Instant, Duration),
    time: Duration,
    failed: &AtomicBool,
) -> Result<Vec<u64>, String> {
    let stream = TcpStream::connect(address);
    let mut stream = stream.map_err(|error| format!("no connection: {error}"))?;
    let _ = stream.set_nodelay(true);
    let (mut asked, mut answer) = (Vec::new(), Vec::with_capacity(16 * 1024));
    let mut latencies = Vec::new();
    let mut piece = vec![0; 64 * 1024];
    let mut due = first;
    while due < first + time && !failed.load(Ordering::Relaxed) {
        question.write(NEXT.fetch_add(1, Ordering::Relaxed), &mut asked);
        let now = Instant::now();
        // Late only by this caller's own waking is not late.
        let from = if now < due {
            std::thread::sleep(due - now);
            Instant::now()
        } else {
            due
        };
        stream.write_all(&asked).map_err(|e| e.to_string())?;
        answer.clear();
        let head = read_whole(&mut stream, &mut piece, &mut answer)?;
        latencies.push(micros(from.elapsed()));
        judge(&head, &answer)?;
        due += each;
    }
    Ok(latencies)
}

/// How calls ended of which some were to fail.
#[derive(Default)]
pub struct Endings {
    /// With an answer.
    pub answered: u64,
    /// With a status that tells an error.
    pub refused: u64,
    /// With the connection.
    pub broken: u64,
}

impl Endings {
    /// All of them.
    pub fn calls(&self) -> u64 {
        self.answered + self.refused + self.broken
    }
}

/// Asks `question` over so many lanes, of which each has a call due once in `each`, for so long, whatever comes of it.
pub fn endure(
    address: SocketAddr,
    question: &Question,
    lanes: u32,
    each: Duration,
    time: Duration,
) -> Endings {
    runtime().block_on(async {
        let begun = Instant::now();
        let lanes: Vec<_> = (0..lanes)
            .map(|nth| {
                let (question, first) = (question.clone(), begun + each * nth / lanes);
                tokio::spawn(async move {
                    one_enduring_lane(address, &question, (first, each), begun + time).await
                })
            })
            .collect();
        let mut all = Endings::default();
        for lane in lanes {
            let endings = lane.await.expect("no panic");
            all.answered += endings.answered;
            all.refused += endings.refused;
            all.broken += endings.broken;
        }
        all
    })
}

async fn one_enduring_lane(
    address: SocketAddr,
    question: &Question,
    (first, each): (Instant, Duration),
    until: Instant,
) -> Endings {
    let mut endings = Endings::default();
    let (mut asked, mut answer) = (Vec::new(), Vec::with_capacity(16 * 1024));
    let (mut stream, mut due) = (None, first);
    while due < until && Instant::now() < until {
        tokio::time::sleep_until(due.into()).await;
        due += each;
        question.write(NEXT.fetch_add(1, Ordering::Relaxed), &mut asked);
        match one_call(address, &mut stream, &asked, &mut answer).await {
            Ok(200) => endings.answered += 1,
            Ok(_) => endings.refused += 1,
            Err(_) => {
                endings.broken += 1;
                stream = None;
            }
        }
    }
    endings
}

/// The status of one call over `stream`, which is opened where it is not.
async fn one_call(
    address: SocketAddr,
    stream: &mut Option<tokio::net::TcpStream>,
    asked: &[u8],
    answer: &mut Vec<u8>,
) -> std::io::Result<u16> {
    let stream = match stream {
        Some(stream) => stream,
        None => stream.insert(tokio::net::TcpStream::connect(address).await?),
    };
    Ok(call(stream, asked, answer).await?.status)
}

/// Asks over `stream` and reads the whole of the answer into `answer`.
async fn call(
    stream: &mut tokio::net::TcpStream,
    asked: &[u8],
    answer: &mut Vec<u8>,
) -> std::io::Result<Head> {
    stream.write_all(asked).await?;
    answer.clear();
    loop {
        if stream.read_buf(answer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if let Some(head) = Head::find(answer)
            && head.is_whole(answer)
        {
            return Ok(head);
        }
    }
}

/// Whether an answer is one.
fn judge(head: &Head, answer: &[u8]) -> Result<(), String> {
    // An item of a bulk fails inside of an answer that is well.
    let has_failed = head.status == 200 && body_of(&answer[head.end..], r#""error":{"type""#);
    if head.status == 200 && !has_failed {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&answer[head.end..]);
    let text: String = text.chars().take(300).collect();
    Err(format!("status {}: {text}", head.status))
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// The body of one answer.
///
/// # Errors
/// Why there is none.
pub fn answer(address: SocketAddr, question: &Question) -> Result<Vec<u8>, String> {
    let mut stream = TcpStream::connect(address).map_err(|error| error.to_string())?;
    let mut asked = Vec::new();
    question.write(NEXT.fetch_add(1, Ordering::Relaxed), &mut asked);
    stream.write_all(&asked).map_err(|e| e.to_string())?;
    let (mut answer, mut piece) = (Vec::new(), vec![0; 64 * 1024]);
    let head = read_whole(&mut stream, &mut piece, &mut answer)?;
    judge(&head, &answer)?;
    Ok(answer.split_off(head.end))
}

/// Reads one answer, `piece` by piece, into `answer`.
fn read_whole(
    stream: &mut TcpStream,
    piece: &mut [u8],
    answer: &mut Vec<u8>,
) -> Result<Head, String> {
    loop {
        match stream.read(piece) {
            Ok(0) => return Err("the connection was closed".to_owned()),
            Ok(count) => answer.extend_from_slice(&piece[..count]),
            Err(error) => return Err(error.to_string()),
        }
        if let Some(head) = Head::find(answer)
            && head.is_whole(answer)
        {
            return Ok(head);
        }
    }
}
