//! An idempotency key runs once, whichever replicas it comes to.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::outage::all_know;
use super::{Replicas, shared};
use crate::helpers::app::spawn;
use crate::helpers::call::Call;
use crate::helpers::org::{ACME, MESSAGES_KEY, OTHER_KEY, OTHER_MESSAGES_KEY};
use crate::helpers::process::Belay;
use crate::helpers::redis::Redis;
use crate::helpers::wait::until;
use crate::helpers::{Answer, Config, Play, Reply, Upstream, opportunity_named};

const REPLAYED: Option<&str> = Some("belay; hit; detail=idempotency-key");
/// The lease of a key, with room for a look and a machine that is busy.
const LEASE: Duration = Duration::from_secs(9);

fn sealed(config: Config, more: &str) -> Config {
    shared(config, &format!("key = \"env:SHARED_KEY\"\n{more}"))
}

/// A question that no cache answers, so that only the key can.
fn fresh(name: &str) -> Value {
    json!({"record": opportunity_named(name), "fresh": true})
}

fn keyed(one: &Belay, key: &str, body: &Value) -> Call {
    let call = one.call(Method::POST, "/briefing").json(body);
    call.header("idempotency-key", key)
}

async fn ask(one: &Belay, key: &str, body: &Value) -> Answer {
    keyed(one, key, body).send().await
}

/// The names of all keys that the store has.
async fn kept(redis: &Redis) -> Vec<String> {
    let names = redis.ask(&["KEYS", "belay:*:once:*"]).await;
    redis::from_redis_value(names).expect("names")
}

#[tokio::test]
async fn three_thousand_calls_with_one_key_at_three_replicas_run_once_and_get_one_answer() {
    let (upstream, gate) = Upstream::held().await;
    let redis = Redis::start().await;
    let config = Config::to(&upstream).limit("budget_usd_per_day", 20.0);
    let replicas = Replicas::three(&sealed(config, ""), &redis).await;
    all_know(&replicas, true).await;
    let calls = (0..3_000).map(|nth| {
        let call = keyed(replicas.nth(nth), "one", &fresh("lease"));
        async move { call.send().await.expect_ok() }
    });
    let calls = stream::iter(calls)
        .buffer_unordered(300)
        .collect::<Vec<_>>();
    let opened = async {
        upstream.reached(1).await;
        // Time for every replica to have looked, and looked again.
        tokio::time::sleep(Duration::from_millis(500)).await;
        gate.open();
    };
    let (answers, ()) = tokio::join!(calls, opened);
    assert_eq!(upstream.count(), 1);
    for answer in &answers {
        assert_eq!(answer, &answers[0]);
    }
    // Every replica knows it by now, and pays nothing for it.
    super::limits::settled(&redis).await;
    let spent = redis.account(ACME).await["day_spent"];
    for nth in 0..3 {
        let again = ask(replicas.nth(nth), "one", &fresh("lease")).await;
        assert_eq!(again.expect_ok(), answers[0]);
        assert_eq!(again.header("cache-status"), REPLAYED);
    }
    assert_eq!(redis.account(ACME).await["day_spent"], spent);
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn a_repeat_right_behind_the_answer_is_replayed_by_another_replica_and_costs_nothing() {
    let upstream = Upstream::good().await;
    let redis = Redis::start().await;
    let config = Config::to(&upstream);
    let replicas = Replicas::three(&sealed(config, ""), &redis).await;
    all_know(&replicas, true).await;
    for nth in 0..30 {
        let (key, body) = (format!("key-{nth}"), fresh(&format!("lease {nth}")));
        let first = ask(replicas.nth(nth), &key, &body).await.text();
        let again = ask(replicas.nth(nth + 1), &key, &body).await;
        assert_eq!(again.header("cache-status"), REPLAYED);
        assert_eq!(again.text(), first, "to the byte");
        let other = ask(replicas.nth(nth + 2), &key, &fresh("another")).await;
        other.expect_problem(422, "idempotency-mismatch");
    }
    assert_eq!(upstream.count(), 30);
}

#[tokio::test]
async fn an_answer_outlives_the_replica_that_gave_it() {
    let upstream = Upstream::good().await;
    let redis = Redis::start().await;
    let replicas = Replicas::three(&sealed(Config::to(&upstream), ""), &redis).await;
    all_know(&replicas, true).await;
    let first = ask(replicas.nth(0), "one", &fresh("lease")).await;
    // The store was told before the caller was.
    replicas.nth(0).signal("KILL").await;
    let again = ask(replicas.nth(1), "one", &fresh("lease")).await;
    assert_eq!(again.expect_ok(), first.expect_ok());
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn a_retryable_outcome_frees_the_key_for_every_replica_and_a_refusal_is_final_at_each() {
    let upstream = Upstream::doing(Play::Status(500, &[], "{}")).await;
    let redis = Redis::start().await;
    let replicas = Replicas::three(&sealed(Config::to(&upstream), ""), &redis).await;
    all_know(&replicas, true).await;
    let failed = ask(replicas.nth(0), "one", &fresh("lease")).await;
    failed.expect_problem(502, "upstream-failed");
    assert_eq!(kept(&redis).await, Vec::<String>::new());
    upstream.always(Play::Answer(Reply::good()));
    let began = Instant::now();
    let answer = ask(replicas.nth(1), "one", &fresh("lease")).await;
    answer.expect_ok();
    assert_ne!(answer.header("cache-status"), REPLAYED);
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "no lease is waited for"
    );

    let refusal = Reply::saying("I will not").stopped_by("refusal");
    upstream.next([Play::Answer(refusal)]);
    let reached = upstream.count();
    for nth in 0..3 {
        let refused = ask(replicas.nth(nth), "two", &fresh("lease")).await;
        refused.expect_problem(422, "model-refused");
    }
    assert_eq!(upstream.count(), reached + 1);
}

#[tokio::test]
async fn a_repeat_at_another_replica_joins_the_first_while_it_runs_also_after_its_504() {
    let (upstream, gate) = Upstream::held().await;
    let redis = Redis::start().await;
    let replicas = Replicas::three(&sealed(Config::to(&upstream), ""), &redis).await;
    all_know(&replicas, true).await;
    // Each waits for the one upstream call within its own patience.
    for nth in 0..3 {
        let late = keyed(replicas.nth(nth), "one", &fresh("lease"))
            .waiting(1)
            .send()
            .await;
        late.expect_problem(504, "deadline-passed");
    }
    let refused = ask(replicas.nth(1), "one", &fresh("sale")).await;
    refused.expect_problem(422, "idempotency-mismatch");
    // Longer than a lease: it is renewed.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let joined = keyed(replicas.nth(1), "one", &fresh("lease"));
    let joined = spawn(async move { joined.send().await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    gate.open();
    let joined = joined.await.expect("no panic");
    joined.expect_ok();
    assert_eq!(joined.header("cache-status"), REPLAYED);
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn a_key_whose_replica_is_killed_is_free_again_within_the_lease() {
    let (upstream, gate) = Upstream::held().await;
    let redis = Redis::start().await;
    let replicas = Replicas::three(&sealed(Config::to(&upstream), ""), &redis).await;
    all_know(&replicas, true).await;
    let lost = keyed(replicas.nth(0), "one", &fresh("lease"));
    spawn(async move { lost.try_send().await });
    upstream.reached(1).await;
    // Both wait for it; one of them runs it and the other gets its answer.
    let waiting: Vec<_> = [1, 2]
        .into_iter()
        .map(|nth| {
            let call = keyed(replicas.nth(nth), "one", &fresh("lease"));
            spawn(async move { call.send().await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(upstream.count(), 1, "as long as it runs elsewhere");
    replicas.nth(0).signal("KILL").await;
    let killed = Instant::now();
    upstream.reached(2).await;
    assert!(killed.elapsed() < LEASE, "{:?}", killed.elapsed());
    gate.open();
    let mut answers = Vec::new();
    for call in waiting {
        answers.push(call.await.expect("no panic").expect_ok());
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn a_caller_who_hangs_up_holds_no_key() {
    let (upstream, gate) = Upstream::held().await;
    let redis = Redis::start().await;
    let replicas = Replicas::three(&sealed(Config::to(&upstream), ""), &redis).await;
    all_know(&replicas, true).await;
    let first = keyed(replicas.nth(0), "one", &fresh("lease"));
    let first = spawn(async move { first.try_send().await });
    upstream.reached(1).await;
    // The one who waits at another replica goes, and then the first goes.
    let second = keyed(replicas.nth(1), "one", &fresh("lease"));
    let second = spawn(async move { second.try_send().await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    second.abort();
    first.abort();
    let third = keyed(replicas.nth(1), "one", &fresh("lease"));
    let third = spawn(async move { third.send().await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    gate.open();
    // What was paid for is not lost.
    third.await.expect("no panic").expect_ok();
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn a_bulk_keeps_its_finished_items_over_replicas_and_runs_the_rest() {
    let upstream = Upstream::good().await;
    let redis = Redis::start().await;
    upstream.about("second", vec![Play::Status(500, &[], "{}"); 3]);
    let config = Config::to(&upstream).limit("requests_per_minute", 3);
    let replicas = Replicas::three(&sealed(config, ""), &redis).await;
    all_know(&replicas, true).await;
    let items = json!({"items": [fresh("first"), fresh("second"), fresh("third")]});
    let bulk = async |nth: usize, items: &Value| {
        let call = replicas.nth(nth).call(Method::POST, "/briefing/bulk");
        let call = call.header("idempotency-key", "one").json(items);
        call.send().await
    };
    let statuses = |body: &Value| -> Vec<u64> {
        let results = body["results"].as_array().expect("a list");
        let status = |result: &Value| result["status"].as_u64().expect("a number");
        results.iter().map(status).collect()
    };
    let first = bulk(0, &items).await.expect_ok();
    assert_eq!(statuses(&first), [200, 502, 200]);
    let reached = upstream.count();
    let again = bulk(1, &items).await.expect_ok();
    assert_eq!(statuses(&again), [200, 200, 200]);
    assert_eq!(upstream.count(), reached + 1);
    for nth in [0, 2] {
        assert_eq!(again["results"][nth], first["results"][nth]);
    }
    let other = bulk(2, &json!({"items": [fresh("first")]})).await;
    other.expect_problem(422, "idempotency-mismatch");
    // One call of the minute is left, and neither this nor that needs it.
    for _ in 0..3 {
        assert_eq!(bulk(2, &items).await.expect_ok(), again);
    }
    assert_eq!(upstream.count(), reached + 1);
}

#[tokio::test]
async fn equal_keys_of_two_orgs_are_two_things_at_every_replica_and_on_every_route() {
    let upstream = Upstream::good().await;
    let redis = Redis::start().await;
    let replicas = Replicas::three(&sealed(Config::to(&upstream), ""), &redis).await;
    all_know(&replicas, true).await;
    let message = json!({
        "model": "default", "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}],
    });
    let chat = json!({"model": "default", "messages": [{"role": "user", "content": "hello"}]});
    let routes = [
        ("/briefing", fresh("lease"), ["", OTHER_KEY]),
        (
            "/briefing/bulk",
            json!({"items": [fresh("lease")]}),
            ["", OTHER_KEY],
        ),
        ("/v1/messages", message, [MESSAGES_KEY, OTHER_MESSAGES_KEY]),
        (
            "/chat/completions",
            chat,
            [MESSAGES_KEY, OTHER_MESSAGES_KEY],
        ),
    ];
    let mut reached = 0;
    for (path, body, keys) in routes {
        for nth in 0..3 {
            for key in keys {
                let key = if key.is_empty() {
                    crate::helpers::org::KEY
                } else {
                    key
                };
                let call = replicas.nth(nth).anonymous(Method::POST, path).bearer(key);
                let call = call.header("idempotency-key", "one").json(&body);
                call.send().await.expect_ok();
            }
        }
        // Each org once: the first's answer is neither the other's, nor is it asked for twice.
        reached += 2;
        assert_eq!(upstream.count(), reached, "{path}");
    }
    let names = kept(&redis).await;
    assert_eq!(names.len(), 8, "{names:?}");
}

#[tokio::test]
async fn what_the_store_keeps_is_not_readable_and_opens_in_no_other_orgs_place() {
    let upstream = Upstream::doing(Play::Answer(Reply::saying("Zanzibar renews"))).await;
    let redis = Redis::start().await;
    let replicas = Replicas::three(&sealed(Config::to(&upstream), ""), &redis).await;
    all_know(&replicas, true).await;
    let message = json!({
        "model": "default", "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}],
    });
    let relay = |nth: usize, key: &str| {
        let call = replicas.nth(nth).anonymous(Method::POST, "/v1/messages");
        call.bearer(key)
            .header("idempotency-key", "one")
            .json(&message)
    };
    let answer = relay(0, MESSAGES_KEY).send().await;
    assert!(answer.text().contains("Zanzibar"));
    let dumped = redis.everything().await;
    for word in ["Zanzibar", "renews", "hello", "assistant"] {
        let seen = dumped
            .windows(word.len())
            .any(|part| part == word.as_bytes());
        assert!(!seen, "{word}");
    }
    // Whoever may write to the store puts one org's answer in the other's place: it does not open there.
    let ours = kept(&redis).await.swap_remove(0);
    relay(0, OTHER_MESSAGES_KEY).send().await.expect_ok();
    let names = kept(&redis).await;
    let theirs = names.iter().find(|name| **name != ours).expect("another");
    redis.ask(&["COPY", &ours, theirs, "REPLACE"]).await;
    let refused = relay(1, OTHER_MESSAGES_KEY).send().await;
    assert_eq!(refused.status, 503);
    assert!(!refused.text().contains("Zanzibar"));
}

#[tokio::test]
async fn a_value_that_nobody_can_read_is_neither_run_again_nor_a_fault_of_the_gateway() {
    let upstream = Upstream::good().await;
    let redis = Redis::start().await;
    let replicas = Replicas::three(&sealed(Config::to(&upstream), ""), &redis).await;
    all_know(&replicas, true).await;
    ask(replicas.nth(0), "one", &fresh("lease"))
        .await
        .expect_ok();
    let name = kept(&redis).await.swap_remove(0);
    let garbage: [&[&str]; 5] = [
        &["HSET", &name, "value", ""],
        &["HSET", &name, "value", "garbage"],
        &["HDEL", &name, "value"],
        &["SET", &name, "garbage"],
        &["HDEL", &name, "body"],
    ];
    for (nth, words) in garbage.into_iter().enumerate() {
        if nth == 4 {
            redis.ask(&["DEL", &name]).await;
            redis.ask(&["HSET", &name, "value", "garbage"]).await;
        }
        redis.ask(words).await;
        // More often than a store may fail before it counts as down.
        for _ in 0..4 {
            let refused = ask(replicas.nth(1), "one", &fresh("lease")).await;
            let problem = refused.expect_problem(503, "shared-store-down");
            assert_eq!(problem["retryable"], true);
            assert_eq!(refused.header("retry-after"), Some("2"));
        }
    }
    assert_eq!(upstream.count(), 1);
    // The store itself is none the worse for it, and who knows the answer gives it.
    all_know(&replicas, true).await;
    ask(replicas.nth(1), "two", &fresh("lease"))
        .await
        .expect_ok();
    ask(replicas.nth(0), "one", &fresh("lease"))
        .await
        .expect_ok();
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn in_the_dark_each_replica_keeps_its_own_keys_and_tells_them_when_the_store_is_back() {
    let upstream = Upstream::good().await;
    let mut redis = Redis::start().await;
    let replicas = Replicas::three(&sealed(Config::to(&upstream), ""), &redis).await;
    all_know(&replicas, true).await;
    ask(replicas.nth(0), "light", &fresh("lease"))
        .await
        .expect_ok();
    redis.kill().await;
    all_know(&replicas, false).await;
    let dark = ask(replicas.nth(0), "dark", &fresh("lease"))
        .await
        .expect_ok();
    let again = ask(replicas.nth(0), "dark", &fresh("lease")).await;
    assert_eq!(again.expect_ok(), dark);
    assert_eq!(upstream.count(), 2);
    assert!(redis.restart().await, "the port is still ours");
    all_know(&replicas, true).await;
    // It came back empty, and is told of what ended before as well.
    until("outcomes that are told", async || {
        kept(&redis).await.len() == 2
    })
    .await;
    for key in ["light", "dark"] {
        let again = ask(replicas.nth(1), key, &fresh("lease")).await;
        again.expect_ok();
        assert_eq!(again.header("cache-status"), REPLAYED);
    }
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn a_paused_store_holds_no_call_with_a_key_up() {
    let upstream = Upstream::good().await;
    let redis = Redis::start().await;
    let replicas = Replicas::three(&sealed(Config::to(&upstream), ""), &redis).await;
    all_know(&replicas, true).await;
    redis.signal("STOP").await;
    let began = Instant::now();
    for nth in 0..9 {
        let key = format!("key-{nth}");
        ask(replicas.nth(nth), &key, &fresh("lease"))
            .await
            .expect_ok();
    }
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "{:?}",
        began.elapsed()
    );
    all_know(&replicas, false).await;
    redis.signal("CONT").await;
    all_know(&replicas, true).await;
    until("outcomes that are told", async || {
        let mut ended = 0;
        for name in kept(&redis).await {
            let value = redis.ask(&["HEXISTS", &name, "value"]).await;
            ended += usize::from(value == redis::Value::Int(1));
        }
        ended == 9
    })
    .await;
    for nth in 0..9 {
        let key = format!("key-{nth}");
        let again = ask(replicas.nth(nth + 1), &key, &fresh("lease")).await;
        assert_eq!(again.header("cache-status"), REPLAYED);
    }
    assert_eq!(upstream.count(), 9);
}

#[tokio::test]
async fn a_key_that_runs_while_the_store_is_emptied_runs_once_all_the_same() {
    let (upstream, gate) = Upstream::held().await;
    let redis = Redis::start().await;
    let replicas = Replicas::three(&sealed(Config::to(&upstream), ""), &redis).await;
    all_know(&replicas, true).await;
    let first = keyed(replicas.nth(0), "one", &fresh("lease"));
    let first = spawn(async move { first.send().await });
    upstream.reached(1).await;
    redis.ask(&["FLUSHALL"]).await;
    until("a key that is claimed again", async || {
        !kept(&redis).await.is_empty()
    })
    .await;
    let second = keyed(replicas.nth(1), "one", &fresh("lease"));
    let second = spawn(async move { second.send().await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    gate.open();
    let first = first.await.expect("no panic").expect_ok();
    assert_eq!(second.await.expect("no panic").expect_ok(), first);
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn where_an_outage_is_refused_a_call_with_a_key_is_told_to_come_back() {
    let upstream = Upstream::good().await;
    let mut redis = Redis::start().await;
    let config = sealed(Config::to(&upstream), "on_outage = \"refuse\"");
    let replicas = Replicas::three(&config, &redis).await;
    all_know(&replicas, true).await;
    let first = ask(replicas.nth(0), "one", &fresh("lease"))
        .await
        .expect_ok();
    redis.kill().await;
    all_know(&replicas, false).await;
    let refused = ask(replicas.nth(1), "one", &fresh("lease")).await;
    let problem = refused.expect_problem(503, "shared-store-down");
    assert_eq!(problem["retryable"], true);
    assert_eq!(refused.header("retry-after"), Some("2"));
    // What is known to have ended needs no store.
    let again = ask(replicas.nth(0), "one", &fresh("lease")).await;
    assert_eq!(again.expect_ok(), first);
    assert!(redis.restart().await, "the port is still ours");
    all_know(&replicas, true).await;
    until("outcomes that are told", async || {
        kept(&redis).await.len() == 1
    })
    .await;
    let again = ask(replicas.nth(1), "one", &fresh("lease")).await;
    assert_eq!(again.expect_ok(), first);
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn without_a_key_to_seal_with_nothing_of_an_outcome_is_in_the_store() {
    let upstream = Upstream::good().await;
    let redis = Redis::start().await;
    let replicas = Replicas::three(&shared(Config::to(&upstream), ""), &redis).await;
    all_know(&replicas, true).await;
    for _ in 0..2 {
        ask(replicas.nth(0), "one", &fresh("lease"))
            .await
            .expect_ok();
    }
    assert_eq!(upstream.count(), 1);
    assert_eq!(kept(&redis).await, Vec::<String>::new());
}
