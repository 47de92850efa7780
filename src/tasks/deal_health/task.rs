//! The task: what it asks, what it checks, what it answers.

use std::sync::{Arc, LazyLock};

use serde_json::Value;

use super::answer::{DealHealth, Draft};
use super::evidence::Ground;
use super::signals::Signals;
use crate::domain::TaskName;
use crate::tasks::inquiry::{Block, Extras, Inquiry};
use crate::tasks::rehearsal;
use crate::tasks::shape::Shape;
use crate::tasks::task::{Own, Task};

/// Changes with every change of the prompt or of the answer's types.
const PROMPT_VERSION: &str = "deal-health-1";

/// From this score on something must speak for the deal.
const HIGH: u8 = 80;
/// Up to this score something must speak against it.
const LOW: u8 = 20;

static SHAPE: LazyLock<Shape> = LazyLock::new(Shape::of::<Draft>);

/// The task itself.
#[derive(Debug)]
pub(in crate::tasks) struct DealHealthTask;

impl Task for DealHealthTask {
    fn name(&self) -> TaskName {
        TaskName::DealHealth
    }

    fn objects(&self) -> &'static [&'static str] {
        &["Opportunity"]
    }

    fn id_prefix(&self) -> &'static str {
        "dlh"
    }

    fn prompt(&self) -> &'static str {
        include_str!("../deal_health.txt")
    }

    fn prompt_version(&self) -> &'static str {
        PROMPT_VERSION
    }

    fn shape(&self) -> &'static Shape {
        &SHAPE
    }

    fn extras(&self, inquiry: &Inquiry<'_>) -> Extras {
        let signals = Signals::of(inquiry.source, inquiry.today);
        Extras {
            lines: Vec::new(),
            blocks: vec![Block {
                name: "signals",
                opening: "What was computed from the record below. Take these as they are; what is not named here is not known.",
                text: signals.lines().join("\n"),
                known: true,
            }],
        }
    }

    fn rehearse(&self, inquiry: &Inquiry<'_>) -> Value {
        let signals = Signals::of(inquiry.source, inquiry.today);
        rehearsal::deal_health(inquiry.source, inquiry.today, &signals)
    }

    fn check(&self, draft: &Value, inquiry: &Inquiry<'_>) -> Vec<String> {
        // 72.0 is an integer to JSON Schema and none to Apex.
        if draft["score"].as_u64().is_none() {
            return vec!["/score must be written without a decimal point".to_owned()];
        }
        let Ok(draft) = serde_json::from_value::<Draft>(draft.clone()) else {
            return vec!["the answer does not have the asked-for form".to_owned()];
        };
        let signals = Signals::of(inquiry.source, inquiry.today);
        let mut violations = unfounded(&draft, &Ground::of(inquiry.source, &signals));
        violations.extend(wrong_end(&draft, &signals));
        violations.extend(contradiction(&draft));
        violations
    }

    fn read(&self, draft: Value, inquiry: &Inquiry<'_>) -> Result<Own, serde_json::Error> {
        let draft: Draft = serde_json::from_value(draft)?;
        let signals = Signals::of(inquiry.source, inquiry.today);
        Ok(Arc::new(DealHealth::of(draft, signals)))
    }
}

/// The drivers whose evidence touches nothing of the data.
fn unfounded(draft: &Draft, ground: &Ground) -> Vec<String> {
    let drivers = draft.drivers.iter().enumerate();
    drivers
        .filter(|(_, driver)| !ground.bears(&driver.evidence))
        .map(|(index, _)| format!("/drivers/{index}/evidence names nothing of the data"))
        .collect()
}

/// Whether a deal that has ended is scored as one that has not.
fn wrong_end(draft: &Draft, signals: &Signals) -> Option<String> {
    let (score, end) = match (signals.is_closed?, signals.is_won?) {
        (true, true) => (100, "won"),
        (true, false) => (0, "lost"),
        (false, _) => return None,
    };
    (draft.score != score).then(|| format!("/score must be {score}: the deal is closed and {end}"))
}

/// Whether the score says the opposite of every driver.
fn contradiction(draft: &Draft) -> Option<String> {
    let all = |positive: bool| {
        let mut effects = draft.drivers.iter().map(|driver| driver.effect);
        effects.all(|effect| effect.is_positive() == positive)
    };
    if draft.score >= HIGH && all(false) {
        return Some("/score contradicts the drivers, which are all negative".to_owned());
    }
    (draft.score <= LOW && all(true))
        .then(|| "/score contradicts the drivers, which are all positive".to_owned())
}

#[cfg(test)]
mod tests {
    use jiff::civil::{Date, date};
    use serde_json::json;
    use utoipa::PartialSchema;

    use super::*;
    use crate::privacy::grounding::Known;
    use crate::salesforce::{Material, Record, Source};
    use crate::tasks::deal_health::{Driver, Signals as Told};
    use crate::tasks::user_message;

    const TODAY: Date = date(2026, 11, 22);
    const SLIPPING: &str = include_str!("../golden/deal_health.slipping.call.json");
    const HEALTHY: &str = include_str!("../golden/deal_health.healthy.call.json");

    fn deal(record: Value) -> Source {
        Source {
            record: Some(Record::parse(record, "/record").unwrap()),
            ..Source::default()
        }
    }

    fn slipping() -> Source {
        let call: Value = serde_json::from_str(SLIPPING).unwrap();
        deal(call["record"].clone())
    }

    fn driver(effect: &str, evidence: &str) -> Value {
        json!({ "factor": "A reason", "effect": effect, "evidence": evidence })
    }

    fn draft(score: u8, drivers: &[Value]) -> Value {
        json!({ "score": score, "narrative": "It slips.", "drivers": drivers })
    }

    /// What is wrong with a draft about `source` that fits the schema.
    fn violations(draft: &Value, source: &Source) -> Vec<String> {
        assert_eq!(SHAPE.check(draft), Ok(()));
        DealHealthTask.check(draft, &Inquiry::plain(source, TODAY))
    }

    /// The user's turn for a golden call.
    fn message_for(call: &str) -> String {
        let call: Value = serde_json::from_str(call).unwrap();
        let source = deal(call["record"].clone());
        user_message(
            &Material::of(&source, 100_000),
            &DealHealthTask.extras(&Inquiry::plain(&source, TODAY)),
            (call["instructions"].as_str(), call["language"].as_str()),
            TODAY,
        )
    }

    #[test]
    fn a_slipping_deal_is_asked_about_with_its_signals_to_the_letter() {
        let golden = include_str!("../golden/deal_health.slipping.message.txt");
        assert_eq!(message_for(SLIPPING), golden.trim_end());
    }

    #[test]
    fn a_healthy_deal_is_asked_about_with_its_signals_to_the_letter() {
        let golden = include_str!("../golden/deal_health.healthy.message.txt");
        assert_eq!(message_for(HEALTHY), golden.trim_end());
    }

    #[test]
    fn a_draft_that_passes_both_checks_becomes_the_answer_with_band_and_signals() {
        let source = slipping();
        let good = draft(22, &[driver("strong_negative", "close_date_slips: 3")]);

        assert_eq!(violations(&good, &source), Vec::<String>::new());
        let own = DealHealthTask.read(good, &Inquiry::plain(&source, TODAY));
        let members = own.unwrap().members();
        assert_eq!(members["score"], 22);
        assert_eq!(members["band"], "critical");
        assert_eq!(members["signals"]["close_date_slips"], 3);
        assert_eq!(members["signals"]["amount_change_percent"], -20.8);
    }

    #[test]
    fn a_score_out_of_range_or_without_drivers_breaks_the_schema() {
        let mut broken = draft(50, &[]);
        broken["score"] = json!(140);

        let mut violations = SHAPE.check(&broken).unwrap_err();
        violations.sort();
        assert_eq!(
            violations,
            ["/drivers must not be empty", "/score must be at most 100"]
        );
    }

    #[test]
    fn evidence_that_touches_nothing_is_told_by_its_place() {
        let drivers = [
            driver("negative", "Procurement has put the purchase on hold"),
            driver("negative", "The overall situation"),
            driver("negative", "A gut feeling"),
        ];
        assert_eq!(
            violations(&draft(30, &drivers), &slipping()),
            [
                "/drivers/1/evidence names nothing of the data",
                "/drivers/2/evidence names nothing of the data",
            ]
        );
    }

    #[test]
    fn a_score_that_says_the_opposite_of_every_driver_is_told() {
        let (good, bad) = (
            driver("positive", "Amount"),
            driver("strong_negative", "Amount"),
        );
        let told = |score, drivers: &[Value]| violations(&draft(score, drivers), &slipping());

        let all_negative = ["/score contradicts the drivers, which are all negative"];
        assert_eq!(told(80, &[bad.clone(), bad.clone()]), all_negative);
        let all_positive = ["/score contradicts the drivers, which are all positive"];
        assert_eq!(told(20, std::slice::from_ref(&good)), all_positive);
        for (score, drivers) in [
            (79, vec![bad.clone()]),
            (21, vec![good.clone()]),
            (95, vec![bad.clone(), good.clone()]),
            (5, vec![bad, good]),
        ] {
            assert_eq!(told(score, &drivers), Vec::<String>::new(), "{score}");
        }
    }

    #[test]
    fn a_deal_that_has_ended_has_the_score_of_its_end() {
        let won = deal(json!({ "StageName": "Closed Won" }));
        let lost = deal(json!({ "StageName": "Closed Lost" }));
        let at = |score, effect| draft(score, &[driver(effect, "stage: Closed")]);
        let named = |score, effect| draft(score, &[driver(effect, "StageName")]);

        assert_eq!(
            violations(&named(90, "positive"), &won),
            ["/score must be 100: the deal is closed and won"]
        );
        assert_eq!(
            violations(&named(5, "negative"), &lost),
            ["/score must be 0: the deal is closed and lost"]
        );
        assert_eq!(
            violations(&named(100, "positive"), &won),
            Vec::<String>::new()
        );
        assert_eq!(
            violations(&named(0, "negative"), &lost),
            Vec::<String>::new()
        );
        assert_eq!(violations(&at(0, "negative"), &lost).len(), 1);
    }

    #[test]
    fn a_score_with_a_decimal_point_is_told() {
        let mut decimal = draft(30, &[driver("negative", "Amount")]);
        decimal["score"] = json!(30.0);

        assert_eq!(
            violations(&decimal, &slipping()),
            ["/score must be written without a decimal point"]
        );
    }

    #[test]
    fn the_openapi_schema_has_the_same_limits_as_the_draft() {
        let answer = serde_json::to_value(DealHealth::schema()).unwrap();
        let driver = serde_json::to_value(Driver::schema()).unwrap();
        let draft = &SHAPE.schema()["properties"];
        for (shown, asked, names) in [
            (&answer, draft, ["drivers", "narrative"]),
            (
                &driver,
                &draft["drivers"]["items"]["properties"],
                ["factor", "evidence"],
            ),
        ] {
            for name in names {
                for limit in ["minLength", "maxLength", "minItems", "maxItems"] {
                    let shown = &shown["properties"][name][limit];
                    assert_eq!(shown, &asked[name][limit], "{name} {limit}");
                }
            }
        }
        for limit in ["minimum", "maximum"] {
            let shown = answer["properties"]["score"][limit].as_f64();
            assert_eq!(shown, draft["score"][limit].as_f64(), "{limit}");
        }
        assert_eq!(answer["additionalProperties"], Value::Null);
    }

    #[test]
    fn an_answer_may_repeat_the_signals_and_may_not_invent_others() {
        let source = slipping();
        let inquiry = Inquiry::plain(&source, TODAY);
        let ungrounded = |narrative: &str| {
            let mut told = draft(
                20,
                &[driver("strong_negative", "close_date_slip_days: 138")],
            );
            told["narrative"] = json!(narrative);
            let own = DealHealthTask.read(told, &inquiry).unwrap();
            let material = Material::of(&source, 100_000);
            let extras = DealHealthTask.extras(&inquiry);
            let texts = material.values.iter().map(String::as_str);
            let known = Known::new(texts.chain(extras.known()), DealHealthTask.prompt(), TODAY);
            known.ungrounded(&own.said())
        };

        let fair = "The amount fell by 20.8%, $20,000 in all, and no Economic Buyer takes part.";
        assert_eq!(ungrounded(fair), Vec::<String>::new());
        assert_eq!(ungrounded("The amount fell by 31%."), ["31%"]);
    }

    #[test]
    fn the_prompt_names_every_signal_and_their_fence() {
        let signals = serde_json::to_value(Told::default()).unwrap();
        for name in signals.as_object().unwrap().keys() {
            assert!(DealHealthTask.prompt().contains(name.as_str()), "{name}");
        }
        assert!(DealHealthTask.prompt().contains("<signals>"));
    }

    #[test]
    fn what_goes_on_the_wire_changes_only_with_the_prompt_version() {
        let golden = include_str!("../golden/deal_health.wire.json");
        let golden: Value = serde_json::from_str(golden).unwrap();

        assert_eq!(golden["version"], PROMPT_VERSION);
        assert_eq!(&golden["schema"], SHAPE.on_the_wire());
    }
}
