//! How a problem is told: in its own document, in Claude's form or in OpenAI's.
//!
//! # Why
//! A client of somebody else's API reads that API's errors and no others. What happened is the same, so the problem is made
//! once, and only its telling differs from door to door.

use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Code, Problem};
use crate::domain::RequestId;

/// How a door's callers expect an error to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tongue {
    /// RFC 9457.
    Problem,
    /// The same document as plain JSON, for callers that cannot read another media type.
    PlainProblem,
    /// Claude's own form, on `/v1/…`.
    Claude,
    /// OpenAI's form, on `/chat/completions`.
    OpenAi,
    /// That of RFC 6749, on `/oauth/…`.
    OAuth,
}

/// An error in Claude's own form.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = ClaudeError)]
pub struct WireClaudeError<'a> {
    /// Always `error`.
    #[serde(rename = "type")]
    #[schema(example = "error")]
    kind: &'static str,
    /// The error itself.
    error: WireClaudeErrorBody<'a>,
    /// The id of the call, for whoever looks into the log.
    request_id: &'a str,
}

/// What is wrong, in Claude's own form.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = ClaudeErrorBody)]
pub struct WireClaudeErrorBody<'a> {
    /// The type of error.
    #[serde(rename = "type")]
    #[schema(example = "rate_limit_error")]
    kind: &'a str,
    /// What happened.
    message: &'a str,
}

impl Problem {
    /// Its answer, in the tongue that its caller speaks.
    pub(in crate::http) fn response(&self, request_id: &RequestId, tongue: Tongue) -> Response {
        let (status, body) = match tongue {
            Tongue::Problem | Tongue::PlainProblem => {
                let document = serde_json::to_vec(&self.document(request_id));
                (self.code.status(), document)
            }
            Tongue::Claude => {
                let error = serde_json::to_vec(&self.as_claude(request_id));
                (self.status_of_claude(), error)
            }
            Tongue::OpenAi => {
                let error = serde_json::to_vec(&self.as_openai());
                (self.said_status(), error)
            }
            Tongue::OAuth => {
                let error = serde_json::to_vec(&self.as_oauth());
                (self.code.status(), error)
            }
        };
        let mut response = Response::new(Body::from(body.expect("a problem is plain data")));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        let media_type = match tongue {
            Tongue::Problem => "application/problem+json; charset=utf-8",
            Tongue::PlainProblem | Tongue::Claude | Tongue::OpenAi | Tongue::OAuth => {
                "application/json; charset=utf-8"
            }
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        if let Some(value) = self.retry_after_header() {
            headers.insert(RETRY_AFTER, value);
        }
        if matches!(tongue, Tongue::Claude | Tongue::OpenAi) && self.is_given_up() {
            let name = HeaderName::from_static("x-should-retry");
            headers.insert(name, HeaderValue::from_static("false"));
        }
        if let Some(value) = self.challenge() {
            headers.insert(WWW_AUTHENTICATE, value);
        }
        if tongue == Tongue::OAuth {
            // What the token endpoint says is for this once (RFC 6749, 5.1).
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        response
    }

    /// The type of error that Claude would name.
    fn type_of_claude(&self) -> &'static str {
        match self.code {
            Code::InvalidRequest
            | Code::MethodNotAllowed
            | Code::UnsupportedMediaType
            | Code::IdempotencyMismatch
            | Code::ModelRefused
            | Code::OverLimit => "invalid_request_error",
            Code::Unauthenticated | Code::TokenExpired => "authentication_error",
            Code::Forbidden => "permission_error",
            Code::NotFound => "not_found_error",
            Code::TooLarge => "request_too_large",
            Code::RateLimited | Code::TokensLimited | Code::BudgetSpent | Code::TooManyInFlight => {
                "rate_limit_error"
            }
            Code::Overloaded | Code::Draining | Code::SharedStoreDown => "overloaded_error",
            Code::RequestTimeout | Code::DeadlinePassed | Code::NotCached => "timeout_error",
            Code::Internal
            | Code::UpstreamRefused
            | Code::AnswerInvalid
            | Code::AnswerCut
            | Code::UpstreamFailed => "api_error",
        }
    }

    /// The status that Claude would give: its own for having no room is 529.
    fn status_of_claude(&self) -> StatusCode {
        match self.code {
            Code::Overloaded if self.said.is_none() => StatusCode::from_u16(529).expect("a status"),
            _ => self.said_status(),
        }
    }

    pub(super) fn said_status(&self) -> StatusCode {
        let said = self.said.as_deref().map(|(status, _)| *status);
        said.unwrap_or(self.code.status())
    }

    /// Whether the gateway has tried whatever there is, so that a client which tries again only multiplies that.
    fn is_given_up(&self) -> bool {
        match self.code {
            Code::BudgetSpent
            | Code::UpstreamRefused
            | Code::UpstreamFailed
            | Code::Overloaded
            | Code::DeadlinePassed
            | Code::AnswerInvalid
            | Code::AnswerCut => true,
            _ => !self.retryable,
        }
    }

    fn as_claude<'a>(&'a self, request_id: &'a RequestId) -> WireClaudeError<'a> {
        let (kind, message) = self.in_words();
        WireClaudeError {
            kind: "error",
            error: WireClaudeErrorBody { kind, message },
            request_id: request_id.as_str(),
        }
    }

    /// The type and the message: the provider's own where it has said something to the client.
    fn in_words(&self) -> (&str, &str) {
        match self.said.as_deref() {
            Some((_, said)) => (said.kind.as_str(), said.message.as_str()),
            None => (self.type_of_claude(), &*self.detail),
        }
    }

    /// Whole seconds, rounded up, on every 429, 503 and 504, and on a 401 that was slowed (RFC 9110, 10.2.3, knows no
    /// fractions).
    fn retry_after_header(&self) -> Option<HeaderValue> {
        let status = self.code.status().as_u16();
        let is_slowed = status == 401 && self.retry_after.is_some();
        (is_slowed || matches!(status, 429 | 503 | 504)).then(|| {
            let wait = self.retry_after.unwrap_or_default();
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            HeaderValue::from(seconds.max(1))
        })
    }

    /// RFC 6750: what would let the caller in. Salesforce fetches a new token on a 401 and on nothing else.
    fn challenge(&self) -> Option<HeaderValue> {
        match (self.code.status().as_u16(), self.scope) {
            // Whoever came by Basic is told that Basic is right (RFC 6749, 5.2).
            (401, _) if self.is_of_basic() => Some(HeaderValue::from_static(
                r#"Basic realm="belay", Bearer error="invalid_token""#,
            )),
            (401, _) => Some(HeaderValue::from_static(r#"Bearer error="invalid_token""#)),
            (403, Some(scope)) => {
                let text = format!(r#"Bearer error="insufficient_scope", scope="{scope}""#);
                HeaderValue::from_str(&text).ok()
            }
            _ => None,
        }
    }
}
