//! What is spelt in one way only, e-mail addresses and Salesforce record ids, and what no check should look
//! into: links, telephone numbers, times of day.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::page::{Page, compiled};

static EMAIL: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r"[A-Za-z0-9\u{C0}-\u{24F}._%+-]+@[A-Za-z0-9\u{C0}-\u{24F}-]+(?:\.[A-Za-z0-9\u{C0}-\u{24F}-]+)+",
    )
});
static ALPHANUMERIC: LazyLock<Regex> = LazyLock::new(|| compiled(r"[0-9A-Za-z]{15,}"));
static LINK: LazyLock<Regex> =
    LazyLock::new(|| compiled(r"(?:https?://|www\.)[!#-&*-;=?-Z_a-z~]+"));
static PHONE: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r"(?x) \+\d[\d\ ()./-]{6,18}\d                          # international
            | \(\d{2,5}\)\ ?\d[\d\ -]{4,10}\d               # area code in brackets
            | (?-u:\b)0\d{1,4}[\ /-]\d[\d\ /-]{4,12}\d       # with its trunk zero
            | (?-u:\b)(?:\d{3}[\ -])?\d{3}-\d{4}(?-u:\b)       # North American",
    )
});
static TIME: LazyLock<Regex> =
    LazyLock::new(|| compiled(r"(?-u:\b)\d{1,2}:\d{2}(?::\d{2})?(?-u:\b)"));

/// The addresses and ids of the input.
#[derive(Default)]
pub(super) struct Tokens {
    emails: HashSet<String>,
    /// The first 15 characters, which name the record; the other 3 only guard the case.
    ids: HashSet<String>,
}

impl Tokens {
    /// Reads `page` and hands on each address to `names`, since people are called like them.
    pub(super) fn read(&mut self, page: &mut Page<'_>, mut names: impl FnMut(&str)) {
        let emails = emails(page.text());
        for range in &emails {
            let email = page.text()[range.clone()].to_lowercase();
            names(&email);
            self.emails.insert(email);
        }
        page.take(emails);
        for range in record_ids(page.text()) {
            self.ids
                .insert(page.text()[range.start..range.start + 15].to_owned());
        }
    }

    /// Takes addresses and ids from `page` and gives those that the input does not have.
    pub(super) fn unknown(&self, page: &mut Page<'_>) -> Vec<Range<usize>> {
        let emails = emails(page.text());
        let mut unknown: Vec<_> = emails
            .iter()
            .filter(|range| {
                !self
                    .emails
                    .contains(&page.text()[(*range).clone()].to_lowercase())
            })
            .cloned()
            .collect();
        page.take(emails);
        let ids = record_ids(page.text());
        unknown.extend(
            ids.iter()
                .filter(|range| {
                    !self
                        .ids
                        .contains(&page.text()[range.start..range.start + 15])
                })
                .cloned(),
        );
        page.take(ids);
        unknown
    }
}

/// Takes what only looks like amounts or names: links and telephone numbers.
pub(super) fn take_links_and_phones(page: &mut Page<'_>) {
    let links: Vec<_> = LINK.find_iter(page.text()).map(|hit| hit.range()).collect();
    page.take(links);
    let text = page.text();
    let phones: Vec<_> = PHONE
        .find_iter(text)
        // `045 000 000` within `1 045 000 000`
        .filter(|hit| {
            !text[..hit.start()]
                .trim_end_matches(' ')
                .ends_with(|before: char| before.is_ascii_digit())
        })
        .map(|hit| hit.range())
        .collect();
    page.take(phones);
}

/// Takes times of day, which the check leaves alone: a time zone moves them.
pub(super) fn take_times(page: &mut Page<'_>) {
    let found: Vec<_> = TIME.find_iter(page.text()).map(|hit| hit.range()).collect();
    page.take(found);
}

fn emails(text: &str) -> Vec<Range<usize>> {
    if !text.contains('@') {
        return Vec::new();
    }
    EMAIL
        .find_iter(text)
        .map(|hit| {
            let before = hit.as_str().trim_start_matches(['.', '-', '+', '%']);
            let kept = before.trim_end_matches('-');
            let start = hit.end() - before.len();
            start..start + kept.len()
        })
        .collect()
}

fn record_ids(text: &str) -> Vec<Range<usize>> {
    ALPHANUMERIC
        .find_iter(text)
        .filter(|hit| is_record_id(hit.as_str().as_bytes()))
        .map(|hit| hit.range())
        .collect()
}

/// Whether `word` is built like a record id: a key prefix, digits and letters, and at 18 characters the check suffix.
///
/// An invented id rarely gets its suffix right, so one with the prefix of a standard object counts without it.
fn is_record_id(word: &[u8]) -> bool {
    let digits = word.iter().filter(|byte| byte.is_ascii_digit()).count();
    let prefixed = match word {
        [b'0', ..] => true,
        [b'a', second, ..] => second.is_ascii_digit(),
        [b'5' | b'7' | b'8', b'0', third, ..] => third.is_ascii_digit(),
        _ => false,
    };
    let mixed = digits >= 4 && digits < word.len();
    match word.len() {
        15 => mixed && prefixed,
        18 => mixed && (prefixed || word[15..] == check_suffix(&word[..15])),
        _ => false,
    }
}

/// The three characters that make 15 into 18: one for each five, a bit for each capital.
///
/// Salesforce, "How to convert a 15 character Id to an 18 character Id".
fn check_suffix(id: &[u8]) -> [u8; 3] {
    const SIGNS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
    let mut suffix = [b'A'; 3];
    for (sign, five) in suffix.iter_mut().zip(id.chunks(5)) {
        let capitals = five.iter().rev().fold(0, |bits, byte| {
            bits << 1 | usize::from(byte.is_ascii_uppercase())
        });
        *sign = SIGNS[capitals];
    }
    suffix
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown(input: &str, answer: &str) -> Vec<String> {
        let mut tokens = Tokens::default();
        tokens.read(&mut Page::of(input), |_| {});
        let mut page = Page::of(answer);
        tokens
            .unknown(&mut page)
            .iter()
            .map(|range| answer[range.clone()].to_owned())
            .collect()
    }

    #[test]
    fn an_address_is_known_in_any_case() {
        assert!(
            unknown(
                "Ines.Keller@Blau-Optik.example",
                "to ines.keller@blau-optik.example."
            )
            .is_empty()
        );
        assert_eq!(
            unknown(
                "ines.keller@blau-optik.example",
                "メールはi.keller@blau-optik.exampleまで"
            ),
            ["i.keller@blau-optik.example"]
        );
    }

    #[test]
    fn an_id_of_15_and_its_18_are_one_record() {
        let input = "/services/data/v66.0/sobjects/Opportunity/0065f00000QwErTAAV";
        assert!(unknown(input, "see 0065f00000QwErT").is_empty());
        assert!(unknown("0065f00000QwErT", "see 0065f00000QwErTAAV").is_empty());
        assert_eq!(unknown(input, "see 0065f00000QwErX."), ["0065f00000QwErX"]);
        assert_eq!(
            unknown(input, "(0035f00000HjKlMAAV)"),
            ["0035f00000HjKlMAAV"]
        );
    }

    #[test]
    fn the_check_suffix_follows_the_capitals() {
        assert_eq!(&check_suffix(b"0065f00000QwErT"), b"AAV");
    }

    #[test]
    fn telephone_numbers_and_links_are_taken_and_amounts_are_not() {
        for text in [
            "+41 44 555 01 33",
            "030 5550147",
            "03-5550-0192",
            "(415) 555-0147",
            "555-0147",
            "https://acme.example/a?b=184500",
        ] {
            let mut page = Page::of(text);
            take_links_and_phones(&mut page);
            assert!(
                !page.text().contains(|sign: char| sign.is_ascii_digit()),
                "{text}"
            );
        }
        for text in ["1 045 000 000 €", "279 000 000 000,01 €", "2026-11-14"] {
            let mut page = Page::of(text);
            take_links_and_phones(&mut page);
            assert_eq!(page.text(), text);
        }
    }

    #[test]
    fn long_words_and_long_numbers_are_no_ids() {
        assert!(
            unknown(
                "",
                "Vertragsverlängerungen accounting20261 123456789012345 Rechtsabteilung"
            )
            .is_empty()
        );
    }
}
