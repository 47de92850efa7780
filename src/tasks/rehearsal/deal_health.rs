//! A deal's health by template: the signals, each with its fixed weight.
//!
//! The score is 50 plus the points below, within 5 and 95; a deal that is closed and won has 100, a lost one 0.
//!
//! | signal | points |
//! | --- | --- |
//! | `days_to_close` | negative, unless the deal is closed: -20 |
//! | `close_date_slips` | -8 each, -24 at most; none: +5 |
//! | `days_since_last_activity` | up to 14: +10; over 30: -15 |
//! | `next_activity_in_days` | something is planned: +10 |
//! | `days_in_stage` | up to 30: +5; over 60: -10 |
//! | `contacts_engaged` | 3 or more: +10; fewer than 2: -10 |
//! | `roles_missing` | -5 each; none: +10 |
//! | `amount_change_percent` | 10 or more lower: -10; as much higher: +5 |
//!
//! From 10 points on a driver is called strong. What is not known moves nothing.

use jiff::civil::Date;
use serde_json::{Value, json};

use super::deal::Deal;
use super::{facts_told, sentence};
use crate::salesforce::Source;
use crate::tasks::deal_health::Signals;
use crate::tasks::excerpt::{PARAGRAPH, excerpt};

/// Where a deal stands of which nothing is known.
const MIDDLE: i32 = 50;
/// The lowest and the highest score of a deal that has not ended.
const OPEN: (i32, i32) = (5, 95);
/// From so many points on, either way, a driver is strong.
const STRONG: i32 = 10;

/// What one signal says about the deal.
struct Mark {
    points: i32,
    factor: &'static str,
    signal: &'static str,
}

/// A deal's health from its signals.
pub(in crate::tasks) fn deal_health(source: &Source, today: Date, signals: &Signals) -> Value {
    let deal = Deal::of(source, today);
    let marks = marks(signals);
    let drivers: Vec<Value> = marks
        .iter()
        .map(|mark| mark.to_json(&signals.lines()))
        .collect();
    json!({
        "drivers": if drivers.is_empty() { vec![unknown()] } else { drivers },
        "narrative": excerpt(&deal.health(&marks), PARAGRAPH),
        "score": score(signals, &marks),
    })
}

fn score(signals: &Signals, marks: &[Mark]) -> i32 {
    match signals.is_won {
        Some(true) => 100,
        Some(false) => 0,
        None => {
            let points: i32 = marks.iter().map(|mark| mark.points).sum();
            (MIDDLE + points).clamp(OPEN.0, OPEN.1)
        }
    }
}

/// What the signals say, the weightiest first. How a deal ended says all there is to say.
fn marks(signals: &Signals) -> Vec<Mark> {
    let mark = |points: i32, factor, signal| Mark {
        points,
        factor,
        signal,
    };
    match signals.is_won {
        Some(true) => return vec![mark(MIDDLE, "The deal is won", "is_won")],
        Some(false) => return vec![mark(-MIDDLE, "The deal is lost", "is_won")],
        None => {}
    }
    let missing = signals.roles_missing.as_ref().map(Vec::len);
    let found = [
        signals
            .days_to_close
            .filter(|days| *days < 0 && signals.is_closed != Some(true))
            .map(|_| mark(-20, "The close date has passed", "days_to_close")),
        signals.close_date_slips.map(|slips| match slips {
            0 => mark(5, "The close date holds", "close_date_slips"),
            _ => mark(
                slips.saturating_mul(-8).max(-24),
                "The close date was moved to a later day",
                "close_date_slips",
            ),
        }),
        signals.days_since_last_activity.and_then(|days| {
            let signal = "days_since_last_activity";
            match days {
                ..=14 => Some(mark(10, "The customer was spoken with lately", signal)),
                15..=30 => None,
                _ => Some(mark(-15, "Nothing has happened for long", signal)),
            }
        }),
        signals
            .next_activity_in_days
            .map(|_| mark(10, "The next activity is planned", "next_activity_in_days")),
        signals.days_in_stage.and_then(|days| match days {
            ..=30 => Some(mark(5, "The stage is young", "days_in_stage")),
            31..=60 => None,
            _ => Some(mark(
                -10,
                "The deal has stood in its stage for long",
                "days_in_stage",
            )),
        }),
        signals.contacts_engaged.and_then(|people| match people {
            ..2 => Some(mark(-10, "Hardly anybody takes part", "contacts_engaged")),
            2 => None,
            _ => Some(mark(10, "Several people take part", "contacts_engaged")),
        }),
        missing.map(|missing| match missing {
            0 => mark(10, "Every part is taken", "roles_missing"),
            1 => mark(-5, "A role is held by nobody", "roles_missing"),
            2 => mark(-10, "Some roles are held by nobody", "roles_missing"),
            3 => mark(-15, "Most roles are held by nobody", "roles_missing"),
            _ => mark(-20, "No part is taken by anybody", "roles_missing"),
        }),
        signals.amount_change_percent.and_then(|percent| {
            let signal = "amount_change_percent";
            if percent <= -10.0 {
                Some(mark(-10, "The amount went down", signal))
            } else if percent >= 10.0 {
                Some(mark(5, "The amount went up", signal))
            } else {
                None
            }
        }),
    ];
    let mut marks: Vec<Mark> = found.into_iter().flatten().collect();
    marks.sort_by_key(|mark| -mark.points.abs());
    marks
}

/// The one driver of a deal of which no signal tells anything.
fn unknown() -> Value {
    json!({
        "factor": "The data given does not tell how the deal moves",
        "effect": "negative",
        "evidence": "days_in_stage, close_date_slips and days_since_last_activity are not known",
    })
}

impl Mark {
    fn effect(&self) -> &'static str {
        match self.points {
            STRONG.. => "strong_positive",
            0..STRONG => "positive",
            points if points > -STRONG => "negative",
            _ => "strong_negative",
        }
    }

    /// The mark as a driver; its evidence is the signal's line.
    fn to_json(&self, lines: &[String]) -> Value {
        let line = lines.iter().find(|line| {
            line.split_once(':')
                .is_some_and(|(name, _)| name == self.signal)
        });
        let evidence = line.map_or(self.signal, String::as_str);
        json!({ "factor": self.factor, "effect": self.effect(), "evidence": evidence })
    }
}

impl Deal<'_> {
    /// What the deal is and what its marks come to, in words.
    fn health(&self, marks: &[Mark]) -> String {
        let told = facts_told(&[
            ("deal", self.fields.first(&["Name", "Account.Name"])),
            ("stage", self.fields.line("StageName")),
            ("amount", self.fields.amount("Amount")),
            ("close date", self.fields.line("CloseDate")),
            ("next step", self.fields.line("NextStep")),
        ]);
        let factors = |opening: &str, is_for: bool| {
            let factors = marks.iter().filter(|mark| (mark.points > 0) == is_for);
            let factors: Vec<&str> = factors.map(|mark| mark.factor).collect();
            let line = format!("{opening}: {}", factors.join("; "));
            (!factors.is_empty()).then(|| sentence(&line))
        };
        let told: Vec<String> = [told, factors("For it", true), factors("Against it", false)]
            .into_iter()
            .flatten()
            .collect();
        if told.is_empty() {
            return "The data given says nothing about this deal.".to_owned();
        }
        told.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn scored(signals: &Signals) -> Value {
        deal_health(&Source::default(), date(2026, 11, 22), signals)
    }

    #[test]
    fn the_score_is_the_middle_and_the_points_of_each_signal() {
        for (signals, score) in [
            (Signals::default(), 50),
            (
                Signals {
                    days_to_close: Some(-1),
                    ..Signals::default()
                },
                30,
            ),
            (
                Signals {
                    close_date_slips: Some(2),
                    ..Signals::default()
                },
                34,
            ),
            (
                Signals {
                    close_date_slips: Some(9),
                    ..Signals::default()
                },
                26,
            ),
            (
                Signals {
                    days_since_last_activity: Some(14),
                    ..Signals::default()
                },
                60,
            ),
            (
                Signals {
                    days_since_last_activity: Some(31),
                    ..Signals::default()
                },
                35,
            ),
            (
                Signals {
                    days_in_stage: Some(61),
                    contacts_engaged: Some(1),
                    ..Signals::default()
                },
                30,
            ),
            (
                Signals {
                    next_activity_in_days: Some(0),
                    days_in_stage: Some(30),
                    ..Signals::default()
                },
                65,
            ),
            (
                Signals {
                    roles_missing: Some(vec![String::new(); 3]),
                    ..Signals::default()
                },
                35,
            ),
            (
                Signals {
                    amount_change_percent: Some(-10.0),
                    ..Signals::default()
                },
                40,
            ),
        ] {
            assert_eq!(scored(&signals)["score"], score, "{signals:?}");
        }
    }

    #[test]
    fn a_deal_that_has_ended_is_scored_by_its_end() {
        let ended = |won| Signals {
            is_closed: Some(true),
            is_won: Some(won),
            close_date_slips: Some(4),
            ..Signals::default()
        };

        let won = scored(&ended(true));
        assert_eq!(won["score"], 100);
        assert_eq!(won["drivers"][0]["effect"], "strong_positive");
        assert_eq!(won["drivers"][0]["evidence"], "is_won: yes");
        assert_eq!(scored(&ended(false))["score"], 0);
    }

    #[test]
    fn the_weightiest_driver_comes_first_and_quotes_its_signal() {
        let signals = Signals {
            days_in_stage: Some(12),
            close_date_slips: Some(3),
            ..Signals::default()
        };

        let drivers = &scored(&signals)["drivers"];
        assert_eq!(drivers[0]["evidence"], "close_date_slips: 3");
        assert_eq!(drivers[0]["effect"], "strong_negative");
        assert_eq!(drivers[1]["evidence"], "days_in_stage: 12");
        assert_eq!(drivers[1]["effect"], "positive");
    }
}
