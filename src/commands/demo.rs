//! `belay demo`: the main job, seen: each task, a bulk, a cached answer, and what would leave the org.
//!
//! Starts the very gateway that ships on a free port, with the simulator behind it, and asks it over real HTTP.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::app::{App, Listeners, World};
use crate::config::{self, Surroundings};
use crate::domain::{Detector, FieldPattern, LinkHost, Privacy, TaskName};
use crate::identity::ApiKey;
use crate::telemetry::audit::Target;

/// An Opportunity, as Apex serializes it.
const OPPORTUNITY: &str = include_str!("demo/opportunity.json");
/// A Case with its comments, as Apex serializes it.
const CASE: &str = include_str!("demo/case.json");

/// An Account, as Apex serializes it.
const ACCOUNT: &str = include_str!("demo/account.json");
/// What a rep wrote down during a call.
const NOTES: &str = include_str!("demo/notes.txt");
/// How that rep writes.
const VOICE: &str = "Hi Marta, short one from me: the scorecards are live. Shout if anything looks odd. Best, Priya";

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

/// Shows each task, a bulk, a cached answer and a preview; succeeds only if every call did what it should.
pub async fn run() -> anyhow::Result<ExitCode> {
    let key =
        ApiKey::generate().map_err(|_| anyhow::anyhow!("the system has no randomness to give"))?;
    let mut settings = config::sandbox(&key.hash(), &Bare)?;
    settings.lifecycle.drain = Duration::from_secs(5);
    settings.audit = Target::Nowhere;
    for tenant in &mut settings.tenants {
        Arc::make_mut(&mut tenant.org).privacy = Some(Arc::new(policy()));
    }
    let app = App::build(settings, World::default())?;
    let lifecycle = app.lifecycle();
    let listeners = Listeners {
        public: TcpListener::bind("127.0.0.1:0").await?,
        admin: TcpListener::bind("127.0.0.1:0").await?,
    };
    let base = format!("http://{}", listeners.public.local_addr()?);
    let client = crate::providers::wire::client(&base.parse()?)?;
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

/// What the demo's org lets out: everything, but contacts by placeholders, and what the detectors find; links in
/// answers may lead to the customer alone.
fn policy() -> Privacy {
    Privacy {
        mask: FieldPattern::parse("Contact.Name").into_iter().collect(),
        detect: Detector::ALL.into(),
        link_hosts: LinkHost::parse("northwind-freight.example")
            .into_iter()
            .collect(),
        ..Privacy::default()
    }
}

async fn show(caller: &Caller) -> anyhow::Result<()> {
    let [opportunity, case, account] = [OPPORTUNITY, CASE, ACCOUNT].map(record);
    let (opportunity, case, account) = (opportunity?, case?, account?);
    println!(
        "Belay at {}, answering from the simulator: no network, no key, no cost.\n",
        caller.base
    );
    let tasks = [
        (
            TaskName::Briefing,
            "an Opportunity with its contacts and activities",
            json!({"record": opportunity}),
        ),
        (
            TaskName::CaseSummary,
            "a Case with its comment thread",
            json!({"record": case}),
        ),
        (
            TaskName::EmailDraft,
            "a renewal, in the rep's voice",
            json!({"record": opportunity, "purpose": "renewal", "voice": VOICE}),
        ),
        (
            TaskName::CallNotes,
            "raw notes of a call about the Opportunity",
            json!({"record": opportunity, "text": NOTES, "call_date": "2026-11-12"}),
        ),
        (
            TaskName::AccountResearch,
            "a new Account, two of its fields wanted",
            json!({"record": account, "fields": [
                {"field": "Industry", "kind": "picklist", "picklist_values": ["Transportation", "Retail"]},
                {"field": "NumberOfEmployees", "kind": "number"},
            ]}),
        ),
        (
            TaskName::DealHealth,
            "the Opportunity once more",
            json!({"record": opportunity}),
        ),
    ];
    let mut first = None;
    for (task, what, request) in &tasks {
        let path = format!("/{task}");
        heading(&format!("POST {path}"), what);
        let answer = caller.post(&path, request).await?;
        page(&answer.body)?;
        first = first.or(Some(answer));
    }
    let first = first.context("there are tasks")?;
    bulk(caller, &opportunity).await?;
    again(caller, &opportunity, &first).await?;
    preview(caller, &opportunity).await
}

/// Three records in one callout.
async fn bulk(caller: &Caller, opportunity: &Value) -> anyhow::Result<()> {
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
    Ok(())
}

/// The first call once more: from the cache.
async fn again(caller: &Caller, opportunity: &Value, first: &Answer) -> anyhow::Result<()> {
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

/// What a reviewer asks for: what would be sent, with the contacts' names, addresses and numbers masked.
async fn preview(caller: &Caller, opportunity: &Value) -> anyhow::Result<()> {
    heading(
        "POST /briefing",
        "with \"preview\": true, what would leave the org",
    );
    let shown = caller
        .post(
            "/briefing",
            &json!({"record": opportunity, "preview": true}),
        )
        .await?;
    let message = shown.body["message"]
        .as_str()
        .context("a preview has a message")?;
    for line in message.lines().filter(|line| line.contains("_1]")) {
        let line: String = line.chars().take(200).collect();
        println!("  {line}");
    }
    println!(
        "  ({} values masked in {})\n",
        shown.body["masked_fields"], shown.body["fields_masked"]
    );
    for value in [
        "Jens Albrecht",
        "j.albrecht@northwind-freight.example",
        "+49 30 5550147",
    ] {
        ensure!(!message.contains(value), "a value would leave that may not");
    }
    Ok(())
}

fn record(text: &str) -> serde_json::Result<Value> {
    serde_json::from_str(text)
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
