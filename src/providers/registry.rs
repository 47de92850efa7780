//! From settings to providers: the one `match` over their kinds.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::anthropic::Anthropic;
use super::provider::Provider;
use super::simulator::Simulator;
use super::wire;
use crate::domain::ProviderName;

/// One provider. In the file: `[[providers]]`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name that models, metrics and logs know it by.
    pub name: ProviderName,
    /// Which kind of upstream it is, and how to reach it.
    pub kind: Kind,
    /// Calls under way at this provider at once, of all orgs together. Default: 200.
    pub calls_in_flight: NonZeroU32,
}

/// A kind of upstream.
#[derive(Debug, Clone)]
pub enum Kind {
    /// The Claude API.
    Anthropic {
        /// Our key there.
        api_key: SecretString,
        /// Where it is. Default: Claude's own address.
        base_url: Url,
    },
    /// Answers from the record's own facts, with no network.
    Simulator {
        /// How long each answer takes. Default: none.
        latency: Duration,
    },
}

impl Kind {
    /// The kind's name in the file.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Anthropic { .. } => "anthropic",
            Self::Simulator { .. } => "simulator",
        }
    }
}

/// Builds every provider of `settings`, by name.
///
/// # Errors
/// Where the HTTP client cannot be made, as when the machine holds no root certificates.
pub fn build(
    settings: &[Settings],
) -> Result<BTreeMap<ProviderName, Arc<dyn Provider>>, reqwest::Error> {
    let providers = settings.iter().map(|one| {
        let provider: Arc<dyn Provider> = match &one.kind {
            Kind::Anthropic { api_key, base_url } => Arc::new(Anthropic::new(
                one.name.clone(),
                base_url,
                api_key.clone(),
                wire::client(base_url)?,
            )),
            Kind::Simulator { latency } => Arc::new(Simulator::new(one.name.clone(), *latency)),
        };
        Ok((one.name.clone(), provider))
    });
    providers.collect()
}
