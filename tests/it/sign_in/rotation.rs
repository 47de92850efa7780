//! Keys, certificates and secrets that are changed while Belay serves.

use belay::domain::{Clock as _, SystemClock};
use jiff::Timestamp;
use reqwest::Method;
use serde_json::Value;

use super::jwt::Jwt;
use super::keys::{ACME, ACME_NEXT, TOKENS_NEXT, has_signed};
use super::{
    ACME_CRT, CHALLENGE, SECRET, URL, ask_token, bare_config, by_assertion, by_client_assertion,
    by_secret, client, given, part, signer, signing_client,
};
use crate::helpers::process::Belay;
use crate::helpers::{Answer, Config, Upstream, until};

/// The secret that follows upon Acme's.
const NEXT_SECRET: &str = "belay_acme-for-its-client-next";
const BOTH_CRT: &str = r#"["file:acme.crt", "file:next.crt"]"#;
const NEXT_CRT: &str = r#""file:next.crt""#;

fn now() -> Timestamp {
    SystemClock.timestamp()
}

fn config(upstream: &Upstream) -> Config {
    bare_config(upstream)
        .file("next.crt", &ACME_NEXT.certificate)
        .file("next.key", &TOKENS_NEXT)
}

async fn whoami(belay: &Belay, token: &str) -> Answer {
    let call = belay.anonymous(Method::GET, "/whoami").bearer(token);
    call.send().await
}

async fn is_known(belay: &Belay, token: &str) -> bool {
    let answer = whoami(belay, token).await;
    if answer.status != 200 {
        assert_eq!(answer.status, 401, "{}", answer.text());
        assert_eq!(answer.header("www-authenticate"), Some(CHALLENGE));
    }
    answer.status == 200
}

async fn token(belay: &Belay, form: &[(&str, &str)]) -> Answer {
    let call = belay.anonymous(Method::POST, "/oauth/token");
    ask_token(call, form).send().await
}

async fn published(belay: &Belay) -> Vec<Value> {
    let page = belay.anonymous(Method::GET, "/.well-known/jwks.json");
    let body = page.send().await.expect_ok();
    body["keys"].as_array().expect("a list").clone()
}

/// Serves by `text` from now on, which is so once `is_there`.
async fn reload(belay: &Belay, text: &str, is_there: impl AsyncFnMut() -> bool) {
    belay.rewrite(text);
    belay.signal("HUP").await;
    until("the new config", is_there).await;
}

#[tokio::test]
async fn signing_keys_overlap_until_the_old_one_is_taken_away() {
    let upstream = Upstream::good().await;
    let config = config(&upstream).credential(&client("acme-client", &[SECRET]));
    let form = by_secret("acme-client", SECRET);
    let with_keys = |keys: &str| config.text().replace("\"file:token.key\"", keys);
    let belay = Belay::serve(&config).await;
    let old = given(&token(&belay, &form).await);

    // To come: it is published before it signs.
    let text = with_keys("\"file:token.key\", \"file:next.key\"");
    reload(&belay, &text, async || published(&belay).await.len() == 2).await;
    let keys = published(&belay).await;
    let still_old = given(&token(&belay, &form).await);
    assert_eq!(part(&still_old, 0)["kid"], keys[0]["kid"]);
    assert_eq!(part(&old, 0)["kid"], keys[0]["kid"]);

    let text = with_keys("\"file:next.key\", \"file:token.key\"");
    let next = keys[1]["kid"].clone();
    reload(&belay, &text, async || {
        published(&belay).await[0]["kid"] == next
    })
    .await;
    let new = given(&token(&belay, &form).await);
    assert_eq!(part(&new, 0)["kid"], next);
    assert!(has_signed(&keys[1], &new) && has_signed(&keys[0], &old));
    for token in [&old, &new] {
        assert!(is_known(&belay, token).await);
    }

    let text = with_keys("\"file:next.key\"");
    reload(&belay, &text, async || published(&belay).await.len() == 1).await;
    assert!(!is_known(&belay, &old).await);
    assert!(!is_known(&belay, &still_old).await);
    assert!(is_known(&belay, &new).await);
}

#[tokio::test]
async fn a_key_that_is_replaced_in_its_file_is_noticed_by_itself() {
    let upstream = Upstream::good().await;
    let config = config(&upstream).credential(&client("acme-client", &[SECRET]));
    let belay = Belay::serve(&config).await;
    let form = by_secret("acme-client", SECRET);
    let old = given(&token(&belay, &form).await);
    assert!(is_known(&belay, &old).await);
    belay.write("token.key", &TOKENS_NEXT);
    until("the new key", async || {
        published(&belay).await[0]["crv"] == "P-256"
    })
    .await;
    assert!(!is_known(&belay, &old).await);
    let new = given(&token(&belay, &form).await);
    assert!(is_known(&belay, &new).await);
}

#[tokio::test]
async fn two_certificates_of_a_credential_overlap_until_the_old_one_is_taken_away() {
    let upstream = Upstream::good().await;
    let with_certificates = |files: &str| {
        config(&upstream)
            .credential(&signer("jwt", "acme_jwt", "acme", files, ""))
            .credential(&signer("jwt_exchange", "acme_exchange", "acme", files, ""))
    };
    let belay = Belay::serve(&with_certificates(ACME_CRT)).await;
    let bearer = || Jwt::of("acme_jwt", "acme", URL, now());
    let assertion = || Jwt::of("acme_exchange", "acme", URL, now()).once();
    let fits = async |pair| {
        let as_bearer = is_known(&belay, &bearer().signed_by(pair)).await;
        let form = assertion().signed_by(pair);
        let as_assertion = token(&belay, &by_assertion(&form)).await.status == 200;
        assert_eq!(as_bearer, as_assertion);
        as_bearer
    };
    let (old, new) = (&*ACME, &*ACME_NEXT);
    assert!(fits(old).await && !fits(new).await);
    let given_for_old = assertion().signed_by(old);
    let given_for_old = given(&token(&belay, &by_assertion(&given_for_old)).await);
    assert!(is_known(&belay, &given_for_old).await);

    let text = with_certificates(BOTH_CRT).text();
    let with_new = bearer().signed_by(new);
    reload(&belay, &text, async || is_known(&belay, &with_new).await).await;
    assert!(fits(old).await && fits(new).await);
    assert!(is_known(&belay, &given_for_old).await);
    let given_for_new = assertion().signed_by(new);
    let given_for_new = given(&token(&belay, &by_assertion(&given_for_new)).await);

    let text = with_certificates(NEXT_CRT).text();
    let with_old = bearer().signed_by(old);
    reload(&belay, &text, async || !is_known(&belay, &with_old).await).await;
    assert!(!fits(old).await && fits(new).await);
    assert!(!is_known(&belay, &given_for_old).await);
    assert!(is_known(&belay, &given_for_new).await);
}

#[tokio::test]
async fn two_secrets_of_a_client_overlap_and_a_secret_takes_its_tokens_with_it() {
    let upstream = Upstream::good().await;
    let with_secrets =
        |secrets: &[&str]| config(&upstream).credential(&client("acme-client", secrets));
    let belay = Belay::serve(&with_secrets(&[SECRET])).await;
    let ask = async |secret: &str| token(&belay, &by_secret("acme-client", secret)).await;
    let first = given(&ask(SECRET).await);
    assert_eq!(ask(NEXT_SECRET).await.status, 401);

    let text = with_secrets(&[NEXT_SECRET, SECRET]).text();
    reload(&belay, &text, async || ask(NEXT_SECRET).await.status == 200).await;
    let for_old = given(&ask(SECRET).await);
    let for_new = given(&ask(NEXT_SECRET).await);
    for token in [&first, &for_old, &for_new] {
        assert!(is_known(&belay, token).await);
    }

    let text = with_secrets(&[NEXT_SECRET]).text();
    reload(&belay, &text, async || ask(SECRET).await.status == 401).await;
    for token in [&first, &for_old] {
        assert!(!is_known(&belay, token).await);
    }
    assert!(is_known(&belay, &for_new).await);
}

#[tokio::test]
async fn a_credential_that_is_deleted_takes_its_tokens_with_it_at_once() {
    let upstream = Upstream::good().await;
    let others = || config(&upstream).credential(&client("acme-client", &[SECRET]));
    let all = others()
        .credential(&signer("jwt", "acme_jwt", "acme", ACME_CRT, ""))
        .credential(&signer(
            "jwt_exchange",
            "acme_exchange",
            "acme",
            ACME_CRT,
            "",
        ))
        .credential(&signing_client("acme-signer", "acme.crt"));
    let belay = Belay::serve(&all).await;
    let jwt = Jwt::of("acme_jwt", "acme", URL, now()).signed_by(&ACME);
    let assertion = || {
        Jwt::of("acme_exchange", "acme", URL, now())
            .once()
            .signed_by(&ACME)
    };
    let client_assertion = || {
        let jwt = Jwt::of("x", "acme-signer", URL, now()).once();
        jwt.claim("sub", "acme-signer").signed_by(&ACME)
    };
    let by_exchange = given(&token(&belay, &by_assertion(&assertion())).await);
    let by_client = given(&token(&belay, &by_client_assertion(&client_assertion())).await);
    let by_secret = given(&token(&belay, &by_secret("acme-client", SECRET)).await);
    for token in [&jwt, &by_exchange, &by_client, &by_secret] {
        assert!(is_known(&belay, token).await);
    }

    let text = others().text();
    reload(&belay, &text, async || !is_known(&belay, &jwt).await).await;
    for token in [&by_exchange, &by_client] {
        assert!(!is_known(&belay, token).await);
    }
    assert!(is_known(&belay, &by_secret).await, "it is not theirs");
    for refused in [
        token(&belay, &by_assertion(&assertion())).await,
        token(&belay, &by_client_assertion(&client_assertion())).await,
    ] {
        assert_eq!(refused.status, 401, "{}", refused.text());
    }
}

#[tokio::test]
async fn an_access_token_ends_when_another_claim_names_the_user_or_another_kind_takes_the_id() {
    let upstream = Upstream::good().await;
    let of = |kind: &str, more: &str| {
        let config = config(&upstream);
        let exchange = signer(kind, "acme_exchange", "acme_exchange", ACME_CRT, more);
        config.credential(&exchange).text()
    };
    let by_sub = config(&upstream).credential(&signer(
        "jwt_exchange",
        "acme_exchange",
        "acme_exchange",
        ACME_CRT,
        "user_claim = \"sub\"",
    ));
    let as_client = config(&upstream).credential(&signing_client("acme_exchange", "acme.crt"));
    for next in [of("jwt_exchange", "user_claim = \"uid\""), as_client.text()] {
        let belay = Belay::serve(&by_sub).await;
        let jwt = Jwt::of("acme_exchange", "acme_exchange", URL, now()).once();
        let old = given(&token(&belay, &by_assertion(&jwt.signed_by(&ACME))).await);
        assert!(is_known(&belay, &old).await);
        belay.rewrite(&next);
        belay.signal("HUP").await;
        until("the old token's end", async || {
            !is_known(&belay, &old).await
        })
        .await;
    }
}
