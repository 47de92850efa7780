//! When something last happened, and when something is planned.

use jiff::civil::Date;

use super::{days, days_since};
use crate::salesforce::{Record, Source, Value};
use crate::tasks::rehearsal::entries::{is_under_way, records};
use crate::tasks::rehearsal::fields::Fields;

/// The child relationships that hold activities.
const ACTIVITIES: [&str; 6] = [
    PLANNED,
    "ActivityHistories",
    "Tasks",
    "Events",
    "Emails",
    "EmailMessages",
];
/// Among them the one that holds only what has not happened yet.
const PLANNED: &str = "OpenActivities";
const RELATED: [&str; 2] = ["activities", "emails"];

/// The days of an activity that are in the past by what they tell, and those that need not be.
const HAPPENED: [&str; 2] = ["CompletedDateTime", "MessageDate"];
const DUE: [&str; 3] = ["ActivityDate", "ActivityDateTime", "StartDateTime"];

/// An activity and whether it is planned or under way.
struct Activity<'s> {
    record: &'s Record,
    is_open: bool,
}

/// Every record of an activity that came along, whatever it says.
pub(super) fn activities(source: &Source) -> impl Iterator<Item = &Record> {
    records(source, &ACTIVITIES, &RELATED)
        .into_iter()
        .map(|(_, record)| record)
}

/// Days since the last activity that has taken place, by the activities and by what the record says of them.
pub(super) fn days_since_last(source: &Source, today: Date) -> Option<i32> {
    let done = all(source).into_iter().filter_map(|one| one.done(today));
    let told = Fields::of(source).day("LastActivityDate");
    let told = told.filter(|day| *day <= today);
    let last = done.chain(told).max()?;
    Some(days_since(last, today))
}

/// Days until the next activity that is planned for today or later.
pub(super) fn next_in_days(source: &Source, today: Date) -> Option<i32> {
    let planned = all(source).into_iter().filter_map(|one| one.due(today));
    Some(days(today, planned.min()?))
}

fn all(source: &Source) -> Vec<Activity<'_>> {
    records(source, &ACTIVITIES, &RELATED)
        .into_iter()
        .map(|(list, record)| Activity {
            record,
            is_open: list == PLANNED || is_under_way(record),
        })
        .collect()
}

impl Activity<'_> {
    /// The day on which it took place.
    fn done(&self, today: Date) -> Option<Date> {
        if self.is_open {
            return None;
        }
        let first = |names: &[&str]| names.iter().find_map(|name| self.record.date(name));
        // A Datetime of this evening can be tomorrow in UTC.
        let past = |day: Date| day.min(today);
        first(&HAPPENED)
            .map(past)
            .or_else(|| first(&DUE))
            .or_else(|| first(&["CreatedDate"]).map(past))
            .filter(|day| *day <= today)
    }

    /// The day for which it is planned. What is not marked as open and lies ahead, such as an Event, is planned too.
    fn due(&self, today: Date) -> Option<Date> {
        let day = DUE.iter().find_map(|name| self.record.date(name))?;
        let has_happened = HAPPENED.iter().any(|name| self.record.date(name).is_some());
        let is_ahead = day > today && !has_happened && !is_done(self.record);
        (is_ahead || (self.is_open && day == today)).then_some(day)
    }
}

/// Whether the record says that it is over.
fn is_done(record: &Record) -> bool {
    let status = record.text("Status").unwrap_or_default();
    record.get("IsClosed") == Some(&Value::Flag(true)) || status.eq_ignore_ascii_case("completed")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::super::testing::{TODAY, deal, list};
    use super::*;

    fn of(record: Json) -> (Option<i32>, Option<i32>) {
        let source = deal(record);
        (
            days_since_last(&source, TODAY),
            next_in_days(&source, TODAY),
        )
    }

    fn task(status: &str, day: &str) -> Json {
        json!({ "attributes": { "type": "Task" }, "Status": status, "ActivityDate": day })
    }

    #[test]
    fn only_what_has_happened_is_the_last_activity() {
        let record = json!({
            "ActivityHistories": list(&json!([
                { "ActivityDate": "2026-06-30" },
                { "ActivityDate": "2026-11-12" },
                { "ActivityDate": "2026-12-24" },
                { "ActivityDate": null },
            ])),
            "OpenActivities": list(&json!([{ "ActivityDate": "2026-11-20" }])),
            "Tasks": list(&json!([task("Not Started", "2026-11-21"), task("Completed", "2026-11-01")])),
        });
        assert_eq!(of(record).0, Some(10));
    }

    #[test]
    fn the_next_activity_is_the_first_that_is_not_overdue() {
        let record = json!({
            "OpenActivities": list(&json!([
                { "ActivityDate": "2026-12-24" },
                { "ActivityDate": "2026-11-30" },
                { "ActivityDate": "2026-11-01" },
            ])),
            "Events": list(&json!([{ "StartDateTime": "2026-11-27T09:00:00.000+0000" }])),
        });
        assert_eq!(of(record), (None, Some(5)));
        let today = json!({ "OpenActivities": list(&json!([{ "ActivityDate": "2026-11-22" }])) });
        assert_eq!(of(today), (None, Some(0)));
        let done_early = json!({ "Tasks": list(&json!([task("Completed", "2026-11-30")])) });
        assert_eq!(of(done_early), (None, None));
    }

    #[test]
    fn a_moment_of_this_evening_is_today_though_utc_says_tomorrow() {
        let record = json!({ "EmailMessages": list(&json!([
            { "MessageDate": "2026-11-23T02:00:00.000+0000" },
        ])) });
        assert_eq!(of(record), (Some(0), None));
    }

    #[test]
    fn the_record_s_own_last_activity_counts_if_it_lies_in_the_past() {
        assert_eq!(of(json!({ "LastActivityDate": "2026-11-02" })).0, Some(20));
        assert_eq!(of(json!({ "LastActivityDate": "2026-12-02" })).0, None);
        let newer = json!({
            "LastActivityDate": "2026-11-02",
            "ActivityHistories": list(&json!([{ "ActivityDate": "2026-10-01" }])),
        });
        assert_eq!(of(newer).0, Some(20));
    }

    #[test]
    fn related_activities_count_like_children_and_empty_lists_tell_nothing() {
        let activity = crate::salesforce::Record::parse(
            json!({ "Subject": "Call", "ActivityDate": "2026-11-21" }),
            "/related",
        );
        let source = Source {
            related: vec![("activities".to_owned(), vec![activity.unwrap()])],
            ..Source::default()
        };
        assert_eq!(days_since_last(&source, TODAY), Some(1));
        let empty = json!({ "ActivityHistories": list(&json!([])), "Events": null });
        assert_eq!(of(empty), (None, None));
    }
}
