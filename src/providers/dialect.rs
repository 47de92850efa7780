//! Which API a body is written for.

/// Which generation of the API a body is written for, in the words of whoever wrote it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dialect {
    /// The client's `anthropic-version`; `None` for a question of our own, which the provider names itself.
    pub version: Option<String>,
    /// The client's `anthropic-beta`, as it wrote it; several headers joined by commas.
    pub betas: Option<String>,
}
