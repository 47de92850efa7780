//! What every task is to the rest of the house.

use std::fmt;
use std::sync::Arc;

use jiff::civil::Date;
use serde::Serialize;
use serde_json::{Map, Value};

use super::shape::Shape;
use crate::domain::TaskName;
use crate::privacy::grounding::Said;
use crate::salesforce::Source;

/// A task: what it asks, what a good answer looks like, and how the answer reads.
pub trait Task: Send + Sync {
    /// Its name.
    fn name(&self) -> TaskName;

    /// The sObject it is about, such as `Opportunity`.
    fn object(&self) -> &'static str;

    /// What the ids of its answers begin with, such as `brf`.
    fn id_prefix(&self) -> &'static str;

    /// The system prompt: static, so that the provider can cache it.
    fn prompt(&self) -> &'static str;

    /// The prompt's version, such as `briefing-1`; it changes with every change of prompt or schema.
    fn prompt_version(&self) -> &'static str;

    /// The schema of the model's answer.
    fn shape(&self) -> &'static Shape;

    /// An answer made from the record's own facts, by template: what the simulator gives. Valid against the schema,
    /// deterministic, and it says nothing that the record does not.
    fn rehearse(&self, source: &Source, today: Date) -> Value;

    /// Turns a model's answer, valid against the schema, into the task's own fields.
    ///
    /// # Errors
    /// Where the answer does not have the task's fields after all.
    fn read(&self, draft: Value) -> Result<Own, serde_json::Error>;
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

/// The members of a type that is written as an object.
pub(super) fn members_of<T: Serialize>(own: &T) -> Map<String, Value> {
    match serde_json::to_value(own) {
        Ok(Value::Object(members)) => members,
        // A struct of texts, lists and enums is always written as an object.
        Ok(_) | Err(_) => Map::new(),
    }
}
