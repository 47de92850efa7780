//! What sending to any provider has in common: the HTTP client, reading a body within bounds, and what an error answer means.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Deserialize;
use url::Url;

use super::claude;
use super::provider::{Error, Events, Fault, Reply, Said};
use crate::telemetry::traces;

/// The largest answer that is read.
const ANSWER_BYTES: usize = 32_000_000;
/// The longest pause that a provider can ask for and be believed.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);
/// Claude's types of errors, each with the status that it comes with.
const KINDS: [(&str, u16); 11] = [
    ("invalid_request_error", 400),
    ("authentication_error", 401),
    ("billing_error", 402),
    ("permission_error", 403),
    ("not_found_error", 404),
    ("conflict_error", 409),
    ("request_too_large", 413),
    ("rate_limit_error", 429),
    ("api_error", 500),
    ("timeout_error", 504),
    ("overloaded_error", 529),
];
/// Characters of a provider's own words that are passed on.
const SAID_CHARS: usize = 4_000;

#[derive(Deserialize)]
struct WireError {
    error: WireErrorBody,
}

#[derive(Deserialize)]
struct WireErrorBody {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    details: Option<WireErrorDetails>,
}

#[derive(Deserialize)]
struct WireErrorDetails {
    #[serde(default)]
    error_code: Option<String>,
}

/// Where a provider is: at `base_url` where the file has one, else at `host`, its usual `path` behind it. A `base_url`
/// with a path of its own stands in for both.
pub fn base(base_url: Option<&Url>, host: &str, path: &str) -> String {
    match base_url {
        None => format!("{host}{path}"),
        Some(url) if url.path().trim_matches('/').is_empty() => {
            format!("{}{path}", url.as_str().trim_end_matches('/'))
        }
        Some(url) => url.as_str().trim_end_matches('/').to_owned(),
    }
}

/// The one HTTP client of all providers whose address is like `base_url`.
///
/// It neither follows redirects, which would carry our key to another host, nor retries by itself, since retries must
/// fit the caller's deadline. A proxy of the environment is used, except to this machine.
///
/// # Errors
/// Where the machine holds no root certificates.
pub fn client(base_url: &Url) -> Result<reqwest::Client, reqwest::Error> {
    built(is_near(base_url))
}

/// The same, for an address that was put together.
///
/// # Errors
/// Where the machine holds no root certificates.
pub fn client_of(base: &str) -> Result<reqwest::Client, reqwest::Error> {
    built(Url::parse(base).is_ok_and(|url| is_near(&url)))
}

/// The same as [`client`], which trusts the authority in `ca`, in PEM, as well.
///
/// # Errors
/// Where the machine holds no root certificates, or `ca` is none.
pub fn client_trusting(url: &Url, ca: Option<&str>) -> Result<reqwest::Client, reqwest::Error> {
    let Some(ca) = ca else {
        return client(url);
    };
    let roots = reqwest::Certificate::from_pem_bundle(ca.as_bytes())?;
    builder(is_near(url)).tls_certs_merge(roots).build()
}

fn built(near: bool) -> Result<reqwest::Client, reqwest::Error> {
    builder(near).build()
}

fn builder(near: bool) -> reqwest::ClientBuilder {
    let builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(Duration::from_secs(5))
        .tcp_nodelay(true)
        .pool_idle_timeout(Duration::from_secs(50))
        .user_agent(concat!("belay/", env!("CARGO_PKG_VERSION")));
    if near { builder.no_proxy() } else { builder }
}

/// Whether no proxy can stand between: this machine, or the address at which a machine's own metadata is told.
fn is_near(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback() || ip.is_link_local(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// `text` as one segment of a path: everything is encoded that is not plain or among `kept`.
pub fn segment(text: &str, kept: &[u8]) -> String {
    text.bytes().fold(String::new(), |mut segment, byte| {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        if plain || kept.contains(&byte) {
            segment.push(char::from(byte));
        } else {
            let _ = write!(segment, "%{byte:02X}");
        }
        segment
    })
}

/// What a request of ours comes to that cannot be translated. Nothing was sent.
pub fn unsendable(why: &claude::NoMembers) -> Error {
    let fault = Fault::Rejected(400);
    error(
        fault,
        &HeaderMap::new(),
        said(kind_of(fault), &why.to_string()),
    )
}

/// Sends `request`, as part of the trace that it is made in, and yields the head of its answer.
///
/// # Errors
/// [`Fault::Rejected`] where it cannot be written, [`Fault::Unreachable`] where nothing was sent, [`Fault::Cut`] where the connection ended before the head.
pub async fn head(request: reqwest::RequestBuilder) -> Result<reqwest::Response, Error> {
    let request = match traces::traceparent() {
        Some(trace) => request.header("traceparent", trace),
        None => request,
    };
    request.send().await.map_err(|error| {
        let fault = if error.is_builder() {
            Fault::Rejected(400)
        } else if error.is_connect() {
            Fault::Unreachable
        } else {
            Fault::Cut
        };
        fault.into()
    })
}

/// The events of an answer whose head was a 200, as they come.
pub fn events(response: reqwest::Response) -> Events {
    Events {
        upstream_id: upstream_id(response.headers()),
        bytes: response
            .bytes_stream()
            .map(|chunk| chunk.map_err(|_| Fault::Cut))
            .boxed(),
    }
}

/// The provider's own id of the call, by whichever name its kind gives it.
pub fn upstream_id(headers: &HeaderMap) -> Option<String> {
    let names = [
        "request-id",
        "x-amzn-requestid",
        "apim-request-id",
        "x-ms-request-id",
    ];
    let id = names.iter().find_map(|name| headers.get(*name))?;
    Some(id.to_str().ok()?.chars().take(128).collect())
}

/// A header that carries a credential, marked so that nothing prints it.
///
/// # Errors
/// [`Fault::NoCredentials`] where the secret cannot stand in a header: nothing is sent without it.
pub fn credential(name: &'static str, secret: &str) -> Result<HeaderMap, Fault> {
    let mut value = HeaderValue::from_str(secret).map_err(|_| Fault::NoCredentials)?;
    value.set_sensitive(true);
    Ok(HeaderMap::from_iter([(
        HeaderName::from_static(name),
        value,
    )]))
}

/// The answer, where its head is a 200; else what `refused` makes of it.
///
/// # Errors
/// What the provider says instead of an answer.
pub async fn success(
    response: reqwest::Response,
    refused: impl FnOnce(StatusCode, &HeaderMap, &[u8]) -> Error,
) -> Result<reqwest::Response, Error> {
    let status = response.status();
    if status == StatusCode::OK {
        return Ok(response);
    }
    let headers = response.headers().clone();
    // What an error's body says only refines its status, so a cut one does no harm.
    let body = whole(response).await.unwrap_or_default();
    Err(refused(status, &headers, &body))
}

/// The whole answer behind the head of a 200. Some upstreams tell an error there, too.
///
/// # Errors
/// Where no message comes.
pub async fn reply(mut response: reqwest::Response) -> Result<Reply, Error> {
    let headers = std::mem::take(response.headers_mut());
    let body = whole(response).await?;
    match claude::told(&body) {
        Some(told) => Ok(Reply {
            body,
            usage: told.usage,
        }),
        None => Err(told_after_200(&headers, &body)),
    }
}

/// What a 200 means whose body is no message: an error in Claude's own form by its type, anything else by nothing.
pub fn told_after_200(headers: &HeaderMap, body: &[u8]) -> Error {
    let told = serde_json::from_slice::<WireError>(body).ok();
    let kind = told.and_then(|told| told.error.kind);
    let status = kind.as_deref().and_then(|kind| {
        let (_, status) = KINDS.iter().find(|(known, _)| *known == kind)?;
        StatusCode::from_u16(*status).ok()
    });
    match status {
        Some(status) => refused(status, headers, body),
        None => Error {
            upstream_id: upstream_id(headers),
            ..Fault::Malformed.into()
        },
    }
}

/// Reads a body to its end, bounded.
///
/// # Errors
/// [`Fault::Cut`] where it ends early, [`Fault::Malformed`] where it has no end worth waiting for.
pub async fn whole(response: reqwest::Response) -> Result<Bytes, Fault> {
    let body = http::Response::from(response).into_body();
    match Limited::new(body, ANSWER_BYTES).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Fault::Malformed),
        Err(_) => Err(Fault::Cut),
    }
}

/// What an error answer in Claude's own form means for us.
pub fn refused(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
    let told = told_in(body);
    let code = told
        .as_ref()
        .and_then(|told| told.details.as_ref()?.error_code.clone());
    let fault = match code.as_deref() {
        Some("enforced_spend_limit_reached" | "contract_spend_limit_reached")
            if status == StatusCode::TOO_MANY_REQUESTS =>
        {
            Fault::Denied(429)
        }
        _ => fault_of(status),
    };
    let said = told.and_then(|told| said(&told.kind?, &told.message?));
    error(fault, headers, said)
}

/// What a status means where nothing else is told.
pub fn fault_of(status: StatusCode) -> Fault {
    match status.as_u16() {
        number @ 401..=404 => Fault::Denied(number),
        429 => Fault::RateLimited,
        number @ (503 | 529) => Fault::Overloaded(number),
        // Besides those that may pass: a call that was given up on their side, and a redirect, which is not followed.
        number @ (408 | 409 | 424 | 499) => Fault::Failed(number),
        number @ 400..=499 => Fault::Rejected(number),
        number => Fault::Failed(number),
    }
}

/// An error with what its headers tell. The provider's own words are kept where it rejected the request itself.
pub fn error(fault: Fault, headers: &HeaderMap, said: Option<Said>) -> Error {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    Error {
        fault,
        retry_after: pause(text("retry-after-ms"), text("retry-after")),
        upstream_id: upstream_id(headers),
        said: said.filter(|_| matches!(fault, Fault::Rejected(_))),
    }
}

/// A provider's own words, bounded.
pub fn said(kind: &str, message: &str) -> Option<Said> {
    Some(Said {
        kind: kind.to_owned(),
        message: message.chars().take(SAID_CHARS).collect(),
    })
}

/// The provider's own words in an error of Claude's form.
pub fn said_in(body: &[u8]) -> Option<Said> {
    let told = told_in(body)?;
    said(&told.kind?, &told.message?)
}

fn told_in(body: &[u8]) -> Option<WireErrorBody> {
    let wire: WireError = serde_json::from_slice(body).ok()?;
    Some(wire.error)
}

/// What Claude calls an error of this fault, for a provider that calls it otherwise.
pub fn kind_of(fault: Fault) -> &'static str {
    match fault {
        Fault::Rejected(413) => "request_too_large",
        Fault::Rejected(_) => "invalid_request_error",
        Fault::Denied(401) => "authentication_error",
        Fault::Denied(402) => "billing_error",
        Fault::Denied(404) => "not_found_error",
        Fault::Denied(_) => "permission_error",
        Fault::RateLimited => "rate_limit_error",
        Fault::Overloaded(_) => "overloaded_error",
        Fault::Failed(408 | 504) => "timeout_error",
        Fault::Failed(409) => "conflict_error",
        Fault::Failed(_)
        | Fault::NoCredentials
        | Fault::Unreachable
        | Fault::Cut
        | Fault::Hung
        | Fault::Malformed => "api_error",
    }
}

/// How long we are asked to stay away: milliseconds go before seconds.
fn pause(ms: Option<&str>, seconds: Option<&str>) -> Option<Duration> {
    let number = |text: Option<&str>| text.and_then(|t| t.trim().parse::<f64>().ok());
    let seconds = number(ms).map(|ms| ms / 1_000.0).or(number(seconds))?;
    let pause = Duration::try_from_secs_f64(seconds).ok()?;
    Some(pause.min(LONGEST_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(status: u16, body: &str) -> Fault {
        let status = StatusCode::from_u16(status).expect("a status");
        refused(status, &HeaderMap::new(), body.as_bytes()).fault
    }

    #[test]
    fn an_error_behind_a_200_is_the_error_that_it_tells() {
        let fault = |body: &str| told_after_200(&HeaderMap::new(), body.as_bytes()).fault;
        let told = |kind: &str| {
            fault(&format!(
                r#"{{"type":"error","error":{{"type":"{kind}","message":"m"}}}}"#
            ))
        };
        assert_eq!(told("overloaded_error"), Fault::Overloaded(529));
        assert_eq!(told("rate_limit_error"), Fault::RateLimited);
        assert_eq!(told("invalid_request_error"), Fault::Rejected(400));
        assert_eq!(told("request_too_large"), Fault::Rejected(413));
        assert_eq!(told("permission_error"), Fault::Denied(403));
        assert_eq!(told("api_error"), Fault::Failed(500));
        assert_eq!(told("unheard_of"), Fault::Malformed);
        assert_eq!(fault("{}"), Fault::Malformed);
        assert_eq!(fault("<html>"), Fault::Malformed);
    }

    #[test]
    fn a_base_with_a_path_stands_in_for_the_usual_path() {
        let base = |url: Option<&str>| {
            let url = url.map(|url| Url::parse(url).expect("an address"));
            base(url.as_ref(), "https://host", "/usual")
        };
        assert_eq!(base(None), "https://host/usual");
        assert_eq!(base(Some("http://[::1]:9")), "http://[::1]:9/usual");
        assert_eq!(base(Some("http://[::1]:9/own/")), "http://[::1]:9/own");
    }

    #[test]
    fn each_status_is_told_apart_by_what_can_be_done() {
        assert_eq!(fault(429, ""), Fault::RateLimited);
        let spend = r#"{"type":"error","error":{"type":"rate_limit_error","message":"m","details":{"error_code":"enforced_spend_limit_reached"}}}"#;
        assert_eq!(fault(429, spend), Fault::Denied(429));
        assert_eq!(fault(401, "{}"), Fault::Denied(401));
        assert_eq!(fault(404, ""), Fault::Denied(404));
        assert_eq!(fault(529, "<html>"), Fault::Overloaded(529));
        assert_eq!(fault(500, ""), Fault::Failed(500));
        assert_eq!(fault(408, ""), Fault::Failed(408));
        assert_eq!(fault(413, ""), Fault::Rejected(413));
        assert_eq!(fault(307, ""), Fault::Failed(307));
    }

    #[test]
    fn milliseconds_go_before_seconds_and_nonsense_is_ignored() {
        let ms = Duration::from_millis;
        assert_eq!(pause(Some("1500"), Some("9")), Some(ms(1_500)));
        assert_eq!(pause(None, Some("2")), Some(ms(2_000)));
        assert_eq!(pause(None, Some("-1")), None);
        assert_eq!(pause(None, Some("NaN")), None);
        assert_eq!(pause(None, Some("1e300")), None);
        assert_eq!(pause(None, Some("99999999")), Some(LONGEST_PAUSE));
    }
}
