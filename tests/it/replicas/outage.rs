//! What becomes of calls while the store is slow, paused, full, empty or gone.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::{Replicas, shared};
use crate::helpers::org::ACME;
use crate::helpers::redis::{Cluster, Redis, Sentinels};
use crate::helpers::wait::until;
use crate::helpers::{Config, Play, Reply, Upstream, opportunity_named};

const CHEAP: fn() -> Reply = || Reply::good().using(1_500, 200);

/// Waits until every replica knows whether the store is there.
pub(super) async fn all_know(replicas: &Replicas, up: bool) {
    for one in &replicas.0 {
        let wanted = format!("belay_shared_up {}", i32::from(up));
        until("a replica that knows of the store", async || {
            let page = one.admin("/metrics").await.text();
            page.lines().any(|line| line == wanted)
        })
        .await;
    }
}

#[tokio::test]
async fn while_redis_is_paused_nobody_waits_for_it_and_nothing_is_lost_or_leaked() {
    let upstream = Upstream::doing(Play::Answer(CHEAP())).await;
    let redis = Redis::start().await;
    let config = Config::to(&upstream).limit("budget_usd_per_day", 20.0);
    let replicas = Replicas::three(&shared(config, ""), &redis).await;
    all_know(&replicas, true).await;
    // Money is set apart once an org has called.
    for nth in 0..9 {
        replicas
            .nth(nth)
            .brief(&opportunity_named(nth))
            .send()
            .await
            .expect_ok();
    }
    until("money that is set apart", async || {
        redis.account(ACME).await["day_held"] > 1_000_000
    })
    .await;

    redis.signal("STOP").await;
    let slowest = join_all((0..90).map(|nth| {
        let call = replicas
            .nth(nth)
            .brief(&opportunity_named(format!("dark {nth}")));
        async move {
            let began = Instant::now();
            let answer = call.send().await;
            if answer.status != 200 {
                answer.expect_problem(503, "shared-store-down");
            }
            (answer.status, began.elapsed())
        }
    }))
    .await;
    let served = slowest.iter().filter(|(status, _)| *status == 200).count();
    assert!(served > 0, "each replica has money of its own");
    all_know(&replicas, false).await;
    redis.signal("CONT").await;
    all_know(&replicas, true).await;

    super::limits::settled(&redis).await;
    #[expect(clippy::cast_precision_loss, reason = "a few dollars")]
    let spent = redis.account(ACME).await["day_spent"] as f64 / 1e6;
    #[expect(clippy::cast_precision_loss, reason = "about a hundred")]
    let truth = upstream.count() as f64 * 0.005;
    assert!(
        (spent - truth).abs() < 1e-9,
        "{spent} is counted of {truth}"
    );
}

#[tokio::test]
async fn a_redis_that_comes_back_empty_is_told_what_was_spent() {
    let upstream = Upstream::doing(Play::Answer(CHEAP())).await;
    let mut redis = Redis::start().await;
    let config = Config::to(&upstream).limit("budget_usd_per_day", 20.0);
    let replicas = Replicas::three(&shared(config, ""), &redis).await;
    all_know(&replicas, true).await;
    for nth in 0..30 {
        replicas
            .nth(nth)
            .brief(&opportunity_named(nth))
            .send()
            .await
            .expect_ok();
    }
    super::limits::settled(&redis).await;
    let before = redis.account(ACME).await["day_spent"];
    assert_eq!(before, 150_000);
    redis.kill().await;
    all_know(&replicas, false).await;
    assert!(redis.restart().await, "the port is still ours");
    all_know(&replicas, true).await;
    until("spending that is known again", async || {
        let account = redis.account(ACME).await;
        account.get("day_spent") == Some(&before)
    })
    .await;
    for nth in 30..60 {
        replicas
            .nth(nth)
            .brief(&opportunity_named(nth))
            .send()
            .await
            .expect_ok();
    }
    super::limits::settled(&redis).await;
    assert_eq!(redis.account(ACME).await["day_spent"], 300_000);
}

#[tokio::test]
async fn in_the_dark_three_replicas_spend_no_more_than_there_is() {
    const BUDGET: f64 = 0.6;
    let upstream = Upstream::doing(Play::Answer(CHEAP())).await;
    let mut redis = Redis::start().await;
    let config = Config::to(&upstream).limit("budget_usd_per_day", BUDGET);
    let replicas = Replicas::three(&shared(config, ""), &redis).await;
    all_know(&replicas, true).await;
    for nth in 0..3 {
        replicas
            .nth(nth)
            .brief(&opportunity_named(nth))
            .send()
            .await
            .expect_ok();
    }
    until("money that is set apart", async || {
        redis.account(ACME).await["day_held"] > 100_000
    })
    .await;
    redis.kill().await;
    all_know(&replicas, false).await;
    for nth in 0..300 {
        let answer = replicas
            .nth(nth)
            .brief(&opportunity_named(format!("dark {nth}")));
        let answer = answer.send().await;
        if answer.status != 200 {
            let problem = answer.expect_problem(503, "shared-store-down");
            assert_eq!(problem["retryable"], true);
        }
    }
    let dark = upstream.count();
    assert!(dark > 3, "something was set apart: {dark}");
    assert!(redis.restart().await, "the port is still ours");
    all_know(&replicas, true).await;
    for nth in 0..300 {
        let answer = replicas
            .nth(nth)
            .brief(&opportunity_named(format!("light {nth}")));
        // An empty store gives no money before every replica could tell what it knows.
        let answer = answer.header("prefer", "wait=9").send().await;
        if answer.status != 200 {
            answer.expect_problem(429, "budget-spent");
            break;
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "about a hundred")]
    let spent = upstream.count() as f64 * 0.005;
    assert!(
        spent <= BUDGET + 1e-9,
        "spent {spent} of {BUDGET}, in the dark {dark}"
    );
}

#[tokio::test]
async fn where_an_outage_is_refused_callers_are_told_to_come_back() {
    let upstream = Upstream::good().await;
    let mut redis = Redis::start().await;
    let config = shared(Config::to(&upstream), "on_outage = \"refuse\"");
    let replicas = Replicas::three(&config, &redis).await;
    all_know(&replicas, true).await;
    replicas
        .nth(0)
        .brief(&opportunity_named(1))
        .send()
        .await
        .expect_ok();
    redis.kill().await;
    all_know(&replicas, false).await;
    let refused = replicas.nth(1).brief(&opportunity_named(2)).send().await;
    let problem = refused.expect_problem(503, "shared-store-down");
    assert_eq!(problem["retryable"], true);
    assert_eq!(refused.header("retry-after"), Some("2"));
    assert!(redis.restart().await, "the port is still ours");
    all_know(&replicas, true).await;
    replicas
        .nth(1)
        .brief(&opportunity_named(2))
        .send()
        .await
        .expect_ok();
}

#[tokio::test]
async fn a_redis_that_is_full_or_only_a_replica_is_as_good_as_none() {
    let upstream = Upstream::good().await;
    let redis = Redis::start().await;
    let config = shared(Config::to(&upstream), "on_outage = \"refuse\"");
    let replicas = Replicas::three(&config, &redis).await;
    all_know(&replicas, true).await;
    let whoami = async |nth: usize| {
        let call = replicas.nth(nth).call(reqwest::Method::GET, "/whoami");
        call.send().await
    };
    let serves = async |nth: usize| {
        until("a replica that serves again", async || {
            whoami(nth).await.status == 200
        })
        .await;
    };
    serves(0).await;

    redis.ask(&["CONFIG", "SET", "maxmemory", "1"]).await;
    whoami(0).await.expect_problem(503, "shared-store-down");
    redis.ask(&["CONFIG", "SET", "maxmemory", "0"]).await;
    serves(0).await;

    redis.ask(&["REPLICAOF", "127.0.0.1", "1"]).await;
    whoami(1).await.expect_problem(503, "shared-store-down");
    redis.ask(&["REPLICAOF", "NO", "ONE"]).await;
    serves(1).await;
}

#[tokio::test]
async fn whatever_answers_garbage_is_no_store() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let upstream = Upstream::good().await;
    let liar = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let address = liar.local_addr().expect("it is bound");
    crate::helpers::app::spawn(async move {
        while let Ok((mut stream, _)) = liar.accept().await {
            crate::helpers::app::spawn(async move {
                let mut bytes = [0; 4_096];
                while stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {
                    if stream
                        .write_all(b"+OK\r\n$-7\r\nHTTP/1.1 200 OK\r\n\r\n")
                        .await
                        .is_err()
                    {
                        return;
                    }
                }
            });
        }
    });
    let config = shared(Config::to(&upstream), "");
    let url = format!("redis://{address}");
    let one = crate::helpers::process::Belay::serve_among(&config, &[("REDIS_URL", &url)]).await;
    let began = Instant::now();
    for nth in 0..5 {
        one.brief(&opportunity_named(nth)).send().await.expect_ok();
    }
    assert!(
        began.elapsed() < Duration::from_secs(15),
        "nobody waits for it"
    );
}

#[tokio::test]
async fn when_sentinels_make_another_server_the_master_nothing_that_was_spent_is_forgotten() {
    let upstream = Upstream::doing(Play::Answer(CHEAP())).await;
    let mut sentinels = Sentinels::start().await;
    let config = Config::to(&upstream).limit("budget_usd_per_day", 20.0);
    let config = shared(config, "");
    let replicas = Replicas::three_at(&config, &sentinels.url()).await;
    all_know(&replicas, true).await;
    for nth in 0..12 {
        let call = replicas.nth(nth).brief(&opportunity_named(nth));
        call.send().await.expect_ok();
    }
    super::limits::settled(&sentinels.master).await;
    sentinels.master.kill().await;
    all_know(&replicas, false).await;
    all_know(&replicas, true).await;
    for nth in 12..24 {
        let call = replicas.nth(nth).brief(&opportunity_named(nth));
        call.send().await.expect_ok();
    }
    super::limits::settled(sentinels.next()).await;
    assert_eq!(sentinels.next().account(ACME).await["day_spent"], 120_000);
}

#[tokio::test]
async fn a_cluster_keeps_all_of_an_org_in_one_place() {
    let upstream = Upstream::doing(Play::Answer(CHEAP())).await;
    let cluster = Cluster::start().await;
    let config = Config::to(&upstream).limit("budget_usd_per_day", 0.1);
    let config = shared(config, "on_outage = \"refuse\"");
    let replicas = Replicas::three_at(&config, &cluster.url()).await;
    all_know(&replicas, true).await;
    let mut spent = 0;
    for nth in 0..60 {
        let call = replicas.nth(nth).brief(&opportunity_named(nth));
        let patience = if nth == 0 { "wait=30" } else { "wait=3" };
        let answer = call.header("prefer", patience).send().await;
        if answer.status != 200 {
            answer.expect_problem(429, "budget-spent");
            break;
        }
        spent += 5;
    }
    assert!(
        (10..=100).contains(&spent),
        "{spent} thousandths of a dollar"
    );
}
