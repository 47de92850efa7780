//! Shows what a task would send, and sends nothing: the page that a reviewer asks for.

use std::sync::Arc;

use bytes::Bytes;

use super::answer::Asked;
use super::composition::Composition;
use super::error::Error;
use super::parts::Parts;
use super::task_flight::{Prepared, first_question};
use super::trail::Trail;
use super::web_search::Search;
use crate::domain::{Caller, ModelId, ProviderName};
use crate::engine::dispatch::Question as _;

/// Shows what would be sent.
#[derive(Clone)]
pub struct PreviewTask {
    parts: Arc<Parts>,
}

/// What would be sent: after privacy, before any provider.
#[derive(Debug, Clone)]
pub struct Preview {
    /// Which task.
    pub task: &'static str,
    /// The id of the record, which stays here unless the policy sends it.
    pub record_id: Option<String>,
    /// The model that would be asked first.
    pub model: ModelId,
    /// Where it would be asked.
    pub provider: ProviderName,
    /// The version of the prompt.
    pub prompt_version: &'static str,
    /// What a web search would be asked before; `None` where none would be run. Its findings are not in `message`.
    pub search_message: Option<String>,
    /// The user's turn, as the model would read it.
    pub message: String,
    /// The body of the request as it would go upstream.
    pub body: Bytes,
    /// `Object.Field` of all that would be sent.
    pub fields_sent: Vec<String>,
    /// Of these, the ones in which a value is masked.
    pub fields_masked: Vec<String>,
    /// How many values are masked.
    pub masked_fields: u32,
    /// Whether more came than the model should read.
    pub input_truncated: bool,
}

impl PreviewTask {
    /// Previews with `parts`.
    pub fn new(parts: Arc<Parts>) -> Self {
        Self { parts }
    }

    /// What `asked` would send. It counts as a call, and costs nothing else.
    ///
    /// # Errors
    /// Where the org's calls a minute are used up, or the caller names a model that it does not have.
    pub async fn run(&self, caller: &Caller, asked: &Asked) -> Result<Preview, Error> {
        let trail = Trail::begin(&self.parts, caller, asked);
        let shown = self.shown(caller, asked).await;
        trail.previewed(shown.as_ref().err()).await;
        shown
    }

    async fn shown(&self, caller: &Caller, asked: &Asked) -> Result<Preview, Error> {
        let Parts { limits, clock, .. } = &*self.parts;
        limits.admit_request(caller).await?;
        let (settings, route) = asked.way(&caller.org)?;
        let today = clock
            .timestamp()
            .to_zoned(caller.org.timezone.clone())
            .date();
        let composition = Composition::of(asked, &caller.org, today)?;
        let search = Search::of(&composition, &caller.org, &route);
        let turn = composition.turn();
        let rehearse = || asked.task.rehearse(&composition.inquiry());
        let question: Prepared<'_> = first_question(asked.task, &turn, &settings, &rehearse);
        // Every alias leads somewhere; the config sees to it.
        let target = route.targets.first().ok_or(Error::Internal)?;
        let outgoing = question.outgoing(target);
        Ok(Preview {
            task: asked.task.name().as_str(),
            record_id: asked.record_id(),
            model: target.model.clone(),
            provider: target.provider.clone(),
            prompt_version: asked.task.prompt_version(),
            search_message: search.map(|search| search.message().to_owned()),
            body: outgoing.body,
            fields_sent: composition.sent.iter().cloned().collect(),
            fields_masked: composition.masked.iter().cloned().collect(),
            masked_fields: composition.vault.hits(),
            input_truncated: turn.material.truncated,
            message: turn.message,
        })
    }
}
