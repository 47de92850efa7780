//! Stores of every kind: over TLS by an ACL user, behind Sentinels, in a Cluster, and with keys that take turns.

use reqwest::Method;
use serde_json::json;

use super::flights::landed;
use super::outage::all_know;
use super::{Replicas, keyed, shared};
use crate::helpers::call::Call;
use crate::helpers::openssl::Made;
use crate::helpers::process::Belay;
use crate::helpers::redis::{Cluster, Redis, Sentinels};
use crate::helpers::wait::until;
use crate::helpers::{Config, Upstream, opportunity_named};

const REPLAYED: Option<&str> = Some("belay; hit; detail=idempotency-key");

/// What the user of the replicas may do, and nothing beside: the README shows the same.
const RIGHTS: [&str; 11] = [
    "on",
    ">hunter2",
    "~belay:*",
    "-@all",
    "+@read",
    "+@write",
    "+@scripting",
    "+@connection",
    "+time",
    "+info",
    "+cluster",
];

fn with_a_key(one: &Belay, key: &str, name: &str) -> Call {
    let call = one.call(Method::POST, "/briefing");
    let body = json!({"record": opportunity_named(name), "fresh": true});
    call.header("idempotency-key", key).json(&body)
}

/// An answer that one replica paid for is a hit at another, and a key that one ran is replayed by another.
async fn share(replicas: &Replicas, upstream: &Upstream) {
    let before = upstream.count();
    let record = opportunity_named("shared");
    replicas.nth(0).brief(&record).send().await.expect_ok();
    let mut seen = None;
    until("an answer that others have", async || {
        let call = replicas.nth(1).brief(&record);
        let hit = call.header("cache-control", "only-if-cached").send().await;
        seen = hit.header("cache-status").map(str::to_owned);
        hit.status == 200
    })
    .await;
    let seen = seen.expect("it is told");
    assert!(seen.starts_with("belay; hit"), "{seen}");
    let first = with_a_key(replicas.nth(1), "one", "key").send().await;
    let again = with_a_key(replicas.nth(2), "one", "key").send().await;
    assert_eq!(again.expect_ok(), first.expect_ok());
    assert_eq!(again.header("cache-status"), REPLAYED);
    assert_eq!(upstream.count(), before + 2);
}

#[tokio::test]
async fn replicas_share_over_tls_as_an_acl_user_and_nobody_else_is_let_in() {
    let authority = Made::authority("Belay tests");
    let (server, stranger) = (authority.server(), Made::authority("Another"));
    let redis = Redis::start_over_tls(&server).await;
    let user = [&["ACL", "SETUSER", "belay"], RIGHTS.as_slice()].concat();
    redis.ask(&user).await;
    redis.ask(&["ACL", "SETUSER", "default", "off"]).await;
    let upstream = Upstream::good().await;
    let config = |authority: &Made| {
        let more = "key = \"env:SHARED_KEY\"\nca = \"file:authority.crt\"\non_outage = \"refuse\"";
        let config = shared(Config::to(&upstream), more);
        config.file("authority.crt", &authority.certificate)
    };
    let url = redis.tls_url("belay:hunter2");
    let replicas = Replicas::three_at(&config(&authority), &url).await;
    all_know(&replicas, true).await;
    share(&replicas, &upstream).await;

    for (authority, user) in [
        (&authority, "belay:hunter3"),
        (&authority, "default:hunter2"),
        (&stranger, "belay:hunter2"),
    ] {
        let one = Replicas::one_at(&config(authority), &redis.tls_url(user)).await;
        let refused = one.brief(&opportunity_named("refused")).send().await;
        refused.expect_problem(503, "shared-store-down");
        let page = one.admin("/metrics").await.text();
        assert!(
            page.lines().any(|line| line == "belay_shared_up 0"),
            "{page}"
        );
        for line in one.log() {
            assert!(!line.contains("hunter"), "{line}");
        }
    }
}

#[tokio::test]
async fn replicas_share_behind_sentinels_before_and_after_another_server_is_the_master() {
    let upstream = Upstream::good().await;
    let mut sentinels = Sentinels::start().await;
    let config = keyed(Config::to(&upstream));
    let replicas = Replicas::three_at(&config, &sentinels.url()).await;
    all_know(&replicas, true).await;
    share(&replicas, &upstream).await;
    let before = upstream.count();
    until("what the other server has as well", async || {
        let names = sentinels.next().ask(&["KEYS", "belay:*:once:*"]).await;
        names != redis::Value::Array(Vec::new())
    })
    .await;
    sentinels.master.kill().await;
    all_know(&replicas, false).await;
    all_know(&replicas, true).await;
    let again = with_a_key(replicas.nth(0), "one", "key").send().await;
    again.expect_ok();
    assert_eq!(again.header("cache-status"), REPLAYED);
    let hit = replicas.nth(2).brief(&opportunity_named("shared"));
    hit.send().await.expect_ok();
    assert_eq!(upstream.count(), before);
}

#[tokio::test]
async fn a_store_that_forgets_when_it_is_full_is_warned_of() {
    let upstream = Upstream::good().await;
    let warned = async |policy: &str| {
        let redis = Redis::start_with(&["--maxmemory-policy", policy]).await;
        let one = Replicas::one_at(&keyed(Config::to(&upstream)), &redis.url()).await;
        one.brief(&opportunity_named("one"))
            .send()
            .await
            .expect_ok();
        one.log()
            .iter()
            .any(|line| line.contains("noeviction would be right"))
    };
    assert!(warned("allkeys-lru").await);
    assert!(!warned("noeviction").await);
}

#[tokio::test]
async fn replicas_share_in_a_cluster() {
    let upstream = Upstream::good().await;
    let cluster = Cluster::start().await;
    let config = keyed(Config::to(&upstream));
    let replicas = Replicas::three_at(&config, &cluster.url()).await;
    all_know(&replicas, true).await;
    share(&replicas, &upstream).await;
}

#[tokio::test]
async fn keys_take_turns_without_a_moment_in_which_what_is_kept_cannot_be_read() {
    let upstream = Upstream::good().await;
    let redis = Redis::start().await;
    let by = |keys: &str| shared(Config::to(&upstream), &format!("key = {keys}"));
    let at = async |keys: &str| Replicas::one_at(&by(keys), &redis.url()).await;
    let record = opportunity_named("shared");
    // The steps of the README: the next opens, then it seals, then it is alone.
    let [first, second, third, last] = [
        at("\"env:SHARED_KEY\"").await,
        at("[\"env:SHARED_KEY\", \"env:NEXT_KEY\"]").await,
        at("[\"env:NEXT_KEY\", \"env:SHARED_KEY\"]").await,
        at("\"env:NEXT_KEY\"").await,
    ];
    let old = with_a_key(&first, "old", "old").send().await.expect_ok();
    first.brief(&record).send().await.expect_ok();
    landed(&redis).await;
    let new = with_a_key(&third, "new", "new").send().await.expect_ok();
    assert_eq!(upstream.count(), 3);
    for one in [&second, &third] {
        for (key, told) in [("old", &old), ("new", &new)] {
            let again = with_a_key(one, key, key).send().await;
            assert_eq!(&again.expect_ok(), told);
            assert_eq!(again.header("cache-status"), REPLAYED);
        }
        let hit = one.brief(&record).send().await;
        hit.expect_ok();
        let status = hit.header("cache-status").expect("it is told");
        assert!(status.starts_with("belay; hit"), "{status}");
    }
    let again = with_a_key(&last, "new", "new").send().await;
    assert_eq!(again.expect_ok(), new);
    assert_eq!(upstream.count(), 3);
    // Who has the new key alone pays for no second run of what the old one sealed.
    let unread = with_a_key(&last, "old", "old").send().await;
    unread.expect_problem(503, "shared-store-down");
    assert_eq!(upstream.count(), 3);
}
