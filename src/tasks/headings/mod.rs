//! The few words that an answer's plain text adds to what the model wrote, by language; one file a task.
//!
//! # Why
//! The model writes its answer in the caller's language, so headings in English above it would look broken. They stand
//! here and are not asked of the model, since a heading that differs from call to call cannot be searched for.

pub(super) mod account_research;
pub(super) mod briefing;
pub(super) mod call_notes;
pub(super) mod case_summary;
pub(super) mod deal_health;
pub(super) mod email_draft;

/// The same words in every language that has them.
#[derive(Debug)]
pub(super) struct Tongues<T> {
    pub(super) english: T,
    pub(super) german: T,
    pub(super) french: T,
    pub(super) spanish: T,
    pub(super) italian: T,
    pub(super) portuguese: T,
    pub(super) dutch: T,
    pub(super) japanese: T,
}

impl<T> Tongues<T> {
    /// The words of `language`, a tag such as `de`, `pt-BR` or Salesforce's own `en_US`; English for every other.
    pub(super) fn of(&self, language: Option<&str>) -> &T {
        let tag = language.unwrap_or_default().trim().to_ascii_lowercase();
        match tag.split(['-', '_']).next() {
            Some("de") => &self.german,
            Some("fr") => &self.french,
            Some("es") => &self.spanish,
            Some("it") => &self.italian,
            Some("pt") => &self.portuguese,
            Some("nl") => &self.dutch,
            Some("ja") => &self.japanese,
            _ => &self.english,
        }
    }

    /// The words of every language, to find them where a model wrote them on its own.
    pub(super) fn all(&self) -> [&T; 8] {
        [
            &self.english,
            &self.german,
            &self.french,
            &self.spanish,
            &self.italian,
            &self.portuguese,
            &self.dutch,
            &self.japanese,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_known_with_and_without_its_region() {
        for tag in ["de", "de-AT", "de_DE", " DE "] {
            let words = briefing::HEADINGS.of(Some(tag));
            assert_eq!(words.next_steps, "Nächste Schritte", "{tag}");
        }
        let words = &case_summary::HEADINGS;
        assert_eq!(words.of(Some("pt_BR")).history, "Histórico");
        assert_eq!(words.of(Some("ja")).situation, "状況");
    }

    #[test]
    fn every_other_language_has_english_headings() {
        for tag in [None, Some(""), Some("sv"), Some("den"), Some("-")] {
            let words = briefing::HEADINGS.of(tag);
            assert_eq!(words.next_steps, "Next steps", "{tag:?}");
        }
    }
}
