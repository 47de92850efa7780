//! When the deal should close, and how often that moved.

use jiff::civil::Date;

use super::history::{day, track};
use super::{count, days};
use crate::salesforce::Source;
use crate::tasks::rehearsal::fields::Fields;

/// What the names of an org's own counters hold, letters and digits only: `Close_Date_Slips__c`, and Salesforce's
/// `PushCount`, which counts moves into another month alone.
const COUNTERS: [&str; 4] = [
    "closedateslip",
    "closedatepush",
    "closedatemove",
    "pushcount",
];

/// How often a close date was moved to a later day, and by how many days in all.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Slips {
    pub(super) count: Option<i32>,
    pub(super) days: Option<i32>,
}

/// Days until the close date.
pub(super) fn days_to_close(fields: Fields<'_>, today: Date) -> Option<i32> {
    Some(days(today, fields.day("CloseDate")?))
}

/// The slips that the history tells. A counter counts where it is larger, since a history may be cut and a counter
/// younger than the deal.
pub(super) fn slips(source: &Source) -> Slips {
    let told = track(source, "CloseDate", day).map(|track| {
        let moves = track.moves.iter();
        let later = moves.map(|step| days(step.old, step.new));
        later.filter(|days| *days > 0).collect::<Vec<i32>>()
    });
    let counted = told.as_ref().map(|later| count(later.len()));
    Slips {
        count: counted.max(counter(source)),
        days: told.map(|later| later.into_iter().fold(0, i32::saturating_add)),
    }
}

/// The largest of the org's own counters. A field that counts days is none.
fn counter(source: &Source) -> Option<i32> {
    Fields::of(source)
        .named_like(&COUNTERS)
        .iter()
        .filter(|field| !field.label.to_lowercase().contains("day"))
        .filter_map(|field| field.value.parse().ok())
        .filter(|slips| *slips >= 0)
        .max()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{TODAY, deal, list, row, stood};
    use super::*;

    fn slips_of(record: Value) -> (Option<i32>, Option<i32>) {
        let slips = slips(&deal(record));
        (slips.count, slips.days)
    }

    fn moved(days: &[&str]) -> Value {
        let pairs = days.windows(2).enumerate();
        let rows: Vec<Value> = pairs
            .map(|(index, pair)| {
                let when = format!("2026-0{}-01", index + 1);
                row("CloseDate", (json!(pair[0]), json!(pair[1])), &when)
            })
            .collect();
        list(&json!(rows))
    }

    #[test]
    fn days_to_close_are_negative_when_it_has_passed() {
        for (close, days) in [
            ("2026-12-18", 26),
            ("2026-11-22", 0),
            ("2026-11-01", -21),
            ("2027-11-22", 365),
        ] {
            let source = deal(json!({ "CloseDate": close }));
            assert_eq!(days_to_close(Fields::of(&source), TODAY), Some(days));
        }
        assert_eq!(days_to_close(Fields::of(&Source::default()), TODAY), None);
    }

    #[test]
    fn only_moves_to_a_later_day_are_slips() {
        let history = moved(&["2026-09-30", "2026-10-31", "2026-10-15", "2026-12-15"]);
        assert_eq!(
            slips_of(json!({ "Histories": history })),
            (Some(2), Some(92))
        );

        let history = moved(&["2026-10-31", "2026-10-15"]);
        assert_eq!(
            slips_of(json!({ "Histories": history })),
            (Some(0), Some(0))
        );
    }

    #[test]
    fn standings_tell_slips_too() {
        let record = json!({
            "CloseDate": "2026-12-18",
            "OpportunityHistories": list(&json!([
                stood("2026-10-01", json!({ "CloseDate": "2026-12-18" })),
                stood("2026-05-01", json!({ "CloseDate": "2026-10-30" })),
                stood("2026-08-01", json!({ "CloseDate": "2026-11-30T00:00:00.000+0000" })),
            ])),
        });
        assert_eq!(slips_of(record), (Some(2), Some(49)));
    }

    #[test]
    fn a_counter_of_the_org_counts_where_it_is_larger() {
        assert_eq!(
            slips_of(json!({ "Close_Date_Slips__c": 2 })),
            (Some(2), None)
        );
        assert_eq!(slips_of(json!({ "PushCount": 1.0 })), (Some(1), None));
        let history = moved(&["2026-09-30", "2026-10-31", "2026-11-30"]);
        for (counter, slips) in [(json!(5), 5), (json!(1), 2), (json!("often"), 2)] {
            let record = json!({ "Close_Date_Slips__c": counter, "Histories": history });
            assert_eq!(slips_of(record).0, Some(slips));
        }
    }

    #[test]
    fn what_is_no_count_is_not_taken_for_one() {
        for record in [
            json!({ "Close_Date_Slip_Days__c": 40 }),
            json!({ "Close_Date_Slips__c": -1 }),
            json!({ "Close_Date_Slips__c": 2.5 }),
            json!({ "Close_Date_Slips__c": null }),
            json!({ "Slipped__c": 3 }),
        ] {
            assert_eq!(slips_of(record.clone()), (None, None), "{record}");
        }
    }
}
