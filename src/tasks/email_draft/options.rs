//! What only an e-mail draft is told.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What only an e-mail draft is told.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EmailDraftOptions {
    /// What the e-mail is for; `follow_up` where none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Purpose>,
    /// A sample of the rep's own writing, whose tone the draft takes over and whose facts it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 8000)]
    pub voice: Option<String>,
}

/// What an e-mail is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To take up what was last spoken about.
    #[default]
    FollowUp,
    /// To bring a renewal forward.
    Renewal,
    /// To introduce the sender to somebody new.
    Introduction,
    /// To answer the newest e-mail of the thread in `text`, in `related.emails` or among the record's `EmailMessages`.
    Reply,
}

impl Purpose {
    /// The word for it on the wire.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::FollowUp => "follow_up",
            Self::Renewal => "renewal",
            Self::Introduction => "introduction",
            Self::Reply => "reply",
        }
    }
}
