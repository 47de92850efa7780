//! `[capabilities]`: what a model can do, where the built-in table does not know it or the config knows better.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::providers::names_a_model;
use super::reader::{Entry, Section};
use crate::domain::{Capabilities, ModelId, ProviderName, Thinking};
use crate::providers::{Surface, capabilities};

/// What the file says of models, by `model` or `provider/model`.
#[derive(Debug, Clone, Default)]
pub struct Given(BTreeMap<String, One>);

/// What the file says of one model. What it leaves out stays as it is known.
#[derive(Debug, Clone, Default)]
struct One {
    structured_output: Option<bool>,
    tools: Option<bool>,
    effort: Option<bool>,
    thinking: Option<Thinking>,
    web_search: Option<bool>,
    context_tokens: Option<u32>,
    max_output_tokens: Option<u32>,
    version: Option<Arc<str>>,
}

impl Given {
    /// What `model` can do there: what is known of it, changed by what the file says of the model anywhere, and then by
    /// what it says of the model at this provider.
    pub fn of(&self, surface: Surface, provider: &ProviderName, model: &ModelId) -> Capabilities {
        let known = capabilities::of(surface, model.as_str());
        self.said(provider, model)
            .fold(known, |known, one| Capabilities {
                structured_output: one.structured_output.unwrap_or(known.structured_output),
                tools: one.tools.unwrap_or(known.tools),
                effort: one.effort.unwrap_or(known.effort),
                thinking: one.thinking.unwrap_or(known.thinking),
                web_search: one.web_search.unwrap_or(known.web_search),
                context_tokens: one.context_tokens.unwrap_or(known.context_tokens),
                max_output_tokens: one.max_output_tokens.unwrap_or(known.max_output_tokens),
            })
    }

    /// The version that the file gives the model there.
    pub fn version(&self, provider: &ProviderName, model: &ModelId) -> Option<Arc<str>> {
        self.said(provider, model)
            .filter_map(|one| one.version.clone())
            .last()
    }

    /// Every name there is.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    fn said(&self, provider: &ProviderName, model: &ModelId) -> impl Iterator<Item = &One> {
        let anywhere = self.0.get(model.as_str());
        let there = self.0.get(&format!("{provider}/{model}"));
        anywhere.into_iter().chain(there)
    }
}

/// Reads what the file says of models.
pub fn read(root: &mut Section<'_>) -> Given {
    let mut given = Given::default();
    for (name, mut section) in root.section("capabilities").named() {
        if !names_a_model(&name) {
            section.note("must be named by a model, or by provider/model");
        }
        let one = One {
            structured_output: flag(&mut section, "structured_output"),
            tools: flag(&mut section, "tools"),
            effort: flag(&mut section, "effort"),
            thinking: section.take("thinking").and_then(|entry| thinking(&entry)),
            web_search: flag(&mut section, "web_search"),
            context_tokens: section.take("context_tokens").and_then(tokens),
            max_output_tokens: section.take("max_output_tokens").and_then(tokens),
            version: section.take("version").and_then(|entry| version(&entry)),
        };
        section.done();
        given.0.insert(name, one);
    }
    given
}

fn flag(section: &mut Section<'_>, name: &'static str) -> Option<bool> {
    section.take(name).and_then(|entry| entry.flag())
}

fn thinking(entry: &Entry<'_>) -> Option<Thinking> {
    Some(match entry.choice(&["always", "optional", "off"])? {
        "always" => Thinking::Always,
        "optional" => Thinking::Optional,
        _ => Thinking::Off,
    })
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "taken entries are handed over"
)]
fn tokens(entry: Entry<'_>) -> Option<u32> {
    let tokens = entry.whole(1_000..=100_000_000)?;
    u32::try_from(tokens).ok()
}

/// It stands in a header or a body, so it keeps to a few characters.
fn version(entry: &Entry<'_>) -> Option<Arc<str>> {
    entry.parsed(
        "must be a version of the API, such as 2026-10-21 or bedrock-2023-05-31",
        |text| {
            let fits = text.len() <= 64
                && text
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            fits.then(|| text.into())
        },
    )
}

#[cfg(test)]
mod tests {
    use super::super::scripted::{Scripted, mistakes};
    use super::super::settings::read;
    use super::*;
    use crate::domain::Alias;

    fn with(more: &str) -> super::super::Settings {
        let config = Scripted::EXAMPLE.replace("[cache]", &format!("{more}\n[cache]"));
        read(&config, &Scripted::example()).expect("a good config")
    }

    fn of_default(settings: &super::super::Settings) -> Capabilities {
        let alias = Alias::parse("default").expect("a plain name");
        settings.tenants[0].org.models[&alias].targets[0].capabilities
    }

    #[test]
    fn what_the_file_says_changes_what_is_known_and_the_nearer_word_counts() {
        let known = of_default(&with(""));
        let said =
            "[capabilities.\"claude-sonnet-5-5\"]\nthinking = \"off\"\nmax_output_tokens = 8_000\n";
        let changed = of_default(&with(said));
        assert_eq!(changed.thinking, Thinking::Off);
        assert_eq!(changed.max_output_tokens, 8_000);
        assert_eq!(changed.context_tokens, known.context_tokens);

        let nearer = "[capabilities.\"claude/claude-sonnet-5-5\"]\nmax_output_tokens = 9_000\ntools = false\n";
        let changed = of_default(&with(&format!("{said}{nearer}")));
        assert_eq!(changed.thinking, Thinking::Off);
        assert_eq!(changed.max_output_tokens, 9_000);
        assert!(!changed.tools);
    }

    #[test]
    fn a_version_goes_to_the_provider_of_the_model() {
        let settings = with("[capabilities.\"claude-sonnet-5-5\"]\nversion = \"2027-01-01\"\n");
        let model = ModelId::parse("claude-sonnet-5-5").expect("a model");
        assert_eq!(&*settings.providers[0].versions[&model], "2027-01-01");
        assert!(settings.providers[1].versions.is_empty());
    }

    #[test]
    fn every_mistake_about_a_model_is_told() {
        let told = mistakes(
            "[cache]",
            "[capabilities.\"a/b/c\"]\nthinking = \"never\"\ntool = true\nversion = \"a b\"\ncontext_tokens = 1\n[cache]",
        );
        assert_eq!(told.len(), 5, "{told:#?}");
        assert!(told[0].contains("provider/model"), "{told:#?}");
        assert!(told[1].contains("always, optional, off"), "{told:#?}");
        assert!(told[2].contains("1,000 to 100,000,000"), "{told:#?}");
        assert!(told[3].contains("such as 2026-10-21"), "{told:#?}");
        assert!(told[4].contains("did you mean `tools`?"), "{told:#?}");
    }
}
