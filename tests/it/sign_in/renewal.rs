//! What Salesforce does when its token is over: on a 401 it fetches another and sends the callout again.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use super::keys::ACME;
use super::{CHALLENGE, SECRET, Scene, by_assertion, by_secret};
use crate::helpers::call::Call;
use crate::helpers::org::KEY;
use crate::helpers::reply::COST;
use crate::helpers::{Config, opportunity};

/// A briefing that no cache answers, under a key by which a repeat is known.
fn keyed(scene: &Scene, token: &str) -> Call {
    let body = json!({"record": opportunity(), "fresh": true});
    let call = scene.app.anonymous(Method::POST, "/briefing");
    let call = call.json(&body).by_salesforce().bearer(token);
    call.header("idempotency-key", "a0B5f000000AbCdEAK")
}

/// What is left of the month's money: a day may end while the token's quarter of an hour passes.
async fn money_left(scene: &Scene) -> f64 {
    scene.app.allowance("budget_usd_per_month").await.0
}

fn with_a_budget(config: Config) -> Config {
    config.limit("budget_usd_per_month", 10)
}

#[tokio::test]
async fn an_expired_token_is_renewed_and_the_callout_that_is_sent_again_costs_nothing_twice() {
    let scene = Scene::with(with_a_budget).await;
    let form = by_secret("acme-client", SECRET);
    let old = scene.token(&form).await;
    scene.clock.turn(Duration::from_secs(899));
    scene.whoami(&old).send().await.expect_ok();
    scene.clock.turn(Duration::from_secs(1));
    let before = money_left(&scene).await;

    let refused = keyed(&scene, &old).send().await;
    refused.expect_problem(401, "token-expired");
    assert_eq!(refused.header("www-authenticate"), Some(CHALLENGE));
    assert_eq!(scene.upstream.count(), 0);
    assert!((money_left(&scene).await - before).abs() < f64::EPSILON);

    let new = scene.token(&form).await;
    let first = keyed(&scene, &new).send().await.expect_ok();
    let cost = before - money_left(&scene).await;
    assert!((cost - COST).abs() < 1e-6, "{cost}");

    // Its answer was lost, say, and Salesforce sends it once more, with a token that is newer still.
    scene.clock.turn(Duration::from_secs(1));
    let newer = scene.token(&form).await;
    assert_ne!(newer, new);
    let again = keyed(&scene, &newer).send().await;
    assert_eq!(again.expect_ok(), first);
    assert_eq!(
        again.header("cache-status"),
        Some("belay; hit; detail=idempotency-key")
    );
    assert_eq!(scene.upstream.count(), 1);
    assert!((before - money_left(&scene).await - COST).abs() < 1e-6);
}

#[tokio::test]
async fn a_callout_may_be_sent_again_with_another_kind_of_credential_of_its_org() {
    let scene = Scene::with(with_a_budget).await;
    let jwt = scene.jwt().signed_by(&ACME);
    let first = keyed(&scene, &jwt).send().await.expect_ok();
    let assertion = scene.assertion().signed_by(&ACME);
    let token = scene.token(&by_assertion(&assertion)).await;
    for token in [&token, KEY] {
        let again = keyed(&scene, token).send().await;
        assert_eq!(again.expect_ok(), first);
    }
    assert_eq!(scene.upstream.count(), 1);
}

#[tokio::test]
async fn an_expired_jwt_of_the_org_is_renewed_the_same_way() {
    let scene = Scene::new().await;
    let old = scene.jwt().signed_by(&ACME);
    keyed(&scene, &old).send().await.expect_ok();
    // Its two minutes, and the one that clocks may be apart.
    scene.clock.turn(Duration::from_mins(3));
    let refused = keyed(&scene, &old).send().await;
    refused.expect_problem(401, "token-expired");
    let new = scene.jwt().signed_by(&ACME);
    keyed(&scene, &new).send().await.expect_ok();
    assert_eq!(scene.upstream.count(), 1);
}

#[tokio::test]
async fn a_token_is_a_call_of_its_org_and_a_refusal_is_nobodys() {
    let scene = Scene::with(|config| config.limit("requests_per_minute", 600)).await;
    let left = async || scene.app.allowance("requests_per_minute").await.0;
    let before = left().await;
    for _ in 0..5 {
        scene.token(&by_secret("acme-client", SECRET)).await;
        let wrong = scene.ask_token(&by_secret("acme-client", "belay_wrong"));
        assert_eq!(wrong.send().await.status, 401);
        let expired = scene.jwt().claim("exp", 0).signed_by(&ACME);
        assert_eq!(scene.whoami(&expired).send().await.status, 401);
    }
    // Asking what is left is itself a call.
    let used = before - left().await - 1.0;
    assert!((used - 5.0).abs() < f64::EPSILON, "{used}");
}

#[tokio::test]
async fn an_org_that_has_used_up_its_calls_waits_for_a_token_as_for_anything_else() {
    let scene = Scene::with(|config| config.limit("requests_per_minute", 2)).await;
    let form = by_secret("acme-client", SECRET);
    for _ in 0..2 {
        scene.token(&form).await;
    }
    let refused = scene.ask_token(&form).send().await;
    assert_eq!(refused.status, 429, "{}", refused.text());
    assert_eq!(refused.json()["error"], "temporarily_unavailable");
    assert_eq!(refused.header("retry-after"), Some("30"));
    scene.clock.turn(Duration::from_secs(30));
    scene.token(&form).await;
}
