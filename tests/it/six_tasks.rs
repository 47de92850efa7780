//! The six tasks: each typed, each in bulk, and nothing passed on that breaks a task's own rules.

use serde_json::{Value, json};

use crate::helpers::{Answer, Config, Play, Reply, TestApp, Upstream, case, drafts, opportunity};

/// Notes in which two things stand.
const NOTES: &str = "Call with the harbour master.\n- they lose two berths a week, he said\nme: send the load certificates";

fn account() -> Value {
    json!({
        "attributes": {"type": "Account"},
        "Id": "0015f00000PrtAtAAJ",
        "Name": "Port of Brackwater",
        "Industry": "Shipping",
        "NumberOfEmployees": 740,
        "Website": "https://port.example",
    })
}

/// A request to each task, and the members of its answer that no other task has.
fn requests() -> [(&'static str, Value, &'static [&'static str]); 6] {
    [
        (
            "briefing",
            json!({"record": opportunity()}),
            &[
                "headline",
                "deal_context",
                "risk_factors",
                "talking_points",
                "next_steps",
            ],
        ),
        (
            "case-summary",
            json!({"record": case()}),
            &[
                "situation",
                "history",
                "next_step",
                "sentiment",
                "open_questions",
            ],
        ),
        (
            "email-draft",
            json!({"record": opportunity(), "purpose": "follow_up"}),
            &["subject", "body_text", "body_html", "tone", "facts_used"],
        ),
        (
            "call-notes",
            json!({"text": NOTES, "call_date": "2026-03-09", "record": opportunity()}),
            &["meddic", "next_steps", "follow_up_task"],
        ),
        (
            "account-research",
            json!({"record": account()}),
            &["overview", "decision_makers", "org_chart", "field_values"],
        ),
        (
            "deal-health",
            json!({"record": opportunity()}),
            &["score", "band", "drivers", "narrative", "signals"],
        ),
    ]
}

#[tokio::test]
async fn each_task_answers_with_its_own_members_alone_and_in_bulk() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    for (task, request, own) in requests() {
        let body = app
            .post(&format!("/{task}"), &request)
            .send()
            .await
            .expect_ok();
        assert_eq!(body["task"], task);
        for member in own {
            assert!(body.get(member).is_some(), "{task} has no {member}");
        }
        assert_eq!(
            body.as_object().expect("an object").len(),
            16 + own.len(),
            "{task}"
        );

        let items = json!({"items": [request, {}], "omit_text": true});
        let bulk = app
            .post(&format!("/{task}/bulk"), &items)
            .send()
            .await
            .expect_ok();
        let results = bulk["results"].as_array().expect("a list");
        assert_eq!(results.len(), 2);
        assert_eq!(
            results[0]["answer"]["id"], body["id"],
            "{task} from the cache"
        );
        assert_eq!(results[1]["status"], 400, "{task}");
    }
}

#[tokio::test]
async fn what_one_task_takes_another_refuses_by_name() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    for (path, request, pointer) in [
        (
            "/briefing",
            json!({"record": opportunity(), "purpose": "renewal"}),
            "/purpose",
        ),
        (
            "/deal-health",
            json!({"record": opportunity(), "call_date": "2026-03-09"}),
            "/call_date",
        ),
        (
            "/email-draft",
            json!({"record": opportunity(), "purpose": "spam"}),
            "/purpose",
        ),
        (
            "/email-draft",
            json!({"record": opportunity(), "purpose": "reply"}),
            "/text",
        ),
        ("/call-notes", json!({"record": opportunity()}), "/text"),
        (
            "/call-notes",
            json!({"text": NOTES, "call_date": "2026-02-30"}),
            "/call_date",
        ),
        (
            "/account-research",
            json!({"record": opportunity()}),
            "/record/attributes/type",
        ),
        (
            "/account-research",
            json!({"record": account(), "fields": [{"field": "Industry", "kind": "picklist"}]}),
            "/fields/0/picklist_values",
        ),
    ] {
        let problem = app
            .post(path, &request)
            .send()
            .await
            .expect_problem(400, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn a_refusal_says_what_would_be_right() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let facts = json!([{"label": "Stage", "value": "Won"}]);
    for (path, request, detail) in [
        (
            "/email-draft",
            json!({}),
            "/record: is missing: send the Opportunity, Contact, Account, Lead or Case as record, as record_json or as facts",
        ),
        (
            "/briefing",
            json!({"facts": facts, "record_json": "{}"}),
            "/record_json: must not come beside facts: send one of record, record_json and facts (1 more in errors)",
        ),
        (
            "/call-notes",
            json!({"text": NOTES, "call_date": "2026-02-30"}),
            "/call_date: is no day of the calendar",
        ),
        (
            "/call-notes",
            json!({"text": NOTES, "call_date": "9 March"}),
            "/call_date: must be a day as YYYY-MM-DD, such as 2026-11-12",
        ),
    ] {
        let problem = app
            .post(path, &request)
            .send()
            .await
            .expect_problem(400, "invalid-request");
        assert_eq!(problem["detail"], detail);
    }
}

#[tokio::test]
async fn facts_that_privacy_keeps_back_are_named_as_facts() {
    let upstream = Upstream::good().await;
    let config = Config::to(&upstream).privacy("allow = [\"Opportunity.*\"]\nallow_text = false");
    let app = TestApp::new(&config).await;
    let request = json!({"facts": [{"label": "Stage", "value": "Won"}]});
    let problem = app
        .post("/briefing", &request)
        .send()
        .await
        .expect_problem(400, "invalid-request");
    assert_eq!(problem["errors"][0]["pointer"], "/facts", "{problem}");
    assert_eq!(upstream.count(), 0);
}

/// Drafts that break a task's own rules, each with the request it answers.
fn broken() -> Vec<(&'static str, Value, Value)> {
    let notes = json!({"text": NOTES, "call_date": "2026-03-09"});
    let mut unquoted = drafts::call_notes();
    unquoted["meddic"]["metrics"] = json!({
        "summary": "They lose berths", "evidence": "they lose nine berths a day, he said", "confidence": "high",
    });
    let mut guessed = drafts::call_notes();
    guessed["meddic"]["champion"] = json!({
        "summary": "Not mentioned", "evidence": "send the load certificates", "confidence": "low",
    });
    let research = json!({"record": account(), "fields": [
        {"field": "Industry", "kind": "picklist", "picklist_values": ["Logistics", "Retail"]},
    ]});
    let mut off_the_list = drafts::account_research();
    off_the_list["field_values"] = json!([
        {"field": "Industry", "value": "Shipping", "source": "Account.Industry", "confidence": "high"},
    ]);
    let mut in_a_circle = drafts::account_research();
    in_a_circle["org_chart"] = json!([
        {"name": "A. Quay", "title": null, "reports_to": "B. Dock"},
        {"name": "B. Dock", "title": null, "reports_to": "A. Quay"},
    ]);
    let mut made_up_source = drafts::account_research();
    made_up_source["decision_makers"] = json!([
        {"name": "A. Quay", "title": "CEO", "source": "https://elsewhere.example/ceo"},
    ]);
    let mut too_healthy = drafts::deal_health();
    too_healthy["score"] = json!(140);
    let mut without_evidence = drafts::deal_health();
    without_evidence["drivers"][0]["evidence"] = json!("a general feeling");
    let mut with_a_blank = drafts::email_draft();
    with_a_blank["body_text"] = json!("Dear [Your Contact],\n\nhello.");
    let mut out_of_thin_air = drafts::email_draft();
    out_of_thin_air["body_text"] = json!("Good day,\n\ncall me on [PHONE_9].");
    let mut unseen = drafts::email_draft();
    unseen["subject"] = json!("\u{200b}\u{2060}");
    let deal = json!({"record": opportunity()});
    vec![
        ("/email-draft", deal.clone(), unseen),
        ("/email-draft", deal.clone(), out_of_thin_air),
        ("/call-notes", notes.clone(), unquoted),
        ("/call-notes", notes, guessed),
        ("/account-research", research, off_the_list),
        (
            "/account-research",
            json!({"record": account()}),
            in_a_circle,
        ),
        (
            "/account-research",
            json!({"record": account()}),
            made_up_source,
        ),
        ("/deal-health", deal.clone(), too_healthy),
        ("/deal-health", deal.clone(), without_evidence),
        ("/email-draft", deal, with_a_blank),
    ]
}

#[tokio::test]
async fn what_breaks_a_tasks_rules_is_asked_for_once_more_and_then_refused() {
    for (path, request, draft) in broken() {
        let upstream = Upstream::good().await;
        let app = TestApp::new(&Config::to(&upstream)).await;
        let wrong = || Play::Answer(Reply::saying(&draft));

        upstream.next([wrong()]);
        let mended: Answer = app.post(path, &request).send().await;
        mended.expect_ok();
        assert_eq!(upstream.count(), 2, "{path} {draft}");
        let repair = upstream.seen()[1].json();
        let turns = repair["messages"].as_array().expect("a list");
        assert_eq!(turns.len(), 3);
        let told = turns[2]["content"].as_str().expect("a text");
        assert!(
            told.contains("\n- /") || told.contains("\n- body_text"),
            "a place is named: {told}"
        );

        let mut fresh = request.clone();
        fresh["fresh"] = json!(true);
        upstream.next([wrong(), wrong()]);
        let refused = app.post(path, &fresh).send().await;
        refused.expect_problem(502, "answer-invalid");
        assert_eq!(upstream.count(), 4, "{path} {draft}");
    }
}

#[tokio::test]
async fn a_follow_up_task_bears_the_ids_of_the_record_and_none_of_the_models() {
    let upstream = Upstream::good().await;
    let app = TestApp::new(&Config::to(&upstream)).await;
    let request = json!({"text": NOTES, "record": opportunity()});
    let body = app.post("/call-notes", &request).send().await.expect_ok();
    let task = &body["follow_up_task"];
    assert_eq!(task["attributes"]["type"], "Task");
    assert_eq!(task["WhatId"], opportunity()["Id"]);
    assert_eq!(task["Subject"], "Call back");
    assert!(task.get("ActivityDate").is_none());
}

#[tokio::test]
async fn the_html_of_an_email_is_escaped_also_where_a_masked_value_comes_back() {
    let upstream = Upstream::good().await;
    let policy = r#"mask = ["Account.Name"]"#;
    let app = TestApp::new(&Config::to(&upstream).privacy(policy)).await;
    let mut record = opportunity();
    record["Account"]["Name"] = json!("Quay & <Sons>");
    let mut draft = drafts::email_draft();
    draft["body_text"] = json!("Dear [ACCOUNT_NAME_1],\n\n1 < 2.");
    upstream.next([Play::Answer(Reply::saying(draft))]);
    let body = app
        .post("/email-draft", &json!({"record": record}))
        .send()
        .await
        .expect_ok();
    assert_eq!(body["body_text"], "Dear Quay & <Sons>,\n\n1 < 2.");
    assert_eq!(
        body["body_html"],
        "<p>Dear Quay &amp; &lt;Sons&gt;,</p><p>1 &lt; 2.</p>"
    );
}

#[tokio::test]
async fn the_signals_of_a_deal_see_only_what_privacy_leaves() {
    let upstream = Upstream::good().await;
    let open = TestApp::new(&Config::to(&upstream)).await;
    let request = json!({"record": opportunity()});
    let seen = open.post("/deal-health", &request).send().await.expect_ok();
    assert!(seen["signals"]["days_to_close"].is_number(), "{seen}");

    let policy = r#"drop = ["Opportunity.CloseDate"]"#;
    let closed = TestApp::new(&Config::to(&upstream).privacy(policy)).await;
    let hidden = closed
        .post("/deal-health", &request)
        .send()
        .await
        .expect_ok();
    assert_eq!(hidden["signals"]["days_to_close"], Value::Null, "{hidden}");
}

#[tokio::test]
async fn a_task_that_privacy_leaves_nothing_for_says_so_and_asks_nobody() {
    let upstream = Upstream::good().await;
    let policy = "allow = [\"Opportunity.*\"]\nallow_text = false";
    let app = TestApp::new(&Config::to(&upstream).privacy(policy)).await;
    for preview in [false, true] {
        let request = json!({"text": NOTES, "record": opportunity(), "preview": preview});
        let answer = app.post("/call-notes", &request).send().await;
        let problem = answer.expect_problem(400, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], "/text");
        assert!(
            problem["detail"]
                .as_str()
                .expect("a text")
                .contains("privacy rules")
        );
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn a_picklist_value_that_privacy_would_mask_is_not_offered() {
    let upstream = Upstream::good().await;
    let policy = r#"mask = ["Account.Site"]"#;
    let app = TestApp::new(&Config::to(&upstream).privacy(policy)).await;
    let mut record = account();
    record["Site"] = json!("North quay");
    let request = json!({"record": record, "fields": [
        {"field": "Owner__c", "kind": "picklist", "picklist_values": ["Nobody", "a.quay@port.example", "North Quay"]},
    ]});
    app.post("/account-research", &request)
        .send()
        .await
        .expect_ok();
    let sent = &upstream.seen()[0].body;
    assert!(sent.contains("Nobody"), "{sent}");
    assert!(
        !sent.contains("a.quay@") && !sent.contains("North"),
        "{sent}"
    );
}

#[tokio::test]
async fn a_masked_value_in_two_spellings_comes_back_in_each() {
    let upstream = Upstream::good().await;
    let policy = r#"mask = ["Account.Name"]"#;
    let app = TestApp::new(&Config::to(&upstream).privacy(policy)).await;
    let mut record = opportunity();
    record["Account"]["Name"] = json!("Quay & <Sons>");
    let mut draft = drafts::email_draft();
    draft["body_text"] = json!("Dear [ACCOUNT_NAME_1],\n\nor [account_name_1_2].");
    upstream.next([Play::Answer(Reply::saying(draft))]);
    let body = app
        .post(
            "/email-draft",
            &json!({"record": record, "text": "They sign as QUAY & <SONS>."}),
        )
        .send()
        .await
        .expect_ok();
    assert_eq!(
        body["body_text"],
        "Dear Quay & <Sons>,\n\nor QUAY & <SONS>."
    );
}
