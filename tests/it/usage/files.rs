//! What a restart finds in the file, and what becomes of one that cannot be used.

use std::path::Path;

use reqwest::Method;
use rusqlite::Connection;
use serde_json::Value;

use super::{cost, kept_at, today, upstream};
use crate::helpers::process::{Belay, folder_with, run};
use crate::helpers::{Config, TestApp, Upstream, opportunity_named, until};

/// What is left of the budget of a day.
async fn left(belay: &Belay) -> f64 {
    let whoami = belay.call(Method::GET, "/whoami").send().await.expect_ok();
    let all = whoami["allowances"].as_array().expect("a list");
    let budget = all.iter().find(|one| one["name"] == "budget_usd_per_day");
    budget.expect("there is one")["remaining"]
        .as_f64()
        .expect("a number")
}

async fn report(belay: &Belay) -> Value {
    belay.call(Method::GET, "/usage").send().await.expect_ok()
}

fn config(upstream: &Upstream, file: &Path) -> Config {
    let config = Config::to(upstream)
        .limit("budget_usd_per_day", 1)
        .server("drain_delay_s", 0);
    kept_at(config, file)
}

#[tokio::test]
async fn usage_and_budgets_survive_a_restart_and_an_end_without_warning() {
    let upstream = upstream().await;
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(&upstream, &folder.path().join("usage.db"));
    let mut kills = 0.0;
    for (nth, signal) in ["TERM", "TERM", "KILL", "KILL", "TERM"]
        .into_iter()
        .enumerate()
    {
        let mut belay = Belay::serve(&config).await;
        belay
            .brief(&opportunity_named(nth))
            .send()
            .await
            .expect_ok();
        let calls = nth as u64 + 1;
        let told = report(&belay).await;
        assert_eq!(told["totals"]["calls"], calls);
        assert_eq!(told["rows"][0]["day"], today().to_string());
        let rest = left(&belay).await;
        // An end in order leaves the truth, a kill a thousandth of the budget less at most.
        let more = 1.0 - rest - cost(calls);
        assert!((-1e-9..=kills * 0.001 + 1e-9).contains(&more), "{rest}");
        kills += f64::from(u8::from(signal == "KILL"));
        belay.signal(signal).await;
        belay.ended().await;
    }
}

#[tokio::test]
async fn what_a_killed_process_had_reserved_is_spent() {
    let (held, gate) = Upstream::held().await;
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(&held, &folder.path().join("usage.db"));
    let mut belay = Belay::serve(&config).await;
    let call = belay.brief(&opportunity_named("held"));
    let hanging = crate::helpers::app::spawn(async move { call.try_send().await });
    held.reached(1).await;
    belay.signal("KILL").await;
    belay.ended().await;
    assert!(hanging.await.expect("no panic").is_err());
    drop(gate);

    let bound = held.seen()[0].bound();
    let belay = Belay::serve(&config).await;
    let rest = left(&belay).await;
    let more = 1.0 - rest - bound;
    assert!(
        (-1e-5..=0.001 + 1e-5).contains(&more),
        "{rest} is left, {bound} was reserved"
    );
    assert_eq!(report(&belay).await["totals"]["calls"], 0);
}

#[tokio::test]
async fn one_file_is_one_process_s() {
    let upstream = upstream().await;
    let folder = tempfile::tempdir().expect("a folder");
    let config = config(&upstream, &folder.path().join("usage.db"));
    let belay = Belay::serve(&config).await;
    let told = refused(&config).await;
    assert!(
        told.contains("usage.file: ") && told.contains("is in use by another process"),
        "{told}"
    );
    belay.brief(&opportunity_named(1)).send().await.expect_ok();
}

/// What a start says that is refused.
async fn refused(config: &Config) -> String {
    let (_folder, path) = folder_with(&config.text());
    let output = run(&["serve", "--config", path.to_str().expect("a path")]).await;
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn a_file_that_is_no_journal_is_named_and_left_as_it_is() {
    let upstream = upstream().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("usage.db");
    let config = config(&upstream, &file);

    std::fs::write(&file, "a letter, and no database".repeat(100)).expect("it can be written");
    let told = refused(&config).await;
    assert!(told.contains("is a database of something else"), "{told}");
    assert!(
        std::fs::read(&file)
            .expect("it is there")
            .starts_with(b"a letter")
    );

    std::fs::remove_file(&file).expect("it is there");
    let other = Connection::open(&file).expect("a database");
    other
        .execute_batch("CREATE TABLE notes (text)")
        .expect("a table");
    drop(other);
    let told = refused(&config).await;
    assert!(told.contains("is a database of something else"), "{told}");

    std::fs::remove_file(&file).expect("it is there");
    let ours = TestApp::new(&config).await;
    ours.brief(&opportunity_named(1)).send().await.expect_ok();
    ours.stop();
    ours.ended().await;
    let later = Connection::open(&file).expect("a database");
    later
        .pragma_update(None, "user_version", 2)
        .expect("it is written");
    drop(later);
    let told = refused(&config).await;
    assert!(told.contains("a later release"), "{told}");

    let nowhere = super::kept_at(Config::to(&upstream), &folder.path().join("none/usage.db"));
    let told = refused(&nowhere).await;
    assert!(told.contains("none/usage.db cannot be used"), "{told}");
}

#[tokio::test]
async fn a_damaged_file_is_told_and_begins_anew_once_it_is_moved_away() {
    let upstream = upstream().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("usage.db");
    let config = config(&upstream, &file);
    let first = TestApp::new(&config).await;
    first.brief(&opportunity_named(1)).send().await.expect_ok();
    first.stop();
    first.ended().await;
    for beside in ["usage.db-wal", "usage.db-shm"] {
        let _ = std::fs::remove_file(folder.path().join(beside));
    }
    let mut bytes = std::fs::read(&file).expect("it is there");
    assert!(bytes.len() > 4_096, "{}", bytes.len());
    bytes[4_096..].fill(0xff);
    std::fs::write(&file, &bytes).expect("it can be written");
    let told = refused(&config).await;
    assert!(
        told.contains("is damaged") && told.contains("move it away"),
        "{told}"
    );
    std::fs::rename(&file, folder.path().join("aside.db")).expect("it is there");
    let belay = Belay::serve(&config).await;
    assert_eq!(report(&belay).await["totals"]["calls"], 0);
}

#[tokio::test]
async fn calls_are_answered_while_nothing_can_be_written_and_counted_afterwards() {
    let upstream = upstream().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("usage.db");
    let app = TestApp::new(&config(&upstream, &file)).await;
    let other = Connection::open(&file).expect("a database");
    other
        .execute_batch("BEGIN IMMEDIATE")
        .expect("it can be locked");
    for nth in 0..3 {
        app.brief(&opportunity_named(nth)).send().await.expect_ok();
    }
    app.metric_reaches("belay_usage_write_failures_total", 1.0)
        .await;
    app.brief(&opportunity_named(3)).send().await.expect_ok();
    other.execute_batch("ROLLBACK").expect("it can be let go");
    until("what was used", async || {
        let report = app.get("/usage").send().await.expect_ok();
        report["totals"]["calls"] == 4
    })
    .await;
    let (left, _) = app.allowance("budget_usd_per_day").await;
    assert!((1.0 - left - cost(4)).abs() < 1e-9, "{left}");
}

#[tokio::test]
async fn what_is_older_than_it_is_kept_is_thrown_away() {
    let upstream = upstream().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("usage.db");
    let keeping = |days: u32| {
        Config::to(&upstream).more(&format!(
            "[usage]\nfile = \"{}\"\nkeep_days = {days}\n",
            file.display()
        ))
    };
    let calls = async |at: &str, days: u32| {
        let clock = crate::helpers::TestClock::running_from(at);
        let app = TestApp::in_world(keeping(days).settings(), clock.world()).await;
        app.brief(&opportunity_named(at)).send().await.expect_ok();
        let report = app.get("/usage?from=2026-01-01").send().await.expect_ok();
        app.stop();
        app.ended().await;
        report["totals"]["calls"].as_u64().expect("a number")
    };
    assert_eq!(calls("2026-03-10T12:00:00Z", 30).await, 1);
    assert_eq!(calls("2026-04-09T12:00:00Z", 30).await, 2);
    assert_eq!(
        calls("2026-04-12T12:00:00Z", 30).await,
        2,
        "the first is gone"
    );
}
