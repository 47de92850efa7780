//! Asks how far a batch is, ends it before its time, or has it forgotten.

use bytes::Bytes;

use super::{About, Answered, BatchId, RelayBatches, counted, reply};
use crate::domain::Caller;
use crate::engine::batches::Repeat;
use crate::engine::dispatch::{self, Turn};
use crate::providers::Fault;
use crate::providers::claude::Members;
use crate::usecases::Error;
use crate::usecases::relay::told;

/// What is to be done about a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Errand {
    Retrieve,
    Cancel,
    Delete,
}

impl RelayBatches {
    /// How far the batch is.
    ///
    /// # Errors
    /// Whatever keeps the caller from knowing.
    pub async fn retrieve(&self, caller: &Caller, about: About<'_>) -> Result<Answered, Error> {
        self.run(caller, &about, Errand::Retrieve).await
    }

    /// Begins to end the batch; results of what is done by then will come.
    ///
    /// # Errors
    /// Whatever keeps the caller from that.
    pub async fn cancel(&self, caller: &Caller, about: About<'_>) -> Result<Answered, Error> {
        self.run(caller, &about, Errand::Cancel).await
    }

    /// Has the batch forgotten, which has ended. Results that nobody has seen are charged in full: nobody ever will.
    ///
    /// # Errors
    /// Whatever keeps the caller from that.
    pub async fn delete(&self, caller: &Caller, about: About<'_>) -> Result<Answered, Error> {
        self.run(caller, &about, Errand::Delete).await
    }

    async fn run(
        &self,
        caller: &Caller,
        about: &About<'_>,
        errand: Errand,
    ) -> Result<Answered, Error> {
        let answered = tokio::select! {
            answered = self.answer(caller, about, errand) => answered,
            () = tokio::time::sleep_until(about.by.at()) => Err(Error::Late),
        };
        answered.inspect_err(|error| counted(&self.parts, caller, error))
    }

    async fn answer(
        &self,
        caller: &Caller,
        about: &About<'_>,
        errand: Errand,
    ) -> Result<Answered, Error> {
        let public_url = self.opened_for(caller)?;
        let id = self.admit(caller, about).await?;
        let mut turn = about.turn(caller);
        let reply = self.ask(&mut turn, about, &id, errand).await?;
        if errand == Errand::Delete
            && let Some(open) = self.open.take(caller.org.id, &id.place, |_| true)
        {
            self.charge_in_full(open);
        }
        let malformed = |_| told(dispatch::Error::Upstream(Fault::Malformed.into()));
        let reply = Members::of(&reply).map_err(malformed)?;
        Ok(Answered {
            body: reply::told(reply, about.id, public_url),
            upstream: turn.upstream,
        })
    }

    async fn ask(
        &self,
        turn: &mut Turn,
        about: &About<'_>,
        id: &BatchId,
        errand: Errand,
    ) -> Result<Bytes, Error> {
        let repeat = match errand {
            Errand::Retrieve => Repeat::Always,
            Errand::Cancel | Errand::Delete => Repeat::IfNothingWasDone,
        };
        let place = &id.place;
        let asked = self
            .parts
            .dispatch
            .ask_batches(turn, &place.provider, repeat, |batches| {
                let (id, dialect) = (place.id.clone(), about.dialect.clone());
                match errand {
                    Errand::Retrieve => batches.retrieve(id, dialect),
                    Errand::Cancel => batches.cancel(id, dialect),
                    Errand::Delete => batches.delete(id, dialect),
                }
            })
            .await;
        asked.map_err(|error| in_our_words(told(error), about, id))
    }
}

/// An error of the provider about a batch, which may name it: by the id that the client knows.
pub(super) fn in_our_words(mut error: Error, about: &About<'_>, id: &BatchId) -> Error {
    if let Error::Rejected { said, .. } = &mut error {
        said.message = said.message.replace(id.place.id.as_str(), about.id);
    }
    error
}
