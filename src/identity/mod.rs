//! Whose credential is this?
//!
//! Identity is proved by the credential on the request, never by a free header. A [`Directory`] holds the credentials
//! of every org; a reload swaps all of them, and with them every org's policy, at once. It is the token endpoint as well:
//! [`Directory::grant`] gives the access tokens that [`Directory::recognise`] knows again.
//!
//! What has to be remembered of proofs, and by all replicas alike, stands behind the trait [`Memory`]; a [`Guard`] slows
//! down who keeps failing.
//!
//! # Why
//! Keys are 256 random bits, so they are kept and looked up as plain SHA-256: a slow hash guards passwords that people
//! choose, and here would only be a way to keep the gateway busy.
//!
//! An org is trusted by its certificates, one by one, and not by an authority: whoever signs with the key of a certificate
//! that the config holds is that org. So nothing is fetched, and no chain can be extended by somebody else.
//!
//! Turned down: an authorization server's framework, which brings users, consent and storage for two grants that need
//! none of them. Per-user sign-in with a browser would change our mind.

pub mod access_token;
pub mod api_key;
pub mod certificate;
pub mod credential;
pub mod directory;
pub mod grants;
pub mod guard;
pub mod jwt;
pub mod memory;
pub mod refusal;
#[cfg(test)]
pub(crate) mod scripted;

pub use access_token::{SigningKey, Tokens};
pub use api_key::{ApiKey, KeyHash};
pub use certificate::{Certificate, Fingerprint, Shown};
pub use credential::{Credential, Proof, Tenant};
pub use directory::{Directory, Presented, Roster};
pub use grants::{Granted, NoGrant, TokenRequest};
pub use guard::Guard;
pub use jwt::{Jti, Trust};
pub use memory::{InMemory, Memory};
pub use refusal::Refusal;
