//! One file and the environment -> the settings of every room, checked before anything is built.
//!
//! [`read`] and [`load`] turn a text into [`Settings`] or into every [`Mistake`] in it; [`sandbox`] stands in where
//! there is no file; [`describe`] says in words what a config means. [`load_watched`] also remembers which files were
//! read, so that a change of any of them can be seen. Nothing here builds, starts or reloads anything.
//!
//! # Why
//! The file is read by a reader of our own and not by derived types, because a derived reader stops at the first
//! mistake: whoever edits a config wants all of them at once, each with its key, its value and what would be right.
//! The same reader is the one place that decides which values may be printed, so no secret reaches a message.
//!
//! References are resolved here: an org leaves this room with its routes, prices and tasks inside. So a config that
//! names what does not exist never starts, and no other room has to look anything up or to fail at it.
//!
//! Turned down: layered config crates, which lower-case the environment's names and lose the place of a mistake. A
//! second source of settings, such as a service that hands them out, would change our mind about one flat reader.

mod addresses;
mod capabilities;
mod clouds;
mod credentials;
mod describe;
mod environment;
mod expiry;
mod mistakes;
mod models;
mod orgs;
mod privacy;
mod providers;
mod reader;
#[cfg(test)]
mod scripted;
mod secrets;
mod settings;
mod shared;
mod tasks;
mod telemetry;
mod tls;
mod usage;
mod warnings;
mod watch;

pub use describe::describe;
pub use environment::{Process, Surroundings, WithVaults};
pub use mistakes::{Mistake, Mistakes, did_you_mean};
pub use secrets::{Wanted, wanted};
pub use settings::{Settings, differs_beyond_reload, load, providers_differ, read, sandbox};
pub use watch::{Watched, load_watched};
