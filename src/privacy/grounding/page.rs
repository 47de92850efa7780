//! One text, folded so that the readers need to know one spelling of each sign only.
//!
//! # Why
//! Full-width digits, six kinds of space and four of dash mean the same to a reader. Folding them once, character
//! by character, keeps every pattern of this room short; the map back to the text as it was written keeps
//! the findings honest. What one reader has taken is blanked, so that the next does not read a year out of a
//! date or a name out of an address.

use std::ops::Range;

use regex::Regex;

/// Stands where a reader has taken something; no pattern of this room matches it.
const TAKEN: char = '\u{1}';

/// A text and its folded form.
pub(super) struct Page<'a> {
    raw: &'a str,
    text: String,
    /// Where folded and raw text drift apart: (end in the folded text, end in the raw text), ascending.
    shifts: Vec<(usize, usize)>,
}

impl<'a> Page<'a> {
    pub(super) fn of(raw: &'a str) -> Self {
        let mut text = String::with_capacity(raw.len());
        let mut shifts = Vec::new();
        for (at, written) in raw.char_indices() {
            let before = text.len();
            text.extend(fold(written));
            if text.len() - before != written.len_utf8() {
                shifts.push((text.len(), at + written.len_utf8()));
            }
        }
        Self { raw, text, shifts }
    }

    /// The folded text, blank where something was taken.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// What stands at `range` of the folded text, as it was written.
    pub(super) fn written(&self, range: &Range<usize>) -> &'a str {
        self.raw
            .get(self.origin(range.start)..self.origin(range.end))
            .unwrap_or_default()
    }

    /// Blanks the `ranges`, which are ascending and do not overlap.
    pub(super) fn take(&mut self, ranges: impl IntoIterator<Item = Range<usize>>) {
        let mut blanked = String::new();
        let mut done = 0;
        for range in ranges {
            blanked.push_str(&self.text[done..range.start]);
            blanked.extend(std::iter::repeat_n(TAKEN, range.len()));
            done = range.end;
        }
        if done > 0 {
            blanked.push_str(&self.text[done..]);
            self.text = blanked;
        }
    }

    fn origin(&self, at: usize) -> usize {
        let passed = self.shifts.partition_point(|(folded, _)| *folded <= at);
        match passed.checked_sub(1).map(|last| self.shifts[last]) {
            Some((folded, raw)) => raw + (at - folded),
            None => at,
        }
    }
}

/// One of this room's own patterns, which stand in the code.
pub(super) fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is a constant that the tests compile")
}

/// The plain sign for `written`; none for what has no width.
fn fold(written: char) -> Option<char> {
    let shifted = |from: char, to: char| char::from_u32(written as u32 - from as u32 + to as u32);
    match written {
        '\u{AD}'
        | '\u{200B}'..='\u{200F}'
        | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{2064}'
        | '\u{FEFF}' => None,
        '\t' | '\u{A0}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}' => {
            Some(' ')
        }
        '\u{FF01}'..='\u{FF5E}' => shifted('\u{FF01}', '!'),
        '\u{660}'..='\u{669}' => shifted('\u{660}', '0'),
        '\u{6F0}'..='\u{6F9}' => shifted('\u{6F0}', '0'),
        '\u{FFE5}' => Some('¥'),
        '\u{FFE1}' => Some('£'),
        '\u{66A}' | '\u{FE6A}' => Some('%'),
        '\u{66B}' => Some('.'),
        '\u{66C}' => Some(','),
        '\u{2010}'..='\u{2015}' | '\u{2212}' => Some('-'),
        '\u{2018}' | '\u{2019}' | '\u{2BC}' | '\u{2032}' | '\u{B4}' => Some('\''),
        '\u{301C}' => Some('~'),
        other => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folded_range_leads_back_to_what_was_written() {
        let page = Page::of("約１８４，５００円です");
        let at = page.text().find("184,500").expect("the digits are folded");
        assert_eq!(page.written(&(at..at + 7)), "１８４，５００");
    }

    #[test]
    fn what_has_no_width_is_passed_over() {
        let page = Page::of("184\u{200B}\u{202F}500");
        assert_eq!(page.text(), "184 500");
        assert_eq!(page.written(&(0..7)), "184\u{200B}\u{202F}500");
    }

    #[test]
    fn what_was_taken_is_blank_and_the_rest_keeps_its_place() {
        let mut page = Page::of("am 18.12. und 19.12.");
        page.take([3..9, 14..20]);
        assert_eq!(page.text().len(), 20);
        assert_eq!(page.text().find("und"), Some(10));
        assert!(!page.text().contains('1'));
    }
}
