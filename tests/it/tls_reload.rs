//! Certificates that change while the gateway serves.

use belay::domain::{Clock as _, SystemClock};
use reqwest::Method;

use crate::helpers::openssl::Made;
use crate::helpers::org::KEY;
use crate::helpers::process::Belay;
use crate::helpers::tls::Place;
use crate::helpers::{Config, Upstream, until};

async fn is_served(belay: &Belay, place: &Place) -> bool {
    let call = belay.over_tls(&place.client(), Method::GET, "/healthz");
    call.try_send()
        .await
        .is_ok_and(|answer| answer.status == 200)
}

/// The status of `/whoami` for a new connection that shows `made`.
async fn status(belay: &Belay, place: &Place, made: &Made) -> u16 {
    let call = belay.over_tls(&place.client_with(made), Method::GET, "/whoami");
    call.send().await.status
}

#[tokio::test]
async fn a_new_certificate_is_served_without_a_restart_and_open_connections_stay() {
    let upstream = Upstream::good().await;
    let (old, new) = (Place::new(), Place::new());
    let belay = Belay::serve(&old.secure(Config::to(&upstream))).await;
    assert!(is_served(&belay, &old).await && !is_served(&belay, &new).await);
    let mut open = old.raw(belay.public(), None).await;

    // No signal: the content of a file that the config names is another.
    belay.rewrite_all(&new.secure(Config::to(&upstream)));
    until("the new certificate", async || {
        is_served(&belay, &new).await
    })
    .await;
    assert!(!is_served(&belay, &old).await);
    let page = belay.admin("/metrics").await.text();
    let told = "belay_certificate_not_after_seconds{org=\"\",use=\"server\"} ";
    let ends = page.lines().find_map(|line| line.strip_prefix(told));
    let ends: i64 = ends.expect("it is told").parse().expect("a time");
    let left = ends - SystemClock.timestamp().as_second();
    assert!((1..=11 * 24 * 3_600).contains(&left), "{left} s");
    open.send("GET /healthz HTTP/1.1\r\nHost: belay\r\n\r\n")
        .await;
    open.until("\"ok\"").await;
    let told = belay.log().join("\n");
    assert!(!told.contains("take a restart"), "{told}");
}

#[tokio::test]
async fn a_bad_certificate_is_refused_and_the_old_one_serves_on() {
    let upstream = Upstream::good().await;
    let (old, new) = (Place::new(), Place::new());
    let config = old.secure(Config::to(&upstream));
    let belay = Belay::serve(&config).await;
    // The key is still the old one's, as amid a rotation.
    belay.rewrite_all(&config.clone().file("tls.crt", &new.server.certificate));
    belay.signal("HUP").await;
    until("the metric of a refused config", async || {
        let page = belay.admin("/metrics").await.text();
        page.contains("\nbelay_config_reload_failed 1\n")
    })
    .await;
    assert!(is_served(&belay, &old).await && !is_served(&belay, &new).await);
    let told = belay.log().join("\n");
    assert!(told.contains("does not belong to"), "{told}");
    assert!(!told.contains("PRIVATE"), "{told}");

    belay.rewrite_all(&new.secure(Config::to(&upstream)));
    until("the new certificate", async || {
        is_served(&belay, &new).await
    })
    .await;
}

#[tokio::test]
async fn a_certificate_that_is_taken_from_its_org_opens_nothing_more_on_the_open_connection_either()
{
    let (upstream, place) = (Upstream::good().await, Place::new());
    let acme = Made::self_signed("acme");
    let bare = place.secure(Config::to(&upstream));
    let belay = Belay::serve(&bare.clone().shows("cert", &acme)).await;
    let mut open = place.raw(belay.public(), Some(&acme)).await;
    let ask = "GET /whoami HTTP/1.1\r\nHost: belay\r\n\r\n";
    open.send(ask).await;
    open.until("\"credential_id\":\"cert\"").await;

    belay.rewrite_all(&bare);
    belay.signal("HUP").await;
    until("a certificate that is nobody's", async || {
        status(&belay, &place, &acme).await == 401
    })
    .await;
    open.send(ask).await;
    let told = open.until("\"code\":\"unauthenticated\"").await;
    assert!(told.contains("HTTP/1.1 401"), "{told}");
}

#[tokio::test]
async fn whether_a_certificate_is_asked_for_and_who_issues_it_follow_a_reload() {
    let (upstream, place) = (Upstream::good().await, Place::new());
    let (authority, another) = (Made::authority("orgs"), Made::authority("orgs"));
    let acme = authority.client("acme");
    let belay = Belay::serve(&place.secure(Config::to(&upstream))).await;
    // Nobody is asked, so what it could show does not disagree with the key.
    let client = place.client_with(&acme);
    let call = belay.over_tls(&client, Method::GET, "/whoami");
    call.bearer(KEY).send().await.expect_ok();
    assert_eq!(status(&belay, &place, &acme).await, 401);

    let shows = Config::to(&upstream).shows("cert", &acme);
    belay.rewrite_all(&place.secure_for(shows.clone(), &authority));
    belay.signal("HUP").await;
    until("a certificate that is asked for", async || {
        status(&belay, &place, &acme).await == 200
    })
    .await;
    let mut open = place.raw(belay.public(), Some(&acme)).await;
    let ask = "GET /whoami HTTP/1.1\r\nHost: belay\r\n\r\n";
    open.send(ask).await;
    open.until("\"credential_id\":\"cert\"").await;

    belay.rewrite_all(&place.secure_for(shows, &another));
    belay.signal("HUP").await;
    until("another authority", async || {
        status(&belay, &place, &acme).await == 401
    })
    .await;
    open.send(ask).await;
    open.until("not of the configured authority").await;
}

#[tokio::test]
async fn tls_is_turned_off_by_a_restart_and_by_no_reload() {
    let (upstream, place) = (Upstream::good().await, Place::new());
    let config = Config::to(&upstream);
    let belay = Belay::serve(&place.secure(config.clone())).await;
    belay.rewrite_all(&config);
    belay.signal("HUP").await;
    until("a line that says so", async || {
        let lines = belay.log();
        lines
            .iter()
            .any(|line| line.contains("take a restart") && line.contains("server"))
    })
    .await;
    assert!(is_served(&belay, &place).await);
}
