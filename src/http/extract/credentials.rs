//! Who calls: every credential of a request, in each spelling that a Named Credential can send.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts};
use base64::Engine as _;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;

use super::call;
use crate::domain::{Caller, Scope};
use crate::http::call::Call;
use crate::http::connection::ClientCertificate;
use crate::http::problem::Problem;
use crate::identity::{Directory, Guard, Presented, Refusal, Shown};

/// A caller whose credential may use the tasks.
pub struct ForTasks(pub Caller);

/// A caller whose credential may use the Claude API.
pub struct ForMessages(pub Caller);

/// The credentials in a request's headers.
#[derive(Default)]
struct Headers {
    bearers: Vec<String>,
    keys: Vec<String>,
    pairs: Vec<(String, String)>,
}

impl<S> FromRequestParts<S> for Caller
where
    S: Send + Sync,
    Arc<Directory>: FromRef<S>,
    Arc<Guard>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let call = call(parts)?.clone();
        let headers = Headers::read(&parts.headers);
        let certificate = parts.extensions.get::<ClientCertificate>().cloned();
        let shown = certificate.map(|certificate| certificate.0).transpose();
        let (refusal, named) = match headers.and_then(|headers| Ok((headers, shown?))) {
            Err(refusal) => (refusal, None),
            Ok((headers, shown)) => {
                let proofs = headers.proofs(shown.as_deref());
                let directory = Arc::<Directory>::from_ref(state);
                match directory.recognise(&proofs, call.now).await {
                    Ok(caller) => {
                        call.is_by(&caller);
                        return Ok(caller);
                    }
                    Err(refusal) => (refusal, proofs.iter().find_map(Presented::names)),
                }
            }
        };
        let guard = Arc::<Guard>::from_ref(state);
        Err(refused(&call, &guard, refusal, named.as_deref()).await)
    }
}

impl<S> FromRequestParts<S> for ForTasks
where
    S: Send + Sync,
    Arc<Directory>: FromRef<S>,
    Arc<Guard>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, state).await?;
        may(&caller, Scope::Tasks)?;
        Ok(Self(caller))
    }
}

impl<S> FromRequestParts<S> for ForMessages
where
    S: Send + Sync,
    Arc<Directory>: FromRef<S>,
    Arc<Guard>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, state).await?;
        may(&caller, Scope::Messages)?;
        Ok(Self(caller))
    }
}

fn may(caller: &Caller, scope: Scope) -> Result<(), Problem> {
    if caller.may(scope) {
        Ok(())
    } else {
        Err(Problem::lacks(scope))
    }
}

/// Notes why nobody was recognised, and answers that: at once, or slowly where this caller, or whoever names this key,
/// has failed often.
pub async fn refused(call: &Call, guard: &Guard, refusal: Refusal, named: Option<&str>) -> Problem {
    call.is_refused(refusal.as_str());
    let wait = if refusal.is_a_failed_proof() {
        guard.failed(call.peer, named).await
    } else {
        None
    };
    Problem::refusing(refusal, wait)
}

impl Headers {
    /// Every credential of a request.
    fn read(headers: &HeaderMap) -> Result<Self, Refusal> {
        let mut found = Self::default();
        for value in headers.get_all(AUTHORIZATION) {
            let value = value.to_str().map_err(|_| Refusal::Unreadable)?;
            let (scheme, rest) = value.split_once(' ').ok_or(Refusal::Unreadable)?;
            if scheme.eq_ignore_ascii_case("bearer") {
                found.bearers.push(rest.trim().to_owned());
            } else {
                found.pairs.push(basic(value).ok_or(Refusal::Unreadable)?);
            }
        }
        for name in ["x-api-key", "api-key"] {
            for value in headers.get_all(name) {
                let key = value.to_str().map_err(|_| Refusal::Unreadable)?;
                found.keys.push(key.trim().to_owned());
            }
        }
        Ok(found)
    }

    /// All of them as proofs, and the certificate of the connection beside them.
    fn proofs<'a>(&'a self, shown: Option<&'a Shown>) -> Vec<Presented<'a>> {
        let bearers = self.bearers.iter().map(|token| Presented::Bearer(token));
        let keys = self.keys.iter().map(|key| Presented::Key(key));
        let pairs = self.pairs.iter();
        let pairs = pairs.map(|(id, key)| Presented::IdAndKey { id, key });
        let certificate = shown.map(Presented::Certificate);
        bearers
            .chain(keys)
            .chain(pairs)
            .chain(certificate)
            .collect()
    }
}

/// `id:key` of the value of an `Authorization: Basic` (RFC 7617).
pub fn basic(value: &str) -> Option<(String, String)> {
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = base64::engine::general_purpose::STANDARD
        .decode(encoded.trim())
        .ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (id, key) = text.split_once(':')?;
    Some((id.to_owned(), key.to_owned()))
}
