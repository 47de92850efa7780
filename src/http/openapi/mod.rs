//! The description of the HTTP interface: OpenAPI 3.1 from the code, and 3.0.3 for Salesforce External Services.
//!
//! # Why
//! Handlers and wire types describe themselves; what is the same for every operation (its errors, its security) is
//! written in once, here. External Services reads 3.0 at most, so [`salesforce`] writes a second, flatter document.

mod apex_names;
mod examples;
pub mod faults;
pub mod reserved_words;
pub mod salesforce;
mod schema;
mod shapes;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use url::Url;
use utoipa::OpenApi;

use super::problem::{Code, WireProblem};

/// The two documents, as they are served and committed.
pub struct Documents {
    /// OpenAPI 3.1.
    pub openapi: String,
    /// OpenAPI 3.0.3, the tasks only, for External Services.
    pub salesforce: String,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Belay",
        description = "The gateway between Salesforce orgs and Claude: typed answers about records, inside the org's limits, budget and deadline."
    ),
    components(schemas(WireProblem, Code)),
    tags(
        (name = "tasks", description = "Typed answers about Salesforce records"),
        (name = "identity", description = "Who is calling, and whether the gateway is there"),
        (name = "cache", description = "What is remembered of records"),
    )
)]
struct Document;

/// The tasks, as their answers are named.
const TASKS: [&str; 2] = ["Briefing", "CaseSummary"];
/// What the 3.0.3 document names as its server where nobody has said: External Services wants an absolute address.
const PLACEHOLDER: &str = "https://belay.example.com";

impl Documents {
    /// Both documents of the routes in `api`, for a gateway that its callers know by `public_url`.
    pub fn new(api: utoipa::openapi::OpenApi, public_url: Option<&Url>) -> Self {
        let url = public_url.map(|url| url.as_str().trim_end_matches('/'));
        let mut openapi = document(api);
        openapi["servers"] = json!([{"url": url.unwrap_or("/")}]);
        let mut flat = salesforce::for_salesforce(&openapi);
        flat["servers"] = json!([{"url": url.unwrap_or(PLACEHOLDER)}]);
        Self {
            openapi: written(&openapi),
            salesforce: written(&flat),
        }
    }
}

fn written(document: &Value) -> String {
    let mut text = serde_json::to_string_pretty(document).expect("a document is plain data");
    text.push('\n');
    text
}

/// The 3.1 document of the routes in `api`, without servers.
///
/// # Panics
/// Never: a document is plain data.
pub fn document(api: utoipa::openapi::OpenApi) -> Value {
    let mut whole = Document::openapi();
    whole.merge(api);
    let mut document = serde_json::to_value(whole).expect("a document is plain data");
    document["components"]["securitySchemes"] = json!({
        "bearer": {"type": "http", "scheme": "bearer", "description": "An API key"},
        "basic": {"type": "http", "scheme": "basic", "description": "The credential's id and its API key"},
        "x_api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "api_key": {"type": "apiKey", "in": "header", "name": "api-key"},
    });
    document["security"] =
        json!([{"bearer": []}, {"basic": []}, {"x_api_key": []}, {"api_key": []}]);
    if let Some(paths) = document["paths"].as_object_mut() {
        for (path, item) in paths {
            for operation in item.as_object_mut().into_iter().flat_map(Map::values_mut) {
                add_problems(path, operation);
                add_examples(path, operation);
            }
        }
    }
    named_by_task(&document)
}

/// Every problem that an operation may answer with, by status.
fn add_problems(path: &str, operation: &mut Value) {
    if path == "/healthz" {
        return;
    }
    let has_body = operation.get("requestBody").is_some();
    let mut by_status: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for code in Code::ALL {
        let status = code.status().as_u16();
        let of_every_call = matches!(status, 400 | 401 | 403 | 429 | 500 | 503);
        if has_body || of_every_call {
            by_status.entry(status).or_default().push(code.as_str());
        }
    }
    for (status, codes) in by_status {
        operation["responses"][status.to_string()] = json!({
            "description": codes.join(", "),
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        });
    }
}

/// Bodies that work when pasted: with the record itself, and with facts for callers who have none.
fn add_examples(path: &str, operation: &mut Value) {
    let Some(body) = operation.pointer_mut("/requestBody/content/application~1json") else {
        return;
    };
    let (record, facts) = if path.starts_with("/case-summary") {
        examples::case()
    } else {
        examples::opportunity()
    };
    let shown = |request: Value| {
        if path.ends_with("/bulk") {
            json!({"value": {"items": [request], "omit_text": false}})
        } else {
            json!({"value": request})
        }
    };
    body["examples"] = json!({"record": shown(record), "facts": shown(facts)});
}

/// Gives each task's answers names of their own: `BriefingAnswer`, `BriefingBulkAnswer`, `BriefingBulkResult`.
fn named_by_task(document: &Value) -> Value {
    let mut text = document.to_string();
    for task in TASKS {
        text = text.replace(&format!("TaskAnswer_{task}"), &format!("{task}Answer"));
    }
    let mut document: Value =
        serde_json::from_str(&text).expect("names hold nothing that JSON escapes");
    let Some(schemas) = document["components"]["schemas"].as_object_mut() else {
        return document;
    };
    let (answer, result) = (
        schemas.shift_remove("BulkAnswer"),
        schemas.shift_remove("BulkResult"),
    );
    let (answer, result) = (answer.unwrap_or_default(), result.unwrap_or_default());
    for task in TASKS {
        let (mut answer, mut result) = (answer.clone(), result.clone());
        answer["properties"]["results"]["items"] = reference(&format!("{task}BulkResult"));
        result["properties"]["answer"] = reference(&format!("{task}Answer"));
        schemas.insert(format!("{task}BulkAnswer"), answer);
        schemas.insert(format!("{task}BulkResult"), result);
    }
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for (path, item) in paths.filter(|(path, _)| path.ends_with("/bulk")) {
        let task = if path.starts_with("/briefing") {
            TASKS[0]
        } else {
            TASKS[1]
        };
        item["post"]["responses"]["200"]["content"]["application/json"]["schema"] =
            reference(&format!("{task}BulkAnswer"));
    }
    document
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}
