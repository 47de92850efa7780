//! Server-sent events out of bytes that are cut anywhere (WHATWG HTML, 9.2), each with its bytes as they came.

use std::ops::Range;

/// The longest event that is read.
const EVENT_BYTES: usize = 32_000_000;
/// May stand before the first line.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Reads a stream.
#[derive(Default)]
pub(super) struct Reader {
    buffer: Vec<u8>,
    /// Where the event begins that is being read, and its line.
    event: usize,
    line: usize,
    /// How far was looked for the end of the line.
    at: usize,
    /// Where the values of its `data` lines stand.
    data: Vec<Line>,
    /// Whether it has a line that is no comment.
    has_fields: bool,
    /// Whether a line has been read.
    begun: bool,
}

/// Where a line with data stands in its event: all of it, its end included, and its value.
#[derive(Clone)]
struct Line {
    whole: Range<usize>,
    value: Range<usize>,
}

/// What came.
pub(super) struct Event {
    raw: Vec<u8>,
    lines: Vec<Line>,
}

/// The event is longer than any.
#[derive(Debug)]
pub(super) struct TooLong;

impl Reader {
    /// Takes in more bytes and yields what they complete; a comment by itself is complete with its line.
    pub(super) fn feed(&mut self, chunk: &[u8]) -> Result<Vec<Event>, TooLong> {
        self.buffer.extend_from_slice(chunk);
        let mut events = Vec::new();
        while let Some(end) = self.line_end(false) {
            events.extend(self.take_line(end));
        }
        self.buffer.drain(..self.event);
        self.line -= self.event;
        self.at -= self.event;
        self.event = 0;
        if self.buffer.len() > EVENT_BYTES {
            return Err(TooLong);
        }
        Ok(events)
    }

    /// What is left when the stream has ended: an event without its empty line counts, a line without its end too.
    pub(super) fn finish(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(end) = self.line_end(true) {
            events.extend(self.take_line(end));
        }
        if self.line < self.buffer.len() {
            self.buffer.push(b'\n');
            let end = self.buffer.len();
            self.at = end - 1;
            events.extend(self.take_line(end));
        }
        if self.event < self.buffer.len() {
            self.buffer.push(b'\n');
            self.at = self.buffer.len() - 1;
            events.extend(self.take_line(self.buffer.len()));
        }
        events
    }

    /// Moves `at` to the end of the line's words, and yields where the next line begins.
    fn line_end(&mut self, is_last: bool) -> Option<usize> {
        let rest = &self.buffer[self.at..];
        let Some(length) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
            self.at = self.buffer.len();
            return None;
        };
        self.at += length;
        if self.buffer[self.at] == b'\n' {
            return Some(self.at + 1);
        }
        match self.buffer.get(self.at + 1) {
            Some(b'\n') => Some(self.at + 2),
            Some(_) => Some(self.at + 1),
            // A line break may follow that belongs to it.
            None => is_last.then_some(self.at + 1),
        }
    }

    /// Reads the line that ends at `at`, before the next, and yields what it completes.
    fn take_line(&mut self, next: usize) -> Option<Event> {
        let mut start = self.line;
        if !self.begun && self.buffer[start..self.at].starts_with(BOM) {
            start += BOM.len();
        }
        self.begun = true;
        let words = &self.buffer[start..self.at];
        let is_empty = words.is_empty();
        let is_comment = words.first() == Some(&b':');
        let value = match words.strip_prefix(b"data") {
            Some([]) => Some(self.at),
            Some([b':', b' ', ..]) => Some(start + 6),
            Some([b':', ..]) => Some(start + 5),
            _ => None,
        };
        if let Some(value) = value {
            self.data.push(Line {
                whole: start - self.event..next - self.event,
                value: value - self.event..self.at - self.event,
            });
        }
        self.has_fields |= !is_empty && !is_comment;
        (self.line, self.at) = (next, next);
        let is_complete = is_empty || (is_comment && !self.has_fields);
        if !is_complete {
            return None;
        }
        self.has_fields = false;
        let raw = self.buffer[self.event..next].to_vec();
        self.event = next;
        Some(Event {
            raw,
            lines: std::mem::take(&mut self.data),
        })
    }
}

impl Event {
    /// Whether it says something, be it no text.
    pub(super) fn has_data(&self) -> bool {
        self.lines.iter().any(|line| !line.value.is_empty())
    }

    /// What it says; None where it says nothing, or no text.
    pub(super) fn data(&self) -> Option<String> {
        if self.lines.is_empty() {
            return None;
        }
        let values: Vec<&[u8]> = self
            .lines
            .iter()
            .map(|line| &self.raw[line.value.clone()])
            .collect();
        String::from_utf8(values.join(&b'\n')).ok()
    }

    /// The same event saying `data`, where the first of its data stood.
    pub(super) fn with_data(&self, data: &str) -> Vec<u8> {
        let mut written = Vec::with_capacity(self.raw.len() + data.len());
        let mut copied = 0;
        for (nth, line) in self.lines.iter().enumerate() {
            written.extend_from_slice(&self.raw[copied..line.whole.start]);
            copied = line.whole.end;
            if nth == 0 {
                for line in data.split('\n') {
                    written.extend_from_slice(b"data: ");
                    written.extend_from_slice(line.as_bytes());
                    written.push(b'\n');
                }
            }
        }
        written.extend_from_slice(&self.raw[copied..]);
        written
    }

    /// Its bytes as they came.
    pub(super) fn raw(&self) -> &[u8] {
        &self.raw
    }
}
