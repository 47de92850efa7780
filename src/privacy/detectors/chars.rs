//! What detectors ask of the characters and words around a find.

/// Whether `c` belongs to a script that sets no spaces between words, so that a neighbour says nothing of where a
/// number or an address ends; Hangul is among them, since its particles follow a name at once.
pub(in crate::privacy) fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1100}'..='\u{11ff}' | '\u{1780}'..='\u{17ff}'
        | '\u{3005}'..='\u{30ff}' | '\u{3100}'..='\u{318f}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7af}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}')
}

/// Whether `c` goes on a word, so that what stands beside it is part of something longer.
pub(in crate::privacy) fn is_word(c: char) -> bool {
    c == '_' || (c.is_alphanumeric() && (c.is_ascii() || !is_unspaced(c)))
}

/// The character before `at`.
pub(super) fn before(text: &str, at: usize) -> Option<char> {
    text[..at].chars().next_back()
}

/// The character at `at`.
pub(super) fn after(text: &str, at: usize) -> Option<char> {
    text[at..].chars().next()
}

/// The words that end before `at`, the nearest first, in small letters; at most `count`, none across a line break.
pub(super) fn words_before(text: &str, at: usize, count: usize) -> Vec<String> {
    /// Further away a word speaks of something else.
    const REACH: usize = 60;
    let mut from = at.saturating_sub(REACH);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let line = text[from..at].rsplit('\n').next().unwrap_or_default();
    line.rsplit(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(count)
        .map(str::to_lowercase)
        .collect()
}

/// The word that follows `at` after spaces, in small letters; empty where something else follows.
pub(super) fn word_after(text: &str, at: usize) -> String {
    text[at..]
        .trim_start_matches(' ')
        .chars()
        .take_while(|c| c.is_alphanumeric())
        .take(20)
        .flat_map(char::to_lowercase)
        .collect()
}

/// The words of a field's name or a label, in small letters: `MobilePhone__c` is `mobile`, `phone`, `c`.
pub(super) fn words_of_name(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut last = ' ';
    for c in name.chars() {
        let begins = !last.is_alphanumeric() || (c.is_uppercase() && last.is_lowercase());
        if c.is_alphanumeric() {
            if begins {
                words.push(String::new());
            }
            if let Some(word) = words.last_mut() {
                word.extend(c.to_lowercase());
            }
        }
        last = c;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_before_a_place_come_nearest_first_and_from_its_line() {
        let text = "Fax\nCall me on: 030";
        assert_eq!(words_before(text, text.len() - 3, 9), ["on", "me", "call"]);
        assert_eq!(word_after("12 EUR", 2), "eur");
        assert_eq!(word_after("12, EUR", 2), "");
    }

    #[test]
    fn a_name_is_read_as_its_words() {
        assert_eq!(words_of_name("MobilePhone__c"), ["mobile", "phone", "c"]);
        assert_eq!(words_of_name("SSN__c"), ["ssn", "c"]);
        assert_eq!(words_of_name("Tel. privat"), ["tel", "privat"]);
    }
}
