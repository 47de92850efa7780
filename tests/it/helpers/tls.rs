//! A gateway that speaks TLS, and clients that trust and show what a test wants.

use std::net::SocketAddr;
use std::sync::Arc;

use belay::domain::{Clock as _, SystemClock};
use reqwest::{Client, ClientBuilder};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::app::plain;
use super::clock::TestClock;
use super::openssl::Made;
use super::org::Config;
use super::raw::Raw;
use super::wait::within;

/// A server's certificate and what its clients trust.
pub struct Place {
    /// What clients trust.
    pub root: Made,
    /// What the gateway shows.
    pub server: Made,
}

impl Place {
    /// A server's certificate of an authority of its own.
    pub fn new() -> Self {
        let root = Made::authority("root");
        let server = root.server();
        Self { root, server }
    }

    /// `config`, served by TLS.
    pub fn secure(&self, config: Config) -> Config {
        config.tls(&self.server, None)
    }

    /// `config`, served by TLS to clients whose certificates are of `authority`.
    pub fn secure_for(&self, config: Config, authority: &Made) -> Config {
        config.tls(&self.server, Some(authority))
    }

    /// A client that trusts the root and nothing else.
    pub fn builder(&self) -> ClientBuilder {
        plain().tls_certs_only([self.root.trusted()])
    }

    /// A client that shows nothing.
    pub fn client(&self) -> Client {
        self.builder().build().expect("a client")
    }

    /// A client that shows `certificate`.
    pub fn client_with(&self, certificate: &Made) -> Client {
        let builder = self.builder().identity(certificate.identity());
        builder.build().expect("a client")
    }

    /// One connection, byte by byte, over TLS, on which `certificate` is shown.
    pub async fn raw(
        &self,
        address: SocketAddr,
        certificate: Option<&Made>,
    ) -> Raw<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        for root in self.root.chain() {
            roots.add(root).expect("a root");
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots);
        let config = match certificate {
            None => builder.with_no_client_auth(),
            Some(made) => builder
                .with_client_auth_cert(made.chain(), made.private_key())
                .expect("a pair"),
        };
        let stream = TcpStream::connect(address).await.expect("it listens");
        let name = ServerName::try_from("localhost").expect("a name");
        let shaken = TlsConnector::from(Arc::new(config)).connect(name, stream);
        Raw(within("a handshake", shaken).await.expect("a handshake"))
    }
}

/// The clock of the days for which openssl's certificates are made.
pub fn today() -> Arc<TestClock> {
    TestClock::running_from(&SystemClock.timestamp().to_string())
}
