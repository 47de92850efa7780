//! What the rules by object and field leave of a source, with every text cleaned of what no eye sees.
//!
//! # Why
//! Names are cleaned before they are compared, or an unseen character inside of `SSN__c` would carry it past its rule.
//! A parent or child is governed by the fields inside it, a rule that names the relationship takes it whole. Addresses
//! are one field under their own name; since an org thinks of `Account.BillingCity` as well, their parts go by that name, too.
//!
//! A fact has a label and no object, so it is taken for every field that its label may name.

use super::known::Known;
use super::vault::{Vault, label_of};
use crate::domain::Privacy;
use crate::salesforce::{Children, Record, Source, Value, clean, readable};

/// One pass over a source.
pub(super) struct Rules<'p> {
    policy: &'p Privacy,
    /// Learns what masked fields hold.
    pub(super) known: Known,
    /// Is told which numbers the texts use.
    pub(super) vault: Vault,
}

/// Where a value stands, and what was decided further out.
#[derive(Clone, Copy)]
pub(super) struct Place<'n> {
    pub(super) object: Option<&'n str>,
    pub(super) name: &'n str,
    /// The address that it is a part of.
    pub(super) compound: Option<&'n str>,
    /// Whether something around it is let out, and so all inside.
    pub(super) allowed: bool,
    /// Whether something around it is masked, and so all inside.
    pub(super) masked: bool,
}

impl<'n> Place<'n> {
    /// The field `name` of a record.
    pub(super) fn of(object: Option<&'n str>, name: &'n str, masked: bool) -> Self {
        Self {
            object,
            name,
            compound: None,
            allowed: false,
            masked,
        }
    }

    /// The value of a fact.
    pub(super) fn of_fact(label: &'n str, policy: &Privacy) -> Self {
        let name = last_part(label);
        let masked = names_in(label).iter().any(|name| policy.masks(None, name));
        Self {
            allowed: true,
            ..Self::of(None, name, masked)
        }
    }

    /// The member `name` of the compound that stands here.
    pub(super) fn part(self, name: &'n str) -> Self {
        Self {
            name,
            compound: Some(self.name),
            ..self
        }
    }

    /// Whether `rule` speaks of this place, by any of its names.
    fn is_under(&self, rule: impl Fn(Option<&str>, &str) -> bool) -> bool {
        rule(self.object, self.name)
            || self
                .compound
                .is_some_and(|compound| rule(self.object, &field_of_part(compound, self.name)))
    }

    /// The same place, with what `policy` decides here for all inside.
    pub(super) fn under(self, policy: &Privacy) -> Self {
        Self {
            allowed: self.allowed || self.is_under(|object, name| policy.allows(object, name)),
            masked: self.masked || self.is_under(|object, name| policy.masks(object, name)),
            ..self
        }
    }

    /// What the placeholder of a masked value here is called.
    pub(super) fn label(&self) -> String {
        label_of(self.object, self.name)
    }
}

/// The name of a field without what no eye sees, blanks around it included: they would carry it past its rule.
fn field_name(name: &str) -> String {
    clean(name).trim().to_owned()
}

/// The last part of a fact's label.
fn last_part(label: &str) -> &str {
    let label = label.trim_end_matches(|c: char| c.is_whitespace() || ".:".contains(c));
    label.rsplit('.').next().unwrap_or(label).trim()
}

/// Everything that a fact's label may name: its last part, each of its words, and all of them as one, also as a custom
/// field. `Contact: Birthdate` and `SSN` are written by people who know no API names.
fn names_in(label: &str) -> Vec<String> {
    let mut names = vec![last_part(label).to_owned()];
    let words: Vec<&str> = label
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| !word.is_empty())
        .collect();
    names.extend(words.iter().map(|&word| word.to_owned()));
    names.push(words.concat());
    names.push(words.join("_"));
    let custom: Vec<String> = names.iter().map(|name| format!("{name}__c")).collect();
    names.extend(custom);
    names
}

/// `BillingAddress` and `city` are `BillingCity`, `Site__c` and `latitude` are `Site__Latitude__s`.
fn field_of_part(compound: &str, part: &str) -> String {
    let mut chars = part.chars();
    let part: String = chars
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .chain(chars)
        .collect();
    let without = |suffix: &str| {
        let at = compound.len().checked_sub(suffix.len())?;
        let (head, tail) = compound.split_at_checked(at)?;
        tail.eq_ignore_ascii_case(suffix).then_some(head)
    };
    match (without("Address"), without("__c")) {
        (Some(kind), _) => format!("{kind}{part}"),
        (None, Some(name)) => format!("{name}__{part}__s"),
        (None, None) => part,
    }
}

impl<'p> Rules<'p> {
    pub(super) fn new(policy: &'p Privacy) -> Self {
        Self {
            policy,
            known: Known::default(),
            vault: Vault::default(),
        }
    }

    /// What is left of `source`. The record in question stays, though maybe without a field, and so answers for its id.
    pub(super) fn apply(&mut self, source: &Source) -> Source {
        let record = source.record.as_ref().map(|record| {
            let left = self.record(record, false);
            left.unwrap_or_else(|| record.with_fields(Vec::new()))
        });
        let related = source.related.iter().map(|(name, records)| {
            let left = records
                .iter()
                .filter_map(|record| self.record(record, false));
            (name.clone(), left.collect())
        });
        let related = related.collect();
        let lets_text_out = self.policy.lets_text_out();
        let facts = source.facts.iter().filter(|_| lets_text_out);
        let facts = facts
            .filter_map(|(label, value)| self.fact(label, value))
            .collect();
        let text = source.text.as_deref().filter(|_| lets_text_out);
        Source {
            record,
            related,
            facts,
            text: text.map(|text| self.text(text)),
        }
    }

    /// A text that may go along, cleaned.
    pub(super) fn text(&mut self, text: &str) -> String {
        let text = readable(text);
        self.vault.leave_out(&text);
        text.into_owned()
    }

    fn fact(&mut self, label: &str, value: &str) -> Option<(String, String)> {
        let label = clean(label);
        if names_in(&label)
            .iter()
            .any(|name| self.policy.drops(None, name))
        {
            return None;
        }
        let place = Place::of_fact(&label, self.policy);
        let value = self.text(value);
        if place.masked {
            self.known.learn(&place.label(), &value);
        }
        self.vault.leave_out(&label);
        Some((label.into_owned(), value))
    }

    /// None where something was there and nothing of it is left.
    fn record(&mut self, record: &Record, masked: bool) -> Option<Record> {
        let mut fields = Vec::with_capacity(record.fields().len());
        for (name, value) in record.fields() {
            let name = field_name(name);
            let place = Place::of(record.object(), &name, masked);
            if let Some(value) = self.value(place, value) {
                self.vault.leave_out(&name);
                fields.push((name, value));
            }
        }
        let nothing_left =
            fields.is_empty() && (self.policy.allow.is_some() || !record.fields().is_empty());
        (!nothing_left).then(|| record.with_fields(fields))
    }

    fn value(&mut self, place: Place<'_>, value: &Value) -> Option<Value> {
        if place.is_under(|object, name| self.policy.drops(object, name)) {
            return None;
        }
        let place = place.under(self.policy);
        let left = match value {
            Value::Parent(parent) => Value::Parent(Box::new(self.record(parent, place.masked)?)),
            Value::Children(children) => self.children(place, children)?,
            Value::Compound(members) => {
                let mut parts = Vec::with_capacity(members.len());
                for (name, value) in members {
                    let name = field_name(name);
                    if let Some(value) = self.value(place.part(&name), value) {
                        self.vault.leave_out(&name);
                        parts.push((name, value));
                    }
                }
                let is_left = place.allowed || !parts.is_empty();
                return is_left.then_some(Value::Compound(parts));
            }
            Value::List(values) => {
                let items: Vec<Value> = values
                    .iter()
                    .filter_map(|value| self.value(place, value))
                    .collect();
                let is_left = place.allowed || !items.is_empty();
                return is_left.then_some(Value::List(items));
            }
            _ if !place.allowed => return None,
            Value::Text(text) => Value::Text(self.text(text)),
            Value::Null | Value::Flag(_) | Value::Number(_) => value.clone(),
        };
        if place.masked {
            match &left {
                Value::Text(text) => self.known.learn(&place.label(), text),
                Value::Number(number) => self.known.learn_number(&place.label(), number.as_str()),
                _ => {}
            }
        }
        Some(left)
    }

    /// The records that are left; as many as went are no longer counted.
    fn children(&mut self, place: Place<'_>, children: &Children) -> Option<Value> {
        let records: Vec<Record> = children
            .records
            .iter()
            .filter_map(|record| self.record(record, place.masked))
            .collect();
        let gone = (children.records.len() - records.len()) as u64;
        let is_left = !records.is_empty() || (place.allowed && gone == 0);
        is_left.then_some(Value::Children(Children {
            total: children.total - gone,
            records,
        }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::domain::FieldPattern;
    use crate::salesforce::{Material, arbitrary};

    fn patterns(texts: &[&str]) -> Vec<FieldPattern> {
        texts
            .iter()
            .map(|text| FieldPattern::parse(text).unwrap())
            .collect()
    }

    fn dropping(texts: &[&str]) -> Privacy {
        Privacy {
            drop: patterns(texts),
            ..Privacy::default()
        }
    }

    fn allowing(texts: &[&str]) -> Privacy {
        Privacy {
            allow: Some(patterns(texts)),
            ..Privacy::default()
        }
    }

    fn left_of(policy: &Privacy, record: Json) -> Json {
        let source = Source {
            record: Some(Record::parse(record, "/record").unwrap()),
            ..Source::default()
        };
        let left = Rules::new(policy).apply(&source);
        let read: Json = serde_json::from_str(&Material::of(&left, 1_000_000).json).unwrap();
        read.get("record").cloned().unwrap_or(Json::Null)
    }

    fn deal() -> Json {
        json!({
            "attributes": {"type": "Opportunity"}, "Id": "0065f00000QwErTAAV", "Name": "Renewal", "SSN__c": "1",
            "Account": {"attributes": {"type": "Account"}, "Name": "Acme", "SSN__c": "2",
                "BillingAddress": {"city": "Bath", "street": "Mill Lane 3"}},
            "Roles": {"totalSize": 7, "done": true, "records": [
                {"attributes": {"type": "OpportunityContactRole"}, "Role": "Buyer",
                    "Contact": {"attributes": {"type": "Contact"}, "Name": "Ana Prado", "ssn__C": "3", "Birthdate": "1980-05-17"}},
                {"attributes": {"type": "OpportunityContactRole"}, "SSN__c": "4"}
            ]}
        })
    }

    #[test]
    fn a_dropped_field_is_gone_at_every_depth() {
        let left = left_of(&dropping(&["*.SSN__c", "Contact.Birth*"]), deal());
        let text = left.to_string();
        assert!(
            !text.to_lowercase().contains("ssn") && !text.contains("Birthdate"),
            "{text}"
        );
        assert!(text.contains("Ana Prado") && text.contains("Bath"));
        assert_eq!(left["Roles"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn unseen_characters_in_a_name_carry_nothing_past_a_rule() {
        let left = left_of(
            &dropping(&["*.SSN__c"]),
            json!({"Name": "x", "S\u{200b}SN__c": "secret", " SSN__c": "secret", "SSN__c\u{a0}\t": "secret"}),
        );
        assert_eq!(left, json!({"Name": "x"}));
    }

    #[test]
    fn a_rule_that_names_a_relationship_takes_it_whole() {
        let left = left_of(
            &dropping(&["Opportunity.Account", "Opportunity.Roles"]),
            deal(),
        );
        assert_eq!(
            left,
            json!({"sObject": "Opportunity", "Id": "0065f00000QwErTAAV", "Name": "Renewal", "SSN__c": "1"})
        );
    }

    #[test]
    fn under_an_allow_list_only_what_it_names_is_left_and_the_record_answers_for_its_id() {
        let left = left_of(&allowing(&["Contact.Name", "Account.BillingCity"]), deal());
        assert_eq!(
            left,
            json!({"sObject": "Opportunity",
                "Account": {"sObject": "Account", "BillingAddress": {"city": "Bath"}},
                "Roles": [{"sObject": "OpportunityContactRole", "Contact": {"sObject": "Contact", "Name": "Ana Prado"}}]})
        );
        let source = Source {
            record: Some(Record::parse(deal(), "/record").unwrap()),
            ..Source::default()
        };
        let left = Rules::new(&allowing(&["Contact.Name"]))
            .apply(&source)
            .record
            .unwrap();
        assert_eq!(
            (left.object(), left.id().unwrap().key_prefix()),
            (Some("Opportunity"), "006")
        );
        let Some(Value::Children(roles)) = left.get("Roles") else {
            panic!("the roles are left");
        };
        assert_eq!((roles.total, roles.records.len()), (6, 1));
    }

    #[test]
    fn a_record_that_loses_everything_is_not_sent_at_all() {
        assert_eq!(left_of(&allowing(&["Lead.Name"]), deal()), Json::Null);
        assert_eq!(left_of(&dropping(&["*.*"]), deal()), Json::Null);
    }

    #[test]
    fn parts_of_an_address_go_by_the_fields_that_they_are() {
        let left = left_of(&dropping(&["Account.BillingStreet"]), deal());
        assert_eq!(left["Account"]["BillingAddress"], json!({"city": "Bath"}));
        let record = json!({"attributes": {"type": "Account"}, "billingaddress": {"street": "Mill Lane 3", "city": "Bath"}});
        let left = left_of(&dropping(&["Account.BillingStreet"]), record);
        assert_eq!(left["billingaddress"], json!({"city": "Bath"}));
        let site = json!({"attributes": {"type": "Plant__c"}, "Site__c": {"latitude": 1.5, "longitude": 2.5}});
        let left = left_of(&dropping(&["Plant__c.Site__Latitude__s"]), site);
        assert_eq!(left["Site__c"], json!({"longitude": 2.5}));
    }

    #[test]
    fn a_fact_goes_by_every_field_that_its_label_may_name() {
        let policy = dropping(&["Contact.SSN__c", "Contact.Birthdate", "Lead.Next_Call__c"]);
        for label in [
            "SSN__c",
            "SSN",
            "Contact: SSN__c",
            "Contact SSN",
            "Contact/Birthdate",
            "Contact > Birthdate",
            "Birthdate:",
            "Contact.Birthdate.",
            "Birth date",
            "Next call",
        ] {
            let source = Source {
                facts: vec![
                    (label.into(), "secret".into()),
                    ("Stage".into(), "New".into()),
                ],
                ..Source::default()
            };
            let left = Rules::new(&policy).apply(&source);
            assert_eq!(
                left.facts,
                [("Stage".to_owned(), "New".to_owned())],
                "{label}"
            );
        }
    }

    #[test]
    fn facts_go_by_the_last_part_of_their_label_and_with_the_text() {
        let source = Source {
            facts: vec![
                ("Contact.SSN__c".into(), "1".into()),
                ("Stage".into(), "New".into()),
            ],
            text: Some("notes".into()),
            ..Source::default()
        };
        let left = Rules::new(&dropping(&["Lead.SSN__c"])).apply(&source);
        assert_eq!(left.facts, [("Stage".to_owned(), "New".to_owned())]);
        let strict = Privacy {
            allow_text: false,
            ..allowing(&["*.*"])
        };
        let left = Rules::new(&strict).apply(&source);
        assert!(left.facts.is_empty() && left.text.is_none());
        assert!(
            Rules::new(&allowing(&["*.*"]))
                .apply(&source)
                .text
                .is_some()
        );
    }

    /// Every field of `record` with the object that it belongs to, at every depth.
    fn fields(record: &Record, found: &mut Vec<(Option<String>, String)>) {
        fn inside(value: &Value, found: &mut Vec<(Option<String>, String)>) {
            match value {
                Value::Parent(parent) => fields(parent, found),
                Value::Children(children) => children
                    .records
                    .iter()
                    .for_each(|record| fields(record, found)),
                Value::Compound(members) => {
                    for (_, value) in members {
                        inside(value, found);
                    }
                }
                Value::List(values) => values.iter().for_each(|value| inside(value, found)),
                _ => {}
            }
        }
        for (name, value) in record.fields() {
            found.push((record.object().map(str::to_owned), name.clone()));
            inside(value, found);
        }
    }

    proptest! {
        // Whole records take their time to make.
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_field_that_a_rule_drops_is_left_and_without_rules_all_are(
            plan in arbitrary::plan(),
            rules in prop::collection::vec("(\\*|Case|Contact|pkg__\\*)\\.([A-Z]\\*|\\*[a-e]|\\*__c|CreatedDate|\\*a\\*)", 0..4)
        ) {
            let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
            let policy = dropping(&rules);
            let source = plan.source();
            let left = Rules::new(&policy).apply(&source);
            let mut names = Vec::new();
            for record in left.record.iter().chain(left.related.iter().flat_map(|(_, records)| records)) {
                fields(record, &mut names);
            }
            for (object, name) in names {
                prop_assert!(!policy.drop.iter().any(|rule| rule.may_match(object.as_deref(), &name)), "{:?}.{}", object, name);
            }
            let open = Rules::new(&Privacy::default()).apply(&source);
            prop_assert_eq!(Material::of(&open, usize::MAX).json, Material::of(&source, usize::MAX).json);
        }
    }
}
