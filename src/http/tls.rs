//! TLS at the public port, and the certificate that the other side shows.
//!
//! # Why
//! A handshake lets in whoever holds the key of the certificate that it shows, whatever certificate that is. Who it is gets
//! decided for each request, so that a stranger, or one whose certificate has expired meanwhile, is told so by a 401 and
//! not by a connection that breaks; and so that a reload holds on connections that are open already.
//!
//! No authorities are named when a certificate is asked for: a client picks by that list, and the self-signed
//! certificates that Salesforce makes are of none of them.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::aws_lc_rs::{self, cipher_suite};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    DigitallySignedStruct, DistinguishedName, InconsistentKeys, RootCertStore, ServerConfig,
    SignatureScheme, version,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::connection::Showing;
use crate::domain::Clock;
use crate::identity::certificate::Unusable;
use crate::identity::{Certificate, Refusal, Shown};

/// What the gateway shows, and whose certificates it knows. In the file: `[server.tls]`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The gateway's own certificate and those of its issuers, in the order in which they are sent.
    pub chain: Vec<Certificate>,
    /// Who issues the certificates of the orgs, where that counts.
    pub client_ca: Option<Authority>,
    own: Arc<CertifiedKey>,
}

/// Whoever issues the certificates of the orgs.
#[derive(Debug, Clone)]
pub struct Authority {
    /// Its certificates.
    pub certificates: Vec<Certificate>,
    verifier: Arc<dyn ClientCertVerifier>,
}

/// Why a private key cannot be used. The sentence continues after what was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// There is none.
    #[error(
        "holds no private key in PEM that can be read without a passphrase, which begins with -----BEGIN PRIVATE KEY-----"
    )]
    NoPem,
    /// It is of a kind that nobody signs handshakes with.
    #[error(
        "holds a private key of another kind than RSA of 2048 to 8192 bits, P-256, P-384, P-521 or Ed25519"
    )]
    Kind,
    /// It is another certificate's.
    #[error(
        "does not belong to the first certificate of `cert`, which has to be the gateway's own, with those of its issuers after it"
    )]
    Another,
    /// It is right, and the certificate is of a form that is served nowhere.
    #[error(
        "belongs to a certificate that clients refuse; `cert` has to begin with an X.509 certificate of version 3"
    )]
    OldCertificate,
}

/// Takes the handshakes of new connections; a reload changes by what.
pub struct Acceptor {
    terms: ArcSwap<Terms>,
    clock: Arc<dyn Clock>,
}

/// What new connections are served by.
struct Terms {
    config: Arc<ServerConfig>,
    client_ca: Option<Authority>,
}

/// Who is at the other end of a connection.
pub struct Guest {
    acceptor: Arc<Acceptor>,
    /// The certificate and those of its issuers, as they came.
    chain: Vec<CertificateDer<'static>>,
    judged: ArcSwap<Judged>,
}

/// What a certificate came to, and under which terms.
struct Judged {
    terms: Arc<Terms>,
    showing: Showing,
}

/// Lets in whoever holds the key of the certificate that it shows, and those who show none.
#[derive(Debug)]
struct Anybody(WebPkiSupportedAlgorithms);

impl Settings {
    /// The certificates in `chain` with the private key in `key`, both in PEM.
    ///
    /// # Errors
    /// Where the key is none, or none of the first certificate.
    pub fn new(chain: &str, key: &str, client_ca: Option<Authority>) -> Result<Self, BadKey> {
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|_| BadKey::NoPem)?;
        let provider = provider();
        let key = provider.key_provider.load_private_key(key);
        let own = CertifiedKey::new(ders(chain), key.map_err(|_| BadKey::Kind)?);
        match own.keys_match() {
            Ok(()) => {}
            Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
                return Err(BadKey::Another);
            }
            Err(_) => return Err(BadKey::OldCertificate),
        }
        Ok(Self {
            // What is served is what was read before.
            chain: read_chain(chain).map_err(|_| BadKey::OldCertificate)?,
            client_ca,
            own: Arc::new(own),
        })
    }
}

/// The key belongs to the first certificate, so the certificates tell two of them apart.
impl PartialEq for Settings {
    fn eq(&self, other: &Self) -> bool {
        let authorities = |one: &Self| one.client_ca.as_ref().map(Authority::fingerprints);
        self.own.cert == other.own.cert && authorities(self) == authorities(other)
    }
}

impl Eq for Settings {}

impl Authority {
    /// The authority whose certificates are in `pem`.
    ///
    /// # Errors
    /// Where there are none in it, or something that is none.
    pub fn new(pem: &str) -> Result<Self, Unusable> {
        let certificates = read_chain(pem)?;
        let mut roots = RootCertStore::empty();
        for der in ders(pem) {
            roots.add(der).map_err(|_| Unusable::Broken)?;
        }
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::new(provider()))
                .build()
                .map_err(|_| Unusable::NoPem)?;
        Ok(Self {
            certificates,
            verifier,
        })
    }

    /// Whether it has issued the first certificate of `chain`, which is `leaf`, by way of the others.
    ///
    /// Whether that one's own time has come is asked for each request, so here it has.
    fn has_issued(
        &self,
        chain: &[CertificateDer<'static>],
        leaf: &Certificate,
        now: Timestamp,
    ) -> bool {
        let Some((first, others)) = chain.split_first() else {
            return false;
        };
        let at = now.max(leaf.not_before).min(leaf.not_after).as_second();
        let at = UnixTime::since_unix_epoch(Duration::from_secs(at.try_into().unwrap_or_default()));
        self.verifier.verify_client_cert(first, others, at).is_ok()
    }

    fn fingerprints(&self) -> Vec<crate::identity::Fingerprint> {
        let all = self.certificates.iter();
        all.map(|one| one.fingerprint).collect()
    }
}

impl Acceptor {
    /// Serves by `settings`; `asks` says whether clients are asked for a certificate.
    pub fn new(settings: &Settings, asks: bool, clock: Arc<dyn Clock>) -> Self {
        Self {
            terms: ArcSwap::from_pointee(Terms::new(settings, asks)),
            clock,
        }
    }

    /// Serves by these from now on. Connections that are open keep their keys, and what their certificates prove is
    /// judged anew.
    pub fn replace(&self, settings: &Settings, asks: bool) {
        self.terms.store(Arc::new(Terms::new(settings, asks)));
    }

    /// The connection over `stream`, once both sides have proved what they have to.
    ///
    /// # Errors
    /// Where the other side speaks no TLS, or none that is spoken here.
    pub async fn accept<S>(self: Arc<Self>, stream: S) -> io::Result<(TlsStream<S>, Option<Guest>)>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let terms = self.terms.load_full();
        let stream = TlsAcceptor::from(Arc::clone(&terms.config)).accept(stream);
        let stream = stream.await?;
        let chain = stream.get_ref().1.peer_certificates();
        let guest = chain.map(|chain| {
            let chain: Vec<_> = chain.iter().map(|one| one.clone().into_owned()).collect();
            let showing = terms.judge(&chain, self.clock.timestamp());
            Guest {
                chain,
                judged: ArcSwap::from_pointee(Judged { terms, showing }),
                acceptor: self,
            }
        });
        Ok((stream, guest))
    }
}

impl Guest {
    /// What its certificate comes to under the terms in force.
    ///
    /// # Errors
    /// Where it cannot be read, and so nobody is known by it.
    pub fn showing(&self) -> Showing {
        let terms = self.acceptor.terms.load_full();
        let judged = self.judged.load();
        if Arc::ptr_eq(&judged.terms, &terms) {
            return judged.showing.clone();
        }
        let showing = terms.judge(&self.chain, self.acceptor.clock.timestamp());
        self.judged.store(Arc::new(Judged {
            terms,
            showing: showing.clone(),
        }));
        showing
    }
}

impl Terms {
    fn new(settings: &Settings, asks: bool) -> Self {
        let provider = provider();
        let anybody = Arc::new(Anybody(provider.signature_verification_algorithms));
        let builder = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])
            .expect("there are suites for both versions");
        let builder = if asks {
            builder.with_client_cert_verifier(anybody)
        } else {
            builder.with_no_client_auth()
        };
        let own = SingleCertAndKey::from(Arc::clone(&settings.own));
        let mut config = builder.with_cert_resolver(Arc::new(own));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self {
            config: Arc::new(config),
            client_ca: settings.client_ca.clone(),
        }
    }

    /// What the first certificate of `chain` comes to. One that cannot be read is known to nobody.
    fn judge(&self, chain: &[CertificateDer<'static>], now: Timestamp) -> Showing {
        let leaf = chain.first().ok_or(Refusal::Unknown)?;
        let certificate = Certificate::read(leaf).map_err(|_| Refusal::Unknown)?;
        let issues = |authority: &Authority| authority.has_issued(chain, &certificate, now);
        let is_issued = self.client_ca.as_ref().is_none_or(issues);
        Ok(Arc::new(Shown {
            certificate,
            is_issued,
        }))
    }
}

impl ClientCertVerifier for Anybody {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}

/// TLS 1.3 whole, and of TLS 1.2 what Salesforce asks for: ECDHE with AES-GCM.
fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![
            cipher_suite::TLS13_AES_256_GCM_SHA384,
            cipher_suite::TLS13_AES_128_GCM_SHA256,
            cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
            cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
            cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
            cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
            cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        ],
        ..aws_lc_rs::default_provider()
    }
}

/// Every certificate of a PEM file.
///
/// # Errors
/// Where there are none in it, or something that is none.
pub fn read_chain(pem: &str) -> Result<Vec<Certificate>, Unusable> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .map(|der| Certificate::read(&der.map_err(|_| Unusable::Broken)?))
        .collect();
    let read = read?;
    if read.is_empty() {
        return Err(Unusable::NoPem);
    }
    Ok(read)
}

/// The certificates of a PEM file, as they are sent.
fn ders(pem: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem.as_bytes())
        .filter_map(Result::ok)
        .collect()
}
