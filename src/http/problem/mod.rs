//! The only file that turns an error into a status: RFC 9457 problem documents.
//!
//! # Why
//! One shape everywhere, flat and short, because a Flow shows `detail` in its fault e-mail and External Services reads
//! no headers: whatever a header says of an error stands in the body as well. `detail` never carries a prompt, a record
//! value, a secret or an upstream's words; the chain of sources goes to the log.

mod about;
mod oauth;
mod openai;
mod tongue;

pub use oauth::WireTokenError;
pub use openai::WireChatError;
pub use tongue::{Tongue, WireClaudeError};

use std::borrow::Cow;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{RequestId, Scope};
use crate::identity::Refusal;
use crate::providers::Said;
use crate::salesforce::Fault;

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
    said: Option<Box<(StatusCode, Said)>>,
    oauth: Option<oauth::Told>,
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
            oauth: None,
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

    /// Nobody was recognised; where the answer was slowed, `wait` tells how long others like it will be.
    pub fn refusing(refusal: Refusal, wait: Option<Duration>) -> Self {
        let code = match refusal {
            Refusal::Expired => Code::TokenExpired,
            Refusal::Crowded => {
                let minute = Duration::from_mins(1);
                return Self::retryable(Code::RateLimited, refusal.to_string(), minute);
            }
            Refusal::Missing
            | Refusal::Unreadable
            | Refusal::Unknown
            | Refusal::Disagree
            | Refusal::Unfit(_)
            | Refusal::Replayed => Code::Unauthenticated,
        };
        Self {
            retry_after: wait,
            ..Self::new(code, refusal.to_string())
        }
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
    use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};

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
            header(Problem::refusing(Refusal::Unknown, None)),
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
