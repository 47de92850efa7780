//! What a scripted model says.

use std::fmt::Display;

use serde_json::{Value, json};

/// Tokens in and out that a reply reports unless it is told otherwise.
pub const USAGE: (u64, u64) = (812, 431);
/// What they cost at two and ten dollars per million, in dollars.
pub const COST: f64 = 0.005_934;

/// A Messages answer.
#[derive(Debug, Clone)]
pub struct Reply {
    text: Option<String>,
    stop_reason: &'static str,
    usage: (u64, u64),
}

impl Reply {
    /// A good answer to whichever task asks.
    pub fn good() -> Self {
        Self {
            text: None,
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
        let text = self
            .text
            .clone()
            .unwrap_or_else(|| fitting(asked).to_string());
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

/// A briefing of the fixture that says nothing which is not in it.
pub fn briefing() -> Value {
    json!({
        "headline": "The crane lease waits for the insurer",
        "deal_context": "The port authority wants to renew and asks for a longer notice period.",
        "risk_factors": [
            {"risk": "The insurer may decline", "severity": "high", "evidence": "NextStep: insurer to confirm cover"},
        ],
        "talking_points": ["Ask what the insurer needs"],
        "next_steps": ["Send the load certificates"],
    })
}

/// A briefing whose texts are as long as they may be.
pub fn long_briefing() -> Value {
    let mut draft = briefing();
    draft["deal_context"] = json!("cargo ".repeat(650));
    draft["talking_points"] = json!(vec!["crane ".repeat(160); 10]);
    draft["next_steps"] = json!(vec!["berth ".repeat(160); 10]);
    draft
}

fn case_summary() -> Value {
    json!({
        "situation": "Readings stop at midnight, and the harbour master waits.",
        "history": "The gateway was restarted, which helped for a day.",
        "next_step": "Replace the modem and tell the customer when.",
        "sentiment": "concerned",
        "open_questions": ["When will the technician come?"],
    })
}

/// A draft that fits the schema in `asked`.
fn fitting(asked: &Value) -> Value {
    let members = &asked["output_config"]["format"]["schema"]["properties"];
    if members.get("situation").is_some() {
        case_summary()
    } else {
        briefing()
    }
}
