//! How a field moved, from the histories that an Opportunity has.
//!
//! Salesforce keeps two: `OpportunityHistories`, the deal as it stood after each change of stage, amount or close date, and
//! `Histories` (`OpportunityFieldHistory`), the old and the new value of each tracked field. Either may be cut, and
//! either may come in any order.

use jiff::civil::Date;

use crate::salesforce::{Record, Source, Value};

/// The child relationships that hold a history, by the org's names and by those of hand-made JSON.
const HISTORIES: [&str; 4] = [
    "OpportunityHistories",
    "Histories",
    "OpportunityFieldHistories",
    "OpportunityFieldHistory",
];

/// How one field moved.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Track<T> {
    /// The day from which on it is known, where nothing from before it is missing.
    pub(super) begun: Option<Date>,
    /// Its moves, the oldest first.
    pub(super) moves: Vec<Move<T>>,
}

/// One change of a field.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Move<T> {
    /// The day, where it is known.
    pub(super) day: Option<Date>,
    pub(super) old: T,
    pub(super) new: T,
}

/// How `field` moved, by the fuller of the two histories; `None` where neither tells of it.
pub(super) fn track<T: PartialEq + Clone>(
    source: &Source,
    field: &str,
    read: impl Fn(&Value) -> Option<T>,
) -> Option<Track<T>> {
    let record = source.record.as_ref()?;
    let rows = by_rows(record, field, &read);
    let standings = by_standings(record, field, &read);
    match (rows, standings) {
        (Some(rows), Some(standings)) if standings.moves.len() > rows.moves.len() => {
            Some(standings)
        }
        (rows, standings) => rows.or(standings),
    }
}

/// The day that a value holds, of a Datetime in UTC.
pub(super) fn day(value: &Value) -> Option<Date> {
    let Value::Text(text) = value else {
        return None;
    };
    let text = text.trim();
    text.parse().ok().or_else(|| text.get(..10)?.parse().ok())
}

/// The number that a value holds; a field history may hold it as text.
pub(super) fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::Text(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

/// The text that a value holds.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        _ => None,
    }
}

/// By the rows that tell the old and the new value. A first value is no change of one.
fn by_rows<T: PartialEq>(
    record: &Record,
    field: &str,
    read: &impl Fn(&Value) -> Option<T>,
) -> Option<Track<T>> {
    let is_about = |row: &&Record| {
        let about = row.text("Field");
        about.is_some_and(|about| about.eq_ignore_ascii_case(field))
    };
    let moves: Vec<Move<T>> = in_order(rows(record).filter(is_about).collect())
        .into_iter()
        .filter_map(|row| {
            Some(Move {
                day: row.date("CreatedDate"),
                old: read(row.get("OldValue")?)?,
                new: read(row.get("NewValue")?)?,
            })
        })
        .collect();
    (!moves.is_empty()).then(|| Track {
        begun: None,
        moves: moves
            .into_iter()
            .filter(|step| step.old != step.new)
            .collect(),
    })
}

/// By how the deal stood from time to time, and as it stands now. Without its day a standing has no place in the order.
fn by_standings<T: PartialEq + Clone>(
    record: &Record,
    field: &str,
    read: &impl Fn(&Value) -> Option<T>,
) -> Option<Track<T>> {
    let is_dated = |row: &&Record| row.get("Field").is_none() && row.date("CreatedDate").is_some();
    let mut stood: Vec<(Option<Date>, T)> = in_order(rows(record).filter(is_dated).collect())
        .into_iter()
        .filter_map(|row| Some((row.date("CreatedDate"), read(row.get(field)?)?)))
        .collect();
    let (begun, _) = stood.first()?;
    let begun = begun.filter(|_| is_whole(record));
    stood.extend(record.get(field).and_then(read).map(|now| (None, now)));
    let moves = stood
        .windows(2)
        .filter(|pair| pair[0].1 != pair[1].1)
        .map(|pair| Move {
            day: pair[1].0,
            old: pair[0].1.clone(),
            new: pair[1].1.clone(),
        })
        .collect();
    Some(Track { begun, moves })
}

fn rows(record: &Record) -> impl Iterator<Item = &Record> {
    HISTORIES.iter().flat_map(|name| record.children(name))
}

/// Whether all came of the list of standings.
fn is_whole(record: &Record) -> bool {
    match record.get(HISTORIES[0]) {
        Some(Value::Children(list)) => u64::try_from(list.records.len()) == Ok(list.total),
        _ => false,
    }
}

/// `rows` from the oldest to the newest. Rows of one moment keep their order, which is the other way round in a list that
/// came with the newest first.
fn in_order(mut rows: Vec<&Record>) -> Vec<&Record> {
    let key = |row: &&Record| {
        (
            row.date("CreatedDate"),
            row.text("CreatedDate").map(str::to_owned),
        )
    };
    if let [first, .., last] = rows[..]
        && key(&first) > key(&last)
    {
        rows.reverse();
    }
    rows.sort_by_cached_key(key);
    rows
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use serde_json::json;

    use super::super::testing::{deal, list, row, stood};
    use super::*;

    fn amounts(source: &Source) -> Option<Vec<(f64, f64)>> {
        let track = track(source, "Amount", number)?;
        let moves = track.moves.iter();
        Some(moves.map(|step| (step.old, step.new)).collect())
    }

    #[test]
    fn standings_in_any_order_give_the_same_moves() {
        let rows = [
            stood("2026-06-01", json!({ "Amount": 100.0 })),
            stood("2026-07-01", json!({ "Amount": 80.0 })),
            stood("2026-08-01", json!({ "Amount": 80.0 })),
            stood("2026-09-01", json!({ "Amount": 90.0 })),
        ];
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
            let rows: Vec<_> = order.iter().map(|index| rows[*index].clone()).collect();
            let source = deal(json!({ "OpportunityHistories": list(&json!(rows)) }));
            let expected = vec![(100.0, 80.0), (80.0, 90.0)];
            assert_eq!(amounts(&source), Some(expected), "{order:?}");
        }
    }

    #[test]
    fn what_the_record_says_now_is_the_last_standing() {
        let source = deal(json!({
            "Amount": 70,
            "OpportunityHistories": list(&json!([stood("2026-06-01", json!({ "Amount": 100.0 }))])),
        }));

        let track = track(&source, "Amount", number).unwrap();
        assert_eq!(track.begun, Some(date(2026, 6, 1)));
        assert_eq!(track.moves.len(), 1);
        assert_eq!(track.moves[0].day, None);
    }

    #[test]
    fn two_standings_of_one_moment_keep_the_order_of_their_list() {
        let newest_first = [
            stood("2026-07-01", json!({ "Amount": 3.0 })),
            stood("2026-07-01", json!({ "Amount": 2.0 })),
            stood("2026-06-01", json!({ "Amount": 1.0 })),
        ];
        let source = deal(json!({ "OpportunityHistories": list(&json!(newest_first)) }));

        assert_eq!(amounts(&source), Some(vec![(1.0, 2.0), (2.0, 3.0)]));
    }

    #[test]
    fn rows_of_another_field_tell_nothing_and_numbers_may_be_texts() {
        let source = deal(json!({
            "Histories": list(&json!([
                row("amount", (json!("100.0"), json!("80")), "2026-07-01"),
                row("Amount", (json!(null), json!(100.0)), "2026-06-01"),
                row("StageName", (json!("A"), json!("B")), "2026-06-01"),
            ])),
        }));

        assert_eq!(amounts(&source), Some(vec![(100.0, 80.0)]));
        assert_eq!(track(&source, "CloseDate", day), None);
    }

    #[test]
    fn of_two_histories_the_fuller_one_counts() {
        let source = deal(json!({
            "Histories": list(&json!([row("Amount", (json!(90.0), json!(80.0)), "2026-07-01")])),
            "OpportunityHistories": list(&json!([
                stood("2026-05-01", json!({ "Amount": 100.0 })),
                stood("2026-06-01", json!({ "Amount": 90.0 })),
                stood("2026-07-01", json!({ "Amount": 80.0 })),
            ])),
        }));

        assert_eq!(amounts(&source), Some(vec![(100.0, 90.0), (90.0, 80.0)]));
    }

    #[test]
    fn no_history_and_an_empty_one_tell_nothing() {
        for record in [
            json!({ "Amount": 1.0 }),
            json!({ "Amount": 1.0, "Histories": null, "OpportunityHistories": list(&json!([])) }),
        ] {
            assert_eq!(amounts(&deal(record)), None);
        }
        assert_eq!(amounts(&Source::default()), None);
    }

    #[test]
    fn a_day_is_read_from_dates_and_datetimes() {
        for (written, read) in [
            ("2026-12-18", Some(date(2026, 12, 18))),
            ("2026-12-18T00:00:00.000+0000", Some(date(2026, 12, 18))),
            ("2026-12-18 00:00:00", Some(date(2026, 12, 18))),
            ("18.12.2026", None),
            ("[DATE_1]", None),
            ("", None),
        ] {
            assert_eq!(day(&Value::Text(written.to_owned())), read, "{written}");
        }
    }
}
