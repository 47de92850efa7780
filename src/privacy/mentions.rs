//! Where the values of masked fields stand in other texts: `Contact.Name` inside a comment.
//!
//! # Why
//! A masked name that stays in the thread beside it is not masked. So the values are looked for as whole words, in any case and
//! over any spaces, wherever else they stand. Short and common values (`true`, `Open`) say nothing of anybody, and to
//! hide each `open` of a thread would leave nothing to read. The values stand in one tree of words, so that a text is
//! read once, however many they are.

use std::collections::HashMap;
use std::ops::Range;

use super::detectors::chars::{is_unspaced, is_word};

/// Fewer letters and digits are no value that one could tell again.
const FEWEST_CHARS: usize = 4;
/// Digits alone need to be more, or every year would be one.
const FEWEST_DIGITS: usize = 5;
/// Longer values are whole texts, which no other text repeats.
const MOST_BYTES: usize = 300;

/// Values that stand in many fields of many records and name nobody.
const COMMON: [&str; 92] = [
    "true",
    "false",
    "none",
    "null",
    "unknown",
    "other",
    "others",
    "open",
    "opened",
    "closed",
    "new",
    "working",
    "escalated",
    "high",
    "medium",
    "low",
    "normal",
    "critical",
    "urgent",
    "email",
    "e-mail",
    "phone",
    "mobile",
    "web",
    "website",
    "chat",
    "customer",
    "prospect",
    "partner",
    "vendor",
    "competitor",
    "reseller",
    "account",
    "contact",
    "lead",
    "case",
    "task",
    "call",
    "event",
    "meeting",
    "hot",
    "warm",
    "cold",
    "active",
    "inactive",
    "pending",
    "draft",
    "final",
    "approved",
    "rejected",
    "planned",
    "completed",
    "done",
    "male",
    "female",
    "direct",
    "indirect",
    "public",
    "private",
    "standard",
    "premium",
    "basic",
    "gold",
    "silver",
    "bronze",
    "test",
    "default",
    "general",
    "sales",
    "support",
    "service",
    "marketing",
    "finance",
    "legal",
    "manager",
    "director",
    "owner",
    "user",
    "admin",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "germany",
    "france",
    "austria",
    "switzerland",
    "english",
    "german",
];

/// The values to look for, each with a number of its own.
#[derive(Default)]
pub(super) struct Mentions {
    /// Every word of a value, in small letters.
    words: HashMap<String, usize>,
    /// The bytes that these begin with, where they are ASCII: most words of a text need no second look.
    heads: Vec<u8>,
    /// Where each word leads from each node; the root is 0.
    steps: HashMap<(usize, usize), usize>,
    /// The number of the value that ends at a node; none at the root.
    ends: Vec<Option<usize>>,
}

impl Mentions {
    /// Whether `value` may be looked for in other texts.
    pub(super) fn may_hold(value: &str) -> bool {
        let value = value.trim();
        let letters = value.chars().filter(|c| c.is_alphabetic()).count();
        let chars = value.chars().filter(|c| c.is_alphanumeric()).count();
        let enough = match letters {
            0 => chars >= FEWEST_DIGITS,
            _ => chars >= FEWEST_CHARS || (chars >= 2 && value.chars().any(is_unspaced)),
        };
        enough && value.len() <= MOST_BYTES && !COMMON.contains(&value.to_lowercase().as_str())
    }

    /// Looks for `value` from now on, unless it does already.
    pub(super) fn add(&mut self, value: &str, number: usize) {
        if self.ends.is_empty() {
            self.ends.push(None);
        }
        let mut node = 0;
        for word in words(value) {
            let new = self.words.len();
            let lower: String = value[word].chars().flat_map(char::to_lowercase).collect();
            let first = lower.chars().next().and_then(head);
            self.heads
                .extend(first.filter(|first| !self.heads.contains(first)));
            let word = *self.words.entry(lower).or_insert(new);
            let next = self.ends.len();
            node = *self.steps.entry((node, word)).or_insert(next);
            if node == next {
                self.ends.push(None);
            }
        }
        self.ends[node].get_or_insert(number);
    }

    /// Whether nothing is looked for.
    pub(super) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Every value in `text` with its number, in order; of two that begin together the longer.
    pub(super) fn find(&self, text: &str, found: &mut dyn FnMut(Range<usize>, usize)) {
        if self.is_empty() {
            return;
        }
        let mut lower = String::new();
        let known: Vec<(Range<usize>, Option<usize>)> = words(text)
            .map(|range| {
                let first = text[range.clone()].chars().next();
                if first
                    .and_then(head)
                    .is_some_and(|head| !self.heads.contains(&head))
                {
                    return (range, None);
                }
                lower.clear();
                lower.extend(text[range.clone()].chars().flat_map(char::to_lowercase));
                (range, self.words.get(lower.as_str()).copied())
            })
            .collect();
        let mut at = 0;
        while at < known.len() {
            match self.longest_at(&known[at..]) {
                Some((count, number)) => {
                    found(known[at].0.start..known[at + count - 1].0.end, number);
                    at += count;
                }
                None => at += 1,
            }
        }
    }

    /// How many of `words` are a value, and its number.
    fn longest_at(&self, words: &[(Range<usize>, Option<usize>)]) -> Option<(usize, usize)> {
        let mut node = 0;
        let mut longest = None;
        for (count, (_, word)) in words.iter().enumerate() {
            let Some(&next) = word.and_then(|word| self.steps.get(&(node, word))) else {
                break;
            };
            node = next;
            if let Some(number) = self.ends[node] {
                longest = Some((count + 1, number));
            }
        }
        longest
    }
}

/// The small ASCII letter, digit or sign that a word begins with.
fn head(first: char) -> Option<u8> {
    u8::try_from(first)
        .ok()
        .filter(u8::is_ascii)
        .map(|byte| byte.to_ascii_lowercase())
}

/// The words of `text`: runs of letters and digits, and each other character that is no space by itself. Where words
/// are set without spaces, each character is one.
fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = &text[at..];
        let start = at + rest.find(|c: char| !c.is_whitespace())?;
        let first = text[start..].chars().next()?;
        let length = if is_word(first) {
            text[start..]
                .find(|c| !is_word(c))
                .unwrap_or(text.len() - start)
        } else {
            first.len_utf8()
        };
        at = start + length;
        Some(start..at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'t>(values: &[&str], text: &'t str) -> Vec<(&'t str, usize)> {
        let mut mentions = Mentions::default();
        for (number, value) in values.iter().enumerate() {
            mentions.add(value, number);
        }
        let mut all = Vec::new();
        mentions.find(text, &mut |range, number| all.push((&text[range], number)));
        all
    }

    #[test]
    fn a_value_is_found_as_whole_words_in_any_case_and_over_any_spaces() {
        let values = [
            "Jens Albrecht",
            "Jens Albrecht-Rau",
            "ÖZ GmbH & Co. KG",
            "山田太郎",
        ];
        assert_eq!(
            found(&values, "Talked to JENS  albrecht's boss"),
            [("JENS  albrecht", 0)]
        );
        assert_eq!(
            found(&values, "(Jens Albrecht-Rau)"),
            [("Jens Albrecht-Rau", 1)]
        );
        assert_eq!(
            found(&values, "öz gmbh & co. kg"),
            [("öz gmbh & co. kg", 2)]
        );
        assert_eq!(found(&values, "担当は山田太郎様です"), [("山田太郎", 3)]);
        for none in [
            "Jens",
            "Albrecht Jens",
            "xJens Albrecht",
            "Jens Albrechts",
            "Jens, Albrecht",
        ] {
            assert_eq!(found(&values, none), [], "{none}");
        }
    }

    #[test]
    fn short_common_and_whole_texts_are_not_looked_for() {
        for value in [
            "",
            "Jo",
            "true",
            "Open",
            " medium ",
            "...",
            "2026",
            &"word ".repeat(80),
        ] {
            assert!(!Mentions::may_hold(value), "{value}");
        }
        for value in ["Jens", "Jo Li", "KD-1234", "山田", "1980-05-17"] {
            assert!(Mentions::may_hold(value), "{value}");
        }
    }
}
