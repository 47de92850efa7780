//! An event stream of AWS as the server-sent events that Claude would send.
//!
//! Each frame carries one event's JSON, in base64; its bytes go on as they are, under the name that they tell. A frame
//! that tells no event keeps the connection alive and is dropped. An exception becomes Claude's `error` event and ends
//! the stream, as it does at the Claude API.

use std::borrow::Cow;
use std::collections::VecDeque;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use serde::Deserialize;
use serde_json::json;

use super::errors;
use super::frames::{Frame, Frames};
use crate::providers::provider::Fault;

/// Turns bytes of frames into bytes of events, however they are cut.
#[derive(Debug, Default)]
pub struct Translation {
    frames: Frames,
    /// The last event came, or an error did.
    complete: bool,
    over: bool,
}

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow, default)]
    bytes: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(rename = "type", borrow, default)]
    name: Option<Cow<'a, str>>,
}

#[derive(Deserialize, Default)]
struct Told {
    #[serde(default, alias = "Message")]
    message: String,
}

impl Translation {
    /// The events that `bytes` complete, in one piece; a fault, if there is one, comes behind them and ends the stream.
    pub fn take(&mut self, bytes: &[u8]) -> (Bytes, Option<Fault>) {
        let mut events = Vec::new();
        if self.over {
            return (Bytes::new(), None);
        }
        self.frames.take(bytes);
        let fault = loop {
            match self.frames.cut() {
                Ok(None) => break None,
                Ok(Some(frame)) => match self.translate(&frame, &mut events) {
                    Ok(()) if self.over => break None,
                    Ok(()) => {}
                    Err(fault) => break Some(fault),
                },
                Err(_) => break Some(Fault::Malformed),
            }
        };
        self.over |= fault.is_some();
        (events.into(), fault)
    }

    /// Whether nothing more will come: an error was told, or a fault was.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// What is wrong with a stream that ends here.
    pub fn end(&mut self) -> Option<Fault> {
        let cut = !self.over && (self.frames.is_amid() || !self.complete);
        self.over = true;
        cut.then_some(Fault::Cut)
    }

    fn translate(&mut self, frame: &Frame, events: &mut Vec<u8>) -> Result<(), Fault> {
        match frame.header(":message-type") {
            Some("event") => self.event(frame.payload(), events),
            Some("exception") => {
                let exception = frame.header(":exception-type").unwrap_or_default();
                let told: Told = serde_json::from_slice(frame.payload()).unwrap_or_default();
                self.error(exception, &told.message, events);
                Ok(())
            }
            Some("error") => {
                let code = frame.header(":error-code").unwrap_or_default();
                let message = frame.header(":error-message").unwrap_or_default();
                self.error(&small(code), message, events);
                Ok(())
            }
            _ => Err(Fault::Malformed),
        }
    }

    fn event(&mut self, payload: &[u8], events: &mut Vec<u8>) -> Result<(), Fault> {
        let payload: Payload<'_> = serde_json::from_slice(payload).map_err(|_| Fault::Malformed)?;
        let Some(coded) = payload.bytes else {
            return Ok(());
        };
        let event = STANDARD
            .decode(coded.as_bytes())
            .map_err(|_| Fault::Malformed)?;
        let named: Named<'_> = serde_json::from_slice(&event).map_err(|_| Fault::Malformed)?;
        let Some(name) = named.name else {
            return Ok(());
        };
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        if name.is_empty() || !name.bytes().all(plain) {
            return Err(Fault::Malformed);
        }
        self.complete |= name == "message_stop";
        write(&name, &event, events);
        Ok(())
    }

    fn error(&mut self, exception: &str, message: &str, events: &mut Vec<u8>) {
        let (kind, message) = errors::amid_a_stream(exception, message);
        let told = json!({"type": "error", "error": {"type": kind, "message": message}});
        write("error", told.to_string().as_bytes(), events);
        self.over = true;
    }
}

/// `bytes`, which are frames, as server-sent events. A fault is the last item.
pub fn of_frames(
    bytes: BoxStream<'static, Result<Bytes, Fault>>,
) -> BoxStream<'static, Result<Bytes, Fault>> {
    let begun = (bytes, Translation::default(), VecDeque::new());
    let translated = stream::unfold(begun, |(mut bytes, mut translation, mut due)| async move {
        loop {
            if let Some(item) = due.pop_front() {
                return Some((item, (bytes, translation, due)));
            }
            if translation.is_over() {
                return None;
            }
            match bytes.next().await {
                Some(Ok(chunk)) => {
                    let (events, fault) = translation.take(&chunk);
                    if !events.is_empty() {
                        due.push_back(Ok(events));
                    }
                    due.extend(fault.map(Err));
                }
                Some(Err(fault)) => {
                    translation.end();
                    due.push_back(Err(fault));
                }
                None => due.extend(translation.end().map(Err)),
            }
        }
    });
    translated.boxed()
}

/// One event. JSON may hold line breaks between its tokens, and each line of an event is marked as data.
fn write(name: &str, data: &[u8], events: &mut Vec<u8>) {
    events.extend_from_slice(b"event: ");
    events.extend_from_slice(name.as_bytes());
    for line in data.split(|byte| matches!(byte, b'\n' | b'\r')) {
        events.extend_from_slice(b"\ndata: ");
        events.extend_from_slice(line);
    }
    events.extend_from_slice(b"\n\n");
}

/// `ThrottlingException` as a stream's exceptions are spelled.
fn small(code: &str) -> String {
    let mut letters = code.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_ascii_lowercase().to_string() + letters.as_str()
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::frames::written::{chunk, exception, frame};
    use super::*;

    const START: &str =
        r#"{"type":"message_start","message":{"id":"msg_1","usage":{"input_tokens":3}}}"#;
    const DELTA: &str = r#"{"type": "content_block_delta","index":0,"delta":{"type":"text_delta","text":"gr\u00fc\u00df 1.50e+2"}}"#;
    const STOP: &str = r#"{"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":3,"outputTokenCount":5}}"#;

    fn answer() -> Vec<Vec<u8>> {
        vec![chunk(START), chunk(DELTA), chunk("{}"), chunk(STOP)]
    }

    fn told() -> String {
        format!(
            "event: message_start\ndata: {START}\n\nevent: content_block_delta\ndata: {DELTA}\n\nevent: message_stop\ndata: {STOP}\n\n"
        )
    }

    /// What comes out of `chunks`, and the fault at its end.
    async fn out(chunks: impl IntoIterator<Item = Vec<u8>>) -> (String, Option<Fault>) {
        let chunks: Vec<_> = chunks.into_iter().map(|one| Ok(Bytes::from(one))).collect();
        let items: Vec<_> = of_frames(stream::iter(chunks).boxed()).collect().await;
        let mut text = String::new();
        let mut fault = None;
        for item in items {
            assert_eq!(fault, None, "a fault is the last item");
            match item {
                Ok(bytes) => text += std::str::from_utf8(&bytes).expect("UTF-8"),
                Err(told) => fault = Some(told),
            }
        }
        (text, fault)
    }

    #[tokio::test]
    async fn frames_become_the_events_that_claude_would_send() {
        assert_eq!(out(answer()).await, (told(), None));
    }

    #[tokio::test]
    async fn frames_may_be_split_at_every_byte() {
        let whole = answer().concat();
        for at in 0..=whole.len() {
            let (one, other) = whole.split_at(at);
            let split = [one.to_vec(), other.to_vec()];
            assert_eq!(out(split).await, (told(), None), "split at {at}");
        }
        let single = whole.iter().map(|byte| vec![*byte]);
        assert_eq!(out(single).await, (told(), None));
    }

    #[tokio::test]
    async fn a_stream_that_is_cut_anywhere_says_so() {
        let whole = answer().concat();
        for end in 0..whole.len() {
            let (text, fault) = out([whole[..end].to_vec()]).await;
            assert_eq!(fault, Some(Fault::Cut), "cut at {end}");
            assert!(told().starts_with(&text), "cut at {end}: {text}");
        }
        let (text, fault) = out([chunk(START), chunk(DELTA)]).await;
        assert_eq!(fault, Some(Fault::Cut), "cut between frames");
        assert!(text.contains("content_block_delta"), "{text}");
    }

    #[tokio::test]
    async fn a_wrong_checksum_ends_the_stream_behind_what_was_good() {
        let good = chunk(START);
        for at in [8, 11, good.len() - 4, good.len() - 1] {
            let mut bad = chunk(DELTA);
            let at = if at < 12 {
                at
            } else {
                bad.len() - (good.len() - at)
            };
            bad[at] ^= 1;
            let (text, fault) = out([[good.clone(), bad, chunk(STOP)].concat()]).await;
            assert_eq!(text, format!("event: message_start\ndata: {START}\n\n"));
            assert_eq!(fault, Some(Fault::Malformed), "byte {at}");
        }
    }

    #[tokio::test]
    async fn every_exception_becomes_claudes_error_and_ends_the_stream() {
        for (name, kind) in [
            ("throttlingException", "rate_limit_error"),
            ("modelNotReadyException", "rate_limit_error"),
            ("serviceUnavailableException", "overloaded_error"),
            ("internalServerException", "api_error"),
            ("modelStreamErrorException", "api_error"),
            ("modelErrorException", "api_error"),
            ("modelTimeoutException", "timeout_error"),
            ("validationException", "invalid_request_error"),
            ("accessDeniedException", "permission_error"),
            ("resourceNotFoundException", "not_found_error"),
            ("serviceQuotaExceededException", "invalid_request_error"),
            ("unheardOfException", "api_error"),
        ] {
            let (text, fault) = out([chunk(START), exception(name, "why"), chunk(STOP)]).await;
            assert_eq!(fault, None, "{name}");
            let last = text.trim_end().rsplit("\n\n").next().expect("an event");
            let data = last.strip_prefix("event: error\ndata: ").expect(name);
            let data: serde_json::Value = serde_json::from_str(data).expect("JSON");
            assert_eq!(data["type"], "error");
            assert_eq!(data["error"]["type"], kind, "{name}");
        }
    }

    #[tokio::test]
    async fn an_error_frame_is_an_error_as_well() {
        let error = frame(
            &[
                (":message-type", "error"),
                (":error-code", "ThrottlingException"),
                (":error-message", "slow \"down\""),
            ],
            b"",
        );
        let (text, fault) = out([error]).await;
        assert_eq!(fault, None);
        assert_eq!(
            text,
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"slow \\\"down\\\"\"}}\n\n"
        );
    }

    #[tokio::test]
    async fn what_is_no_event_is_malformed_and_what_tells_nothing_is_dropped() {
        let event = |payload: &str| {
            let headers = [(":message-type", "event"), (":event-type", "chunk")];
            frame(&headers, payload.as_bytes())
        };
        for bad in [
            event("no json"),
            event(r#"{"bytes":"***"}"#),
            event(r#"{"bytes":"bm8ganNvbg=="}"#),
            chunk(r#"{"type":"a\nb"}"#),
            chunk(r#"{"type":""}"#),
            frame(&[(":message-type", "unheard-of")], b"{}"),
            frame(&[], b"{}"),
        ] {
            let (text, fault) = out([bad, chunk(STOP)]).await;
            assert_eq!((text.as_str(), fault), ("", Some(Fault::Malformed)));
        }
        let quiet = [
            event("{}"),
            event(r#"{"p":"ab"}"#),
            chunk(r#"{"a":1}"#),
            chunk(STOP),
        ];
        let (text, fault) = out(quiet).await;
        assert_eq!(
            (text, fault),
            (format!("event: message_stop\ndata: {STOP}\n\n"), None)
        );
    }

    #[tokio::test]
    async fn json_on_several_lines_stays_one_event() {
        let (text, _) = out([chunk("{\n\"type\":\"message_stop\"\r}")]).await;
        assert_eq!(
            text,
            "event: message_stop\ndata: {\ndata: \"type\":\"message_stop\"\ndata: }\n\n"
        );
    }

    #[tokio::test]
    async fn a_fault_of_the_connection_is_passed_on() {
        let broken = stream::iter([Ok(Bytes::from(chunk(START))), Err(Fault::Cut)]).boxed();
        let items: Vec<_> = of_frames(broken).collect().await;
        assert_eq!(items.len(), 2);
        assert_eq!(items[1], Err(Fault::Cut));
    }

    /// Feeds `bytes` in pieces of these sizes.
    fn fed(bytes: &[u8], sizes: &[usize]) -> (Vec<u8>, Option<Fault>) {
        let mut translation = Translation::default();
        let mut text = Vec::new();
        let (mut at, mut nth) = (0, 0);
        while at < bytes.len() {
            let size = sizes
                .get(nth % sizes.len().max(1))
                .copied()
                .unwrap_or(1)
                .max(1);
            let end = (at + size).min(bytes.len());
            let (events, fault) = translation.take(&bytes[at..end]);
            text.extend_from_slice(&events);
            if fault.is_some() {
                return (text, fault);
            }
            (at, nth) = (end, nth + 1);
        }
        let fault = translation.end();
        (text, fault)
    }

    proptest! {
        #[test]
        fn no_bytes_upset_the_translation(
            bytes in prop::collection::vec(any::<u8>(), 0..512),
            sizes in prop::collection::vec(1_usize..64, 1..8),
        ) {
            let _ = fed(&bytes, &sizes);
        }

        #[test]
        fn damage_and_splits_change_nothing_but_where_it_ends(
            damage in prop::option::of((any::<prop::sample::Index>(), 1_u8..)),
            sizes in prop::collection::vec(1_usize..200, 1..8),
        ) {
            let mut bytes = answer().concat();
            if let Some((at, bits)) = &damage {
                bytes[at.index(answer().concat().len())] ^= bits;
            }
            let (text, fault) = fed(&bytes, &sizes);
            let text = String::from_utf8(text).expect("UTF-8");
            prop_assert!(told().starts_with(&text));
            prop_assert_eq!(fault.is_some(), damage.is_some());
        }
    }
}
