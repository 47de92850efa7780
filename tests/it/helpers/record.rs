//! Records, as Apex serializes them.

use std::fmt::Display;

use serde_json::{Value, json};

/// An Opportunity with its account, contact roles and activities.
pub fn opportunity() -> Value {
    parsed(include_str!("../fixtures/opportunity.json"))
}

/// The same under another name, and so another question.
pub fn opportunity_named(name: impl Display) -> Value {
    let mut record = opportunity();
    record["Name"] = json!(name.to_string());
    record
}

/// A Case with its comments.
pub fn case() -> Value {
    parsed(include_str!("../fixtures/case.json"))
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("a fixture is JSON")
}
