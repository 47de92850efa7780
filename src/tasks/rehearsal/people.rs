//! The people on the customer's side.

use super::entries::records;
use super::fields::{filled, written};
use crate::salesforce::{Record, Source, Value};
use crate::tasks::excerpt::excerpt;

/// As long as a name, a title or a role may be inside a sentence.
const PART: usize = 120;

/// Somebody with a part in the deal.
#[derive(Debug, PartialEq)]
pub(super) struct Person {
    name: String,
    title: Option<String>,
    role: Option<String>,
    is_primary: bool,
}

/// The contacts of a deal, the primary one first, each once.
pub(super) fn people(source: &Source) -> Vec<Person> {
    let mut people: Vec<Person> = Vec::new();
    for (_, record) in records(
        source,
        &["OpportunityContactRoles", "Contacts"],
        &["contacts"],
    ) {
        if let Some(person) = Person::of(record)
            && !people.iter().any(|known| known.name == person.name)
        {
            people.push(person);
        }
    }
    people.sort_by_key(|person| !person.is_primary);
    people
}

impl Person {
    fn of(record: &Record) -> Option<Self> {
        let part = |path: &str| filled(excerpt(written(record.get(path)?)?, PART));
        let name = part("Contact.Name").or_else(|| part("Name")).or_else(|| {
            let names: Vec<String> = ["FirstName", "LastName"]
                .into_iter()
                .filter_map(part)
                .collect();
            filled(names.join(" "))
        })?;
        Some(Self {
            name,
            title: part("Contact.Title").or_else(|| part("Title")),
            role: part("Role"),
            is_primary: matches!(record.get("IsPrimary"), Some(Value::Flag(true))),
        })
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
