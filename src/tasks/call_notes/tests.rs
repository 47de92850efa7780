use jiff::civil::date;
use serde_json::json;
use utoipa::PartialSchema;

use super::*;
use crate::privacy::grounding::{Known, Said};
use crate::salesforce::{Material, Record};
use crate::tasks::question::user_message;

const NOTES: &str = "Ruth (COO): board signs 10 Dec\nthey lose ~EUR 25k a month\n\
                     Tomas likes the dashboard\nme: send reference by next Friday";
const TODAY: Date = date(2026, 11, 22);
const CALL_DATE: Date = date(2026, 11, 18);

fn options() -> Options {
    Options::CallNotes(CallNotesOptions {
        call_date: Some(CALL_DATE),
    })
}

fn source(record: Value) -> Source {
    Source {
        record: Some(Record::parse(record, "/record").unwrap()),
        text: Some(NOTES.to_owned()),
        ..Source::default()
    }
}

fn draft() -> Value {
    json!({
        "meddic": {
            "metrics": {
                "summary": "They lose about EUR 25k a month.",
                "evidence": "they lose ~EUR 25k a month",
                "confidence": "high",
            },
            "economic_buyer": null,
            "decision_criteria": null,
            "decision_process": null,
            "identified_pain": null,
            "champion": {
                "summary": "Tomas likes the dashboard.",
                "evidence": "“Tomas likes the dashboard”",
                "confidence": "low",
            },
        },
        "next_steps": [
            { "what": "Send the reference", "owner": "me", "due_date": "2026-11-20" },
            { "what": "Wait for the board", "owner": null, "due_date": null },
        ],
        "follow_up_task": {
            "subject": "Send Ruth the reference",
            "due_date": "2026-11-20",
            "priority": "High",
            "description": "She wants it by Friday.",
        },
    })
}

/// What the checks have against `draft` with `value` at `pointer`.
fn faults(pointer: &str, value: Value) -> Vec<String> {
    let mut draft = draft();
    *draft.pointer_mut(pointer).unwrap() = value;
    assert_eq!(SHAPE.check(&draft), Ok(()), "{pointer}");
    let (source, options) = (source(json!({ "Name": "Pumps" })), options());
    let inquiry = Inquiry {
        options: &options,
        ..Inquiry::plain(&source, TODAY)
    };
    CallNotesTask.check(&draft, &inquiry)
}

fn own(record: Value, draft: Value) -> Own {
    let (source, options) = (source(record), options());
    let inquiry = Inquiry {
        options: &options,
        ..Inquiry::plain(&source, TODAY)
    };
    CallNotesTask.read(draft, &inquiry).unwrap()
}

#[test]
fn a_draft_that_keeps_to_the_notes_passes() {
    assert_eq!(
        faults("/meddic/economic_buyer", Value::Null),
        Vec::<String>::new()
    );
}

#[test]
fn evidence_that_does_not_stand_in_the_notes_is_told_by_its_place() {
    for (evidence, fault) in [
        ("Tomas loves the dashboard", "is not a quote from the notes"),
        ("Pumps and nothing else", "is not a quote from the notes"),
        ("e", "is too short to be a quote: take more of the line"),
    ] {
        assert_eq!(
            faults("/meddic/champion/evidence", json!(evidence)),
            [format!("/meddic/champion/evidence {fault}")]
        );
    }
}

#[test]
fn a_part_that_says_there_is_nothing_to_say_must_be_null() {
    for summary in ["Not mentioned in the notes.", "Unbekannt", "記載なし", "-"] {
        let part = json!({ "summary": summary, "evidence": "n/a", "confidence": "low" });
        assert_eq!(
            faults("/meddic/economic_buyer", part),
            ["/meddic/economic_buyer must be null where the notes do not say it"]
        );
    }
    assert_eq!(
        faults("/next_steps/0/owner", json!("TBD")),
        ["/next_steps/0/owner must be null where the notes do not say it"]
    );
}

#[test]
fn an_odd_due_date_is_told_wherever_it_stands() {
    assert_eq!(
        faults("/next_steps/0/due_date", json!("next Friday")),
        ["/next_steps/0/due_date must be null or a day that exists, written as YYYY-MM-DD"]
    );
    assert_eq!(
        faults("/follow_up_task/due_date", json!("2062-11-20")),
        ["/follow_up_task/due_date lies too far from the day of the call"]
    );
}

#[test]
fn a_step_and_a_task_must_say_something() {
    for pointer in [
        "/next_steps/1/what",
        "/follow_up_task/subject",
        "/follow_up_task/description",
    ] {
        assert_eq!(
            faults(pointer, json!(" … ")),
            [format!("{pointer} must say something")]
        );
    }
}

#[test]
fn every_fault_is_told_at_once() {
    let mut draft = draft();
    draft["meddic"]["metrics"]["evidence"] = json!("they lose ~EUR 52k a month");
    draft["meddic"]["champion"]["summary"] = json!("Unknown");
    draft["next_steps"][1]["due_date"] = json!("2026-02-30");
    let source = source(json!({ "Name": "Pumps" }));

    let told = CallNotesTask.check(&draft, &Inquiry::plain(&source, TODAY));
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(
        told.iter()
            .all(|fault| !fault.contains("52k") && !fault.contains("02-30"))
    );
}

#[test]
fn notes_that_say_nothing_are_missing_and_a_record_is_not() {
    for text in [None, Some(""), Some(" \n…- ")] {
        let source = Source {
            text: text.map(str::to_owned),
            ..source(json!({ "Id": "0065f00000QwErTAAV" }))
        };
        let fault = CallNotesTask.missing(&source, &Options::None).unwrap();
        assert_eq!(fault.pointer, "/text");
    }
    let notes_alone = Source {
        text: Some("次回は火曜".to_owned()),
        ..Source::default()
    };
    assert_eq!(CallNotesTask.missing(&notes_alone, &Options::None), None);
}

#[test]
fn the_task_bears_the_ids_of_the_record_and_none_of_the_draft() {
    let task = |record: Value| own(record, draft()).members()["follow_up_task"].clone();

    assert_eq!(
        task(json!({ "Id": "0065f00000QwErT", "ContactId": "0035f00000OoPpQ" })),
        json!({
            "attributes": { "type": "Task" },
            "Subject": "Send Ruth the reference",
            "ActivityDate": "2026-11-20",
            "Priority": "High",
            "Status": "Not Started",
            "Description": "She wants it by Friday.",
            "WhatId": "0065f00000QwErTAAV",
            "WhoId": "0035f00000OoPpQAAV",
        })
    );
    let of_a_lead = task(json!({ "Id": "00Q5f00000VoGtA" }));
    assert!(of_a_lead.get("WhatId").is_none());
    assert!(of_a_lead["WhoId"].is_string());
    assert!(task(json!({ "Name": "Pumps" })).get("WhoId").is_none());
}

#[test]
fn what_grew_by_its_placeholders_is_cut_to_what_the_fields_hold() {
    let mut long = draft();
    long["follow_up_task"]["subject"] = json!(format!("Call\n{}", "👩‍💻 ".repeat(200)));
    long["follow_up_task"]["description"] = json!("d".repeat(40_000));
    long["next_steps"][0]["owner"] = json!("o".repeat(300));
    long["meddic"]["champion"]["evidence"] = json!("e".repeat(2_000));

    let members = own(json!({ "Name": "Pumps" }), long).members();
    let units = |pointer: &str| {
        let whole = Value::Object(members.clone());
        whole
            .pointer(pointer)
            .unwrap()
            .as_str()
            .unwrap()
            .encode_utf16()
            .count()
    };
    assert!(units("/follow_up_task/Subject") <= 255);
    assert_eq!(units("/follow_up_task/Description"), 32_000);
    assert_eq!(units("/next_steps/0/owner"), 255);
    assert_eq!(units("/meddic/champion/evidence"), 1_000);
    let subject = members["follow_up_task"]["Subject"].as_str().unwrap();
    assert!(subject.starts_with("Call 👩‍💻"));
}

#[test]
fn the_text_holds_every_part_under_its_heading() {
    assert_eq!(
        own(json!({ "Name": "Pumps" }), draft()).text(None),
        "Metrics\nThey lose about EUR 25k a month. (confidence high)\n\"they lose ~EUR 25k a month\"\n\n\
         Champion\nTomas likes the dashboard. (confidence low)\n\"“Tomas likes the dashboard”\"\n\n\
         Not in the notes\n- Economic buyer\n- Decision criteria\n- Decision process\n- Identified pain\n\n\
         Next steps\n- Send the reference (me, 2026-11-20)\n- Wait for the board\n\n\
         Follow-up task\nSend Ruth the reference (priority high, 2026-11-20)\nShe wants it by Friday."
    );
}

#[test]
fn the_headings_follow_the_language() {
    let own = own(json!({ "Name": "Pumps" }), draft());
    let german = own.text(Some("de-AT"));
    assert!(german.contains("Kennzahlen\nThey lose about EUR 25k a month. (sicher)\n"));
    assert!(german.contains("\n\nFolgeaufgabe\nSend Ruth the reference (Priorität hoch, "));
    assert!(
        own.text(Some("ja"))
            .contains("\n\nメモに記載なし\n- 決裁者\n")
    );
}

#[test]
fn everything_that_the_model_said_is_held_against_the_input() {
    let own = own(json!({ "Id": "0065f00000QwErT" }), draft());

    assert_eq!(
        own.said(),
        [
            Said::Text("They lose about EUR 25k a month."),
            Said::Text("they lose ~EUR 25k a month"),
            Said::Text("Tomas likes the dashboard."),
            Said::Text("“Tomas likes the dashboard”"),
            Said::Text("Send the reference"),
            Said::Name("me"),
            Said::Text("2026-11-20"),
            Said::Text("Wait for the board"),
            Said::Text("Send Ruth the reference"),
            Said::Text("2026-11-20"),
            Said::Text("She wants it by Friday."),
        ]
    );
}

#[test]
fn the_openapi_schema_has_the_same_members_and_limits() {
    let whole = SHAPE.schema();
    let meddic = &whole["properties"]["meddic"];
    let finding = &meddic["properties"]["champion"];
    let step = &whole["properties"]["next_steps"]["items"];
    for (drafted, shown) in [
        (whole, serde_json::to_value(CallNotes::schema()).unwrap()),
        (meddic, serde_json::to_value(Meddic::schema()).unwrap()),
        (
            finding,
            serde_json::to_value(MeddicFinding::schema()).unwrap(),
        ),
        (step, serde_json::to_value(CallNextStep::schema()).unwrap()),
    ] {
        let members = drafted["properties"].as_object().unwrap();
        assert_eq!(
            shown["properties"].as_object().unwrap().len(),
            members.len()
        );
        for (name, member) in members {
            for limit in ["minLength", "maxLength", "maxItems", "format"] {
                assert_eq!(
                    shown["properties"][name][limit], member[limit],
                    "{name} {limit}"
                );
            }
        }
        // The draft's optional members are null where they are empty, and the answer has them all the same.
        let names: Vec<&String> = members.keys().collect();
        assert_eq!(shown["required"], json!(names), "{shown}");
    }
}

#[test]
fn what_goes_on_the_wire_changes_only_with_the_prompt_version() {
    let golden = include_str!("../golden/call_notes.wire.json");
    let golden: Value = serde_json::from_str(golden).unwrap();

    assert_eq!(golden["version"], PROMPT_VERSION);
    assert_eq!(&golden["schema"], SHAPE.on_the_wire());
}

/// A golden call: its source, its options, its language.
fn call(json: &str) -> (Source, Options, Option<String>) {
    let call: Value = serde_json::from_str(json).unwrap();
    let source = Source {
        record: Some(Record::parse(call["record"].clone(), "/record").unwrap()),
        text: call["text"].as_str().map(str::to_owned),
        ..Source::default()
    };
    let own = json!({ "call_date": call["call_date"] });
    let options = CallNotesTask.options(own.as_object().unwrap().clone());
    let language = call["language"].as_str().map(str::to_owned);
    (source, options.unwrap(), language)
}

const CALLS: [(&str, &str, &str); 2] = [
    (
        include_str!("../golden/call_notes_en.call.json"),
        include_str!("../golden/call_notes_en.message.txt"),
        include_str!("../golden/call_notes_en.rehearsal.txt"),
    ),
    (
        include_str!("../golden/call_notes_de.call.json"),
        include_str!("../golden/call_notes_de.message.txt"),
        include_str!("../golden/call_notes_de.rehearsal.txt"),
    ),
];

#[test]
fn notes_are_asked_about_to_the_letter() {
    for (json, message, _) in CALLS {
        let (source, options, language) = call(json);
        let inquiry = Inquiry {
            options: &options,
            ..Inquiry::plain(&source, TODAY)
        };
        let asked = user_message(
            &Material::of(&source, 100_000),
            &CallNotesTask.extras(&inquiry),
            (None, language.as_deref()),
            TODAY,
        );

        assert_eq!(asked, message.trim_end());
    }
}

#[test]
fn a_rep_can_read_what_the_simulator_makes_of_the_notes() {
    for (json, _, rehearsal) in CALLS {
        let (source, options, language) = call(json);
        let inquiry = Inquiry {
            options: &options,
            ..Inquiry::plain(&source, TODAY)
        };
        let draft = CallNotesTask.rehearse(&inquiry);
        assert_eq!(SHAPE.check(&draft), Ok(()));
        assert_eq!(CallNotesTask.check(&draft, &inquiry), Vec::<String>::new());

        let own = CallNotesTask.read(draft, &inquiry).unwrap();
        assert_eq!(own.text(language.as_deref()), rehearsal.trim_end());
        assert_eq!(ungrounded(&inquiry, &own.said()), Vec::<String>::new());
    }
}

/// What the grounding check has against `said`, where words of time count from the day of the call.
fn ungrounded(inquiry: &Inquiry<'_>, said: &[Said<'_>]) -> Vec<String> {
    let material = Material::of(inquiry.source, usize::MAX);
    let extras = CallNotesTask.extras(inquiry);
    let texts = material.values.iter().map(String::as_str);
    let texts = texts.chain(extras.known());
    let texts = texts.chain(material.labels.iter().map(String::as_str));
    let known = Known::new(texts, CallNotesTask.prompt(), CallNotesTask.day(inquiry));
    known.ungrounded(said)
}

#[test]
fn words_of_time_count_from_the_day_of_the_call() {
    let (source, options, _) = call(CALLS[0].0);
    let inquiry = Inquiry {
        options: &options,
        ..Inquiry::plain(&source, date(2027, 2, 3))
    };
    assert_eq!(CallNotesTask.day(&inquiry), date(2026, 11, 18));
    assert_eq!(
        CallNotesTask.extras(&inquiry).lines,
        [("call_date", "2026-11-18 (Wednesday)".to_owned())]
    );
    for day in ["2026-11-20", "2026-11-27", "2026-12-10", "2026-11-18"] {
        assert_eq!(
            ungrounded(&inquiry, &[Said::Text(day)]),
            Vec::<String>::new(),
            "{day}"
        );
    }
    for day in ["2026-11-24", "2027-02-05", "2026-12-24"] {
        assert_eq!(ungrounded(&inquiry, &[Said::Text(day)]), [day]);
    }

    let plain = Inquiry::plain(&source, TODAY);
    assert_eq!(
        CallNotesTask.extras(&plain).lines[0].1,
        "2026-11-22 (Sunday)"
    );
}
