//! Where names may stand in a text: runs of capitalised words, and what stands around them.

use std::collections::HashSet;
use std::ops::Range;

use super::words::{Kind, Word, may_follow_given_name, words};

/// The words of `text`, with what is a surname only because of the word before it.
pub(super) fn people<'t>(text: &'t str, never_names: &HashSet<String>) -> Vec<Word<'t>> {
    let mut found = words(text, never_names);
    for at in 1..found.len() {
        let before = &found[at - 1];
        if matches!(before.kind, Kind::Given | Kind::Honorific)
            && found[at].kind == Kind::Common
            && !before.possessive
            && is_joined(text, before, &found[at])
            && may_follow_given_name(&found[at].key)
        {
            found[at].kind = Kind::Capital;
        }
    }
    found
}

/// The runs of words that may be names, as ranges of `found`: capitalised words with nothing but a space between.
pub(super) fn runs(
    text: &str,
    found: &[Word<'_>],
    is_known: impl Fn(&Word<'_>) -> bool,
) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut at = 0;
    while at < found.len() {
        if !(found[at].is_name_like() || found[at].kind == Kind::Initial) {
            at += 1;
            continue;
        }
        let start = at;
        let mut end = at + 1;
        while !found[end - 1].possessive {
            let particles = found[end..]
                .iter()
                .take(3)
                .take_while(|word| word.kind == Kind::Particle)
                .count();
            let Some(next) = found.get(end + particles) else {
                break;
            };
            let joined = (end..=end + particles)
                .all(|later| is_joined(text, &found[later - 1], &found[later]));
            let is_name = next.is_name_like() || next.kind == Kind::Initial;
            // `Jens von Northwind` is a person and where he works.
            let apart = particles > 0
                && (is_known(next) || found[start].kind != Kind::Given || found[end].text == "und");
            if !joined || !is_name || apart {
                break;
            }
            end += particles + 1;
        }
        runs.push(start..end);
        at = end;
    }
    runs
}

/// The words of `run` that make the name: without initials and particles.
pub(super) fn named<'f, 't>(found: &'f [Word<'t>], run: &Range<usize>) -> Vec<&'f Word<'t>> {
    found[run.clone()]
        .iter()
        .filter(|word| !matches!(word.kind, Kind::Initial | Kind::Particle))
        .collect()
}

/// Whether `text` is two or three words that may be a name, as a name field is.
pub(super) fn is_nothing_but_a_name(text: &str, found: &[Word<'_>]) -> bool {
    let [first, .., last] = found else {
        return false;
    };
    found.len() <= 3
        && first.range.start == 0
        && last.range.end == text.trim_end().len()
        && first.is_name_like()
        && last.is_name_like()
        && found
            .iter()
            .all(|word| word.is_name_like() || matches!(word.kind, Kind::Particle | Kind::Initial))
}

pub(super) fn spanning(names: &[&Word<'_>]) -> Range<usize> {
    let first = names.first().map_or(0, |word| word.range.start);
    let last = names.last().map_or(first, |word| word.range.end);
    first..last
}

/// Whether nothing but a space stands between two words, or the full stop of an abbreviation.
pub(super) fn is_joined(text: &str, one: &Word<'_>, other: &Word<'_>) -> bool {
    let between = text.get(one.range.end..other.range.start).unwrap_or("|");
    between == " "
        || (matches!(one.kind, Kind::Initial | Kind::Honorific) && matches!(between, ". " | "."))
}

pub(super) fn neighbour_before<'f, 't>(
    text: &str,
    found: &'f [Word<'t>],
    run: &Range<usize>,
) -> Option<&'f Word<'t>> {
    let before = &found[run.start.checked_sub(1)?];
    is_joined(text, before, &found[run.start]).then_some(before)
}

pub(super) fn neighbour_behind<'f, 't>(
    text: &str,
    found: &'f [Word<'t>],
    run: &Range<usize>,
) -> Option<&'f Word<'t>> {
    let behind = found.get(run.end)?;
    is_joined(text, &found[run.end - 1], behind).then_some(behind)
}

/// `Kwame Osei (CFO)`, `Kwame Osei, CFO,`
pub(super) fn has_role_behind(text: &str, found: &[Word<'_>], run: &Range<usize>) -> bool {
    found.get(run.end).is_some_and(|next| {
        let between = &text[found[run.end - 1].range.end..next.range.start];
        next.kind == Kind::Role && matches!(between, " (" | ", ")
    })
}

/// `Kwame Osei様`
pub(super) fn has_honorific_behind(text: &str, found: &[Word<'_>], run: &Range<usize>) -> bool {
    let behind = &text[found[run.end - 1].range.end..];
    ["様", "氏", "さん"]
        .iter()
        .any(|title| behind.trim_start().starts_with(title))
}

pub(super) fn is_company_form(key: &str) -> bool {
    const FORMS: [&str; 24] = [
        "gmbh", "ag", "se", "kg", "ohg", "inc", "ltd", "llc", "llp", "plc", "corp", "co", "sa",
        "sas", "sarl", "bv", "nv", "ab", "oy", "spa", "group", "gruppe", "groupe", "holding",
    ];
    FORMS.contains(&key)
}

pub(super) fn is_determiner(key: &str) -> bool {
    const DETERMINERS: [&str; 25] = [
        "the", "a", "an", "this", "these", "our", "their", "its", "your", "his", "her", "my",
        "each", "every", "no", "le", "la", "les", "un", "une", "du", "au", "aux", "des", "ce",
    ];
    DETERMINERS.contains(&key)
}

/// Whether a sentence, a list item or a quotation begins behind `before`.
pub(super) fn starts_sentence(before: &str) -> bool {
    let before = before.trim_end_matches([' ', '*', '_', '"', '(', '\'', '«', '„', '“']);
    before.is_empty()
        || before.ends_with([
            '.', '!', '?', ':', ';', '\n', '-', '•', '#', '>', '|', '…', '。',
        ])
}

/// The parts of `text` that are headings: lines without an end whose words are mostly capitalised, and what stands before a colon.
pub(super) fn headings(text: &str, found: &[Word<'_>]) -> Vec<Range<usize>> {
    let mut headings = Vec::new();
    let mut start = 0;
    let mut first = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        let count = found[first..]
            .iter()
            .take_while(|word| word.range.start < end)
            .count();
        let words = &found[first..first + count];
        let trimmed = line.trim_end_matches(['\n', '\r', ' ', '*', '_']);
        let long = words.iter().filter(|word| word.text.chars().count() > 3);
        let capital = long.clone().filter(|word| word.kind != Kind::Plain).count();
        let is_title = !trimmed.ends_with(['.', '!', '?', ';', ',', '。'])
            && words.len() <= 12
            && capital * 10 >= long.count() * 6;
        if trimmed.starts_with('#') || trimmed.ends_with(':') || is_title {
            headings.push(start..end);
        } else if let Some(colon) = line.find(':')
            && words
                .iter()
                .take_while(|word| word.range.end <= start + colon)
                .count()
                <= 5
        {
            headings.push(start..start + colon);
        }
        start = end;
        first += count;
    }
    headings
}

/// `Stage` and `Name` of `StageName`: what a field is called is no news.
pub(super) fn camel_parts(word: &str) -> impl Iterator<Item = &str> {
    let cuts: Vec<usize> = word
        .char_indices()
        .zip(word.chars().skip(1))
        .filter(|((_, one), other)| one.is_lowercase() && other.is_uppercase())
        .map(|((at, one), _)| at + one.len_utf8())
        .collect();
    let starts: Vec<usize> = if cuts.is_empty() {
        Vec::new()
    } else {
        std::iter::once(0).chain(cuts.iter().copied()).collect()
    };
    let ends: Vec<usize> = cuts.into_iter().chain([word.len()]).collect();
    starts
        .into_iter()
        .zip(ends)
        .map(|(start, end)| &word[start..end])
}
