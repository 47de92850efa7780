//! Where the deal stands, since when, and whether it has ended.

use jiff::civil::Date;

use super::days_since;
use super::history::{text, track};
use crate::salesforce::{Source, Value};
use crate::tasks::rehearsal::fields::Fields;

/// The forecast categories of a deal that is under way, in the spellings of the field and of its name.
const OPEN_FORECASTS: [&str; 6] = [
    "pipeline",
    "best case",
    "bestcase",
    "most likely",
    "mostlikely",
    "commit",
];

/// The stage as it is written; `None` too where it was withheld, since nobody would put a placeholder here back.
pub(super) fn name(fields: Fields<'_>) -> Option<String> {
    let stage = fields.line("StageName")?;
    (!is_placeholder(&stage)).then_some(stage)
}

/// Whether the deal has ended: by the record's flags, else by the stage's name, else by the forecast.
pub(super) fn is_closed(source: &Source, stage: Option<&str>) -> Option<bool> {
    let won = flag(source, "IsWon").filter(|won| *won);
    if let Some(closed) = flag(source, "IsClosed").or(won) {
        return Some(closed);
    }
    if stage.is_some_and(|stage| stage.to_lowercase().starts_with("closed")) {
        return Some(true);
    }
    match forecast(source)?.as_str() {
        "closed" => Some(true),
        open if OPEN_FORECASTS.contains(&open) => Some(false),
        _ => None,
    }
}

/// Whether a deal that has ended was won.
pub(super) fn is_won(
    source: &Source,
    stage: Option<&str>,
    is_closed: Option<bool>,
) -> Option<bool> {
    if is_closed != Some(true) {
        return None;
    }
    let stage = stage.unwrap_or_default().to_lowercase();
    let by_stage = match (stage.contains("won"), stage.contains("lost")) {
        (true, false) => Some(true),
        (false, true) => Some(false),
        _ => None,
    };
    let by_forecast = || match forecast(source)?.as_str() {
        "closed" => Some(true),
        "omitted" => Some(false),
        _ => None,
    };
    flag(source, "IsWon").or(by_stage).or_else(by_forecast)
}

/// Days since the last change of the stage; of a deal that never changed it, since it began.
pub(super) fn days_in_stage(source: &Source, today: Date) -> Option<i32> {
    let fields = Fields::of(source);
    let entered = fields.day("LastStageChangeDate").or_else(|| {
        let track = track(source, "StageName", text)?;
        match track.moves.last() {
            Some(last) => last.day,
            None => track.begun,
        }
    })?;
    Some(days_since(entered, today))
}

fn flag(source: &Source, name: &str) -> Option<bool> {
    match source.record.as_ref()?.get(name)? {
        Value::Flag(flag) => Some(*flag),
        _ => None,
    }
}

fn forecast(source: &Source) -> Option<String> {
    let fields = Fields::of(source);
    let forecast = fields.first(&["ForecastCategoryName", "ForecastCategory"])?;
    Some(forecast.to_lowercase())
}

/// Whether privacy left `[STAGE_1]` where the value was.
fn is_placeholder(text: &str) -> bool {
    let inside = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    inside
        .and_then(|inside| inside.rsplit_once('_'))
        .is_some_and(|(name, number)| {
            !name.is_empty() && !number.is_empty() && number.bytes().all(|it| it.is_ascii_digit())
        })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::super::testing::{TODAY, deal, list, row, stood};
    use super::*;

    #[test]
    fn an_end_is_told_by_flags_stage_or_forecast() {
        for (record, closed, won) in [
            (
                json!({ "IsClosed": false, "StageName": "Closed Lost" }),
                Some(false),
                None,
            ),
            (
                json!({ "IsClosed": true, "IsWon": true }),
                Some(true),
                Some(true),
            ),
            (
                json!({ "IsClosed": true, "IsWon": false }),
                Some(true),
                Some(false),
            ),
            (
                json!({ "IsWon": true, "StageName": "Gewonnen" }),
                Some(true),
                Some(true),
            ),
            (json!({ "StageName": "Closed Won" }), Some(true), Some(true)),
            (
                json!({ "StageName": "CLOSED - Lost" }),
                Some(true),
                Some(false),
            ),
            (json!({ "StageName": "Closed" }), Some(true), None),
            (json!({ "StageName": "Proposal" }), None, None),
            (
                json!({ "ForecastCategoryName": "Best Case" }),
                Some(false),
                None,
            ),
            (
                json!({ "ForecastCategory": "Closed" }),
                Some(true),
                Some(true),
            ),
            (
                json!({ "IsClosed": true, "ForecastCategory": "Omitted" }),
                Some(true),
                Some(false),
            ),
            (json!({ "Name": "Pumps" }), None, None),
        ] {
            let source = deal(record.clone());
            let stage = name(Fields::of(&source));
            let is_closed = is_closed(&source, stage.as_deref());
            assert_eq!(is_closed, closed, "{record}");
            assert_eq!(
                is_won(&source, stage.as_deref(), is_closed),
                won,
                "{record}"
            );
        }
    }

    #[test]
    fn a_stage_that_was_withheld_is_not_told() {
        for (stage, told) in [
            ("[STAGE_1]", None),
            ("[stage]", Some("[stage]")),
            ("Proposal", Some("Proposal")),
        ] {
            let source = deal(json!({ "StageName": stage }));
            assert_eq!(name(Fields::of(&source)).as_deref(), told);
        }
    }

    fn days(record: Json) -> Option<i32> {
        days_in_stage(&deal(record), TODAY)
    }

    #[test]
    fn the_days_in_a_stage_run_from_its_last_change() {
        let change = "2026-10-02T09:14:51.000+0000";
        assert_eq!(days(json!({ "LastStageChangeDate": change })), Some(51));
        let tomorrow_in_utc = "2026-11-23T02:00:00.000+0000";
        assert_eq!(
            days(json!({ "LastStageChangeDate": tomorrow_in_utc })),
            Some(0)
        );
        assert_eq!(
            days(json!({ "Histories": list(&json!([
                row("StageName", (json!("B"), json!("C")), "2026-11-12"),
                row("StageName", (json!("A"), json!("B")), "2026-09-01"),
                row("CloseDate", (json!("2026-11-01"), json!("2026-12-01")), "2026-11-20"),
            ])) })),
            Some(10)
        );
        assert_eq!(
            days(
                json!({ "StageName": "B", "OpportunityHistories": list(&json!([
                stood("2026-11-20", json!({ "StageName": "B", "Amount": 2 })),
                stood("2026-11-02", json!({ "StageName": "B", "Amount": 1 })),
                stood("2026-09-01", json!({ "StageName": "A", "Amount": 1 })),
            ])) })
            ),
            Some(20)
        );
    }

    #[test]
    fn a_deal_that_never_changed_its_stage_has_it_since_it_began() {
        let only = json!([stood("2026-11-01", json!({ "StageName": "A" }))]);
        let whole = json!({ "StageName": "A", "OpportunityHistories": list(&only) });
        assert_eq!(days(whole.clone()), Some(21));

        let mut cut = whole.clone();
        cut["OpportunityHistories"]["totalSize"] = json!(9);
        assert_eq!(days(cut), None);
        let mut moved_unseen = whole;
        moved_unseen["StageName"] = json!("B");
        assert_eq!(days(moved_unseen), None);
        assert_eq!(days(json!({ "StageName": "A" })), None);
    }
}
