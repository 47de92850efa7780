//! The task `case-summary`: a Case with its comment thread in, three paragraphs for the next agent out.

use std::sync::{Arc, LazyLock};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::headings::case_summary::{HEADINGS, Headings};
use super::inquiry::Inquiry;
use super::page::Page;
use super::rehearsal;
use super::shape::Shape;
use super::task::{Fields, Own, Task, members_of};
use crate::domain::TaskName;
use crate::privacy::grounding::Said;

/// Changes with every change of the prompt or of the answer's types.
const PROMPT_VERSION: &str = "case-summary-1";

static SHAPE: LazyLock<Shape> = LazyLock::new(Shape::of::<CaseSummary>);

/// A Case and its thread in three paragraphs, for the agent who picks it up.
// Closed for the model, but not by serde: the answer's document joins these members with those that every task has,
// and no joined object could satisfy a part of it that is closed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[schemars(deny_unknown_fields)]
pub struct CaseSummary {
    /// The first paragraph: who has which problem since when, what it costs them, and how the case stands today.
    #[schemars(length(min = 1, max = 4_000))]
    #[schema(min_length = 1, max_length = 4_000)]
    pub situation: String,
    /// The second paragraph: what was found, tried, promised and answered so far, in the order in which it happened,
    /// with dates.
    #[schemars(length(min = 1, max = 4_000))]
    #[schema(min_length = 1, max_length = 4_000)]
    pub history: String,
    /// The third paragraph: what the agent should do next, for whom and by when, and what it waits for.
    #[schemars(length(min = 1, max = 4_000))]
    #[schema(min_length = 1, max_length = 4_000)]
    pub next_step: String,
    /// How the customer sounds in what they wrote last.
    pub sentiment: Sentiment,
    /// What the customer or a colleague asked and nobody has answered yet, the most urgent first. Empty where
    /// everything is answered.
    #[schemars(length(max = 10), inner(length(min = 1, max = 1_000)))]
    #[schema(max_items = 10)]
    pub open_questions: Vec<String>,
}

/// How the customer sounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Sentiment {
    /// Says thanks, or that it works.
    Satisfied,
    /// Matter-of-fact.
    Calm,
    /// Worried about a date, a loss or a consequence.
    Concerned,
    /// Tired of waiting, repeating or failing.
    Frustrated,
    /// Reproaches, threatens or demands.
    Angry,
    /// Nothing from the customer to judge by.
    Unclear,
}

/// The task itself.
#[derive(Debug)]
pub(super) struct CaseSummaryTask;

impl Fields for CaseSummary {
    fn text(&self, language: Option<&str>) -> String {
        let headings = HEADINGS.of(language);
        Page::default()
            .section(headings.situation, &self.situation)
            .section(headings.history, &self.history)
            .section(headings.next_step, &self.next_step)
            .section(headings.sentiment, self.sentiment.word(headings))
            .list(headings.open_questions, self.open_questions.clone())
            .text()
    }

    fn said(&self) -> Vec<Said<'_>> {
        [&self.situation, &self.history, &self.next_step]
            .into_iter()
            .chain(&self.open_questions)
            .map(|text| Said::Text(text))
            .collect()
    }

    fn members(&self) -> Map<String, Value> {
        members_of(self)
    }
}

impl Sentiment {
    fn word(self, headings: &Headings) -> &'static str {
        match self {
            Self::Satisfied => headings.satisfied,
            Self::Calm => headings.calm,
            Self::Concerned => headings.concerned,
            Self::Frustrated => headings.frustrated,
            Self::Angry => headings.angry,
            Self::Unclear => headings.unclear,
        }
    }
}

impl Task for CaseSummaryTask {
    fn name(&self) -> TaskName {
        TaskName::CaseSummary
    }

    fn objects(&self) -> &'static [&'static str] {
        &["Case"]
    }

    fn id_prefix(&self) -> &'static str {
        "csm"
    }

    fn prompt(&self) -> &'static str {
        include_str!("case_summary.txt")
    }

    fn prompt_version(&self) -> &'static str {
        PROMPT_VERSION
    }

    fn shape(&self) -> &'static Shape {
        &SHAPE
    }

    fn rehearse(&self, inquiry: &Inquiry<'_>) -> Value {
        rehearsal::case_summary(inquiry.source)
    }

    fn read(&self, draft: Value, _: &Inquiry<'_>) -> Result<Own, serde_json::Error> {
        Ok(Arc::new(serde_json::from_value::<CaseSummary>(draft)?))
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use serde_json::json;
    use utoipa::PartialSchema;

    use super::*;
    use crate::salesforce::Source;

    fn summary() -> CaseSummary {
        CaseSummary {
            situation: "Invoices come twice.".to_owned(),
            history: "Reproduced; a workaround is on.".to_owned(),
            next_step: "Write the statement.".to_owned(),
            sentiment: Sentiment::Concerned,
            open_questions: vec!["Who signs the statement?".to_owned()],
        }
    }

    #[test]
    fn the_text_holds_every_part_under_its_heading() {
        assert_eq!(
            summary().text(None),
            "Situation\nInvoices come twice.\n\n\
             History\nReproduced; a workaround is on.\n\n\
             Next step\nWrite the statement.\n\n\
             Sentiment\nconcerned\n\n\
             Open questions\n- Who signs the statement?"
        );
    }

    #[test]
    fn the_headings_follow_the_language() {
        let german = summary().text(Some("de"));
        assert!(german.contains("\n\nStimmung\nbesorgt\n\nOffene Fragen\n- Who signs"));

        let japanese = summary().text(Some("ja"));
        assert!(japanese.starts_with("状況\n"));
    }

    #[test]
    fn everything_but_the_sentiment_is_held_against_the_record() {
        let summary = summary();

        assert_eq!(summary.said().len(), 4);
    }

    #[test]
    fn a_draft_that_passes_the_check_becomes_the_summary() {
        let draft = serde_json::to_value(summary()).unwrap();

        assert_eq!(SHAPE.check(&draft), Ok(()));
        let source = Source::default();
        let inquiry = Inquiry::plain(&source, date(2026, 11, 22));
        let own = CaseSummaryTask.read(draft, &inquiry).unwrap();
        assert_eq!(own.members(), summary().members());
    }

    #[test]
    fn a_draft_with_an_empty_paragraph_and_eleven_questions_is_told_both() {
        let mut draft = serde_json::to_value(summary()).unwrap();
        draft["history"] = json!("");
        draft["open_questions"] = json!(vec!["Why?"; 11]);

        let mut violations = SHAPE.check(&draft).unwrap_err();
        violations.sort();
        assert_eq!(
            violations,
            [
                "/history must not be empty",
                "/open_questions must have at most 10 entries",
            ]
        );
    }

    #[test]
    fn the_openapi_schema_has_the_same_members_and_limits() {
        let document = serde_json::to_value(CaseSummary::schema()).unwrap();

        for (name, member) in SHAPE.schema()["properties"].as_object().unwrap() {
            let shown = &document["properties"][name];
            for limit in ["minLength", "maxLength", "maxItems"] {
                assert_eq!(shown[limit], member[limit], "{name} {limit}");
            }
        }
        assert_eq!(document["required"], SHAPE.schema()["required"]);
        assert_eq!(document["additionalProperties"], Value::Null);
    }

    #[test]
    fn what_goes_on_the_wire_changes_only_with_the_prompt_version() {
        let golden = include_str!("golden/case_summary.wire.json");
        let golden: Value = serde_json::from_str(golden).unwrap();

        assert_eq!(golden["version"], PROMPT_VERSION);
        assert_eq!(&golden["schema"], SHAPE.on_the_wire());
    }
}
