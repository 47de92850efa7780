//! The word before an e-mail's subject.

use super::Tongues;

/// The words of one language.
#[derive(Debug)]
pub(in crate::tasks) struct Headings {
    pub(in crate::tasks) subject: &'static str,
}

/// The words of every language.
pub(in crate::tasks) static HEADINGS: Tongues<Headings> = Tongues {
    english: Headings { subject: "Subject" },
    german: Headings { subject: "Betreff" },
    french: Headings { subject: "Objet" },
    spanish: Headings { subject: "Asunto" },
    italian: Headings { subject: "Oggetto" },
    portuguese: Headings { subject: "Assunto" },
    dutch: Headings {
        subject: "Onderwerp",
    },
    japanese: Headings { subject: "件名" },
};
