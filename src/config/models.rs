//! `[models]` and `[prices]`: where each alias leads, and what that costs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::capabilities::Given;
use super::mistakes::did_you_mean;
use super::providers::{Providers, Standing, names_a_model};
use super::reader::{Entry, Section};
use crate::domain::{Alias, ModelId, Money, Price, ProviderName, Route, Target};
use crate::providers::{Surface, prices};

/// The dearest price that is believed, in dollars per million tokens.
const DEAREST: f64 = 1_000_000.0;

/// What the simulator costs, unless the file says otherwise.
const FREE: Price = Price {
    input: 0,
    output: 0,
    cache_write_5m: 0,
    cache_write_1h: 0,
    cache_read: 0,
    web_search: 0,
    batch_share: 1_000_000,
};

/// The prices of the file, by `model` or `provider/model`.
pub type Prices = BTreeMap<String, Price>;

/// Every alias of the file.
pub struct Models {
    /// Where each leads.
    pub routes: BTreeMap<Alias, Arc<Route>>,
    /// Targets that the file gives a version of the API, by provider.
    pub versions: BTreeMap<ProviderName, BTreeMap<ModelId, Arc<str>>>,
    /// Those without a price, as `provider/model`, where a budget would need one.
    pub unpriced: BTreeMap<Alias, Vec<String>>,
    /// Aliases that are named, also those whose targets are wrong.
    names: BTreeSet<Alias>,
}

impl Models {
    /// The alias of this name; what is wrong with it is noted at `entry`.
    pub fn find(&self, entry: &Entry<'_>) -> Option<Alias> {
        let wanted = "must be the name of an alias in [models]";
        let text = entry.text_or(wanted)?;
        let alias = Alias::parse(text).filter(|alias| self.has(alias));
        if alias.is_none() {
            let names: Vec<&str> = self.names.iter().map(Alias::as_str).collect();
            let near = did_you_mean(text, names.iter().copied());
            let names = if names.is_empty() {
                "it has none".to_owned()
            } else {
                format!("it has: {}", names.join(", "))
            };
            entry.note(format!("{wanted}; {names}{near}"));
        }
        alias
    }

    /// Whether the file names `alias`.
    pub fn has(&self, alias: &Alias) -> bool {
        self.names.contains(alias)
    }
}

/// Reads the prices of the file.
pub fn prices(root: &mut Section<'_>) -> Prices {
    let mut prices = Prices::new();
    for (name, section) in root.section("prices").named() {
        if !names_a_model(&name) {
            section.note("must be named by a model, or by provider/model");
        }
        if let Some(price) = price(section) {
            prices.insert(name, price);
        }
    }
    prices
}

/// One price. What the cache costs follows from the input, and what a search costs from the list, unless it is given.
fn price(mut section: Section<'_>) -> Option<Price> {
    let wanted = "it must be US dollars per million tokens";
    let dollars = |entry: Entry<'_>| entry.dollars(0.0..=DEAREST);
    let input = section.need("input", wanted).and_then(dollars);
    let output = section.need("output", wanted).and_then(dollars);
    let written_for_minutes = section.take("cache_write_5m").map(dollars);
    let written_for_an_hour = section.take("cache_write_1h").map(dollars);
    let read = section.take("cache_read").map(dollars);
    let thousand_searches = section.take("web_search").map(dollars);
    let batch = section.take("batch").map(|entry| share(&entry));
    section.done();
    let usual = prices::from_usd(input?, output?)?;
    let or_usual = |given: Option<Option<f64>>, usual: u64| match given {
        Some(usd) => Money::from_usd(usd?).map(Money::as_micros),
        None => Some(usual),
    };
    Some(Price {
        cache_write_5m: or_usual(written_for_minutes, usual.cache_write_5m)?,
        cache_write_1h: or_usual(written_for_an_hour, usual.cache_write_1h)?,
        cache_read: or_usual(read, usual.cache_read)?,
        // Rounded up, so that what a budget reserves stays a bound.
        web_search: or_usual(thousand_searches, usual.web_search * 1_000)?.div_ceil(1_000),
        batch_share: match batch {
            Some(share) => share?,
            None => usual.batch_share,
        },
        ..usual
    })
}

/// What a batch costs, as a share of what its tokens cost otherwise, in millionths.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the range is checked first"
)]
fn share(entry: &Entry<'_>) -> Option<u32> {
    let share = entry.number(
        1e-6..=1.0,
        "must be the share of its price that a token costs in a batch, above 0 and up to 1, such as 0.5",
    )?;
    Some((share * 1e6).ceil() as u32)
}

/// Reads every alias, its targets resolved.
pub fn read(
    root: &mut Section<'_>,
    providers: &Providers,
    prices: &Prices,
    given: &Given,
) -> Models {
    let mut models = Models {
        routes: BTreeMap::new(),
        versions: BTreeMap::new(),
        unpriced: BTreeMap::new(),
        names: BTreeSet::new(),
    };
    for (name, mut section) in root.section("models").named() {
        let Some(alias) = Alias::parse(&name) else {
            section.note("must be named with 1 to 128 characters of A-Z a-z 0-9 . _ : @ -");
            continue;
        };
        models.names.insert(alias.clone());
        let mut targets: Vec<Target> = Vec::new();
        let sections = section.need_sections(
            "targets",
            "must be a list of at least one { provider = \"…\", model = \"…\" }",
        );
        for target in sections {
            let target = read_target(target, &targets, providers, (prices, given));
            let Some((target, standing)) = target else {
                continue;
            };
            if let Some(version) = given.version(&target.provider, &target.model) {
                let of_the_provider = models.versions.entry(target.provider.clone());
                let versions = of_the_provider.or_default();
                versions.insert(target.model.clone(), version);
            }
            if target.price.is_none() && matches!(standing, Standing::Real(_)) {
                let unpriced = models.unpriced.entry(alias.clone()).or_default();
                unpriced.push(format!("{}/{}", target.provider, target.model));
            }
            targets.push(target);
        }
        section.done();
        if !targets.is_empty() {
            let route = Route {
                alias: alias.clone(),
                targets,
            };
            models.routes.insert(alias, Arc::new(route));
        }
    }
    models
}

fn read_target(
    mut section: Section<'_>,
    before: &[Target],
    providers: &Providers,
    (prices, given): (&Prices, &Given),
) -> Option<(Target, Standing)> {
    let wanted = "must be the name of one of the [[providers]]";
    let provider = section
        .need("provider", &format!("it {wanted}"))
        .and_then(|entry| {
            let text = entry.text_or(wanted)?;
            let name = ProviderName::parse(text);
            let found = name.and_then(|name| Some((providers.standing(&name)?, name)));
            if found.is_none() {
                let near = did_you_mean(text, providers.names());
                entry.note(format!("{wanted}{near}"));
            }
            found
        });
    let model = section
        .need("model", "it must be the model's id at the provider")
        .and_then(|entry| {
            entry.parsed(
                "must be a model's id, 1 to 128 characters of A-Z a-z 0-9 . _ : @ -, or an ARN of AWS",
                ModelId::parse,
            )
        });
    let twice = before.iter().any(|target| {
        Some(&target.model) == model.as_ref()
            && provider
                .as_ref()
                .is_some_and(|(_, name)| *name == target.provider)
    });
    if twice {
        section.note("is a target of this alias already; remove it");
    }
    section.done();
    let ((standing, provider), model) = (provider?, model?);
    let simulated = standing == Standing::Simulated;
    let surface = match standing {
        Standing::Real(surface) => surface,
        Standing::Simulated | Standing::Broken => Surface::Simulator,
    };
    let target = Target {
        price: price_of(&provider, &model, surface, prices),
        capabilities: given.of(surface, &provider, &model),
        provider,
        model,
        simulated,
    };
    Some((target, standing))
}

/// The file's price of the model there, else of the model anywhere, else the list's.
fn price_of(
    provider: &ProviderName,
    model: &ModelId,
    surface: Surface,
    file: &Prices,
) -> Option<Price> {
    file.get(&format!("{provider}/{model}"))
        .or_else(|| file.get(model.as_str()))
        .copied()
        .or_else(|| {
            if surface == Surface::Simulator {
                Some(FREE)
            } else {
                prices::of(surface, model.as_str())
            }
        })
}

#[cfg(test)]
mod tests {
    use super::super::scripted::{Scripted, mistake, mistakes};
    use super::super::settings::read;
    use super::*;
    use crate::providers::capabilities;

    fn targets(config: &str, alias: &str) -> Vec<Target> {
        let settings = read(config, &Scripted::example()).expect("a good config");
        let alias = Alias::parse(alias).expect("a plain name");
        settings.tenants[0].org.models[&alias].targets.clone()
    }

    #[test]
    fn an_alias_leads_to_its_targets_in_the_order_of_the_file() {
        let targets = targets(Scripted::EXAMPLE, "default");
        let models: Vec<_> = targets.iter().map(|t| t.model.as_str()).collect();
        assert_eq!(models, ["claude-sonnet-5-5", "claude-opus-5-5"]);
        assert_eq!(
            targets[1].capabilities,
            capabilities::of(Surface::Claude, "claude-opus-5-5")
        );
        assert!(!targets[0].simulated);
    }

    #[test]
    fn the_nearest_price_counts() {
        let price = |file: &str| {
            let start = Scripted::EXAMPLE.find("[prices").expect("prices");
            let end = Scripted::EXAMPLE.find("[tasks").expect("tasks");
            let config = Scripted::EXAMPLE.replace(&Scripted::EXAMPLE[start..end], file);
            targets(&config, "default")[0].price.expect("a price")
        };
        let of_the_model = "[prices.claude-sonnet-5-5]\ninput = 3\noutput = 9.5\n";
        let of_the_provider = "[prices.\"claude/claude-sonnet-5-5\"]\ninput = 7\noutput = 0\n";

        assert_eq!(price("").input, 2_000_000);
        assert_eq!(price(of_the_model).input, 3_000_000);
        assert_eq!(price(of_the_model).output, 9_500_000);
        let both = format!("{of_the_model}{of_the_provider}cache_read = 0.5\n");
        assert_eq!(price(&both).input, 7_000_000);
        assert_eq!(price(&both).cache_write_5m, 8_750_000);
        assert_eq!(price(&both).cache_write_1h, 14_000_000);
        assert_eq!(price(&both).cache_read, 500_000);
        assert_eq!(price(&both).web_search, 10_000);
        let searched = format!("{of_the_model}web_search = 2.5\n");
        assert_eq!(price(&searched).web_search, 2_500);
        assert_eq!(price(&searched).batched().input, 1_500_000);
        let batched = format!("{of_the_model}batch = 0.75\n");
        assert_eq!(price(&batched).batched().input, 2_250_000);
    }

    #[test]
    fn a_cloud_is_known_by_its_own_spelling_and_price() {
        let config = Scripted::EXAMPLE
            .replace(
                "[models.default]",
                "[[providers]]\nname = \"aws\"\nkind = \"bedrock\"\nregion = \"us-east-1\"\n[models.default]",
            )
            .replace(
                "{ provider = \"claude\", model = \"claude-opus-5-5\" }",
                "{ provider = \"aws\", model = \"us.anthropic.claude-sonnet-5-5\" },
                 { provider = \"aws\", model = \"arn:aws:bedrock:us-east-1:1:application-inference-profile/a1\" }",
            );
        let config = config.replace(
            "budget_usd_per_day = 50.0\nbudget_usd_per_month = 1_000",
            "",
        );
        let targets = targets(&config, "default");
        assert_eq!(targets[1].price.expect("a price").input, 2_200_000);
        assert!(targets[0].capabilities.web_search && !targets[1].capabilities.web_search);
        assert_eq!(targets[2].price, None);
    }

    #[test]
    fn the_simulator_is_free_unless_it_is_priced() {
        let rehearsed = Scripted::EXAMPLE.replace("\"default\", \"fast\"", "\"rehearsal\"");
        let target = &targets(&rehearsed, "rehearsal")[0];
        assert!(target.simulated);
        assert_eq!(target.price, Some(FREE));
        let priced = rehearsed + "[prices.simulator]\ninput = 1\noutput = 1\n";
        let price = targets(&priced, "rehearsal")[0].price.expect("a price");
        assert_eq!(price.input, 1_000_000);
    }

    #[test]
    fn a_target_names_a_provider_that_exists() {
        let told = mistake(
            "{ provider = \"claude\", model = \"claude-opus-5-5\" }",
            "{ provider = \"cloude\", model = \"claude-opus-5-5\" }",
        );
        assert!(
            told.starts_with("models.default.targets[1].provider"),
            "{told}"
        );
        assert!(told.contains("did you mean `claude`?"), "{told}");
    }

    #[test]
    fn what_is_wrong_with_a_target_is_told_once() {
        let told = mistake("model = \"claude-opus-5-5\"", "model = \"a/b\"");
        assert!(told.contains("must be a model's id"), "{told}");
        let told = mistake(
            "model = \"claude-opus-5-5\"",
            "model = \"claude-sonnet-5-5\"",
        );
        assert!(told.contains("is a target of this alias already"), "{told}");
        let told = mistake(
            "model = \"claude-opus-5-5\"",
            "modell = \"x\", model = \"claude-opus-5-5\"",
        );
        assert!(told.contains("did you mean `model`?"), "{told}");
        let told = mistake(
            "[{ provider = \"claude\", model = \"claude-haiku-5-5\" }]",
            "[]",
        );
        assert!(told.starts_with("models.fast.targets: is empty"), "{told}");
        let told = mistake(
            "[{ provider = \"claude\", model = \"claude-haiku-5-5\" }]",
            "[\"claude\"]",
        );
        assert!(
            told.contains("{ provider = \"…\", model = \"…\" }"),
            "{told}"
        );
    }

    #[test]
    fn a_price_needs_input_and_output_and_no_other_keys() {
        let told = mistakes("input = 2.0", "inputs = -2.0");
        assert!(told[0].contains("input: is missing"), "{told:?}");
        assert!(told[1].contains("did you mean `input`?"), "{told:?}");
        let told = mistake("output = 10.0", "output = \"10\"");
        assert!(told.contains("US dollars"), "{told}");
        for share in ["0", "1.5", "\"half\"", "-0.5"] {
            let told = mistake("output = 10.0", &format!("output = 10.0\nbatch = {share}"));
            assert!(told.contains("above 0 and up to 1"), "{told}");
        }
        let told = mistake("[prices.\"claude-sonnet-5-5\"]", "[prices.\"a/b/c\"]");
        assert!(told.contains("provider/model"), "{told}");
    }
}
