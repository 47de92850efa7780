//! A source as bytes, for the key of a cached answer.
//!
//! # Why
//! Two callers who ask about the same record must meet in the cache, though one query named its fields in another
//! order. So the members of objects come sorted by name, while lists keep their order, which says something. What
//! nobody reads is left out: nulls, empty lists, `attributes.url` apart from its id. Each piece bears its kind and its
//! length, so no two different sources make the same bytes.

use super::record::{Record, Value};
use super::source::Source;

/// Feeds `into`, typically a hash, with the canonical bytes of `source`, piece by piece.
pub fn canonical(source: &Source, into: &mut dyn FnMut(&[u8])) {
    let mut pieces = Pieces { into };
    if let Some(record) = &source.record {
        pieces.record(record);
    }
    let mut related: Vec<_> = source
        .related
        .iter()
        .filter(|(_, records)| !records.is_empty())
        .collect();
    related.sort_by(|(one, _), (other, _)| one.cmp(other));
    for (name, records) in related {
        pieces.text(b'l', name);
        pieces.count(b'r', records.len());
        for record in records {
            pieces.record(record);
        }
    }
    for (label, value) in &source.facts {
        pieces.text(b'f', label);
        pieces.text(b'v', value);
    }
    if let Some(text) = &source.text {
        pieces.text(b't', text);
    }
}

struct Pieces<'i> {
    into: &'i mut dyn FnMut(&[u8]),
}

impl Pieces<'_> {
    fn count(&mut self, kind: u8, count: usize) {
        let mut piece = [kind; 9];
        piece[1..].copy_from_slice(&(count as u64).to_le_bytes());
        (self.into)(&piece);
    }

    fn text(&mut self, kind: u8, text: &str) {
        self.count(kind, text.len());
        (self.into)(text.as_bytes());
    }

    fn record(&mut self, record: &Record) {
        self.text(b'R', record.object().unwrap_or_default());
        match record.id() {
            Some(id) => self.text(b'I', id.as_str()),
            None => self.text(b'I', ""),
        }
        self.members(record.fields());
    }

    fn members(&mut self, members: &[(String, Value)]) {
        let mut said: Vec<_> = members
            .iter()
            .filter(|(_, value)| !is_silent(value))
            .collect();
        said.sort_by(|(one, _), (other, _)| one.cmp(other));
        self.count(b'M', said.len());
        for (name, value) in said {
            self.text(b'N', name);
            self.value(value);
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.count(b'0', 0),
            Value::Flag(flag) => self.count(b'B', usize::from(*flag)),
            Value::Number(number) => self.text(b'#', number.as_str()),
            Value::Text(text) => self.text(b'T', text),
            Value::Parent(record) => self.record(record),
            Value::Children(children) => {
                self.text(b'C', &children.total.to_string());
                self.count(b'r', children.records.len());
                for record in &children.records {
                    self.record(record);
                }
            }
            Value::Compound(members) => {
                self.count(b'O', 0);
                self.members(members);
            }
            Value::List(values) => {
                self.count(b'L', values.len());
                for value in values {
                    self.value(value);
                }
            }
        }
    }
}

/// Whether a member is as good as absent.
fn is_silent(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Children(children) => children.total == 0,
        Value::Compound(members) => members.is_empty(),
        Value::List(values) => values.is_empty(),
        Value::Flag(_) | Value::Number(_) | Value::Text(_) | Value::Parent(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    use super::super::arbitrary;
    use super::*;

    fn bytes(source: &Source) -> Vec<u8> {
        let mut bytes = Vec::new();
        canonical(source, &mut |piece| bytes.extend_from_slice(piece));
        bytes
    }

    fn of(record: Json) -> Vec<u8> {
        bytes(&Source {
            record: Some(Record::parse(record, "/record").unwrap()),
            ..Source::default()
        })
    }

    #[test]
    fn what_nobody_reads_changes_nothing() {
        let plain =
            of(json!({"attributes": {"type": "Case"}, "Name": "x", "Cases": [{"Name": "y"}]}));
        assert_eq!(
            plain,
            of(json!({
                "Name": "x", "Reason": null, "Tasks": {"totalSize": 0, "done": true, "records": []},
                "attributes": {"type": "Case", "url": "/services/data/v66.0/sobjects/Case/"},
                "Cases": {"totalSize": 1, "done": true, "records": [{"Name": "y", "Id": null}]}
            }))
        );
    }

    #[test]
    fn what_is_read_changes_the_bytes() {
        let forms = [
            of(json!({"Name": "x"})),
            of(json!({"Name": "y"})),
            of(json!({"Names": "x"})),
            of(json!({"attributes": {"type": "Case"}, "Name": "x"})),
            of(json!({"attributes": {"url": "/0065f00000QwErTAAV"}, "Name": "x"})),
            of(json!({"Name": 1})),
            of(json!({"Name": "1"})),
            of(json!({"Name": true})),
            of(json!({"Name": false})),
            of(json!({"Name": ["x"]})),
            of(json!({"Name": {"x": "x"}})),
            of(json!({"Name": {"X": "x"}})),
            of(json!({"Name": [{"X": "x"}]})),
            of(json!({"Name": [{"X": "x"}, {"Y": "y"}]})),
            of(json!({"Name": [{"Y": "y"}, {"X": "x"}]})),
            of(json!({"Name": [{"X": "x", "Y": "y"}]})),
            of(json!({"Name": [[], "x"]})),
            of(json!({"Name": [["x"]]})),
        ];
        for (index, form) in forms.iter().enumerate() {
            assert_eq!(forms.iter().position(|other| other == form), Some(index));
        }
    }

    #[test]
    fn facts_text_and_lists_are_told_apart_and_lists_by_name() {
        let contact = |name: &str| Record::parse(json!({"Name": name}), "/related").unwrap();
        let list = |name: &str, person: &str| (name.to_owned(), vec![contact(person)]);
        let related = |related| {
            bytes(&Source {
                related,
                ..Source::default()
            })
        };
        let facts = |facts: &[(&str, &str)]| {
            let facts = facts
                .iter()
                .map(|(label, value)| ((*label).into(), (*value).into()))
                .collect();
            bytes(&Source {
                facts,
                ..Source::default()
            })
        };
        assert_eq!(
            related(vec![list("contacts", "Ana"), list("emails", "Bo")]),
            related(vec![
                list("emails", "Bo"),
                ("comments".into(), vec![]),
                list("contacts", "Ana")
            ])
        );
        assert_ne!(
            related(vec![list("contacts", "Ana"), list("emails", "Bo")]),
            related(vec![list("contacts", "Bo"), list("emails", "Ana")])
        );
        assert_ne!(facts(&[("a", "bc")]), facts(&[("ab", "c")]));
        assert_ne!(
            facts(&[("a", "b"), ("c", "d")]),
            facts(&[("c", "d"), ("a", "b")])
        );
        let text = bytes(&Source {
            text: Some("a".into()),
            ..Source::default()
        });
        assert_ne!(text, facts(&[("a", "")]));
    }

    #[test]
    fn no_text_can_pose_as_the_pieces_behind_it() {
        let facts = |facts: &[(&str, &str)]| {
            let owned = |(label, value): &(&str, &str)| ((*label).into(), (*value).into());
            let facts = facts.iter().map(owned).collect();
            bytes(&Source {
                facts,
                ..Source::default()
            })
        };
        for length in ['\0', '\x01'] {
            let head = |kind: char| format!("{kind}{length}{}", "\0".repeat(7));
            let forged = format!("b{}c{}d", head('f'), head('v'));
            assert_ne!(facts(&[("a", &forged)]), facts(&[("a", "b"), ("c", "d")]));
        }
    }

    /// `value` with the members of every object the other way round.
    fn turned(value: &Json) -> Json {
        match value {
            Json::Object(members) => Json::Object(
                members
                    .iter()
                    .rev()
                    .map(|(name, value)| (name.clone(), turned(value)))
                    .collect(),
            ),
            Json::Array(items) => Json::Array(items.iter().map(turned).collect()),
            other => other.clone(),
        }
    }

    proptest! {
        #[test]
        fn the_order_of_members_does_not_matter(record in arbitrary::record()) {
            prop_assert_eq!(of(turned(&record)), of(record));
        }

        #[test]
        fn one_more_value_anywhere_does_matter(record in arbitrary::record(), pick: prop::sample::Index) {
            let places = arbitrary::texts(&record);
            prop_assume!(!places.is_empty());
            let mut other = record.clone();
            let place = other.pointer_mut(&places[pick.index(places.len())]).unwrap();
            *place = Json::from(format!("{}!", place.as_str().unwrap()));
            prop_assert_ne!(of(record), of(other));
        }
    }
}
