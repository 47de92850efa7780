//! A chat as a Messages body, and a Messages answer as what it says.
//!
//! # Why
//! Whoever chats asks for a text of so many tokens and knows nothing of thinking, which counts towards `max_tokens` and
//! which current models do by themselves. How much room that takes differs from model to model, so the body is written
//! once, for limits and privacy to read, and [`fitted`] to each target as it is asked.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Members, Stop, Turn, WireMessage, room, stop, usage};
use crate::domain::{Effort, Target, Thinking, Usage};

/// A chat, in no provider's words.
#[derive(Debug, Clone)]
pub struct ChatAsk<'a> {
    /// The model, as the caller names it.
    pub model: &'a str,
    /// What the model is told before all turns; empty where nothing is.
    pub system: &'a str,
    /// What was said so far.
    pub turns: &'a [Turn],
    /// Texts that end the answer where the model writes one.
    pub stop: &'a [String],
    /// What the answer may be.
    pub fit: Fit,
}

/// What an answer may be, whichever model gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fit {
    /// Tokens of the answer itself; a model that writes no such long answers is asked for its longest.
    pub answer_tokens: u32,
    /// How hard the model should try; `None` leaves that to the model, unless it cannot but think.
    pub effort: Option<Effort>,
}

/// What an answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatReply {
    /// The text of all its blocks.
    pub text: String,
    /// Why it ended.
    pub stop: Stop,
    /// What it used, where it says so.
    pub usage: Option<Usage>,
}

/// The body of `ask`, which [`fitted`] makes ready for a target.
///
/// Sampling parameters are never set: since `2026-10-21` they are refused even at their defaults.
pub fn chat_body(ask: &ChatAsk<'_>) -> Bytes {
    let messages: Vec<Value> = ask.turns.iter().map(Turn::on_the_wire).collect();
    let mut body = json!({
        "model": ask.model,
        "max_tokens": ask.fit.answer_tokens,
        "messages": messages,
    });
    if !ask.system.is_empty() {
        body["system"] = json!(ask.system);
    }
    if !ask.stop.is_empty() {
        body["stop_sequences"] = json!(ask.stop);
    }
    Bytes::from(body.to_string())
}

/// The `body` of a chat as `target` is asked, with the least thinking that it allows, and the most tokens that may come
/// back.
pub fn fitted(body: Members, fit: Fit, target: &Target) -> (Members, u32) {
    let can = &target.capabilities;
    let always_thinks = can.thinking == Thinking::Always;
    let effort = fit.effort.or(always_thinks.then_some(Effort::Low));
    let answer_tokens = fit.answer_tokens.min(can.max_output_tokens);
    let max_tokens = room(answer_tokens, effort.unwrap_or(Effort::Low), target);
    let mut body = body.with("max_tokens", max_tokens.to_string());
    if can.thinking == Thinking::Optional {
        body = body.with("thinking", json!({"type": "disabled"}).to_string());
    }
    if let Some(effort) = effort.filter(|_| can.effort) {
        body = body.with(
            "output_config",
            json!({"effort": effort.as_str()}).to_string(),
        );
    }
    (body, max_tokens)
}

/// Reads the answer to a chat; `None` where `body` is no message.
pub fn read_chat(body: &[u8]) -> Option<ChatReply> {
    let message: WireMessage = serde_json::from_slice(body).ok()?;
    if message.kind != "message" {
        return None;
    }
    let texts = message.content.iter().filter(|block| block.kind == "text");
    Some(ChatReply {
        text: texts.filter_map(|block| block.text.as_deref()).collect(),
        stop: stop(message.stop_reason.as_deref()),
        usage: usage(body),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Capabilities, ModelId, ProviderName};
    use crate::providers::{Surface, capabilities};

    fn target(thinking: Thinking, effort: bool) -> Target {
        Target {
            provider: ProviderName::parse("claude").expect("a name"),
            model: ModelId::parse("some-model").expect("a model"),
            price: None,
            capabilities: Capabilities {
                thinking,
                effort,
                max_output_tokens: 64_000,
                ..capabilities::of(Surface::Claude, "some-model")
            },
            simulated: false,
        }
    }

    /// The body as it goes to a target of this kind, beside its room.
    fn asked(fit: Fit, thinking: Thinking, effort: bool) -> (Value, u32) {
        let ask = ChatAsk {
            model: "default",
            system: "",
            turns: &[Turn::User("Hello".to_owned())],
            stop: &[],
            fit,
        };
        let body = Members::of(&chat_body(&ask)).expect("an object");
        let (body, max_tokens) = fitted(body, fit, &target(thinking, effort));
        let body: Value = serde_json::from_slice(&body.to_bytes()).expect("JSON");
        assert_eq!(body["max_tokens"], max_tokens);
        (body, max_tokens)
    }

    const PLAIN: Fit = Fit {
        answer_tokens: 100,
        effort: None,
    };

    #[test]
    fn a_chat_reads_like_the_golden_file() {
        let ask = ChatAsk {
            model: "default",
            system: "You answer briefly.",
            turns: &[
                Turn::User("Who owns the quay?".to_owned()),
                Turn::Assistant("The port authority.".to_owned()),
                Turn::User("Since when?".to_owned()),
            ],
            stop: &["END".to_owned()],
            fit: PLAIN,
        };
        let written: Value = serde_json::from_slice(&chat_body(&ask)).expect("JSON");
        let golden: Value =
            serde_json::from_str(include_str!("../golden/chat.json")).expect("JSON");
        assert_eq!(written, golden, "{written:#}");
    }

    #[test]
    fn each_model_is_asked_for_the_least_thinking_that_it_allows() {
        let (body, room) = asked(PLAIN, Thinking::Optional, true);
        assert_eq!((&body["thinking"]["type"], room), (&json!("disabled"), 100));
        assert!(body.get("output_config").is_none());

        let (body, room) = asked(PLAIN, Thinking::Always, true);
        assert_eq!(
            (&body["output_config"]["effort"], room),
            (&json!("low"), 2_148)
        );
        assert!(body.get("thinking").is_none());

        let (body, room) = asked(PLAIN, Thinking::Off, false);
        assert!(body.get("thinking").is_none() && body.get("output_config").is_none());
        assert_eq!(room, 100);
    }

    #[test]
    fn an_asked_for_effort_goes_to_the_models_that_know_one() {
        let hard = Fit {
            effort: Some(Effort::High),
            ..PLAIN
        };
        let (body, room) = asked(hard, Thinking::Always, true);
        assert_eq!(
            (&body["output_config"]["effort"], room),
            (&json!("high"), 16_484)
        );
        let (body, _) = asked(hard, Thinking::Optional, true);
        assert_eq!(body["output_config"]["effort"], "high");
        let (body, _) = asked(hard, Thinking::Optional, false);
        assert!(body.get("output_config").is_none());
    }

    #[test]
    fn no_model_is_asked_for_more_than_it_can_write() {
        let endless = Fit {
            answer_tokens: u32::MAX,
            effort: None,
        };
        for thinking in [Thinking::Always, Thinking::Optional, Thinking::Off] {
            let (_, room) = asked(endless, thinking, true);
            assert_eq!(room, 64_000);
        }
    }

    #[test]
    fn an_answer_is_the_text_of_all_its_blocks() {
        let body = br#"{"type":"message","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"Hel"},{"type":"text","text":"lo"}],"stop_reason":"stop_sequence","usage":{"input_tokens":3,"output_tokens":2}}"#;
        let reply = read_chat(body).expect("a message");
        assert_eq!((reply.text.as_str(), reply.stop), ("Hello", Stop::Done));
        assert_eq!(reply.usage.expect("told").all_tokens(), 5);
        let refused = br#"{"type":"message","content":[],"stop_reason":"refusal"}"#;
        let reply = read_chat(refused).expect("a message");
        assert_eq!((reply.text.as_str(), reply.stop), ("", Stop::Refusal));
        assert_eq!(read_chat(br#"{"type":"error"}"#), None);
    }
}
