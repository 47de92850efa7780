//! What counts once, counts once.

use std::time::Duration;

use futures_util::future::join_all;
use url::form_urlencoded::Serializer;

use super::jwt::Jwt;
use super::keys::ACME;
use super::{ACME_CRT, CHALLENGE, Scene, URL, by_assertion, by_client_assertion, signer};
use crate::helpers::Answer;
use crate::helpers::raw::Raw;

/// Beside the usual bearer one whose every token counts once.
async fn scene() -> Scene {
    Scene::with(|config| {
        let once = "jti = \"once\"";
        config
            .credential(&signer("jwt", "acme_once", "acme", ACME_CRT, once))
            .credential(&signer(
                "jwt_exchange",
                "acme_strict",
                "acme",
                ACME_CRT,
                once,
            ))
    })
    .await
}

fn once(scene: &Scene) -> Jwt {
    Jwt::of("acme_once", "acme", URL, scene.now())
}

fn expect_replayed(answer: &Answer) {
    let problem = answer.expect_problem(401, "unauthenticated");
    assert_eq!(answer.header("www-authenticate"), Some(CHALLENGE));
    let detail = problem["detail"].as_str().expect("a text");
    assert!(detail.contains("each jti counts once"), "{detail}");
}

#[tokio::test]
async fn a_bearer_may_come_again_until_it_expires_unless_its_jti_counts_once() {
    let scene = scene().await;
    let again = scene.jwt().once().signed_by(&ACME);
    for _ in 0..3 {
        scene.whoami(&again).send().await.expect_ok();
    }
    let token = once(&scene).once().signed_by(&ACME);
    scene.whoami(&token).send().await.expect_ok();
    for _ in 0..3 {
        expect_replayed(&scene.whoami(&token).send().await);
    }
    // Another signature over the same jti is no other token.
    let same = once(&scene).claim("jti", super::claims(&token)["jti"].clone());
    let same = same.claim("more", 1).signed_by(&ACME);
    expect_replayed(&scene.whoami(&same).send().await);
    let other = once(&scene).once().signed_by(&ACME);
    scene.whoami(&other).send().await.expect_ok();
}

#[tokio::test]
async fn a_bearer_that_counts_once_must_have_a_jti() {
    let scene = scene().await;
    let bare = scene.whoami(&once(&scene).signed_by(&ACME)).send().await;
    let problem = bare.expect_problem(401, "unauthenticated");
    let detail = problem["detail"].as_str().expect("a text");
    assert!(detail.contains("no jti"), "{detail}");
    let strict = scene.assertion().header("kid", "acme_strict");
    let bare = strict.without("jti").signed_by(&ACME);
    let answer = scene.ask_token(&by_assertion(&bare)).send().await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.json()["error"], "invalid_grant");
}

#[tokio::test]
async fn one_token_twice_in_a_request_is_one_use_of_it() {
    let scene = scene().await;
    let token = once(&scene).once().signed_by(&ACME);
    let call = scene.whoami(&token).bearer(&token);
    call.send().await.expect_ok();
    expect_replayed(&scene.whoami(&token).send().await);
}

#[tokio::test]
async fn a_jti_is_remembered_as_long_as_its_token_counts() {
    let scene = scene().await;
    let token = once(&scene)
        .once()
        .claim("exp", scene.now().as_second() + 600);
    let token = token.signed_by(&ACME);
    scene.whoami(&token).send().await.expect_ok();
    for _ in 0..10 {
        scene.clock.turn(Duration::from_mins(1));
        expect_replayed(&scene.whoami(&token).send().await);
    }
    scene.clock.turn(Duration::from_secs(59));
    expect_replayed(&scene.whoami(&token).send().await);
    scene.clock.turn(Duration::from_secs(1));
    let over = scene.whoami(&token).send().await;
    over.expect_problem(401, "token-expired");
}

#[tokio::test]
async fn an_assertion_in_a_form_that_takes_its_time_does_not_outlive_its_jti() {
    let scene = scene().await;
    let assertion = scene.assertion().signed_by(&ACME);
    let form = by_assertion(&assertion);
    scene.token(&form).await;
    let body = Serializer::new(String::new()).extend_pairs(form).finish();
    let length = body.len();
    let mut slow = Raw::to(scene.app.public).await;
    slow.send(&format!(
        "POST /oauth/token HTTP/1.1\r\nHost: belay\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n"
    ))
    .await;
    // Its time is noted by now.
    slow.until("100 Continue").await;
    scene.clock.turn(Duration::from_mins(15));
    slow.send(&body).await;
    let answer = slow.rest().await;
    assert!(answer.contains("HTTP/1.1 401"), "{answer}");
}

#[tokio::test]
async fn an_assertion_is_good_for_one_token_also_where_several_ask_at_the_same_time() {
    let scene = scene().await;
    let assertion = scene.assertion().signed_by(&ACME);
    let client_assertion = scene.client_assertion().signed_by(&ACME);
    let bearer = by_assertion(&assertion);
    let client = by_client_assertion(&client_assertion);
    for (form, error) in [
        (&bearer[..], "invalid_grant"),
        (&client[..], "invalid_client"),
    ] {
        let calls = (0..12).map(|_| scene.ask_token(form).send());
        let answers = join_all(calls).await;
        let given = answers.iter().filter(|answer| answer.status == 200);
        assert_eq!(given.count(), 1);
        let late = scene.ask_token(form).send().await;
        for refused in answers.iter().chain([&late]) {
            if refused.status == 200 {
                continue;
            }
            assert_eq!(refused.status, 401, "{}", refused.text());
            assert_eq!(refused.json()["error"], error);
            assert_eq!(refused.header("www-authenticate"), Some(CHALLENGE));
        }
    }
}

#[tokio::test]
async fn a_jti_belongs_to_its_credential() {
    let scene = scene().await;
    let jti = "the-only-name-that-anybody-thinks-of";
    let named = |jwt: Jwt| jwt.claim("jti", jti).signed_by(&ACME);
    let usual = named(scene.assertion());
    let strict = named(scene.assertion().header("kid", "acme_strict"));
    let client = named(scene.client_assertion());
    scene.token(&by_assertion(&usual)).await;
    scene.token(&by_assertion(&strict)).await;
    scene.token(&by_client_assertion(&client)).await;
    let bearer = named(once(&scene));
    scene.whoami(&bearer).send().await.expect_ok();
}

#[tokio::test]
async fn a_request_that_is_refused_for_its_scope_has_not_used_its_jti_up() {
    let scene = scene().await;
    let assertion = scene.assertion().signed_by(&ACME);
    let client_assertion = scene.client_assertion().signed_by(&ACME);
    let bearer = by_assertion(&assertion);
    let client = by_client_assertion(&client_assertion);
    for form in [&bearer[..], &client[..]] {
        for _ in 0..2 {
            let asking = [form, &[("scope", "tasks jobs")]].concat();
            let refused = scene.ask_token(&asking).send().await;
            assert_eq!(refused.status, 400);
            assert_eq!(refused.json()["error"], "invalid_scope");
        }
        scene.token(form).await;
    }
}

#[tokio::test]
async fn an_assertion_without_a_jti_may_come_again_where_none_is_asked_for() {
    let scene = scene().await;
    let assertion = scene.assertion().without("jti").signed_by(&ACME);
    for _ in 0..2 {
        scene.token(&by_assertion(&assertion)).await;
    }
}

#[tokio::test]
async fn a_request_that_comes_too_often_has_not_used_its_jti_up() {
    let scene = Scene::with(|config| config.limit("requests_per_minute", 1)).await;
    let first = scene.assertion().signed_by(&ACME);
    let second = scene.assertion().signed_by(&ACME);
    scene.token(&by_assertion(&first)).await;
    let early = scene.ask_token(&by_assertion(&second)).send().await;
    assert_eq!(early.status, 429, "{}", early.text());
    assert_eq!(early.json()["error"], "temporarily_unavailable");
    assert!(early.header("retry-after").is_some());
    scene.clock.turn(Duration::from_mins(1));
    scene.token(&by_assertion(&second)).await;
}
