//! A source laid out as the JSON that it will be, each part with the bytes it takes, before anything is written.
//!
//! # Why
//! What is cut must be known before the text is written, and a source may be fifty times the room. So its parts stand
//! in one flat list, a parent before its children, each with its own bytes: leaving a part out is a mark and a
//! subtraction, and no part is written twice.

use std::borrow::Cow;

use jiff::Timestamp;

use super::hostile::{clean, readable};
use super::record::{Record, Value};
use super::source::Source;
use super::spelling;

/// Objects down to this depth stand one member a line, and lists one deeper, for whoever reads a prompt.
const LINES_TO_DEPTH: usize = 1;

/// The parts of a source, in the order in which they are written; the first is the object around them all.
pub(super) struct Outline<'s> {
    pub(super) parts: Vec<Part<'s>>,
    /// What the kept parts take together. Exact until something is left out, later at most a few bytes too much.
    pub(super) bytes: usize,
}

/// One JSON value, and its name where it is a member.
pub(super) struct Part<'s> {
    pub(super) name: Option<Cow<'s, str>>,
    pub(super) body: Body<'s>,
    pub(super) hold: Hold,
    pub(super) depth: usize,
    /// Where the list of parts goes on behind this one and all inside it.
    pub(super) end: usize,
    /// What it takes by itself: name, quotes or brackets, separator, text; not what stands inside.
    pub(super) bytes: usize,
    pub(super) kept: bool,
}

/// What a part holds.
pub(super) enum Body<'s> {
    Text(Cow<'s, str>),
    /// A number, true or false.
    Bare(&'s str),
    Object,
    List,
}

/// What may happen to a part when there is too little room.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Hold {
    /// It stays: the id of the record in question, and the containers around everything.
    Firm,
    /// A record in a list, with its newest moment: left out whole, the oldest first.
    Entry(Option<Timestamp>),
    /// Left out when nothing else helps.
    Loose,
    /// Stays or goes with what it is part of: the value of a fact.
    Bound,
    /// The type of a record, the label of a fact: says nothing by itself, and so stays or goes with the rest.
    Type,
}

impl<'s> Outline<'s> {
    /// Lays out `source`; what says nothing (nulls, empty texts and lists, encoded files) is no part of it.
    pub(super) fn of(source: &'s Source) -> Self {
        let mut builder = Builder {
            parts: Vec::new(),
            depth: 0,
        };
        builder.nest(None, Body::Object, Hold::Firm, |all| all.source(source));
        let bytes = builder.parts.iter().map(|part| part.bytes).sum();
        Self {
            parts: builder.parts,
            bytes,
        }
    }

    /// The parts directly inside the one at `index`.
    pub(super) fn inside(&self, index: usize) -> impl Iterator<Item = usize> {
        inside(&self.parts, index)
    }
}

/// The parts directly inside the one at `index` of `parts`.
fn inside(parts: &[Part<'_>], index: usize) -> impl Iterator<Item = usize> {
    let end = parts[index].end;
    let first = (index + 1 < end).then_some(index + 1);
    std::iter::successors(first, move |&part| {
        Some(parts[part].end).filter(|&next| next < end)
    })
}

struct Builder<'s> {
    parts: Vec<Part<'s>>,
    /// Of the part that comes next.
    depth: usize,
}

impl<'s> Builder<'s> {
    fn source(&mut self, source: &'s Source) {
        if let Some(record) = &source.record {
            self.record(Some("record"), record, Hold::Firm);
        }
        self.nest(Some("related"), Body::Object, Hold::Firm, |related| {
            for (name, records) in &source.related {
                related.entries(Some(name), records);
            }
        });
        self.nest(Some("facts"), Body::List, Hold::Firm, |facts| {
            for (label, value) in &source.facts {
                facts.fact(label, value);
            }
        });
        if let Some(text) = &source.text {
            self.text(Some("text"), text, Hold::Loose);
        }
    }

    fn record(&mut self, name: Option<&'s str>, record: &'s Record, hold: Hold) {
        let in_question = hold == Hold::Firm;
        self.nest(name, Body::Object, hold, |members| {
            if let Some(object) = record.object() {
                members.text(Some("sObject"), object, Hold::Type);
            }
            for (name, value) in record.fields() {
                let is_its_id = in_question && name.eq_ignore_ascii_case("Id");
                let hold = if is_its_id { Hold::Firm } else { Hold::Loose };
                members.value(Some(name), value, hold);
            }
        });
    }

    fn value(&mut self, name: Option<&'s str>, value: &'s Value, hold: Hold) {
        match value {
            Value::Null => {}
            Value::Flag(flag) => self.bare(name, if *flag { "true" } else { "false" }, hold),
            Value::Number(number) => self.bare(name, number.as_str(), hold),
            Value::Text(text) => self.text(name, text, hold),
            Value::Parent(parent) => self.record(name, parent, Hold::Loose),
            Value::Children(children) => self.entries(name, &children.records),
            Value::Compound(members) => self.nest(name, Body::Object, hold, |compound| {
                for (name, value) in members {
                    compound.value(Some(name), value, Hold::Loose);
                }
            }),
            Value::List(values) => self.nest(name, Body::List, hold, |list| {
                for value in values {
                    list.value(None, value, Hold::Loose);
                }
            }),
        }
    }

    fn entries(&mut self, name: Option<&'s str>, records: &'s [Record]) {
        self.nest(name, Body::List, Hold::Loose, |list| {
            for record in records {
                list.record(None, record, Hold::Entry(record.newest_moment()));
            }
        });
    }

    fn fact(&mut self, label: &'s str, value: &'s str) {
        self.nest(None, Body::Object, Hold::Loose, |fact| {
            fact.text(Some("label"), label, Hold::Type);
            fact.text(Some("value"), value, Hold::Bound);
        });
    }

    fn text(&mut self, name: Option<&'s str>, text: &'s str, hold: Hold) {
        let text = readable(text);
        if !text.trim().is_empty() {
            let bytes = spelling::width(&text) + 2;
            self.push(name, Body::Text(text), hold, bytes);
        }
    }

    fn bare(&mut self, name: Option<&'s str>, written: &'s str, hold: Hold) {
        self.push(name, Body::Bare(written), hold, written.len());
    }

    /// Adds a container with what `fill` puts into it; nothing at all where that says nothing.
    fn nest(
        &mut self,
        name: Option<&'s str>,
        body: Body<'s>,
        hold: Hold,
        fill: impl FnOnce(&mut Self),
    ) {
        let index = self.parts.len();
        // Of the members' separators, which each member counts, the first is not written.
        let (brackets, separator) = if body.stands_in_lines(self.depth) {
            (4, 2)
        } else {
            (2, 1)
        };
        self.push(name, body, hold, brackets - separator);
        self.depth += 1;
        fill(self);
        self.depth -= 1;

        let says_nothing = self.parts[index + 1..]
            .iter()
            .all(|part| part.hold == Hold::Type);
        if says_nothing && self.depth > 0 {
            self.parts.truncate(index);
            return;
        }
        self.parts[index].end = self.parts.len();
        let members: Vec<usize> = inside(&self.parts, index).collect();
        for member in members {
            self.parts[member].bytes += separator;
        }
    }

    fn push(&mut self, name: Option<&'s str>, body: Body<'s>, hold: Hold, bytes: usize) {
        let name = name.map(readable_name);
        let name_bytes = name.as_ref().map_or(0, |name| spelling::width(name) + 3);
        self.parts.push(Part {
            name,
            body,
            hold,
            depth: self.depth,
            end: self.parts.len() + 1,
            bytes: name_bytes + bytes,
            kept: true,
        });
    }
}

impl Part<'_> {
    /// The part's name, if it came with the source; `record`, `sObject` and their like are ours.
    pub(super) fn given_name(&self) -> Option<&str> {
        let is_ours = self.depth < 2 || matches!(self.hold, Hold::Type | Hold::Bound);
        self.name.as_deref().filter(|_| !is_ours)
    }
}

impl Body<'_> {
    /// Whether each member or element stands on a line of its own.
    pub(super) fn stands_in_lines(&self, depth: usize) -> bool {
        match self {
            Body::Object => depth <= LINES_TO_DEPTH,
            Body::List => depth <= LINES_TO_DEPTH + 1,
            Body::Text(_) | Body::Bare(_) => false,
        }
    }
}

/// A name without what no eye sees. One that was nothing else still needs to be called something.
fn readable_name(name: &str) -> Cow<'_, str> {
    let name = clean(name);
    if name.is_empty() {
        Cow::Borrowed("unnamed")
    } else {
        name
    }
}
