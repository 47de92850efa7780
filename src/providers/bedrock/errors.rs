//! What AWS says instead of an answer, and what that means here.
//!
//! A shape's name stands in a header, else in the body; where neither has one, the status tells.
//! `ServiceQuotaExceededException` is a 400 that says nothing of the request: our account is used up, so another target
//! is asked and the caller is not told to change its request. AWS names accounts, roles and keys in its refusals, so of
//! those nothing goes to the caller.

use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use crate::providers::provider::{Error, Fault};
use crate::providers::wire;

#[derive(Deserialize, Default)]
struct Wire {
    #[serde(default, alias = "Message")]
    message: Option<String>,
    #[serde(default, rename = "__type")]
    shape: Option<String>,
}

/// What an error answer means. The Messages API may answer in Claude's own form as well.
pub fn refused(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
    let told: Wire = serde_json::from_slice(body).unwrap_or_default();
    let header = headers.get("x-amzn-errortype");
    let named = header.and_then(|value| value.to_str().ok());
    let Some(shape) = named.or(told.shape.as_deref()).map(bare) else {
        if told.message.is_none() {
            return wire::refused(status, headers, body);
        }
        return error(wire::fault_of(status), headers, told.message);
    };
    error(of_shape(shape, status), headers, told.message)
}

fn error(fault: Fault, headers: &HeaderMap, message: Option<String>) -> Error {
    let said = message.and_then(|message| wire::said(wire::kind_of(fault), &message));
    wire::error(fault, headers, said)
}

/// `ThrottlingException` of `com.amazon.coral#ThrottlingException:http://…`.
fn bare(shape: &str) -> &str {
    let shape = shape.split(':').next().unwrap_or(shape);
    shape.rsplit('#').next().unwrap_or(shape)
}

fn of_shape(shape: &str, status: StatusCode) -> Fault {
    let number = status.as_u16();
    match shape {
        "ValidationException" | "ConflictException" => Fault::Rejected(number),
        "ServiceQuotaExceededException"
        | "AccessDeniedException"
        | "ResourceNotFoundException"
        | "UnrecognizedClientException"
        | "ExpiredTokenException"
        | "InvalidSignatureException"
        | "IncompleteSignatureException"
        | "MissingAuthenticationTokenException" => Fault::Denied(number),
        "ModelTimeoutException"
        | "ModelErrorException"
        | "ModelStreamErrorException"
        | "InternalServerException" => Fault::Failed(number),
        "ThrottlingException" | "ModelNotReadyException" => Fault::RateLimited,
        "ServiceUnavailableException" => Fault::Overloaded(number),
        _ => wire::fault_of(status),
    }
}

/// What Claude calls the error that an exception amid a stream tells, and what the caller may read of it.
pub fn amid_a_stream(exception: &str, message: &str) -> (&'static str, String) {
    // In a stream the names begin with a small letter.
    let kind = match exception {
        "throttlingException" | "modelNotReadyException" => "rate_limit_error",
        "serviceUnavailableException" => "overloaded_error",
        "validationException" | "conflictException" => "invalid_request_error",
        "modelTimeoutException" => "timeout_error",
        "accessDeniedException" => return ours("permission_error"),
        "serviceQuotaExceededException" => return ours("invalid_request_error"),
        "resourceNotFoundException" => return ours("not_found_error"),
        _ => "api_error",
    };
    let message = if message.is_empty() {
        "the provider ended the answer".to_owned()
    } else {
        wire::said(kind, message).map_or_else(String::new, |said| said.message)
    };
    (kind, message)
}

/// What lies between AWS and us is not told to callers.
fn ours(kind: &'static str) -> (&'static str, String) {
    (kind, "the provider refused our account or model".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: u16, shape: Option<&str>, body: &str) -> Error {
        let mut headers = HeaderMap::new();
        if let Some(shape) = shape {
            headers.insert("x-amzn-errortype", shape.parse().expect("a header"));
        }
        headers.insert("x-amzn-requestid", "id-1".parse().expect("a header"));
        let status = StatusCode::from_u16(status).expect("a status");
        refused(status, &headers, body.as_bytes())
    }

    #[test]
    fn each_shape_is_told_apart_by_what_can_be_done() {
        let body = r#"{"message":"said"}"#;
        for (shape, status, fault) in [
            ("ValidationException", 400, Fault::Rejected(400)),
            ("ConflictException", 400, Fault::Rejected(400)),
            ("ServiceQuotaExceededException", 400, Fault::Denied(400)),
            ("AccessDeniedException", 403, Fault::Denied(403)),
            ("UnrecognizedClientException", 403, Fault::Denied(403)),
            ("ResourceNotFoundException", 404, Fault::Denied(404)),
            ("ModelTimeoutException", 408, Fault::Failed(408)),
            ("ModelErrorException", 424, Fault::Failed(424)),
            ("ModelStreamErrorException", 424, Fault::Failed(424)),
            ("ThrottlingException", 429, Fault::RateLimited),
            ("ModelNotReadyException", 429, Fault::RateLimited),
            ("InternalServerException", 500, Fault::Failed(500)),
            ("ServiceUnavailableException", 503, Fault::Overloaded(503)),
            ("UnheardOfException", 418, Fault::Rejected(418)),
        ] {
            let by_header = told(status, Some(&format!("{shape}:http://x/")), body);
            assert_eq!(by_header.fault, fault, "{shape}");
            assert_eq!(by_header.upstream_id.as_deref(), Some("id-1"));
            let rejected = matches!(fault, Fault::Rejected(_));
            assert_eq!(by_header.said.is_some(), rejected, "{shape}");
            let by_body = format!(r#"{{"__type":"com.amazon#{shape}","Message":"said"}}"#);
            assert_eq!(told(status, None, &by_body).fault, fault, "{shape}");
        }
    }

    #[test]
    fn without_a_shape_the_status_tells() {
        let plain = told(400, None, r#"{"message":"too long"}"#);
        assert_eq!(plain.fault, Fault::Rejected(400));
        assert_eq!(plain.said.expect("words").message, "too long");
        assert_eq!(told(429, None, "").fault, Fault::RateLimited);
        assert_eq!(told(503, None, "<html>").fault, Fault::Overloaded(503));
        let claude = r#"{"type":"error","error":{"type":"invalid_request_error","message":"m"}}"#;
        assert_eq!(told(400, None, claude).said.expect("words").message, "m");
    }

    #[test]
    fn what_lies_between_aws_and_us_is_not_told() {
        let (kind, message) =
            amid_a_stream("accessDeniedException", "arn:aws:iam::1:user/x may not");
        assert_eq!(kind, "permission_error");
        assert!(!message.contains("arn"), "{message}");
        let (kind, message) = amid_a_stream("unheardOfException", "");
        assert_eq!((kind, message.is_empty()), ("api_error", false));
    }
}
