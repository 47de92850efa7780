//! What a model made of a question.

use serde_json::Value;

use super::composition::{Composition, Turn};
use crate::providers::claude::{self, Stop};
use crate::salesforce::clean;
use crate::tasks::{Inquiry, Task};

/// What a model made of a question.
pub enum Verdict {
    /// An answer that has the task's form and passes its checks.
    Fine(Value),
    /// Something else.
    Broken {
        /// What it wrote.
        draft: String,
        /// What is wrong with it, in words that hold no value.
        violations: Vec<String>,
    },
    /// The beginning of an answer.
    Cut,
    /// No answer, on purpose.
    Refused,
}

impl Verdict {
    /// What the reply `body` makes of `inquiry`, which was asked by `said`.
    pub fn of(task: &dyn Task, inquiry: &Inquiry<'_>, said: &Turn, body: &[u8]) -> Self {
        let broken = |draft: String, problem: &str| Self::Broken {
            draft,
            violations: vec![problem.to_owned()],
        };
        let Some(message) = claude::read(body) else {
            return broken(String::new(), "it is no message");
        };
        match message.stop {
            Stop::Refusal => return Self::Refused,
            Stop::CutOff => return Self::Cut,
            Stop::Done => {}
        }
        let (draft, text) = match message.answer {
            None => return broken("(nothing)".to_owned(), "it is empty"),
            Some(claude::Answer::Tool(draft)) => {
                let text = draft.to_string();
                (draft, text)
            }
            Some(claude::Answer::Text(text)) => match serde_json::from_str::<Value>(text.trim()) {
                Ok(draft) => (draft, text),
                Err(_) => return broken(text, "it is not one JSON object"),
            },
        };
        // What nobody sees fills no member, and blanks alone do not, either.
        let draft = cleaned(draft);
        let violations = match task.shape().check(&draft) {
            Ok(()) => {
                let mut violations = task.check(&draft, inquiry);
                violations.extend(Composition::strange_placeholders(&draft, said));
                violations
            }
            Err(violations) => violations,
        };
        if violations.is_empty() {
            Self::Fine(draft)
        } else {
            Self::Broken {
                draft: text,
                violations,
            }
        }
    }
}

/// `value` with each of its texts as a reader sees it.
fn cleaned(value: Value) -> Value {
    match value {
        Value::String(text) => {
            let text = clean(&text);
            let says_nothing = text.trim().is_empty();
            Value::String(if says_nothing {
                String::new()
            } else {
                text.into_owned()
            })
        }
        Value::Array(items) => items.into_iter().map(cleaned).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, member)| (name, cleaned(member)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}
