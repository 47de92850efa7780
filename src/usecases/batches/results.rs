//! Passes the results of a batch on, and settles it with what they tell.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;

use super::follow::in_our_words;
use super::{About, BatchId, RelayBatches, counted};
use crate::domain::{Caller, RequestId};
use crate::engine::batches::Repeat;
use crate::providers::claude::Tally;
use crate::providers::{Fault, Lines};
use crate::telemetry::metrics::BatchFate;
use crate::usecases::Error;
use crate::usecases::relay::{GivenUp, told};

/// The results of a batch on their way. Dropped before their end, they settle nothing: the next to see them does.
pub struct Results {
    batches: RelayBatches,
    caller: Caller,
    request_id: RequestId,
    id: BatchId,
    lines: Lines,
    tally: Tally,
    ended: bool,
    /// The time spent waiting for the first of them.
    pub upstream: Duration,
}

/// The longest silence amid results that is believed.
const IDLE: Duration = Duration::from_mins(1);

impl RelayBatches {
    /// The results of a batch that has ended.
    ///
    /// # Errors
    /// Whatever keeps the caller from them; where the batch has not ended, the provider says so.
    pub async fn results(&self, caller: &Caller, about: About<'_>) -> Result<Results, Error> {
        let opened = tokio::select! {
            opened = self.open_results(caller, &about) => opened,
            () = tokio::time::sleep_until(about.by.at()) => Err(Error::Late),
        };
        opened.inspect_err(|error| counted(&self.parts, caller, error))
    }

    async fn open_results(&self, caller: &Caller, about: &About<'_>) -> Result<Results, Error> {
        let id = self.admit(caller, about).await?;
        let mut turn = about.turn(caller);
        let place = &id.place;
        let asked = self
            .parts
            .dispatch
            .ask_batches(&mut turn, &place.provider, Repeat::Always, |batches| {
                batches.results(place.id.clone(), about.dialect.clone())
            })
            .await;
        let lines = asked.map_err(|error| in_our_words(told(error), about, &id))?;
        Ok(Results {
            batches: self.clone(),
            caller: caller.clone(),
            request_id: about.request_id.clone(),
            id,
            lines,
            tally: Tally::default(),
            ended: false,
            upstream: turn.upstream,
        })
    }
}

impl Results {
    /// The next bytes, as they came; `None` behind the last.
    ///
    /// # Errors
    /// Where they stopped before their end, so that the connection must not look as if all had come.
    pub async fn next(&mut self) -> Option<Result<Bytes, GivenUp>> {
        if self.ended {
            return None;
        }
        let next = tokio::time::timeout(IDLE, self.lines.next()).await;
        match next.unwrap_or(Some(Err(Fault::Hung))) {
            Some(Ok(bytes)) => {
                self.tally.read(&bytes);
                Some(Ok(bytes))
            }
            Some(Err(fault)) => {
                self.ended = true;
                tracing::warn!(
                    request_id = %self.request_id,
                    org = %self.caller.org.name,
                    provider = %self.id.place.provider,
                    fault = fault.as_str(),
                    "the results of a batch broke off: {fault}"
                );
                Some(Err(GivenUp))
            }
            None => {
                self.ended = true;
                self.tally.finish();
                self.settle();
                None
            }
        }
    }

    /// Whoever takes the batch off the list settles it, so it happens once. Results that lack a line are not the whole of it.
    fn settle(&self) {
        let (place, lines) = (&self.id.place, self.tally.lines);
        let org = &self.caller.org;
        let mut lacking = 0;
        let open = self.batches.open.take(org.id, place, |open| {
            lacking = open.requests.saturating_sub(lines);
            lacking == 0
        });
        match open {
            Some(open) => self.batches.settle(open, place, &self.tally),
            None if lacking > 0 => tracing::warn!(
                request_id = %self.request_id,
                org = %org.name,
                provider = %place.provider,
                lacking,
                "a batch has fewer results than requests, so it is not settled yet"
            ),
            None => {
                self.batches
                    .parts
                    .metrics
                    .batch(&org.name, BatchFate::Unheld);
                tracing::info!(
                    request_id = %self.request_id,
                    org = %org.name,
                    provider = %place.provider,
                    bound_usd = self.id.bound.as_usd(),
                    until = %self.id.until,
                    "results of a batch for which this process holds nothing: settled before, or begun before it"
                );
            }
        }
    }
}
