//! A gateway that speaks TLS, and clients that trust and show what a test wants.

use std::net::SocketAddr;
use std::sync::Arc;

use belay::domain::{Clock as _, SystemClock};
use reqwest::{Client, ClientBuilder};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, DEFAULT_VERSIONS, RootCertStore, SupportedProtocolVersion};
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
        let shown = certificate.map(|made| (made.chain(), made.private_key()));
        let config = self.config(DEFAULT_VERSIONS, shown);
        let stream = TcpStream::connect(address).await.expect("it listens");
        let name = ServerName::try_from("localhost").expect("a name");
        let shaken = TlsConnector::from(Arc::new(config)).connect(name, stream);
        Raw(within("a handshake", shaken).await.expect("a handshake"))
    }

    /// What comes back to one who asks `/whoami`, showing `certificate` and signing with the key of `thief`.
    pub async fn told_to_a_thief(
        &self,
        address: SocketAddr,
        version: &'static SupportedProtocolVersion,
        certificate: &Made,
        thief: &Made,
    ) -> String {
        let shown = Some((certificate.chain(), thief.private_key()));
        let config = self.config(&[version], shown);
        let stream = TcpStream::connect(address).await.expect("it listens");
        let name = ServerName::try_from("localhost").expect("a name");
        let shaken = TlsConnector::from(Arc::new(config)).connect(name, stream);
        let Ok(stream) = within("the end of a handshake", shaken).await else {
            return String::new();
        };
        let mut raw = Raw(stream);
        let ask = "GET /whoami HTTP/1.1\r\nHost: belay\r\nConnection: close\r\n\r\n";
        raw.send(ask).await;
        raw.rest().await
    }

    /// A client that trusts the root and shows this, whether or not its key belongs to it.
    fn config(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        shown: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        for root in self.root.chain() {
            roots.add(root).expect("a root");
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .expect("versions")
            .with_root_certificates(roots);
        let Some((chain, key)) = shown else {
            return builder.with_no_client_auth();
        };
        let key = provider.key_provider.load_private_key(key).expect("a key");
        let shown = SingleCertAndKey::from(CertifiedKey::new(chain, key));
        builder.with_client_cert_resolver(Arc::new(shown))
    }
}

/// The clock of the days for which openssl's certificates are made.
pub fn today() -> Arc<TestClock> {
    TestClock::running_from(&SystemClock.timestamp().to_string())
}
