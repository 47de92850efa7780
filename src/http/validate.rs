//! Checks a body against the schema that the OpenAPI document shows, and names every fault by its place.
//!
//! # Why
//! One source of truth: what the document says is what is checked, with the names of the wire. A fault names the rule and
//! never the value.

use std::collections::BTreeMap;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use serde_json::{Value, json};

use super::openapi::request_name;
use crate::domain::TaskName;
use crate::salesforce::Fault;
use crate::tasks::violation;

/// What bodies are checked against.
pub struct BodySchemas {
    tasks: BTreeMap<TaskName, BodySchema>,
    chat: BodySchema,
}

/// The compiled schema of one kind of body.
pub struct BodySchema {
    validator: Validator,
    /// The members that each place has, by the place's pointer; an entry of a list is `*` there.
    members: BTreeMap<String, Vec<String>>,
}

/// What a pattern of the document asks for, as a person would say it.
const FORMS: [(&str, &str); 3] = [
    (
        "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
        "must be a day as YYYY-MM-DD, such as 2026-11-12",
    ),
    (
        "^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$",
        "must be a BCP 47 tag or a Salesforce locale, such as de or pt_BR",
    ),
    (
        "^[A-Za-z][A-Za-z0-9_.]*$",
        "must be a field's API name, such as NumberOfEmployees",
    ),
];

/// The schema of a chat.
const CHAT: &str = "ChatRequest";
/// As many faults as one problem names.
const FAULTS: usize = 50;

impl BodySchemas {
    /// Compiles the schemas of an OpenAPI 3.1 `document`.
    pub fn of(document: &Value) -> Self {
        let schema = |task| BodySchema::of(document, &request_name(task));
        Self {
            tasks: TaskName::ALL.map(|task| (task, schema(task))).into(),
            chat: BodySchema::of(document, CHAT),
        }
    }

    /// What a request to `task` is checked against.
    ///
    /// # Panics
    /// Never: there is one for every task.
    pub fn task(&self, task: TaskName) -> &BodySchema {
        self.tasks.get(&task).expect("there is one for every task")
    }

    /// What a chat is checked against.
    pub fn chat(&self) -> &BodySchema {
        &self.chat
    }
}

impl BodySchema {
    /// The schema `name` among the components of an OpenAPI 3.1 `document`.
    ///
    /// # Panics
    /// Where the document has no such schema, which the tests would show.
    pub fn of(document: &Value, name: &str) -> Self {
        let components = document["components"].clone();
        let mut members = BTreeMap::new();
        note_members(&components["schemas"][name], &components, "", &mut members);
        let schema = json!({
            "$ref": format!("#/components/schemas/{name}"),
            "components": components,
        });
        let validator = jsonschema::draft202012::new(&schema).expect("our own document is valid");
        Self { validator, members }
    }

    /// Checks `body`; `at` is put before each place.
    ///
    /// # Errors
    /// Every fault, at most 50.
    pub fn check(&self, body: &Value, at: &str) -> Result<(), Vec<Fault>> {
        let mut faults = Vec::new();
        for error in self.validator.iter_errors(body).take(FAULTS) {
            self.tell(&error, at, &mut faults);
        }
        faults.truncate(FAULTS);
        if faults.is_empty() {
            Ok(())
        } else {
            Err(faults)
        }
    }

    /// What is told of a member that the schema does not know at `place`.
    fn not_among(&self, place: &str) -> String {
        let is_index = |step: &&str| step.parse::<usize>().is_ok();
        let steps: Vec<&str> = place
            .split('/')
            .map(|step| if is_index(&step) { "*" } else { step })
            .collect();
        let known = self.members.get(&steps.join("/"));
        let known = known.map(|names| names.join(", ")).unwrap_or_default();
        if place.is_empty() {
            format!("is not a member of this request; it has {known}")
        } else {
            format!("is not a member here; there can be {known}")
        }
    }

    fn tell(&self, error: &ValidationError<'_>, at: &str, faults: &mut Vec<Fault>) {
        let place = error.instance_path().as_str();
        let here = format!("{at}{place}");
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                faults.extend(unexpected.iter().map(|name| Fault {
                    pointer: format!("{here}/{}", shown(name)),
                    detail: self.not_among(place),
                }));
            }
            // A member that may be null is a union of something and null; what is wrong is wrong with the something.
            ValidationErrorKind::OneOfNotValid { context } => {
                for error in meant(context, place) {
                    self.tell(error, at, faults);
                }
            }
            ValidationErrorKind::Pattern { pattern } if let Some(form) = form(pattern) => {
                faults.push(Fault {
                    pointer: here,
                    detail: form.to_owned(),
                });
            }
            kind => faults.push(match violation::rule(kind) {
                violation::Rule::Missing(name) => Fault {
                    pointer: format!("{here}/{name}"),
                    detail: "is missing".to_owned(),
                },
                violation::Rule::Broken(detail) => Fault {
                    pointer: here,
                    detail,
                },
            }),
        }
    }
}

/// What a pattern of the document asks for.
fn form(pattern: &str) -> Option<&'static str> {
    let (_, form) = FORMS.iter().find(|(known, _)| *known == pattern)?;
    Some(form)
}

/// Notes the members of `schema` at `place` and of everything beneath it.
fn note_members(
    schema: &Value,
    components: &Value,
    place: &str,
    noted: &mut BTreeMap<String, Vec<String>>,
) {
    if let Some(target) = schema["$ref"].as_str() {
        let name = target.trim_start_matches("#/components/schemas/");
        return note_members(&components["schemas"][name], components, place, noted);
    }
    for branch in schema["oneOf"].as_array().into_iter().flatten() {
        note_members(branch, components, place, noted);
    }
    if let Some(members) = schema["properties"].as_object() {
        noted.insert(place.to_owned(), members.keys().cloned().collect());
        for (name, member) in members {
            note_members(member, components, &format!("{place}/{name}"), noted);
        }
    }
    if schema["items"].is_object() {
        note_members(&schema["items"], components, &format!("{place}/*"), noted);
    }
}

/// What is wrong by the branch of a union that the value at `place` was meant for: the one whose type it has, else the
/// first.
fn meant<'a>(
    branches: &'a [Vec<ValidationError<'static>>],
    place: &str,
) -> &'a [ValidationError<'static>] {
    let has_its_type = |branch: &&Vec<ValidationError<'static>>| {
        !branch.iter().any(|error| {
            matches!(error.kind(), ValidationErrorKind::Type { .. })
                && error.instance_path().as_str() == place
        })
    };
    let mut all = branches.iter();
    all.find(has_its_type)
        .or(branches.first())
        .map_or(&[], Vec::as_slice)
}

/// A member's name as a JSON pointer has it, short enough to be told.
fn shown(name: &str) -> String {
    let short: String = name.chars().take(60).collect();
    short.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::openapi::document;

    fn whole() -> Value {
        document(crate::http::router::documentation())
    }

    fn faults(task: TaskName, body: &Value) -> Vec<(String, String)> {
        let schemas = BodySchemas::of(&whole());
        let faults = schemas.task(task).check(body, "").unwrap_err();
        faults
            .into_iter()
            .map(|fault| (fault.pointer, fault.detail))
            .collect()
    }

    #[test]
    fn an_unknown_member_is_told_with_those_that_there_can_be() {
        let body = json!({"facts": [{"label": "Stage", "text": "x"}], "related": {"contact": []}});
        assert_eq!(
            faults(TaskName::Briefing, &body),
            [
                (
                    "/facts/0/text".to_owned(),
                    "is not a member here; there can be label, value".to_owned()
                ),
                (
                    "/related/contact".to_owned(),
                    "is not a member here; there can be contacts, activities, comments, emails, opportunities".to_owned()
                ),
            ]
        );
    }

    #[test]
    fn a_form_is_told_in_words_and_with_an_example() {
        let body =
            json!({"text": "Ada wants it", "call_date": "12.11.2026", "language": "german please"});
        let told: Vec<String> = faults(TaskName::CallNotes, &body)
            .into_iter()
            .map(|(_, detail)| detail)
            .collect();
        assert_eq!(
            told,
            [
                "must be a day as YYYY-MM-DD, such as 2026-11-12",
                "must be a BCP 47 tag or a Salesforce locale, such as de or pt_BR",
            ]
        );
    }

    #[test]
    fn every_pattern_of_the_document_has_its_words() {
        fn patterns(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(members) => {
                    found.extend(
                        members
                            .get("pattern")
                            .and_then(Value::as_str)
                            .map(str::to_owned),
                    );
                    members.values().for_each(|member| patterns(member, found));
                }
                Value::Array(items) => items.iter().for_each(|item| patterns(item, found)),
                _ => {}
            }
        }
        let mut found = Vec::new();
        patterns(&whole(), &mut found);
        assert!(found.len() > 3, "{found:?}");
        for pattern in found {
            assert!(form(&pattern).is_some(), "{pattern} has no words");
        }
    }

    #[test]
    fn what_a_task_cannot_do_without_is_missing_also_when_it_is_null() {
        let told = faults(TaskName::CallNotes, &json!({"text": null}));
        assert_eq!(told, [("/text".to_owned(), "must be a string".to_owned())]);
    }
}
