//! Names everything in a 3.0.3 document that would spoil its import as an External Service.
//!
//! # Why
//! The emitter may only leave out or rewrite; what is wrong at the source (a member named `limit`, an operation
//! without its refusals) it cannot mend, and an org would be the first to notice. So the outcome is walked once more,
//! by rules of its own, and the tests fail on the first fault. That a document is valid OpenAPI 3.0 is left to a real
//! validator; this knows only what Salesforce asks beyond it.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::reserved_words::is_reserved;

const OPERATIONS: usize = 20;
const OPERATION_ID_CHARS: usize = 40;
const DESCRIPTION_UNITS: usize = 1_333;
const JSON: &str = "application/json";

/// Refusals that every operation can give; each is an output of its own in Flow.
const REFUSALS: [&str; 4] = ["400", "401", "429", "500"];

/// The keywords of a schema that External Services reads, and those that do no harm.
const KEYWORDS: [&str; 21] = [
    "$ref",
    "default",
    "description",
    "enum",
    "example",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maximum",
    "minItems",
    "minLength",
    "minimum",
    "multipleOf",
    "nullable",
    "pattern",
    "properties",
    "required",
    "type",
];

/// One sentence for each breach of the rules that External Services sets; none when an org can import `document`.
#[must_use]
pub fn faults(document: &Value) -> Vec<String> {
    let mut walk = Walk {
        document,
        faults: Vec::new(),
    };
    walk.document();
    walk.faults
}

struct Walk<'a> {
    document: &'a Value,
    faults: Vec<String>,
}

impl Walk<'_> {
    fn fault(&mut self, place: &str, what: impl AsRef<str>) {
        self.faults.push(format!("{place}: {}", what.as_ref()));
    }

    fn document(&mut self) {
        let document = self.document;
        if document["openapi"] != "3.0.3" {
            self.fault("openapi", "must be 3.0.3");
        }
        self.only(
            "document",
            document,
            &["openapi", "info", "servers", "paths", "components"],
        );
        for name in ["title", "version"] {
            if document["info"][name].as_str().is_none_or(str::is_empty) {
                self.fault("info", format!("{name} is missing"));
            }
        }
        self.description("info", &document["info"]);
        let url = document["servers"][0]["url"].as_str().unwrap_or_default();
        if !url.starts_with("https://") && !url.starts_with("http://") {
            self.fault("servers", "the first url must be absolute");
        }
        self.only("components", &document["components"], &["schemas"]);
        self.paths();
        self.components();
    }

    fn paths(&mut self) {
        let mut ids = BTreeSet::new();
        let mut errors = BTreeSet::new();
        let mut count = 0;
        for (path, item) in entries(&self.document["paths"]) {
            for (method, operation) in entries(item) {
                count += 1;
                let place = format!("{} {path}", method.to_ascii_uppercase());
                if !["get", "post", "put", "patch", "delete"].contains(&method.as_str()) {
                    self.fault(&place, "is no method that External Services calls");
                }
                self.operation(&place, method, operation, &mut errors);
                let id = operation["operationId"].as_str().unwrap_or_default();
                if !id.is_empty() && !ids.insert(id.to_ascii_lowercase()) {
                    self.fault(&place, format!("operationId {id} is taken"));
                }
            }
        }
        if count == 0 || count > OPERATIONS {
            self.fault(
                "paths",
                format!("{count} operations, not 1 to {OPERATIONS}"),
            );
        }
        if errors.len() > 1 {
            let names: Vec<_> = errors.into_iter().collect();
            self.fault(
                "paths",
                format!("several error schemas: {}", names.join(", ")),
            );
        }
    }

    fn operation(
        &mut self,
        place: &str,
        method: &str,
        operation: &Value,
        errors: &mut BTreeSet<String>,
    ) {
        let allowed = [
            "summary",
            "description",
            "operationId",
            "parameters",
            "requestBody",
            "responses",
        ];
        self.only(place, operation, &allowed);
        self.description(place, operation);
        self.operation_id(place, operation["operationId"].as_str());
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            self.parameter(place, parameter);
        }
        if let Some(body) = operation.get("requestBody") {
            let place = format!("{place} request");
            if matches!(method, "get" | "delete") {
                self.fault(&place, format!("{method} takes no body"));
            }
            self.content(&place, &body["content"]);
        }
        for status in ["200"].iter().chain(&REFUSALS) {
            if operation["responses"].get(*status).is_none() {
                self.fault(place, format!("{status} is not declared"));
            }
        }
        for (status, response) in entries(&operation["responses"]) {
            let place = format!("{place} {status}");
            if response["description"].as_str().is_none_or(str::is_empty) {
                self.fault(&place, "the description is missing");
            }
            self.description(&place, response);
            self.only(&place, response, &["description", "content"]);
            self.content(&place, &response["content"]);
            if !status.starts_with('2') {
                let schema = response["content"][JSON]["schema"]["$ref"].as_str();
                errors.insert(schema.unwrap_or("none by name").to_owned());
            }
        }
    }

    fn operation_id(&mut self, place: &str, id: Option<&str>) {
        let Some(id) = id.filter(|id| !id.is_empty()) else {
            return self.fault(place, "operationId is missing");
        };
        if id.len() > OPERATION_ID_CHARS {
            self.fault(
                place,
                format!("operationId {id} is longer than {OPERATION_ID_CHARS}"),
            );
        }
        if !id.starts_with(|first: char| first.is_ascii_lowercase())
            || !id.chars().all(|char| char.is_ascii_alphanumeric())
        {
            self.fault(place, format!("operationId {id} is not camelCase"));
        }
        if is_reserved(id) {
            self.fault(place, format!("operationId {id} is a word of Apex"));
        }
    }

    fn parameter(&mut self, place: &str, parameter: &Value) {
        let name = parameter["name"].as_str().unwrap_or_default();
        let place = format!("{place} parameter {name}");
        let allowed = ["name", "in", "description", "required", "schema", "example"];
        self.only(&place, parameter, &allowed);
        self.description(&place, parameter);
        if !["path", "query", "header"].contains(&parameter["in"].as_str().unwrap_or_default()) {
            self.fault(&place, "stands neither in path, query nor header");
        }
        self.identifier(&place, &name.replace('-', "_"));
        self.schema(&place, &parameter["schema"]);
    }

    fn content(&mut self, place: &str, content: &Value) {
        if content[JSON].is_null() {
            self.fault(place, format!("{JSON} is missing"));
        }
        for (kind, media) in entries(content) {
            if kind != JSON {
                self.fault(place, format!("{kind} is not {JSON}"));
            }
            self.only(place, media, &["schema", "example"]);
            self.schema(place, &media["schema"]);
        }
    }

    fn components(&mut self) {
        let mut used = BTreeSet::new();
        targets(self.document, &mut used);
        let mut lower = BTreeSet::new();
        for (name, schema) in entries(&self.document["components"]["schemas"]) {
            let place = format!("schema {name}");
            self.identifier(&place, name);
            if !lower.insert(name.to_ascii_lowercase()) {
                self.fault(&place, "another differs only in case");
            }
            if !used.contains(format!("#/components/schemas/{name}").as_str()) {
                self.fault(&place, "nothing leads to it");
            }
            self.schema(&place, schema);
        }
    }

    fn schema(&mut self, place: &str, schema: &Value) {
        let Some(members) = schema.as_object().filter(|members| !members.is_empty()) else {
            return self.fault(place, "no schema, or one that allows anything");
        };
        self.only(place, schema, &KEYWORDS);
        self.description(place, schema);
        if let Some(target) = members.get("$ref") {
            if members.len() > 1 {
                self.fault(place, "$ref does not stand alone");
            }
            let pointer = target.as_str().and_then(|target| target.strip_prefix('#'));
            if pointer
                .and_then(|pointer| self.document.pointer(pointer))
                .is_none()
            {
                self.fault(place, format!("{target} leads nowhere"));
            }
            return;
        }
        for bound in ["exclusiveMinimum", "exclusiveMaximum", "nullable"] {
            if schema.get(bound).is_some_and(|value| !value.is_boolean()) {
                self.fault(place, format!("{bound} must be true or false"));
            }
        }
        match schema["type"].as_str() {
            Some("object") => self.object(place, schema),
            Some("array") => self.array(place, &schema["items"]),
            Some("string" | "number" | "integer" | "boolean") => {}
            _ => self.fault(place, format!("{} is no single type", schema["type"])),
        }
    }

    fn object(&mut self, place: &str, schema: &Value) {
        let members = schema["properties"].as_object();
        if members.is_none_or(Map::is_empty) {
            self.fault(place, "an object without members");
        }
        let mut lower = BTreeSet::new();
        for (name, member) in members.into_iter().flatten() {
            let place = format!("{place}.{name}");
            self.identifier(&place, name);
            if !lower.insert(name.to_ascii_lowercase()) {
                self.fault(&place, "another differs only in case");
            }
            self.schema(&place, member);
        }
        for name in schema["required"].as_array().into_iter().flatten() {
            let known = name.as_str().and_then(|name| members?.get(name));
            if known.is_none() {
                self.fault(place, format!("requires {name}, which it does not have"));
            }
        }
    }

    fn array(&mut self, place: &str, items: &Value) {
        if items["type"] == "array" {
            self.fault(place, "a list of lists");
        }
        self.schema(&format!("{place}[]"), items);
    }

    /// Apex: a letter first, then letters, digits and single underscores, none at the end, and no word of its own.
    fn identifier(&mut self, place: &str, name: &str) {
        let legal = name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name
                .chars()
                .all(|char| char.is_ascii_alphanumeric() || char == '_');
        if !legal {
            self.fault(place, "is no Apex identifier");
        }
        if name.ends_with('_') || name.contains("__") {
            self.fault(place, "ends in an underscore or doubles one");
        }
        if is_reserved(name) {
            self.fault(place, "is a word of Apex");
        }
    }

    fn description(&mut self, place: &str, holder: &Value) {
        let text = holder["description"].as_str().unwrap_or_default();
        if text.encode_utf16().count() > DESCRIPTION_UNITS {
            self.fault(
                place,
                format!("the description is longer than {DESCRIPTION_UNITS}"),
            );
        }
    }

    fn only(&mut self, place: &str, holder: &Value, allowed: &[&str]) {
        for (name, _) in entries(holder) {
            if !allowed.contains(&name.as_str()) {
                self.fault(place, format!("{name} has no place here"));
            }
        }
    }
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// Everything that a `$ref` in `value` leads to.
fn targets<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|member| targets(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| targets(item, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sound() -> Value {
        let error = json!({
            "description": "Refused.",
            "content": { JSON: { "schema": { "$ref": "#/components/schemas/Problem" } } }
        });
        json!({
            "openapi": "3.0.3",
            "info": { "title": "Belay", "version": "1" },
            "servers": [{ "url": "https://belay.acme.example" }],
            "paths": { "/briefing": { "post": {
                "operationId": "briefing",
                "requestBody": { "content": { JSON: { "schema": {
                    "type": "object", "properties": { "text": { "type": "string" } }
                } } } },
                "responses": {
                    "200": { "description": "Fine.", "content": { JSON: { "schema": { "type": "string" } } } },
                    "400": error, "401": error, "429": error, "500": error
                }
            } } },
            "components": { "schemas": { "Problem": {
                "type": "object", "properties": { "title": { "type": "string" } }, "required": ["title"]
            } } }
        })
    }

    fn assert_fault(pointer: &str, value: Value, expected: &str) {
        let mut document = sound();
        let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
        document
            .pointer_mut(parent)
            .expect("a place in the document")[name] = value;

        let found = faults(&document);
        assert!(
            found.iter().any(|fault| fault.contains(expected)),
            "{expected:?} is not among {found:?}"
        );
    }

    #[test]
    fn a_sound_document_has_no_faults() {
        assert_eq!(faults(&sound()), Vec::<String>::new());
    }

    #[test]
    fn every_breach_of_the_document_is_named() {
        let operation = sound()["paths"]["/briefing"]["post"].clone();
        for (pointer, value, expected) in [
            ("/openapi", json!("3.1.0"), "must be 3.0.3"),
            ("/info", json!({ "title": "Belay" }), "version is missing"),
            ("/servers", json!([{ "url": "/" }]), "must be absolute"),
            ("/security", json!([]), "document: security has no place"),
            (
                "/components/securitySchemes",
                json!({ "a": 1 }),
                "securitySchemes has no place",
            ),
            (
                "/components/schemas/Idle",
                json!({ "type": "string" }),
                "nothing leads to it",
            ),
            (
                "/components/schemas/problem",
                json!({ "type": "string" }),
                "differs only in case",
            ),
            (
                "/components/schemas/Two__Words",
                json!({ "type": "string" }),
                "doubles one",
            ),
            (
                "/components/schemas/2nd",
                json!({ "type": "string" }),
                "no Apex identifier",
            ),
            ("/paths", json!({}), "0 operations"),
        ] {
            assert_fault(pointer, value, expected);
        }
        let many: Map<String, Value> = (0..21)
            .map(|n| (format!("/{n}"), json!({ "post": operation })))
            .collect();
        assert_fault("/paths", Value::Object(many.clone()), "21 operations");
        assert_fault(
            "/paths",
            Value::Object(many),
            "operationId briefing is taken",
        );
    }

    #[test]
    fn every_breach_of_an_operation_is_named() {
        let get = |mut operation: Value| {
            operation["requestBody"] = sound()["paths"]["/briefing"]["post"]["requestBody"].clone();
            json!({ "get": operation })
        };
        let operation = sound()["paths"]["/briefing"]["post"].clone();
        assert_fault("/paths/a", get(operation.clone()), "get takes no body");
        assert_fault("/paths/a", json!({ "trace": operation }), "no method");

        let post = "/paths/~1briefing/post";
        for (name, value, expected) in [
            ("operationId", Value::Null, "operationId is missing"),
            ("operationId", json!("a".repeat(41)), "longer than 40"),
            ("operationId", json!("case_summary"), "not camelCase"),
            ("operationId", json!("Briefing"), "not camelCase"),
            ("operationId", json!("search"), "a word of Apex"),
            ("tags", json!(["tasks"]), "tags has no place"),
            ("security", json!([]), "security has no place"),
            ("description", json!("x".repeat(1_334)), "longer than 1333"),
            (
                "responses/200",
                json!({ "content": {} }),
                "the description is missing",
            ),
            (
                "responses/200",
                json!({ "description": "x", "headers": { "a": 1 } }),
                "headers has no place",
            ),
            (
                "responses/200",
                json!({ "description": "x", "content": { "text/xml": {} } }),
                "text/xml is not",
            ),
            (
                "responses/504",
                json!({ "description": "x", "content": { JSON: { "schema": { "type": "string" } } } }),
                "several error schemas",
            ),
            (
                "responses",
                json!({ "200": { "description": "x" } }),
                "429 is not declared",
            ),
            (
                "parameters",
                json!([{ "name": "limit", "in": "query", "schema": { "type": "string" } }]),
                "a word of Apex",
            ),
            (
                "parameters",
                json!([{ "name": "a", "in": "cookie", "schema": { "type": "string" } }]),
                "neither in path",
            ),
        ] {
            assert_fault(&format!("{post}/{name}"), value, expected);
        }
    }

    #[test]
    fn every_breach_of_a_schema_is_named() {
        let member = "/components/schemas/Problem/properties";
        for (name, schema, expected) in [
            ("a", json!({}), "allows anything"),
            ("a", json!({ "type": ["string", "null"] }), "no single type"),
            (
                "a",
                json!({ "oneOf": [{ "type": "string" }] }),
                "oneOf has no place",
            ),
            (
                "a",
                json!({ "type": "string", "const": "x" }),
                "const has no place",
            ),
            (
                "a",
                json!({ "type": "string", "examples": ["x"] }),
                "examples has no place",
            ),
            (
                "a",
                json!({ "type": "integer", "exclusiveMinimum": 0 }),
                "exclusiveMinimum must be",
            ),
            (
                "a",
                json!({ "type": "object" }),
                "an object without members",
            ),
            (
                "a",
                json!({ "type": "object", "additionalProperties": {} }),
                "additionalProperties has no place",
            ),
            ("a", json!({ "type": "array" }), "allows anything"),
            (
                "a",
                json!({ "type": "array", "items": { "type": "array" } }),
                "a list of lists",
            ),
            (
                "a",
                json!({ "$ref": "#/components/schemas/Nobody" }),
                "leads nowhere",
            ),
            (
                "a",
                json!({ "$ref": "#/components/schemas/Problem", "description": "x" }),
                "does not stand alone",
            ),
            ("Limit", json!({ "type": "string" }), "a word of Apex"),
            (
                "name_",
                json!({ "type": "string" }),
                "ends in an underscore",
            ),
            ("Amount__c", json!({ "type": "string" }), "doubles one"),
            ("a-b", json!({ "type": "string" }), "no Apex identifier"),
            ("Title", json!({ "type": "string" }), "differs only in case"),
        ] {
            assert_fault(&format!("{member}/{name}"), schema, expected);
        }
        assert_fault(
            "/components/schemas/Problem/required",
            json!(["detail"]),
            "which it does not have",
        );
    }
}
