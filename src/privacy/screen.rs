//! What an org lets out of one question: rules, then detectors, over everything that a model might read.
//!
//! # Why
//! The order is the point. Texts are cleaned first, or a zero-width character would hide an address from its detector.
//! Rules come next, so that what is dropped is never looked at again; then every masked value is known before the
//! first text is searched, since a name may stand in a comment that comes before its field.
//!
//! The source that comes out is a source like any other: cutting, signals, grounding and fallbacks work on it and see
//! nothing else.

use std::collections::BTreeSet;
use std::fmt;

use super::detectors::{Hit, Kind, Scanner};
use super::known::Known;
use super::rules::{Place, Rules};
use super::vault::Vault;
use crate::domain::{Privacy, SalesforceId};
use crate::salesforce::{Children, Record, Source, Value, clean};

/// What may leave of one question, and the way back.
///
/// `Debug` tells its shape and no value.
pub struct Screened {
    /// What is left of the source.
    pub source: Source,
    /// What is left of the texts beside it, in their order; empty where free text may not go along.
    pub texts: Vec<String>,
    /// What the placeholders stand for.
    pub vault: Vault,
    /// The fields that leave with a value, as `Object.Field`; `facts` and `text`.
    pub sent: BTreeSet<String>,
    /// Those of them in which something was masked, whole or in part; `texts` for the texts beside the source.
    pub masked: BTreeSet<String>,
}

/// Leaves of `source` and `texts` (instructions, a sample of writing) what `policy` lets out.
pub fn screen(source: &Source, texts: &[&str], policy: &Privacy) -> Screened {
    let mut rules = Rules::new(policy);
    let left = rules.apply(source);
    let lets_text_out = policy.lets_text_out();
    let texts: Vec<String> = texts
        .iter()
        .map(|text| {
            if lets_text_out {
                rules.text(text)
            } else {
                String::new()
            }
        })
        .collect();

    let Rules { known, vault, .. } = rules;
    let mut masker = Masker {
        policy,
        scanner: Scanner::new(policy, &known.mentions),
        known: &known,
        vault,
        sent: BTreeSet::new(),
        masked: BTreeSet::new(),
    };
    let source = masker.source(left);
    let texts = texts
        .into_iter()
        .map(|text| masker.text(text, "", "texts"))
        .collect();
    Screened {
        source,
        texts,
        vault: masker.vault,
        sent: masker.sent,
        masked: masker.masked,
    }
}

/// Which of `words` hold what `policy` masks beside `source`: for words that leave to the letter or not at all, such as
/// the values of a picklist.
pub fn withheld(words: &[&str], source: &Source, policy: &Privacy) -> Vec<bool> {
    let mut rules = Rules::new(policy);
    rules.apply(source);
    let scanner = Scanner::new(policy, &rules.known.mentions);
    words
        .iter()
        .map(|word| !scanner.is_idle() && !scanner.find(&clean(word), "").is_empty())
        .collect()
}

impl fmt::Debug for Screened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screened")
            .field("source", &self.source)
            .field("texts", &self.texts.len())
            .field("vault", &self.vault)
            .finish_non_exhaustive()
    }
}

/// Puts placeholders where values may not leave.
struct Masker<'p> {
    policy: &'p Privacy,
    scanner: Scanner<'p>,
    known: &'p Known,
    vault: Vault,
    sent: BTreeSet<String>,
    masked: BTreeSet<String>,
}

impl Masker<'_> {
    fn source(&mut self, source: Source) -> Source {
        let record = source.record.map(|record| self.record(&record, false));
        let related = source
            .related
            .into_iter()
            .map(|(name, records)| {
                let records = records.iter().map(|record| self.record(record, false));
                (name, records.collect())
            })
            .collect();
        let facts = source
            .facts
            .into_iter()
            .map(|(label, value)| self.fact(label, value))
            .collect();
        let text = source.text.map(|text| {
            self.sent
                .extend((!text.is_empty()).then(|| "text".to_owned()));
            self.text(text, "", "text")
        });
        Source {
            record,
            related,
            facts,
            text,
        }
    }

    fn fact(&mut self, label: String, value: String) -> (String, String) {
        self.sent.insert("facts".to_owned());
        let place = Place::of_fact(&label, self.policy);
        let value = if place.masked {
            self.whole(&place, value, "facts")
        } else {
            self.text(value, &label, "facts")
        };
        (self.text(label, "", "facts"), value)
    }

    fn record(&mut self, record: &Record, masked: bool) -> Record {
        // A longer name is no object's, and the audit would name it with each of its fields.
        const NAME_BYTES: usize = 255;
        let named = record.object();
        let named = named.map(|object| &object[..object.floor_char_boundary(NAME_BYTES)]);
        let fields = record
            .fields()
            .iter()
            .map(|(name, value)| {
                let told = self.name(name);
                let audit = match named {
                    Some(object) => format!("{object}.{told}"),
                    None => told.clone(),
                };
                let place = Place::of(record.object(), name, masked);
                (told, self.value(place, value, &audit))
            })
            .collect();
        record.with_fields(fields)
    }

    /// The name of a field, without what a detector finds in it. That a masked value is also the name of a field says
    /// nothing, so values are looked for in names that no org has.
    fn name(&mut self, name: &str) -> String {
        let is_api_name = name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let mut hits = self.scanner.find(name, "");
        hits.retain(|hit| !(is_api_name && matches!(hit.kind, Kind::Masked(_))));
        if hits.is_empty() {
            name.to_owned()
        } else {
            self.replaced(name, &hits)
        }
    }

    fn value(&mut self, place: Place<'_>, value: &Value, audit: &str) -> Value {
        let place = place.under(self.policy);
        match value {
            Value::Null => return Value::Null,
            Value::Parent(parent) => {
                return Value::Parent(Box::new(self.record(parent, place.masked)));
            }
            Value::Children(children) => {
                let records = children.records.iter();
                return Value::Children(Children {
                    total: children.total,
                    records: records
                        .map(|record| self.record(record, place.masked))
                        .collect(),
                });
            }
            Value::Compound(members) => {
                let parts = members.iter().map(|(name, value)| {
                    let told = self.name(name);
                    (told, self.value(place.part(name), value, audit))
                });
                return Value::Compound(parts.collect());
            }
            Value::List(values) => {
                let items = values.iter().map(|value| self.value(place, value, audit));
                return Value::List(items.collect());
            }
            Value::Flag(_) | Value::Number(_) | Value::Text(_) => {}
        }
        self.leaf(&place, value, audit)
    }

    fn leaf(&mut self, place: &Place<'_>, value: &Value, audit: &str) -> Value {
        self.sent.insert(audit.to_owned());
        match value {
            Value::Text(text) if place.masked => {
                Value::Text(self.whole(place, text.clone(), audit))
            }
            Value::Number(number) if place.masked => {
                Value::Text(self.whole(place, number.as_str().to_owned(), audit))
            }
            Value::Flag(flag) if place.masked => {
                Value::Text(self.whole(place, flag.to_string(), audit))
            }
            Value::Text(text) if is_id(place.name, text) => value.clone(),
            Value::Text(text) => Value::Text(self.text(text.clone(), place.name, audit)),
            Value::Number(number) if self.known.number_of(number.as_str()).is_some() => {
                Value::Text(self.whole(place, number.as_str().to_owned(), audit))
            }
            Value::Number(number) => {
                let hits = self.scanner.find_in_number(number.as_str());
                if hits.is_empty() {
                    return value.clone();
                }
                self.masked.insert(audit.to_owned());
                Value::Text(self.replaced(number.as_str(), &hits))
            }
            other => other.clone(),
        }
    }

    /// The placeholder for all of a masked field; spaces around it stay, and so does an empty one.
    fn whole(&mut self, place: &Place<'_>, value: String, audit: &str) -> String {
        let bare = value.trim();
        if bare.is_empty() {
            return value;
        }
        self.masked.insert(audit.to_owned());
        let placeholder = match self.known.number_of(bare) {
            Some(number) => self.known_placeholder(number, bare),
            None => self.vault.placeholder(&place.label(), bare, bare),
        };
        value.replacen(bare, &placeholder, 1)
    }

    fn text(&mut self, text: String, name: &str, audit: &str) -> String {
        if self.scanner.is_idle() {
            return text;
        }
        let hits = self.scanner.find(&text, name);
        if hits.is_empty() {
            return text;
        }
        self.masked.insert(audit.to_owned());
        self.replaced(&text, &hits)
    }

    /// `text` with a placeholder for each of `hits`.
    fn replaced(&mut self, text: &str, hits: &[Hit<'_>]) -> String {
        let mut replaced = String::with_capacity(text.len());
        let mut copied = 0;
        for hit in hits {
            replaced.push_str(&text[copied..hit.range.start]);
            copied = hit.range.end;
            let value = &text[hit.range.clone()];
            let placeholder = match (hit.kind, hit.kind.label()) {
                (Kind::Masked(number), _) => self.known_placeholder(number, value),
                (_, label) => match self.known.number_of(value) {
                    Some(number) => self.known_placeholder(number, value),
                    None => self
                        .vault
                        .placeholder(label.unwrap_or_default(), &hit.key, value),
                },
            };
            replaced.push_str(&placeholder);
        }
        replaced.push_str(&text[copied..]);
        replaced
    }

    fn known_placeholder(&mut self, number: usize, written: &str) -> String {
        let masked = self.known.masked(number);
        let key = masked.value.to_lowercase();
        // The field's own spelling is the first, wherever another stands before it.
        self.vault.first(&masked.label, &key, &masked.value);
        self.vault.placeholder(&masked.label, &key, written)
    }
}

/// Whether `text` is the id of a record. Of 18 characters the suffix proves it; of 15, which may all be digits, the
/// field's name says it.
fn is_id(name: &str, text: &str) -> bool {
    let named = || {
        let end = name.len().saturating_sub(2);
        name.get(end..)
            .is_some_and(|end| end.eq_ignore_ascii_case("id"))
    };
    let may_be = text.len() == 18 || (text.len() == 15 && named());
    may_be
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
        && text.parse::<SalesforceId>().is_ok()
}

mod texts;

pub use texts::{Passage, Passages, screen_passages};

#[cfg(test)]
mod tests;
