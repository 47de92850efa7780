//! The binary that ships: each of its commands.

use std::process::Stdio;

use reqwest::Method;
use sha2::{Digest, Sha256};

use crate::helpers::org::KEY;
use crate::helpers::process::{Belay, belay, folder_with, run};
use crate::helpers::{Config, Upstream, opportunity, until, within};

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

async fn check(config: &str) -> (bool, String, String) {
    let (_folder, path) = folder_with(config);
    let path = path.to_str().expect("UTF-8");
    let output = run(&["check", "--config", path]).await;
    (
        output.status.success(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[tokio::test]
async fn demo_shows_the_main_job_without_a_network_or_a_key() {
    let output = run(&["demo"]).await;
    let shown = text(&output.stdout);
    assert!(output.status.success(), "{shown}{}", text(&output.stderr));
    for part in [
        "POST /briefing",
        "POST /case-summary",
        "POST /briefing/bulk",
        "hit",
        "Every call did what it should.",
    ] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
}

#[tokio::test]
async fn check_tells_what_a_config_means_without_its_secrets() {
    let upstream = Upstream::good().await;
    let (good, told, wrong) = check(&Config::to(&upstream).text()).await;
    assert!(good, "{wrong}");
    for part in ["acme", "globex", "claude-sonnet-5-5", "[redacted]"] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
    assert!(!told.contains("sk-ant"), "{told}");
}

#[tokio::test]
async fn check_names_five_different_mistakes_at_once() {
    let upstream = Upstream::good().await;
    let config = Config::to(&upstream)
        .server("body_bytes", "\"plenty\"")
        .server("colour", "\"blue\"")
        .limit("calls_in_flight", 0)
        .more("[tasks.briefing]\nmodel = \"largest\"\n[telemetry]\notlp = \"collector\"\n");
    let config = config
        .text()
        .replacen("00D5f000000XyZaEAK", "0015f00000PrtAt", 1)
        .replacen("env:UPSTREAM_KEY", "sk-ant-written-out", 1);
    let (good, _, told) = check(&config).await;
    assert!(!good);
    for mistake in [
        "server.body_bytes",
        "server.colour",
        "orgs[0].limits.calls_in_flight",
        "tasks.briefing.model",
        "telemetry.otlp",
        "orgs[0].id",
        "providers[0].api_key",
    ] {
        assert!(told.contains(mistake), "{mistake} is not in {told}");
    }
    assert!(told.contains("such as http://collector:4317"), "{told}");
    assert!(!told.contains("written-out"), "{told}");
    assert!(told.lines().count() >= 7, "{told}");
}

#[tokio::test]
async fn a_wrong_config_does_not_start() {
    let (_folder, path) = folder_with("[server]\nbind = 8080\n");
    let path = path.to_str().expect("UTF-8");
    let output = run(&["serve", "--config", path]).await;
    assert!(!output.status.success());
    let told = text(&output.stderr);
    assert!(told.contains("server.bind"), "{told}");
}

#[tokio::test]
async fn a_new_key_comes_with_its_sha256_and_is_never_the_same() {
    let output = run(&["key", "new"]).await;
    assert!(output.status.success());
    let printed = text(&output.stdout);
    let key = printed.lines().next().expect("a key");
    assert!(key.starts_with("belay_") && key.len() > 40, "{key}");
    let digest = Sha256::digest(key.as_bytes());
    let digest = digest
        .iter()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    assert!(
        printed.contains(&format!("\nsha256 = \"{digest}\"")),
        "{printed}"
    );
    let as_a_secret = format!("\n# secret_sha256 = \"{digest}\"");
    assert!(printed.contains(&as_a_secret), "{printed}");

    let upstream = Upstream::good().await;
    let lines = printed
        .split_once("[[orgs.credentials]]")
        .expect("lines for the config");
    let credential = format!("[[orgs.credentials]]{}", lines.1).replace("\"flow\"", "\"made\"");
    let config = Config::to(&upstream).text();
    let config = config.replacen("[orgs.limits]", &format!("{credential}[orgs.limits]"), 1);
    let (good, _, wrong) = check(&config).await;
    assert!(good, "{wrong}");

    let again = run(&["key", "new"]).await;
    assert_ne!(text(&again.stdout), printed);
}

#[tokio::test]
async fn without_a_config_it_serves_on_loopback_with_a_key_that_works() {
    let belay = Belay::serve_without_config().await;
    until("the key", async || belay.printed().contains("belay_")).await;
    let printed = belay.printed();
    let key = printed
        .lines()
        .find_map(|line| line.trim().strip_prefix("belay_"))
        .map(|rest| format!("belay_{rest}"))
        .expect("a key");
    let whoami = belay.anonymous(Method::GET, "/whoami").bearer(&key);
    assert_eq!(whoami.send().await.expect_ok()["org_name"], "sandbox");
    let brief = belay
        .anonymous(Method::POST, "/briefing")
        .header("x-api-key", &key)
        .json(&serde_json::json!({"record": opportunity()}));
    let body = brief.send().await.expect_ok();
    assert_eq!(body["simulated"], true);
    assert!(belay.log().iter().all(|line| !line.contains(&key)));
}

#[tokio::test]
async fn health_asks_a_running_gateway() {
    let upstream = Upstream::good().await;
    let mut serving = Belay::serve(&Config::to(&upstream)).await;
    let url = serving.admin_url("/livez");
    let output = run(&["health", "--url", &url]).await;
    assert!(output.status.success());
    assert_eq!(text(&output.stdout), "ok\n");
    let nothing = run(&["health", "--url", &serving.admin_url("/nothing")]).await;
    assert!(!nothing.status.success());

    serving.signal("KILL").await;
    serving.ended().await;
    let gone = run(&["health", "--url", &url]).await;
    assert!(!gone.status.success());
}

#[tokio::test]
async fn the_config_may_be_named_and_overridden_by_the_environment() {
    let upstream = Upstream::good().await;
    let (_folder, path) = folder_with(&Config::to(&upstream).text());
    let mut command = belay();
    command
        .arg("check")
        .env("BELAY_CONFIG", path)
        .env("BELAY__SERVER__BODY_BYTES", "1_234_567");
    let output = within("a check", command.output()).await.expect("it runs");
    let told = text(&output.stdout);
    assert!(
        told.contains("1 234 567") || told.contains("1,234,567"),
        "{told}"
    );
    assert!(!told.contains(KEY));
}

#[tokio::test]
async fn a_reader_who_has_read_enough_ends_no_command_in_a_panic() {
    let mut openapi = belay();
    openapi
        .arg("openapi")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = openapi.spawn().expect("it runs");
    // As `head` does: what is written from here on finds nobody.
    drop(child.stdout.take());
    let output = within("the end of a command", child.wait_with_output()).await;
    let output = output.expect("it runs");
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}
