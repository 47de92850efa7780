//! Tags of HTML in a text that is still being written, read as a browser reads them.

/// A longer tag is none. More than `privacy::links` reads, since placeholders in it may become shorter.
const TAG_BYTES: usize = 4_096;

/// Knows whether the text is inside of a tag, or of an `a`.
#[derive(Default)]
pub(super) struct TagWatch {
    state: State,
    /// Where the tag's `<` stands.
    start: usize,
    name: String,
    closes: bool,
    bytes: usize,
    /// Tags called `a` that are open.
    anchors: u32,
}

#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Outside,
    /// Behind `<`, or behind `</`.
    Opened,
    Name,
    /// Behind a name that may be the scheme of an address in angles.
    Scheme,
    Between,
    Attribute,
    BehindAttribute,
    BeforeValue,
    Quoted(char),
    Unquoted,
}

impl TagWatch {
    /// Whether no tag is open.
    pub(super) fn is_closed(&self) -> bool {
        self.state == State::Outside
    }

    /// Whether the text stands between an `a` and its end.
    pub(super) fn in_anchor(&self) -> bool {
        self.anchors > 0
    }

    /// Where the open tag began.
    pub(super) fn opening(&self) -> Option<usize> {
        (!self.is_closed()).then_some(self.start)
    }

    /// The text begins `gone` bytes later now.
    pub(super) fn part(&mut self, gone: usize) {
        self.start = self.start.saturating_sub(gone);
    }

    /// Reads `c`, which stands at `at` of `text`.
    pub(super) fn step(&mut self, text: &str, at: usize, c: char) {
        self.read(at, c);
        while !self.is_closed() && self.bytes > TAG_BYTES {
            // No tag, so one may have begun inside of what was taken for it.
            let from = self.start + 1;
            self.state = State::Outside;
            for (offset, c) in text[from..at + c.len_utf8()].char_indices() {
                self.read(from + offset, c);
            }
        }
    }

    fn read(&mut self, at: usize, c: char) {
        self.bytes += c.len_utf8();
        let is_space = c.is_ascii_whitespace();
        self.state = match self.state {
            State::Outside => self.opened(at, c),
            State::Opened => match c {
                '/' if !self.closes => {
                    self.closes = true;
                    State::Opened
                }
                c if c.is_ascii_alphabetic() => {
                    self.name.push(c);
                    State::Name
                }
                _ => self.opened(at, c),
            },
            State::Name => match c {
                '/' if self.name.contains(':') => State::Scheme,
                c if is_space || matches!(c, '/' | '>') => self.between(c),
                c => {
                    self.name.push(c);
                    State::Name
                }
            },
            State::Scheme if c == '/' => State::Outside,
            State::Scheme | State::Between => self.between(c),
            State::Attribute => match c {
                '=' => State::BeforeValue,
                _ if is_space => State::BehindAttribute,
                '/' | '>' => self.between(c),
                _ => State::Attribute,
            },
            State::BehindAttribute => match c {
                '=' => State::BeforeValue,
                _ if is_space => State::BehindAttribute,
                c => self.between(c),
            },
            State::BeforeValue => match c {
                '"' | '\'' => State::Quoted(c),
                '>' => self.between(c),
                _ if is_space => State::BeforeValue,
                _ => State::Unquoted,
            },
            State::Quoted(quote) if c == quote => State::Between,
            State::Quoted(quote) => State::Quoted(quote),
            State::Unquoted if is_space || c == '>' => self.between(c),
            State::Unquoted => State::Unquoted,
        };
    }

    /// Outside of any tag.
    fn opened(&mut self, at: usize, c: char) -> State {
        if c != '<' {
            return State::Outside;
        }
        self.start = at;
        self.bytes = 1;
        self.name.clear();
        self.closes = false;
        State::Opened
    }

    /// Between the attributes of a tag.
    fn between(&mut self, c: char) -> State {
        if c == '>' {
            if self.name.eq_ignore_ascii_case("a") {
                self.anchors = if self.closes {
                    self.anchors.saturating_sub(1)
                } else {
                    self.anchors + 1
                };
            }
            return State::Outside;
        }
        if c == '/' || c.is_ascii_whitespace() {
            State::Between
        } else {
            State::Attribute
        }
    }
}
