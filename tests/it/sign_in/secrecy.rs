//! What is logged of whoever signs in, and what never is.

use belay::domain::{Clock as _, SystemClock};
use reqwest::Method;
use serde_json::{Value, json};

use super::jwt::Jwt;
use super::keys::{ACME, ACME_NEXT, MALLORY, TOKENS};
use super::{
    ACME_CRT, OTHER_SECRET, SECRET, URL, ask_token, by_assertion, by_client_assertion, by_secret,
    config, given, signer,
};
use crate::helpers::call::Call;
use crate::helpers::org::{KEY, OTHER_KEY};
use crate::helpers::process::Belay;
use crate::helpers::{Upstream, opportunity_named, until};

const USER: &str = "0055f0000041XyzAAM";
const USERNAME: &str = "ada.lovelace@acme.example";

fn audited(belay: &Belay) -> Vec<Value> {
    let printed = belay.printed();
    let lines = printed.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("every line is JSON"))
        .collect()
}

fn logged(belay: &Belay) -> Vec<Value> {
    let lines = belay.log().into_iter();
    lines
        .filter_map(|line| serde_json::from_str(&line).ok())
        .collect()
}

fn brief(belay: &Belay, token: &str, id: &str) -> Call {
    let call = belay.anonymous(Method::POST, "/briefing").bearer(token);
    let body = json!({"record": opportunity_named(id)});
    call.json(&body).header("x-request-id", id)
}

/// The last call, after which everything before it is logged.
async fn all_is_logged(belay: &Belay) {
    let call = belay.anonymous(Method::GET, "/healthz");
    call.header("x-request-id", "the-last-call").send().await;
    until("the last line", async || {
        let mut lines = belay.log().into_iter();
        lines.any(|line| line.contains("the-last-call"))
    })
    .await;
}

#[tokio::test]
async fn no_token_assertion_or_secret_stands_in_any_line_however_it_comes() {
    let upstream = Upstream::good().await;
    let belay = Belay::serve(&config(&upstream)).await;
    let now = SystemClock.timestamp();
    let jwt = Jwt::of("acme_jwt", "acme", URL, now);
    let assertion = || Jwt::of("acme_exchange", "acme", URL, now).once();
    let client = || {
        let jwt = Jwt::of("x", "acme-signer", URL, now).once();
        jwt.claim("sub", "acme-signer")
    };
    let post = |path: &str| belay.anonymous(Method::POST, path);
    let mut secrets: Vec<String> = Vec::new();
    for form in [
        by_secret("acme-client", SECRET).to_vec(),
        by_secret("acme-client", OTHER_SECRET).to_vec(),
        by_secret("nobody", "belay_wrong-secret").to_vec(),
        by_assertion(&assertion().signed_by(&ACME)).to_vec(),
        by_assertion(&assertion().signed_by(&MALLORY)).to_vec(),
        by_assertion(&assertion().claim("exp", 5).signed_by(&ACME)).to_vec(),
        by_assertion(&assertion().claim("sub", 5).signed_by(&ACME)).to_vec(),
        by_client_assertion(&client().signed_by(&ACME)).to_vec(),
        by_client_assertion(&client().signed_by(&ACME_NEXT)).to_vec(),
        vec![
            ("grant_type", "belay_wrong-grant"),
            ("scope", "belay_wrong-scope"),
        ],
    ] {
        let answer = ask_token(post("/oauth/token"), &form).send().await;
        if answer.status == 200 {
            let token = given(&answer);
            brief(&belay, &token, "by-token").send().await.expect_ok();
            brief(&belay, &token[..token.len() - 1], "cut").send().await;
            secrets.push(token);
        }
        let told = form.into_iter().skip(1).map(|(_, value)| value.to_owned());
        secrets.extend(told.filter(|value| value.len() > 15 && !value.starts_with("urn:")));
    }
    let good = jwt.signed_by(&ACME);
    brief(&belay, &good, "by-jwt").send().await.expect_ok();
    for bad in [
        jwt.signed_by(&MALLORY),
        jwt.clone().claim("nbf", 1_i64 << 40).signed_by(&ACME),
    ] {
        assert_eq!(brief(&belay, &bad, "bad").send().await.status, 401);
        secrets.push(bad);
    }
    secrets.push(good);
    let bare = || belay.anonymous(Method::GET, "/whoami");
    let by_basic = post("/oauth/token").basic("acme-client", SECRET);
    for call in [
        ask_token(by_basic, &[("grant_type", "client_credentials")]),
        bare().basic("flow", KEY),
        bare().basic("flow", OTHER_KEY),
        bare().header("x-api-key", "belay_wrong-secret"),
        bare().header("authorization", "belay_wrong-secret"),
        bare().header("authorization", "Digest belay_wrong-secret"),
    ] {
        call.send().await;
    }
    all_is_logged(&belay).await;

    secrets.extend([SECRET, OTHER_SECRET, KEY, OTHER_KEY].map(str::to_owned));
    secrets.push("belay_wrong".to_owned());
    for pair in [format!("acme-client:{SECRET}"), format!("flow:{KEY}")] {
        use base64::Engine as _;
        secrets.push(base64::engine::general_purpose::STANDARD.encode(pair));
    }
    // Of each token its signature alone would be too much, and of each key any line.
    let signatures: Vec<String> = secrets
        .iter()
        .filter_map(|secret| Some(secret.rsplit_once('.')?.1.to_owned()))
        .collect();
    assert!(signatures.len() > 10);
    secrets.extend(signatures);
    let keys = [TOKENS.as_str(), &ACME.key];
    let lines = keys.into_iter().flat_map(str::lines);
    secrets.extend(
        lines
            .filter(|line| !line.starts_with('-'))
            .map(str::to_owned),
    );
    let (log, audit) = (belay.log(), belay.printed());
    assert!(log.len() > 40, "trace is on");
    assert!(audit.lines().count() >= 4, "{audit}");
    for secret in &secrets {
        for line in log.iter().map(String::as_str).chain(audit.lines()) {
            assert!(!line.contains(secret.as_str()), "{secret} stands in {line}");
        }
    }
}

#[tokio::test]
async fn the_audit_names_the_user_and_the_log_only_the_users_hash() {
    let upstream = Upstream::good().await;
    let claims = "user_claim = \"sub\"\nusername_claim = \"preferred_username\"";
    let config =
        config(&upstream).credential(&signer("jwt", "acme_users", "acme", ACME_CRT, claims));
    let belay = Belay::serve(&config).await;
    let now = SystemClock.timestamp();
    let of = |user: &str| {
        let jwt = Jwt::of("acme_users", "acme", URL, now).claim("sub", user);
        jwt.claim("preferred_username", USERNAME).signed_by(&ACME)
    };
    for (id, user) in [("one", USER), ("two", USER), ("three", "0055f0000041XyZ")] {
        brief(&belay, &of(user), id).send().await.expect_ok();
    }
    brief(&belay, KEY, "nobody").send().await.expect_ok();
    until("four lines", async || audited(&belay).len() == 4).await;
    all_is_logged(&belay).await;

    let audit = audited(&belay);
    let of_call = |lines: &[Value], id: &str| {
        let line = lines.iter().find(|line| line["request_id"] == id);
        line.expect("it has a line").clone()
    };
    assert_eq!(of_call(&audit, "one")["user_id"], USER);
    assert_eq!(of_call(&audit, "one")["credential_id"], "acme_users");
    assert_eq!(of_call(&audit, "nobody")["user_id"], Value::Null);
    let calls: Vec<Value> = logged(&belay)
        .into_iter()
        .filter(|line| line["message"] == "call")
        .collect();
    let hash = |id: &str| of_call(&calls, id)["user"].clone();
    assert!(hash("one").is_string());
    assert_eq!(hash("one"), hash("two"));
    assert_ne!(hash("one"), hash("three"));
    assert_eq!(hash("nobody"), Value::Null);
    for line in belay.log() {
        for name in [&USER[..15], USERNAME, "lovelace"] {
            assert!(!line.contains(name), "{name} stands in {line}");
        }
    }
}
