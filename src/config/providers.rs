//! `[[providers]]`: the upstreams, and what models may say of them.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use url::Url;

use super::addresses;
use super::clouds;
use super::environment::Secrets;
use super::mistakes::did_you_mean;
use super::reader::{Once, Section};
use crate::domain::{ModelId, ProviderName};
use crate::providers::{Kind, Settings, Surface};

/// Calls under way at one provider, unless the file says otherwise.
const CALLS_IN_FLIGHT: u32 = 200;

/// Kinds that this release can reach.
const KINDS: [&str; 5] = ["anthropic", "bedrock", "vertex", "foundry", "simulator"];

/// Every provider that the file names.
#[derive(Default)]
pub struct Providers {
    /// Those that can be built.
    pub built: Vec<Settings>,
    names: BTreeMap<ProviderName, Standing>,
}

/// What a target may expect of a provider's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It asks a real model, through this door.
    Real(Surface),
    /// It makes its answers up.
    Simulated,
    /// It is named, but something about it is wrong, which has been noted.
    Broken,
}

impl Providers {
    /// What stands behind `name`, if the file has it.
    pub fn standing(&self, name: &ProviderName) -> Option<Standing> {
        self.names.get(name).copied()
    }

    /// Every name there is.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(ProviderName::as_str)
    }
}

/// Whether `name`, of a table about models, is a model or a provider and its model.
pub fn names_a_model(name: &str) -> bool {
    let with_provider = name.split_once('/').is_some_and(|(provider, model)| {
        ProviderName::parse(provider).is_some() && ModelId::parse(model).is_some()
    });
    with_provider || ModelId::parse(name).is_some()
}

/// Reads every provider of the file.
pub fn read(root: &mut Section<'_>, secrets: &Secrets<'_>) -> Providers {
    let mut providers = Providers::default();
    let mut names = Once::default();
    let sections = root.need_sections(
        "providers",
        "must be a list of at least one [[providers]], such as one of kind = \"simulator\"",
    );
    for mut section in sections {
        let name = section
            .need("name", "give the provider a name that models can point to")
            .and_then(|entry| {
                let name = entry.parsed(
                    "must be 1 to 128 characters of A-Z a-z 0-9 . _ : @ -",
                    ProviderName::parse,
                )?;
                if let Err(first) = names.take(name.clone(), entry.key()) {
                    entry.note(format!(
                        "is the name at {first} already; every provider needs its own"
                    ));
                }
                Some(name)
            });
        let kind = kind(section, secrets);
        let Some(name) = name else { continue };
        let standing = match &kind {
            Some((Kind::Simulator { .. }, _)) => Standing::Simulated,
            Some((kind, _)) => Standing::Real(kind.surface()),
            None => Standing::Broken,
        };
        providers.names.entry(name.clone()).or_insert(standing);
        if let Some((kind, calls_in_flight)) = kind {
            providers.built.push(Settings {
                name,
                kind,
                calls_in_flight,
                versions: BTreeMap::new(),
            });
        }
    }
    providers
}

/// The rest of a provider's table, its keys being its kind's.
fn kind(mut section: Section<'_>, secrets: &Secrets<'_>) -> Option<(Kind, NonZeroU32)> {
    let wanted = format!("must be one of: {}", KINDS.join(", "));
    let entry = section.need("kind", &format!("it {wanted}"));
    let name = entry.as_ref().and_then(|entry| entry.text_or(&wanted));
    let calls_in_flight = section
        .take("calls_in_flight")
        .and_then(|entry| entry.count())
        .or(NonZeroU32::new(CALLS_IN_FLIGHT))?;
    let kind = match name {
        Some("anthropic") => anthropic(&mut section, secrets),
        Some("bedrock") => clouds::bedrock(&mut section, secrets),
        Some("vertex") => clouds::vertex(&mut section, secrets),
        Some("foundry") => clouds::foundry(&mut section, secrets),
        Some("simulator") => Some(simulator(&mut section)),
        other => {
            if let (Some(entry), Some(other)) = (&entry, other) {
                entry.note(wanted + &did_you_mean(other, KINDS));
            }
            // Whichever kind was meant, these belong to one, and are right or wrong in any.
            if let Some(entry) = section.take("api_key") {
                secrets.reveal(&entry);
            }
            for key in clouds::KEYS {
                section.take(key);
            }
            None
        }
    };
    section.done();
    Some((kind?, calls_in_flight))
}

fn anthropic(section: &mut Section<'_>, secrets: &Secrets<'_>) -> Option<Kind> {
    let api_key = section
        .need("api_key", "it must be env:NAME or file:PATH of our key")
        .and_then(|entry| secrets.reveal(&entry));
    let base_url = base_url(section);
    Some(Kind::Anthropic {
        api_key: api_key?,
        base_url: base_url?,
    })
}

/// Claude's own address, unless the file says otherwise.
fn base_url(section: &mut Section<'_>) -> Option<Url> {
    match section.take("base_url") {
        Some(entry) => addresses::base_url(&entry),
        None => Some(Url::parse("https://api.anthropic.com").expect("an address")),
    }
}

fn simulator(section: &mut Section<'_>) -> Kind {
    let latency_ms = section
        .take("latency_ms")
        .and_then(|entry| entry.whole(0..=600_000));
    Kind::Simulator {
        latency: Duration::from_millis(latency_ms.unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::scripted::{Scripted, mistake, mistakes};
    use super::super::settings::read;
    use super::*;

    #[test]
    fn a_provider_comes_as_it_is_written() {
        let settings = read(Scripted::EXAMPLE, &Scripted::example()).expect("a good config");
        let [claude, rehearsal] = &settings.providers[..] else {
            panic!("the example has two providers");
        };
        assert_eq!(claude.name.as_str(), "claude");
        assert_eq!(claude.calls_in_flight.get(), 200);
        let Kind::Simulator { latency } = rehearsal.kind else {
            panic!("the second is the simulator");
        };
        assert_eq!(latency, Duration::from_millis(250));
    }

    #[test]
    fn an_unknown_kind_is_told_the_kinds_that_work() {
        let told = mistake("kind = \"simulator\"", "kind = \"openai\"");
        assert!(
            told.contains("must be one of: anthropic, bedrock, vertex, foundry, simulator"),
            "{told}"
        );
        // What else is wrong is told as well, and nothing that is right for some kind.
        let told = mistakes(
            "kind = \"simulator\"",
            "kind = \"claude\"\nregion = \"global\"\napi_key = \"hunter2\"",
        );
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(
            told[1].starts_with("providers[1].api_key = [redacted]"),
            "{told:?}"
        );
    }

    #[test]
    fn each_kind_has_its_own_keys_and_ranges() {
        let told = mistake("latency_ms = 250", "latency_ms = 600_001");
        assert!(told.contains("providers[1].latency_ms = 600001"), "{told}");
        assert!(told.contains("0 to 600,000"), "{told}");
        let told = mistake("latency_ms = 250", "api_key = \"hunter2\"");
        assert!(told.contains("is not a key that belongs here"), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
        let told = mistakes("api_key = \"env:ANTHROPIC_API_KEY\"", "");
        assert!(
            told[0].starts_with("providers[0].api_key: is missing"),
            "{told:?}"
        );
    }

    #[test]
    fn two_providers_never_share_a_name() {
        let told = mistakes("name = \"rehearsal\"", "name = \"claude\"");
        assert!(
            told[0].contains("is the name at providers[0].name already"),
            "{told:?}"
        );
    }
}
