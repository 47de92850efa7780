//! The audit line of one call and what it used, gathered on its way and written once, however the call ends.

use std::sync::Arc;

use super::answer::{Asked, Landed};
use super::composition::{Composition, Turn, prompt_sha256, sha256};
use super::cover::Cover;
use super::error::Error;
use super::parts::Parts;
use crate::domain::{Caller, Clock, Money, Org, RequestId, Target, TaskName, Usage, UserId};
use crate::engine::dispatch;
use crate::telemetry::Audit;
use crate::telemetry::audit::Entry;
use crate::usage::{Journal, Key, Sums};

/// The line of a call that is under way. Dropped unwritten, as by a panic, it says that the call ended in a defect.
pub struct Trail {
    audit: Audit,
    journal: Arc<Journal>,
    clock: Arc<dyn Clock>,
    org: Arc<Org>,
    user: Option<UserId>,
    entry: Option<Entry>,
    /// What it used; none once that is counted.
    sums: Option<Sums>,
}

/// Record ids that one line names.
const IDS: usize = 200;
/// Field names that one line names.
const FIELDS: usize = 1_000;

impl Trail {
    /// The line of `caller`'s question `asked`, which so far has sent nothing.
    pub fn begin(parts: &Parts, caller: &Caller, asked: &Asked) -> Self {
        let task = asked.task.name().as_str();
        let mut trail = Self::of(parts, caller, task, &asked.request_id);
        if let Some(entry) = &mut trail.entry {
            let ids = asked.source.ids();
            entry.record_ids = ids.iter().take(IDS).map(ToString::to_string).collect();
        }
        trail
    }

    /// The line of a call for `task` that so far has sent nothing.
    pub fn of(parts: &Parts, caller: &Caller, task: &'static str, request_id: &RequestId) -> Self {
        let entry = Entry {
            request_id: request_id.to_string(),
            org: caller.org.name.to_string(),
            org_id: caller.org.id.to_string(),
            credential_id: caller.credential_id.to_string(),
            user_id: caller.user.as_ref().map(|user| user.0.to_string()),
            task,
            ..Entry::default()
        };
        Self {
            audit: parts.audit.clone(),
            journal: Arc::clone(&parts.journal),
            clock: Arc::clone(&parts.clock),
            org: Arc::clone(&caller.org),
            user: caller.user.clone(),
            entry: Some(entry),
            sums: Some(Sums {
                calls: 1,
                ..Sums::default()
            }),
        }
    }

    /// The second line of a batch, which was a call when it began.
    pub fn of_a_batch(
        parts: &Parts,
        caller: &Caller,
        task: &'static str,
        request_id: &RequestId,
    ) -> Self {
        let mut trail = Self::of(parts, caller, task, request_id);
        trail.sums = Some(Sums::default());
        trail
    }

    /// These fields of a company, and no others, are about to be sent for a search of the web.
    pub fn searches(&mut self, fields: &[String]) {
        if let Some(entry) = &mut self.entry {
            entry.fields_sent = names(fields);
        }
    }

    /// `turn` of `composition` is about to be sent.
    pub fn sends(&mut self, asked: &Asked, composition: &Composition, turn: &Turn) {
        if let Some(entry) = &mut self.entry {
            entry.fields_sent = names(&composition.sent);
            entry.fields_masked = names(&composition.masked);
            entry.masked_values = composition.vault.hits();
            entry.prompt_sha256 = Some(prompt_sha256(asked.task, turn));
        }
    }

    /// The body of a client's own request is about to be sent.
    pub fn sends_message(&mut self, body: &[u8], cover: Option<&Cover>) {
        if let Some(entry) = &mut self.entry {
            match cover {
                Some(cover) => {
                    entry.fields_sent = names(cover.sent());
                    entry.fields_masked = names(cover.masked());
                    entry.masked_values = cover.masked_fields();
                }
                None => entry.fields_sent = vec!["messages".to_owned()],
            }
            entry.prompt_sha256 = Some(sha256(body));
        }
    }

    /// What the attempts used so far.
    pub fn used(&mut self, turn: &dispatch::Turn) {
        self.charged(&turn.usage, turn.cost);
        if let Some(sums) = &mut self.sums {
            sums.attempts = turn.attempts.into();
        }
        if turn.attempts == 0 {
            self.sent_nothing();
        }
    }

    /// This was charged, whoever told it.
    pub fn charged(&mut self, usage: &Usage, cost: Money) {
        if let Some(entry) = &mut self.entry {
            entry.input_tokens = usage.all_input_tokens();
            entry.output_tokens = usage.output_tokens;
            entry.web_searches = usage.web_searches;
            entry.cost_usd = cost.as_usd();
        }
        if let Some(sums) = &mut self.sums {
            sums.input_tokens = usage.all_input_tokens();
            sums.output_tokens = usage.output_tokens;
            sums.web_searches = usage.web_searches;
            sums.cost = cost;
        }
    }

    /// The limits, or the time, kept all of it back.
    pub fn sent_nothing(&mut self) {
        if let Some(entry) = &mut self.entry {
            entry.fields_sent.clear();
            entry.fields_masked.clear();
            entry.masked_values = 0;
            entry.prompt_sha256 = None;
        }
    }

    /// A batch for `targets`, all of one provider, went there; the model stands in the line where it is only one.
    pub fn handed_to(&mut self, targets: &[Target]) {
        if let (Some(entry), Some(first)) = (&mut self.entry, targets.first()) {
            entry.provider = Some(first.provider.to_string());
            let is_one = targets.iter().all(|target| target.model == first.model);
            entry.model = is_one.then(|| first.model.to_string());
        }
    }

    /// Who answered.
    pub fn answered_by(&mut self, target: &Target) {
        if let Some(entry) = &mut self.entry {
            entry.model = Some(target.model.to_string());
            entry.provider = Some(target.provider.to_string());
        }
    }

    /// The call ended as `landed`, or with `told` where it did not fail.
    pub async fn end(self, landed: &Landed, told: &'static str) {
        let outcome = landed.as_ref().map_or_else(Error::code, |_| told);
        self.ended(outcome).await;
    }

    /// The call ended as `outcome`.
    pub async fn ended(mut self, outcome: &'static str) {
        self.finish(outcome);
        self.counted(outcome).await;
        if let Some(entry) = &self.entry {
            // Dropped while it waits, as by a caller who hangs up, `self` still has the line and hands it over.
            self.audit.write(entry).await;
        }
        self.entry = None;
    }

    /// The call is about to end as `outcome`, and whoever is told so shall find it counted.
    pub async fn counted(&mut self, outcome: &'static str) {
        if let Some((key, sums)) = self.take_count(outcome) {
            if sums.attempts > 0 || sums.cost > Money::ZERO {
                self.journal.count(key, sums).await;
            } else {
                self.journal.count_later(key, sums);
            }
        }
    }

    /// What is to be counted, unless it has been.
    fn take_count(&mut self, outcome: &'static str) -> Option<(Key, Sums)> {
        let entry = self.entry.as_ref()?;
        let mut sums = self.sums.take()?;
        sums.from_cache = u64::from(matches!(outcome, "cached" | "collapsed" | "replayed"));
        let is_no_failure = matches!(outcome, "ok" | "preview" | "gone") || sums.from_cache > 0;
        sums.failed = u64::from(sums.calls > 0 && !is_no_failure);
        let now = self.clock.timestamp();
        let key = Key {
            org: self.org.id,
            day: now.to_zoned(self.org.timezone.clone()).date(),
            task: entry.task.into(),
            model: entry.model.as_deref().map(Into::into),
            user: self.user.as_ref().map(|user| Arc::clone(&user.0)),
        };
        Some((key, sums))
    }

    /// The line of a call whose question the door has refused as `code`.
    pub async fn refused(
        parts: &Parts,
        caller: &Caller,
        (task, request_id): (TaskName, &RequestId),
        code: &'static str,
    ) {
        Self::of(parts, caller, task.as_str(), request_id)
            .ended(code)
            .await;
    }

    /// The call was shown what would be sent, or was `refused` that; nothing was sent.
    pub async fn previewed(self, refused: Option<&Error>) {
        self.ended(refused.map_or("preview", Error::code)).await;
    }

    /// Says when and how the call ended, unless that was said before.
    fn finish(&mut self, outcome: &'static str) {
        if let Some(entry) = &mut self.entry
            && entry.outcome.is_empty()
        {
            entry.time = self.clock.timestamp().to_string();
            entry.outcome = outcome;
        }
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        self.finish(Error::Internal.code());
        if let Some(outcome) = self.entry.as_ref().map(|entry| entry.outcome)
            && let Some((key, sums)) = self.take_count(outcome)
        {
            self.journal.count_later(key, sums);
        }
        if let Some(entry) = &self.entry {
            self.audit.write_now(entry);
        }
    }
}

/// Names of fields. A member name that no field can have may be anything, a value too, and is told as that.
fn names<'a>(fields: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    const OTHER: &str = "(no field name)";
    let is_name = |name: &str| {
        name.len() <= 200
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
    };
    let mut names: Vec<String> = fields
        .into_iter()
        .take(FIELDS)
        .map(|name| {
            if is_name(name) {
                name.clone()
            } else {
                OTHER.to_owned()
            }
        })
        .collect();
    names.dedup();
    names
}
