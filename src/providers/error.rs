//! Why a provider gives no answer, in what can be done about it.

use std::time::Duration;

/// What a provider says of a request that it rejects, in its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The kind of error, such as `invalid_request_error`.
    pub kind: String,
    /// The message, as it came. It may quote the request, so it goes to the caller alone and never into a log.
    pub message: String,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[error("{fault}")]
pub struct Error {
    /// What went wrong.
    pub fault: Fault,
    /// How long the provider asks us to stay away.
    pub retry_after: Option<Duration>,
    /// The provider's own id of the call, for its support.
    pub upstream_id: Option<String>,
    /// Its own words, where it rejected the request itself.
    pub said: Option<Said>,
}

/// What went wrong at a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No credential for the provider could be had: nothing was sent.
    #[error("no credential for the provider could be had")]
    NoCredentials,
    /// No connection, or no TLS: nothing was sent.
    #[error("no connection to the provider")]
    Unreachable,
    /// The connection ended after the question was sent and before the answer was whole.
    #[error("the provider's answer was cut off")]
    Cut,
    /// Nothing came within the longest life of a call.
    #[error("the provider did not answer within the longest life of a call")]
    Hung,
    /// A 200 whose body is no Messages answer.
    #[error("the provider answered with something that is no message")]
    Malformed,
    /// The provider asks for a pause: 429.
    #[error("the provider limits our rate")]
    RateLimited,
    /// The provider has no room: 503, 529.
    #[error("the provider is overloaded ({0})")]
    Overloaded(u16),
    /// Another failure that may pass: 408, 409, 5xx.
    #[error("the provider failed ({0})")]
    Failed(u16),
    /// Our account or the model is not to be had: 401, 402, 403, 404, a spend limit.
    #[error("the provider refused our account or model ({0})")]
    Denied(u16),
    /// Our request itself was refused: 400, 413, 422.
    #[error("the provider rejected the request ({0})")]
    Rejected(u16),
}

impl Fault {
    /// Whether the same target may be asked again.
    pub fn may_pass(self) -> bool {
        match self {
            Self::Unreachable
            | Self::Cut
            | Self::Malformed
            | Self::RateLimited
            | Self::Overloaded(_)
            | Self::Failed(_) => true,
            Self::NoCredentials | Self::Hung | Self::Denied(_) | Self::Rejected(_) => false,
        }
    }

    /// Whether another target may fare better.
    pub fn is_of_the_target(self) -> bool {
        !matches!(self, Self::Rejected(_))
    }

    /// Whether the breaker counts it: faults of theirs, never of a request.
    pub fn counts_against_the_target(self) -> bool {
        match self {
            Self::NoCredentials
            | Self::Unreachable
            | Self::Cut
            | Self::Hung
            | Self::Malformed
            | Self::Overloaded(_)
            | Self::Failed(_)
            | Self::Denied(_) => true,
            Self::RateLimited | Self::Rejected(_) => false,
        }
    }

    /// Whether tokens may have been spent although nobody will say how many.
    pub fn may_have_cost(self) -> bool {
        matches!(self, Self::Cut | Self::Hung | Self::Malformed)
    }

    /// The word for it in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoCredentials => "no_credentials",
            Self::Unreachable => "unreachable",
            Self::Cut => "cut",
            Self::Hung => "hung",
            Self::Malformed => "malformed",
            Self::RateLimited => "rate_limited",
            Self::Overloaded(_) => "overloaded",
            Self::Failed(_) => "failed",
            Self::Denied(_) => "denied",
            Self::Rejected(_) => "rejected",
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self {
            fault,
            retry_after: None,
            upstream_id: None,
            said: None,
        }
    }
}
