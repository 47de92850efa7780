//! A broken rule of a JSON schema, in words that a model or an Apex developer can act on.
//!
//! The words name the place and the rule and never the offending value: they go back to the model, into answers and
//! into logs.

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, ValidationError};
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
    if let ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } =
        error
        && let Some(rule) = but_for_null(context)
    {
        return rule;
    }
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
        ValidationErrorKind::MinLength { limit: 1 }
        | ValidationErrorKind::MinItems { limit: 1 } => "must not be empty".to_owned(),
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

/// What is wrong with a value that may be null and is not; None where there are more ways, or where the fault lies
/// deeper than the value itself.
fn but_for_null(ways: &[Vec<ValidationError<'_>>]) -> Option<Rule> {
    let (null, other) = match ways {
        [first, second] if takes_null(first) => (first, second),
        [first, second] if takes_null(second) => (second, first),
        _ => return None,
    };
    let [fault] = &other[..] else {
        return None;
    };
    if fault.instance_path() != null.first()?.instance_path() {
        return None;
    }
    Some(match rule(fault.kind()) {
        Rule::Broken(rule) => Rule::Broken(match rule.strip_prefix("must be ") {
            Some(form) => format!("must be null or {form}"),
            None => rule,
        }),
        missing @ Rule::Missing(_) => missing,
    })
}

/// Whether a way failed for nothing but that the value is not null.
fn takes_null(way: &[ValidationError<'_>]) -> bool {
    let [fault] = way else {
        return false;
    };
    matches!(
        fault.kind(),
        ValidationErrorKind::Type {
            kind: TypeKind::Single(JsonType::Null)
        }
    )
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn all(schema: &Value, value: &Value) -> Vec<String> {
        let validator = jsonschema::validator_for(schema).unwrap();
        let errors = validator.iter_errors(value);
        errors
            .map(|error| told(error.instance_path().as_str(), error.kind()))
            .collect()
    }

    #[test]
    fn a_value_that_may_be_null_is_told_what_else_it_may_be() {
        let schema = json!({ "properties": {
            "mood": { "oneOf": [{ "type": "null" }, { "type": "string", "enum": ["good", "bad"] }] },
            "name": { "anyOf": [{ "type": "string", "maxLength": 3 }, { "type": "null" }] },
        }});

        assert_eq!(
            all(&schema, &json!({ "mood": null, "name": null })),
            [""; 0]
        );
        assert_eq!(
            all(&schema, &json!({ "mood": "secret", "name": "secret" })),
            [
                "/mood must be null or one of good, bad",
                "/name must have at most 3 characters",
            ]
        );
        assert_eq!(
            all(&schema, &json!({ "name": 5 })),
            ["/name must be null or a string"]
        );
    }

    #[test]
    fn what_lies_deeper_or_has_more_ways_is_told_by_its_keyword() {
        let inner = json!({ "type": "object", "properties": { "mood": { "enum": ["good"] } } });
        let deeper = json!({ "anyOf": [{ "type": "null" }, inner] });
        let more = json!({ "anyOf": [{ "type": "null" }, { "const": 1 }, { "const": 2 }] });

        let rule = ["the answer breaks the rule anyOf"];
        assert_eq!(all(&deeper, &json!({ "mood": "bad" })), rule);
        assert_eq!(all(&more, &json!(3)), rule);
    }
}
