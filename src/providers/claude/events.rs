//! Server-sent events of a Messages answer, read beside their bytes.
//!
//! # Why
//! A relayed stream is passed on byte for byte, so nothing here writes events: it only finds where each one ends and reads
//! the few that say what the answer used, how it ended, or that it failed. Between events nothing is kept, so a stream of
//! any length is read in the room of its longest event.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::usage::WireUsage;
use super::{Stop, stop};
use crate::domain::Usage;
use crate::providers::provider::{Fault, Said};

/// Reads a stream of events as it passes.
#[derive(Debug, Default)]
pub struct Tap {
    /// What came of an event that is not whole yet.
    pending: BytesMut,
    /// Up to where `pending` has been searched for its end.
    searched: usize,
    /// Events so far.
    events: u64,
    /// Whether the answer's own first event has come.
    started: bool,
    usage: Option<WireUsage>,
    /// Whether the usage is the whole answer's and not only its beginning's.
    told: bool,
    finished: bool,
    stop: Option<Stop>,
    failure: Option<Failure>,
}

/// An `error` event: the stream failed although its status was a success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What it means for us.
    pub fault: Fault,
    /// The provider's own words.
    pub said: Said,
}

/// An event as far as it is read. What its members hold is read one by one: one that is odd spoils no other.
#[derive(Deserialize)]
struct WireEvent<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default, borrow)]
    message: Option<&'a RawValue>,
    #[serde(default, borrow)]
    usage: Option<&'a RawValue>,
    #[serde(default, borrow)]
    delta: Option<&'a RawValue>,
    #[serde(default, borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct WireDelta {
    #[serde(default)]
    stop_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct WireFailure {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    message: String,
}

/// The longest event that is read. An answer is no longer than that as a whole, either.
const EVENT_BYTES: usize = 32_000_000;
/// Characters of a provider's own words that are passed on.
const SAID_CHARS: usize = 4_000;

impl Tap {
    /// Takes `chunk` in, and gives out the events that are whole by now, to the byte.
    ///
    /// # Errors
    /// [`Fault::Malformed`] where one event is longer than any.
    pub fn read(&mut self, chunk: Bytes) -> Result<Bytes, Fault> {
        if self.pending.is_empty() {
            let end = self.note_events(&chunk, 0);
            if end == chunk.len() {
                return Ok(chunk); // the usual case: nothing is copied
            }
            self.keep(BytesMut::from(&chunk[end..]))?;
            return Ok(chunk.slice(..end));
        }
        let mut all = std::mem::take(&mut self.pending);
        all.extend_from_slice(&chunk);
        let end = self.note_events(&all, self.searched);
        let whole = all.split_to(end);
        self.keep(all)?;
        Ok(whole.freeze())
    }

    /// Whether an event has been whole.
    pub fn has_begun(&self) -> bool {
        self.events > 0
    }

    /// Whether the model has begun to answer.
    pub fn has_started(&self) -> bool {
        self.started
    }

    /// Whether the answer came to its end.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// How the answer ended, as far as that is told.
    pub fn stop(&self) -> Option<Stop> {
        self.stop
    }

    /// Why the stream failed, where it says so itself.
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// What the answer used; `None` where the stream ended before it said that.
    pub fn usage(&self) -> Option<Usage> {
        self.usage.as_ref().filter(|_| self.told)?.told()
    }

    fn keep(&mut self, rest: BytesMut) -> Result<(), Fault> {
        if rest.len() > EVENT_BYTES {
            return Err(Fault::Malformed);
        }
        // The end of an event may lie astride of two chunks.
        self.searched = rest.len().saturating_sub(3);
        self.pending = rest;
        Ok(())
    }

    /// Reads every whole event of `bytes`, whose first `searched` bytes hold no end, and tells where the last one ends.
    fn note_events(&mut self, bytes: &[u8], searched: usize) -> usize {
        let (mut start, mut from) = (0, searched);
        while let Some(end) = end_of_event(bytes, from) {
            self.note(&bytes[start..end]);
            (start, from) = (end, end);
        }
        start
    }

    fn note(&mut self, event: &[u8]) {
        let mut name = None;
        let mut data: Vec<&[u8]> = Vec::new();
        for line in event.split(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if let Some(rest) = line.strip_prefix(b"event:") {
                name = Some(rest.trim_ascii());
            } else if let Some(rest) = line.strip_prefix(b"data:") {
                data.push(rest);
            }
        }
        if name.is_none() && data.is_empty() {
            return; // a comment keeps the connection alive and says nothing
        }
        self.events += 1;
        let is_read = name.is_none_or(|name| {
            matches!(
                name,
                b"message_start" | b"message_delta" | b"message_stop" | b"error"
            )
        });
        if is_read {
            match data.as_slice() {
                [one] => self.read_data(one),
                several => self.read_data(&several.join(&b'\n')),
            }
        }
    }

    fn read_data(&mut self, data: &[u8]) {
        if let Ok(event) = serde_json::from_slice(data) {
            self.take(&event);
        }
    }

    fn take(&mut self, event: &WireEvent<'_>) {
        match &*event.kind {
            "message_start" => {
                self.started = true;
                let message = event.message.map(RawValue::get).unwrap_or_default();
                self.usage = WireUsage::of_message(message.as_bytes());
            }
            "message_delta" => {
                let delta = event
                    .delta
                    .and_then(|raw| serde_json::from_str(raw.get()).ok());
                let reason = delta.and_then(|delta: WireDelta| delta.stop_reason);
                self.stop = reason.map(|reason| stop(Some(&reason))).or(self.stop);
                if let Some(later) = event.usage.and_then(WireUsage::read) {
                    self.told |= later.tells_output();
                    self.usage = Some(match self.usage.take() {
                        Some(first) => first.then(later),
                        None => later,
                    });
                }
            }
            "message_stop" => self.finished = true,
            "error" => {
                let wire = event
                    .error
                    .and_then(|raw| serde_json::from_str(raw.get()).ok());
                let wire: WireFailure = wire.unwrap_or_default();
                self.failure.get_or_insert(Failure {
                    fault: fault_of(&wire.kind),
                    said: Said {
                        kind: wire.kind,
                        message: wire.message.chars().take(SAID_CHARS).collect(),
                    },
                });
            }
            _ => {}
        }
    }
}

/// What an error of this type means, whichever status it would have had.
pub fn fault_of(kind: &str) -> Fault {
    match kind {
        "rate_limit_error" => Fault::RateLimited,
        "overloaded_error" => Fault::Overloaded(529),
        "authentication_error" => Fault::Denied(401),
        "billing_error" => Fault::Denied(402),
        "permission_error" => Fault::Denied(403),
        "not_found_error" => Fault::Denied(404),
        "invalid_request_error" => Fault::Rejected(400),
        "request_too_large" => Fault::Rejected(413),
        "timeout_error" => Fault::Failed(504),
        _ => Fault::Failed(500),
    }
}

/// Where the first event that ends behind `from` ends: behind its blank line.
fn end_of_event(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(found) = bytes[at..].iter().position(|byte| *byte == b'\n') {
        let next = at + found + 1;
        match &bytes[next..] {
            [b'\n', ..] => return Some(next + 1),
            [b'\r', b'\n', ..] => return Some(next + 2),
            _ => at = next,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STREAM: &str = concat!(
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"type\":\"message\",\"content\":[],\"stop_reason\":null,\"usage\":{\"input_tokens\":25,\"cache_read_input_tokens\":7,\"output_tokens\":1}}}\n\n",
        ": a comment\n\n",
        "event: ping\ndata: {\"type\": \"ping\"}\n\n",
        "event: content_block_delta\r\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Grüße\"}}\r\n\r\n",
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\ndata: \"usage\":{\"output_tokens\":15}}\n\n",
        "event: of_the_future\ndata: {}\n\n",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    );

    fn read(chunks: &[&[u8]]) -> (Vec<u8>, Tap) {
        let mut tap = Tap::default();
        let mut out = Vec::new();
        for chunk in chunks {
            out.extend(tap.read(Bytes::copy_from_slice(chunk)).expect("short"));
        }
        (out, tap)
    }

    #[test]
    fn a_stream_split_at_any_byte_passes_whole_and_tells_its_usage() {
        let bytes = STREAM.as_bytes();
        for at in 0..=bytes.len() {
            let (out, tap) = read(&[&bytes[..at], &bytes[at..]]);
            assert_eq!(out, bytes, "split at {at}");
            assert!(tap.is_finished() && tap.has_begun());
            let usage = tap.usage().expect("told");
            assert_eq!((usage.input_tokens, usage.output_tokens), (25, 15));
            assert_eq!(usage.cache_read_tokens, 7);
            assert_eq!(tap.stop(), Some(Stop::Done));
        }
    }

    #[test]
    fn of_a_stream_that_is_cut_only_whole_events_pass() {
        let bytes = STREAM.as_bytes();
        for at in 0..bytes.len() {
            let (out, tap) = read(&[&bytes[..at]]);
            assert!(bytes.starts_with(&out));
            assert!(out.is_empty() || out.ends_with(b"\n\n") || out.ends_with(b"\r\n\r\n"));
            assert!(!tap.is_finished());
        }
    }

    #[test]
    fn before_the_last_count_nothing_is_known_of_the_usage() {
        let end = STREAM.find("event: message_delta").expect("it is there");
        let (_, tap) = read(&[&STREAM.as_bytes()[..end]]);
        assert_eq!(tap.usage(), None);
    }

    #[test]
    fn an_error_event_is_a_failure_of_its_kind() {
        let event = b"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
        let (_, tap) = read(&[event]);
        let failure = tap.failure().expect("it failed");
        assert_eq!(failure.fault, Fault::Overloaded(529));
        assert_eq!(failure.said.message, "Overloaded");
        for odd in ["\"overloaded\"", "null", "[1]", "{\"type\":7}"] {
            let event = format!("event: error\ndata: {{\"type\":\"error\",\"error\":{odd}}}\n\n");
            let (_, tap) = read(&[event.as_bytes()]);
            assert_eq!(
                tap.failure().map(|told| told.fault),
                Some(Fault::Failed(500)),
                "{odd}"
            );
        }
    }

    #[test]
    fn an_odd_usage_spoils_neither_the_end_nor_what_was_told_before() {
        let odd = STREAM.replace("\"message_stop\"}", "\"message_stop\",\"usage\":\"x\"}");
        let (_, tap) = read(&[odd.as_bytes()]);
        assert!(tap.is_finished());
        assert_eq!(tap.usage().map(|usage| usage.output_tokens), Some(15));
        let broken = STREAM.replace("\"output_tokens\":15", "\"output_tokens\":-15");
        let (_, tap) = read(&[broken.as_bytes()]);
        assert!(tap.is_finished());
        assert_eq!(tap.usage(), None);
    }

    #[test]
    fn of_two_counts_the_larger_is_the_whole_answers() {
        let twice = STREAM.replace("event: message_stop", "event: message_delta\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":3}}\n\nevent: message_stop");
        let (_, tap) = read(&[twice.as_bytes()]);
        assert_eq!(tap.usage().map(|usage| usage.output_tokens), Some(15));
    }

    #[test]
    fn an_event_without_end_is_no_event() {
        let mut tap = Tap::default();
        let chunk = Bytes::from(vec![b'x'; 8_000_000]);
        let mut results = (0..5).map(|_| tap.read(chunk.clone()));
        assert!(results.any(|result| result == Err(Fault::Malformed)));
    }

    proptest! {
        #[test]
        fn whatever_comes_passes_in_its_order(
            text in "(event: [a-z]{0,5}\r?\n|data: .{0,9}\n|\n|\r\n|[a-z]{0,4}){0,20}",
            cuts in prop::collection::vec(0usize..200, 0..8),
        ) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            let (out, tap) = read(&chunks);
            let mut all = out;
            all.extend_from_slice(&tap.pending);
            prop_assert_eq!(all, bytes);
            let (whole, _) = read(&[bytes]);
            let (cut, _) = read(&chunks);
            prop_assert_eq!(whole, cut);
        }
    }
}
