//! `[[orgs]]`: the tenants, their credentials and their limits.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::credentials::{self, Around};
use super::models::Models;
use super::privacy;
use super::reader::{Entry, Once, Section};
use crate::domain::{
    Alias, Limits, Money, Org, OrgId, OrgName, Privacy, Route, SalesforceId, TaskName, TaskSettings,
};
use crate::identity::Tenant;

/// What must not be given twice over all orgs.
#[derive(Default)]
struct Taken {
    ids: Once<OrgId>,
    names: Once<OrgName>,
    proofs: credentials::Taken,
}

/// Reads every org of the file, its models and tasks inside.
pub fn read(
    root: &mut Section<'_>,
    models: &Models,
    tasks: &Arc<BTreeMap<TaskName, TaskSettings>>,
    around: &Around<'_>,
) -> Vec<Tenant> {
    let sections = root.need_sections(
        "orgs",
        "must be a list of at least one [[orgs]], with an id, a name and [[orgs.credentials]]",
    );
    let mut taken = Taken::default();
    let tenants = sections
        .into_iter()
        .filter_map(|section| tenant(section, models, tasks, around, &mut taken));
    tenants.collect()
}

fn tenant(
    mut section: Section<'_>,
    models: &Models,
    tasks: &Arc<BTreeMap<TaskName, TaskSettings>>,
    around: &Around<'_>,
    taken: &mut Taken,
) -> Option<Tenant> {
    let id = section
        .need(
            "id",
            "it must be the Salesforce id of the org, 15 or 18 characters that begin with 00D",
        )
        .and_then(|entry| {
            let id = org_id(&entry)?;
            if let Err(first) = taken.ids.take(id, entry.key()) {
                entry.note(format!(
                    "is the org at {first} already; every org stands here once"
                ));
            }
            Some(id)
        });
    let name = section
        .need("name", "give the org a name for logs and metrics")
        .and_then(|entry| {
            let name = entry.parsed(
                "must be 1 to 64 characters of A-Z a-z 0-9 . _ -",
                OrgName::parse,
            )?;
            if let Err(first) = taken.names.take(name.clone(), entry.key()) {
                entry.note(format!(
                    "is the name at {first} already; every org needs its own"
                ));
            }
            Some(name)
        });
    let timezone = section
        .take("timezone")
        .and_then(|entry| timezone(&entry))
        .unwrap_or(TimeZone::UTC);
    let allowed = allowed(&mut section, models);
    let credentials = credentials::read(&mut section, around, &mut taken.proofs);
    let (limits, per_user) = limits(&mut section, &allowed, models);
    let messages_cache_ttl = section
        .take("messages_cache_ttl_s")
        .and_then(|entry| entry.whole(0..=2_592_000))
        .map_or(Duration::ZERO, Duration::from_secs);
    let privacy = privacy::read(&mut section);
    let batches = section
        .take("batches")
        .is_some_and(|entry| batches(&entry, around.public_url.is_some(), privacy.as_deref()));
    section.done();
    let org = Org {
        id: id?,
        name: name?,
        timezone,
        limits,
        per_user,
        models: allowed,
        tasks: Arc::clone(tasks),
        messages_cache_ttl,
        privacy,
        batches,
    };
    Some(Tenant {
        org: Arc::new(org),
        credentials,
    })
}

fn org_id(entry: &Entry<'_>) -> Option<OrgId> {
    let wanted = "must be the Salesforce id of the org, 15 or 18 characters that begin with 00D";
    let text = entry.text_or(wanted)?;
    let id = match text.parse::<SalesforceId>() {
        Ok(id) => id,
        Err(why) => {
            entry.note(format!("{why}; {wanted}"));
            return None;
        }
    };
    let id = OrgId::new(id);
    if id.is_none() {
        entry.note(format!("is no id of an org; {wanted}"));
    }
    id
}

fn timezone(entry: &Entry<'_>) -> Option<TimeZone> {
    let wanted = "must be the IANA name of a time zone, such as Europe/Berlin or UTC";
    let text = entry.text_or(wanted)?;
    let zone = TimeZone::get(text).ok().filter(|zone| !zone.is_unknown());
    if zone.is_none() {
        if TimeZone::get("Europe/London").is_ok() {
            entry.note(wanted);
        } else {
            entry.note("cannot be looked up: this machine has no time zone database; install tzdata, or use UTC");
        }
    }
    zone
}

/// Whether batches are open, which they can be only where results have an address and nothing is masked.
fn batches(entry: &Entry<'_>, has_public_url: bool, privacy: Option<&Privacy>) -> bool {
    let batches = entry.flag().unwrap_or_default();
    if batches && !has_public_url {
        entry.note(
            "needs `public_url` in [server], where clients fetch the results; set it, or leave `batches` out",
        );
    }
    if batches && privacy.is_some_and(|privacy| privacy.messages) {
        entry.note(
            "cannot go with [orgs.privacy]: what is masked cannot be put back into results a day later; set `messages = false` in [orgs.privacy], or leave `batches` out",
        );
    }
    batches
}

/// The aliases that the org may use; all of them where it names none.
fn allowed(section: &mut Section<'_>, models: &Models) -> BTreeMap<Alias, Arc<Route>> {
    let named = section.take("models").map_or_else(Vec::new, |list| {
        list.items("must be a list of aliases, such as [\"default\"]")
    });
    if named.is_empty() {
        return models.routes.clone();
    }
    let aliases = named.iter().filter_map(|entry| models.find(entry));
    aliases
        .filter_map(|alias| models.routes.get_key_value(&alias))
        .map(|(alias, route)| (alias.clone(), Arc::clone(route)))
        .collect()
}

/// The org's limits and those of each user in it.
fn limits(
    section: &mut Section<'_>,
    allowed: &BTreeMap<Alias, Arc<Route>>,
    models: &Models,
) -> (Limits, Limits) {
    let mut section = section.section("limits");
    let mut own = section.section("per_user");
    let per_user = read_limits(&mut own, allowed, models);
    own.done();
    let given = read_limits(&mut section, allowed, models);
    section.done();
    let usual = Limits {
        requests_per_minute: std::num::NonZeroU32::new(600),
        tokens_per_minute: std::num::NonZeroU32::new(400_000),
        calls_in_flight: std::num::NonZeroU32::new(20),
        budget_per_day: None,
        budget_per_month: None,
    };
    let limits = Limits {
        requests_per_minute: given.requests_per_minute.or(usual.requests_per_minute),
        tokens_per_minute: given.tokens_per_minute.or(usual.tokens_per_minute),
        calls_in_flight: given.calls_in_flight.or(usual.calls_in_flight),
        ..given
    };
    (limits, per_user)
}

fn read_limits(
    section: &mut Section<'_>,
    allowed: &BTreeMap<Alias, Arc<Route>>,
    models: &Models,
) -> Limits {
    let count = |entry: Entry<'_>| entry.count();
    Limits {
        requests_per_minute: section.take("requests_per_minute").and_then(count),
        tokens_per_minute: section.take("tokens_per_minute").and_then(count),
        calls_in_flight: section.take("calls_in_flight").and_then(count),
        budget_per_day: section
            .take("budget_usd_per_day")
            .and_then(|entry| budget(&entry, allowed, models)),
        budget_per_month: section
            .take("budget_usd_per_month")
            .and_then(|entry| budget(&entry, allowed, models)),
    }
}

/// A budget holds only where every call has a price.
fn budget(
    entry: &Entry<'_>,
    allowed: &BTreeMap<Alias, Arc<Route>>,
    models: &Models,
) -> Option<Money> {
    let usd = entry.dollars(0.01..=1e9)?;
    let unpriced = allowed
        .keys()
        .filter_map(|alias| Some((alias, models.unpriced.get(alias)?)));
    for (alias, targets) in unpriced {
        for target in targets {
            entry.note(format!(
                "cannot be kept, since `{alias}` leads to {target}, whose price nobody knows; add [prices.\"{target}\"] with input and output"
            ));
        }
    }
    Money::from_usd(usd)
}

#[cfg(test)]
mod tests {
    use super::super::scripted::{Scripted, mistake, mistakes};
    use super::super::settings::read;
    use super::*;

    const ID: &str = "00D5f000000XyZaEAK";

    /// The example with a second org in front of its providers.
    fn with_a_second_org(id: &str, name: &str) -> Vec<String> {
        let org = format!("[[orgs]]\nid = \"{id}\"\nname = \"{name}\"\n");
        mistakes("[[providers]]", &format!("{org}\n[[providers]]"))
    }

    #[test]
    fn an_org_comes_as_it_is_written() {
        let settings = read(Scripted::EXAMPLE, &Scripted::example()).expect("a good config");
        let tenant = &settings.tenants[0];
        assert_eq!(tenant.org.id.as_str(), ID);
        assert_eq!(tenant.org.timezone.iana_name(), Some("Europe/Berlin"));
        assert_eq!(tenant.org.limits.budget_per_day, Money::from_usd(50.0));
        assert_eq!(tenant.org.limits.budget_per_month, Money::from_usd(1_000.0));
        assert_eq!(tenant.org.per_user, Limits::default());
        let aliases: Vec<_> = tenant.org.models.keys().map(Alias::as_str).collect();
        assert_eq!(aliases, ["default", "fast"]);
    }

    #[test]
    fn an_org_that_says_little_gets_the_usual_limits_every_alias_and_utc() {
        let config = Scripted::EXAMPLE.replace(
            "[[providers]]\nname = \"claude\"",
            "[[orgs]]\nid = \"00D5f000000XyZb\"\nname = \"acme-test\"\nmodels = []\n[[providers]]\nname = \"claude\"",
        );
        let settings = read(&config, &Scripted::example()).expect("a good config");
        let org = &settings.tenants[1].org;
        assert_eq!(org.id.as_str().len(), 18);
        assert_eq!(org.models.len(), 3);
        assert_eq!(org.timezone, TimeZone::UTC);
        assert_eq!(org.limits.requests_per_minute.map(u32::from), Some(600));
        assert_eq!(org.limits.tokens_per_minute.map(u32::from), Some(400_000));
        assert_eq!(org.limits.calls_in_flight.map(u32::from), Some(20));
        assert_eq!(org.limits.budget_per_day, None);
    }

    #[test]
    fn an_org_is_the_same_in_15_and_in_18_characters() {
        let told = with_a_second_org("00D5f000000XyZa", "acme-test");
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].contains("is the org at orgs[0].id already"),
            "{told:?}"
        );
    }

    #[test]
    fn a_name_is_given_once() {
        let told = with_a_second_org("00D5f000000XyZb", "acme-prod");
        assert!(
            told[0].contains("is the name at orgs[0].name already"),
            "{told:?}"
        );
    }

    #[test]
    fn an_id_is_checked_and_the_right_suffix_proposed() {
        assert!(mistake(ID, "00D5f000000XyZaEAA").contains("would be EAK"));
        assert!(mistake(ID, "0065f000000XyZa").contains("is no id of an org"));
        assert!(mistake(ID, "acme").contains("15 or 18 characters"));
        assert!(mistake(ID, "").contains("is empty"));
    }

    #[test]
    fn an_org_names_aliases_and_a_time_zone_that_exist() {
        let told = mistake("[\"default\", \"fast\"]", "[\"default\", \"slow\"]");
        assert!(told.starts_with("orgs[0].models[1] = \"slow\""), "{told}");
        assert!(told.contains("default, fast, rehearsal"), "{told}");
        assert!(mistake("Europe/Berlin", "Europe/Nowhere").contains("IANA"));
    }

    #[test]
    fn a_limit_is_a_number_above_zero() {
        for (key, wrong) in [
            ("requests_per_minute = 600", "requests_per_minute = 0"),
            ("tokens_per_minute = 400_000", "tokens_per_minute = -1"),
            ("calls_in_flight = 20", "calls_in_flight = 2.5"),
        ] {
            let told = mistake(key, wrong);
            assert!(told.starts_with("orgs[0].limits."), "{told}");
            assert!(told.contains("from 1 to 4,294,967,295"), "{told}");
        }
        assert!(
            mistake("budget_usd_per_day = 50.0", "budget_usd_per_day = 0").contains("US dollars")
        );
        assert!(
            mistake("budget_usd_per_day = 50.0", "budget_usd_per_day = nan").contains("US dollars")
        );
    }

    #[test]
    fn each_user_has_the_same_keys_and_none_by_default() {
        let config = Scripted::EXAMPLE.replace(
            "[orgs.limits.per_user]",
            "[orgs.limits.per_user]\nrequests_per_minute = 6\nbudget_usd_per_day = 1.5\n",
        );
        let settings = read(&config, &Scripted::example()).expect("a good config");
        let per_user = settings.tenants[0].org.per_user;
        assert_eq!(per_user.requests_per_minute.map(u32::from), Some(6));
        assert_eq!(per_user.budget_per_day, Some(Money::micros(1_500_000)));
        assert_eq!(per_user.tokens_per_minute, None);
        let told = mistake(
            "[orgs.limits.per_user]",
            "[orgs.limits.per_user]\nper_user = 1\n",
        );
        assert!(
            told.starts_with("orgs[0].limits.per_user.per_user"),
            "{told}"
        );
    }

    #[test]
    fn a_budget_needs_the_price_of_every_model_behind_it() {
        let unpriced = Scripted::EXAMPLE.replace("claude-haiku-5-5", "claude-next-9");
        let mistakes = read(&unpriced, &Scripted::example()).expect_err("mistakes");
        let told: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(
            told[0].starts_with("orgs[0].limits.budget_usd_per_day"),
            "{told:?}"
        );
        assert!(
            told[0].contains("[prices.\"claude/claude-next-9\"]"),
            "{told:?}"
        );

        let unused = unpriced.replace("[\"default\", \"fast\"]", "[\"default\"]");
        assert!(read(&unused, &Scripted::example()).is_ok());
    }

    #[test]
    fn batches_need_an_address_for_their_results_and_nothing_masked() {
        let with = |batches: &str, messages: &str| {
            Scripted::EXAMPLE
                .replace("batches = false", &format!("batches = {batches}"))
                .replace("messages = true", &format!("messages = {messages}"))
        };
        let told = |config: &str| match read(config, &Scripted::example()) {
            Ok(settings) => vec![settings.tenants[0].org.batches.to_string()],
            Err(mistakes) => mistakes.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(told(&with("false", "true")), ["false"]);
        let open = with("true", "false");
        assert_eq!(told(&open), ["true"]);

        let masked = told(&with("true", "true"));
        assert_eq!(masked.len(), 1, "{masked:?}");
        assert!(
            masked[0].starts_with("orgs[0].batches = true: cannot go with [orgs.privacy]"),
            "{masked:?}"
        );
        let nowhere = open.replace("public_url = \"https://belay.acme.example\"", "");
        let nowhere = told(&nowhere);
        assert_eq!(nowhere.len(), 1, "{nowhere:?}");
        assert!(
            nowhere[0].starts_with("orgs[0].batches = true: needs `public_url` in [server]"),
            "{nowhere:?}"
        );
    }
}
