//! Access tokens: what the token endpoint gives, and what any replica accepts.
//!
//! # Why
//! A token says everything that is needed to check it, so that replicas share nothing for it (RFC 9068). It ends with
//! its credential all the same: it names the credential, and the hash of what proved it, so a credential that is deleted
//! or given another secret takes its tokens with it at the next reload.

use std::fmt;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::{Jwk, JwkSet, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::jwt::{self, Head};
use super::refusal::Refusal;
use crate::domain::{Caller, OrgId, SalesforceId, Scope, UserId};

/// How long an access token counts.
pub const LIFE: SignedDuration = SignedDuration::from_mins(15);
/// How far the clocks of two replicas may be apart.
const SKEW_S: i64 = 60;

/// Signs access tokens and knows them again. In the file: `[tokens]` and `server.public_url`.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// The first signs, all verify.
    keys: Vec<SigningKey>,
    /// Who signs, and for whom: the gateway itself, as its callers know it, without a trailing slash.
    issuer: Arc<str>,
}

/// A key that access tokens are signed with.
#[derive(Clone)]
pub struct SigningKey {
    kid: Arc<str>,
    algorithm: Algorithm,
    private: EncodingKey,
    public: DecodingKey,
    jwk: Jwk,
}

/// No private key of a kind that tokens are signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must hold a private key in PEM (PKCS #8) for Ed25519 or P-256; `openssl genpkey -algorithm ed25519` makes one"
)]
pub struct NoSigningKey;

/// What a token says of its caller.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bearer {
    /// The org.
    pub org: OrgId,
    /// The credential that the token was given for.
    pub credential_id: String,
    /// The hash of what proved that credential.
    pub version: String,
    /// The scopes that were asked for and given.
    pub scopes: Vec<Scope>,
    /// The user.
    pub user: Option<UserId>,
    /// The user's name.
    pub username: Option<Arc<str>>,
}

/// The claims of an access token.
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    client_id: String,
    org_id: String,
    scope: String,
    iat: i64,
    exp: i64,
    jti: String,
    version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    username: Option<String>,
}

impl SigningKey {
    /// Reads a private key in PEM.
    ///
    /// # Errors
    /// Where it is none for Ed25519 or P-256.
    pub fn read_pem(pem: &str) -> Result<Self, NoSigningKey> {
        Self::edwards(pem).or_else(|_| Self::elliptic(pem))
    }

    fn edwards(pem: &str) -> Result<Self, NoSigningKey> {
        let key = EncodingKey::from_ed_pem(pem.as_bytes()).map_err(|_| NoSigningKey)?;
        Self::new(key, Algorithm::EdDSA)
    }

    fn elliptic(pem: &str) -> Result<Self, NoSigningKey> {
        let key = EncodingKey::from_ec_pem(pem.as_bytes()).map_err(|_| NoSigningKey)?;
        Self::new(key, Algorithm::ES256)
    }

    /// Named by its public half (RFC 7638), so that every replica calls it the same.
    fn new(private: EncodingKey, algorithm: Algorithm) -> Result<Self, NoSigningKey> {
        let mut jwk = Jwk::from_encoding_key(&private, algorithm).map_err(|_| NoSigningKey)?;
        let kid = jwk
            .thumbprint(ThumbprintHash::SHA256)
            .map_err(|_| NoSigningKey)?;
        jwk.common.key_id = Some(kid.clone());
        jwk.common.public_key_use = Some(jsonwebtoken::jwk::PublicKeyUse::Signature);
        Ok(Self {
            kid: kid.into(),
            algorithm,
            public: DecodingKey::from_jwk(&jwk).map_err(|_| NoSigningKey)?,
            private,
            jwk,
        })
    }

    /// Its name.
    pub fn kid(&self) -> &str {
        &self.kid
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({:?}, {})", self.algorithm, self.kid)
    }
}

impl Tokens {
    /// Tokens of the gateway that is known as `issuer`, signed with the first of `keys`. There is at least one.
    pub fn new(keys: Vec<SigningKey>, issuer: &str) -> Option<Self> {
        (!keys.is_empty()).then(|| Self {
            keys,
            issuer: issuer.trim_end_matches('/').into(),
        })
    }

    /// Who signs: the gateway's address as its callers know it.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The keys, the one that signs first.
    pub fn keys(&self) -> &[SigningKey] {
        &self.keys
    }

    /// The public halves of the keys (RFC 7517).
    pub fn public_keys(&self) -> JwkSet {
        JwkSet {
            keys: self.keys.iter().map(|key| key.jwk.clone()).collect(),
        }
    }

    /// A token for `caller`, whose credential is proved by what has the hash `version`.
    ///
    /// # Errors
    /// Where the key does not sign, which is a defect of ours.
    pub(super) fn sign(
        &self,
        caller: &Caller,
        version: &str,
        id: u128,
        now: Timestamp,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let key = &self.keys[0];
        let user_id = caller.user.as_ref().map(|user| user.0.to_string());
        let issued = now.as_second();
        let claims = Claims {
            iss: self.issuer.to_string(),
            aud: self.issuer.to_string(),
            sub: user_id
                .clone()
                .unwrap_or_else(|| caller.credential_id.to_string()),
            client_id: caller.credential_id.to_string(),
            org_id: caller.org.id.to_string(),
            scope: written(&caller.scopes),
            iat: issued,
            exp: issued + LIFE.as_secs(),
            jti: format!("{id:032x}"),
            version: version.to_owned(),
            user_id,
            username: caller.username.as_deref().map(str::to_owned),
        };
        let header = Header {
            typ: Some("at+jwt".to_owned()),
            kid: Some(key.kid.to_string()),
            ..Header::new(key.algorithm)
        };
        jsonwebtoken::encode(&header, &claims, &key.private)
    }

    /// What `token` says, where one of the keys has signed it and it counts at `now`.
    ///
    /// # Errors
    /// Where none has, or it does not.
    pub(super) fn verify(
        &self,
        token: &str,
        head: &Head,
        now: Timestamp,
    ) -> Result<Bearer, Refusal> {
        let key = self
            .keys
            .iter()
            .find(|key| head.kid.as_deref() == Some(&*key.kid) && head.algorithm == key.algorithm)
            .ok_or(Refusal::Unknown)?;
        let claims =
            jwt::signed_claims(token, key.algorithm, &key.public).ok_or(Refusal::Unknown)?;
        let claims: Claims =
            serde_json::from_value(Value::Object(claims)).map_err(|_| Refusal::Unknown)?;
        if claims.iss != *self.issuer || claims.aud != *self.issuer {
            return Err(Refusal::Unfit("it is meant for another gateway"));
        }
        let now = now.as_second();
        if claims.exp <= now {
            return Err(Refusal::Expired);
        }
        if claims.iat > now + SKEW_S {
            return Err(Refusal::Unfit("its iat lies in the future"));
        }
        let org = claims.org_id.parse::<SalesforceId>().ok();
        Ok(Bearer {
            org: org.and_then(OrgId::new).ok_or(Refusal::Unknown)?,
            credential_id: claims.client_id,
            version: claims.version,
            scopes: claims.scope.split(' ').filter_map(Scope::parse).collect(),
            user: claims.user_id.map(|id| UserId(id.into())),
            username: claims.username.map(Arc::from),
        })
    }
}

/// Scopes as OAuth writes them: by blanks.
pub fn written(scopes: &[Scope]) -> String {
    let names: Vec<&str> = scopes.iter().copied().map(Scope::as_str).collect();
    names.join(" ")
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::domain::{CredentialKind, Limits, Org, OrgName};
    use crate::identity::scripted::{ACME, private_key, signing_key};

    const ED: [&str; 2] = ["-algorithm", "ed25519"];
    const EC: [&str; 4] = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
    const ISSUER: &str = "https://belay.example";

    static KEYS: LazyLock<[SigningKey; 3]> =
        LazyLock::new(|| [signing_key(&ED), signing_key(&EC), signing_key(&ED)]);

    fn tokens(keys: &[usize], issuer: &str) -> Tokens {
        let keys = keys.iter().map(|nth| KEYS[*nth].clone()).collect();
        Tokens::new(keys, issuer).expect("keys")
    }

    fn caller() -> Caller {
        let id = "00D5f000000XyZaEAK".parse().expect("an id");
        let org = Org {
            id: OrgId::new(id).expect("an org"),
            name: OrgName::parse("acme").expect("a name"),
            timezone: jiff::tz::TimeZone::UTC,
            limits: Limits::default(),
            per_user: Limits::default(),
            models: std::collections::BTreeMap::new(),
            tasks: Arc::default(),
            messages_cache_ttl: std::time::Duration::ZERO,
            privacy: None,
            batches: false,
        };
        let scopes = [Scope::Tasks, Scope::McpRead];
        let mut caller = Caller::of_org(
            Arc::new(org),
            "client".into(),
            CredentialKind::OauthClient,
            scopes.into(),
        );
        caller.user = Some(UserId("0055f000001AbCdQAK".into()));
        caller
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("a time")
    }

    fn signed(by: &Tokens) -> String {
        by.sign(&caller(), "v1", 7, at(0)).expect("a token")
    }

    fn verified(by: &Tokens, token: &str, now: Timestamp) -> Result<Bearer, Refusal> {
        by.verify(token, &Head::read(token)?, now)
    }

    #[test]
    fn a_token_says_what_it_was_given_for_by_either_kind_of_key() {
        for key in [0, 1] {
            let tokens = tokens(&[key], ISSUER);
            let bearer = verified(&tokens, &signed(&tokens), at(1)).expect("a bearer");
            assert_eq!(bearer.org, caller().org.id);
            assert_eq!(bearer.credential_id, "client");
            assert_eq!(bearer.version, "v1");
            assert_eq!(bearer.scopes, [Scope::Tasks, Scope::McpRead]);
            assert_eq!(bearer.user, caller().user);
        }
    }

    #[test]
    fn a_token_counts_for_fifteen_minutes() {
        let tokens = tokens(&[0], ISSUER);
        let token = signed(&tokens);
        assert!(verified(&tokens, &token, at(899)).is_ok());
        assert_eq!(verified(&tokens, &token, at(900)), Err(Refusal::Expired));
        // Another replica's clock may be behind, and by no more than a minute.
        assert!(verified(&tokens, &token, at(-60)).is_ok());
        assert!(verified(&tokens, &token, at(-61)).is_err());
    }

    #[test]
    fn the_first_key_signs_and_all_verify() {
        let (old, both, new) = (
            tokens(&[0], ISSUER),
            tokens(&[1, 0], ISSUER),
            tokens(&[1], ISSUER),
        );
        assert!(verified(&both, &signed(&old), at(1)).is_ok());
        assert!(verified(&new, &signed(&both), at(1)).is_ok());
        assert_eq!(verified(&new, &signed(&old), at(1)), Err(Refusal::Unknown));
        assert_eq!(
            verified(&tokens(&[2], ISSUER), &signed(&old), at(1)),
            Err(Refusal::Unknown)
        );
    }

    #[test]
    fn a_token_is_for_the_gateway_that_gave_it() {
        let token = signed(&tokens(&[0], "https://other.example"));
        let outcome = verified(&tokens(&[0], ISSUER), &token, at(1));
        assert!(matches!(outcome, Err(Refusal::Unfit(_))));
        // A slash at the end of an address makes no other gateway of it.
        let token = signed(&tokens(&[0], "https://belay.example/"));
        assert!(verified(&tokens(&[0], ISSUER), &token, at(1)).is_ok());
    }

    #[test]
    fn a_key_is_ed25519_or_p_256_and_never_prints() {
        assert!(SigningKey::read_pem(&ACME.key).is_err());
        assert!(SigningKey::read_pem(&ACME.certificate).is_err());
        assert!(SigningKey::read_pem("").is_err());
        let p_384 = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"];
        assert!(SigningKey::read_pem(&private_key(&p_384)).is_err());
        let pem = private_key(&ED);
        let key = SigningKey::read_pem(&pem).expect("a key");
        let secret = pem.lines().nth(1).expect("the key itself");
        assert!(!format!("{key:?}").contains(&secret[..20]));
    }

    #[test]
    fn what_is_shown_of_a_key_is_its_public_half_under_its_name() {
        let shown = serde_json::to_value(tokens(&[0, 1], ISSUER).public_keys()).expect("JSON");
        let keys = shown["keys"].as_array().expect("a list");
        for (key, (kind, algorithm)) in keys.iter().zip([("OKP", "EdDSA"), ("EC", "ES256")]) {
            assert_eq!(key["kty"], kind);
            assert_eq!(key["alg"], algorithm);
            assert_eq!(key["use"], "sig");
            assert!(key.get("d").is_none(), "{key}");
        }
        assert_eq!(keys[0]["kid"], KEYS[0].kid());
    }
}
