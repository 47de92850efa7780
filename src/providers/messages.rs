//! Asking an upstream that speaks the Messages API itself: the Claude API, Foundry, and Bedrock where it is set so.
//!
//! The body goes on as it is; the version and the betas are headers. What differs is the credential, which each
//! provider hands in, and how each tells its errors.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};

use super::provider::{Error, Events, Outgoing, Reply};
use super::versions::Versions;
use super::wire;

/// An endpoint of the Messages API.
pub struct Messages {
    url: String,
    versions: Versions,
    client: reqwest::Client,
    refused: Refused,
}

/// What an error answer means.
type Refused = fn(StatusCode, &HeaderMap, &[u8]) -> Error;

impl Messages {
    /// The endpoint below `base`, which ends without a slash.
    pub fn new(base: &str, versions: Versions, client: reqwest::Client, refused: Refused) -> Self {
        Self {
            url: format!("{base}/v1/messages"),
            versions,
            client,
            refused,
        }
    }

    /// Where a question goes.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where a question goes to be counted.
    pub fn counting_url(&self) -> String {
        format!("{}/count_tokens", self.url)
    }

    /// The whole answer.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn ask(&self, outgoing: Outgoing, credential: HeaderMap) -> Result<Reply, Error> {
        wire::reply(self.post(&self.url, outgoing, credential).await?).await
    }

    /// The answer's events.
    ///
    /// # Errors
    /// Why there are none.
    pub async fn open(&self, outgoing: Outgoing, credential: HeaderMap) -> Result<Events, Error> {
        let response = self.post(&self.url, outgoing, credential).await?;
        Ok(wire::events(response))
    }

    /// How many tokens the question comes to, as the upstream tells it.
    ///
    /// # Errors
    /// Why nobody knows.
    pub async fn count(&self, outgoing: Outgoing, credential: HeaderMap) -> Result<Bytes, Error> {
        let url = self.counting_url();
        Ok(wire::whole(self.post(&url, outgoing, credential).await?).await?)
    }

    async fn post(
        &self,
        url: &str,
        outgoing: Outgoing,
        credential: HeaderMap,
    ) -> Result<reqwest::Response, Error> {
        let version = self.versions.for_header(&outgoing);
        let mut request = self
            .client
            .post(url)
            .header("anthropic-version", version)
            .header(CONTENT_TYPE, "application/json");
        if let Some(betas) = &outgoing.dialect.betas {
            request = request.header("anthropic-beta", betas);
        }
        // What a signature covers is set anew, so it replaces and never repeats.
        let request = request.headers(credential).body(outgoing.body);
        wire::success(wire::head(request).await?, self.refused).await
    }
}
