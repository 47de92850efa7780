//! Which provider a batch goes to, as which models, and what that can cost.

use super::Requests;
use crate::domain::{Caller, ModelId, Money, Org, Price, ProviderName, Target};
use crate::engine::dispatch::{self, Dispatch};
use crate::salesforce::Fault;
use crate::usecases::Error;
use crate::usecases::relay::models;

/// Where a batch will go.
pub struct Placing {
    /// The provider.
    pub provider: ProviderName,
    /// For each model that the requests name, what it is there.
    pub targets: Vec<Target>,
    /// The most that all of them can cost; `None` where a price is not known.
    pub bound: Option<Money>,
    /// What its models cost in a batch, each model once for each price.
    pub prices: Vec<(ModelId, Option<Price>)>,
}

impl Placing {
    /// The first provider that takes batches and has every model that `requests` name, in the order of the first of them.
    ///
    /// # Errors
    /// Where a model is none of the org's, or no one provider takes all of them.
    pub fn of(caller: &Caller, requests: &Requests, dispatch: &Dispatch) -> Result<Self, Error> {
        let org = &caller.org;
        let mut routes = Vec::with_capacity(requests.models.len());
        for (name, first) in &requests.models {
            let route = models::way(org, name);
            routes.push(route.ok_or_else(|| unknown(org, name.as_str(), *first))?);
        }
        let takes = |target: &&Target| dispatch.takes_batches(&target.provider);
        let mut offered: Option<Vec<&ProviderName>> = None;
        for (route, (name, _)) in routes.iter().zip(&requests.models) {
            let of_the_model = route.targets.iter().filter(takes);
            let of_the_model: Vec<&ProviderName> =
                of_the_model.map(|target| &target.provider).collect();
            if of_the_model.is_empty() {
                return Err(Error::NotBatched(format!(
                    "batches are not offered by the providers of model {name}"
                )));
            }
            let kept: Vec<&ProviderName> = match offered {
                None => of_the_model,
                Some(offered) => offered
                    .into_iter()
                    .filter(|provider| of_the_model.contains(provider))
                    .collect(),
            };
            if kept.is_empty() {
                return Err(Error::NotBatched(format!(
                    "a batch goes to one provider, and none that offers batches has model {name} and those before it"
                )));
            }
            offered = Some(kept);
        }
        let provider = offered
            .and_then(|offered| offered.into_iter().next().cloned())
            .ok_or(Error::Internal)?;
        let targets = routes.iter().filter_map(|route| {
            let mut targets = route.targets.iter();
            targets.find(|target| target.provider == provider).cloned()
        });
        let targets: Vec<Target> = targets.collect();
        let (bound, prices) = priced(requests, &targets);
        Ok(Self {
            provider,
            targets,
            bound,
            prices,
        })
    }

    /// What each model is called there.
    pub fn names(&self) -> Vec<ModelId> {
        let models = self.targets.iter().map(|target| target.model.clone());
        models.collect()
    }
}

/// The sum of what `requests` can cost in a batch, and by which prices.
fn priced(
    requests: &Requests,
    targets: &[Target],
) -> (Option<Money>, Vec<(ModelId, Option<Price>)>) {
    let mut sum = Some(Money::ZERO);
    let mut prices: Vec<(ModelId, Option<Price>)> = Vec::new();
    for request in &requests.all {
        let target = &targets[request.model];
        let surcharge = request.reach.surcharge_percent;
        let price = target
            .price
            .map(|price| price.with_surcharge(surcharge).batched());
        if !prices
            .iter()
            .any(|(model, known)| *model == target.model && *known == price)
        {
            prices.push((target.model.clone(), price));
        }
        let bytes = request.bytes_naming(&target.model);
        let bound = price.map(|price| {
            dispatch::bound(bytes, request.max_tokens, &request.reach, target, &price)
        });
        sum = sum.zip(bound).map(|(sum, bound)| sum + bound);
    }
    (sum, prices)
}

fn unknown(org: &Org, name: &str, nth: usize) -> Error {
    let all = models::all(org);
    let known: Vec<&str> = all.iter().map(|model| model.name.as_str()).collect();
    Error::Unfit(Fault {
        pointer: format!("/requests/{nth}/params/model"),
        detail: format!(
            "{name} is no model of {}; it has {}",
            org.name,
            known.join(", ")
        ),
    })
}
