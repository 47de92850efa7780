//! Claude on Microsoft Foundry.
//!
//! Foundry speaks Claude's own API below another path; the model is the name of a deployment. What is ours here is the
//! credential: the resource's key, or a token of Entra, which stands in [`entra`].

pub mod entra;
pub mod errors;
pub mod settings;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::HeaderMap;

use self::entra::Tokens;
pub use self::settings::{Entra, Identity, Settings, SignIn};
use super::messages::Messages;
use super::provider::{Error, Events, Fault, Outgoing, Provider, Reply};
use super::versions::Versions;
use super::wire;
use crate::domain::{Clock, ProviderName};

/// Claude on Microsoft Foundry.
pub struct Foundry {
    name: ProviderName,
    messages: Messages,
    proof: Proof,
}

/// How a request proves who sends it.
enum Proof {
    /// By a key. `x-api-key` alone: the gateways that know only `api-key` are not Foundry's.
    Key(Result<HeaderMap, Fault>),
    /// By a token of Entra.
    Tokens(Tokens),
}

impl Foundry {
    /// Foundry by `settings`.
    ///
    /// # Errors
    /// Where an HTTP client cannot be made.
    pub fn new(
        name: ProviderName,
        settings: &Settings,
        versions: Versions,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, reqwest::Error> {
        let proof = match &settings.sign_in {
            SignIn::Key(key) => Proof::Key(wire::credential("x-api-key", key.expose())),
            SignIn::Entra(entra) => Proof::Tokens(Tokens::new(name.clone(), entra.clone(), clock)?),
        };
        let base = settings.base();
        let client = wire::client_of(&base)?;
        Ok(Self {
            name,
            messages: Messages::new(&base, versions, client, errors::refused),
            proof,
        })
    }

    async fn prove(&self) -> Result<HeaderMap, Error> {
        match &self.proof {
            Proof::Key(headers) => Ok(headers.clone()?),
            Proof::Tokens(tokens) => {
                let token = tokens.get().await?;
                let bearer = format!("Bearer {}", token.expose());
                Ok(wire::credential("authorization", &bearer)?)
            }
        }
    }
}

impl Provider for Foundry {
    fn name(&self) -> &ProviderName {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "azure.ai.inference"
    }

    fn send(&self, request: Outgoing) -> BoxFuture<'_, Result<Reply, Error>> {
        async move { self.messages.ask(request, self.prove().await?).await }.boxed()
    }

    fn stream(&self, request: Outgoing) -> BoxFuture<'_, Result<Events, Error>> {
        async move { self.messages.open(request, self.prove().await?).await }.boxed()
    }

    fn count_tokens(&self, request: Outgoing) -> Option<BoxFuture<'_, Result<Bytes, Error>>> {
        Some(async move { self.messages.count(request, self.prove().await?).await }.boxed())
    }
}
