//! What is kept in the store beyond numbers: packed, sealed, and bound to its place.
//!
//! # Why
//! Answers are personal data, and a store is read by whoever runs it. So they are encrypted with a key that only the
//! replicas have, and each is bound to the name that it is kept under: what is copied from one org's place to another's, or
//! from one record's to another's, does not open. It is packed first, since what is sealed packs no more.

use std::fmt;
use std::io::{Read as _, Write as _};

use aws_lc_rs::aead::{AES_256_GCM, Aad, RandomizedNonceKey};
use base64::Engine as _;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

/// Seals by one key, and opens what that one or another sealed.
pub struct Seal {
    key: RandomizedNonceKey,
    other: Option<RandomizedNonceKey>,
}

/// One key, which never prints.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; 32]);

/// The keys of a [`Seal`]. Two stand while one takes the other's place, at all replicas or at some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// Seals and opens.
    pub key: Key,
    /// Opens only.
    pub other: Option<Key>,
}

/// No key: the sentence continues after the name of the value, and never repeats it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 32 random bytes in base64; `openssl rand -base64 32` makes them")]
pub struct NoKey;

/// What begins everything that is sealed in this manner; another manner will have another.
const VERSION: u8 = 1;
/// Bytes of a value that is opened, unpacked: more was never sealed.
const LARGEST: u64 = 64 * 1_024 * 1_024;

impl Key {
    /// Reads a key.
    ///
    /// # Errors
    /// Where it is none.
    pub fn parse(text: &str) -> Result<Self, NoKey> {
        let bytes = base64::engine::general_purpose::STANDARD.decode(text.trim());
        let bytes = bytes.map_err(|_| NoKey)?;
        Ok(Self(bytes.try_into().map_err(|_| NoKey)?))
    }

    fn cipher(&self) -> RandomizedNonceKey {
        RandomizedNonceKey::new(&AES_256_GCM, &self.0).expect("32 bytes are a key of AES-256")
    }
}

impl From<Key> for Keys {
    fn from(key: Key) -> Self {
        Self { key, other: None }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key([redacted])")
    }
}

impl Seal {
    /// With `keys`.
    ///
    /// # Panics
    /// Never: a key has the length of the cipher's.
    pub fn new(keys: &Keys) -> Self {
        Self {
            key: keys.key.cipher(),
            other: keys.other.as_ref().map(Key::cipher),
        }
    }

    /// `value` packed and sealed, to be kept under `name`; `None` where the system has no randomness to give.
    pub fn close(&self, name: &str, value: &[u8]) -> Option<Vec<u8>> {
        let mut packer = DeflateEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(value).ok()?;
        let mut sealed = packer.finish().ok()?;
        let nonce = self
            .key
            .seal_in_place_append_tag(Aad::from(name.as_bytes()), &mut sealed)
            .ok()?;
        let mut whole = vec![VERSION];
        whole.extend_from_slice(nonce.as_ref());
        whole.append(&mut sealed);
        Some(whole)
    }

    /// What was sealed under `name`; `None` where it was not, or by another key or in another manner.
    pub fn open(&self, name: &str, sealed: &[u8]) -> Option<Vec<u8>> {
        let keys = std::iter::once(&self.key).chain(&self.other);
        keys.into_iter().find_map(|key| open(key, name, sealed))
    }
}

fn open(key: &RandomizedNonceKey, name: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    let (&version, rest) = sealed.split_first()?;
    let (nonce, rest) = rest.split_at_checked(aws_lc_rs::aead::NONCE_LEN)?;
    if version != VERSION {
        return None;
    }
    let nonce = aws_lc_rs::aead::Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut packed = rest.to_vec();
    let opened = key
        .open_in_place(nonce, Aad::from(name.as_bytes()), &mut packed)
        .ok()?;
    let mut value = Vec::new();
    let read = DeflateDecoder::new(&*opened)
        .take(LARGEST + 1)
        .read_to_end(&mut value);
    (read.is_ok() && value.len() as u64 <= LARGEST).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(nth: u8) -> Seal {
        Seal::new(&Key([nth; 32]).into())
    }

    #[test]
    fn what_is_sealed_opens_under_its_name_and_by_its_key_alone() {
        let value = b"the customer is worried about the renewal ".repeat(100);
        let sealed = seal(1).close("belay:{a}:answer:1", &value).expect("sealed");
        assert!(sealed.len() < value.len() / 2, "it is packed");
        assert!(!sealed.windows(8).any(|part| part == b"customer"));
        let open = |seal: &Seal, name: &str| seal.open(name, &sealed);
        assert_eq!(open(&seal(1), "belay:{a}:answer:1"), Some(value.clone()));
        assert_eq!(open(&seal(1), "belay:{b}:answer:1"), None);
        assert_eq!(open(&seal(2), "belay:{a}:answer:1"), None);
    }

    #[test]
    fn while_a_key_takes_anothers_place_what_either_sealed_opens_and_the_new_one_seals() {
        let both = Seal::new(&Keys {
            key: Key([2; 32]),
            other: Some(Key([1; 32])),
        });
        let old = seal(1).close("name", b"old").expect("sealed");
        assert_eq!(both.open("name", &old), Some(b"old".to_vec()));
        let new = both.close("name", b"new").expect("sealed");
        assert_eq!(seal(2).open("name", &new), Some(b"new".to_vec()));
        assert_eq!(seal(1).open("name", &new), None);
    }

    #[test]
    fn what_was_touched_opens_no_more() {
        let sealed = seal(1).close("name", b"value").expect("sealed");
        for at in 0..sealed.len() {
            let mut touched = sealed.clone();
            touched[at] ^= 1;
            assert_eq!(seal(1).open("name", &touched), None, "{at}");
        }
        for length in 0..sealed.len() {
            assert_eq!(seal(1).open("name", &sealed[..length]), None, "{length}");
        }
    }

    #[test]
    fn equal_values_are_sealed_differently_each_time() {
        let seal = seal(1);
        assert_ne!(seal.close("name", b"value"), seal.close("name", b"value"));
    }

    #[test]
    fn a_key_is_32_bytes_and_never_prints() {
        let text = base64::engine::general_purpose::STANDARD.encode([7; 32]);
        let key = Key::parse(&format!("{text}\n")).expect("a key");
        assert_eq!(key, Key([7; 32]));
        assert_eq!(format!("{key:?}"), "Key([redacted])");
        for wrong in ["", "secret", &text[..20]] {
            assert_eq!(Key::parse(wrong), Err(NoKey));
        }
    }
}
