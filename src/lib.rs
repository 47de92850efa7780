//! Belay: the gateway between Salesforce orgs and Claude.
//!
//! Apex, Flows and Lightning components ask for typed answers about a record through a Named Credential; Belay answers
//! from Claude, inside the org's limits and budget and before the caller's patience ends.
//!
//! # The map
//! Imports run downward; no room looks up.
//!
//! | room | holds |
//! | --- | --- |
//! | [`commands`] | what `belay` can be told to do: serve, demo, check, org, key, openapi, health |
//! | [`app`] | puts the house together; the only file that knows every room |
//! | [`config`] | one file and the environment -> the settings of every room |
//! | [`http`] | the door: routes, layers, problems, the OpenAPI documents; the only room that knows axum |
//! | [`usecases`] | what is done for a caller, one file a verb |
//! | [`tasks`] | one file a task: what it asks, answers and checks, its prompt beside it |
//! | [`engine`] | limits, budget, cache, flights, idempotency, dispatch, retries, breakers |
//! | [`vaults`] | secrets that a vault keeps |
//! | [`providers`] | the upstreams, behind one trait, and the Messages wire |
//! | [`privacy`] | what may leave of a question, and what an answer says beyond it |
//! | [`salesforce`] | what a serialized record is, and what an org's Setup needs to know |
//! | [`usage`] | what calls used, by day, and how budgets stand, over a restart |
//! | [`shared`] | what several replicas hold in common, in one Redis |
//! | [`identity`] | whose credential is this? |
//! | [`telemetry`] | logs, metrics, the audit line |
//! | [`lifecycle`] | named background work, stop, drain |
//! | [`domain`] | the words that all rooms share |

pub mod app;
pub mod commands;
pub mod config;
pub mod domain;
pub mod engine;
pub mod http;
pub mod identity;
pub mod lifecycle;
pub mod privacy;
pub mod providers;
pub mod salesforce;
pub mod shared;
pub mod tasks;
pub mod telemetry;
pub mod usage;
pub mod usecases;
pub mod vaults;
