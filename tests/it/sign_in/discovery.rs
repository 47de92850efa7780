//! What a client can find out by itself.

use reqwest::Method;
use serde_json::json;

use super::{JWT_BEARER, SECRET, Scene, URL, ask_token, by_secret};
use crate::helpers::{Config, TestApp, Upstream};

#[tokio::test]
async fn the_gateway_describes_itself_as_an_authorization_server() {
    let scene = Scene::new().await;
    let page = scene
        .app
        .anonymous(Method::GET, "/.well-known/oauth-authorization-server");
    let body = page.send().await.expect_ok();
    let expected = json!({
        "issuer": URL,
        "token_endpoint": format!("{URL}/oauth/token"),
        "jwks_uri": format!("{URL}/.well-known/jwks.json"),
        "scopes_supported": ["tasks", "messages", "jobs", "mcp:read", "mcp:write"],
        "response_types_supported": [],
        "grant_types_supported": ["client_credentials", JWT_BEARER],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256", "RS512"],
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn what_is_described_holds_at_the_addresses_that_are_named() {
    let scene = Scene::with(|config| config.server("public_url", format!("\"{URL}/\""))).await;
    let page = scene
        .app
        .anonymous(Method::GET, "/.well-known/oauth-authorization-server");
    let body = page.send().await.expect_ok();
    assert_eq!(body["issuer"], URL, "no slash at its end");
    let path = |member: &str| -> String {
        let address = body[member].as_str().expect("a text");
        address.strip_prefix(URL).expect("it is ours").to_owned()
    };
    let call = scene.app.anonymous(Method::POST, &path("token_endpoint"));
    let form = by_secret("acme-client", SECRET);
    ask_token(call, &form).send().await.expect_ok();
    let keys = scene.app.anonymous(Method::GET, &path("jwks_uri"));
    keys.send().await.expect_ok();
}

#[tokio::test]
async fn a_gateway_without_signing_keys_gives_no_tokens_and_says_so() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    for path in [
        "/.well-known/oauth-authorization-server",
        "/.well-known/jwks.json",
    ] {
        let answer = app.anonymous(Method::GET, path).send().await;
        let problem = answer.expect_problem(404, "not-found");
        let detail = problem["detail"].as_str().expect("a text");
        assert!(detail.contains("[tokens]"), "{detail}");
    }
    let call = app.anonymous(Method::POST, "/oauth/token");
    let form = by_secret("acme-client", SECRET);
    let answer = ask_token(call, &form).send().await;
    assert_eq!(answer.status, 404, "{}", answer.text());
    assert_eq!(answer.json()["error"], "invalid_request");
}
