//! Thin handlers beside their wire types.

pub mod admin;
pub mod batches;
pub mod cache;
pub mod chat;
pub mod docs;
pub mod health;
pub mod messages;
pub mod preview;
pub mod tasks;
pub mod token;
pub mod usage;
pub mod whoami;
pub mod wire;
