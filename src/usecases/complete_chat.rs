//! Completes a chat: the next text in a conversation, for callers that speak of chats and not of Messages.
//!
//! # Why
//! To Claude it is a Messages request like any other, so it goes the way of one, through the same limits, budget, privacy,
//! retries and audit. What a chat does not say (how much to think, which version of the API) is decided here and by the
//! provider's own translation.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::answer::{Caching, Repeat};
use super::relay::{Kept, Message, RelayMessage, Relayed};
use super::{Error, Parts};
use crate::domain::{Alias, Caller, Deadline, Effort, RequestId, Usage};
use crate::providers::Dialect;
use crate::providers::claude::{self, ChatAsk, Fit, Stop, Turn};

/// Completes a chat.
#[derive(Clone)]
pub struct CompleteChat {
    parts: Arc<Parts>,
    relay: RelayMessage,
}

/// A conversation that waits for its next text.
#[derive(Debug, Clone)]
pub struct Chat {
    /// An alias of the org, or a model behind one.
    pub model: Alias,
    /// What the model is told before all turns; empty where nothing is.
    pub system: String,
    /// What was said so far; at least one turn.
    pub turns: Vec<Turn>,
    /// Tokens of the answer, where the caller says so.
    pub max_tokens: Option<u32>,
    /// Texts that end the answer where the model writes one.
    pub stop: Vec<String>,
    /// How hard the model should try, where the caller says so.
    pub effort: Option<Effort>,
    /// What the caller allows the cache to do.
    pub caching: Caching,
    /// The caller's key for repeats.
    pub repeat: Option<Repeat>,
}

/// The next text.
#[derive(Debug, Clone)]
pub struct Completed {
    /// The text.
    pub text: String,
    /// Why it ended.
    pub stop: Stop,
    /// What it used, where the provider says so.
    pub usage: Option<Usage>,
    /// When it came.
    pub at: Timestamp,
    /// Why it was known before, where it was.
    pub kept: Option<Kept>,
    /// The time spent waiting for providers.
    pub upstream: Duration,
}

/// What completed chats are called in metrics and the audit.
pub const TASK: &str = "chat-completions";
/// Tokens of an answer where the caller names no number: about ten pages. A chat has no way to ask for the rest of a text
/// that was cut, and what is reserved for it and not used is given back at its end.
pub const ANSWER_TOKENS: u32 = 4_096;

impl CompleteChat {
    /// Completes with `parts`.
    pub fn new(parts: Arc<Parts>) -> Self {
        Self {
            relay: RelayMessage::new(Arc::clone(&parts)).called(TASK),
            parts,
        }
    }

    /// The next text of `chat`, before `by`.
    ///
    /// # Errors
    /// Whatever keeps the caller from it; what is under way goes on all the same.
    pub async fn run(
        &self,
        caller: &Caller,
        (chat, request_id): (&Chat, RequestId),
        by: Deadline,
    ) -> Result<Completed, Error> {
        let message = chat.as_message(request_id);
        let (body, kept, upstream) = match self.relay.run(caller, message, by).await? {
            Relayed::Whole { body, upstream } => (body, None, upstream),
            Relayed::Known { body, kept, .. } => (body, Some(kept), Duration::ZERO),
            Relayed::Events { .. } => return Err(Error::Internal), // nothing here asks for events
        };
        let reply = claude::read_chat(&body).ok_or(Error::AnswerInvalid)?;
        Ok(Completed {
            text: reply.text,
            stop: reply.stop,
            usage: reply.usage,
            at: self.parts.clock.timestamp(),
            kept,
            upstream,
        })
    }

    /// Leaves the audit line of a chat that its door has refused as `code`.
    pub async fn refused(&self, caller: &Caller, request_id: &RequestId, code: &'static str) {
        self.relay.refused(caller, request_id, code).await;
    }
}

impl Chat {
    fn as_message(&self, request_id: RequestId) -> Message {
        let fit = Fit {
            answer_tokens: self.max_tokens.unwrap_or(ANSWER_TOKENS),
            effort: self.effort,
        };
        let body = claude::chat_body(&ChatAsk {
            model: self.model.as_str(),
            system: &self.system,
            turns: &self.turns,
            stop: &self.stop,
            fit,
        });
        let mut message = Message::of(&body, Dialect::default(), request_id)
            .expect("a body of our own has what a message needs")
            .fitted(fit);
        message.caching = self.caching;
        message.repeat.clone_from(&self.repeat);
        message
    }
}
