//! What is wrong with an answer that fits the schema, as sentences that hold no value.

use std::collections::HashMap;

use super::asked::asked;
use super::options::{FieldKind, ResearchField};
use super::sources::Places;
use super::{AccountResearch, FieldValue, chart, values};
use crate::tasks::inquiry::Inquiry;

/// As many violations as one report names.
const VIOLATIONS: usize = 20;

/// The rules that `found` breaks as an answer to `inquiry`, by place.
pub(super) fn violations(found: &AccountResearch, inquiry: &Inquiry<'_>) -> Vec<String> {
    let places = Places::of(inquiry);
    let makers = found.decision_makers.iter().map(|maker| &maker.source);
    let mut violations = sources_broken("decision_makers", makers, &places);
    violations.extend(chart::violations(&found.org_chart));
    violations.extend(fields_broken(&found.field_values, asked(inquiry), &places));
    let given = found.field_values.iter().map(|value| &value.source);
    violations.extend(sources_broken("field_values", given, &places));
    violations.truncate(VIOLATIONS);
    violations
}

fn sources_broken<'f>(
    list: &str,
    sources: impl Iterator<Item = &'f String>,
    places: &Places,
) -> Vec<String> {
    sources
        .enumerate()
        .filter_map(|(nth, source)| {
            let rule = places.broken_rule(source)?;
            Some(format!("/{list}/{nth}/source {rule}"))
        })
        .collect()
}

fn fields_broken(given: &[FieldValue], asked: &[ResearchField], places: &Places) -> Vec<String> {
    if asked.is_empty() && !given.is_empty() {
        return vec!["/field_values must be empty, since no field is asked for".to_owned()];
    }
    let mut violations = Vec::new();
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for (nth, entry) in given.iter().enumerate() {
        let Some(field) = field_of(entry, asked) else {
            violations.push(format!(
                "/field_values/{nth}/field must be exactly the name of a field in <fields>"
            ));
            continue;
        };
        let first = *seen.entry(&field.field).or_insert(nth);
        if first != nth {
            violations.push(format!(
                "/field_values/{nth}/field must not repeat the field of /field_values/{first}"
            ));
        }
        let value = entry.value.as_deref();
        // What a placeholder stands for is judged when it is back.
        let judged = value.filter(|value| !values::is_withheld(value));
        let strange = value.and_then(|value| places.broken_by_address(value));
        let rule = strange
            .map(str::to_owned)
            .or_else(|| judged.and_then(|value| values::broken_rule(field, value)))
            .or_else(|| {
                let address = judged.filter(|_| field.kind() == FieldKind::Url)?;
                places.broken_as_address(address).map(str::to_owned)
            });
        violations.extend(rule.map(|rule| format!("/field_values/{nth}/value {rule}")));
    }
    violations
}

/// The field that `given` is a value of.
pub(super) fn field_of<'a>(
    given: &FieldValue,
    asked: &'a [ResearchField],
) -> Option<&'a ResearchField> {
    asked.iter().find(|field| field.field == given.field)
}
