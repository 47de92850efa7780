//! JWTs that prove nothing, one for each way that somebody may try.

use serde_json::{Value, json};

use super::jwt::{Jwt, signed, text};
use super::keys::{ACME, ELLIPTIC, GLOBEX, MALLORY, encoded, keyed_hash};
use super::{SECRET, URL};

/// What it tries, and the token.
pub type Forgery = (&'static str, String);

/// Bytes of a token that is longer than any that is looked at.
const TOO_LONG: usize = 8_200;

/// Every forgery of `good`, which Acme's key would make a good one.
pub fn all(good: &Jwt) -> Vec<Forgery> {
    let mut all = by_other_keys(good);
    all.extend(by_other_algorithms(good));
    all.extend(by_their_headers(good));
    all.extend(by_their_form(good));
    all.extend(by_their_claims(good));
    all.extend(by_their_times(good));
    all
}

/// Those whose `kid` names no key of Acme's, for tokens whose key is found by it.
pub fn by_their_kid(good: &Jwt, of_globex: &str) -> Vec<Forgery> {
    let kid = |kid: Value| good.clone().header("kid", kid).signed_by(&ACME);
    vec![
        ("no kid", good.clone().headless("kid").signed_by(&ACME)),
        ("a kid that is empty", kid(json!(""))),
        ("a kid that is a number", kid(json!(7))),
        ("a kid that is a list", kid(json!([good.header["kid"]]))),
        ("a kid that nobody has", kid(json!("nobody"))),
        ("the kid of another org", kid(json!(of_globex))),
        ("a path as kid", kid(json!("../../../../etc/passwd"))),
        (
            "a path to the certificate as kid",
            kid(json!("./acme.crt\u{0}")),
        ),
        ("a query as kid", kid(json!("x' UNION SELECT 'key"))),
        (
            "the kid in other letters",
            kid(json!(
                good.header["kid"].as_str().map(str::to_ascii_uppercase)
            )),
        ),
        ("a kid without an end", kid(json!("k".repeat(4_000)))),
    ]
}

fn by_other_keys(good: &Jwt) -> Vec<Forgery> {
    let (pem, der) = ACME.public_key();
    let keyed = |secret: &[u8]| {
        let text = good.clone().header("alg", "HS256").text();
        format!("{text}.{}", encoded(keyed_hash(secret, &text)))
    };
    vec![
        ("the signature of somebody else", good.signed_by(&MALLORY)),
        ("the signature of another org", good.signed_by(&GLOBEX)),
        (
            "HS256 with the certificate as its secret",
            keyed(ACME.certificate.as_bytes()),
        ),
        (
            "HS256 with the public key in PEM as its secret",
            keyed(pem.as_bytes()),
        ),
        (
            "HS256 with the public key and no line break as its secret",
            keyed(pem.trim_end().as_bytes()),
        ),
        (
            "HS256 with the public key in DER as its secret",
            keyed(&der),
        ),
        ("HS256 with no secret", keyed(&[0])),
        (
            "HS256 with a secret of the org's own",
            keyed(SECRET.as_bytes()),
        ),
        ("RS256 by an EC key", good.signed_by(&ELLIPTIC)),
        (
            "ES256 by an EC key",
            good.clone().header("alg", "ES256").signed_by(&ELLIPTIC),
        ),
    ]
}

fn by_other_algorithms(good: &Jwt) -> Vec<Forgery> {
    let none = |name: &str| format!("{}.", good.clone().header("alg", name).text());
    let (_, signature) = parted(good);
    let signed_none = good.clone().header("alg", "none").text();
    let mismatched = good.clone().header("alg", "RS512").text();
    vec![
        ("alg none", none("none")),
        ("alg None", none("None")),
        ("alg nOnE", none("nOnE")),
        ("alg NONE", none("NONE")),
        ("no letter of alg", none("")),
        (
            "alg none over a real signature",
            format!("{signed_none}.{signature}"),
        ),
        (
            "no alg",
            signed(&ACME, "RS256", &good.clone().headless("alg").text()),
        ),
        (
            "alg that is a list",
            signed(
                &ACME,
                "RS256",
                &good.clone().header("alg", json!(["RS256"])).text(),
            ),
        ),
        (
            "alg in small letters",
            signed(&ACME, "RS256", &good.clone().header("alg", "rs256").text()),
        ),
        (
            "RS384, which Salesforce does not have",
            good.clone().header("alg", "RS384").signed_by(&ACME),
        ),
        (
            "PS256, which Salesforce does not have",
            good.clone().header("alg", "PS256").signed_by(&ACME),
        ),
        (
            "RS512 over a signature by RS256",
            signed(&ACME, "RS256", &mismatched),
        ),
    ]
}

fn by_their_headers(good: &Jwt) -> Vec<Forgery> {
    let jwk = json!({"kty": "RSA", "n": "sXchDaQebHnPiGvyDOAT4saGEUetSyo9MKLOoWFsueri23bOdgWp4Dy1Wl\
UzewbgBHod5pcM9H95GQRV3JDXboIRROSBigeC5yjU1hGzHHyXss8UDprecbAYxknTcQkhslANGRUZmdTOQ5qTRsLAt6BTYuyvVRdhS8exSZEy_c4gs\
_7svlJJQ4H9_NxsiIoLwAEk7-Q3UXERGYw_75IDrGA84-lA_-Ct4eTlXHBIY2EaV7t7LjJaynVJCpkv4LKjTTAumiGUIuQhrNhZLuF_RJLqHpM2kgWF\
LU7-VTdL1VbC2tejvcI2BlMkEpk1BzBZI0KQB0GaDWFLN-aEAw3vRw", "e": "AQAB"});
    let der: String = MALLORY
        .certificate
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    let with = |name: &str, value: Value| good.clone().header(name, value);
    let raw = good
        .clone()
        .header("b64", false)
        .header("crit", json!(["b64"]));
    let raw_text = format!("{}.{}", encoded(raw.header.to_string()), raw.claims);
    let raw_signature = encoded(ACME.signature("RS256", &raw_text));
    let twice = format!(
        r#"{{"alg":"none","alg":"RS256","kid":{},"typ":"JWT"}}"#,
        good.header["kid"]
    );
    vec![
        (
            "a jwk of its own",
            with("jwk", jwk.clone()).signed_by(&MALLORY),
        ),
        (
            "a jwk beside the right signature",
            with("jwk", jwk).signed_by(&ACME),
        ),
        (
            "a jku of its own",
            with("jku", json!("https://mallory.example/jwks.json")).signed_by(&MALLORY),
        ),
        (
            "a jku beside the right signature",
            with("jku", json!(format!("{URL}/.well-known/jwks.json"))).signed_by(&ACME),
        ),
        (
            "an x5u of its own",
            with("x5u", json!("file:///etc/ssl/cert.pem")).signed_by(&MALLORY),
        ),
        (
            "an x5u beside the right signature",
            with("x5u", json!("https://mallory.example/")).signed_by(&ACME),
        ),
        (
            "an x5c of its own",
            with("x5c", json!([der])).signed_by(&MALLORY),
        ),
        (
            "crit that names what it has",
            with("crit", json!(["exp"])).signed_by(&ACME),
        ),
        (
            "crit that names nothing",
            with("crit", json!([])).signed_by(&ACME),
        ),
        (
            "crit that names what nobody knows",
            with("crit", json!(["https://mallory.example/"])).signed_by(&ACME),
        ),
        (
            "claims that are not encoded (b64)",
            format!("{raw_text}.{raw_signature}"),
        ),
        ("b64 and crit over encoded claims", raw.signed_by(&ACME)),
        (
            "enc, as if it were encrypted",
            with("enc", json!("A256GCM")).signed_by(&ACME),
        ),
        (
            "zip, as if it were packed",
            with("zip", json!("DEF")).signed_by(&ACME),
        ),
        (
            "the type of an access token",
            with("typ", json!("at+jwt")).signed_by(&ACME),
        ),
        (
            "alg in its header twice",
            signed(&ACME, "RS256", &text(&twice, &good.claims.to_string())),
        ),
        (
            "a header that is a list",
            signed(&ACME, "RS256", &text("[]", &good.claims.to_string())),
        ),
        (
            "a header that is no JSON",
            signed(&ACME, "RS256", &text("{alg", &good.claims.to_string())),
        ),
    ]
}

fn by_their_form(good: &Jwt) -> Vec<Forgery> {
    let (body, signature) = parted(good);
    let whole = format!("{body}.{signature}");
    let head = body.split('.').next().expect("two parts");
    let said = |claims: &str| signed(&ACME, "RS256", &text(&good.header.to_string(), claims));
    let mut altered = good.claims.clone();
    altered["sub"] = json!("0055f0000041Xyz");
    altered["scope"] = json!("tasks messages jobs");
    let altered = encoded(altered.to_string());
    let other = good.clone().claim("more", 1).signed_by(&ACME);
    let (_, of_another) = other.rsplit_once('.').expect("three parts");
    let long = good.clone().claim("more", "m".repeat(TOO_LONG));
    // 256 bytes leave four bits of the last letter unused.
    let (bits, last) = signature.split_at(signature.len() - 1);
    let next = char::from(last.as_bytes()[0] + 1);
    let nested = good.clone().header("cty", "JWT");
    let nested = text(&nested.header.to_string(), &whole);
    vec![
        ("no signature", format!("{body}.")),
        (
            "half of the signature",
            format!("{body}.{}", &signature[..171]),
        ),
        (
            "a byte less of the signature",
            format!("{body}.{}", &signature[..340]),
        ),
        ("a byte more of the signature", format!("{whole}AA")),
        (
            "the signature of another token",
            format!("{body}.{of_another}"),
        ),
        (
            "other claims under the signature",
            format!("{head}.{altered}.{signature}"),
        ),
        ("a fourth part", format!("{whole}.{signature}")),
        (
            "a fifth part, as if it were encrypted",
            format!("{head}.{signature}.{head}.{body}"),
        ),
        ("a dot before it", format!(".{whole}")),
        ("a dot behind it", format!("{whole}.")),
        ("two parts", body.clone()),
        ("one part", head.to_owned()),
        ("nothing but dots", "..".to_owned()),
        ("padding behind the signature", format!("{whole}==")),
        ("padding behind the header", whole.replacen('.', "=.", 1)),
        ("bits that no encoder sets", format!("{body}.{bits}{next}")),
        (
            "a blank in the signature",
            format!("{body}.{} {}", &signature[..9], &signature[9..]),
        ),
        ("a quote around it", format!("\"{whole}\"")),
        ("more than is looked at", long.signed_by(&ACME)),
        ("a JWT within", signed(&ACME, "RS256", &nested)),
        ("claims that are a list", said("[]")),
        ("claims that are a text", said("\"iss\"")),
        ("claims that are no JSON", said("{\"iss\":")),
        ("no claims at all", said("{}")),
        ("nothing as claims", said("")),
    ]
}

fn by_their_claims(good: &Jwt) -> Vec<Forgery> {
    let with = |name: &str, value: Value| good.clone().claim(name, value).signed_by(&ACME);
    vec![
        ("no iss", good.clone().without("iss").signed_by(&ACME)),
        ("the iss of another org", with("iss", json!("globex"))),
        (
            "iss that is a list",
            with("iss", json!([good.claims["iss"]])),
        ),
        ("iss that is null", with("iss", Value::Null)),
        (
            "iss with a blank behind it",
            with(
                "iss",
                json!(format!("{} ", good.claims["iss"].as_str().expect("a text"))),
            ),
        ),
        ("no aud", good.clone().without("aud").signed_by(&ACME)),
        (
            "the aud of another gateway",
            with("aud", json!("https://belay.globex.example")),
        ),
        (
            "aud that begins like ours",
            with("aud", json!(format!("{URL}.mallory.example"))),
        ),
        (
            "aud below ours",
            with("aud", json!(format!("{URL}/whoami"))),
        ),
        (
            "aud in other letters",
            with("aud", json!(URL.to_ascii_uppercase())),
        ),
        (
            "aud that is a list without us",
            with("aud", json!(["https://login.salesforce.com", "x"])),
        ),
        ("aud that is an empty list", with("aud", json!([]))),
        ("aud that is a list of a list", with("aud", json!([[URL]]))),
        ("aud that is an object", with("aud", json!({URL: true}))),
        ("aud that is a number", with("aud", json!(1))),
    ]
}

fn by_their_times(good: &Jwt) -> Vec<Forgery> {
    let now = good.claims["iat"].as_i64().expect("a number");
    let with = |name: &str, value: Value| good.clone().claim(name, value).signed_by(&ACME);
    let until = |exp: &str| {
        let claims = good.claims.to_string();
        let good = format!("\"exp\":{}", good.claims["exp"]);
        assert!(claims.contains(&good));
        claims.replace(&good, &format!("\"exp\":{exp}"))
    };
    let raw = |exp: &str| signed(&ACME, "RS256", &text(&good.header.to_string(), &until(exp)));
    let long = |iat: Option<i64>, nbf: Option<i64>, exp: i64| {
        let mut jwt = good.clone().without("iat").without("nbf").claim("exp", exp);
        if let Some(iat) = iat {
            jwt = jwt.claim("iat", iat);
        }
        if let Some(nbf) = nbf {
            jwt = jwt.claim("nbf", nbf);
        }
        jwt.signed_by(&ACME)
    };
    vec![
        ("no exp", good.clone().without("exp").signed_by(&ACME)),
        (
            "exp that is a text",
            with("exp", json!((now + 120).to_string())),
        ),
        ("exp that is null", with("exp", Value::Null)),
        ("exp that is true", with("exp", json!(true))),
        ("exp that is a list", with("exp", json!([now + 120]))),
        ("exp beyond all calendars", with("exp", json!(1e18))),
        ("exp beyond all integers", raw("1e300")),
        ("exp beyond all floats", raw("1e999")),
        ("exp that is NaN", raw("NaN")),
        ("exp that is infinite", raw("Infinity")),
        ("exp of many digits", raw(&"9".repeat(400))),
        (
            "exp in milliseconds",
            with("exp", json!((now + 120) * 1_000)),
        ),
        ("nbf in the future", with("nbf", json!(now + 62))),
        ("nbf that is a text", with("nbf", json!("soon"))),
        ("iat in the future", with("iat", json!(now + 62))),
        ("iat that is a text", with("iat", json!(now.to_string()))),
        ("iat that is null", with("iat", Value::Null)),
        (
            "a life of more than ten minutes",
            long(Some(now), Some(now), now + 601),
        ),
        (
            "a long life that began before",
            long(Some(now - 600), None, now + 60),
        ),
        ("a long life without iat", long(None, None, now + 661)),
        (
            "a long life by nbf alone",
            long(None, Some(now - 300), now + 310),
        ),
        (
            "a long life with a faked iat",
            long(Some(now + 60), None, now + 661),
        ),
        (
            "a long life with iat behind exp",
            long(Some(now + 60), Some(now), now + 100_000),
        ),
    ]
}

/// Those whose time is over, which their signer is told.
pub fn expired(good: &Jwt) -> Vec<Forgery> {
    let now = good.claims["iat"].as_i64().expect("a number");
    let with = |exp: i64| {
        let jwt = good.clone().claim("iat", now - 180).claim("exp", exp);
        jwt.signed_by(&ACME)
    };
    vec![
        ("a minute past its exp", with(now - 60)),
        ("long past its exp", with(now - 170)),
        ("exp in 1970", with(0)),
        ("exp before 1970", with(-1)),
        ("exp long before 1970", with(-62_135_596_800)),
    ]
}

fn parted(good: &Jwt) -> (String, String) {
    let token = good.signed_by(&ACME);
    let (body, signature) = token.rsplit_once('.').expect("three parts");
    (body.to_owned(), signature.to_owned())
}
