//! `POST /chat/completions`: Salesforce's LLM Open Connector, which is a part of OpenAI's Chat Completions.
//!
//! # Why
//! Einstein Studio connects a model of one's own by this one call, and Prompt Builder and Agentforce ask it from then on.
//! It has neither tools nor streams. What an OpenAI client may send beyond it is refused where the answer would mean
//! something else without it, and passed over where it would not.

mod parameters;
mod refused;
mod request;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use self::request::WireChat;
use super::{messages, wire};
use crate::domain::Usage;
use crate::http::call::Call;
use crate::http::extract::{ForMessages, JsonBody, Patient, Wishes};
use crate::http::problem::Problem;
use crate::http::validate::BodySchemas;
use crate::providers::claude::Stop;
use crate::usecases::CompleteChat;
use crate::usecases::complete_chat::{Completed, TASK};

/// What a chat may say in its headers, beside its credential.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "shown in the document; read by the extractors")]
pub struct ChatHeaders {
    /// The caller's patience in seconds, as `wait=25`: the answer comes before it ends. At most 110, which is also the default.
    #[param(rename = "Prefer", required = false, example = "wait=25")]
    prefer: String,
    /// Known again for 24 hours: a repeat with the same key and body gets the first answer and costs nothing.
    #[param(rename = "Idempotency-Key", required = false, max_length = 255)]
    idempotency_key: String,
}

/// The next text of a chat.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChatCompletion)]
pub struct WireCompletion {
    /// Its id: `chatcmpl-` and the id of the call, for whoever looks into the log.
    #[schema(example = "chatcmpl-01K7Z3J8V9Q0W1E2R3T4Y5U6I7")]
    id: String,
    /// Always `chat.completion`.
    #[schema(example = "chat.completion")]
    object: &'static str,
    /// When it was written, in seconds since the beginning of 1970.
    #[schema(example = 1_773_144_000)]
    created: i64,
    /// The model, as the request names it.
    #[schema(example = "default")]
    model: String,
    /// Always one.
    choices: [WireChoice; 1],
    /// What it used; not there where the provider does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<WireUsage>,
}

/// An answer, and why it ended.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChatChoice)]
pub struct WireChoice {
    /// Always 0.
    index: u8,
    /// The answer.
    message: WireReply,
    /// Why it ended.
    finish_reason: WireFinish,
}

/// What the model says.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChatReply)]
pub struct WireReply {
    /// Always `assistant`.
    #[schema(example = "assistant")]
    role: &'static str,
    /// The text; empty where the model refused before it wrote one.
    content: String,
}

/// Why an answer ended: `stop` where the model was done or wrote one of the texts in `stop`, `length` where it ran out of
/// tokens, `content_filter` where it refused.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ChatFinishReason)]
pub enum WireFinish {
    /// The model was done.
    Stop,
    /// It ran out of tokens.
    Length,
    /// It refused.
    ContentFilter,
}

/// What an answer used.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChatUsage)]
#[expect(clippy::struct_field_names, reason = "OpenAI's names")]
pub struct WireUsage {
    /// Tokens in, those from a prompt cache among them.
    prompt_tokens: u64,
    /// Tokens out, the model's thinking among them.
    completion_tokens: u64,
    /// Both together.
    total_tokens: u64,
}

/// Answers a chat, in OpenAI's form: Salesforce's LLM Open Connector, for Prompt Builder and Agentforce.
///
/// `model` is an alias of the gateway or a model behind one. System and developer messages are what the model is told
/// before all others; where nothing else was said they are the question. Messages without text are left out. The model
/// thinks as little as it can, and room for what it cannot leave is added to `max_tokens`.
///
/// Sampling parameters (`temperature`, `top_p`, `top_k`, `seed`, penalties) are taken and left out, since Claude's models
/// have none. What would give the answer another meaning is refused by name: `n` above 1, `stream`, `tools`, `functions`, a
/// `response_format` other than text, `logprobs`, `logit_bias`, `audio`, `web_search_options`, and content that is not text;
/// `POST /v1/messages` streams and takes tools and pictures. Other members of OpenAI's are passed over.
///
/// Errors have OpenAI's form, and `x-should-retry: false` where trying again is of no use.
#[utoipa::path(
    post, path = "/chat/completions", tag = "chat",
    params(ChatHeaders),
    request_body = WireChat,
    responses((status = 200, description = "The next text", body = WireCompletion)),
)]
pub async fn complete(
    State(complete_chat): State<CompleteChat>,
    State(schemas): State<Arc<BodySchemas>>,
    call: Call,
    ForMessages(caller): ForMessages,
    Patient(by): Patient,
    wishes: Wishes,
    JsonBody(body): JsonBody,
) -> Result<Response, Problem> {
    call.is_for(TASK);
    let mut chat = match request::read(&body, schemas.chat()) {
        Ok(chat) => chat,
        Err(faults) => {
            let problem = Problem::invalid(faults);
            let code = problem.code.as_str();
            complete_chat.refused(&caller, &call.id, code).await;
            return Err(problem);
        }
    };
    chat.caching = wishes.caching;
    chat.repeat = wire::repeat(&wishes, "/chat/completions", &body, 0);
    let completed = complete_chat
        .run(&caller, (&chat, call.id.clone()), by)
        .await;
    let completed = completed.map_err(|error| Problem::about(&caller, &error))?;
    call.waited_for_providers(completed.upstream);
    let id = format!("chatcmpl-{}", call.id);
    let known = completed.kept.map(messages::cache_status);
    let mut response = Json(completion(id, chat.model.to_string(), completed)).into_response();
    response.headers_mut().extend(known);
    Ok(response)
}

fn completion(id: String, model: String, completed: Completed) -> WireCompletion {
    WireCompletion {
        id,
        object: "chat.completion",
        created: completed.at.as_second(),
        model,
        choices: [WireChoice {
            index: 0,
            message: WireReply {
                role: "assistant",
                content: completed.text,
            },
            finish_reason: match completed.stop {
                Stop::Done => WireFinish::Stop,
                Stop::CutOff => WireFinish::Length,
                Stop::Refusal => WireFinish::ContentFilter,
            },
        }],
        usage: completed.usage.as_ref().map(WireUsage::from),
    }
}

impl From<&Usage> for WireUsage {
    fn from(usage: &Usage) -> Self {
        let (prompt_tokens, completion_tokens) = (usage.all_input_tokens(), usage.output_tokens);
        Self {
            prompt_tokens,
            completion_tokens,
            total_tokens: prompt_tokens.saturating_add(completion_tokens),
        }
    }
}
