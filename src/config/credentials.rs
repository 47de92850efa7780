//! `[[orgs.credentials]]` of every kind, and `[tokens]`.

use url::Url;

use super::environment::Secrets;
use super::mistakes::did_you_mean;
use super::reader::{Entry, Once, Section};
use crate::domain::Scope;
use crate::identity::{
    Certificate, Credential, Fingerprint, Jti, KeyHash, Proof, SigningKey, Tokens, Trust, grants,
    jwt,
};

/// What credentials lean on, elsewhere in the file.
pub struct Around<'a> {
    /// Where certificates are looked up.
    pub secrets: &'a Secrets<'a>,
    /// How callers know the gateway.
    pub public_url: Option<&'a Url>,
    /// Whether access tokens can be signed.
    pub has_tokens: bool,
}

/// What must not be given twice over all orgs.
#[derive(Default)]
pub struct Taken {
    hashes: Once<KeyHash>,
    clients: Once<String>,
    fingerprints: Once<Fingerprint>,
    signers: Once<(&'static str, String, String, Fingerprint)>,
}

const KINDS: [&str; 5] = ["api_key", "oauth_client", "jwt_exchange", "jwt", "mtls"];
/// Keys that only some kinds have, for a credential whose kind nobody knows.
const KEYS: [&str; 8] = [
    "sha256",
    "secret_sha256",
    "certificate",
    "issuer",
    "audience",
    "user_claim",
    "username_claim",
    "jti",
];
/// Where access tokens are given, below the public address.
const TOKEN_PATH: &str = "/oauth/token";
/// Signing keys at once: the one that signs, the one before it, and the one to come.
const SIGNING_KEYS: usize = 8;

/// Reads `[tokens]`.
pub fn tokens(
    root: &mut Section<'_>,
    secrets: &Secrets<'_>,
    public_url: Option<&Url>,
) -> Option<Tokens> {
    const WANTED: &str = "must be a list of 1 to 8 references to private keys, such as [\"file:token.key\"]; the first signs, all verify";
    let mut section = root.section_if_there("tokens")?;
    let list = section.need("signing_keys", &format!("it {WANTED}"));
    let entries = list.map_or_else(Vec::new, |list| {
        if list.is_empty_list() {
            list.note(WANTED);
        }
        list.items(WANTED)
    });
    if entries.len() > SIGNING_KEYS {
        section.note_at(&section.key_of("signing_keys"), WANTED);
    }
    let mut kids = Once::default();
    let mut keys = Vec::new();
    for entry in entries {
        let pem = secrets.reveal_pem(&entry, "a private key");
        let Some(key) = pem.map(|pem| SigningKey::read_pem(&pem)) else {
            continue;
        };
        match key {
            Ok(key) => {
                if let Err(first) = kids.take(key.kid().to_owned(), entry.key()) {
                    entry.note(format!(
                        "is the key at {first} already; each stands here once"
                    ));
                }
                keys.push(key);
            }
            Err(why) => entry.note(why.to_string()),
        }
    }
    if public_url.is_none() {
        section.note("needs `public_url` in [server], which tokens name as their issuer; set it");
    }
    section.done();
    Tokens::new(keys, public_url?.as_str())
}

/// Reads the credentials of an org.
pub fn read(section: &mut Section<'_>, around: &Around<'_>, taken: &mut Taken) -> Vec<Credential> {
    let mut ids = Once::default();
    let sections = section.sections("credentials");
    let credentials = sections
        .into_iter()
        .filter_map(|section| credential(section, around, &mut ids, taken));
    credentials.collect()
}

fn credential(
    mut section: Section<'_>,
    around: &Around<'_>,
    ids: &mut Once<String>,
    taken: &mut Taken,
) -> Option<Credential> {
    let wanted = format!("must be one of: {}", KINDS.join(", "));
    let kind = section
        .need("kind", &format!("it {wanted}"))
        .and_then(|entry| {
            let kind = entry.choice(&KINDS)?;
            if matches!(kind, "oauth_client" | "jwt_exchange") && !around.has_tokens {
                entry.note(
                    "needs [tokens] with signing_keys, since it is proved by an access token of the gateway; add them",
                );
            }
            Some(kind)
        });
    let id = section
        .need(
            "id",
            "give the credential a name of its own, which is no secret",
        )
        .and_then(|entry| {
            let id = entry.parsed(
                "must be 1 to 64 characters of A-Z a-z 0-9 . _ @ -",
                plain_id,
            )?;
            if let Err(first) = ids.take(id.clone(), entry.key()) {
                entry.note(format!(
                    "is the id at {first} already; every credential of an org needs its own"
                ));
            } else if kind == Some("oauth_client")
                && let Err(first) = taken.clients.take(id.clone(), entry.key())
            {
                entry.note(format!(
                    "is the client at {first} already; a client_id belongs to one org"
                ));
            }
            Some(id)
        });
    let named = id.as_deref().unwrap_or_default();
    let proof = match kind {
        Some("api_key") => section
            .need(
                "sha256",
                "`belay key new` makes a key and prints this line for it",
            )
            .and_then(|entry| hash(&entry, &mut taken.hashes))
            .map(Proof::ApiKey),
        Some("oauth_client") => client(&mut section, named, around, taken),
        Some("jwt_exchange") => {
            signer(&mut section, named, "jwt_exchange", around, taken).map(Proof::Exchange)
        }
        Some("jwt") => signer(&mut section, named, "jwt", around, taken).map(Proof::Jwt),
        Some(_) => connection(&mut section, around, taken),
        None => {
            for key in KEYS {
                section.take(key);
            }
            None
        }
    };
    let scopes = scopes(&mut section);
    section.done();
    Some(Credential {
        id: id?.into(),
        proof: proof?,
        scopes: scopes.into(),
    })
}

/// An id is the user of `Authorization: Basic`, which a colon would end.
fn plain_id(text: &str) -> Option<String> {
    let fits = text.len() <= 64
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'@' | b'-'));
    fits.then(|| text.to_owned())
}

/// What stands here may be the key itself, so it is never shown.
fn hash(entry: &Entry<'_>, hashes: &mut Once<KeyHash>) -> Option<KeyHash> {
    let Some(hash) = entry.plain().and_then(KeyHash::parse) else {
        entry.note_redacted(
            "must be the SHA-256 of the key in 64 hexadecimal digits, never the key; `belay key new` prints both",
        );
        return None;
    };
    if hash == KeyHash::of("") {
        entry.note_redacted("is the SHA-256 of nothing; hash the key itself");
        return None;
    }
    if let Err(first) = hashes.take(hash, entry.key()) {
        entry.note_redacted(format!(
            "is the hash at {first} already; every credential needs a key of its own"
        ));
    }
    Some(hash)
}

/// A client proves itself by its secret or by what its certificate's key has signed.
fn client(
    section: &mut Section<'_>,
    id: &str,
    around: &Around<'_>,
    taken: &mut Taken,
) -> Option<Proof> {
    let secret = section.take("secret_sha256");
    let certificate = section.take("certificate");
    let audience = section.take("audience");
    match (secret, certificate) {
        (Some(secret), None) => {
            if let Some(audience) = audience {
                audience.note("is of no use beside `secret_sha256`; remove it");
            }
            let entries = one_or_more(secret, grants::SECRETS);
            let hashes: Vec<_> = entries
                .iter()
                .filter_map(|entry| hash(entry, &mut taken.hashes))
                .collect();
            (!hashes.is_empty()).then_some(Proof::Secret(hashes))
        }
        (None, Some(certificate)) => {
            let certificates = certificates(certificate, around.secrets);
            let audiences = audiences(section, audience, around, &["", TOKEN_PATH]);
            Some(Proof::Assertion(Trust {
                certificates: certificates?,
                issuer: id.to_owned(),
                subject: Some(id.to_owned()),
                audiences: audiences?,
                user_claim: None,
                username_claim: None,
                jti: Jti::OnceIfThere,
            }))
        }
        (Some(_), Some(certificate)) => {
            certificate.note("is never read beside `secret_sha256`; keep one of the two");
            None
        }
        (None, None) => {
            section.note_missing(
                "secret_sha256",
                "`belay key new` makes a secret and prints its hash; or give `certificate = \"file:PATH\"` where the client sends a client_assertion",
            );
            None
        }
    }
}

/// Whoever signs JWTs under the `kid` that is the credential's id.
fn signer(
    section: &mut Section<'_>,
    id: &str,
    kind: &'static str,
    around: &Around<'_>,
    taken: &mut Taken,
) -> Option<Trust> {
    let issuer = section
        .need("issuer", "it must be the `iss` that the org's JWTs have")
        .and_then(|entry| claim_text(&entry));
    let certificate = section.need(
        "certificate",
        "it must be file:PATH of the certificate that the org signs with, in PEM",
    );
    let place = section.key_of("certificate");
    let certificates = certificate.and_then(|entry| certificates(entry, around.secrets));
    for certificate in certificates.iter().flatten() {
        let issuer = issuer.clone().unwrap_or_default();
        let signer = (kind, id.to_owned(), issuer, certificate.fingerprint);
        if let Err(first) = taken.signers.take(signer, &place) {
            section.note_at(
                &place,
                format!(
                    "is the certificate at {first} already, under the same kid and issuer, so nobody could tell the two apart; give each org an issuer of its own"
                ),
            );
        }
    }
    let audience = section.take("audience");
    let below: &[&str] = if kind == "jwt" {
        &[""]
    } else {
        &["", TOKEN_PATH]
    };
    let audiences = audiences(section, audience, around, below);
    let user_claim = claim_name(section, "user_claim");
    let username_claim = claim_name(section, "username_claim");
    let once = section
        .take("jti")
        .map(|entry| entry.choice(&["once"]).is_some());
    let jti = match once {
        Some(_) => Jti::Once,
        None if kind == "jwt" => Jti::Ignored,
        None => Jti::OnceIfThere,
    };
    Some(Trust {
        certificates: certificates?,
        issuer: issuer?,
        subject: None,
        audiences: audiences?,
        user_claim,
        username_claim,
        jti,
    })
}

/// The certificate of a connection, by its fingerprint or as a file.
fn connection(section: &mut Section<'_>, around: &Around<'_>, taken: &mut Taken) -> Option<Proof> {
    let sha256 = section.take("sha256");
    let file = section.take("certificate");
    if let (Some(_), Some(file)) = (&sha256, &file) {
        file.note("is never read beside `sha256`; keep one of the two");
    }
    let (place, fingerprint, certificate) = match (sha256, file) {
        (Some(entry), _) => {
            let fingerprint = entry.parsed(
                "must be the SHA-256 of the client certificate, 64 hexadecimal digits with or without colons; `openssl x509 -noout -fingerprint -sha256 -in org.crt` prints it",
                Fingerprint::parse,
            );
            (entry.key().to_owned(), fingerprint?, None)
        }
        (None, Some(entry)) => {
            let pem = around.secrets.reveal_pem(&entry, "a certificate")?;
            let read = Certificate::read_pem(&pem);
            let certificate = read.map_err(|why| entry.note(why.to_string())).ok()?;
            let fingerprint = certificate.fingerprint;
            (entry.key().to_owned(), fingerprint, Some(certificate))
        }
        (None, None) => {
            section.note_missing(
                "sha256",
                "it must be the SHA-256 of the client certificate; or give `certificate = \"file:PATH\"`",
            );
            return None;
        }
    };
    if let Err(first) = taken.fingerprints.take(fingerprint, &place) {
        section.note_at(
            &place,
            format!("is the certificate at {first} already; one certificate is one org's"),
        );
    }
    Some(Proof::Certificate {
        fingerprint,
        certificate,
    })
}

/// The certificates whose keys JWTs are signed with.
fn certificates(entry: Entry<'_>, secrets: &Secrets<'_>) -> Option<Vec<Certificate>> {
    let mut found = Vec::new();
    let entries = one_or_more(entry, jwt::CERTIFICATES);
    let count = entries.len();
    for entry in entries {
        let Some(pem) = secrets.reveal_pem(&entry, "a certificate") else {
            continue;
        };
        let read = Certificate::read_pem(&pem);
        match read.and_then(|one| one.jwt_key().map(|_| one.clone())) {
            Ok(certificate) => found.push(certificate),
            Err(why) => entry.note(why.to_string()),
        }
    }
    (count > 0 && found.len() == count).then_some(found)
}

/// What `aud` may be: what the config says, else the gateway's own address and what is named below it.
fn audiences(
    section: &Section<'_>,
    entry: Option<Entry<'_>>,
    around: &Around<'_>,
    below: &[&str],
) -> Option<Vec<String>> {
    if let Some(entry) = entry {
        return claim_text(&entry).map(|audience| vec![audience]);
    }
    let Some(url) = around.public_url else {
        section.note_missing(
            "audience",
            "it must be the `aud` that the org's JWTs have; or set `public_url` in [server], which it is then",
        );
        return None;
    };
    let base = url.as_str().trim_end_matches('/');
    Some(below.iter().map(|path| format!("{base}{path}")).collect())
}

/// A value or a list of at most `most` of them.
fn one_or_more(entry: Entry<'_>, most: usize) -> Vec<Entry<'_>> {
    if entry.plain().is_some() {
        return vec![entry];
    }
    let wanted = format!("must be a string, or a list of 1 to {most} of them");
    if entry.len().is_none_or(|len| len == 0 || len > most) {
        entry.note_redacted(wanted);
        return Vec::new();
    }
    entry.items(&wanted)
}

fn claim_text(entry: &Entry<'_>) -> Option<String> {
    entry.parsed("must be a text of 1 to 255 characters", |text| {
        (text.chars().count() <= 255).then(|| text.to_owned())
    })
}

fn claim_name(section: &mut Section<'_>, name: &'static str) -> Option<String> {
    let entry = section.take(name)?;
    entry.parsed(
        "must be the name of a claim, such as \"sub\", of 1 to 64 visible characters",
        |text| {
            let fits = text.len() <= 64 && text.bytes().all(|b| b.is_ascii_graphic());
            fits.then(|| text.to_owned())
        },
    )
}

fn scopes(section: &mut Section<'_>) -> Vec<Scope> {
    let names = Scope::ALL.map(Scope::as_str);
    let wanted = format!(
        "must be a list of at least one of: {}",
        names.map(|name| format!("\"{name}\"")).join(", ")
    );
    let Some(list) = section.need("scopes", &format!("it {wanted}")) else {
        return Vec::new();
    };
    if list.is_empty_list() {
        list.note(wanted);
        return Vec::new();
    }
    let mut scopes = Vec::new();
    for entry in list.items(&wanted) {
        let scope = entry.text().and_then(|text| {
            let scope = Scope::parse(text);
            if scope.is_none() {
                let near = did_you_mean(text, names);
                entry.note(format!("must be one of: {}{near}", names.join(", ")));
            }
            scope
        });
        scopes.extend(scope.filter(|scope| !scopes.contains(scope)));
    }
    scopes
}
