//! What one schema of the 3.1 document says, and the keywords of it that Salesforce may see.

use serde_json::{Map, Value, json};

use super::apex_names::cut;

/// The names of the schemas that `value` refers to, at any depth.
pub(super) fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(members) => {
            let own = reference(members).map(str::to_owned);
            own.into_iter()
                .chain(members.values().flat_map(references))
                .collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

/// The name of the schema that stands behind `$ref`.
pub(super) fn reference(schema: &Map<String, Value>) -> Option<&str> {
    schema
        .get("$ref")?
        .as_str()?
        .strip_prefix("#/components/schemas/")
}

pub(super) fn union(schema: &Map<String, Value>) -> Option<&Vec<Value>> {
    let options = schema.get("oneOf").or_else(|| schema.get("anyOf"))?;
    options.as_array()
}

pub(super) fn is_null(schema: &Value) -> bool {
    schema["type"] == "null"
}

/// The fixed words that a schema allows, if words are all it allows.
pub(super) fn words_of(schema: &Value) -> Option<Vec<Value>> {
    let words = match (schema.get("const"), schema.get("enum")) {
        (Some(word), _) => vec![word.clone()],
        (None, Some(Value::Array(words))) => words.clone(),
        _ => return None,
    };
    words.iter().all(Value::is_string).then_some(words)
}

/// The one JSON type of a schema, and whether null goes as well; `None` for free JSON and for several types.
pub(super) fn kind_of(schema: &Map<String, Value>) -> Option<(&str, bool)> {
    let (kinds, nullable): (Vec<&str>, bool) = match schema.get("type") {
        Some(Value::String(kind)) => (vec![kind], false),
        Some(Value::Array(kinds)) => {
            let all: Vec<&str> = kinds.iter().filter_map(Value::as_str).collect();
            let nullable = all.contains(&"null");
            (
                all.into_iter().filter(|kind| *kind != "null").collect(),
                nullable,
            )
        }
        _ if schema.contains_key("properties") => (vec!["object"], false),
        _ if schema.contains_key("const") || schema.contains_key("enum") => (vec!["string"], false),
        _ => return None,
    };
    match kinds[..] {
        [kind @ ("object" | "array" | "string" | "number" | "integer" | "boolean")] => {
            Some((kind, nullable))
        }
        _ => None,
    }
}

pub(super) fn opening(kind: &str, schema: &Map<String, Value>) -> Map<String, Value> {
    let mut body = Map::from_iter([("type".to_owned(), json!(kind))]);
    describe(&mut body, schema);
    body
}

pub(super) fn describe(body: &mut Map<String, Value>, schema: &Map<String, Value>) {
    if let Some(text) = schema.get("description").and_then(Value::as_str) {
        body.insert("description".to_owned(), json!(cut(text)));
    }
}

/// Adds format, words and bounds of a scalar; `None` when its fixed values are no words.
///
/// Of a closed and an open bound the narrower one stays: 3.0 has room for one.
pub(super) fn add_scalar(
    body: &mut Map<String, Value>,
    kind: &str,
    schema: &Map<String, Value>,
) -> Option<()> {
    let format = schema.get("format").and_then(Value::as_str);
    if let Some(format) = apex_format(kind, format) {
        body.insert("format".to_owned(), json!(format));
    }
    if schema.contains_key("const") || schema.contains_key("enum") {
        let mut source = schema.clone();
        if let Some(Value::Array(words)) = source.get_mut("enum") {
            words.retain(|word| !word.is_null());
        }
        let words = words_of(&Value::Object(source)).filter(|words| !words.is_empty())?;
        body.insert("enum".to_owned(), Value::Array(words));
    }
    keep(body, schema, &["minLength", "maxLength", "pattern"]);
    keep(body, schema, &["minimum", "maximum", "multipleOf"]);
    for (bound, exclusive, inner) in [
        ("minimum", "exclusiveMinimum", 1.0),
        ("maximum", "exclusiveMaximum", -1.0),
    ] {
        let Some(open) = schema.get(exclusive).and_then(Value::as_f64) else {
            continue;
        };
        let closed = schema.get(bound).and_then(Value::as_f64);
        if closed.is_none_or(|closed| (closed - open) * inner <= 0.0) {
            body.insert(bound.to_owned(), schema[exclusive].clone());
            body.insert(exclusive.to_owned(), json!(true));
        }
    }
    Some(())
}

/// The format that decides the Apex type: Integer, Long, Double, Date or Datetime. Others say nothing to Salesforce.
fn apex_format(kind: &str, format: Option<&str>) -> Option<&'static str> {
    match (kind, format) {
        ("integer", Some("int8" | "int16" | "int32" | "uint8" | "uint16")) => Some("int32"),
        ("integer", _) => Some("int64"),
        ("number", Some("float")) => Some("float"),
        ("number", _) => Some("double"),
        ("string", Some("date")) => Some("date"),
        ("string", Some("date-time")) => Some("date-time"),
        _ => None,
    }
}

pub(super) fn keep(body: &mut Map<String, Value>, schema: &Map<String, Value>, names: &[&str]) {
    for name in names {
        if let Some(value) = schema.get(*name) {
            body.insert((*name).to_owned(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar(schema: &Value) -> Option<Value> {
        let schema = schema.as_object().expect("an object");
        let (kind, _) = kind_of(schema)?;
        let mut body = opening(kind, schema);
        add_scalar(&mut body, kind, schema).map(|()| Value::Object(body))
    }

    #[test]
    fn an_open_bound_is_told_the_old_way() {
        assert_eq!(
            scalar(&json!({ "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 5 })),
            Some(json!({
                "type": "number", "format": "double",
                "minimum": 0, "exclusiveMinimum": true, "maximum": 5, "exclusiveMaximum": true
            }))
        );
    }

    #[test]
    fn of_two_bounds_the_narrower_stays() {
        assert_eq!(
            scalar(&json!({ "type": "integer", "minimum": 1, "exclusiveMinimum": 0 })),
            Some(json!({ "type": "integer", "format": "int64", "minimum": 1 }))
        );
        assert_eq!(
            scalar(&json!({ "type": "integer", "maximum": 9, "exclusiveMaximum": 9 })),
            Some(
                json!({ "type": "integer", "format": "int64", "maximum": 9, "exclusiveMaximum": true })
            )
        );
    }

    #[test]
    fn fixed_words_are_an_enum_and_other_fixed_values_nothing() {
        assert_eq!(
            scalar(&json!({ "type": ["string", "null"], "enum": ["a", null] })),
            Some(json!({ "type": "string", "enum": ["a"] }))
        );
        assert_eq!(
            scalar(&json!({ "const": "a" })),
            Some(json!({ "type": "string", "enum": ["a"] }))
        );
        assert_eq!(scalar(&json!({ "type": "integer", "const": 1 })), None);
    }

    #[test]
    fn several_types_and_free_json_are_no_kind() {
        for schema in [
            json!({}),
            json!({ "type": ["string", "integer"] }),
            json!({ "type": "null" }),
        ] {
            assert_eq!(kind_of(schema.as_object().expect("an object")), None);
        }
    }
}
