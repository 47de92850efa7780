//! Shows whoever watches the gateway how much of each budget is used.

use std::sync::Arc;

use crate::domain::{Caller, CredentialKind, LimitName, Org};
use crate::engine::limits::{Allowance, Limits};
use crate::identity::Directory;
use crate::telemetry::Metrics;
use crate::telemetry::metrics::BudgetUsed;

/// Shows how much of each org's budgets is used.
#[derive(Clone)]
pub struct ReadBudgets {
    directory: Arc<Directory>,
    limits: Arc<Limits>,
    metrics: Arc<Metrics>,
}

impl ReadBudgets {
    /// Reads the `limits` of the orgs in `directory`, and shows them in `metrics`.
    pub fn new(directory: Arc<Directory>, limits: Arc<Limits>, metrics: Arc<Metrics>) -> Self {
        Self {
            directory,
            limits,
            metrics,
        }
    }

    /// Sets the numbers of the budgets to how they stand now.
    pub fn run(&self) {
        let orgs = self.directory.orgs();
        let budgets: Vec<BudgetUsed> = orgs.iter().flat_map(|org| self.of(org)).collect();
        self.metrics.budgets(&budgets);
    }

    fn of(&self, org: &Arc<Org>) -> Vec<BudgetUsed> {
        // Budgets are the org's, whichever credential speaks for it.
        let anybody = Caller::of_org(
            Arc::clone(org),
            "".into(),
            CredentialKind::ApiKey,
            [].into(),
        );
        let all = self.limits.allowances(&anybody).into_iter();
        let budgets = all.filter(|one| {
            matches!(
                one.name,
                LimitName::BudgetPerDay | LimitName::BudgetPerMonth
            )
        });
        budgets
            .map(|one| BudgetUsed {
                org: org.name.clone(),
                limit: one.name,
                ratio: used(&one),
            })
            .collect()
    }
}

/// What is used of a budget, from 0 to 1; a budget of nothing is used up.
fn used(budget: &Allowance) -> f64 {
    if budget.maximum > 0.0 {
        1.0 - budget.remaining / budget.maximum
    } else {
        1.0
    }
}
