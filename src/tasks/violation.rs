//! A broken rule of a JSON schema, in words that a model or an Apex developer can act on.
//!
//! The words name the place and the rule and never the offending value: they go back to the model, into answers and
//! into logs.

use jsonschema::error::{TypeKind, ValidationErrorKind};
use serde_json::Value;

/// What is wrong at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// A member of this name is missing there.
    Missing(String),
    /// The value breaks this rule, such as `must be a string`.
    Broken(String),
}

/// One violation as a sentence: where, and which rule.
pub fn told(pointer: &str, error: &ValidationErrorKind) -> String {
    let place = if pointer.is_empty() {
        "the answer"
    } else {
        pointer
    };
    match rule(error) {
        Rule::Missing(name) => format!("{pointer}/{name} is missing"),
        Rule::Broken(rule) => format!("{place} {rule}"),
    }
}

/// What is wrong, without the place.
pub fn rule(error: &ValidationErrorKind) -> Rule {
    Rule::Broken(match error {
        ValidationErrorKind::Required { property } => {
            return Rule::Missing(property.as_str().unwrap_or("?").to_owned());
        }
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            format!("must not have {}", unknown_members(unexpected))
        }
        ValidationErrorKind::Enum { options } => format!("must be one of {}", choices(options)),
        ValidationErrorKind::Constant { expected_value } => {
            format!("must be {}", choice(expected_value))
        }
        ValidationErrorKind::Type { kind } => format!("must be {}", type_words(kind)),
        ValidationErrorKind::MinLength { limit: 1 } => "must not be empty".to_owned(),
        ValidationErrorKind::MinLength { limit } => {
            format!("must have at least {limit} characters")
        }
        ValidationErrorKind::MaxLength { limit } => {
            format!("must have at most {limit} characters")
        }
        ValidationErrorKind::MinItems { limit } => format!("must have at least {limit} entries"),
        ValidationErrorKind::MaxItems { limit } => format!("must have at most {limit} entries"),
        ValidationErrorKind::Minimum { limit } => format!("must be at least {limit}"),
        ValidationErrorKind::Maximum { limit } => format!("must be at most {limit}"),
        ValidationErrorKind::Pattern { pattern } => format!("must match {pattern}"),
        other => format!("breaks the rule {}", other.keyword()),
    })
}

/// Names members that the schema does not know, where their names are plain words; any other name could be a value.
fn unknown_members(names: &[String]) -> String {
    let plain = |name: &str| {
        name.len() <= 40
            && name
                .chars()
                .all(|char| char.is_ascii_alphabetic() || char == '_')
    };
    let known: Vec<&str> = names
        .iter()
        .map(String::as_str)
        .filter(|name| plain(name))
        .take(5)
        .collect();
    if known.is_empty() {
        "members that the schema does not know".to_owned()
    } else {
        format!("the member {}", known.join(", "))
    }
}

fn choices(options: &Value) -> String {
    let words: Vec<String> = options
        .as_array()
        .into_iter()
        .flatten()
        .map(choice)
        .collect();
    words.join(", ")
}

fn choice(option: &Value) -> String {
    option
        .as_str()
        .map_or_else(|| option.to_string(), str::to_owned)
}

fn type_words(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(one) => with_article(&one.to_string()),
        TypeKind::Multiple(many) => {
            let words: Vec<String> = many
                .iter()
                .map(|one| with_article(&one.to_string()))
                .collect();
            words.join(" or ")
        }
    }
}

fn with_article(kind: &str) -> String {
    match kind {
        "null" => kind.to_owned(),
        "array" | "object" | "integer" => format!("an {kind}"),
        _ => format!("a {kind}"),
    }
}
