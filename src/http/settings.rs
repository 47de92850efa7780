//! The door's settings. In the file: `[server]`.

use std::net::SocketAddr;
use std::time::Duration;

use url::Url;

use super::proxies::Proxies;
use super::tls;

/// Where the gateway listens, and what it lets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The only port that the outside needs. Default: 127.0.0.1:8080.
    pub bind: SocketAddr,
    /// Metrics and health for operators; never public. Default: 127.0.0.1:9090.
    pub admin_bind: SocketAddr,
    /// The gateway's address as its callers know it, without a trailing slash; never taken from a request.
    pub public_url: Option<Url>,
    /// The largest body of a task, packed and unpacked. Default: 5,000,000.
    pub body_bytes: usize,
    /// The largest body of a Messages request, packed and unpacked. Default: 32,000,000.
    pub messages_body_bytes: usize,
    /// Bytes of bodies that may be in memory at once; one org may have a quarter of them. 512,000,000, a half of what a small
    /// container has; not in the file.
    pub held_bytes: usize,
    /// How long a caller may take to send its body. Thirty seconds; not in the file.
    pub body_time: Duration,
    /// How long a caller may take to send its headers, or the form in which it asks for a token. Ten seconds; not in the file.
    pub header_time: Duration,
    /// How long a connection may be idle between two requests: longer than proxies keep theirs, which is a minute at most
    /// of them. Seventy-five seconds; not in the file.
    pub idle_time: Duration,
    /// How long a caller may take nothing of what is sent to it. A minute; not in the file.
    pub write_time: Duration,
    /// How long the answer to a failed proof waits, where there were many. One second; not in the file.
    pub slow_answer: Duration,
    /// Whether `/docs` and the two OpenAPI documents are served. Default: true.
    pub docs: bool,
    /// Proxies whose `X-Forwarded-For` names the caller's address, and whose `Client-Cert` its certificate. Default: none.
    pub trusted_proxies: Proxies,
    /// What the public port speaks TLS with. Default: it speaks none, and something before it does.
    pub tls: Option<tls::Settings>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            bind: SocketAddr::from(([127, 0, 0, 1], 8080)),
            admin_bind: SocketAddr::from(([127, 0, 0, 1], 9090)),
            public_url: None,
            body_bytes: 5_000_000,
            messages_body_bytes: 32_000_000,
            held_bytes: 512_000_000,
            body_time: Duration::from_secs(30),
            header_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(75),
            write_time: Duration::from_mins(1),
            slow_answer: Duration::from_secs(1),
            docs: true,
            trusted_proxies: Proxies::default(),
            tls: None,
        }
    }
}
