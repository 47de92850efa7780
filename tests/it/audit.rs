//! The audit line: one a call, with who, what and how much, and never a value.

use reqwest::Method;
use serde_json::{Value, json};

use crate::helpers::org::ACME;
use crate::helpers::process::Belay;
use crate::helpers::{Config, Play, Upstream, opportunity, until};

const POLICY: &str = "drop = [\"Opportunity.Description\"]\nmask = [\"Account.Name\"]\ndetect = []";

/// The lines so far.
fn lines(belay: &Belay) -> Vec<Value> {
    let printed = belay.printed();
    let lines = printed.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("every line is JSON"))
        .collect()
}

#[tokio::test]
async fn every_call_leaves_one_line_that_says_what_left() {
    let upstream = Upstream::good().await;
    let belay = Belay::serve(&Config::to(&upstream).privacy(POLICY)).await;
    let post = |id: &str, body: &Value| {
        let call = belay.call(Method::POST, "/briefing").json(body);
        call.header("x-request-id", id)
    };
    let asked = json!({"record": opportunity()});
    post("asked", &asked).send().await.expect_ok();
    post("cached", &asked).send().await.expect_ok();
    let mut previewed = asked.clone();
    previewed["preview"] = json!(true);
    post("previewed", &previewed).send().await.expect_ok();
    upstream.next([Play::Status(400, &[], "{}")]);
    let mut refused = asked.clone();
    refused["fresh"] = json!(true);
    let answer = post("refused", &refused).send().await;
    answer.expect_problem(502, "upstream-refused");
    let items =
        json!({"items": [{"record": opportunity(), "language": "de"}, {"record": opportunity()}]});
    let bulk = belay.call(Method::POST, "/briefing/bulk").json(&items);
    bulk.header("x-request-id", "bulk").send().await.expect_ok();
    until("six lines", async || lines(&belay).len() == 6).await;

    let lines = lines(&belay);
    let of = |id: &str| {
        let mut found: Vec<&Value> = lines
            .iter()
            .filter(|line| line["request_id"] == id)
            .collect();
        found.sort_by_key(|line| line["outcome"].to_string());
        found
    };
    let line = of("asked")[0];
    for (name, value) in [
        ("org", json!("acme")),
        ("org_id", json!(ACME)),
        ("credential_id", json!("flow")),
        ("user_id", Value::Null),
        ("task", json!("briefing")),
        ("model", json!("claude-sonnet-5-5")),
        ("provider", json!("claude")),
        ("input_tokens", json!(812)),
        ("output_tokens", json!(431)),
        ("web_searches", json!(0)),
        ("outcome", json!("ok")),
        ("fields_masked", json!(["Account.Name"])),
        ("masked_values", json!(1)),
    ] {
        assert_eq!(line[name], value, "{name}");
    }
    let sent = line["fields_sent"].to_string();
    assert!(
        sent.contains("Opportunity.Amount") && !sent.contains("Opportunity.Description"),
        "{sent}"
    );
    assert!(
        line["record_ids"]
            .to_string()
            .contains("0065f00000CrnLsAAJ")
    );
    assert_eq!(line["prompt_sha256"].as_str().map(str::len), Some(64));
    assert!(line["cost_usd"].as_f64().expect("a number") > 0.0);

    for (id, outcome) in [
        ("cached", "cached"),
        ("previewed", "preview"),
        ("refused", "upstream-refused"),
    ] {
        assert_eq!(of(id).len(), 1, "{id}");
        assert_eq!(of(id)[0]["outcome"], outcome);
    }
    assert_eq!(of("cached")[0]["fields_sent"], json!([]));
    assert_eq!(of("cached")[0]["cost_usd"], json!(0.0));
    let outcomes: Vec<&Value> = of("bulk").iter().map(|line| &line["outcome"]).collect();
    assert_eq!(outcomes, ["cached", "ok"]);
}

#[tokio::test]
async fn a_preview_that_is_refused_leaves_its_line_too() {
    let upstream = Upstream::good().await;
    let belay = Belay::serve(&Config::to(&upstream)).await;
    let asked = json!({"record": opportunity(), "preview": true, "model": "unheard-of"});
    let call = belay.call(Method::POST, "/briefing").json(&asked);
    call.send().await.expect_problem(400, "invalid-request");
    until("a line", async || lines(&belay).len() == 1).await;
    assert_eq!(lines(&belay)[0]["outcome"], "invalid-request");
}

#[tokio::test]
async fn a_file_is_appended_to_and_whole_when_the_process_ends() {
    let upstream = Upstream::good().await;
    let config = Config::to(&upstream)
        .server("drain_delay_s", 0)
        .more("[audit]\ntarget = \"file:audit.jsonl\"\n");
    let mut belay = Belay::serve(&config).await;
    for _ in 0..2 {
        belay.brief(&opportunity()).send().await.expect_ok();
    }
    belay.signal("TERM").await;
    assert!(belay.ended().await.success());
    assert_eq!(belay.printed(), "");
    let text = belay.file("audit.jsonl");
    let outcomes: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["outcome"].clone())
        .collect();
    assert_eq!(outcomes, ["ok", "cached"]);
}

#[tokio::test]
async fn a_full_disk_stops_no_call_and_the_log_names_each_line_that_is_missing() {
    let upstream = Upstream::good().await;
    let config = Config::to(&upstream).more("[audit]\ntarget = \"file:/dev/full\"\n");
    let belay = Belay::serve(&config).await;
    for id in ["one", "two"] {
        let call = belay.brief(&opportunity()).header("x-request-id", id);
        call.send().await.expect_ok();
    }
    let told = |id: &str| {
        let id = format!("\"request_id\":\"{id}\"");
        let mut lines = belay.log().into_iter();
        lines.any(|line| line.contains("could not be written") && line.contains(&id))
    };
    until("both lines are missed", async || told("one") && told("two")).await;
}

#[tokio::test]
async fn what_was_refused_leaves_its_line_too_and_says_that_nothing_was_sent() {
    let upstream = Upstream::good().await;
    let config = Config::to(&upstream).limit("budget_usd_per_day", 0.01);
    let belay = Belay::serve(&config).await;
    let post = |id: &str, path: &str, body: &Value| {
        let call = belay.call(Method::POST, path).json(body);
        call.header("x-request-id", id)
    };
    let bad = post("bad", "/briefing", &json!({})).send().await;
    bad.expect_problem(400, "invalid-request");
    let dear = post("dear", "/briefing", &json!({"record": opportunity()}));
    dear.send().await.expect_problem(422, "over-limit");
    let items = json!({"items": [{"record": 5}]});
    post("bulk", "/briefing/bulk", &items)
        .send()
        .await
        .expect_ok();
    until("three lines", async || lines(&belay).len() == 3).await;
    assert_eq!(upstream.count(), 0);

    for (line, (id, outcome)) in lines(&belay).iter().zip([
        ("bad", "invalid-request"),
        ("dear", "over-limit"),
        ("bulk", "invalid-request"),
    ]) {
        assert_eq!(line["request_id"], id);
        assert_eq!(line["outcome"], outcome);
        assert_eq!(line["org"], "acme");
        assert_eq!(line["task"], "briefing");
        assert_eq!(line["fields_sent"], json!([]), "{id}");
        assert_eq!(line["prompt_sha256"], Value::Null, "{id}");
    }
}
