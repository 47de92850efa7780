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
use crate::usecases::{Error, Parts};

/// Counts the tokens of a request, at the first provider that does.
#[derive(Clone)]
pub struct CountTokens {
    parts: Arc<Parts>,
}

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
        let route = admitted(&self.parts, caller, &message)?;
        let (message, cover) = covered(caller, message, by).await?;
        let turn = Turn::new(
            message.request_id.clone(),
            caller.clone(),
            Lane::Single,
            Patience::until(by),
        );
        let counted = self.parts.dispatch.count(&turn, &route, &message).await;
        counted
            .map_err(|error| restored(told(error), cover.as_ref()))?
            .ok_or(Error::NotOffered("counting tokens"))
    }
}
