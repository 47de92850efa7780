//! The Messages wire: a task's question into a body, an answer's body into what it says.
//!
//! Pure, so that golden files test it without a network. What differs between providers (paths, credentials, where the
//! version stands) is theirs; the body is the same everywhere. A call that lets the model search the web stands in a
//! file of its own: its turns and its answer are of another kind. So do a chat, whose text is all its answer, and changing
//! single members of a body that is not ours.

mod chat;
mod events;
mod label;
mod members;
mod results;
pub mod said;
mod search;
pub mod texts;
mod usage;

pub use chat::{ChatAsk, ChatReply, Fit, chat_body, fitted, read_chat};
pub use events::{Failure, Tap, fault_of};
pub use label::label;
pub use members::{Members, NoMembers};
pub use results::Tally;
pub use search::{SearchAsk, SearchReply, SearchTurn, read_search, search_body};

pub use usage::{Told, is_count, told, usage};

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::domain::{Effort, Target, Thinking};

/// A task's question, in no provider's words.
#[derive(Debug, Clone)]
pub struct Ask<'a> {
    /// The static system prompt; the provider is told to cache it.
    pub system: &'a str,
    /// What is said, beginning and ending with us.
    pub turns: &'a [Turn],
    /// The JSON schema of the answer, in the subset that structured outputs accept.
    pub schema: &'a Value,
    /// Tokens of the answer itself.
    pub answer_tokens: u32,
    /// How hard the model should try, where it can be told.
    pub effort: Effort,
}

/// One turn of what is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Turn {
    /// We ask.
    User(String),
    /// The model answered.
    Assistant(String),
}

/// What a Messages answer says.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The answer's JSON: the text of its blocks, or the input of the forced tool.
    pub answer: Option<Answer>,
    /// Why it ended.
    pub stop: Stop,
}

/// An answer's content.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Text, which holds JSON where the format was asked for.
    Text(String),
    /// The input of the forced tool.
    Tool(Value),
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The model was done.
    Done,
    /// It ran out of tokens or context.
    CutOff,
    /// It refused.
    Refusal,
}

#[derive(Deserialize)]
struct WireMessage {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    content: Vec<WireBlock>,
    stop_reason: Option<String>,
}

#[derive(Deserialize)]
struct WireBlock {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    input: Option<Value>,
}

/// The tool that carries the schema where a model has no structured output.
const TOOL: &str = "give_answer";

/// The body that asks `target`, and the most tokens that may come back.
///
/// Sampling parameters are never set: since `2026-10-21` they are refused even at their defaults.
pub fn body(ask: &Ask<'_>, target: &Target) -> (Bytes, u32) {
    let max_tokens = room(ask.answer_tokens, ask.effort, target);
    let messages: Vec<Value> = ask.turns.iter().map(Turn::on_the_wire).collect();
    let mut body = json!({
        "model": target.model.as_str(),
        "max_tokens": max_tokens,
        "system": [{"type": "text", "text": ask.system, "cache_control": {"type": "ephemeral"}}],
        "messages": messages,
    });
    if target.capabilities.thinking == Thinking::Optional {
        body["thinking"] = json!({"type": "disabled"});
    }
    if target.capabilities.effort {
        body["output_config"]["effort"] = json!(ask.effort.as_str());
    }
    if target.capabilities.structured_output {
        body["output_config"]["format"] = json!({"type": "json_schema", "schema": ask.schema});
    } else if target.capabilities.tools {
        body["tools"] = json!([{
            "name": TOOL,
            "description": "Gives the answer. Call it once.",
            "input_schema": ask.schema,
        }]);
        // A model that thinks cannot be forced to one tool; the prompt and the repair see to it.
        body["tool_choice"] = match target.capabilities.thinking {
            Thinking::Always => json!({"type": "auto"}),
            Thinking::Optional | Thinking::Off => json!({"type": "tool", "name": TOOL}),
        };
    } else {
        // What carries no schema can still be told it; the repair sees to the rest.
        let told = format!(
            "Answer with one JSON object by this schema, and nothing else:\n{}",
            ask.schema
        );
        body["system"] = json!([
            {"type": "text", "text": ask.system},
            {"type": "text", "text": told, "cache_control": {"type": "ephemeral"}},
        ]);
    }
    (Bytes::from(body.to_string()), max_tokens)
}

impl Turn {
    fn on_the_wire(&self) -> Value {
        match self {
            Self::User(text) => json!({"role": "user", "content": text}),
            Self::Assistant(text) => json!({"role": "assistant", "content": text}),
        }
    }
}

/// The answer's room, with room for thinking on top where the model cannot do without.
fn room(answer_tokens: u32, effort: Effort, target: &Target) -> u32 {
    let thinking = match (target.capabilities.thinking, effort) {
        (Thinking::Always, Effort::Low) => 2_048,
        (Thinking::Always, Effort::Medium) => 8_192,
        (Thinking::Always, Effort::High) => 16_384,
        (Thinking::Optional | Thinking::Off, _) => 0,
    };
    (answer_tokens + thinking).min(target.capabilities.max_output_tokens)
}

/// Reads a Messages answer; `None` where `body` is none.
pub fn read(body: &[u8]) -> Option<Message> {
    let message: WireMessage = serde_json::from_slice(body).ok()?;
    if message.kind != "message" {
        return None;
    }
    let stop = stop(message.stop_reason.as_deref());
    let tool = message.content.iter().find_map(|block| {
        let ours = block.kind == "tool_use" && block.name.as_deref() == Some(TOOL);
        block.input.clone().filter(|_| ours)
    });
    let answer = tool.map(Answer::Tool).or_else(|| {
        let texts: String = message
            .content
            .iter()
            .filter(|block| block.kind == "text")
            .filter_map(|block| block.text.as_deref())
            .collect();
        (!texts.is_empty()).then_some(Answer::Text(texts))
    });
    Some(Message { answer, stop })
}

fn stop(reason: Option<&str>) -> Stop {
    match reason {
        Some("refusal") => Stop::Refusal,
        Some("max_tokens" | "model_context_window_exceeded") => Stop::CutOff,
        _ => Stop::Done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Capabilities, ModelId, ProviderName};
    use crate::providers::capabilities::{self, Surface};

    fn target(model: &str, capabilities: Capabilities) -> Target {
        Target {
            provider: ProviderName::parse("claude").expect("a name"),
            model: ModelId::parse(model).expect("a model"),
            price: None,
            capabilities,
            simulated: false,
        }
    }

    fn written(model: &str, capabilities: Capabilities) -> Value {
        let schema = json!({"type": "object"});
        let ask = Ask {
            system: "You brief.",
            turns: &[Turn::User("record".into())],
            schema: &schema,
            answer_tokens: 1_500,
            effort: Effort::Low,
        };
        let (body, _) = body(&ask, &target(model, capabilities));
        serde_json::from_slice(&body).expect("JSON")
    }

    #[test]
    fn a_question_reads_like_the_golden_file() {
        let golden: Value =
            serde_json::from_str(include_str!("golden/structured.json")).expect("JSON");
        let written = written(
            "claude-sonnet-5-5",
            capabilities::of(Surface::Claude, "claude-sonnet-5-5"),
        );
        assert_eq!(written, golden, "{written:#}");
    }

    #[test]
    fn a_model_without_structured_output_is_given_a_tool() {
        let plain = Capabilities {
            structured_output: false,
            ..capabilities::of(Surface::Claude, "claude-haiku-4-5")
        };
        let golden: Value = serde_json::from_str(include_str!("golden/tool.json")).expect("JSON");
        let written = written("claude-haiku-4-5", plain);
        assert_eq!(written, golden, "{written:#}");
    }

    #[test]
    fn a_model_without_tools_is_told_the_schema_in_words() {
        let bare = Capabilities {
            structured_output: false,
            tools: false,
            ..capabilities::of(Surface::Claude, "claude-haiku-4-5")
        };
        let written = written("claude-haiku-4-5", bare);
        assert!(written.get("tools").is_none() && written.get("output_config").is_none());
        let told = written["system"][1]["text"].as_str().expect("a text");
        assert!(told.ends_with(r#"{"type":"object"}"#), "{told}");
    }

    #[test]
    fn room_for_thinking_is_added_where_a_model_always_thinks() {
        let written = written(
            "claude-opus-5-5",
            capabilities::of(Surface::Claude, "claude-opus-5-5"),
        );
        assert_eq!(written["max_tokens"], 1_500 + 2_048);
        assert!(written.get("thinking").is_none());
    }

    #[test]
    fn an_answer_is_read_whichever_way_it_came() {
        let text = br#"{"type":"message","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"{\"a\""},{"type":"text","text":":1}"}],"stop_reason":"end_turn"}"#;
        assert_eq!(
            read(text).expect("a message").answer,
            Some(Answer::Text(r#"{"a":1}"#.into()))
        );
        let tool = br#"{"type":"message","content":[{"type":"tool_use","name":"give_answer","input":{"a":1}}],"stop_reason":"tool_use"}"#;
        assert_eq!(
            read(tool).expect("a message").answer,
            Some(Answer::Tool(json!({"a": 1})))
        );
        let refused = br#"{"type":"message","content":[],"stop_reason":"refusal"}"#;
        assert_eq!(read(refused).expect("a message").stop, Stop::Refusal);
        assert_eq!(read(br#"{"type":"error"}"#), None);
    }
}
