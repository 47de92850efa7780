//! API keys: how one is made, and what is kept of it.

use std::fmt;

use base64::Engine as _;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A new API key, to be shown once.
pub struct ApiKey(String);

/// What is kept of an API key: its SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyHash([u8; 32]);

impl ApiKey {
    /// What every key begins with, so that scanners of leaked secrets can know one.
    const PREFIX: &str = "belay_";

    /// Makes a key of 256 bits from the process's cryptographic random source.
    ///
    /// # Errors
    /// Where the system has no randomness to give.
    pub fn generate() -> Result<Self, rustls::crypto::GetRandomFailed> {
        let mut bits = [0; 32];
        rustls::crypto::aws_lc_rs::default_provider()
            .secure_random
            .fill(&mut bits)?;
        let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bits);
        Ok(Self(format!("{}{text}", Self::PREFIX)))
    }

    /// Whether `text` is as long as a key and begins like one.
    pub fn has_the_form_of_one(text: &str) -> bool {
        text.strip_prefix(Self::PREFIX)
            .is_some_and(|rest| rest.len() == 43)
    }

    /// The key itself. Print it once, keep it nowhere.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What may be kept.
    pub fn hash(&self) -> KeyHash {
        KeyHash::of(&self.0)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey([redacted])")
    }
}

impl KeyHash {
    /// The hash of a presented key.
    pub fn of(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }

    /// Reads 64 hexadecimal digits.
    pub fn parse(hex: &str) -> Option<Self> {
        bytes_of_hex(hex).map(Self)
    }

    /// Compares without telling by its time how much was equal.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// The 32 bytes of a SHA-256 in 64 hexadecimal digits.
pub(super) fn bytes_of_hex(hex: &str) -> Option<[u8; 32]> {
    let digits = hex.as_bytes();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(digits.chunks(2)) {
        let pair = std::str::from_utf8(pair).ok()?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(hash)
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_again_by_its_hash_alone() {
        let key = ApiKey::generate().expect("randomness");
        let kept = KeyHash::parse(&key.hash().to_string()).expect("its own form");
        assert!(kept.matches(&KeyHash::of(key.reveal())));
        assert!(!kept.matches(&KeyHash::of("belay_other")));
        assert!(ApiKey::has_the_form_of_one(key.reveal()));
        assert!(!ApiKey::has_the_form_of_one("belay_flow"));
    }

    #[test]
    fn a_key_never_prints() {
        let key = ApiKey::generate().expect("randomness");
        assert!(!format!("{key:?}").contains(key.reveal()));
    }

    #[test]
    fn only_64_hexadecimal_digits_are_a_hash() {
        assert!(KeyHash::parse(&"a".repeat(63)).is_none());
        assert!(KeyHash::parse(&"+1".repeat(32)).is_none());
        assert!(KeyHash::parse(&"äb".repeat(32)).is_none());
        assert!(KeyHash::parse(&"0F".repeat(32)).is_some());
    }
}
