//! Account research on the web: only where the org allows it, with everything reserved, summed up and counted.

use serde_json::{Value, json};

use crate::helpers::upstream::Seen;
use crate::helpers::{Config, Play, Reply, TestApp, Upstream, drafts};

const ALLOWED: &str = "web_search = true";

fn request() -> Value {
    json!({
        "record": {
            "attributes": {"type": "Account"}, "Id": "0015f00000PrtAtAAJ", "Name": "Port of Brackwater",
            "Website": "https://port.example", "BillingCity": "Brackwater", "AnnualRevenue": 5_550_123.0,
            "Contacts": {"totalSize": 1, "done": true, "records": [
                {"attributes": {"type": "Contact"}, "Name": "Fenella Moor", "Email": "fenella@port.example"},
            ]},
        },
        "text": "They want a discount.",
        "search_domains": ["port.example"],
    })
}

/// An answer of the search: one page, and whether it goes on.
fn found(page: &str, stop_reason: &str, searches: u64) -> Play {
    let body = json!({
        "id": "msg_search", "type": "message", "role": "assistant", "model": "claude-sonnet-5-5",
        "content": [
            {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "port"}},
            {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [
                {"type": "web_search_result", "url": page, "title": "The port", "encrypted_content": "EqgfCi==", "page_age": null},
            ]},
            {"type": "text", "text": "The port is led by Ottoline Quay.", "citations": [
                {"type": "web_search_result_location", "url": page, "title": "The port", "cited_text": "x", "encrypted_index": "y"},
            ]},
        ],
        "stop_reason": stop_reason, "stop_sequence": null,
        "usage": {"input_tokens": 4_000, "output_tokens": 200, "server_tool_use": {"web_search_requests": searches}},
    });
    Play::Body(body.to_string())
}

fn research() -> Play {
    let mut draft = drafts::account_research();
    draft["decision_makers"] = json!([
        {"name": "Ottoline Quay", "title": "Director", "source": "https://port.example/board"},
    ]);
    Play::Answer(Reply::saying(draft))
}

#[tokio::test]
async fn a_paused_search_goes_on_and_its_pages_are_the_sources_of_the_answer() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream).privacy(ALLOWED)).await;
    upstream.next([
        found("https://port.example/news", "pause_turn", 2),
        found("https://port.example/board", "end_turn", 1),
        research(),
    ]);
    let body = app
        .post("/account-research", &request())
        .send()
        .await
        .expect_ok();
    assert_eq!(upstream.count(), 3);
    let seen: Vec<Value> = upstream.seen().iter().map(Seen::json).collect();

    let tool = &seen[0]["tools"][0];
    assert_eq!(tool["name"], "web_search");
    assert_eq!(tool["allowed_domains"], json!(["port.example"]));
    assert_eq!(
        seen[1]["tools"][0]["max_uses"],
        tool["max_uses"].as_u64().expect("a number") - 2
    );
    let paused = &seen[1]["messages"][1];
    assert_eq!(paused["role"], "assistant");
    assert_eq!(
        paused["content"][1]["content"][0]["encrypted_content"],
        "EqgfCi=="
    );
    assert!(
        seen[0]
            .get("output_config")
            .is_none_or(|config| config.get("format").is_none())
    );

    let question = seen[2]["messages"][0]["content"].as_str().expect("a text");
    assert!(question.contains("<findings>") && question.contains("https://port.example/news"));
    assert_eq!(
        body["decision_makers"][0]["source"],
        "https://port.example/board"
    );
    assert_eq!(body["ungrounded"], json!([]));

    // Two searches of 4,000 and 200, the answer of 812 and 431; three searches at a cent each.
    assert_eq!(body["usage"]["input_tokens"], 8_812);
    assert_eq!(body["usage"]["output_tokens"], 831);
    let cost = body["usage"]["cost_usd"].as_f64().expect("a number");
    let wanted = (8_812.0 * 2.0 + 831.0 * 10.0) / 1e6 + 0.03;
    assert!((cost - wanted).abs() < 1e-9, "{cost} and {wanted}");
}

#[tokio::test]
async fn a_search_tells_a_third_party_nothing_but_who_is_looked_for() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream).privacy(ALLOWED)).await;
    upstream.next([
        found("https://port.example/board", "end_turn", 1),
        research(),
    ]);
    app.post("/account-research", &request())
        .send()
        .await
        .expect_ok();
    let search = &upstream.seen()[0].body;
    assert!(search.contains("Port of Brackwater"));
    for kept in ["Fenella", "5550123", "discount", "0015f00000PrtAtAAJ"] {
        assert!(!search.contains(kept), "{kept}");
    }
}

#[tokio::test]
async fn without_leave_or_without_a_name_nothing_is_searched() {
    for policy in [
        "",
        "web_search = true\nmask = [\"Account.Name\"]\ndrop = [\"Account.Website\"]",
    ] {
        let upstream = Upstream::good().await;
        let app = TestApp::new(&Config::to(&upstream).privacy(policy)).await;
        app.post("/account-research", &request())
            .send()
            .await
            .expect_ok();
        assert_eq!(upstream.count(), 1, "{policy}");
        assert!(!upstream.seen()[0].body.contains("web_search"), "{policy}");
    }
}

#[tokio::test]
async fn a_budget_that_the_whole_context_would_break_allows_no_search() {
    let upstream = Upstream::good().await;
    let config = Config::to(&upstream)
        .privacy(ALLOWED)
        .limit("budget_usd_per_day", 1.0);
    let app = TestApp::new(&config).await;
    let answer = app.post("/account-research", &request()).send().await;
    answer.expect_problem(422, "over-limit");
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn a_preview_shows_what_would_be_searched_for_and_searches_nothing() {
    let upstream = Upstream::good().await;
    let mut asked = request();
    asked["preview"] = json!(true);
    let app = TestApp::new(&Config::to(&upstream).privacy(ALLOWED)).await;
    let shown = app
        .post("/account-research", &asked)
        .send()
        .await
        .expect_ok();
    let search = shown["search_message"].as_str().expect("a text");
    assert!(search.contains("Port of Brackwater") && !search.contains("Fenella"));

    let closed = TestApp::new(&Config::to(&upstream)).await;
    let shown = closed.post("/account-research", &asked).send().await;
    assert_eq!(shown.expect_ok()["search_message"], Value::Null);
    assert_eq!(upstream.count(), 0);
}
