//! The task `briefing`: an Opportunity in, one page for its rep out.

use std::sync::{Arc, LazyLock};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::headings::briefing::{HEADINGS, Headings};
use super::inquiry::Inquiry;
use super::page::Page;
use super::rehearsal;
use super::shape::Shape;
use super::task::{Fields, Own, Task, members_of};
use crate::domain::TaskName;
use crate::privacy::grounding::Said;

/// Changes with every change of the prompt or of the answer's types.
const PROMPT_VERSION: &str = "briefing-1";

static SHAPE: LazyLock<Shape> = LazyLock::new(Shape::of::<Briefing>);

/// An Opportunity on one page, for the rep who is about to call or to meet the customer.
// Closed for the model, but not by serde: the answer's document joins these members with those that every task has,
// and no joined object could satisfy a part of it that is closed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[schemars(deny_unknown_fields)]
pub struct Briefing {
    /// The deal in one line: what it is, where it stands, and the one thing that decides it now.
    #[schemars(length(min = 1, max = 255))]
    #[schema(min_length = 1, max_length = 255)]
    pub headline: String,
    /// Where the deal stands and how it came there, in one paragraph of three to six sentences: customer, what is
    /// sold, amount, stage, close date, who decides, what happened last.
    #[schemars(length(min = 1, max = 4_000))]
    #[schema(min_length = 1, max_length = 4_000)]
    pub deal_context: String,
    /// What may cost or delay the deal, the gravest first. Empty where the data shows no risk.
    #[schemars(length(max = 10))]
    #[schema(max_items = 10)]
    pub risk_factors: Vec<RiskFactor>,
    /// What to say or to ask in the next conversation, the most useful first, each one or two sentences that fit this
    /// deal and no other.
    #[schemars(length(max = 10), inner(length(min = 1, max = 1_000)))]
    #[schema(max_items = 10)]
    pub talking_points: Vec<String>,
    /// What the rep should do now, in order: one action each, with who and by when where the data says so.
    #[schemars(length(max = 10), inner(length(min = 1, max = 1_000)))]
    #[schema(max_items = 10)]
    pub next_steps: Vec<String>,
}

/// One thing that may cost or delay a deal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RiskFactor {
    /// The risk in one line.
    #[schemars(length(min = 1, max = 255))]
    #[schema(min_length = 1, max_length = 255)]
    pub risk: String,
    /// How much it endangers the deal.
    pub severity: Severity,
    /// What in the data shows it: the name of the field with its value, or a short quote with its date.
    #[schemars(length(min = 1, max = 1_000))]
    #[schema(min_length = 1, max_length = 1_000)]
    pub evidence: String,
}

/// How much a risk endangers the deal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth watching.
    Low,
    /// Can delay the deal or make it smaller.
    Medium,
    /// Can lose the deal.
    High,
}

/// The task itself.
#[derive(Debug)]
pub(super) struct BriefingTask;

impl Fields for Briefing {
    fn text(&self, language: Option<&str>) -> String {
        let headings = HEADINGS.of(language);
        Page::default()
            .line(&self.headline)
            .section(headings.deal_context, &self.deal_context)
            .list(
                headings.risk_factors,
                self.risk_factors.iter().map(|factor| factor.line(headings)),
            )
            .list(headings.talking_points, self.talking_points.clone())
            .list(headings.next_steps, self.next_steps.clone())
            .text()
    }

    fn said(&self) -> Vec<Said<'_>> {
        let opening = [&self.headline, &self.deal_context];
        let risks = self
            .risk_factors
            .iter()
            .flat_map(|factor| [&factor.risk, &factor.evidence]);
        opening
            .into_iter()
            .chain(risks)
            .chain(&self.talking_points)
            .chain(&self.next_steps)
            .map(|text| Said::Text(text))
            .collect()
    }

    fn members(&self) -> Map<String, Value> {
        members_of(self)
    }
}

impl RiskFactor {
    fn line(&self, headings: &Headings) -> String {
        let severity = self.severity.word(headings);
        format!("{severity}: {} ({})", self.risk, self.evidence)
    }
}

impl Severity {
    fn word(self, headings: &Headings) -> &'static str {
        match self {
            Self::Low => headings.low,
            Self::Medium => headings.medium,
            Self::High => headings.high,
        }
    }
}

impl Task for BriefingTask {
    fn name(&self) -> TaskName {
        TaskName::Briefing
    }

    fn objects(&self) -> &'static [&'static str] {
        &["Opportunity"]
    }

    fn id_prefix(&self) -> &'static str {
        "brf"
    }

    fn prompt(&self) -> &'static str {
        include_str!("briefing.txt")
    }

    fn prompt_version(&self) -> &'static str {
        PROMPT_VERSION
    }

    fn shape(&self) -> &'static Shape {
        &SHAPE
    }

    fn rehearse(&self, inquiry: &Inquiry<'_>) -> Value {
        rehearsal::briefing(inquiry.source, inquiry.today)
    }

    fn read(&self, draft: Value, _: &Inquiry<'_>) -> Result<Own, serde_json::Error> {
        Ok(Arc::new(serde_json::from_value::<Briefing>(draft)?))
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use serde_json::json;
    use utoipa::PartialSchema;

    use super::*;
    use crate::salesforce::Source;

    fn briefing() -> Briefing {
        Briefing {
            headline: "Renewal waits for legal".to_owned(),
            deal_context: "The customer renews.".to_owned(),
            risk_factors: vec![RiskFactor {
                risk: "A competitor is cheaper".to_owned(),
                severity: Severity::High,
                evidence: "Competitor__c: Fernblick".to_owned(),
            }],
            talking_points: vec!["Ask for the redlines.".to_owned()],
            next_steps: vec!["Call legal.".to_owned()],
        }
    }

    #[test]
    fn the_text_holds_every_part_under_its_heading() {
        assert_eq!(
            briefing().text(None),
            "Renewal waits for legal\n\n\
             Deal context\nThe customer renews.\n\n\
             Risk factors\n- High: A competitor is cheaper (Competitor__c: Fernblick)\n\n\
             Talking points\n- Ask for the redlines.\n\n\
             Next steps\n- Call legal."
        );
    }

    #[test]
    fn the_headings_follow_the_language() {
        let german = briefing().text(Some("de"));
        assert!(german.contains("\n\nRisiken\n- Hoch: A competitor is cheaper ("));
        assert!(german.contains("\n\nNächste Schritte\n- Call legal."));

        let japanese = briefing().text(Some("ja_JP"));
        assert!(japanese.contains("\n\nリスク要因\n- 高: "));
    }

    #[test]
    fn the_longest_briefing_still_fits_into_its_text() {
        let long = Briefing {
            headline: "h".repeat(255),
            deal_context: "c".repeat(4_000),
            risk_factors: vec![
                RiskFactor {
                    risk: "r".repeat(255),
                    severity: Severity::Low,
                    evidence: "e".repeat(1_000),
                };
                10
            ],
            talking_points: vec!["t".repeat(1_000); 10],
            next_steps: vec!["n".repeat(1_000); 10],
        };
        let draft = serde_json::to_value(&long).unwrap();

        assert_eq!(SHAPE.check(&draft), Ok(()));
        assert_eq!(long.text(None).chars().count(), 32_000);
        assert!(long.text(None).ends_with('…'));
    }

    #[test]
    fn everything_but_the_severity_is_held_against_the_record() {
        let briefing = briefing();
        let texts: Vec<&str> = briefing
            .said()
            .into_iter()
            .map(|said| match said {
                Said::Text(text) | Said::Name(text) => text,
            })
            .collect();

        assert_eq!(
            texts,
            [
                "Renewal waits for legal",
                "The customer renews.",
                "A competitor is cheaper",
                "Competitor__c: Fernblick",
                "Ask for the redlines.",
                "Call legal.",
            ]
        );
    }

    #[test]
    fn a_draft_that_passes_the_check_becomes_the_briefing() {
        let draft = serde_json::to_value(briefing()).unwrap();

        assert_eq!(SHAPE.check(&draft), Ok(()));
        let source = Source::default();
        let inquiry = Inquiry::plain(&source, date(2026, 11, 22));
        let own = BriefingTask.read(draft, &inquiry).unwrap();
        assert_eq!(own.members(), briefing().members());
    }

    #[test]
    fn a_draft_with_a_wrong_severity_and_a_long_headline_is_told_both() {
        let mut draft = serde_json::to_value(briefing()).unwrap();
        draft["headline"] = json!("h".repeat(256));
        draft["risk_factors"][0]["severity"] = json!("severe");
        draft["mood"] = json!("good");

        let mut violations = SHAPE.check(&draft).unwrap_err();
        violations.sort();
        assert_eq!(
            violations,
            [
                "/headline must have at most 255 characters",
                "/risk_factors/0/severity must be one of low, medium, high",
                "the answer must not have the member mood",
            ]
        );
    }

    #[test]
    fn the_openapi_schema_has_the_same_members_and_limits() {
        let document = serde_json::to_value(Briefing::schema()).unwrap();

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
        let golden = include_str!("golden/briefing.wire.json");
        let golden: Value = serde_json::from_str(golden).unwrap();

        assert_eq!(golden["version"], PROMPT_VERSION);
        assert_eq!(&golden["schema"], SHAPE.on_the_wire());
    }
}
