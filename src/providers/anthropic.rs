//! The Claude API.

mod batches;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::batches::Batches;
use super::provider::{Dialect, Error, Events, Fault, Outgoing, Provider, Reply};
use super::{claude, wire};
use crate::domain::ProviderName;

/// The Claude API, with our key.
pub struct Anthropic {
    name: ProviderName,
    messages: String,
    api_key: SecretString,
    client: reqwest::Client,
}

/// The API generation that our own questions are written for.
const VERSION: &str = "2026-10-21";

impl Anthropic {
    /// The Claude API at `base_url`, asked with `api_key`.
    pub fn new(
        name: ProviderName,
        base_url: &Url,
        api_key: SecretString,
        client: reqwest::Client,
    ) -> Self {
        let base = base_url.as_str().trim_end_matches('/');
        Self {
            name,
            messages: format!("{base}/v1/messages"),
            api_key,
            client,
        }
    }

    /// `request` with our key, in the client's dialect.
    fn dressed(
        &self,
        request: reqwest::RequestBuilder,
        dialect: &Dialect,
    ) -> reqwest::RequestBuilder {
        let version = dialect.version.as_deref().unwrap_or(VERSION);
        let request = request
            .header("x-api-key", self.api_key.expose_secret())
            .header("anthropic-version", version);
        match &dialect.betas {
            Some(betas) => request.header("anthropic-beta", betas),
            None => request,
        }
    }

    /// Sends `body`; the answer's head is a 200.
    async fn post(
        &self,
        path: &str,
        body: Bytes,
        dialect: &Dialect,
    ) -> Result<reqwest::Response, Error> {
        let request = self
            .client
            .post(format!("{}{path}", self.messages))
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(body);
        let request = self.dressed(request, dialect);
        let response = wire::head(request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        if status == StatusCode::OK {
            return Ok(response);
        }
        // What an error's body says only refines its status, so a cut one does no harm.
        let body = wire::whole(response).await.unwrap_or_default();
        Err(wire::refused(status, &headers, &body))
    }

    async fn ask(&self, outgoing: Outgoing) -> Result<Reply, Error> {
        let body = wire::whole(self.post("", outgoing.body, &outgoing.dialect).await?).await?;
        if claude::read(&body).is_none() {
            return Err(Fault::Malformed.into());
        }
        let usage = claude::usage(&body);
        Ok(Reply { body, usage })
    }

    async fn open(&self, outgoing: Outgoing) -> Result<Events, Error> {
        Ok(wire::events(
            self.post("", outgoing.body, &outgoing.dialect).await?,
        ))
    }

    async fn count(&self, outgoing: Outgoing) -> Result<Bytes, Error> {
        let counted = self.post("/count_tokens", outgoing.body, &outgoing.dialect);
        Ok(wire::whole(counted.await?).await?)
    }
}

impl Provider for Anthropic {
    fn name(&self) -> &ProviderName {
        &self.name
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

    fn batches(&self) -> Option<&dyn Batches> {
        Some(self)
    }
}
