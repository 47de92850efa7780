//! What a serialized record is: reading it, naming what is wrong with it, and making of it what a model reads; and what
//! an org's Setup needs to know of the gateway ([`setup`]).
//!
//! In comes what Apex writes with `JSON.serialize(sObject)`, to the letter. [`Record`] is that record, understood:
//! fields, parents, children. [`Source`] is all that one question is about, and [`Material`] is the same as JSON
//! text for a prompt, cut to the room there is. Nothing here reads the network, a file or a clock.
//!
//! # Why
//! * **A record is normalised once.** Past [`Record::parse`] nobody asks again whether children come wrapped,
//!   whether an id has 15 or 18 characters, or how deep a text may nest.
//! * **Numbers stay text.** What the model reads, and what its answer is checked against, are the digits the org
//!   sent; a double in between would make `0.1` of other amounts.
//! * **The oldest goes first.** A thread of 300 comments is about its last ones. So records in lists are left out
//!   whole, oldest first over all lists, before any text of the record itself is shortened. Only a single text that
//!   would fill more than half of the room is shortened before that, or one pasted log would leave no comment.
//!   Cutting every list to the same number was turned down: it throws away the newest of a long list while the old
//!   of a short one stays.
//! * **Text is made harmless where it is written**, not where it is read: `<`, `>` and `&` leave as JSON escapes and
//!   what no eye sees is dropped ([`clean`]), so no value can close the fence around it, whatever prompt it lands in.
//!
//! Which fields may leave the org is for `privacy`; which are asked for, for the tasks.

mod canonical;
mod cut;
mod fault;
mod hostile;
mod json;
mod material;
mod outline;
mod parse;
mod record;
pub mod setup;
mod source;
mod spelling;

#[cfg(test)]
pub(crate) mod arbitrary;

pub use canonical::canonical;
pub use fault::Fault;
pub use hostile::{clean, readable};
pub use material::Material;
pub use record::{Children, Number, Record, Value};
pub use source::Source;
