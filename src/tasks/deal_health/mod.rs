//! The task `deal-health`: an Opportunity with its history in; a score, what drives it, and the signals behind it out.
//!
//! `signals` computes what can be computed, `answer` is what comes of it, `evidence` holds a driver against the data, and
//! `task` joins them.
//!
//! # Why
//! * What code can count, a model must not. Days, slips and changes are computed here from the record as the privacy
//!   rules left it, shown to the model as known, and told to the caller as they are.
//! * The band is no word of the model's: it follows from the score, so the two can never disagree.
//! * A score without a reason that stands in the data is worth nothing. So each driver's evidence must touch the data,
//!   and touching is tested leniently: an empty phrase fails, a fair paraphrase with one field, number or quote passes.

mod answer;
mod evidence;
mod signals;
mod task;

pub use answer::{Band, DealHealth, Driver, Effect};
pub use signals::Signals;
pub(super) use task::DealHealthTask;
