//! A record as the org serialized it, and the questions that one asks of it.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

use crate::domain::SalesforceId;

/// One `SObject`: its type, its id and its fields in the order in which they came.
///
/// `Debug` tells its shape and no value, so that a record never reaches a log by accident.
#[derive(Clone, PartialEq, Default)]
pub struct Record {
    pub(super) object: Option<String>,
    /// What `attributes.url` ends in.
    pub(super) url_id: Option<SalesforceId>,
    pub(super) id: Option<SalesforceId>,
    pub(super) fields: Vec<(String, Value)>,
}

/// What a field holds. `Debug` tells the kind only.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// Empty in the org, or a parent that is not there.
    Null,
    /// A checkbox.
    Flag(bool),
    /// A number, a currency or a percentage.
    Number(Number),
    /// Everything that Salesforce writes as a string: text, HTML, ids, dates, times, picklists (`a;b` for several), base64.
    Text(String),
    /// The record that a lookup names: `Account`, `Owner`, `Who`, `Project__r`.
    Parent(Box<Record>),
    /// The records of a child relationship: `CaseComments`, `Invoices__r`.
    Children(Children),
    /// An address or a geolocation: members, but no record.
    Compound(Vec<(String, Value)>),
    /// A list of values that are no records; hand-made JSON has these.
    List(Vec<Value>),
}

/// A number with the digits that it was written with. Always a JSON number.
#[derive(Clone, PartialEq, Eq)]
pub struct Number(pub(super) String);

/// The records of a child relationship, in the order in which they came.
#[derive(Clone, PartialEq, Default)]
pub struct Children {
    /// How many the query found; more than `records` holds where its result came in several parts.
    pub total: u64,
    /// Those that came along.
    pub records: Vec<Record>,
}

impl Record {
    /// The type, from `attributes.type`: `Opportunity`, `Invoice__c`, `AggregateResult`. None in hand-made JSON.
    #[must_use]
    pub fn object(&self) -> Option<&str> {
        self.object.as_deref()
    }

    /// The record's own id: from `Id`, else from `attributes.url`, which is there though `Id` was not queried.
    #[must_use]
    pub fn id(&self) -> Option<SalesforceId> {
        self.id.or(self.url_id)
    }

    /// Every id inside: its own, those of parents and children, and those that fields name, such as `AccountId`.
    #[must_use]
    pub fn ids(&self) -> BTreeSet<SalesforceId> {
        let mut ids = BTreeSet::new();
        self.collect_ids(&mut ids);
        ids
    }

    pub(super) fn collect_ids(&self, ids: &mut BTreeSet<SalesforceId>) {
        ids.extend(self.id);
        ids.extend(self.url_id);
        for (name, value) in &self.fields {
            value.collect_ids(name, ids);
        }
    }

    /// The fields, in the order in which they came; names as they were spelt.
    #[must_use]
    pub fn fields(&self) -> &[(String, Value)] {
        &self.fields
    }

    /// The same record, holding `fields` instead: it still answers for its type and its id, though no field names them.
    #[must_use]
    pub fn with_fields(&self, fields: Vec<(String, Value)>) -> Record {
        Record {
            object: self.object.clone(),
            url_id: self.url_id,
            id: self.id,
            fields,
        }
    }

    /// What stands at `path`: `Amount`, `Account.Name`, `BillingAddress.city`. Case does not matter, as in Salesforce.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Value> {
        let (name, rest) = match path.split_once('.') {
            Some((name, rest)) => (name, Some(rest)),
            None => (path, None),
        };
        let value = member(&self.fields, name)?;
        match (rest, value) {
            (None, value) => Some(value),
            (Some(rest), Value::Parent(parent)) => parent.get(rest),
            (Some(rest), Value::Compound(members)) => member(members, rest),
            (Some(_), _) => None,
        }
    }

    /// The text at `path`; None for everything that is no text.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        match self.get(path)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number at `path`; None for everything that is no number.
    #[must_use]
    pub fn number(&self, path: &str) -> Option<f64> {
        match self.get(path)? {
            Value::Number(number) => Some(number.as_f64()),
            _ => None,
        }
    }

    /// The day at `path`, of a Date as it stands, of a Datetime in UTC, which is how Salesforce writes them.
    #[must_use]
    pub fn date(&self, path: &str) -> Option<Date> {
        let text = self.text(path)?;
        match moment(text) {
            Some(moment) => Some(Offset::UTC.to_datetime(moment).date()),
            None => text.parse().ok(),
        }
    }

    /// The child records at `path`; none where there is no such relationship.
    #[must_use]
    pub fn children(&self, path: &str) -> &[Record] {
        match self.get(path) {
            Some(Value::Children(children)) => &children.records,
            _ => &[],
        }
    }

    /// When the record last was of interest: the newest of the moments it bears. None for a record without any.
    pub(super) fn newest_moment(&self) -> Option<Timestamp> {
        const MOMENTS: [&str; 9] = [
            "CreatedDate",
            "LastModifiedDate",
            "SystemModstamp",
            "ActivityDate",
            "ActivityDateTime",
            "MessageDate",
            "CompletedDateTime",
            "StartDateTime",
            "EndDateTime",
        ];
        let named = |name: &str| {
            MOMENTS
                .iter()
                .any(|moment| moment.eq_ignore_ascii_case(name))
        };
        let moment_of = |value: &Value| match value {
            Value::Text(text) => moment(text),
            _ => None,
        };
        self.fields
            .iter()
            .filter(|(name, _)| named(name))
            .filter_map(|(_, value)| moment_of(value))
            .max()
    }
}

impl Value {
    fn collect_ids(&self, name: &str, ids: &mut BTreeSet<SalesforceId>) {
        match self {
            Value::Text(text) => ids.extend(referenced_id(name, text)),
            Value::Parent(record) => record.collect_ids(ids),
            Value::Children(children) => {
                for record in &children.records {
                    record.collect_ids(ids);
                }
            }
            Value::Compound(members) => {
                for (name, value) in members {
                    value.collect_ids(name, ids);
                }
            }
            Value::List(values) => {
                for value in values {
                    value.collect_ids(name, ids);
                }
            }
            Value::Null | Value::Flag(_) | Value::Number(_) => {}
        }
    }
}

/// The id that the field `name` refers to by `text`. Of 18 characters the suffix proves it, under any name, since a
/// custom lookup is called `Partner__c`; 15 could be any word and count only where the name says id.
fn referenced_id(name: &str, text: &str) -> Option<SalesforceId> {
    let says_id = || {
        name.get(name.len().saturating_sub(2)..)
            .is_some_and(|end| end.eq_ignore_ascii_case("id"))
    };
    let may_be = text.len() == 18 || (text.len() == 15 && says_id());
    if may_be { text.parse().ok() } else { None }
}

/// The member called `name`, best in this spelling, else in any.
fn member<'m>(members: &'m [(String, Value)], name: &str) -> Option<&'m Value> {
    members
        .iter()
        .find(|(spelt, _)| spelt == name)
        .or_else(|| {
            members
                .iter()
                .find(|(spelt, _)| spelt.eq_ignore_ascii_case(name))
        })
        .map(|(_, value)| value)
}

/// The moment of a Datetime, of a Date its first.
fn moment(text: &str) -> Option<Timestamp> {
    let datetime = || text.parse::<Timestamp>().ok();
    let day = || {
        let day = text.parse::<Date>().ok()?;
        Offset::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok()
    };
    datetime().or_else(day)
}

impl Number {
    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The double that comes closest.
    ///
    /// # Panics
    /// Never: parsing lets only JSON numbers in.
    #[must_use]
    pub fn as_f64(&self) -> f64 {
        self.0.parse().expect("parsing let only JSON numbers in")
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("object", &self.object)
            .field("id", &self.id())
            .field("fields", &self.fields.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("Null"),
            Value::Flag(_) => f.write_str("Flag"),
            Value::Number(_) => f.write_str("Number"),
            Value::Text(text) => write!(f, "Text of {} bytes", text.len()),
            Value::Parent(record) => write!(f, "Parent {record:?}"),
            Value::Children(children) => write!(f, "{children:?}"),
            Value::Compound(members) => write!(f, "Compound of {}", members.len()),
            Value::List(values) => write!(f, "List of {}", values.len()),
        }
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Number")
    }
}

impl fmt::Debug for Children {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Children, {} of {}", self.records.len(), self.total)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn record(json: &str) -> Record {
        Record::parse_text(json, "/record").unwrap()
    }

    fn opportunity() -> Record {
        record(include_str!("fixtures/opportunity.json"))
    }

    #[test]
    fn fields_are_found_in_any_spelling_and_through_parents() {
        let record = opportunity();
        assert_eq!(record.text("name"), record.text("Name"));
        assert_eq!(record.text("ACCOUNT.name"), Some("Fjordline Ferries AS"));
        assert_eq!(record.text("Account.Owner.Name"), Some("Tomasz Wilk"));
        assert_eq!(record.text("Account.BillingAddress.City"), Some("Bergen"));
        assert_eq!(record.get("Account.Nothing"), None);
        assert_eq!(record.get("Name.Nothing"), None);
        assert_eq!(record.get("OpportunityContactRoles.Role"), None);
        assert_eq!(record.get(""), None);
    }

    #[test]
    fn the_spelling_asked_for_goes_before_another() {
        let record = record(r#"{"name":"second","Name":"first"}"#);
        assert_eq!(record.text("Name"), Some("first"));
        assert_eq!(record.text("name"), Some("second"));
    }

    #[test]
    fn a_record_with_other_fields_is_still_that_record() {
        let record = opportunity();
        let bare = record.with_fields(Vec::new());
        assert_eq!((bare.object(), bare.id()), (record.object(), record.id()));
        assert!(bare.fields().is_empty());
    }

    #[test]
    fn a_date_is_read_from_a_date_and_from_a_datetime() {
        let record = opportunity();
        assert_eq!(record.date("CloseDate"), Some(date(2027, 1, 29)));
        assert_eq!(record.date("CreatedDate"), Some(date(2026, 6, 2)));
        assert_eq!(record.date("Name"), None);
        assert_eq!(record.date("Amount"), None);
    }

    #[test]
    fn every_spelling_of_a_datetime_is_the_same_moment() {
        let moment = moment("2026-11-14T16:40:12.000+0000").unwrap();
        assert_eq!(moment.to_string(), "2026-11-14T16:40:12Z");
        for same in [
            "2026-11-14T16:40:12Z",
            "2026-11-14T16:40:12.000Z",
            "2026-11-14T17:40:12.000+0100",
            "2026-11-14T16:40:12+00:00",
        ] {
            assert_eq!(super::moment(same), Some(moment), "{same}");
        }
        assert_eq!(
            super::moment("2026-11-14").unwrap().to_string(),
            "2026-11-14T00:00:00Z"
        );
        assert_eq!(super::moment("16:40:12.000Z"), None);
        assert_eq!(super::moment("tomorrow"), None);
    }

    #[test]
    fn the_ids_inside_are_those_of_fields_parents_children_and_urls() {
        let ids: Vec<String> = opportunity()
            .ids()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            ids,
            serde_json::from_str::<Vec<String>>(include_str!("fixtures/opportunity.ids.json"))
                .unwrap()
        );
    }

    #[test]
    fn fifteen_letters_are_an_id_only_where_the_name_says_so() {
        let record = record(r#"{"Name":"Internationally","WhatId":"0065f00000QwErT"}"#);
        assert_eq!(record.ids().len(), 1);
    }

    #[test]
    fn a_record_tells_its_newest_moment() {
        let record = record(
            r#"{"CreatedDate":"2026-01-01T00:00:00.000+0000","activitydate":"2026-03-01","CloseDate":"2029-01-01","LastModifiedDate":null}"#,
        );
        assert_eq!(
            record.newest_moment().unwrap().to_string(),
            "2026-03-01T00:00:00Z"
        );
    }

    #[test]
    fn printing_a_record_for_a_log_shows_no_value() {
        let record = opportunity();
        let printed = format!("{record:?} {:?}", record.fields());
        for secret in ["Fjordline", "248000", "Bergen", "example"] {
            assert!(!printed.contains(secret), "{secret} in {printed}");
        }
    }
}
