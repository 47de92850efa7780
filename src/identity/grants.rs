//! The token endpoint: an access token for a client's secret, or for a JWT that the org signed.
//!
//! Client credentials with a secret in the body, as Basic or as an assertion (RFC 6749, 4.4; RFC 7523, 2.2), and a JWT as
//! the grant itself (RFC 7523, 2.1).

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use url::form_urlencoded;

use super::access_token::{self, LIFE, Tokens};
use super::api_key::KeyHash;
use super::credential::{Proof, version_of_secret};
use super::directory::{self, Directory, Found, Known};
use super::jwt::{self, Head};
use super::memory::Assertion;
use super::refusal::Refusal;
use crate::domain::{Caller, CredentialKind, Scope};

/// What a client asks the token endpoint for. What it does not know of is left out, as is what is empty (RFC 6749, 3.2).
#[derive(Clone, Default)]
pub struct TokenRequest {
    grant_type: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    client_assertion_type: Option<String>,
    client_assertion: Option<String>,
    assertion: Option<String>,
    scope: Option<String>,
    /// `Authorization: Basic`, as it was decoded.
    basic: Option<(String, String)>,
}

/// A client or org that has proved who it is, and has no token yet.
pub struct Eligible {
    /// Whom the token will be given to, with the scopes that it will be good for.
    pub caller: Caller,
    once: Option<(Assertion, Timestamp)>,
    version: String,
    tokens: Tokens,
    /// How it is told that it cannot have one after all.
    refused: fn(Refusal) -> NoGrant,
}

/// An access token, given.
pub struct Granted {
    /// The token.
    pub token: String,
    /// How long it counts, in seconds.
    pub expires_in_s: i64,
    /// Whom it was given to, with the scopes that it is good for.
    pub caller: Caller,
}

/// Why no token is given (RFC 6749, 5.2).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoGrant {
    /// The gateway signs no tokens at all.
    #[error("this gateway gives no access tokens; an operator sets [tokens] in its config")]
    NotOffered,
    /// A parameter is missing, comes twice or does not go with another.
    #[error("{0}")]
    InvalidRequest(Cow<'static, str>),
    /// No grant that this endpoint knows.
    #[error("grant_type must be client_credentials or {JWT_BEARER}")]
    UnsupportedGrantType,
    /// A scope that the credential does not have.
    #[error("the scope must be some of: {has}")]
    InvalidScope {
        /// What it has.
        has: String,
    },
    /// The client did not prove who it is.
    #[error("{0}")]
    InvalidClient(Refusal),
    /// The assertion proves nothing.
    #[error("{0}")]
    InvalidGrant(Refusal),
    /// A key that does not sign.
    #[error("the token could not be signed")]
    NotSigned,
}

/// The grant that is a JWT of the org.
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// The grant of a client for itself.
pub const CLIENT_CREDENTIALS: &str = "client_credentials";
/// The only type of a client's assertion.
const JWT_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Secrets of one client; one that is wrong costs as many comparisons, whoever it names.
pub const SECRETS: usize = 2;

/// A hash to compare with where there is none: who names a client that is not there waits as long as who names one that
/// is. It is the hash of something that anybody can read here, so nothing may be proved by it.
static DECOY: LazyLock<KeyHash> = LazyLock::new(|| KeyHash::of("belay"));

impl TokenRequest {
    /// Reads a body of the type `application/x-www-form-urlencoded`; `basic` is what stood in the header beside it.
    ///
    /// # Errors
    /// Where a parameter comes twice.
    pub fn parse(body: &[u8], basic: Option<(String, String)>) -> Result<Self, NoGrant> {
        let mut request = Self {
            basic,
            ..Self::default()
        };
        for (name, value) in form_urlencoded::parse(body) {
            let place = match &*name {
                "grant_type" => &mut request.grant_type,
                "client_id" => &mut request.client_id,
                "client_secret" => &mut request.client_secret,
                "client_assertion_type" => &mut request.client_assertion_type,
                "client_assertion" => &mut request.client_assertion,
                "assertion" => &mut request.assertion,
                "scope" => &mut request.scope,
                _ => continue,
            };
            if value.is_empty() {
                continue;
            }
            if place.is_some() {
                let told = format!("{name} must come once");
                return Err(NoGrant::InvalidRequest(told.into()));
            }
            *place = Some(value.into_owned());
        }
        Ok(request)
    }

    /// The id of the key or client that it names, whether or not there is one.
    pub fn names(&self) -> Option<String> {
        let kid = |token: &Option<String>| Head::read(token.as_deref()?).ok()?.kid;
        self.basic
            .as_ref()
            .map(|(id, _)| id.clone())
            .or_else(|| self.client_id.clone())
            .or_else(|| kid(&self.client_assertion))
            .or_else(|| kid(&self.assertion))
    }

    /// Whether the client came by `Authorization: Basic`.
    pub fn is_basic(&self) -> bool {
        self.basic.is_some()
    }
}

impl Directory {
    /// Who asks for a token with `request` at `now`. Nothing is used up yet.
    ///
    /// # Errors
    /// Where it asks for none that can be given, or proves too little for it.
    pub fn proves(&self, request: &TokenRequest, now: Timestamp) -> Result<Eligible, NoGrant> {
        let known = self.known();
        let tokens = known.tokens().ok_or(NoGrant::NotOffered)?.clone();
        let grant = request.grant_type.as_deref();
        let grant = grant.ok_or(NoGrant::InvalidRequest("grant_type is missing".into()))?;
        let (mut found, refused): (Found, fn(Refusal) -> NoGrant) = match grant {
            CLIENT_CREDENTIALS => (client(&known, request, now)?, NoGrant::InvalidClient),
            JWT_BEARER => (assertion(&known, request, now)?, NoGrant::InvalidGrant),
            _ => return Err(NoGrant::UnsupportedGrantType),
        };
        let version = found.version.take();
        let version = version.ok_or(NoGrant::InvalidClient(Refusal::Unknown))?;
        found.caller.scopes = scopes(&found.caller, request.scope.as_deref())?;
        Ok(Eligible {
            caller: found.caller,
            once: found.once,
            version,
            tokens,
            refused,
        })
    }

    /// Gives `eligible` its token at `now`; `id` is the token's own. An assertion is used up by this, and not before: a
    /// request that asks for too much, or comes too often, has not used its own.
    ///
    /// # Errors
    /// Where the assertion was used before.
    pub async fn give(
        &self,
        eligible: Eligible,
        id: u128,
        now: Timestamp,
    ) -> Result<Granted, NoGrant> {
        let Eligible {
            caller,
            once,
            version,
            tokens,
            refused,
        } = eligible;
        self.remember(once).await.map_err(refused)?;
        let token = tokens.sign(&caller, &version, id, now);
        Ok(Granted {
            token: token.map_err(|_| NoGrant::NotSigned)?,
            expires_in_s: LIFE.as_secs(),
            caller,
        })
    }
}

/// The client, by whichever of the three ways it has proved itself.
fn client(known: &Known, request: &TokenRequest, now: Timestamp) -> Result<Found, NoGrant> {
    let in_the_body = request.client_secret.as_deref();
    match (&request.basic, in_the_body, &request.client_assertion) {
        (Some((id, secret)), None, None) => {
            if request.client_id.as_ref().is_some_and(|other| other != id) {
                return Err(NoGrant::InvalidRequest(
                    "client_id must be the user of Authorization: Basic, or be left out".into(),
                ));
            }
            by_secret(known, id, secret)
        }
        (None, Some(secret), None) => {
            let id = request.client_id.as_deref();
            let id = id.ok_or(NoGrant::InvalidRequest("client_id is missing".into()))?;
            by_secret(known, id, secret)
        }
        (None, None, Some(token)) => {
            if request.client_assertion_type.as_deref() != Some(JWT_ASSERTION) {
                let told = format!("client_assertion_type must be {JWT_ASSERTION}");
                return Err(NoGrant::InvalidRequest(told.into()));
            }
            by_assertion(known, request.client_id.as_deref(), token, now)
        }
        (None, None, None) => Err(NoGrant::InvalidClient(Refusal::Missing)),
        _ => Err(NoGrant::InvalidRequest(
            "the client must prove itself in one way: Authorization: Basic, client_secret or client_assertion"
                .into(),
        )),
    }
}

/// Every hash is compared, and as many as a client may have, so that the time tells nothing.
fn by_secret(known: &Known, id: &str, secret: &str) -> Result<Found, NoGrant> {
    let holder = known.client(id);
    let hashes: &[KeyHash] = match holder.map(|holder| &holder.credential.proof) {
        Some(Proof::Secret(hashes)) => hashes,
        _ => &[],
    };
    let presented = KeyHash::of(secret);
    let own = hashes.iter().map(|hash| (hash, true));
    let decoys = std::iter::repeat((&*DECOY, false));
    let compared = own.chain(decoys).take(SECRETS);
    // A decoy is compared for its time alone: whoever finds what it is the hash of is nobody.
    let fits = compared.fold(false, |fits, (hash, is_own)| {
        (hash.matches(&presented) & is_own) | fits
    });
    match holder {
        Some(holder) if fits => Ok(Found {
            caller: holder.caller(),
            once: None,
            version: Some(version_of_secret(&presented)),
        }),
        _ => Err(NoGrant::InvalidClient(Refusal::Unknown)),
    }
}

/// The client is who the assertion says it is (RFC 7523, 3), and `client_id` may say the same beside it.
fn by_assertion(
    known: &Known,
    id: Option<&str>,
    token: &str,
    now: Timestamp,
) -> Result<Found, NoGrant> {
    let head = Head::read(token).map_err(NoGrant::InvalidClient)?;
    let claimed = jwt::claimed_issuer(token).unwrap_or_default();
    let id = id.unwrap_or(&claimed);
    let holder = known.client(id).into_iter();
    let client = holder.filter(|holder| matches!(holder.credential.proof, Proof::Assertion(_)));
    directory::found(token, &head, client, now).map_err(NoGrant::InvalidClient)
}

/// Whoever has signed the assertion.
fn assertion(known: &Known, request: &TokenRequest, now: Timestamp) -> Result<Found, NoGrant> {
    let proves_more = request.basic.is_some()
        || request.client_secret.is_some()
        || request.client_assertion.is_some();
    if proves_more {
        return Err(NoGrant::InvalidRequest(
            "this grant proves itself by its assertion alone; leave the client's secret or assertion out"
                .into(),
        ));
    }
    let token = request.assertion.as_deref();
    let token = token.ok_or(NoGrant::InvalidRequest("assertion is missing".into()))?;
    let head = Head::read(token).map_err(NoGrant::InvalidGrant)?;
    known
        .signed(token, &head, CredentialKind::JwtExchange, now)
        .map_err(NoGrant::InvalidGrant)
}

/// The scopes that are asked for, of those that the caller has; all of them where none is.
fn scopes(caller: &Caller, asked: Option<&str>) -> Result<Arc<[Scope]>, NoGrant> {
    let asked: Vec<&str> = asked.unwrap_or_default().split_ascii_whitespace().collect();
    if asked.is_empty() {
        return Ok(Arc::clone(&caller.scopes));
    }
    let mut scopes = Vec::new();
    for name in asked {
        let scope = Scope::parse(name).filter(|scope| caller.may(*scope));
        let Some(scope) = scope else {
            let has = access_token::written(&caller.scopes);
            return Err(NoGrant::InvalidScope { has });
        };
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    Ok(scopes.into())
}
