//! How a provider of kind `foundry` is set up.

use std::path::PathBuf;

use url::Url;

use crate::providers::secret::Secret;
use crate::providers::wire;

/// One Foundry resource. In the file: `[[providers]]` with `kind = "foundry"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The resource's name, which is the first part of its host; lower-case letters, digits and hyphens. Empty where
    /// `base_url` stands in its place.
    pub resource: String,
    /// How we prove who we are.
    pub sign_in: SignIn,
    /// In place of the resource's own address.
    pub base_url: Option<Url>,
}

/// How we prove who we are to Foundry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignIn {
    /// By the resource's API key.
    Key(Secret),
    /// By a token of Microsoft Entra ID.
    Entra(Entra),
}

/// Who we are to Entra, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entra {
    /// Who we are.
    pub identity: Identity,
    /// In place of Entra's own address, or of the machine's address for managed identities.
    pub authority: Option<Url>,
}

/// Who we are to Entra.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// An application with a secret.
    Secret {
        /// The directory.
        tenant_id: String,
        /// The application.
        client_id: String,
        /// Its secret.
        client_secret: Secret,
    },
    /// An application that trusts another issuer's token, such as a Kubernetes service account's.
    Federated {
        /// The directory.
        tenant_id: String,
        /// The application.
        client_id: String,
        /// The file of the other token. It is rotated, so it is read again for each token of ours.
        token: PathBuf,
    },
    /// The identity of the machine.
    Managed {
        /// Which one, where the machine has several.
        client_id: Option<String>,
    },
}

impl Settings {
    /// Where requests go, without a slash at the end.
    pub fn base(&self) -> String {
        let host = format!("https://{}.services.ai.azure.com", self.resource);
        wire::base(self.base_url.as_ref(), &host, "/anthropic")
    }
}
