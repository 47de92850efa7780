//! Why nobody was recognised.

/// Why nobody was recognised, in words that may be told to whoever asks.
///
/// # Why
/// A stranger learns nothing: an id that nobody has and a proof that is wrong are both [`Refusal::Unknown`]. More is told
/// only where a signature of the credential's own has proved who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request bears no credential.
    #[error("no credential was sent; send Authorization: Bearer, X-API-Key, api-key or Basic")]
    Missing,
    /// A header that holds a credential cannot be read.
    #[error(
        "a credential header cannot be read; send Authorization: Bearer, X-API-Key, api-key or Basic"
    )]
    Unreadable,
    /// No org has this credential, or it is not proved.
    #[error("the credential is not known")]
    Unknown,
    /// Two credentials that do not prove the same.
    #[error("the request bears two credentials that disagree")]
    Disagree,
    /// The token's time is over.
    #[error("the token has expired; fetch or sign a new one")]
    Expired,
    /// A token of a known credential that says what it must not say.
    #[error("the token is signed by a known key, but {0}")]
    Unfit(&'static str),
    /// An assertion that counts once has come before.
    #[error("the assertion was used before; each jti counts once")]
    Replayed,
    /// More assertions than can be remembered.
    #[error("the org has used more assertions in ten minutes than can be remembered")]
    Crowded,
}

impl Refusal {
    /// The reason in a word, for the log and the metric.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Unreadable => "unreadable",
            Self::Unknown => "unknown",
            Self::Disagree => "disagree",
            Self::Expired => "expired",
            Self::Unfit(_) => "unfit",
            Self::Replayed => "replayed",
            Self::Crowded => "crowded",
        }
    }

    /// Whether somebody tried to prove something and failed at it.
    pub fn is_a_failed_proof(self) -> bool {
        match self {
            Self::Missing | Self::Crowded => false,
            Self::Unreadable
            | Self::Unknown
            | Self::Disagree
            | Self::Expired
            | Self::Unfit(_)
            | Self::Replayed => true,
        }
    }
}
