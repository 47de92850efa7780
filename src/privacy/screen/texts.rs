//! What an org lets out of free texts and JSON that the caller wrote: records inside of them by their rules, all else by
//! the detectors.
//!
//! # Why
//! Apex writes `JSON.serialize(record)` into a prompt, and tools return it. There it is no word like another: its fields
//! have names, and the rules speak of these. So whatever object in a text bears the type of a record, as Salesforce
//! writes it, is read as that record and screened as one; strings of other JSON are read as what they say, since
//! an address in them may be spelt with escapes. What is no JSON is a text.
//!
//! Everything of one call is screened together: a name that one text's record masks is masked in the others, and a value
//! has one placeholder everywhere.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::ops::Range;
use std::rc::Rc;

use super::{Masker, is_id};
use crate::domain::Privacy;
use crate::domain::json_text::{Edit, Kind, Node, quoted, spliced, unquoted};
use crate::privacy::detectors::Scanner;
use crate::privacy::rules::Rules;
use crate::privacy::vault::Vault;
use crate::salesforce::{Record, Source, clean};

mod embedded;

use embedded::{is_record, is_tidy, read_record, written};

/// JSON inside a string of JSON that is looked into: a tool's result that quotes another's.
const NESTED: usize = 4;

/// Something of a call that may hold data.
#[derive(Clone)]
pub enum Passage<'t> {
    /// Words, maybe with JSON in them.
    Text(Cow<'t, str>),
    /// What names something: a word that is also the value of a masked field says nothing of anybody here.
    Name(Cow<'t, str>),
    /// The text of a JSON value whose strings, names and numbers are data.
    Json(&'t str),
}

/// What may leave of the passages of one call, and the way back.
///
/// `Debug` tells its shape and no value.
pub struct Passages {
    /// What is left of each, in their order; None for one that stays as it is, to the byte.
    pub left: Vec<Option<String>>,
    /// What the placeholders stand for.
    pub vault: Vault,
    /// What leaves: the names that the passages were given under, and `Object.Field` for records in them.
    pub sent: BTreeSet<String>,
    /// Those of them in which something was masked.
    pub masked: BTreeSet<String>,
}

/// Leaves of `passages`, each given under the name that the audit knows it by, what `policy` lets out.
///
/// Placeholders are numbered in the order in which the passages stand.
pub fn screen_passages(passages: &[(&str, Passage<'_>)], policy: &Privacy) -> Passages {
    let mut rules = Rules::new(policy);
    let scripts: Vec<Option<Script<'_>>> = passages
        .iter()
        .map(|(_, passage)| match passage {
            Passage::Text(text) => Some(Script::of_text(text, &mut rules, policy, 0)),
            Passage::Json(json) => Some(Script::of_json(json, &mut rules, policy)),
            Passage::Name(name) => {
                rules.vault.leave_out(name);
                None
            }
        })
        .collect();
    let Rules { known, vault, .. } = rules;
    let mut masker = Masker {
        policy,
        scanner: Scanner::new(policy, &known.mentions),
        known: &known,
        vault,
        sent: BTreeSet::new(),
        masked: BTreeSet::new(),
    };
    let left = passages
        .iter()
        .zip(scripts)
        .map(|((audit, passage), script)| {
            if let Passage::Name(name) = passage {
                return masker.passage_name(name, audit);
            }
            let script = script?;
            if !script.text.is_empty() {
                masker.sent.insert((*audit).to_owned());
            }
            script.left(&mut masker, "", audit)
        })
        .collect();
    Passages {
        left,
        vault: masker.vault,
        sent: masker.sent,
        masked: masker.masked,
    }
}

/// A text, cleaned, and what stands in it beside words.
struct Script<'t> {
    text: Cow<'t, str>,
    cleaned: bool,
    /// In order and apart.
    parts: Vec<Part>,
    /// Whether what stands between the parts is words, and not the marks of JSON.
    has_words: bool,
}

/// Something in a text.
struct Part {
    at: Range<usize>,
    what: What,
}

enum What {
    /// A record as it was, and what the rules leave of it; whether it was written so that it may stay to the byte.
    Record {
        before: Record,
        left: Record,
        is_tidy: bool,
    },
    /// A string of JSON, and the name of the member that it belongs to.
    Quoted {
        name: Rc<str>,
        script: Script<'static>,
    },
    /// A name in JSON.
    Name(String),
    /// A number in JSON.
    Number,
}

/// Collects the parts of one text while the rules are applied.
struct Collector<'c, 'p> {
    text: &'c str,
    rules: &'c mut Rules<'p>,
    policy: &'c Privacy,
    /// Strings of JSON around the text.
    nested: usize,
    /// Whether names and numbers are parts, or read with the words around them.
    whole: bool,
    parts: Vec<Part>,
}

impl<'t> Script<'t> {
    fn of_text(text: &'t str, rules: &mut Rules<'_>, policy: &Privacy, nested: usize) -> Self {
        // A string of JSON may hold these as they are, and no line break.
        const SEPARATORS: [char; 3] = ['\u{85}', '\u{2028}', '\u{2029}'];
        let clean = if text.contains('{') && text.contains(SEPARATORS) {
            Cow::Owned(clean(&text.replace(SEPARATORS, " ")).into_owned())
        } else {
            clean(text)
        };
        rules.vault.leave_out(&clean);
        Self {
            parts: Collector::search(&clean, rules, policy, nested),
            cleaned: matches!(clean, Cow::Owned(_)),
            text: clean,
            has_words: true,
        }
    }

    fn of_json(json: &'t str, rules: &mut Rules<'_>, policy: &Privacy) -> Self {
        rules.vault.leave_out(json);
        let mut collector = Collector {
            text: json,
            rules,
            policy,
            nested: 0,
            whole: true,
            parts: Vec::new(),
        };
        if let Ok(node) = Node::read(json) {
            collector.value(&node, &Rc::from(""));
        }
        let parts = collector.parts;
        Self {
            cleaned: false,
            text: Cow::Borrowed(json),
            parts,
            has_words: false,
        }
    }

    /// The same with a text of its own.
    fn owned(self) -> Script<'static> {
        Script {
            text: Cow::Owned(self.text.into_owned()),
            ..self
        }
    }

    /// What is left of it under `audit`, as the value of the field `name`; None where nothing changes.
    fn left(self, masker: &mut Masker<'_>, name: &str, audit: &str) -> Option<String> {
        let mut edits: Vec<Edit> = Vec::new();
        let mut read = 0;
        for part in self.parts {
            let Range { start, end } = part.at;
            if self.has_words {
                edits.extend(words(&self.text, read..start, masker, name, audit));
            }
            read = end;
            let instead = part.what.left(&self.text[start..end], masker, audit);
            edits.extend(instead.map(|instead| (start..end, instead)));
        }
        if self.has_words {
            edits.extend(words(
                &self.text,
                read..self.text.len(),
                masker,
                name,
                audit,
            ));
        }
        (self.cleaned || !edits.is_empty()).then(|| spliced(&self.text, &edits))
    }
}

/// What the words of `text` at `at` become, where something in them is masked.
fn words(
    text: &str,
    at: Range<usize>,
    masker: &mut Masker<'_>,
    name: &str,
    audit: &str,
) -> Option<Edit> {
    if at.is_empty() || masker.scanner.is_idle() {
        return None;
    }
    let hits = masker.scanner.find(&text[at.clone()], name);
    if hits.is_empty() {
        return None;
    }
    masker.masked.insert(audit.to_owned());
    let replaced = masker.replaced(&text[at.clone()], &hits);
    Some((at, replaced))
}

impl Masker<'_> {
    /// What is left of a name; None where it stays.
    fn passage_name(&mut self, name: &str, audit: &str) -> Option<String> {
        let cleaned = clean(name);
        let told = self.name(&cleaned);
        if told != cleaned {
            self.masked.insert(audit.to_owned());
        }
        (told != name).then_some(told)
    }
}

impl What {
    /// What stands in place of it, which is written as `json`; None where it stays.
    fn left(self, json: &str, masker: &mut Masker<'_>, audit: &str) -> Option<String> {
        match self {
            What::Record {
                before,
                left,
                is_tidy,
            } => {
                let left = masker.record(&left, false);
                (!is_tidy || left != before).then(|| written(&left))
            }
            What::Quoted { name, script } => {
                if is_id(&name, &script.text) {
                    return script.cleaned.then(|| quoted(&script.text));
                }
                let left = script.left(masker, &name, audit)?;
                Some(quoted(&left))
            }
            What::Name(name) => masker.passage_name(&name, audit).map(|told| quoted(&told)),
            What::Number => {
                if let Some(number) = masker.known.number_of(json) {
                    masker.masked.insert(audit.to_owned());
                    return Some(quoted(&masker.known_placeholder(number, json)));
                }
                let hits = masker.scanner.find_in_number(json);
                (!hits.is_empty()).then(|| {
                    masker.masked.insert(audit.to_owned());
                    quoted(&masker.replaced(json, &hits))
                })
            }
        }
    }
}

impl<'c, 'p> Collector<'c, 'p> {
    /// What stands in `text` in the form of JSON objects.
    fn search(
        text: &'c str,
        rules: &'c mut Rules<'p>,
        policy: &'c Privacy,
        nested: usize,
    ) -> Vec<Part> {
        if nested >= NESTED {
            return Vec::new();
        }
        let mut collector = Collector {
            text,
            rules,
            policy,
            nested,
            whole: false,
            parts: Vec::new(),
        };
        // Where an object seemed to begin that does not end: what was found so once is not tried again, so that no text
        // is read more than a few times.
        let mut no_objects = HashSet::new();
        let mut at = 0;
        while let Some(next) = text[at..].find('{') {
            let start = at + next;
            at = start + 1;
            let inside = text[at..].trim_start_matches([' ', '\n', '\r', '\t']);
            if !inside.starts_with('"') || no_objects.contains(&start) {
                continue;
            }
            match Node::read_at(text, start) {
                Ok(node) => {
                    collector.value(&node, &Rc::from(""));
                    at = node.at.end;
                }
                Err(not) => no_objects.extend(not.open),
            }
        }
        collector.parts
    }

    /// Takes in a value, which a member called `name` holds.
    fn value(&mut self, node: &Node<'_>, name: &Rc<str>) {
        match &node.kind {
            Kind::Word | Kind::Deep => {}
            Kind::Number => {
                if self.whole {
                    self.part(node, What::Number);
                }
            }
            Kind::Text => self.string(node, name),
            Kind::List(items) => {
                for item in items {
                    self.value(item, name);
                }
            }
            Kind::Object(members) => {
                if is_record(node, self.text) && self.record(node) {
                    return;
                }
                for member in members {
                    if self.whole {
                        self.rules.vault.leave_out(&member.name);
                        self.parts.push(Part {
                            at: member.at.clone(),
                            what: What::Name(member.name.clone().into_owned()),
                        });
                    }
                    let name = match &member.value.kind {
                        Kind::Text | Kind::List(_) => Rc::from(&*member.name),
                        _ => Rc::clone(name),
                    };
                    self.value(&member.value, &name);
                }
            }
        }
    }

    fn string(&mut self, node: &Node<'_>, name: &Rc<str>) {
        let Some(text) = unquoted(&self.text[node.at.clone()]) else {
            return;
        };
        let script = Script::of_text(&text, self.rules, self.policy, self.nested + 1).owned();
        self.part(
            node,
            What::Quoted {
                name: Rc::clone(name),
                script,
            },
        );
    }

    /// Takes in a record; not where it is none after all.
    fn record(&mut self, node: &Node<'_>) -> bool {
        let Some(before) = read_record(node, self.text) else {
            return false;
        };
        let source = Source {
            record: Some(before.clone()),
            ..Source::default()
        };
        let left = self.rules.apply(&source).record.unwrap_or_default();
        let is_tidy = is_tidy(node, self.text, self.policy);
        self.part(
            node,
            What::Record {
                before,
                left,
                is_tidy,
            },
        );
        true
    }

    fn part(&mut self, node: &Node<'_>, what: What) {
        let at = node.at.clone();
        self.parts.push(Part { at, what });
    }
}

impl fmt::Debug for Passages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passages")
            .field("left", &self.left.len())
            .field("vault", &self.vault)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
