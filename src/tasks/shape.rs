//! The schema of a model's answer: whole, and as it goes on the wire.
//!
//! # Why
//! Claude's structured outputs take a subset of JSON Schema: objects that are closed and whose members are all
//! required, no lengths, no counts, few formats. A schema outside of it is a 400. So the wire form is made by picking
//! the keywords that are known to go, one by one, and each limit that falls away stands in its member's description
//! instead. The official SDKs lower their schemas the same way.

use jsonschema::Validator;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::excerpt::clip;
use super::violation;

/// As many violations as one report names; a model that breaks more has not understood the task.
const VIOLATIONS: usize = 20;

/// The formats that structured outputs accept.
const FORMATS: [&str; 10] = [
    "date-time",
    "time",
    "date",
    "duration",
    "email",
    "hostname",
    "uri",
    "ipv4",
    "ipv6",
    "uuid",
];

/// The schema of one task's answer.
#[derive(Debug)]
pub struct Shape {
    schema: Value,
    on_the_wire: Value,
    validator: Validator,
}

impl Shape {
    /// The shape of `T`. Costs a compilation of the schema, so build it once.
    ///
    /// # Panics
    /// Where `T` holds itself: such a schema cannot be written without references, which the wire form does not have.
    #[must_use]
    pub fn of<T: JsonSchema>() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
        });
        let generated = settings.into_generator().into_root_schema_for::<T>();
        let schema = tidied(generated.as_value());
        let on_the_wire = lowered(&schema);
        let validator =
            jsonschema::validator_for(&schema).expect("a schema made from a type is valid");
        Self {
            schema,
            on_the_wire,
            validator,
        }
    }

    /// The whole schema, every limit in it: what an answer is checked against.
    #[must_use]
    pub fn schema(&self) -> &Value {
        &self.schema
    }

    /// The schema as structured outputs take it: closed objects, all members required, limits in words.
    #[must_use]
    pub fn on_the_wire(&self) -> &Value {
        &self.on_the_wire
    }

    /// Cuts each text of `draft` that is longer than its member may be, as one is whose withheld values were put back.
    pub fn clip(&self, draft: &mut Value) {
        clip_by(&self.schema, draft);
    }

    /// Checks a model's answer.
    ///
    /// # Errors
    /// Where it breaks the schema: every violation by JSON pointer and rule, at most 20, never the offending value, so
    /// that the list may go back to the model and into a log.
    pub fn check(&self, draft: &Value) -> Result<(), Vec<String>> {
        let violations: Vec<String> = self
            .validator
            .iter_errors(draft)
            .take(VIOLATIONS)
            .map(|error| violation::told(error.instance_path().as_str(), error.kind()))
            .collect();
        if violations.is_empty() {
            Ok(())
        } else {
            Err(violations)
        }
    }
}

/// Cuts what in `value` is longer than `schema` says.
fn clip_by(schema: &Value, value: &mut Value) {
    for options in ["anyOf", "oneOf"] {
        for option in schema[options].as_array().into_iter().flatten() {
            clip_by(option, value);
        }
    }
    match value {
        Value::String(text) => {
            if let Some(most) = schema["maxLength"].as_u64() {
                let most = usize::try_from(most).unwrap_or(usize::MAX);
                *text = clip(std::mem::take(text), most);
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                for item in items {
                    clip_by(schema, item);
                }
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                if let Some(schema) = schema["properties"].get(name.as_str()) {
                    clip_by(schema, member);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// `schema` without titles, with each description on one line, and with words to choose from as one `enum`.
///
/// An enum whose variants are documented comes as `oneOf` of constants; as `enum` a violation can name the choices.
fn tidied(schema: &Value) -> Value {
    let Value::Object(members) = schema else {
        return schema.clone();
    };
    assert!(
        !members.contains_key("$ref"),
        "an answer's type must not hold itself"
    );
    let mut tidy = Map::new();
    for (keyword, value) in members {
        let value = match (keyword.as_str(), value) {
            ("title" | "$schema" | "$defs", _) => continue,
            ("description", Value::String(text)) => json!(on_one_line(text)),
            ("properties", Value::Object(properties)) => properties
                .iter()
                .map(|(name, schema)| (name.clone(), tidied(schema)))
                .collect(),
            ("items", schema) => tidied(schema),
            ("anyOf" | "oneOf", Value::Array(options)) => options.iter().map(tidied).collect(),
            _ => value.clone(),
        };
        tidy.insert(keyword.clone(), value);
    }
    choices_joined(tidy)
}

/// Turns `oneOf` of documented constants into `enum`, each word's meaning moved into the description.
fn choices_joined(mut schema: Map<String, Value>) -> Value {
    let Some(options) = schema.get("oneOf").and_then(Value::as_array) else {
        return Value::Object(schema);
    };
    let words: Option<Vec<Value>> = options
        .iter()
        .map(|one| one.get("const").cloned())
        .collect();
    let Some(words) = words else {
        return Value::Object(schema);
    };
    let meanings: Vec<String> = options
        .iter()
        .filter_map(|one| Some((one["const"].as_str()?, one["description"].as_str()?)))
        .map(|(word, meaning)| format!("{word}: {meaning}"))
        .collect();
    let description = schema.get("description").and_then(Value::as_str);
    let whole = joined(description, &meanings);
    schema.shift_remove("oneOf");
    schema.insert("type".to_owned(), json!("string"));
    schema.insert("enum".to_owned(), Value::Array(words));
    if !whole.is_empty() {
        schema.insert("description".to_owned(), json!(whole));
    }
    Value::Object(schema)
}

/// The wire form of a tidied schema.
fn lowered(schema: &Value) -> Value {
    let mut wire = Map::new();
    if let Some(Value::Array(kinds)) = schema.get("type") {
        let options = kinds.iter().map(|kind| of_one_type(schema, kind));
        wire.insert("anyOf".to_owned(), options.collect());
        return Value::Object(wire);
    }
    for keyword in ["type", "enum", "const"] {
        if let Some(value) = schema.get(keyword) {
            wire.insert(keyword.to_owned(), value.clone());
        }
    }
    if let Some(format) = schema["format"].as_str().filter(|it| FORMATS.contains(it)) {
        wire.insert("format".to_owned(), json!(format));
    }
    let description = joined(schema["description"].as_str(), &limits_in_words(schema));
    if !description.is_empty() {
        wire.insert("description".to_owned(), json!(description));
    }
    if let Some(options) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
        wire.insert("anyOf".to_owned(), options.iter().map(lowered).collect());
    }
    if let Some(items) = schema.get("items") {
        wire.insert("items".to_owned(), lowered(items));
    }
    if let Some(properties) = schema["properties"].as_object() {
        let members: Map<String, Value> = properties
            .iter()
            .map(|(name, schema)| (name.clone(), lowered(schema)))
            .collect();
        let names: Vec<&String> = properties.keys().collect();
        wire.insert("required".to_owned(), json!(names));
        wire.insert("properties".to_owned(), Value::Object(members));
        wire.insert("additionalProperties".to_owned(), json!(false));
    }
    Value::Object(wire)
}

/// The wire form of `schema`, which takes several types, for one of them.
fn of_one_type(schema: &Value, kind: &Value) -> Value {
    if kind == "null" {
        return json!({ "type": "null" });
    }
    let mut one = schema.clone();
    one["type"] = kind.clone();
    lowered(&one)
}

/// The limits that the wire form drops, as sentences.
fn limits_in_words(schema: &Value) -> Vec<String> {
    let limit = |keyword: &str| schema.get(keyword).filter(|value| value.is_number());
    let mut words = Vec::new();
    for (keyword, opening, unit) in [
        ("minLength", "At least", " characters"),
        ("maxLength", "At most", " characters"),
        ("minItems", "At least", " entries"),
        ("maxItems", "At most", " entries"),
        ("minimum", "At least", ""),
        ("maximum", "At most", ""),
    ] {
        match limit(keyword) {
            Some(least) if *least == 1 && ["minLength", "minItems"].contains(&keyword) => {
                words.push("Not empty.".to_owned());
            }
            Some(number) => words.push(format!("{opening} {number}{unit}.")),
            None => {}
        }
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        words.push(format!(
            "Matches the regular expression {pattern} throughout."
        ));
    }
    words
}

fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn joined(description: Option<&str>, sentences: &[String]) -> String {
    let all: Vec<&str> = description
        .into_iter()
        .chain(sentences.iter().map(String::as_str))
        .collect();
    all.join(" ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::tasks::all;

    /// An answer with every kind of member that a task's answer may have.
    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is of interest")]
    #[serde(deny_unknown_fields)]
    struct Sample {
        /// How well
        /// it stands.
        #[schemars(range(min = 0, max = 100))]
        score: u8,
        #[schemars(length(min = 1, max = 5))]
        title: String,
        /// When it is due.
        due: Option<String>,
        #[schemars(length(min = 1, max = 2), inner(length(max = 3)))]
        notes: Vec<String>,
        #[schemars(length(max = 2))]
        parts: Vec<Part>,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is of interest")]
    #[serde(deny_unknown_fields)]
    struct Part {
        colour: Colour,
        twin: Option<Colour>,
    }

    /// What it looks like.
    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is of interest")]
    #[serde(rename_all = "lowercase")]
    enum Colour {
        /// Like the sky.
        Blue,
        /// Like grass.
        Green,
    }

    fn good() -> Value {
        json!({
            "score": 7, "title": "abc", "due": null, "notes": ["x"],
            "parts": [{ "colour": "blue", "twin": null }],
        })
    }

    #[test]
    fn an_answer_within_every_limit_passes() {
        assert_eq!(Shape::of::<Sample>().check(&good()), Ok(()));
    }

    #[test]
    fn a_text_that_grew_beyond_its_member_is_cut_at_any_depth() {
        let mut draft = good();
        draft["title"] = json!("abcdefgh");
        draft["notes"] = json!(["xyz", "longer"]);
        let shape = Shape::of::<Sample>();
        shape.clip(&mut draft);

        assert_eq!(draft["title"], "abcd…");
        assert_eq!(draft["notes"], json!(["xyz", "lo…"]));
        assert_eq!(shape.check(&draft), Ok(()));
    }

    #[test]
    fn every_violation_is_named_by_place_and_rule_at_once() {
        let draft = json!({
            "score": 140, "title": "", "due": 5, "notes": ["x", "long", "z"],
            "parts": [{ "colour": "red", "shade": 1 }, "none"],
            "4111 1111 1111 1111": true,
        });

        let mut violations = Shape::of::<Sample>().check(&draft).unwrap_err();
        violations.sort();

        assert_eq!(
            violations,
            [
                "/due must be null or a string",
                "/notes must have at most 2 entries",
                "/notes/1 must have at most 3 characters",
                "/parts/0 must not have the member shade",
                "/parts/0/colour must be one of blue, green",
                "/parts/1 must be an object",
                "/score must be at most 100",
                "/title must not be empty",
                "the answer must not have members that the schema does not know",
            ]
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let violations = Shape::of::<Sample>().check(&json!({ "parts": [{}] }));

        let mut violations = violations.unwrap_err();
        violations.sort();
        assert_eq!(
            violations,
            [
                "/notes is missing",
                "/parts/0/colour is missing",
                "/score is missing",
                "/title is missing",
            ]
        );
    }

    #[test]
    fn an_answer_of_another_kind_is_told_what_it_must_be() {
        let violations = Shape::of::<Sample>().check(&json!("no"));

        assert_eq!(violations.unwrap_err(), ["the answer must be an object"]);
    }

    #[test]
    fn a_report_names_twenty_violations_at_most() {
        let draft = json!({ "notes": vec!["too long"; 50] });

        let violations = Shape::of::<Sample>().check(&draft).unwrap_err();
        assert_eq!(violations.len(), VIOLATIONS);
    }

    #[test]
    fn the_wire_form_closes_objects_requires_all_and_tells_limits_in_words() {
        let shape = Shape::of::<Sample>();
        let colour = json!({
            "type": "string",
            "enum": ["blue", "green"],
            "description": "What it looks like. blue: Like the sky. green: Like grass.",
        });

        assert_eq!(
            shape.on_the_wire(),
            &json!({
                "type": "object",
                "description": "An answer with every kind of member that a task's answer may have.",
                "required": ["score", "title", "due", "notes", "parts"],
                "properties": {
                    "score": { "type": "integer", "description": "How well it stands. At least 0. At most 100." },
                    "title": { "type": "string", "description": "Not empty. At most 5 characters." },
                    "due": { "anyOf": [
                        { "type": "string", "description": "When it is due." },
                        { "type": "null" },
                    ]},
                    "notes": {
                        "type": "array",
                        "description": "Not empty. At most 2 entries.",
                        "items": { "type": "string", "description": "At most 3 characters." },
                    },
                    "parts": {
                        "type": "array",
                        "description": "At most 2 entries.",
                        "items": {
                            "type": "object",
                            "required": ["colour", "twin"],
                            "properties": {
                                "colour": colour,
                                "twin": { "anyOf": [colour, { "type": "null" }] },
                            },
                            "additionalProperties": false,
                        },
                    },
                },
                "additionalProperties": false,
            })
        );
    }

    #[test]
    fn the_wire_form_of_every_task_has_only_keywords_that_structured_outputs_take() {
        for task in all() {
            assert_wire(task.shape().on_the_wire(), "");
        }
        assert_wire(Shape::of::<Sample>().on_the_wire(), "");
    }

    #[test]
    fn no_answer_has_a_member_that_apex_could_not_name() {
        let words = [
            "limit", "date", "from", "number", "currency", "object", "group", "set", "desc",
            "system", "order", "case", "class", "end", "new", "private", "public", "string",
            "list", "map", "time", "test", "when", "where", "type",
        ];
        for task in all() {
            for name in members(task.shape().schema()) {
                assert!(!words.contains(&name.as_str()), "{name}");
                assert!(!name.ends_with('_') && !name.contains("__"), "{name}");
            }
        }
    }

    proptest! {
        #[test]
        fn what_the_whole_schema_takes_the_wire_form_takes_too(
            score in 0..=100u8, title in "[a-z]{1,5}", due in proptest::option::of("[a-z]{0,9}"),
            notes in proptest::collection::vec("[a-z]{0,3}", 1..=2), green in any::<bool>(),
        ) {
            let colour = if green { "green" } else { "blue" };
            let draft = json!({
                "score": score, "title": title, "due": due, "notes": notes,
                "parts": [{ "colour": colour, "twin": colour }],
            });
            let shape = Shape::of::<Sample>();

            prop_assert_eq!(shape.check(&draft), Ok(()));
            prop_assert!(jsonschema::is_valid(shape.on_the_wire(), &draft));
        }
    }

    fn assert_wire(schema: &Value, place: &str) {
        let schema = schema.as_object().unwrap();
        let kinds = [
            "object", "array", "string", "integer", "number", "boolean", "null",
        ];
        for (keyword, value) in schema {
            match keyword.as_str() {
                "type" => assert!(kinds.contains(&value.as_str().unwrap()), "{place}"),
                "description" => assert!(!value.as_str().unwrap().contains('\n'), "{place}"),
                "format" => assert!(FORMATS.contains(&value.as_str().unwrap()), "{place}"),
                "enum" | "const" => {}
                "additionalProperties" => assert_eq!(value, &json!(false), "{place}"),
                "items" => assert_wire(value, &format!("{place}/items")),
                "anyOf" => value
                    .as_array()
                    .unwrap()
                    .iter()
                    .for_each(|option| assert_wire(option, &format!("{place}/anyOf"))),
                "properties" => {
                    let names: BTreeSet<&str> = value
                        .as_object()
                        .unwrap()
                        .keys()
                        .map(String::as_str)
                        .collect();
                    let required: BTreeSet<&str> = schema["required"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|name| name.as_str().unwrap())
                        .collect();
                    assert_eq!(names, required, "{place}");
                    for (name, member) in value.as_object().unwrap() {
                        assert_wire(member, &format!("{place}/{name}"));
                    }
                }
                "required" => {
                    assert_eq!(schema["additionalProperties"], json!(false), "{place}");
                }
                other => panic!("{place}: {other} does not go on the wire"),
            }
        }
    }

    fn members(schema: &Value) -> Vec<String> {
        let own = schema["properties"].as_object().into_iter().flatten();
        let mut names: Vec<String> = own
            .flat_map(|(name, member)| {
                let mut all = members(member);
                all.push(name.clone());
                all
            })
            .collect();
        if let Some(items) = schema.get("items") {
            names.extend(members(items));
        }
        names
    }
}
