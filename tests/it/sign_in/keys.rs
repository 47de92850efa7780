//! Keys, certificates and signatures by `openssl`: another hand than the library that Belay checks them with. Keys are
//! made once, since RSA takes its time, and nothing of them is worth keeping.

use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use tempfile::TempDir;

/// A private key and its certificate, both in PEM.
pub struct Pair {
    /// The certificate, good for ten days.
    pub certificate: String,
    /// The private key.
    pub key: String,
}

/// What Acme signs with.
pub static ACME: LazyLock<Pair> = LazyLock::new(|| Pair::new(&["rsa:2048"]));
/// What Acme signs with once its certificate is rotated.
pub static ACME_NEXT: LazyLock<Pair> = LazyLock::new(|| Pair::new(&["rsa:2048"]));
/// What Globex signs with.
pub static GLOBEX: LazyLock<Pair> = LazyLock::new(|| Pair::new(&["rsa:2048"]));
/// What somebody signs with whom no config names.
pub static MALLORY: LazyLock<Pair> = LazyLock::new(|| Pair::new(&["rsa:2048"]));
/// A key of another kind than Salesforce's.
pub static ELLIPTIC: LazyLock<Pair> =
    LazyLock::new(|| Pair::new(&["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]));
/// What Belay signs access tokens with.
pub static TOKENS: LazyLock<String> = LazyLock::new(|| private_key(&["-algorithm", "ed25519"]));
/// What it signs them with once that key is rotated.
pub static TOKENS_NEXT: LazyLock<String> =
    LazyLock::new(|| private_key(&["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]));
/// A key for access tokens that no config names.
pub static TOKENS_OF_MALLORY: LazyLock<String> =
    LazyLock::new(|| private_key(&["-algorithm", "ed25519"]));

/// Bytes as JOSE writes them (RFC 7515, 2).
pub fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What JOSE has written.
pub fn decoded(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).expect("base64url")
}

impl Pair {
    fn new(kind: &[&str]) -> Self {
        let folder = Folder::with(&[]);
        let beginning = ["req", "-x509", "-nodes", "-days", "10", "-newkey"];
        let rest = ["-subj", "/CN=org", "-keyout", "key", "-out", "crt"];
        folder.openssl(&[&beginning, kind, &rest].concat());
        Self {
            certificate: folder.text("crt"),
            key: folder.text("key"),
        }
    }

    /// The signature over `text` by the algorithm of this name (RFC 7518, 3.1).
    pub fn signature(&self, algorithm: &str, text: &str) -> Vec<u8> {
        const PSS: [&str; 4] = [
            "-sigopt",
            "rsa_padding_mode:pss",
            "-sigopt",
            "rsa_pss_saltlen:-1",
        ];
        let folder = Folder::with(&[("key", self.key.as_bytes()), ("text", text.as_bytes())]);
        let digest = format!("-sha{}", &algorithm[2..]);
        let padding: &[&str] = if algorithm.starts_with("PS") {
            &PSS
        } else {
            &[]
        };
        let (beginning, rest) = (
            ["dgst", &digest],
            ["-sign", "key", "-out", "signature", "text"],
        );
        folder.openssl(&[&beginning, padding, &rest].concat());
        let signature = folder.bytes("signature");
        if algorithm.starts_with("ES") {
            return raw_of_der(&signature);
        }
        signature
    }

    /// The public key, in PEM and in DER.
    pub fn public_key(&self) -> (String, Vec<u8>) {
        let folder = Folder::with(&[("key", self.key.as_bytes())]);
        folder.openssl(&["pkey", "-in", "key", "-pubout", "-out", "pem"]);
        let der = ["-outform", "DER", "-out", "der"];
        folder.openssl(&[&["pkey", "-in", "key", "-pubout"], &der[..]].concat());
        (folder.text("pem"), folder.bytes("der"))
    }
}

/// The Ed25519 signature over `text` by a key in PEM.
pub fn edwards_signature(key: &str, text: &str) -> Vec<u8> {
    let folder = Folder::with(&[("key", key.as_bytes()), ("text", text.as_bytes())]);
    let what = ["-inkey", "key", "-in", "text", "-out", "signature"];
    folder.openssl(&[&["pkeyutl", "-sign", "-rawin"], &what[..]].concat());
    folder.bytes("signature")
}

/// The keyed hash of `text`: what HS256 takes for a signature.
pub fn keyed_hash(secret: &[u8], text: &str) -> Vec<u8> {
    let folder = Folder::with(&[("text", text.as_bytes())]);
    let key = secret.iter().fold("hexkey:".to_owned(), |hex, byte| {
        hex + &format!("{byte:02x}")
    });
    let how = ["dgst", "-sha256", "-mac", "HMAC", "-macopt", &key];
    folder.openssl(&[&how[..], &["-binary", "-out", "hash", "text"]].concat());
    folder.bytes("hash")
}

/// Whether the key that a JWKS shows as `jwk` has signed `token`.
pub fn has_signed(jwk: &Value, token: &str) -> bool {
    let member = |name: &str| decoded(jwk[name].as_str().expect("a text"));
    let (text, signature) = token.rsplit_once('.').expect("three parts");
    let signature = decoded(signature);
    let (prefix, point, how): (&[u8], _, &[&str]) = match jwk["crv"].as_str() {
        // The beginning of a SubjectPublicKeyInfo for Ed25519 (RFC 8410) and for P-256 (RFC 5480).
        Some("Ed25519") => (&EDWARDS, member("x"), &["pkeyutl", "-verify", "-rawin"]),
        Some("P-256") => {
            let point = [vec![4], member("x"), member("y")].concat();
            (&P_256, point, &["dgst", "-sha256"])
        }
        other => panic!("a key on the curve {other:?}"),
    };
    let is_edwards = prefix.len() == EDWARDS.len();
    let signature = if is_edwards {
        signature
    } else {
        der_of_raw(&signature)
    };
    let public_key = [prefix, &point].concat();
    let folder = Folder::with(&[
        ("public", &public_key),
        ("text", text.as_bytes()),
        ("signature", &signature),
    ]);
    let what: &[&str] = if is_edwards {
        &[
            "-pubin",
            "-inkey",
            "public",
            "-keyform",
            "DER",
            "-in",
            "text",
            "-sigfile",
            "signature",
        ]
    } else {
        &[
            "-keyform",
            "DER",
            "-verify",
            "public",
            "-signature",
            "signature",
            "text",
        ]
    };
    folder.runs(&[how, what].concat())
}

/// The base64url of the SHA-256 of `text`, which names a key by its members (RFC 7638).
pub fn thumbprint(text: &str) -> String {
    let folder = Folder::with(&[("text", text.as_bytes())]);
    folder.openssl(&["dgst", "-sha256", "-binary", "-out", "hash", "text"]);
    encoded(folder.bytes("hash"))
}

const EDWARDS: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];
const P_256: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// Two integers in DER as the 64 bytes that JOSE has (RFC 7518, 3.4).
fn raw_of_der(der: &[u8]) -> Vec<u8> {
    let mut rest = &der[2..];
    let mut raw = Vec::new();
    for _ in 0..2 {
        let (number, behind) = rest[2..].split_at(usize::from(rest[1]));
        let number = &number[number.len().saturating_sub(32)..];
        raw.extend(std::iter::repeat_n(0, 32 - number.len()));
        raw.extend(number);
        rest = behind;
    }
    raw
}

/// The way back.
fn der_of_raw(raw: &[u8]) -> Vec<u8> {
    let mut numbers = Vec::new();
    for half in raw.chunks(32) {
        let zeros = half.iter().take_while(|byte| **byte == 0).count();
        let mut number = half[zeros..].to_vec();
        if number.first().is_none_or(|byte| *byte >= 0x80) {
            number.insert(0, 0);
        }
        numbers.extend([2, u8::try_from(number.len()).expect("33 at most")]);
        numbers.extend(number);
    }
    let length = u8::try_from(numbers.len()).expect("70 at most");
    [vec![0x30, length], numbers].concat()
}

fn private_key(kind: &[&str]) -> String {
    let folder = Folder::with(&[]);
    folder.openssl(&[&["genpkey", "-out", "key"], kind].concat());
    folder.text("key")
}

/// A folder that openssl works in.
struct Folder(TempDir);

impl Folder {
    fn with(files: &[(&str, &[u8])]) -> Self {
        let folder = Self(TempDir::new().expect("a folder"));
        for (name, content) in files {
            std::fs::write(folder.path().join(name), content).expect("it can be written");
        }
        folder
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path().join(name)).expect("it was written")
    }

    fn text(&self, name: &str) -> String {
        String::from_utf8(self.bytes(name)).expect("PEM")
    }

    fn openssl(&self, arguments: &[&str]) {
        assert!(self.runs(arguments), "openssl {arguments:?}");
    }

    fn runs(&self, arguments: &[&str]) -> bool {
        let output = Command::new("openssl")
            .current_dir(self.path())
            .args(arguments)
            .output();
        output.expect("openssl is installed").status.success()
    }
}
