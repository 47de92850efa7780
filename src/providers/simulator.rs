//! Answers without a network.
//!
//! # Why
//! A developer wants to see a Flow work before there is a key or a budget, and a test wants the same answer twice. The
//! task itself says what the record's own facts come to; the simulator only puts it on the wire, and every answer says
//! that it is simulated.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};
use serde_json::{Value, json};

use super::claude;
use super::provider::{Error, Events, Outgoing, Provider, Reply};
use crate::domain::ProviderName;

/// A provider that needs none.
pub struct Simulator {
    name: ProviderName,
    latency: Duration,
}

impl Simulator {
    /// Answers after `latency`.
    pub fn new(name: ProviderName, latency: Duration) -> Self {
        Self { name, latency }
    }
}

impl Simulator {
    async fn answer(&self, request: &Outgoing) -> Value {
        tokio::time::sleep(self.latency).await;
        let text = request.rehearsed.as_ref().map_or_else(
            || "This is a simulated answer.".to_owned(),
            Value::to_string,
        );
        json!({
            "id": "msg_simulated",
            "type": "message",
            "role": "assistant",
            "model": request.model.as_str(),
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn",
            "stop_sequence": null,
            "usage": {"input_tokens": request.body.len() / 4, "output_tokens": text.len() / 4},
        })
    }
}

/// `message` as the events in which Claude would send it.
fn as_events(message: &Value) -> Vec<Bytes> {
    let mut begun = message.clone();
    begun["content"] = json!([]);
    begun["stop_reason"] = Value::Null;
    begun["usage"]["output_tokens"] = json!(1);
    let text = message["content"][0]["text"].as_str().unwrap_or_default();
    let words = text.split_inclusive(' ').map(|word| {
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}})
    });
    let before = [
        json!({"type": "message_start", "message": begun}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
    ];
    let behind = [
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null}, "usage": message["usage"]}),
        json!({"type": "message_stop"}),
    ];
    let events = before.into_iter().chain(words).chain(behind);
    events
        .map(|event| {
            let name = event["type"].as_str().unwrap_or_default();
            Bytes::from(format!("event: {name}\ndata: {event}\n\n"))
        })
        .collect()
}

impl Provider for Simulator {
    fn name(&self) -> &ProviderName {
        &self.name
    }

    fn send(&self, request: Outgoing) -> BoxFuture<'_, Result<Reply, Error>> {
        async move {
            let body = Bytes::from(self.answer(&request).await.to_string());
            let usage = claude::usage(&body);
            Ok(Reply { body, usage })
        }
        .boxed()
    }

    fn stream(&self, request: Outgoing) -> BoxFuture<'_, Result<Events, Error>> {
        async move {
            let events = as_events(&self.answer(&request).await);
            Ok(Events {
                bytes: stream::iter(events).map(Ok).boxed(),
                upstream_id: None,
            })
        }
        .boxed()
    }

    fn count_tokens(&self, request: Outgoing) -> Option<BoxFuture<'_, Result<Bytes, Error>>> {
        let count = json!({"input_tokens": request.body.len() / 4});
        Some(async move { Ok(Bytes::from(count.to_string())) }.boxed())
    }
}
