//! What only some providers do: answering requests by the thousand, within a day and at half the price.

use std::fmt;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

use super::dialect::Dialect;
use super::error::{Error, Fault};

/// A provider that takes batches of Messages requests. What passes stays bytes, both ways.
pub trait Batches: Send + Sync {
    /// Begins the batch in `body`; yields what the provider says of it.
    fn create(&self, body: Bytes, dialect: Dialect) -> BoxFuture<'_, Result<Bytes, Error>>;

    /// How far a batch is.
    fn retrieve(&self, id: UpstreamId, dialect: Dialect) -> BoxFuture<'_, Result<Bytes, Error>>;

    /// Begins to end a batch before its time.
    fn cancel(&self, id: UpstreamId, dialect: Dialect) -> BoxFuture<'_, Result<Bytes, Error>>;

    /// Forgets a batch that has ended, with its results.
    fn delete(&self, id: UpstreamId, dialect: Dialect) -> BoxFuture<'_, Result<Bytes, Error>>;

    /// The results of a batch that has ended, one JSON object a line, as they come.
    fn results(&self, id: UpstreamId, dialect: Dialect) -> BoxFuture<'_, Result<Lines, Error>>;

    /// A secret for `purpose` that everybody who holds our key at the provider can derive, and nobody else: it is the same in
    /// every replica, and another one once that key is changed.
    fn derived_secret(&self, purpose: &str) -> [u8; 32];
}

/// Bytes of lines, in chunks that end anywhere. A fault is the last item.
pub type Lines = BoxStream<'static, Result<Bytes, Fault>>;

/// A provider's own id of a batch, which leads nowhere but to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UpstreamId(String);

impl UpstreamId {
    /// Takes 1 to 128 of `[A-Za-z0-9_-]`: it becomes part of a path.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=128).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        fits.then(|| Self(text.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UpstreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_leads_to_no_other_path() {
        assert!(UpstreamId::parse("msgbatch_013Zva2CMHLNnXjNJJKqJ2EF").is_some());
        for bad in ["", "..", "a/b", "a?b", "a%2fb", "a b", &"x".repeat(129)] {
            assert!(UpstreamId::parse(bad).is_none(), "{bad:?}");
        }
    }
}
