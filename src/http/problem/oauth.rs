//! How a problem is told at the token endpoint: by RFC 6749.
//!
//! # Why
//! A proof that fails is 401 here, too, also for an assertion, where RFC 6749 would have 400: whoever counts or slows
//! failed proofs looks at the status, and a client reads `error` all the same.

use std::borrow::Cow;

use serde::Serialize;
use utoipa::ToSchema;

use super::{Code, Problem};
use crate::identity::NoGrant;

/// What only the token endpoint says of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    error: &'static str,
    by_basic: bool,
}

/// Why no token is given (RFC 6749, 5.2).
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = TokenError)]
pub struct WireTokenError {
    /// `invalid_request`, `invalid_client`, `invalid_grant`, `invalid_scope`, `unsupported_grant_type`,
    /// `temporarily_unavailable` or `server_error`.
    #[schema(example = "invalid_client")]
    error: &'static str,
    /// What happened.
    #[schema(example = "the credential is not known")]
    error_description: String,
}

impl Problem {
    /// Why no token is given to a client that came by Basic, or did not. What a failed proof is told stands in `problem`.
    pub fn no_grant(why: &NoGrant, by_basic: bool, problem: Option<Self>) -> Self {
        let (code, error) = match why {
            NoGrant::NotOffered => (Code::NotFound, "invalid_request"),
            NoGrant::InvalidRequest(_) => (Code::InvalidRequest, "invalid_request"),
            NoGrant::UnsupportedGrantType => (Code::InvalidRequest, "unsupported_grant_type"),
            NoGrant::InvalidScope { .. } => (Code::InvalidRequest, "invalid_scope"),
            NoGrant::InvalidClient(_) => (Code::Unauthenticated, "invalid_client"),
            NoGrant::InvalidGrant(_) => (Code::Unauthenticated, "invalid_grant"),
            NoGrant::NotSigned => (Code::Internal, "server_error"),
        };
        let problem = problem.unwrap_or_else(|| Self::new(code, why.to_string()));
        Self {
            oauth: Some(Told { error, by_basic }),
            ..problem
        }
    }

    pub(super) fn is_of_basic(&self) -> bool {
        self.oauth.is_some_and(|told| told.by_basic)
    }

    pub(super) fn as_oauth(&self) -> WireTokenError {
        let by_code = match self.code.status().as_u16() {
            401 => "invalid_client",
            429 | 503 | 504 => "temporarily_unavailable",
            500.. => "server_error",
            _ => "invalid_request",
        };
        WireTokenError {
            error: match self.oauth {
                Some(told) if self.code.status().as_u16() != 429 => told.error,
                _ => by_code,
            },
            error_description: spoken(super::short(&self.detail)),
        }
    }
}

/// In the characters that RFC 6749 allows here: visible ASCII without quotes and backslashes.
fn spoken(detail: String) -> String {
    let plain = |c: char| matches!(c, ' '..='~') && c != '"' && c != '\\';
    let detail: Cow<'_, str> = detail.into();
    detail
        .chars()
        .map(|c| if plain(c) { c } else { '\'' })
        .collect()
}
