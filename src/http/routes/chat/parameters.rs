//! The connector's `parameters`: what a provider alone knows, as its own interface has it.
//!
//! # Why
//! Einstein Studio hands on what an admin has set up there. What counts is lifted out to where an OpenAI client would have
//! written it, so that it is checked and read once; and a name that means nothing is refused, as Claude would refuse it,
//! since a setting that never takes effect is found by nobody.

use serde_json::{Map, Value};

use super::refused;
use crate::salesforce::Fault;

/// The members that were lifted: their names in `parameters`, each beside its name in the request.
pub type Lifted = Vec<(&'static str, &'static str)>;

/// Members of `parameters` that count as one of the request itself, beside its name there.
const TAKEN: [(&str, &str); 6] = [
    ("max_tokens", "max_tokens"),
    ("max_completion_tokens", "max_completion_tokens"),
    ("stop", "stop"),
    ("stop_sequences", "stop"),
    ("effort", "reasoning_effort"),
    ("reasoning_effort", "reasoning_effort"),
];
/// Members of `parameters` that are taken and left out.
const LEFT_OUT: [&str; 7] = [
    "temperature",
    "top_p",
    "top_k",
    "seed",
    "frequency_penalty",
    "presence_penalty",
    "user",
];

/// Lifts what counts out of `parameters` into `members`, and notes what may not be there. Answers each lifted member
/// beside the name that it had.
pub fn lift(
    parameters: Map<String, Value>,
    members: &mut Map<String, Value>,
    faults: &mut Vec<Fault>,
) -> Lifted {
    faults.extend(refused::among(&parameters, "/parameters"));
    let mut lifted = Vec::new();
    for (name, value) in parameters {
        if value.is_null() || LEFT_OUT.contains(&&*name) || refused::is_known(&name) {
            continue;
        }
        let Some(&(from, member)) = TAKEN.iter().find(|(known, _)| *known == name) else {
            let shown: String = name.chars().take(60).collect();
            let taken = TAKEN.map(|(known, _)| known).join(", ");
            faults.push(Fault::at(
                &format!(
                    "/parameters/{}",
                    shown.replace('~', "~0").replace('/', "~1")
                ),
                format!("is nothing that Claude is told here; there can be {taken}"),
            ));
            continue;
        };
        if members.get(member).is_none_or(Value::is_null) {
            members.insert(member.to_owned(), value);
            lifted.push((from, member));
        }
    }
    lifted
}

/// The place of a fault in the request as it was before anything was lifted.
pub fn where_it_came(pointer: &str, lifted: &Lifted) -> String {
    let moved = lifted.iter().find_map(|(from, member)| {
        let rest = pointer.strip_prefix('/')?.strip_prefix(member)?;
        let is_it = rest.is_empty() || rest.starts_with('/');
        is_it.then(|| format!("/parameters/{from}{rest}"))
    });
    moved.unwrap_or_else(|| pointer.to_owned())
}
