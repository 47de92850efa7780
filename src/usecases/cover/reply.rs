//! What is put back into a reply, and what is taken out of it.

use std::borrow::Cow;
use std::str;

use bytes::Bytes;

use super::Cover;
use super::json_answer::shown;
use crate::domain::json_text::{Edit, Node, quoted, spliced, unquoted, with_strings};
use crate::privacy::links;
use crate::providers::claude::said::{self, How, Said};

/// Times that values are put back and links taken out, which is more than an honest answer has a use for.
const PASSES: usize = 4;

pub(super) fn uncovered(cover: &Cover, reply: &Bytes) -> Bytes {
    let Ok(text) = str::from_utf8(reply) else {
        return reply.clone();
    };
    let Ok(root) = Node::read(text) else {
        return reply.clone();
    };
    let edits = cover.edits(text, &said::reply(text, &root));
    if edits.is_empty() {
        return reply.clone();
    }
    Bytes::from(spliced(text, &edits))
}

impl Cover {
    /// What changes in `text` where what is `said` in it is uncovered.
    pub(super) fn edits(&self, text: &str, said: &[Said]) -> Vec<Edit> {
        let uncovered = |said: &Said| {
            let written = &text[said.at.clone()];
            let uncovered = match said.how {
                How::Prose | How::Phrase => changed(written, |text| shown(text, self))?,
                How::Quote => changed(written, |text| self.vault.restore(text))?,
                How::Input => self.input(written)?,
            };
            Some((said.at.clone(), uncovered))
        };
        said.iter().filter_map(uncovered).collect()
    }

    /// A text that is shown, with the values put back and without foreign links. To put a value back may complete a link,
    /// and to take one out may complete a placeholder.
    pub(super) fn prose(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for _ in 0..PASSES {
            let restored = self.vault.restore(&text);
            let next = links::keep_allowed(&restored, &self.policy.link_hosts);
            if next == text {
                break;
            }
            text = next;
        }
        text
    }

    /// The JSON of a tool's input, maybe cut off, with the values put back into its strings; None where there are none.
    pub(super) fn input(&self, json: &str) -> Option<String> {
        if self.vault.is_empty() {
            return None;
        }
        with_strings(json, |text| {
            let restored = self.vault.restore(text);
            (restored != text).then_some(restored)
        })
    }
}

/// The literal of a string as `change` makes it; None where that changes nothing.
fn changed(literal: &str, change: impl Fn(&str) -> String) -> Option<String> {
    let text = said_in(literal)?;
    let instead = change(&text);
    (instead != text).then(|| quoted(&instead))
}

/// What a string says; half a character in it is none.
pub(super) fn said_in(literal: &str) -> Option<Cow<'_, str>> {
    unquoted(literal).or_else(|| without_halves(literal).map(Cow::Owned))
}

/// What a string says whose escapes hold half a character: `\ud83d` alone.
fn without_halves(literal: &str) -> Option<String> {
    let mut sound = String::with_capacity(literal.len());
    let mut rest = literal;
    while let Some(at) = rest.find('\\') {
        let (head, escape) = rest.split_at(at);
        sound.push_str(head);
        let half = escape
            .get(..3)
            .is_some_and(|head| head.eq_ignore_ascii_case("\\ud"))
            && matches!(
                escape.as_bytes().get(3),
                Some(b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F')
            );
        let length = if half { 6 } else { 2 };
        sound.push_str(if half { "\\ufffd" } else { escape.get(..2)? });
        rest = escape.get(length..)?;
    }
    sound.push_str(rest);
    unquoted(&sound).map(Cow::into_owned)
}
