//! What an admin sets up in Salesforce for the credentials of an org: the clicks, the same as metadata, and a test.
//!
//! In come an org with its credentials, the gateway's address and the time; out comes a page to read, and what is wrong.
//! [`report`] is all that others need.
//!
//! # Why
//! The gateway knows every value that Setup asks for, and each one that is typed from memory is an hour of 401. So a
//! credential becomes a `Connection` once, and clicks and metadata are two renderings of it,
//! which cannot disagree.
//!
//! Secrets are not in here: the config keeps hashes, and Salesforce takes a secret on the principal and never in metadata.
//! The page says where each is entered.
//!
//! Turned down: deploying the metadata ourselves, which would take a sign-in to the org that may change its Setup. A
//! gateway that signs in there for another reason would change our mind.

mod certificates;
mod connection;
mod metadata;
mod name;
mod page;
mod steps;

pub use page::{Report, report};
