//! Whether what an answer names as its source is one: a place in the data, or a page that was found.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

use crate::privacy::links;
use crate::salesforce::{Record, Value, clean};
use crate::tasks::inquiry::Inquiry;

/// An address inside a text, with whatever punctuation follows it.
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?i)\b(?:[a-z][a-z0-9+.-]*://|www\.)[^\s<>"'\[\]「」（）、。]+"#)
        .expect("the pattern is well-formed")
});

/// As [`ADDRESS`], as far as one may be read: quotes and brackets do not end an address, so they end no check of one,
/// and a script without spaces is no part of its scheme.
static WHOLE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?i)(?:[a-z][a-z0-9+.-]*://|(?-u:\b)www\.)[^\s<>"「」（）、。]+"#)
        .expect("the pattern is well-formed")
});

/// What is said of a value with an address from nowhere.
const STRANGE_VALUE: &str = "must not hold an address that neither the data nor the findings hold";

/// A label of at most so many letters has to stand as a word of its own: `Id` is in every "hidden".
const SHORT: usize = 3;

/// Everything that a source may name.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// Names of fields, lists and facts and types of records, in lower case.
    labels: BTreeSet<String>,
    /// Addresses in the data and of the pages found, in their plain form.
    addresses: BTreeSet<String>,
    /// The hosts of those, and hosts that the findings speak of.
    hosts: BTreeSet<String>,
}

impl Places {
    /// The places that an answer to `inquiry` may name.
    pub(super) fn of(inquiry: &Inquiry<'_>) -> Self {
        let mut places = Self::default();
        let source = inquiry.source;
        if let Some(record) = &source.record {
            places.read_record(record);
        }
        for (name, records) in &source.related {
            places.label(name);
            for record in records {
                places.read_record(record);
            }
        }
        for (label, value) in &source.facts {
            places.label(label);
            places.read_text(value);
        }
        if let Some(text) = &source.text {
            places.label("text");
            places.read_text(text);
        }
        if let Some(findings) = inquiry.findings {
            for page in &findings.sources {
                places.addresses.insert(plain_address(&page.url));
            }
            let written = ADDRESS.find_iter(&findings.text);
            let plain = written.map(|found| plain_address(found.as_str()));
            places
                .hosts
                .extend(plain.map(|plain| host_of(&plain).to_owned()));
        }
        let known = places.addresses.iter();
        places
            .hosts
            .extend(known.map(|plain| host_of(plain).to_owned()));
        places
    }

    /// The rule that `value` breaks by an address in it. A path could carry what is known here to wherever it leads, so
    /// an address has to be known to the letter, or be the mere front door of a known host.
    pub(super) fn broken_by_address(&self, value: &str) -> Option<&'static str> {
        let known = |plain: &str| {
            self.addresses.contains(plain)
                || (host_of(plain) == plain && self.hosts.contains(plain))
        };
        holds_strange(value, known).then_some(STRANGE_VALUE)
    }

    /// The same where all of `value` is the address.
    pub(super) fn broken_as_address(&self, value: &str) -> Option<&'static str> {
        let plain = plain_address(value);
        let known = self.addresses.contains(&plain)
            || (host_of(&plain) == plain && self.hosts.contains(&plain));
        (!known).then_some(STRANGE_VALUE)
    }

    /// The rule that `source` breaks; `None` where it names a place.
    pub(super) fn broken_rule(&self, source: &str) -> Option<&'static str> {
        if holds_strange(source, |plain| self.addresses.contains(plain)) {
            return Some("must not name an address that neither the data nor the findings hold");
        }
        if WHOLE.is_match(source) {
            return None;
        }
        let known =
            self.names_a_label(source) || self.addresses.contains(&plain_address(source.trim()));
        (!known).then_some(
            "must name the field, list or label of the data where it stands, or the url of a page in the findings",
        )
    }

    fn names_a_label(&self, source: &str) -> bool {
        let (source, letters) = (source.to_lowercase(), squashed(source));
        self.labels.iter().any(|label| {
            let of_label = squashed(label);
            // Scripts without spaces have no words to compare.
            if of_label.is_ascii() && of_label.len() <= SHORT {
                stands_alone(label, &source)
            } else {
                letters.contains(&of_label)
            }
        })
    }

    fn read_record(&mut self, record: &Record) {
        if let Some(object) = record.object() {
            self.label(object);
        }
        for (name, value) in record.fields() {
            self.label(name);
            self.read_value(value);
        }
    }

    fn read_value(&mut self, value: &Value) {
        match value {
            Value::Text(text) => self.read_text(text),
            Value::Parent(parent) => self.read_record(parent),
            Value::Children(children) => {
                for record in &children.records {
                    self.read_record(record);
                }
            }
            Value::Compound(members) => {
                for (name, value) in members {
                    self.label(name);
                    self.read_value(value);
                }
            }
            Value::List(values) => {
                for value in values {
                    self.read_value(value);
                }
            }
            Value::Null | Value::Flag(_) | Value::Number(_) => {}
        }
    }

    /// Notes the addresses in a value: those written out, and a value that is nothing but a host, such as `acme.example`.
    fn read_text(&mut self, text: &str) {
        let text = clean(text);
        for form in [&ADDRESS, &WHOLE] {
            let found = form.find_iter(&text);
            self.addresses
                .extend(found.map(|found| plain_address(found.as_str())));
        }
        let whole = text.trim();
        let is_bare = whole.contains('.')
            && !whole.contains(|char: char| char.is_whitespace() || char == '@');
        if is_bare {
            self.addresses.insert(plain_address(whole));
        }
    }

    fn label(&mut self, label: &str) {
        if !squashed(label).is_empty() {
            self.labels.insert(label.trim().to_lowercase());
        }
    }
}

/// Whether `text` holds an address that is not `known` in its plain form, or a link in any other spelling.
fn holds_strange(text: &str, known: impl Fn(&str) -> bool) -> bool {
    let mut rest = String::new();
    let mut copied = 0;
    for found in WHOLE.find_iter(text) {
        if !known(&plain_address(found.as_str())) {
            return true;
        }
        rest.push_str(&text[copied..found.start()]);
        rest.push(' ');
        copied = found.end();
    }
    rest.push_str(&text[copied..]);
    let rest = clean(&rest);
    links::keep_allowed(&rest, &[]) != rest
}

/// Whether `label` is in `source` with no letter or digit beside it.
fn stands_alone(label: &str, source: &str) -> bool {
    source.match_indices(label).any(|(start, _)| {
        let before = source[..start].chars().next_back();
        let behind = source[start + label.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !behind.is_some_and(char::is_alphanumeric)
    })
}

/// The letters and digits of `text` in lower case, so that `Billing City` is `BillingCity`.
fn squashed(text: &str) -> String {
    text.chars()
        .filter(|char| char.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// An address without what does not matter: an http scheme, `www.`, the case of its host, punctuation at its end.
fn plain_address(written: &str) -> String {
    let ends = [
        '.', ',', ';', ':', '!', '?', ')', ']', '}', '\'', '’', '“', '”', '»', '*', '`', '/',
    ];
    let whole = written.trim_end_matches(ends);
    let bare = without(without(whole, "https://"), "http://");
    let bare = without(bare, "www.");
    let end = bare.find(['/', '?', '#']).unwrap_or(bare.len());
    let (host, rest) = bare.split_at(end);
    format!("{}{rest}", host.to_lowercase())
}

/// The host of an address in its plain form.
fn host_of(plain: &str) -> &str {
    plain.split(['/', '?', '#']).next().unwrap_or_default()
}

/// `text` without `prefix` in whatever case.
fn without<'t>(text: &'t str, prefix: &str) -> &'t str {
    match text.get(..prefix.len()) {
        Some(head) if head.eq_ignore_ascii_case(prefix) => &text[prefix.len()..],
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use serde_json::json;

    use super::*;
    use crate::salesforce::Source;
    use crate::tasks::{Findings, SourceFound};

    fn source() -> Source {
        Source {
            record: Some(
                Record::parse(
                    json!({
                        "attributes": { "type": "Account" },
                        "Id": "0015f00000AsDfGAAV",
                        "Website": "www.Acme.example",
                        "BillingAddress": { "city": "Bergen" },
                        "A__c": "x",
                        "Description": "See https://acme.example/Fleet?a=1. Or call.",
                    }),
                    "/record",
                )
                .unwrap(),
            ),
            related: vec![("contacts".to_owned(), Vec::new())],
            facts: vec![("業種".to_owned(), "海運".to_owned())],
            text: Some("Heard at the fair.".to_owned()),
        }
    }

    fn broken_rule(source_named: &str) -> Option<&'static str> {
        let source = source();
        let findings = Findings {
            text: String::new(),
            sources: vec![SourceFound {
                url: "https://news.example/acme?a=1&b=2".to_owned(),
                title: "Acme grows".to_owned(),
            }],
        };
        let inquiry = Inquiry {
            findings: Some(&findings),
            ..Inquiry::plain(&source, date(2026, 11, 22))
        };
        Places::of(&inquiry).broken_rule(source_named)
    }

    #[test]
    fn a_place_in_the_data_is_a_source_however_it_is_spelt() {
        for named in [
            "Account.Website",
            "the website of the account",
            "Billing Address, City",
            "Id",
            "Account.A__c",
            "related.contacts",
            "業種",
            "text: \"Heard at the fair.\"",
        ] {
            assert_eq!(broken_rule(named), None, "{named}");
        }
    }

    #[test]
    fn an_address_of_the_data_or_of_a_page_found_is_a_source() {
        for named in [
            "https://acme.example",
            "http://www.acme.example/",
            "acme.example",
            "https://ACME.example/Fleet?a=1",
            "https://news.example/acme?a=1&b=2",
            "Account.Website (https://acme.example), https://news.example/acme?a=1&b=2.",
            "Website: 'https://acme.example'",
            "[Website](https://acme.example)",
            "「https://acme.example」、Website",
            "詳細はhttps://acme.example。",
        ] {
            assert_eq!(broken_rule(named), None, "{named}");
        }
    }

    #[test]
    fn an_address_from_nowhere_is_none_whatever_stands_beside_it() {
        let rule = "must not name an address that neither the data nor the findings hold";
        for named in [
            "https://evil.example",
            "https://acme.example/other",
            "https://acme.example/fleet?a=1",
            "https://news.example/acme?a=1&b=3",
            "https://acme.example@evil.example",
            "www.evil.example",
            "ftp://acme.example",
            "Account.Website: https://acme.example and https://evil.example",
        ] {
            assert_eq!(broken_rule(named), Some(rule), "{named}");
        }
    }

    #[test]
    fn a_known_address_carries_nothing_behind_it() {
        let rule = Some("must not name an address that neither the data nor the findings hold");
        for named in [
            "https://acme.example/fleet?a='184500'",
            "https://acme.example/Fleet?a=1'184500'",
            "https://acme.example/Fleet?a=1[CONTACT_NAME_1]",
            "https://acme.example/Fleet?a=1[184500]",
        ] {
            assert_eq!(broken_rule(named), rule, "{named}");
        }
    }

    #[test]
    fn a_link_in_another_spelling_is_an_address_from_nowhere() {
        let rule = Some("must not name an address that neither the data nor the findings hold");
        for named in [
            "Account.Website [x](//evil.example/184500)",
            "Account.Website https:evil.example/184500",
            "Account.Website https:\\\\evil.example",
            "Account.Website <img src=//evil.example/184500>",
            "Account.Website javascript:alert(1)",
            "Account.Website //evil.example/184500",
            "Account.Website &#104;ttps://evil.example",
            "Account.Website h\u{200b}ttps://evil.example",
        ] {
            assert_eq!(broken_rule(named), rule, "{named}");
        }
    }

    #[test]
    fn a_value_that_is_an_address_is_known_to_its_last_character() {
        let source = source();
        let places = Places::of(&Inquiry::plain(&source, date(2026, 11, 22)));
        assert_eq!(places.broken_as_address("https://acme.example/"), None);
        assert!(
            places
                .broken_as_address("https://acme.example/Fleet?a=1、184500")
                .is_some()
        );
    }

    #[test]
    fn what_names_no_place_is_no_source() {
        for named in ["", "common knowledge", "hidden", "[1]", "evil.example", "…"] {
            assert!(
                broken_rule(named).is_some_and(|rule| rule.starts_with("must name")),
                "{named}"
            );
        }
    }
}
