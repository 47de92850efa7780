//! Privacy for a Messages call that the caller wrote: what leaves of its body, and the way back for what is answered.
//!
//! # Why
//! * **Only strings change.** A body is not written again: each string that holds something is replaced where it stands, and
//!   all else stays to the byte, or a signed thought would no longer be what the provider signed. A body in which nothing
//!   is found leaves as it came.
//! * **What can't be looked into does not leave.** A picture of a card is a card. So files, servers that the provider
//!   would call and bodies that can be read in two ways are refused, and the refusal says what would be right.
//! * **One vault a call.** Tools, `system` and messages are screened together, in the order in which a model reads them, so
//!   an address has the same placeholder everywhere, and the same in the next turn of the talk.
//! * **An answer is put together before it is shown.** In a stream a placeholder or a link may stand in several events; what
//!   may be the beginning of one waits, all else goes on at once.
//!
//! What a model thought stays masked: it is signed. A tool's input keeps its links, since the tool is the caller's own
//! and nobody reads it; whoever shows it should know that a model wrote it.

mod aside;
mod flow;
mod json_answer;
mod reply;
mod request;
mod sse;
mod stream;
mod tag;
mod watch;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::domain::Privacy;
use crate::privacy::Vault;
use crate::salesforce::Fault;

pub use aside::aside;
pub use stream::Uncovering;

/// What a Messages call leaves of its body, and the way back.
///
/// `Debug` tells how much was masked and no value.
pub struct Cover {
    policy: Arc<Privacy>,
    vault: Vault,
    sent: BTreeSet<String>,
    masked: BTreeSet<String>,
}

impl Cover {
    /// `body` with everything masked that `policy` does not let out; the same bytes where there is nothing to mask.
    ///
    /// # Errors
    /// Where something in it can't be looked into, with its JSON pointer and what would be right.
    pub fn of(body: &Bytes, policy: &Arc<Privacy>) -> Result<(Bytes, Self), Fault> {
        request::covered(body, policy)
    }

    /// How many values were masked, each time one was.
    pub fn masked_fields(&self) -> u32 {
        self.vault.hits()
    }

    /// Where something was masked, for the audit: `messages`, `system`, `tools`, `metadata`, and `Object.Field` of
    /// records in them.
    pub fn masked(&self) -> &BTreeSet<String> {
        &self.masked
    }

    /// What leaves, by the same names.
    pub fn sent(&self) -> &BTreeSet<String> {
        &self.sent
    }

    /// A whole JSON reply, a message or an error, with the values put back and without foreign links.
    pub fn uncover(&self, reply: &Bytes) -> Bytes {
        reply::uncovered(self, reply)
    }

    /// Does the same to words of the provider: what it says of a request may repeat it.
    pub fn uncover_text(&self, text: &str) -> String {
        self.prose(text)
    }

    /// Does the same to a stream.
    pub fn uncover_stream(self) -> Uncovering {
        Uncovering::new(self)
    }
}

impl fmt::Debug for Cover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cover")
            .field("vault", &self.vault)
            .field("masked", &self.masked)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
