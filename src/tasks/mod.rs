//! The tasks: what each asks of the model, what a good answer looks like, and how the answer reads.
//!
//! One file a task, its prompt as a text file beside it. [`user_message`] writes the turn that carries the record, [`Shape`]
//! holds the schema of the answer, `rehearsal` answers without a model, and `page` turns an answer into plain text.
//! Nothing here knows a provider, a limit or a door: a task is prompt, schema and words.
//!
//! # Why
//! * A prompt is static text and carries neither date, language nor data. So the provider caches it once for every org,
//!   and a change of it is a diff that a person can read. What differs from call to call stands in the user's turn.
//! * The types are the schema: field, limit and the sentence that tells the model what belongs there are written once,
//!   beside each other, and the OpenAPI document reads the same lines. A schema by hand was turned down, since it and
//!   the type drift apart without a sign.
//! * A schema is lowered for the wire and kept whole for checking. What a provider cannot enforce (lengths, counts) is
//!   told to the model in words and checked here, all violations at once, so that one repair can mend them all.
//! * The simulator's answers come from here and not from a provider, because only a task knows its record. They quote
//!   and never conclude, so the grounding check has nothing to find in them.

mod account_research;
mod briefing;
mod call_notes;
mod case_summary;
mod deal_health;
mod email_draft;
mod excerpt;
mod headings;
mod inquiry;
mod page;
mod question;
mod rehearsal;
mod shape;
mod task;
pub mod violation;

pub use account_research::{
    AccountResearch, AccountResearchOptions, DecisionMaker, FieldConfidence, FieldKind, FieldValue,
    OrgChartEntry, ResearchField,
};
pub use briefing::{Briefing, RiskFactor, Severity};
pub use call_notes::{
    CallNextStep, CallNotes, CallNotesOptions, FollowUpTask, Meddic, MeddicConfidence,
    MeddicFinding, TaskAttributes, TaskKind, TaskPriority, TaskStatus,
};
pub use case_summary::{CaseSummary, Sentiment};
pub use deal_health::{Band, DealHealth, Driver, Effect, Signals};
pub use email_draft::{EmailDraft, EmailDraftOptions, Purpose, Tone, UsedFact};
pub use inquiry::{Block, Extras, Findings, Inquiry, Options, SearchBrief, SourceFound};
pub use question::user_message;
pub use shape::Shape;
pub use task::{Fields, Own, Task, any_of};

use crate::domain::TaskName;

/// Every task there is, in the order of [`TaskName::ALL`].
#[must_use]
pub fn all() -> &'static [&'static dyn Task] {
    &[
        &briefing::BriefingTask,
        &case_summary::CaseSummaryTask,
        &email_draft::EmailDraftTask,
        &call_notes::CallNotesTask,
        &account_research::AccountResearchTask,
        &deal_health::DealHealthTask,
    ]
}

/// The task of this name.
#[must_use]
pub fn named(name: TaskName) -> &'static dyn Task {
    match name {
        TaskName::Briefing => &briefing::BriefingTask,
        TaskName::CaseSummary => &case_summary::CaseSummaryTask,
        TaskName::EmailDraft => &email_draft::EmailDraftTask,
        TaskName::CallNotes => &call_notes::CallNotesTask,
        TaskName::AccountResearch => &account_research::AccountResearchTask,
        TaskName::DealHealth => &deal_health::DealHealthTask,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_has_its_task() {
        let listed: Vec<TaskName> = all().iter().map(|task| task.name()).collect();

        assert_eq!(listed, TaskName::ALL);
        for name in TaskName::ALL {
            assert_eq!(named(name).name(), name);
        }
    }

    #[test]
    fn no_two_tasks_share_an_id_prefix_or_a_prompt_version() {
        let prefixes: BTreeSet<&str> = all().iter().map(|task| task.id_prefix()).collect();
        let versions: BTreeSet<&str> = all().iter().map(|task| task.prompt_version()).collect();

        assert_eq!(prefixes.len(), all().len());
        assert_eq!(versions.len(), all().len());
    }

    #[test]
    fn a_prompt_version_begins_with_the_name_of_its_task() {
        for task in all() {
            assert!(task.prompt_version().starts_with(task.name().as_str()));
        }
    }

    #[test]
    fn every_prompt_names_every_member_of_its_answer_and_every_fence() {
        for task in all() {
            let members = task.shape().schema()["properties"].as_object().unwrap();
            for member in members.keys() {
                assert!(task.prompt().contains(member.as_str()), "{member}");
            }
            for fence in [
                "<record>",
                "</record>",
                "<text>",
                "<facts>",
                "<related>",
                "<focus>",
            ] {
                assert!(task.prompt().contains(fence), "{} {fence}", task.name());
            }
        }
    }
}
