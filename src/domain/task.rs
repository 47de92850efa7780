//! Which tasks there are, and how an operator tunes each.

use std::fmt;
use std::time::Duration;

use super::model::{Alias, Effort};

/// A task that an org can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TaskName {
    /// An Opportunity in, a one-page briefing out.
    Briefing,
    /// A Case with its comment thread in, three paragraphs out.
    CaseSummary,
    /// A Contact, Account or Opportunity in, an e-mail in the rep's voice out.
    EmailDraft,
    /// Raw call notes in, MEDDIC, next steps and a follow-up Task out.
    CallNotes,
    /// A new Account in, what is known of it out, with sources.
    AccountResearch,
    /// An Opportunity with its history in, a score with its drivers out.
    DealHealth,
}

/// How a task is done. In the file: `[tasks.<name>]`.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskSettings {
    /// The alias that answers when the caller names none. Default: `default`.
    pub model: Alias,
    /// Tokens of the answer itself; room for thinking comes on top. Default: 1,500.
    pub max_output_tokens: u32,
    /// How hard the model should try, where it can be told. Default: low.
    pub effort: Effort,
    /// How long an answer may be given again; zero keeps none. Default: 15 minutes.
    pub cache_ttl: Duration,
}

impl TaskName {
    /// Every task there is.
    pub const ALL: [Self; 6] = [
        Self::Briefing,
        Self::CaseSummary,
        Self::EmailDraft,
        Self::CallNotes,
        Self::AccountResearch,
        Self::DealHealth,
    ];

    /// The task's name in paths, metrics and the config.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Briefing => "briefing",
            Self::CaseSummary => "case-summary",
            Self::EmailDraft => "email-draft",
            Self::CallNotes => "call-notes",
            Self::AccountResearch => "account-research",
            Self::DealHealth => "deal-health",
        }
    }

    /// The task of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|task| task.as_str() == name)
    }
}

impl fmt::Display for TaskName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Default for TaskSettings {
    fn default() -> Self {
        Self {
            model: Alias::parse("default").expect("a plain name"),
            max_output_tokens: 1_500,
            effort: Effort::Low,
            cache_ttl: Duration::from_mins(15),
        }
    }
}
