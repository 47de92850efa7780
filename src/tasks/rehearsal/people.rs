//! The people on the customer's side.

use super::entries::records;
use super::fields::{filled, written};
use crate::domain::SalesforceId;
use crate::salesforce::{Record, Source, Value};
use crate::tasks::excerpt::excerpt;

/// As long as a name, a title or a role may be inside a sentence.
const PART: usize = 120;

/// Somebody with a part in the deal, or at the account.
#[derive(Debug, PartialEq)]
pub(super) struct Person {
    /// The list they stand in.
    pub(super) list: &'static str,
    pub(super) id: Option<SalesforceId>,
    pub(super) name: String,
    pub(super) title: Option<String>,
    role: Option<String>,
    is_primary: bool,
    /// Name and title of who they report to, where these came along.
    pub(super) superior: Option<(String, Option<String>)>,
    /// The id of who they report to.
    pub(super) superior_id: Option<SalesforceId>,
}

/// The contacts of a deal or an account, the primary one first, each once.
pub(super) fn people(source: &Source) -> Vec<Person> {
    let mut people: Vec<Person> = Vec::new();
    for (list, record) in records(
        source,
        &[
            "OpportunityContactRoles",
            "Contacts",
            "AccountContactRelations",
        ],
        &["contacts"],
    ) {
        if let Some(person) = Person::of(list, record)
            && !people.iter().any(|known| known.name == person.name)
        {
            people.push(person);
        }
    }
    people.sort_by_key(|person| !person.is_primary);
    people
}

impl Person {
    fn of(list: &'static str, record: &Record) -> Option<Self> {
        let part = |path: &str| filled(excerpt(written(record.get(path)?)?, PART));
        let either = |path: &str| part(&format!("Contact.{path}")).or_else(|| part(path));
        let name = part("Contact.Name").or_else(|| part("Name")).or_else(|| {
            let names: Vec<String> = ["FirstName", "LastName"]
                .into_iter()
                .filter_map(part)
                .collect();
            filled(names.join(" "))
        })?;
        let contact = match record.get("Contact") {
            Some(Value::Parent(contact)) => contact,
            _ => record,
        };
        Some(Self {
            list,
            id: contact.id(),
            name,
            title: either("Title"),
            role: part("Role"),
            is_primary: matches!(record.get("IsPrimary"), Some(Value::Flag(true))),
            superior: either("ReportsTo.Name").map(|name| (name, either("ReportsTo.Title"))),
            superior_id: contact.text("ReportsToId").and_then(|id| id.parse().ok()),
        })
    }

    /// The name alone.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The name, with title and role in brackets.
    pub(super) fn told(&self) -> String {
        let parts: Vec<&str> = [&self.title, &self.role]
            .into_iter()
            .filter_map(|part| part.as_deref())
            .collect();
        if parts.is_empty() {
            self.name.clone()
        } else {
            format!("{} ({})", self.name, parts.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_primary_contact_comes_first_and_each_person_once() {
        let record = |json| Record::parse(json, "/record").unwrap();
        let source = Source {
            record: Some(record(json!({
                "OpportunityContactRoles": { "totalSize": 2, "done": true, "records": [
                    { "Role": "Evaluator", "IsPrimary": false, "Contact": { "Name": "Ada Weber", "Title": null } },
                    { "Role": "Buyer", "IsPrimary": true, "Contact": { "Name": "Bo Lang", "Title": "CFO" } },
                ]}
            }))),
            related: vec![(
                "contacts".to_owned(),
                vec![
                    record(json!({ "Name": "Ada Weber" })),
                    record(json!({ "FirstName": "Cy", "LastName": "Roth" })),
                    record(json!({ "Title": "nobody" })),
                ],
            )],
            ..Source::default()
        };

        let told: Vec<String> = people(&source).iter().map(Person::told).collect();
        assert_eq!(
            told,
            ["Bo Lang (CFO, Buyer)", "Ada Weber (Evaluator)", "Cy Roth"]
        );
    }
}
