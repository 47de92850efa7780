//! The fields and facts of a source, as they are written.

use jiff::civil::Date;

use crate::salesforce::{Record, Source, Value};
use crate::tasks::excerpt::{LINE, excerpt};

/// The record's own fields, and the facts where there is no such field.
#[derive(Clone, Copy)]
pub(in crate::tasks) struct Fields<'s> {
    source: &'s Source,
}

/// A field or a fact: its name and its value on one line.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::tasks) struct Field {
    pub(in crate::tasks) label: String,
    pub(in crate::tasks) value: String,
}

impl<'s> Fields<'s> {
    pub(in crate::tasks) fn of(source: &'s Source) -> Self {
        Self { source }
    }

    /// The value at `path`, such as `Account.Name`, on one line; else of the fact of that name.
    pub(in crate::tasks) fn line(self, path: &str) -> Option<String> {
        self.excerpt(path, LINE)
    }

    /// The same, at most `at_most` units long.
    pub(super) fn excerpt(self, path: &str, at_most: usize) -> Option<String> {
        filled(excerpt(self.whole(path)?, at_most))
    }

    /// The value of the first of `paths` that has one.
    pub(in crate::tasks) fn first(self, paths: &[&str]) -> Option<String> {
        paths.iter().find_map(|path| self.line(path))
    }

    /// The value at `path` as it stands.
    pub(super) fn whole(self, path: &str) -> Option<&'s str> {
        let record = self.source.record.as_ref();
        let field = record.and_then(|record| written(record.get(path)?));
        field.or_else(|| self.fact(path))
    }

    /// `label: value` of the field at `path`.
    pub(super) fn labelled(self, label: &str, path: &str) -> Option<String> {
        Some(format!("{label}: {}", self.line(path)?))
    }

    /// The day at `path`.
    pub(in crate::tasks) fn day(self, path: &str) -> Option<Date> {
        let record = self.source.record.as_ref();
        record
            .and_then(|record| record.date(path))
            .or_else(|| self.fact(path)?.parse().ok())
    }

    /// An amount with its thousands apart, and with its currency where the record names one.
    pub(super) fn amount(self, path: &str) -> Option<String> {
        let amount = grouped(&self.line(path)?);
        Some(match self.line("CurrencyIsoCode") {
            Some(currency) => format!("{amount} {currency}"),
            None => amount,
        })
    }

    /// The record's own fields whose name holds one of `words`, and the facts likewise; empty ones left out.
    pub(in crate::tasks) fn named_like(self, words: &[&str]) -> Vec<Field> {
        let mut fields = self.all();
        fields.retain(|field| words.iter().any(|word| plain(&field.label).contains(word)));
        fields
    }

    /// Every field of the record itself and every fact that has a value worth reading: no ids.
    pub(super) fn all(self) -> Vec<Field> {
        let fields = self.source.record.iter().flat_map(Record::fields);
        let fields = fields
            .filter(|(name, _)| !name.ends_with("Id"))
            .filter_map(|(name, value)| Some((name, written(value)?)));
        let facts = self.source.facts.iter();
        fields
            .chain(facts.map(|(label, value)| (label, value.as_str())))
            .filter_map(|(label, value)| {
                Some(Field {
                    label: filled(excerpt(label, LINE))?,
                    value: filled(excerpt(value, LINE))?,
                })
            })
            .collect()
    }

    /// The fact of this name: `Close date` answers to `CloseDate`, and `Stage` to `StageName`.
    fn fact(self, path: &str) -> Option<&'s str> {
        let wanted = plain(path);
        let short = wanted.strip_suffix("name").unwrap_or(&wanted);
        let mut facts = self.source.facts.iter();
        let (_, value) = facts.find(|(label, _)| {
            let label = plain(label);
            !label.is_empty() && (label == wanted || label == short)
        })?;
        filled(value.as_str())
    }
}

impl Field {
    /// The name and the value.
    pub(super) fn told(&self) -> String {
        format!("{}: {}", self.label, self.value)
    }
}

/// A value as it was written; `None` where it is empty or no single value.
pub(super) fn written(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => filled(text.trim()),
        Value::Number(number) => {
            let digits = number.as_str();
            Some(digits.strip_suffix(".0").unwrap_or(digits))
        }
        Value::Null
        | Value::Flag(_)
        | Value::Parent(_)
        | Value::Children(_)
        | Value::Compound(_)
        | Value::List(_) => None,
    }
}

/// `text`, unless there is nothing in it.
pub(super) fn filled<T: AsRef<str>>(text: T) -> Option<T> {
    let is_filled = !text.as_ref().trim().is_empty();
    is_filled.then_some(text)
}

/// The letters and digits of `name` in lower case.
pub(super) fn plain(name: &str) -> String {
    name.chars()
        .filter(|char| char.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// Plain digits with commas between the thousands; anything else as it stands.
fn grouped(number: &str) -> String {
    let (whole, rest) = match number.split_once('.') {
        Some((whole, cents)) if is_digits(cents) => (whole, &number[whole.len()..]),
        Some(_) => return number.to_owned(),
        None => (number, ""),
    };
    if !is_digits(whole) || whole.starts_with('0') {
        return number.to_owned();
    }
    let mut apart = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            apart.push(',');
        }
        apart.push(digit);
    }
    apart + rest
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_amount_is_grouped_and_nothing_else_of_it_changes() {
        for (written, read) in [
            ("184500", "184,500"),
            ("1184500.50", "1,184,500.50"),
            ("950", "950"),
            ("4.12E8", "4.12E8"),
            ("-1200", "-1200"),
            ("0.5", "0.5"),
            ("184.500 EUR", "184.500 EUR"),
            ("[AMOUNT_1]", "[AMOUNT_1]"),
        ] {
            assert_eq!(grouped(written), read);
        }
    }

    #[test]
    fn a_fact_answers_where_the_record_has_no_such_field() {
        let source = Source {
            record: Some(
                Record::parse(json!({ "Amount": 5.0, "NextStep": "" }), "/record").unwrap(),
            ),
            facts: vec![
                ("Amount".to_owned(), "9".to_owned()),
                ("Next step".to_owned(), "Call".to_owned()),
                ("Stage".to_owned(), "Proposal".to_owned()),
                (String::new(), "nothing".to_owned()),
            ],
            ..Source::default()
        };
        let fields = Fields::of(&source);

        assert_eq!(fields.line("Amount").as_deref(), Some("5"));
        assert_eq!(fields.line("NextStep").as_deref(), Some("Call"));
        assert_eq!(fields.line("StageName").as_deref(), Some("Proposal"));
        assert_eq!(fields.line("Name"), None);
    }
}
