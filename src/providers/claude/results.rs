//! What the results of a batch have used, read off their lines while these pass.
//!
//! # Why
//! Results can be gigabytes, so they are neither kept nor held up: of each line only the usage is read. What cannot be
//! read passes all the same, and counts as used by nobody knows how much.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::usage::WireUsage;
use crate::domain::Usage;

/// What the lines so far have used.
#[derive(Debug, Default)]
pub struct Tally {
    begun: Vec<u8>,
    is_too_long: bool,
    /// Lines so far, each the result of one request.
    pub lines: usize,
    /// What was used, by the model that the results name.
    pub used: BTreeMap<String, Usage>,
    /// Whether a line did not say what it has used.
    pub is_unknown: bool,
}

#[derive(Deserialize)]
struct WireLine {
    result: WireResult,
}

#[derive(Deserialize)]
struct WireResult {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    message: Option<WireAnswer>,
}

#[derive(Deserialize)]
struct WireAnswer {
    model: String,
    usage: WireUsage,
}

/// The longest line that is read: as long as the longest answer.
const LINE_BYTES: usize = 32_000_000;
/// Models that one batch can have.
const MODELS: usize = 256;

impl Tally {
    /// Reads the next bytes, which end anywhere.
    pub fn read(&mut self, mut chunk: &[u8]) {
        while let Some(end) = chunk.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = chunk.split_at(end);
            chunk = &rest[1..];
            if self.begun.is_empty() && !self.is_too_long {
                self.line(line);
            } else {
                self.hold(line);
                self.end_line();
            }
        }
        self.hold(chunk);
    }

    /// Notes that nothing more comes: the last line may lack its end.
    pub fn finish(&mut self) {
        if !self.begun.is_empty() || self.is_too_long {
            self.end_line();
        }
    }

    fn hold(&mut self, bytes: &[u8]) {
        self.is_too_long |= self.begun.len() + bytes.len() > LINE_BYTES;
        if self.is_too_long {
            self.begun = Vec::new();
        } else {
            self.begun.extend_from_slice(bytes);
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.begun);
        if std::mem::take(&mut self.is_too_long) {
            self.lines += 1;
            self.is_unknown = true;
        } else {
            self.line(&line);
        }
    }

    fn line(&mut self, line: &[u8]) {
        if line.trim_ascii().is_empty() {
            return;
        }
        self.lines += 1;
        let result = serde_json::from_slice::<WireLine>(line).map(|line| line.result);
        match result {
            Ok(WireResult {
                message: Some(WireAnswer { model, usage }),
                ..
            }) => match usage.told() {
                Some(usage) => self.add(model, usage),
                None => self.is_unknown = true,
            },
            // Only what succeeded is billed.
            Ok(WireResult { kind, .. })
                if matches!(kind.as_str(), "errored" | "canceled" | "expired") => {}
            Ok(_) | Err(_) => self.is_unknown = true,
        }
    }

    fn add(&mut self, model: String, usage: Usage) {
        if self.used.len() >= MODELS && !self.used.contains_key(&model) {
            self.is_unknown = true;
            return;
        }
        *self.used.entry(model).or_default() += usage;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LINES: &str = "{\"custom_id\":\"a\",\"result\":{\"type\":\"succeeded\",\"message\":{\"type\":\"message\",\"model\":\"claude-sonnet-5-5\",\"content\":[{\"type\":\"text\",\"text\":\"\\n\"}],\"usage\":{\"input_tokens\":10,\"output_tokens\":5}}}}\n\
        {\"custom_id\":\"b\",\"result\":{\"type\":\"errored\",\"error\":{\"type\":\"error\"}}}\n\
        \n\
        {\"custom_id\":\"c\",\"result\":{\"type\":\"canceled\"}}\n\
        {\"custom_id\":\"d\",\"result\":{\"type\":\"expired\"}}\r\n\
        {\"custom_id\":\"e\",\"result\":{\"type\":\"succeeded\",\"message\":{\"model\":\"claude-sonnet-5-5\",\"usage\":{\"input_tokens\":1,\"output_tokens\":2}}}}";

    fn tally(chunks: &[&str]) -> Tally {
        let mut tally = Tally::default();
        for chunk in chunks {
            tally.read(chunk.as_bytes());
        }
        tally.finish();
        tally
    }

    #[test]
    fn what_succeeded_is_added_up_and_nothing_else() {
        let tally = tally(&[LINES]);
        assert_eq!((tally.lines, tally.is_unknown), (5, false));
        let usage = tally.used["claude-sonnet-5-5"];
        assert_eq!((usage.input_tokens, usage.output_tokens), (11, 7));
    }

    #[test]
    fn a_line_that_does_not_say_what_it_used_is_not_free() {
        for line in [
            "not JSON",
            "{\"custom_id\":\"a\"}",
            "{\"custom_id\":\"a\",\"result\":{\"type\":\"succeeded\"}}",
            "{\"custom_id\":\"a\",\"result\":{\"type\":\"of_the_future\"}}",
            "{\"custom_id\":\"a\",\"result\":{\"type\":\"succeeded\",\"message\":{\"model\":\"m\",\"usage\":{}}}}",
        ] {
            assert!(tally(&[LINES, "\n", line]).is_unknown, "{line}");
        }
    }

    #[test]
    fn a_line_without_end_fills_no_memory() {
        let mut tally = Tally::default();
        let chunk = vec![b'x'; 1_000_000];
        for _ in 0..40 {
            tally.read(&chunk);
            assert!(tally.begun.len() <= LINE_BYTES);
        }
        tally.read(b"\n");
        tally.read(LINES.as_bytes());
        tally.finish();
        assert_eq!((tally.lines, tally.is_unknown), (6, true));
        assert_eq!(tally.used.len(), 1);
    }

    proptest! {
        #[test]
        fn it_is_the_same_wherever_the_chunks_end(cuts in prop::collection::vec(0..LINES.len(), 0..8)) {
            let mut cuts = cuts;
            cuts.extend([0, LINES.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&str> = cuts.windows(2).map(|cut| &LINES[cut[0]..cut[1]]).collect();
            let (cut, whole) = (tally(&chunks), tally(&[LINES]));
            prop_assert_eq!((cut.lines, cut.is_unknown, cut.used), (whole.lines, whole.is_unknown, whole.used));
        }
    }
}
