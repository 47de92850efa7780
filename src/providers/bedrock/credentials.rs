//! Who we are to AWS: the default chain, and what it gave.
//!
//! # Why
//! The chain brings an HTTP client of its own for IMDS, ECS and STS. It is asked once an hour or so, never on a call's
//! way where a credential is kept, and never for longer than ten seconds. A profile that the config names is read
//! itself: the chain would take the environment's key before it, which is not what was asked for.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::Region;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use tokio::sync::OnceCell;

use crate::domain::{Clock, ProviderName};
use crate::providers::kept::{Fresh, Kept, Trouble};
use crate::providers::provider::Error;

/// Credentials of AWS, fetched when they are needed.
pub struct Credentials {
    region: String,
    profile: Option<String>,
    chain: OnceCell<SharedCredentialsProvider>,
    kept: Kept<aws_credential_types::Credentials>,
    clock: Arc<dyn Clock>,
}

impl Credentials {
    /// Those of the default chain, or of `profile`. Nothing is asked yet.
    pub fn of_the_chain(
        provider: ProviderName,
        region: String,
        profile: Option<String>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            region,
            profile,
            chain: OnceCell::new(),
            kept: Kept::new(provider, Arc::clone(&clock)),
            clock,
        }
    }

    /// Credentials that are good now.
    ///
    /// # Errors
    /// Where there are none.
    pub async fn get(&self) -> Result<aws_credential_types::Credentials, Error> {
        self.kept.get(|| self.fetch()).await
    }

    /// Credentials as the chain gives them now, whatever is kept.
    ///
    /// # Errors
    /// Where it gives none.
    pub async fn fetch(&self) -> Result<Fresh<aws_credential_types::Credentials>, Trouble> {
        let chain = self.chain.get_or_init(|| self.chain()).await;
        let credentials = chain
            .provide_credentials()
            .await
            .map_err(|error| trouble(&error))?;
        let lives = credentials.expiry().map(|end| self.left(end));
        Ok(Fresh {
            value: credentials,
            lives,
        })
    }

    async fn chain(&self) -> SharedCredentialsProvider {
        let region = Region::new(self.region.clone());
        match &self.profile {
            None => {
                let chain = DefaultCredentialsChain::builder().region(region);
                SharedCredentialsProvider::new(chain.build().await)
            }
            Some(profile) => {
                let config = ProviderConfig::without_region().with_region(Some(region));
                let profile = ProfileFileCredentialsProvider::builder()
                    .configure(&config)
                    .profile_name(profile);
                SharedCredentialsProvider::new(profile.build())
            }
        }
    }

    fn left(&self, end: SystemTime) -> Duration {
        let now: SystemTime = self.clock.timestamp().into();
        end.duration_since(now).unwrap_or_default()
    }
}

/// What the chain says. The errors behind its own are told as well; none of them holds a secret.
fn trouble(error: &CredentialsError) -> Trouble {
    let Trouble(told) = Trouble::of(error);
    Trouble(format!("AWS: {told}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_tells_why_it_has_nothing() {
        let Trouble(told) = trouble(&CredentialsError::not_loaded("no providers in chain"));
        assert!(told.starts_with("AWS: "), "{told}");
        assert!(told.contains("no providers in chain"), "{told}");
    }
}
