//! What the use cases tell a caller instead of an answer, as a problem.

use std::time::Duration;

use http::StatusCode;

use super::{Code, Problem};
use crate::domain::{Caller, Money, OrgName};
use crate::engine::limits::LimitName;
use crate::providers::Said;
use crate::usecases::Error;

impl Problem {
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
            Error::NoSuchModel { named, known } => {
                let detail = format!("{named} is no model of {org}; it has {known}");
                Self {
                    code: Code::NotFound,
                    detail: format!("model: {detail}").into(),
                    ..Self::invalid_at("/model", &detail)
                }
            }
            Error::Unfit(fault) => Self::invalid(vec![fault.clone()]),
            Error::Rejected { status, said } => {
                let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_REQUEST);
                let code = match status {
                    StatusCode::PAYLOAD_TOO_LARGE => Code::TooLarge,
                    _ => Code::InvalidRequest,
                };
                Self {
                    said: Some(Box::new((status, said.clone()))),
                    ..Self::new(code, error.to_string())
                }
            }
            Error::BatchesClosed => Self::new(Code::NotFound, closed(org)),
            Error::NoSuchBatch => Self::new(
                Code::NotFound,
                format!("there is no batch of {org} with this id"),
            ),
            Error::NotBatched(why) => Self::new(Code::NotFound, why.clone()),
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
                let (code, detail) = limited(org, *limit, budget.unwrap_or_default());
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
                said: Some(Box::new((
                    StatusCode::TOO_MANY_REQUESTS,
                    Said {
                        kind: "rate_limit_error".to_owned(),
                        message: error.to_string(),
                    },
                ))),
                ..retry(Code::Overloaded, error.to_string(), Some(*retry_in))
            },
            Error::StoreDown { retry_in } => {
                retry(Code::SharedStoreDown, error.to_string(), Some(*retry_in))
            }
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
}

/// That `org` has no batches, and who could change that.
fn closed(org: &OrgName) -> String {
    format!(
        "message batches are not open to {org}; an operator opens them with batches = true in its [[orgs]]"
    )
}

/// What `org` has used up.
fn limited(org: &OrgName, limit: LimitName, budget: Money) -> (Code, String) {
    match limit {
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
    }
}
