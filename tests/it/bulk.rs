//! Many records in one callout.

use futures_util::FutureExt;
use serde_json::{Value, json};

use crate::helpers::drafts;
use crate::helpers::reply::COST;
use crate::helpers::{
    Config, Gate, Play, Reply, TestApp, TestClock, Upstream, case, opportunity, opportunity_named,
};

/// A bulk about so many different records.
fn bulk_of(count: usize) -> Value {
    let items: Vec<Value> = (0..count)
        .map(|nth| json!({"record": opportunity_named(format!("bulk item {nth} of many"))}))
        .collect();
    json!({"items": items})
}

fn statuses(body: &Value) -> Vec<u64> {
    let results = body["results"].as_array().expect("a list");
    let status = |result: &Value| result["status"].as_u64().expect("a number");
    results.iter().map(status).collect()
}

#[tokio::test]
async fn each_item_has_its_own_outcome_in_its_own_place() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let items = json!({"items": [
        {"record": opportunity()},
        {},
        {"record": opportunity_named("another")},
        {"record": 5},
        {"record": opportunity(), "colour": "blue"},
        {"record": case()},
        {"record": opportunity(), "model": "largest"},
        7,
    ]});
    let body = app.post("/briefing/bulk", &items).send().await.expect_ok();
    assert_eq!(statuses(&body), [200, 400, 200, 400, 400, 400, 400, 400]);
    let results = body["results"].as_array().expect("a list");
    for (nth, result) in results.iter().enumerate() {
        assert_eq!(result["index"], nth);
        let has_both = result.get("answer").is_some() == result.get("error").is_some();
        assert!(!has_both, "{result}");
    }
    let pointers: Vec<&Value> = [1, 3, 4, 5]
        .iter()
        .map(|nth: &usize| &results[*nth]["error"]["errors"][0]["pointer"])
        .collect();
    assert_eq!(
        pointers,
        [
            "/items/1/record",
            "/items/3/record",
            "/items/4/colour",
            "/items/5/record/attributes/type",
        ]
    );
    assert_eq!(results[1]["error"]["code"], "invalid-request");
    assert_eq!(results[0]["answer"]["record_id"], opportunity()["Id"]);
    assert_eq!(upstream.count(), 2);
}

#[tokio::test]
async fn two_hundred_items_are_answered_in_their_order() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    for (nth, value) in [(3, "third"), (150, "one hundred and fiftieth")] {
        let mut draft = drafts::briefing();
        draft["headline"] = json!(value);
        upstream.about(
            &format!("bulk item {nth} of many"),
            [Play::Answer(Reply::saying(draft))],
        );
    }
    let call = app.post("/briefing/bulk", &bulk_of(200));
    let body = call.send().await.expect_ok();
    assert_eq!(statuses(&body), [200; 200]);
    assert_eq!(body["results"][3]["answer"]["headline"], "third");
    assert_eq!(
        body["results"][150]["answer"]["headline"],
        "one hundred and fiftieth"
    );
    assert_eq!(upstream.count(), 200);
}

#[tokio::test]
async fn more_than_200_items_are_refused_as_a_whole() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let items = json!({"items": vec![json!({"facts": [{"label": "Stage"}]}); 201]});
    let refused = app.post("/briefing/bulk", &items).send().await;
    let problem = refused.expect_problem(400, "invalid-request");
    assert_eq!(problem["errors"][0]["pointer"], "/items");
    let detail = problem["detail"].as_str().expect("a text");
    assert!(detail.contains("201") && detail.contains("200"), "{detail}");
    assert_eq!(upstream.count(), 0);
    app.expect_serving().await;
}

#[tokio::test]
async fn a_bulk_that_is_none_is_refused_by_its_place() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    for (body, pointer) in [
        (json!([]), ""),
        (json!({}), "/items"),
        (json!({"items": {}}), "/items"),
        (json!({"items": [], "colour": 1}), "/colour"),
        (json!({"items": [], "omit_text": "yes"}), "/omit_text"),
    ] {
        let refused = app.post("/briefing/bulk", &body).send().await;
        let problem = refused.expect_problem(400, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
    }
    let nothing = app.post("/briefing/bulk", &json!({"items": []}));
    assert_eq!(nothing.send().await.expect_ok(), json!({"results": []}));
}

#[tokio::test]
async fn a_bulk_counts_as_one_request() {
    let upstream = Upstream::good().await;
    let clock = TestClock::still_at("2026-03-10T12:00:00Z");
    let config = Config::to(&upstream).limit("requests_per_minute", 2);
    let app = TestApp::in_world(config.settings(), clock.world()).await;
    let call = app.post("/briefing/bulk", &bulk_of(5));
    assert_eq!(statuses(&call.send().await.expect_ok()), [200; 5]);
    app.brief(&opportunity()).send().await.expect_ok();
    let refused = app.post("/briefing/bulk", &bulk_of(5)).send().await;
    refused.expect_problem(429, "rate-limited");
}

#[tokio::test]
async fn a_bulk_never_starves_a_single_call() {
    let upstream = Upstream::good().await;
    let gate = Gate::closed();
    upstream.about(
        "bulk item",
        vec![Play::Held(gate.clone(), Reply::good()); 10],
    );
    let config = Config::to(&upstream).limit("calls_in_flight", 3);
    let app = TestApp::new(&config).await;

    let bulk = app.post("/briefing/bulk", &bulk_of(10)).send();
    let single = async {
        upstream.reached(2).await;
        app.brief(&opportunity()).send().await.expect_ok();
        assert_eq!(upstream.count(), 3, "two items and the single call");
        gate.open();
    };
    let (bulk, ()) = tokio::join!(bulk, single);
    assert_eq!(statuses(&bulk.expect_ok()), [200; 10]);
}

#[tokio::test]
async fn items_that_were_not_begun_by_the_deadline_are_told_so_at_no_cost() {
    let (upstream, gate) = Upstream::held().await;
    let config = Config::to(&upstream).limit("calls_in_flight", 2);
    let app = TestApp::new(&config).await;
    let call = app.post("/briefing/bulk", &bulk_of(4)).waiting(1);
    let body = call.send().await.expect_ok();
    assert_eq!(statuses(&body), [504; 4]);
    for result in body["results"].as_array().expect("a list") {
        assert_eq!(result["error"]["code"], "deadline-passed");
        assert_eq!(result["error"]["retryable"], true);
    }
    gate.open();
    let charged = r#"belay_cost_usd_total{org="acme"}"#;
    app.metric_reaches(charged, COST - 1e-9).await;
    // The one that had begun is cached; a single call now proves that nothing else waits for its turn.
    let begun = app
        .brief(&opportunity_named("bulk item 0 of many"))
        .send()
        .await;
    assert_eq!(begun.expect_ok()["cached"], true);
    app.brief(&opportunity()).send().await.expect_ok();
    assert_eq!(upstream.count(), 2);
    let cost = app.metric(charged).await;
    assert!((cost - 2.0 * COST).abs() < 1e-9, "charged {cost}");
}

#[tokio::test]
async fn equal_items_share_one_upstream_call() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let items = json!({"items": vec![json!({"record": opportunity()}); 20]});
    let body = app.post("/briefing/bulk", &items).send().await.expect_ok();
    assert_eq!(statuses(&body), [200; 20]);
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn omit_text_leaves_the_text_out_and_nothing_else() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let with = json!({"items": [{"record": opportunity()}]});
    let without = json!({"items": [{"record": opportunity()}], "omit_text": true});
    let whole = app.post("/briefing/bulk", &with).send().await.expect_ok();
    let bare = app
        .post("/briefing/bulk", &without)
        .send()
        .await
        .expect_ok();
    let members = |body: &Value| -> Vec<String> {
        let answer = body["results"][0]["answer"].as_object().expect("an object");
        answer.keys().cloned().collect()
    };
    let mut expected = members(&whole);
    expected.retain(|name| name != "text");
    assert_eq!(members(&bare), expected);
}

#[tokio::test]
async fn an_answer_is_cut_to_what_the_caller_can_take_and_the_cache_holds_it_whole() {
    let long = Reply::saying(drafts::long_briefing());
    let upstream = Upstream::doing(Play::Answer(long)).await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let cut = app
        .brief(&opportunity())
        .header("belay-max-response-bytes", "5000")
        .send()
        .await;
    let body = cut.expect_ok();
    assert!(cut.body.len() <= 5_000, "{} bytes", cut.body.len());
    assert_eq!(body["truncated"], true);
    assert_eq!(body["record_id"], opportunity()["Id"]);

    let whole = app.brief(&opportunity()).send().await;
    let body = whole.expect_ok();
    assert_eq!(body["cached"], true);
    assert_eq!(body["truncated"], false);
    assert!(whole.body.len() > 40_000, "{} bytes", whole.body.len());
    for wrong in ["0", "999", "5000001", "many"] {
        let call = app
            .brief(&opportunity())
            .header("belay-max-response-bytes", wrong);
        let refused = call.send().await;
        refused.expect_problem(400, "invalid-request");
    }
}

#[tokio::test]
async fn the_body_of_a_bulk_stays_below_one_and_a_half_megabytes() {
    let long = Reply::saying(drafts::long_briefing());
    let upstream = Upstream::doing(Play::Answer(long)).await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let items = json!({"items": vec![json!({"record": opportunity()}); 60]});
    let call = || app.post("/briefing/bulk", &items);

    let cut = call().send().await;
    let body = cut.expect_ok();
    assert!(cut.body.len() <= 1_500_000, "{} bytes", cut.body.len());
    assert!(cut.body.len() > 1_400_000, "{} bytes", cut.body.len());
    assert_eq!(statuses(&body), [200; 60]);
    assert_eq!(body["results"][59]["answer"]["truncated"], true);

    let roomy = call().header("belay-max-response-bytes", "5000000");
    let whole = roomy.send().await;
    assert!(whole.body.len() > 2_000_000, "{} bytes", whole.body.len());
    let body = whole.expect_ok();
    assert_eq!(body["results"][59]["answer"]["truncated"], false);
}

#[tokio::test]
async fn a_caller_of_a_bulk_who_hangs_up_finds_what_was_begun() {
    let (upstream, gate) = Upstream::held().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    {
        let mut call = app.post("/briefing/bulk", &bulk_of(3)).send().boxed();
        tokio::select! {
            answer = &mut call => panic!("it was answered: {answer:?}"),
            () = upstream.reached(3) => {}
        }
    }
    gate.open();
    app.metric_reaches(r#"belay_cost_usd_total{org="acme"}"#, 3.0 * COST - 1e-9)
        .await;
    let again = app.post("/briefing/bulk", &bulk_of(3));
    let body = again.send().await.expect_ok();
    for result in body["results"].as_array().expect("a list") {
        assert_eq!(result["answer"]["cached"], true);
    }
    assert_eq!(upstream.count(), 3);
}
