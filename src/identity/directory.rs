//! The credentials of every org, and the check of what a request presents.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::api_key::KeyHash;
use crate::domain::{Caller, CredentialKind, Org, Scope};

/// An org with its credentials. In the file: `[[orgs]]`.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// The org and every policy of it.
    pub org: Arc<Org>,
    /// How its calls prove that they are its own; as many as it has.
    pub credentials: Vec<Credential>,
}

/// One credential of an org. In the file: `[[orgs.credentials]]` of the kind `api_key`.
#[derive(Debug, Clone)]
pub struct Credential {
    /// The configured id, no secret.
    pub id: Arc<str>,
    /// The SHA-256 of the key.
    pub sha256: KeyHash,
    /// What it may be used for.
    pub scopes: Arc<[Scope]>,
}

/// What a request presents as proof, in one of the spellings that a Named Credential can send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presented<'a> {
    /// The key alone: `Authorization: Bearer`, `X-API-Key` or `api-key`.
    Key(&'a str),
    /// `Authorization: Basic` with the credential's id as user and the key as password.
    IdAndKey {
        /// The credential's id.
        id: &'a str,
        /// The key.
        key: &'a str,
    },
}

/// Why nobody was recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request bears no credential.
    #[error("no credential was sent; send Authorization: Bearer, X-API-Key, api-key or Basic")]
    Missing,
    /// No org has this credential.
    #[error("the credential is not known")]
    Unknown,
    /// Two credentials that do not prove the same.
    #[error("the request bears two credentials that disagree")]
    Disagree,
}

/// Every org's credentials, replaced as a whole by a reload.
pub struct Directory {
    known: ArcSwap<Known>,
}

/// One reading of the config.
struct Known {
    tenants: Vec<Tenant>,
    by_hash: HashMap<KeyHash, Caller>,
}

impl Directory {
    /// Knows `tenants`, and nobody else.
    pub fn new(tenants: Vec<Tenant>) -> Self {
        Self {
            known: ArcSwap::from_pointee(Known::new(tenants)),
        }
    }

    /// Knows `tenants` from now on, and nobody else. Calls under way keep what they began with.
    pub fn replace(&self, tenants: Vec<Tenant>) {
        self.known.store(Arc::new(Known::new(tenants)));
    }

    /// The orgs as they stand.
    pub fn orgs(&self) -> Vec<Arc<Org>> {
        let known = self.known.load();
        known.tenants.iter().map(|t| Arc::clone(&t.org)).collect()
    }

    /// Who presents `proofs`: all of them must prove the same credential.
    ///
    /// # Errors
    /// Where there is no proof, none that is known, or two that disagree.
    pub fn recognise(&self, proofs: &[Presented<'_>]) -> Result<Caller, Refusal> {
        let known = self.known.load();
        let mut callers = proofs.iter().map(|proof| known.caller(*proof));
        let first = callers.next().ok_or(Refusal::Missing)?;
        for other in callers {
            let same = match (&first, &other) {
                (Some(a), Some(b)) => a.org.id == b.org.id && a.credential_id == b.credential_id,
                (None, None) => proofs.iter().all(|proof| proof.key() == proofs[0].key()),
                _ => false,
            };
            if !same {
                return Err(Refusal::Disagree);
            }
        }
        first.ok_or(Refusal::Unknown)
    }
}

impl Presented<'_> {
    fn key(&self) -> &str {
        match self {
            Self::Key(key) | Self::IdAndKey { key, .. } => key,
        }
    }
}

impl Known {
    fn new(tenants: Vec<Tenant>) -> Self {
        let by_hash = tenants
            .iter()
            .flat_map(|tenant| {
                tenant.credentials.iter().map(|credential| {
                    let caller = Caller {
                        org: Arc::clone(&tenant.org),
                        credential_id: Arc::clone(&credential.id),
                        credential_kind: CredentialKind::ApiKey,
                        user: None,
                        scopes: Arc::clone(&credential.scopes),
                    };
                    (credential.sha256, caller)
                })
            })
            .collect();
        Self { tenants, by_hash }
    }

    /// The look-up goes by the hash of what was presented, so its time tells nothing of a key that is not known; the
    /// hash found is compared once more in constant time.
    fn caller(&self, proof: Presented<'_>) -> Option<Caller> {
        let hash = KeyHash::of(proof.key());
        let (found, caller) = self.by_hash.get_key_value(&hash)?;
        let id_fits = match proof {
            Presented::Key(_) => true,
            Presented::IdAndKey { id, .. } => id == &*caller.credential_id,
        };
        (found.matches(&hash) && id_fits).then(|| caller.clone())
    }
}
