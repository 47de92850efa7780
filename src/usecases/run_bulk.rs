//! Runs a task for many records at once: one answer each, in their order.
//!
//! # Why
//! Two hundred Flow interviews become one callout. The items share the deadline and queue for slots like everybody, in
//! a lane of their own that always leaves a slot to single calls; each has its own outcome, so one bad record does not
//! cost the other 199 their answers.

use std::sync::Arc;

use futures_util::future::join_all;

use super::answer::{Asked, Landed, Repeat};
use super::error::Error;
use super::run_task::{Counted, RunTask};
use crate::domain::{Caller, Deadline, RequestId, TaskName};
use crate::engine::idempotency::Standing;
use crate::engine::limits::{Lane, Limits};

/// Runs a task for many records.
#[derive(Clone)]
pub struct RunBulk {
    run_task: RunTask,
    limits: Arc<Limits>,
}

/// The code of what a door refuses item by item.
const INVALID: &str = "invalid-request";

impl RunBulk {
    /// Runs each item by `run_task`.
    pub fn new(run_task: RunTask, limits: Arc<Limits>) -> Self {
        Self { run_task, limits }
    }

    /// One outcome for each item, in order. The whole counts as one request.
    ///
    /// An item that is already an error, because its door refused it as a request to `question`, keeps its place and its
    /// error `E`.
    ///
    /// # Errors
    /// Where the call as a whole may not go on: its calls a minute are used up, or its idempotency key came with another
    /// body.
    pub async fn run<E>(
        &self,
        caller: &Caller,
        question: (TaskName, &RequestId),
        items: Vec<Result<Asked, E>>,
        by: Deadline,
    ) -> Result<Vec<Result<Landed, E>>, Error> {
        let repeats: Vec<Repeat> = items
            .iter()
            .filter_map(|item| item.as_ref().ok()?.repeat.clone())
            .collect();
        match self.run_task.standing(caller, &repeats).await {
            Standing::Mismatch => return Err(Error::IdempotencyMismatch),
            Standing::Ended => {}
            Standing::Open => self.limits.admit_request(caller).await?,
        }
        let runs = items.into_iter().map(|item| async {
            match item {
                Ok(asked) => {
                    let turn = (Lane::Bulk, Counted::WithItsBulk);
                    Ok(self.run_task.run(caller, asked, by, turn).await)
                }
                Err(refused) => {
                    self.run_task.refused(caller, question, INVALID).await;
                    Err(refused)
                }
            }
        });
        Ok(join_all(runs).await)
    }
}
