//! What Vertex says instead of an answer.
//!
//! Two speak there: Google's edge in its own envelope, at times inside of a list, and the model in Claude's. Google's
//! 429 names no time to wait. Its `FAILED_PRECONDITION` is a 400 about our project (the model is not enabled, a policy
//! forbids it), so another target is asked. Google names projects and accounts, so of its words only those about the
//! request itself go to the caller.

use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use crate::providers::provider::{Error, Fault};
use crate::providers::wire;

#[derive(Deserialize)]
struct Wire {
    error: Google,
}

#[derive(Deserialize)]
struct Google {
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default, rename = "type")]
    kind: Option<String>,
}

/// What an error answer means.
pub fn refused(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
    let told: Option<Value> = serde_json::from_slice(body).ok();
    let told = told.map(|told| match told {
        Value::Array(list) => list.into_iter().next().unwrap_or_default(),
        one => one,
    });
    let Some(told) = told else {
        return wire::refused(status, headers, body);
    };
    let google = serde_json::from_value::<Wire>(told.clone())
        .ok()
        .map(|wire| wire.error)
        .filter(|error| error.kind.is_none());
    let Some(google) = google else {
        return wire::refused(status, headers, told.to_string().as_bytes());
    };
    let fault = match (google.status.as_deref(), wire::fault_of(status)) {
        (Some("FAILED_PRECONDITION"), Fault::Rejected(number)) => Fault::Denied(number),
        (_, fault) => fault,
    };
    let said = google
        .message
        .and_then(|message| wire::said(wire::kind_of(fault), &message));
    wire::error(fault, headers, said)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: u16, body: &str) -> Error {
        let status = StatusCode::from_u16(status).expect("a status");
        refused(status, &HeaderMap::new(), body.as_bytes())
    }

    fn google(code: u16, status: &str) -> String {
        format!(
            r#"{{"error":{{"code":{code},"message":"said","status":"{status}","details":[]}}}}"#
        )
    }

    #[test]
    fn googles_envelope_is_read_alone_and_in_a_list() {
        for (code, status, fault) in [
            (400, "INVALID_ARGUMENT", Fault::Rejected(400)),
            (400, "FAILED_PRECONDITION", Fault::Denied(400)),
            (401, "UNAUTHENTICATED", Fault::Denied(401)),
            (403, "PERMISSION_DENIED", Fault::Denied(403)),
            (404, "NOT_FOUND", Fault::Denied(404)),
            (429, "RESOURCE_EXHAUSTED", Fault::RateLimited),
            (499, "CANCELLED", Fault::Failed(499)),
            (500, "INTERNAL", Fault::Failed(500)),
            (503, "UNAVAILABLE", Fault::Overloaded(503)),
            (504, "DEADLINE_EXCEEDED", Fault::Failed(504)),
        ] {
            for body in [google(code, status), format!("[{}]", google(code, status))] {
                let error = told(code, &body);
                assert_eq!(error.fault, fault, "{body}");
                assert_eq!(error.retry_after, None);
                let rejected = matches!(fault, Fault::Rejected(_));
                assert_eq!(error.said.is_some(), rejected, "{body}");
            }
        }
        let said = told(400, &google(400, "INVALID_ARGUMENT")).said;
        assert_eq!(said.expect("words").kind, "invalid_request_error");
    }

    #[test]
    fn claudes_envelope_is_read_as_at_the_claude_api() {
        let claude = r#"{"type":"error","error":{"type":"invalid_request_error","message":"m"}}"#;
        assert_eq!(told(400, claude).said.expect("words").message, "m");
        let listed = format!("[{claude}]");
        assert_eq!(told(400, &listed).said.expect("words").message, "m");
        let overloaded = r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#;
        assert_eq!(told(529, overloaded).fault, Fault::Overloaded(529));
        assert_eq!(told(429, "<html>").fault, Fault::RateLimited);
        assert_eq!(told(404, "[]").fault, Fault::Denied(404));
    }
}
