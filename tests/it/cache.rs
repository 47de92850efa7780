//! Answers that are given again, and those that must not be.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::helpers::call::Call;
use crate::helpers::org::OTHER_KEY;
use crate::helpers::{
    Answer, Config, TestApp, TestClock, Upstream, opportunity, opportunity_named,
};

async fn app() -> (TestApp, Upstream) {
    let upstream = Upstream::good().await;
    (TestApp::new(&Config::to(&upstream)).await, upstream)
}

fn status(answer: &Answer) -> String {
    answer.expect_ok();
    answer
        .header("cache-status")
        .expect("it is told")
        .to_owned()
}

fn brief(app: &TestApp, cache_control: &str) -> Call {
    app.brief(&opportunity())
        .header("cache-control", cache_control)
}

async fn forget(app: &TestApp, record_id: &Value) {
    let id = record_id.as_str().expect("a text");
    let call = app.call(Method::DELETE, &format!("/cache?record_id={id}"));
    let forgotten = json!({"record_id": id, "everything": false});
    assert_eq!(call.send().await.expect_ok(), forgotten);
}

#[tokio::test]
async fn fresh_asks_anew_and_what_comes_is_cached() {
    let (app, upstream) = app().await;
    let fresh = json!({"record": opportunity(), "fresh": true});
    app.brief(&opportunity()).send().await.expect_ok();
    let forced = app.post("/briefing", &fresh).by_salesforce().send().await;
    assert_eq!(status(&forced), "belay; fwd=request; stored");
    let forced = brief(&app, "no-cache").send().await;
    assert_eq!(status(&forced), "belay; fwd=request; stored");
    let forced = app
        .brief(&opportunity())
        .header("pragma", "no-cache")
        .send()
        .await;
    assert_eq!(status(&forced), "belay; fwd=request; stored");
    assert_eq!(upstream.count(), 4);
    let hit = app.brief(&opportunity()).send().await.expect_ok();
    assert_eq!(hit["id"], forced.json()["id"], "the newest is given");
}

#[tokio::test]
async fn no_store_is_neither_kept_nor_shared() {
    let (app, upstream) = app().await;
    assert_eq!(
        status(&brief(&app, "no-store").send().await),
        "belay; fwd=miss"
    );
    assert_eq!(
        status(&brief(&app, "max-age=600").send().await),
        "belay; fwd=miss; stored"
    );
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn only_if_cached_reaches_no_upstream() {
    let (app, upstream) = app().await;
    let refused = brief(&app, "only-if-cached").send().await;
    let problem = refused.expect_problem(504, "not-cached");
    assert_eq!(problem["retryable"], false);
    assert_eq!(upstream.count(), 0);
    app.brief(&opportunity()).send().await.expect_ok();
    let hit = brief(&app, "only-if-cached").send().await;
    assert!(status(&hit).starts_with("belay; hit"));
}

#[tokio::test]
async fn an_answer_older_than_max_age_or_its_time_is_asked_anew() {
    let upstream = Upstream::good().await;
    let clock = TestClock::still_at("2026-03-10T12:00:00Z");
    let app = TestApp::in_world(Config::to(&upstream).settings(), clock.world()).await;
    app.brief(&opportunity()).send().await.expect_ok();
    clock.turn(Duration::from_secs(88));
    let hit = brief(&app, "max-age=88").send().await;
    assert_eq!(status(&hit), "belay; hit; ttl=812");
    let miss = brief(&app, "max-age=87").send().await;
    assert_eq!(status(&miss), "belay; fwd=miss; stored");

    clock.turn(Duration::from_secs(899));
    let hit = app.brief(&opportunity()).send().await;
    assert_eq!(status(&hit), "belay; hit; ttl=1");
    clock.turn(Duration::from_secs(1));
    let miss = app.brief(&opportunity()).send().await;
    assert_eq!(status(&miss), "belay; fwd=miss; stored");
}

#[tokio::test]
async fn what_changes_the_question_changes_the_answer() {
    let (app, upstream) = app().await;
    let base = json!({"record": opportunity()});
    let mut others = vec![base.clone()];
    for (member, value) in [
        ("language", json!("de")),
        ("instructions", json!("be short")),
        ("text", json!("a note")),
        (
            "related",
            json!({"contacts": [{"attributes": {"type": "Contact"}, "Name": "Torben Haug"}]}),
        ),
    ] {
        let mut other = base.clone();
        other[member] = value;
        others.push(other);
    }
    for (nth, body) in others.iter().enumerate() {
        let answer = app.post("/briefing", body).send().await;
        assert_eq!(answer.expect_ok()["cached"], false, "{nth}");
    }
    // The order of a record's fields is no part of the question, and neither is where it was queried.
    let mut turned = serde_json::Map::new();
    for (name, value) in opportunity().as_object().expect("an object").iter().rev() {
        turned.insert(name.clone(), value.clone());
    }
    let same = app
        .post("/briefing", &json!({"record": turned}))
        .send()
        .await;
    assert_eq!(same.expect_ok()["cached"], true);
    assert_eq!(upstream.count(), others.len());
}

#[tokio::test]
async fn a_purge_goes_by_every_record_in_the_input_and_by_no_other() {
    let (app, upstream) = app().await;
    let record = opportunity();
    let contact = &record["OpportunityContactRoles"]["records"][0]["Contact"];
    let url = contact["attributes"]["url"].as_str().expect("a text");
    let contact_id = json!(url.rsplit('/').next());
    for (nth, id) in [&record["Id"], &record["AccountId"], &contact_id]
        .into_iter()
        .enumerate()
    {
        app.brief(&record).send().await.expect_ok();
        forget(&app, id).await;
        let again = app.brief(&record).send().await;
        assert_eq!(status(&again), "belay; fwd=miss; stored", "{id}");
        assert_eq!(upstream.count(), nth + 2, "{id}");
    }
    forget(&app, &json!("0065f00000ZzZzZAAV")).await;
    assert!(status(&app.brief(&record).send().await).starts_with("belay; hit"));
}

#[tokio::test]
async fn a_purge_leaves_other_orgs_alone() {
    let (app, _upstream) = app().await;
    let theirs = || {
        let call = app.anonymous(Method::POST, "/briefing").bearer(OTHER_KEY);
        call.json(&json!({"record": opportunity()}))
    };
    theirs().send().await.expect_ok();
    app.brief(&opportunity()).send().await.expect_ok();
    forget(&app, &opportunity()["Id"]).await;
    assert_eq!(theirs().send().await.expect_ok()["cached"], true);
    let ours = app.brief(&opportunity()).send().await.expect_ok();
    assert_eq!(ours["cached"], false);
}

#[tokio::test]
async fn an_answer_in_the_air_is_not_stored_once_its_record_was_purged() {
    let (upstream, gate) = Upstream::held().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let purged = async {
        upstream.reached(1).await;
        forget(&app, &opportunity()["AccountId"]).await;
        gate.open();
    };
    let (answer, ()) = tokio::join!(app.brief(&opportunity()).send(), purged);
    assert_eq!(status(&answer), "belay; fwd=miss");
    let again = app.brief(&opportunity()).send().await;
    assert_eq!(status(&again), "belay; fwd=miss; stored");
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn a_purge_without_a_record_is_refused() {
    let (app, _upstream) = app().await;
    for query in [
        "",
        "?record_id=",
        "?record_id=short",
        "?record_id=0065f00000CrnLsAAA",
        "?id=0065f00000CrnLs",
        "?everything=false",
        "?everything=yes",
        "?record_id=0065f00000CrnLs&everything=true",
    ] {
        let call = app.call(Method::DELETE, &format!("/cache{query}"));
        call.send().await.expect_problem(400, "invalid-request");
    }
}

#[tokio::test]
async fn an_org_forgets_everything_that_is_its_own() {
    let (app, upstream) = app().await;
    let globex = || {
        let call = app.anonymous(Method::POST, "/briefing").bearer(OTHER_KEY);
        call.json(&json!({"record": opportunity()})).send()
    };
    let records = [opportunity_named("first"), opportunity_named("second")];
    for record in &records {
        app.brief(record).send().await.expect_ok();
    }
    globex().await.expect_ok();
    let call = app.call(Method::DELETE, "/cache?everything=true");
    assert_eq!(call.send().await.expect_ok(), json!({"everything": true}));
    for record in &records {
        assert_eq!(
            status(&app.brief(record).send().await),
            "belay; fwd=miss; stored"
        );
    }
    assert!(status(&globex().await).starts_with("belay; hit"));
    assert_eq!(upstream.count(), 5);
}

#[tokio::test]
async fn an_id_of_15_characters_purges_what_one_of_18_names() {
    let (app, upstream) = app().await;
    app.brief(&opportunity()).send().await.expect_ok();
    let call = app.call(Method::DELETE, "/cache?record_id=0065f00000CrnLs");
    assert_eq!(
        call.send().await.expect_ok(),
        json!({"record_id": opportunity()["Id"], "everything": false})
    );
    app.brief(&opportunity()).send().await.expect_ok();
    assert_eq!(upstream.count(), 2);
}
