//! Hands a batch in.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::placing::Placing;
use super::{Answered, BatchId, LIFE, MARGIN, RelayBatches, Requests, TASK, counted, reply, turn};
use crate::domain::{Caller, Deadline, Money, RequestId, Usage};
use crate::engine::batches::{Open, Place, Repeat};
use crate::engine::dispatch::{self, Turn};
use crate::engine::limits::Deposit;
use crate::providers::claude::Members;
use crate::providers::{Dialect, Fault, UpstreamId};
use crate::telemetry::metrics::BatchFate;
use crate::usecases::Error;
use crate::usecases::relay::told;
use crate::usecases::trail::Trail;

/// A batch that may go to its provider, and is charged in full already.
struct Admitted {
    /// As it goes there.
    body: Bytes,
    /// How many requests it has.
    requests: usize,
    placing: Placing,
    deposit: Deposit,
    /// What its id will be sealed with.
    secret: [u8; 32],
    public_url: String,
}

/// A batch on its way. It outlives the call that hands it in.
struct Passage {
    batches: RelayBatches,
    admitted: Admitted,
    dialect: Dialect,
    turn: Turn,
    trail: Trail,
}

impl RelayBatches {
    /// Hands the batch in `body` in before `by`, and tells what the provider says of it.
    ///
    /// # Errors
    /// Whatever keeps the caller from it; what is under way goes on all the same.
    pub async fn create(
        &self,
        caller: &Caller,
        body: Bytes,
        dialect: Dialect,
        (request_id, by): (&RequestId, Deadline),
    ) -> Result<Answered, Error> {
        let admitted = self.admit_batch(caller, body, request_id).await;
        let mut trail = Trail::of(&self.parts, caller, TASK, request_id);
        let admitted = match admitted {
            Ok(admitted) => admitted,
            Err(error) => {
                counted(&self.parts, caller, &error);
                trail.ended(error.code()).await;
                return Err(error);
            }
        };
        trail.sends_message(&admitted.body, None);
        let passage = Passage {
            batches: self.clone(),
            admitted,
            dialect,
            turn: turn(request_id, caller, by),
            trail,
        };
        let (waiter, answer) = oneshot::channel();
        self.parts.lifecycle.spawn("batch", passage.run(waiter));
        tokio::select! {
            answer = answer => answer.unwrap_or(Err(Error::Internal)),
            () = tokio::time::sleep_until(by.at()) => Err(Error::Late),
        }
    }

    /// What stands between the caller and a provider: the org may use batches, has calls left, models that one provider
    /// takes in a batch, and the money for it.
    async fn admit_batch(
        &self,
        caller: &Caller,
        body: Bytes,
        request_id: &RequestId,
    ) -> Result<Admitted, Error> {
        let public_url = self.opened_for(caller)?.to_owned();
        self.parts.limits.admit_request(caller).await?;
        self.charge_overdue();
        let (org, id) = (Arc::clone(&caller.org), request_id.clone());
        // A body may have 256 MB, and other calls share the worker that would read it.
        let read = tokio::task::spawn_blocking(move || Requests::of(&body, &org, &id));
        let requests = read
            .await
            .map_err(|_| Error::Internal)?
            .map_err(Error::Unfit)?;
        let placing = Placing::of(caller, &requests, &self.parts.dispatch)?;
        let secret = self.secret_at(&placing.provider).ok_or(Error::Internal)?;
        let deposit = self.parts.limits.deposit(caller, placing.bound).await?;
        Ok(Admitted {
            body: requests.with_models(&placing.names()),
            requests: requests.all.len(),
            placing,
            deposit,
            secret,
            public_url,
        })
    }
}

impl Passage {
    async fn run(mut self, waiter: oneshot::Sender<Result<Answered, Error>>) {
        let parts = Arc::clone(&self.batches.parts);
        let (body, dialect) = (&self.admitted.body, &self.dialect);
        let sent = parts
            .dispatch
            .ask_batches(
                &mut self.turn,
                &self.admitted.placing.provider,
                Repeat::IfNothingWasDone,
                |batches| batches.create(body.clone(), dialect.clone()),
            )
            .await;
        let begun = sent.and_then(|reply| {
            let reply = Members::of(&reply).ok();
            let id = reply.as_ref().and_then(reply::id);
            reply
                .zip(id)
                .ok_or_else(|| dispatch::Error::Upstream(Fault::Malformed.into()))
        });
        match begun {
            Ok((reply, id)) => self.begun(reply, id, waiter).await,
            Err(error) => self.failed(error, waiter).await,
        }
    }

    async fn begun(
        mut self,
        reply: Members,
        id: UpstreamId,
        waiter: oneshot::Sender<Result<Answered, Error>>,
    ) {
        let parts = &self.batches.parts;
        let org = &self.turn.caller.org;
        let place = Place {
            provider: self.admitted.placing.provider.clone(),
            id,
        };
        let id = BatchId {
            place: place.clone(),
            bound: self.admitted.deposit.amount(),
            until: parts.clock.timestamp() + LIFE + MARGIN,
        };
        let id = id.sealed(org.id, &self.admitted.secret);
        let told = Answered {
            body: reply::told(reply, &id, &self.admitted.public_url),
            upstream: self.turn.upstream,
        };
        parts.metrics.batch(&org.name, BatchFate::Created);
        self.trail.handed_to(&self.admitted.placing.targets);
        let open = Open {
            request_id: self.turn.request_id.clone(),
            caller: self.turn.caller.clone(),
            deposit: self.admitted.deposit,
            prices: self.admitted.placing.prices,
            requests: self.admitted.requests,
            until: parts.clock.now() + LIFE + MARGIN,
        };
        if let Some(out) = self.batches.open.keep(place, open) {
            self.batches.charge_in_full(out);
        }
        self.trail.ended("ok").await;
        // Whoever no longer waits has been told so already.
        let _ = waiter.send(Ok(told));
    }

    async fn failed(
        mut self,
        error: dispatch::Error,
        waiter: oneshot::Sender<Result<Answered, Error>>,
    ) {
        let parts = &self.batches.parts;
        let may_have_cost = match &error {
            dispatch::Error::Upstream(error) => error.fault.may_have_cost(),
            _ => false,
        };
        self.trail.handed_to(&self.admitted.placing.targets);
        if may_have_cost {
            // It may be at work by now, and nobody knows its id.
            let bound = self.admitted.deposit.amount();
            let org = &self.turn.caller.org.name;
            parts.metrics.used(org, &Usage::default(), bound);
            parts.metrics.batch(org, BatchFate::ChargedInFull);
            self.trail.charged(&Usage::default(), bound);
        } else {
            self.admitted.deposit.settle(Money::ZERO);
        }
        if self.turn.attempts == 0 {
            self.trail.sent_nothing();
        }
        let error = told(error);
        let outcome = error.code();
        self.trail.ended(outcome).await;
        let _ = waiter.send(Err(error));
    }
}
