//! Users, where a signed claim names them: each with an allowance of its own.

use std::time::Duration;

use belay::domain::SalesforceId;
use reqwest::Method;
use serde_json::{Value, json};

use super::jwt::Jwt;
use super::keys::ACME;
use super::{ACME_CRT, CHALLENGE, Scene, URL, by_assertion, signer};
use crate::helpers::opportunity_named;

/// A user in 15 characters.
const ONE: &str = "0055f0000041Xyz";
/// Another.
const OTHER: &str = "0055f0000041XyZ";

/// Each user has four calls a minute, and is named by what Salesforce signs.
async fn scene() -> Scene {
    Scene::with(|config| {
        let claims = "user_claim = \"sub\"\nusername_claim = \"preferred_username\"";
        config
            .each_user("requests_per_minute = 4")
            .credential(&signer("jwt", "acme_users", "acme", ACME_CRT, claims))
    })
    .await
}

fn of(scene: &Scene, user: &str) -> Jwt {
    Jwt::of("acme_users", "acme", URL, scene.now())
        .claim("sub", user)
        .claim("preferred_username", "ada@acme.example")
}

fn in_18(user: &str) -> String {
    let id: SalesforceId = user.parse().expect("an id");
    id.as_str().to_owned()
}

/// A briefing for whoever bears `token`.
async fn status(scene: &Scene, token: &str) -> u16 {
    let record = opportunity_named(fastrand::u64(..));
    let call = scene.app.anonymous(Method::POST, "/briefing");
    let call = call.json(&json!({"record": record})).bearer(token);
    call.send().await.status
}

fn users_calls(whoami: &Value) -> &Value {
    let all = whoami["allowances"].as_array().expect("a list");
    let own = all
        .iter()
        .find(|one| one["name"] == "user_requests_per_minute");
    own.expect("a user has limits")
}

#[tokio::test]
async fn two_users_of_an_org_have_an_allowance_each() {
    let scene = scene().await;
    let one = of(&scene, ONE).signed_by(&ACME);
    let other = of(&scene, OTHER).signed_by(&ACME);
    for _ in 0..4 {
        assert_eq!(status(&scene, &one).await, 200);
    }
    assert_eq!(status(&scene, &one).await, 429);
    for _ in 0..3 {
        assert_eq!(status(&scene, &other).await, 200);
    }
    let body = scene.whoami(&other).send().await.expect_ok();
    assert_eq!(users_calls(&body)["maximum"], 4);
    assert_eq!(users_calls(&body)["remaining"], 0, "three, and this one");
    assert_eq!(status(&scene, &other).await, 429);
    // Whoever names no user has the org's limits alone.
    assert_eq!(status(&scene, &scene.jwt().signed_by(&ACME)).await, 200);
    scene.clock.turn(Duration::from_mins(1));
    assert_eq!(status(&scene, &one).await, 200);
}

#[tokio::test]
async fn a_user_is_the_same_in_15_characters_and_in_18_and_by_either_protocol() {
    let scene = scene().await;
    let short = of(&scene, ONE).signed_by(&ACME);
    let long = of(&scene, &in_18(ONE)).signed_by(&ACME);
    let whoami = async |token: &str| scene.whoami(token).send().await.expect_ok();
    let proved = whoami(&short).await;
    assert_eq!(proved["user_id"], in_18(ONE));
    assert_eq!(proved["username"], "ada@acme.example");
    let proof = json!([{"kind": "jwt", "credential_id": "acme_users", "proves": "org and user"}]);
    assert_eq!(proved["proofs"], proof);
    let again = whoami(&long).await;
    assert_eq!(again["user_id"], proved["user_id"]);
    assert_eq!(users_calls(&again)["remaining"], 2);

    let assertion = scene.assertion().claim("sub", ONE).signed_by(&ACME);
    let token = scene.token(&by_assertion(&assertion)).await;
    let by_token = whoami(&token).await;
    assert_eq!(by_token["user_id"], proved["user_id"]);
    assert_eq!(
        users_calls(&by_token)["remaining"],
        0,
        "the token was a call, too"
    );
    for token in [&short, &long, &token] {
        assert_eq!(status(&scene, token).await, 429);
    }
}

#[tokio::test]
async fn what_is_no_salesforce_id_names_a_user_as_it_stands() {
    let scene = scene().await;
    for user in ["ada@acme.example", "0055f0000041XyzZZZ", "Ада 7"] {
        let token = of(&scene, user).signed_by(&ACME);
        let body = scene.whoami(&token).send().await.expect_ok();
        assert_eq!(body["user_id"], user);
        assert_eq!(users_calls(&body)["remaining"], 3);
    }
}

#[tokio::test]
async fn a_token_that_does_not_name_its_user_proves_nothing() {
    let scene = scene().await;
    let good = of(&scene, ONE);
    for (name, token) in [
        ("no user", good.clone().without("sub")),
        ("no name", good.clone().without("preferred_username")),
        ("a user that is empty", good.clone().claim("sub", "")),
        (
            "a user that is null",
            good.clone().claim("sub", Value::Null),
        ),
        ("a user that is a number", good.clone().claim("sub", 7)),
        (
            "a name that is a number",
            good.clone().claim("preferred_username", 7),
        ),
        (
            "a name of two lines",
            good.clone().claim("preferred_username", "a\r\nb"),
        ),
    ] {
        let answer = scene.whoami(&token.signed_by(&ACME)).send().await;
        let problem = answer.expect_problem(401, "unauthenticated");
        assert_eq!(answer.header("www-authenticate"), Some(CHALLENGE), "{name}");
        let detail = problem["detail"].as_str().expect("a text");
        assert!(detail.contains("name its user"), "{name}: {detail}");
    }
    let body = scene.whoami(&good.signed_by(&ACME)).send().await;
    assert_eq!(
        users_calls(&body.expect_ok())["remaining"],
        3,
        "none of it counted"
    );
}

#[tokio::test]
async fn what_each_user_used_is_told_by_its_id() {
    let scene = scene().await;
    for (user, calls) in [(ONE, 2), (OTHER, 1)] {
        let token = of(&scene, user).signed_by(&ACME);
        for _ in 0..calls {
            assert_eq!(status(&scene, &token).await, 200);
        }
    }
    let token = scene.jwt().signed_by(&ACME);
    let usage = scene.app.anonymous(Method::GET, "/usage?by=user");
    let told = usage.bearer(&token).send().await.expect_ok();
    let rows = told["rows"].as_array().expect("a list");
    let calls: Vec<_> = rows
        .iter()
        .map(|row| (row["user_id"].as_str(), row["calls"].as_u64()))
        .collect();
    let (one, other) = (in_18(ONE), in_18(OTHER));
    let mut expected = [(Some(one.as_str()), Some(2)), (Some(&*other), Some(1))];
    expected.sort_unstable();
    assert_eq!(calls, expected);
    for member in ["day", "task", "model"] {
        assert_eq!(rows[0][member], Value::Null, "{member}");
    }
}
