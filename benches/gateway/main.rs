//! What the gateway costs, beside nginx and beside asking directly, on this machine and in one run.
//!
//! `cargo bench --bench gateway` starts the binary, an upstream, nginx as the yardstick, a real Redis and a
//! bare axum handler, asks through each in turn, and prints a table, which `-- --write FILE` writes as Markdown as well.
//! `-- --quick` asks for a shorter time: good for a look, not for the record; `-- --headline` for the first part alone;
//! `-- --profile` asks nobody but the gateway, for a profiler; `-- --train` asks it in every way and ends it in order, for a
//! compiler that is to learn what of it runs; `-- --soak` asks for ten minutes, before an upstream that fails three calls in
//! ten, and tells what the gateway holds each minute. `BELAY_BENCH_BINARY` names another binary than that of this build.
//!
//! # How
//! Whoever is measured runs alone on one core; callers and the upstream share the other. Every policy is on: keys, limits,
//! budgets, privacy over every text, cache look-ups, usage in a file, audit lines, the log, metrics. nginx keeps its
//! connections and writes its access log.
//!
//! * *Saturation*: each connection asks again as soon as it has its answer. CPU is what the scheduler counted for the
//!   process, of all its threads, divided by the calls.
//!   The callers' core is kept awake by work of the lowest class, so that nobody is charged for waking it.
//! * *A steady rate*: calls are due at fixed times, whatever becomes of those before. A call that was due while its
//!   connection still waited counts from when it was due. Both cores are kept awake.
//!
//! A call that fails, or an answer of another length than the first, makes the run invalid: exit code 1.

#![expect(
    clippy::disallowed_methods,
    reason = "a benchmark asks the machine for its time and ends with its process"
)]

mod asking;
mod parts;
mod questions;
mod scenes;
mod table;
mod upstream;

use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::var("BELAY_BENCH_ROLE").as_deref() {
        Ok("upstream") => upstream::serve(),
        Ok("bare") => upstream::serve_bare(),
        _ => scenes::run(),
    }
}
