//! Checks a body against the schema that the OpenAPI document shows, and names every fault by its place.
//!
//! # Why
//! One source of truth: what the document says is what is checked, with the names of the wire. A fault names the rule and
//! never the value.

use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use serde_json::{Value, json};

use crate::salesforce::Fault;
use crate::tasks::violation;

/// What bodies are checked against.
pub struct BodySchemas {
    /// A task's request.
    pub task: BodySchema,
}

/// The compiled schema of one kind of body.
pub struct BodySchema {
    validator: Validator,
    members: Vec<String>,
}

/// As many faults as one problem names.
const FAULTS: usize = 50;

impl BodySchemas {
    /// Compiles the schemas of an OpenAPI 3.1 `document`.
    pub fn of(document: &Value) -> Self {
        Self {
            task: BodySchema::of(document, "TaskRequest"),
        }
    }
}

impl BodySchema {
    /// The schema `name` among the components of an OpenAPI 3.1 `document`.
    ///
    /// # Panics
    /// Where the document has no such schema, which the tests would show.
    pub fn of(document: &Value, name: &str) -> Self {
        let components = document["components"].clone();
        let members = components["schemas"][name]["properties"]
            .as_object()
            .map(|members| members.keys().cloned().collect())
            .unwrap_or_default();
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

    fn tell(&self, error: &ValidationError<'_>, at: &str, faults: &mut Vec<Fault>) {
        let place = error.instance_path().as_str();
        let here = format!("{at}{place}");
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                faults.extend(unexpected.iter().map(|name| Fault {
                    pointer: format!("{here}/{}", shown(name)),
                    detail: if place.is_empty() {
                        format!(
                            "is not a member of this request; it has {}",
                            self.members.join(", ")
                        )
                    } else {
                        "is not a member here".to_owned()
                    },
                }));
            }
            // A member that may be null is a union of something and null; what is wrong is wrong with the something.
            ValidationErrorKind::OneOfNotValid { context } => {
                for error in meant(context, place) {
                    self.tell(error, at, faults);
                }
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
