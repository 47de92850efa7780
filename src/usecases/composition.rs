//! What goes to a model for one question: the org's privacy rules first, then the turn that carries what is left.
//!
//! # Why
//! A task, its preview and its audit line must speak of the same bytes, so they are put together in one place, and
//! nothing behind this place ever sees what privacy took away.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use jiff::civil::Date;
use regex::Regex;
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;

use super::answer::Asked;
use super::error::Error;
use crate::domain::{LinkHost, Org, Privacy};
use crate::privacy::grounding::Known;
use crate::privacy::{self, Vault, links, screen};
use crate::salesforce::{Fault, Material, Source};
use crate::tasks::{Extras, Findings, Inquiry, Options, SearchBrief, Task, user_message};

/// A question after privacy, ready to be asked.
pub struct Composition {
    task: &'static dyn Task,
    source: Source,
    options: Options,
    instructions: Option<String>,
    language: Option<String>,
    today: Date,
    findings: Option<Findings>,
    /// What was taken out of it, to be put back into the answer.
    pub vault: Vault,
    /// `Object.Field` of all that is sent.
    pub sent: BTreeSet<String>,
    /// Of these, the ones in which a value was masked.
    pub masked: BTreeSet<String>,
}

/// The user's turn of a composition.
pub struct Turn {
    /// Its text.
    pub message: String,
    /// The data in it.
    pub material: Material,
    extras: Extras,
}

/// What privacy writes in place of a value.
static PLACEHOLDER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\[[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*_[0-9]{1,9}\]").expect("the pattern is well-formed")
});

/// Bytes of record data that a model is given to read: about 40,000 tokens.
const MATERIAL_BYTES: usize = 120_000;

/// Times that values are put back and links taken out, which is more than an honest answer has a use for.
const PASSES: usize = 4;

impl Composition {
    /// What `asked` comes to under the policy of `org`, on the day that it is there.
    ///
    /// # Errors
    /// Where the policy leaves nothing of what the task cannot do without.
    pub fn of(asked: &Asked, org: &Org, today: Date) -> Result<Self, Error> {
        let texts: Vec<&str> = asked
            .instructions
            .as_deref()
            .into_iter()
            .chain(asked.options.texts())
            .collect();
        let nothing = Privacy::default();
        let policy = org.privacy.as_deref().unwrap_or(&nothing);
        let screened = screen(&asked.source, &texts, policy);
        let mut texts = screened.texts.into_iter();
        let instructions = asked.instructions.as_ref().and_then(|_| texts.next());
        let words = asked.options.words();
        let withheld = if words.is_empty() {
            Vec::new()
        } else {
            privacy::withheld(&words, &asked.source, policy)
        };
        let options = asked
            .options
            .with_texts(texts.collect())
            .without_words(&withheld);
        if let Some(fault) = asked.task.missing(&screened.source, &options) {
            // Who sent facts is told of facts.
            let only_facts = asked.source.record.is_none() && !asked.source.facts.is_empty();
            let pointer = if only_facts && fault.pointer == "/record" {
                "/facts".to_owned()
            } else {
                fault.pointer
            };
            return Err(Error::Withheld(Fault { pointer, ..fault }));
        }
        Ok(Self {
            task: asked.task,
            source: screened.source,
            options,
            instructions: instructions.filter(|text| !text.trim().is_empty()),
            language: asked.language.clone(),
            today,
            findings: None,
            vault: screened.vault,
            sent: screened.sent,
            masked: screened.masked,
        })
    }

    /// What the task is asked.
    pub fn inquiry(&self) -> Inquiry<'_> {
        Inquiry {
            source: &self.source,
            options: &self.options,
            today: self.today,
            findings: self.findings.as_ref(),
        }
    }

    /// What should be searched for it; nothing where what a search would need is withheld.
    pub fn search(&self) -> Option<SearchBrief> {
        let brief = self.task.search(&self.inquiry())?;
        let withheld = self.vault.restore(&brief.message) != brief.message;
        (!withheld).then_some(brief)
    }

    /// The same question with what a search has found for it.
    #[must_use]
    pub fn with(mut self, findings: Findings) -> Self {
        self.findings = Some(findings);
        self
    }

    /// The user's turn.
    pub fn turn(&self) -> Turn {
        let material = Material::of(&self.source, MATERIAL_BYTES);
        let extras = self.task.extras(&self.inquiry());
        let wishes = (self.instructions.as_deref(), self.language.as_deref());
        Turn {
            message: user_message(&material, &extras, wishes, self.today),
            material,
            extras,
        }
    }

    /// Everything that an answer to `turn` may rightly say. What the task adds comes right behind the values: a day that
    /// it names is near the words that count from it.
    pub fn known(&self, turn: &Turn) -> Known {
        let Material { values, labels, .. } = &turn.material;
        let texts = values
            .iter()
            .map(String::as_str)
            .chain(turn.extras.known())
            .chain(labels.iter().map(String::as_str))
            .chain(self.instructions.as_deref());
        Known::new(texts, self.task.prompt(), self.task.day(&self.inquiry()))
    }

    /// Placeholders that `draft` uses and `turn` does not hold: there is nothing to put in their place.
    pub fn strange_placeholders(draft: &Value, turn: &Turn) -> Vec<String> {
        let mut draft = draft.clone();
        let mut violations = Vec::new();
        each_text(&mut draft, "", &mut |name, text| {
            let strange = PLACEHOLDER
                .find_iter(text)
                .any(|found| !turn.message.contains(found.as_str()));
            if strange {
                violations.push(format!(
                    "{name} holds a word in square brackets that is not in the data"
                ));
            }
        });
        violations
    }

    /// Puts the withheld values back into a draft without foreign links; each text stays as long as its field is.
    pub fn uncover(&self, draft: &mut Value, org: &Org) {
        if self.vault.is_empty() {
            return;
        }
        for _ in 0..PASSES {
            let before = draft.clone();
            each_text(draft, "", &mut |name, text| self.restore(name, text, org));
            // What was put back may complete a link, and to take one out may complete a placeholder.
            self.unlink(draft, org);
            if *draft == before {
                break;
            }
        }
        self.task.shape().clip(draft);
    }

    /// Does the same to what the task made of a draft that was uncovered: what it took from the source by itself is
    /// still covered, and may hold any link.
    pub fn uncover_made(&self, made: &mut Value, org: &Org) {
        each_text(made, "", &mut |name, text| self.restore(name, text, org));
        self.unlink(made, org);
    }

    /// Does the same to a text that was made of all of it. One that quotes addresses by themselves keeps those.
    pub fn uncovered(&self, text: &str, org: &Org) -> String {
        let restored = self.vault.restore(text);
        if restored == text && !self.task.addresses().is_empty() {
            return restored;
        }
        links::keep_allowed(&restored, hosts(org))
    }

    /// Restores the text of the member `name`. One that may hold an address by itself may become one, but holds none
    /// beside other words or put together of what came back.
    fn restore(&self, name: &str, text: &mut String, org: &Org) {
        let restored = self.vault.restore(text);
        if restored == *text {
            return;
        }
        let is_address = self.task.addresses().contains(&name) && is_one_address(&restored);
        *text = if is_address {
            restored
        } else {
            links::keep_allowed(&restored, hosts(org))
        };
    }

    /// Takes links out of a draft that lead where the org does not allow them to.
    pub fn unlink(&self, draft: &mut Value, org: &Org) {
        let hosts = hosts(org);
        let addresses = self.task.addresses();
        each_text(draft, "", &mut |name, text| {
            if !addresses.contains(&name) {
                *text = links::keep_allowed(text, hosts);
            }
        });
    }
}

/// The SHA-256 of everything that is said to a model in `turn`, in hexadecimal.
pub fn prompt_sha256(task: &dyn Task, turn: &Turn) -> String {
    let digest = Sha256::new()
        .chain_update(task.prompt())
        .chain_update([0])
        .chain_update(&turn.message)
        .finalize();
    hex::encode(digest)
}

/// The SHA-256 of a body that is sent as it is, in hexadecimal.
pub fn sha256(body: &[u8]) -> String {
    hex::encode(Sha256::digest(body))
}

/// Where links of an answer may lead.
fn hosts(org: &Org) -> &[LinkHost] {
    org.privacy
        .as_deref()
        .map_or(&[][..], |policy| &policy.link_hosts)
}

/// Whether `text` is a web address and nothing else.
fn is_one_address(text: &str) -> bool {
    let in_one_piece = !text.contains(|c: char| c.is_whitespace() || "<>\"'[]()\\".contains(c));
    in_one_piece && Url::parse(text).is_ok_and(|url| ["http", "https"].contains(&url.scheme()))
}

/// Visits every text of `value` with the name of the member that it stands in.
fn each_text(value: &mut Value, name: &str, visit: &mut dyn FnMut(&str, &mut String)) {
    match value {
        Value::String(text) => visit(name, text),
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| each_text(item, name, visit)),
        Value::Object(members) => members
            .iter_mut()
            .for_each(|(name, member)| each_text(member, name, visit)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
