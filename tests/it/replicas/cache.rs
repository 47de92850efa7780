//! One cache behind all replicas: an answer of one is a hit at another, a purge at one holds for all, and no org sees
//! another's.

use std::time::Duration;

use futures_util::future::join_all;
use redis::Value as Stored;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Replicas, keyed};
use crate::helpers::call::Call;
use crate::helpers::org::{ACME, KEY, MESSAGES_KEY, OTHER_KEY, OTHER_MESSAGES_KEY};
use crate::helpers::process::Belay;
use crate::helpers::redis::Redis;
use crate::helpers::wait::until;
use crate::helpers::{Answer, Config, Gate, Play, Reply, Upstream, opportunity, opportunity_named};

pub(super) fn status(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let status = answer.header("cache-status").expect("it is told");
    status.to_owned()
}

/// Every key in the store that begins with `prefix`.
pub(super) async fn keys(redis: &Redis, prefix: &str) -> Vec<String> {
    let keys = redis.ask(&["KEYS", "*"]).await;
    let keys: Vec<String> = redis::from_redis_value(keys).expect("names");
    keys.into_iter()
        .filter(|key| key.starts_with(prefix))
        .collect()
}

/// Waits until so many answers lie in the store, and names them.
async fn kept(redis: &Redis, count: usize) -> Vec<String> {
    let mut found = Vec::new();
    until("answers in the store", async || {
        let all = keys(redis, "belay:{").await;
        found = all
            .into_iter()
            .filter(|key| key.contains("}:answer:"))
            .collect();
        found.len() >= count
    })
    .await;
    assert_eq!(found.len(), count, "{found:?}");
    found
}

async fn three(config: Config, redis: &Redis) -> Replicas {
    let replicas = Replicas::three(&keyed(config), redis).await;
    super::outage::all_know(&replicas, true).await;
    replicas
}

async fn forget(one: &Belay, record_id: &str) {
    let call = one.call(Method::DELETE, &format!("/cache?record_id={record_id}"));
    call.send().await.expect_ok();
}

fn brief_of_globex(one: &Belay, record: &Value) -> Call {
    let call = one.anonymous(Method::POST, "/briefing").bearer(OTHER_KEY);
    call.json(&json!({"record": record}))
}

fn only_if_cached(one: &Belay, record: &Value) -> Call {
    one.brief(record).header("cache-control", "only-if-cached")
}

#[tokio::test]
async fn an_answer_of_one_replica_is_a_hit_at_another() {
    let upstream = Upstream::good().await;
    let redis = Redis::start().await;
    let replicas = three(Config::to(&upstream), &redis).await;
    let first = replicas.nth(0).brief(&opportunity()).send().await;
    assert_eq!(status(&first), "belay; fwd=miss; stored");
    kept(&redis, 1).await;

    let hit = replicas.nth(1).brief(&opportunity()).send().await;
    assert!(status(&hit).starts_with("belay; hit; ttl="));
    let (mut told, mut known) = (first.json(), hit.json());
    assert_eq!(known["cached"], true);
    assert_eq!(known["usage"]["cost_usd"], 0.0);
    for own in ["cached", "usage", "request_id", "duration_ms"] {
        told.as_object_mut().expect("an object").remove(own);
        known.as_object_mut().expect("an object").remove(own);
    }
    assert_eq!(known, told);
    let hit = only_if_cached(replicas.nth(2), &opportunity()).send().await;
    assert!(status(&hit).starts_with("belay; hit"));
    assert_eq!(upstream.count(), 1);
    let page = replicas.nth(1).admin("/metrics").await.text();
    assert!(
        page.lines()
            .any(|line| line == "belay_cache_total{result=\"hit\"} 1"),
        "{page}"
    );

    // Its age is the same everywhere.
    let old = |one: &Belay| {
        one.brief(&opportunity())
            .header("cache-control", "max-age=0")
    };
    tokio::time::sleep(Duration::from_millis(20)).await;
    let miss = old(replicas.nth(2)).send().await;
    assert_eq!(status(&miss), "belay; fwd=miss; stored");
}

#[tokio::test]
async fn the_store_shows_no_word_of_a_record_and_no_key_without_its_org() {
    let upstream = Upstream::good().await;
    let redis = Redis::start().await;
    let config = Config::to(&upstream).org("messages_cache_ttl_s = 600");
    let replicas = three(config, &redis).await;
    let answer = replicas.nth(0).brief(&opportunity()).send().await;
    answer.expect_ok();
    let body = ask("What of 0065f00000CrnLsAAJ, Acme renewal?");
    relay(replicas.nth(1), MESSAGES_KEY, &body)
        .send()
        .await
        .expect_ok();
    kept(&redis, 2).await;
    forget(replicas.nth(2), "0065f00000CrnLs").await;
    let record = opportunity();
    let words = [
        record["Name"].as_str().expect("a text"),
        record["Id"].as_str().expect("a text"),
        "Acme",
        "headline",
        "content",
    ];
    let mut looked_at = 0;
    for key in keys(&redis, "").await {
        assert!(
            key.starts_with(&format!("belay:{{{ACME}}}:"))
                || ["belay:written", "belay:usage:orgs"].contains(&&*key),
            "{key}"
        );
        let kind = redis.ask(&["TYPE", &key]).await;
        let kind: String = redis::from_redis_value(kind).expect("a word");
        let value = match kind.as_str() {
            "string" => redis.ask(&["GET", &key]).await,
            "zset" => redis.ask(&["ZRANGE", &key, "0", "-1"]).await,
            "hash" => redis.ask(&["HGETALL", &key]).await,
            "set" => redis.ask(&["SMEMBERS", &key]).await,
            other => panic!("{key} is a {other}"),
        };
        for text in texts(value) {
            looked_at += text.len();
            for word in words {
                let found = text.windows(word.len()).any(|part| part == word.as_bytes());
                assert!(!found, "{word} stands in {key}");
            }
        }
    }
    assert!(looked_at > 1_000, "{looked_at} bytes were looked at");
}

fn texts(value: Stored) -> Vec<Vec<u8>> {
    match value {
        Stored::BulkString(text) => vec![text],
        Stored::Array(all) | Stored::Set(all) => all.into_iter().flat_map(texts).collect(),
        Stored::Map(all) => all
            .into_iter()
            .flat_map(|(name, value)| [texts(name), texts(value)].concat())
            .collect(),
        other => vec![format!("{other:?}").into_bytes()],
    }
}

#[tokio::test]
async fn a_purge_at_one_replica_is_seen_by_all_within_a_second() {
    let upstream = Upstream::good().await;
    let redis = Redis::start().await;
    let replicas = three(Config::to(&upstream), &redis).await;
    for round in 0..2 {
        // Every replica has it in its own memory, besides the store.
        replicas
            .nth(round)
            .brief(&opportunity())
            .send()
            .await
            .expect_ok();
        kept(&redis, 1).await;
        for one in &replicas.0 {
            one.brief(&opportunity()).send().await.expect_ok();
            let hit = one.brief(&opportunity()).send().await;
            assert!(status(&hit).starts_with("belay; hit"), "{round}");
        }
        assert_eq!(upstream.count(), round + 1);

        forget(replicas.nth(round), "0065f00000CrnLs").await;
        let purged = Instant::now();
        for one in &replicas.0 {
            until("a purge that is seen", async || {
                only_if_cached(one, &opportunity()).send().await.status == 504
            })
            .await;
        }
        let took = purged.elapsed();
        assert!(took < Duration::from_secs(1), "{took:?}");
    }
    // Another org's answer about the same record stays, and so does another record's.
    let theirs = |one: &Belay| brief_of_globex(one, &opportunity());
    theirs(replicas.nth(0)).send().await.expect_ok();
    let before = upstream.count();
    forget(replicas.nth(1), "0065f00000CrnLs").await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    let hit = theirs(replicas.nth(0)).send().await;
    assert!(status(&hit).starts_with("belay; hit"));
    assert_eq!(upstream.count(), before);
}

#[tokio::test]
async fn a_purge_of_everything_holds_for_an_org_at_every_replica() {
    let upstream = Upstream::good().await;
    let redis = Redis::start().await;
    let replicas = three(Config::to(&upstream), &redis).await;
    let records = [opportunity_named("first"), opportunity_named("second")];
    for one in &replicas.0 {
        for record in &records {
            one.brief(record).send().await.expect_ok();
        }
        brief_of_globex(one, &opportunity())
            .send()
            .await
            .expect_ok();
        kept(&redis, 3).await;
    }
    let call = replicas.nth(1);
    let call = call.call(Method::DELETE, "/cache?everything=true");
    call.send().await.expect_ok();
    for one in &replicas.0 {
        for record in &records {
            until("a purge that is seen", async || {
                only_if_cached(one, record).send().await.status == 504
            })
            .await;
        }
        let hit = brief_of_globex(one, &opportunity()).send().await;
        assert!(
            status(&hit).starts_with("belay; hit"),
            "another org's stays"
        );
    }
}

#[tokio::test]
async fn a_flight_that_began_before_a_purge_brings_nothing_back() {
    let gate = Gate::closed();
    let upstream = Upstream::doing(Play::Held(gate.clone(), Reply::good())).await;
    let redis = Redis::start().await;
    let replicas = three(Config::to(&upstream), &redis).await;
    let asked = replicas.nth(0).brief(&opportunity()).send();
    let (answer, ()) = tokio::join!(asked, async {
        upstream.reached(1).await;
        forget(replicas.nth(1), "0065f00000CrnLs").await;
        gate.open();
    });
    answer.expect_ok();
    // What was asked before the purge may still be in the memory that asked, for less than a second.
    tokio::time::sleep(Duration::from_secs(1)).await;
    for one in &replicas.0 {
        let miss = only_if_cached(one, &opportunity()).send().await;
        miss.expect_problem(504, "not-cached");
    }
    assert_eq!(
        keys(&redis, "belay:{")
            .await
            .iter()
            .filter(|key| key.contains("answer"))
            .count(),
        0
    );
    let again = replicas.nth(2).brief(&opportunity()).send().await;
    assert_eq!(status(&again), "belay; fwd=miss; stored");
}

#[tokio::test]
async fn without_a_key_nothing_is_kept_in_the_store_and_a_purge_still_holds_for_all() {
    let upstream = Upstream::good().await;
    let redis = Redis::start().await;
    let replicas = Replicas::three(&super::shared(Config::to(&upstream), ""), &redis).await;
    super::outage::all_know(&replicas, true).await;
    for (nth, one) in replicas.0.iter().enumerate() {
        let miss = one.brief(&opportunity()).send().await;
        assert_eq!(status(&miss), "belay; fwd=miss; stored");
        assert_eq!(upstream.count(), nth + 1);
    }
    forget(replicas.nth(1), "0065f00000CrnLs").await;
    for one in &replicas.0 {
        until("a purge that is seen", async || {
            only_if_cached(one, &opportunity()).send().await.status == 504
        })
        .await;
    }
    for key in keys(&redis, "belay:{").await {
        assert!(
            !key.contains("}:answer:") && !key.contains("}:flight:"),
            "{key}"
        );
    }
}

#[tokio::test]
async fn answers_never_fill_the_store() {
    let upstream = Upstream::good().await;
    let redis = Redis::start().await;
    let replicas = three(Config::to(&upstream), &redis).await;
    // So much that what connections and scripts take, and give back, is little beside it.
    let ballast = "return redis.call('SET', 'ballast', string.rep('x', 20000000))";
    redis.ask(&["EVAL", ballast, "0"]).await;
    let info = redis.ask(&["INFO", "memory"]).await;
    let info: String = redis::from_redis_value(info).expect("a text");
    let used = info
        .lines()
        .find_map(|line| line.strip_prefix("used_memory:"))
        .and_then(|used| used.trim().parse::<u64>().ok())
        .expect("a number");
    let most = (used * 10 / 9).to_string();
    redis.ask(&["CONFIG", "SET", "maxmemory", &most]).await;
    for nth in 0..2 {
        let miss = replicas.nth(nth).brief(&opportunity()).send().await;
        assert_eq!(status(&miss), "belay; fwd=miss; stored");
    }
    super::flights::landed(&redis).await;
    kept(&redis, 0).await;
    redis.ask(&["CONFIG", "SET", "maxmemory", "0"]).await;
    let record = opportunity_named("once there is room");
    replicas.nth(0).brief(&record).send().await.expect_ok();
    kept(&redis, 1).await;
    for one in &replicas.0 {
        let page = one.admin("/metrics").await.text();
        assert!(page.lines().any(|line| line == "belay_shared_up 1"));
    }
}

fn ask(words: &str) -> Value {
    json!({"model": "default", "max_tokens": 64, "messages": [{"role": "user", "content": words}]})
}

fn relay(one: &Belay, key: &str, body: &Value) -> Call {
    let call = one.anonymous(Method::POST, "/v1/messages");
    call.bearer(key).json(body)
}

#[tokio::test]
async fn two_orgs_that_ask_the_same_each_get_their_own_answer_through_every_door() {
    let upstream = Upstream::good().await;
    let redis = Redis::start().await;
    let config = Config::to(&upstream).both_orgs("messages_cache_ttl_s = 600");
    let replicas = three(config, &redis).await;
    let record = json!({"record": opportunity()});
    let bulk = json!({"items": [{"record": opportunity_named("in bulk")}]});
    let chat = json!({"model": "default", "max_tokens": 64, "messages": [{"role": "user", "content": "Chat?"}]});
    let message = ask("Message?");
    let doors = [
        ("/briefing", &record, [KEY, OTHER_KEY]),
        ("/briefing/bulk", &bulk, [KEY, OTHER_KEY]),
        ("/v1/messages", &message, [MESSAGES_KEY, OTHER_MESSAGES_KEY]),
        (
            "/chat/completions",
            &chat,
            [MESSAGES_KEY, OTHER_MESSAGES_KEY],
        ),
    ];
    let call = |nth: usize, path: &str, key: &str, body: &Value| {
        let one = replicas.nth(nth).anonymous(Method::POST, path);
        one.bearer(key).json(body).send()
    };
    let mut asked = 0;
    for (path, body, keys) in doors {
        for (nth, key) in keys.into_iter().enumerate() {
            let answer = call(nth, path, key, body).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            asked += 1;
            assert_eq!(
                upstream.count(),
                asked,
                "{path}: the other org's serves nobody"
            );
            kept(&redis, asked).await;
        }
        for key in keys {
            let answer = call(2, path, key, body).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            assert_eq!(upstream.count(), asked, "{path}: its own serves an org");
        }
    }
    // Both at once, at three replicas each.
    let at_once = json!({"record": opportunity_named("at once")});
    let calls = (0..6).map(|nth| call(nth / 2, "/briefing", [KEY, OTHER_KEY][nth % 2], &at_once));
    let answers = join_all(calls).await;
    let id = |nth: usize| answers[nth].expect_ok()["id"].clone();
    assert_eq!((id(0), id(1)), (id(2), id(3)), "each org has one answer");
    assert_eq!((id(0), id(1)), (id(4), id(5)), "each org has one answer");
    assert_ne!(id(0), id(1), "and not the other's");
    asked += 2;
    assert_eq!(upstream.count(), asked);
    let bulk = json!({"items": [{"record": opportunity_named("in bulk at once")}]});
    let message = ask("Message at once?");
    let chat = json!({"model": "default", "max_tokens": 64, "messages": [{"role": "user", "content": "Chat at once?"}]});
    for (path, body, keys) in [
        ("/briefing/bulk", &bulk, [KEY, OTHER_KEY]),
        ("/v1/messages", &message, [MESSAGES_KEY, OTHER_MESSAGES_KEY]),
        (
            "/chat/completions",
            &chat,
            [MESSAGES_KEY, OTHER_MESSAGES_KEY],
        ),
    ] {
        let calls = (0..6).map(|nth| call(nth / 2, path, keys[nth % 2], body));
        for answer in join_all(calls).await {
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        }
        let more = upstream.count() - asked;
        asked += more;
        // What passes as it is does not collapse; no more than one call an org is an item's.
        let most = if path == "/briefing/bulk" { 2 } else { 6 };
        assert!(
            (2..=most).contains(&more),
            "{path}: each org asks for itself: {more}"
        );
    }
}

#[tokio::test]
async fn what_was_moved_cut_or_made_up_in_the_store_is_a_miss() {
    let upstream = Upstream::good().await;
    let redis = Redis::start().await;
    let replicas = three(Config::to(&upstream), &redis).await;
    replicas
        .nth(0)
        .brief(&opportunity())
        .send()
        .await
        .expect_ok();
    let ours = kept(&redis, 1).await.remove(0);
    let theirs = brief_of_globex(replicas.nth(0), &opportunity());
    theirs.send().await.expect_ok();
    let mut all = kept(&redis, 2).await;
    all.retain(|key| *key != ours);
    redis.ask(&["COPY", &ours, &all[0], "REPLACE"]).await;
    let miss = brief_of_globex(replicas.nth(1), &opportunity())
        .send()
        .await;
    assert_eq!(status(&miss), "belay; fwd=miss; stored");
    assert_eq!(upstream.count(), 3);

    // Replica 0 keeps its own memory; the others have nothing but what lies there.
    // The last of them ends before the last byte of whatever lies there.
    for (nth, cut) in [0, 10, 30, -2].into_iter().enumerate() {
        let record = opportunity_named(format!("cut {cut}"));
        replicas.nth(0).brief(&record).send().await.expect_ok();
        let mine = kept(&redis, 3 + nth).await;
        for key in &mine {
            let cutting = "local v = redis.call('GET', KEYS[1]) \
                redis.call('SET', KEYS[1], string.sub(v, 1, ARGV[1]), 'KEEPTTL') return 1";
            redis
                .ask(&["EVAL", cutting, "1", key, &cut.to_string()])
                .await;
        }
        let miss = replicas.nth(1).brief(&record).send().await;
        assert_eq!(status(&miss), "belay; fwd=miss; stored", "cut to {cut}");
    }
    let odd: [&[&str]; 4] = [
        &["SET", "KEY", "garbage", "PX", "600000"],
        &["SET", "KEY", "00000000000000009999", "PX", "600000"],
        &["HSET", "KEY", "field", "value"],
        &["RPUSH", "KEY", "one", "two"],
    ];
    for (nth, words) in odd.into_iter().enumerate() {
        let record = opportunity_named(format!("odd {nth}"));
        let before = keys(&redis, &format!("belay:{{{ACME}}}:answer:")).await;
        replicas.nth(0).brief(&record).send().await.expect_ok();
        let mut key = None;
        until("its answer in the store", async || {
            let now = keys(&redis, &format!("belay:{{{ACME}}}:answer:")).await;
            key = now.into_iter().find(|key| !before.contains(key));
            key.is_some()
        })
        .await;
        let key = key.expect("it was waited for");
        redis.ask(&["DEL", &key]).await;
        let words: Vec<&str> = words
            .iter()
            .map(|word| if *word == "KEY" { &*key } else { word })
            .collect();
        redis.ask(&words).await;
        let miss = replicas.nth(1).brief(&record).send().await;
        assert_eq!(status(&miss), "belay; fwd=miss; stored", "{words:?}");
    }
    // Marks that somebody has put there mean that nobody knows what was purged.
    let purged = format!("belay:{{{ACME}}}:purged");
    redis.ask(&["DEL", &purged]).await;
    redis.ask(&["SET", &purged, "garbage"]).await;
    for one in &replicas.0 {
        until("a memory that is forgotten", async || {
            only_if_cached(one, &opportunity()).send().await.status == 504
        })
        .await;
    }
    for one in &replicas.0 {
        let page = one.admin("/metrics").await.text();
        assert!(page.lines().any(|line| line == "belay_shared_up 1"));
    }
}

#[tokio::test]
async fn while_redis_is_gone_each_replica_has_its_own_memory_and_purges_are_told_later() {
    let upstream = Upstream::good().await;
    let redis = Redis::start().await;
    let replicas = three(Config::to(&upstream), &redis).await;
    replicas
        .nth(0)
        .brief(&opportunity())
        .send()
        .await
        .expect_ok();
    kept(&redis, 1).await;
    redis.signal("STOP").await;
    super::outage::all_know(&replicas, false).await;
    let began = Instant::now();
    let hit = replicas.nth(0).brief(&opportunity()).send().await;
    assert!(status(&hit).starts_with("belay; hit"));
    let miss = replicas.nth(1).brief(&opportunity()).send().await;
    assert_eq!(status(&miss), "belay; fwd=miss; stored");
    let hit = replicas.nth(1).brief(&opportunity()).send().await;
    assert!(status(&hit).starts_with("belay; hit"));
    assert_eq!(upstream.count(), 2);
    forget(replicas.nth(0), "0065f00000CrnLs").await;
    assert!(began.elapsed() < Duration::from_secs(5), "nobody waits");

    redis.signal("CONT").await;
    super::outage::all_know(&replicas, true).await;
    for one in &replicas.0 {
        until("a purge that is seen", async || {
            only_if_cached(one, &opportunity()).send().await.status == 504
        })
        .await;
    }
}
