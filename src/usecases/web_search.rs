//! Lets the model search the web before the task itself is asked.
//!
//! # Why
//! Citations and structured output do not combine, so a search is a call of its own: its prose and its pages become a
//! text in the task's question, where they are data like all else. A long search pauses, and goes on when its answer is
//! sent back. Every round reserves for itself, inside the one deadline, and all of them together may run so many
//! searches.

use super::composition::Composition;
use super::error::Error;
use crate::domain::{Org, Route, Target, TaskSettings};
use crate::engine::dispatch::{Dispatch, Question, Turn};
use crate::providers::claude::{SearchAsk, SearchTurn, Stop, read_search, search_body};
use crate::providers::{Dialect, Outgoing, Reach};
use crate::tasks::{Findings, SearchBrief, SourceFound};

/// A search that may be run.
pub struct Search {
    brief: SearchBrief,
    /// The targets that can search.
    route: Route,
}

/// One round of a search.
struct Round<'a> {
    brief: &'a SearchBrief,
    turns: &'a [SearchTurn],
    max_uses: u32,
    settings: &'a TaskSettings,
}

/// Searches that one task may run.
const MAX_USES: u32 = 5;
/// Times that a search may be continued.
const ROUNDS: usize = 5;
/// Characters of prose that go into the task's question.
const TEXT_CHARS: usize = 20_000;
/// Pages that go into the task's question.
const SOURCES: usize = 50;

impl Search {
    /// The search for `composition`, where the org allows one, a target of `route` can run it, and the task has a use
    /// for it.
    pub fn of(composition: &Composition, org: &Org, route: &Route) -> Option<Self> {
        let allowed = org
            .privacy
            .as_deref()
            .is_some_and(|policy| policy.web_search);
        if !allowed {
            return None;
        }
        let able = |target: &&Target| target.capabilities.web_search && !target.simulated;
        let targets: Vec<Target> = route.targets.iter().filter(able).cloned().collect();
        if targets.is_empty() {
            return None;
        }
        let brief = composition.search()?;
        let route = Route {
            alias: route.alias.clone(),
            targets,
        };
        Some(Self { brief, route })
    }

    /// The user's turn of the search.
    pub fn message(&self) -> &str {
        &self.brief.message
    }

    /// The fields that it tells of, as `Object.Field`.
    pub fn fields(&self) -> &[String] {
        &self.brief.fields
    }

    /// Searches, and tells what was found.
    ///
    /// # Errors
    /// As any question.
    pub async fn run(
        &self,
        dispatch: &Dispatch,
        turn: &mut Turn,
        settings: &TaskSettings,
    ) -> Result<Findings, Error> {
        let mut turns = vec![SearchTurn::User(self.brief.message.clone())];
        let mut findings = Findings::default();
        let before = turn.usage.web_searches;
        for _ in 0..ROUNDS {
            let used = turn.usage.web_searches.saturating_sub(before);
            let max_uses = MAX_USES.saturating_sub(u32::try_from(used).unwrap_or(u32::MAX));
            if max_uses == 0 {
                break;
            }
            let round = Round {
                brief: &self.brief,
                turns: &turns,
                max_uses,
                settings,
            };
            let delivery = dispatch.send(turn, &self.route, &round).await?;
            let reply = read_search(&delivery.reply.body).ok_or(Error::AnswerInvalid)?;
            if reply.stop == Stop::Refusal {
                return Err(Error::ModelRefused);
            }
            add(&mut findings, &reply.text, reply.sources);
            if !reply.paused {
                break;
            }
            turns.push(SearchTurn::Assistant(reply.content));
        }
        Ok(findings)
    }
}

impl Question for Round<'_> {
    fn outgoing(&self, target: &Target) -> Outgoing {
        let ask = SearchAsk {
            system: self.brief.system,
            turns: self.turns,
            max_uses: self.max_uses,
            allowed_domains: &self.brief.domains,
            answer_tokens: self.settings.max_output_tokens,
            effort: self.settings.effort,
        };
        let (body, max_tokens) = search_body(&ask, target);
        Outgoing {
            body,
            model: target.model.clone(),
            max_tokens,
            reach: Reach {
                searches: self.max_uses,
                boundless: true,
                ..Reach::default()
            },
            rehearsed: None,
            dialect: Dialect::default(),
        }
    }
}

/// Adds what a round has found, within what the task's question has room for.
fn add(findings: &mut Findings, text: &str, sources: Vec<(String, String)>) {
    let room = TEXT_CHARS.saturating_sub(findings.text.chars().count());
    findings.text.extend(text.chars().take(room));
    for (url, title) in sources {
        if findings.sources.len() >= SOURCES {
            break;
        }
        if findings.sources.iter().all(|known| known.url != url) {
            findings.sources.push(SourceFound { url, title });
        }
    }
}
