//! Batches at the Claude API.

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use hmac::{Hmac, KeyInit, Mac};
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use secrecy::ExposeSecret;
use sha2::Sha256;

use super::Anthropic;
use crate::providers::batches::{Batches, Lines, UpstreamId};
use crate::providers::provider::{Dialect, Error, Fault};
use crate::providers::wire;

impl Anthropic {
    /// Asks about the batch `id`, whose results are never fetched from where the upstream says: our key goes to the host
    /// of the config alone.
    async fn about(
        &self,
        method: Method,
        id: &UpstreamId,
        rest: &str,
        dialect: &Dialect,
    ) -> Result<reqwest::Response, Error> {
        let url = format!("{}/batches/{id}{rest}", self.messages.url());
        let request = self.dressed(self.client.request(method, url), dialect)?;
        let response = wire::head(request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        if status == StatusCode::OK {
            return Ok(response);
        }
        let body = wire::whole(response).await.unwrap_or_default();
        let mut error = wire::refused(status, &headers, &body);
        // Here these speak of the batch, and neither of a model nor of a passing trouble.
        if matches!(status, StatusCode::NOT_FOUND | StatusCode::CONFLICT) {
            error.fault = Fault::Rejected(status.as_u16());
            error.said = wire::said_in(&body);
        }
        Err(error)
    }

    async fn told(
        &self,
        method: Method,
        id: UpstreamId,
        rest: &str,
        dialect: Dialect,
    ) -> Result<Bytes, Error> {
        let response = self.about(method, &id, rest, &dialect).await?;
        Ok(wire::whole(response).await?)
    }

    async fn lines(&self, id: UpstreamId, dialect: Dialect) -> Result<Lines, Error> {
        let response = self.about(Method::GET, &id, "/results", &dialect).await?;
        let lines = response.bytes_stream();
        Ok(lines.map(|chunk| chunk.map_err(|_| Fault::Cut)).boxed())
    }
}

impl Batches for Anthropic {
    fn create(&self, body: Bytes, dialect: Dialect) -> BoxFuture<'_, Result<Bytes, Error>> {
        async move {
            let url = format!("{}/batches", self.messages.url());
            let request = self
                .client
                .post(url)
                .header(CONTENT_TYPE, "application/json");
            let request = self.dressed(request, &dialect)?.body(body);
            let response = wire::success(wire::head(request).await?, wire::refused).await?;
            Ok(wire::whole(response).await?)
        }
        .boxed()
    }

    fn retrieve(&self, id: UpstreamId, dialect: Dialect) -> BoxFuture<'_, Result<Bytes, Error>> {
        self.told(Method::GET, id, "", dialect).boxed()
    }

    fn cancel(&self, id: UpstreamId, dialect: Dialect) -> BoxFuture<'_, Result<Bytes, Error>> {
        self.told(Method::POST, id, "/cancel", dialect).boxed()
    }

    fn delete(&self, id: UpstreamId, dialect: Dialect) -> BoxFuture<'_, Result<Bytes, Error>> {
        self.told(Method::DELETE, id, "", dialect).boxed()
    }

    fn results(&self, id: UpstreamId, dialect: Dialect) -> BoxFuture<'_, Result<Lines, Error>> {
        self.lines(id, dialect).boxed()
    }

    fn derived_secret(&self, purpose: &str) -> [u8; 32] {
        let key = self.api_key.expose_secret().as_bytes();
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        mac.update(purpose.as_bytes());
        mac.finalize().into_bytes().into()
    }
}
