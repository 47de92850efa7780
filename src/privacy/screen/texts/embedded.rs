//! A record as Apex wrote it into a text: knowing it, reading it, and writing what is left of it in its place.

use crate::domain::json_text::{Kind, Node, quoted, spliced};
use crate::domain::{Privacy, SalesforceId};
use crate::salesforce::{Record, Value};

/// Whether an object of `text` says that it is a record: it has `attributes` with a `type` that is an object's name.
pub(super) fn is_record(node: &Node<'_>, text: &str) -> bool {
    object_of(node, text).is_some()
}

fn object_of(node: &Node<'_>, text: &str) -> Option<String> {
    let object = node.get("attributes")?.get("type")?.text(text)?;
    let is_name = object.starts_with(|first: char| first.is_ascii_alphabetic())
        && object
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then(|| object.into_owned())
}

/// The record that an object of `text` is. One whose ids are none, as in an example, is read without them.
pub(super) fn read_record(node: &Node<'_>, text: &str) -> Option<Record> {
    let json = &text[node.at.clone()];
    Record::parse_text(json, "").ok().or_else(|| {
        let mut wrong = Vec::new();
        wrong_ids(node, text, &mut wrong);
        let shifted = wrong.into_iter().map(|at: std::ops::Range<usize>| {
            let at = at.start - node.at.start..at.end - node.at.start;
            (at, "null".to_owned())
        });
        let edits: Vec<_> = shifted.collect();
        Record::parse_text(&spliced(json, &edits), "").ok()
    })
}

/// Where values stand that are called an id and are none.
fn wrong_ids(node: &Node<'_>, text: &str, wrong: &mut Vec<std::ops::Range<usize>>) {
    for item in node.items() {
        wrong_ids(item, text, wrong);
    }
    for member in node.members() {
        let value = &member.value;
        let is_id = || {
            let text = value.text(text);
            text.is_some_and(|text| text.parse::<SalesforceId>().is_ok())
        };
        if member.name.eq_ignore_ascii_case("id") && !is_id() {
            wrong.push(value.at.clone());
        } else {
            wrong_ids(value, text, wrong);
        }
    }
}

/// Whether nothing in an object says more than the record that was read of it, so that it may stay as it is written:
/// each name stands once, and what Salesforce writes beside the fields is what it writes, and may leave.
pub(super) fn is_tidy(node: &Node<'_>, text: &str, policy: &Privacy) -> bool {
    match &node.kind {
        Kind::Word | Kind::Number => true,
        Kind::Text => node.text(text).is_some(),
        Kind::Deep => false,
        Kind::List(items) => items.iter().all(|item| is_tidy(item, text, policy)),
        Kind::Object(members) => {
            let object = object_of(node, text);
            let mut names: Vec<&str> = members.iter().map(|member| &*member.name).collect();
            names.sort_unstable();
            let is_once = names.windows(2).all(|pair| pair[0] != pair[1]);
            is_once
                && members.iter().all(|member| match &*member.name {
                    "attributes" => are_attributes(&member.value, object.as_deref(), text, policy),
                    // Of a query result the record holds neither; only the first says nothing.
                    "done" => member.value.kind == Kind::Word,
                    "totalSize" => member.value.kind == Kind::Number,
                    "nextRecordsUrl" => false,
                    _ if member.name.eq_ignore_ascii_case("id") => member
                        .value
                        .text(text)
                        .is_none_or(|id| id.parse::<SalesforceId>().is_ok()),
                    _ => is_tidy(&member.value, text, policy),
                })
        }
    }
}

/// Whether these are a type alone, or a type and an address whose id may leave.
fn are_attributes(node: &Node<'_>, object: Option<&str>, text: &str, policy: &Privacy) -> bool {
    let Some(object) = object else {
        return false;
    };
    let lets_id_out = || {
        policy.allows(Some(object), "Id")
            && !policy.drops(Some(object), "Id")
            && !policy.masks(Some(object), "Id")
    };
    node.members().len() <= 2
        && node.members().iter().all(|member| match &*member.name {
            "type" => true,
            "url" => {
                let url = member.value.text(text);
                url.is_some_and(|url| is_record_url(&url, object)) && lets_id_out()
            }
            _ => false,
        })
}

/// `/services/data/v66.0/sobjects/Contact/003…`
fn is_record_url(url: &str, object: &str) -> bool {
    let parts: Vec<&str> = url.split('/').collect();
    let ["", "services", "data", version, "sobjects", kind, id] = parts[..] else {
        return false;
    };
    let is_version = version.strip_prefix('v').is_some_and(|number| {
        number.len() <= 6 && number.bytes().all(|b| b.is_ascii_digit() || b == b'.')
    });
    is_version && kind == object && id.parse::<SalesforceId>().is_ok()
}

/// `record` as Salesforce would serialize it.
pub(super) fn written(record: &Record) -> String {
    let mut json = String::new();
    write_record(record, &mut json);
    json
}

fn write_record(record: &Record, json: &mut String) {
    json.push('{');
    let mut first = true;
    if let Some(object) = record.object() {
        json.push_str(r#""attributes":{"type":"#);
        json.push_str(&quoted(object));
        json.push('}');
        first = false;
    }
    write_members(record.fields(), first, json);
    json.push('}');
}

fn write_members(members: &[(String, Value)], mut first: bool, json: &mut String) {
    for (name, value) in members {
        if !first {
            json.push(',');
        }
        first = false;
        json.push_str(&quoted(name));
        json.push(':');
        write_value(value, json);
    }
}

fn write_value(value: &Value, json: &mut String) {
    match value {
        Value::Null => json.push_str("null"),
        Value::Flag(flag) => json.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => json.push_str(number.as_str()),
        Value::Text(text) => json.push_str(&quoted(text)),
        Value::Parent(record) => write_record(record, json),
        Value::Compound(members) => {
            json.push('{');
            write_members(members, true, json);
            json.push('}');
        }
        Value::List(values) => write_list(values, json, write_value),
        Value::Children(children) => {
            let total = children.total.to_string();
            json.push_str(r#"{"totalSize":"#);
            json.push_str(&total);
            json.push_str(r#","done":true,"records":"#);
            write_list(&children.records, json, write_record);
            json.push('}');
        }
    }
}

fn write_list<T>(items: &[T], json: &mut String, write: impl Fn(&T, &mut String)) {
    json.push('[');
    for (nth, item) in items.iter().enumerate() {
        if nth > 0 {
            json.push(',');
        }
        write(item, json);
    }
    json.push(']');
}
