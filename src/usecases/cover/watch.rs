//! Where a text that is still being written may be parted, so that no link and no placeholder stands on both sides.
//!
//! # Why
//! A text may be parted behind a space with nothing open around it: no bracket, no tag, no address of a link, no line that
//! may define one. What reads links (`privacy::links`) and placeholders (`privacy::Vault`) finds the same in the parts, then,
//! as in the whole. Where it is not sure that something is closed it counts as open: that costs the reader a moment.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::tag::TagWatch;
use crate::salesforce::clean;

/// Characters of a placeholder that is spelt with spaces; ours have half as many.
const BODY_CHARS: u32 = 160;
/// How a placeholder may begin, beside `[`.
const OPENINGS: [&str; 7] = ["&#91;", "&#x5b;", "&lsqb;", "&lbrack;", "%5b", "［", "【"];
/// Characters that are remembered to know an opening by.
const RECENT_CHARS: usize = 8;

/// Reads one text as it comes.
#[derive(Default)]
pub(super) struct Watch {
    /// How far it was read.
    at: usize,
    /// The last place where it may be parted; 0 where there is none yet.
    safe: usize,
    /// Behind the last space; 0 where there is none yet.
    space: usize,
    /// Where each `[` stands that is open, and whether it began its line.
    brackets: Vec<(usize, bool)>,
    /// What was just closed by a `]`: it may be the words of a link.
    closed: Option<(usize, bool)>,
    /// The address of a link.
    link: Option<Link>,
    /// A line that defines what a link's label means.
    definition: Option<Definition>,
    tags: TagWatch,
    /// Characters that a placeholder may still have, where one began.
    body: Option<u32>,
    /// The last characters, in small letters.
    recent: [char; RECENT_CHARS],
    /// Whether more than an indent stands on this line.
    in_line: bool,
    /// Whether the word at hand may be an address or a placeholder.
    special: bool,
}

/// Inside of `](`…`)`.
struct Link {
    at: usize,
    /// Brackets that are open.
    depth: u32,
    /// Whether the address has begun, and whether it is one in angles.
    begun: bool,
    in_angles: bool,
    /// Whether a space was last, and the quote that a title is in.
    spaced: bool,
    quote: Option<char>,
}

/// Behind `[label]:`.
struct Definition {
    at: usize,
    /// Whether the address has begun; before it one line break may stand.
    begun: bool,
    broken: bool,
}

impl Watch {
    /// A watch over what follows `before`.
    pub(super) fn behind(before: Option<char>) -> Self {
        Self {
            in_line: before.is_some_and(|before| before != '\n'),
            ..Self::default()
        }
    }

    /// Reads on in `text`, which has grown since.
    pub(super) fn read(&mut self, text: &str) {
        let from = self.at;
        for (offset, c) in text[from..].char_indices() {
            self.step(from + offset, c);
        }
        self.at = text.len();
    }

    /// The last place where what was read may be parted; 0 where there is none yet.
    pub(super) fn safe(&self) -> usize {
        self.safe
    }

    /// Behind the last space; 0 where there is none.
    pub(super) fn space(&self) -> usize {
        self.space
    }

    /// Whether nothing is open where the text ends for now.
    pub(super) fn is_closed(&self) -> bool {
        self.brackets.is_empty()
            && self.closed.is_none()
            && self.link.is_none()
            && self.definition.is_none()
            && self.body.is_none()
            && self.tags.is_closed()
    }

    /// Where the characters stand that opened what is open.
    pub(super) fn openings(&self) -> BTreeSet<usize> {
        let brackets = self.brackets.iter().map(|(at, _)| *at);
        brackets
            .chain(self.closed.map(|(at, _)| at))
            .chain(self.link.as_ref().map(|link| link.at))
            .chain(self.definition.as_ref().map(|definition| definition.at))
            .chain(self.tags.openings())
            .collect()
    }

    /// Forgets what stood before the last safe place: it is the text's beginning now.
    pub(super) fn part(&mut self) {
        // Nothing was open there, so whatever is open stands behind it.
        let gone = std::mem::take(&mut self.safe);
        self.at -= gone;
        self.space = self.space.saturating_sub(gone);
        for (at, _) in self.brackets.iter_mut().chain(&mut self.closed) {
            *at -= gone;
        }
        if let Some(link) = &mut self.link {
            link.at -= gone;
        }
        if let Some(definition) = &mut self.definition {
            definition.at -= gone;
        }
        self.tags.part(gone);
    }

    fn step(&mut self, at: usize, c: char) {
        let end = at + c.len_utf8();
        let seen = match c {
            '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => '\n',
            _ if is_unseen(c) => {
                self.special = true;
                return;
            }
            _ => c,
        };
        self.tags.step(at, seen);
        self.placeholder(seen);
        self.link_or_bracket(at, seen);
        self.define(seen);

        match seen {
            '\n' => self.in_line = false,
            ' ' | '\t' | '>' => {}
            _ => self.in_line = true,
        }
        if seen.is_whitespace() {
            self.special = false;
        } else if is_special(seen) {
            self.special = true;
        }
        let is_space = matches!(c, ' ' | '\n' | '\t');
        if is_space {
            self.space = end;
        }
        let parts_words = is_space || (is_unspaced(c) && !self.special);
        let behind_indent = self.in_line || c == '\n';
        if parts_words && behind_indent && self.is_closed() && !self.tags.in_anchor() {
            self.safe = end;
        }
    }

    fn placeholder(&mut self, c: char) {
        for small in c.to_lowercase() {
            self.recent.rotate_left(1);
            self.recent[RECENT_CHARS - 1] = small;
        }
        let goes_on =
            c.is_ascii_alphanumeric() || matches!(c, '\\' | '_' | '-') || c.is_whitespace();
        self.body = self
            .body
            .filter(|&left| goes_on && left > 0)
            .map(|left| left - 1);
        if matches!(c, ';' | 'b' | 'B' | '［' | '【')
            && OPENINGS
                .iter()
                .any(|opening| ends_with(&self.recent, opening))
        {
            self.body = Some(BODY_CHARS);
        }
    }

    fn link_or_bracket(&mut self, at: usize, c: char) {
        if let Some(link) = &mut self.link {
            if link.read(c) {
                self.link = None;
            }
            return;
        }
        match (self.closed.take(), c) {
            (Some(_), '(') => {
                self.link = Some(Link {
                    at,
                    depth: 1,
                    begun: false,
                    in_angles: false,
                    spaced: false,
                    quote: None,
                });
            }
            (Some((at, true)), ':') => {
                self.definition.get_or_insert(Definition {
                    at,
                    begun: false,
                    broken: false,
                });
            }
            (_, '[') => self.brackets.push((at, !self.in_line)),
            (_, ']') => self.closed = self.brackets.pop(),
            _ => {}
        }
    }

    fn define(&mut self, c: char) {
        let Some(definition) = &mut self.definition else {
            return;
        };
        let ends = match (c, definition.begun) {
            ('\n', true) => true,
            ('\n', false) => std::mem::replace(&mut definition.broken, true),
            _ => false,
        };
        if ends {
            self.definition = None;
        } else if !matches!(c, ':' | ' ' | '\t' | '\n') {
            definition.begun = true;
        }
    }
}

impl Link {
    /// Whether it ends with `c`.
    fn read(&mut self, c: char) -> bool {
        if self.in_angles {
            self.in_angles = c != '>';
            return false;
        }
        if self.quote.is_some() {
            self.quote = self.quote.filter(|&quote| quote != c);
            return false;
        }
        if self.begun && self.spaced && matches!(c, '"' | '\'') {
            self.quote = Some(c);
            return false;
        }
        self.spaced = c.is_whitespace();
        if !self.begun && !self.spaced {
            self.begun = true;
            if c == '<' {
                self.in_angles = true;
                return false;
            }
        }
        match c {
            '(' => self.depth += 1,
            ')' => self.depth -= 1,
            _ => {}
        }
        self.depth == 0
    }
}

/// Whether `text` may hold neither a link nor a placeholder, nor anything that no eye sees.
pub(super) fn is_plain(text: &str) -> bool {
    let names_host = || {
        let bytes = text.as_bytes();
        bytes
            .windows(3)
            .any(|three| three.eq_ignore_ascii_case(b"www"))
    };
    !text.contains(|c| c != '.' && is_special(c))
        && !names_host()
        && matches!(clean(text), Cow::Borrowed(_))
}

/// Whether a word with `c` in it may be part of a link or a placeholder.
fn is_special(c: char) -> bool {
    matches!(
        c,
        '[' | ']'
            | '<'
            | '>'
            | ':'
            | '/'
            | '\\'
            | '&'
            | '%'
            | '_'
            | '.'
            | '［'
            | '］'
            | '【'
            | '】'
    )
}

/// Whether nobody sees `c`, by itself at least.
fn is_unseen(c: char) -> bool {
    !matches!(c, ' '..='~' | '\n' | '\t')
        && matches!(clean(c.encode_utf8(&mut [0; 4])), Cow::Owned(_))
}

/// Whether the last of `recent` are the characters of `opening`.
fn ends_with(recent: &[char], opening: &str) -> bool {
    let mut last = recent.iter().rev();
    opening.chars().rev().all(|c| last.next() == Some(&c))
}

/// Whether words that are written with `c` stand without spaces between them.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3001}'..='\u{30ff}'
        | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}' | '\u{ff01}'..='\u{ff0f}')
        && !matches!(c, '【' | '】')
}
