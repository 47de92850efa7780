//! `[[orgs.credentials]]` of every kind, and `[tokens]`.

use url::Url;

use super::environment::Secrets;
use super::mistakes::did_you_mean;
use super::reader::{Entry, Once, Section};
use crate::domain::Scope;
use crate::identity::{
    ApiKey, Certificate, Credential, Fingerprint, Jti, KeyHash, Proof, SigningKey, Tokens, Trust,
    grants, jwt,
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
                "must be 1 to 64 characters of A-Z a-z 0-9 . _ @ - and never a key, since it is shown and logged",
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
        && !ApiKey::has_the_form_of_one(text)
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
    let (mut found, mut once) = (Vec::new(), Once::default());
    let entries = one_or_more(entry, jwt::CERTIFICATES);
    let count = entries.len();
    for entry in entries {
        let Some(pem) = secrets.reveal_pem(&entry, "a certificate") else {
            continue;
        };
        let read = Certificate::read_pem(&pem);
        match read.and_then(|one| one.jwt_key().map(|_| one.clone())) {
            Ok(certificate) => {
                if let Err(first) = once.take(certificate.fingerprint, entry.key()) {
                    entry.note(format!(
                        "is the certificate at {first} already; each stands here once"
                    ));
                    continue;
                }
                found.push(certificate);
            }
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
    entry.parsed(
        "must be a text of 1 to 255 characters, none of them a control character",
        |text| {
            let fits = text.chars().count() <= 255 && !text.chars().any(char::is_control);
            fits.then(|| text.to_owned())
        },
    )
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

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::super::scripted::{Scripted, mistake, mistakes};
    use super::super::settings::{Settings, read as read_config};
    use super::*;
    use crate::identity::scripted::{ACME, ELLIPTIC, GLOBEX, private_key};

    const HASH: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    const PUBLIC_URL: &str = "public_url = \"https://belay.acme.example\"";
    const TOKENS: &str = "\n[tokens]\nsigning_keys = [\"file:token.key\"]\n";
    const CLIENT: &str = "kind = \"oauth_client\"\nid = \"acme-client\"";
    const EXCHANGE: &str = "kind = \"jwt_exchange\"\nid = \"acme_2026\"\nissuer = \"acme\"\ncertificate = \"file:org.crt\"";
    const JWT: &str =
        "kind = \"jwt\"\nid = \"acme_2026\"\nissuer = \"acme\"\ncertificate = \"file:org.crt\"";
    const MTLS: &str = "kind = \"mtls\"\nid = \"acme-mtls\"";

    static SIGNING_KEY: LazyLock<String> =
        LazyLock::new(|| private_key(&["-algorithm", "ed25519"]));

    fn around() -> Scripted {
        Scripted::example()
            .with_file("org.crt", &ACME.certificate)
            .with_file("next.crt", &GLOBEX.certificate)
            .with_file("ec.crt", &ELLIPTIC.certificate)
            .with_file("token.key", &SIGNING_KEY)
    }

    fn section(lines: &str) -> String {
        format!("[[orgs.credentials]]\nscopes = [\"tasks\"]\n{lines}\n")
    }

    /// The example with `[tokens]`, and these credentials beside its own, which is the first.
    fn with(credentials: &[&str]) -> String {
        let sections: String = credentials.iter().map(|lines| section(lines)).collect();
        let limits = format!("{sections}[orgs.limits]");
        Scripted::EXAMPLE.replacen("[orgs.limits]", &limits, 1) + TOKENS
    }

    /// `config` with a second org that has this credential alone.
    fn with_another_org(config: &str, lines: &str) -> String {
        let org = "[[orgs]]\nid = \"00D5f000000XyZb\"\nname = \"globex\"\n";
        let org = format!("{org}{}\n[[providers]]", section(lines));
        config.replacen("[[providers]]", &org, 1)
    }

    fn good(config: &str) -> Settings {
        read_config(config, &around()).unwrap_or_else(|mistakes| panic!("{mistakes}"))
    }

    fn all_told(config: &str) -> Vec<String> {
        let mistakes = read_config(config, &around()).expect_err("a mistake");
        mistakes.iter().map(ToString::to_string).collect()
    }

    /// The one thing told of `config`.
    fn told(config: &str) -> String {
        let mut told = all_told(config);
        assert_eq!(told.len(), 1, "{told:#?}");
        told.remove(0)
    }

    /// The one credential beside the example's own.
    fn credential(lines: &str) -> Credential {
        good(&with(&[lines])).tenants[0].credentials[1].clone()
    }

    fn trust(lines: &str) -> Trust {
        credential(lines).trust().expect("it signs JWTs").clone()
    }

    #[test]
    fn an_api_key_comes_as_it_is_written() {
        let key = &good(&with(&[])).tenants[0].credentials[0];
        assert_eq!(&*key.id, "flow");
        assert!(matches!(key.proof, Proof::ApiKey(hash) if hash == KeyHash::of("test")));
        assert_eq!(*key.scopes, [Scope::Tasks, Scope::Messages, Scope::Jobs]);
    }

    #[test]
    fn a_client_has_a_secret_or_two_or_signs_about_itself() {
        let (one, two) = ("a".repeat(64), "b".repeat(64));
        let client = credential(&format!("{CLIENT}\nsecret_sha256 = \"{one}\""));
        assert!(matches!(&client.proof, Proof::Secret(hashes) if hashes.len() == 1));
        let client = credential(&format!("{CLIENT}\nsecret_sha256 = [\"{one}\", \"{two}\"]"));
        assert!(matches!(&client.proof, Proof::Secret(hashes) if hashes.len() == 2));

        let client = credential(&format!("{CLIENT}\ncertificate = \"file:org.crt\""));
        assert!(matches!(client.proof, Proof::Assertion(_)));
        let trust = client.trust().expect("it signs JWTs");
        assert_eq!(trust.issuer, "acme-client");
        assert_eq!(trust.subject.as_deref(), Some("acme-client"));
        let url = "https://belay.acme.example";
        assert_eq!(trust.audiences, [url, &format!("{url}/oauth/token")]);
        assert_eq!(
            (trust.jti, client.proves_a_user()),
            (Jti::OnceIfThere, false)
        );
    }

    #[test]
    fn a_jwt_comes_as_it_is_written_with_two_certificates_during_a_change() {
        let plain = trust(JWT);
        assert_eq!(plain.issuer, "acme");
        assert_eq!(plain.subject, None);
        assert_eq!(plain.audiences, ["https://belay.acme.example"]);
        assert_eq!((plain.user_claim, plain.jti), (None, Jti::Ignored));

        let lines = JWT.replace("\"file:org.crt\"", "[\"file:org.crt\", \"file:next.crt\"]")
            + "\naudience = \"urn:belay\"\nuser_claim = \"sub\"\nusername_claim = \"name\"\njti = \"once\"";
        let full = trust(&lines);
        let prints: Vec<_> = full
            .certificates
            .iter()
            .map(|one| one.fingerprint)
            .collect();
        assert_eq!(prints, [ACME.read().fingerprint, GLOBEX.read().fingerprint]);
        assert_eq!(full.audiences, ["urn:belay"]);
        assert_eq!(full.user_claim.as_deref(), Some("sub"));
        assert_eq!(full.username_claim.as_deref(), Some("name"));
        assert_eq!(full.jti, Jti::Once);
    }

    #[test]
    fn an_exchanged_jwt_is_meant_for_the_gateway_or_its_token_endpoint_and_counts_once() {
        let trust = trust(EXCHANGE);
        let url = "https://belay.acme.example";
        assert_eq!(trust.audiences, [url, &format!("{url}/oauth/token")]);
        assert_eq!(trust.jti, Jti::OnceIfThere);
    }

    #[test]
    fn a_client_certificate_is_a_file_or_a_fingerprint_with_or_without_colons() {
        let (with_colons, file) = (&ACME.fingerprint, "certificate = \"file:org.crt\"");
        let plain = with_colons.replace(':', "").to_lowercase();
        for (lines, has_dates) in [
            (format!("sha256 = \"{with_colons}\""), false),
            (format!("sha256 = \"{plain}\""), false),
            (file.to_owned(), true),
        ] {
            let credential = credential(&format!("{MTLS}\n{lines}"));
            let Proof::Certificate {
                fingerprint,
                certificate,
            } = credential.proof
            else {
                panic!("{lines} is a client certificate");
            };
            assert_eq!(fingerprint, ACME.read().fingerprint);
            assert_eq!(certificate.is_some(), has_dates, "{lines}");
        }
        // Nobody signs with it, so its key may be of any kind.
        credential(&format!("{MTLS}\ncertificate = \"file:ec.crt\""));
    }

    /// Each of `lines` has one mistake, which is told with this beginning and what would be right.
    fn each_is_told(mistakes: &[(String, &str, &str)]) {
        for (lines, key, right) in mistakes {
            let told = told(&with(&[lines]));
            let key = format!("orgs[0].credentials[1].{key}");
            assert!(told.starts_with(&key), "{told} is not about {key}");
            assert!(told.contains(right), "{told} does not say {right}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_jwt_is_told_with_what_would_be_right() {
        let with = |line: &str| format!("{JWT}\n{line}");
        let no_text = JWT.replace("\"acme\"", "\"a\\u0007b\"");
        each_is_told(&[
            (
                "id = \"x\"".into(),
                "kind",
                "is missing; it must be one of: api_key, ",
            ),
            (JWT.replace("jwt", "jwd"), "kind = ", "did you mean `jwt`?"),
            (JWT.replace("_2026", ":1"), "id = ", "A-Z a-z 0-9 . _ @ -"),
            (
                JWT.replace("issuer = \"acme\"\n", ""),
                "issuer",
                "is missing; it must be the `iss`",
            ),
            (no_text, "issuer = ", "none of them a control character"),
            (with("jti = \"twice\""), "jti = ", "must be one of: once"),
            (
                with("user_claim = \"two words\""),
                "user_claim = ",
                "the name of a claim",
            ),
            (with("sha256 = \"a\""), "sha256 = ", "is not a key that"),
        ]);
    }

    #[test]
    fn what_is_wrong_with_a_certificate_is_told_with_what_would_be_right() {
        let by = |certificate: &str| JWT.replace("\"file:org.crt\"", certificate);
        let three = "[\"file:org.crt\", \"file:next.crt\", \"file:ec.crt\"]";
        each_is_told(&[
            (
                by("\"file:token.key\""),
                "certificate = \"file:token.key\"",
                "holds no certificate in PEM",
            ),
            (
                by("\"file:ec.crt\""),
                "certificate = \"file:ec.crt\"",
                "RSA of 2048 to 8192 bits",
            ),
            (
                by("\"file:none.crt\""),
                "certificate = \"file:none.crt\"",
                "the file cannot be read",
            ),
            (
                by("\"MIIB\""),
                "certificate = [redacted]",
                "must be a reference to a certificate in PEM",
            ),
            (by("[]"), "certificate = [redacted]", "a list of 1 to 2"),
            (by(three), "certificate = [redacted]", "a list of 1 to 2"),
            (
                by("[\"file:org.crt\", \"file:org.crt\"]"),
                "certificate[1] = \"file:org.crt\"",
                "each stands here once",
            ),
            (
                MTLS.into(),
                "sha256",
                "or give `certificate = \"file:PATH\"`",
            ),
            (
                format!("{MTLS}\nsha256 = \"ab:cd\""),
                "sha256 = ",
                "openssl x509 -noout -fingerprint -sha256",
            ),
            (
                format!("{MTLS}\nsha256 = \"{HASH}\"\ncertificate = \"file:org.crt\""),
                "certificate = ",
                "keep one of the two",
            ),
            (
                format!("{MTLS}\ncertificate = \"file:token.key\""),
                "certificate = ",
                "holds no certificate in PEM",
            ),
        ]);
    }

    #[test]
    fn what_is_wrong_with_a_client_or_a_key_is_told_with_what_would_be_right() {
        let (one, two, three) = ("a".repeat(64), "b".repeat(64), "c".repeat(64));
        let secret = |line: &str| format!("{CLIENT}\nsecret_sha256 = \"{one}\"\n{line}");
        let key = "kind = \"api_key\"\nid = \"x\"";
        each_is_told(&[
            (
                CLIENT.into(),
                "secret_sha256",
                "or give `certificate = \"file:PATH\"`",
            ),
            (
                format!("{CLIENT}\nsecret_sha256 = \"hunter2\""),
                "secret_sha256 = [redacted]",
                "64 hexadecimal digits",
            ),
            (
                format!("{CLIENT}\nsecret_sha256 = [\"{one}\", \"{two}\", \"{three}\"]"),
                "secret_sha256 = [redacted]",
                "a list of 1 to 2",
            ),
            (
                secret("certificate = \"file:org.crt\""),
                "certificate = ",
                "keep one of the two",
            ),
            (secret("audience = \"a\""), "audience = ", "remove it"),
            (
                secret("user_claim = \"sub\""),
                "user_claim = \"sub\"",
                "is not a key that belongs here",
            ),
            (
                format!("{key}\nsha256 = \"{one}\"\nuser_claim = \"sub\""),
                "user_claim = \"sub\"",
                "is not a key that belongs here",
            ),
            (key.into(), "sha256", "`belay key new` makes a key"),
        ]);
    }

    #[test]
    fn an_id_and_a_key_are_each_given_once() {
        let key = |hash: &str| format!("kind = \"api_key\"\nid = \"flow\"\nsha256 = \"{hash}\"");
        // The same id in another org is fine, the same key is not.
        let other = "a".repeat(64);
        good(&with_another_org(&with(&[]), &key(&other)));
        let hash = told(&with_another_org(&with(&[]), &key(HASH)));
        assert!(
            hash.starts_with("orgs[1].credentials[0].sha256 = [redacted]"),
            "{hash}"
        );
        assert!(
            hash.contains("is the hash at orgs[0].credentials[0].sha256 already"),
            "{hash}"
        );
        let id = told(&with(&[&key(&other)]));
        assert!(
            id.contains("is the id at orgs[0].credentials[0].id already"),
            "{id}"
        );
    }

    #[test]
    fn a_key_in_place_of_an_id_is_refused_and_not_repeated() {
        let key = format!("belay_{}", "Ab3".repeat(15).split_at(43).0);
        let told = told(&with(&[&JWT.replace("acme_2026", &key)]));
        assert!(told.contains("never a key"), "{told}");
        assert!(!told.contains("Ab3Ab3"), "{told}");
    }

    #[test]
    fn a_client_belongs_to_one_org() {
        let client = |hash: char| {
            let hash = hash.to_string().repeat(64);
            format!("{CLIENT}\nsecret_sha256 = \"{hash}\"")
        };
        let told = told(&with_another_org(&with(&[&client('a')]), &client('b')));
        assert!(
            told.starts_with("orgs[1].credentials[0].id = \"acme-client\""),
            "{told}"
        );
        assert!(
            told.contains("is the client at orgs[0].credentials[1].id already"),
            "{told}"
        );
    }

    #[test]
    fn whose_jwt_it_is_can_be_told_by_kid_issuer_and_certificate() {
        let with_jwt = with(&[JWT]);
        for other in [
            JWT.replace("\"acme\"", "\"globex\""),
            JWT.replace("acme_2026", "globex_2026"),
            JWT.replace("org.crt", "next.crt"),
            EXCHANGE.to_owned(),
        ] {
            good(&with_another_org(&with_jwt, &other));
        }
        let told = told(&with_another_org(&with_jwt, JWT));
        assert!(
            told.starts_with("orgs[1].credentials[0].certificate: "),
            "{told}"
        );
        let first = "is the certificate at orgs[0].credentials[1].certificate already";
        assert!(told.contains(first), "{told}");
        assert!(
            told.contains("give each org an issuer of its own"),
            "{told}"
        );
    }

    #[test]
    fn a_client_certificate_is_one_orgs() {
        let by_file = format!("{MTLS}\ncertificate = \"file:org.crt\"");
        let by_print = format!("{MTLS}\nsha256 = \"{}\"", ACME.fingerprint);
        let told = told(&with_another_org(&with(&[&by_file]), &by_print));
        assert!(
            told.starts_with("orgs[1].credentials[0].sha256: "),
            "{told}"
        );
        let first = "is the certificate at orgs[0].credentials[1].certificate already";
        assert!(told.contains(first), "{told}");
    }

    #[test]
    fn what_is_proved_by_an_access_token_needs_keys_to_sign_them_with() {
        let secret = format!("{CLIENT}\nsecret_sha256 = \"{}\"", "a".repeat(64));
        for lines in [secret.as_str(), EXCHANGE] {
            let told = told(&with(&[lines]).replace(TOKENS, ""));
            assert!(told.starts_with("orgs[0].credentials[1].kind = "), "{told}");
            assert!(told.contains("needs [tokens] with signing_keys"), "{told}");
        }
        good(&with(&[JWT]).replace(TOKENS, ""));
    }

    #[test]
    fn a_signing_key_is_a_private_key_and_stands_there_once() {
        let list = "[\"file:token.key\"]";
        let nine = format!("[{}]", ["\"file:token.key\""; 9].join(", "));
        for (wrong, key, right) in [
            (
                "[]",
                "tokens.signing_keys = […]",
                "a list of 1 to 8 references",
            ),
            (
                "\"file:token.key\"",
                "tokens.signing_keys = ",
                "a list of 1 to 8 references",
            ),
            (
                "[\"file:org.crt\"]",
                "tokens.signing_keys[0] = ",
                "openssl genpkey -algorithm ed25519",
            ),
            (
                "[\"file:token.key\", \"file:token.key\"]",
                "tokens.signing_keys[1] = ",
                "is the key at tokens.signing_keys[0] already",
            ),
        ] {
            let told = told(&with(&[]).replace(list, wrong));
            assert!(told.starts_with(key), "{told}");
            assert!(told.contains(right), "{told}");
        }
        let many = all_told(&with(&[]).replace(list, &nine));
        assert!(many[0].contains("a list of 1 to 8 references"), "{many:?}");
        let missing = told(&with(&[]).replace("signing_keys = [\"file:token.key\"]", ""));
        assert!(
            missing.starts_with("tokens.signing_keys: is missing"),
            "{missing}"
        );
    }

    #[test]
    fn tokens_and_audiences_need_the_gateways_address() {
        let told_without = |config: &str| told(&config.replace(PUBLIC_URL, ""));
        let tokens = told_without(&with(&[]));
        assert!(
            tokens.starts_with("tokens: needs `public_url` in [server]"),
            "{tokens}"
        );
        let jwt = told_without(&with(&[JWT]).replace(TOKENS, ""));
        assert!(
            jwt.starts_with("orgs[0].credentials[1].audience: is missing"),
            "{jwt}"
        );
        assert!(jwt.contains("or set `public_url`"), "{jwt}");
        let given = with(&[&format!("{JWT}\naudience = \"urn:belay\"")]);
        good(&given.replace(TOKENS, "").replace(PUBLIC_URL, ""));
    }

    #[test]
    fn a_key_in_place_of_its_hash_is_never_repeated() {
        let told = mistake(HASH, "belay_c2VjcmV0");
        assert!(told.contains("sha256 = [redacted]"), "{told}");
        assert!(!told.contains("c2VjcmV0"), "{told}");
        assert!(mistake(HASH, "hunter2").contains("[redacted]"));
        assert!(mistake(HASH, &KeyHash::of("").to_string()).contains("of nothing"));
    }

    #[test]
    fn scopes_may_name_what_is_to_come_and_nothing_else() {
        let scopes = "[\"tasks\", \"messages\", \"jobs\"]";
        assert!(mistakes(scopes, "[\"mcp:read\", \"mcp:write\", \"jobs\"]").is_empty());
        let told = mistake(scopes, "[\"tasks\", \"message\"]");
        assert!(
            told.starts_with("orgs[0].credentials[0].scopes[1]"),
            "{told}"
        );
        assert!(told.contains("did you mean `messages`?"), "{told}");
        assert!(mistake(scopes, "[]").contains("at least one of"));
        assert!(mistake(scopes, "\"tasks\"").contains("must be a list"));
    }
}
