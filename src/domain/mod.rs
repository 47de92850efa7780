//! The words that all rooms share.
//!
//! Plain values with their arithmetic and their text forms: who calls, for how long, for how much money, about which
//! record, to which model. Nothing here waits, logs, or knows another room.
//!
//! # Why
//! A caller carries its whole [`Org`] (limits, models, task settings), and a reload builds new orgs and swaps them at
//! once. So a call sees one state of the config from its first line to its last, and no room has to look policy up.

pub mod call;
pub mod caller;
pub mod clock;
pub mod deadline;
pub mod field_pattern;
pub mod json_text;
pub mod limit;
pub mod model;
pub mod money;
pub mod org;
pub mod privacy;
pub mod salesforce_id;
pub mod scan;
pub mod task;
pub mod usage;

pub use call::{IdempotencyKey, RequestId};
pub use caller::{Caller, CredentialKind, Scope, UserId};
pub use clock::{Clock, Entropy, SystemClock, SystemEntropy};
pub use deadline::Deadline;
pub use field_pattern::FieldPattern;
pub use limit::LimitName;
pub use model::{Alias, Capabilities, Effort, ModelId, ProviderName, Route, Target, Thinking};
pub use money::{Money, Price};
pub use org::{Limits, Org, OrgId, OrgName};
pub use privacy::{Detector, LinkHost, OwnPattern, Privacy};
pub use salesforce_id::SalesforceId;
pub use task::{TaskName, TaskSettings};
pub use usage::Usage;
