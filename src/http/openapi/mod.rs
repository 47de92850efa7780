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

use super::problem::{Code, WireChatError, WireClaudeError, WireProblem};
use super::routes::preview::TaskPreview;
use crate::domain::{Scope, TaskName};
use crate::tasks::{self, AccountResearchOptions, CallNotesOptions, EmailDraftOptions};

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
    components(schemas(
        WireProblem,
        WireClaudeError,
        WireChatError,
        Code,
        TaskPreview,
        EmailDraftOptions,
        CallNotesOptions,
        AccountResearchOptions
    )),
    tags(
        (name = "tasks", description = "Typed answers about Salesforce records"),
        (name = "messages", description = "The Claude API, as a drop-in"),
        (name = "chat", description = "Salesforce's LLM Open Connector: a model of one's own for Prompt Builder and Agentforce"),
        (name = "identity", description = "Who is calling, and whether the gateway is there"),
        (name = "usage", description = "What was used, day by day"),
        (name = "cache", description = "What is remembered of records"),
    )
)]
struct Document;

/// The schema of a preview.
const PREVIEW: &str = "TaskPreview";
/// What `text` is to call notes.
const NOTES: &str = "The raw notes of the call, as they were written down. More than the model should read is cut, and the answer says `input_truncated`.";
/// What the 3.0.3 document names as its server where nobody has said: External Services wants an absolute address.
const PLACEHOLDER: &str = "https://belay.example.com";

impl Documents {
    /// Both documents of the routes in `api`, for a gateway that its callers know by `public_url`.
    pub fn new(api: utoipa::openapi::OpenApi, public_url: Option<&Url>) -> Self {
        let url = public_url.map(|url| url.as_str().trim_end_matches('/'));
        let mut openapi = document(api);
        openapi["servers"] = json!([{"url": url.unwrap_or("/")}]);
        let mut flat = salesforce::for_salesforce(&without_previews(&openapi));
        flat["servers"] = json!([{"url": url.unwrap_or(PLACEHOLDER)}]);
        Self {
            openapi: written(&openapi),
            salesforce: written(&flat),
        }
    }
}

/// `document` as a Flow sees it: an output has one shape, so there are no previews, and a Flow has no `record` to send.
fn without_previews(document: &Value) -> Value {
    let mut document = document.clone();
    for task in TaskName::ALL {
        let request = &mut document["components"]["schemas"][request_name(task)];
        if let Some(members) = request["properties"].as_object_mut() {
            members.shift_remove("preview");
        }
        request["description"] = json!(story(task, "`record_json` or `facts`"));
        let operation = &mut document["paths"][format!("/{task}")]["post"];
        operation["responses"]["200"]["content"]["application/json"]["schema"] =
            reference(&format!("{}Answer", type_name(task)));
    }
    document
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
        "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, an access token of /oauth/token, or a JWT that the org signed"},
        "basic": {"type": "http", "scheme": "basic", "description": "The credential's id and its API key"},
        "x_api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        "api_key": {"type": "apiKey", "in": "header", "name": "api-key"},
        "oauth": {
            "type": "oauth2",
            "description": "Client credentials; the JWT bearer flow asks the same endpoint",
            "flows": {"clientCredentials": {"tokenUrl": "/oauth/token", "scopes": scopes()}},
        },
        "client_certificate": {"type": "mutualTLS", "description": "The certificate of the connection"},
    });
    document["security"] = json!([
        {"bearer": []}, {"basic": []}, {"x_api_key": []}, {"api_key": []}, {"oauth": []}, {"client_certificate": []}
    ]);
    if let Some(paths) = document["paths"].as_object_mut() {
        for (path, item) in paths {
            for operation in item.as_object_mut().into_iter().flat_map(Map::values_mut) {
                add_problems(path, operation);
                add_examples(path, operation);
            }
        }
    }
    // OpenAPI has no place for what the words of an enum mean; the page at /docs shows them from here.
    let problems = Code::ALL.iter().map(|code| {
        json!({
            "code": code.as_str(),
            "status": code.status().as_u16(),
            "title": code.title(),
            "meaning": code.meaning(),
        })
    });
    document["x-problems"] = problems.collect();
    let mut document = named_by_task(&document);
    unwrap_texts(&mut document);
    document
}

/// Every scope and what it opens.
fn scopes() -> Value {
    let scopes = Scope::ALL.map(|scope| {
        let opens = match scope {
            Scope::Tasks => "the tasks, their bulk forms and the cache",
            Scope::Messages => "the Claude API and chats",
            Scope::Jobs => "queued and batch work, to come",
            Scope::McpRead => "reading tools over MCP, to come",
            Scope::McpWrite => "writing tools over MCP, to come",
        };
        (scope.as_str().to_owned(), json!(opens))
    });
    Value::Object(scopes.into_iter().collect())
}

/// Puts the lines of each description back together that only the source code's width had parted.
fn unwrap_texts(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "description" => {
                        let paragraphs: Vec<String> = text
                            .split("\n\n")
                            .map(|paragraph| paragraph.replace('\n', " "))
                            .collect();
                        *text = paragraphs.join("\n\n");
                    }
                    other => unwrap_texts(other),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(unwrap_texts),
        _ => {}
    }
}

/// Every problem that an operation may answer with, by status.
fn add_problems(path: &str, operation: &mut Value) {
    // Who asks for these has proved nothing yet, and no problem comes from there but that there are no tokens.
    if path.starts_with("/.well-known/") {
        operation["responses"]["404"] = json!({
            "description": "not-found: this gateway gives no access tokens",
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        });
        return;
    }
    if path == "/oauth/token" {
        operation["responses"]["default"] = json!({
            "description": "An error by RFC 6749",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/TokenError"}}},
        });
        return;
    }
    if path == "/healthz" {
        return;
    }
    if path.starts_with("/v1/") {
        operation["responses"]["default"] = json!({
            "description": "An error in Claude's form; its status is that of its type",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ClaudeError"}}},
        });
        return;
    }
    if path == "/chat/completions" {
        operation["responses"]["default"] = json!({
            "description": "An error in OpenAI's form",
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ChatError"}}},
        });
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
    let task = path.trim_start_matches('/').trim_end_matches("/bulk");
    let Some((record, facts)) = TaskName::parse(task).map(examples::of) else {
        return;
    };
    let shown = |request: Value| {
        if path.ends_with("/bulk") {
            json!({"value": {"items": [request], "omit_text": false}})
        } else {
            json!({"value": request})
        }
    };
    body["examples"] = json!({"record": shown(record), "facts": shown(facts)});
    let answered = &mut operation["responses"]["200"]["content"]["application/json"];
    answered["example"] = if path.ends_with("/bulk") {
        json!({"results": [
            {"index": 0, "status": 200, "answer": examples::answer(task)},
            {"index": 1, "status": 429, "error": examples::refusal()},
        ]})
    } else {
        examples::answer(task)
    };
    operation["responses"]["429"]["content"]["application/problem+json"]["example"] =
        examples::refusal();
}

/// What the schemas of `task` begin with: `CaseSummary`.
fn type_name(task: TaskName) -> String {
    let words = task.as_str().split('-');
    words
        .map(|word| word[..1].to_ascii_uppercase() + &word[1..])
        .collect()
}

/// The name of the schema of a request to `task`.
pub fn request_name(task: TaskName) -> String {
    format!("{}Request", type_name(task))
}

/// Gives each task's requests and answers schemas and names of their own: `BriefingRequest`, `BriefingBulkRequest`,
/// `BriefingAnswer`, `BriefingBulkAnswer`, `BriefingBulkResult`.
fn named_by_task(document: &Value) -> Value {
    let mut text = document.to_string();
    for task in TaskName::ALL {
        let name = type_name(task);
        text = text.replace(&format!("TaskAnswer_{name}"), &format!("{name}Answer"));
    }
    let mut document: Value =
        serde_json::from_str(&text).expect("names hold nothing that JSON escapes");
    let Some(schemas) = document["components"]["schemas"].as_object_mut() else {
        return document;
    };
    let [request, bulk_request, bulk_answer, result] =
        ["TaskRequest", "BulkRequest", "BulkAnswer", "BulkResult"]
            .map(|name| schemas.shift_remove(name).unwrap_or_default());
    for task in TaskName::ALL {
        let name = type_name(task);
        let own = schemas.shift_remove(&format!("{name}Options"));
        schemas.insert(request_name(task), closed(&request, own.as_ref(), task));
        let (mut bulk_request, mut bulk_answer, mut result) =
            (bulk_request.clone(), bulk_answer.clone(), result.clone());
        bulk_request["properties"]["items"]["items"] = reference(&request_name(task));
        bulk_answer["properties"]["results"]["items"] = reference(&format!("{name}BulkResult"));
        result["properties"]["answer"] = reference(&format!("{name}Answer"));
        result["properties"]["answer"]["description"] =
            json!("Its answer, where the status is 200.");
        // An answer is described by what it tells, not by what all answers have.
        let answer = &mut schemas[&format!("{name}Answer")];
        answer["description"] = answer["allOf"][0]["description"].clone();
        schemas.insert(format!("{name}BulkRequest"), bulk_request);
        schemas.insert(format!("{name}BulkAnswer"), bulk_answer);
        schemas.insert(format!("{name}BulkResult"), result);
    }
    for task in TaskName::ALL {
        let name = type_name(task);
        for (path, kind) in [(format!("/{task}"), ""), (format!("/{task}/bulk"), "Bulk")] {
            let operation = &mut document["paths"][path]["post"];
            operation["requestBody"]["content"]["application/json"]["schema"] =
                reference(&format!("{name}{kind}Request"));
            let answer = reference(&format!("{name}{kind}Answer"));
            operation["responses"]["200"]["content"]["application/json"]["schema"] =
                if kind.is_empty() {
                    json!({"oneOf": [answer, reference(PREVIEW)]})
                } else {
                    answer
                };
        }
    }
    document
}

/// The request of `task`: the members that every task has and its own, and no others.
fn closed(common: &Value, own: Option<&Value>, task: TaskName) -> Value {
    let mut request = common.clone();
    let members = own.and_then(|own| own["properties"].as_object());
    for (name, member) in members.into_iter().flatten() {
        request["properties"][name] = member.clone();
    }
    let required = tasks::named(task).required();
    for name in required {
        let member = &mut request["properties"][name];
        if let Some(kinds) = member["type"].as_array_mut() {
            kinds.retain(|kind| kind != "null");
        }
    }
    if !required.is_empty() {
        request["required"] = json!(required);
    }
    request["additionalProperties"] = json!(false);
    request["description"] = json!(story(task, "`record`, `record_json` or `facts`"));
    if task == TaskName::CallNotes {
        request["properties"]["text"]["description"] = json!(NOTES);
    }
    request
}

/// What a request to `task` is, where a record comes in one of `ways`.
fn story(task: TaskName, ways: &str) -> String {
    let task = tasks::named(task);
    let objects = tasks::any_of(task.objects());
    if task.required().contains(&"text") {
        format!(
            "Notes to be read, in `text`. The {objects} they belong to may come along, in one of {ways}."
        )
    } else {
        format!("A question about one {objects}, which comes in one of {ways}.")
    }
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}
