//! The task `call-notes`: raw notes in; MEDDIC with quotes, next steps and a Task to insert out.
//!
//! # Why
//! Notes are short and a CRM wants every field filled, so a model is tempted to guess. Two checks in code hold against
//! that: what it says about a part of MEDDIC must come with words that stand in the notes, and what the notes
//! do not say must be null, not a sentence that says so.
//! Words such as "next Tuesday" are the model's to resolve, since notes hold them in any language and spelling; the line
//! `call_date` gives it the day and its weekday to count from, and `due` refuses what cannot have been meant.

mod answer;
pub(in crate::tasks) mod due;
mod follow_up;
pub(in crate::tasks) mod quote;
pub(in crate::tasks) mod unsaid;

use std::sync::{Arc, LazyLock};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

pub use self::answer::{
    CallNotes, Meddic, MeddicConfidence, MeddicFinding, NextStep as CallNextStep,
};
use self::answer::{Draft, NextStep};
pub use self::follow_up::{FollowUpTask, TaskAttributes, TaskKind, TaskPriority, TaskStatus};
use self::quote::Notes;
use self::unsaid::says_nothing;
use super::inquiry::{Extras, Inquiry, Options};
use super::rehearsal;
use super::shape::Shape;
use super::task::{Own, Task, own_members};
use crate::domain::TaskName;
use crate::salesforce::{Fault, Source};

/// Changes with every change of the prompt or of the answer's types.
const PROMPT_VERSION: &str = "call-notes-1";

static SHAPE: LazyLock<Shape> = LazyLock::new(Shape::of::<Draft>);

/// What only call notes are told.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CallNotesOptions {
    /// The day of the call as YYYY-MM-DD, from which words such as "next Tuesday" count; today where none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date, pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
    pub call_date: Option<Date>,
}

/// The task itself.
#[derive(Debug)]
pub(super) struct CallNotesTask;

impl Task for CallNotesTask {
    fn name(&self) -> TaskName {
        TaskName::CallNotes
    }

    fn objects(&self) -> &'static [&'static str] {
        &["Opportunity", "Account", "Contact", "Lead", "Case"]
    }

    fn id_prefix(&self) -> &'static str {
        "cnt"
    }

    fn prompt(&self) -> &'static str {
        include_str!("../call_notes.txt")
    }

    fn prompt_version(&self) -> &'static str {
        PROMPT_VERSION
    }

    fn shape(&self) -> &'static Shape {
        &SHAPE
    }

    fn required(&self) -> &'static [&'static str] {
        &["text"]
    }

    fn options(&self, members: Map<String, Value>) -> Result<Options, Vec<Fault>> {
        // The schema has seen to the form, so a day that cannot be read is one such as 30 February.
        let own = own_members(members).map_err(|mut faults| {
            for fault in faults
                .iter_mut()
                .filter(|fault| fault.pointer == "/call_date")
            {
                "is no day of the calendar".clone_into(&mut fault.detail);
            }
            faults
        })?;
        Ok(Options::CallNotes(own))
    }

    fn missing(&self, source: &Source, _: &Options) -> Option<Fault> {
        let notes = source.text.as_deref().unwrap_or_default();
        (!notes.chars().any(char::is_alphanumeric)).then(|| Fault {
            pointer: "/text".to_owned(),
            detail: "says nothing: send the raw notes of the call".to_owned(),
        })
    }

    fn day(&self, inquiry: &Inquiry<'_>) -> Date {
        match inquiry.options {
            Options::CallNotes(own) => own.call_date.unwrap_or(inquiry.today),
            Options::None | Options::EmailDraft(_) | Options::AccountResearch(_) => inquiry.today,
        }
    }

    fn extras(&self, inquiry: &Inquiry<'_>) -> Extras {
        let day = self.day(inquiry).strftime("%Y-%m-%d (%A)");
        Extras {
            lines: vec![("call_date", day.to_string())],
            blocks: Vec::new(),
        }
    }

    fn rehearse(&self, inquiry: &Inquiry<'_>) -> Value {
        rehearsal::call_notes(inquiry.source, self.day(inquiry))
    }

    fn check(&self, draft: &Value, inquiry: &Inquiry<'_>) -> Vec<String> {
        // What does not fit the types has been told by the schema.
        let Ok(draft) = Draft::deserialize(draft) else {
            return Vec::new();
        };
        let notes = Notes::of(inquiry.source.text.as_deref().unwrap_or_default());
        let call_date = self.day(inquiry);
        let mut faults = faults_of_meddic(&draft, &notes);
        for (index, step) in draft.next_steps.iter().enumerate() {
            let place = format!("/next_steps/{index}");
            faults.extend(faults_of_step(step, &place, call_date));
        }
        let task = &draft.follow_up_task;
        let place = "/follow_up_task";
        faults.extend(must_speak(&task.subject, &format!("{place}/subject")));
        faults.extend(must_speak(
            &task.description,
            &format!("{place}/description"),
        ));
        faults.extend(fault_of_day(task.due_date.as_deref(), place, call_date));
        faults
    }

    fn read(&self, draft: Value, inquiry: &Inquiry<'_>) -> Result<Own, serde_json::Error> {
        let draft = Draft::deserialize(draft)?;
        Ok(Arc::new(draft.answer(inquiry.source.record.as_ref())))
    }
}

fn faults_of_meddic(draft: &Draft, notes: &Notes) -> Vec<String> {
    let parts = draft.meddic.parts();
    let parts = parts
        .iter()
        .filter_map(|(name, part)| Some((name, (*part)?)));
    parts
        .filter_map(|(name, part)| {
            if says_nothing(&part.summary) {
                return Some(unsaid(&format!("/meddic/{name}")));
            }
            let fault = notes.fault(&part.evidence)?;
            Some(format!("/meddic/{name}/evidence {fault}"))
        })
        .collect()
}

fn faults_of_step(step: &NextStep, place: &str, call_date: Date) -> Vec<String> {
    let owner = step.owner.as_deref().filter(|owner| says_nothing(owner));
    [
        must_speak(&step.what, &format!("{place}/what")),
        owner.map(|_| unsaid(&format!("{place}/owner"))),
        fault_of_day(step.due_date.as_deref(), place, call_date),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn fault_of_day(day: Option<&str>, place: &str, call_date: Date) -> Option<String> {
    let fault = due::fault(day?, call_date)?;
    Some(format!("{place}/due_date {fault}"))
}

fn must_speak(text: &str, place: &str) -> Option<String> {
    says_nothing(text).then(|| format!("{place} must say something"))
}

fn unsaid(place: &str) -> String {
    format!("{place} must be null where the notes do not say it")
}

#[cfg(test)]
mod tests;
