//! What sending to any provider has in common: the HTTP client, reading a body within bounds, and what an error answer means.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use url::Url;

use super::provider::{Error, Events, Fault, Said};

/// The largest answer that is read.
const ANSWER_BYTES: usize = 32_000_000;
/// The longest pause that a provider can ask for and be believed.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);
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

/// The one HTTP client of all providers whose address is like `base_url`.
///
/// It neither follows redirects, which would carry our key to another host, nor retries by itself, since retries must
/// fit the caller's deadline. A proxy of the environment is used, except to this machine.
///
/// # Errors
/// Where the machine holds no root certificates.
pub fn client(base_url: &Url) -> Result<reqwest::Client, reqwest::Error> {
    let builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(Duration::from_secs(5))
        .tcp_nodelay(true)
        .pool_idle_timeout(Duration::from_secs(50))
        .user_agent(concat!("belay/", env!("CARGO_PKG_VERSION")));
    let here = match base_url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    let builder = if here { builder.no_proxy() } else { builder };
    builder.build()
}

/// Sends `request` and yields the head of its answer.
///
/// # Errors
/// [`Fault::Unreachable`] where nothing was sent, [`Fault::Cut`] where the connection ended before the head.
pub async fn head(request: reqwest::RequestBuilder) -> Result<reqwest::Response, Error> {
    request.send().await.map_err(|error| {
        let fault = if error.is_connect() {
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

/// The provider's own id of the call.
fn upstream_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get("request-id")?.to_str().ok()?;
    Some(id.chars().take(128).collect())
}

/// Reads a body to its end, bounded.
///
/// # Errors
/// [`Fault::Cut`] where it ends early, [`Fault::Malformed`] where it has no end worth waiting for.
pub async fn whole(mut response: reqwest::Response) -> Result<Bytes, Fault> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| Fault::Cut)? {
        if body.len() + chunk.len() > ANSWER_BYTES {
            return Err(Fault::Malformed);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// What an error answer in Claude's own form means for us.
pub fn refused(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
    let code = told(body).and_then(|told| told.details?.error_code);
    let number = status.as_u16();
    let fault = match (number, code.as_deref()) {
        (429, Some("enforced_spend_limit_reached" | "contract_spend_limit_reached"))
        | (401..=404, _) => Fault::Denied(number),
        (429, _) => Fault::RateLimited,
        (503 | 529, _) => Fault::Overloaded(number),
        (408 | 409 | 424, _) => Fault::Failed(number),
        (400..=499, _) => Fault::Rejected(number),
        // A redirect is not followed, and no answer either.
        _ => Fault::Failed(number),
    };
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    Error {
        fault,
        retry_after: pause(text("retry-after-ms"), text("retry-after")),
        upstream_id: upstream_id(headers),
        said: said(body).filter(|_| matches!(fault, Fault::Rejected(_))),
    }
}

/// The provider's own words in an error answer, cut.
pub fn said(body: &[u8]) -> Option<Said> {
    let told = told(body)?;
    Some(Said {
        kind: told.kind?,
        message: told.message?.chars().take(SAID_CHARS).collect(),
    })
}

fn told(body: &[u8]) -> Option<WireErrorBody> {
    let wire: WireError = serde_json::from_slice(body).ok()?;
    Some(wire.error)
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
