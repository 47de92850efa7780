//! From settings to providers: the one `match` over their kinds.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::anthropic::Anthropic;
use super::capabilities::Surface;
use super::provider::Provider;
use super::simulator::Simulator;
use super::versions::Versions;
use super::{bedrock, foundry, vertex, wire};
use crate::domain::{Clock, ModelId, ProviderName};

/// One provider. In the file: `[[providers]]`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name that models, metrics and logs know it by.
    pub name: ProviderName,
    /// Which kind of upstream it is, and how to reach it.
    pub kind: Kind,
    /// Calls under way at this provider at once, of all orgs together. Default: 200.
    pub calls_in_flight: NonZeroU32,
    /// Models that the file gives a version of the API, in place of the one that is known for them.
    pub versions: BTreeMap<ModelId, Arc<str>>,
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
    /// Claude on Amazon Bedrock.
    Bedrock(bedrock::Settings),
    /// Claude on Google Vertex AI.
    Vertex(vertex::Settings),
    /// Claude on Microsoft Foundry.
    Foundry(foundry::Settings),
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
            Self::Bedrock(_) => "bedrock",
            Self::Vertex(_) => "vertex",
            Self::Foundry(_) => "foundry",
            Self::Simulator { .. } => "simulator",
        }
    }

    /// Whose door its models are asked through.
    pub fn surface(&self) -> Surface {
        match self {
            Self::Anthropic { .. } => Surface::Claude,
            Self::Bedrock(_) => Surface::Bedrock,
            Self::Vertex(vertex) => Surface::Vertex {
                global: vertex.is_global(),
            },
            Self::Foundry(_) => Surface::Foundry,
            Self::Simulator { .. } => Surface::Simulator,
        }
    }
}

/// Builds every provider of `settings`, by name.
///
/// # Errors
/// Where the HTTP client cannot be made, as when the machine holds no root certificates.
pub fn build(
    settings: &[Settings],
    clock: &Arc<dyn Clock>,
) -> Result<BTreeMap<ProviderName, Arc<dyn Provider>>, reqwest::Error> {
    let providers = settings.iter().map(|one| {
        let name = one.name.clone();
        let versions = Versions::new(one.kind.surface(), one.versions.clone());
        let clock = Arc::clone(clock);
        let provider: Arc<dyn Provider> = match &one.kind {
            Kind::Anthropic { api_key, base_url } => Arc::new(Anthropic::new(
                name,
                base_url,
                api_key,
                versions,
                wire::client(base_url)?,
            )),
            Kind::Bedrock(settings) => {
                Arc::new(bedrock::Bedrock::new(name, settings, versions, clock)?)
            }
            Kind::Vertex(settings) => Arc::new(vertex::Vertex::new(name, settings, versions)?),
            Kind::Foundry(settings) => {
                Arc::new(foundry::Foundry::new(name, settings, versions, clock)?)
            }
            Kind::Simulator { latency } => Arc::new(Simulator::new(name, *latency)),
        };
        Ok((one.name.clone(), provider))
    });
    providers.collect()
}
