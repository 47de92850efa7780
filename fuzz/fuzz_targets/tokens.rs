//! Bytes that may be a bearer, an assertion or a whole form: nothing panics, and what nobody signed proves nothing.
#![no_main]

use std::path::Path;
use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use belay::config::{self, Surroundings};
use belay::domain::{Clock as _, SystemClock};
use belay::identity::{Directory, InMemory, Presented, TokenRequest};
use futures_util::FutureExt as _;
use libfuzzer_sys::fuzz_target;

/// An org that signs with a key which nobody has any more.
const CONFIG: &str = r#"
[server]
public_url = "https://belay.example"
[tokens]
signing_keys = ["file:token.key"]
[[orgs]]
id = "00D5f000000XyZaEAK"
name = "acme"
[[orgs.credentials]]
kind = "jwt"
id = "org"
issuer = "acme"
certificate = "file:org.crt"
user_claim = "sub"
scopes = ["tasks"]
[[orgs.credentials]]
kind = "jwt_exchange"
id = "exchange"
issuer = "acme"
certificate = "file:org.crt"
scopes = ["tasks"]
[[orgs.credentials]]
kind = "oauth_client"
id = "client"
certificate = "file:org.crt"
scopes = ["tasks"]
[[providers]]
name = "claude"
kind = "anthropic"
api_key = "env:KEY"
[models.default]
targets = [{ provider = "claude", model = "claude-sonnet-5-5" }]
[prices."claude-sonnet-5-5"]
input = 2.0
output = 10.0
"#;
/// Before the 32 bytes of a private key for Ed25519 (RFC 8410).
const EDWARDS: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

struct Around;

impl Surroundings for Around {
    fn variable(&self, name: &str) -> Option<String> {
        (name == "KEY").then(|| "sk-ant-fuzzed".to_owned())
    }

    fn variables(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    fn file(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        if path == Path::new("org.crt") {
            return Ok(include_bytes!("org.crt").to_vec());
        }
        let key =
            base64::engine::general_purpose::STANDARD.encode([&EDWARDS[..], &[7; 32]].concat());
        Ok(format!("-----BEGIN PRIVATE KEY-----\n{key}\n-----END PRIVATE KEY-----\n").into_bytes())
    }
}

static DIRECTORY: LazyLock<Directory> = LazyLock::new(|| {
    let settings = config::read(CONFIG, &Around).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let memory = InMemory::new(Arc::new(SystemClock));
    Directory::new(settings.roster(), Arc::new(memory))
});

fuzz_target!(|input: (&str, [&str; 3], Option<(String, String)>)| {
    let (text, parts, basic) = input;
    let now = SystemClock.timestamp();
    let encoded = parts.map(|part| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(part));
    for bearer in [text, parts[0], &encoded.join(".")] {
        let presented = [Presented::Bearer(bearer)];
        let _ = presented[0].names();
        let recognised = DIRECTORY.recognise(&presented, now).now_or_never();
        assert!(recognised.expect("memory is at hand").is_err());
        for (grant, name) in [
            ("client_credentials", "client_assertion"),
            ("urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion"),
        ] {
            let form = format!(
                "client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&grant_type={grant}&{name}={bearer}"
            );
            expect_no_grant(form.as_bytes(), None);
        }
    }
    expect_no_grant(text.as_bytes(), basic);
});

fn expect_no_grant(form: &[u8], basic: Option<(String, String)>) {
    let Ok(request) = TokenRequest::parse(form, basic) else {
        return;
    };
    let _ = request.names();
    assert!(DIRECTORY.proves(&request, SystemClock.timestamp()).is_err());
}
