//! What an answer says and its input does not: amounts, dates, percentages, e-mail addresses, record ids, names.
//!
//! # Why
//! The check compares what things mean, since a good answer never repeats its input to the letter: `184500.0` becomes
//! `$184,500`, `185k` or `18.5万`, and `2026-12-18` becomes "18. Dezember". So each reader of this room finds the
//! things of its kind in a text of any language, with every meaning they may have, and an answer's thing is
//! grounded when one of its meanings is one of the input's.
//!
//! A false alarm is worse than a miss: who has been warned of nothing three times reads past the fourth warning. Where a text can be
//! read in two ways, the reading that the input knows wins; small counts, years and single words are never doubted.
//!
//! Everything is linear in the text, the patterns are compiled once, and nothing here asks the clock or the network.

mod amounts;
mod calendar;
mod dates;
mod ideographs;
mod language;
mod names;
mod numbers;
mod page;
mod relative;
mod runs;
mod tokens;
mod units;
mod words;

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use jiff::civil::Date;
use unicode_normalization::UnicodeNormalization;

use self::amounts::Amounts;
use self::dates::Days;
use self::language::Language;
use self::names::Names;
use self::page::Page;
use self::tokens::Tokens;

/// What the input says, indexed once for the check.
pub struct Known {
    tokens: Tokens,
    days: Days,
    amounts: Amounts,
    names: Names,
}

/// A piece of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said<'a> {
    /// Free text.
    Text(&'a str),
    /// A field that holds a person's name.
    Name(&'a str),
}

/// Findings in one answer; more would not be read.
const MAX_FINDINGS: usize = 50;
/// Characters of one finding.
const MAX_FINDING: usize = 200;

impl Known {
    /// Reads the input.
    ///
    /// `texts` are its values as text, field values (`184500.0`, `2026-12-18`) and free texts of any language, in the order of
    /// the record; field names may stand among them. `prompt` is the static system prompt, whose capitalised words never
    /// count as names. `today` is the day that the prompt names: it counts as known, and words such as "next Tuesday" count from it.
    pub fn new<'a>(
        texts: impl IntoIterator<Item = &'a str>,
        prompt: &'static str,
        today: Date,
    ) -> Self {
        let mut known = Self {
            tokens: Tokens::default(),
            days: Days::new(today),
            amounts: Amounts::default(),
            names: Names::new(prompt),
        };
        for (place, text) in texts.into_iter().enumerate() {
            let text = composed(text);
            let mut page = Page::of(&text);
            let names = &mut known.names;
            known
                .tokens
                .read(&mut page, |address| names.read_address(address));
            known.names.read(place, page.text());
            tokens::take_links_and_phones(&mut page);
            known.days.read(place, &mut page);
            known.amounts.read(page.text());
        }
        known.days.seal();
        known.amounts.seal();
        known
    }

    /// The amounts, dates, percentages, e-mail addresses, Salesforce record ids and person names that `answer` says and
    /// the input does not.
    ///
    /// As written in the answer, each once, in order, at most 50, each at most 200 characters.
    #[must_use]
    pub fn ungrounded(&self, answer: &[Said<'_>]) -> Vec<String> {
        let language = Language::of(answer.iter().filter_map(|said| match said {
            Said::Text(text) => Some(*text),
            Said::Name(_) => None,
        }));
        let mut seen = HashSet::new();
        answer
            .iter()
            .flat_map(|said| match said {
                Said::Text(text) => self.unknown_in_text(text, language),
                Said::Name(name) => self.unknown_in_name(name),
            })
            .map(|finding| finding.trim().chars().take(MAX_FINDING).collect::<String>())
            .filter(|finding| !finding.is_empty() && seen.insert(finding.clone()))
            .take(MAX_FINDINGS)
            .collect()
    }

    fn unknown_in_text<'t>(&self, text: &'t str, language: Language) -> Vec<&'t str> {
        let mut page = Page::of(text);
        let mut unknown = self.tokens.unknown(&mut page);
        tokens::take_links_and_phones(&mut page);
        unknown.extend(
            self.days
                .unknown(&mut page, |number| self.amounts.have_value(number)),
        );
        tokens::take_times(&mut page);
        unknown.extend(self.amounts.unknown(page.text()));
        unknown.extend(self.names.unknown_in_text(page.text(), language));
        in_order(&page, unknown)
    }

    fn unknown_in_name<'t>(&self, name: &'t str) -> Vec<&'t str> {
        let mut page = Page::of(name);
        let mut unknown = self.tokens.unknown(&mut page);
        tokens::take_links_and_phones(&mut page);
        unknown.extend(self.names.unknown_in_field(page.text()));
        in_order(&page, unknown)
    }
}

fn in_order<'t>(page: &Page<'t>, mut found: Vec<Range<usize>>) -> Vec<&'t str> {
    found.sort_unstable_by_key(|range| range.start);
    found.iter().map(|range| page.written(range)).collect()
}

/// `text` with its accents composed, as the patterns know them: some systems write `é` as two characters.
fn composed(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.nfc().collect())
    }
}

#[cfg(test)]
mod tests;
