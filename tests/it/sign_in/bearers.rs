//! Whoever proves nothing gets a 401 that says how to sign in, on every path, and costs nothing.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use belay::domain::Clock as _;
use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::{Value, json};

use super::forgeries::{self, Forgery};
use super::jwt::Jwt;
use super::keys::{
    ACME, ACME_NEXT, GLOBEX, TOKENS, TOKENS_OF_MALLORY, decoded, encoded, keyed_hash,
};
use super::{ACME_CRT, CHALLENGE, SECRET, Scene, URL, by_secret, clock, config, part, signer};
use crate::helpers::call::Call;
use crate::helpers::org::{KEY, MESSAGES_KEY, OTHER_KEY};
use crate::helpers::{Answer, TestApp, TestClock, Upstream, opportunity};

/// A header, whatever its value.
type Header = (&'static str, Vec<u8>);

fn with(call: Call, headers: &[Header]) -> Call {
    headers.iter().fold(call, |call, (name, value)| {
        let value = HeaderValue::from_bytes(value).expect("no control characters");
        Call(call.0.header(*name, value))
    })
}

/// A 401 that makes Salesforce fetch a new token, of this code where its door has codes.
fn expect_refusal(name: &str, answer: &Answer, code: &str) {
    assert_eq!(answer.status, 401, "{name}: {}", answer.text());
    assert_eq!(answer.header("www-authenticate"), Some(CHALLENGE), "{name}");
    let body = answer.json();
    match body.get("code") {
        Some(told) => assert_eq!(told, code, "{name}: {body}"),
        None => assert_eq!(body["error"]["type"], "authentication_error", "{name}"),
    }
    assert_eq!(answer.header("ratelimit"), None, "{name}: no org is told");
}

/// Sends `headers` to a door of each tongue, and a good token of the same org behind them.
async fn expect_refused(scene: &Scene, good: &str, name: &str, headers: &[Header], code: &str) {
    let bare = |method, path: &str| scene.app.anonymous(method, path).by_salesforce();
    let briefing = json!({"record": opportunity()});
    let message = json!({"model": "default", "max_tokens": 9, "messages": [{"role": "user", "content": "?"}]});
    for call in [
        bare(Method::GET, "/whoami"),
        bare(Method::POST, "/briefing").json(&briefing),
        bare(Method::POST, "/v1/messages").json(&message),
    ] {
        let answer = with(call, headers).send().await;
        expect_refusal(name, &answer, code);
    }
    let answer = scene.whoami(good).send().await;
    assert_eq!(answer.status, 200, "after {name}: {}", answer.text());
    assert_eq!(scene.upstream.count(), 0, "{name}");
}

fn bearer(token: &str) -> Vec<Header> {
    vec![("authorization", format!("Bearer {token}").into_bytes())]
}

#[tokio::test]
async fn no_forged_jwt_is_a_bearer_and_each_leaves_the_good_one_as_it_was() {
    let scene = Scene::new().await;
    let jwt = scene.jwt();
    let good = jwt.signed_by(&ACME);
    let mut refused = forgeries::all(&jwt);
    refused.extend(forgeries::by_their_kid(&jwt, "globex_jwt"));
    refused.push(("an assertion", scene.assertion().signed_by(&ACME)));
    refused.push((
        "a client's assertion",
        scene.client_assertion().signed_by(&ACME),
    ));
    assert!(refused.len() > 100, "{}", refused.len());
    for (name, token) in &refused {
        expect_refused(&scene, &good, name, &bearer(token), "unauthenticated").await;
    }
    for (name, token) in &forgeries::expired(&jwt) {
        expect_refused(&scene, &good, name, &bearer(token), "token-expired").await;
    }
}

/// Access tokens that Belay has not given, or not like this.
fn forged_access_tokens(scene: &Scene, real: &str, keys: &Value) -> Vec<Forgery> {
    let real_jwt = Jwt {
        header: part(real, 0),
        claims: part(real, 1),
    };
    let ours = |jwt: Jwt| jwt.signed_by_edwards(&TOKENS);
    let claim = |name: &str, value: Value| ours(real_jwt.clone().claim(name, value));
    let (body, signature) = real.rsplit_once('.').expect("three parts");
    let (head, _) = body.split_once('.').expect("two parts");
    let mut wider = real_jwt.claims.clone();
    wider["scope"] = json!("tasks messages jobs mcp:write");
    let hashed = real_jwt.clone().header("alg", "HS256").text();
    let point = decoded(keys["keys"][0]["x"].as_str().expect("a text"));
    let hash = encoded(keyed_hash(&point, &hashed));
    let none = real_jwt.clone().header("alg", "none").text();
    let now = scene.now().as_second();
    vec![
        (
            "wider scopes under the signature",
            format!("{head}.{}.{signature}", encoded(wider.to_string())),
        ),
        (
            "an access token by another key",
            real_jwt.signed_by_edwards(&TOKENS_OF_MALLORY),
        ),
        (
            "an access token by HS256 and the public key",
            format!("{hashed}.{hash}"),
        ),
        ("an access token by nobody", format!("{none}.")),
        (
            "an access token by the org",
            real_jwt.clone().header("alg", "RS256").signed_by(&ACME),
        ),
        (
            "an access token without a kid",
            ours(real_jwt.clone().headless("kid")),
        ),
        (
            "an access token of another kid",
            ours(real_jwt.clone().header("kid", "acme_jwt")),
        ),
        (
            "an access token that says it is a JWT",
            ours(real_jwt.clone().header("typ", "JWT")),
        ),
        (
            "an access token that brings its key",
            ours(real_jwt.clone().header("jwk", keys["keys"][0].clone())),
        ),
        (
            "an access token of another issuer",
            claim("iss", json!("https://belay.globex.example")),
        ),
        (
            "an access token for another audience",
            claim("aud", json!("https://belay.globex.example")),
        ),
        ("an access token for a list", claim("aud", json!([URL]))),
        (
            "an access token of no client",
            claim("client_id", json!("nobody")),
        ),
        (
            "an access token of an API key",
            claim("client_id", json!("flow")),
        ),
        (
            "an access token of another org's client",
            claim("client_id", json!("globex-client")),
        ),
        (
            "an access token of another org",
            claim("org_id", json!("00D5f000000GbxQEAS")),
        ),
        ("an access token of no org", claim("org_id", json!("acme"))),
        (
            "an access token of another secret",
            claim("version", json!("0000000000000000")),
        ),
        (
            "an access token whose exp is a text",
            claim("exp", json!((now + 60).to_string())),
        ),
        (
            "an access token whose exp is a fraction",
            claim("exp", json!(1e18)),
        ),
        (
            "an access token without exp",
            ours(real_jwt.clone().without("exp")),
        ),
        (
            "an access token from the future",
            claim("iat", json!(now + 62)),
        ),
        (
            "an access token with its scopes in a list",
            claim("scope", json!(["tasks"])),
        ),
    ]
}

#[tokio::test]
async fn no_forged_access_token_is_a_bearer_and_each_leaves_the_good_one_as_it_was() {
    let scene = Scene::new().await;
    let real = scene.token(&by_secret("acme-client", SECRET)).await;
    let page = scene.app.anonymous(Method::GET, "/.well-known/jwks.json");
    let keys = page.send().await.expect_ok();
    for (name, token) in &forged_access_tokens(&scene, &real, &keys) {
        expect_refused(&scene, &real, name, &bearer(token), "unauthenticated").await;
    }
    let jwt = Jwt {
        header: part(&real, 0),
        claims: part(&real, 1),
    };
    for past in [0, 1, 10_000, 1 << 40] {
        let jwt = jwt.clone().claim("exp", scene.now().as_second() - past);
        let token = jwt.signed_by_edwards(&TOKENS);
        expect_refused(&scene, &real, "its exp", &bearer(&token), "token-expired").await;
    }
}

fn basic(pair: impl AsRef<[u8]>) -> Header {
    let pair = STANDARD.encode(pair);
    ("authorization", format!("Basic {pair}").into_bytes())
}

/// Values of `Authorization` that prove nothing.
fn odd_values(good: &str) -> Vec<(&'static str, Vec<Header>)> {
    let plain = |text: &str| ("authorization", text.as_bytes().to_vec());
    let token = |token: &str| plain(&format!("Bearer {token}"));
    vec![
        (
            "a client's id and secret",
            vec![basic(format!("acme-client:{SECRET}"))],
        ),
        (
            "a JWT as the password of its kid",
            vec![basic(format!("acme_jwt:{good}"))],
        ),
        (
            "a key under another id",
            vec![basic(format!("relay:{KEY}"))],
        ),
        ("a key under no id", vec![basic(format!(":{KEY}"))]),
        ("an id without a key", vec![basic("flow:")]),
        ("Basic without a colon", vec![basic(KEY)]),
        (
            "Basic that is no UTF-8",
            vec![basic([b"flow:\xff\xfe", KEY.as_bytes()].concat())],
        ),
        (
            "Basic with a NUL in its id",
            vec![basic(format!("flow\0:{KEY}"))],
        ),
        (
            "Basic with a NUL behind its key",
            vec![basic(format!("flow:{KEY}\0"))],
        ),
        ("Basic that is no base64", vec![plain("Basic flow:key")]),
        ("Basic and nothing behind it", vec![plain("Basic")]),
        ("Bearer and nothing behind it", vec![plain("Bearer ")]),
        ("a key without a scheme", vec![plain(KEY)]),
        (
            "a scheme that nobody has",
            vec![plain(&format!("Digest {KEY}"))],
        ),
        (
            "a scheme that is longer",
            vec![plain(&format!("BearerX {KEY}"))],
        ),
        (
            "a bearer with two blanks in it",
            vec![token(&format!("{KEY} {KEY}"))],
        ),
    ]
}

/// Headers that prove nothing, or two things.
fn odd_headers(good: &str) -> Vec<(&'static str, Vec<Header>)> {
    let plain = |text: &str| ("authorization", text.as_bytes().to_vec());
    let key = |key: &str| ("x-api-key", key.as_bytes().to_vec());
    let api_key = |key: &str| ("api-key", key.as_bytes().to_vec());
    let token = |token: &str| plain(&format!("Bearer {token}"));
    let globex = basic(format!("flow:{OTHER_KEY}"));
    vec![
        ("nothing", vec![]),
        ("a key that nobody has", vec![token("belay_nobody")]),
        ("a client's secret as bearer", vec![token(SECRET)]),
        ("a client's secret as key", vec![key(SECRET)]),
        ("a JWT as key", vec![key(good)]),
        ("an empty key", vec![key("")]),
        (
            "a header that is no ASCII",
            vec![("authorization", b"Bearer \xff\xfe".to_vec())],
        ),
        (
            "a key that is no ASCII",
            vec![("x-api-key", "belay_schlüssel".as_bytes().to_vec())],
        ),
        (
            "a key that is no ASCII beside a good token",
            vec![token(good), ("api-key", vec![0xff])],
        ),
        ("two bearers of one org", vec![token(good), token(KEY)]),
        (
            "two bearers of two orgs",
            vec![token(good), token(OTHER_KEY)],
        ),
        (
            "a good token and one that nobody has",
            vec![token(good), token("belay_nobody")],
        ),
        (
            "one that nobody has and a good token",
            vec![token("belay_nobody"), token(good)],
        ),
        (
            "a good token and another org's key",
            vec![token(good), key(OTHER_KEY)],
        ),
        (
            "a good token and another key of its org",
            vec![token(good), key(MESSAGES_KEY)],
        ),
        (
            "a good token and a key that nobody has",
            vec![token(good), key("belay_nobody")],
        ),
        ("a good token and an empty key", vec![token(good), key("")]),
        ("two keys that disagree", vec![key(KEY), api_key(OTHER_KEY)]),
        ("two keys under one name", vec![key(KEY), key(MESSAGES_KEY)]),
        (
            "a good token and another org's Basic",
            vec![token(good), globex],
        ),
        (
            "a good token and what cannot be read",
            vec![token(good), plain("Bearer")],
        ),
    ]
}

#[tokio::test]
async fn headers_that_prove_nothing_or_two_things_are_refused() {
    let scene = Scene::new().await;
    let good = scene.jwt().signed_by(&ACME);
    let all = [odd_values(&good), odd_headers(&good)].concat();
    assert!(all.len() > 35, "{}", all.len());
    for (name, headers) in &all {
        expect_refused(&scene, &good, name, headers, "unauthenticated").await;
    }
}

#[tokio::test]
async fn a_token_is_good_to_the_second_within_the_minute_that_clocks_may_be_apart() {
    let scene = Scene::new().await;
    let now = scene.now().as_second();
    let jwt = scene.jwt();
    for (name, jwt) in [
        ("just not expired", jwt.clone().claim("exp", now - 59)),
        (
            "expiring in fractions",
            jwt.clone().claim(
                "exp",
                json!(1.5 + f64::from(u32::try_from(now).expect("before 2106"))),
            ),
        ),
        ("nbf a minute ahead", jwt.clone().claim("nbf", now + 60)),
        ("iat a minute ahead", jwt.clone().claim("iat", now + 60)),
        ("ten minutes of life", jwt.clone().claim("exp", now + 600)),
        (
            "one of several for whom",
            jwt.clone().claim("aud", json!(["x", URL])),
        ),
        (
            "an x5t of no importance",
            jwt.clone().header("x5t", "bm9uZQ"),
        ),
    ] {
        let answer = scene.whoami(&jwt.signed_by(&ACME)).send().await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_certificate_counts_only_in_its_time() {
    let scene = Scene::new().await;
    scene.clock.turn(Duration::from_hours(11 * 24));
    let late = scene.whoami(&scene.jwt().signed_by(&ACME)).send().await;
    let problem = late.expect_problem(401, "unauthenticated");
    let detail = problem["detail"].as_str().expect("a text");
    assert!(detail.contains("certificate has expired"), "{detail}");

    // A certificate that was made today, in a world where yesterday is not over.
    let upstream = Upstream::good().await;
    let settings = config(&upstream).settings();
    let day_before = clock().timestamp() - Duration::from_hours(25);
    let yesterday = TestClock::still_at(&day_before.to_string());
    let app = TestApp::in_world(settings, yesterday.world()).await;
    let scene = Scene {
        upstream,
        clock: yesterday,
        app,
    };
    let early = scene.whoami(&scene.jwt().signed_by(&ACME)).send().await;
    let problem = early.expect_problem(401, "unauthenticated");
    let detail = problem["detail"].as_str().expect("a text");
    assert!(detail.contains("time has not begun"), "{detail}");
}

#[tokio::test]
async fn orgs_that_call_their_certificate_the_same_are_told_apart_by_their_issuers() {
    let scene = Scene::with(|config| {
        let same = |issuer, files| signer("jwt", "salesforce", issuer, files, "");
        config
            .credential(&same("acme", ACME_CRT))
            .credential_of_globex(&same("globex", super::GLOBEX_CRT))
    })
    .await;
    let of = |issuer: &str| Jwt::of("salesforce", issuer, URL, scene.now());
    for (issuer, pair) in [("acme", &ACME), ("globex", &GLOBEX)] {
        let body = scene.whoami(&of(issuer).signed_by(pair)).send().await;
        assert_eq!(body.expect_ok()["org_name"], issuer);
    }
    for (issuer, pair) in [("globex", &ACME), ("acme", &GLOBEX), ("acme", &ACME_NEXT)] {
        let answer = scene.whoami(&of(issuer).signed_by(pair)).send().await;
        expect_refusal(issuer, &answer, "unauthenticated");
    }
}

#[tokio::test]
async fn a_credential_without_the_scope_is_known_and_forbidden() {
    let scene = Scene::with(|config| {
        let jobs = signer("jwt", "acme_jobs", "acme-jobs", ACME_CRT, "");
        config.credential(&jobs.replace(r#""tasks", "messages""#, r#""jobs""#))
    })
    .await;
    let token = Jwt::of("acme_jobs", "acme-jobs", URL, scene.now()).signed_by(&ACME);
    let messages = scene.app.anonymous(Method::POST, "/v1/messages");
    for (call, scope) in [
        (scene.brief(), "tasks"),
        (messages.json(&json!({})), "messages"),
    ] {
        let answer = call.bearer(&token).send().await;
        assert_eq!(answer.status, 403, "{}", answer.text());
        let challenge = format!(r#"Bearer error="insufficient_scope", scope="{scope}""#);
        assert_eq!(answer.header("www-authenticate"), Some(challenge.as_str()));
    }
    scene.whoami(&token).send().await.expect_ok();
}
