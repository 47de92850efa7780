//! Certificates: those that an org signs with, and the one that a connection shows.

use std::fmt;

use jiff::Timestamp;
use jsonwebtoken::DecodingKey;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

use super::api_key;

/// The SHA-256 of a whole certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; 32]);

/// A certificate, read.
#[derive(Clone)]
pub struct Certificate {
    /// What names this one certificate and no other.
    pub fingerprint: Fingerprint,
    /// Whom it is about.
    pub subject: String,
    /// Who has signed it.
    pub issuer: String,
    /// Whether it names itself as its issuer, as those do that Salesforce makes. Its signature is not looked at: it counts by
    /// its fingerprint.
    pub self_signed: bool,
    /// From when on it counts.
    pub not_before: Timestamp,
    /// Until when it counts.
    pub not_after: Timestamp,
    key: Option<RsaKey>,
}

/// The RSA key of a certificate.
#[derive(Clone)]
struct RsaKey {
    bits: usize,
    key: DecodingKey,
}

/// The certificate that a connection shows; its other side has proved that it holds the key.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The certificate.
    pub certificate: Certificate,
    /// Whether the configured authority issued it; true as well where none is configured.
    pub is_issued: bool,
}

/// Whether a certificate counts at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It counts.
    Good,
    /// Its time has not begun.
    NotYet,
    /// Its time is over.
    Expired,
}

/// Why a certificate cannot be used. The sentence continues after what was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// No `-----BEGIN CERTIFICATE-----` in it.
    #[error("holds no certificate in PEM, which begins with -----BEGIN CERTIFICATE-----")]
    NoPem,
    /// More than one of them.
    #[error("holds more than one certificate; give the org's own alone")]
    Several,
    /// It is no certificate inside.
    #[error("holds something that is no X.509 certificate")]
    Broken,
    /// The key is no RSA key of a size that can be trusted.
    #[error(
        "has a key of another kind or size than RSA of 2048 to 8192 bits, which is what Salesforce signs JWTs with"
    )]
    NoRsaKey,
}

/// RSA keys that a JWT may be signed with, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=8_192;

impl Fingerprint {
    /// The fingerprint of a certificate in DER.
    pub fn of(der: &[u8]) -> Self {
        Self(Sha256::digest(der).into())
    }

    /// Reads 64 hexadecimal digits, with or without the colons that `openssl x509 -fingerprint` puts between them.
    pub fn parse(text: &str) -> Option<Self> {
        if text.contains(':') {
            let pairs: Vec<&str> = text.split(':').collect();
            let whole = pairs.iter().all(|pair| pair.len() == 2);
            return whole
                .then(|| api_key::bytes_of_hex(&pairs.concat()))?
                .map(Self);
        }
        api_key::bytes_of_hex(text).map(Self)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Certificate {
    /// Reads a certificate in DER.
    ///
    /// # Errors
    /// Where it is none.
    pub fn read(der: &[u8]) -> Result<Self, Unusable> {
        let (rest, read) = X509Certificate::from_der(der).map_err(|_| Unusable::Broken)?;
        if !rest.is_empty() {
            return Err(Unusable::Broken);
        }
        let moment = |time: x509_parser::time::ASN1Time| {
            Timestamp::from_second(time.timestamp()).map_err(|_| Unusable::Broken)
        };
        let validity = read.validity();
        Ok(Self {
            fingerprint: Fingerprint::of(der),
            subject: read.subject().to_string(),
            issuer: read.issuer().to_string(),
            self_signed: read.subject() == read.issuer(),
            not_before: moment(validity.not_before)?,
            not_after: moment(validity.not_after)?,
            key: rsa_key(&read),
        })
    }

    /// Reads the one certificate of a PEM file.
    ///
    /// # Errors
    /// Where there is none in it, or more than one.
    pub fn read_pem(pem: &str) -> Result<Self, Unusable> {
        let mut found = CertificateDer::pem_slice_iter(pem.as_bytes());
        let first = found.next().ok_or(Unusable::NoPem)?;
        let first = first.map_err(|_| Unusable::Broken)?;
        if found.next().is_some() {
            return Err(Unusable::Several);
        }
        Self::read(&first)
    }

    /// The key that checks a JWT which this certificate's owner has signed.
    ///
    /// # Errors
    /// Where the certificate's key cannot sign one.
    pub fn jwt_key(&self) -> Result<&DecodingKey, Unusable> {
        let fits = self.key.as_ref().filter(|rsa| RSA_BITS.contains(&rsa.bits));
        fits.map(|rsa| &rsa.key).ok_or(Unusable::NoRsaKey)
    }

    /// Whether it counts at `moment`.
    pub fn standing(&self, moment: Timestamp) -> Standing {
        if moment < self.not_before {
            Standing::NotYet
        } else if moment > self.not_after {
            Standing::Expired
        } else {
            Standing::Good
        }
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({})", self.fingerprint)
    }
}

fn rsa_key(certificate: &X509Certificate<'_>) -> Option<RsaKey> {
    let public_key = certificate.public_key();
    let Ok(PublicKey::RSA(rsa)) = public_key.parsed() else {
        return None;
    };
    Some(RsaKey {
        bits: rsa.key_size(),
        // What the certificate holds is the key by PKCS #1, which is how it is read here.
        key: DecodingKey::from_rsa_der(&public_key.subject_public_key.data),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::scripted::{ACME, ELLIPTIC};

    #[test]
    fn a_certificate_is_known_by_what_openssl_prints() {
        let certificate = ACME.read();
        let by_openssl = Fingerprint::parse(&ACME.fingerprint).expect("pairs with colons");
        assert_eq!(certificate.fingerprint, by_openssl);
        assert_eq!(certificate.subject, "CN=acme-org");
        assert!(certificate.self_signed);
        assert!(certificate.jwt_key().is_ok());
    }

    #[test]
    fn a_fingerprint_may_have_colons_between_its_bytes_and_nowhere_else() {
        let with_colons = &ACME.fingerprint;
        let plain = with_colons.replace(':', "");
        assert_eq!(Fingerprint::parse(&plain), Fingerprint::parse(with_colons));
        assert_eq!(Fingerprint::parse(&format!("a:{}", &plain[1..])), None);
        assert_eq!(Fingerprint::parse("ab:cd"), None);
        assert_eq!(Fingerprint::parse(""), None);
    }

    #[test]
    fn a_certificate_counts_from_its_first_second_to_its_last() {
        let one = ACME.read();
        let second = jiff::SignedDuration::from_secs(1);
        assert_eq!(one.standing(one.not_before), Standing::Good);
        assert_eq!(one.standing(one.not_before - second), Standing::NotYet);
        assert_eq!(one.standing(one.not_after), Standing::Good);
        assert_eq!(one.standing(one.not_after + second), Standing::Expired);
    }

    #[test]
    fn what_is_no_single_certificate_of_an_org_is_told_apart() {
        let told = |pem: &str| Certificate::read_pem(pem).expect_err("none");
        assert_eq!(told(""), Unusable::NoPem);
        assert_eq!(told(&ACME.key), Unusable::NoPem);
        assert_eq!(told(&ACME.certificate.repeat(2)), Unusable::Several);
        let empty = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        assert_eq!(told(empty), Unusable::Broken);
        assert_eq!(ELLIPTIC.read().jwt_key().err(), Some(Unusable::NoRsaKey));
    }
}
