//! The Claude API as a drop-in: a client's own Messages request goes to whichever provider its org may use.
//!
//! [`Message`] is such a request, read as far as the gateway must know it; [`RelayMessage`] sends it and hands the answer
//! back, whole or in events; [`CountTokens`] asks what it would come to; [`models`] tells what may be asked.
//!
//! # Why
//! What passes here is somebody else's protocol, and it grows by itself. So the request is not read into types and written
//! again: of its members the gateway reads the few that limits, budget and routing need, changes `model`, and leaves every
//! other byte alone, both ways. What it does not know it passes on, and reserves for it as if it were the dearest.

mod count_tokens;
mod facts;
mod memory;
mod message;
pub mod models;
mod passage;
mod relay_message;
mod relayed;

pub use count_tokens::{COUNTING, CountTokens};
pub use message::Message;
pub(in crate::usecases) use passage::told;
pub use relay_message::{RelayMessage, TASK};
pub use relayed::{Events, GivenUp, Kept, Relayed};
