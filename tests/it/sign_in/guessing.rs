//! Whoever keeps failing is slowed down, and nobody else.

use std::time::Duration;

use belay::domain::Clock as _;
use reqwest::Method;

use super::jwt::Jwt;
use super::keys::{ACME, MALLORY};
use super::{SECRET, Scene, URL, by_assertion, by_client_assertion, by_secret, clock, config};
use crate::helpers::app::spawn;
use crate::helpers::call::Call;
use crate::helpers::org::{KEY, MESSAGES_KEY};
use crate::helpers::{Answer, TestApp, Upstream, until};

/// Failures in a minute that are answered at once.
const FREE: usize = 10;
/// Slowed answers that are held at once.
const WAITING: usize = 256;

/// What a 401 says of how long others like it wait, in seconds.
fn slowed(answer: &Answer) -> Option<u64> {
    assert_eq!(answer.status, 401, "{}", answer.text());
    let wait = answer.header("retry-after");
    wait.map(|seconds| seconds.parse().expect("whole seconds"))
}

#[tokio::test]
async fn ten_failures_of_an_address_are_free_and_a_minute_later_they_are_free_again() {
    let scene = Scene::new().await;
    let wrong = async || slowed(&scene.whoami("belay_wrong").send().await);
    for _ in 0..2 {
        for nth in 0..FREE {
            assert_eq!(wrong().await, None, "{nth}");
        }
        assert_eq!(wrong().await, Some(60));
        scene.clock.turn(Duration::from_secs(20));
        let refused = scene.whoami("belay_wrong").send().await;
        assert_eq!(slowed(&refused), Some(40));
        assert_eq!(refused.json()["retry_after_ms"], 40_000);
        // At the token endpoint the same address has failed as often.
        let token = scene.ask_token(&by_secret("nobody", "belay_wrong"));
        assert_eq!(slowed(&token.send().await), Some(40));
        for _ in 0..50 {
            scene.whoami(KEY).send().await.expect_ok();
        }
        scene.token(&by_secret("acme-client", SECRET)).await;
        assert_eq!(wrong().await, Some(40), "what is right forgives nothing");
        scene.clock.turn(Duration::from_secs(40));
    }
}

#[tokio::test]
async fn a_request_without_a_credential_is_no_guess() {
    let scene = Scene::new().await;
    for _ in 0..=2 * FREE {
        let bare = scene.app.anonymous(Method::GET, "/whoami");
        assert_eq!(slowed(&bare.send().await), None);
        let malformed = scene.ask_token(&[("grant_type", "password")]);
        assert_eq!(malformed.send().await.status, 400);
        let bare = scene.ask_token(&[("grant_type", "client_credentials")]);
        assert_eq!(slowed(&bare.send().await), None);
    }
    let first = scene.whoami("belay_wrong").send().await;
    assert_eq!(slowed(&first), None);
}

#[tokio::test]
async fn who_knows_is_answered_at_once_while_those_who_guess_wait() {
    let upstream = Upstream::good().await;
    let mut settings = config(&upstream).settings();
    // Longer than any test lives: whoever is slowed gets no answer here.
    settings.server.slow_answer = Duration::from_hours(1);
    let clock = clock();
    let app = TestApp::in_world(settings, clock.world()).await;
    let wrong = || app.anonymous(Method::GET, "/whoami").bearer("belay_wrong");
    for _ in 0..FREE {
        assert_eq!(slowed(&wrong().send().await), None);
    }
    let guesses: Vec<_> = (0..WAITING + 5).map(|_| spawn(wrong().send())).collect();
    let answered = || guesses.iter().filter(|guess| guess.is_finished()).count();
    // Those for whom there is no room to wait are told how long they would, and are not held.
    until("all room to wait is taken", async || answered() == 5).await;
    let token = Jwt::of("acme_jwt", "acme", URL, clock.timestamp()).signed_by(&ACME);
    for _ in 0..25 {
        for credential in [KEY, MESSAGES_KEY, &token] {
            let call = app.anonymous(Method::GET, "/whoami").bearer(credential);
            call.send().await.expect_ok();
        }
    }
    assert_eq!(answered(), 5);
    for guess in guesses {
        if guess.is_finished() {
            let answer = guess.await.expect("no panic");
            assert_eq!(slowed(&answer), Some(60));
        } else {
            guess.abort();
        }
    }
}

/// Behind a proxy that is believed, callers have addresses of their own.
async fn behind_a_proxy() -> Scene {
    Scene::with(|config| config.server("trusted_proxies", r#"["127.0.0.1"]"#)).await
}

fn from(call: Call, address: impl std::fmt::Display) -> Call {
    call.header("x-forwarded-for", &address.to_string())
}

#[tokio::test]
async fn an_address_is_slowed_by_itself_and_an_ipv6_network_as_one() {
    let scene = behind_a_proxy().await;
    let wrong = async |address: &str| {
        let call = from(scene.whoami("belay_wrong"), address);
        slowed(&call.send().await)
    };
    for nth in 0..FREE {
        assert_eq!(wrong("203.0.113.7").await, None);
        assert_eq!(wrong(&format!("2001:db8:1:2::{nth}")).await, None);
    }
    assert_eq!(wrong("203.0.113.7").await, Some(60));
    assert_eq!(wrong("::ffff:203.0.113.7").await, Some(60));
    assert_eq!(wrong("2001:db8:1:2:ffff::9").await, Some(60));
    assert_eq!(wrong("203.0.113.8").await, None);
    assert_eq!(wrong("2001:db8:1:3::1").await, None);
}

#[tokio::test]
async fn an_id_is_slowed_wherever_the_guesses_come_from_and_its_owner_is_not() {
    let scene = behind_a_proxy().await;
    let basic = |id: &str, key: &str| {
        let call = scene.app.anonymous(Method::GET, "/whoami");
        call.basic(id, key)
    };
    let jwt = scene.jwt();
    let assertion = scene.assertion();
    let client_assertion = scene.client_assertion();
    let guess = |kind: &str| match kind {
        "a key's id" => basic("flow", "belay_wrong"),
        "a kid" => scene.whoami(&jwt.signed_by(&MALLORY)),
        "a client" => scene.ask_token(&by_secret("acme-client", "belay_wrong")),
        "an assertion's kid" => scene.ask_token(&by_assertion(&assertion.signed_by(&MALLORY))),
        "a client's kid" => {
            scene.ask_token(&by_client_assertion(&client_assertion.signed_by(&MALLORY)))
        }
        other => panic!("{other}"),
    };
    let right = |kind: &str| match kind {
        "a key's id" => basic("flow", KEY),
        "a kid" => scene.whoami(&jwt.signed_by(&ACME)),
        "a client" => scene.ask_token(&by_secret("acme-client", SECRET)),
        "an assertion's kid" => {
            scene.ask_token(&by_assertion(&assertion.clone().once().signed_by(&ACME)))
        }
        _ => {
            let assertion = client_assertion.clone().once().signed_by(&ACME);
            scene.ask_token(&by_client_assertion(&assertion))
        }
    };
    for (group, kind) in [
        "a key's id",
        "a kid",
        "a client",
        "an assertion's kid",
        "a client's kid",
    ]
    .into_iter()
    .enumerate()
    {
        let address = |nth: usize| format!("198.51.{group}.{nth}");
        for nth in 0..FREE {
            let answer = from(guess(kind), address(nth)).send().await;
            assert_eq!(slowed(&answer), None, "{kind} {nth}");
        }
        let answer = from(guess(kind), address(99)).send().await;
        assert_eq!(slowed(&answer), Some(60), "{kind}");
        for nth in 0..3 {
            let answer = from(right(kind), address(nth)).send().await;
            assert_eq!(answer.status, 200, "{kind}: {}", answer.text());
        }
    }
    let other = from(basic("relay", "belay_wrong"), "198.51.100.200");
    assert_eq!(slowed(&other.send().await), None);
}

/// What a stranger sees of an answer, but for what is of this one call.
fn seen(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let id = answer.header("x-request-id").expect("it has an id");
    let mut headers: Vec<(String, String)> = answer
        .headers
        .iter()
        .filter(|(name, _)| !["x-request-id", "server-timing", "date"].contains(&name.as_str()))
        .map(|(name, value)| {
            let value = value.to_str().expect("ASCII").to_owned();
            (name.to_string(), value)
        })
        .collect();
    headers.sort();
    (answer.status, headers, answer.text().replace(id, ""))
}

#[tokio::test]
async fn an_id_that_nobody_has_is_answered_to_the_byte_like_one_that_somebody_has() {
    let scene = behind_a_proxy().await;
    let basic = |id: &str, key: &str| {
        let call = scene.app.anonymous(Method::GET, "/whoami");
        call.basic(id, key)
    };
    let by_basic = |id: &str| {
        let call = scene.ask_token(&[("grant_type", "client_credentials")]);
        call.basic(id, "belay_wrong")
    };
    let forged = |jwt: Jwt, kid: &str| jwt.header("kid", kid).signed_by(&MALLORY);
    let client = |id: &str| {
        let jwt = scene.client_assertion().claim("iss", id).claim("sub", id);
        let token = jwt.signed_by(&MALLORY);
        scene.ask_token(&by_client_assertion(&token))
    };
    let assertion = |kid: &str| scene.ask_token(&by_assertion(&forged(scene.assertion(), kid)));
    let pairs = [
        (
            "a key's id",
            basic("flow", "belay_wrong"),
            basic("nobody", "belay_wrong"),
        ),
        (
            "a client in the body",
            scene.ask_token(&by_secret("acme-client", "belay_wrong")),
            scene.ask_token(&by_secret("nobody", "belay_wrong")),
        ),
        (
            "a client by Basic",
            by_basic("acme-client"),
            by_basic("nobody"),
        ),
        (
            "a kid",
            scene.whoami(&forged(scene.jwt(), "acme_jwt")),
            scene.whoami(&forged(scene.jwt(), "nobody")),
        ),
        (
            "an assertion's kid",
            assertion("acme_exchange"),
            assertion("nobody"),
        ),
        (
            "a client that signs",
            client("acme-signer"),
            client("nobody"),
        ),
    ];
    for (nth, (name, known, unknown)) in pairs.into_iter().enumerate() {
        let address = format!("203.0.113.{nth}");
        let known = from(known, &address).send().await;
        let unknown = from(unknown, &address).send().await;
        assert_eq!(seen(&known), seen(&unknown), "{name}");
    }
    // Slowed, they are alike as well.
    for id in ["flow", "nobody"] {
        for nth in 0..=FREE {
            let call = from(basic(id, "belay_wrong"), format!("192.0.2.{nth}"));
            call.send().await;
        }
    }
    let known = from(basic("flow", "belay_wrong"), "198.51.100.1")
        .send()
        .await;
    let unknown = from(basic("nobody", "belay_wrong"), "198.51.100.1")
        .send()
        .await;
    assert!(slowed(&known).is_some());
    assert_eq!(seen(&known), seen(&unknown));
}
