//! What is put back into a streamed reply, and what is taken out of it.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;

use super::Cover;
use super::flow::Flow;
use super::reply::said_in;
use super::sse::{Event, Reader};
use crate::domain::json_text::{Edit, Kind, Node, quoted, spliced};
use crate::providers::claude::said::{self, How, Said};

/// Blocks that may be open at once.
const OPEN_BLOCKS: usize = 1_000;
/// Bytes of tools' inputs that wait, with the events that brought them.
const INPUT_BYTES: usize = 32_000_000;

/// Uncovers a stream of server-sent events as it comes.
///
/// What needs no change goes on byte for byte, in order. Over a block, the text that comes out is what [`Cover::uncover`]
/// would make of it as a whole, but for labels of links that are explained further down and addresses in character
/// references; in no case does a link stay that leads elsewhere.
pub struct Uncovering {
    cover: Cover,
    reader: Reader,
    blocks: BTreeMap<u64, Block>,
    /// Bytes of `Block::Input`.
    waiting: usize,
    /// Whether nothing more comes out of it.
    ended: bool,
    /// Whether that is because it could not be looked through to its end.
    gave_up: bool,
}

/// A block that is being written.
enum Block {
    Text(Flow),
    Input { events: Vec<u8>, json: String },
}

/// The stream holds more than can wait.
struct TooMuch;

impl Uncovering {
    pub(super) fn new(cover: Cover) -> Self {
        Self {
            cover,
            reader: Reader::default(),
            blocks: BTreeMap::new(),
            waiting: 0,
            ended: false,
            gave_up: false,
        }
    }

    /// The cover that it works with.
    pub fn cover(&self) -> &Cover {
        &self.cover
    }

    /// How many bytes wait in it, which more may set free at once.
    pub fn held(&self) -> usize {
        let flows = self.blocks.values().map(|block| match block {
            Block::Text(flow) => flow.held(),
            Block::Input { .. } => 0,
        });
        self.waiting + flows.sum::<usize>()
    }

    /// Whether it ended the stream with an error of its own, as it could not be looked through.
    pub fn gave_up(&self) -> bool {
        self.gave_up
    }

    /// Takes in more of the stream and yields the events that may go out now.
    pub fn feed(&mut self, chunk: &[u8]) -> Bytes {
        let mut out = Vec::new();
        if self.ended {
            return Bytes::new();
        }
        let fed = self.reader.feed(chunk).map_err(|_| TooMuch);
        let uncovered = fed.and_then(|events| {
            events
                .iter()
                .try_for_each(|event| self.event(event, &mut out))
        });
        if let Err(TooMuch) = uncovered {
            self.give_up(&mut out);
        }
        Bytes::from(out)
    }

    /// What is left when the stream has ended, wherever it was cut.
    pub fn finish(&mut self) -> Bytes {
        let mut out = Vec::new();
        if self.ended {
            return Bytes::new();
        }
        for event in self.reader.finish() {
            // What was cut before or inside of its data says nothing any more.
            let data = event.data();
            let is_whole = data.is_some_and(|data| Node::read(&data).is_ok());
            if is_whole && self.event(&event, &mut out).is_err() {
                self.give_up(&mut out);
                return Bytes::from(out);
            }
        }
        self.end_all(&mut out);
        self.ended = true;
        Bytes::from(out)
    }

    fn give_up(&mut self, out: &mut Vec<u8>) {
        const ERROR: &str = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"the \
                             answer holds more in one piece than can be looked through\"}}\n\n";
        self.blocks.clear();
        self.reader = Reader::default();
        self.ended = true;
        self.gave_up = true;
        out.extend_from_slice(ERROR.as_bytes());
    }

    fn event(&mut self, event: &Event, out: &mut Vec<u8>) -> Result<(), TooMuch> {
        let data = event.data();
        let read = data
            .as_deref()
            .and_then(|data| Some((data, Node::read(data).ok()?)));
        let Some((data, root)) = read else {
            // What can't be read can't be looked through, and means nothing to a reader of events either.
            if !event.has_data() {
                out.extend_from_slice(event.raw());
            }
            return Ok(());
        };
        let kind = root.get("type").and_then(|kind| kind.text(data));
        let index = root.get("index").map(|index| &data[index.at.clone()]);
        let index = index.and_then(|index| index.parse().ok()).unwrap_or(0);
        let said = match kind.as_deref() {
            Some("content_block_start") => {
                return self.start(event, data, &root, index, out);
            }
            Some("content_block_delta") => {
                return self.delta(event, data, &root, index, out);
            }
            Some("content_block_stop") => {
                self.end(index, out);
                Vec::new()
            }
            Some("message_start") => root
                .get("message")
                .map(|message| said::reply(data, message))
                .unwrap_or_default(),
            Some("message_delta") => {
                self.end_all(out);
                root.get("delta")
                    .map(|delta| said::reply(data, delta))
                    .unwrap_or_default()
            }
            Some("message_stop" | "error") => {
                self.end_all(out);
                said::reply(data, &root)
            }
            _ => said::reply(data, &root),
        };
        self.say(event, data, &said, out);
        Ok(())
    }

    /// Passes an event on with what is `said` in it uncovered.
    fn say(&self, event: &Event, data: &str, said: &[Said], out: &mut Vec<u8>) {
        pass(event, data, &self.cover.edits(data, said), out);
    }

    fn start(
        &mut self,
        event: &Event,
        data: &str,
        root: &Node<'_>,
        index: u64,
        out: &mut Vec<u8>,
    ) -> Result<(), TooMuch> {
        self.end(index, out);
        let block = root.get("content_block");
        let mut said = block
            .map(|block| said::block_said(data, block))
            .unwrap_or_default();
        // More of a text may follow, so it is read with that.
        let prose: Vec<Said> = said.extract_if(.., |said| said.how == How::Prose).collect();
        let mut edits = self.cover.edits(data, &said);
        for prose in prose {
            let literal = &data[prose.at.clone()];
            let text = said_in(literal).unwrap_or_default();
            let shown = flow(&mut self.blocks, index)?.push(&text, &self.cover);
            if shown != text {
                edits.push((prose.at, quoted(&shown)));
            }
        }
        edits.sort_unstable_by_key(|(at, _)| at.start);
        pass(event, data, &edits, out);
        Ok(())
    }

    fn delta(
        &mut self,
        event: &Event,
        data: &str,
        root: &Node<'_>,
        index: u64,
        out: &mut Vec<u8>,
    ) -> Result<(), TooMuch> {
        let Some(delta) = root.get("delta") else {
            out.extend_from_slice(event.raw());
            return Ok(());
        };
        let kind = delta.get("type").and_then(|kind| kind.text(data));
        let string = |name: &str| delta.get(name).filter(|node| node.kind == Kind::Text);
        match (
            kind.as_deref(),
            string("text"),
            string("partial_json"),
            delta.get("citation"),
        ) {
            (Some("text_delta") | None, Some(node), ..) => {
                let text = said_in(&data[node.at.clone()]).unwrap_or_default();
                if matches!(self.blocks.get(&index), Some(Block::Input { .. })) {
                    self.end(index, out);
                }
                let shown = flow(&mut self.blocks, index)?.push(&text, &self.cover);
                if shown == text {
                    out.extend_from_slice(event.raw());
                } else if !shown.is_empty() {
                    let edit = (node.at.clone(), quoted(&shown));
                    pass(event, data, &[edit], out);
                }
            }
            (Some("input_json_delta"), _, Some(node), _) if !self.cover.vault.is_empty() => {
                let json = said_in(&data[node.at.clone()]).unwrap_or_default();
                if matches!(self.blocks.get(&index), Some(Block::Text(_))) {
                    self.end(index, out);
                }
                self.wait(event, &json, index)?;
            }
            (Some("citations_delta"), _, _, Some(citation)) => {
                self.say(event, data, &said::citation_said(citation), out);
            }
            (Some("input_json_delta" | "thinking_delta" | "signature_delta"), ..) => {
                out.extend_from_slice(event.raw());
            }
            _ => self.say(event, data, &said::everything(delta), out),
        }
        Ok(())
    }

    /// Keeps a piece of a tool's input until all of it is there.
    fn wait(&mut self, event: &Event, piece: &str, index: u64) -> Result<(), TooMuch> {
        self.waiting += event.raw().len() + piece.len();
        if self.waiting > INPUT_BYTES || self.blocks.len() > OPEN_BLOCKS {
            return Err(TooMuch);
        }
        let block = self.blocks.entry(index).or_insert_with(|| Block::Input {
            events: Vec::new(),
            json: String::new(),
        });
        if let Block::Input { events, json } = block {
            events.extend_from_slice(event.raw());
            json.push_str(piece);
        }
        Ok(())
    }

    /// What still waits of a block, which has ended.
    fn end(&mut self, index: u64, out: &mut Vec<u8>) {
        match self.blocks.remove(&index) {
            Some(Block::Text(mut flow)) => {
                let rest = flow.end(&self.cover);
                if !rest.is_empty() {
                    let delta = format!(r#"{{"type":"text_delta","text":{}}}"#, quoted(&rest));
                    write_delta(index, &delta, out);
                }
            }
            Some(Block::Input { events, json }) => {
                self.waiting -= events.len() + json.len();
                match self.cover.input(&json) {
                    Some(json) => {
                        let json = quoted(&json);
                        let delta =
                            format!(r#"{{"type":"input_json_delta","partial_json":{json}}}"#);
                        write_delta(index, &delta, out);
                    }
                    None => out.extend(events),
                }
            }
            None => {}
        }
    }

    fn end_all(&mut self, out: &mut Vec<u8>) {
        let open: Vec<u64> = self.blocks.keys().copied().collect();
        for index in open {
            self.end(index, out);
        }
    }
}

fn flow(blocks: &mut BTreeMap<u64, Block>, index: u64) -> Result<&mut Flow, TooMuch> {
    if blocks.len() > OPEN_BLOCKS {
        return Err(TooMuch);
    }
    let block = blocks
        .entry(index)
        .or_insert_with(|| Block::Text(Flow::default()));
    match block {
        Block::Text(flow) => Ok(flow),
        Block::Input { .. } => Err(TooMuch),
    }
}

/// Passes an event on with `edits` made in its data.
fn pass(event: &Event, data: &str, edits: &[Edit], out: &mut Vec<u8>) {
    if edits.is_empty() {
        out.extend_from_slice(event.raw());
    } else {
        out.extend(event.with_data(&spliced(data, edits)));
    }
}

fn write_delta(index: u64, delta: &str, out: &mut Vec<u8>) {
    let event = format!(
        "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":{index},\"delta\":{delta}}}\n\n"
    );
    out.extend(event.into_bytes());
}

impl fmt::Debug for Uncovering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uncovering")
            .field("cover", &self.cover)
            .field("blocks", &self.blocks.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
