//! What an answer says of itself, for a trace: no word of what it answers.

use serde::Deserialize;

use crate::telemetry::traces::Label;

#[derive(Deserialize)]
struct Wire {
    id: Option<String>,
    model: Option<String>,
    stop_reason: Option<String>,
}

/// Characters of each that are kept: a provider's ids are short, and what is long is none.
const CHARS: usize = 128;

/// What the answer in `body` says of itself; nothing where it is none.
pub fn label(body: &[u8]) -> Label {
    let Ok(wire) = serde_json::from_slice::<Wire>(body) else {
        return Label::default();
    };
    let short = |text: Option<String>| text.filter(|text| text.chars().count() <= CHARS);
    Label {
        id: short(wire.id),
        model: short(wire.model),
        stop_reason: short(wire.stop_reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_known_by_its_id_its_model_and_how_it_ended() {
        let body = br#"{"id":"msg_1","model":"claude","stop_reason":"end_turn","content":[{"type":"text","text":"secret"}]}"#;
        let told = label(body);
        assert_eq!(told.id.as_deref(), Some("msg_1"));
        assert_eq!(told.model.as_deref(), Some("claude"));
        assert_eq!(told.stop_reason.as_deref(), Some("end_turn"));
        let long = format!(r#"{{"id":"{}","model":null}}"#, "x".repeat(129));
        assert_eq!(label(long.as_bytes()), Label::default());
        assert_eq!(label(b"no answer"), Label::default());
    }
}
