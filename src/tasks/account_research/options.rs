//! What a caller says to account research alone, and what can be wrong with it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::salesforce::Fault;
use crate::tasks::excerpt::{LINE, units};

/// What only account research is told.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountResearchOptions {
    /// The fields whose values are wanted, at most 50, each with what it can hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Option<Vec<ResearchField>>, max_items = 50)]
    pub fields: Vec<ResearchField>,
    /// The only domains that a web search may read, such as `acme.example`; any where none is named. At most 20.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Option<Vec<String>>, max_items = 20)]
    pub search_domains: Vec<String>,
}

/// A field whose value is wanted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResearchField {
    /// The field's API name, such as `NumberOfEmployees`.
    #[schema(min_length = 1, max_length = 80, pattern = "^[A-Za-z][A-Za-z0-9_.]*$")]
    pub field: String,
    /// What it can hold; `text` where nothing is said. Its value comes as text in that form: a number without unit or
    /// separator, a date as YYYY-MM-DD, a checkbox as true or false, a url whole, a picklist as one of its values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<FieldKind>,
    /// The most characters that it holds; 255 where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 32768)]
    pub max_length: Option<u32>,
    /// The values of a picklist, each at most 255 characters long; only a picklist has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Option<Vec<String>>, max_items = 300)]
    pub picklist_values: Vec<String>,
}

/// What a field can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FieldKind {
    /// Any text of its length.
    Text,
    /// A number without unit or separator.
    Number,
    /// An http or https address.
    Url,
    /// One of `picklist_values`.
    Picklist,
    /// A day, as `2026-11-25`.
    Date,
    /// `true` or `false`.
    Checkbox,
}

impl AccountResearchOptions {
    /// The same with its domains in lower case, where nothing is wrong with it.
    ///
    /// # Errors
    /// What the schema could not say, by its place.
    pub(super) fn checked(mut self) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut fault = |pointer: String, detail: &str| {
            faults.push(Fault {
                pointer,
                detail: detail.to_owned(),
            });
        };
        let mut seen = BTreeSet::new();
        for (nth, field) in self.fields.iter().enumerate() {
            if !seen.insert(field.field.to_ascii_lowercase()) {
                fault(
                    format!("/fields/{nth}/field"),
                    "stands in the list already; Salesforce knows no case",
                );
            }
            let values = format!("/fields/{nth}/picklist_values");
            match (field.kind(), field.picklist_values.is_empty()) {
                (FieldKind::Picklist, true) => {
                    fault(values, "is missing: name the picklist's values");
                }
                (FieldKind::Picklist, false) => {
                    for (at, value) in field.picklist_values.iter().enumerate() {
                        if value.trim().is_empty() || units(value) > LINE {
                            fault(format!("{values}/{at}"), "must have 1 to 255 characters");
                        }
                    }
                }
                (_, false) => fault(values, "must be left out: only a picklist has values"),
                (_, true) => {}
            }
        }
        for (nth, domain) in self.search_domains.iter_mut().enumerate() {
            domain.make_ascii_lowercase();
            if !is_domain(domain) {
                fault(
                    format!("/search_domains/{nth}"),
                    "must be a domain such as acme.example, without scheme, port or path",
                );
            }
        }
        if faults.is_empty() {
            Ok(self)
        } else {
            Err(faults)
        }
    }
}

impl ResearchField {
    /// What it can hold.
    pub(in crate::tasks) fn kind(&self) -> FieldKind {
        self.kind.unwrap_or(FieldKind::Text)
    }

    /// The most UTF-16 units that it holds.
    pub(super) fn max_length(&self) -> usize {
        self.max_length
            .and_then(|units| usize::try_from(units).ok())
            .unwrap_or(LINE)
    }
}

impl FieldKind {
    /// The word on the wire.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Url => "url",
            Self::Picklist => "picklist",
            Self::Date => "date",
            Self::Checkbox => "checkbox",
        }
    }
}

/// Whether `text` is the name of a host under a top-level domain: no address, no scheme, no port, no path (RFC 1123).
fn is_domain(text: &str) -> bool {
    let labels: Vec<&str> = text.split('.').collect();
    let is_label = |label: &&str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let top = labels.last().copied().unwrap_or_default();
    text.len() <= 253
        && labels.len() >= 2
        && labels.iter().all(is_label)
        && top.starts_with(|first: char| first.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::TaskName;
    use crate::tasks::named;

    fn told(members: Value) -> Vec<String> {
        let Value::Object(members) = members else {
            panic!("members are an object");
        };
        match named(TaskName::AccountResearch).options(members) {
            Ok(_) => Vec::new(),
            Err(faults) => faults.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn fields_of_every_kind_and_domains_are_taken() {
        let members = json!({
            "fields": [
                { "field": "Industry", "kind": "picklist", "picklist_values": ["Shipping"] },
                { "field": "NumberOfEmployees", "kind": "number" },
                { "field": "Website", "kind": "url", "max_length": 255 },
                { "field": "Founded__c", "kind": "date" },
                { "field": "Listed__c", "kind": "checkbox" },
                { "field": "Parent.Name" },
            ],
            "search_domains": ["Acme.example", "xn--bcher-kva.example", "a.b-c.co1"],
        });
        let Value::Object(members) = members else {
            panic!("members are an object");
        };
        let options = named(TaskName::AccountResearch).options(members).unwrap();
        let crate::tasks::Options::AccountResearch(own) = options else {
            panic!("research has options of its own");
        };
        assert_eq!(own.fields.len(), 6);
        assert_eq!(own.fields[5].kind(), FieldKind::Text);
        assert_eq!(own.fields[5].max_length(), 255);
        assert_eq!(own.search_domains[0], "acme.example");
    }

    #[test]
    fn a_domain_is_the_name_of_a_host_and_nothing_more() {
        for wrong in [
            "",
            "acme",
            "https://acme.example",
            "acme.example/news",
            "acme.example:443",
            "*.acme.example",
            "acme..example",
            "-acme.example",
            "10.0.0.1",
            "acme .example",
            "bücher.example",
        ] {
            assert_eq!(
                told(json!({ "search_domains": ["acme.example", wrong] })),
                [
                    "/search_domains/1 must be a domain such as acme.example, without scheme, port or path"
                ],
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_field_is_asked_for_once_in_whatever_case() {
        assert_eq!(
            told(json!({ "fields": [{ "field": "Industry" }, { "field": "INDUSTRY" }] })),
            ["/fields/1/field stands in the list already; Salesforce knows no case"]
        );
    }

    #[test]
    fn a_picklist_has_values_and_nothing_else_has() {
        assert_eq!(
            told(json!({ "fields": [
                { "field": "A", "kind": "picklist" },
                { "field": "B", "kind": "number", "picklist_values": ["1"] },
                { "field": "C", "picklist_values": ["x"] },
                { "field": "D", "kind": "picklist", "picklist_values": ["x", " ", "y".repeat(256)] },
            ] })),
            [
                "/fields/0/picklist_values is missing: name the picklist's values",
                "/fields/1/picklist_values must be left out: only a picklist has values",
                "/fields/2/picklist_values must be left out: only a picklist has values",
                "/fields/3/picklist_values/1 must have 1 to 255 characters",
                "/fields/3/picklist_values/2 must have 1 to 255 characters",
            ]
        );
    }
}
