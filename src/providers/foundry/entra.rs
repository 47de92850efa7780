//! Tokens of Microsoft Entra ID.
//!
//! # Why
//! Three small requests, against a library that brings its own HTTP stack. A token lives for about an hour; it is kept
//! until five minutes before its end and fetched once, however many calls wait for it.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use url::Url;
use url::form_urlencoded::Serializer;

use super::settings::{Entra, Identity};
use crate::domain::{Clock, ProviderName};
use crate::providers::kept::{Fresh, Kept, Trouble};
use crate::providers::provider::Error;
use crate::providers::secret::Secret;
use crate::providers::wire;

/// Tokens for Foundry, fetched when they are needed.
pub struct Tokens {
    identity: Identity,
    authority: String,
    client: reqwest::Client,
    kept: Kept<Secret>,
}

/// What a token must be good for.
const SCOPE: &str = "https://ai.azure.com/.default";
/// The same, as managed identities are asked for it.
const RESOURCE: &str = "https://ai.azure.com";
/// Entra itself.
const AUTHORITY: &str = "https://login.microsoftonline.com";
/// Where a machine on Azure finds its own identity.
const MACHINE: &str = "http://169.254.169.254";
/// How a token of another issuer vouches for us.
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

#[derive(Deserialize)]
struct Given {
    access_token: String,
    /// Entra writes a number, and the machine's endpoint the same as a text.
    #[serde(default)]
    expires_in: Option<serde_json::Value>,
}

#[derive(Deserialize, Default)]
struct Refused {
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    error_codes: Vec<u32>,
}

impl Tokens {
    /// Tokens by `entra`. Nothing is asked yet.
    ///
    /// # Errors
    /// Where the HTTP client cannot be made.
    pub fn new(
        provider: ProviderName,
        entra: Entra,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, reqwest::Error> {
        let usual = match entra.identity {
            Identity::Secret { .. } | Identity::Federated { .. } => AUTHORITY,
            Identity::Managed { .. } => MACHINE,
        };
        let authority = wire::base(entra.authority.as_ref(), usual, "");
        Ok(Self {
            client: wire::client_of(&authority)?,
            identity: entra.identity,
            authority,
            kept: Kept::new(provider, clock),
        })
    }

    /// A token that is good now.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn get(&self) -> Result<Secret, Error> {
        self.kept.get(|| self.fetch()).await
    }

    async fn fetch(&self) -> Result<Fresh<Secret>, Trouble> {
        let request = match &self.identity {
            Identity::Secret {
                tenant_id,
                client_id,
                client_secret,
            } => {
                let proof = [("client_secret", client_secret.expose())];
                self.of_an_application(tenant_id, client_id, &proof)
            }
            Identity::Federated {
                tenant_id,
                client_id,
                token,
            } => {
                let other = tokio::fs::read_to_string(token).await.map_err(|error| {
                    Trouble(format!(
                        "Entra: {} cannot be read ({error})",
                        token.display()
                    ))
                })?;
                let proof = [
                    ("client_assertion_type", ASSERTION),
                    ("client_assertion", other.trim()),
                ];
                self.of_an_application(tenant_id, client_id, &proof)
            }
            Identity::Managed { client_id } => self.of_the_machine(client_id.as_deref())?,
        };
        // An address is left out of the error: it may name the application.
        let response = wire::head(request)
            .await
            .map_err(|error| Trouble(format!("Entra: {error}")))?;
        let status = response.status();
        let body = wire::whole(response)
            .await
            .map_err(|fault| Trouble(format!("Entra: {fault}")))?;
        if !status.is_success() {
            return Err(refused(status, &body));
        }
        let given: Given = serde_json::from_slice(&body)
            .map_err(|_| Trouble("Entra: the answer holds no token".into()))?;
        let lives = given.expires_in.and_then(|lives| match lives {
            serde_json::Value::String(text) => text.parse().ok(),
            number => number.as_u64(),
        });
        Ok(Fresh {
            value: given.access_token.into(),
            // Without a word on it, it is taken for the shortest that Entra gives.
            lives: Some(Duration::from_secs(lives.unwrap_or(600))),
        })
    }

    fn of_an_application(
        &self,
        tenant_id: &str,
        client_id: &str,
        proof: &[(&str, &str)],
    ) -> reqwest::RequestBuilder {
        let form = Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_id", client_id)
            .append_pair("scope", SCOPE)
            .extend_pairs(proof)
            .finish();
        let authority = &self.authority;
        self.client
            .post(format!("{authority}/{tenant_id}/oauth2/v2.0/token"))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form)
    }

    fn of_the_machine(&self, client_id: Option<&str>) -> Result<reqwest::RequestBuilder, Trouble> {
        let address = format!("{}/metadata/identity/oauth2/token", self.authority);
        let mut url = Url::parse(&address).map_err(|error| Trouble::of(&error))?;
        url.query_pairs_mut()
            .append_pair("api-version", "2018-02-01")
            .append_pair("resource", RESOURCE)
            .extend_pairs(client_id.map(|id| ("client_id", id)));
        Ok(self.client.get(url).header("metadata", "true"))
    }
}

/// The codes of a refusal. Its description is left out: it may quote what we sent.
fn refused(status: http::StatusCode, body: &[u8]) -> Trouble {
    let told: Refused = serde_json::from_slice(body).unwrap_or_default();
    let plain = |word: &String| word.len() <= 64 && word.bytes().all(|b| b.is_ascii_graphic());
    let word = told.error.filter(plain).unwrap_or_default();
    let codes = told.error_codes.iter().map(|code| format!(" AADSTS{code}"));
    let codes: String = codes.take(4).collect();
    Trouble(format!("Entra: {} {word}{codes}", status.as_u16()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_by_its_codes_alone() {
        let body = br#"{"error":"invalid_client","error_description":"secret hunter2 is wrong","error_codes":[7000215]}"#;
        let told = refused(http::StatusCode::UNAUTHORIZED, body);
        assert_eq!(told.0, "Entra: 401 invalid_client AADSTS7000215");
        let told = refused(http::StatusCode::BAD_GATEWAY, b"<html>hunter2");
        assert_eq!(told.0, "Entra: 502 ");
    }
}
