//! A preview as it goes over the wire.

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::domain::RequestId;
use crate::usecases::Preview;

/// What a task would send, after privacy and before any provider. Nothing was sent and nothing was charged.
#[derive(Debug, Serialize, ToSchema)]
pub struct TaskPreview {
    /// Always true; an answer has no such member.
    preview: bool,
    /// The task.
    task: &'static str,
    /// The id of the record, as the caller sent it; null where none came.
    record_id: Option<String>,
    /// The model that would be asked first.
    model: String,
    /// The provider where it would be asked.
    provider: String,
    /// The version of the prompt.
    prompt_version: &'static str,
    /// What a web search would be asked before; null where none would be run. What it finds is added to `message`.
    search_message: Option<String>,
    /// The text that carries the record, as the model would read it.
    message: String,
    /// The whole body of the request to the provider.
    #[schema(value_type = Object)]
    body: Box<RawValue>,
    /// The fields that would be sent, as `Object.Field`.
    fields_sent: Vec<String>,
    /// Of these, the ones in which a value is masked.
    fields_masked: Vec<String>,
    /// How many values are masked.
    masked_fields: u32,
    /// Whether more came than the model should read, so that the oldest is left out.
    input_truncated: bool,
    /// The id of the call.
    request_id: String,
}

impl TaskPreview {
    /// What the caller of `request_id` is shown.
    ///
    /// # Panics
    /// Never: a body for a provider is JSON.
    pub fn new(preview: Preview, request_id: &RequestId) -> Self {
        Self {
            preview: true,
            task: preview.task,
            record_id: preview.record_id,
            model: preview.model.to_string(),
            provider: preview.provider.to_string(),
            prompt_version: preview.prompt_version,
            search_message: preview.search_message,
            message: preview.message,
            body: serde_json::from_slice(&preview.body).expect("a body for a provider is JSON"),
            fields_sent: preview.fields_sent,
            fields_masked: preview.fields_masked,
            masked_fields: preview.masked_fields,
            input_truncated: preview.input_truncated,
            request_id: request_id.to_string(),
        }
    }
}

/// Whether the request `body` asks for a preview.
pub fn is_wanted(body: &Value) -> bool {
    body.get("preview") == Some(&Value::Bool(true))
}
