//! The OpenAPI 3.0.3 document that an org imports as an External Service, made from the 3.1 one.
//!
//! Nothing in it is written by hand: the 3.1 document comes from the code, and this is that document less what
//! Salesforce cannot read. `faults` beside it checks the outcome against the same rules, without sharing code.
//!
//! # Why
//! External Services takes 3.0 and refuses 3.1, and of 3.0 it takes a subset: no null unions, no free JSON, response
//! headers and security ignored, each status a separate Flow output. Down-converters leave null unions of `$ref` and
//! numeric `exclusiveMinimum` standing, and none knows Apex. So the emitter is ours.
//! Only the tasks go in: an operation is a Flow action there, and `/v1/messages` is none.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::apex_names::{cut, operation_id};
use super::schema::references;
use super::shapes::{Shapes, Side};

/// Operations with this tag become Flow actions.
const TAG: &str = "tasks";

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

const JSON: &str = "application/json";
const PROBLEM: &str = "application/problem+json";

/// The 3.0.3 document for Salesforce External Services, made from the 3.1 `document`.
///
/// Task operations only, in the order of the document; component schemas in the order of their names, and only those
/// that an operation leads to. A member that Salesforce cannot express (free JSON, a map, a union) is left out, and of
/// several examples the first stays that does without it. Every refusal is `application/json` with one schema.
#[must_use]
pub fn for_salesforce(document: &Value) -> Value {
    let mut emitter = Emitter {
        document,
        shapes: Shapes::new(document, held_by_answers(document)),
        problem: problem_schema(document),
    };
    let mut paths = Map::new();
    for (path, method, operation) in task_operations(document) {
        let action = emitter.operation(path, operation);
        let item = paths.entry(path).or_insert_with(|| json!({}));
        item[method] = action;
    }
    let paths = Value::Object(paths);
    let schemas = emitter.shapes.reached_from(&paths);
    json!({
        "openapi": "3.0.3",
        "info": info(&document["info"]),
        "servers": servers(&document["servers"]),
        "paths": paths,
        "components": { "schemas": schemas },
    })
}

struct Emitter<'a> {
    document: &'a Value,
    shapes: Shapes<'a>,
    /// The one schema of all refusals.
    problem: Option<&'a Value>,
}

impl Emitter<'_> {
    fn operation(&mut self, path: &str, operation: &Value) -> Value {
        let mut emitted = Map::new();
        if let Some(summary) = operation["summary"].as_str() {
            emitted.insert("summary".to_owned(), json!(cut(summary)));
        }
        if let Some(text) = operation["description"].as_str() {
            emitted.insert("description".to_owned(), json!(cut(text)));
        }
        let id = operation["operationId"].as_str().unwrap_or(path);
        emitted.insert("operationId".to_owned(), json!(operation_id(id)));
        let parameters = self.parameters(&self.document["paths"][path]["parameters"], operation);
        if !parameters.is_empty() {
            emitted.insert("parameters".to_owned(), Value::Array(parameters));
        }
        if let Some(body) = self.request_body(&operation["requestBody"]) {
            emitted.insert("requestBody".to_owned(), body);
        }
        let responses = self.responses(&operation["responses"]);
        emitted.insert("responses".to_owned(), Value::Object(responses));
        Value::Object(emitted)
    }

    /// The path, query and header parameters, less the headers that OpenAPI 3.0.3 tells readers to ignore.
    fn parameters(&mut self, of_path: &Value, operation: &Value) -> Vec<Value> {
        let own = &operation["parameters"];
        [of_path, own]
            .into_iter()
            .filter_map(Value::as_array)
            .flatten()
            .filter_map(|parameter| self.parameter(resolved(self.document, parameter)))
            .collect()
    }

    fn parameter(&mut self, parameter: &Value) -> Option<Value> {
        let name = parameter["name"].as_str()?;
        let place = parameter["in"].as_str()?;
        let ignored = ["accept", "content-type", "authorization"];
        if place == "cookie"
            || (place == "header" && ignored.contains(&name.to_ascii_lowercase().as_str()))
        {
            return None;
        }
        let shape = self.shapes.shape(&parameter["schema"], Side::Request)?;
        let mut emitted = Map::from_iter([
            ("name".to_owned(), json!(name)),
            ("in".to_owned(), json!(place)),
        ]);
        if let Some(text) = parameter["description"].as_str() {
            emitted.insert("description".to_owned(), json!(cut(text)));
        }
        emitted.insert(
            "required".to_owned(),
            json!(parameter["required"].as_bool().unwrap_or(false)),
        );
        let example = self.shapes.fitting(examples(parameter), &shape.body);
        let example = example.cloned();
        emitted.insert("schema".to_owned(), Value::Object(shape.body));
        if let Some(example) = example {
            emitted.insert("example".to_owned(), example);
        }
        Some(Value::Object(emitted))
    }

    fn request_body(&mut self, body: &Value) -> Option<Value> {
        let body = resolved(self.document, body);
        let media = self.media(&body["content"][JSON], Side::Request)?;
        let mut emitted = Map::new();
        if let Some(text) = body["description"].as_str() {
            emitted.insert("description".to_owned(), json!(cut(text)));
        }
        emitted.insert("content".to_owned(), json!({ JSON: media }));
        emitted.insert(
            "required".to_owned(),
            json!(body["required"].as_bool().unwrap_or(false)),
        );
        Some(Value::Object(emitted))
    }

    fn responses(&mut self, responses: &Value) -> Map<String, Value> {
        let mut by_status: Vec<_> = responses.as_object().into_iter().flatten().collect();
        by_status.sort_by_key(|(status, _)| *status);
        by_status
            .into_iter()
            .map(|(status, response)| (status.clone(), self.response(status, response)))
            .collect()
    }

    fn response(&mut self, status: &str, response: &Value) -> Value {
        let response = resolved(self.document, response);
        let text = response["description"]
            .as_str()
            .filter(|text| !text.is_empty());
        let text = text.map_or_else(|| format!("Answer with status {status}."), cut);
        let content = if status.starts_with('2') {
            self.media(&response["content"][JSON], Side::Answer)
        } else {
            self.refusal(&response["content"])
        };
        match content {
            Some(media) => json!({ "description": text, "content": { JSON: media } }),
            None => json!({ "description": text }),
        }
    }

    /// The problem document as Salesforce gets it, with the example of this status.
    fn refusal(&mut self, content: &Value) -> Option<Value> {
        let mut media = Map::new();
        for kind in [PROBLEM, JSON] {
            if let Some(declared) = content[kind].as_object() {
                media.clone_from(declared);
                break;
            }
        }
        media.insert("schema".to_owned(), self.problem?.clone());
        self.media(&Value::Object(media), Side::Answer)
    }

    fn media(&mut self, media: &Value, side: Side) -> Option<Value> {
        let shape = self.shapes.shape(&media["schema"], side)?;
        let example = self.shapes.fitting(examples(media), &shape.body).cloned();
        let mut emitted = Map::from_iter([("schema".to_owned(), Value::Object(shape.body))]);
        if let Some(example) = example {
            emitted.insert("example".to_owned(), example);
        }
        Some(Value::Object(emitted))
    }
}

/// The operations that Salesforce gets: path, method, operation.
fn task_operations(document: &Value) -> impl Iterator<Item = (&str, &'static str, &Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths
        .flat_map(|(path, item)| {
            METHODS
                .into_iter()
                .filter_map(move |method| Some((path.as_str(), method, item.get(method)?)))
        })
        .filter(|(_, _, operation)| {
            let tags = operation["tags"].as_array().into_iter().flatten();
            tags.into_iter().any(|tag| tag == TAG)
        })
}

/// The names of all schemas that an answer of a task operation can hold.
fn held_by_answers(document: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut fresh = Vec::new();
    for (_, _, operation) in task_operations(document) {
        for response in operation["responses"].as_object().into_iter().flatten() {
            fresh.extend(references(resolved(document, response.1)));
        }
    }
    while let Some(name) = fresh.pop() {
        fresh.extend(
            Some(references(&document["components"]["schemas"][&name]))
                .filter(|_| found.insert(name))
                .into_iter()
                .flatten(),
        );
    }
    found
}

/// The schema of the first problem document that a task operation declares.
fn problem_schema(document: &Value) -> Option<&Value> {
    task_operations(document)
        .filter_map(|(_, _, operation)| operation["responses"].as_object())
        .flatten()
        .find_map(|(_, response)| resolved(document, response)["content"][PROBLEM].get("schema"))
}

/// What stands behind a `$ref` to a shared response, parameter or body; `value` itself when it is no reference.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let target = value["$ref"].as_str();
    let pointer = target.and_then(|target| target.strip_prefix('#'));
    pointer
        .and_then(|pointer| document.pointer(pointer))
        .unwrap_or(value)
}

/// The examples of a parameter or media type: the one, then the named ones.
fn examples(holder: &Value) -> impl Iterator<Item = &Value> {
    let named = holder["examples"].as_object().into_iter().flatten();
    holder
        .get("example")
        .into_iter()
        .chain(named.filter_map(|(_, example)| example.get("value")))
}

fn info(source: &Value) -> Value {
    let mut info = Map::new();
    for name in ["title", "version"] {
        info.insert(
            name.to_owned(),
            json!(source[name].as_str().unwrap_or_default()),
        );
    }
    if let Some(text) = source["description"].as_str() {
        info.insert("description".to_owned(), json!(cut(text)));
    }
    if let Some(name) = source["license"]["name"].as_str() {
        let mut license = Map::from_iter([("name".to_owned(), json!(name))]);
        if let Some(url) = source["license"]["url"].as_str() {
            license.insert("url".to_owned(), json!(url));
        }
        info.insert("license".to_owned(), Value::Object(license));
    }
    Value::Object(info)
}

/// The addresses alone: External Services reads nothing else of a server, and of the list only the first.
fn servers(source: &Value) -> Value {
    let urls = source.as_array().into_iter().flatten();
    urls.filter_map(|server| server["url"].as_str())
        .map(|url| json!({ "url": url }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::openapi::faults::faults;

    /// A document with every construct that utoipa writes and Salesforce cannot read.
    fn document() -> Value {
        serde_json::from_str(include_str!("golden/openapi-3.1.json")).expect("it is JSON")
    }

    fn schema(name: &str) -> Value {
        for_salesforce(&document())["components"]["schemas"][name].clone()
    }

    #[test]
    fn an_org_can_import_the_outcome() {
        assert_eq!(faults(&for_salesforce(&document())), Vec::<String>::new());
    }

    #[test]
    fn the_same_document_always_gives_the_same_text() {
        let once = for_salesforce(&document()).to_string();

        assert_eq!(for_salesforce(&document()).to_string(), once);
    }

    #[test]
    fn only_tasks_become_operations() {
        let emitted = for_salesforce(&document());
        let paths: Vec<_> = emitted["paths"]
            .as_object()
            .expect("paths")
            .keys()
            .collect();

        assert_eq!(paths, ["/briefing", "/case-summary/bulk"]);
        let bulk = &emitted["paths"]["/case-summary/bulk"]["post"];
        assert_eq!(bulk["operationId"], "caseSummaryBulk");
        assert_eq!(bulk["tags"], Value::Null);
        assert_eq!(bulk["security"], Value::Null);
    }

    #[test]
    fn only_what_an_operation_leads_to_is_named() {
        let emitted = for_salesforce(&document());
        let names: Vec<_> = emitted["components"]["schemas"]
            .as_object()
            .expect("schemas")
            .keys()
            .collect();

        assert_eq!(
            names,
            [
                "BriefingAnswer",
                "BriefingRequest",
                "BulkAnswerBriefingAnswer",
                "BulkBriefingRequest",
                "Fact",
                "Problem",
                "Usage"
            ]
        );
        assert_eq!(
            emitted["components"].as_object().map(Map::len),
            Some(1),
            "no security schemes, no shared responses"
        );
    }

    #[test]
    fn a_request_is_flat_and_holds_what_flow_can_fill() {
        assert_eq!(
            schema("BriefingRequest"),
            json!({
                "type": "object",
                "description": "What to brief on.",
                "properties": {
                    "record_json": { "type": "string", "description": "The same as text." },
                    "facts": { "type": "array", "items": { "$ref": "#/components/schemas/Fact" } },
                    "focus": { "type": "string", "enum": ["renewal"] },
                    "words": { "type": "integer", "format": "int32", "minimum": 0, "exclusiveMinimum": true }
                },
                "required": ["focus"]
            })
        );
    }

    #[test]
    fn an_answer_says_what_may_be_null() {
        assert_eq!(
            schema("BriefingAnswer"),
            json!({
                "type": "object",
                "properties": {
                    "id": { "type": "string" },
                    "text": { "type": "string", "nullable": true },
                    "record_id": { "type": "string", "nullable": true },
                    "band": { "type": "string", "description": "How it stands.", "enum": ["good", "poor"], "nullable": true },
                    "usage": { "$ref": "#/components/schemas/Usage" }
                },
                "required": ["id", "text", "record_id"]
            })
        );
    }

    #[test]
    fn every_refusal_is_json_with_the_one_schema() {
        let emitted = for_salesforce(&document());
        let responses = &emitted["paths"]["/briefing"]["post"]["responses"];

        for status in ["400", "401", "429", "500", "504"] {
            let response = &responses[status];
            let kinds: Vec<_> = response["content"]
                .as_object()
                .expect("content")
                .keys()
                .collect();
            assert_eq!(kinds, [JSON], "{status}");
            assert_eq!(
                response["content"][JSON]["schema"],
                json!({ "$ref": "#/components/schemas/Problem" })
            );
            assert_eq!(response["headers"], Value::Null);
            assert_ne!(response["description"], "");
        }
    }

    #[test]
    fn the_example_shown_is_one_that_flow_could_send() {
        let emitted = for_salesforce(&document());
        let body = &emitted["paths"]["/briefing"]["post"]["requestBody"];

        assert_eq!(
            body["content"][JSON]["example"],
            Value::Null,
            "facts alone lack the required focus"
        );
        let mut with_focus = document();
        with_focus["paths"]["/briefing"]["post"]["requestBody"]["content"][JSON]["examples"]["facts"]
            ["value"]["focus"] = json!("renewal");
        let emitted = for_salesforce(&with_focus);
        let body = &emitted["paths"]["/briefing"]["post"]["requestBody"];
        assert_eq!(body["content"][JSON]["example"]["focus"], "renewal");
    }

    #[test]
    fn headers_that_salesforce_writes_itself_are_no_parameters() {
        let emitted = for_salesforce(&document());

        assert_eq!(
            emitted["paths"]["/briefing"]["post"]["parameters"],
            json!([{
                "name": "Prefer", "in": "header", "description": "Patience.", "required": false,
                "schema": { "type": "string" }, "example": "wait=25"
            }])
        );
    }

    #[test]
    fn a_copy_of_a_named_object_is_a_reference() {
        let mut copied = document();
        let schemas = &mut copied["components"]["schemas"];
        schemas["Bulk_BriefingRequest"]["properties"]["items"]["items"] =
            schemas["BriefingRequest"].clone();

        let bulk = &for_salesforce(&copied)["components"]["schemas"]["BulkBriefingRequest"];
        assert_eq!(
            bulk["properties"]["items"]["items"],
            json!({ "$ref": "#/components/schemas/BriefingRequest" })
        );
    }

    #[test]
    fn a_schema_that_holds_itself_ends_there() {
        assert_eq!(schema("Problem")["properties"]["cause"], Value::Null);
    }

    #[test]
    fn texts_are_cut_and_addresses_kept() {
        let emitted = for_salesforce(&document());

        assert_eq!(
            emitted["servers"],
            json!([{ "url": "https://belay.acme.example" }])
        );
        assert_eq!(emitted["info"]["license"], json!({ "name": "Apache-2.0" }));
        let text = emitted["paths"]["/briefing"]["post"]["description"]
            .as_str()
            .expect("a description");
        assert!(text.ends_with('…') && text.len() < 1_400);
    }

    #[test]
    fn a_document_without_tasks_gives_no_paths() {
        let emitted = for_salesforce(&json!({ "openapi": "3.1.0" }));

        assert_eq!(emitted["paths"], json!({}));
        assert!(!faults(&emitted).is_empty());
    }
}
