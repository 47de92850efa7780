//! Whether a piece of evidence is a quote from the notes.
//!
//! # Why
//! A model copies notes the way a person does: it straightens quote marks, drops bullets, joins lines, leaves out the
//! middle. None of that makes a quote false, so both sides are folded to what the words say before they are compared.
//! What is left must stand in the notes to the letter and begin and end between words, or `10% off` would stand in
//! `110% off`. A quote has a least length, since a letter stands in every note.

use std::collections::HashSet;
use std::sync::LazyLock;

use regex::Regex;
use unicode_normalization::UnicodeNormalization;

use crate::salesforce::clean;

/// The width that a quote must have at least, unless it is a whole line: eight letters, or four characters of a script
/// that writes a word in two.
const LEAST_WIDTH: usize = 8;

/// What may stand before an entry of a list.
const BULLETS: &str = "-*•◦▪‣·・●○■□☐☑✓✔>|#";

/// What ends a sentence or opens a piece of one; a quote may have it or not.
const PUNCTUATION: &str = ".,;:!?。、，；：！？-";

static TAG: LazyLock<Regex> = LazyLock::new(|| compiled(r"(?i)<(/?[a-z][a-z0-9]*)\b[^<>\n]*>"));
static ARROW: LazyLock<Regex> = LazyLock::new(|| compiled(r"[-=]+>|[→⇒➔➜⟶]|-{2,}|[—―⸺]"));
/// Where a quote leaves something out: `…`, `...`, `[…]`.
static GAP: LazyLock<Regex> = LazyLock::new(|| compiled(r"[\[(]?\s*\.{3,}\s*[\])]?"));

/// Notes in which quotes are looked for.
#[derive(Debug)]
pub(in crate::tasks) struct Notes {
    /// All of them, folded, on one line.
    whole: String,
    /// Each line by itself, folded.
    lines: HashSet<String>,
}

impl Notes {
    pub(in crate::tasks) fn of(text: &str) -> Self {
        let text = plain(text);
        let lines = text.lines().map(|line| trimmed(&folded(line)).to_owned());
        Self {
            whole: folded(&text),
            lines: lines.filter(|line| says_something(line)).collect(),
        }
    }

    /// What keeps `quote` from being one; `None` where it stands in the notes.
    pub(in crate::tasks) fn fault(&self, quote: &str) -> Option<&'static str> {
        let quote = folded(&plain(quote));
        let whole = trimmed(&quote);
        if self.lines.contains(whole) || (is_long_enough(whole) && self.find(whole, 0).is_some()) {
            return None;
        }
        let parts: Vec<&str> = GAP.split(&quote).map(trimmed).collect();
        let parts = parts.iter().filter(|part| !part.is_empty());
        if parts.clone().any(|part| !is_long_enough(part)) {
            return Some("is too short to be a quote: take more of the line");
        }
        let mut from = Some(0);
        for part in parts.clone() {
            from = from.and_then(|from| self.find(part, from));
        }
        (from.is_none() || parts.count() == 0).then_some("is not a quote from the notes")
    }

    /// Where the first `part` at or behind `from` ends that is no piece of a longer word or number.
    fn find(&self, part: &str, from: usize) -> Option<usize> {
        let found = self.whole[from..].match_indices(part);
        let mut ends = found.map(|(at, _)| (from + at, from + at + part.len()));
        let (_, end) = ends.find(|(at, end)| {
            let inside = self.whole[*at..*end].chars();
            !goes_on(self.whole[..*at].chars().rev(), inside.clone())
                && !goes_on(self.whole[*end..].chars(), inside.rev())
        })?;
        Some(end)
    }
}

/// Whether a word or a number goes on from a quote, which `inside` reads from its end, to what stands `outside` of it.
fn goes_on(
    mut outside: impl Iterator<Item = char>,
    mut inside: impl Iterator<Item = char>,
) -> bool {
    let (Some(next), Some(last)) = (outside.next(), inside.next()) else {
        return false;
    };
    let is_letter = |char: char| char.is_alphanumeric() && !is_ideographic(char);
    let is_digit = |char: Option<char>| char.is_some_and(char::is_numeric);
    (is_letter(next) && is_letter(last))
        || (".,".contains(next) && last.is_numeric() && is_digit(outside.next()))
}

/// `text` without what no eye sees and without the markup of a rich text field.
fn plain(text: &str) -> String {
    let text = clean(text);
    let text = TAG.replace_all(&text, |tag: &regex::Captures<'_>| {
        let name = tag[1].trim_start_matches('/').to_ascii_lowercase();
        let opens_line = ["br", "p", "div", "li", "tr"].contains(&name.as_str());
        if opens_line { "\n" } else { "" }
    });
    // `&` comes last, or what it escapes would be read twice.
    [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&nbsp;", " "),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&amp;", "&"),
    ]
    .iter()
    .fold(text.into_owned(), |text, (entity, sign)| {
        text.replace(entity, sign)
    })
}

/// What `text` says, in one spelling: lower case, one kind of each sign, single spaces, no quote marks, bullets or arrows.
fn folded(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for written in text.lines() {
        let written: String = written.nfkc().collect();
        let written =
            written.trim_start_matches(|char: char| char.is_whitespace() || BULLETS.contains(char));
        let written = ARROW.replace_all(written, " ");
        let words = written.split_whitespace();
        for word in words.filter(|word| !word.chars().all(|char| BULLETS_ALONE.contains(char))) {
            let word: String = word
                .chars()
                .filter_map(sign)
                .flat_map(char::to_lowercase)
                .collect();
            let (Some(first), last) = (word.chars().next(), line.chars().next_back()) else {
                continue;
            };
            let apart = last.is_some_and(|last| !is_ideographic(last) && !is_ideographic(first));
            if apart {
                line.push(' ');
            }
            line.push_str(&word);
        }
    }
    line
}

/// Signs that are bullets where they stand alone; a lone `>` may compare two values.
const BULLETS_ALONE: &str = "-–*•◦▪‣·・●○■□☐☑✓✔|";

/// The one spelling of `char`; `None` for quote marks and for marks of emphasis.
fn sign(char: char) -> Option<char> {
    match char {
        '"' | '\'' | '`' | '´' | '*' | '‘' | '’' | '‚' | '‛' | '“' | '”' | '„' | '‟' | '«'
        | '»' | '‹' | '›' | '「' | '」' | '『' | '』' | '′' | '″' => None,
        '‐' | '‑' | '‒' | '–' | '−' => Some('-'),
        '〜' => Some('~'),
        other => Some(other),
    }
}

/// `text` without spaces and punctuation at its ends.
fn trimmed(text: &str) -> &str {
    text.trim_matches(|char: char| char.is_whitespace() || PUNCTUATION.contains(char))
}

fn is_long_enough(text: &str) -> bool {
    let width = |char| if is_wide(char) { 2 } else { 1 };
    says_something(text) && text.chars().map(width).sum::<usize>() >= LEAST_WIDTH
}

fn says_something(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

/// Written without spaces between words: Chinese and Japanese.
fn is_ideographic(char: char) -> bool {
    matches!(char, '\u{2e80}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// Says as much in one character as others in two.
fn is_wide(char: char) -> bool {
    is_ideographic(char) || matches!(char, '\u{ac00}'..='\u{d7af}')
}

fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a pattern of ours is valid")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOTES: &str = "Call w/ Ruth (COO) + Tomas, 18 Nov.\n\
        - R: “board signs 15 Dec”, after that budget is gone until April\n\
        - they lose ~EUR 40k a month on spoiled crates… that's the number she reports\n\
        * asked for 110% of the volume – we said 12.5% off\n\
        • process: legal (DPA clause 7.2) -> procurement -> board\n\
        \u{a0}  buffering > 48h\r\n\
        CFO\n\
        ・予算は承認済みです。\n決裁者は田中部長です\n\
        <p>Kick-off &amp; training <b>before</b> summer</p>\n\
        Ø 3 Ausfälle pro Woche, „das nervt“";

    #[test]
    fn a_quote_stands_in_the_notes_however_it_is_set() {
        let notes = Notes::of(NOTES);
        for quote in [
            "board signs 15 Dec",
            "\"R: 'board signs 15 Dec', after that budget is gone until April\"",
            "- R: board signs 15 Dec",
            "BOARD SIGNS 15 DEC.",
            "they lose ~EUR 40k a month on spoiled crates... that’s the number she reports",
            "they lose ~EUR 40k … the number she reports",
            "they lose ~EUR 40k [...] the number she reports.",
            "…lose ~EUR 40k a month…",
            "110% of the volume - we said 12.5% off",
            "of the volume — we said 12.5% off",
            "process: legal (DPA clause 7.2) → procurement → board",
            "board\nbuffering > 48h",
            "process: legal (DPA clause 7.2)\n - procurement",
            "Call w/ Ruth (COO) + Tomas, 18 Nov.\nR: board signs",
            "cfo",
            "予算は承認済み",
            "予算は承認済みです。 決裁者は田中部長です",
            "田中部長",
            "Kick-off & training before summer",
            "**Kick‑off** & training",
            "3 Ausfälle pro Woche, »das nervt«",
            "Ａusfälle pro Woche",
        ] {
            assert_eq!(notes.fault(quote), None, "{quote}");
        }
    }

    #[test]
    fn what_does_not_stand_in_the_notes_is_no_quote() {
        let notes = Notes::of(NOTES);
        for quote in [
            "board signs 16 Dec",
            "the board will sign on 15 Dec",
            "10% of the volume",
            "we said 12.5% of",
            "2.5% off or nothing",
            "5% off, buffering",
            "oard signs 15 Dec",
            "the number she reports … they lose ~EUR 40k",
            "they lose ~EUR 40k … ten a month",
            "buffering < 48h",
            "予算は未承認です",
            "Ruth is the champion",
        ] {
            assert_eq!(
                notes.fault(quote),
                Some("is not a quote from the notes"),
                "{quote}"
            );
        }
    }

    #[test]
    fn a_word_or_a_sign_is_too_short_to_be_evidence() {
        let notes = Notes::of(NOTES);
        for quote in [
            "e",
            "15 Dec",
            "Ruth",
            "予算",
            "EUR … month",
            "board … 15 Dec",
        ] {
            assert_eq!(
                notes.fault(quote),
                Some("is too short to be a quote: take more of the line"),
                "{quote}"
            );
        }
        for quote in ["", " ", "…", "\"\"", "- "] {
            assert_eq!(
                notes.fault(quote),
                Some("is not a quote from the notes"),
                "{quote:?}"
            );
        }
    }

    #[test]
    fn nothing_stands_in_empty_notes() {
        for notes in ["", "\n - \n…", "\u{200b}"] {
            assert!(Notes::of(notes).fault("board signs 15 Dec").is_some());
            assert!(Notes::of(notes).fault("").is_some());
        }
    }

    proptest! {
        #[test]
        fn every_line_of_any_notes_is_a_quote_from_them(lines in prop::collection::vec(".{0,60}", 1..6)) {
            let text = lines.join("\n");
            let notes = Notes::of(&text);
            for line in lines.iter().filter(|line| says_something(&folded(&plain(line)))) {
                // A line may hold signs that end lines.
                if clean(line).lines().count() == 1 && !TAG.is_match(&clean(line)) {
                    prop_assert_eq!(notes.fault(line), None, "{:?}", line);
                }
            }
        }
    }
}
