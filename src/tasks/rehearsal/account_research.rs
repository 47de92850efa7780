//! The research of an account by template: what its own fields and contacts say.

use std::collections::HashMap;

use serde_json::{Value as Json, json};

use super::fields::{Field, Fields, filled, plain, written};
use super::people::{Person, people};
use super::words::decides;
use super::{facts_told, quoted, sentence};
use crate::salesforce::{Source, Value};
use crate::tasks::account_research::options::{FieldKind, ResearchField};
use crate::tasks::account_research::values::broken_rule;
use crate::tasks::excerpt::{ENTRIES, ENTRY, PARAGRAPH, excerpt};

/// Units of a longer text inside the overview.
const TEXT: usize = 1_200;
/// As many people as the overview names.
const NAMED: usize = 5;
/// As many decision makers as an answer holds.
const MAKERS: usize = 20;
/// As many entries as an org chart holds.
const CHART: usize = 50;

/// The research of an account from the record's own facts; of `asked`, the fields that the record itself holds.
pub(in crate::tasks) fn account_research(source: &Source, asked: &[ResearchField]) -> Json {
    let people = people(source);
    let makers: Vec<Json> = people
        .iter()
        .filter(|person| person.title.as_deref().is_some_and(decides))
        .take(MAKERS)
        .map(
            |person| json!({ "name": person.name, "title": person.title, "source": place(person) }),
        )
        .collect();
    let values: Vec<Json> = asked
        .iter()
        .filter_map(|field| field_value(source, field))
        .collect();
    json!({
        "overview": overview(source, &people),
        "decision_makers": makers,
        "org_chart": org_chart(&people),
        "field_values": values,
    })
}

fn overview(source: &Source, people: &[Person]) -> String {
    let fields = Fields::of(source);
    let place: Vec<String> = [
        fields.line("Industry"),
        fields.first(&["BillingCity", "BillingAddress.city"]),
        fields.first(&["BillingCountry", "BillingAddress.country"]),
    ]
    .into_iter()
    .flatten()
    .collect();
    let name = fields.first(&["Name", "AccountName"]);
    let opening = name.clone().map(|name| {
        let whole = filled(place.join(", ")).map(|place| format!("{name} ({place})"));
        sentence(&whole.unwrap_or(name))
    });
    let standing = facts_told(&[
        ("website", fields.line("Website")),
        ("number of employees", fields.line("NumberOfEmployees")),
        ("annual revenue", fields.amount("AnnualRevenue")),
        ("type", fields.line("Type")),
        ("parent account", fields.line("Parent.Name")),
        ("owner", fields.line("Owner.Name")),
    ]);
    let said = |who: &str, text: String| sentence(&format!("{who}: {}", quoted(&text)));
    let description = fields
        .excerpt("Description", TEXT)
        .map(|text| said("The description says", text));
    let known: Vec<String> = people.iter().take(NAMED).map(Person::told).collect();
    let known = filled(known.join("; ")).map(|known| sentence(&format!("Known there: {known}")));
    let notes = source.text.as_deref().map(|text| excerpt(text, TEXT));
    let notes = notes
        .and_then(filled)
        .map(|text| said("The notes say", text));
    let mut lines: Vec<String> = [opening, standing, description, known, notes]
        .into_iter()
        .flatten()
        .collect();
    if lines.len() < 2 {
        let at_hand = fields.all();
        lines.extend(
            at_hand
                .iter()
                .filter(|field| Some(&field.value) != name.as_ref())
                .take(ENTRIES)
                .map(Field::told)
                .map(|it| sentence(&it)),
        );
    }
    if lines.is_empty() {
        return "The data given says nothing about this account.".to_owned();
    }
    excerpt(&lines.join(" "), PARAGRAPH)
}

/// Where a person stands in the data.
fn place(person: &Person) -> String {
    match person.list {
        "related" => "related.contacts".to_owned(),
        list => format!("Account.{list}"),
    }
}

/// Those who report to somebody and those they report to, superiors that no contact is included; a line that would lead
/// in a circle is left out.
fn org_chart(people: &[Person]) -> Vec<Json> {
    let mut chart = Chart::default();
    for person in people {
        let by_id = || {
            let id = person.superior_id?;
            let superior = people.iter().find(|other| other.id == Some(id))?;
            Some((superior.name.clone(), superior.title.clone()))
        };
        if let Some(superior) = person.superior.clone().or_else(by_id) {
            chart.add((&person.name, person.title.as_deref()), &superior);
        }
    }
    chart.entries.truncate(CHART);
    let kept: Vec<&String> = chart.entries.iter().map(|(name, _)| name).collect();
    let entry = |(name, title): &(String, Option<String>)| {
        let superior = chart.superiors.get(name).filter(|it| kept.contains(it));
        json!({ "name": name, "title": title, "reports_to": superior })
    };
    chart.entries.iter().map(entry).collect()
}

/// An org chart under way.
#[derive(Default)]
struct Chart {
    /// Name and title, superiors before those that brought them in.
    entries: Vec<(String, Option<String>)>,
    superiors: HashMap<String, String>,
}

impl Chart {
    fn add(&mut self, (name, title): (&str, Option<&str>), superior: &(String, Option<String>)) {
        let (above, title_above) = superior;
        if above == name || self.leads_to(above, name) {
            return;
        }
        self.enter(above, title_above.as_deref());
        self.enter(name, title);
        self.superiors.insert(name.to_owned(), above.clone());
    }

    fn enter(&mut self, name: &str, title: Option<&str>) {
        if let Some((_, known)) = self.entries.iter_mut().find(|(known, _)| known == name) {
            if known.is_none() {
                *known = title.map(str::to_owned);
            }
        } else {
            self.entries
                .push((name.to_owned(), title.map(str::to_owned)));
        }
    }

    /// Whether the way up from `below` comes by `above`; it ends, since no circle is ever let in.
    fn leads_to(&self, below: &str, above: &str) -> bool {
        let mut at = below;
        while let Some(next) = self.superiors.get(at) {
            if next == above {
                return true;
            }
            at = next;
        }
        false
    }
}

/// What the record holds in that very field, else the fact of that name, where it fits.
fn field_value(source: &Source, field: &ResearchField) -> Option<Json> {
    let (value, place) = in_record(source, field).or_else(|| in_facts(source, field))?;
    broken_rule(field, &value).is_none().then(
        || json!({ "field": field.field, "value": value, "source": place, "confidence": "high" }),
    )
}

/// The record's value in the field, and where it stands.
fn in_record(source: &Source, field: &ResearchField) -> Option<(String, String)> {
    let value = source.record.as_ref()?.get(&field.field)?;
    let value = match (value, field.kind()) {
        (Value::Flag(flag), FieldKind::Checkbox) => flag.to_string(),
        (value, _) => written(value)?.to_owned(),
    };
    Some((value, format!("Account.{}", field.field)))
}

/// The value of the fact that is called like the field, and its label.
fn in_facts(source: &Source, field: &ResearchField) -> Option<(String, String)> {
    let mut facts = source.facts.iter();
    let (label, value) = facts.find(|(label, _)| plain(label) == plain(&field.field))?;
    Some((filled(value.trim())?.to_owned(), excerpt(label, ENTRY)))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::TaskName;
    use crate::privacy::grounding::Known;
    use crate::salesforce::{Material, Record};
    use crate::tasks::{AccountResearchOptions, Inquiry, Options, Own, named};

    const CALL: &str = include_str!("../golden/account.call.json");

    fn of(record: Json) -> Source {
        Source {
            record: Some(Record::parse(record, "/record").unwrap()),
            ..Source::default()
        }
    }

    fn fields(fields: Json) -> Options {
        Options::AccountResearch(AccountResearchOptions {
            fields: serde_json::from_value(fields).unwrap(),
            search_domains: Vec::new(),
        })
    }

    /// The answer; it passes schema, check and grounding, or the test fails.
    fn answer(source: &Source, options: &Options) -> Own {
        let task = named(TaskName::AccountResearch);
        let inquiry = Inquiry {
            options,
            ..Inquiry::plain(source, date(2026, 11, 22))
        };
        let draft = task.rehearse(&inquiry);
        assert_eq!(task.shape().check(&draft), Ok(()), "{draft:#}");
        assert_eq!(
            task.check(&draft, &inquiry),
            Vec::<String>::new(),
            "{draft:#}"
        );
        let own = task.read(draft, &inquiry).unwrap();
        let material = Material::of(source, usize::MAX);
        let extras = task.extras(&inquiry);
        let texts = material.values.iter().chain(&material.labels);
        let texts = texts.map(String::as_str).chain(extras.known());
        let known = Known::new(texts, task.prompt(), inquiry.today);
        assert_eq!(known.ungrounded(&own.said()), Vec::<String>::new());
        own
    }

    #[test]
    fn an_account_of_which_only_the_name_is_known_is_named_once() {
        let source = of(json!({"attributes": {"type": "Account"}, "Name": "Acme", "Phone": "x"}));
        let text = answer(&source, &fields(json!([]))).text(None);
        assert_eq!(text.matches("Acme").count(), 1, "{text}");
    }

    #[test]
    fn a_rep_can_read_the_research_of_an_account() {
        let call: Json = serde_json::from_str(CALL).unwrap();
        let own = answer(&of(call["record"].clone()), &fields(call["fields"].clone()));

        let golden = include_str!("../golden/account.rehearsal.txt");
        assert_eq!(own.text(None), golden.trim_end());
    }

    #[test]
    fn facts_fill_fields_of_their_name_where_they_fit() {
        let fact = |label: &str, value: &str| (label.to_owned(), value.to_owned());
        let source = Source {
            facts: vec![
                fact("Account name", "Acme Freight"),
                fact("Number of employees", "240"),
                fact("Website", "acme.example"),
                fact("A", "b"),
            ],
            ..Source::default()
        };
        let options = fields(json!([
            { "field": "NumberOfEmployees", "kind": "number" },
            { "field": "Website", "kind": "url" },
            { "field": "A" },
            { "field": "Industry" },
        ]));

        let values = answer(&source, &options).members()["field_values"].clone();
        assert_eq!(
            values,
            json!([
                { "field": "NumberOfEmployees", "value": "240", "source": "Number of employees", "confidence": "high" },
                { "field": "A", "value": "b", "source": "A", "confidence": "high" },
            ])
        );
    }

    #[test]
    fn a_circle_among_contacts_is_cut_and_ids_lead_to_superiors_too() {
        let contact = |name: &str, title: &str, more: Json| {
            let mut contact = json!({ "Name": name, "Title": title });
            for (member, value) in more.as_object().unwrap() {
                contact[member] = value.clone();
            }
            contact
        };
        let contacts = json!([
            contact(
                "Ada Weber",
                "CEO",
                json!({ "Id": "0035f00000AaAaAAAV", "ReportsTo": { "Name": "Cy Roth" } })
            ),
            contact(
                "Bo Lang",
                "Buyer",
                json!({ "ReportsToId": "0035f00000AaAaAAAV" })
            ),
            contact(
                "Cy Roth",
                "Chair",
                json!({ "ReportsTo": { "Name": "Bo Lang" } })
            ),
            contact(
                "Di Sommer",
                "Clerk",
                json!({ "ReportsTo": { "Name": "Di Sommer" } })
            ),
        ]);
        let source = of(json!({
            "Name": "Acme",
            "Contacts": { "totalSize": 4, "done": true, "records": contacts },
        }));

        let members = answer(&source, &Options::None).members();
        assert_eq!(
            members["org_chart"],
            json!([
                { "name": "Cy Roth", "title": null, "reports_to": null },
                { "name": "Ada Weber", "title": "CEO", "reports_to": "Cy Roth" },
                { "name": "Bo Lang", "title": "Buyer", "reports_to": "Ada Weber" },
            ])
        );
        assert_eq!(members["decision_makers"][1]["source"], "Account.Contacts");
    }

    fn any_contacts() -> impl Strategy<Value = Vec<Json>> {
        let name = prop_oneof![
            8 => (0_u8..60).prop_map(|nth| format!("Contact {}", char::from(b'A' + nth))),
            1 => any::<String>(),
            1 => "[a-z ]{100,300}",
        ];
        let contact = (name.clone(), prop::option::of(name), any::<bool>());
        let contact = contact.prop_map(|(name, superior, decides)| {
            json!({
                "Name": name,
                "Title": if decides { "Director" } else { "" },
                "ReportsTo": superior.map(|name| json!({ "Name": name })),
            })
        });
        prop::collection::vec(contact, 0..120)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn whoever_reports_to_whomever_the_answer_passes_its_check(contacts in any_contacts()) {
            let source = of(json!({
                "Contacts": { "totalSize": contacts.len(), "done": true, "records": contacts },
            }));
            let task = named(TaskName::AccountResearch);
            let inquiry = Inquiry::plain(&source, date(2026, 11, 22));
            let draft = task.rehearse(&inquiry);
            prop_assert_eq!(task.shape().check(&draft), Ok(()));
            prop_assert_eq!(task.check(&draft, &inquiry), Vec::<String>::new());
        }
    }
}
