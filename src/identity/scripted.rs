//! Keys and certificates of a test, made by openssl when first asked for: none of them is worth keeping.

use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;

use super::access_token::SigningKey;
use super::certificate::Certificate;

/// A key pair and its certificate.
pub struct Made {
    /// The certificate in PEM, good for ten days from now.
    pub certificate: String,
    /// The private key in PEM.
    pub key: String,
    /// What openssl says is the certificate's SHA-256.
    pub fingerprint: String,
}

/// What an org signs with.
pub static ACME: LazyLock<Made> = LazyLock::new(|| made(&["rsa:2048"]));
/// What another org signs with.
pub static GLOBEX: LazyLock<Made> = LazyLock::new(|| made(&["rsa:2048"]));
/// A key of another kind.
pub static ELLIPTIC: LazyLock<Made> =
    LazyLock::new(|| made(&["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]));

/// An authority `issuer`, and a certificate that it has issued to `issued`.
pub fn issued() -> &'static (Made, Made) {
    static BOTH: LazyLock<(Made, Made)> = LazyLock::new(|| {
        let (issuer, issued) = (["-subj", "/CN=issuer"], ["-subj", "/CN=issued"]);
        let curve = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
        let issuer = made_with(&curve, &issuer, &[]);
        let files = [("ca.crt", &*issuer.certificate), ("ca.key", &*issuer.key)];
        let by_it = ["-CA", "ca.crt", "-CAkey", "ca.key"];
        let own = made_with(&curve, &[&issued[..], &by_it].concat(), &files);
        (issuer, own)
    });
    &BOTH
}

impl Made {
    /// The certificate, read.
    pub fn read(&self) -> Certificate {
        Certificate::read_pem(&self.certificate).expect("a certificate")
    }

    /// `claims` under `header`, signed.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        use base64::Engine as _;
        let encode = |bytes: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
        let text = format!(
            "{}.{}",
            encode(header.to_string().as_bytes()),
            encode(claims.to_string().as_bytes())
        );
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("key"), &self.key).expect("it can be written");
        std::fs::write(at("text"), &text).expect("it can be written");
        let digest = match header["alg"].as_str() {
            Some("RS512") => "-sha512",
            _ => "-sha256",
        };
        openssl(
            folder.path(),
            &["dgst", digest, "-sign", "key", "-out", "signature", "text"],
        );
        let signature = std::fs::read(at("signature")).expect("it was written");
        format!("{text}.{}", encode(&signature))
    }
}

/// A key that access tokens are signed with.
pub fn signing_key(arguments: &[&str]) -> SigningKey {
    SigningKey::read_pem(&private_key(arguments)).expect("a key")
}

/// A private key in PEM, of `genpkey` with `arguments`.
pub fn private_key(arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let all: Vec<&str> = ["genpkey", "-out", "key"]
        .iter()
        .chain(arguments)
        .copied()
        .collect();
    openssl(folder.path(), &all);
    std::fs::read_to_string(folder.path().join("key")).expect("it was written")
}

fn made(new_key: &[&str]) -> Made {
    made_with(new_key, &["-subj", "/CN=acme-org"], &[])
}

/// A key pair and its certificate, of `openssl req` with `more` arguments and with `files` around it.
fn made_with(new_key: &[&str], more: &[&str], files: &[(&str, &str)]) -> Made {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("it can be written");
    }
    let beginning = ["req", "-x509", "-nodes", "-days", "10", "-newkey"];
    let rest = ["-keyout", "key", "-out", "crt"];
    let all: Vec<&str> = beginning
        .iter()
        .chain(new_key)
        .chain(more)
        .chain(&rest)
        .copied()
        .collect();
    openssl(folder.path(), &all);
    let told = openssl(
        folder.path(),
        &["x509", "-in", "crt", "-noout", "-fingerprint", "-sha256"],
    );
    let (_, digits) = told.trim().split_once('=').expect("name=digits");
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("it is there");
    Made {
        certificate: read("crt"),
        key: read("key"),
        fingerprint: digits.to_owned(),
    }
}

fn openssl(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("openssl")
        .current_dir(folder)
        .args(arguments)
        .output()
        .expect("openssl is installed");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
