//! AWS Signature Version 4.
//!
//! Signed are the headers that we set ourselves: `host`, `content-type`, `x-amz-content-sha256`, `x-amz-date`, and
//! `x-amz-security-token` where the credentials are temporary. What the HTTP client adds (`accept-encoding`,
//! `content-length`) may be changed on the way, so no signature rests on it. The path is signed encoded once more than
//! it stands on the wire, as every service but S3 reads it.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};
use url::{Position, Url};

use crate::providers::kept::Trouble;

/// The name that both of Bedrock's APIs are signed by.
const SERVICE: &str = "bedrock";
/// What we send.
pub const JSON: &str = "application/json";

/// What a signature is for.
pub struct Purpose<'a> {
    /// The service, by the name that it is signed for.
    pub service: &'a str,
    /// What the body is.
    pub content_type: &'a str,
    /// The operation, where it stands in a header.
    pub target: Option<&'a str>,
}

/// Bedrock's APIs.
const BEDROCK: Purpose<'static> = Purpose {
    service: SERVICE,
    content_type: JSON,
    target: None,
};

/// The headers that sign a POST of `body` to `url`, as of `now`, for Bedrock.
///
/// # Errors
/// Where the credentials cannot stand in a header, or `url` is none.
pub fn headers(
    url: &str,
    body: &[u8],
    credentials: &Credentials,
    region: &str,
    now: SystemTime,
) -> Result<HeaderMap, Trouble> {
    signed(url, body, &BEDROCK, credentials, region, now)
}

/// The same for another purpose; a target stands among what is signed.
///
/// # Errors
/// As [`headers`].
pub fn signed(
    url: &str,
    body: &[u8],
    purpose: &Purpose<'_>,
    credentials: &Credentials,
    region: &str,
    now: SystemTime,
) -> Result<HeaderMap, Trouble> {
    let address = Url::parse(url).map_err(|error| Trouble::of(&error))?;
    let host = &address[Position::BeforeHost..Position::AfterPort];
    let identity = credentials.clone().into();
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(purpose.service)
        .time(now)
        .settings(settings)
        .build()
        .map_err(|error| Trouble::of(&error))?
        .into();
    let target = purpose.target.map(|target| ("x-amz-target", target));
    let named = [("host", host), ("content-type", purpose.content_type)];
    let named = named.into_iter().chain(target);
    let request = SignableRequest::new("POST", url, named, SignableBody::Bytes(body))
        .map_err(|error| Trouble::of(&error))?;
    let (instructions, _) = sign(request, &params)
        .map_err(|error| Trouble::of(&error))?
        .into_parts();
    let (headers, _) = instructions.into_parts();
    let pairs = headers.into_iter().map(|header| {
        let name = HeaderName::from_static(header.name());
        let value = HeaderValue::from_str(header.value());
        value.map(|mut value| {
            value.set_sensitive(true);
            (name, value)
        })
    });
    let mut all: HeaderMap = pairs
        .collect::<Result<_, _>>()
        .map_err(|error| Trouble::of(&error))?;
    let value = |text: &str| HeaderValue::from_str(text).map_err(|error| Trouble::of(&error));
    all.insert(CONTENT_TYPE, value(purpose.content_type)?);
    if let Some(target) = purpose.target {
        all.insert(HeaderName::from_static("x-amz-target"), value(target)?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(url: &str, token: Option<&str>) -> HeaderMap {
        let credentials = Credentials::new(
            "AKIDEXAMPLE",
            "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            token.map(str::to_owned),
            None,
            "test",
        );
        let then = "2026-03-10T12:00:00Z".parse::<jiff::Timestamp>();
        let then = then.expect("a time").into();
        headers(url, b"{}", &credentials, "us-east-1", then).expect("a signature")
    }

    fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
        headers[name].to_str().expect("ASCII")
    }

    #[test]
    fn a_signature_names_what_it_covers() {
        let headers = signed(
            "https://bedrock-runtime.us-east-1.amazonaws.com/model/m/invoke",
            None,
        );
        assert_eq!(text(&headers, "x-amz-date"), "20260310T120000Z");
        assert_eq!(
            text(&headers, "x-amz-content-sha256"),
            "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
        );
        let authorization = text(&headers, "authorization");
        assert!(
            authorization.starts_with(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260310/us-east-1/bedrock/aws4_request, SignedHeaders=content-type;host;x-amz-content-sha256;x-amz-date, Signature="
            ),
            "{authorization}"
        );
        assert!(!headers.contains_key("x-amz-security-token"));
        assert!(!format!("{headers:?}").contains("Signature"));
    }

    #[test]
    fn a_session_token_is_sent_and_signed() {
        let headers = signed("https://h.example/model/m/invoke", Some("made-up-token"));
        assert_eq!(text(&headers, "x-amz-security-token"), "made-up-token");
        assert!(text(&headers, "authorization").contains(";x-amz-security-token,"));
    }

    #[test]
    fn a_path_is_signed_as_botocore_signs_it() {
        // Worked out by botocore 1.43 for the same requests, over the same headers.
        for (path, signature) in [
            (
                "m%3A0",
                "ec3312cf7375d95db15b89c2092e46e27cef236c952644b9c90c9f935c368a35",
            ),
            (
                "arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Aapplication-inference-profile%2Fa1",
                "eadac28c90db966a865f2f403db240706e59bc4732566c8ed1d995f5fb16edc1",
            ),
        ] {
            let url = format!("https://h.example/model/{path}/invoke");
            let headers = signed(&url, Some("made-up-token"));
            let authorization = text(&headers, "authorization");
            assert!(authorization.ends_with(signature), "{authorization}");
        }
    }
}
