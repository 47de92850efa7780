//! What can be computed of a deal: days, counts and changes, each a pure function of the source and of today.
//!
//! # Why
//! What the data does not say is `None` and never 0: "no slip" and "no history came" are different answers. So a list
//! that came empty says something where the org always fills it, and a list that did not come says nothing.

mod activity;
mod amount;
mod close_date;
mod history;
mod people;
mod stage;

use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

use crate::salesforce::Source;
use crate::tasks::headings::deal_health::SignalNames;
use crate::tasks::rehearsal::fields::Fields;

/// What was computed of a deal, from its record and history after the privacy rules. Null: the data does not say.
#[derive(Debug, Clone, PartialEq, Default, Serialize, ToSchema)]
pub struct Signals {
    /// The stage the deal stands in.
    #[schema(max_length = 255)]
    pub stage: Option<String>,
    /// Whether the deal has ended, won or lost.
    pub is_closed: Option<bool>,
    /// Whether it was won. Null too while it is open.
    pub is_won: Option<bool>,
    /// Days since the deal entered its stage.
    #[schema(minimum = 0)]
    pub days_in_stage: Option<i32>,
    /// Days until the close date; negative when it has passed.
    pub days_to_close: Option<i32>,
    /// How often the close date was moved to a later day: as the history tells, or as the org's own counter does where
    /// that is larger.
    #[schema(minimum = 0)]
    pub close_date_slips: Option<i32>,
    /// By how many days in all it was moved to later days, as the history tells.
    #[schema(minimum = 0)]
    pub close_date_slip_days: Option<i32>,
    /// Days since the last activity that has taken place. Planned ones do not count.
    #[schema(minimum = 0)]
    pub days_since_last_activity: Option<i32>,
    /// Days until the next activity that is planned; 0 is today. Null too where none is planned.
    #[schema(minimum = 0)]
    pub next_activity_in_days: Option<i32>,
    /// How many people of the customer's have a contact role or took part in an activity, each counted once.
    #[schema(minimum = 0)]
    pub contacts_engaged: Option<i32>,
    /// Which of Economic Buyer, Decision Maker, Executive Sponsor and Evaluator nobody has. Null where no contact roles
    /// came, or where the org calls its roles otherwise.
    #[schema(max_items = 4)]
    pub roles_missing: Option<Vec<String>>,
    /// How often the amount was changed after it was first entered.
    #[schema(minimum = 0)]
    pub amount_changes: Option<i32>,
    /// The amount today less the first one that the history tells, in the deal's currency.
    pub amount_change: Option<f64>,
    /// The same in percent of the first one, with one decimal.
    pub amount_change_percent: Option<f64>,
}

impl Signals {
    /// The signals of a deal, seen from `today`.
    pub(in crate::tasks) fn of(source: &Source, today: Date) -> Self {
        let fields = Fields::of(source);
        let stage = stage::name(fields);
        let is_closed = stage::is_closed(source, stage.as_deref());
        let slips = close_date::slips(source);
        let amount = amount::changes(source);
        Self {
            is_won: stage::is_won(source, stage.as_deref(), is_closed),
            is_closed,
            days_in_stage: stage::days_in_stage(source, today),
            days_to_close: close_date::days_to_close(fields, today),
            close_date_slips: slips.count,
            close_date_slip_days: slips.days,
            days_since_last_activity: activity::days_since_last(source, today),
            next_activity_in_days: activity::next_in_days(source, today),
            contacts_engaged: people::engaged(source),
            roles_missing: people::roles_missing(source),
            amount_changes: amount.count,
            amount_change: amount.difference,
            amount_change_percent: amount.percent,
            stage,
        }
    }

    /// Each known signal by its name: `days_in_stage: 51`. What the model reads.
    pub(in crate::tasks) fn lines(&self) -> Vec<String> {
        self.told(&SignalNames::ON_THE_WIRE)
    }

    /// Each known signal under its name in a language.
    pub(super) fn told(&self, names: &SignalNames) -> Vec<String> {
        let number = |number: Option<i32>| number.map(|number| number.to_string());
        let flag = |flag: Option<bool>| {
            flag.map(|yes| if yes { names.yes } else { names.no })
                .map(str::to_owned)
        };
        let roles = self.roles_missing.as_ref().map(|roles| match roles[..] {
            [] => names.none.to_owned(),
            _ => roles.join(", "),
        });
        let amount = self.amount_change.map(|change| change.to_string());
        let percent = self.amount_change_percent;
        let told = [
            (names.stage, self.stage.clone()),
            (names.is_closed, flag(self.is_closed)),
            (names.is_won, flag(self.is_won)),
            (names.days_in_stage, number(self.days_in_stage)),
            (names.days_to_close, number(self.days_to_close)),
            (names.close_date_slips, number(self.close_date_slips)),
            (
                names.close_date_slip_days,
                number(self.close_date_slip_days),
            ),
            (
                names.days_since_last_activity,
                number(self.days_since_last_activity),
            ),
            (
                names.next_activity_in_days,
                number(self.next_activity_in_days),
            ),
            (names.contacts_engaged, number(self.contacts_engaged)),
            (names.roles_missing, roles),
            (names.amount_changes, number(self.amount_changes)),
            (names.amount_change, amount),
            (
                names.amount_change_percent,
                percent.map(|percent| format!("{percent}%")),
            ),
        ];
        told.into_iter()
            .filter_map(|(name, value)| Some(format!("{name}: {}", value?)))
            .collect()
    }
}

/// Days from `one` to `other`; negative where `other` is earlier.
fn days(one: Date, other: Date) -> i32 {
    (other - one).get_days()
}

/// Days since `day`, which lies in the past: a Datetime's day in UTC can be tomorrow where the org is.
fn days_since(day: Date, today: Date) -> i32 {
    days(day, today).max(0)
}

/// How many there are.
fn count(of: usize) -> i32 {
    i32::try_from(of).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod testing {
    use jiff::civil::{Date, date};
    use serde_json::{Value, json};

    use crate::salesforce::{Record, Source};

    pub(super) const TODAY: Date = date(2026, 11, 22);

    /// A deal with these fields.
    pub(super) fn deal(record: Value) -> Source {
        Source {
            record: Some(Record::parse(record, "/record").unwrap()),
            ..Source::default()
        }
    }

    /// A child list as Salesforce writes it.
    pub(super) fn list(records: &Value) -> Value {
        json!({ "totalSize": records.as_array().unwrap().len(), "done": true, "records": records })
    }

    /// A row of the field history.
    pub(super) fn row(field: &str, (old, new): (Value, Value), day: &str) -> Value {
        json!({
            "Field": field, "OldValue": old, "NewValue": new,
            "CreatedDate": format!("{day}T09:14:51.000+0000"),
        })
    }

    /// The deal as it stood from a day on.
    pub(super) fn stood(day: &str, mut record: Value) -> Value {
        record["CreatedDate"] = json!(format!("{day}T09:14:51.000+0000"));
        record
    }
}

#[cfg(test)]
mod tests {
    use super::testing::TODAY;
    use super::*;

    #[test]
    fn of_nothing_nothing_is_known() {
        let signals = Signals::of(&Source::default(), TODAY);

        assert_eq!(signals, Signals::default());
        assert!(signals.lines().is_empty());
    }

    #[test]
    fn facts_of_a_flow_are_read_where_no_record_came() {
        let fact = |label: &str, value: &str| (label.to_owned(), value.to_owned());
        let source = Source {
            facts: vec![
                fact("Stage", "Closed Lost"),
                fact("Close Date", "2026-11-20"),
                fact("Last Stage Change Date", "2026-11-20"),
                fact("Close Date Slips", "3"),
                fact("Last Activity Date", "2026-11-02"),
            ],
            ..Source::default()
        };

        assert_eq!(
            Signals::of(&source, TODAY).lines(),
            [
                "stage: Closed Lost",
                "is_closed: yes",
                "is_won: no",
                "days_in_stage: 2",
                "days_to_close: -2",
                "close_date_slips: 3",
                "days_since_last_activity: 20",
            ]
        );
    }

    #[test]
    fn days_are_counted_over_months_and_years() {
        assert_eq!(days(TODAY, TODAY), 0);
        assert_eq!(
            days(
                jiff::civil::date(2024, 2, 28),
                jiff::civil::date(2025, 3, 1)
            ),
            367
        );
        assert_eq!(days_since(jiff::civil::date(2026, 11, 23), TODAY), 0);
    }
}
