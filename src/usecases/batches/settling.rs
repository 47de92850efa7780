//! What a batch is charged in the end, once.

use super::{RelayBatches, TASK};
use crate::domain::{ModelId, Money, Price, Usage};
use crate::engine::batches::{Open, Place};
use crate::providers::claude::Tally;
use crate::telemetry::metrics::BatchFate;
use crate::usecases::Parts;
use crate::usecases::trail::Trail;

impl RelayBatches {
    /// Settles the batch at `place`, whose results `tally` has read to their end, unless that has been done.
    pub(super) fn settle(&self, open: Open, place: &Place, tally: &Tally) {
        let mut usage = Usage::default();
        for used in tally.used.values() {
            usage += *used;
        }
        if tally.is_unknown {
            tracing::warn!(
                request_id = %open.request_id,
                org = %open.caller.org.name,
                provider = %place.provider,
                "results of a batch do not all tell what they used, so it is charged in full"
            );
            let bound = open.deposit.amount();
            return self.charge(open, &usage, bound, BatchFate::ChargedInFull);
        }
        let costs = tally
            .used
            .iter()
            .map(|(model, usage)| cost(&open.prices, model, usage));
        let cost = costs.fold(Money::ZERO, |sum, cost| sum + cost);
        if cost > open.deposit.amount() {
            tracing::error!(
                request_id = %open.request_id,
                org = %open.caller.org.name,
                provider = %place.provider,
                "a batch cost more than its bound; a price or the bound is wrong"
            );
        }
        self.charge(open, &usage, cost, BatchFate::Settled);
    }

    /// Charges in full what nobody has settled in time.
    pub(super) fn charge_overdue(&self) {
        for open in self.open.overdue(self.parts.clock.now()) {
            self.charge_in_full(open);
        }
    }

    /// Charges the most that `open` can have cost.
    pub(super) fn charge_in_full(&self, open: Open) {
        let bound = open.deposit.amount();
        self.charge(open, &Usage::default(), bound, BatchFate::ChargedInFull);
    }

    /// The line of a batch's end bears the id of the call that began it.
    fn charge(&self, open: Open, usage: &Usage, cost: Money, fate: BatchFate) {
        let Parts {
            metrics, lifecycle, ..
        } = &*self.parts;
        let org = &open.caller.org.name;
        metrics.used(org, usage, cost);
        metrics.batch(org, fate);
        let mut trail = Trail::of_a_batch(&self.parts, &open.caller, TASK, &open.request_id);
        trail.charged(usage, cost);
        open.deposit.settle(cost);
        let outcome = match fate {
            BatchFate::Settled => "settled",
            _ => "charged-in-full",
        };
        lifecycle.spawn("batch audit", trail.ended(outcome));
    }
}

/// What `usage` of the model that the results call `named` costs: by the price of that model, which they may call by a
/// longer name with its date; where that leaves a choice, by the dearest.
fn cost(prices: &[(ModelId, Option<Price>)], named: &str, usage: &Usage) -> Money {
    let means = |model: &ModelId| {
        let rest = named.strip_prefix(model.as_str())?;
        (rest.is_empty() || rest.starts_with(['-', '@'])).then_some(model.as_str().len())
    };
    let closest = prices.iter().filter_map(|(model, _)| means(model)).max();
    let costs = prices
        .iter()
        .filter(|(model, _)| closest.is_none() || means(model) == closest)
        .map(|(_, price)| price.map_or(Money::ZERO, |price| price.of(usage)));
    costs.max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(input: u64) -> Price {
        Price {
            input,
            output: 0,
            cache_write_5m: 0,
            cache_write_1h: 0,
            cache_read: 0,
            web_search: 0,
            batch_share: 500_000,
        }
    }

    #[test]
    fn a_result_costs_what_its_model_does_and_in_doubt_the_dearest() {
        let model = |name| ModelId::parse(name).expect("a model");
        let prices = [
            (model("claude-opus-4"), Some(price(3_000_000))),
            (model("claude-opus-4-5"), Some(price(1_000_000))),
            (model("claude-opus-4-5"), Some(price(1_100_000))),
            (model("claude-x"), None),
        ];
        let usage = Usage {
            input_tokens: 10,
            ..Usage::default()
        };
        let of = |named| cost(&prices, named, &usage).as_micros();
        assert_eq!(of("claude-opus-4"), 30);
        assert_eq!(of("claude-opus-4-5"), 11, "the dearer of its two prices");
        assert_eq!(of("claude-opus-4-5-20251101"), 11);
        assert_eq!(of("claude-x"), 0);
        assert_eq!(of("claude-opus-45"), 30, "no model of the batch");
    }
}
