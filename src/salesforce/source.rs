//! All that one question is about.

use std::collections::BTreeSet;
use std::fmt;

use super::record::Record;
use crate::domain::SalesforceId;

/// The data of one question: a record, or facts, and what stands beside it. Lists and texts keep the caller's order.
///
/// `Debug` tells its shape and no value.
#[derive(Clone, Default)]
pub struct Source {
    /// The record in question.
    pub record: Option<Record>,
    /// Lists of other records, by name: `contacts`, `comments`.
    pub related: Vec<(String, Vec<Record>)>,
    /// Label and value, from callers who cannot serialize a record.
    pub facts: Vec<(String, String)>,
    /// Free text: call notes, an e-mail thread.
    pub text: Option<String>,
}

impl Source {
    /// Every record id inside: a cached answer is forgotten by each of them.
    #[must_use]
    pub fn ids(&self) -> BTreeSet<SalesforceId> {
        let related = self.related.iter().flat_map(|(_, records)| records);
        let mut ids = BTreeSet::new();
        for record in self.record.iter().chain(related) {
            record.collect_ids(&mut ids);
        }
        ids
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let related: usize = self.related.iter().map(|(_, records)| records.len()).sum();
        f.debug_struct("Source")
            .field("record", &self.record)
            .field("related", &related)
            .field("facts", &self.facts.len())
            .field("text_bytes", &self.text.as_ref().map(String::len))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ids_of_a_source_are_those_of_the_record_and_of_all_related() {
        let record = |json: &str| Record::parse_text(json, "/record").unwrap();
        let source = Source {
            record: Some(record(
                r#"{"Id":"0065f00000QwErT","AccountId":"0015f00000AsDfG"}"#,
            )),
            related: vec![(
                "contacts".into(),
                vec![record(r#"{"Id":"0035f00000HjKlM"}"#)],
            )],
            ..Source::default()
        };
        let prefixes: Vec<String> = source
            .ids()
            .iter()
            .map(|id| id.key_prefix().to_owned())
            .collect();
        assert_eq!(prefixes, ["001", "003", "006"]);
    }
}
