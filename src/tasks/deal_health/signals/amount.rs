//! How the amount moved.

use super::count;
use super::history::{number, track};
use crate::salesforce::Source;

/// How often the amount was changed, and by how much in all.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Changes {
    pub(super) count: Option<i32>,
    pub(super) difference: Option<f64>,
    pub(super) percent: Option<f64>,
}

/// The changes that the history tells, from its first amount to the one that the record has now.
pub(super) fn changes(source: &Source) -> Changes {
    let Some(track) = track(source, "Amount", number) else {
        return Changes::default();
    };
    let now = source
        .record
        .as_ref()
        .and_then(|record| number(record.get("Amount")?));
    let first = track.moves.first().map(|step| step.old).or(now);
    let last = now.or(track.moves.last().map(|step| step.new));
    let difference = first
        .zip(last)
        .and_then(|(first, last)| rounded(last - first, 100.0));
    let percent = first
        .zip(last)
        .filter(|(first, _)| *first != 0.0)
        .and_then(|(first, last)| rounded((last - first) / first.abs() * 100.0, 10.0));
    Changes {
        count: Some(count(track.moves.len())),
        difference,
        percent,
    }
}

/// `number` to parts of one `unit`th; `None` where a double cannot hold it.
fn rounded(number: f64, unit: f64) -> Option<f64> {
    let rounded = (number * unit).round() / unit;
    // Minus zero would be read as a loss.
    rounded.is_finite().then_some(rounded + 0.0)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{deal, list, row, stood};
    use super::*;

    fn of(record: Value) -> (Option<i32>, Option<f64>, Option<f64>) {
        let changes = changes(&deal(record));
        (changes.count, changes.difference, changes.percent)
    }

    #[test]
    fn the_change_runs_from_the_first_amount_to_the_last() {
        let rows = list(&json!([
            row("Amount", (json!(110_000.0), json!(76_000.0)), "2026-09-01"),
            row("Amount", (json!(96_000.0), json!(110_000.0)), "2026-07-01"),
        ]));
        let told = (Some(2), Some(-20_000.0), Some(-20.8));
        assert_eq!(of(json!({ "Histories": rows })), told);
        assert_eq!(of(json!({ "Histories": rows, "Amount": 76_000.0 })), told);
    }

    #[test]
    fn an_amount_that_never_moved_has_changed_by_nothing() {
        let only = list(&json!([stood("2026-07-01", json!({ "Amount": 5.1 }))]));
        let told = of(json!({ "Amount": 5.1, "OpportunityHistories": only }));
        assert_eq!(told, (Some(0), Some(0.0), Some(0.0)));
    }

    #[test]
    fn of_nothing_there_is_no_percentage() {
        let rows = list(&json!([row(
            "Amount",
            (json!(0), json!(9.999)),
            "2026-07-01"
        )]));
        assert_eq!(
            of(json!({ "Histories": rows })),
            (Some(1), Some(10.0), None)
        );
    }

    #[test]
    fn without_a_history_nothing_is_told() {
        assert_eq!(of(json!({ "Amount": 5.0 })), (None, None, None));
    }

    #[test]
    fn a_number_that_no_double_holds_is_not_told() {
        let rows = list(&json!([row(
            "Amount",
            (json!(-1.7e308), json!(1.7e308)),
            "2026-07-01"
        )]));
        assert_eq!(of(json!({ "Histories": rows })), (Some(1), None, None));
    }
}
