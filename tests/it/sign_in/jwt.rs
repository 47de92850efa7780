//! JWTs as Salesforce writes them, until a test writes something else into them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::keys::{Pair, edwards_signature, encoded};

/// A JWT that nobody has signed yet.
#[derive(Clone)]
pub struct Jwt {
    /// Its header.
    pub header: Value,
    /// Its claims.
    pub claims: Value,
}

impl Jwt {
    /// What Salesforce signs: for two minutes, under the name of the certificate.
    pub fn of(kid: &str, issuer: &str, audience: &str, now: Timestamp) -> Self {
        let now = now.as_second();
        Self {
            header: json!({"kid": kid, "typ": "JWT", "alg": "RS256"}),
            claims: json!({
                "iss": issuer,
                "sub": "0055f0000041XyzAAE",
                "aud": audience,
                "exp": now + 120,
                "iat": now,
                "nbf": now,
            }),
        }
    }

    /// With this in its header.
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header[name] = value.into();
        self
    }

    /// With this claim.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims[name] = value.into();
        self
    }

    /// Without this in its header.
    pub fn headless(mut self, name: &str) -> Self {
        let header = self.header.as_object_mut().expect("an object");
        header.remove(name).expect("it was there");
        self
    }

    /// Without this claim.
    pub fn without(mut self, name: &str) -> Self {
        let claims = self.claims.as_object_mut().expect("an object");
        claims.remove(name).expect("it was there");
        self
    }

    /// With a `jti` that no other has.
    pub fn once(self) -> Self {
        self.claim("jti", format!("{:032x}", fastrand::u128(..)))
    }

    /// What a signature is over.
    pub fn text(&self) -> String {
        text(&self.header.to_string(), &self.claims.to_string())
    }

    /// With the signature of `pair`, by the algorithm that the header names.
    pub fn signed_by(&self, pair: &Pair) -> String {
        let algorithm = self.header["alg"].as_str().expect("a text");
        signed(pair, algorithm, &self.text())
    }

    /// With the signature of an Ed25519 key.
    pub fn signed_by_edwards(&self, key: &str) -> String {
        let text = self.text();
        let signature = encoded(edwards_signature(key, &text));
        format!("{text}.{signature}")
    }
}

/// A header and claims, whatever they are, as a signature is over them.
pub fn text(header: &str, claims: &str) -> String {
    format!("{}.{}", encoded(header), encoded(claims))
}

/// `text` with its signature behind it.
pub fn signed(pair: &Pair, algorithm: &str, text: &str) -> String {
    format!("{text}.{}", encoded(pair.signature(algorithm, text)))
}
