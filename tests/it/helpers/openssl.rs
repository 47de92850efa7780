//! Keys and certificates, made by openssl for one test and good for ten days from now.

use std::fs;
use std::process::Command;

use belay::identity::Fingerprint;
use reqwest::tls::{Certificate, Identity};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;

/// A certificate and its private key, in PEM.
#[derive(Clone)]
pub struct Made {
    /// The certificate.
    pub certificate: String,
    /// The private key.
    pub key: String,
}

/// What a certificate is for; each is a section of [`EXTENSIONS`].
#[derive(Clone, Copy)]
pub enum For {
    /// To issue others.
    Issuing,
    /// To serve at 127.0.0.1 and localhost.
    Serving,
    /// To show as a client.
    Showing,
}

const EXTENSIONS: &str = "
[req]
distinguished_name = subject
[subject]
[issuing]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[serving]
basicConstraints = critical, CA:FALSE
subjectAltName = DNS:localhost, IP:127.0.0.1
extendedKeyUsage = serverAuth
[showing]
basicConstraints = critical, CA:FALSE
extendedKeyUsage = clientAuth
";

impl Made {
    /// An authority of its own.
    pub fn authority(name: &str) -> Self {
        make(name, For::Issuing, None, ELLIPTIC)
    }

    /// An authority below this one.
    pub fn intermediate(&self, name: &str) -> Self {
        make(name, For::Issuing, Some(self), ELLIPTIC)
    }

    /// A server's certificate of this authority.
    pub fn server(&self) -> Self {
        make("belay", For::Serving, Some(self), ELLIPTIC)
    }

    /// A client's certificate of this authority.
    pub fn client(&self, name: &str) -> Self {
        make(name, For::Showing, Some(self), ELLIPTIC)
    }

    /// A certificate as Salesforce makes them: signed by its own RSA key, and marked as an authority.
    pub fn self_signed(name: &str) -> Self {
        make(name, For::Issuing, None, &["rsa:2048"])
    }

    /// This one and, after it, those of its issuers.
    pub fn below(&self, issuers: &[&Self]) -> Self {
        let issuers: String = issuers.iter().map(|one| one.certificate.as_str()).collect();
        Self {
            certificate: self.certificate.clone() + &issuers,
            key: self.key.clone(),
        }
    }

    /// The SHA-256 of the first certificate.
    pub fn fingerprint(&self) -> String {
        Fingerprint::of(&self.chain()[0]).to_string()
    }

    /// For a client that trusts it.
    pub fn trusted(&self) -> Certificate {
        Certificate::from_pem(self.certificate.as_bytes()).expect("a certificate")
    }

    /// For a client that shows it.
    pub fn identity(&self) -> Identity {
        Identity::from_pem((self.certificate.clone() + &self.key).as_bytes()).expect("a pair")
    }

    /// The certificates, as they are sent.
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        let all = CertificateDer::pem_slice_iter(self.certificate.as_bytes());
        all.map(|one| one.expect("a certificate")).collect()
    }

    /// The private key, for a handshake.
    pub fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("a key")
    }
}

const ELLIPTIC: &[&str] = &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"];

fn make(name: &str, purpose: For, issuer: Option<&Made>, new_key: &[&str]) -> Made {
    let folder = TempDir::new().expect("a folder");
    let write = |file: &str, text: &str| {
        fs::write(folder.path().join(file), text).expect("it can be written");
    };
    write("extensions", EXTENSIONS);
    let section = match purpose {
        For::Issuing => "issuing",
        For::Serving => "serving",
        For::Showing => "showing",
    };
    let subject = format!("/CN={name}");
    let mut arguments = vec![
        "req",
        "-x509",
        "-nodes",
        "-days",
        "10",
        "-config",
        "extensions",
    ];
    arguments.extend(["-extensions", section, "-subj", &subject, "-newkey"]);
    arguments.extend(new_key);
    arguments.extend(["-keyout", "key", "-out", "crt"]);
    if let Some(issuer) = issuer {
        write("issuer.crt", &issuer.certificate);
        write("issuer.key", &issuer.key);
        arguments.extend(["-CA", "issuer.crt", "-CAkey", "issuer.key"]);
    }
    let output = Command::new("openssl")
        .current_dir(folder.path())
        .args(&arguments)
        .output()
        .expect("openssl is installed");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let read = |file| fs::read_to_string(folder.path().join(file)).expect("it was written");
    Made {
        certificate: read("crt"),
        key: read("key"),
    }
}
