//! The failover matrix: what each fault of one, two or three targets comes to, in attempts and in money.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket};

use crate::helpers::app::spawn;
use crate::helpers::events::saying;
use crate::helpers::reply::COST;
use crate::helpers::{Config, Play, Reply, Stream, TestApp, TestClock, Upstream, until};

/// What a target does.
#[derive(Clone)]
enum Does {
    /// This, to every request.
    Plays(Play),
    /// Nothing: nobody listens there.
    Refuses,
    /// It does not speak TLS, where it should.
    NoTls,
}

/// One row of the matrix.
struct Row {
    name: &'static str,
    does: Does,
    /// Whether the client asks for events.
    stream: bool,
    /// The status where every target does it.
    status: u16,
    /// The attempts at one target.
    attempts: u32,
    /// Whether the next target is asked.
    next: bool,
    /// Whether each attempt is charged in full, since nobody knows what it used.
    in_full: bool,
}

/// What has to live for a target to be where it is.
enum Kept {
    Upstream(Upstream),
    Port(#[expect(dead_code, reason = "it is bound until it is dropped")] TcpSocket),
    Nothing,
}

impl Kept {
    fn upstream(&self) -> Option<&Upstream> {
        match self {
            Self::Upstream(upstream) => Some(upstream),
            Self::Port(_) | Self::Nothing => None,
        }
    }
}

const SAID: &str = r#"{"type":"error","error":{"type":"invalid_request_error","message":"no"}}"#;

fn row(name: &'static str, does: Does, status: u16, attempts: u32) -> Row {
    Row {
        name,
        does,
        stream: false,
        status,
        attempts,
        next: true,
        in_full: false,
    }
}

fn rows() -> Vec<Row> {
    let says = |status| Does::Plays(Play::Status(status, &[], SAID));
    let asks_to_wait = Does::Plays(Play::Status(429, &[("Retry-After", "900")], SAID));
    let cut_amid = row("cut mid-body", Does::Plays(Play::CutAmid), 502, 3);
    let hang = row("hang", Does::Plays(Play::Hang), 502, 1);
    let events = saying(&["Hello", " there"]);
    let cut = |pieces: usize| Does::Plays(Play::Stream(Stream::cut(events[..pieces].to_vec())));
    let before = row("cut before the first event", cut(0), 502, 3);
    let behind = row("cut after the first event", cut(4), 200, 1);
    vec![
        row("connect refused", Does::Refuses, 502, 3),
        row("TLS error", Does::NoTls, 502, 3),
        row("401", says(401), 502, 1),
        row("403", says(403), 502, 1),
        row("408", says(408), 502, 3),
        Row {
            next: false,
            ..row("413", says(413), 413, 1)
        },
        row("429", says(429), 429, 3),
        row("429 with Retry-After", asks_to_wait, 429, 1),
        row("500", says(500), 502, 3),
        row("503", says(503), 529, 3),
        row("529", says(529), 529, 3),
        Row {
            in_full: true,
            ..hang
        },
        Row {
            in_full: true,
            ..cut_amid
        },
        Row {
            in_full: true,
            stream: true,
            ..before
        },
        Row {
            in_full: true,
            stream: true,
            next: false,
            ..behind
        },
    ]
}

fn question(stream: bool) -> Value {
    json!({
        "model": "default", "max_tokens": 64, "stream": stream,
        "messages": [{"role": "user", "content": "Hello"}],
    })
}

/// The most that one attempt can cost: a token a byte and 2,000 more at the dearest input, and all the room for output.
fn bound(stream: bool) -> f64 {
    let mut sent = question(stream);
    sent["model"] = json!("claude-sonnet-5-5");
    let bytes = u32::try_from(sent.to_string().len()).expect("short");
    ((f64::from(bytes) + 2_000.0) * 4.0 + 64.0 * 10.0) / 1e6
}

/// Where a target is that does it, and what keeps it there for as long as that lives.
async fn listening(does: &Does) -> (String, Kept) {
    match does {
        Does::Plays(play) => {
            let upstream = Upstream::doing(play.clone()).await;
            (upstream.address(), Kept::Upstream(upstream))
        }
        Does::NoTls => {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
            let address = listener.local_addr().expect("it is bound");
            spawn(async move {
                while let Ok((mut stream, _)) = listener.accept().await {
                    let _ = stream.write_all(b"HTTP/1.1 400 Plain\r\n\r\n").await;
                }
            });
            (format!("https://{address}"), Kept::Nothing)
        }
        Does::Refuses => {
            // Bound and not listening: whoever connects is refused, and no other test is given the port.
            let socket = TcpSocket::new_v4().expect("a socket");
            let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            socket.bind(any).expect("a free port");
            let address = socket.local_addr().expect("it is bound");
            (format!("http://{address}"), Kept::Port(socket))
        }
    }
}

/// The app before targets that do these, in their order.
async fn app_before(targets: &[Does]) -> (TestApp, Vec<Kept>) {
    let mut upstreams = Vec::new();
    let mut config: Option<Config> = None;
    for (does, name) in targets.iter().zip(["claude", "second", "third"]) {
        let (address, upstream) = listening(does).await;
        config = Some(match config {
            None => Config::to_address(&address),
            Some(config) => config.also(name, &address),
        });
        upstreams.push(upstream);
    }
    let config = config.expect("a target");
    let mut settings = config.limit("budget_usd_per_day", 10.0).settings();
    let hangs = |does: &Does| matches!(does, Does::Plays(Play::Hang));
    if targets.iter().any(hangs) {
        // Only what hangs is given up by time, so that a busy machine changes nothing else.
        settings.engine.longest_life = Duration::from_secs(1);
    }
    let world = TestClock::running_from("2026-03-10T12:00:00Z").world();
    (TestApp::in_world(settings, world).await, upstreams)
}

/// Requests that these targets saw, all together.
fn count_at(targets: &[Kept]) -> usize {
    let seen = targets.iter().filter_map(Kept::upstream);
    seen.map(Upstream::count).sum()
}

/// Attempts that reached for any provider.
async fn attempts(app: &TestApp) -> f64 {
    let page = app.admin("/metrics").await.text();
    let counts = page
        .lines()
        .filter(|line| line.starts_with("belay_upstream_seconds_count{"))
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok());
    counts.sum()
}

async fn charged(app: &TestApp) -> f64 {
    let (left, all) = app.allowance("budget_usd_per_day").await;
    all - left
}

#[tokio::test]
async fn each_fault_has_its_outcome_its_attempts_and_its_bill() {
    for row in rows() {
        for count in 1..=3_usize {
            let place = format!("{}, {count} targets", row.name);
            let (app, _upstreams) = app_before(&vec![row.does.clone(); count]).await;
            let answer = app.relay(&question(row.stream)).send().await;
            assert_eq!(answer.status, row.status, "{place}: {}", answer.text());
            if row.status != 200 {
                assert_eq!(answer.header("x-should-retry"), Some("false"), "{place}");
                assert_eq!(answer.json()["type"], "error", "{place}");
            }
            let targets = if row.next { count } else { 1 };
            let expected = f64::from(row.attempts) * f64::from(u32::try_from(targets).expect("3"));
            until(&place, async || attempts(&app).await >= expected).await;
            let made = attempts(&app).await;
            assert!((made - expected).abs() < 1e-9, "{place}: {made} attempts");
            let due = if row.in_full {
                made * bound(row.stream)
            } else {
                0.0
            };
            let billed = charged(&app).await;
            assert!(
                (billed - due).abs() < 1e-5,
                "{place}: ${billed}, not ${due}"
            );
        }
    }
}

#[tokio::test]
async fn where_the_last_target_is_well_it_answers_what_the_others_could_not() {
    for row in rows().into_iter().filter(|row| row.next) {
        for count in 2..=3_usize {
            let place = format!("{}, {count} targets", row.name);
            let mut targets = vec![row.does.clone(); count - 1];
            targets.push(Does::Plays(if row.stream {
                Play::Stream(Stream::of(saying(&["Hi"])))
            } else {
                Play::Answer(Reply::good())
            }));
            let (app, upstreams) = app_before(&targets).await;
            let answer = app.relay(&question(row.stream)).send().await;
            assert_eq!(answer.status, 200, "{place}: {}", answer.text());
            let last = upstreams.last().and_then(Kept::upstream).expect("it lives");
            assert_eq!(last.count(), 1, "{place}");
            let failed = f64::from(row.attempts) * f64::from(u32::try_from(count - 1).expect("2"));
            let due = COST
                + if row.in_full {
                    failed * bound(row.stream)
                } else {
                    0.0
                };
            until(&place, async || charged(&app).await <= due + 1e-5).await;
            let billed = charged(&app).await;
            assert!(
                (billed - due).abs() < 1e-5,
                "{place}: ${billed}, not ${due}"
            );
        }
    }
}

/// A thousand calls, thirty-two at once; how many of them were answered.
async fn a_thousand_calls(app: &TestApp) -> usize {
    let body = question(false);
    let calls = futures_util::stream::iter(0..1_000).map(|_| app.relay(&body).send());
    let answers = calls.buffer_unordered(32);
    answers
        .filter(|answer| std::future::ready(answer.status == 200))
        .count()
        .await
}

#[tokio::test]
async fn an_outage_of_every_target_is_no_storm() {
    let down = Does::Plays(Play::Status(529, &[], SAID));
    let (app, upstreams) = app_before(&[down.clone(), down]).await;
    assert_eq!(a_thousand_calls(&app).await, 0);
    let seen = count_at(&upstreams);
    // A tenth more than there are calls, the floor of the retries, and what opens two breakers.
    assert!(seen <= 1_100 + 10 + 2 * 5, "{seen} attempts");
}

#[tokio::test]
async fn while_one_of_two_targets_is_down_every_call_is_answered() {
    let down = Does::Plays(Play::Status(529, &[], SAID));
    let well = Does::Plays(Play::Answer(Reply::good()));
    let (app, upstreams) = app_before(&[down, well]).await;
    assert_eq!(a_thousand_calls(&app).await, 1_000);
    let seen = count_at(&upstreams);
    assert!(seen <= 1_100 + 10 + 5, "{seen} attempts");
}

#[tokio::test]
async fn betas_that_are_no_names_are_refused() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let body = json!({
        "model": "default", "max_tokens": 16,
        "messages": [{"role": "user", "content": "hello"}]
    });
    let long = "x".repeat(129);
    for betas in ["a,,b", "one two", "a;b", long.as_str(), "a,"] {
        let answer = app
            .relay(&body)
            .header("anthropic-beta", betas)
            .send()
            .await;
        assert_eq!(answer.status, 400, "{betas}");
        let told = answer.text();
        assert!(told.contains("anthropic-beta must be names"), "{told}");
    }
    assert_eq!(upstream.count(), 0);
}
