//! Checks a body against the schema that the OpenAPI document shows, and names every fault by its place.
//!
//! # Why
//! One source of truth: what the document says is what is checked, with the names of the wire. A fault names the rule and
//! never the value.

use jsonschema::Validator;
use jsonschema::error::ValidationErrorKind;
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
            let here = format!("{at}{}", error.instance_path().as_str());
            if let ValidationErrorKind::AdditionalProperties { unexpected } = error.kind() {
                let whole = error.instance_path().as_str().is_empty();
                faults.extend(unexpected.iter().map(|name| Fault {
                    pointer: format!("{here}/{}", shown(name)),
                    detail: if whole {
                        format!(
                            "is not a member of this request; it has {}",
                            self.members.join(", ")
                        )
                    } else {
                        "is not a member here".to_owned()
                    },
                }));
            } else {
                faults.push(match violation::rule(error.kind()) {
                    violation::Rule::Missing(name) => Fault {
                        pointer: format!("{here}/{name}"),
                        detail: "is missing".to_owned(),
                    },
                    violation::Rule::Broken(detail) => Fault {
                        pointer: here,
                        detail,
                    },
                });
            }
        }
        if faults.is_empty() {
            Ok(())
        } else {
            Err(faults)
        }
    }
}

/// A member's name as a JSON pointer has it, short enough to be told.
fn shown(name: &str) -> String {
    let short: String = name.chars().take(60).collect();
    short.replace('~', "~0").replace('/', "~1")
}
