//! What an org may expect of its data, beyond what the answer's schema can promise.
//!
//! Here stands what looks at words rather than at shapes. [`grounding`] holds an answer against the input
//! it was written from and names what the input does not say.
//!
//! # Why
//! A model that invents an amount invents it fluently, and the reader of a briefing has no time to look
//! each figure up. A second model as the judge would cost a call, wait as long again and err in its own
//! way; a plain check in code costs about a millisecond, says the same of the same answer every time and can
//! be read here. So the room is pure: text in, findings out, no clock, no network, no setting.
//!
//! What is done with a finding is left to the tasks; the check neither changes an answer nor refuses it.

pub mod grounding;
