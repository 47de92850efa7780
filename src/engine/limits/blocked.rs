//! Why a call does not fit into a limit.

use std::time::Duration;

use crate::domain::{LimitName, Money};

/// Why something does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Blocked {
    /// It never will.
    Never {
        limit: LimitName,
        need: String,
        maximum: String,
    },
    /// It may later: after `opens_in`, or when something under way ends.
    ForNow {
        limit: LimitName,
        budget: Option<Money>,
        opens_in: Option<Duration>,
    },
    /// It cannot be told until `opens_in`: what replicas share has just begun anew.
    Forgetful { opens_in: Duration },
}
