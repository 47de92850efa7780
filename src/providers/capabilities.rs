//! What known models can do, as far as a task's question depends on it.

use crate::domain::{Capabilities, Thinking};

/// A model of this generation that nobody has listed: asked in the plainest way that all of them take.
const UNKNOWN: Capabilities = Capabilities {
    structured_output: true,
    effort: false,
    thinking: Thinking::Always,
    web_search: false,
    context_tokens: 200_000,
    max_output_tokens: 64_000,
};

/// Models by the beginning of their id, the longest first where one begins like another.
const TABLE: &[(&str, Thinking, bool, u32, u32)] = &[
    (
        "claude-fable-5-1",
        Thinking::Always,
        true,
        1_000_000,
        128_000,
    ),
    (
        "claude-opus-5-5",
        Thinking::Always,
        true,
        1_000_000,
        128_000,
    ),
    (
        "claude-opus-5",
        Thinking::Optional,
        true,
        1_000_000,
        128_000,
    ),
    (
        "claude-opus-4-8",
        Thinking::Optional,
        true,
        1_000_000,
        128_000,
    ),
    (
        "claude-opus-4-7",
        Thinking::Optional,
        true,
        1_000_000,
        128_000,
    ),
    (
        "claude-opus-4-6",
        Thinking::Optional,
        true,
        1_000_000,
        128_000,
    ),
    ("claude-opus-4-5", Thinking::Off, false, 200_000, 64_000),
    (
        "claude-sonnet-5-5",
        Thinking::Optional,
        true,
        1_000_000,
        128_000,
    ),
    (
        "claude-haiku-5-5",
        Thinking::Optional,
        true,
        1_000_000,
        128_000,
    ),
    ("claude-haiku-4-5", Thinking::Off, false, 200_000, 64_000),
];

/// Those that the search tool of 2026 is not made for; it came with the models 4.6.
const SEARCHLESS: [&str; 2] = ["claude-opus-4-5", "claude-haiku-4-5"];

/// What `model` can do at the Claude API. Its ids at the clouds differ, and what differs with them (Bedrock has no
/// search of the web) is unknown here, so it counts as not there.
pub fn of(model: &str) -> Capabilities {
    TABLE
        .iter()
        .find(|(name, ..)| model.starts_with(name))
        .map_or(
            UNKNOWN,
            |&(name, thinking, effort, context_tokens, max_output_tokens)| Capabilities {
                structured_output: true,
                effort,
                thinking,
                web_search: !SEARCHLESS.iter().any(|older| name.starts_with(older)),
                context_tokens,
                max_output_tokens,
            },
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_always_thinks_is_known_as_such() {
        assert_eq!(of("claude-opus-5-5").thinking, Thinking::Always);
        assert_eq!(of("claude-sonnet-5-5").thinking, Thinking::Optional);
        assert_eq!(of("claude-haiku-4-5-20251001").thinking, Thinking::Off);
    }

    #[test]
    fn a_model_searches_the_web_only_where_it_is_known_to() {
        assert!(of("claude-sonnet-5-5").web_search);
        assert!(!of("claude-haiku-4-5-20251001").web_search);
        assert!(!of("us.anthropic.claude-sonnet-5-5").web_search);
        assert!(!of("simulator").web_search);
    }
}
