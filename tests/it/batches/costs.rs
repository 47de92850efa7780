//! What a batch costs: all that it can from its beginning, and what it did once that is known.

use super::*;

#[tokio::test]
async fn the_most_that_a_batch_can_cost_is_charged_until_its_results_are_seen() {
    let upstream = Upstream::good().await;
    let app = app(&upstream).await;
    let id = batch(&app, &upstream).await;
    let bound = bound(&upstream.seen()[0].json());
    assert!(
        near(spent(&app).await, bound),
        "{} of {bound}",
        spent(&app).await
    );
    assert!(near(batches(&app, "created").await, 1.0));

    upstream.next([results(), results()]);
    read(&app, &id).await;
    assert!(near(spent(&app).await, HALF), "{}", spent(&app).await);
    read(&app, &id).await;
    assert!(near(spent(&app).await, HALF), "once");
    assert!(near(batches(&app, "settled").await, 1.0));
    assert!(near(batches(&app, "unheld").await, 1.0));
    let cost = app.metric("belay_cost_usd_total{org=\"acme\"}").await;
    assert!(near(cost, HALF), "{cost}");
}

#[tokio::test]
async fn a_hundred_who_read_the_results_at_once_settle_them_once() {
    let upstream = Upstream::good().await;
    let app = app(&upstream).await;
    let id = batch(&app, &upstream).await;
    let gate = Gate::closed();
    let (first, rest) = (succeeded("a"), succeeded("b"));
    upstream.always(Play::Stream(Stream {
        gate: Some(gate.clone()),
        ..Stream::of(vec![first.clone(), rest.clone()])
    }));
    let reads = futures_util::future::join_all((0..100).map(|_| read(&app, &id)));
    let opened = async {
        upstream.reached(101).await;
        gate.open();
    };
    let (answers, ()) = within("all results", futures_util::future::join(reads, opened)).await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.text() == format!("{first}{rest}"))
    );
    assert!(near(spent(&app).await, COST), "{}", spent(&app).await);
    assert!(near(batches(&app, "settled").await, 1.0));
    let cost = app.metric("belay_cost_usd_total{org=\"acme\"}").await;
    assert!(near(cost, COST), "{cost}");
}

#[tokio::test]
async fn results_that_are_cut_look_cut_and_settle_nothing() {
    let upstream = Upstream::good().await;
    let app = app(&upstream).await;
    let id = batch(&app, &upstream).await;
    let bound = spent(&app).await;
    upstream.next([Play::Stream(Stream::cut(vec![lines()]))]);
    let path = format!("/{id}/results");
    let cut = call(&app, Method::GET, &path).try_send().await;
    assert!(cut.is_err(), "it must not look whole");
    assert!(near(spent(&app).await, bound));

    // A client that hangs up has not seen them either.
    let gate = Gate::closed();
    upstream.next([Play::Stream(Stream {
        gate: Some(gate.clone()),
        ..Stream::of(vec![succeeded("a"), succeeded("b")])
    })]);
    let mut response = call(&app, Method::GET, &path)
        .header("accept-encoding", "gzip")
        .0
        .send()
        .await
        .expect("a head");
    let first = within("the first line", response.chunk())
        .await
        .expect("a chunk")
        .expect("not the end");
    assert_eq!(first, succeeded("a"), "unbuffered");
    drop(response);
    gate.open();
    // Nor are results the whole of it that lack a line.
    upstream.next([Play::Stream(Stream::of(vec![succeeded("a")]))]);
    assert_eq!(read(&app, &id).await.text(), succeeded("a"));
    assert!(near(spent(&app).await, bound));

    upstream.next([results()]);
    read(&app, &id).await;
    assert!(near(spent(&app).await, HALF));
}

#[tokio::test]
async fn what_nobody_has_read_in_time_is_charged_in_full() {
    let upstream = Upstream::good().await;
    let clock = TestClock::running_from("2026-03-10T12:00:00Z");
    let config = Config::to(&upstream).batches();
    let config = config.limit("budget_usd_per_month", 10.0);
    let app = TestApp::in_world(config.settings(), clock.world()).await;
    let spent = async || {
        let (left, all) = app.allowance("budget_usd_per_month").await;
        all - left
    };
    let (id, bound) = (batch(&app, &upstream).await, spent().await);
    clock.turn(Duration::from_mins(25 * 60 - 1));
    upstream.always(ended(&upstream));
    let retrieve = async || {
        let call = call(&app, Method::GET, &format!("/{id}"));
        call.send().await.expect_ok();
    };
    retrieve().await;
    assert!(near(batches(&app, "charged_in_full").await, 0.0), "not yet");
    clock.turn(Duration::from_mins(1));
    retrieve().await;
    assert!(near(batches(&app, "charged_in_full").await, 1.0));
    let cost = app.metric("belay_cost_usd_total{org=\"acme\"}").await;
    assert!(near(cost, bound), "{cost} of {bound}");

    upstream.always(results());
    read(&app, &id).await;
    assert!(near(spent().await, bound), "late results change nothing");
    assert!(near(batches(&app, "unheld").await, 1.0));
}

#[tokio::test]
async fn results_that_do_not_tell_what_they_used_and_those_deleted_unseen_are_charged_in_full() {
    let upstream = Upstream::good().await;
    let app = app(&upstream).await;
    let id = batch(&app, &upstream).await;
    let bound = spent(&app).await;
    upstream.next([Play::Stream(Stream::of(vec![
        succeeded("a"),
        "{\"custom_id\":\"b\",\"result\":{\"type\":\"new\"}}\n".to_owned(),
    ]))]);
    read(&app, &id).await;
    assert!(near(spent(&app).await, bound));
    assert!(near(batches(&app, "charged_in_full").await, 1.0));

    let id = batch(&app, &upstream).await;
    upstream.next([Play::Status(400, &[], "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"in progress\"}}"), ended(&upstream)]);
    let path = format!("/{id}");
    let refused = call(&app, Method::DELETE, &path).send().await;
    let message = expect_error(&refused, 400, "invalid_request_error");
    assert_eq!(message, "in progress");
    assert!(near(batches(&app, "charged_in_full").await, 1.0));
    call(&app, Method::DELETE, &path).send().await.expect_ok();
    assert!(near(batches(&app, "charged_in_full").await, 2.0));
    assert!(near(spent(&app).await, 2.0 * bound));
}

#[tokio::test]
async fn a_batch_that_no_budget_has_room_for_reaches_nobody() {
    let upstream = Upstream::good().await;
    upstream.always(begun());
    let config = Config::to(&upstream).batches();
    let app = TestApp::new(&config.limit("budget_usd_per_day", 0.02)).await;
    let mut large = two();
    large["requests"][0]["params"]["max_tokens"] = json!(100_000);
    let answer = create(&app, &large).await;
    expect_error(&answer, 422, "invalid_request_error");
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    create(&app, &two()).await.expect_ok();
    create(&app, &two()).await.expect_ok();
    let answer = create(&app, &two()).await;
    expect_error(&answer, 429, "rate_limit_error");
    // Until midnight: nobody waits for a batch to end.
    let wait: u64 = answer
        .header("retry-after")
        .expect("a wait")
        .parse()
        .expect("a number");
    assert!((43_000..=43_200).contains(&wait), "{wait}");
    assert_eq!(upstream.count(), 2);
    let answer = app.relay(&two()["requests"][0]["params"]).send();
    expect_error(&within("a refusal", answer).await, 429, "rate_limit_error");
}

#[tokio::test]
async fn many_who_hand_batches_in_at_once_never_overshoot_the_budget() {
    let upstream = Upstream::good().await;
    upstream.always(begun());
    let config = Config::to(&upstream).batches();
    let app = TestApp::new(&config.limit("budget_usd_per_day", 0.05)).await;
    let body = two();
    let answers = futures_util::future::join_all((0..40).map(|_| create(&app, &body))).await;
    let taken = answers.iter().filter(|answer| answer.status == 200).count();
    let bound = bound(&upstream.seen()[0].json());
    let fit = (1..40_u32)
        .rev()
        .find(|fit| f64::from(*fit) * bound <= 0.05);
    assert_eq!(Some(taken), fit.and_then(|fit| usize::try_from(fit).ok()));
    assert_eq!(upstream.count(), taken);
}

#[tokio::test]
async fn a_batch_that_was_not_begun_costs_nothing_and_one_that_may_have_been_costs_all() {
    let upstream = Upstream::good().await;
    let app = app(&upstream).await;
    let said = "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"custom_id twice\"}}";
    upstream.next([Play::Status(400, &[], said)]);
    let message = expect_error(&create(&app, &two()).await, 400, "invalid_request_error");
    assert_eq!(message, "custom_id twice");
    // Nothing was done, so it is handed in again; after a failure nobody knows, so it is not.
    upstream.next([Play::Status(529, &[], "{}"), Play::Status(500, &[], "{}")]);
    expect_error(&create(&app, &two()).await, 502, "api_error");
    assert_eq!(upstream.count(), 3);
    assert!(near(spent(&app).await, 0.0));

    upstream.next([Play::Cut]);
    expect_error(&create(&app, &two()).await, 502, "api_error");
    assert_eq!(upstream.count(), 4);
    let bound = bound(&upstream.seen()[3].json());
    assert!(near(spent(&app).await, bound));
    upstream.next([Play::Body("{\"id\":\"../../models\"}".to_owned())]);
    expect_error(&create(&app, &two()).await, 502, "api_error");
    assert!(near(spent(&app).await, 2.0 * bound));
    let cost = app.metric("belay_cost_usd_total{org=\"acme\"}").await;
    assert!(near(cost, 2.0 * bound), "{cost}");
}

#[tokio::test]
async fn a_batch_leaves_a_line_when_it_begins_and_one_when_it_is_settled() {
    let upstream = Upstream::good().await;
    let belay = Belay::serve(&Config::to(&upstream).batches()).await;
    let call = |method, path: &str| {
        let path = format!("/v1/messages/batches{path}");
        belay.anonymous(method, &path).bearer(MESSAGES_KEY)
    };
    upstream.next([begun(), results()]);
    let created = call(Method::POST, "")
        .header("x-request-id", "b1")
        .json(&two());
    let created = created.send().await.expect_ok();
    let id = created["id"].as_str().expect("a text");
    let path = format!("/{id}/results");
    call(Method::GET, &path).send().await;
    let lines = || {
        let printed = belay.printed();
        let lines = printed
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"));
        lines.collect::<Vec<Value>>()
    };
    until("two lines", async || lines().len() == 2).await;
    let lines = lines();
    for line in &lines {
        assert_eq!(
            (&line["task"], &line["request_id"]),
            (&json!("batches"), &json!("b1"))
        );
    }
    assert_eq!(
        (&lines[0]["outcome"], &lines[0]["cost_usd"]),
        (&json!("ok"), &json!(0.0))
    );
    assert_eq!(lines[0]["model"], "claude-sonnet-5-5");
    assert!(lines[0]["prompt_sha256"].is_string());
    assert_eq!(lines[1]["outcome"], "settled");
    assert_eq!(lines[1]["input_tokens"], USAGE.0);
    assert!(near(lines[1]["cost_usd"].as_f64().expect("a number"), HALF));
}
