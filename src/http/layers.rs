//! Every layer on one page, outermost first, each with its reason.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use http_body_util::Limited;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate as _};
use tower_http::decompression::RequestDecompressionLayer;
use tower_http::map_request_body::MapRequestBodyLayer;
use ulid::Ulid;

use super::call::Call;
use super::certificate;
use super::connection::Peer;
use super::limit_headers;
use super::problem::{self, Code, Problem, Tongue};
use super::proxies::Proxies;
use super::settings::Settings;
use crate::domain::{Clock, Entropy, OrgName, RequestId};
use crate::lifecycle::Lifecycle;
use crate::telemetry::traces::{CallEnd, CallSpan};
use crate::telemetry::{Metrics, Traces};
use crate::usecases::ReadAllowances;

/// What the layers need.
pub struct Door {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for the ids of calls.
    pub entropy: Arc<dyn Entropy>,
    /// The numbers.
    pub metrics: Arc<Metrics>,
    /// Where spans go.
    pub traces: Traces,
    /// What the public port speaks.
    pub scheme: &'static str,
    /// What is left of a caller's limits, for the headers.
    pub allowances: ReadAllowances,
    /// Whether the process is on its way out.
    pub lifecycle: Lifecycle,
    /// The proxies that are believed.
    pub trusted_proxies: Proxies,
    /// Calls that may be under way at once, of all orgs: each holds a body in memory.
    pub room: Semaphore,
}

/// Calls under way at once, of all orgs together.
pub const ROOM: usize = 4_096;

/// Puts every layer around `router`.
pub fn around(router: Router, door: Arc<Door>, settings: &Settings) -> Router {
    let (body_bytes, messages_body_bytes) = (settings.body_bytes, settings.messages_body_bytes);
    router.layer(
        ServiceBuilder::new()
            // Outermost: a packed answer is whole again, so that it bears its length.
            .layer(from_fn(with_its_length))
            // Only where the caller asks for it; Apex unpacks by itself. Results of batches pass as they come, gigabytes of
            // them, and what is packed here is read whole.
            .layer(CompressionLayer::new().gzip(true).compress_when(
                DefaultPredicate::new().and(NotForContentType::const_new("application/x-jsonl")),
            ))
            // Before anything can go wrong: the call's id, and after everything: its line in the log.
            .layer(from_fn_with_state(door, frame))
            // Inside the frame, so that a panic, too, is told as a problem with the call's id.
            .layer(CatchPanicLayer::custom(panicked))
            // Before the body is unpacked: what comes over the wire is bounded as well as what comes out of it.
            .layer(from_fn(move |request: Request, next: Next| async move {
                let most = match request.extensions().get::<Call>() {
                    Some(call) if call.tongue == Tongue::Claude => messages_body_bytes,
                    _ => body_bytes,
                };
                next.run(request.map(|body| Body::new(Limited::new(body, most))))
                    .await
            }))
            // Apex packs with `setCompressed(true)`.
            .layer(RequestDecompressionLayer::new())
            .layer(MapRequestBodyLayer::new(Body::new)),
    )
}

/// Puts the one layer of the admin port around `router`: problems are told there as anywhere.
pub fn around_admin(router: Router, door: Arc<Door>) -> Router {
    router.layer(from_fn_with_state(door, plain_frame))
}

async fn plain_frame(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    let id = request_id(request.headers(), &door);
    let mut response = next.run(request).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        response = problem.response(&id, Tongue::Problem);
    }
    name_the_charset(response.headers_mut());
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        let name = HeaderName::from_static("x-request-id");
        response.headers_mut().insert(name, id);
    }
    response
}

/// A packed answer comes as a stream of unknown length; read whole, it has one.
async fn with_its_length(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let headers = response.headers();
    if !headers.contains_key(CONTENT_ENCODING) || headers.contains_key(CONTENT_LENGTH) {
        return response;
    }
    let (parts, body) = response.into_parts();
    match axum::body::to_bytes(body, usize::MAX).await {
        Ok(whole) => Response::from_parts(parts, Body::from(whole)),
        Err(_) => http::StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// The frame of a call: its id, its problem document, the headers that every answer bears, its line in the log.
async fn frame(State(door): State<Arc<Door>>, mut request: Request, next: Next) -> Response {
    let received = door.clock.now();
    let id = request_id(request.headers(), &door);
    let call = Call::new(
        id,
        (received, door.clock.timestamp()),
        peer(&request, &door.trusted_proxies),
        request.uri().path(),
        request.headers(),
    );
    request.extensions_mut().insert(call.clone());
    certificate::settle(&mut request, &door.trusted_proxies);
    let span = door.traces.call(request.headers());
    let mut line = Line::begin(&door, &call, &request, span);

    let moment = Duration::from_secs(1);
    let response = if door.lifecycle.is_stopping() {
        let why = "the gateway is stopping; another replica may answer";
        Problem::retryable(Code::Draining, why, moment).into_response()
    } else if let Ok(_room) = door.room.try_acquire() {
        line.span.around(next.run(request)).await
    } else {
        let why = "the gateway has as many calls under way as it has room for";
        Problem::retryable(Code::Overloaded, why, moment).into_response()
    };

    let (mut response, outcome) = told(response, &call);
    let total = door.clock.now().saturating_duration_since(received);
    finish(&mut response, &door, &call, total);
    let cache_status = response.headers().get("cache-status");
    let cache_status = cache_status.and_then(|status| status.to_str().ok());
    line.end(response.status().as_u16(), outcome, cache_status, total);
    response
}

/// Keeps the caller's id where it cannot break a log line, else makes one.
fn request_id(headers: &HeaderMap, door: &Door) -> RequestId {
    let sent = headers
        .get("x-request-id")
        .and_then(|value| value.to_str().ok())
        .and_then(RequestId::parse);
    sent.unwrap_or_else(|| {
        let ms = u64::try_from(door.clock.timestamp().as_millisecond()).unwrap_or_default();
        let ulid = Ulid::from_parts(ms, door.entropy.bits()).to_string();
        RequestId::parse(&ulid).expect("letters and digits")
    })
}

/// Writes the document of a problem, also of one that a layer has told by its status alone.
fn told(mut response: Response, call: &Call) -> (Response, &'static str) {
    let status = response.status();
    let problem = response.extensions_mut().remove::<Problem>().or_else(|| {
        let bare = status.is_client_error() || status.is_server_error();
        bare.then(|| problem::of_status(status))
    });
    let Some(problem) = problem else {
        return (response, "ok");
    };
    let mut document = problem.response(&call.id, call.tongue);
    if let Some(allow) = response.headers().get(ALLOW) {
        document.headers_mut().insert(ALLOW, allow.clone());
    }
    (document, problem.code.as_str())
}

/// The headers that every answer bears.
fn finish(response: &mut Response, door: &Door, call: &Call, total: Duration) {
    let upstream = call.upstream().min(total);
    let overhead = total.saturating_sub(upstream);
    let ms = |time: Duration| time.as_secs_f64() * 1_000.0;
    let timing = format!(
        "total;dur={:.1}, upstream;dur={:.1}, overhead;dur={:.1}",
        ms(total),
        ms(upstream),
        ms(overhead)
    );
    let headers = response.headers_mut();
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    set("x-request-id", call.id.as_str());
    set("server-timing", &timing);
    set("x-content-type-options", "nosniff");
    if let Some(seconds) = call.patience_s() {
        set("preference-applied", &format!("wait={seconds}"));
    }
    name_the_charset(headers);
    let speaks_claude = call.tongue == Tongue::Claude;
    if speaks_claude && let Ok(id) = HeaderValue::from_str(call.id.as_str()) {
        headers.insert(HeaderName::from_static("request-id"), id);
    }
    if let Some(caller) = call.caller() {
        let allowances = door.allowances.peek(caller);
        limit_headers::write(&allowances, headers);
        if speaks_claude {
            limit_headers::write_as_claude(&allowances, door.clock.timestamp(), headers);
        }
    }
    if door.lifecycle.is_draining() {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
}

/// JSON is UTF-8 whether or not it says so, and Apex reads it as that where it does.
fn name_the_charset(headers: &mut HeaderMap) {
    if headers
        .get(CONTENT_TYPE)
        .is_some_and(|media| media == "application/json")
    {
        let whole = HeaderValue::from_static("application/json; charset=utf-8");
        headers.insert(CONTENT_TYPE, whole);
    }
}

/// A call's line in the log and its place in the metrics, written also where the caller went away.
struct Line {
    door: Arc<Door>,
    call: Call,
    method: Method,
    path: String,
    span: CallSpan,
    written: bool,
}

impl Line {
    fn begin(door: &Arc<Door>, call: &Call, request: &Request, span: CallSpan) -> Self {
        Self {
            door: Arc::clone(door),
            call: call.clone(),
            method: request.method().clone(),
            path: request.uri().path().chars().take(200).collect(),
            span,
            written: false,
        }
    }

    fn end(&mut self, status: u16, outcome: &str, cache_status: Option<&str>, total: Duration) {
        self.written = true;
        let call = &self.call;
        let (org, upstream) = (
            call.caller().map(|caller| &caller.org.name),
            call.upstream(),
        );
        let trace = self.span.trace_id();
        self.door
            .metrics
            .answered(org, call.task(), outcome, (total, upstream), trace);
        self.span.end(&CallEnd {
            method: &self.method,
            path: &self.path,
            scheme: self.door.scheme,
            request_id: call.id.as_str(),
            org,
            task: call.task(),
            outcome,
            status,
            cache_status,
            took: total,
        });
        if let Some(reason) = call.refused() {
            self.door.metrics.refused(reason);
        }
        let user = call
            .caller()
            .and_then(|caller| caller.user.as_ref())
            .map(|user| hashed(&user.0));
        tracing::info!(
            request_id = %call.id,
            trace_id = trace.map(tracing::field::display),
            org = org.map(OrgName::as_str),
            user,
            peer = call.peer.map(tracing::field::display),
            method = %self.method,
            path = self.path,
            task = call.task(),
            status,
            outcome,
            refused = call.refused(),
            duration_ms = millis(total),
            upstream_ms = millis(upstream),
            "call"
        );
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if !self.written {
            let now = self.door.clock.now();
            let total = now.saturating_duration_since(self.call.received);
            // 499 is what nginx calls a caller who hung up; nobody is told it.
            self.end(499, "gone", None, total);
        }
    }
}

/// The caller's address: the connection's, or behind trusted proxies the last one that they did not add themselves.
fn peer(request: &Request, trusted: &Proxies) -> Option<IpAddr> {
    let Peer(address) = request.extensions().get::<Peer>()?;
    let mut peer = address.ip().to_canonical();
    let forwarded: Vec<&[u8]> = request
        .headers()
        .get_all("x-forwarded-for")
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .collect();
    for hop in forwarded.into_iter().rev() {
        // Whatever stands before a hop that cannot be read may be of anybody's making.
        let Some(hop) = hop_address(hop).filter(|_| trusted.trust(peer)) else {
            break;
        };
        peer = hop;
    }
    Some(peer)
}

/// An address, or one with the port that some proxies put after it.
fn hop_address(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?.trim();
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let address = bare.unwrap_or(text).parse().ok();
    let address = address.or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

/// A user in the log: enough to find their calls again, not enough to name them.
fn hashed(user: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(user.as_bytes()).into();
    u64::from_be_bytes(digest[..8].try_into().expect("eight of them")).to_string()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    tracing::error!("a handler panicked");
    Problem::retryable(
        Code::Internal,
        "something went wrong inside the gateway",
        None,
    )
    .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_trusted_proxy_names_the_caller() {
        let ip = |text: &str| -> IpAddr { text.parse().expect("an address") };
        let mut request = Request::new(Body::empty());
        request
            .extensions_mut()
            .insert(Peer(SocketAddr::new(ip("10.0.0.1"), 1)));
        request.headers_mut().insert(
            "x-forwarded-for",
            HeaderValue::from_static("1.1.1.1, 203.0.113.7, 10.0.0.2"),
        );
        let told = |networks: &[&str]| {
            let networks = networks.iter().map(|one| one.parse().expect("a network"));
            peer(&request, &Proxies::new(networks))
        };
        assert_eq!(told(&[]), Some(ip("10.0.0.1")));
        let one_by_one = ["10.0.0.1/32", "10.0.0.2/32"];
        assert_eq!(told(&one_by_one), Some(ip("203.0.113.7")));
        assert_eq!(told(&["10.0.0.0/8"]), Some(ip("203.0.113.7")));
        assert_eq!(told(&["11.0.0.0/8"]), Some(ip("10.0.0.1")));
    }
    #[test]
    fn what_a_stranger_writes_before_a_proxys_own_word_names_nobody() {
        let told = |values: &[&'static [u8]]| {
            let mut request = Request::new(Body::empty());
            let proxy = SocketAddr::from(([10, 0, 0, 1], 1));
            request.extensions_mut().insert(Peer(proxy));
            for value in values {
                let value = HeaderValue::from_bytes(value).expect("a value");
                request.headers_mut().append("x-forwarded-for", value);
            }
            let proxies = Proxies::new(["10.0.0.0/8".parse().expect("a network")]);
            peer(&request, &proxies).expect("a peer").to_string()
        };
        // A proxy may write the port as well.
        assert_eq!(told(&[b"1.1.1.1, 203.0.113.7:4444"]), "203.0.113.7");
        assert_eq!(told(&[b"1.1.1.1, [2001:db8::7]:4444"]), "2001:db8::7");
        assert_eq!(told(&[b"1.1.1.1", b"[2001:db8::7]"]), "2001:db8::7");
        assert_eq!(told(&[b"\xff, 203.0.113.7"]), "203.0.113.7");
        for unreadable in [
            b"1.1.1.1, unknown".as_slice(),
            b"1.1.1.1,",
            b"1.1.1.1, \xff",
        ] {
            assert_eq!(told(&[unreadable]), "10.0.0.1");
        }
    }
}
