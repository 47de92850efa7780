//! What the model gives for call notes, and what the caller gets.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::due;
use super::follow_up::{FollowUpTask, Relations, TaskAttributes, TaskPriority, TaskStatus};
use crate::privacy::grounding::Said;
use crate::salesforce::Record;
use crate::tasks::excerpt::{ENTRY, LINE, clip, excerpt};
use crate::tasks::headings::call_notes::{HEADINGS, Headings};
use crate::tasks::page::{PAGE, Page};
use crate::tasks::task::{Fields, members_of};

/// What raw call notes say, sorted: MEDDIC, the next steps, and the Task that follows from them.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Draft {
    /// The six parts of MEDDIC; null for each part that the notes say nothing about.
    pub(super) meddic: Meddic,
    /// What was agreed or announced in the call, in the order in which it is due. Empty where the notes name nothing
    /// to do.
    #[schemars(length(max = 15))]
    pub(super) next_steps: Vec<NextStep>,
    /// The one Task that the rep should put into Salesforce now.
    pub(super) follow_up_task: DraftTask,
}

/// The one Task that the rep should put into Salesforce now.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DraftTask {
    /// What is to be done, in one line that begins with a verb.
    #[schemars(length(min = 1, max = 255))]
    pub(super) subject: String,
    /// The day it is due as YYYY-MM-DD; null where the notes name none.
    #[schemars(extend("format" = "date"))]
    pub(super) due_date: Option<String>,
    /// How urgent it is.
    pub(super) priority: TaskPriority,
    /// What whoever does it should know, from the notes alone.
    #[schemars(length(min = 1, max = 4_000))]
    pub(super) description: String,
}

/// What raw call notes come to.
// Not closed by serde: the answer's document joins these members with those that every task has, and no joined object
// could satisfy a part of it that is closed.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CallNotes {
    /// The six parts of MEDDIC; null for each part that the notes say nothing about.
    pub meddic: Meddic,
    /// What was agreed or announced in the call, in the order in which it is due. Empty where the notes name nothing
    /// to do.
    #[schema(max_items = 15)]
    pub next_steps: Vec<NextStep>,
    /// A Task that Apex can deserialize and insert.
    pub follow_up_task: FollowUpTask,
}

/// The six parts of MEDDIC; null for each part that the notes say nothing about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Meddic {
    /// What the problem costs or the solution is worth to the customer, in the customer's own figures.
    #[schema(required = true)]
    pub metrics: Option<MeddicFinding>,
    /// Who can say yes to the money.
    #[schema(required = true)]
    pub economic_buyer: Option<MeddicFinding>,
    /// What the customer judges the offer by: terms, functions, price, competitors.
    #[schema(required = true)]
    pub decision_criteria: Option<MeddicFinding>,
    /// Which steps, people and dates lead to the signature.
    #[schema(required = true)]
    pub decision_process: Option<MeddicFinding>,
    /// What hurts the customer today.
    #[schema(required = true)]
    pub identified_pain: Option<MeddicFinding>,
    /// Who on the customer's side wants this and works for it.
    #[schema(required = true)]
    pub champion: Option<MeddicFinding>,
}

/// What the notes say about one part of MEDDIC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MeddicFinding {
    /// What the notes say about it, in one or two sentences.
    #[schemars(length(min = 1, max = 1_000))]
    #[schema(min_length = 1, max_length = 1_000)]
    pub summary: String,
    /// The words of the notes that show it, copied to the letter.
    #[schemars(length(min = 1, max = 1_000))]
    #[schema(min_length = 1, max_length = 1_000)]
    pub evidence: String,
    /// How surely the notes say it.
    pub confidence: MeddicConfidence,
}

/// How surely the notes say something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MeddicConfidence {
    /// They hint at it, or contradict themselves.
    Low,
    /// They say it of somebody else, or in part.
    Medium,
    /// They say it outright.
    High,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NextStep {
    /// What is to be done.
    #[schemars(length(min = 1, max = 1_000))]
    #[schema(min_length = 1, max_length = 1_000)]
    pub what: String,
    /// Who does it, as the notes name them; null where they do not.
    #[schemars(length(min = 1, max = 255))]
    #[schema(min_length = 1, max_length = 255, required = true)]
    pub owner: Option<String>,
    /// The day it is due as YYYY-MM-DD; null where the notes name none.
    #[schemars(extend("format" = "date"))]
    #[schema(format = Date, required = true)]
    pub due_date: Option<String>,
}

impl Draft {
    /// The answer: what the model said, cut to what Salesforce fields hold, and the ids that `record` proves.
    ///
    /// It was within its limits when it was checked, but a placeholder may since have become a longer value.
    pub(super) fn answer(self, record: Option<&Record>) -> CallNotes {
        let relations = record.map(Relations::of).unwrap_or_default();
        let task = self.follow_up_task;
        CallNotes {
            meddic: self.meddic.clipped(),
            next_steps: self.next_steps.into_iter().map(NextStep::clipped).collect(),
            follow_up_task: FollowUpTask {
                attributes: TaskAttributes::default(),
                subject: excerpt(&task.subject, LINE),
                activity_date: task.due_date.filter(|text| due::day(text).is_some()),
                priority: task.priority,
                status: TaskStatus::default(),
                description: clip(task.description, PAGE),
                what_id: relations.what,
                who_id: relations.who,
            },
        }
    }
}

impl Meddic {
    /// The parts, each with its name on the wire.
    pub(super) fn parts(&self) -> [(&'static str, Option<&MeddicFinding>); 6] {
        [
            ("metrics", self.metrics.as_ref()),
            ("economic_buyer", self.economic_buyer.as_ref()),
            ("decision_criteria", self.decision_criteria.as_ref()),
            ("decision_process", self.decision_process.as_ref()),
            ("identified_pain", self.identified_pain.as_ref()),
            ("champion", self.champion.as_ref()),
        ]
    }

    fn clipped(self) -> Self {
        let clipped = |part: Option<MeddicFinding>| {
            part.map(|part| MeddicFinding {
                summary: clip(part.summary, ENTRY),
                evidence: clip(part.evidence, ENTRY),
                confidence: part.confidence,
            })
        };
        Self {
            metrics: clipped(self.metrics),
            economic_buyer: clipped(self.economic_buyer),
            decision_criteria: clipped(self.decision_criteria),
            decision_process: clipped(self.decision_process),
            identified_pain: clipped(self.identified_pain),
            champion: clipped(self.champion),
        }
    }
}

impl NextStep {
    fn clipped(self) -> Self {
        Self {
            what: clip(self.what, ENTRY),
            owner: self.owner.map(|owner| clip(owner, LINE)),
            due_date: self.due_date,
        }
    }

    /// What, and in brackets who and by when.
    fn told(&self) -> String {
        let parts = [self.owner.as_deref(), self.due_date.as_deref()];
        let parts: Vec<&str> = parts.into_iter().flatten().collect();
        in_brackets(&self.what, &parts)
    }
}

impl Fields for CallNotes {
    fn text(&self, language: Option<&str>) -> String {
        let headings = HEADINGS.of(language);
        let mut page = Page::default();
        let mut unsaid = Vec::new();
        for ((_, part), heading) in self.meddic.parts().iter().zip(headings.meddic) {
            match part {
                Some(part) => page = page.section(heading, &part.told(headings)),
                None => unsaid.push(heading.to_owned()),
            }
        }
        page.list(headings.unsaid, unsaid)
            .list(
                headings.next_steps,
                self.next_steps.iter().map(NextStep::told),
            )
            .section(headings.follow_up_task, &self.follow_up_task.told(headings))
            .text()
    }

    fn said(&self) -> Vec<Said<'_>> {
        let task = &self.follow_up_task;
        let parts = self.meddic.parts();
        let found = parts
            .iter()
            .filter_map(|(_, part)| *part)
            .flat_map(|part| [Said::Text(&part.summary), Said::Text(&part.evidence)]);
        let steps = self.next_steps.iter().flat_map(|step| {
            let due = step.due_date.as_deref().map(Said::Text);
            let owner = step.owner.as_deref().map(Said::Name);
            [Some(Said::Text(&step.what)), owner, due]
        });
        let due = task.activity_date.as_deref();
        let task = [Some(&*task.subject), due, Some(&*task.description)];
        let task = task.into_iter().flatten().map(Said::Text);
        found.chain(steps.flatten()).chain(task).collect()
    }

    fn members(&self) -> Map<String, Value> {
        members_of(self)
    }
}

impl MeddicFinding {
    /// The summary with how sure it is, and the quote beneath.
    fn told(&self, headings: &Headings) -> String {
        let confidence = match self.confidence {
            MeddicConfidence::Low => headings.low,
            MeddicConfidence::Medium => headings.medium,
            MeddicConfidence::High => headings.high,
        };
        let summary = in_brackets(&self.summary, &[confidence]);
        format!("{summary}\n\"{}\"", self.evidence)
    }
}

impl FollowUpTask {
    fn told(&self, headings: &Headings) -> String {
        let priority = match self.priority {
            TaskPriority::High => headings.urgent,
            TaskPriority::Normal => headings.normal,
            TaskPriority::Low => headings.can_wait,
        };
        let due = self.activity_date.as_deref();
        let parts: Vec<&str> = std::iter::once(priority).chain(due).collect();
        format!(
            "{}\n{}",
            in_brackets(&self.subject, &parts),
            self.description
        )
    }
}

/// `text` with `parts` in brackets behind it, if there are any.
fn in_brackets(text: &str, parts: &[&str]) -> String {
    if parts.is_empty() {
        text.to_owned()
    } else {
        format!("{text} ({})", parts.join(", "))
    }
}
