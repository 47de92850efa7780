//! From JSON to a [`Record`]: telling parents, children, compounds and values apart, and naming what is wrong.

use std::borrow::Cow;

use serde_json::Value as Json;

use super::fault::{Fault, Faults, Place};
use super::json::{Members, Tree};
use super::record::{Children, Number, Record, Value};
use crate::domain::SalesforceId;
use crate::domain::salesforce_id::NotAnId;

/// The members that a query result has, and a record has not.
const WRAPPER: [&str; 4] = ["totalSize", "done", "records", "nextRecordsUrl"];

impl Record {
    /// The record that `value` is, as `JSON.serialize(sObject)` writes it; hand-made JSON without `attributes`, too.
    ///
    /// `at` is the JSON pointer of `value` in the request (`/record`, `/related/contacts/3`), for the faults.
    /// [`Record::parse_text`] keeps the digits of numbers that no double holds; here they are gone already.
    ///
    /// # Errors
    /// Every fault found, at most 20: not one record, a bad id, a type that is no name, or a limit passed (20 levels
    /// deep, 100,000 values, names of 255 characters).
    pub fn parse(value: Json, at: &str) -> Result<Record, Vec<Fault>> {
        let place = Place::Root(at);
        whole(Tree::of(value, &place), &place)
    }

    /// The record that the JSON text `json` holds, each number with the digits it was written with.
    ///
    /// # Errors
    /// As [`Record::parse`], and where `json` is no JSON, holds a list, or was serialized twice.
    pub fn parse_text(json: &str, at: &str) -> Result<Record, Vec<Fault>> {
        let place = Place::Root(at);
        whole(Tree::read(json, &place), &place)
    }

    /// The records of a related list: a JSON array, a query result, or null for none.
    ///
    /// # Errors
    /// As [`Record::parse`]; the limits count for the list as a whole.
    pub fn parse_list(value: Json, at: &str) -> Result<Vec<Record>, Vec<Fault>> {
        let place = Place::Root(at);
        list(Tree::of(value, &place), &place)
    }

    /// As [`Record::parse_list`], from JSON text.
    ///
    /// # Errors
    /// As [`Record::parse_text`].
    pub fn parse_list_text(json: &str, at: &str) -> Result<Vec<Record>, Vec<Fault>> {
        let place = Place::Root(at);
        list(Tree::read(json, &place), &place)
    }
}

fn whole(tree: Result<Tree<'_>, Fault>, place: &Place<'_>) -> Result<Record, Vec<Fault>> {
    let members = match tree.map_err(|fault| vec![fault])? {
        Tree::Object(members) if !members.is_empty() && !is_wrapper(&members) => members,
        other => return Err(vec![place.fault(instead_of_a_record(&other))]),
    };
    let mut faults = Faults::default();
    let record = record(members, place, &mut faults);
    faults.or(record)
}

fn list(tree: Result<Tree<'_>, Fault>, place: &Place<'_>) -> Result<Vec<Record>, Vec<Fault>> {
    let mut faults = Faults::default();
    let records = match tree.map_err(|fault| vec![fault])? {
        Tree::Null => Vec::new(),
        Tree::List(items) => records(items, place, &mut faults),
        Tree::Object(members) if is_wrapper(&members) => {
            children(members, place, &mut faults).records
        }
        _ => {
            faults.add(
                place,
                "must be a list of records, as JSON.serialize(list) writes it",
            );
            Vec::new()
        }
    };
    faults.or(records)
}

/// What is wrong with a tree where one record is wanted, and what would be right.
fn instead_of_a_record(tree: &Tree<'_>) -> String {
    const RIGHT: &str = "must be one record, as JSON.serialize(sObject) writes it";
    match tree {
        Tree::Object(members) if members.is_empty() => {
            format!("{RIGHT}; this is an object without a field")
        }
        Tree::Object(_) => {
            format!("{RIGHT}; this is a query result, and the record stands in its `records`")
        }
        Tree::List(items) => format!(
            "{RIGHT}; this is a list of {}: send its record by itself",
            items.len()
        ),
        Tree::Text(text) if text.trim_start().starts_with(['{', '[']) => {
            format!("{RIGHT}; this is JSON inside a JSON string: serialize the record once")
        }
        Tree::Text(_) => format!("{RIGHT}; this is a string"),
        Tree::Number(_) => format!("{RIGHT}; this is a number"),
        Tree::Flag(_) => format!("{RIGHT}; this is true or false"),
        Tree::Null => format!("{RIGHT}; this is null"),
    }
}

fn record(members: Members<'_>, place: &Place<'_>, faults: &mut Faults) -> Record {
    let mut record = Record {
        fields: Vec::with_capacity(members.len()),
        ..Record::default()
    };
    for (name, tree) in members {
        let here = Place::Member(place, &name);
        if name == "attributes" {
            read_attributes(tree, &here, &mut record, faults);
            continue;
        }
        let value = if name.eq_ignore_ascii_case("Id") {
            record.id = id(&tree, &here, faults);
            record
                .id
                .map_or(Value::Null, |id| Value::Text(id.as_str().to_owned()))
        } else {
            value(tree, &here, faults)
        };
        record.fields.push((name.into_owned(), value));
    }
    record
}

/// `{"type": "Account", "url": "/services/data/v66.0/sobjects/Account/001…"}`. Other members say nothing to us, and a
/// url that ends in no id (as that of a new record) is as good as none.
fn read_attributes(tree: Tree<'_>, place: &Place<'_>, record: &mut Record, faults: &mut Faults) {
    let members = match tree {
        Tree::Null => return,
        Tree::Object(members) => members,
        _ => {
            return faults.add(
                place,
                r#"must be an object such as {"type": "Opportunity"}"#,
            );
        }
    };
    for (name, tree) in members {
        match (name.as_ref(), tree) {
            ("type", Tree::Text(object)) if is_api_name(&object) => record.object = Some(object.into_owned()),
            ("type", Tree::Text(_)) => faults.add(
                &Place::Member(place, &name),
                r#"must be an object's API name such as "Opportunity": letters, digits and underscores, at most 255"#,
            ),
            ("type", Tree::Null) => {}
            ("type", _) => faults.add(&Place::Member(place, &name), r#"must be a string such as "Opportunity""#),
            ("url", Tree::Text(url)) => {
                record.url_id = url.rsplit('/').next().and_then(|last| last.parse().ok());
            }
            _ => {}
        }
    }
}

fn is_api_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.len() <= 255
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn id(tree: &Tree<'_>, place: &Place<'_>, faults: &mut Faults) -> Option<SalesforceId> {
    match tree {
        Tree::Null => None, // a record that is not inserted yet
        Tree::Text(text) => match text.parse() {
            Ok(id) => Some(id),
            Err(why) => {
                faults.add(
                    place,
                    format!("must be a Salesforce id, but {}", about(&why)),
                );
                None
            }
        },
        _ => {
            faults.add(
                place,
                "must be a Salesforce id, a string of 15 or 18 characters",
            );
            None
        }
    }
}

/// The fault of an id as the rest of a sentence.
fn about(why: &NotAnId) -> String {
    match why {
        NotAnId::Suffix { .. } => why.to_string(),
        NotAnId::Length { .. } | NotAnId::Character { .. } => format!("it {why}"),
    }
}

fn value(tree: Tree<'_>, place: &Place<'_>, faults: &mut Faults) -> Value {
    match tree {
        Tree::Null => Value::Null,
        Tree::Flag(flag) => Value::Flag(flag),
        Tree::Number(digits) => Value::Number(Number(digits.into_owned())),
        Tree::Text(text) => Value::Text(text.into_owned()),
        Tree::Object(members) if is_wrapper(&members) => {
            Value::Children(children(members, place, faults))
        }
        Tree::Object(members) if is_record(&members) => {
            Value::Parent(Box::new(record(members, place, faults)))
        }
        Tree::Object(members) => {
            let read = |(name, tree): (Cow<'_, str>, Tree<'_>)| {
                let value = value(tree, &Place::Member(place, &name), faults);
                (name.into_owned(), value)
            };
            Value::Compound(members.into_iter().map(read).collect())
        }
        Tree::List(items) if are_records(&items) => {
            let records = records(items, place, faults);
            Value::Children(Children {
                total: records.len() as u64,
                records,
            })
        }
        Tree::List(items) => {
            let read = |(index, item)| value(item, &Place::Item(place, index), faults);
            Value::List(items.into_iter().enumerate().map(read).collect())
        }
    }
}

/// `{"totalSize": 2, "done": true, "records": […]}`.
fn children(members: Members<'_>, place: &Place<'_>, faults: &mut Faults) -> Children {
    let mut children = Children::default();
    for (name, tree) in members {
        match (name.as_ref(), tree) {
            ("records", Tree::List(items)) => {
                children.records = records(items, &Place::Member(place, &name), faults);
            }
            ("totalSize", Tree::Number(total)) => {
                children.total = total.parse().unwrap_or_default();
            }
            _ => {}
        }
    }
    children.total = children.total.max(children.records.len() as u64);
    children
}

fn records(items: Vec<Tree<'_>>, place: &Place<'_>, faults: &mut Faults) -> Vec<Record> {
    let mut records = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let place = Place::Item(place, index);
        match item {
            Tree::Object(members) if !is_wrapper(&members) => {
                records.push(record(members, &place, faults));
            }
            _ => faults.add(&place, "must be a record: an object with its fields"),
        }
    }
    records
}

fn is_wrapper(members: &Members<'_>) -> bool {
    let has_records = |(name, tree): &(Cow<'_, str>, Tree<'_>)| {
        name == "records" && matches!(tree, Tree::List(_) | Tree::Null)
    };
    members.iter().any(has_records)
        && members
            .iter()
            .all(|(name, _)| WRAPPER.contains(&name.as_ref()))
}

/// Whether an object is a record rather than a compound. Fields are written with a capital or a double underscore,
/// the parts of an address or a geolocation with neither, so this holds without `attributes`, too.
fn is_record(members: &Members<'_>) -> bool {
    members.iter().any(|(name, _)| {
        name == "attributes"
            || name.starts_with(|first: char| first.is_ascii_uppercase())
            || name.contains("__")
    })
}

/// Whether a plain list is one of records: all of it objects that could be, and at least one that is.
fn are_records(items: &[Tree<'_>]) -> bool {
    let may_be = |item: &Tree<'_>| matches!(item, Tree::Object(members) if !is_wrapper(members));
    let is_one = |item: &Tree<'_>| matches!(item, Tree::Object(members) if is_record(members));
    items.iter().all(may_be) && items.iter().any(is_one)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::arbitrary;
    use super::*;

    fn record(json: &str) -> Record {
        Record::parse_text(json, "/record").unwrap()
    }

    fn faults(json: &str) -> Vec<(String, String)> {
        let told = Record::parse_text(json, "/record").unwrap_err();
        told.into_iter()
            .map(|fault| (fault.pointer, fault.detail))
            .collect()
    }

    fn fault(json: &str) -> (String, String) {
        let mut told = faults(json);
        assert_eq!(told.len(), 1, "{told:?}");
        told.remove(0)
    }

    #[test]
    fn an_opportunity_is_read_with_parents_children_and_compounds() {
        let record = record(include_str!("fixtures/opportunity.json"));
        assert_eq!(record.object(), Some("Opportunity"));
        assert_eq!(record.id().unwrap().key_prefix(), "006");
        assert_eq!(record.number("Amount"), Some(248_000.0));
        assert_eq!(record.get("IsClosed"), Some(&Value::Flag(false)));
        assert_eq!(record.get("Campaign"), Some(&Value::Null));
        let roles = record.children("OpportunityContactRoles");
        assert_eq!(roles.len(), 2);
        assert_eq!(roles[0].text("Contact.Name"), Some("Sigrid Haugen"));
        assert!(record.children("OpportunityLineItems").is_empty());
        let Some(Value::Children(history)) = record.get("ActivityHistories") else {
            panic!("a wrapper with nextRecordsUrl holds children");
        };
        assert_eq!((history.total, history.records.len()), (212, 3));
        assert!(matches!(
            record.get("Account.BillingAddress"),
            Some(Value::Compound(_))
        ));
    }

    #[test]
    fn who_what_and_owner_are_parents_of_whatever_type_they_are() {
        let task = record(include_str!("fixtures/task.json"));
        let object_of = |path: &str| match task.get(path) {
            Some(Value::Parent(parent)) => parent.object().map(str::to_owned),
            _ => None,
        };
        assert_eq!(object_of("Who").as_deref(), Some("Lead"));
        assert_eq!(
            object_of("What").as_deref(),
            Some("belay_demo__Shipment__c")
        );
        assert_eq!(object_of("Owner").as_deref(), Some("Group"));
        assert_eq!(task.get("Account"), Some(&Value::Null));
    }

    #[test]
    fn currencies_keep_their_digits() {
        let account = record(include_str!("fixtures/person_account.json"));
        let digits = |path: &str| match account.get(path) {
            Some(Value::Number(number)) => number.as_str().to_owned(),
            _ => String::new(),
        };
        assert_eq!(digits("acme_pkg__Credit_Limit__c"), "9007199254740993.75");
        assert_eq!(digits("acme_pkg__Rate__c"), "0.10");
        assert_eq!(digits("acme_pkg__Score__c"), "-3");
    }

    #[test]
    fn an_aggregate_result_has_a_type_and_no_id() {
        let result = record(include_str!("fixtures/aggregate_result.json"));
        assert_eq!(result.object(), Some("AggregateResult"));
        assert_eq!(result.id(), None);
        assert_eq!(result.number("expr0"), Some(14.0));
    }

    #[test]
    fn an_id_that_was_not_queried_is_read_from_the_url() {
        let record = record(
            r#"{"attributes":{"type":"Account","url":"/services/data/v66.0/sobjects/Account/0015f00000AsDfGAAV"},"Name":"x"}"#,
        );
        assert_eq!(record.id().unwrap().to_string(), "0015f00000AsDfGAAV");
        let fresh = super::tests::record(
            r#"{"attributes":{"type":"Account","url":"/services/data/v66.0/sobjects/Account/"},"Id":null,"Name":"x"}"#,
        );
        assert_eq!(fresh.id(), None);
    }

    #[test]
    fn a_short_id_becomes_the_long_one() {
        assert_eq!(
            record(r#"{"Id":"0065f00000QwErT"}"#).text("Id"),
            Some("0065f00000QwErTAAV")
        );
    }

    #[test]
    fn hand_made_records_need_no_attributes_and_no_wrappers() {
        let record = record(
            r#"{"id":"0065f00000QwErT","Name":"Acme","Account":{"Name":"Acme AG"},"Contacts":[{"Name":"Ana"},{"Name":"Bo"}],"tags":["a","b"],"place":{"lat":1.5},"nothing":{},"none":[]}"#,
        );
        assert_eq!(record.object(), None);
        assert_eq!(record.id().unwrap().key_prefix(), "006");
        assert_eq!(record.text("Account.Name"), Some("Acme AG"));
        assert_eq!(record.children("Contacts").len(), 2);
        assert!(matches!(record.get("tags"), Some(Value::List(tags)) if tags.len() == 2));
        assert!(matches!(record.get("place"), Some(Value::Compound(_))));
        assert!(record.children("none").is_empty());
    }

    #[test]
    fn whatever_is_not_one_record_is_told_what_would_be_right() {
        for (json, said) in [
            ("null", "null"),
            ("7", "number"),
            ("true", "true or false"),
            ("{}", "object without a field"),
            (r#"[{"Id":null}]"#, "list of 1"),
            (r#""hello""#, "string"),
            (r#""{\"Name\":\"Acme\"}""#, "JSON inside a JSON string"),
            (
                r#"{"totalSize":1,"done":true,"records":[{"Name":"x"}]}"#,
                "query result",
            ),
        ] {
            let (pointer, detail) = fault(json);
            assert_eq!(pointer, "/record");
            assert!(detail.starts_with("must be one record, as JSON.serialize(sObject) writes it"));
            assert!(detail.contains(said), "{json}: {detail}");
        }
    }

    #[test]
    fn every_fault_is_told_at_once_each_with_its_place() {
        let told = faults(
            r#"{"attributes":{"type":7},"Id":"006","Account":{"attributes":"x","Id":"0015f00000AsDfGEAV"},
                "Cases":{"totalSize":3,"records":[{"Id":7},"x",null]}}"#,
        );
        let told: Vec<_> = told
            .iter()
            .map(|(pointer, detail)| (pointer.as_str(), detail.as_str()))
            .collect();
        assert_eq!(
            told,
            [
                (
                    "/record/attributes/type",
                    r#"must be a string such as "Opportunity""#
                ),
                (
                    "/record/Id",
                    "must be a Salesforce id, but it is 3 characters long; a Salesforce id has 15 or 18"
                ),
                (
                    "/record/Account/attributes",
                    r#"must be an object such as {"type": "Opportunity"}"#
                ),
                (
                    "/record/Account/Id",
                    "must be a Salesforce id, but its check suffix is EAV, and would be AAV"
                ),
                (
                    "/record/Cases/records/0/Id",
                    "must be a Salesforce id, a string of 15 or 18 characters"
                ),
                (
                    "/record/Cases/records/1",
                    "must be a record: an object with its fields"
                ),
                (
                    "/record/Cases/records/2",
                    "must be a record: an object with its fields"
                ),
            ]
        );
    }

    #[test]
    fn a_type_that_is_no_name_is_refused() {
        for object in ["", "Contact ", "Con\u{200b}tact", "1Contact", "</record>"] {
            let json = json!({"attributes": {"type": object}, "Name": "x"}).to_string();
            let (pointer, detail) = fault(&json);
            assert_eq!(pointer, "/record/attributes/type");
            assert!(detail.contains("API name"), "{detail}");
        }
    }

    #[test]
    fn a_related_list_comes_as_an_array_a_query_result_or_null() {
        let list = |json: &str| Record::parse_list_text(json, "/related/contacts");
        assert_eq!(list("null").unwrap().len(), 0);
        assert_eq!(list("[]").unwrap().len(), 0);
        assert_eq!(list(r#"[{"Name":"Ana"}]"#).unwrap().len(), 1);
        assert_eq!(
            list(r#"{"totalSize":1,"done":true,"records":[{"Name":"Ana"}]}"#)
                .unwrap()
                .len(),
            1
        );
        assert_eq!(list("7").unwrap_err()[0].pointer, "/related/contacts");
        let told = list(r#"[{"Name":"Ana"},{"Id":"x"}]"#).unwrap_err();
        assert_eq!(told[0].pointer, "/related/contacts/1/Id");
    }

    #[test]
    fn text_and_value_give_the_same_record() {
        for json in [
            include_str!("fixtures/opportunity.json"),
            include_str!("fixtures/task.json"),
            include_str!("fixtures/aggregate_result.json"),
            include_str!("fixtures/case_many_scripts.json"),
            include_str!("fixtures/account_empties.json"),
        ] {
            let value = serde_json::from_str(json).unwrap();
            assert!(Record::parse(value, "/record").unwrap() == record(json));
        }
    }

    proptest! {
        #[test]
        fn no_json_makes_parsing_panic_and_no_fault_repeats_a_value(value in arbitrary::json()) {
            if let Err(told) = Record::parse(value, "/record") {
                prop_assert!(!told.is_empty());
                for fault in told {
                    prop_assert!(fault.pointer.starts_with("/record"));
                    prop_assert!(fault.detail.chars().count() <= 255);
                    prop_assert!(!fault.detail.contains(arbitrary::SECRET));
                }
            }
        }
    }
}
