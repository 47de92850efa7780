//! What every task is to the rest of the house.

use std::fmt;
use std::sync::Arc;

use jiff::civil::Date;
use serde::Serialize;
use serde_json::{Map, Value};

use super::inquiry::{Extras, Inquiry, Options, SearchBrief};
use super::shape::Shape;
use crate::domain::TaskName;
use crate::privacy::grounding::Said;
use crate::salesforce::{Fault, Source};

/// A task: what it asks, what a good answer looks like, and how the answer reads.
pub trait Task: Send + Sync {
    /// Its name.
    fn name(&self) -> TaskName;

    /// The sObjects that it can be about, such as `Opportunity`; the usual one first.
    fn objects(&self) -> &'static [&'static str];

    /// What the ids of its answers begin with, such as `brf`.
    fn id_prefix(&self) -> &'static str;

    /// The system prompt: static, so that the provider can cache it.
    fn prompt(&self) -> &'static str;

    /// The prompt's version, such as `briefing-1`; it changes with every change of prompt or schema.
    fn prompt_version(&self) -> &'static str;

    /// The schema of the model's answer.
    fn shape(&self) -> &'static Shape;

    /// Members of a request that this task cannot do without, whatever else comes.
    fn required(&self) -> &'static [&'static str] {
        &[]
    }

    /// Reads the members of a request that only this task has. They fit the schema that the document shows.
    ///
    /// # Errors
    /// What the schema could not say, by its place in the request.
    fn options(&self, members: Map<String, Value>) -> Result<Options, Vec<Fault>> {
        debug_assert!(members.is_empty(), "this task has no members of its own");
        Ok(Options::None)
    }

    /// What must be there beside the request's form: a sentence that names the member and what belongs there.
    fn missing(&self, source: &Source, _options: &Options) -> Option<Fault> {
        missing_record(source, self.objects())
    }

    /// Members of an answer that hold an address by themselves. Links in all other texts are kept only where the org
    /// allows them; what may stand in these is for [`Task::check`].
    fn addresses(&self) -> &'static [&'static str] {
        &[]
    }

    /// What a search of the web should find before the task itself is asked; `None` where the task has no use for one.
    fn search(&self, _inquiry: &Inquiry<'_>) -> Option<SearchBrief> {
        None
    }

    /// The day from which words such as "next Tuesday" count in the data: today, unless the caller named another.
    fn day(&self, inquiry: &Inquiry<'_>) -> Date {
        inquiry.today
    }

    /// What goes into the user's turn beside the record.
    fn extras(&self, _inquiry: &Inquiry<'_>) -> Extras {
        Extras::default()
    }

    /// An answer made from the record's own facts, by template: what the simulator gives. Valid against the schema and
    /// the check, deterministic, and it says nothing that the record does not.
    fn rehearse(&self, inquiry: &Inquiry<'_>) -> Value;

    /// What is wrong with an answer that fits the schema: as sentences that the model can act on and that hold no value.
    fn check(&self, _draft: &Value, _inquiry: &Inquiry<'_>) -> Vec<String> {
        Vec::new()
    }

    /// Turns a model's answer, valid against the schema, into the task's own fields.
    ///
    /// # Errors
    /// Where the answer does not have the task's fields after all.
    fn read(&self, draft: Value, inquiry: &Inquiry<'_>) -> Result<Own, serde_json::Error>;
}

/// The fields that only one task's answer has.
pub trait Fields: fmt::Debug + Send + Sync {
    /// The whole answer as readable text, at most 32,000 characters: headings in `language` where they are known.
    fn text(&self, language: Option<&str>) -> String;

    /// Everything that the answer says, for the grounding check.
    fn said(&self) -> Vec<Said<'_>>;

    /// The fields by their names on the wire.
    fn members(&self) -> Map<String, Value>;
}

/// One answer's own fields, shared by everybody who is told them.
pub type Own = Arc<dyn Fields>;

/// What every task misses that was given neither a record nor facts; `objects` are those it can be about.
pub(super) fn missing_record(source: &Source, objects: &[&str]) -> Option<Fault> {
    let nothing = source.record.is_none() && source.facts.is_empty();
    nothing.then(|| Fault {
        pointer: "/record".to_owned(),
        detail: format!(
            "is missing: send the {} as record, as record_json or as facts",
            any_of(objects)
        ),
    })
}

/// The names of `objects` as a sentence has them: `Contact, Lead or Case`.
pub fn any_of(objects: &[&str]) -> String {
    match objects {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// The members of a type that is written as an object.
pub(super) fn members_of<T: Serialize>(own: &T) -> Map<String, Value> {
    match serde_json::to_value(own) {
        Ok(Value::Object(members)) => members,
        // A struct of texts, lists and enums is always written as an object.
        Ok(_) | Err(_) => Map::new(),
    }
}

/// The members of a request that only one task has, as the type that knows them.
///
/// # Errors
/// Where the schema that the document shows and the type disagree.
pub(super) fn own_members<T: serde::de::DeserializeOwned>(
    members: Map<String, Value>,
) -> Result<T, Vec<Fault>> {
    serde_path_to_error::deserialize(Value::Object(members)).map_err(|error| {
        let path = error.path().to_string().replace(['.', '['], "/");
        vec![Fault {
            pointer: format!("/{}", path.replace(']', "")),
            detail: "does not have the documented form".to_owned(),
        }]
    })
}
