//! What a caller can be told instead of an answer: one variant for each thing that it would do differently.

use std::sync::Arc;
use std::time::Duration;

use crate::domain::{Alias, Money};
use crate::engine::dispatch;
use crate::engine::limits::{LimitName, Refusal};
use crate::providers::{self, Said};
use crate::salesforce::Fault;

/// Why there is no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The caller names a model that its org does not have.
    #[error("model {named} is not one of {known}")]
    UnknownModel {
        /// What was asked for.
        named: Alias,
        /// The aliases that the org has, as a list.
        known: String,
    },
    /// A client names a model that its org does not have.
    #[error("model {named} is not one of {known}")]
    NoSuchModel {
        /// What was asked for.
        named: Alias,
        /// The names that the org has, as a list.
        known: String,
    },
    /// A client's own request holds what its org does not let through.
    #[error("{0}")]
    Unfit(Fault),
    /// A provider rejected a client's own request, and says why.
    #[error("the provider rejected the request ({status})")]
    Rejected {
        /// The status.
        status: u16,
        /// Its words, which may quote the request: for the client alone.
        said: Said,
    },
    /// None of the providers behind a model offers this.
    #[error("{0} is not offered by the model's providers")]
    NotOffered(&'static str),
    /// The org may not use batches.
    #[error("message batches are not open to this org")]
    BatchesClosed,
    /// No batch of the org has this id.
    #[error("there is no such batch")]
    NoSuchBatch,
    /// No one provider takes all requests of a batch; which model is in the way.
    #[error("{0}")]
    NotBatched(String),
    /// The org's privacy rules leave nothing of what the task cannot do without.
    #[error("{0} is kept back by the org's privacy rules")]
    Withheld(Fault),
    /// A limit of the org, or of the user, is used up.
    #[error("{limit} is used up")]
    Limited {
        /// Which limit.
        limit: LimitName,
        /// Its size, where it is money.
        budget: Option<Money>,
        /// After this the same call may be let in.
        retry_in: Duration,
    },
    /// The call alone needs more than the whole limit.
    #[error("one call needs {need}, and {limit} is {maximum}")]
    OverLimit {
        /// Which limit.
        limit: LimitName,
        /// What the call needs.
        need: String,
        /// What there is.
        maximum: String,
    },
    /// No answer in time. What is under way goes on; a repeat may find it in the cache.
    #[error("no answer before the deadline")]
    Late,
    /// The caller wants only what is cached, and nothing is.
    #[error("no answer is cached, and only a cached one was asked for")]
    NotCached,
    /// The model refused.
    #[error("the model refused to answer")]
    ModelRefused,
    /// The model's answer broke its schema, also when asked again.
    #[error("the model's answer does not have the asked-for form")]
    AnswerInvalid,
    /// The model ran out of tokens, also with twice the room.
    #[error("the model ran out of room before its answer was whole")]
    AnswerCut,
    /// The providers have no room: a later call may find some.
    #[error("every route to the model is overloaded or resting")]
    Overloaded {
        /// After this it may be tried again.
        retry_in: Duration,
    },
    /// The providers limit our rate, which a client of the Claude API knows how to take.
    #[error("every route to the model is limited in its rate")]
    RateLimitedUpstream {
        /// After this it may be tried again.
        retry_in: Duration,
    },
    /// What the replicas have used cannot be looked up, and what is set apart for that does not do.
    #[error("the store behind the replicas is down")]
    StoreDown {
        /// After this it may be tried again.
        retry_in: Duration,
    },
    /// A provider rejected our request or our account.
    #[error("the provider rejected the request")]
    UpstreamRefused(#[source] Arc<providers::Error>),
    /// Every route failed.
    #[error("every route to the model failed")]
    UpstreamFailed(#[source] Arc<providers::Error>),
    /// The same idempotency key came with another body.
    #[error("the idempotency key was used with another body")]
    IdempotencyMismatch,
    /// A defect of ours.
    #[error("something went wrong inside the gateway")]
    Internal,
}

/// How long to stay away where nobody says.
pub const A_MOMENT: Duration = Duration::from_secs(1);
/// How long to stay away for the store's sake.
const DARK: Duration = Duration::from_secs(2);

impl Error {
    /// What cannot be looked up at the store.
    pub fn dark() -> Self {
        Self::StoreDown { retry_in: DARK }
    }

    /// Whether the same call may succeed later, so that its idempotency key is free again.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::UnknownModel { .. }
            | Self::NoSuchModel { .. }
            | Self::Unfit(_)
            | Self::Rejected { .. }
            | Self::NotOffered(_)
            | Self::BatchesClosed
            | Self::NoSuchBatch
            | Self::NotBatched(_)
            | Self::Withheld(_)
            | Self::OverLimit { .. }
            | Self::NotCached
            | Self::ModelRefused
            | Self::UpstreamRefused(_)
            | Self::IdempotencyMismatch => false,
            Self::Limited { .. }
            | Self::Late
            | Self::AnswerInvalid
            | Self::AnswerCut
            | Self::Overloaded { .. }
            | Self::RateLimitedUpstream { .. }
            | Self::StoreDown { .. }
            | Self::UpstreamFailed(_)
            | Self::Internal => true,
        }
    }

    /// The problem's code, as the contract has it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Rejected { status: 413, .. } => "too-large",
            Self::UnknownModel { .. }
            | Self::Unfit(_)
            | Self::Rejected { .. }
            | Self::Withheld(_) => "invalid-request",
            Self::NoSuchModel { .. }
            | Self::NotOffered(_)
            | Self::BatchesClosed
            | Self::NoSuchBatch
            | Self::NotBatched(_) => "not-found",
            Self::Limited { limit, .. } => match limit {
                LimitName::RequestsPerMinute => "rate-limited",
                LimitName::TokensPerMinute => "tokens-limited",
                LimitName::CallsInFlight => "too-many-in-flight",
                LimitName::BudgetPerDay | LimitName::BudgetPerMonth => "budget-spent",
            },
            Self::OverLimit { .. } => "over-limit",
            Self::Late => "deadline-passed",
            Self::NotCached => "not-cached",
            Self::ModelRefused => "model-refused",
            Self::AnswerInvalid => "answer-invalid",
            Self::AnswerCut => "answer-cut",
            Self::Overloaded { .. } | Self::RateLimitedUpstream { .. } => "overloaded",
            Self::StoreDown { .. } => "shared-store-down",
            Self::UpstreamRefused(_) => "upstream-refused",
            Self::UpstreamFailed(_) => "upstream-failed",
            Self::IdempotencyMismatch => "idempotency-mismatch",
            Self::Internal => "internal",
        }
    }

    /// Whether a repeat with the same idempotency key is told this again: only what was paid for and will not change.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::ModelRefused)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Spent {
                limit,
                budget,
                retry_in,
            } => Self::Limited {
                limit,
                budget,
                retry_in,
            },
            Refusal::OverLimit {
                limit,
                need,
                maximum,
            } => Self::OverLimit {
                limit,
                need,
                maximum,
            },
            Refusal::Late => Self::Late,
            Refusal::StoreDown { retry_in } => Self::StoreDown { retry_in },
        }
    }
}

impl From<dispatch::Error> for Error {
    fn from(error: dispatch::Error) -> Self {
        match error {
            dispatch::Error::Refused(refusal) => refusal.into(),
            dispatch::Error::Late => Self::Late,
            dispatch::Error::Resting { retry_in } => Self::Overloaded { retry_in },
            dispatch::Error::Upstream(error) => match error.fault {
                providers::Fault::RateLimited | providers::Fault::Overloaded(_) => {
                    Self::Overloaded {
                        retry_in: error.retry_after.unwrap_or(A_MOMENT),
                    }
                }
                providers::Fault::Denied(_) | providers::Fault::Rejected(_) => {
                    Self::UpstreamRefused(Arc::new(error))
                }
                providers::Fault::NoCredentials
                | providers::Fault::Unreachable
                | providers::Fault::Cut
                | providers::Fault::Hung
                | providers::Fault::Malformed
                | providers::Fault::Failed(_) => Self::UpstreamFailed(Arc::new(error)),
            },
        }
    }
}
