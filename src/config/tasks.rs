//! `[tasks]`: how each task is done.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::models::Models;
use super::reader::{Section, grouped};
use crate::domain::{Effort, TaskName, TaskSettings};

/// Thirty days: an answer about a record is not worth keeping for longer.
const LONGEST_TTL_S: u64 = 30 * 24 * 60 * 60;

/// Reads every task, whether or not the file has it.
pub fn read(root: &mut Section<'_>, models: &Models) -> Arc<BTreeMap<TaskName, TaskSettings>> {
    let mut section = root.section("tasks");
    let mut by_default = Vec::new();
    let tasks = TaskName::ALL
        .into_iter()
        .map(|name| {
            let own = section.section(name.as_str());
            let key = own.key().to_owned();
            let (settings, names_a_model) = task(own, models);
            if !names_a_model {
                by_default.push(key);
            }
            (name, settings)
        })
        .collect();
    section.done();

    let default = TaskSettings::default().model;
    if !by_default.is_empty() && !models.has(&default) {
        let problem = format!(
            "is missing; {} would use it; add [models.{default}], or set `model` of each to an alias that there is",
            by_default.join(" and ")
        );
        root.note_at(&format!("models.{default}"), problem);
    }
    Arc::new(tasks)
}

/// One task's settings, and whether they name a model.
fn task(mut section: Section<'_>, models: &Models) -> (TaskSettings, bool) {
    let mut settings = TaskSettings::default();
    let model = section.take("model");
    let names_a_model = model.is_some();
    if let Some(alias) = model.and_then(|entry| models.find(&entry)) {
        settings.model = alias;
    }
    if let Some(entry) = section.take("max_output_tokens")
        && let Some(tokens) = entry.whole(1..=u64::from(u32::MAX))
    {
        let tokens = u32::try_from(tokens).expect("the range was checked");
        // A caller may name any alias, so each of them has to be able to answer.
        let least = models
            .routes
            .values()
            .flat_map(|route| &route.targets)
            .filter(|target| !target.simulated)
            .min_by_key(|target| target.capabilities.max_output_tokens);
        match least {
            Some(target) if target.capabilities.max_output_tokens < tokens => {
                entry.note(format!(
                    "is more than {}/{} can write, which is {}",
                    target.provider,
                    target.model,
                    grouped(u64::from(target.capabilities.max_output_tokens))
                ));
            }
            _ => settings.max_output_tokens = tokens,
        }
    }
    if let Some(entry) = section.take("effort")
        && let Some(word) = entry.choice(&["low", "medium", "high"])
        && let Some(effort) = Effort::parse(word)
    {
        settings.effort = effort;
    }
    if let Some(entry) = section.take("cache_ttl_s")
        && let Some(ttl) = entry.seconds(0..=LONGEST_TTL_S)
    {
        settings.cache_ttl = ttl;
    }
    section.done();
    (settings, names_a_model)
}

#[cfg(test)]
mod tests {
    use super::super::scripted::{Scripted, mistake, mistakes};
    use super::super::settings::read;
    use super::*;

    #[test]
    fn a_task_is_done_as_the_file_says_and_else_by_default() {
        let config = Scripted::EXAMPLE
            .replace("model = \"default\"\nmax", "model = \"fast\"\nmax")
            .replace("effort = \"low\"", "effort = \"high\"");
        let settings = read(&config, &Scripted::example()).expect("a good config");
        let tasks = &settings.tenants[0].org.tasks;
        assert_eq!(tasks[&TaskName::Briefing].model.as_str(), "fast");
        assert_eq!(tasks[&TaskName::Briefing].effort, Effort::High);
        assert_eq!(tasks[&TaskName::CaseSummary], TaskSettings::default());
    }

    #[test]
    fn a_task_cannot_ask_for_more_than_its_models_write() {
        let told = mistake("max_output_tokens = 1500", "max_output_tokens = 200_000");
        assert!(
            told.starts_with("tasks.briefing.max_output_tokens = 200000"),
            "{told}"
        );
        assert!(told.contains("can write, which is 128,000"), "{told}");
    }

    #[test]
    fn a_task_names_an_alias_that_exists() {
        let told = mistake("model = \"default\"\nmax", "model = \"fats\"\nmax");
        assert!(
            told.starts_with("tasks.briefing.model = \"fats\""),
            "{told}"
        );
        assert!(told.contains("did you mean `fast`?"), "{told}");
    }

    #[test]
    fn the_default_alias_is_needed_where_a_task_names_none() {
        let told = mistakes("[models.default]", "[models.standard]");
        assert!(
            told.iter()
                .any(|m| m.starts_with("models.default: is missing; tasks.case-summary")),
            "{told:?}"
        );
        assert!(
            told.iter().any(|m| m.starts_with("tasks.briefing.model")),
            "{told:?}"
        );
    }

    #[test]
    fn a_task_that_nobody_knows_is_told_the_nearest() {
        let told = mistake("[tasks.briefing]", "[tasks.breifing]");
        assert!(told.contains("did you mean `briefing`?"), "{told}");
    }

    #[test]
    fn an_effort_is_one_of_three_and_an_answer_is_kept_for_30_days_at_most() {
        assert!(mistake("effort = \"low\"", "effort = \"max\"").contains("low, medium, high"));
        let told = mistake("cache_ttl_s = 900", "cache_ttl_s = 2_592_001");
        assert!(told.contains("0 to 2,592,000"), "{told}");
    }
}
