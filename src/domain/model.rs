//! Models: the alias a caller names, and the targets that stand behind it.

use std::fmt;
use std::sync::Arc;

use super::money::Price;

/// A name for a model that callers use, such as `default` or `fast`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Alias(Arc<str>);

/// A model's id at its provider, such as `claude-sonnet-5-5` or an ARN of AWS.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelId(Arc<str>);

/// The configured name of a provider, such as `claude` or `aws`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProviderName(Arc<str>);

/// Where the calls to one alias go: the first target first, the next when it fails.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// The name that callers use.
    pub alias: Alias,
    /// At least one.
    pub targets: Vec<Target>,
}

/// One model at one provider.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The provider's configured name.
    pub provider: ProviderName,
    /// The model's id there.
    pub model: ModelId,
    /// What it costs; `None` where nobody knows, which a budget does not allow.
    pub price: Option<Price>,
    /// What it can do.
    pub capabilities: Capabilities,
    /// Whether its answers are made up by the simulator.
    pub simulated: bool,
}

/// What a model can do, as far as a task's question depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a question of its own, asked of the model and not of the others"
)]
pub struct Capabilities {
    /// Takes `output_config.format`; else a forced tool carries the schema.
    pub structured_output: bool,
    /// Takes `tools`.
    pub tools: bool,
    /// Takes `output_config.effort`.
    pub effort: bool,
    /// Whether it thinks, and whether it can be told not to.
    pub thinking: Thinking,
    /// Whether it can be given the provider's own search of the web.
    pub web_search: bool,
    /// Tokens in and out that fit into one call.
    pub context_tokens: u32,
    /// The most tokens that it may be asked to write.
    pub max_output_tokens: u32,
}

/// How a model thinks by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thinking {
    /// Always; room for it has to be left in `max_tokens`.
    Always,
    /// Unless it is switched off.
    Optional,
    /// Only when it is asked to.
    Off,
}

/// How hard a model should try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// Quick and cheap; the default of every task.
    Low,
    /// Between the two.
    Medium,
    /// Thorough.
    High,
}

impl Route {
    /// Whether every target is the simulator, so that nothing real can be asked.
    pub fn simulated(&self) -> bool {
        self.targets.iter().all(|target| target.simulated)
    }
}

impl Effort {
    /// The word on the wire and in the config.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    /// The effort of this name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Low, Self::Medium, Self::High]
            .into_iter()
            .find(|effort| effort.as_str() == name)
    }
}

/// A name is used in paths, labels and log lines, so it keeps to a few characters.
fn is_plain(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b':' | b'@'))
}

/// An ARN names a resource by a path. Its slashes set parts of it apart, and none leads out of it: each part is plain
/// and none is made of dots.
fn is_arn(text: &str) -> bool {
    text.starts_with("arn:")
        && text.len() <= 1_024
        && text
            .split('/')
            .all(|part| is_plain(part) && part.bytes().any(|b| b != b'.'))
        && !text.contains("..")
}

macro_rules! plain_name {
    ($name:ident, $fits:expr, $takes:literal) => {
        impl $name {
            #[doc = $takes]
            pub fn parse(text: &str) -> Option<Self> {
                $fits(text).then(|| Self(text.into()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

plain_name!(Alias, is_plain, "Takes 1 to 128 of `[A-Za-z0-9._:@-]`.");
plain_name!(
    ModelId,
    |text| is_plain(text) || is_arn(text),
    "Takes 1 to 128 of `[A-Za-z0-9._:@-]`, or an ARN."
);
plain_name!(
    ProviderName,
    is_plain,
    "Takes 1 to 128 of `[A-Za-z0-9._:@-]`."
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_name_never_leads_out_of_its_path() {
        assert!(ModelId::parse("us.anthropic.claude-sonnet-4-6").is_some());
        for bad in ["", "a/b", "..%2f", "a;b", "a\nb", "a b"] {
            assert!(ModelId::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn a_model_may_be_named_by_an_arn_and_an_alias_may_not() {
        let arn =
            "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/a1b2c3d4e5f6";
        assert!(ModelId::parse(arn).is_some());
        assert!(Alias::parse(arn).is_none());
        for bad in [
            "arn:aws:bedrock/../x",
            "arn:aws:bedrock/./x",
            "arn:aws:bedrock//x",
            "arn:aws:bedrock/x/",
            "arn:aws:bedrock/x;y",
            "arn:aws:bedrock/x%2f",
            "arn:aws:bedrock/x?y",
            "arn:aws:bedrock/x\n",
            "/arn:aws:bedrock/x",
        ] {
            assert!(ModelId::parse(bad).is_none(), "{bad:?}");
        }
    }
}
