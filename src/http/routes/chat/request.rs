//! A chat as it comes over the wire, and what may not come with it.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::parameters::{self, Lifted};
use super::refused;
use crate::domain::{Alias, Effort};
use crate::http::validate::BodySchema;
use crate::providers::claude::Turn;
use crate::salesforce::Fault;
use crate::usecases::answer::Caching;
use crate::usecases::complete_chat::Chat;

/// A conversation that waits for its next text.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(
    as = ChatRequest,
    example = json!({"model": "default", "messages": [{"role": "user", "content": "Write a subject line for the renewal."}], "max_tokens": 200}),
)]
pub struct WireChat {
    /// An alias of the gateway, or a model behind one.
    #[schema(example = "default")]
    model: String,
    /// What was said so far.
    #[schema(min_items = 1)]
    messages: Vec<WireTurn>,
    /// The most tokens of the answer; 4,096 where nothing is said, and never more than the model can write.
    #[schema(minimum = 1, maximum = 4_294_967_295_u32)]
    max_tokens: Option<u32>,
    /// The same under OpenAI's newer name; where both come, the smaller counts.
    #[schema(minimum = 1, maximum = 4_294_967_295_u32)]
    max_completion_tokens: Option<u32>,
    /// Answers to one call: 1.
    #[expect(dead_code, reason = "looked at among what may not come")]
    n: Option<u32>,
    /// Taken and left out: Claude's models have no temperature.
    #[expect(dead_code, reason = "there is nothing to do with it")]
    temperature: Option<f64>,
    /// Taken and left out, as `temperature` is.
    #[expect(dead_code, reason = "there is nothing to do with it")]
    top_p: Option<f64>,
    /// A text, or a list of texts, that ends the answer where the model writes it; it does not stand in the answer.
    stop: Option<WireStop>,
    /// How hard the model should try, where it can be told.
    reasoning_effort: Option<WireEffort>,
    /// Whether the answer is to come in events: false.
    #[expect(dead_code, reason = "looked at among what may not come")]
    stream: Option<bool>,
    /// More of these members, as the connector sends what a provider alone knows: `max_tokens`, `stop` (or
    /// `stop_sequences`) and `effort` count where the member itself does not come, sampling parameters are taken and left
    /// out, and any other is refused by name.
    #[schema(value_type = Option<Object>)]
    #[expect(dead_code, reason = "lifted out before")]
    parameters: Option<Value>,
}

/// Something that was said.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = ChatMessage)]
pub struct WireTurn {
    /// Who said it.
    role: WireRole,
    /// The text.
    content: Option<WireContent>,
}

/// Who said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ChatRole)]
pub enum WireRole {
    /// Whoever built the chat: what the model is told before all turns.
    System,
    /// The same, under OpenAI's newer name.
    Developer,
    /// Whoever asks.
    User,
    /// The model.
    Assistant,
}

/// A text, or parts of one.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(as = ChatContent)]
pub enum WireContent {
    /// A text.
    Text(String),
    /// Its parts, in their order.
    Parts(Vec<WirePart>),
}

/// A part of a text.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = ChatPart)]
pub struct WirePart {
    /// Always `text`: other content does not go through this door.
    #[serde(rename = "type")]
    #[schema(example = "text")]
    kind: String,
    /// The text.
    text: Option<String>,
}

/// A text, or a list of texts.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(as = ChatStop)]
pub enum WireStop {
    /// A text.
    One(String),
    /// Some.
    Many(Vec<String>),
}

/// How hard the model should try. `none` and `minimal` are as little as `low`.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ChatEffort)]
pub enum WireEffort {
    /// As `low`.
    None,
    /// As `low`.
    Minimal,
    /// Quick and cheap.
    Low,
    /// Between the two.
    Medium,
    /// Thorough.
    High,
}

/// The chat in `body`.
///
/// # Errors
/// What is wrong with it, by its place.
pub fn read(body: &Bytes, schema: &BodySchema) -> Result<Chat, Vec<Fault>> {
    let Ok(Value::Object(mut members)) = serde_json::from_slice(body) else {
        return Err(vec![Fault::at("", "must be one JSON object")]);
    };
    let mut faults = refused::among(&members, "");
    let lifted: Lifted = match members.get("parameters").cloned() {
        Some(Value::Object(parameters)) => parameters::lift(parameters, &mut members, &mut faults),
        _ => Vec::new(),
    };
    let body = Value::Object(members);
    for mut broken in schema.check(&body, "").err().unwrap_or_default() {
        broken.pointer = parameters::where_it_came(&broken.pointer, &lifted);
        if !faults.iter().any(|fault| fault.pointer == broken.pointer) {
            faults.push(broken);
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    // To the schema 1.0 is a whole number, and to nobody else.
    let wire: WireChat = serde_json::from_value(body).map_err(|_| {
        vec![Fault::at(
            "",
            "has a number that must be written as a whole one",
        )]
    })?;
    wire.into_chat()
}

impl WireChat {
    fn into_chat(self) -> Result<Chat, Vec<Fault>> {
        let mut faults = Vec::new();
        let model = Alias::parse(&self.model);
        if model.is_none() {
            faults.push(Fault::at(
                "/model",
                "must be the name of a model, 1 to 128 characters of A-Z a-z 0-9 . _ : @ -",
            ));
        }
        let (mut system, mut turns) = (Vec::new(), Vec::new());
        for (index, turn) in self.messages.into_iter().enumerate() {
            let text = turn
                .content
                .map(|content| content.into_text(index, &mut faults))
                .unwrap_or_default();
            if text.trim().is_empty() {
                continue; // which Claude would refuse
            }
            match turn.role {
                WireRole::System | WireRole::Developer => system.push(text),
                WireRole::User => turns.push(Turn::User(text)),
                WireRole::Assistant => turns.push(Turn::Assistant(text)),
            }
        }
        let mut system = system.join("\n\n");
        if turns.is_empty() && !system.is_empty() {
            turns.push(Turn::User(std::mem::take(&mut system)));
        }
        if turns.is_empty() && faults.is_empty() {
            faults.push(Fault::at("/messages", "must hold a message with a text"));
        }
        match model {
            Some(model) if faults.is_empty() => Ok(Chat {
                model,
                system,
                turns,
                max_tokens: [self.max_tokens, self.max_completion_tokens]
                    .into_iter()
                    .flatten()
                    .min(),
                stop: self.stop.map(WireStop::into_texts).unwrap_or_default(),
                effort: self.reasoning_effort.map(Effort::from),
                caching: Caching::default(),
                repeat: None,
            }),
            _ => Err(faults),
        }
    }
}

impl WireContent {
    /// Its text; what is none is noted as a fault of the message at `index`.
    fn into_text(self, index: usize, faults: &mut Vec<Fault>) -> String {
        let parts = match self {
            Self::Text(text) => return text,
            Self::Parts(parts) => parts,
        };
        let mut whole = String::new();
        for (nth, part) in parts.into_iter().enumerate() {
            let here = format!("/messages/{index}/content/{nth}");
            if part.kind != "text" {
                faults.push(Fault::at(
                    &format!("{here}/type"),
                    "must be text: pictures, sound and files go to POST /v1/messages, in Claude's form",
                ));
            } else if let Some(text) = part.text {
                whole.push_str(&text);
            } else {
                faults.push(Fault::at(&format!("{here}/text"), "is missing"));
            }
        }
        whole
    }
}

impl WireStop {
    fn into_texts(self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text],
            Self::Many(texts) => texts,
        }
    }
}

impl From<WireEffort> for Effort {
    fn from(effort: WireEffort) -> Self {
        match effort {
            WireEffort::None | WireEffort::Minimal | WireEffort::Low => Self::Low,
            WireEffort::Medium => Self::Medium,
            WireEffort::High => Self::High,
        }
    }
}
