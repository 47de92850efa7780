//! What is asked of a task, and what it answers, in no door's words.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::error::Error;
use crate::domain::{
    Alias, Caller, IdempotencyKey, ModelId, Money, Org, ProviderName, RequestId, Route,
    TaskSettings, Usage,
};
use crate::engine::idempotency::{BodyHash, Scope};
use crate::salesforce::Source;
use crate::tasks::{Options, Task};

/// One question to a task. Whatever makes one has checked it.
#[derive(Clone)]
pub struct Asked {
    /// Which task.
    pub task: &'static dyn Task,
    /// The record and whatever came with it.
    pub source: Arc<Source>,
    /// What the caller said to this task alone.
    pub options: Options,
    /// What the caller would like to see stressed.
    pub instructions: Option<String>,
    /// A BCP 47 tag; none: the record's own language.
    pub language: Option<String>,
    /// The alias to ask; none: the task's.
    pub model: Option<Alias>,
    /// What the caller allows the cache to do.
    pub caching: Caching,
    /// The caller's key for repeats, with the hash of its body and the path it came on.
    pub repeat: Option<Repeat>,
    /// The id of the call.
    pub request_id: RequestId,
}

/// What a caller allows the cache to do, as RFC 9111 says of requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Caching {
    /// Ask anew even where an answer is known.
    pub fresh: bool,
    /// Do not keep the answer, and share it with nobody.
    pub no_store: bool,
    /// Answer from the cache or not at all.
    pub only_if_cached: bool,
    /// The oldest answer that will do.
    pub max_age: Option<Duration>,
}

/// How a repeat of this call is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeat {
    /// What the caller named.
    pub key: IdempotencyKey,
    /// The path, with its bulk form apart.
    pub path: &'static str,
    /// The SHA-256 of the whole body.
    pub body: BodyHash,
    /// Which item of a bulk; 0 for a single call.
    pub item: u32,
}

/// A task's answer, as it is cached.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The answer's own id.
    pub id: String,
    /// Which task gave it.
    pub task: &'static str,
    /// The id of the record, as the caller wrote it.
    pub record_id: Option<String>,
    /// The whole answer as readable text.
    pub text: String,
    /// The task's own fields, by their names on the wire.
    pub own: Map<String, Value>,
    /// What the answer says and the input does not.
    pub ungrounded: Vec<String>,
    /// How many values were masked on the way out.
    pub masked_fields: u32,
    /// Whether more came than the model should read.
    pub input_truncated: bool,
    /// Whether it was made up by the simulator.
    pub simulated: bool,
    /// The model that gave it.
    pub model: ModelId,
    /// The provider that gave it.
    pub provider: ProviderName,
    /// The version of the prompt.
    pub prompt_version: Cow<'static, str>,
}

/// An answer, and what giving it took.
#[derive(Debug, Clone)]
pub struct Told {
    /// The answer.
    pub answer: Arc<Answer>,
    /// The id of the call that was told this first.
    pub request_id: RequestId,
    /// Where it came from.
    pub via: Via,
    /// Tokens that this very call used; none where it reached no provider.
    pub usage: Usage,
    /// What those tokens cost.
    pub cost: Money,
    /// The time spent waiting for providers.
    pub upstream: Duration,
    /// From the call's first byte to its answer.
    pub took: Duration,
}

/// How a call ended.
pub type Landed = Result<Told, Error>;

/// Where an answer came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// The cache, for so much longer.
    Hit {
        /// How long it may still be given.
        ttl: Duration,
    },
    /// A provider, because nothing was cached.
    Miss {
        /// Whether it is cached now.
        stored: bool,
    },
    /// A provider, because the caller wanted it so.
    Forced {
        /// Whether it is cached now.
        stored: bool,
    },
    /// Another call that was asking the same.
    Collapsed,
    /// The first call with the same idempotency key.
    Replayed,
}

impl Repeat {
    /// What its key is bound to.
    pub fn scope(&self, caller: &Caller) -> Scope {
        Scope {
            org: caller.org.id,
            path: self.path,
            key: self.key.clone(),
            item: self.item,
        }
    }
}

impl Asked {
    /// The id of the record, as the caller wrote it.
    pub fn record_id(&self) -> Option<String> {
        let record = self.source.record.as_ref()?;
        record.text("Id").map(str::to_owned)
    }

    /// How the task is done in `org`, and where its question goes.
    ///
    /// # Errors
    /// Where the caller names a model that the org does not have.
    pub fn way(&self, org: &Org) -> Result<(TaskSettings, Arc<Route>), Error> {
        let settings = org
            .tasks
            .get(&self.task.name())
            .cloned()
            .unwrap_or_default();
        let alias = self.model.as_ref().unwrap_or(&settings.model);
        let route = org.models.get(alias).cloned().ok_or_else(|| {
            let known: Vec<&str> = org.models.keys().map(Alias::as_str).collect();
            Error::UnknownModel {
                named: alias.clone(),
                known: known.join(", "),
            }
        })?;
        Ok((settings, route))
    }
}

impl Answer {
    /// The size of it in memory, about.
    pub fn bytes(&self) -> u32 {
        let own = serde_json::to_string(&self.own).map_or(0, |text| text.len());
        let lists: usize = self.ungrounded.iter().map(String::len).sum();
        u32::try_from(1_024 + self.text.len() + own + lists).unwrap_or(u32::MAX)
    }
}
