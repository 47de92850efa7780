//! What several replicas hold in common, in one Redis or Valkey.
//!
//! [`Link`] is the way there, with a time limit for every command and a breaker. [`Books`] keep what orgs and their users
//! have used, by one script, so that every decision is one step on the server; [`SharedMemory`] remembers what was used of
//! assertions, and who keeps failing to prove who they are; [`Once`] knows which idempotency keys run, and how they ended;
//! [`Shelf`] holds answers, [`Seal`]ed, with who asks for which.
//!
//! # Why
//! * Time is the server's, so that replicas need not agree on it.
//! * What a replica holds stands under its name, and the name is kept alive by every question that it asks. A replica that
//!   is lost gives its slots back by that, and its money is charged in full.
//! * While the store is away a budget stays hard: each replica has money set apart beforehand, which is reserved like any
//!   other, and in the dark it spends only that.
//! * A store that comes back empty is told by every replica what it knows; until all had the time for it, no money is given.
//!
//! Turned down: a client library's own retries, which make calls wait; locks, which somebody has to give back; counters a
//! minute, which let twice as much through where two minutes meet.

pub mod address;
pub mod books;
pub mod link;
pub mod memory;
pub mod once;
#[cfg(test)]
pub(crate) mod scripted;
pub mod seal;
pub mod shelf;
pub mod told;

use std::num::NonZeroU32;
use std::time::Duration;

pub use address::Address;
pub use books::Books;
pub use link::{Down, Link};
pub use memory::SharedMemory;
pub use once::Once;
pub use seal::Seal;
pub use shelf::Shelf;

/// The store behind several replicas. In the file: `[shared]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where it is.
    pub address: Address,
    /// The PEM of the one authority that may have certified it; the machine's own count where there is none.
    pub root: Option<String>,
    /// What answers and outcomes are sealed with. Default: nothing, and then none is kept in the store.
    pub keys: Option<seal::Keys>,
    /// The longest that a command may take. Default: 50 ms.
    pub time: Duration,
    /// What becomes of calls while it is away. Default: local.
    pub on_outage: OnOutage,
    /// At most so many replicas.
    pub replicas: NonZeroU32,
}

/// What becomes of calls while the store is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnOutage {
    /// Each replica goes on with its share.
    Local,
    /// They are turned away.
    Refuse,
}
