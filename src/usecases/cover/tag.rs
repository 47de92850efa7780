//! Tags of HTML in a text that is still being written, read as a browser reads them.
//!
//! # Why
//! What begins like a tag and ends nowhere is none, and then one may have begun inside of it. So all that may be tags are
//! read at once; of those that have come to the same point one is enough, which keeps them few.

/// A longer tag is none. More than `privacy::links` reads, since placeholders in it may become shorter.
const TAG_BYTES: usize = 4_096;

/// Knows whether the text may be inside of a tag, or stands between an `a` and its end.
#[derive(Default)]
pub(super) struct TagWatch {
    /// What may be a tag, the first first.
    tags: Vec<Tag>,
    /// Tags called `a` that are open.
    anchors: u32,
}

/// What may be a tag.
struct Tag {
    /// Where its `<` stands.
    start: usize,
    bytes: usize,
    state: State,
    closes: bool,
    /// Whether its name is `a` so far, and whether it may be the scheme of an address in angles.
    is_anchor: bool,
    has_colon: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Behind `<`, or behind `</`.
    Opened,
    Name,
    /// Behind a name with a colon and a slash.
    Scheme,
    Between,
    Attribute,
    BehindAttribute,
    BeforeValue,
    Quoted(char),
    Unquoted,
    /// Behind its `>`.
    Complete,
    /// It is none.
    None,
}

impl TagWatch {
    /// Whether no tag is open.
    pub(super) fn is_closed(&self) -> bool {
        self.tags.is_empty()
    }

    /// Whether the text stands between an `a` and its end.
    pub(super) fn in_anchor(&self) -> bool {
        self.anchors > 0
    }

    /// Where all that may be an open tag began.
    pub(super) fn openings(&self) -> impl Iterator<Item = usize> {
        self.tags.iter().map(|tag| tag.start)
    }

    /// The text begins `gone` bytes later now.
    pub(super) fn part(&mut self, gone: usize) {
        for tag in &mut self.tags {
            tag.start -= gone;
        }
    }

    /// Reads `c`, which stands at `at` of the text.
    pub(super) fn step(&mut self, at: usize, c: char) {
        for tag in &mut self.tags {
            tag.state = tag.read(c);
        }
        if let Some(first) = self.tags.first()
            && first.state == State::Complete
        {
            match (first.is_anchor, first.closes) {
                (true, false) => self.anchors += 1,
                (true, true) => self.anchors = self.anchors.saturating_sub(1),
                (false, _) => {}
            }
            // Whatever seemed to begin inside of it did not.
            self.tags.clear();
        }
        let may_be = |tag: &Tag| {
            !matches!(tag.state, State::Complete | State::None) && tag.bytes <= TAG_BYTES
        };
        self.tags.retain(may_be);
        for nth in (1..self.tags.len()).rev() {
            let (before, from) = self.tags.split_at(nth);
            // The later one is read for longer.
            if let Some(same) = before.iter().rposition(|tag| tag.is_like(&from[0])) {
                self.tags.remove(same);
                break;
            }
        }
        if c == '<' {
            self.tags.push(Tag {
                start: at,
                bytes: 1,
                state: State::Opened,
                closes: false,
                is_anchor: false,
                has_colon: false,
            });
        }
    }
}

impl Tag {
    /// Whether it goes on as `other` does.
    fn is_like(&self, other: &Self) -> bool {
        self.state == other.state
            && self.has_colon == other.has_colon
            && self.state != State::Opened
    }

    fn read(&mut self, c: char) -> State {
        self.bytes += c.len_utf8();
        let is_space = c.is_ascii_whitespace();
        match self.state {
            State::Opened => match c {
                '/' if !self.closes => {
                    self.closes = true;
                    State::Opened
                }
                c if c.is_ascii_alphabetic() => {
                    self.is_anchor = c.eq_ignore_ascii_case(&'a');
                    State::Name
                }
                _ => State::None,
            },
            State::Name => match c {
                '/' if self.has_colon => State::Scheme,
                c if is_space || matches!(c, '/' | '>') => between(c),
                c => {
                    self.is_anchor = false;
                    self.has_colon |= c == ':';
                    State::Name
                }
            },
            State::Scheme if c == '/' => State::None,
            State::Scheme | State::Between => between(c),
            State::Attribute => match c {
                '=' => State::BeforeValue,
                '/' | '>' => between(c),
                _ if is_space => State::BehindAttribute,
                _ => State::Attribute,
            },
            State::BehindAttribute => match c {
                '=' => State::BeforeValue,
                _ if is_space => State::BehindAttribute,
                c => between(c),
            },
            State::BeforeValue => match c {
                '"' | '\'' => State::Quoted(c),
                '>' => between(c),
                _ if is_space => State::BeforeValue,
                _ => State::Unquoted,
            },
            State::Quoted(quote) if c == quote => State::Between,
            State::Unquoted if is_space || c == '>' => between(c),
            state => state,
        }
    }
}

/// Between the attributes of a tag.
fn between(c: char) -> State {
    match c {
        '>' => State::Complete,
        '/' => State::Between,
        c if c.is_ascii_whitespace() => State::Between,
        _ => State::Attribute,
    }
}
