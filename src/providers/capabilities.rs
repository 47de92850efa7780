//! What known models can do, as far as a question depends on it, and which version of the API it is written for.
//!
//! # Why
//! The same model can do less at a cloud, so it is looked up with the [`Surface`] that it is asked through. The config
//! goes before this table, by `[capabilities."model"]` or `[capabilities."provider/model"]`: a deployment of Foundry or
//! an application inference profile of Bedrock may have any name, which only its owner can read.

use super::spelling;
use crate::domain::{Capabilities, Thinking};

/// Whose door a model is asked through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// The Claude API.
    Claude,
    /// Amazon Bedrock.
    Bedrock,
    /// Google Vertex AI.
    Vertex {
        /// Whether Google chooses the region, which is billed at the list price.
        global: bool,
    },
    /// Microsoft Foundry.
    Foundry,
    /// Our own.
    Simulator,
}

/// A model of this generation that nobody has listed: asked in the plainest way that all of them take.
const UNKNOWN: Capabilities = Capabilities {
    structured_output: true,
    tools: true,
    effort: false,
    thinking: Thinking::Always,
    web_search: false,
    context_tokens: 200_000,
    max_output_tokens: 64_000,
};

/// The version of the API that models from 4.7 on are asked by, at every door.
pub const VERSION: &str = "2026-10-21";
/// What Bedrock calls the version before it.
const BEDROCK_BEFORE: &str = "bedrock-2023-05-31";
/// What Vertex calls the version before it.
const VERTEX_BEFORE: &str = "vertex-2023-10-16";

/// What a model thinks and holds: its id, its thinking, whether it takes an effort, its context and its output.
type Row = (&'static str, Thinking, bool, u32, u32);

const TABLE: &[Row] = &[
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
        "claude-sonnet-4-6",
        Thinking::Optional,
        true,
        1_000_000,
        64_000,
    ),
    ("claude-sonnet-4-5", Thinking::Off, false, 200_000, 64_000),
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
const SEARCHLESS: [&str; 3] = ["claude-opus-4-5", "claude-sonnet-4-5", "claude-haiku-4-5"];

/// Models that the clouds ask by the version before [`VERSION`]: 4.6 and earlier, by how their ids begin.
const BEFORE_4_7: [&str; 10] = [
    "claude-opus-4-6",
    "claude-opus-4-5",
    "claude-opus-4-1",
    "claude-sonnet-4-6",
    "claude-sonnet-4-5",
    "claude-haiku-4-5",
    "claude-opus-4-0",
    "claude-sonnet-4-0",
    "claude-opus-4",
    "claude-sonnet-4",
];

/// What `model` can do at `surface`, by any of its spellings.
///
/// Our search of the web is the tool of 2026. Bedrock has none, Vertex has only the basic one of 2025, and Foundry's is
/// a beta, so it counts as there at the Claude API alone.
pub fn of(surface: Surface, model: &str) -> Capabilities {
    let plain = spelling::plain(model);
    let row = TABLE.iter().find(|(name, ..)| *name == plain);
    row.map_or(
        UNKNOWN,
        |&(name, thinking, effort, context_tokens, max_output_tokens)| Capabilities {
            effort,
            thinking,
            web_search: surface == Surface::Claude && !SEARCHLESS.contains(&name),
            context_tokens,
            max_output_tokens,
            ..UNKNOWN
        },
    )
}

/// What `surface` calls the version before [`VERSION`] in a body.
pub fn version_before(surface: Surface) -> &'static str {
    match surface {
        Surface::Bedrock => BEDROCK_BEFORE,
        Surface::Vertex { .. } => VERTEX_BEFORE,
        Surface::Claude | Surface::Foundry | Surface::Simulator => VERSION,
    }
}

/// The version that `model` is asked by at `surface`. A model that nobody has listed is a new one.
pub fn version(surface: Surface, model: &str) -> &'static str {
    let plain = spelling::plain(model);
    let is_older = BEFORE_4_7.contains(&plain) || plain.starts_with("claude-3");
    if is_older {
        version_before(surface)
    } else {
        VERSION
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERTEX: Surface = Surface::Vertex { global: true };

    #[test]
    fn a_model_that_always_thinks_is_known_as_such() {
        let thinking = |model| of(Surface::Claude, model).thinking;
        assert_eq!(thinking("claude-opus-5-5"), Thinking::Always);
        assert_eq!(thinking("claude-sonnet-5-5"), Thinking::Optional);
        assert_eq!(thinking("claude-haiku-4-5-20251001"), Thinking::Off);
    }

    #[test]
    fn a_model_can_do_the_same_however_a_cloud_spells_it() {
        let known = of(Surface::Claude, "claude-haiku-4-5");
        assert_eq!(of(VERTEX, "claude-haiku-4-5@20251001"), known);
        assert_eq!(
            of(
                Surface::Bedrock,
                "us.anthropic.claude-haiku-4-5-20251001-v1:0"
            ),
            known
        );
        assert_eq!(of(Surface::Foundry, "our-deployment"), UNKNOWN);
    }

    #[test]
    fn a_model_searches_the_web_only_where_it_is_known_to() {
        assert!(of(Surface::Claude, "claude-sonnet-5-5").web_search);
        assert!(!of(Surface::Claude, "claude-haiku-4-5-20251001").web_search);
        for surface in [
            Surface::Bedrock,
            VERTEX,
            Surface::Foundry,
            Surface::Simulator,
        ] {
            assert!(!of(surface, "claude-sonnet-5-5").web_search, "{surface:?}");
        }
        assert!(!of(Surface::Claude, "simulator").web_search);
    }

    #[test]
    fn each_cloud_is_asked_by_the_version_that_the_model_takes_there() {
        let bedrock = |model| version(Surface::Bedrock, model);
        assert_eq!(
            bedrock("us.anthropic.claude-sonnet-4-6"),
            "bedrock-2023-05-31"
        );
        assert_eq!(bedrock("anthropic.claude-opus-4-7-v1:0"), "2026-10-21");
        assert_eq!(
            bedrock("anthropic.claude-3-5-haiku-20241022-v1:0"),
            "bedrock-2023-05-31"
        );
        assert_eq!(
            version(VERTEX, "claude-opus-4-5@20251101"),
            "vertex-2023-10-16"
        );
        assert_eq!(version(VERTEX, "claude-sonnet-5-5"), "2026-10-21");
        assert_eq!(version(Surface::Claude, "claude-haiku-4-5"), "2026-10-21");
        assert_eq!(version(Surface::Foundry, "our-deployment"), "2026-10-21");
    }
}
