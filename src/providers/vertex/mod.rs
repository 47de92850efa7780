//! Claude on Google Vertex AI.
//!
//! The model stands in the path, the version in the body, and events come as Claude sends them. [`translate`] is pure,
//! [`credentials`] proves who we are, [`errors`] reads what Google and the model say.

pub mod credentials;
pub mod errors;
pub mod settings;
pub mod translate;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::header::CONTENT_TYPE;

use self::credentials::Credentials;
pub use self::settings::Settings;
use self::translate::Operation;
use super::provider::{Error, Events, Outgoing, Provider, Reply};
use super::versions::Versions;
use super::wire;
use crate::domain::ProviderName;

/// Claude on Google Vertex AI.
pub struct Vertex {
    name: ProviderName,
    /// Where this project's models are.
    models: String,
    credentials: Credentials,
    versions: Versions,
    client: reqwest::Client,
}

impl Vertex {
    /// Vertex by `settings`.
    ///
    /// # Errors
    /// Where the HTTP client cannot be made.
    pub fn new(
        name: ProviderName,
        settings: &Settings,
        versions: Versions,
    ) -> Result<Self, reqwest::Error> {
        let base = settings.base();
        let (project, region) = (&settings.project, &settings.region);
        Ok(Self {
            models: format!(
                "{base}/projects/{project}/locations/{region}/publishers/anthropic/models"
            ),
            credentials: Credentials::new(name.clone(), settings.credentials.clone()),
            client: wire::client_of(&base)?,
            name,
            versions,
        })
    }

    async fn post(
        &self,
        operation: Operation,
        outgoing: Outgoing,
    ) -> Result<reqwest::Response, Error> {
        let version = self.versions.for_body(&outgoing);
        let body = translate::body(operation, &outgoing, version)?;
        let credential = self.credentials.header().await?;
        let mut request = self
            .client
            .post(translate::url(&self.models, operation, &outgoing.model))
            .header(CONTENT_TYPE, "application/json")
            .headers(credential)
            .body(body);
        if let Some(betas) = &outgoing.dialect.betas {
            request = request.header("anthropic-beta", betas);
        }
        wire::success(wire::head(request).await?, errors::refused).await
    }

    async fn ask(&self, outgoing: Outgoing) -> Result<Reply, Error> {
        wire::reply(self.post(Operation::Ask, outgoing).await?).await
    }

    async fn open(&self, outgoing: Outgoing) -> Result<Events, Error> {
        Ok(wire::events(self.post(Operation::Stream, outgoing).await?))
    }

    async fn count(&self, outgoing: Outgoing) -> Result<Bytes, Error> {
        Ok(wire::whole(self.post(Operation::Count, outgoing).await?).await?)
    }
}

impl Provider for Vertex {
    fn name(&self) -> &ProviderName {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "gcp.vertex_ai"
    }

    fn send(&self, request: Outgoing) -> BoxFuture<'_, Result<Reply, Error>> {
        self.ask(request).boxed()
    }

    fn stream(&self, request: Outgoing) -> BoxFuture<'_, Result<Events, Error>> {
        self.open(request).boxed()
    }

    fn count_tokens(&self, request: Outgoing) -> Option<BoxFuture<'_, Result<Bytes, Error>>> {
        Some(self.count(request).boxed())
    }
}
