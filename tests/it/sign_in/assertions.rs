//! Whoever proves nothing to the token endpoint is told so by RFC 6749, and whoever asks for nonsense is told what.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::json;

use super::forgeries::{self, Forgery};
use super::jwt::Jwt;
use super::keys::{ACME, GLOBEX};
use super::{
    CHALLENGE, JWT_ASSERTION, JWT_BEARER, OTHER_SECRET, SECRET, Scene, URL, by_assertion,
    by_client_assertion, by_secret, given,
};
use crate::helpers::Answer;
use crate::helpers::call::Call;
use crate::helpers::org::{KEY, OTHER_KEY};

/// The challenge for whoever came by Basic.
const BOTH: &str = r#"Basic realm="belay", Bearer error="invalid_token""#;

/// An error as RFC 6749, 5.2, has it.
fn expect_error(name: &str, answer: &Answer, status: u16, error: &str) {
    let told = answer.text();
    assert_eq!(answer.status, status, "{name}: {told}");
    let body = answer.json();
    assert_eq!(body["error"], error, "{name}: {told}");
    let description = body["error_description"].as_str().expect("a text");
    assert!(!description.is_empty(), "{name}");
    let spoken = |c: char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
    assert!(description.chars().all(spoken), "{name}: {description}");
    assert_eq!(
        body.as_object().map(serde_json::Map::len),
        Some(2),
        "{told}"
    );
    let kind = answer.header("content-type");
    assert_eq!(kind, Some("application/json; charset=utf-8"), "{name}");
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{name}");
}

fn expect_refusal(name: &str, answer: &Answer, error: &str, challenge: &str) {
    expect_error(name, answer, 401, error);
    assert_eq!(answer.header("www-authenticate"), Some(challenge), "{name}");
}

#[tokio::test]
async fn no_forged_assertion_is_a_grant_and_each_leaves_the_good_one_as_it_was() {
    let scene = Scene::new().await;
    let good = || scene.assertion();
    let access_token = scene.token(&by_secret("acme-client", SECRET)).await;
    let mut refused = forgeries::all(&good());
    refused.extend(forgeries::by_their_kid(&good(), "globex_exchange"));
    refused.extend(forgeries::expired(&good()));
    refused.extend(odd_once(&good()));
    refused.extend([
        ("an access token", access_token),
        ("a JWT for every request", scene.jwt().signed_by(&ACME)),
        (
            "a client's assertion",
            scene.client_assertion().signed_by(&ACME),
        ),
        ("no user", good().without("sub").signed_by(&ACME)),
        (
            "a user of two lines",
            good().claim("sub", "a\nb").signed_by(&ACME),
        ),
        (
            "a user that is a number",
            good().claim("sub", 5).signed_by(&ACME),
        ),
        (
            "a user without an end",
            good().claim("sub", "u".repeat(256)).signed_by(&ACME),
        ),
        (
            "a user that is blank",
            good().claim("sub", "  ").signed_by(&ACME),
        ),
        ("an API key", KEY.to_owned()),
        ("a secret", SECRET.to_owned()),
    ]);
    assert!(refused.len() > 100, "{}", refused.len());
    for (name, token) in &refused {
        let answer = scene.ask_token(&by_assertion(token)).send().await;
        expect_refusal(name, &answer, "invalid_grant", CHALLENGE);
        scene.token(&by_assertion(&good().signed_by(&ACME))).await;
    }
}

/// Assertions whose `jti` is none.
fn odd_once(good: &Jwt) -> Vec<Forgery> {
    let jti = |jti: serde_json::Value| good.clone().claim("jti", jti).signed_by(&ACME);
    vec![
        ("a jti that is a number", jti(json!(5))),
        ("a jti that is null", jti(json!(null))),
        ("a jti that is empty", jti(json!(""))),
        ("a jti of two lines", jti(json!("a\nb"))),
        ("a jti without an end", jti(json!("j".repeat(256)))),
    ]
}

#[tokio::test]
async fn no_forged_assertion_is_a_client_and_each_leaves_the_good_one_as_it_was() {
    let scene = Scene::new().await;
    let good = || scene.client_assertion();
    let access_token = scene.token(&by_secret("acme-client", SECRET)).await;
    let audience = format!("{URL}/oauth/token");
    let as_client = |id: &str| {
        let jwt = Jwt::of("x", id, &audience, scene.now());
        jwt.claim("sub", id).once()
    };
    let mut refused = forgeries::all(&good());
    refused.extend(forgeries::expired(&good()));
    refused.extend(odd_once(&good()));
    refused.extend([
        ("an access token", access_token),
        ("a JWT for every request", scene.jwt().signed_by(&ACME)),
        (
            "an assertion of the org",
            scene.assertion().signed_by(&ACME),
        ),
        ("no sub", good().without("sub").signed_by(&ACME)),
        (
            "another sub",
            good().claim("sub", "globex-signer").signed_by(&ACME),
        ),
        (
            "a client of another org",
            as_client("globex-signer").signed_by(&ACME),
        ),
        (
            "our client, signed by another org",
            good().signed_by(&GLOBEX),
        ),
        (
            "a client that nobody is",
            as_client("nobody").signed_by(&ACME),
        ),
        (
            "a client that has a secret",
            as_client("acme-client").signed_by(&ACME),
        ),
        ("an API key", KEY.to_owned()),
        ("a secret", SECRET.to_owned()),
    ]);
    assert!(refused.len() > 100, "{}", refused.len());
    for (name, token) in &refused {
        let answer = scene.ask_token(&by_client_assertion(token)).send().await;
        expect_refusal(name, &answer, "invalid_client", CHALLENGE);
        let good = good().signed_by(&ACME);
        scene.token(&by_client_assertion(&good)).await;
    }
    // Its own, under the id of somebody else.
    let token = good().signed_by(&ACME);
    for id in ["globex-signer", "acme-client", "nobody"] {
        let form = [&by_client_assertion(&token)[..], &[("client_id", id)]].concat();
        let answer = scene.ask_token(&form).send().await;
        expect_refusal(id, &answer, "invalid_client", CHALLENGE);
    }
    scene.token(&by_client_assertion(&token)).await;
}

#[tokio::test]
async fn no_wrong_secret_is_a_client_in_the_body_or_by_basic() {
    let scene = Scene::new().await;
    let nul_in_secret = format!("{SECRET}\0");
    let longer = format!("{SECRET}x");
    let long = "s".repeat(20_000);
    // Whatever a wrong secret is compared with, so that it takes its time, is nobody's secret.
    let hash = belay::identity::KeyHash::of("belay").to_string();
    for (name, id, secret) in [
        ("the secret of a decoy", "acme-client", "belay"),
        ("the secret of a decoy's hash", "acme-client", &*hash),
        ("a decoy of a client that signs", "acme-signer", "belay"),
        (
            "a decoy's hash of a client that signs",
            "acme-signer",
            &*hash,
        ),
        ("a decoy of nobody", "nobody", "belay"),
        ("another secret", "acme-client", "belay_wrong"),
        ("a secret of another org", "acme-client", OTHER_SECRET),
        ("a client of another org", "globex-client", SECRET),
        ("a client that nobody is", "nobody", SECRET),
        ("a client in other letters", "ACME-CLIENT", SECRET),
        ("a client that signs", "acme-signer", SECRET),
        ("an API key as secret", "acme-client", KEY),
        ("an API key under its id", "flow", KEY),
        ("another org's API key", "globex-client", OTHER_KEY),
        ("a secret and a NUL", "acme-client", &nul_in_secret),
        ("an id and a NUL", "acme-client\0", SECRET),
        ("an id and a blank", "acme-client ", SECRET),
        ("a secret and more", "acme-client", &longer),
        ("a secret and less", "acme-client", &SECRET[..20]),
        ("a secret without an end", "acme-client", &long),
        ("a path as id", "../acme-client", SECRET),
    ] {
        let answer = scene.ask_token(&by_secret(id, secret)).send().await;
        expect_refusal(name, &answer, "invalid_client", CHALLENGE);
        let by_basic = scene.ask_token(&[("grant_type", "client_credentials")]);
        let answer = by_basic.basic(id, secret).send().await;
        expect_refusal(name, &answer, "invalid_client", BOTH);
        scene.token(&by_secret("acme-client", SECRET)).await;
    }
    let nobody = [("grant_type", "client_credentials")];
    let answer = scene.ask_token(&nobody).send().await;
    expect_refusal("nobody at all", &answer, "invalid_client", CHALLENGE);
}

#[tokio::test]
async fn an_authorization_header_that_is_none_proves_no_client() {
    let scene = Scene::new().await;
    let pair = |pair: &[u8]| format!("Basic {}", STANDARD.encode(pair)).into_bytes();
    let right = pair(format!("acme-client:{SECRET}").as_bytes());
    let form = [("grant_type", "client_credentials")];
    let call = |values: &[Vec<u8>]| {
        values.iter().fold(scene.ask_token(&form), |call, value| {
            let value = HeaderValue::from_bytes(value).expect("no control characters");
            Call(call.0.header("authorization", value))
        })
    };
    for (name, values) in [
        ("no colon", vec![pair(b"acme-client")]),
        ("no UTF-8", vec![pair(b"acme-client:\xff\xfe")]),
        ("no base64", vec![b"Basic acme-client:secret".to_vec()]),
        ("nothing behind Basic", vec![b"Basic".to_vec()]),
        ("no ASCII", vec![b"Basic \xff\xfe".to_vec()]),
        ("a bearer", vec![format!("Bearer {SECRET}").into_bytes()]),
        ("two that agree", vec![right.clone(), right.clone()]),
        ("two that disagree", vec![right.clone(), pair(b"a:b")]),
        ("an empty pair", vec![pair(b":")]),
    ] {
        let answer = call(&values).send().await;
        expect_refusal(name, &answer, "invalid_client", BOTH);
        given(&call(std::slice::from_ref(&right)).send().await);
    }
}

/// Forms that ask for nothing that can be given, and the error that each is told.
fn nonsense(assertion: &str, client_assertion: &str) -> Vec<(&'static str, String, &'static str)> {
    const CLIENT: &str = "grant_type=client_credentials";
    let own = format!("client_id=acme-client&client_secret={SECRET}");
    let with = |more: &str| format!("{CLIENT}&{own}&{more}");
    let granting = |grant: &str| format!("{own}&grant_type={grant}");
    let signing = |kind: &str| format!("{CLIENT}&client_assertion={client_assertion}&{kind}");
    let org = format!("grant_type={JWT_BEARER}&assertion={assertion}");
    let type_of_client = format!("client_assertion_type={JWT_ASSERTION}");
    let invalid = "invalid_request";
    let unsupported = "unsupported_grant_type";
    let scope = "invalid_scope";
    vec![
        ("nothing", String::new(), invalid),
        ("no grant_type", own.clone(), invalid),
        ("an empty grant_type", granting(""), invalid),
        ("a password", granting("password"), unsupported),
        ("a code", granting("authorization_code"), unsupported),
        ("a refresh", granting("refresh_token"), unsupported),
        (
            "a grant in other letters",
            granting("CLIENT_CREDENTIALS"),
            unsupported,
        ),
        ("the grant twice", with(CLIENT), invalid),
        (
            "two grants",
            with(&format!("grant_type={JWT_BEARER}")),
            invalid,
        ),
        ("the id twice", with("client_id=acme-client"), invalid),
        ("the secret twice", with("client_secret=x"), invalid),
        ("a scope twice", with("scope=tasks&scope=tasks"), invalid),
        (
            "the type twice",
            with(&format!("{type_of_client}&{type_of_client}")),
            invalid,
        ),
        (
            "a secret without an id",
            format!("{CLIENT}&client_secret={SECRET}"),
            invalid,
        ),
        ("a scope that nobody has", with("scope=admin"), scope),
        ("a scope that it lacks", with("scope=tasks+jobs"), scope),
        ("a scope in other letters", with("scope=Tasks"), scope),
        ("scopes by commas", with("scope=tasks,messages"), scope),
        (
            "a secret and an assertion",
            format!("{own}&{}", signing(&type_of_client)),
            invalid,
        ),
        ("a client's assertion of no type", signing(""), invalid),
        (
            "one of another type",
            signing("client_assertion_type=urn:saml2-bearer"),
            invalid,
        ),
        ("no assertion", format!("grant_type={JWT_BEARER}"), invalid),
        (
            "two assertions",
            format!("{org}&assertion={assertion}"),
            invalid,
        ),
        ("an assertion and a secret", format!("{org}&{own}"), invalid),
        (
            "an assertion and a client's",
            format!("{org}&client_assertion=x"),
            invalid,
        ),
    ]
}

#[tokio::test]
async fn what_is_no_token_request_is_told_what_is_wrong_with_it() {
    let scene = Scene::new().await;
    let assertion = scene.assertion().signed_by(&ACME);
    let client_assertion = scene.client_assertion().signed_by(&ACME);
    for (name, form, error) in nonsense(&assertion, &client_assertion) {
        let call = scene.ask_token(&[]).body(form);
        let answer = call.send().await;
        expect_error(name, &answer, 400, error);
        assert_eq!(answer.header("www-authenticate"), None, "{name}");
    }
    let right = by_secret("acme-client", SECRET);
    // Two ways at once, one of them in the header.
    for form in [
        &right[..],
        &by_client_assertion(&client_assertion),
        &by_assertion(&assertion),
    ] {
        let call = scene.ask_token(form).basic("acme-client", SECRET);
        expect_error("two ways", &call.send().await, 400, "invalid_request");
    }
    let another = [
        ("grant_type", "client_credentials"),
        ("client_id", "globex-client"),
    ];
    let call = scene.ask_token(&another).basic("acme-client", SECRET);
    expect_error("two ids", &call.send().await, 400, "invalid_request");
    // None of this has used an assertion up.
    scene.token(&by_assertion(&assertion)).await;
    scene.token(&by_client_assertion(&client_assertion)).await;
}

#[tokio::test]
async fn what_is_no_form_or_too_large_or_no_post_is_refused_as_such() {
    let scene = Scene::new().await;
    let bare = |method| scene.app.anonymous(method, "/oauth/token").by_salesforce();
    let form =
        format!("grant_type=client_credentials&client_id=acme-client&client_secret={SECRET}");
    for kind in [
        None,
        Some("application/json"),
        Some("text/plain"),
        Some("multipart/form-data; boundary=x"),
        Some("application/x-www-form-urlencoded-ish"),
    ] {
        let call = bare(Method::POST).body(form.clone());
        let call = match kind {
            Some(kind) => call.header("content-type", kind),
            None => call,
        };
        expect_error(
            kind.unwrap_or("no type"),
            &call.send().await,
            400,
            "invalid_request",
        );
    }
    let json = bare(Method::POST).json(&json!({"grant_type": "client_credentials"}));
    expect_error("JSON", &json.send().await, 400, "invalid_request");

    let large = "x".repeat(40_000);
    let answer = scene.ask_token(&by_assertion(&large)).send().await;
    expect_error("too large", &answer, 413, "invalid_request");
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let answer = bare(method.clone()).send().await;
        expect_error(method.as_str(), &answer, 405, "invalid_request");
        assert_eq!(answer.header("allow"), Some("POST"), "{method}");
    }
    // Parameters of a query prove nothing: they would stand in every log on the way.
    let path = format!("/oauth/token?{form}");
    let call = scene.app.anonymous(Method::POST, &path);
    let call = call.header("content-type", "application/x-www-form-urlencoded");
    expect_error("a query", &call.send().await, 400, "invalid_request");
    scene.token(&by_secret("acme-client", SECRET)).await;
}
