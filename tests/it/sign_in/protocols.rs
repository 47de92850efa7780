//! Each protocol of an External Credential, by what Salesforce sends for it.

use reqwest::Method;
use serde_json::{Value, json};

use super::jwt::Jwt;
use super::keys::{ACME, TOKENS_NEXT, has_signed, thumbprint};
use super::{
    SECRET, Scene, URL, by_assertion, by_client_assertion, by_secret, claims, given, part,
};
use crate::helpers::call::Call;
use crate::helpers::org::{ACME as ACME_ID, KEY};

/// What `credential` proves when it is put onto a call: by `/whoami`, and by a briefing that works.
async fn proved(scene: &Scene, credential: impl Fn(Call) -> Call) -> Value {
    let whoami = scene.app.anonymous(Method::GET, "/whoami").by_salesforce();
    let proved = credential(whoami).send().await.expect_ok();
    let briefing = credential(scene.brief()).send().await.expect_ok();
    assert_eq!(briefing["task"], "briefing");
    assert_eq!(proved["org_id"], ACME_ID);
    assert_eq!(proved["org_name"], "acme");
    proved
}

/// That `body` names the credential, and nobody but the org.
fn expect_org(body: &Value, kind: &str, id: &str, scopes: &[&str]) {
    assert_eq!(body["credential_kind"], kind, "{body}");
    assert_eq!(body["credential_id"], id, "{body}");
    assert_eq!(body["scopes"], json!(scopes), "{body}");
    assert_eq!(body["user_id"], Value::Null, "{body}");
    assert_eq!(body["username"], Value::Null, "{body}");
    let proof = json!([{"kind": kind, "credential_id": id, "proves": "org"}]);
    assert_eq!(body["proofs"], proof);
}

/// The token of this form, which the answer and the token itself describe as they should.
async fn token(scene: &Scene, form: &[(&str, &str)]) -> String {
    described(scene, scene.ask_token(form)).await
}

async fn described(scene: &Scene, call: Call) -> String {
    let answer = call.send().await;
    let body = answer.expect_ok();
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 900);
    assert_eq!(body["scope"], "tasks messages");
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(4));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("pragma"), Some("no-cache"));
    let token = given(&answer);
    // Salesforce keeps tokens of up to 10,000 characters.
    assert!(token.len() < 2_000, "{}", token.len());
    let claims = claims(&token);
    let now = scene.now().as_second();
    assert_eq!(claims["iss"], URL);
    assert_eq!(claims["aud"], URL);
    assert_eq!(claims["iat"], now);
    assert_eq!(claims["exp"], now + 900);
    assert_eq!(claims["scope"], "tasks messages");
    assert_eq!(part(&token, 0)["typ"], "at+jwt");
    token
}

#[tokio::test]
async fn custom_headers_bear_a_key_in_each_name_that_a_formula_can_set() {
    let scene = Scene::new().await;
    let bearer = format!("Bearer {KEY}");
    for (name, value) in [
        ("authorization", bearer.as_str()),
        ("x-api-key", KEY),
        ("api-key", KEY),
    ] {
        let body = proved(&scene, |call| call.header(name, value)).await;
        expect_org(&body, "api_key", "flow", &["tasks"]);
    }
}

#[tokio::test]
async fn basic_bears_the_keys_id_and_the_key() {
    let scene = Scene::new().await;
    let body = proved(&scene, |call| call.basic("flow", KEY)).await;
    expect_org(&body, "api_key", "flow", &["tasks"]);
}

#[tokio::test]
async fn client_credentials_with_a_secret_in_the_body_give_a_token() {
    let scene = Scene::new().await;
    let token = token(&scene, &by_secret("acme-client", SECRET)).await;
    let body = proved(&scene, |call| call.bearer(&token)).await;
    expect_org(&body, "oauth_client", "acme-client", &["tasks", "messages"]);
}

#[tokio::test]
async fn client_credentials_with_a_secret_by_basic_give_a_token() {
    let scene = Scene::new().await;
    let form = [("grant_type", "client_credentials")];
    let call = scene.ask_token(&form).basic("acme-client", SECRET);
    let token = described(&scene, call).await;
    let body = proved(&scene, |call| call.bearer(&token)).await;
    expect_org(&body, "oauth_client", "acme-client", &["tasks", "messages"]);
}

#[tokio::test]
async fn client_credentials_with_an_assertion_give_a_token() {
    let scene = Scene::new().await;
    let assertion = scene.client_assertion();
    let alone = by_client_assertion(&assertion.signed_by(&ACME)).map(owned);
    let beside_its_id = by_client_assertion(&assertion.once().signed_by(&ACME)).map(owned);
    let id = owned(("client_id", "acme-signer"));
    for form in [
        alone.to_vec(),
        [beside_its_id.as_slice(), &[id]].concat().clone(),
    ] {
        let form: Vec<(&str, &str)> = form.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let token = token(&scene, &form).await;
        let body = proved(&scene, |call| call.bearer(&token)).await;
        expect_org(&body, "oauth_client", "acme-signer", &["tasks", "messages"]);
    }
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[tokio::test]
async fn the_jwt_bearer_flow_gives_a_token_that_names_the_user() {
    let scene = Scene::new().await;
    let assertion = scene.assertion().signed_by(&ACME);
    let token = token(&scene, &by_assertion(&assertion)).await;
    let body = proved(&scene, |call| call.bearer(&token)).await;
    assert_eq!(body["credential_kind"], "jwt_exchange");
    assert_eq!(body["user_id"], "0055f0000041XyzAAE");
    let proof = json!([{"kind": "jwt_exchange", "credential_id": "acme_exchange", "proves": "org and user"}]);
    assert_eq!(body["proofs"], proof);
}

#[tokio::test]
async fn the_orgs_own_jwt_is_a_bearer_by_either_algorithm_that_salesforce_has() {
    let scene = Scene::new().await;
    for algorithm in ["RS256", "RS512"] {
        let token = scene
            .jwt()
            .header("alg", algorithm)
            .claim("https://acme.example/why", "a claim of the org's own")
            .signed_by(&ACME);
        for scheme in ["Bearer", "bearer", "BEARER"] {
            let value = format!("{scheme} {token}");
            let body = proved(&scene, |call| call.header("authorization", &value)).await;
            expect_org(&body, "jwt", "acme_jwt", &["tasks", "messages"]);
        }
    }
}

#[tokio::test]
async fn legacy_named_credentials_send_the_same_two_shapes_with_fewer_claims() {
    let scene = Scene::new().await;
    let lean = |jwt: Jwt| jwt.headless("typ").without("nbf").without("iat");
    let bearer = lean(scene.jwt()).signed_by(&ACME);
    let body = proved(&scene, |call| call.bearer(&bearer)).await;
    expect_org(&body, "jwt", "acme_jwt", &["tasks", "messages"]);

    // A JwtExchange may name its scopes, and says the charset of its form.
    let assertion = lean(scene.assertion())
        .claim("aud", json!([URL, "https://login.salesforce.com"]))
        .without("jti")
        .signed_by(&ACME);
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(by_assertion(&assertion))
        .append_pair("scope", "tasks messages")
        .finish();
    let call = scene.app.anonymous(Method::POST, "/oauth/token/");
    let kind = "application/x-www-form-urlencoded;charset=UTF-8";
    let call = call.header("content-type", kind).by_salesforce().body(body);
    let token = described(&scene, call).await;
    let body = proved(&scene, |call| call.bearer(&token)).await;
    assert_eq!(body["credential_id"], "acme_exchange");
}

#[tokio::test]
async fn an_access_token_has_only_the_scopes_that_were_asked_for() {
    let scene = Scene::new().await;
    let form = by_secret("acme-client", SECRET);
    let asking = [form.as_slice(), &[("scope", "messages")]].concat();
    let answer = scene.ask_token(&asking).send().await;
    assert_eq!(answer.expect_ok()["scope"], "messages");
    let token = given(&answer);
    let body = scene.whoami(&token).send().await.expect_ok();
    assert_eq!(body["scopes"], json!(["messages"]));

    let refused = scene.brief().bearer(&token).send().await;
    refused.expect_problem(403, "forbidden");
    assert_eq!(
        refused.header("www-authenticate"),
        Some(r#"Bearer error="insufficient_scope", scope="tasks""#)
    );
    assert_eq!(scene.upstream.count(), 0);
}

#[tokio::test]
async fn whoever_checks_an_access_token_by_the_published_keys_finds_it_signed() {
    for curve in ["Ed25519", "P-256"] {
        let scene = Scene::with(|config| match curve {
            "Ed25519" => config,
            _ => config.file("token.key", &TOKENS_NEXT),
        })
        .await;
        let page = scene.app.anonymous(Method::GET, "/.well-known/jwks.json");
        let keys = page.send().await.expect_ok();
        let [key] = keys["keys"].as_array().expect("a list").as_slice() else {
            panic!("one key signs: {keys}");
        };
        assert_eq!(key["crv"], curve);
        assert!(key.get("d").is_none(), "the private half stays here");
        // The members that every key of its kind has, in their order (RFC 7638, 3.2).
        let named = match curve {
            "Ed25519" => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":{}}}"#, key["x"]),
            _ => format!(
                r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#,
                key["x"], key["y"]
            ),
        };
        assert_eq!(key["kid"], thumbprint(&named));

        let token = token(&scene, &by_secret("acme-client", SECRET)).await;
        assert_eq!(part(&token, 0)["kid"], key["kid"]);
        assert_eq!(part(&token, 0)["alg"], key["alg"]);
        assert!(has_signed(key, &token), "{curve}");
        let (text, signature) = token.rsplit_once('.').expect("three parts");
        let (head, said) = text.split_once('.').expect("two parts");
        let other = said.replace(['a', 'b'], "c");
        let altered = format!("{head}.{other}.{signature}");
        assert!(!has_signed(key, &altered), "{curve}");
    }
}
