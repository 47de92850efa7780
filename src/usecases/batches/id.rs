//! The id that a client knows a batch by.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

use super::Place;
use crate::domain::{Money, OrgId, ProviderName};
use crate::providers::UpstreamId;

/// What an id says: `msgbatch_` and, in base64url, a version, the bound, the end, the provider's name, the id there, and a MAC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchId {
    /// Where the batch is.
    pub place: Place,
    /// The most that it can cost.
    pub bound: Money,
    /// When it is charged in full, in whole seconds.
    pub until: Timestamp,
}

/// How every id begins, here as at Claude.
const BEGINNING: &str = "msgbatch_";
/// The form of what follows.
const VERSION: u8 = 1;
/// Bytes of the MAC.
const MAC: usize = 32;
/// Characters of an id beyond which it is none: twice what the longest names need.
const LONGEST: usize = 1_024;

impl BatchId {
    /// The id as `org` is given it.
    pub fn sealed(&self, org: OrgId, secret: &[u8]) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend(self.bound.as_micros().to_be_bytes());
        bytes.extend(self.until.as_second().to_be_bytes());
        let provider = self.place.provider.as_str();
        bytes.push(u8::try_from(provider.len()).expect("a name has at most 128 characters"));
        bytes.extend(provider.as_bytes());
        bytes.extend(self.place.id.as_str().as_bytes());
        let mac: [u8; MAC] = mac(org, secret, &bytes).finalize().into_bytes().into();
        bytes.extend(mac);
        format!("{BEGINNING}{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Reads an id that `org` was given; `None` for any other. `secret` tells a provider's secret.
    pub fn open(
        text: &str,
        org: OrgId,
        secret: impl FnOnce(&ProviderName) -> Option<[u8; 32]>,
    ) -> Option<Self> {
        let text = text.strip_prefix(BEGINNING)?;
        if text.len() > LONGEST {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (said, sealed) = bytes.split_at_checked(bytes.len().checked_sub(MAC)?)?;
        let id = Self::read(said)?;
        let secret = secret(&id.place.provider)?;
        // In constant time: how much of a guess is right shows nowhere.
        mac(org, &secret, said).verify_slice(sealed).ok()?;
        Some(id)
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (bound, rest) = rest.split_first_chunk()?;
        let (until, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first()?;
        let (provider, id) = rest.split_at_checked(usize::from(*length))?;
        let text = |bytes| std::str::from_utf8(bytes).ok();
        (*version == VERSION).then_some(())?;
        Some(Self {
            place: Place {
                provider: ProviderName::parse(text(provider)?)?,
                id: UpstreamId::parse(text(id)?)?,
            },
            bound: Money::micros(u64::from_be_bytes(*bound)),
            until: Timestamp::from_second(i64::from_be_bytes(*until)).ok()?,
        })
    }
}

fn mac(org: OrgId, secret: &[u8], said: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    // An org's id has one length, so the two cannot run into each other.
    mac.update(org.as_str().as_bytes());
    mac.update(said);
    mac
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn org(id: &str) -> OrgId {
        OrgId::new(id.parse().expect("an id")).expect("an org")
    }

    fn acme() -> OrgId {
        org("00D5f000000XyZaEAK")
    }

    fn id() -> BatchId {
        BatchId {
            place: Place {
                provider: ProviderName::parse("claude").expect("a name"),
                id: UpstreamId::parse("msgbatch_013Zva2CMHLNnXjNJJKqJ2EF").expect("an id"),
            },
            bound: Money::micros(1_234_567),
            until: Timestamp::from_second(1_795_000_000).expect("a time"),
        }
    }

    fn open(text: &str, org: OrgId) -> Option<BatchId> {
        BatchId::open(text, org, |provider| {
            (provider.as_str() == "claude").then_some([7; 32])
        })
    }

    #[test]
    fn an_org_reads_the_id_that_it_was_given_and_nobody_else_does() {
        let sealed = id().sealed(acme(), &[7; 32]);
        assert_eq!(open(&sealed, acme()), Some(id()));
        assert_eq!(open(&sealed, org("00D5f000000XyZb")), None);
        assert_eq!(open(&id().sealed(acme(), &[8; 32]), acme()), None);
        let elsewhere = Place {
            provider: ProviderName::parse("aws").expect("a name"),
            ..id().place
        };
        let elsewhere = BatchId {
            place: elsewhere,
            ..id()
        };
        assert_eq!(open(&elsewhere.sealed(acme(), &[7; 32]), acme()), None);
    }

    #[test]
    fn no_character_of_an_id_can_be_another() {
        let sealed = id().sealed(acme(), &[7; 32]);
        for place in 0..sealed.len() {
            for other in ["A", "b", "_", "", "AA", "%", "\u{e9}"] {
                let mut tampered = sealed.clone();
                tampered.replace_range(place..=place, other);
                if tampered != sealed {
                    assert_eq!(open(&tampered, acme()), None, "{tampered}");
                }
            }
        }
        assert_eq!(open(&format!("{sealed}="), acme()), None);
        assert_eq!(open(id().place.id.as_str(), acme()), None);
    }

    proptest! {
        #[test]
        fn no_text_upsets_it(text in ".{0,80}", bytes in prop::collection::vec(any::<u8>(), 0..96)) {
            prop_assert_eq!(open(&text, acme()), None);
            let encoded = format!("{BEGINNING}{}", URL_SAFE_NO_PAD.encode(bytes));
            prop_assert_eq!(open(&encoded, acme()), None);
        }
    }
}
