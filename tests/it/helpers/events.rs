//! Answers in events, as Claude sends them.

use serde_json::{Value, json};

use super::reply::USAGE;
use super::upstream::Stream;

/// One event.
pub fn event(data: &Value) -> String {
    let name = data["type"].as_str().expect("a type");
    format!("event: {name}\ndata: {data}\n\n")
}

/// The events of an answer that says `words`, one delta a word.
pub fn saying(words: &[&str]) -> Vec<String> {
    let (input, output) = USAGE;
    let mut events = vec![
        json!({"type": "message_start", "message": {
            "id": "msg_streamed", "type": "message", "role": "assistant", "model": "claude-sonnet-5-5",
            "content": [], "stop_reason": null, "stop_sequence": null,
            "usage": {"input_tokens": input, "output_tokens": 1},
        }}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "ping"}),
    ];
    events.extend(words.iter().map(|word| {
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}})
    }));
    events.extend([
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null}, "usage": {"output_tokens": output}}),
        json!({"type": "message_stop"}),
    ]);
    events.iter().map(event).collect()
}

impl Stream {
    /// These pieces, to the end.
    pub fn of(pieces: Vec<String>) -> Self {
        Self {
            pieces,
            gate: None,
            cut: false,
        }
    }

    /// These pieces, and then the connection ends before the body does.
    pub fn cut(pieces: Vec<String>) -> Self {
        Self {
            cut: true,
            ..Self::of(pieces)
        }
    }
}
