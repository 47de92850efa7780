//! What handlers are given, each refusing with a [`Problem`]: who calls, by when, with which body.

mod body;
mod credentials;

pub use body::{FormBody, JsonBody, MessagesBody};
pub use credentials::{ForMessages, ForTasks, basic, refused};

use std::time::Duration;

use axum::extract::FromRequestParts;
use http::header::{CACHE_CONTROL, PRAGMA};
use http::request::Parts;
use http::{HeaderMap, HeaderName};
use utoipa::IntoParams;

use super::call::Call;
use super::problem::{Code, Problem};
use crate::domain::{Deadline, IdempotencyKey};
use crate::providers::Dialect;
use crate::usecases::answer::Caching;

/// A caller's deadline, from the patience that it stated or from the longest there is.
#[derive(Debug, Clone, Copy)]
pub struct Patient(pub Deadline);

/// The deadline for the first byte of an answer in events, or for all of one that comes whole.
#[derive(Debug, Clone, Copy)]
pub struct PatientForTheFirst(pub Deadline);

/// What a call may say in its headers, beside its credential.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(
    dead_code,
    reason = "shown in the document; read by the extractors below"
)]
pub struct TaskHeaders {
    /// The caller's patience in seconds, as `wait=25`: the answer comes before it ends. At most 110, which is also the default.
    #[param(rename = "Prefer", required = false, example = "wait=25")]
    prefer: String,
    /// Known again for 24 hours: a repeat with the same key and body gets the first final answer and costs nothing.
    #[param(rename = "Idempotency-Key", required = false, max_length = 255)]
    idempotency_key: String,
    /// `no-store`, `no-cache`, `only-if-cached` or `max-age=N` in seconds, as RFC 9111 says of requests. Salesforce itself
    /// puts `no-cache` on every callout, so from there it counts for nothing: `fresh` asks anew.
    #[param(rename = "Cache-Control", required = false)]
    cache_control: String,
    /// The most bytes that the answer may have; longer texts are cut and the answer says `truncated`.
    #[param(
        rename = "Belay-Max-Response-Bytes",
        required = false,
        minimum = 1000,
        maximum = 5_000_000
    )]
    max_response_bytes: u32,
}

/// What the request's headers say of caching, repeats and the answer's size.
#[derive(Debug, Clone)]
pub struct Wishes {
    /// What the cache may do.
    pub caching: Caching,
    /// The key by which a repeat is known.
    pub idempotency_key: Option<IdempotencyKey>,
    /// The most bytes that the answer's body may have.
    pub max_response_bytes: Option<usize>,
}

/// The longest patience of a task call, and what a call that states none is given.
const LONGEST_PATIENCE: u64 = 110;
/// The same of a Messages call, which need not come from Apex: ten minutes, as the Claude SDKs have it.
const LONGEST_FOR_MESSAGES: u64 = 600;
/// Bytes of one header that names betas.
const BETA_BYTES: usize = 4_096;
/// The least and the most that `Belay-Max-Response-Bytes` may say: five megabytes are about what an Apex heap can parse.
const RESPONSE_BYTES: std::ops::RangeInclusive<usize> = 1_000..=5_000_000;

/// The call itself, which the outermost layer has made.
fn call(parts: &Parts) -> Result<&Call, Problem> {
    parts.extensions.get().ok_or_else(|| {
        Problem::new(
            Code::Internal,
            "the call did not come through the front door",
        )
    })
}

impl<S> FromRequestParts<S> for Call
where
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        call(parts).cloned()
    }
}

impl<S> FromRequestParts<S> for Patient
where
    S: Send + Sync,
{
    type Rejection = Problem;

    /// RFC 7240: a preference that cannot be read is as if it were not there.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        patience(parts, LONGEST_PATIENCE).map(Self)
    }
}

impl<S> FromRequestParts<S> for PatientForTheFirst
where
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        patience(parts, LONGEST_FOR_MESSAGES).map(Self)
    }
}

/// The deadline by the stated patience, or by the longest there is, in seconds.
fn patience(parts: &Parts, longest: u64) -> Result<Deadline, Problem> {
    let call = call(parts)?;
    let stated = preferred_wait(&parts.headers).map(|wait| wait.min(longest));
    if let Some(seconds) = stated {
        call.keeps_to(seconds);
    }
    let patience = Duration::from_secs(stated.unwrap_or(longest));
    Ok(Deadline::after(call.received, patience))
}

impl<S> FromRequestParts<S> for Dialect
where
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let is_name = |text: &str, most: usize| {
            (1..=most).contains(&text.len())
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        let version = one(&parts.headers, "anthropic-version")?;
        if !version.is_none_or(is_version) {
            return Err(Problem::new(
                Code::InvalidRequest,
                "anthropic-version must be a version such as 2026-10-21",
            ));
        }
        let mut betas: Vec<&str> = Vec::new();
        for value in parts.headers.get_all("anthropic-beta") {
            let text = value.to_str().unwrap_or_default().trim();
            let are_names = text.split(',').all(|name| is_name(name.trim(), 128));
            if !are_names || text.len() > BETA_BYTES {
                return Err(Problem::new(
                    Code::InvalidRequest,
                    "anthropic-beta must be names of betas, separated by commas",
                ));
            }
            betas.push(text);
        }
        Ok(Self {
            version: version.map(str::to_owned),
            betas: (!betas.is_empty()).then(|| betas.join(",")),
        })
    }
}

/// A version of the Claude API is a day, such as `2026-10-21`; nothing else may go on in its place.
fn is_version(text: &str) -> bool {
    text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok()
}

/// The first `wait` among the preferences, in seconds.
fn preferred_wait(headers: &HeaderMap) -> Option<u64> {
    headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|preference| {
            let (name, rest) = preference.split(';').next()?.split_once('=')?;
            let wait = name.trim().eq_ignore_ascii_case("wait");
            wait.then(|| rest.trim().trim_matches('"').parse().ok())?
        })
}

impl<S> FromRequestParts<S> for Wishes
where
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let headers = &parts.headers;
        let idempotency_key = one(headers, "idempotency-key")?
            .map(|text| {
                IdempotencyKey::parse(text).ok_or_else(|| {
                    Problem::new(
                        Code::InvalidRequest,
                        "Idempotency-Key must be 1 to 255 visible ASCII characters",
                    )
                })
            })
            .transpose()?;
        let max_response_bytes = one(headers, "belay-max-response-bytes")?
            .map(|text| {
                let bytes = text.parse().ok().filter(|n| RESPONSE_BYTES.contains(n));
                bytes.ok_or_else(|| {
                    Problem::new(
                        Code::InvalidRequest,
                        "Belay-Max-Response-Bytes must be a whole number from 1000 to 5000000",
                    )
                })
            })
            .transpose()?;
        Ok(Self {
            caching: caching(headers, call(parts)?.from_salesforce),
            idempotency_key,
            max_response_bytes,
        })
    }
}

/// A header that may come once.
fn one<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a str>, Problem> {
    let name = HeaderName::from_static(name);
    let mut values = headers.get_all(&name).iter();
    let (Some(first), None) = (values.next(), values.next()) else {
        return match headers.get_all(&name).iter().count() {
            0 => Ok(None),
            _ => Err(Problem::new(
                Code::InvalidRequest,
                format!("{name} must come once"),
            )),
        };
    };
    first
        .to_str()
        .map(|text| Some(text.trim()))
        .map_err(|_| Problem::new(Code::InvalidRequest, format!("{name} must be ASCII text")))
}

/// RFC 9111, 5.2.1. Salesforce puts `no-cache` on every callout whether or not anybody meant it, so there it counts for
/// nothing.
fn caching(headers: &HeaderMap, from_salesforce: bool) -> Caching {
    let mut caching = Caching::default();
    let mut said_anything = false;
    for value in headers.get_all(CACHE_CONTROL) {
        for directive in value.to_str().unwrap_or_default().split(',') {
            let (name, argument) = directive
                .split_once('=')
                .map_or((directive, None), |(name, rest)| (name, Some(rest)));
            said_anything |= !name.trim().is_empty();
            match name.trim().to_ascii_lowercase().as_str() {
                "no-store" => caching.no_store = true,
                "only-if-cached" => caching.only_if_cached = true,
                "no-cache" => caching.fresh |= !from_salesforce,
                "max-age" => {
                    let seconds =
                        argument.and_then(|text| text.trim().trim_matches('"').parse().ok());
                    caching.max_age = seconds.map(Duration::from_secs);
                }
                _ => {}
            }
        }
    }
    // `Pragma` speaks only where `Cache-Control` is silent (RFC 9111, 5.4).
    let pragma = headers.get(PRAGMA).and_then(|value| value.to_str().ok());
    if !said_anything && !from_salesforce && pragma.is_some_and(|p| p.contains("no-cache")) {
        caching.fresh = true;
    }
    caching
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                let value = value.parse().expect("a header value");
                (HeaderName::from_static(name), value)
            })
            .collect()
    }

    #[test]
    fn a_stated_patience_is_read_wherever_it_stands() {
        let wait = |value| preferred_wait(&headers(&[("prefer", value)]));
        assert_eq!(wait("wait=25"), Some(25));
        assert_eq!(wait("respond-async, Wait = \"10\"; x=1"), Some(10));
        assert_eq!(wait("wait=soon"), None);
        assert_eq!(wait("waiting=3"), None);
        assert_eq!(wait("wait=-1"), None);
    }

    #[test]
    fn what_salesforce_puts_on_every_callout_asks_for_nothing() {
        let every_callout = headers(&[("cache-control", "no-cache"), ("pragma", "no-cache")]);
        assert_eq!(caching(&every_callout, true), Caching::default());
        assert!(caching(&every_callout, false).fresh);
        let pragma_alone = headers(&[("pragma", "no-cache")]);
        assert!(caching(&pragma_alone, false).fresh);
    }

    #[test]
    fn cache_directives_are_read_with_their_arguments() {
        let said = caching(
            &headers(&[("cache-control", "No-Store, max-age=\"30\"")]),
            true,
        );
        assert!(said.no_store);
        assert_eq!(said.max_age, Some(Duration::from_secs(30)));
        let only = caching(&headers(&[("cache-control", "only-if-cached")]), true);
        assert!(only.only_if_cached);
    }
}
