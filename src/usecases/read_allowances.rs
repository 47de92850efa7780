//! Tells a caller what it may still use.

use std::sync::Arc;

use crate::domain::Caller;
use crate::engine::limits::{Allowance, Limits};

use super::Error;

/// Tells a caller its limits and what is left of them.
#[derive(Clone)]
pub struct ReadAllowances {
    limits: Arc<Limits>,
}

impl ReadAllowances {
    /// Reads `limits`.
    pub fn new(limits: Arc<Limits>) -> Self {
        Self { limits }
    }

    /// Counts as a call, and lists every limit.
    ///
    /// # Errors
    /// Where the org's calls a minute are used up.
    pub async fn run(&self, caller: &Caller) -> Result<Vec<Allowance>, Error> {
        self.limits.admit_request(caller).await?;
        Ok(self.limits.allowances(caller))
    }

    /// Lists every limit without counting as a call: for the headers of another answer.
    pub fn peek(&self, caller: &Caller) -> Vec<Allowance> {
        self.limits.allowances(caller)
    }
}
