//! Who is calling.

use reqwest::Method;
use serde_json::{Value, json};

use crate::helpers::org::{ACME, KEY, MESSAGES_KEY, OTHER_KEY, SECOND_KEY};
use crate::helpers::{Config, TestApp, TestClock, Upstream};

#[tokio::test]
async fn a_key_is_known_in_each_of_its_four_spellings() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let bare = || app.anonymous(Method::GET, "/whoami");
    for call in [
        bare().bearer(KEY),
        bare().header("authorization", &format!("bearer  {KEY}")),
        bare().header("x-api-key", KEY),
        bare().header("api-key", KEY),
        bare().basic("flow", KEY),
        bare()
            .bearer(KEY)
            .header("x-api-key", KEY)
            .header("api-key", KEY),
    ] {
        let body = call.send().await.expect_ok();
        assert_eq!(body["org_id"], ACME);
        assert_eq!(body["credential_id"], "flow");
    }
}

#[tokio::test]
async fn whoami_tells_what_the_call_proved_and_what_is_left() {
    let upstream = Upstream::good().await;
    let clock = TestClock::still_at("2026-03-10T23:00:00Z");
    let config = Config::to(&upstream)
        .limit("requests_per_minute", 600)
        .limit("tokens_per_minute", 400_000)
        .limit("calls_in_flight", 20)
        .limit("budget_usd_per_day", 50.0)
        .limit("budget_usd_per_month", 1_000);
    let app = TestApp::in_world(config.settings(), clock.world()).await;
    let body = app.get("/whoami").send().await.expect_ok();
    let allowance = |name: &str, maximum: f64, remaining: f64, resets_in_ms: u64| -> Value {
        let whole = |number: f64| format!("{number:.0}").parse::<u64>().expect("whole");
        json!({"name": name, "maximum": whole(maximum), "remaining": whole(remaining), "resets_in_ms": resets_in_ms})
    };
    let expected = json!({
        "org_id": ACME,
        "org_name": "acme",
        "credential_id": "flow",
        "credential_kind": "api_key",
        "user_id": null,
        "username": null,
        "proofs": [{"kind": "api_key", "credential_id": "flow", "proves": "org"}],
        "scopes": ["tasks"],
        "allowances": [
            allowance("requests_per_minute", 600.0, 599.0, 100),
            allowance("tokens_per_minute", 400_000.0, 400_000.0, 0),
            allowance("calls_in_flight", 20.0, 20.0, 0),
            allowance("budget_usd_per_day", 50.0, 50.0, 3_600_000),
            // The rest of the tenth of March, and 21 days.
            allowance("budget_usd_per_month", 1_000.0, 1_000.0, 3_600_000 * (1 + 21 * 24)),
        ],
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn two_keys_at_once_open_the_same_org() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let whoami = async |key: &str| {
        let call = app.anonymous(Method::GET, "/whoami").bearer(key);
        call.send().await.expect_ok()
    };
    let (old, new) = (whoami(KEY).await, whoami(SECOND_KEY).await);
    assert_eq!(old["org_id"], new["org_id"]);
    assert_eq!(new["credential_id"], "flow-next");
    let other = whoami(OTHER_KEY).await;
    assert_eq!(other["org_name"], "globex");
    assert_eq!(other["org_id"].as_str().map(str::len), Some(18));
}

#[tokio::test]
async fn whoami_is_for_any_scope_and_health_for_anybody() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let call = app.anonymous(Method::GET, "/whoami").bearer(MESSAGES_KEY);
    assert_eq!(call.send().await.expect_ok()["scopes"], json!(["messages"]));
    let health = app.anonymous(Method::GET, "/healthz").send().await;
    assert_eq!(health.expect_ok(), json!({"status": "ok"}));
    let nobody = app.anonymous(Method::GET, "/whoami").send().await;
    nobody.expect_problem(401, "unauthenticated");
}
