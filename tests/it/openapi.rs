//! The documents: what is served is what is committed, and it is what the gateway does.

use std::collections::BTreeSet;

use belay::http::openapi::reserved_words::is_reserved;
use serde_json::{Value, json};

use crate::helpers::process::run;
use crate::helpers::{Config, TestApp, Upstream, case, opportunity};

const COMMITTED: &str = include_str!("../../openapi/openapi.json");
const COMMITTED_FOR_SALESFORCE: &str = include_str!("../../openapi/openapi-salesforce.json");

/// Schemas whose members OpenAI has named: Apex reads them with a parser, and no class of ours mirrors them. The document
/// for Salesforce has none of them.
const NAMED_BY_OPENAI: [&str; 1] = ["ChatCompletion"];
/// Every code of the contract with its status.
const CODES: [(&str, u16); 26] = [
    ("invalid-request", 400),
    ("unauthenticated", 401),
    ("token-expired", 401),
    ("forbidden", 403),
    ("not-found", 404),
    ("method-not-allowed", 405),
    ("request-timeout", 408),
    ("too-large", 413),
    ("unsupported-media-type", 415),
    ("idempotency-mismatch", 422),
    ("model-refused", 422),
    ("over-limit", 422),
    ("rate-limited", 429),
    ("tokens-limited", 429),
    ("budget-spent", 429),
    ("too-many-in-flight", 429),
    ("internal", 500),
    ("upstream-refused", 502),
    ("answer-invalid", 502),
    ("answer-cut", 502),
    ("upstream-failed", 502),
    ("overloaded", 503),
    ("draining", 503),
    ("shared-store-down", 503),
    ("deadline-passed", 504),
    ("not-cached", 504),
];

fn document() -> Value {
    serde_json::from_str(COMMITTED).expect("JSON")
}

async fn app() -> (TestApp, Upstream) {
    let upstream = Upstream::good().await;
    (TestApp::new(&Config::to(&upstream)).await, upstream)
}

#[tokio::test]
async fn what_is_served_and_printed_is_what_is_committed() {
    let (app, _upstream) = app().await;
    let served = app.anonymous(reqwest::Method::GET, "/openapi.json");
    assert_eq!(served.send().await.text(), COMMITTED);
    let served = app.anonymous(reqwest::Method::GET, "/openapi-salesforce.json");
    assert_eq!(served.send().await.text(), COMMITTED_FOR_SALESFORCE);

    let printed = run(&["openapi"]).await;
    assert_eq!(String::from_utf8_lossy(&printed.stdout), COMMITTED);
    let printed = run(&["openapi", "--for", "salesforce"]).await;
    let printed = String::from_utf8_lossy(&printed.stdout).into_owned();
    assert_eq!(printed, COMMITTED_FOR_SALESFORCE);
}

#[tokio::test]
async fn the_server_is_the_public_url_and_never_taken_from_a_request() {
    let upstream = Upstream::good().await;
    let config =
        Config::to(&upstream).server("public_url", r#""https://belay.brackwater.example/""#);
    let app = TestApp::new(&config).await;
    for path in ["/openapi.json", "/openapi-salesforce.json"] {
        let call = app
            .get(path)
            .header("x-forwarded-host", "elsewhere.example");
        let body = call.send().await.expect_ok();
        let expected = json!([{"url": "https://belay.brackwater.example"}]);
        assert_eq!(body["servers"], expected, "{path}");
    }
}

#[tokio::test]
async fn the_page_to_read_them_is_served_unless_it_is_switched_off() {
    let (app, upstream) = app().await;
    let page = app.anonymous(reqwest::Method::GET, "/docs").send().await;
    assert_eq!(page.status, 200);
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(page.header("content-security-policy").is_some());
    assert!(page.text().contains(r#"href="openapi.json""#));

    let config = Config::to(&upstream).server("docs", false);
    let silent = TestApp::new(&config).await;
    for path in ["/docs", "/openapi.json", "/openapi-salesforce.json"] {
        silent
            .get(path)
            .send()
            .await
            .expect_problem(404, "not-found");
    }
}

#[test]
fn every_code_of_the_contract_is_listed_and_no_other() {
    let document = document();
    let listed: BTreeSet<&str> = document["components"]["schemas"]["Code"]["enum"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(listed, CODES.iter().map(|(code, _)| *code).collect());

    let responses = &document["paths"]["/briefing"]["post"]["responses"];
    for (code, status) in CODES {
        let told = responses[status.to_string()]["description"]
            .as_str()
            .unwrap_or_default();
        assert!(told.split(", ").any(|word| word == code), "{code}: {told}");
    }
}

#[test]
fn no_member_is_a_word_of_apex_or_looks_like_a_custom_field() {
    for text in [COMMITTED, COMMITTED_FOR_SALESFORCE] {
        let document: Value = serde_json::from_str(text).expect("JSON");
        let schemas = document["components"]["schemas"]
            .as_object()
            .expect("schemas");
        let mut members = BTreeSet::new();
        for (name, schema) in schemas {
            if !NAMED_BY_OPENAI.contains(&name.as_str()) {
                collect(schema, &mut members);
            }
        }
        assert!(members.len() > 40, "{members:?}");
        for name in &members {
            assert!(!is_reserved(name), "{name} is a word of Apex");
            assert!(!name.ends_with('_') && !name.contains("__"), "{name}");
        }
    }
    for word in [
        "limit", "date", "from", "number", "currency", "object", "group", "set", "desc", "system",
    ] {
        assert!(is_reserved(word), "{word}");
    }
}

/// The names of all properties in a schema, at any depth.
fn collect(schema: &Value, names: &mut BTreeSet<String>) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::Object(properties)) = members.get("properties") {
                names.extend(properties.keys().cloned());
            }
            for (name, member) in members {
                if !name.starts_with("example") {
                    collect(member, names);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, names)),
        _ => {}
    }
}

#[tokio::test]
async fn what_the_gateway_answers_is_what_the_document_says() {
    let (app, _upstream) = app().await;
    let document = document();
    let valid = |schema: &str, body: &Value| {
        let whole = json!({
            "$ref": format!("#/components/schemas/{schema}"),
            "components": document["components"],
        });
        let validator = jsonschema::draft202012::new(&whole).expect("a schema");
        let faults: Vec<String> = validator
            .iter_errors(body)
            .map(|fault| fault.to_string())
            .collect();
        assert!(faults.is_empty(), "{schema}: {faults:?}");
    };
    valid(
        "BriefingAnswer",
        &app.brief(&opportunity()).send().await.expect_ok(),
    );
    let summary = app.post("/case-summary", &json!({"record": case()}));
    valid("CaseSummaryAnswer", &summary.send().await.expect_ok());
    let items = json!({"items": [{"record": opportunity()}, {}]});
    let bulk = app.post("/briefing/bulk", &items);
    valid("BriefingBulkAnswer", &bulk.send().await.expect_ok());
    valid("WhoAmI", &app.get("/whoami").send().await.expect_ok());
    valid("Health", &app.get("/healthz").send().await.expect_ok());
    let refused = app.post("/briefing", &json!({})).send().await;
    valid("Problem", &refused.expect_problem(400, "invalid-request"));
}

#[tokio::test]
async fn the_examples_of_the_document_work_when_they_are_sent() {
    let (app, _upstream) = app().await;
    let document = document();
    let mut sent = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        let content = &item["post"]["requestBody"]["content"]["application/json"];
        for example in content["examples"].as_object().into_iter().flatten() {
            app.post(path, &example.1["value"]).send().await.expect_ok();
            sent += 1;
        }
    }
    assert!(sent >= 8, "{sent} examples");
}

#[test]
fn the_texts_of_both_documents_are_whole_and_meant_for_their_readers() {
    fn texts<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    match member {
                        Value::String(text) if name == "description" => found.push(text),
                        other => texts(other, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
            _ => {}
        }
    }
    for text in [COMMITTED, COMMITTED_FOR_SALESFORCE] {
        let document: Value = serde_json::from_str(text).expect("JSON");
        let mut found = Vec::new();
        texts(&document, &mut found);
        assert!(found.len() > 200, "{}", found.len());
        for text in found {
            let parted = text.replace("\n\n", "");
            assert!(!parted.contains('\n'), "parted in mid-sentence: {text}");
            assert!(!text.contains("The document"), "our own talk: {text}");
        }
    }
}

#[test]
fn a_flow_must_give_notes_and_is_told_of_nothing_that_it_cannot_send() {
    let flow: Value = serde_json::from_str(COMMITTED_FOR_SALESFORCE).expect("JSON");
    let schemas = &flow["components"]["schemas"];
    assert_eq!(schemas["CallNotesRequest"]["required"], json!(["text"]));
    for task in ["Briefing", "CallNotes", "AccountResearch"] {
        let story = &schemas[format!("{task}Request")]["description"];
        let story = story.as_str().expect("a description");
        assert!(story.contains("`record_json` or `facts`"), "{story}");
        assert!(!story.contains("`record`"), "{story}");
    }
}

#[test]
fn every_operation_has_a_name_of_its_own_and_the_chat_is_no_flow_action() {
    let document = document();
    let mut names = BTreeSet::new();
    for item in document["paths"].as_object().expect("paths").values() {
        for operation in item.as_object().expect("operations").values() {
            let name = operation["operationId"].as_str().expect("a name");
            assert!(names.insert(name), "{name} twice");
        }
    }
    let for_salesforce: Value = serde_json::from_str(COMMITTED_FOR_SALESFORCE).expect("JSON");
    assert!(for_salesforce["paths"].get("/chat/completions").is_none());
}

#[test]
fn every_code_is_told_with_its_status_and_what_it_means() {
    let document = document();
    let listed = document["x-problems"].as_array().expect("a list");
    let told: Vec<(&str, u64)> = listed
        .iter()
        .filter_map(|problem| Some((problem["code"].as_str()?, problem["status"].as_u64()?)))
        .collect();
    assert_eq!(told, CODES.map(|(code, status)| (code, u64::from(status))));
    for problem in listed {
        let meaning = problem["meaning"].as_str().unwrap_or_default();
        assert!(
            meaning.ends_with('.') && !meaning.starts_with(' '),
            "{problem}"
        );
    }
}

#[test]
fn the_answers_of_the_document_are_what_its_schemas_say() {
    let document = document();
    let mut seen = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        let responses = item["post"]["responses"].as_object();
        for (status, response) in responses.into_iter().flatten() {
            let media = response["content"].as_object().into_iter().flatten();
            for (_, content) in media.filter(|(_, content)| content.get("example").is_some()) {
                let mut schema = content["schema"].clone();
                schema["components"] = document["components"].clone();
                let validator = jsonschema::draft202012::new(&schema).expect("a schema");
                let faults: Vec<_> = validator
                    .iter_errors(&content["example"])
                    .map(|fault| format!("{}: {fault}", fault.instance_path()))
                    .collect();
                assert!(faults.is_empty(), "{path} {status}: {faults:?}");
                seen += 1;
            }
        }
    }
    assert_eq!(
        seen, 24,
        "an answer and a refusal a task, alone and in bulk"
    );
}
