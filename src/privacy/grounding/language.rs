//! Which language an answer is written in, as far as the check needs it.

use super::units::begins_with_letter;

/// A language whose habit of capitals the check knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    English,
    French,
    /// Every noun has a capital.
    German,
    /// No capitals; Latin names stand out, and honorifics follow them.
    Japanese,
    /// Too short to tell, or another one.
    Other,
}

const ENGLISH: [&str; 22] = [
    "the", "and", "of", "to", "with", "is", "are", "has", "by", "that", "not", "this", "from",
    "have", "was", "will", "be", "it", "we", "they", "on", "before",
];
const FRENCH: [&str; 24] = [
    "le", "la", "les", "et", "pour", "avec", "est", "une", "du", "au", "pas", "que", "qui", "dans",
    "sur", "sont", "des", "aux", "ce", "par", "un", "il", "elle", "avant",
];
const GERMAN: [&str; 30] = [
    "der", "die", "das", "und", "mit", "für", "ist", "nicht", "den", "von", "zu", "auf", "ein",
    "eine", "dem", "im", "wird", "sich", "bis", "bei", "hat", "vor", "aus", "nach", "zum", "zur",
    "sind", "noch", "als", "des",
];

impl Language {
    /// The language that most of the small words in `texts` belong to.
    pub(super) fn of<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let (mut english, mut french, mut german, mut kana, mut words) = (0, 0, 0, 0, 0);
        for text in texts {
            kana += text
                .chars()
                .filter(|sign| ('\u{3040}'..='\u{30FF}').contains(sign))
                .count();
            for word in text
                .split(|sign: char| !sign.is_alphabetic())
                .filter(|word| begins_with_letter(word))
            {
                let word = word.to_lowercase();
                words += 1;
                english += usize::from(ENGLISH.contains(&word.as_str()));
                french += usize::from(FRENCH.contains(&word.as_str()));
                german += usize::from(GERMAN.contains(&word.as_str()));
            }
        }
        let most = english.max(french).max(german);
        if kana > words {
            Self::Japanese
        } else if most == 0 || most * 20 < words {
            Self::Other
        } else if german == most {
            Self::German
        } else if english == most {
            Self::English
        } else {
            Self::French
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_words_tell_the_language() {
        for (text, language) in [
            (
                "The board signs on 15 December and the CFO wants Net 60.",
                Language::English,
            ),
            (
                "Der Vorstand unterschreibt am 15. Dezember, und die Frist ist knapp.",
                Language::German,
            ),
            (
                "Le conseil signe le 15 décembre et la remise est ouverte.",
                Language::French,
            ),
            ("取締役会は12月15日に承認します。", Language::Japanese),
            ("Northwind Freight", Language::Other),
        ] {
            assert_eq!(Language::of([text].into_iter()), language, "{text}");
        }
    }
}
