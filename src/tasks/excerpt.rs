//! Cutting texts so that they fit and still read.
//!
//! Lengths count UTF-16 units, as Apex's `String.length()` does: a text that fits by them fits by characters too.

/// As long as a line may be that lands in a Salesforce text field.
pub(super) const LINE: usize = 255;
/// As long as an entry of a list may be.
pub(super) const ENTRY: usize = 1_000;
/// As long as a paragraph may be.
pub(super) const PARAGRAPH: usize = 4_000;
/// As many entries as a list may have.
pub(super) const ENTRIES: usize = 10;

/// Marks what was cut.
const CUT: &str = "…";

/// `text` on one line and at most `at_most` units long: cut after a sentence, else between words, else anywhere
/// but not behind a number that may go on, and marked where it was cut.
pub(super) fn excerpt(text: &str, at_most: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if units(&line) <= at_most {
        return line;
    }
    let head = beginning(&line, at_most.saturating_sub(2));
    let half = head.len() / 2;
    if let Some(end) = last_sentence_end(head).filter(|end| *end > half) {
        return format!("{} {CUT}", &head[..end]);
    }
    let words = if line[head.len()..].starts_with(' ') {
        head
    } else {
        head.rfind(' ')
            .filter(|gap| *gap > half)
            .map_or(head, |gap| &head[..gap])
    };
    format!(
        "{}{CUT}",
        without_half_a_number(words, &line[words.len()..])
    )
}

/// `head` without the number at its end that `rest` may go on with: a number that loses its tail is another number, and
/// so is one that loses half of the word behind it (`1kg` is no `1k`).
fn without_half_a_number<'t>(head: &'t str, rest: &str) -> &'t str {
    let word_start = head
        .char_indices()
        .rev()
        .take_while(|(_, char)| char.is_alphanumeric())
        .last()
        .map_or(head.len(), |(start, _)| start);
    let goes_on = rest.starts_with(char::is_alphanumeric);
    let number = head[word_start..].find(char::is_numeric);
    let head = match number.filter(|_| goes_on) {
        Some(start) => &head[..word_start + start],
        None => head,
    };
    head.trim_end_matches(|char: char| char.is_numeric() || " .,'-/:%".contains(char))
}

/// `text` as it stands, cut and marked where it is longer than `at_most` units.
pub(super) fn clip(text: String, at_most: usize) -> String {
    if units(&text) <= at_most {
        return text;
    }
    let head = beginning(&text, at_most.saturating_sub(1));
    format!("{}{CUT}", head.trim_end())
}

/// The sentences of `text`, each on one line, without the bullet that may open it.
pub(super) fn sentences(text: &str) -> Vec<String> {
    text.lines()
        .flat_map(in_one_line)
        .map(|sentence| sentence.trim_start_matches(['-', '*', '•', ' ']).trim())
        .filter(|sentence| sentence.chars().any(char::is_alphanumeric))
        .map(|sentence| sentence.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

fn in_one_line(line: &str) -> Vec<&str> {
    let mut rest = line;
    let mut found = Vec::new();
    while let Some(end) = first_sentence_end(rest) {
        found.push(&rest[..end]);
        rest = &rest[end..];
    }
    found.push(rest);
    found
}

fn first_sentence_end(text: &str) -> Option<usize> {
    sentence_ends(text).next()
}

fn last_sentence_end(text: &str) -> Option<usize> {
    sentence_ends(text).last()
}

/// Where sentences end: after a full-width mark, or after a mark that a space follows.
fn sentence_ends(text: &str) -> impl Iterator<Item = usize> {
    text.char_indices().filter_map(|(start, char)| {
        let end = start + char.len_utf8();
        let ends = match char {
            '。' | '！' | '？' => true,
            '.' | '!' | '?' => text[end..].starts_with(char::is_whitespace),
            _ => false,
        };
        ends.then_some(end)
    })
}

/// As many whole characters from the beginning of `text` as fit into `at_most` units.
fn beginning(text: &str, at_most: usize) -> &str {
    let mut used = 0;
    let end = text
        .char_indices()
        .find(|(_, char)| {
            used += char.len_utf16();
            used > at_most
        })
        .map_or(text.len(), |(start, _)| start);
    &text[..end]
}

/// The length of `text` as Apex counts it.
pub(super) fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_that_fits_stays_but_for_its_line_breaks() {
        assert_eq!(excerpt("  one\r\n two\t three ", 20), "one two three");
    }

    #[test]
    fn a_long_text_ends_after_a_sentence_where_one_is_near() {
        let text = "The board signs. Legal is late and will answer some day.";

        assert_eq!(excerpt(text, 24), "The board signs. …");
    }

    #[test]
    fn a_long_sentence_ends_between_words() {
        assert_eq!(excerpt("alpha beta gamma delta", 14), "alpha beta…");
        assert_eq!(excerpt("alpha beta gamma delta", 12), "alpha beta…");
    }

    #[test]
    fn a_word_without_end_is_cut_but_no_number_is() {
        assert_eq!(excerpt("abcdefghijkl", 8), "abcdef…");
        assert_eq!(excerpt("abc-184500000", 8), "abc…");
        assert_eq!(excerpt("it costs EUR 1 000 000", 17), "it costs EUR…");
        assert_eq!(excerpt("about-1kilogram", 10), "about…");
        assert_eq!(excerpt("about-12x34y56", 12), "about…");
    }

    #[test]
    fn japanese_ends_after_its_own_full_stop() {
        assert_eq!(
            excerpt("請求書が重複しています。至急対応をお願いします。", 16),
            "請求書が重複しています。 …"
        );
    }

    #[test]
    fn a_clipped_text_keeps_its_lines() {
        assert_eq!(clip("one\ntwo\nthree".to_owned(), 9), "one\ntwo…");
        assert_eq!(clip("one".to_owned(), 3), "one");
    }

    #[test]
    fn sentences_come_one_by_one_and_without_bullets() {
        let text = "- Legal objects to 7.2. Who answers?\n\n* …\n決まりました。次は？";

        assert_eq!(
            sentences(text),
            [
                "Legal objects to 7.2.",
                "Who answers?",
                "決まりました。",
                "次は？"
            ]
        );
    }

    proptest! {
        #[test]
        fn no_excerpt_is_longer_than_it_may_be(text in ".{0,300}", at_most in 4usize..80) {
            prop_assert!(units(&excerpt(&text, at_most)) <= at_most);
            prop_assert!(units(&clip(text, at_most)) <= at_most);
        }
    }
}
