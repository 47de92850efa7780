//! Signing in by every protocol that a Named Credential has: what Salesforce sends, with keys and certificates that
//! openssl makes while the tests run, and whatever somebody else would send in its place.

mod assertions;
mod bearers;
mod discovery;
mod forgeries;
mod guessing;
mod jwt;
mod keys;
mod mangled;
mod once;
mod protocols;
mod renewal;
mod rotation;
mod secrecy;
mod users;

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use belay::domain::{Clock as _, SystemClock};
use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

use self::jwt::Jwt;
use self::keys::{ACME, GLOBEX, TOKENS};
use crate::helpers::call::Call;
use crate::helpers::{Answer, Config, TestApp, TestClock, Upstream, opportunity};

/// How callers know the gateway.
const URL: &str = "https://belay.brackwater.example";
/// The secret of Acme's client.
const SECRET: &str = "belay_acme-for-its-client";
/// The secret of Globex's client.
const OTHER_SECRET: &str = "belay_globex-for-its-client";
/// The grant that is a JWT.
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// The only type of a client's assertion.
const JWT_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The challenge of every 401.
const CHALLENGE: &str = r#"Bearer error="invalid_token""#;

/// Belay with a credential of each kind for Acme and for Globex, at a time that stands still.
struct Scene {
    upstream: Upstream,
    clock: Arc<TestClock>,
    app: TestApp,
}

/// A credential that is proved by JWTs.
fn signer(kind: &str, id: &str, issuer: &str, files: &str, more: &str) -> String {
    format!(
        "kind = \"{kind}\"\nid = \"{id}\"\nissuer = \"{issuer}\"\ncertificate = {files}\nscopes = [\"tasks\", \"messages\"]\n{more}\n"
    )
}

/// A client with secrets of these hashes.
fn client(id: &str, secrets: &[&str]) -> String {
    let hashes = secrets.iter().fold(String::new(), |mut text, secret| {
        let _ = write!(text, "\"{}\", ", belay::identity::KeyHash::of(secret));
        text
    });
    format!(
        "kind = \"oauth_client\"\nid = \"{id}\"\nsecret_sha256 = [{hashes}]\nscopes = [\"tasks\", \"messages\"]\n"
    )
}

/// A client that signs.
fn signing_client(id: &str, file: &str) -> String {
    format!(
        "kind = \"oauth_client\"\nid = \"{id}\"\ncertificate = \"file:{file}\"\nscopes = [\"tasks\", \"messages\"]\n"
    )
}

/// A credential of each kind for Acme and for Globex.
fn config(upstream: &Upstream) -> Config {
    with_credentials(bare_config(upstream))
}

fn with_credentials(config: Config) -> Config {
    config
        .credential(&signer("jwt", "acme_jwt", "acme", ACME_CRT, ""))
        .credential(&signer(
            "jwt_exchange",
            "acme_exchange",
            "acme",
            ACME_CRT,
            "user_claim = \"sub\"",
        ))
        .credential(&client("acme-client", &[SECRET]))
        .credential(&signing_client("acme-signer", "acme.crt"))
        .credential_of_globex(&signer("jwt", "globex_jwt", "globex", GLOBEX_CRT, ""))
        .credential_of_globex(&signer(
            "jwt_exchange",
            "globex_exchange",
            "globex",
            GLOBEX_CRT,
            "",
        ))
        .credential_of_globex(&client("globex-client", &[OTHER_SECRET]))
        .credential_of_globex(&signing_client("globex-signer", "globex.crt"))
}

const ACME_CRT: &str = r#""file:acme.crt""#;
const GLOBEX_CRT: &str = r#""file:globex.crt""#;

/// A gateway that gives access tokens, and has the files that credentials refer to.
fn bare_config(upstream: &Upstream) -> Config {
    with_tokens(Config::to(upstream))
}

fn with_tokens(config: Config) -> Config {
    config
        .server("public_url", format!("{URL:?}"))
        .file("acme.crt", &ACME.certificate)
        .file("globex.crt", &GLOBEX.certificate)
        .file("token.key", &TOKENS)
        .more("[tokens]\nsigning_keys = [\"file:token.key\"]\n")
}

/// An hour ahead, so that every certificate of the tests is older.
fn clock() -> Arc<TestClock> {
    let soon = SystemClock.timestamp() + Duration::from_hours(1);
    TestClock::still_at(&soon.to_string())
}

impl Scene {
    async fn new() -> Self {
        Self::with(|config| config).await
    }

    /// With another config than the usual.
    async fn with(change: impl FnOnce(Config) -> Config) -> Self {
        let upstream = Upstream::good().await;
        let config = change(config(&upstream));
        Self::by(&config, upstream).await
    }

    /// By this config alone.
    async fn by(config: &Config, upstream: Upstream) -> Self {
        let mut settings = config.settings();
        // What is slowed is told by its Retry-After, so no test need wait for it.
        settings.server.slow_answer = Duration::ZERO;
        let clock = clock();
        let app = TestApp::in_world(settings, clock.world()).await;
        Self {
            upstream,
            clock,
            app,
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.timestamp()
    }

    /// A JWT of Acme's for every request.
    fn jwt(&self) -> Jwt {
        Jwt::of("acme_jwt", "acme", URL, self.now())
    }

    /// A JWT of Acme's for the token endpoint.
    fn assertion(&self) -> Jwt {
        let audience = format!("{URL}/oauth/token");
        Jwt::of("acme_exchange", "acme", &audience, self.now()).once()
    }

    /// A JWT of Acme's client for the token endpoint.
    fn client_assertion(&self) -> Jwt {
        let audience = format!("{URL}/oauth/token");
        Jwt::of("acme-cert", "acme-signer", &audience, self.now())
            .claim("sub", "acme-signer")
            .once()
    }

    fn whoami(&self, token: &str) -> Call {
        let call = self.app.anonymous(Method::GET, "/whoami");
        call.bearer(token).by_salesforce()
    }

    fn brief(&self) -> Call {
        let call = self.app.anonymous(Method::POST, "/briefing");
        call.json(&json!({"record": opportunity()})).by_salesforce()
    }

    fn ask_token(&self, form: &[(&str, &str)]) -> Call {
        ask_token(self.app.anonymous(Method::POST, "/oauth/token"), form)
    }

    /// The access token that this form is given.
    async fn token(&self, form: &[(&str, &str)]) -> String {
        given(&self.ask_token(form).send().await)
    }
}

fn ask_token(call: Call, form: &[(&str, &str)]) -> Call {
    let body = Serializer::new(String::new()).extend_pairs(form).finish();
    call.header("content-type", "application/x-www-form-urlencoded")
        .by_salesforce()
        .body(body)
}

/// The token of a token answer.
fn given(answer: &Answer) -> String {
    let body = answer.expect_ok();
    body["access_token"].as_str().expect("a text").to_owned()
}

/// Form parameters of a client that shows its secret.
fn by_secret<'a>(id: &'a str, secret: &'a str) -> [(&'a str, &'a str); 3] {
    [
        ("grant_type", "client_credentials"),
        ("client_id", id),
        ("client_secret", secret),
    ]
}

/// Form parameters of a client that signs.
fn by_client_assertion(token: &str) -> [(&str, &str); 3] {
    [
        ("grant_type", "client_credentials"),
        ("client_assertion_type", JWT_ASSERTION),
        ("client_assertion", token),
    ]
}

/// Form parameters of an org that signs.
fn by_assertion(token: &str) -> [(&str, &str); 2] {
    [("grant_type", JWT_BEARER), ("assertion", token)]
}

/// What a token says, believed unseen.
fn claims(token: &str) -> Value {
    part(token, 1)
}

/// A part of a token, which is JSON.
fn part(token: &str, nth: usize) -> Value {
    let part = token.split('.').nth(nth).expect("three parts");
    serde_json::from_slice(&keys::decoded(part)).expect("JSON")
}
