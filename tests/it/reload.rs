//! A config that changes while the gateway serves.

use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::Method;

use crate::helpers::org::{KEY, SECOND_KEY};
use crate::helpers::process::Belay;
use crate::helpers::{Config, Upstream, opportunity_named, until};

const KEY_AFTER: &str = "belay_acme-after-the-reload";

/// The same orgs, but another key in place of Acme's first.
fn with_another_key(config: &Config) -> String {
    let hash = |key| belay::identity::KeyHash::of(key).to_string();
    config.text().replace(&hash(KEY), &hash(KEY_AFTER))
}

async fn status(belay: &Belay, key: &str) -> u16 {
    let call = belay.anonymous(Method::GET, "/whoami").bearer(key);
    call.send().await.status
}

async fn failed(belay: &Belay) -> bool {
    let page = belay.admin("/metrics").await.text();
    page.contains("\nbelay_config_reload_failed 1\n")
}

#[tokio::test]
async fn a_hangup_swaps_the_orgs_as_a_whole() {
    let upstream = Upstream::good().await;
    let config = Config::to(&upstream);
    let belay = Belay::serve(&config).await;
    assert_eq!(status(&belay, KEY_AFTER).await, 401);
    belay.rewrite(&with_another_key(&config));
    belay.signal("HUP").await;
    until("the new key", async || {
        status(&belay, KEY_AFTER).await == 200
    })
    .await;
    assert_eq!(status(&belay, KEY).await, 401);
    assert_eq!(status(&belay, SECOND_KEY).await, 200);
}

#[tokio::test]
async fn a_changed_file_is_noticed_by_itself() {
    let upstream = Upstream::good().await;
    let config = Config::to(&upstream);
    let belay = Belay::serve(&config).await;
    belay.rewrite(&with_another_key(&config));
    until("the new key", async || {
        status(&belay, KEY_AFTER).await == 200
    })
    .await;
}

#[tokio::test]
async fn a_bad_file_is_refused_whole_and_said_so_until_it_is_mended() {
    let upstream = Upstream::good().await;
    let config = Config::to(&upstream);
    let belay = Belay::serve(&config).await;
    assert!(!failed(&belay).await);

    let bad = with_another_key(&config) + "[colours]\nblue = 1\n";
    belay.rewrite(&bad);
    belay.signal("HUP").await;
    until("the metric of a refused config", async || {
        failed(&belay).await
    })
    .await;
    assert_eq!(status(&belay, KEY).await, 200, "the old one serves on");
    assert_eq!(status(&belay, KEY_AFTER).await, 401);
    let told = belay.log().join("\n");
    assert!(told.contains("colours"), "{told}");

    belay.rewrite(&with_another_key(&config));
    belay.signal("HUP").await;
    until("the new key", async || {
        status(&belay, KEY_AFTER).await == 200
    })
    .await;
    assert!(!failed(&belay).await);
}

#[tokio::test]
async fn a_policy_that_is_reloaded_holds_at_once_also_for_what_is_cached() {
    const ADDRESS: &str = "quay.clerk@mail.example";
    let upstream = Upstream::good().await;
    let config = Config::to(&upstream);
    let belay = Belay::serve(&config).await;
    let record = opportunity_named(format!("Ask {ADDRESS}"));
    belay.brief(&record).send().await.expect_ok();
    assert!(upstream.seen()[0].body.contains(ADDRESS));

    belay.rewrite(&config.privacy("").text());
    belay.signal("HUP").await;
    until("a call under the new policy", async || {
        belay.brief(&record).send().await.expect_ok();
        upstream.count() == 2
    })
    .await;
    assert!(!upstream.seen()[1].body.contains(ADDRESS));
}

#[tokio::test]
async fn a_provider_takes_another_key_another_address_and_another_name_without_a_restart() {
    let (first, second) = (Upstream::good().await, Upstream::good().await);
    // It is asked until it has noticed, however often that is.
    let config = Config::to(&first)
        .limit("requests_per_minute", 1_000_000)
        .limit("tokens_per_minute", 1_000_000_000);
    let belay = Belay::serve(&config).await;
    belay.brief(&opportunity_named(0)).send().await.expect_ok();
    assert_eq!(first.count(), 1);
    let key = |upstream: &Upstream| {
        let seen = upstream.seen();
        let key = seen.last().and_then(|seen| seen.header("x-api-key"));
        key.map(str::to_owned)
    };
    let before = key(&first).expect("a key");

    belay.write("key", "sk-of-after-the-rotation");
    let rotated = config
        .text()
        .replace("\"env:UPSTREAM_KEY\"", "\"file:key\"");
    belay.rewrite(&rotated);
    belay.signal("HUP").await;
    let nth = AtomicUsize::new(1);
    let asked_with = async |wanted: &'static str| {
        until(wanted, async || {
            let nth = nth.fetch_add(1, Ordering::Relaxed);
            let answer = belay.brief(&opportunity_named(nth)).send().await;
            answer.expect_ok();
            key(&first).as_deref() == Some(wanted)
        })
        .await;
    };
    asked_with("sk-of-after-the-rotation").await;
    assert_ne!(before, "sk-of-after-the-rotation");

    // The file alone changes, which is what a mounted secret does.
    belay.write("key", "sk-of-the-next-rotation");
    asked_with("sk-of-the-next-rotation").await;

    let moved = rotated
        .replace(&first.address(), &second.address())
        .replace("\"claude\"", "\"elsewhere\"");
    belay.rewrite(&moved);
    belay.signal("HUP").await;
    until("the other provider", async || {
        let nth = nth.fetch_add(1, Ordering::Relaxed);
        let answer = belay.brief(&opportunity_named(nth)).send().await;
        answer.expect_ok();
        second.count() > 0
    })
    .await;
    let seen = first.count();
    belay
        .brief(&opportunity_named("last"))
        .send()
        .await
        .expect_ok();
    assert_eq!(first.count(), seen);
    assert!(!failed(&belay).await);
}
