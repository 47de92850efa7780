//! The integration suite: the very app that ships, over real HTTP, before a scripted upstream.
//!
//! One binary, linked once; one file a theme. Every app listens on a port of its own, so nothing here depends on the
//! order or the company in which it runs, and every wait is bounded, so what hangs fails.

mod helpers;

mod admin;
mod answers;
mod audit;
mod bad_input;
mod batches;
mod bedrock;
mod budget;
mod bulk;
mod cache;
mod canaries;
mod chat;
mod chat_faults;
mod commands;
mod deadlines;
mod foundry;
mod headers;
mod hostile;
mod idempotency;
mod identity;
mod limits;
mod logs;
mod messages;
mod messages_clouds;
mod messages_faults;
mod messages_trust;
mod openapi;
mod org_check;
mod raw_http;
mod reload;
mod replicas;
mod shutdown;
mod sign_in;
mod six_tasks;
mod tls;
mod tls_faults;
mod tls_reload;
mod upstream_faults;
mod usage;
mod vertex;
mod web_search;
