//! What happened around a record, as entries with a day: activities, comments, e-mails.

use jiff::civil::Date;

use super::fields::{filled, written};
use super::quoted;
use crate::salesforce::{Record, Source, Value};
use crate::tasks::excerpt::excerpt;

/// The child relationships and related lists that hold activities.
const ACTIVITIES: [&str; 5] = [
    "ActivityHistories",
    "OpenActivities",
    "Tasks",
    "Events",
    "Emails",
];
const RELATED_ACTIVITIES: [&str; 2] = ["activities", "emails"];
/// Those that hold a case's thread.
const THREAD: [&str; 3] = ["CaseComments", "EmailMessages", "Emails"];
const RELATED_THREAD: [&str; 2] = ["comments", "emails"];
/// Those that hold e-mails alone.
const EMAILS: [&str; 2] = ["EmailMessages", "Emails"];
const RELATED_EMAILS: [&str; 1] = ["emails"];

/// Where an entry's day stands, the most telling field first.
const DAYS: [&str; 6] = [
    "ActivityDate",
    "ActivityDateTime",
    "StartDateTime",
    "MessageDate",
    "CreatedDate",
    "LastModifiedDate",
];
const BODIES: [&str; 4] = ["CommentBody", "Description", "TextBody", "Body"];
const DONE: [&str; 3] = ["completed", "closed", "done"];

/// As long as a title may be inside a sentence.
const TITLE: usize = 160;

/// One thing that happened, or is planned.
#[derive(Debug)]
pub(super) struct Entry<'s> {
    pub(super) day: Option<Date>,
    /// The moment as it is written, which orders the entries of one day.
    moment: &'s str,
    pub(super) title: Option<String>,
    pub(super) body: Option<&'s str>,
    /// Planned or under way, not done.
    pub(super) open: bool,
    /// Who can see it, where the record says so.
    audience: Option<&'static str>,
}

const INTERNAL: &str = "internal";
const SENT: &str = "sent";

/// Calls, meetings, tasks and e-mails, the newest first.
pub(super) fn activities(source: &Source) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = records(source, &ACTIVITIES, &RELATED_ACTIVITIES)
        .into_iter()
        .filter_map(|(list, record)| Entry::of(record, list == "OpenActivities"))
        .collect();
    entries.sort_by(|one, other| other.moment_key().cmp(&one.moment_key()));
    entries
}

/// The comments and e-mails of a case, the oldest first; in the order given where some bear no day.
pub(super) fn thread(source: &Source) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = records(source, &THREAD, &RELATED_THREAD)
        .into_iter()
        .filter_map(|(_, record)| Entry::of(record, false))
        .collect();
    if entries.iter().all(|entry| entry.day.is_some()) {
        entries.sort_by(|one, other| one.moment_key().cmp(&other.moment_key()));
    }
    entries
}

/// E-mails, the newest first, each beside its record.
pub(super) fn emails(source: &Source) -> Vec<(Entry<'_>, &Record)> {
    let mut entries: Vec<(Entry<'_>, &Record)> = records(source, &EMAILS, &RELATED_EMAILS)
        .into_iter()
        .filter_map(|(_, record)| Some((Entry::of(record, false)?, record)))
        .collect();
    entries.sort_by(|(one, _), (other, _)| other.moment_key().cmp(&one.moment_key()));
    entries
}

/// The records of the named children and of the named related lists, each with the name of its list.
pub(in crate::tasks) fn records<'s>(
    source: &'s Source,
    children: &[&'static str],
    related: &[&str],
) -> Vec<(&'static str, &'s Record)> {
    let own = source.record.iter().flat_map(|record| {
        children
            .iter()
            .flat_map(|name| record.children(name).iter().map(|child| (*name, child)))
    });
    let beside = source
        .related
        .iter()
        .filter(|(name, _)| related.contains(&name.as_str()))
        .flat_map(|(_, records)| records.iter().map(|record| ("related", record)));
    own.chain(beside).collect()
}

impl<'s> Entry<'s> {
    /// The entry that `record` tells of; `None` where it says neither what nor about what.
    fn of(record: &'s Record, planned: bool) -> Option<Self> {
        let title = record
            .get("Subject")
            .and_then(written)
            .and_then(|title| filled(excerpt(title, TITLE)));
        let body = BODIES.iter().find_map(|name| written(record.get(name)?));
        if title.is_none() && body.is_none() {
            return None;
        }
        let moment = DAYS.iter().find(|name| record.date(name).is_some());
        Some(Self {
            day: moment.and_then(|name| record.date(name)),
            moment: moment
                .and_then(|name| record.text(name))
                .unwrap_or_default(),
            title,
            body,
            open: planned || is_under_way(record),
            audience: audience(record),
        })
    }

    /// When, and about what, as far as it is known: `2026-11-12, "Call: terms"`.
    pub(super) fn heading(&self) -> Option<String> {
        let day = self.day.map(|day| day.to_string());
        let title = self.title.as_deref().map(quoted);
        let parts: Vec<String> = [day, title, self.audience.map(str::to_owned)]
            .into_iter()
            .flatten()
            .collect();
        filled(parts.join(", "))
    }

    /// Heading and body, the body at most `at_most` units long.
    pub(super) fn told(&self, at_most: usize) -> String {
        let body = self.body.map(|body| quoted(&excerpt(body, at_most)));
        let parts: Vec<String> = [self.heading(), body].into_iter().flatten().collect();
        parts.join(": ")
    }

    /// Whether it has happened by `today`, as far as is known.
    pub(super) fn is_done(&self, today: Date) -> bool {
        !self.open && self.day.is_none_or(|day| day <= today)
    }

    /// Whether it is for colleagues only.
    pub(super) fn is_internal(&self) -> bool {
        self.audience == Some(INTERNAL)
    }

    /// Whether it is an e-mail to the customer.
    pub(super) fn is_sent(&self) -> bool {
        self.audience == Some(SENT)
    }

    fn moment_key(&self) -> (Option<Date>, &'s str) {
        (self.day, self.moment)
    }
}

/// Whether a task says that it is not done.
pub(in crate::tasks) fn is_under_way(record: &Record) -> bool {
    match (record.get("IsClosed"), record.text("Status")) {
        (Some(Value::Flag(closed)), _) => !closed,
        (_, Some(status)) => {
            let status = status.to_lowercase();
            record.object() == Some("Task") && !DONE.iter().any(|done| status.contains(done))
        }
        _ => false,
    }
}

fn audience(record: &Record) -> Option<&'static str> {
    match (record.get("IsPublished"), record.get("Incoming")) {
        (Some(Value::Flag(true)), _) => Some("visible to the customer"),
        (Some(Value::Flag(false)), _) => Some(INTERNAL),
        (_, Some(Value::Flag(true))) => Some("received"),
        (_, Some(Value::Flag(false))) => Some(SENT),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn source(record: Json) -> Source {
        Source {
            record: Some(Record::parse(record, "/record").unwrap()),
            ..Source::default()
        }
    }

    fn list(records: &Json) -> Json {
        json!({ "totalSize": records.as_array().unwrap().len(), "done": true, "records": records })
    }

    #[test]
    fn activities_of_all_lists_come_newest_first_and_those_without_a_day_last() {
        let source = source(json!({
            "ActivityHistories": list(&json!([
                { "Subject": "old", "ActivityDate": "2026-06-30" },
                { "Subject": "undated" },
                { "Subject": "new", "ActivityDate": "2026-11-12" },
                { "ActivityDate": "2026-11-13", "Subject": null },
            ])),
            "OpenActivities": list(&json!([{ "Subject": "planned", "ActivityDate": "2026-11-30" }])),
            "Events": null,
        }));

        let entries = activities(&source);
        let titles: Vec<&str> = entries
            .iter()
            .filter_map(|entry| entry.title.as_deref())
            .collect();
        assert_eq!(titles, ["planned", "new", "old", "undated"]);
        assert!(entries[0].open && !entries[1].open);
    }

    #[test]
    fn a_thread_of_one_day_is_ordered_by_the_clock() {
        let source = source(json!({
            "CaseComments": list(&json!([
                { "CommentBody": "second", "CreatedDate": "2026-11-14T18:20:01.000+0000", "IsPublished": true },
                { "CommentBody": "first", "CreatedDate": "2026-11-14T18:05:44.000+0000", "IsPublished": false },
            ])),
        }));

        let told: Vec<String> = thread(&source).iter().map(|entry| entry.told(50)).collect();
        assert_eq!(
            told,
            [
                "2026-11-14, internal: \"first\"",
                "2026-11-14, visible to the customer: \"second\"",
            ]
        );
    }

    #[test]
    fn a_task_is_open_until_its_status_says_otherwise() {
        let task = |status: &str| {
            Record::parse(
                json!({ "attributes": { "type": "Task" }, "Status": status }),
                "/record",
            )
            .unwrap()
        };
        assert!(is_under_way(&task("Not Started")));
        assert!(!is_under_way(&task("Completed")));
    }
}
