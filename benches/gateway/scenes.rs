//! What is asked of whom, in which order.

use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};
use std::time::Duration;

use crate::asking::{Measured, endure, saturate, steadily};
use crate::parts::{self, Awake, Part};
use crate::questions::Question;
use crate::table::Table;

/// How long each thing is measured.
#[derive(Clone, Copy)]
struct Times {
    saturated: Duration,
    steady: Duration,
    rest: Duration,
    rounds: usize,
}

/// What saturation showed of one.
struct Saturated {
    measured: Measured,
    /// Milliseconds on a core, for each call.
    cpu: f64,
}

/// Runs all of it.
pub fn run() -> ExitCode {
    if parts::cores().is_some() && std::env::var("BELAY_BENCH_PINNED").is_err() {
        // Callers keep to the core of the upstream.
        let own = std::env::current_exe().expect("a program");
        let error = Command::new("taskset")
            .args(["-c", "0"])
            .arg(own)
            .args(std::env::args().skip(1))
            .env("BELAY_BENCH_PINNED", "1")
            .exec();
        eprintln!("taskset cannot be started: {error}");
        return ExitCode::FAILURE;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is = |name: &str| arguments.iter().any(|argument| argument == name);
    let times = if is("--quick") {
        Times {
            saturated: Duration::from_secs(1),
            steady: Duration::from_secs(2),
            rest: Duration::from_secs(5),
            rounds: 1,
        }
    } else {
        Times {
            saturated: Duration::from_secs(2),
            steady: Duration::from_secs(8),
            rest: Duration::from_mins(1),
            rounds: 3,
        }
    };
    let mut table = Table::default();
    let _awake = parts::cores().map(|(_, others)| Awake::on(&[others]));
    let measured = if is("--train") {
        train(times)
    } else if is("--soak") {
        soak(&mut table, is("--quick"))
    } else if is("--profile") {
        alone()
    } else if is("--headline") {
        headline(&mut table, times)
    } else {
        everything(&mut table, times)
    };
    if let Err(why) = measured {
        eprintln!("\nthe run is invalid: {why}");
        return ExitCode::FAILURE;
    }
    let write = arguments.iter().position(|argument| argument == "--write");
    if let Some(path) = write.and_then(|at| arguments.get(at + 1)) {
        std::fs::write(path, table.markdown()).expect("it can be written");
    }
    ExitCode::SUCCESS
}

/// The one line that everything else hangs on.
fn headline(table: &mut Table, times: Times) -> Result<(), String> {
    let upstream = parts::upstream();
    let nginx = parts::nginx(upstream.address)?;
    let belay = parts::belay(upstream.address, None);
    in_saturation(
        table,
        times,
        (&upstream, &nginx, &belay),
        &[(Question::message(4 * 1024, false), 64)],
    )?;
    at_a_steady_rate(table, times, (&upstream, &nginx, &belay))?;
    from_the_cache(table, times, &belay)
}

/// Asks the gateway alone for half a minute, for whoever looks into it meanwhile: by messages, then for what is cached.
fn alone() -> Result<(), String> {
    let upstream = parts::upstream();
    let belay = parts::belay(upstream.address, None);
    for question in [
        Question::message(4 * 1024, false),
        Question::briefing(false),
    ] {
        let before = belay.cpu();
        let asked = saturate(belay.address, &question, 64, Duration::from_secs(15))?;
        #[expect(clippy::cast_precision_loss, reason = "a count")]
        let cpu = (belay.cpu() - before) * 1e3 / asked.calls as f64;
        println!(
            "{}: {:.0}/s, {cpu:.4} ms a call",
            question.name,
            asked.rate()
        );
    }
    Ok(())
}

/// Asks the gateway in each of its ways and ends it in order, so that a binary that counts what of it runs writes that down.
fn train(times: Times) -> Result<(), String> {
    let upstream = parts::upstream();
    let redis = parts::redis()?;
    let single = [
        Question::message(4 * 1024, false),
        Question::message(4 * 1024, true),
        Question::briefing(true),
        Question::briefing(false),
    ];
    // A counting binary is too slow for two hundred records before a store at once.
    let bulk = [Question::bulk()];
    for (store, questions) in [
        (None, &single[..]),
        (None, &bulk),
        (Some(redis.address), &single),
    ] {
        let belay = parts::belay(upstream.address, store);
        // A replica that begins waits for the others that it is told of.
        std::thread::sleep(Duration::from_secs(3));
        for question in questions {
            for connections in [1, 4, 16] {
                saturate(belay.address, question, connections, times.saturated / 2)?;
            }
        }
        belay.end()?;
    }
    Ok(())
}

/// Ten minutes at four fifths of what it can take, before an upstream that fails three calls in ten: what it holds each minute.
fn soak(table: &mut Table, is_quick: bool) -> Result<(), String> {
    const LANES: u32 = 1_024;
    let minute = Duration::from_secs(if is_quick { 3 } else { 60 });
    let upstream = parts::faulty_upstream();
    let belay = parts::belay(upstream.address, None);
    let question = Question::message(4 * 1024, false);
    table.begin(
        "A soak at four fifths of capacity, three calls of the upstream in ten failing",
        &[
            "minute",
            "calls",
            "answered",
            "told an error",
            "broken off",
            "MiB",
            "files",
        ],
    );
    let row = |table: &mut Table, name: &str, told: [String; 4]| {
        let held = [format!("{:.1}", belay.memory()), belay.files().to_string()];
        let [calls, answered, refused, broken] = told;
        let [memory, files] = held;
        table.row(&[
            name.to_owned(),
            calls,
            answered,
            refused,
            broken,
            memory,
            files,
        ]);
    };
    let none = || [const { String::new() }; 4];
    belay.settled();
    row(table, "(idle)", none());
    let files = belay.files();
    let most = endure(belay.address, &question, LANES, Duration::ZERO, minute / 3);
    #[expect(clippy::cast_precision_loss, reason = "a count")]
    let each = (minute / 3).mul_f64(1.25 * f64::from(LANES) / most.calls().max(1) as f64);
    row(table, "(after finding how many)", none());
    for nth in 1..=10 {
        let told = endure(belay.address, &question, LANES, each, minute);
        let told = [told.calls(), told.answered, told.refused, told.broken];
        row(table, &nth.to_string(), told.map(|count| count.to_string()));
    }
    // Connections to the upstream are kept for 50 s, and looked at as often.
    std::thread::sleep(Duration::from_mins(2));
    row(table, "(two minutes later)", none());
    // A few that open with the first call stay.
    let later = belay.files();
    if later > files + 16 {
        return Err(format!("of {files} files it has come to {later}"));
    }
    Ok(())
}

fn everything(table: &mut Table, times: Times) -> Result<(), String> {
    let upstream = parts::upstream();
    let nginx = parts::nginx(upstream.address)?;
    let belay = parts::belay(upstream.address, None);
    belay.settled();
    let idle = (nginx.memory(), belay.memory());
    let files = belay.files();
    let all = (&upstream, &nginx, &belay);
    let whole = |kib: usize| Question::message(kib * 1024, false);
    let events = || Question::message(4 * 1024, true);
    let mut asked = Vec::new();
    for kib in [1, 4, 100] {
        asked.extend([1, 16, 64, 512].map(|connections| (whole(kib), connections)));
    }
    asked.extend([(events(), 64), (events(), 512)]);
    in_saturation(table, times, all, &asked)?;
    at_a_steady_rate(table, times, all)?;
    from_the_cache(table, times, &belay)?;
    tasks(table, times, &belay)?;

    let peak = (nginx.memory(), belay.memory());
    std::thread::sleep(times.rest);
    let rested = (nginx.memory(), belay.memory());
    let title = format!(
        "Memory, in MiB: idle, after all of the above, and {} s later",
        times.rest.as_secs()
    );
    table.begin(
        &title,
        &["", "idle", "after", "later", "later / idle", "files"],
    );
    let line = |name: &str, idle: f64, peak: f64, rested: f64, files: String| {
        [
            name.to_owned(),
            format!("{idle:.1}"),
            format!("{peak:.1}"),
            format!("{rested:.1}"),
            format!("{:.2}", rested / idle),
            files,
        ]
    };
    table.row(&line("nginx", idle.0, peak.0, rested.0, String::new()));
    let open = format!("{files} → {}", belay.files());
    table.row(&line("belay", idle.1, peak.1, rested.1, open));
    drop((belay, nginx));

    with_a_store(table, times, &upstream)
}

/// Each of them in turn, so that what the machine does meanwhile falls on all; the middle one of the rounds counts.
fn in_saturation(
    table: &mut Table,
    times: Times,
    (upstream, nginx, belay): (&Part, &Part, &Part),
    asked: &[(Question, usize)],
) -> Result<(), String> {
    table.begin(
        "In saturation: calls a second, and milliseconds of CPU a call",
        &[
            "",
            "connections",
            "direct/s",
            "nginx/s",
            "belay/s",
            "nginx ms",
            "belay ms",
            "belay/nginx",
            "p50 ms",
            "p90 ms",
            "p99 ms",
        ],
    );
    for (question, connections) in asked {
        let mut rounds = Vec::new();
        for _ in 0..times.rounds {
            let direct = saturate(
                upstream.address,
                question,
                *connections,
                times.saturated / 2,
            )?;
            let nginx = saturated(nginx, question, *connections, times)?;
            let belay = saturated(belay, question, *connections, times)?;
            rounds.push((direct, nginx, belay));
        }
        rounds
            .sort_by(|one, other| (one.2.cpu / one.1.cpu).total_cmp(&(other.2.cpu / other.1.cpu)));
        let (direct, nginx, belay) = &rounds[rounds.len() / 2];
        let latency = |share| format!("{:.2}", belay.measured.quantile(share));
        table.row(&[
            question.name.clone(),
            connections.to_string(),
            format!("{:.0}", direct.rate()),
            format!("{:.0}", nginx.measured.rate()),
            format!("{:.0}", belay.measured.rate()),
            format!("{:.4}", nginx.cpu),
            format!("{:.4}", belay.cpu),
            format!("{:.2}", belay.cpu / nginx.cpu),
            latency(0.5),
            latency(0.9),
            latency(0.99),
        ]);
    }
    Ok(())
}

fn saturated(
    part: &Part,
    question: &Question,
    connections: usize,
    times: Times,
) -> Result<Saturated, String> {
    // Connections stand, caches are warm.
    saturate(part.address, question, connections, times.saturated / 4)?;
    let before = part.cpu();
    let measured = saturate(part.address, question, connections, times.saturated)?;
    #[expect(clippy::cast_precision_loss, reason = "a count")]
    let cpu = (part.cpu() - before) * 1e3 / measured.calls as f64;
    Ok(Saturated { measured, cpu })
}

fn at_a_steady_rate(
    table: &mut Table,
    times: Times,
    (upstream, nginx, belay): (&Part, &Part, &Part),
) -> Result<(), String> {
    table.begin(
        "At a steady rate: milliseconds that are added to asking directly",
        &["", "", "p50", "p90", "p99", "p50 / nginx", "p99 / nginx"],
    );
    let question = Question::message(4 * 1024, false);
    let _awake = parts::cores().map(|(measured, others)| Awake::on(&[measured, others]));
    for rate in [200, 1_000] {
        let of = |address: SocketAddr| {
            steadily(address, &question, rate, times.steady / 4)?;
            steadily(address, &question, rate, times.steady)
        };
        let direct = of(upstream.address)?;
        let told = format!("{}, {rate}/s", question.name);
        let shares = [0.5, 0.9, 0.99];
        let plain = shares.map(|share| direct.quantile(share));
        let nginx = of(nginx.address)?;
        let belay = of(belay.address)?;
        let added = |one: &Measured| {
            let mut nth = 0;
            shares.map(|share| {
                nth += 1;
                one.quantile(share) - plain[nth - 1]
            })
        };
        let (nginx, belay) = (added(&nginx), added(&belay));
        let cells = |name: &str, values: [f64; 3], ratios: [String; 2]| {
            let values = values.map(|value| format!("{value:.3}"));
            let [p50, p90, p99] = values;
            let [first, last] = ratios;
            [told.clone(), name.to_owned(), p50, p90, p99, first, last]
        };
        let none = || [String::new(), String::new()];
        table.row(&cells("direct (all of it)", plain, none()));
        table.row(&cells("nginx", nginx, none()));
        let ratio = |nth: usize| format!("{:.2}", belay[nth] / nginx[nth]);
        table.row(&cells("belay", belay, [ratio(0), ratio(2)]));
    }
    Ok(())
}

/// A hit beside a bare handler that answers with the same bytes.
fn from_the_cache(table: &mut Table, times: Times, belay: &Part) -> Result<(), String> {
    let question = Question::briefing(false);
    let answer = crate::asking::answer(belay.address, &question)?;
    let answer_again = crate::asking::answer(belay.address, &question)?;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("answer");
    std::fs::write(&path, &answer_again).expect("it can be written");
    let bare = parts::bare(&path);
    table.begin(
        "An answer from the cache, beside a bare axum handler with the same bytes",
        &[
            "",
            "connections",
            "bare/s",
            "belay/s",
            "belay/bare",
            "bare ms",
            "belay ms",
        ],
    );
    for connections in [16, 64, 512] {
        let plain = saturated(&bare, &question, connections, times)?;
        let hit = saturated(belay, &question, connections, times)?;
        table.row(&[
            format!("{}, {} bytes", question.name, answer.len()),
            connections.to_string(),
            format!("{:.0}", plain.measured.rate()),
            format!("{:.0}", hit.measured.rate()),
            format!("{:.2}", hit.measured.rate() / plain.measured.rate()),
            format!("{:.4}", plain.cpu),
            format!("{:.4}", hit.cpu),
        ]);
    }
    Ok(())
}

fn tasks(table: &mut Table, times: Times, belay: &Part) -> Result<(), String> {
    table.begin(
        "Tasks, each record asked of the upstream",
        &[
            "",
            "connections",
            "records/s",
            "ms a record",
            "p50 ms",
            "p99 ms",
        ],
    );
    for (question, connections) in [
        (Question::briefing(true), 1),
        (Question::briefing(true), 64),
        (Question::bulk(), 1),
        (Question::bulk(), 4),
    ] {
        let all = saturated(belay, &question, connections, times)?;
        #[expect(clippy::cast_precision_loss, reason = "a count")]
        let records = question.records as f64;
        table.row(&[
            question.name.clone(),
            connections.to_string(),
            format!("{:.0}", all.measured.rate() * records),
            format!("{:.4}", all.cpu / records),
            format!("{:.2}", all.measured.quantile(0.5)),
            format!("{:.2}", all.measured.quantile(0.99)),
        ]);
    }
    Ok(())
}

/// The same behind a store that replicas share.
fn with_a_store(table: &mut Table, times: Times, upstream: &Part) -> Result<(), String> {
    let redis = parts::redis()?;
    let belay = parts::belay(upstream.address, Some(redis.address));
    std::thread::sleep(Duration::from_secs(3));
    table.begin(
        "With [shared], one replica before a Redis on the callers' core",
        &[
            "",
            "connections",
            "calls/s",
            "ms a call",
            "p50 ms",
            "p99 ms",
        ],
    );
    for connections in [1, 16, 64] {
        let question = Question::message(4 * 1024, false);
        let all = saturated(&belay, &question, connections, times)?;
        table.row(&[
            question.name.clone(),
            connections.to_string(),
            format!("{:.0}", all.measured.rate()),
            format!("{:.4}", all.cpu),
            format!("{:.2}", all.measured.quantile(0.5)),
            format!("{:.2}", all.measured.quantile(0.99)),
        ]);
    }
    Ok(())
}
