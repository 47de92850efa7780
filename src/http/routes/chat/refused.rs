//! Members of OpenAI's that a chat may not have, since without them the answer would mean something else.

use serde_json::{Map, Value};

use crate::salesforce::Fault;

/// A member, which of its values change nothing, and what is told of all others.
struct Refused {
    name: &'static str,
    fits: fn(&Value) -> bool,
    detail: &'static str,
}

const NO_TOOLS: &str = "must be left out: tools go to POST /v1/messages, in Claude's form";

const REFUSED: [Refused; 13] = [
    Refused {
        name: "n",
        fits: |value| value.as_u64() == Some(1),
        detail: "must be 1: a call has one answer",
    },
    Refused {
        name: "stream",
        fits: is_false,
        detail: "must be false: an answer comes whole here; POST /v1/messages streams",
    },
    Refused {
        name: "tools",
        fits: is_empty,
        detail: NO_TOOLS,
    },
    Refused {
        name: "functions",
        fits: is_empty,
        detail: NO_TOOLS,
    },
    Refused {
        name: "tool_choice",
        fits: is_no_tool,
        detail: NO_TOOLS,
    },
    Refused {
        name: "function_call",
        fits: is_no_tool,
        detail: NO_TOOLS,
    },
    Refused {
        name: "response_format",
        fits: |value| value["type"] == "text",
        detail: "must be of the type text: a form of the answer goes to POST /v1/messages, as output_config",
    },
    Refused {
        name: "logprobs",
        fits: is_false,
        detail: "must be false: Claude tells no probabilities",
    },
    Refused {
        name: "top_logprobs",
        fits: |value| value.as_u64() == Some(0),
        detail: "must be left out: Claude tells no probabilities",
    },
    Refused {
        name: "logit_bias",
        fits: is_empty,
        detail: "must be left out: Claude's tokens cannot be weighed",
    },
    Refused {
        name: "modalities",
        fits: |value| {
            value
                .as_array()
                .is_some_and(|all| all.iter().all(|one| one == "text"))
        },
        detail: "must be text alone",
    },
    Refused {
        name: "audio",
        fits: |_| false,
        detail: "must be left out: an answer is text",
    },
    Refused {
        name: "web_search_options",
        fits: |_| false,
        detail: "must be left out: a search of the web goes to POST /v1/messages, as a tool",
    },
];

/// What may not come among `members`, which stand at `place`.
pub fn among(members: &Map<String, Value>, place: &str) -> Vec<Fault> {
    let there = |refused: &&Refused| {
        let value = members.get(refused.name);
        value.is_some_and(|value| !value.is_null() && !(refused.fits)(value))
    };
    let refused = REFUSED.iter().filter(there);
    refused
        .map(|refused| Fault {
            pointer: format!("{place}/{}", refused.name),
            detail: refused.detail.to_owned(),
        })
        .collect()
}

/// Whether a member of this name is looked at here.
pub fn is_known(name: &str) -> bool {
    REFUSED.iter().any(|refused| refused.name == name)
}

fn is_false(value: &Value) -> bool {
    value == false
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

fn is_no_tool(value: &Value) -> bool {
    value == "none" || value == "auto"
}
