//! What the door knows of one call from its first byte to its last.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::HeaderMap;
use http::header::{ACCEPT, USER_AGENT};
use jiff::Timestamp;
use tokio::time::Instant;

use super::problem::Tongue;
use crate::domain::{Caller, RequestId};

/// One call. Made by the outermost layer, filled in by whoever learns more.
#[derive(Debug, Clone)]
pub struct Call {
    /// Its id.
    pub id: RequestId,
    /// When its head had arrived.
    pub received: Instant,
    /// The wall clock's time at that moment.
    pub now: Timestamp,
    /// The caller's address, as far as proxies that are believed name it.
    pub peer: Option<IpAddr>,
    /// Whether an Apex callout sent it.
    pub from_salesforce: bool,
    /// How its problems are told.
    pub tongue: Tongue,
    notes: Arc<Notes>,
}

#[derive(Debug, Default)]
struct Notes {
    caller: OnceLock<Caller>,
    task: OnceLock<&'static str>,
    upstream: OnceLock<Duration>,
    patience_s: OnceLock<u64>,
    refused: OnceLock<&'static str>,
}

impl Call {
    /// A call whose head has just arrived.
    pub fn new(
        id: RequestId,
        (received, now): (Instant, Timestamp),
        peer: Option<IpAddr>,
        path: &str,
        headers: &HeaderMap,
    ) -> Self {
        let text = |name| {
            headers
                .get(name)
                .and_then(|value: &http::HeaderValue| value.to_str().ok())
                .unwrap_or_default()
        };
        let from_salesforce = text(USER_AGENT).starts_with("SFDC-Callout/");
        let accept = text(ACCEPT).to_ascii_lowercase();
        let asks_for_json =
            accept.contains("application/json") && !accept.contains("application/problem+json");
        Self {
            id,
            received,
            now,
            peer,
            from_salesforce,
            tongue: match path {
                path if is_at(path, "/v1") => Tongue::Claude,
                path if is_at(path, "/chat/completions") => Tongue::OpenAi,
                path if is_at(path, "/oauth") => Tongue::OAuth,
                _ if from_salesforce || asks_for_json => Tongue::PlainProblem,
                _ => Tongue::Problem,
            },
            notes: Arc::default(),
        }
    }

    /// Notes who is calling.
    pub fn is_by(&self, caller: &Caller) {
        let _ = self.notes.caller.set(caller.clone());
    }

    /// Notes why nobody was recognised.
    pub fn is_refused(&self, why: &'static str) {
        let _ = self.notes.refused.set(why);
    }

    /// Why nobody was recognised.
    pub fn refused(&self) -> Option<&'static str> {
        self.notes.refused.get().copied()
    }

    /// Notes which task is asked for.
    pub fn is_for(&self, task: &'static str) {
        let _ = self.notes.task.set(task);
    }

    /// Notes how long it waited for providers.
    pub fn waited_for_providers(&self, upstream: Duration) {
        let _ = self.notes.upstream.set(upstream);
    }

    /// Notes which stated patience it keeps to.
    pub fn keeps_to(&self, patience_s: u64) {
        let _ = self.notes.patience_s.set(patience_s);
    }

    /// The stated patience that it keeps to, in seconds.
    pub fn patience_s(&self) -> Option<u64> {
        self.notes.patience_s.get().copied()
    }

    /// Who is calling, once that is proved.
    pub fn caller(&self) -> Option<&Caller> {
        self.notes.caller.get()
    }

    /// The task that is asked for; `other` where it is none.
    pub fn task(&self) -> &'static str {
        self.notes.task.get().copied().unwrap_or("other")
    }

    /// How long it waited for providers.
    pub fn upstream(&self) -> Duration {
        self.notes.upstream.get().copied().unwrap_or_default()
    }
}

/// Whether `path` is `place` or lies below it.
fn is_at(path: &str, place: &str) -> bool {
    path.strip_prefix(place)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
