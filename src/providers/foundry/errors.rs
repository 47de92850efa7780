//! What Foundry says instead of an answer.
//!
//! The model answers in Claude's envelope. Azure's edge answers in its own: `{"error":{"code","message"}}`, or
//! `{"statusCode","message"}` where a key is wrong. Azure names deployments and resources, so of its words only those
//! about the request itself go to the caller.

use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use crate::providers::provider::Error;
use crate::providers::wire;

#[derive(Deserialize)]
struct Wire {
    error: Azure,
}

#[derive(Deserialize)]
struct Azure {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

/// What an error answer means.
pub fn refused(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
    let mut error = wire::refused(status, headers, body);
    let azure = serde_json::from_slice::<Wire>(body).ok();
    let azure = azure
        .map(|wire| wire.error)
        .filter(|azure| azure.kind.is_none());
    if let Some(message) = azure.and_then(|azure| azure.message) {
        let said = wire::said(wire::kind_of(error.fault), &message);
        error = wire::error(error.fault, headers, said);
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::provider::Fault;

    fn told(status: u16, body: &str) -> Error {
        let status = StatusCode::from_u16(status).expect("a status");
        refused(status, &HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn both_envelopes_are_read() {
        let claude = r#"{"type":"error","error":{"type":"invalid_request_error","message":"m"}}"#;
        assert_eq!(told(400, claude).said.expect("words").message, "m");
        let azure = r#"{"error":{"code":"BadRequest","message":"m","type":null}}"#;
        let said = told(400, azure).said.expect("words");
        assert_eq!(
            (said.kind.as_str(), said.message.as_str()),
            ("invalid_request_error", "m")
        );
        let missing = r#"{"error":{"code":"DeploymentNotFound","message":"m"}}"#;
        assert_eq!(told(404, missing).fault, Fault::Denied(404));
        assert_eq!(told(404, missing).said, None);
        let key = r#"{"statusCode":401,"message":"Unauthorized"}"#;
        assert_eq!(told(401, key).fault, Fault::Denied(401));
        assert_eq!(told(429, "").fault, Fault::RateLimited);
    }
}
