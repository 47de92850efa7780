//! Who we are to Google: its default credentials, or a file of them.
//!
//! # Why
//! The library keeps the token and renews it by itself, four minutes before it ends; what it cannot do is recover from
//! a refusal that it holds for final, such as a key that was wrong and is right now. So after such a refusal it is built
//! anew, and no sooner than ten seconds after it was built before.
//!
//! It is built with the first call, not at the start: building starts the task that renews, and a gateway that is only
//! checked shall not ask Google for anything.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use google_cloud_auth::credentials::{
    AccessTokenCredentials, Builder, external_account, impersonated, service_account, user_account,
};
use google_cloud_auth::errors::CredentialsError;
use http::HeaderMap;
use serde_json::Value;
use tokio::time::Instant;

use crate::domain::ProviderName;
use crate::providers::kept::{PATIENCE, Trouble};
use crate::providers::provider::Error;
use crate::providers::secret::Secret;
use crate::providers::wire;

/// Google credentials, made when they are needed.
pub struct Credentials {
    provider: ProviderName,
    file: Option<Secret>,
    built: Mutex<Option<Built>>,
}

#[derive(Clone)]
struct Built {
    credentials: AccessTokenCredentials,
    at: Instant,
}

/// What a token must be good for.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// How long a refusal stands.
const PAUSE: Duration = Duration::from_secs(10);

impl Credentials {
    /// Those of `file`, else the default ones.
    pub fn new(provider: ProviderName, file: Option<Secret>) -> Self {
        Self {
            provider,
            file,
            built: Mutex::new(None),
        }
    }

    /// The header that a call bears.
    ///
    /// # Errors
    /// Where there is no token.
    pub async fn header(&self) -> Result<HeaderMap, Error> {
        let token = self.token().await;
        let token = token.map_err(|trouble| trouble.told(&self.provider))?;
        let bearer = format!("Bearer {token}");
        Ok(wire::credential("authorization", &bearer)?)
    }

    /// A token that is good now.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn token(&self) -> Result<String, Trouble> {
        let built = self.built()?;
        let told = tokio::time::timeout(PATIENCE, built.credentials.access_token()).await;
        match told {
            Ok(Ok(token)) => Ok(token.token),
            Ok(Err(error)) => {
                self.forget(&built, &error);
                Err(trouble(&error))
            }
            Err(_) => {
                let seconds = PATIENCE.as_secs();
                Err(Trouble(format!("Google: no token came within {seconds} s")))
            }
        }
    }

    fn built(&self) -> Result<Built, Trouble> {
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(built) = &*built {
            return Ok(built.clone());
        }
        let fresh = Built {
            credentials: build(self.file.as_ref())?,
            at: Instant::now(),
        };
        Ok(built.insert(fresh).clone())
    }

    /// A refusal for good ends the library's own renewing.
    fn forget(&self, refused: &Built, error: &CredentialsError) {
        if error.is_transient() || refused.at.elapsed() < PAUSE {
            return;
        }
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        // Another caller may have built new ones by now.
        if built.as_ref().is_some_and(|held| held.at == refused.at) {
            *built = None;
        }
    }
}

fn build(file: Option<&Secret>) -> Result<AccessTokenCredentials, Trouble> {
    let Some(file) = file else {
        return Builder::default()
            .with_scopes([SCOPE])
            .build_access_token_credentials()
            .map_err(|error| trouble(&error));
    };
    // The parser's words could quote the file.
    let json: Value = serde_json::from_str(file.expose())
        .map_err(|_| Trouble("the file of credentials is no JSON".into()))?;
    let built = match json["type"].as_str().unwrap_or_default() {
        "service_account" => service_account::Builder::new(json)
            .with_access_specifier(service_account::AccessSpecifier::from_scopes([SCOPE]))
            .build_access_token_credentials(),
        "external_account" => external_account::Builder::new(json)
            .with_scopes([SCOPE])
            .build_access_token_credentials(),
        "impersonated_service_account" => impersonated::Builder::new(json)
            .with_scopes([SCOPE])
            .build_access_token_credentials(),
        _ => user_account::Builder::new(json)
            .with_scopes([SCOPE])
            .build_access_token_credentials(),
    };
    built.map_err(|error| trouble(&error))
}

/// What the library says, less the body of an answer that it repeats: only the code of an OAuth error stays of that.
fn trouble(error: &dyn std::error::Error) -> Trouble {
    let Trouble(told) = Trouble::of(error);
    let Some((before, rest)) = told.split_once(", body=<") else {
        return Trouble(format!("Google: {told}"));
    };
    let (body, behind) = rest.rsplit_once('>').unwrap_or((rest, ""));
    let body: Option<Value> = serde_json::from_str(body).ok();
    let code = body.as_ref().and_then(|body| body["error"].as_str());
    let plain = |code: &&str| code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let code = code.filter(plain).unwrap_or("no OAuth error");
    Trouble(format!("Google: {before}, {code}{behind}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::provider::Fault;

    #[tokio::test]
    async fn a_file_that_is_not_whole_is_told_without_a_word_of_it() {
        for file in [
            r#"{"type":"service_account","private_key":"hunter2"}"#,
            r#"{"type":"external_account","audience":"hunter2"}"#,
            r#"{"type":"authorized_user","refresh_token":"hunter2"}"#,
            "hunter2",
        ] {
            let name = ProviderName::parse("gcp").expect("a name");
            let credentials = Credentials::new(name, Some(Secret::from(file)));
            let told = credentials.token().await.expect_err("a trouble");
            assert!(!told.0.contains("hunter2"), "{told}");
            let error = credentials.header().await.expect_err("no credential");
            assert_eq!(error.fault, Fault::NoCredentials);
        }
    }
}
