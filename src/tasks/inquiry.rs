//! What one call asks of a task.

use jiff::civil::Date;
use serde::Serialize;

use super::{AccountResearchOptions, CallNotesOptions, EmailDraftOptions};
use crate::salesforce::Source;

/// What one call asks of a task, as far as the task itself is concerned.
#[derive(Debug, Clone, Copy)]
pub struct Inquiry<'a> {
    /// The data, as the org's privacy rules have left it.
    pub source: &'a Source,
    /// What the caller said to this task alone.
    pub options: &'a Options,
    /// The day where the org is.
    pub today: Date,
    /// What a search of the web found before, where one ran.
    pub findings: Option<&'a Findings>,
}

/// What a search of the web should find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchBrief {
    /// The static system prompt.
    pub system: &'static str,
    /// The user's turn: company-level facts only, since they go to a third party.
    pub message: String,
    /// The only domains that may be read; any where none is named.
    pub domains: Vec<String>,
    /// The fields that it tells of, as `Object.Field`.
    pub fields: Vec<String>,
}

/// What a search of the web found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// What the model wrote about it; behind each cited passage its addresses, in square brackets.
    pub text: String,
    /// The pages, each once.
    pub sources: Vec<SourceFound>,
}

/// A page that a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFound {
    /// Its address.
    pub url: String,
    /// Its title; empty where it has none.
    pub title: String,
}

/// What a caller may say to one task alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Options {
    /// Nothing: the task has no members of its own, or none was sent.
    #[default]
    None,
    /// To `email-draft`.
    EmailDraft(EmailDraftOptions),
    /// To `call-notes`.
    CallNotes(CallNotesOptions),
    /// To `account-research`.
    AccountResearch(AccountResearchOptions),
}

/// What a task puts into the user's turn beside the record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extras {
    /// One-line facts at its head, by name, such as `call_date: 2026-11-12`.
    pub lines: Vec<(&'static str, String)>,
    /// Texts in fences of their own, before the record.
    pub blocks: Vec<Block>,
}

/// A text in a fence of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The fence's name: `voice`, `signals`.
    pub name: &'static str,
    /// The sentence before it, which says what it is and what it can do.
    pub opening: &'static str,
    /// The text; its brackets are escaped where it is written.
    pub text: String,
    /// Whether an answer may repeat what it says. A sample of somebody's style says nothing about the record.
    pub known: bool,
}

impl<'a> Inquiry<'a> {
    /// An inquiry about `source` by a caller who said nothing to the task alone.
    pub fn plain(source: &'a Source, today: Date) -> Self {
        Self {
            source,
            options: &Options::None,
            today,
            findings: None,
        }
    }
}

impl Extras {
    /// Everything in them that an answer may repeat.
    pub fn known(&self) -> impl Iterator<Item = &str> {
        let lines = self.lines.iter().map(|(_, value)| value.as_str());
        let blocks = self.blocks.iter().filter(|block| block.known);
        lines.chain(blocks.map(|block| block.text.as_str()))
    }
}

impl Options {
    /// The free texts among them, which privacy has to read before anybody else does.
    pub fn texts(&self) -> Vec<&str> {
        match self {
            Self::EmailDraft(own) => own.voice.as_deref().into_iter().collect(),
            Self::None | Self::CallNotes(_) | Self::AccountResearch(_) => Vec::new(),
        }
    }

    /// The words among them that an answer may hold to the letter, and that so can be withheld as a whole alone.
    pub fn words(&self) -> Vec<&str> {
        match self {
            Self::AccountResearch(own) => own
                .fields
                .iter()
                .flat_map(|field| field.picklist_values.iter().map(String::as_str))
                .collect(),
            Self::None | Self::EmailDraft(_) | Self::CallNotes(_) => Vec::new(),
        }
    }

    /// The same without those of [`Self::words`] that are `withheld`.
    #[must_use]
    pub fn without_words(mut self, withheld: &[bool]) -> Self {
        if let Self::AccountResearch(own) = &mut self {
            let mut withheld = withheld.iter();
            for field in &mut own.fields {
                field
                    .picklist_values
                    .retain(|_| !withheld.next().copied().unwrap_or(true));
            }
        }
        self
    }

    /// The same with `texts` in place of the free texts, in their order.
    #[must_use]
    pub fn with_texts(&self, texts: Vec<String>) -> Self {
        let mut options = self.clone();
        if let Self::EmailDraft(own) = &mut options {
            own.voice = texts.into_iter().next().filter(|text| !text.is_empty());
        }
        options
    }
}
