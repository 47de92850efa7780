//! The audit line of one call, gathered on its way and written once, however the call ends.

use std::sync::Arc;

use super::answer::{Asked, Landed};
use super::composition::{Composition, Turn, prompt_sha256, sha256};
use super::cover::Cover;
use super::error::Error;
use crate::domain::{Caller, Clock, Money, RequestId, Target, TaskName, Usage};
use crate::engine::dispatch;
use crate::telemetry::Audit;
use crate::telemetry::audit::Entry;

/// The line of a call that is under way. Dropped unwritten, as by a panic, it says that the call ended in a defect.
pub struct Trail {
    audit: Audit,
    clock: Arc<dyn Clock>,
    entry: Option<Entry>,
}

/// Record ids that one line names.
const IDS: usize = 200;
/// Field names that one line names.
const FIELDS: usize = 1_000;

impl Trail {
    /// The line of `caller`'s question `asked`, which so far has sent nothing.
    pub fn begin(audit: &Audit, clock: &Arc<dyn Clock>, caller: &Caller, asked: &Asked) -> Self {
        let task = asked.task.name().as_str();
        let mut trail = Self::of(audit, clock, caller, task, &asked.request_id);
        if let Some(entry) = &mut trail.entry {
            let ids = asked.source.ids();
            entry.record_ids = ids.iter().take(IDS).map(ToString::to_string).collect();
        }
        trail
    }

    /// The line of a call for `task` that so far has sent nothing.
    pub fn of(
        audit: &Audit,
        clock: &Arc<dyn Clock>,
        caller: &Caller,
        task: &'static str,
        request_id: &RequestId,
    ) -> Self {
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
            audit: audit.clone(),
            clock: Arc::clone(clock),
            entry: Some(entry),
        }
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
        if let Some(entry) = &mut self.entry {
            entry.input_tokens = turn.usage.all_input_tokens();
            entry.output_tokens = turn.usage.output_tokens;
            entry.web_searches = turn.usage.web_searches;
            entry.cost_usd = turn.cost.as_usd();
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
        if let Some(entry) = &self.entry {
            // Dropped while it waits, as by a caller who hangs up, `self` still has the line and hands it over.
            self.audit.write(entry).await;
        }
        self.entry = None;
    }

    /// The line of a call whose question the door has refused as `code`.
    pub async fn refused(
        audit: &Audit,
        clock: &Arc<dyn Clock>,
        caller: &Caller,
        (task, request_id): (TaskName, &RequestId),
        code: &'static str,
    ) {
        Self::of(audit, clock, caller, task.as_str(), request_id)
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
