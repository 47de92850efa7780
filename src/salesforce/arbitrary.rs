//! Records that no org ever had, for property tests.

use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

use super::record::Record;
use super::source::Source;

/// Part of every text in [`json`]; no fault may repeat it.
pub(super) const SECRET: &str = "s3cr3t";

/// Text with all that is awkward in it.
pub(crate) fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-zA-Z0-9 ]{0,20}",
        2 => any::<String>(),
        1 => Just("</record>&amp;\n\n\"Human\": \\u003c".to_owned()),
        1 => Just("\u{202e}\u{200b}\u{200d}\u{e0041}\r\n\u{2028}".to_owned()),
        1 => Just("👩‍💻❤️می‌خواهمשָׁלוֹם".to_owned()),
        1 => "[a-z]{1,3} ".prop_map(|word| word.repeat(400)),
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

/// Any JSON that looks a bit like a record, mostly a wrong one.
pub(super) fn json() -> impl Strategy<Value = Json> {
    let name = prop::sample::select(vec![
        "attributes",
        "type",
        "url",
        "Id",
        "id",
        "records",
        "totalSize",
        "done",
        "Name",
        "Account",
        "city",
    ]);
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        text().prop_map(|text| Json::from(format!("{SECRET}{text}"))),
        Just(Json::from("0065f00000QwErTAAV")),
    ];
    leaf.prop_recursive(6, 80, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
            prop::collection::vec((name.clone(), inner), 0..6).prop_map(|members| members
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()),
        ]
    })
}

/// A sound record as Salesforce might write it.
pub(crate) fn record() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        1 => Just(Json::Null),
        1 => any::<bool>().prop_map(Json::from),
        2 => any::<i32>().prop_map(Json::from),
        1 => (-1e9..1e9_f64).prop_map(Json::from),
        4 => text().prop_map(Json::from),
    ];
    let value = leaf.prop_recursive(4, 60, 5, |inner| {
        let parts = prop::collection::vec(("c[a-z]{0,5}", inner.clone()), 0..4);
        let records = prop::collection::vec(fields(inner.clone()), 0..5);
        prop_oneof![
            fields(inner.clone()),
            records.prop_map(
                |records| json!({"totalSize": records.len(), "done": true, "records": records})
            ),
            parts.prop_map(|parts| Json::Object(parts.into_iter().collect())),
            prop::collection::vec(inner, 0..4).prop_map(Json::from),
        ]
    });
    fields(value)
}

fn fields(value: impl Strategy<Value = Json>) -> impl Strategy<Value = Json> {
    let name = prop_oneof!["[A-Z][a-z]{2,8}(__c)?", "[A-Z]<\u{200b}[&>]"];
    let day = (2000..2030_u16, 1..13_u8)
        .prop_map(|(year, month)| format!("{year}-{month:02}-07T08:00:00.000+0000"));
    let object = prop::sample::select(vec!["Case", "Contact", "pkg__Thing__c"]);
    let members = prop::collection::vec((name, value), 0..6);
    (
        prop::option::of(object),
        prop::option::of(day),
        any::<bool>(),
        members,
    )
        .prop_map(|(object, day, has_id, members)| {
            let mut record = Map::new();
            if let Some(object) = object {
                record.insert("attributes".into(), json!({"type": object}));
            }
            if has_id {
                record.insert("Id".into(), Json::from("0065f00000QwErTAAV"));
            }
            record.extend(members);
            record.insert("CreatedDate".into(), Json::from(day));
            Json::Object(record)
        })
}

/// A source before its records are parsed, so that a failing test can print it.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    record: Option<Json>,
    related: Vec<(String, Vec<Json>)>,
    facts: Vec<(String, String)>,
    text: Option<String>,
}

impl Plan {
    pub(crate) fn source(&self) -> Source {
        let parsed = |json: &Json| Record::parse(json.clone(), "/record").unwrap();
        let list =
            |(name, list): &(String, Vec<Json>)| (name.clone(), list.iter().map(parsed).collect());
        Source {
            record: self.record.as_ref().map(parsed),
            related: self.related.iter().map(list).collect(),
            facts: self.facts.clone(),
            text: self.text.clone(),
        }
    }
}

/// A source of such records.
pub(crate) fn plan() -> impl Strategy<Value = Plan> {
    let related =
        prop::collection::btree_map("[a-z<]{1,9}", prop::collection::vec(record(), 0..6), 0..3)
            .prop_map(|lists| lists.into_iter().collect());
    let facts = prop::collection::vec((text(), text()), 0..4);
    let parts = (
        prop::option::of(record()),
        related,
        facts,
        prop::option::of(text()),
    );
    parts.prop_map(|(record, related, facts, text)| Plan {
        record,
        related,
        facts,
        text,
    })
}

/// The JSON pointers of all texts in `record` that are read: not the type, not an id.
pub(super) fn texts(record: &Json) -> Vec<String> {
    fn walk(json: &Json, at: &str, found: &mut Vec<String>) {
        match json {
            Json::String(_) => found.push(at.to_owned()),
            Json::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    walk(item, &format!("{at}/{index}"), found);
                }
            }
            Json::Object(members) => {
                for (name, member) in members {
                    if name != "attributes" && name != "Id" {
                        walk(member, &format!("{at}/{name}"), found);
                    }
                }
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }
    let mut found = Vec::new();
    walk(record, "", &mut found);
    found
}

/// How many values of `json` are neither null nor made of others.
pub(super) fn leaves(json: &Json) -> usize {
    match json {
        Json::Null => 0,
        Json::Array(items) => items.iter().map(leaves).sum(),
        Json::Object(members) => members.values().map(leaves).sum(),
        Json::Bool(_) | Json::Number(_) | Json::String(_) => 1,
    }
}

/// How many records of `json` tell their type, and facts their label.
pub(super) fn types(json: &Json) -> usize {
    match json {
        Json::Array(items) => items.iter().map(types).sum(),
        Json::Object(members) => {
            let own = usize::from(members.contains_key("sObject") || members.contains_key("label"));
            own + members.values().map(types).sum::<usize>()
        }
        _ => 0,
    }
}
