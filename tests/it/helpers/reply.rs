//! What a scripted model says.

use std::fmt::Display;

use serde_json::{Value, json};

use super::drafts::fitting;

/// Tokens in and out that a reply reports unless it is told otherwise.
pub const USAGE: (u64, u64) = (812, 431);
/// What they cost at two and ten dollars per million, in dollars.
pub const COST: f64 = 0.005_934;

/// A Messages answer.
#[derive(Debug, Clone)]
pub struct Reply {
    text: Option<String>,
    echoes: bool,
    stop_reason: &'static str,
    usage: (u64, u64),
}

impl Reply {
    /// A good answer to whichever task asks.
    pub fn good() -> Self {
        Self {
            text: None,
            echoes: false,
            stop_reason: "end_turn",
            usage: USAGE,
        }
    }

    /// This text, whatever was asked.
    pub fn saying(text: impl Display) -> Self {
        Self {
            text: Some(text.to_string()),
            ..Self::good()
        }
    }

    /// A briefing that says every placeholder which the question holds.
    pub fn echoing() -> Self {
        Self {
            echoes: true,
            ..Self::good()
        }
    }

    /// An answer that lacks what the schema requires.
    pub fn schema_breaking() -> Self {
        Self::saying(json!({"headline": "Only this"}))
    }

    /// With so many tokens in and out.
    pub fn using(mut self, input: u64, output: u64) -> Self {
        self.usage = (input, output);
        self
    }

    /// Ended for this reason.
    pub fn stopped_by(mut self, reason: &'static str) -> Self {
        self.stop_reason = reason;
        self
    }

    /// The answer's body, for the question in `asked`.
    pub fn body(&self, asked: &Value) -> String {
        let text = self.text.clone().unwrap_or_else(|| {
            let mut draft = fitting(asked);
            if self.echoes {
                draft["deal_context"] = json!(placeholders(asked).join(", "));
            }
            draft.to_string()
        });
        let (input, output) = self.usage;
        json!({
            "id": "msg_scripted",
            "type": "message",
            "role": "assistant",
            "model": asked["model"],
            "content": [{"type": "text", "text": text}],
            "stop_reason": self.stop_reason,
            "stop_sequence": null,
            "usage": {
                "input_tokens": input,
                "output_tokens": output,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
            },
        })
        .to_string()
    }
}

/// Every placeholder in the question, each once.
fn placeholders(asked: &Value) -> Vec<String> {
    let text = asked["messages"][0]["content"].as_str().unwrap_or_default();
    let mut found: Vec<String> = Vec::new();
    for (at, _) in text.match_indices('[') {
        let name: String = text[at + 1..]
            .chars()
            .take_while(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || *c == '_')
            .collect();
        let whole = format!("[{name}]");
        let is_ours = name.contains('_') && text[at..].starts_with(&whole);
        if is_ours && !found.contains(&whole) {
            found.push(whole);
        }
    }
    found
}
