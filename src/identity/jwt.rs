//! JWTs that an org signs: as a bearer, as an assertion and as the proof of a client.
//!
//! # Why
//! A token's header is written by whoever sends it, so nothing in it is believed: the algorithm is one of two, the key
//! is the one that the config names for this `kid`, and a header that brings a key or an address of one along is refused.
//! Signatures are checked by a library; what the claims must say is our contract, and the time is handed in, so it stands
//! here.

use std::sync::{Arc, LazyLock};

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::certificate::{Certificate, Fingerprint, Standing};
use super::refusal::Refusal;
use crate::domain::{SalesforceId, UserId};

/// What an org's JWTs must say, and whose signature they must bear.
#[derive(Debug, Clone)]
pub struct Trust {
    /// The certificates that count, two while one takes over from the other.
    pub certificates: Vec<Certificate>,
    /// What `iss` must be.
    pub issuer: String,
    /// What `sub` must be, where it is not the user.
    pub subject: Option<String>,
    /// What `aud` must name one of.
    pub audiences: Vec<String>,
    /// The claim that holds the user's id; none proves a user where this is not set.
    pub user_claim: Option<String>,
    /// The claim that holds the user's name.
    pub username_claim: Option<String>,
    /// What its `jti` is for.
    pub jti: Jti,
}

/// What a token's `jti` is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jti {
    /// Nothing: the token may come again until it expires.
    Ignored,
    /// It counts once, where there is one.
    OnceIfThere,
    /// It must be there and counts once.
    Once,
}

/// What stands in a token's header, as far as anything of it is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The algorithm, which must fit the key.
    pub algorithm: Algorithm,
    /// The name of the key.
    pub kid: Option<String>,
    /// Whether it says that it is an access token (RFC 9068).
    pub is_access_token: bool,
}

/// What a token has proved beside its org.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proved {
    /// The certificate whose key has signed it.
    pub certificate: Fingerprint,
    /// The user.
    pub user: Option<UserId>,
    /// The user's name.
    pub username: Option<Arc<str>>,
    /// A `jti` that counts once, and until when it must be remembered.
    pub once: Option<(String, Timestamp)>,
}

/// The issuer that a token claims, before anything of it is proved.
#[derive(Deserialize)]
struct Claimed {
    iss: Option<String>,
}

/// The longest token that is looked at, in bytes.
pub const LONGEST: usize = 8_192;
/// How far the org's clock and ours may be apart (RFC 7519, 4.1.4).
const LEEWAY: SignedDuration = SignedDuration::from_secs(60);
/// The longest life of a token. Salesforce's own default is two minutes.
const LIFE: SignedDuration = SignedDuration::from_mins(10);
/// Certificates of one credential; a token that fits none costs as many checks, whoever it names.
pub const CERTIFICATES: usize = 2;
/// Characters of a claim that names a user, or of a `jti`.
const CLAIM_CHARS: usize = 255;

/// A key of the usual size that has signed nothing: who names a key that is not there waits as long as who names one that is.
static DECOY: LazyLock<DecodingKey> = LazyLock::new(|| {
    let mut modulus: Vec<u8> = (0..8_u8).flat_map(|n| Sha256::digest([n])).collect();
    modulus[0] |= 0x80;
    modulus[255] |= 1;
    DecodingKey::from_rsa_raw_components(&modulus, &[1, 0, 1])
});

/// Whether `text` has the form of a JWT: three parts, the first of them a JSON object.
pub fn looks_like_one(text: &str) -> bool {
    text.starts_with("ey") && text.matches('.').count() == 2
}

impl Head {
    /// Reads a token's header.
    ///
    /// # Errors
    /// Where it is none, is too long, or would have us fetch or take over a key or rule of its own.
    pub fn read(token: &str) -> Result<Self, Refusal> {
        if token.len() > LONGEST || token.matches('.').count() != 2 {
            return Err(Refusal::Unknown);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| Refusal::Unknown)?;
        let brings_its_own = header.jku.is_some()
            || header.x5u.is_some()
            || header.jwk.is_some()
            || header.crit.is_some()
            || header.enc.is_some()
            || header.zip.is_some();
        if brings_its_own {
            return Err(Refusal::Unknown);
        }
        let is_access_token = header
            .typ
            .as_deref()
            .is_some_and(|typ| typ.eq_ignore_ascii_case("at+jwt"));
        Ok(Self {
            algorithm: header.alg,
            kid: header.kid,
            is_access_token,
        })
    }

    /// Whether an org may sign with this algorithm: one of the two that Salesforce knows.
    fn is_of_an_org(&self) -> bool {
        matches!(self.algorithm, Algorithm::RS256 | Algorithm::RS512) && !self.is_access_token
    }
}

/// The issuer that `token` claims. Nothing of it is proved: it only tells which keys are worth a try.
pub fn claimed_issuer(token: &str) -> Option<String> {
    jsonwebtoken::dangerous::insecure_decode_claims::<Claimed>(token)
        .ok()?
        .iss
}

/// The claims of `token`, where `key` has signed it.
pub(super) fn signed_claims(
    token: &str,
    algorithm: Algorithm,
    key: &DecodingKey,
) -> Option<Map<String, Value>> {
    let mut validation = Validation::new(algorithm);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    jsonwebtoken::decode(token, key, &validation)
        .ok()
        .map(|data| data.claims)
}

/// Who of `trusts` has signed `token`, and what that proves at `now`. A token that nobody has signed takes as long as one
/// whose signer is not known at all, where keys have 2,048 bits; larger ones tell that a `kid` is known, which is no secret.
///
/// # Errors
/// Where nobody of them has, or the token says what it must not.
pub fn verify<'t, T>(
    token: &str,
    head: &Head,
    trusts: impl Iterator<Item = (&'t Trust, T)>,
    now: Timestamp,
) -> Result<(T, Proved), Refusal> {
    if !head.is_of_an_org() {
        return Err(Refusal::Unknown);
    }
    let mut checks = 0;
    for (trust, whose) in trusts {
        for certificate in &trust.certificates {
            let Ok(key) = certificate.jwt_key() else {
                continue;
            };
            checks += 1;
            if let Some(claims) = signed_claims(token, head.algorithm, key) {
                return Ok((whose, trust.check(&claims, certificate, now)?));
            }
        }
    }
    for _ in checks..CERTIFICATES {
        let _ = signed_claims(token, head.algorithm, &DECOY);
    }
    Err(Refusal::Unknown)
}

impl Trust {
    /// What `claims` prove at `now`; their signature is checked already.
    fn check(
        &self,
        claims: &Map<String, Value>,
        certificate: &Certificate,
        now: Timestamp,
    ) -> Result<Proved, Refusal> {
        match certificate.standing(now) {
            Standing::Good => {}
            Standing::NotYet => {
                return Err(Refusal::Unfit("its certificate's time has not begun"));
            }
            Standing::Expired => return Err(Refusal::Unfit("its certificate has expired")),
        }
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if text("iss") != Some(&self.issuer) {
            return Err(Refusal::Unfit("its iss is not the configured issuer"));
        }
        if let Some(subject) = &self.subject
            && text("sub") != Some(subject)
        {
            return Err(Refusal::Unfit("its sub is not the client's id"));
        }
        if !self.is_meant(claims.get("aud")) {
            return Err(Refusal::Unfit("its aud does not name this gateway"));
        }
        let until = in_time(claims, now)?;
        let named = |claim: &Option<String>| {
            let Some(claim) = claim else {
                return Ok(None);
            };
            let name = claims.get(claim).and_then(Value::as_str);
            let name = name.filter(|name| is_plain(name));
            name.map(Some).ok_or(Refusal::Unfit(
                "the claim that would name its user is missing or no plain text",
            ))
        };
        Ok(Proved {
            certificate: certificate.fingerprint,
            user: named(&self.user_claim)?.map(user_id),
            username: named(&self.username_claim)?.map(Arc::from),
            once: self.once(claims.get("jti"), until)?,
        })
    }

    /// Whether `aud`, a text or a list of them, names this gateway.
    fn is_meant(&self, aud: Option<&Value>) -> bool {
        let is_ours = |aud: &Value| {
            aud.as_str()
                .is_some_and(|aud| self.audiences.iter().any(|ours| ours == aud))
        };
        match aud {
            Some(Value::Array(several)) => several.iter().any(is_ours),
            Some(one) => is_ours(one),
            None => false,
        }
    }

    fn once(
        &self,
        jti: Option<&Value>,
        until: Timestamp,
    ) -> Result<Option<(String, Timestamp)>, Refusal> {
        match (self.jti, jti) {
            (Jti::Ignored, _) | (Jti::OnceIfThere, None) => Ok(None),
            (Jti::OnceIfThere | Jti::Once, Some(Value::String(jti))) if is_plain(jti) => {
                Ok(Some((jti.clone(), until)))
            }
            (Jti::OnceIfThere | Jti::Once, Some(_)) => {
                Err(Refusal::Unfit("its jti is no text of 1 to 255 characters"))
            }
            (Jti::Once, None) => Err(Refusal::Unfit("it has no jti, which must count once")),
        }
    }
}

/// Until when the token counts, leeway inside, where it counts now.
fn in_time(claims: &Map<String, Value>, now: Timestamp) -> Result<Timestamp, Refusal> {
    let moment = |name: &str| match claims.get(name) {
        None => Ok(None),
        Some(value) => numeric_date(value)
            .map(Some)
            .ok_or(Refusal::Unfit("its exp, nbf or iat is no NumericDate")),
    };
    let (expires, begins, issued) = (moment("exp")?, moment("nbf")?, moment("iat")?);
    let expires = expires.ok_or(Refusal::Unfit("it has no exp"))?;
    let until = expires.saturating_add(LEEWAY);
    let until = until.map_err(|_| Refusal::Unfit("its exp is too far away"))?;
    if now >= until {
        return Err(Refusal::Expired);
    }
    if begins.is_some_and(|begins| begins > now + LEEWAY) {
        return Err(Refusal::Unfit("its nbf lies in the future"));
    }
    if issued.is_some_and(|issued| issued > now + LEEWAY) {
        return Err(Refusal::Unfit("its iat lies in the future"));
    }
    let beginning = issued.or(begins).unwrap_or(now);
    let too_long =
        expires.duration_since(beginning) > LIFE || expires.duration_since(now) > LIFE + LEEWAY;
    if too_long {
        return Err(Refusal::Unfit("it lives longer than 10 minutes"));
    }
    Ok(until)
}

/// Seconds since 1970 (RFC 7519, 2), which may have a fraction.
fn numeric_date(value: &Value) -> Option<Timestamp> {
    let seconds = value.as_f64().filter(|seconds| seconds.is_finite())?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float that is too large becomes the largest integer, which is no time"
    )]
    let seconds = seconds.floor() as i64;
    Timestamp::from_second(seconds).ok()
}

fn is_plain(text: &str) -> bool {
    !text.trim().is_empty()
        && text.chars().count() <= CLAIM_CHARS
        && !text.chars().any(char::is_control)
}

/// A user is one and the same by 15 characters and by 18; what is no Salesforce id is taken as it is.
fn user_id(text: &str) -> UserId {
    match text.parse::<SalesforceId>() {
        Ok(id) => UserId(id.as_str().into()),
        Err(_) => UserId(text.into()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::identity::scripted::{ACME, ELLIPTIC, GLOBEX, Made};

    const NOW: i64 = 1_800_000_000;

    /// Ours, whatever today is: what is under test is the token, not the certificate's days.
    fn trust(made: &Made) -> Trust {
        let mut certificate = made.read();
        certificate.not_before = Timestamp::from_second(NOW - 1_000).expect("a time");
        certificate.not_after = Timestamp::from_second(NOW + 1_000).expect("a time");
        Trust {
            certificates: vec![certificate],
            issuer: "acme".to_owned(),
            subject: None,
            audiences: vec!["https://belay.example".to_owned()],
            user_claim: None,
            username_claim: None,
            jti: Jti::Ignored,
        }
    }

    fn claims() -> Value {
        json!({"iss": "acme", "sub": "0055f000001AbCd", "aud": "https://belay.example",
            "iat": NOW, "nbf": NOW, "exp": NOW + 120})
    }

    fn header(algorithm: &str) -> Value {
        json!({"alg": algorithm, "typ": "JWT", "kid": "acme_org"})
    }

    fn now() -> Timestamp {
        Timestamp::from_second(NOW).expect("a time")
    }

    fn proves(trust: &Trust, token: &str, now: Timestamp) -> Result<Proved, Refusal> {
        let head = Head::read(token)?;
        verify(token, &head, [(trust, ())].into_iter(), now).map(|((), proved)| proved)
    }

    /// What `claims` prove, by themselves: the signature is another test's.
    fn proves_with(change: impl FnOnce(&mut Value), trust: &Trust) -> Result<Proved, Refusal> {
        let mut claims = claims();
        change(&mut claims);
        let claims = claims.as_object().expect("an object");
        trust.check(claims, &trust.certificates[0], now())
    }

    #[test]
    fn what_openssl_signs_with_the_orgs_key_proves_the_org() {
        for algorithm in ["RS256", "RS512"] {
            let token = ACME.sign(&header(algorithm), &claims());
            assert!(proves(&trust(&ACME), &token, now()).is_ok(), "{algorithm}");
            assert_eq!(
                proves(&trust(&GLOBEX), &token, now()),
                Err(Refusal::Unknown)
            );
        }
    }

    #[test]
    fn no_other_algorithm_counts_whatever_key_there_is() {
        let signed = ACME.sign(&header("RS256"), &claims());
        let (_, rest) = signed.split_once('.').expect("three parts");
        for algorithm in ["none", "HS256", "HS512", "RS384", "PS256", "ES256", "EdDSA"] {
            use base64::Engine as _;
            let header = header(algorithm).to_string();
            let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(header);
            let token = format!("{header}.{rest}");
            assert_eq!(
                proves(&trust(&ACME), &token, now()),
                Err(Refusal::Unknown),
                "{algorithm}"
            );
        }
        let mixed = trust(&ELLIPTIC);
        assert_eq!(proves(&mixed, &signed, now()), Err(Refusal::Unknown));
    }

    #[test]
    fn a_header_that_brings_a_key_or_a_rule_along_is_refused_though_its_signature_is_right() {
        for (name, value) in [
            ("jku", json!("https://evil.example/keys")),
            ("x5u", json!("https://evil.example/crt")),
            ("crit", json!(["exp"])),
            ("jwk", json!({"kty": "oct", "k": "AA"})),
            ("zip", json!("DEF")),
        ] {
            let mut header = header("RS256");
            header[name] = value;
            let token = ACME.sign(&header, &claims());
            assert_eq!(
                proves(&trust(&ACME), &token, now()),
                Err(Refusal::Unknown),
                "{name}"
            );
        }
    }

    #[test]
    fn a_token_counts_from_a_minute_before_its_nbf_to_a_minute_after_its_exp() {
        let token = ACME.sign(&header("RS256"), &claims());
        let trust = trust(&ACME);
        let at = |seconds: i64| {
            let moment = Timestamp::from_second(NOW + seconds).expect("a time");
            proves(&trust, &token, moment).map(|_| ())
        };
        assert!(matches!(at(-61), Err(Refusal::Unfit(_))));
        assert_eq!(at(-60), Ok(()));
        assert_eq!(at(179), Ok(()));
        assert_eq!(at(180), Err(Refusal::Expired));
    }

    #[test]
    fn a_token_lives_for_ten_minutes_at_most_however_it_counts_them() {
        let trust = trust(&ACME);
        let lives = |issued: Option<i64>, begins: Option<i64>, expires: i64| {
            let outcome = proves_with(
                |claims| {
                    *claims = json!({"iss": "acme", "aud": "https://belay.example", "exp": NOW + expires});
                    for (name, at) in [("iat", issued), ("nbf", begins)] {
                        if let Some(at) = at {
                            claims[name] = json!(NOW + at);
                        }
                    }
                },
                &trust,
            );
            outcome.map(|_| ())
        };
        assert_eq!(lives(Some(0), None, 600), Ok(()));
        assert!(lives(Some(0), None, 601).is_err());
        assert!(lives(None, Some(0), 601).is_err());
        assert_eq!(lives(None, None, 600), Ok(()));
        assert!(lives(None, None, 601).is_err());
        assert!(lives(Some(61), None, 200).is_err());
        assert_eq!(lives(Some(60), None, 660), Ok(()));
        // An `iat` of long ago does not make a long life short.
        assert!(lives(Some(-3_000), None, 300).is_err());
    }

    #[test]
    fn each_claim_has_its_form_or_the_token_proves_nothing() {
        let trust = trust(&ACME);
        for (name, wrong) in [
            ("iss", json!("globex")),
            ("iss", json!(["acme"])),
            ("aud", json!("https://other.example")),
            ("aud", json!(["https://other.example"])),
            ("aud", json!({"is": "https://belay.example"})),
            ("exp", json!("1800000120")),
            ("exp", json!(true)),
            ("exp", json!(1e300)),
            ("exp", json!(i64::MIN)),
            ("nbf", json!("soon")),
            ("iat", json!(null)),
        ] {
            let outcome = proves_with(|claims| claims[name] = wrong.clone(), &trust);
            assert!(outcome.is_err(), "{name} {wrong}");
        }
        for name in ["iss", "aud", "exp"] {
            let without = |claims: &mut Value| {
                claims.as_object_mut().expect("an object").remove(name);
            };
            assert!(proves_with(without, &trust).is_err(), "{name}");
        }
        let several = json!(["https://other.example", "https://belay.example"]);
        assert!(proves_with(|claims| claims["aud"] = several, &trust).is_ok());
        let fraction = json!(1_800_000_120.75);
        assert!(proves_with(|claims| claims["exp"] = fraction, &trust).is_ok());
    }

    #[test]
    fn a_user_is_named_by_the_configured_claims_and_by_no_others() {
        let mut trust = trust(&ACME);
        assert_eq!(proves_with(|_| {}, &trust).expect("good").user, None);
        trust.user_claim = Some("sub".to_owned());
        trust.username_claim = Some("name".to_owned());
        let proved = proves_with(|claims| claims["name"] = json!("rep@acme.example"), &trust);
        let proved = proved.expect("good");
        let id = proved.user.expect("a user");
        assert_eq!(id.0.len(), 18, "{id:?}");
        assert_eq!(proved.username.as_deref(), Some("rep@acme.example"));
        for wrong in [
            json!(null),
            json!(""),
            json!(7),
            json!("a\nb"),
            json!("x".repeat(256)),
        ] {
            let outcome = proves_with(|claims| claims["name"] = wrong.clone(), &trust);
            assert!(outcome.is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_jti_counts_as_the_kind_of_its_credential_has_it() {
        let with = |jti: Jti, value: Option<Value>| {
            let trust = Trust {
                jti,
                ..trust(&ACME)
            };
            let change = |claims: &mut Value| {
                if let Some(value) = value {
                    claims["jti"] = value;
                }
            };
            proves_with(change, &trust).map(|proved| proved.once.map(|(jti, _)| jti))
        };
        let one = Some(json!("a1"));
        assert_eq!(with(Jti::Ignored, one.clone()), Ok(None));
        assert_eq!(with(Jti::OnceIfThere, one.clone()), Ok(Some("a1".into())));
        assert_eq!(with(Jti::Once, one), Ok(Some("a1".into())));
        assert_eq!(with(Jti::OnceIfThere, None), Ok(None));
        assert!(with(Jti::Once, None).is_err());
        assert!(with(Jti::OnceIfThere, Some(json!(5))).is_err());
    }

    #[test]
    fn a_certificate_that_does_not_count_proves_nothing() {
        let mut trust = trust(&ACME);
        trust.certificates[0].not_after = Timestamp::from_second(NOW - 1).expect("a time");
        assert!(matches!(
            proves_with(|_| {}, &trust),
            Err(Refusal::Unfit(_))
        ));
        trust.certificates[0].not_before = Timestamp::from_second(NOW + 1).expect("a time");
        assert!(matches!(
            proves_with(|_| {}, &trust),
            Err(Refusal::Unfit(_))
        ));
    }

    #[test]
    fn of_two_certificates_either_may_have_signed() {
        let mut both = trust(&ACME);
        both.certificates.extend(trust(&GLOBEX).certificates);
        for made in [&*ACME, &*GLOBEX] {
            let token = made.sign(&header("RS256"), &claims());
            assert!(proves(&both, &token, now()).is_ok());
        }
    }

    proptest! {
        #[test]
        fn no_change_of_a_token_leaves_it_proving_anything(at in 0_usize..1_200, to in any::<u8>()) {
            static TOKEN: LazyLock<String> =
                LazyLock::new(|| ACME.sign(&header("RS256"), &claims()));
            static TRUST: LazyLock<Trust> = LazyLock::new(|| trust(&ACME));
            let mut token = TOKEN.clone().into_bytes();
            let at = at % token.len();
            prop_assume!(token[at] != to);
            token[at] = to;
            let token = String::from_utf8_lossy(&token);
            prop_assert!(proves(&TRUST, &token, now()).is_err());
        }

        #[test]
        fn whatever_comes_as_a_token_is_refused_and_not_died_of(text in "(ey)?[ -~]{0,40}\\.[A-Za-z0-9_=-]{0,60}\\.[ -~]{0,60}") {
            prop_assert!(proves(&trust(&ACME), &text, now()).is_err());
            let _ = claimed_issuer(&text);
        }
    }
}
