//! Tells how many tokens a request would come to.

use std::sync::Arc;

use bytes::Bytes;

use super::Message;
use super::passage::{restored, told};
use super::relay_message::{admitted, covered};
use crate::domain::{Caller, Deadline};
use crate::engine::dispatch::Turn;
use crate::engine::flight::Patience;
use crate::engine::limits::Lane;
use crate::usecases::trail::Trail;
use crate::usecases::{Error, Parts};

/// Counts the tokens of a request, at the first provider that does.
#[derive(Clone)]
pub struct CountTokens {
    parts: Arc<Parts>,
}

/// What counted requests are called in metrics and the audit.
pub const COUNTING: &str = "count-tokens";

impl CountTokens {
    /// Counts with `parts`.
    pub fn new(parts: Arc<Parts>) -> Self {
        Self { parts }
    }

    /// The provider's answer, as it came.
    ///
    /// # Errors
    /// Whatever keeps the caller from an answer.
    pub async fn run(
        &self,
        caller: &Caller,
        message: Message,
        by: Deadline,
    ) -> Result<Bytes, Error> {
        let mut trail = Trail::of(&self.parts, caller, COUNTING, &message.request_id);
        let counted = self.count(caller, message, by, &mut trail).await;
        if let Err(Error::Limited { limit, .. }) = &counted {
            let metrics = &self.parts.metrics;
            metrics.limited(&caller.org.name, limit.as_str());
        }
        let outcome = counted.as_ref().map_or_else(Error::code, |_| "ok");
        trail.ended(outcome).await;
        counted
    }

    async fn count(
        &self,
        caller: &Caller,
        message: Message,
        by: Deadline,
        trail: &mut Trail,
    ) -> Result<Bytes, Error> {
        let route = admitted(&self.parts, caller, &message).await?;
        let (message, cover) = covered(caller, message, by).await?;
        trail.sends_message(&message.body(), cover.as_ref());
        let mut turn = Turn::new(
            message.request_id.clone(),
            caller.clone(),
            Lane::Single,
            Patience::until(by),
        );
        let counted = self.parts.dispatch.count(&mut turn, &route, &message).await;
        trail.used(&turn);
        counted
            .map_err(|error| restored(told(error), cover.as_ref()))?
            .ok_or(Error::NotOffered("counting tokens"))
    }
}
