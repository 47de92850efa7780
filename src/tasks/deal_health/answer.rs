//! What the model gives, and the answer that is made from it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::signals::Signals;
use crate::privacy::grounding::Said;
use crate::tasks::headings::deal_health::{HEADINGS, Headings};
use crate::tasks::page::Page;
use crate::tasks::task::{Fields, members_of};

/// How an Opportunity stands, as one number, with the reasons for it.
// What the model gives. The reasons come before the number, so that the number follows from them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Draft {
    /// What speaks for and against the deal, the weightiest first.
    #[schemars(length(min = 1, max = 10))]
    pub(super) drivers: Vec<Driver>,
    /// How the deal stands and why, in one paragraph of three to six sentences, without the score.
    #[schemars(length(min = 1, max = 4_000))]
    pub(super) narrative: String,
    /// How healthy the deal is: 0 is lost, 100 is won.
    #[schemars(range(min = 0, max = 100))]
    pub(super) score: u8,
}

/// How an Opportunity stands, as one number, with the reasons for it and the signals behind them.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DealHealth {
    /// How healthy the deal is, from 0 to 100. A deal that is closed and won has 100, one that is closed and lost 0.
    #[schema(value_type = i32, minimum = 0, maximum = 100)]
    pub score: u8,
    /// The score in a word, by fixed thresholds: `healthy` from 70, `watch` from 50, `at_risk` from 30, else `critical`.
    pub band: Band,
    /// What speaks for and against the deal, the weightiest first.
    #[schema(min_items = 1, max_items = 10)]
    pub drivers: Vec<Driver>,
    /// How the deal stands and why, in one paragraph.
    #[schema(min_length = 1, max_length = 4_000)]
    pub narrative: String,
    /// What was computed from the record, and what the score was made with.
    pub signals: Signals,
}

/// A score in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Band {
    /// 70 to 100: goes its way.
    Healthy,
    /// 50 to 69: something to keep an eye on.
    Watch,
    /// 30 to 49: will slip or shrink unless somebody acts.
    AtRisk,
    /// 0 to 29: lost, or about to be.
    Critical,
}

/// One reason for the score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Driver {
    /// The reason in one line.
    #[schemars(length(min = 1, max = 255))]
    #[schema(min_length = 1, max_length = 255)]
    pub factor: String,
    /// Which way it moves the score.
    pub effect: Effect,
    /// What in the data shows it: the name of a signal or a field with its value, or a short quote with its date.
    #[schemars(length(min = 1, max = 1_000))]
    #[schema(min_length = 1, max_length = 1_000)]
    pub evidence: String,
}

/// Which way a driver moves the score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Alone a reason to count on the deal.
    StrongPositive,
    /// Speaks for the deal.
    Positive,
    /// Speaks against it.
    Negative,
    /// Alone a reason to doubt the deal.
    StrongNegative,
}

impl DealHealth {
    /// The answer to `draft` about a deal with these `signals`.
    pub(super) fn of(draft: Draft, signals: Signals) -> Self {
        Self {
            score: draft.score,
            band: Band::of(draft.score),
            drivers: draft.drivers,
            narrative: draft.narrative,
            signals,
        }
    }
}

impl Fields for DealHealth {
    fn text(&self, language: Option<&str>) -> String {
        let headings = HEADINGS.of(language);
        let health = format!("{}: {}", self.score, self.band.word(headings));
        Page::default()
            .section(headings.health, &health)
            .section(headings.narrative, &self.narrative)
            .list(
                headings.drivers,
                self.drivers.iter().map(|driver| driver.line(headings)),
            )
            .list(headings.signals, self.signals.told(&headings.signal))
            .text()
    }

    fn said(&self) -> Vec<Said<'_>> {
        let drivers = self
            .drivers
            .iter()
            .flat_map(|driver| [&driver.factor, &driver.evidence]);
        std::iter::once(&self.narrative)
            .chain(drivers)
            .map(|text| Said::Text(text))
            .collect()
    }

    fn members(&self) -> Map<String, Value> {
        members_of(self)
    }
}

impl Band {
    /// The band of a score.
    #[must_use]
    pub fn of(score: u8) -> Self {
        match score {
            70.. => Self::Healthy,
            50..70 => Self::Watch,
            30..50 => Self::AtRisk,
            0..30 => Self::Critical,
        }
    }

    fn word(self, headings: &Headings) -> &'static str {
        match self {
            Self::Healthy => headings.healthy,
            Self::Watch => headings.watch,
            Self::AtRisk => headings.at_risk,
            Self::Critical => headings.critical,
        }
    }
}

impl Driver {
    fn line(&self, headings: &Headings) -> String {
        let effect = self.effect.word(headings);
        format!("{effect}: {} ({})", self.factor, self.evidence)
    }
}

impl Effect {
    /// Whether it speaks for the deal.
    #[must_use]
    pub fn is_positive(self) -> bool {
        matches!(self, Self::StrongPositive | Self::Positive)
    }

    fn word(self, headings: &Headings) -> &'static str {
        match self {
            Self::StrongPositive => headings.strong_positive,
            Self::Positive => headings.positive,
            Self::Negative => headings.negative,
            Self::StrongNegative => headings.strong_negative,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health() -> DealHealth {
        let driver = |factor: &str, effect, evidence: &str| Driver {
            factor: factor.to_owned(),
            effect,
            evidence: evidence.to_owned(),
        };
        let draft = Draft {
            drivers: vec![
                driver("Slipped", Effect::StrongNegative, "close_date_slips: 2"),
                driver("In touch", Effect::Positive, "Call on 2026-11-12"),
            ],
            narrative: "The deal slips, but they talk.".to_owned(),
            score: 48,
        };
        let signals = Signals {
            stage: Some("Proposal".to_owned()),
            is_closed: Some(false),
            close_date_slips: Some(2),
            roles_missing: Some(Vec::new()),
            amount_change: Some(-20_000.5),
            amount_change_percent: Some(-20.8),
            ..Signals::default()
        };
        DealHealth::of(draft, signals)
    }

    #[test]
    fn a_band_follows_from_the_score_alone() {
        for (score, band) in [
            (0, Band::Critical),
            (29, Band::Critical),
            (30, Band::AtRisk),
            (49, Band::AtRisk),
            (50, Band::Watch),
            (69, Band::Watch),
            (70, Band::Healthy),
            (100, Band::Healthy),
        ] {
            assert_eq!(Band::of(score), band, "{score}");
        }
    }

    #[test]
    fn the_text_holds_every_part_under_its_heading_and_no_unknown_signal() {
        assert_eq!(
            health().text(None),
            "Deal health\n48: at risk\n\n\
             Assessment\nThe deal slips, but they talk.\n\n\
             Drivers\n\
             - Strongly against: Slipped (close_date_slips: 2)\n\
             - In favour: In touch (Call on 2026-11-12)\n\n\
             Signals\n\
             - Stage: Proposal\n\
             - Closed: no\n\
             - Times the close date slipped: 2\n\
             - Roles missing: none\n\
             - Change of the amount: -20000.5\n\
             - Change of the amount in percent: -20.8%"
        );
    }

    #[test]
    fn headings_bands_effects_and_signals_follow_the_language() {
        let german = health().text(Some("de"));
        assert!(german.starts_with("Zustand des Deals\n48: gefährdet\n\n"));
        assert!(german.contains("\n- Stark dagegen: Slipped"));
        assert!(german.contains("\n- Abgeschlossen: nein\n"));

        let mut openings = std::collections::BTreeSet::new();
        for language in ["en", "de", "fr", "es", "it", "pt", "nl", "ja"] {
            let text = health().text(Some(language));
            openings.insert(text.lines().next().unwrap().to_owned());
        }
        assert_eq!(openings.len(), 8);
    }

    #[test]
    fn narrative_and_drivers_are_held_against_the_record() {
        assert_eq!(health().said().len(), 5);
    }

    #[test]
    fn the_members_are_flat_and_what_is_not_known_is_null() {
        let members = Value::Object(health().members());

        assert_eq!(members["score"], 48);
        assert_eq!(members["band"], "at_risk");
        assert_eq!(members["drivers"][0]["effect"], "strong_negative");
        assert_eq!(members["signals"]["close_date_slips"], 2);
        assert_eq!(members["signals"]["days_in_stage"], Value::Null);
        let names = members["signals"].as_object().unwrap();
        assert!(names.contains_key("days_in_stage"));
    }
}
