//! One text of a stream: what may be shown of it already, uncovered, and what must wait for more.
//!
//! # Why
//! Plain words go on at once; what may be the beginning of a link or a placeholder waits until it is closed or the text
//! ends. Each part is uncovered with the character before it in view, so that parts come to what the whole would have come
//! to. Only a label that is explained further down keeps its brackets (its address goes all the same), and where an
//! address is spelt with character references, those of the part alone are read. An answer that is JSON waits to its end.

use super::Cover;
use super::json_answer::{may_be_json, shown};
use super::watch::{Watch, is_plain};

/// Bytes that wait. Beyond them what is open is taken for what it is so far, and cannot be closed any more.
const HELD_BYTES: usize = 16_384;
/// Bytes that are read at a time.
const STEP_BYTES: usize = 2_048;
/// Times that what stays open is looked at again.
const PASSES: usize = 8;

/// Bytes of an answer that is JSON, all of which wait; up to the first of these every piece is judged.
const JSON_BYTES: usize = 1_000_000;
const JUDGED_BYTES: usize = 256;

/// One text as it comes.
#[derive(Default)]
pub(super) struct Flow {
    /// Whether it is surely prose.
    is_prose: bool,
    /// How much of it was judged last.
    judged: usize,
    held: String,
    watch: Watch,
    /// What stands before the held text.
    before: Option<char>,
    /// Bytes to wait for until the next try, after what was put back left something open.
    wanted: usize,
}

impl Flow {
    /// How many bytes of it wait.
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// Takes in more of the text and yields what may be shown now.
    pub(super) fn push(&mut self, text: &str, cover: &Cover) -> String {
        if self.is_prose {
            return self.push_prose(text, cover);
        }
        self.held.push_str(text);
        let length = self.held.len();
        let is_due = length < JUDGED_BYTES || length >= 2 * self.judged;
        if is_due {
            self.judged = length;
        }
        let may_wait = !cover.vault.is_empty() && length <= JSON_BYTES;
        if may_wait && (!is_due || may_be_json(&self.held)) {
            return String::new();
        }
        self.is_prose = true;
        let held = std::mem::take(&mut self.held);
        self.push_prose(&held, cover)
    }

    fn push_prose(&mut self, mut text: &str, cover: &Cover) -> String {
        let mut shown = String::new();
        while !text.is_empty() {
            let (step, rest) = text.split_at(text.floor_char_boundary(STEP_BYTES));
            text = rest;
            self.held.push_str(step);
            self.watch.read(&self.held);
            self.release(cover, &mut shown);
            if self.held.len() > HELD_BYTES {
                self.force(cover, &mut shown);
            }
        }
        shown
    }

    /// The rest, now that the text has ended.
    pub(super) fn end(&mut self, cover: &Cover) -> String {
        let rest = std::mem::take(self);
        if !rest.is_prose {
            return shown(&rest.held, cover);
        }
        uncovered(&rest.held, rest.before, cover)
    }

    /// Shows all up to the last place where the text may be parted.
    fn release(&mut self, cover: &Cover, shown: &mut String) {
        let safe = self.watch.safe();
        if safe == 0 || safe < self.wanted {
            return;
        }
        let part = &self.held[..safe];
        let uncovered = uncovered(part, self.before, cover);
        if uncovered != part && !watched(&uncovered, self.before).is_closed() {
            // A value that was put back has opened something.
            self.wanted = 2 * safe;
            return;
        }
        shown.push_str(&uncovered);
        self.before = part.chars().next_back();
        self.held.drain(..safe);
        self.watch.part();
        self.wanted = 0;
    }

    /// Shows what has waited for too long, up to its last space, and with nothing left open.
    fn force(&mut self, cover: &Cover, shown: &mut String) {
        let space = self.watch.space();
        let cut = if space == 0 { self.held.len() } else { space };
        let part: String = self.held.drain(..cut).collect();
        let uncovered = closed(uncovered(&part, self.before, cover), self.before);
        shown.push_str(&uncovered);
        self.before = part.chars().next_back();
        if space == 0 {
            // So that nothing goes on which seemed to have ended.
            shown.push(' ');
            self.before = Some(' ');
        }
        self.watch = Watch::behind(self.before);
        self.watch.read(&self.held);
        self.wanted = 0;
    }
}

/// `part` uncovered, where it stands behind `before`.
fn uncovered(part: &str, before: Option<char>, cover: &Cover) -> String {
    if is_plain(part) {
        return part.to_owned();
    }
    let Some(before) = before else {
        return cover.prose(part);
    };
    let lead = format!("x{before}");
    let whole = cover.prose(&format!("{lead}{part}"));
    match whole.strip_prefix(&lead) {
        Some(rest) => rest.to_owned(),
        None => cover.prose(part),
    }
}

fn watched(text: &str, before: Option<char>) -> Watch {
    let mut watch = Watch::behind(before);
    watch.read(text);
    watch
}

/// `text` with a space for whatever opens something that it does not close.
fn closed(mut text: String, before: Option<char>) -> String {
    for _ in 0..PASSES {
        let openings = watched(&text, before).openings();
        if openings.is_empty() {
            return text;
        }
        for at in openings {
            text.replace_range(at..=at, " ");
        }
    }
    text.replace(['[', '<', '('], " ")
}

#[cfg(test)]
pub(super) mod tests;
