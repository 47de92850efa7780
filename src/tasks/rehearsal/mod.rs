//! Answers made from a record's own facts, by template, for the simulator.
//!
//! # Why
//! Whoever tries the gateway without a key should see an answer that is worth reading, and the same one each time. So
//! a rehearsal picks what a person would look at first, quotes it, and adds plain English labels. It never concludes,
//! translates or computes beyond counting entries and comparing a date with today, because every number, date and name
//! in it must stand in the record: the grounding check runs over it as over any answer. The words that it looks for
//! are English; in other languages it quotes less and stays true.
//!
//! Each answer is plain JSON. Whether it has the task's shape is for the task to check, as with a model's answer.

mod account_research;
mod briefing;
mod call_notes;
mod case_summary;
mod deal;
mod deal_health;
mod email_draft;
pub(super) mod entries;
pub(super) mod fields;
mod note_words;
mod people;
mod risks;
mod words;

pub(super) use account_research::account_research;
pub(super) use briefing::briefing;
pub(super) use call_notes::call_notes;
pub(super) use case_summary::case_summary;
pub(super) use deal_health::deal_health;
pub(super) use email_draft::email_draft;

/// `text` in quotes.
fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// `text` with a full stop, unless it ends like a sentence, in quotes or not.
fn sentence(text: &str) -> String {
    let is_whole = text
        .trim_end_matches('"')
        .ends_with(['.', '!', '?', '…', '。', '！', '？']);
    let stop = if is_whole { "" } else { "." };
    format!("{text}{stop}")
}

/// One sentence of several facts: `The stage is Proposal, the amount 9,500`. `None` without facts.
fn facts_told(facts: &[(&str, Option<String>)]) -> Option<String> {
    let known: Vec<String> = facts
        .iter()
        .filter_map(|(label, value)| Some((label, value.as_deref()?)))
        .enumerate()
        .map(|(index, (label, value))| match index {
            0 => format!("The {label} is {value}"),
            _ => format!("the {label} {value}"),
        })
        .collect();
    (!known.is_empty()).then(|| sentence(&known.join(", ")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::civil::{Date, date};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use crate::domain::TaskName;
    use crate::privacy::grounding::Known;
    use crate::salesforce::{Material, Record, Source};
    use crate::tasks::{EmailDraftOptions, Inquiry, Options, Own, Purpose, named};

    const TODAY: Date = date(2026, 11, 22);

    /// The answer as text; it passes the task's own check, or the test fails.
    fn text(name: TaskName, source: &Source) -> String {
        own(name, source).text(None)
    }

    fn own(name: TaskName, source: &Source) -> Own {
        asked(name, source, &Options::None)
    }

    fn asked(name: TaskName, source: &Source, options: &Options) -> Own {
        let task = named(name);
        let inquiry = Inquiry {
            options,
            ..Inquiry::plain(source, TODAY)
        };
        let draft = task.rehearse(&inquiry);
        assert_eq!(task.shape().check(&draft), Ok(()), "{draft:#}");
        assert_eq!(
            task.check(&draft, &inquiry),
            Vec::<String>::new(),
            "{draft:#}"
        );
        task.read(draft, &inquiry).unwrap()
    }

    /// An e-mail for each purpose.
    fn emails(source: &Source) -> Vec<Own> {
        let purposes = [
            Purpose::FollowUp,
            Purpose::Renewal,
            Purpose::Introduction,
            Purpose::Reply,
        ];
        let options = purposes.map(|purpose| {
            Options::EmailDraft(EmailDraftOptions {
                purpose: Some(purpose),
                voice: None,
            })
        });
        let own = options.iter();
        own.map(|options| asked(TaskName::EmailDraft, source, options))
            .collect()
    }

    /// What the grounding check has against the answer.
    fn ungrounded(name: TaskName, source: &Source) -> Vec<String> {
        ungrounded_in(name, source, &own(name, source))
    }

    fn ungrounded_in(name: TaskName, source: &Source, own: &Own) -> Vec<String> {
        let material = Material::of(source, usize::MAX);
        let extras = named(name).extras(&Inquiry::plain(source, TODAY));
        let texts = material.values.iter().map(String::as_str);
        let labels = material.labels.iter().map(String::as_str);
        let texts = texts.chain(extras.known()).chain(labels);
        let known = Known::new(texts, named(name).prompt(), TODAY);
        known.ungrounded(&own.said())
    }

    fn record_of(call: &str) -> Source {
        let call: Value = serde_json::from_str(call).unwrap();
        of(call["record"].clone())
    }

    fn of(record: Value) -> Source {
        Source {
            record: Some(Record::parse(record, "/record").unwrap()),
            ..Source::default()
        }
    }

    #[test]
    fn a_rep_can_read_the_briefing_of_an_opportunity() {
        let source = record_of(include_str!("../golden/opportunity.call.json"));

        let golden = include_str!("../golden/opportunity.rehearsal.txt");
        assert_eq!(text(TaskName::Briefing, &source), golden.trim_end());
    }

    #[test]
    fn an_agent_can_read_the_summary_of_a_case() {
        let source = record_of(include_str!("../golden/case.call.json"));

        let golden = include_str!("../golden/case.rehearsal.txt");
        assert_eq!(text(TaskName::CaseSummary, &source), golden.trim_end());
    }

    #[test]
    fn a_manager_can_read_the_health_of_a_slipping_deal_and_of_a_healthy_one() {
        let source = record_of(include_str!("../golden/deal_health.slipping.call.json"));
        let golden = include_str!("../golden/deal_health.slipping.rehearsal.txt");
        assert_eq!(text(TaskName::DealHealth, &source), golden.trim_end());

        let source = record_of(include_str!("../golden/deal_health.healthy.call.json"));
        let golden = include_str!("../golden/deal_health.healthy.rehearsal.txt");
        assert_eq!(text(TaskName::DealHealth, &source), golden.trim_end());
    }

    #[test]
    fn the_grounding_check_has_nothing_against_any_golden_record() {
        for call in [
            include_str!("../golden/opportunity.call.json"),
            include_str!("../golden/case.call.json"),
            include_str!("../golden/deal_health.slipping.call.json"),
            include_str!("../golden/deal_health.healthy.call.json"),
        ] {
            for name in TaskName::ALL {
                assert_eq!(
                    ungrounded(name, &record_of(call)),
                    Vec::<String>::new(),
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn an_open_deal_past_its_close_date_is_at_high_risk_and_a_closed_one_is_not() {
        let deal = |stage: &str| {
            of(json!({ "Name": "Pumps", "StageName": stage, "CloseDate": "2026-11-01" }))
        };

        let open = text(TaskName::Briefing, &deal("Proposal"));
        assert!(open.contains("- High: The close date has passed (CloseDate: 2026-11-01)"));
        assert!(open.contains("- Agree on a new close date; 2026-11-01 has passed"));
        let closed = text(TaskName::Briefing, &deal("Closed Won"));
        assert!(!closed.contains("passed"));
    }

    #[test]
    fn a_deal_that_has_been_silent_says_since_when() {
        let source = of(json!({
            "Name": "Pumps",
            "ActivityHistories": { "totalSize": 1, "done": true, "records": [
                { "Subject": "First meeting", "ActivityDate": "2026-08-03" },
            ]},
        }));

        let text = text(TaskName::Briefing, &source);
        assert!(text.contains(
            "- Medium: The latest activity lies long back (2026-08-03, \"First meeting\")"
        ));
    }

    #[test]
    fn facts_alone_make_a_briefing() {
        let fact = |label: &str, value: &str| (label.to_owned(), value.to_owned());
        let source = Source {
            facts: vec![
                fact("Name", "Pumps 2027"),
                fact("Stage", "Proposal"),
                fact("Amount", "184.500 EUR"),
                fact("Main competitor", "Pegelwerk"),
            ],
            ..Source::default()
        };

        let text = text(TaskName::Briefing, &source);
        assert!(
            text.starts_with("Pumps 2027: Proposal, 184.500 EUR\n"),
            "{text}"
        );
        assert!(text.contains("A competitor is in the deal (Main competitor: Pegelwerk)"));
    }

    #[test]
    fn related_lists_count_like_children() {
        let record = |json| Record::parse(json, "/related").unwrap();
        let source = Source {
            related: vec![(
                "comments".to_owned(),
                vec![
                    record(
                        json!({ "CommentBody": "When is it fixed?", "CreatedDate": "2026-11-02T08:00:00.000+0000" }),
                    ),
                    record(
                        json!({ "CommentBody": "Looking.", "CreatedDate": "2026-11-01T08:00:00.000+0000" }),
                    ),
                ],
            )],
            ..Source::default()
        };

        let text = text(TaskName::CaseSummary, &source);
        assert!(text.contains(
            "has 2 entries from 2026-11-01 to 2026-11-02. First, 2026-11-01: \"Looking.\""
        ));
        assert!(text.contains("Answer the last entry first, 2026-11-02: \"When is it fixed?\""));
        assert!(text.contains("Open questions\n- 2026-11-02: \"When is it fixed?\""));
    }

    #[test]
    fn of_300_comments_the_first_and_the_last_are_told() {
        let comments: Vec<Value> = (0..300)
            .map(|index| json!({ "CommentBody": format!("note number {index} {}", "x".repeat(3_000)) }))
            .collect();
        let source = of(json!({
            "CaseComments": { "totalSize": 300, "done": true, "records": comments },
        }));

        let text = text(TaskName::CaseSummary, &source);
        assert!(text.contains("has 300 entries"));
        assert!(text.contains("note number 0 ") && text.contains("note number 299 "));
    }

    #[test]
    fn nothing_at_all_is_said_to_be_nothing() {
        for name in TaskName::ALL {
            assert!(
                text(name, &Source::default()).contains("The data given"),
                "{name}"
            );
        }
    }

    /// The groups of digits in `text`, thousands joined.
    fn numbers(text: &str) -> BTreeSet<String> {
        text.replace(',', "")
            .split(|char: char| !char.is_numeric())
            .filter(|digits| !digits.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// Every text, number and name in `value`.
    fn strings(value: &Value) -> Vec<String> {
        match value {
            Value::String(text) => vec![text.clone()],
            Value::Number(number) => vec![number.to_string()],
            Value::Array(items) => items.iter().flat_map(strings).collect(),
            Value::Object(members) => members
                .iter()
                .flat_map(|(name, value)| [vec![name.clone()], strings(value)].concat())
                .collect(),
            Value::Null | Value::Bool(_) => Vec::new(),
        }
    }

    /// Texts as they come from an org: empty, short, long, in many scripts, full of numbers.
    fn words() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            3 => "[A-Za-z0-9 .,?!-]{0,60}",
            1 => any::<String>(),
            1 => Just("Wants a discount of 12%. 顧客は返答を待っています。いつですか？ 👩‍💻 שלום".to_owned()),
            1 => ("[a-z0-9]{1,9}[ .]", 1usize..600).prop_map(|(word, times)| word.repeat(times)),
            1 => "[0-9]{1,400}",
        ];
        prop_oneof![
            6 => text.prop_map(Value::from),
            1 => Just(Value::Null),
            1 => any::<u32>().prop_map(|number| json!(f64::from(number) / 4.0)),
            1 => any::<bool>().prop_map(Value::from),
        ]
    }

    fn day() -> impl Strategy<Value = Value> {
        prop_oneof![
            (2020..2030, 1..=12, 1..=28).prop_map(|(y, m, d)| json!(format!("{y}-{m:02}-{d:02}"))),
            (2020..2030, 1..=12, 1..=28)
                .prop_map(|(y, m, d)| json!(format!("{y}-{m:02}-{d:02}T09:14:51.000+0000"))),
            words(),
        ]
    }

    const FIELDS: [&str; 28] = [
        "Name",
        "StageName",
        "Amount",
        "CloseDate",
        "Probability",
        "NextStep",
        "Description",
        "Subject",
        "CaseNumber",
        "Status",
        "CreatedDate",
        "Competitor__c",
        "Renewal_Risk__c",
        "Close_Date_Slips__c",
        "ActivityDate",
        "CommentBody",
        "Role",
        "IsPublished",
        "IsPrimary",
        "CurrencyIsoCode",
        "Title",
        "Field",
        "OldValue",
        "NewValue",
        "LastStageChangeDate",
        "LastActivityDate",
        "IsClosed",
        "Odd__c",
    ];
    const LISTS: [&str; 7] = [
        "ActivityHistories",
        "OpenActivities",
        "CaseComments",
        "OpportunityContactRoles",
        "OpportunityHistories",
        "Histories",
        "Tasks",
    ];
    const RELATED: [&str; 4] = ["contacts", "activities", "comments", "emails"];

    fn flat() -> impl Strategy<Value = Value> {
        let field = prop::sample::select(&FIELDS[..]).prop_flat_map(|name| {
            let value = if name.ends_with("Date") {
                day().boxed()
            } else {
                words().boxed()
            };
            value.prop_map(move |value| (name.to_owned(), value))
        });
        let fields = prop::collection::vec(field, 0..9);
        (words(), fields).prop_map(|(first, fields)| {
            let first = ("Any__c".to_owned(), first);
            std::iter::once(first).chain(fields).collect()
        })
    }

    fn nested() -> impl Strategy<Value = Value> {
        let list = (
            prop::sample::select(&LISTS[..]),
            prop::collection::vec(flat(), 0..9),
        );
        let parents = (flat(), flat(), flat());
        (flat(), parents, prop::collection::vec(list, 0..4)).prop_map(
            |(mut record, parents, lists)| {
                record["Account"] = parents.0;
                record["Contact"] = parents.1;
                record["Owner"] = parents.2;
                for (name, records) in lists {
                    record[name] =
                        json!({ "totalSize": records.len(), "done": true, "records": records });
                }
                record
            },
        )
    }

    /// The source beside its own JSON.
    fn source() -> impl Strategy<Value = (Source, Value)> {
        let related = (
            prop::sample::select(&RELATED[..]),
            prop::collection::vec(flat(), 0..5),
        );
        let fact = (prop::sample::select(&FIELDS[..]), "[A-Za-z0-9 .,?]{0,40}");
        (
            prop::option::of(nested()),
            prop::collection::vec(related, 0..3),
            prop::collection::vec(fact, 0..5),
            prop::option::of(words()),
        )
            .prop_map(|(record, related, facts, text)| {
                let json = json!([record, related, facts, text]);
                let parse = |record| Record::parse(record, "/record").unwrap();
                let source = Source {
                    record: record.map(parse),
                    related: related
                        .into_iter()
                        .map(|(name, records)| {
                            (name.to_owned(), records.into_iter().map(parse).collect())
                        })
                        .collect(),
                    facts: facts
                        .into_iter()
                        .map(|(label, value)| (label.to_owned(), value))
                        .collect(),
                    text: text.and_then(|text| text.as_str().map(str::to_owned)),
                };
                (source, json)
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn any_source_gives_a_valid_answer_the_same_one_each_time((source, _) in source()) {
            for name in TaskName::ALL {
                let text = text(name, &source);
                prop_assert!(!text.trim().is_empty());
                prop_assert_eq!(text, own(name, &source).text(None));
            }
        }

        #[test]
        fn no_number_is_in_the_answer_that_is_not_in_the_source((source, json) in source()) {
            let given = numbers(&strings(&json).join("\n"));
            for name in TaskName::ALL {
                // What the task computed and showed to the model is known, and its score stands beside the text.
                let extras = named(name).extras(&Inquiry::plain(&source, TODAY));
                let mut known = given.clone();
                known.extend(extras.known().flat_map(numbers));
                known.extend(own(name, &source).members().get("score").map(Value::to_string));
                // How many entries there are is counted, and the only number that is.
                let text = text(name, &source);
                let mut parts: Vec<&str> = text.split(" entries").collect();
                let end = parts.pop().unwrap_or_default();
                let counted = parts.iter();
                let text: String = counted
                    .map(|part| part.trim_end_matches(|char: char| char.is_ascii_digit()))
                    .chain([end])
                    .collect();
                let invented: Vec<String> = numbers(&text).difference(&known).cloned().collect();
                prop_assert!(invented.is_empty(), "{:?}", invented);
            }
        }
    }

    proptest! {
        // Each case reads all of its texts twice over; a few are enough beside the test above.
        #![proptest_config(ProptestConfig::with_cases(20))]

        #[test]
        fn the_grounding_check_has_nothing_against_any_answer((source, _) in source()) {
            for name in TaskName::ALL {
                prop_assert_eq!(ungrounded(name, &source), Vec::<String>::new());
            }
        }

        #[test]
        fn an_email_for_any_purpose_is_valid_and_says_nothing_new((source, json) in source()) {
            let known = numbers(&strings(&json).join("\n"));
            for email in emails(&source) {
                let found = ungrounded_in(TaskName::EmailDraft, &source, &email);
                prop_assert_eq!(found, Vec::<String>::new());
                let said = numbers(&email.text(None));
                let invented: Vec<&String> = said.difference(&known).collect();
                prop_assert!(invented.is_empty(), "{:?}", invented);
            }
        }
    }
}
