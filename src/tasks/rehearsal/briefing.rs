//! A briefing by template.

use std::collections::BTreeSet;

use jiff::civil::Date;
use serde_json::{Value, json};

use super::deal::Deal;
use super::fields::{Field, filled};
use super::people::Person;
use super::risks::Risk;
use super::words::asks;
use super::{facts_told, quoted, sentence};
use crate::salesforce::Source;
use crate::tasks::excerpt::{ENTRIES, ENTRY, LINE, PARAGRAPH, excerpt, sentences};

/// Units of a quote inside an entry of a list.
const QUOTE: usize = 400;
/// Units of a longer text inside the context.
const TEXT: usize = 1_200;
/// Activities that are worth coming back to.
const RECENT: usize = 3;

/// A briefing from the record's own facts.
pub(in crate::tasks) fn briefing(source: &Source, today: Date) -> Value {
    let deal = Deal::of(source, today);
    json!({
        "headline": deal.headline(),
        "deal_context": deal.context(),
        "risk_factors": deal.risks().iter().map(Risk::to_json).collect::<Vec<_>>(),
        "talking_points": entries(deal.talking_points()),
        "next_steps": entries(deal.next_steps()),
    })
}

/// As many of `lines` as a list holds, each once and as long as an entry may be.
fn entries(lines: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    lines
        .into_iter()
        .map(|line| excerpt(&line, ENTRY))
        .filter(|line| seen.insert(line.clone()))
        .take(ENTRIES)
        .collect()
}

impl Deal<'_> {
    fn headline(&self) -> String {
        let name = self.fields.first(&["Name", "Opportunity", "Account.Name"]);
        let facts: Vec<String> = [
            self.fields.line("StageName"),
            self.fields.amount("Amount"),
            self.fields.labelled("close date", "CloseDate"),
        ]
        .into_iter()
        .flatten()
        .collect();
        let parts: Vec<String> = [name, filled(facts.join(", "))]
            .into_iter()
            .flatten()
            .collect();
        let line = filled(parts.join(": ")).or_else(|| self.fields_at_hand().into_iter().next());
        line.map_or_else(
            || "The data given names no deal".to_owned(),
            |line| excerpt(&line, LINE),
        )
    }

    fn context(&self) -> String {
        let lines = [
            self.customer(),
            self.standing(),
            self.description(),
            self.people_told(),
            self.latest_activity(),
            self.notes(),
        ];
        let mut lines: Vec<String> = lines.into_iter().flatten().collect();
        if self.fields.line("Name").is_none() || lines.len() < 2 {
            let told = lines.join(" ");
            let mut fields = self.fields.all();
            fields.truncate(ENTRIES);
            // One that the sentences before have told already is not told again.
            fields.retain(|field| !told.contains(&field.value));
            lines.extend(fields.iter().map(|field| sentence(&field.told())));
        }
        if lines.is_empty() {
            return "The data given says nothing about this deal.".to_owned();
        }
        excerpt(&lines.join(" "), PARAGRAPH)
    }

    fn customer(&self) -> Option<String> {
        let name = self.fields.line("Name");
        let about: Vec<String> = ["Account.Industry", "Account.BillingCountry"]
            .into_iter()
            .filter_map(|path| self.fields.line(path))
            .collect();
        let account = self.fields.line("Account.Name").map(|account| {
            filled(about.join(", ")).map_or(account.clone(), |about| format!("{account} ({about})"))
        });
        let parts: Vec<String> = [name, account].into_iter().flatten().collect();
        filled(parts.join(", with ")).map(|line| sentence(&line))
    }

    fn standing(&self) -> Option<String> {
        let probability = self.fields.line("Probability").map(|percent| {
            // A field that holds anything else under that name is quoted as it stands.
            let is_one = |number: f64| (0.0..=100.0).contains(&number);
            let sign = if percent.parse().is_ok_and(is_one) {
                "%"
            } else {
                ""
            };
            format!("{percent}{sign}")
        });
        facts_told(&[
            ("stage", self.fields.line("StageName")),
            ("amount", self.fields.amount("Amount")),
            ("probability", probability),
            ("close date", self.fields.line("CloseDate")),
            ("forecast", self.fields.line("ForecastCategoryName")),
            ("type", self.fields.line("Type")),
            ("owner", self.fields.line("Owner.Name")),
        ])
    }

    fn description(&self) -> Option<String> {
        let text = self.fields.excerpt("Description", TEXT)?;
        Some(sentence(&format!(
            "The description says: {}",
            quoted(&text)
        )))
    }

    fn people_told(&self) -> Option<String> {
        let people: Vec<String> = self.people.iter().take(5).map(Person::told).collect();
        let people = filled(people.join("; "))?;
        Some(sentence(&format!("On the customer's side: {people}")))
    }

    fn latest_activity(&self) -> Option<String> {
        let latest = self.done().next()?;
        Some(sentence(&format!(
            "The latest activity: {}",
            latest.told(QUOTE)
        )))
    }

    fn notes(&self) -> Option<String> {
        let text = filled(excerpt(self.source.text.as_deref()?, TEXT))?;
        Some(sentence(&format!("The notes say: {}", quoted(&text))))
    }

    /// The first fields and facts, for a deal that has none of the usual ones.
    fn fields_at_hand(&self) -> Vec<String> {
        let fields = self.fields.all();
        fields.iter().take(ENTRIES).map(Field::told).collect()
    }

    fn talking_points(&self) -> Vec<String> {
        let mut points: Vec<String> = self
            .done()
            .filter(|entry| entry.body.is_some())
            .take(RECENT)
            .map(|entry| format!("Come back to {}", entry.told(QUOTE)))
            .collect();
        if let Some(Field { value, .. }) = self.competitor_field() {
            points.push(format!("Be ready to speak about {value}"));
        }
        if let Some(person) = self.people.first() {
            points.push(format!(
                "Find out from {} what is still missing for a decision",
                person.told()
            ));
        }
        points
    }

    fn next_steps(&self) -> Vec<String> {
        let mut steps: Vec<String> = self
            .fields
            .labelled("As the record says", "NextStep")
            .into_iter()
            .collect();
        let planned = self.activities.iter().filter(|entry| entry.open);
        steps.extend(
            planned
                .take(RECENT)
                .map(|entry| format!("Planned: {}", entry.told(QUOTE))),
        );
        for entry in self.done().take(RECENT) {
            let heading = entry.heading();
            let asked = entry.body.map(sentences).unwrap_or_default();
            steps.extend(
                asked
                    .iter()
                    .filter(|sentence| asks(sentence))
                    .map(|sentence| {
                        let quote = quoted(&excerpt(sentence, QUOTE));
                        match &heading {
                            Some(heading) => format!("Settle what is open from {heading}: {quote}"),
                            None => format!("Settle what is open: {quote}"),
                        }
                    }),
            );
        }
        steps.extend(self.close_date_step());
        steps
    }

    fn close_date_step(&self) -> Option<String> {
        let written = self.fields.line("CloseDate").filter(|_| self.is_open())?;
        let with = self
            .people
            .first()
            .map_or_else(String::new, |person| format!(" with {}", person.told()));
        Some(if self.fields.day("CloseDate")? < self.today {
            format!("Agree on a new close date{with}; {written} has passed")
        } else {
            format!("Confirm the close date {written}{with}")
        })
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_deal_of_facts_has_its_name_in_the_headline_and_each_fact_once() {
        let fact = |label: &str, value: &str| (label.to_owned(), value.to_owned());
        let source = Source {
            facts: vec![
                fact("Opportunity", "Acme renewal"),
                fact("Stage", "Proposal"),
                fact("Region", "North"),
            ],
            ..Source::default()
        };

        let told = briefing(&source, date(2026, 11, 22));
        assert_eq!(told["headline"], "Acme renewal: Proposal");
        assert_eq!(
            told["deal_context"],
            "The stage is Proposal. Opportunity: Acme renewal. Region: North."
        );
    }
}
