//! Whose credential is this?
//!
//! Identity is proved by the credential on the request, never by a free header. A [`Directory`] holds the credentials
//! of every org; a reload swaps all of them, and with them every org's policy, at once.
//!
//! # Why
//! Keys are 256 random bits, so they are kept and looked up as plain SHA-256: a slow hash guards passwords that people
//! choose, and here would only be a way to keep the gateway busy.

pub mod api_key;
pub mod directory;

pub use api_key::{ApiKey, KeyHash};
pub use directory::{Credential, Directory, Presented, Refusal, Tenant};
