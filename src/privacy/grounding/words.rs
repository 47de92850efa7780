//! The words of a text, and what kind of word each is.
//!
//! # Why
//! No rule tells a name from a heading, a product or a German noun; lists do most of it. They stand as plain text
//! in `lists/`, lower or upper case alike: what business prose writes with a capital (`common_*`), titles that precede
//! a name (`roles`, `honorifics`), given names, and surnames that are common words too. A word that is missing there costs
//! a false alarm or a miss, never more, and is added without a change of code.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::page::compiled;

/// A word of a folded text.
#[derive(Debug)]
pub(super) struct Word<'t> {
    pub(super) text: &'t str,
    /// Without elided articles and possessive endings.
    pub(super) range: Range<usize>,
    pub(super) key: String,
    pub(super) kind: Kind,
    /// `Albrecht's`, `Ines'`: what follows is not of the name.
    pub(super) possessive: bool,
}

/// What a word may be in a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Lower case.
    Plain,
    /// `von`, `de`: stands inside of names.
    Particle,
    /// One capital letter.
    Initial,
    /// A capitalised word that no list knows.
    Capital,
    /// A given name.
    Given,
    /// Capitalised, but not for being a name.
    Common,
    /// `CFO`, `Geschäftsführer`: what follows is a person.
    Role,
    /// `Mr`, `Frau`.
    Honorific,
}

impl Word<'_> {
    pub(super) fn is_name_like(&self) -> bool {
        matches!(self.kind, Kind::Capital | Kind::Given)
    }
}

static WORD: LazyLock<Regex> = LazyLock::new(|| {
    const LETTER: &str = r"[\p{L}--[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}ー]]";
    const INNER: &str = r"[[\p{L}\p{M}\p{Nd}]--[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}ー]]";
    compiled(&format!("{LETTER}{INNER}*(?:['-]{LETTER}{INNER}*)*'?"))
});

/// The words of `text`. `never_names` are keys that are no names here, the prompt's words.
pub(super) fn words<'t>(text: &'t str, never_names: &HashSet<String>) -> Vec<Word<'t>> {
    WORD.find_iter(text)
        .map(|hit| {
            let (range, possessive) = bare(hit.as_str(), hit.start());
            let word = &text[range.clone()];
            let key = key(word);
            Word {
                kind: kind(word, &key, never_names),
                text: word,
                range,
                key,
                possessive,
            }
        })
        .collect()
}

/// The part of `word` that is looked up, `Albrecht` of `d'Albrecht` and `Albrecht's`, and whether an ending was cut.
fn bare(word: &str, start: usize) -> (Range<usize>, bool) {
    const ELIDED: [&str; 10] = [
        "l'", "d'", "qu'", "s'", "n'", "c'", "j'", "m'", "t'", "jusqu'",
    ];
    let end = word
        .strip_suffix("'s")
        .or_else(|| word.strip_suffix("'S"))
        .or_else(|| word.strip_suffix('\''))
        .filter(|stem| !stem.is_empty())
        .unwrap_or(word);
    let cut = ELIDED
        .iter()
        .find(|elided| {
            end.len() > elided.len()
                && end
                    .get(..elided.len())
                    .is_some_and(|s| s.eq_ignore_ascii_case(elided))
        })
        .map_or(0, |elided| elided.len());
    (start + cut..start + end.len(), end.len() < word.len())
}

/// What a word is compared by: lower case, without accents, `ä` like `ae` and `a`.
pub(super) fn key(word: &str) -> String {
    let mut key = String::with_capacity(word.len());
    if word.is_ascii() {
        // Most words: there is nothing to take apart.
        let letters = word.chars().map(|letter| letter.to_ascii_lowercase());
        letters.for_each(|letter| fold(letter, &mut key));
    } else {
        word.nfkd()
            .filter(|letter| !is_combining_mark(*letter))
            .flat_map(char::to_lowercase)
            .for_each(|letter| fold(letter, &mut key));
    }
    key
}

/// Puts `letter`, which is a small one, behind `key`.
fn fold(letter: char, key: &mut String) {
    match letter {
        'ß' => key.push_str("ss"),
        'ø' | 'œ' => key.push('o'),
        'æ' => key.push('a'),
        'ł' => key.push('l'),
        'đ' => key.push('d'),
        'e' if key.ends_with(['a', 'o', 'u']) => {}
        other => key.push(other),
    }
}

fn list(text: &str) -> HashSet<String> {
    text.split_whitespace().map(key).collect()
}

static COMMON: LazyLock<HashSet<String>> = LazyLock::new(|| {
    list(concat!(
        include_str!("lists/common_en.txt"),
        include_str!("lists/common_de.txt"),
        include_str!("lists/common_fr.txt"),
    ))
});
static ROLES: LazyLock<HashSet<String>> = LazyLock::new(|| list(include_str!("lists/roles.txt")));
static HONORIFICS: LazyLock<HashSet<String>> =
    LazyLock::new(|| list(include_str!("lists/honorifics.txt")));
static GIVEN_NAMES: LazyLock<HashSet<String>> =
    LazyLock::new(|| list(include_str!("lists/given_names.txt")));
static SURNAMES: LazyLock<HashSet<String>> =
    LazyLock::new(|| list(include_str!("lists/surnames.txt")));

const PARTICLES: [&str; 28] = [
    "von", "van", "vom", "zu", "zum", "zur", "der", "den", "dem", "und", "de", "da", "di", "del",
    "della", "dos", "du", "la", "le", "el", "al", "bin", "ibn", "ben", "ter", "ten", "af", "av",
];

/// Endings of words that no surname has.
const NOUN_ENDINGS: [&str; 26] = [
    "tion", "tions", "sion", "sions", "ment", "ments", "ung", "ungen", "heit", "keit", "heiten",
    "keiten", "schaft", "schaften", "tat", "taten", "ity", "ities", "ness", "ship", "ware",
    "ology", "logie", "ique", "iques", "able",
];
/// Endings of nouns that some surnames have, too: `Manning`, `Laurence`.
const DOUBTFUL_ENDINGS: [&str; 5] = ["ing", "ings", "ance", "ence", "ers"];

/// Whether `key` is a word that may be a surname only right behind a given name.
pub(super) fn may_follow_given_name(key: &str) -> bool {
    SURNAMES.contains(key)
        || (!is_listed(key) && DOUBTFUL_ENDINGS.iter().any(|ending| key.ends_with(ending)))
}

fn kind(word: &str, key: &str, never_names: &HashSet<String>) -> Kind {
    let mut letters = word.chars();
    let Some(first) = letters.next() else {
        return Kind::Plain;
    };
    if !first.is_uppercase() {
        return if PARTICLES.contains(&word) {
            Kind::Particle
        } else {
            Kind::Plain
        };
    }
    let rest = letters.as_str();
    if rest.is_empty() {
        return if word == "M" {
            Kind::Honorific
        } else {
            Kind::Initial
        };
    }
    if ROLES.contains(key) {
        return Kind::Role;
    }
    if !rest.chars().any(char::is_lowercase) || rest.chars().any(char::is_numeric) || is_camel(word)
    {
        return Kind::Common;
    }
    if HONORIFICS.contains(key) {
        return Kind::Honorific;
    }
    if is_common(key) || never_names.contains(key) {
        return Kind::Common;
    }
    if GIVEN_NAMES.contains(key) || key.split('-').all(|part| GIVEN_NAMES.contains(part)) {
        return Kind::Given;
    }
    Kind::Capital
}

fn is_common(key: &str) -> bool {
    if is_listed(key) {
        return true;
    }
    if let Some((_, last)) = key.rsplit_once('-') {
        // `Northwind-Vertrag`, `Offline-Puffer`
        return is_common(last) || is_common(key.split('-').next().unwrap_or_default());
    }
    let long = key.len() >= 6;
    long && NOUN_ENDINGS
        .iter()
        .chain(&DOUBTFUL_ENDINGS)
        .any(|ending| key.ends_with(ending))
        && !GIVEN_NAMES.contains(key)
}

/// Whether `key` stands in a list, in some form.
fn is_listed(key: &str) -> bool {
    let stems = ["", "s", "es", "ed", "d", "n", "en", "er"];
    stems.iter().any(|ending| {
        key.strip_suffix(ending)
            .is_some_and(|stem| (ending.is_empty() || stem.len() > 3) && COMMON.contains(stem))
            && (ending.is_empty() || !GIVEN_NAMES.contains(key))
    })
}

/// `TrackWise`, but not `McDonald`, `DeLuca` or `Jean-Pierre`.
fn is_camel(word: &str) -> bool {
    word.split(['-', '\'']).any(|part| {
        let part = ["Mc", "Mac", "De", "Di", "Du", "La", "Le", "Van", "Fitz"]
            .iter()
            .find_map(|prefix| part.strip_prefix(prefix).filter(|rest| !rest.is_empty()))
            .unwrap_or(part);
        part.chars().skip(1).any(char::is_uppercase)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<Kind> {
        words(text, &HashSet::from([key("Belay")]))
            .iter()
            .map(|word| word.kind)
            .collect()
    }

    #[test]
    fn each_word_has_its_kind() {
        use Kind::*;
        assert_eq!(
            kinds("Mr. J. Osei-Bonsu met Jens von Falkner"),
            [Honorific, Initial, Capital, Plain, Given, Particle, Capital]
        );
        assert_eq!(
            kinds("The CFO of TrackWise GmbH, Belay"),
            [Common, Role, Plain, Common, Common, Common]
        );
        assert_eq!(
            kinds("Rechtsabteilung Verlängerung McDonald"),
            [Common, Common, Capital]
        );
    }

    #[test]
    fn spellings_of_one_name_share_a_key() {
        assert_eq!(key("Müller"), key("Mueller"));
        assert_eq!(key("Mu\u{308}ller"), key("MÜLLER"));
        assert_eq!(key("Weiß"), key("Weiss"));
    }

    #[test]
    fn articles_and_possessives_are_cut_off() {
        let none = HashSet::new();
        let found = words("l'avis d'Albrecht, Albrecht's, Ines' O'Brien", &none);
        let texts: Vec<_> = found
            .iter()
            .map(|word| (word.text, word.possessive))
            .collect();
        assert_eq!(
            texts,
            [
                ("avis", false),
                ("Albrecht", false),
                ("Albrecht", true),
                ("Ines", true),
                ("O'Brien", false)
            ]
        );
    }
}
