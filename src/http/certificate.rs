//! The client certificate that a request comes with: its connection's, or the one that a trusted proxy tells of.
//!
//! # Why
//! A proxy that ends TLS tells in `Client-Cert` (RFC 9440) whose certificate it has checked. From anybody else that header
//! is what a stranger claims, and counts for nothing. A proxy's own certificate is never an org's, so it is forgotten
//! whether or not the proxy tells of another: a call without a certificate must not become a call with the proxy's.

use std::sync::Arc;

use axum::extract::Request;
use http::{HeaderMap, HeaderName};
use sfv::{BareItem, Item, Parser};

use super::connection::{ClientCertificate, Peer, Showing};
use super::proxies::Proxies;
use crate::identity::{Certificate, Refusal, Shown};

/// The certificate that a proxy has checked.
const CLIENT_CERT: HeaderName = HeaderName::from_static("client-cert");
/// Those of its issuers, which nobody needs who trusts the proxy.
const CLIENT_CERT_CHAIN: HeaderName = HeaderName::from_static("client-cert-chain");

/// Settles which certificate `request` comes with, and takes out the headers that speak of one.
pub fn settle(request: &mut Request, proxies: &Proxies) {
    let peer = request.extensions().get::<Peer>();
    if peer.is_some_and(|peer| proxies.trust(peer.0.ip())) {
        match told(request.headers()) {
            Some(showing) => {
                request.extensions_mut().insert(ClientCertificate(showing));
            }
            None => {
                request.extensions_mut().remove::<ClientCertificate>();
            }
        }
    }
    request.headers_mut().remove(CLIENT_CERT);
    request.headers_mut().remove(CLIENT_CERT_CHAIN);
}

/// What `Client-Cert` says; `None` where it does not stand.
fn told(headers: &HeaderMap) -> Option<Showing> {
    let mut values = headers.get_all(CLIENT_CERT).iter();
    let first = values.next()?;
    if values.next().is_some() {
        return Some(Err(Refusal::Unreadable));
    }
    let certificate = byte_sequence(first.as_bytes())
        .and_then(|der| Certificate::read(&der).ok())
        .ok_or(Refusal::Unreadable);
    Some(certificate.map(|certificate| {
        Arc::new(Shown {
            certificate,
            // The proxy lets through what it has checked, and by which authorities is its own setting.
            is_issued: true,
        })
    }))
}

/// The bytes in `:base64:` (RFC 9651, 3.3.5).
fn byte_sequence(value: &[u8]) -> Option<Vec<u8>> {
    match Parser::new(value).parse::<Item>().ok()?.bare_item {
        BareItem::ByteSequence(bytes) => Some(bytes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use axum::body::Body;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    use super::*;
    use crate::identity::scripted::ACME;

    /// What a request from `peer` with these headers comes with, where 10.0.0.0/8 is trusted and the connection shows
    /// something already.
    fn settled(peer: &str, values: &[&str]) -> Option<Showing> {
        let mut request = Request::new(Body::empty());
        let peer: SocketAddr = peer.parse().expect("an address");
        request.extensions_mut().insert(Peer(peer));
        let own = ClientCertificate(Err(Refusal::Expired));
        request.extensions_mut().insert(own);
        for value in values {
            let value = value.parse().expect("a value");
            request.headers_mut().append(CLIENT_CERT, value);
        }
        let proxies = Proxies::new(["10.0.0.0/8".parse().expect("a network")]);
        settle(&mut request, &proxies);
        assert!(!request.headers().contains_key(CLIENT_CERT));
        let left = request.extensions_mut().remove::<ClientCertificate>();
        left.map(|certificate| certificate.0)
    }

    fn header() -> String {
        let der = CertificateDer::from_pem_slice(ACME.certificate.as_bytes());
        format!(":{}:", STANDARD.encode(der.expect("a certificate")))
    }

    #[test]
    fn a_trusted_proxy_tells_of_a_certificate_and_nobody_else_does() {
        let from_proxy = settled("10.1.2.3:4", &[&header()]).expect("it is told of");
        let shown = from_proxy.expect("a certificate");
        assert_eq!(shown.certificate.fingerprint, ACME.read().fingerprint);
        assert!(shown.is_issued);
        for stranger in ["11.1.2.3:4", "[::1]:4"] {
            let own = settled(stranger, &[&header()]).expect("its own stands");
            assert_eq!(own.err(), Some(Refusal::Expired), "{stranger}");
        }
    }

    #[test]
    fn a_proxys_own_certificate_is_nobodys_proof() {
        assert!(settled("10.1.2.3:4", &[]).is_none());
        assert!(settled("[::ffff:10.1.2.3]:4", &[]).is_none());
        assert!(settled("11.1.2.3:4", &[]).is_some());
    }

    #[test]
    fn what_is_no_one_certificate_is_a_proof_that_cannot_be_read() {
        let header = header();
        let bare = header.trim_matches(':');
        let cases: [&[&str]; 8] = [
            &[""],
            &["::"],
            &[":AAAA:"],
            &[bare],
            &[&header[..header.len() - 1]],
            &["\"text\""],
            &[&header, &header],
            &[&format!("{header}, {header}")],
        ];
        for values in cases {
            let told = settled("10.1.2.3:4", values).expect("it is told of");
            assert_eq!(told.err(), Some(Refusal::Unreadable), "{values:?}");
        }
    }
}
