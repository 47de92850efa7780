//! One request over several clouds: where the first fails, the next answers, in its own wire.

use serde_json::{Value, json};

use crate::helpers::{Config, Play, TestApp, Upstream, aws, events::saying};

const FRAMES: &str = "application/vnd.amazon.eventstream";
const BUSY: Play = Play::Status(529, &[], "{}");

fn question() -> Value {
    json!({
        "model": "mixed", "max_tokens": 64, "stream": true,
        "messages": [{"role": "user", "content": "Hello"}],
    })
}

/// The app whose alias `mixed` leads to `claude`, then to Bedrock at `bedrock`.
async fn app(claude: &Upstream, bedrock: &Upstream) -> TestApp {
    let more = format!(
        "[[providers]]\nname = \"aws\"\nkind = \"bedrock\"\nregion = \"us-east-1\"\nbearer = \"env:UPSTREAM_KEY\"\nbase_url = \"{}\"\n\
         [models.mixed]\ntargets = [{{ provider = \"claude\", model = \"claude-sonnet-5-5\" }}, {{ provider = \"aws\", model = \"us.anthropic.claude-sonnet-5-5\" }}]\n",
        bedrock.address()
    );
    TestApp::new(&Config::to(claude).more(&more)).await
}

/// Claude's events as Bedrock frames them, beside the text in which a client of Claude reads them.
fn framed() -> (Vec<u8>, String) {
    let events = saying(&["Hello", " there"]);
    let data = events.iter().filter_map(|event| {
        let (_, data) = event.split_once("\ndata: ")?;
        Some(aws::chunk(data.trim_end()))
    });
    (data.collect::<Vec<_>>().concat(), events.concat())
}

#[tokio::test]
async fn a_stream_fails_over_to_bedrock_and_comes_in_claudes_events() {
    let (frames, events) = framed();
    let claude = Upstream::doing(BUSY).await;
    let bedrock = Upstream::doing(Play::Bytes(FRAMES, frames)).await;
    let app = app(&claude, &bedrock).await;
    let call = app.relay(&question()).header("anthropic-beta", "a-beta");
    let answer = call.send().await;
    assert_eq!((answer.status, answer.text()), (200, events));

    let seen = &bedrock.seen()[0];
    assert_eq!(
        seen.line,
        "POST /model/us.anthropic.claude-sonnet-5-5/invoke-with-response-stream HTTP/1.1"
    );
    assert_eq!(
        seen.json(),
        json!({
            "max_tokens": 64, "messages": [{"role": "user", "content": "Hello"}],
            "anthropic_version": "2026-10-21", "anthropic_beta": ["a-beta"],
        })
    );
    assert_eq!(seen.header("anthropic-beta"), None);
}

#[tokio::test]
async fn a_stream_of_frames_that_is_cut_or_damaged_ends_in_an_error_event() {
    let (frames, events) = framed();
    let mut damaged = frames.clone();
    let place = damaged.len() - 10;
    damaged[place] ^= 1;
    let cut = frames[..frames.len() - 30].to_vec();
    for broken in [damaged, cut] {
        let claude = Upstream::doing(BUSY).await;
        let bedrock = Upstream::doing(Play::Bytes(FRAMES, broken)).await;
        let text = app(&claude, &bedrock)
            .await
            .relay(&question())
            .send()
            .await
            .text();
        let (passed, error) = text.split_once("event: error").expect("an error event");
        assert!(events.starts_with(passed), "{text}");
        assert!(error.contains("\"type\":\"error\""), "{text}");
    }
    // An exception that comes first is no answer: it is told as what it is.
    let claude = Upstream::doing(BUSY).await;
    let bedrock = Upstream::doing(Play::Bytes(
        FRAMES,
        aws::exception("throttlingException", "slow down"),
    ))
    .await;
    let answer = app(&claude, &bedrock).await.relay(&question()).send().await;
    assert_eq!(answer.status, 429, "{}", answer.text());
}
