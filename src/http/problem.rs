//! The only file that turns an error into a status: RFC 9457 problem documents.
//!
//! # Why
//! One shape everywhere, flat and short, because a Flow shows `detail` in its fault e-mail and External Services reads
//! no headers: whatever a header says of an error stands in the body as well. `detail` never carries a prompt, a record
//! value, a secret or an upstream's words; the chain of sources goes to the log.

use std::borrow::Cow;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{Caller, RequestId, Scope};
use crate::engine::limits::LimitName;
use crate::identity::Refusal;
use crate::providers::Said;
use crate::salesforce::Fault;
use crate::usecases::Error;

/// Why a call was not answered. It becomes its document at the door, where the call's id is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which problem.
    pub code: Code,
    detail: Cow<'static, str>,
    retryable: bool,
    retry_after: Option<Duration>,
    errors: Vec<Fault>,
    scope: Option<Scope>,
    said: Option<(StatusCode, Said)>,
}

/// What went wrong: for programs by `code` and `retryable`, for people by `title` and `detail` (RFC 9457).
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct WireProblem {
    /// The problem's address, which names its kind: `/problems/` and the code.
    #[serde(rename = "type")]
    #[schema(example = "/problems/budget-spent")]
    pub kind: String,
    /// The kind in words.
    #[schema(example = "Budget spent")]
    pub title: String,
    /// The HTTP status.
    #[schema(example = 429)]
    pub status: u16,
    /// What happened, in at most 255 characters.
    #[schema(example = "acme-prod has spent its $50.00 for today", max_length = 255)]
    pub detail: String,
    /// The kind, for programs.
    #[schema(value_type = Code, example = "budget-spent")]
    pub code: &'static str,
    /// Whether the same call may succeed after `retry_after_ms`.
    pub retryable: bool,
    /// Milliseconds to stay away; 0 where there is no need to or no use in it.
    pub retry_after_ms: u64,
    /// The id of the call, for whoever looks into the log.
    pub request_id: String,
    /// What is wrong with the request, place by place.
    pub errors: Vec<WireFault>,
}

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = ProblemError)]
pub struct WireFault {
    /// Where: a JSON pointer into the body.
    #[schema(example = "/record")]
    pub pointer: String,
    /// What would be right, in at most 255 characters.
    #[schema(max_length = 255)]
    pub detail: String,
}

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

macro_rules! codes {
    ($(#[doc = $doc:literal] $name:ident = $status:literal $text:literal),+ $(,)?) => {
        /// The kind of a problem: part of the contract.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ToSchema)]
        pub enum Code {
            $(#[doc = $doc] #[schema(rename = $text)] $name),+
        }

        impl Code {
            /// Every kind there is.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The kind's name in `code` and behind `/problems/`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }

            /// Its HTTP status.
            pub fn status(self) -> StatusCode {
                let status = match self { $(Self::$name => $status),+ };
                StatusCode::from_u16(status).expect("the table holds statuses")
            }

            /// What it means, in a sentence.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => $doc),+ }.trim()
            }
        }
    };
}

codes! {
    /// The request is not what the endpoint takes.
    InvalidRequest = 400 "invalid-request",
    /// No credential proved an org.
    Unauthenticated = 401 "unauthenticated",
    /// The token's time is over.
    TokenExpired = 401 "token-expired",
    /// The credential lacks the scope.
    Forbidden = 403 "forbidden",
    /// There is no such path.
    NotFound = 404 "not-found",
    /// The path does not take this method.
    MethodNotAllowed = 405 "method-not-allowed",
    /// The body did not arrive in time.
    RequestTimeout = 408 "request-timeout",
    /// The body is too large.
    TooLarge = 413 "too-large",
    /// The body is not JSON by its headers.
    UnsupportedMediaType = 415 "unsupported-media-type",
    /// The idempotency key came with another body before.
    IdempotencyMismatch = 422 "idempotency-mismatch",
    /// The model refused.
    ModelRefused = 422 "model-refused",
    /// The call alone needs more than the whole limit or budget.
    OverLimit = 422 "over-limit",
    /// The minute's calls are used up.
    RateLimited = 429 "rate-limited",
    /// The minute's tokens are used up.
    TokensLimited = 429 "tokens-limited",
    /// The day's or month's money is spent.
    BudgetSpent = 429 "budget-spent",
    /// Too many calls are under way.
    TooManyInFlight = 429 "too-many-in-flight",
    /// A defect of the gateway.
    Internal = 500 "internal",
    /// The provider rejected our request or account.
    UpstreamRefused = 502 "upstream-refused",
    /// The model's answer did not have the asked-for form.
    AnswerInvalid = 502 "answer-invalid",
    /// The model's answer did not fit.
    AnswerCut = 502 "answer-cut",
    /// Every provider failed.
    UpstreamFailed = 502 "upstream-failed",
    /// Every provider, or the gateway, has no room.
    Overloaded = 503 "overloaded",
    /// The gateway is stopping.
    Draining = 503 "draining",
    /// The store behind the replicas is down.
    SharedStoreDown = 503 "shared-store-down",
    /// No answer came in time.
    DeadlinePassed = 504 "deadline-passed",
    /// Nothing is cached, and nothing else was wanted.
    NotCached = 504 "not-cached",
}

impl Code {
    /// The kind in words.
    pub fn title(self) -> String {
        let words = self.as_str().replace('-', " ");
        let (first, rest) = words.split_at(1);
        first.to_uppercase() + rest
    }
}

impl Problem {
    /// A problem that the same call will meet again.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            detail: detail.into(),
            retryable: false,
            retry_after: None,
            errors: Vec::new(),
            scope: None,
            said: None,
        }
    }

    /// A problem that may have passed after `wait`.
    pub fn retryable(
        code: Code,
        detail: impl Into<Cow<'static, str>>,
        wait: impl Into<Option<Duration>>,
    ) -> Self {
        Self {
            retryable: true,
            retry_after: wait.into(),
            ..Self::new(code, detail)
        }
    }

    /// A request that is not what the endpoint takes. The first fault makes the detail.
    pub fn invalid(errors: Vec<Fault>) -> Self {
        let detail = match errors.as_slice() {
            [] => "the request is not what this endpoint takes".to_owned(),
            [one] => format!("{}: {}", place(&one.pointer), one.detail),
            [first, rest @ ..] => format!(
                "{}: {} ({} more in errors)",
                place(&first.pointer),
                first.detail,
                rest.len()
            ),
        };
        Self {
            errors,
            ..Self::new(Code::InvalidRequest, detail)
        }
    }

    /// One thing that is wrong with a request.
    pub fn invalid_at(pointer: &str, detail: &str) -> Self {
        Self::invalid(vec![Fault {
            pointer: pointer.to_owned(),
            detail: detail.to_owned(),
        }])
    }

    /// The credential lacks `scope`.
    pub fn lacks(scope: Scope) -> Self {
        Self {
            scope: Some(scope),
            ..Self::new(
                Code::Forbidden,
                format!("the credential lacks the scope {scope}"),
            )
        }
    }

    /// What a use case told `caller` instead of an answer.
    pub fn about(caller: &Caller, error: &Error) -> Self {
        let org = &caller.org.name;
        let retry =
            |code, detail: String, wait: Option<Duration>| Self::retryable(code, detail, wait);
        let moment = Some(Duration::from_secs(1));
        let problem = match error {
            Error::UnknownModel { named, known } => Self::invalid_at(
                "/model",
                &format!("{named} is no model of {org}; it has {known}"),
            ),
            Error::NoSuchModel { named, known } => Self::new(
                Code::NotFound,
                format!("model: {named} is no model of {org}; it has {known}"),
            ),
            Error::Unfit(fault) => Self::invalid(vec![fault.clone()]),
            Error::Rejected { status, said } => {
                let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_REQUEST);
                let code = match status {
                    StatusCode::PAYLOAD_TOO_LARGE => Code::TooLarge,
                    _ => Code::InvalidRequest,
                };
                Self {
                    said: Some((status, said.clone())),
                    ..Self::new(code, error.to_string())
                }
            }
            Error::NotOffered(_) => Self::new(Code::NotFound, error.to_string()),
            Error::Withheld(fault) => Self::invalid_at(
                &fault.pointer,
                "is kept back by the org's privacy rules, and this task cannot do without it",
            ),
            Error::Limited {
                limit,
                budget,
                retry_in,
            } => {
                let budget = budget.unwrap_or_default();
                let (code, detail) = match limit {
                    LimitName::RequestsPerMinute => (
                        Code::RateLimited,
                        format!("{org} has used up its calls for this minute"),
                    ),
                    LimitName::TokensPerMinute => (
                        Code::TokensLimited,
                        format!("{org} has used up its tokens for this minute"),
                    ),
                    LimitName::CallsInFlight => (
                        Code::TooManyInFlight,
                        format!("{org} has as many calls under way as it may"),
                    ),
                    LimitName::BudgetPerDay => (
                        Code::BudgetSpent,
                        format!("{org} has spent its {budget} for today"),
                    ),
                    LimitName::BudgetPerMonth => (
                        Code::BudgetSpent,
                        format!("{org} has spent its {budget} for this month"),
                    ),
                };
                retry(code, detail, Some(*retry_in))
            }
            Error::OverLimit { .. } => Self::new(Code::OverLimit, error.to_string()),
            Error::Late => retry(
                Code::DeadlinePassed,
                "no answer came before the deadline; what is under way goes on, so a repeat may find it"
                    .to_owned(),
                moment,
            ),
            Error::NotCached => Self {
                retry_after: moment,
                ..Self::new(Code::NotCached, error.to_string())
            },
            Error::ModelRefused => Self::new(Code::ModelRefused, error.to_string()),
            Error::AnswerInvalid => retry(Code::AnswerInvalid, error.to_string(), None),
            Error::AnswerCut => retry(Code::AnswerCut, error.to_string(), None),
            Error::Overloaded { retry_in } => {
                retry(Code::Overloaded, error.to_string(), Some(*retry_in))
            }
            Error::RateLimitedUpstream { retry_in } => Self {
                said: Some((
                    StatusCode::TOO_MANY_REQUESTS,
                    Said {
                        kind: "rate_limit_error".to_owned(),
                        message: error.to_string(),
                    },
                )),
                ..retry(Code::Overloaded, error.to_string(), Some(*retry_in))
            },
            Error::UpstreamRefused(_) => Self::new(Code::UpstreamRefused, error.to_string()),
            Error::UpstreamFailed(_) => retry(Code::UpstreamFailed, error.to_string(), None),
            Error::IdempotencyMismatch => {
                Self::new(Code::IdempotencyMismatch, error.to_string())
            }
            Error::Internal => retry(Code::Internal, error.to_string(), None),
        };
        debug_assert_eq!(
            problem.code.as_str(),
            error.code(),
            "what a caller is told and what the audit line says agree"
        );
        debug_assert_eq!(
            problem.retryable,
            error.is_retryable(),
            "what a caller is told and what frees its key agree: {error:?}"
        );
        problem
    }

    /// Its document, for the call of this id.
    pub fn document(&self, request_id: &RequestId) -> WireProblem {
        WireProblem {
            kind: format!("/problems/{}", self.code.as_str()),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            detail: short(&self.detail),
            code: self.code.as_str(),
            retryable: self.retryable,
            retry_after_ms: self.retry_after.map_or(0, |wait| {
                u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
            }),
            request_id: request_id.to_string(),
            errors: self
                .errors
                .iter()
                .map(|fault| WireFault {
                    pointer: fault.pointer.clone(),
                    detail: short(&fault.detail),
                })
                .collect(),
        }
    }

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
        };
        let mut response = Response::new(Body::from(body.expect("a problem is plain data")));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        let media_type = match tongue {
            Tongue::Problem => "application/problem+json; charset=utf-8",
            Tongue::PlainProblem | Tongue::Claude | Tongue::OpenAi => {
                "application/json; charset=utf-8"
            }
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        if let Some(value) = self.retry_after_header() {
            headers.insert(RETRY_AFTER, value);
        }
        if tongue == Tongue::Claude && self.is_given_up() {
            let name = HeaderName::from_static("x-should-retry");
            headers.insert(name, HeaderValue::from_static("false"));
        }
        if let Some(value) = self.challenge() {
            headers.insert(WWW_AUTHENTICATE, value);
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

    fn said_status(&self) -> StatusCode {
        let said = self.said.as_ref().map(|(status, _)| *status);
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
        match &self.said {
            Some((_, said)) => (said.kind.as_str(), said.message.as_str()),
            None => (self.type_of_claude(), &*self.detail),
        }
    }

    fn as_openai(&self) -> serde_json::Value {
        let (kind, message) = self.in_words();
        let param = self.errors.first().map(|fault| fault.pointer.as_str());
        serde_json::json!({
            "error": {"message": message, "type": kind, "param": param, "code": self.code.as_str()},
        })
    }

    /// Whole seconds, rounded up, on every 429, 503 and 504 (RFC 9110, 10.2.3, knows no fractions).
    fn retry_after_header(&self) -> Option<HeaderValue> {
        let status = self.code.status().as_u16();
        matches!(status, 429 | 503 | 504).then(|| {
            let wait = self.retry_after.unwrap_or_default();
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            HeaderValue::from(seconds.max(1))
        })
    }

    /// RFC 6750: what would let the caller in. Salesforce fetches a new token on a 401 and on nothing else.
    fn challenge(&self) -> Option<HeaderValue> {
        match (self.code.status().as_u16(), self.scope) {
            (401, _) => Some(HeaderValue::from_static(r#"Bearer error="invalid_token""#)),
            (403, Some(scope)) => {
                let text = format!(r#"Bearer error="insufficient_scope", scope="{scope}""#);
                HeaderValue::from_str(&text).ok()
            }
            _ => None,
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::new(Code::Unauthenticated, refusal.to_string())
    }
}

impl IntoResponse for Problem {
    /// Only the status and the problem itself: the outermost layer knows the call's id and writes the document.
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// What a bare status of a layer means as a problem.
pub fn of_status(status: StatusCode) -> Problem {
    let code = match status.as_u16() {
        401 => Code::Unauthenticated,
        403 => Code::Forbidden,
        404 => Code::NotFound,
        405 => Code::MethodNotAllowed,
        408 => Code::RequestTimeout,
        413 => Code::TooLarge,
        415 => Code::UnsupportedMediaType,
        400..=499 => Code::InvalidRequest,
        503 => Code::Overloaded,
        _ => Code::Internal,
    };
    Problem::new(code, code.title().to_lowercase())
}

fn place(pointer: &str) -> &str {
    if pointer.is_empty() {
        "the body"
    } else {
        pointer
    }
}

/// At most 255 characters: what a Salesforce text field holds.
fn short(text: &str) -> String {
    if text.chars().count() <= 255 {
        return text.to_owned();
    }
    text.chars().take(254).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> RequestId {
        RequestId::parse("r1").expect("an id")
    }

    #[test]
    fn a_wait_is_told_in_milliseconds_and_in_whole_seconds_rounded_up() {
        let problem =
            Problem::retryable(Code::RateLimited, "wait", Duration::from_micros(1_200_500));
        assert_eq!(problem.document(&id()).retry_after_ms, 1_201);
        let response = problem.response(&id(), Tongue::Problem);
        assert_eq!(response.headers()[RETRY_AFTER], "2");
    }

    #[test]
    fn a_detail_fits_into_a_text_field() {
        let problem = Problem::new(Code::Internal, "ü".repeat(400));
        assert_eq!(problem.document(&id()).detail.chars().count(), 255);
    }

    #[test]
    fn a_refusal_says_what_would_let_the_caller_in() {
        let header = |problem: Problem| {
            let response = problem.response(&id(), Tongue::PlainProblem);
            response.headers()[WWW_AUTHENTICATE].clone()
        };
        assert_eq!(
            header(Refusal::Unknown.into()),
            r#"Bearer error="invalid_token""#
        );
        assert_eq!(
            header(Problem::lacks(Scope::Tasks)),
            r#"Bearer error="insufficient_scope", scope="tasks""#
        );
    }

    #[test]
    fn every_code_reads_as_its_title() {
        assert_eq!(Code::TooManyInFlight.title(), "Too many in flight");
        assert_eq!(Code::ALL.len(), 26);
    }
}
