//! What goes wrong below HTTP, and what a proxy says of a certificate.

use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::json;
use tokio::process::Command;

use crate::helpers::openssl::Made;
use crate::helpers::org::{ACME, KEY, MESSAGES_KEY, OTHER_KEY};
use crate::helpers::raw::Raw;
use crate::helpers::tls::{Place, today};
use crate::helpers::{Config, Gate, Play, Reply, TestApp, Upstream, opportunity, within};

/// An app that speaks TLS and waits only for a moment.
async fn hasty(place: &Place) -> (TestApp, Upstream) {
    let upstream = Upstream::good().await;
    let mut settings = place.secure(Config::to(&upstream)).settings();
    settings.server.header_time = Duration::from_millis(300);
    settings.server.write_time = Duration::from_millis(300);
    (TestApp::in_world(settings, today().world()).await, upstream)
}

async fn expect_serving(app: &TestApp, place: &Place) {
    let health = app.over_tls(&place.client(), Method::GET, "/healthz");
    health.send().await.expect_ok();
}

#[tokio::test]
async fn what_is_older_than_tls_1_2_is_turned_away() {
    let place = Place::new();
    let (app, _upstream) = hasty(&place).await;
    for (version, is_spoken) in [("-tls1", false), ("-tls1_1", false), ("-tls1_2", true)] {
        let address = app.public.to_string();
        let tried = Command::new("openssl")
            .args(["s_client", "-connect", &address, version])
            .args(["-cipher", "ALL:@SECLEVEL=0"])
            .stdin(Stdio::null())
            .output();
        let tried = within("openssl", tried).await.expect("it is installed");
        let told = String::from_utf8_lossy(&tried.stderr) + String::from_utf8_lossy(&tried.stdout);
        assert_eq!(tried.status.success(), is_spoken, "{version}: {told}");
        assert_eq!(told.contains("SSL alert number"), !is_spoken, "{told}");
    }
    expect_serving(&app, &place).await;
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_given_up_and_keeps_nobody_waiting() {
    let place = Place::new();
    let (app, _upstream) = hasty(&place).await;
    let mut silent = Raw::to(app.public).await;
    let mut halted = Raw::to(app.public).await;
    // A record of a handshake of 512 bytes, of which none comes.
    halted.send("\u{16}\u{3}\u{1}\u{2}\u{0}").await;
    expect_serving(&app, &place).await;
    assert_eq!(silent.rest().await, "");
    assert_eq!(halted.rest().await, "");
}

#[tokio::test]
async fn who_speaks_plain_http_to_it_is_turned_away_at_once() {
    let place = Place::new();
    let upstream = Upstream::good().await;
    let config = place.secure(Config::to(&upstream));
    // It waits ten seconds for a handshake, and none of them here.
    let app = TestApp::in_world(config.settings(), today().world()).await;
    let asked = app.get("/whoami").try_send();
    let answered = tokio::time::timeout(Duration::from_secs(5), asked).await;
    assert!(answered.expect("it was at once").is_err());
    let mut raw = Raw::to(app.public).await;
    raw.send(&format!(
        "GET /whoami HTTP/1.1\r\nHost: belay\r\nAuthorization: Bearer {KEY}\r\n\r\n"
    ))
    .await;
    let told = raw.rest().await;
    assert!(!told.contains("HTTP") && !told.contains("acme"), "{told}");
    expect_serving(&app, &place).await;
}

#[tokio::test]
async fn one_who_asks_over_tls_and_reads_nothing_is_given_up() {
    use tokio::io::AsyncWriteExt;
    let place = Place::new();
    let (app, _upstream) = hasty(&place).await;
    let (reading, mut writing) = tokio::io::split(place.raw(app.public, None).await.0);
    let asking = async {
        let one = "GET /openapi.json HTTP/1.1\r\nHost: belay\r\n\r\n";
        while writing.write_all(one.as_bytes()).await.is_ok() && writing.flush().await.is_ok() {}
    };
    within("the end of the connection", asking).await;
    drop(reading);
    expect_serving(&app, &place).await;
}

#[tokio::test]
async fn a_stop_lets_calls_over_tls_finish_and_waits_for_no_handshake() {
    let (upstream, place) = (Upstream::good().await, Place::new());
    let gate = Gate::closed();
    let held = Play::Held(gate.clone(), Reply::good());
    upstream.about("a call over TLS", vec![held]);
    let mut settings = place.secure(Config::to(&upstream)).settings();
    // Longer than the test may take: nobody waits for the handshake that never comes.
    settings.server.header_time = Duration::from_mins(5);
    let app = TestApp::in_world(settings, today().world()).await;
    let _silent = Raw::to(app.public).await;
    let mut idle = place.raw(app.public, None).await;
    idle.send("GET /healthz HTTP/1.1\r\nHost: belay\r\n\r\n")
        .await;
    idle.until("\"ok\"").await;
    let record = crate::helpers::opportunity_named("a call over TLS");
    let call = app.over_tls(&place.client(), Method::POST, "/briefing");
    let call = call.bearer(KEY).json(&json!({"record": record}));
    let stopped = async {
        upstream.reached(1).await;
        app.stop();
        assert_eq!(idle.rest().await, "", "an idle connection ends at once");
        gate.open();
    };
    let (answer, ()) = tokio::join!(call.send(), stopped);
    answer.expect_ok();
    app.ended().await;
}

/// What a proxy writes of a certificate.
fn told(certificate: &Made) -> String {
    format!(":{}:", STANDARD.encode(&certificate.chain()[0]))
}

#[tokio::test]
async fn a_trusted_proxy_tells_whose_certificate_it_has_checked() {
    let upstream = Upstream::good().await;
    let (acme, stranger) = (Made::self_signed("acme"), Made::self_signed("acme"));
    let config = Config::to(&upstream)
        .shows("cert", &acme)
        .server("trusted_proxies", r#"["127.0.0.0/8"]"#);
    let clock = today();
    let app = TestApp::in_world(config.settings(), clock.world()).await;
    let whoami = || app.anonymous(Method::GET, "/whoami");
    let body = whoami().header("client-cert", &told(&acme)).send().await;
    let body = body.expect_ok();
    assert_eq!(body["org_id"], ACME);
    assert_eq!(body["credential_id"], "cert");
    let beside = whoami().bearer(KEY).header("client-cert", &told(&acme));
    let beside = beside.send().await.expect_ok();
    assert_eq!(beside["proofs"][1]["credential_id"], "cert");

    let (good, strange) = (told(&acme), told(&stranger));
    let bare = good.trim_matches(':');
    let twice = format!("{good}, {good}");
    for (nth, wrong) in [&strange, "", "::", ":AAAA:", bare, "\"text\"", &twice]
        .into_iter()
        .enumerate()
    {
        for call in [whoami(), whoami().bearer(KEY)] {
            // Each from elsewhere, or so many failures would be answered slowly.
            let call = call.header("x-forwarded-for", &format!("203.0.113.{nth}"));
            let answer = call.header("client-cert", wrong).send().await;
            answer.expect_problem(401, "unauthenticated");
        }
    }
    let both = whoami().header("client-cert", &good);
    let both = both.header("client-cert", &good).send().await;
    both.expect_problem(401, "unauthenticated");
    let other = whoami().bearer(OTHER_KEY).header("client-cert", &good);
    other.send().await.expect_problem(401, "unauthenticated");

    clock.turn(Duration::from_hours(11 * 24));
    let late = whoami().header("client-cert", &good).send().await;
    late.expect_problem(401, "unauthenticated");
}

#[tokio::test]
async fn what_anybody_else_says_of_a_certificate_counts_for_nothing() {
    let upstream = Upstream::good().await;
    let acme = Made::self_signed("acme");
    let config = Config::to(&upstream)
        .shows("cert", &acme)
        .server("trusted_proxies", r#"["10.0.0.0/8", "127.0.0.2"]"#);
    let app = TestApp::in_world(config.settings(), today().world()).await;
    for value in [&told(&acme), "garbage"] {
        let call = app.anonymous(Method::GET, "/whoami");
        let answer = call.header("client-cert", value).send().await;
        let problem = answer.expect_problem(401, "unauthenticated");
        let detail = problem["detail"].as_str().expect("a text");
        assert!(detail.starts_with("no credential was sent"), "{detail}");
        let call = app.get("/whoami").header("client-cert", value);
        let body = call.send().await.expect_ok();
        assert_eq!(body["proofs"].as_array().map(Vec::len), Some(1));
    }
}

#[tokio::test]
async fn the_certificate_of_a_proxy_itself_is_nobodys_proof() {
    let (upstream, place) = (Upstream::good().await, Place::new());
    let (acme, proxy) = (Made::self_signed("acme"), Made::self_signed("proxy"));
    let config = Config::to(&upstream)
        .shows("cert", &acme)
        .shows("proxy", &proxy)
        .server("trusted_proxies", r#"["127.0.0.1"]"#);
    let config = place.secure(config);
    let app = TestApp::in_world(config.settings(), today().world()).await;
    let client = place.client_with(&proxy);
    let whoami = || app.over_tls(&client, Method::GET, "/whoami");
    let nothing_said = whoami().send().await;
    nothing_said.expect_problem(401, "unauthenticated");
    whoami().bearer(OTHER_KEY).send().await.expect_ok();
    let of_acme = whoami().header("client-cert", &told(&acme)).send().await;
    assert_eq!(of_acme.expect_ok()["credential_id"], "cert");
}

#[tokio::test]
async fn what_speaks_of_a_certificate_goes_to_no_provider() {
    let upstream = Upstream::good().await;
    let acme = Made::self_signed("acme");
    for proxies in ["[]", r#"["127.0.0.1"]"#] {
        let config = Config::to(&upstream)
            .shows("cert", &acme)
            .server("trusted_proxies", proxies);
        let app = TestApp::in_world(config.settings(), today().world()).await;
        let calls = [
            app.brief(&opportunity()),
            app.relay(&json!({
                "model": "default", "max_tokens": 16,
                "messages": [{"role": "user", "content": "hello"}]
            })),
        ];
        for call in calls {
            let call = call.header("client-cert", &told(&acme));
            let answer = call.header("client-cert-chain", &told(&acme)).send().await;
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    }
    assert_eq!(upstream.count(), 4);
    for seen in upstream.seen() {
        for (name, value) in &seen.headers {
            assert!(!name.contains("cert"), "{name}");
            assert!(!value.contains(&told(&acme)) && !value.contains(MESSAGES_KEY));
        }
    }
}
