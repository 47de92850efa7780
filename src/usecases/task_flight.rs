//! One question on its way: asked, checked, kept. It outlives the call that began it.

use std::sync::Arc;

use serde_json::Value;
use tokio::time::Instant;
use ulid::Ulid;

use super::answer::{Answer, Asked, Landed, Told, Via};
use super::composition::{self, Composition};
use super::error::Error;
use super::parts::{Cached, Parts};
use super::trail::Trail;
use super::verdict::Verdict;
use super::web_search::Search;
use crate::domain::{Caller, Route, Target, TaskSettings};
use crate::engine::behind::{Asking, Flying, Lead};
use crate::engine::cache::{Found, Keeping, Key};
use crate::engine::dispatch::{Question, Turn};
use crate::engine::flight::Patience;
use crate::engine::limits::Lane;
use crate::providers::claude::{self, Ask};
use crate::providers::{Dialect, Outgoing, Reach};
use crate::tasks::Task;
use crate::telemetry::metrics::CacheResult;

/// Everything that one flight needs, so that it can outlive the call.
pub struct Flight {
    /// What running a task takes.
    pub parts: Arc<Parts>,
    /// Who asks.
    pub caller: Caller,
    /// What is asked.
    pub asked: Arc<Asked>,
    /// Where it may be asked.
    pub route: Arc<Route>,
    /// How the task is done.
    pub settings: TaskSettings,
    /// How long somebody waits.
    pub patience: Patience,
    /// In which lane it queues.
    pub lane: Lane,
    /// What its answer is kept under.
    pub key: Key,
    /// When the call came in.
    pub begun: Instant,
}

/// How a flight begins.
enum Start {
    /// It is not needed: this is the answer, and where it came from.
    Known(Arc<Answer>, Via),
    /// By asking.
    Fly(Flying),
}

/// A task's question, and what was said of the answers to it so far.
pub struct Prepared<'a> {
    /// Which task.
    pub task: &'static dyn Task,
    /// What has been said.
    pub turns: Vec<claude::Turn>,
    /// The answer's room.
    pub answer_tokens: u32,
    /// How the task is done.
    pub settings: &'a TaskSettings,
    /// What the simulator answers.
    pub rehearsed: &'a (dyn Fn() -> Value + Sync),
}

impl Flight {
    /// Asks, checks, and keeps what came. Its audit line is written however that ends.
    pub async fn run(self) -> Landed {
        let mut trail = Trail::begin(&self.parts, &self.caller, &self.asked);
        let landed = self.land(&mut trail).await;
        let told = match &landed {
            Ok(told) if matches!(told.via, Via::Hit { .. }) => "cached",
            Ok(told) if told.via == Via::Collapsed => "collapsed",
            Ok(_) | Err(_) => "ok",
        };
        trail.end(&landed, told).await;
        landed
    }

    async fn land(&self, trail: &mut Trail) -> Landed {
        let mut turn = Turn::new(
            self.asked.request_id.clone(),
            self.caller.clone(),
            self.lane,
            self.patience.clone(),
        );
        let fresh = self.asked.caching.fresh;
        let start = self.start().await;
        self.parts.metrics.cache(match &start {
            Ok(Start::Known(_, Via::Collapsed)) => CacheResult::Collapsed,
            Ok(Start::Known(..)) => CacheResult::Hit,
            Ok(Start::Fly(_)) | Err(_) if fresh => CacheResult::Bypassed,
            Ok(Start::Fly(_)) | Err(_) => CacheResult::Miss,
        });
        let flying = match start? {
            Start::Fly(flying) => flying,
            Start::Known(answer, via) => return Ok(self.told(answer, via, &turn)),
        };
        let asked = flying.hold(self.ask(&mut turn, trail)).await;
        trail.used(&turn);
        let answer = Arc::new(asked?);
        let stored = self.keep(&answer, flying);
        let via = if fresh {
            Via::Forced { stored }
        } else {
            Via::Miss { stored }
        };
        Ok(self.told(answer, via, &turn))
    }

    /// What is known of it after all, or the beginning of its way.
    async fn start(&self) -> Result<Start, Error> {
        let Self { parts, key, .. } = self;
        let caching = self.asked.caching;
        if !caching.fresh
            && let Some(found) = parts.known(key, caching.max_age)
        {
            // An equal flight landed between this call's look-up and its turn.
            return Ok(Start::known(found));
        }
        let asking = Asking {
            begun: self.begun,
            max_age: caching.max_age,
            anew: caching.fresh,
        };
        let lead = if caching.no_store || self.settings.cache_ttl.is_zero() {
            // What is not kept is of no use to who would wait for it.
            let (found, flying) = parts.find_behind(key, asking).await;
            found.map_or(Lead::Fly(flying), Lead::Known)
        } else {
            parts.lead(key, asking, &self.patience).await
        };
        let (found, landed) = match lead {
            Lead::Fly(flying) => return Ok(Start::Fly(flying)),
            Lead::Late => return Err(Error::Late),
            Lead::Known(found) => (found.of_a_task(), false),
            Lead::Landed(found) => (found.of_a_task(), true),
        };
        Ok(match found {
            Some(found) if landed => Start::Known(found.value, Via::Collapsed),
            Some(found) => Start::known(found),
            None => Start::Fly(Flying::default()),
        })
    }

    /// Asks until the answer has the task's form: once more where it broke its schema, once more where it was cut.
    async fn ask(&self, turn: &mut Turn, trail: &mut Trail) -> Result<Answer, Error> {
        let task = self.asked.task;
        let today = self
            .parts
            .clock
            .timestamp()
            .to_zoned(self.caller.org.timezone.clone())
            .date();
        let mut composition = Composition::of(&self.asked, &self.caller.org, today)?;
        if let Some(search) = Search::of(&composition, &self.caller.org, &self.route) {
            trail.searches(search.fields());
            let found = search.run(&self.parts.dispatch, turn, &self.settings);
            composition = composition.with(found.await?);
        }
        let said = composition.turn();
        trail.sends(&self.asked, &composition, &said);
        let rehearse = || task.rehearse(&composition.inquiry());
        let mut question = first_question(task, &said, &self.settings, &rehearse);
        let (mut repaired, mut widened) = (false, false);
        loop {
            let sent = self.parts.dispatch.send(turn, &self.route, &question).await;
            let delivery = match sent {
                Ok(delivery) => delivery,
                // A second attempt that the limits or the time do not allow leaves the first one's verdict.
                Err(_) if repaired => return Err(Error::AnswerInvalid),
                Err(_) if widened => return Err(Error::AnswerCut),
                Err(error) => return Err(error.into()),
            };
            trail.answered_by(delivery.target);
            match Verdict::of(task, &composition.inquiry(), &said, &delivery.reply.body) {
                Verdict::Fine(draft) => {
                    let finished = self.finished(draft, &composition, &said, delivery.target);
                    return finished.ok_or(Error::AnswerInvalid);
                }
                Verdict::Refused => return Err(Error::ModelRefused),
                Verdict::Broken { draft, violations } if !repaired && self.in_time() => {
                    let request_id = &self.asked.request_id;
                    tracing::info!(%request_id, task = %task.name(), ?violations, "asking again for the answer's form");
                    repaired = true;
                    question.repair(draft, &violations);
                }
                Verdict::Broken { .. } => return Err(Error::AnswerInvalid),
                Verdict::Cut if !widened && self.in_time() => {
                    widened = true;
                    question.answer_tokens = question.answer_tokens.saturating_mul(2);
                }
                Verdict::Cut => return Err(Error::AnswerCut),
            }
        }
    }

    /// The answer that a good draft makes. It is held against the input as the model knew it, then the withheld values
    /// are put back; `None` where it does not have the task's fields after all.
    fn finished(
        &self,
        mut draft: Value,
        composition: &Composition,
        said: &composition::Turn,
        target: &Target,
    ) -> Option<Answer> {
        let task = self.asked.task;
        let org = &self.caller.org;
        composition.unlink(&mut draft, org);
        let as_written = task.read(draft.clone(), &composition.inquiry()).ok()?;
        let ungrounded = composition.known(said).ungrounded(&as_written.said());
        composition.uncover(&mut draft, org);
        let own = task.read(draft, &composition.inquiry()).ok()?;
        let mut members = Value::Object(own.members());
        composition.uncover_made(&mut members, org);
        let Value::Object(members) = members else {
            return None;
        };
        let uncovered = |text: &str| composition.uncovered(text, org);
        Some(Answer {
            id: self.new_id(),
            task: task.name().as_str(),
            record_id: self.asked.record_id(),
            text: uncovered(&own.text(self.asked.language.as_deref())),
            ungrounded: ungrounded.iter().map(|text| uncovered(text)).collect(),
            own: members,
            masked_fields: composition.vault.hits(),
            input_truncated: said.material.truncated,
            simulated: target.simulated,
            model: target.model.clone(),
            provider: target.provider.clone(),
            prompt_version: task.prompt_version().into(),
        })
    }

    /// Keeps the answer, unless it may not be: the caller forbade it, it is a stand-in for a real one, or a record in it
    /// was purged meanwhile.
    fn keep(&self, answer: &Arc<Answer>, flying: Flying) -> bool {
        let stand_in = answer.simulated && !self.route.simulated();
        if self.asked.caching.no_store || stand_in {
            return false;
        }
        let keeping = Keeping {
            records: self.asked.source.ids().into_iter().collect(),
            asked: self.begun,
            ttl: self.settings.cache_ttl,
            bytes: answer.bytes(),
        };
        let answer = Cached::Answer(Arc::clone(answer));
        self.parts.keep(&self.key, &answer, &keeping, flying)
    }

    fn told(&self, answer: Arc<Answer>, via: Via, turn: &Turn) -> Told {
        Told {
            answer,
            request_id: self.asked.request_id.clone(),
            via,
            usage: turn.usage,
            cost: turn.cost,
            upstream: turn.upstream,
            took: self.parts.clock.now().saturating_duration_since(self.begun),
        }
    }

    fn in_time(&self) -> bool {
        self.parts.clock.now() < self.patience.end()
    }

    /// An id that sorts by time, such as `brf_01JD0V…`.
    fn new_id(&self) -> String {
        let ms = self.parts.clock.timestamp().as_millisecond();
        let ulid = Ulid::from_parts(
            u64::try_from(ms).unwrap_or_default(),
            self.parts.entropy.bits(),
        );
        format!("{}_{ulid}", self.asked.task.id_prefix())
    }
}

impl Start {
    fn known(found: Found<Arc<Answer>>) -> Self {
        Self::Known(found.value, Via::Hit { ttl: found.ttl })
    }
}

/// The question as it is asked first.
pub fn first_question<'a>(
    task: &'static dyn Task,
    said: &composition::Turn,
    settings: &'a TaskSettings,
    rehearsed: &'a (dyn Fn() -> Value + Sync),
) -> Prepared<'a> {
    Prepared {
        task,
        turns: vec![claude::Turn::User(said.message.clone())],
        answer_tokens: settings.max_output_tokens,
        settings,
        rehearsed,
    }
}

impl Prepared<'_> {
    /// Shows the model its answer and what is wrong with it.
    fn repair(&mut self, draft: String, violations: &[String]) {
        let list = violations.join("\n- ");
        self.turns.push(claude::Turn::Assistant(draft));
        self.turns.push(claude::Turn::User(format!(
            "That answer does not have the asked-for form:\n- {list}\nGive the whole answer again, in that form."
        )));
    }
}

impl Question for Prepared<'_> {
    fn outgoing(&self, target: &Target) -> Outgoing {
        let ask = Ask {
            system: self.task.prompt(),
            turns: &self.turns,
            schema: self.task.shape().on_the_wire(),
            answer_tokens: self.answer_tokens,
            effort: self.settings.effort,
        };
        let (body, max_tokens) = claude::body(&ask, target);
        Outgoing {
            body,
            model: target.model.clone(),
            max_tokens,
            reach: Reach::default(),
            rehearsed: target.simulated.then(|| (self.rehearsed)()),
            dialect: Dialect::default(),
        }
    }
}
