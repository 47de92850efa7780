//! Answers without a network.
//!
//! # Why
//! A developer wants to see a Flow work before there is a key or a budget, and a test wants the same answer twice. The
//! task itself says what the record's own facts come to; the simulator only puts it on the wire, and every answer says
//! that it is simulated.

use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::json;

use super::claude;
use super::provider::{Error, Outgoing, Provider, Reply};
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

impl Provider for Simulator {
    fn name(&self) -> &ProviderName {
        &self.name
    }

    fn send(&self, request: Outgoing) -> BoxFuture<'_, Result<Reply, Error>> {
        async move {
            tokio::time::sleep(self.latency).await;
            let text = request.rehearsed.map_or_else(
                || "This is a simulated answer.".to_owned(),
                |answer| answer.to_string(),
            );
            let message = json!({
                "id": "msg_simulated",
                "type": "message",
                "role": "assistant",
                "model": request.model.as_str(),
                "content": [{"type": "text", "text": text}],
                "stop_reason": "end_turn",
                "stop_sequence": null,
                "usage": {"input_tokens": request.body.len() / 4, "output_tokens": text.len() / 4},
            });
            let body = Bytes::from(message.to_string());
            let usage = claude::usage(&body);
            Ok(Reply { body, usage })
        }
        .boxed()
    }
}
