//! The Claude API.

mod batches;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::batches::Batches;
use super::messages::Messages;
use super::provider::{Dialect, Error, Events, Fault, Outgoing, Provider, Reply};
use super::versions::Versions;
use super::{capabilities::VERSION, wire};
use crate::domain::ProviderName;

/// The Claude API, with our key.
pub struct Anthropic {
    name: ProviderName,
    messages: Messages,
    credential: Result<HeaderMap, Fault>,
    api_key: SecretString,
    client: reqwest::Client,
}

impl Anthropic {
    /// The Claude API at `base_url`, asked with `api_key`.
    pub fn new(
        name: ProviderName,
        base_url: &Url,
        api_key: &SecretString,
        versions: Versions,
        client: reqwest::Client,
    ) -> Self {
        let base = base_url.as_str().trim_end_matches('/');
        Self {
            name,
            messages: Messages::new(base, versions, client.clone(), wire::refused),
            credential: wire::credential("x-api-key", api_key.expose_secret()),
            api_key: api_key.clone(),
            client,
        }
    }

    /// `request` with our key, in the client's dialect.
    fn dressed(
        &self,
        request: reqwest::RequestBuilder,
        dialect: &Dialect,
    ) -> Result<reqwest::RequestBuilder, Error> {
        let version = dialect.version.as_deref().unwrap_or(VERSION);
        let request = request.header("anthropic-version", version);
        let request = match &dialect.betas {
            Some(betas) => request.header("anthropic-beta", betas),
            None => request,
        };
        Ok(request.headers(self.credential.clone()?))
    }
}

impl Provider for Anthropic {
    fn name(&self) -> &ProviderName {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "anthropic"
    }

    fn send(&self, request: Outgoing) -> BoxFuture<'_, Result<Reply, Error>> {
        async move { self.messages.ask(request, self.credential.clone()?).await }.boxed()
    }

    fn stream(&self, request: Outgoing) -> BoxFuture<'_, Result<Events, Error>> {
        async move { self.messages.open(request, self.credential.clone()?).await }.boxed()
    }

    fn count_tokens(&self, request: Outgoing) -> Option<BoxFuture<'_, Result<Bytes, Error>>> {
        Some(async move { self.messages.count(request, self.credential.clone()?).await }.boxed())
    }

    fn batches(&self) -> Option<&dyn Batches> {
        Some(self)
    }
}
