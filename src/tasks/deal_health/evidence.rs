//! Whether a driver's evidence touches the data.
//!
//! # Why
//! Nothing here judges whether evidence is good: that is for whoever reads it. What the check turns back is a phrase
//! that would fit any deal, "the overall situation". So one touch is enough: the name of a field or of a signal, a few
//! words that stand in the data, a value of one word, a number or a date. A fair answer that is turned back costs a second call, so
//! where a rule could be either it is the lenient one.

use std::collections::HashSet;

use super::signals::Signals;
use crate::salesforce::{Material, Source};
use crate::tasks::headings::deal_health::SignalNames;

/// Labels of one word that stand in any sentence about a deal.
const EMPTY_LABELS: [&str; 9] = [
    "Account",
    "Contact",
    "Event",
    "Id",
    "Name",
    "Opportunity",
    "Owner",
    "Task",
    "Type",
];

/// Words of four letters and more that stand in any sentence.
const FILLERS: [&str; 34] = [
    "about", "also", "aber", "auch", "avec", "been", "come", "dans", "deal", "della", "eine",
    "einer", "esta", "from", "have", "into", "more", "nicht", "niet", "oder", "para", "pour",
    "sind", "some", "sono", "than", "that", "their", "there", "they", "this", "voor", "were",
    "with",
];

/// Ideographs in a row that count as quoted; two words or so.
const IDEOGRAPHS: usize = 4;

/// Everything that evidence can touch.
#[derive(Debug, Default)]
pub(super) struct Ground {
    /// Names of several words, folded: ` close date `.
    names: HashSet<String>,
    /// Names and values of one word, as they are written.
    words: HashSet<String>,
    /// Runs of two or three words of the data, folded.
    runs: HashSet<String>,
    /// Numbers by their digits.
    numbers: HashSet<String>,
    /// The ideographs of the data, a window at a time.
    ideographs: HashSet<String>,
}

impl Ground {
    /// What the source holds, and what was computed from it.
    pub(super) fn of(source: &Source, signals: &Signals) -> Self {
        let material = Material::of(source, usize::MAX);
        let mut ground = Self::default();
        for name in SignalNames::ON_THE_WIRE.names() {
            ground.name(name);
        }
        for label in &material.labels {
            ground.name(label);
        }
        for value in &material.values {
            ground.value(value);
        }
        for line in signals.lines() {
            let value = line
                .split_once(": ")
                .map_or(line.as_str(), |(_, value)| value);
            ground.value(value);
            // A signal is known by small numbers too: 9 days.
            ground.numbers.extend(groups(value));
        }
        ground
    }

    /// Whether `evidence` touches any of it.
    pub(super) fn bears(&self, evidence: &str) -> bool {
        let folded = folded(evidence);
        let line = format!(" {} ", folded.join(" "));
        runs(&folded).any(|run| self.runs.contains(&run))
            || self.names.iter().any(|name| line.contains(name))
            || as_written(evidence).any(|word| self.words.contains(word))
            || numbers(evidence).any(|number| self.numbers.contains(&number))
            || groups(evidence).any(|group| self.numbers.contains(&group) && !is_year(&group))
            || windows(evidence).any(|window| self.ideographs.contains(&window))
    }

    fn name(&mut self, name: &str) {
        let custom = ["__c", "__r", "__pc"];
        let plain = custom.iter().find_map(|end| name.strip_suffix(end));
        let plain = plain.unwrap_or(name);
        let words = folded(plain);
        if words.len() > 1 {
            self.names.insert(format!(" {} ", words.join(" ")));
        } else if !EMPTY_LABELS.contains(&plain) && plain.chars().any(char::is_uppercase) {
            self.words.insert(plain.to_owned());
        }
        self.ideographs.extend(windows(name));
    }

    fn value(&mut self, value: &str) {
        self.runs.extend(runs(&folded(value)));
        let is_telling = value.chars().count() >= 3 && value.chars().any(char::is_uppercase);
        if is_telling && as_written(value).eq([value]) {
            self.words.insert(value.to_owned());
        }
        self.numbers.extend(numbers(value));
        self.numbers
            .extend(groups(value).filter(|group| group.len() > 1));
        self.ideographs.extend(windows(value));
    }
}

/// The words of `text` in lower case; `CloseDate` and `close_date` are two words each.
fn folded(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for char in text.chars() {
        let is_new = before.is_lowercase() && char.is_uppercase();
        if !char.is_alphanumeric() || is_new {
            words.push(String::new());
        }
        if let (true, Some(word)) = (char.is_alphanumeric(), words.last_mut()) {
            word.extend(char.to_lowercase());
        }
        before = char;
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The words of `text` as they are written.
fn as_written(text: &str) -> impl Iterator<Item = &str> {
    text.split(|char: char| !char.is_alphanumeric())
        .filter(|word| !word.is_empty())
}

/// The runs of words that count as a quote: two that say something, or three of which one does.
fn runs(words: &[String]) -> impl Iterator<Item = String> {
    let says = |word: &String| {
        let is_long = word.chars().count() > 3 || word.chars().any(char::is_numeric);
        is_long && !FILLERS.contains(&word.as_str())
    };
    let twos = words.windows(2).filter(move |run| run.iter().all(says));
    let threes = words.windows(3).filter(move |run| run.iter().any(says));
    twos.chain(threes).map(|run| run.join(" "))
}

/// The numbers and dates of `text` by all of their digits, at least two: `184,500` as `184500`, and `184500.0` too.
fn numbers(text: &str) -> impl Iterator<Item = String> {
    let is_inside = |char: char| char.is_ascii_digit() || ".,'’-/:\u{a0}\u{202f}".contains(char);
    text.split(move |char| !is_inside(char))
        .flat_map(|number| {
            let number = number.trim_matches(|char: char| !char.is_ascii_digit());
            let whole = ["0", "00"].iter().find_map(|zeros| {
                let whole = number.strip_suffix(zeros)?;
                whole.strip_suffix(['.', ','])
            });
            [Some(number), whole]
        })
        .flatten()
        .map(|number| number.chars().filter(char::is_ascii_digit).collect())
        .filter(|digits: &String| digits.len() > 1 && !is_year(digits))
}

/// The groups of digits in `text`.
fn groups(text: &str) -> impl Iterator<Item = String> {
    text.split(|char: char| !char.is_ascii_digit())
        .filter(|digits| !digits.is_empty())
        .map(str::to_owned)
}

/// Whether `digits` may be a year, which stands in most dates of any deal.
fn is_year(digits: &str) -> bool {
    digits.len() == 4 && (digits.starts_with("19") || digits.starts_with("20"))
}

/// Every few ideographs in a row.
fn windows(text: &str) -> impl Iterator<Item = String> {
    let chars: Vec<char> = text.chars().collect();
    let windows: Vec<String> = chars
        .windows(IDEOGRAPHS)
        .filter(|window| window.iter().all(|char| is_ideograph(*char)))
        .map(|window| window.iter().collect())
        .collect();
    windows.into_iter()
}

/// Whether `char` is of a script that writes words without spaces: kana, Han, Hangul, Thai.
fn is_ideograph(char: char) -> bool {
    matches!(char, '\u{e00}'..='\u{e7f}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}')
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use serde_json::json;

    use super::*;
    use crate::salesforce::Record;

    fn ground() -> Ground {
        let record = json!({
            "attributes": { "type": "Opportunity" },
            "Name": "Tide Sensors",
            "Amount": 184_500.0,
            "StageName": "Negotiation/Review",
            "CloseDate": "2026-12-18",
            "Renewal_Risk__c": "medium",
            "Competitor__c": "TrackWise",
            "Description": "CFO pushed for Net 60. We are in the middle of the story. Discount of 12%. 顧客は返答を待っています。",
            "LastActivityDate": "2026-11-13",
        });
        let source = Source {
            record: Some(Record::parse(record, "/record").unwrap()),
            ..Source::default()
        };
        let signals = Signals::of(&source, date(2026, 11, 22));
        Ground::of(&source, &signals)
    }

    #[test]
    fn evidence_that_touches_the_data_bears() {
        let ground = ground();
        for evidence in [
            "CloseDate: 2026-12-18",
            "The close date comes near",
            "days_since_last_activity: 9",
            "Silent for 9 days",
            "No days in stage are told",
            "Renewal Risk stands at its old value",
            "Amount is high",
            "The CFO pushed for better terms",
            "They want \"Net 60\", we do not",
            "TrackWise undercuts us",
            "Competitor is named",
            "At $184,500 a large one",
            "184.500,00 EUR stehen auf dem Spiel",
            "Der Termin ist der 18. Dezember 2026",
            "They ask for 12% off",
            "お客様（返答を待っています）",
        ] {
            assert!(ground.bears(evidence), "{evidence}");
        }
    }

    #[test]
    fn an_empty_phrase_does_not() {
        let ground = ground();
        for evidence in [
            "overall situation",
            "The overall situation of the deal",
            "We are in the same boat as before",
            "General impression of the account team",
            "Seems fine",
            "As of 2026",
            "7 of 7 reasons",
            "The type and the name",
            "Opportunity of the Account: Type and Name",
            "全体的な状況",
            "…",
        ] {
            assert!(!ground.bears(evidence), "{evidence}");
        }
    }

    #[test]
    fn of_no_data_only_the_signals_can_be_named() {
        let ground = Ground::of(&Source::default(), &Signals::default());

        assert!(ground.bears("days_in_stage is not known"));
        assert!(!ground.bears("CEO said it is fine, 42 times"));
    }
}
