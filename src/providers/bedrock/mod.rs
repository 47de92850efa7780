//! Claude on Amazon Bedrock.
//!
//! Two APIs lead there. `InvokeModel` takes the model in the path and the version in the body, and streams in frames of
//! its own; Bedrock's Messages API is Claude's. [`translate`] and [`events`] are pure; [`sign`] and [`credentials`] prove
//! who we are; [`errors`] reads what AWS says.
//!
//! # Why
//! `InvokeModel` is the default, since every model has it. The SDK of AWS is not used for either: it owns its HTTP
//! client, its retries and its timeouts, and it would parse what only passes through. Its credential chain and its
//! signatures are used, because they are the part that is hard to get right.

pub mod credentials;
pub mod errors;
pub mod events;
pub mod frames;
pub mod settings;
pub mod sign;
pub mod translate;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE};
use reqwest::Url;

use self::credentials::Credentials;
pub use self::settings::{Api, Settings, SignIn};
use super::messages::Messages;
use super::provider::{Error, Events, Fault, Outgoing, Provider, Reply};
use super::versions::Versions;
use super::wire;
use crate::domain::{Clock, ProviderName};

/// Claude on Amazon Bedrock.
pub struct Bedrock {
    name: ProviderName,
    proof: Proof,
    api: Spoken,
    clock: Arc<dyn Clock>,
}

/// How a request proves who sends it.
enum Proof {
    /// Signed, for this region.
    Signature {
        region: String,
        credentials: Box<Credentials>,
    },
    /// By a key that goes along.
    Bearer(Result<HeaderMap, Fault>),
}

enum Spoken {
    Invoke {
        base: String,
        versions: Versions,
        client: reqwest::Client,
    },
    Messages(Messages),
}

/// How the answer of a model comes.
const FRAMES: &str = "application/vnd.amazon.eventstream";

impl Bedrock {
    /// Bedrock by `settings`.
    ///
    /// # Errors
    /// Where the HTTP client cannot be made.
    pub fn new(
        name: ProviderName,
        settings: &Settings,
        versions: Versions,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, reqwest::Error> {
        let proof = match &settings.sign_in {
            SignIn::Chain { profile } => Proof::Signature {
                region: settings.region.clone(),
                credentials: Box::new(Credentials::of_the_chain(
                    name.clone(),
                    settings.region.clone(),
                    profile.clone(),
                    Arc::clone(&clock),
                )),
            },
            SignIn::Bearer(key) => {
                let bearer = format!("Bearer {}", key.expose());
                Proof::Bearer(wire::credential("authorization", &bearer))
            }
        };
        let base = settings.base();
        let client = wire::client_of(&base)?;
        let api = match settings.api {
            Api::Invoke => Spoken::Invoke {
                base,
                versions,
                client,
            },
            Api::Messages => {
                Spoken::Messages(Messages::new(&base, versions, client, errors::refused))
            }
        };
        Ok(Self {
            name,
            proof,
            api,
            clock,
        })
    }

    /// The headers that let `body` in at `url`.
    async fn prove(&self, url: &str, body: &[u8]) -> Result<HeaderMap, Error> {
        match &self.proof {
            Proof::Bearer(headers) => Ok(headers.clone()?),
            Proof::Signature {
                region,
                credentials,
            } => {
                let credentials = credentials.get().await?;
                let now = self.clock.timestamp().into();
                sign::headers(url, body, &credentials, region, now)
                    .map_err(|trouble| trouble.told(&self.name))
            }
        }
    }

    async fn invoke(
        &self,
        (base, versions, client): (&str, &Versions, &reqwest::Client),
        outgoing: &Outgoing,
        streaming: bool,
    ) -> Result<reqwest::Response, Error> {
        let url = translate::url(base, &outgoing.model, streaming);
        let body = translate::body(outgoing, versions.for_body(outgoing))?;
        // Signed is what goes on the wire, so the address is taken as the client will write it.
        let url: Url = url.parse().map_err(|_| Error::from(Fault::Rejected(400)))?;
        let proof = self.prove(url.as_str(), &body).await?;
        let accepted = if streaming { FRAMES } else { sign::JSON };
        let request = client
            .post(url)
            .header(CONTENT_TYPE, sign::JSON)
            .header(ACCEPT, accepted)
            .headers(proof)
            .body(body);
        wire::success(wire::head(request).await?, errors::refused).await
    }

    async fn ask(&self, outgoing: Outgoing) -> Result<Reply, Error> {
        match &self.api {
            Spoken::Invoke {
                base,
                versions,
                client,
            } => {
                let by = (base.as_str(), versions, client);
                wire::reply(self.invoke(by, &outgoing, false).await?).await
            }
            Spoken::Messages(messages) => {
                let proof = self.prove(messages.url(), &outgoing.body).await?;
                messages.ask(outgoing, proof).await
            }
        }
    }

    async fn open(&self, outgoing: Outgoing) -> Result<Events, Error> {
        match &self.api {
            Spoken::Invoke {
                base,
                versions,
                client,
            } => {
                let by = (base.as_str(), versions, client);
                let response = self.invoke(by, &outgoing, true).await?;
                let told = response.headers().get(CONTENT_TYPE);
                let told = told.and_then(|kind| kind.to_str().ok()).unwrap_or(FRAMES);
                let is_events = told.starts_with("text/event-stream");
                let Events { bytes, upstream_id } = wire::events(response);
                // A gateway on the way may have translated the frames already.
                let bytes = if is_events {
                    bytes
                } else {
                    events::of_frames(bytes)
                };
                Ok(Events { bytes, upstream_id })
            }
            Spoken::Messages(messages) => {
                let proof = self.prove(messages.url(), &outgoing.body).await?;
                messages.open(outgoing, proof).await
            }
        }
    }
}

impl Provider for Bedrock {
    fn name(&self) -> &ProviderName {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "aws.bedrock"
    }

    fn send(&self, request: Outgoing) -> BoxFuture<'_, Result<Reply, Error>> {
        self.ask(request).boxed()
    }

    fn stream(&self, request: Outgoing) -> BoxFuture<'_, Result<Events, Error>> {
        self.open(request).boxed()
    }

    fn count_tokens(&self, request: Outgoing) -> Option<BoxFuture<'_, Result<Bytes, Error>>> {
        let Spoken::Messages(messages) = &self.api else {
            return None;
        };
        let counted = async move {
            let proof = self.prove(&messages.counting_url(), &request.body).await?;
            messages.count(request, proof).await
        };
        Some(counted.boxed())
    }
}
