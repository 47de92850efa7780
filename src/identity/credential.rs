//! An org's credentials: what each is proved by, and what it may be used for.

use std::fmt::Write as _;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::api_key::KeyHash;
use super::certificate::{Certificate, Fingerprint};
use super::jwt::Trust;
use crate::domain::{Caller, CredentialKind, Org, Scope};

/// An org with its credentials. In the file: `[[orgs]]`.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// The org and every policy of it.
    pub org: Arc<Org>,
    /// How its calls prove that they are its own; as many as it has.
    pub credentials: Vec<Credential>,
}

/// One credential of an org. In the file: `[[orgs.credentials]]`.
#[derive(Debug, Clone)]
pub struct Credential {
    /// The configured id, no secret: of a client its `client_id`, of a JWT its `kid`.
    pub id: Arc<str>,
    /// What proves it.
    pub proof: Proof,
    /// What it may be used for.
    pub scopes: Arc<[Scope]>,
}

/// What proves a credential.
#[derive(Debug, Clone)]
pub enum Proof {
    /// `api_key`: a key with this hash.
    ApiKey(KeyHash),
    /// `oauth_client`: a secret with one of these hashes, for an access token.
    Secret(Vec<KeyHash>),
    /// `oauth_client`: a `client_assertion`, for an access token (RFC 7523, 2.2).
    Assertion(Trust),
    /// `jwt_exchange`: an `assertion`, for an access token (RFC 7523, 2.1).
    Exchange(Trust),
    /// `jwt`: a JWT of the org on every request.
    Jwt(Trust),
    /// `mtls`: the certificate of the connection.
    Certificate {
        /// Which one.
        fingerprint: Fingerprint,
        /// The certificate itself, where the config has it.
        certificate: Option<Certificate>,
    },
}

impl Credential {
    /// Its kind.
    pub fn kind(&self) -> CredentialKind {
        match self.proof {
            Proof::ApiKey(_) => CredentialKind::ApiKey,
            Proof::Secret(_) | Proof::Assertion(_) => CredentialKind::OauthClient,
            Proof::Exchange(_) => CredentialKind::JwtExchange,
            Proof::Jwt(_) => CredentialKind::Jwt,
            Proof::Certificate { .. } => CredentialKind::Mtls,
        }
    }

    /// What its JWTs must say, where JWTs prove it.
    pub fn trust(&self) -> Option<&Trust> {
        match &self.proof {
            Proof::Assertion(trust) | Proof::Exchange(trust) | Proof::Jwt(trust) => Some(trust),
            Proof::ApiKey(_) | Proof::Secret(_) | Proof::Certificate { .. } => None,
        }
    }

    /// The certificates that it is proved by.
    pub fn certificates(&self) -> &[Certificate] {
        match &self.proof {
            Proof::Assertion(trust) | Proof::Exchange(trust) | Proof::Jwt(trust) => {
                &trust.certificates
            }
            Proof::Certificate { certificate, .. } => certificate.as_slice(),
            Proof::ApiKey(_) | Proof::Secret(_) => &[],
        }
    }

    /// Whether it proves a user beside the org.
    pub fn proves_a_user(&self) -> bool {
        self.trust().is_some_and(|trust| trust.user_claim.is_some())
    }

    /// Whoever proves it, as far as the credential alone tells.
    pub(super) fn caller(&self, org: &Arc<Org>) -> Caller {
        Caller::of_org(
            Arc::clone(org),
            Arc::clone(&self.id),
            self.kind(),
            Arc::clone(&self.scopes),
        )
    }

    /// The hash of each secret or certificate that proves it. An access token names the one that proved it, so it outlives
    /// a new one beside that, and ends when that one goes. What no tokens are given for has none.
    pub(super) fn versions(&self) -> Vec<String> {
        match &self.proof {
            Proof::Secret(hashes) => hashes.iter().map(version_of_secret).collect(),
            Proof::Assertion(trust) | Proof::Exchange(trust) => {
                let certificates = trust.certificates.iter();
                certificates
                    .map(|one| version_of_certificate(&one.fingerprint, trust))
                    .collect()
            }
            Proof::ApiKey(_) | Proof::Jwt(_) | Proof::Certificate { .. } => Vec::new(),
        }
    }
}

/// What an access token names a secret by; it tells nothing of it.
pub(super) fn version_of_secret(hash: &KeyHash) -> String {
    version(&hash.to_string())
}

/// What an access token names a certificate by, for whom it spoke, and how its user was told.
pub(super) fn version_of_certificate(fingerprint: &Fingerprint, trust: &Trust) -> String {
    let Trust {
        issuer,
        subject,
        user_claim,
        username_claim,
        ..
    } = trust;
    version(&format!(
        "{fingerprint}\n{issuer:?}\n{subject:?}\n{user_claim:?}\n{username_claim:?}"
    ))
}

fn version(what: &str) -> String {
    let digest = Sha256::digest(what);
    digest[..8].iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
