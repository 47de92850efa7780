//! Who takes part on the customer's side, and which part nobody has.

use std::collections::BTreeSet;

use super::activity::activities;
use super::count;
use crate::domain::SalesforceId;
use crate::salesforce::{Record, Source, Value};
use crate::tasks::rehearsal::entries::records;

const ROLES: &str = "OpportunityContactRoles";

/// The parts that a deal needs, each with what the roles that fill it are called: Salesforce's own and usual ones.
const NEEDED: [(&str, &[&str]); 4] = [
    ("Economic Buyer", &["economic", "budget holder"]),
    ("Decision Maker", &["decision maker"]),
    ("Executive Sponsor", &["sponsor", "champion"]),
    ("Evaluator", &["evaluator", "technical buyer"]),
];
/// Roles of Salesforce's own that fill none of them.
const OTHERS: [&str; 4] = ["business user", "influencer", "gatekeeper", "other"];

/// People, told apart by id, and by name where there is no id.
#[derive(Default)]
struct People {
    ids: BTreeSet<SalesforceId>,
    /// The names of those who have an id, so that nobody is counted by both.
    named: BTreeSet<String>,
    only_named: BTreeSet<String>,
    /// Roles of people of whom neither is told.
    nameless: usize,
}

/// How many people have a contact role or took part in an activity; `None` where neither came.
pub(super) fn engaged(source: &Source) -> Option<i32> {
    let mut people = People::default();
    for role in roles(source) {
        let is_contact = role.get("Contact").is_none() && role.get("ContactId").is_none();
        let told = if is_contact {
            people.meet(
                role.id().filter(|_| role.object() == Some("Contact")),
                role.text("Name"),
            )
        } else {
            people.meet_other(role, "Contact", "ContactId")
        };
        people.nameless += usize::from(!told);
    }
    for activity in activities(source) {
        if activity.get("Who").and_then(object) != Some("User") {
            people.meet_other(activity, "Who", "WhoId");
        }
    }
    let number = people.number();
    (number > 0 || has_roles(source)).then(|| count(number))
}

/// The needed parts that no role fills; `None` where no roles came, or only some that we do not know.
pub(super) fn roles_missing(source: &Source) -> Option<Vec<String>> {
    let given: Vec<String> = roles(source)
        .filter_map(|role| Some(folded(role.text("Role")?)))
        .filter(|role| !role.is_empty())
        .collect();
    let fills = |names: &[&str]| {
        given
            .iter()
            .any(|role| names.iter().any(|name| role.contains(name)))
    };
    let is_known = fills(&OTHERS) || NEEDED.iter().any(|(_, names)| fills(names));
    if !has_roles(source) || (!given.is_empty() && !is_known) {
        return None;
    }
    let missing = NEEDED.iter().filter(|(_, names)| !fills(names));
    Some(missing.map(|(part, _)| (*part).to_owned()).collect())
}

/// The contact roles, and the contacts beside the record that name one.
fn roles(source: &Source) -> impl Iterator<Item = &Record> {
    records(source, &[ROLES], &["contacts"])
        .into_iter()
        .filter(|(list, record)| *list == ROLES || record.text("Role").is_some())
        .map(|(_, record)| record)
}

fn has_roles(source: &Source) -> bool {
    let list = source.record.as_ref().and_then(|record| record.get(ROLES));
    matches!(list, Some(Value::Children(_))) || roles(source).next().is_some()
}

fn object(value: &Value) -> Option<&str> {
    match value {
        Value::Parent(record) => record.object(),
        _ => None,
    }
}

/// Lower case, with one space between words.
fn folded(text: &str) -> String {
    let words = text.split(|char: char| !char.is_alphanumeric());
    let words: Vec<String> = words
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    words.join(" ")
}

impl People {
    /// Counts the person whom `record` names by a parent or by its id. Whether it names one.
    fn meet_other(&mut self, record: &Record, parent: &str, id: &str) -> bool {
        let by_parent = match record.get(parent) {
            Some(Value::Parent(person)) => person.id(),
            _ => None,
        };
        let by_id = || record.text(id)?.parse().ok();
        self.meet(
            by_parent.or_else(by_id),
            record.text(&format!("{parent}.Name")),
        )
    }

    fn meet(&mut self, id: Option<SalesforceId>, name: Option<&str>) -> bool {
        let name = name.map(folded).filter(|name| !name.is_empty());
        let is_told = id.is_some() || name.is_some();
        match id {
            Some(id) => {
                self.ids.insert(id);
                self.named.extend(name);
            }
            None => self.only_named.extend(name),
        }
        is_told
    }

    fn number(&self) -> usize {
        let only_named = self.only_named.difference(&self.named).count();
        self.ids.len() + only_named + self.nameless
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::super::testing::{deal, list};
    use super::*;

    const ADA: &str = "0035f00000HjKlMAAV";
    const BO: &str = "0035f00000HjKlNAAV";

    fn role(role: &Json, name: &str) -> Json {
        json!({ "Role": role, "Contact": { "Name": name } })
    }

    fn engaged_in(record: Json) -> Option<i32> {
        engaged(&deal(record))
    }

    fn missing(roles: &[Json]) -> Option<Vec<String>> {
        let roles: Vec<Json> = roles.iter().map(|name| role(name, "Ada Weber")).collect();
        roles_missing(&deal(
            json!({ "OpportunityContactRoles": list(&json!(roles)) }),
        ))
    }

    #[test]
    fn each_person_counts_once_by_id_or_by_name() {
        let url = format!("/services/data/v66.0/sobjects/Contact/{ADA}");
        let record = json!({
            "OpportunityContactRoles": list(&json!([
                { "Role": "Evaluator", "Contact": { "attributes": { "type": "Contact", "url": url }, "Name": "Ada Weber" } },
                { "Role": "Other", "ContactId": ADA },
                role(&json!("Influencer"), "Cy Roth"),
            ])),
            "ActivityHistories": list(&json!([
                { "Subject": "Call", "WhoId": &ADA[..15] },
                { "Subject": "Call", "Who": { "attributes": { "type": "Name", "url": format!("/services/data/v66.0/sobjects/Contact/{BO}") }, "Name": "Bo Lang" } },
                { "Subject": "Mail", "Who": { "Name": "ada weber" } },
                { "Subject": "Mail", "Who": { "Name": "Cy  Roth" }, "WhoId": null },
                { "Subject": "Note", "Who": null },
                { "Subject": "Note", "Who": { "attributes": { "type": "User" }, "Name": "Our Rep" } },
            ])),
        });
        assert_eq!(engaged_in(record), Some(3));
    }

    #[test]
    fn no_roles_are_not_the_same_as_none_that_came() {
        let empty = json!({ "OpportunityContactRoles": list(&json!([])) });
        assert_eq!(engaged_in(empty.clone()), Some(0));
        assert_eq!(roles_missing(&deal(empty)).unwrap().len(), 4);
        for record in [
            json!({ "Name": "Pumps" }),
            json!({ "OpportunityContactRoles": null }),
        ] {
            assert_eq!(engaged_in(record.clone()), None);
            assert_eq!(roles_missing(&deal(record)), None);
        }
    }

    #[test]
    fn a_role_of_somebody_withheld_counts_as_somebody() {
        let roles = list(&json!([{ "Role": "Evaluator" }, { "Role": "Other", "Contact": null }]));
        assert_eq!(
            engaged_in(json!({ "OpportunityContactRoles": roles })),
            Some(2)
        );
    }

    #[test]
    fn a_role_fills_its_part_and_one_may_fill_two() {
        for (roles, left) in [
            (
                vec![json!("Economic Buyer"), json!("Technical Evaluator")],
                vec!["Decision Maker", "Executive Sponsor"],
            ),
            (
                vec![json!("Economic Decision Maker"), json!("Champion")],
                vec!["Evaluator"],
            ),
            (
                vec![json!("Other"), json!(null)],
                vec![
                    "Economic Buyer",
                    "Decision Maker",
                    "Executive Sponsor",
                    "Evaluator",
                ],
            ),
        ] {
            let left: Vec<String> = left.into_iter().map(str::to_owned).collect();
            assert_eq!(missing(&roles), Some(left), "{roles:?}");
        }
    }

    #[test]
    fn of_roles_that_the_org_calls_otherwise_nothing_is_said() {
        assert_eq!(missing(&[json!("Entscheider"), json!("Prüferin")]), None);
    }

    #[test]
    fn contacts_beside_the_record_count_where_they_name_a_role() {
        let contact = |json| Record::parse(json, "/related").unwrap();
        let source = Source {
            related: vec![(
                "contacts".to_owned(),
                vec![
                    contact(json!({ "Name": "Ada Weber", "Role": "Decision Maker" })),
                    contact(json!({ "Name": "Bo Lang" })),
                ],
            )],
            ..Source::default()
        };
        assert_eq!(engaged(&source), Some(1));
        assert!(
            !roles_missing(&source)
                .unwrap()
                .contains(&"Decision Maker".to_owned())
        );
    }
}
