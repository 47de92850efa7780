//! `belay demo`: the main job, seen.
//!
//! Starts the very gateway that ships on a free port, with the simulator behind it, and asks it over real HTTP.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::app::{App, Listeners, World};
use crate::config::{self, Surroundings};
use crate::identity::ApiKey;

/// An Opportunity, as Apex serializes it.
const OPPORTUNITY: &str = include_str!("demo/opportunity.json");
/// A Case with its comments, as Apex serializes it.
const CASE: &str = include_str!("demo/case.json");

/// A machine with nothing set: the demo shows the same everywhere.
struct Bare;

impl Surroundings for Bare {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn variables(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    fn file(&self, _: &std::path::Path) -> std::io::Result<Vec<u8>> {
        Err(std::io::ErrorKind::NotFound.into())
    }
}

/// One who calls the gateway as Apex would.
struct Caller {
    client: reqwest::Client,
    base: String,
    key: String,
}

/// Shows each task, a bulk and a cached answer; succeeds only if every call did what it should.
pub async fn run() -> anyhow::Result<ExitCode> {
    let key =
        ApiKey::generate().map_err(|_| anyhow::anyhow!("the system has no randomness to give"))?;
    let mut settings = config::sandbox(&key.hash(), &Bare)?;
    settings.lifecycle.drain = Duration::from_secs(5);
    let app = App::build(settings, World::default())?;
    let lifecycle = app.lifecycle();
    let listeners = Listeners {
        public: TcpListener::bind("127.0.0.1:0").await?,
        admin: TcpListener::bind("127.0.0.1:0").await?,
    };
    let base = format!("http://{}", listeners.public.local_addr()?);
    let client = crate::providers::anthropic::client(&base.parse()?)?;
    let caller = Caller {
        client,
        base,
        key: key.reveal().to_owned(),
    };
    let shown = async {
        let shown = show(&caller).await;
        lifecycle.stop();
        shown
    };
    let (served, shown) = tokio::join!(app.serve(listeners), shown);
    shown?;
    served?;
    println!("Every call did what it should.");
    Ok(ExitCode::SUCCESS)
}

async fn show(caller: &Caller) -> anyhow::Result<()> {
    let opportunity: Value = serde_json::from_str(OPPORTUNITY)?;
    let case: Value = serde_json::from_str(CASE)?;
    println!(
        "Belay at {}, answering from the simulator: no network, no key, no cost.\n",
        caller.base
    );

    heading(
        "POST /briefing",
        "an Opportunity with its contacts and activities",
    );
    let first = caller
        .post("/briefing", &json!({"record": opportunity}))
        .await?;
    page(&first.body)?;

    heading("POST /case-summary", "a Case with its comment thread");
    let summary = caller
        .post("/case-summary", &json!({"record": case}))
        .await?;
    page(&summary.body)?;

    heading(
        "POST /briefing/bulk",
        "three records in one callout, the second without a record",
    );
    let items =
        json!({"items": [{"record": opportunity}, {}, {"record": opportunity, "language": "de"}]});
    let bulk = caller.post("/briefing/bulk", &items).await?;
    let results = bulk.body["results"]
        .as_array()
        .context("a bulk has results")?;
    for result in results {
        let what = result["answer"]["headline"]
            .as_str()
            .or(result["error"]["detail"].as_str())
            .unwrap_or_default();
        println!("  item {} -> {}  {what}", result["index"], result["status"]);
    }
    let statuses: Vec<&Value> = results.iter().map(|result| &result["status"]).collect();
    ensure!(
        statuses == [200, 400, 200],
        "the bulk's statuses were {statuses:?}"
    );
    println!();

    heading("POST /briefing", "the first call once more");
    let again = caller
        .post("/briefing", &json!({"record": opportunity}))
        .await?;
    println!("  Cache-Status: {}", again.cache_status);
    println!(
        "  cached: {}, the same answer: {}\n",
        again.body["cached"],
        again.body["id"] == first.body["id"]
    );
    ensure!(
        again.cache_status.starts_with("belay; hit"),
        "the repeat was no hit"
    );
    ensure!(
        again.body["id"] == first.body["id"],
        "the repeat was another answer"
    );
    Ok(())
}

/// What came back of a call.
struct Answer {
    body: Value,
    cache_status: String,
}

impl Caller {
    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        let response = self
            .client
            .post(format!("{}{path}", self.base))
            .header("x-api-key", &self.key)
            .header("user-agent", "SFDC-Callout/66.0")
            .header("prefer", "wait=20")
            .header("content-type", "application/json; charset=utf-8")
            .body(body.to_string())
            .send()
            .await?;
        let status = response.status();
        let cache_status = response
            .headers()
            .get("cache-status")
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let body: Value = response.json().await?;
        ensure!(
            status.is_success(),
            "{path} answered {status}: {}",
            body["detail"]
        );
        Ok(Answer { body, cache_status })
    }
}

fn heading(call: &str, what: &str) {
    println!("── {call}: {what}");
}

/// Prints an answer as a person would like to read it, and checks that it may be believed.
fn page(answer: &Value) -> anyhow::Result<()> {
    let text = answer["text"].as_str().context("an answer has a text")?;
    for line in text.lines() {
        println!("  {line}");
    }
    println!(
        "  ({}, prompt {}, simulated: {}, ungrounded: {})\n",
        answer["model"], answer["prompt_version"], answer["simulated"], answer["ungrounded"]
    );
    ensure!(
        answer["ungrounded"].as_array().is_some_and(Vec::is_empty),
        "the answer says what the record does not: {}",
        answer["ungrounded"]
    );
    Ok(())
}
