//! What the gateway does for a caller: one file a verb.
//!
//! A use case never learns which door opened. It is given a caller, what it asks for and by when, and tells the story
//! of the hot path a line a step; how each step works stands in the rooms below.

pub mod answer;
pub mod batches;
pub mod complete_chat;
mod composition;
pub mod cover;
pub mod error;
pub mod forget;
mod outcome;
pub mod parts;
mod portable;
pub mod preview_task;
pub mod read_allowances;
mod read_budgets;
pub mod read_usage;
pub mod relay;
pub mod run_bulk;
pub mod run_task;
mod task_flight;
mod trail;
mod verdict;
mod web_search;

pub use answer::{Answer, Asked, Told, Via};
pub use batches::RelayBatches;
pub use complete_chat::CompleteChat;
pub use error::Error;
pub use forget::Forget;
pub use parts::Parts;
pub use preview_task::{Preview, PreviewTask};
pub use read_allowances::ReadAllowances;
pub use read_budgets::ReadBudgets;
pub use read_usage::ReadUsage;
pub use relay::{CountTokens, RelayMessage};
pub use run_bulk::RunBulk;
pub use run_task::RunTask;
