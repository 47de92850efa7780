//! Runs one task: the hot path.
//!
//! # Why
//! What the caller waits for and what costs money are apart. Everything up to the cache runs in the call; from there on
//! a flight does the work and the call only waits for it, so a caller who hangs up or runs out of patience leaves a paid
//! answer in the cache, where its retry finds it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;
use ulid::Ulid;

use super::answer::{Answer, Asked, Repeat, Told, Via};
use super::error::Error;
use crate::domain::{Caller, Clock, Deadline, Entropy, Money, Route, Target, TaskSettings, Usage};
use crate::engine::cache::{Cache, Keeping, Key};
use crate::engine::dispatch::{Dispatch, Question, Turn};
use crate::engine::flight::{Flights, Patience};
use crate::engine::idempotency::{Begin, Claim, Idempotency, Scope};
use crate::engine::limits::{Lane, Limits};
use crate::privacy::grounding::Known;
use crate::providers::Outgoing;
use crate::providers::claude::{self, Ask, Stop};
use crate::salesforce::{Material, canonical};
use crate::tasks::{Own, Task, user_message};
use crate::telemetry::Metrics;
use crate::telemetry::metrics::CacheResult;

/// Runs one task for one record.
#[derive(Clone)]
pub struct RunTask {
    parts: Arc<Parts>,
}

/// What running a task takes.
pub struct Parts {
    /// What each org may use.
    pub limits: Arc<Limits>,
    /// What is known already.
    pub cache: Arc<Cache<Arc<Answer>>>,
    /// What is being asked.
    pub flights: Flights<Landed>,
    /// Who repeats whom.
    pub idempotency: Idempotency<Landed>,
    /// The way to the providers.
    pub dispatch: Dispatch,
    /// The numbers.
    pub metrics: Arc<Metrics>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for ids.
    pub entropy: Arc<dyn Entropy>,
}

/// How a flight ended.
pub type Landed = Result<Told, Error>;

/// Whether a call counts against requests a minute by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// It does.
    ByItself,
    /// It is an item of a bulk, which was counted as a whole.
    WithItsBulk,
}

/// Everything that one flight needs, so that it can outlive the call.
struct Flight {
    parts: Arc<Parts>,
    caller: Caller,
    asked: Asked,
    route: Arc<Route>,
    settings: TaskSettings,
    patience: Patience,
    lane: Lane,
    key: Key,
    begun: Instant,
}

/// A task's question, and what was said of the answers to it so far.
struct Prepared<'a> {
    task: &'static dyn Task,
    turns: Vec<claude::Turn>,
    answer_tokens: u32,
    settings: &'a TaskSettings,
    rehearsed: &'a (dyn Fn() -> Value + Sync),
}

/// What the model made of a question.
enum Verdict {
    Fine(Own),
    Broken {
        draft: String,
        violations: Vec<String>,
    },
    Cut,
    Refused,
}

/// Bytes of record data that a model is given to read: about 40,000 tokens.
const MATERIAL_BYTES: usize = 120_000;

impl RunTask {
    /// Runs tasks with `parts`.
    pub fn new(parts: Parts) -> Self {
        Self {
            parts: Arc::new(parts),
        }
    }

    /// The answer to `asked`, before `by`.
    ///
    /// # Errors
    /// Whatever keeps the caller from an answer; what is under way goes on all the same.
    pub async fn run(
        &self,
        caller: &Caller,
        asked: Asked,
        by: Deadline,
        (lane, counted): (Lane, Counted),
    ) -> Landed {
        let parts = &self.parts;
        let patience = Patience::until(by);
        let told = match self.begin(caller, asked.repeat.as_ref(), &patience) {
            Some(Begin::Mismatch) => Err(Error::IdempotencyMismatch),
            Some(Begin::Replay(landed)) => landed.map(|told| Told {
                via: Via::Replayed,
                ..told
            }),
            Some(Begin::Running(first)) => first
                .wait(by.at())
                .await
                .unwrap_or(Err(Error::Late))
                .map(|told| Told {
                    via: Via::Replayed,
                    ..told
                }),
            Some(Begin::First(claim)) => {
                self.answer(caller, asked, by, patience, (lane, counted), Some(claim))
                    .await
            }
            None => {
                self.answer(caller, asked, by, patience, (lane, counted), None)
                    .await
            }
        };
        if let Err(Error::Limited { limit, .. } | Error::OverLimit { limit, .. }) = &told {
            parts.metrics.limited(&caller.org.name, limit.as_str());
        }
        told
    }

    /// Whether any of `repeats` came with another body before.
    pub fn any_mismatch(&self, caller: &Caller, repeats: &[Repeat]) -> bool {
        repeats.iter().any(|repeat| {
            self.parts
                .idempotency
                .is_mismatch(&scope(caller, repeat), repeat.body)
        })
    }

    /// Whether all of `repeats` have ended, so that the whole call costs nothing.
    pub fn all_ended(&self, caller: &Caller, repeats: &[Repeat]) -> bool {
        !repeats.is_empty()
            && repeats
                .iter()
                .all(|repeat| self.parts.idempotency.has_ended(&scope(caller, repeat)))
    }

    fn begin(
        &self,
        caller: &Caller,
        repeat: Option<&Repeat>,
        patience: &Patience,
    ) -> Option<Begin<Landed>> {
        let repeat = repeat?;
        let scope = scope(caller, repeat);
        Some(self.parts.idempotency.begin(scope, repeat.body, patience))
    }

    /// Finds or makes the answer. The claim on an idempotency key is told how that ends, also when the caller is gone.
    async fn answer(
        &self,
        caller: &Caller,
        asked: Asked,
        by: Deadline,
        patience: Patience,
        (lane, counted): (Lane, Counted),
        claim: Option<Claim<Landed>>,
    ) -> Landed {
        let parts = &self.parts;
        let (settings, route, key) = match self.prepare(caller, &asked, counted) {
            Ok(prepared) => prepared,
            Err(error) => return ended(claim, Err(error)),
        };
        let caching = asked.caching;
        if !caching.fresh
            && let Some(found) = parts.cache.find(&key, caching.max_age)
        {
            parts.metrics.cache(CacheResult::Hit);
            return ended(claim, Ok(self.hit(&asked, found.value, found.ttl, by)));
        }
        if caching.only_if_cached {
            parts.metrics.cache(CacheResult::Miss);
            return ended(claim, Err(Error::NotCached));
        }
        let shared = (!caching.no_store).then(|| key.clone());
        let request_id = asked.request_id.clone();
        let flight = Flight {
            parts: Arc::clone(parts),
            caller: caller.clone(),
            asked,
            route,
            settings,
            patience: patience.clone(),
            lane,
            key,
            begun: by.received(),
        };
        let ticket = parts.flights.join_or_begin(
            shared,
            &patience,
            || Err(Error::Internal),
            || flight.run(),
        );
        let joined = ticket.joined;
        parts.metrics.cache(match (joined, caching.fresh) {
            (true, _) => CacheResult::Collapsed,
            (false, true) => CacheResult::Bypassed,
            (false, false) => CacheResult::Miss,
        });
        let landing = ticket.clone();
        if let Some(claim) = claim {
            let end = move |landed: Option<Landed>| {
                let _told = ended(Some(claim), landed.unwrap_or(Err(Error::Internal)));
            };
            parts.flights.follow("idempotency", landing, end);
        }
        let landed = ticket.wait(by.at()).await.unwrap_or(Err(Error::Late));
        landed.map(|told| {
            if joined {
                self.collapsed(request_id, &told, by)
            } else {
                told
            }
        })
    }

    /// What stands between the caller and the cache: its calls a minute, and a model that its org has.
    fn prepare(
        &self,
        caller: &Caller,
        asked: &Asked,
        counted: Counted,
    ) -> Result<(TaskSettings, Arc<Route>, Key), Error> {
        if counted == Counted::ByItself {
            self.parts.limits.admit_request(caller)?;
        }
        let settings = settings(caller, asked.task);
        let route = route(caller, asked.model.as_ref().unwrap_or(&settings.model))?;
        let key = key(caller, asked, &route);
        Ok((settings, route, key))
    }

    /// An answer from the cache costs nothing.
    fn hit(&self, asked: &Asked, answer: Arc<Answer>, ttl: Duration, by: Deadline) -> Told {
        Told {
            answer,
            request_id: asked.request_id.clone(),
            via: Via::Hit { ttl },
            usage: Usage::default(),
            cost: Money::ZERO,
            upstream: Duration::ZERO,
            took: self.since(by.received()),
        }
    }

    /// An answer that another call asked for was charged to that call.
    fn collapsed(&self, request_id: crate::domain::RequestId, told: &Told, by: Deadline) -> Told {
        let took = self.since(by.received());
        Told {
            answer: Arc::clone(&told.answer),
            request_id,
            via: Via::Collapsed,
            usage: Usage::default(),
            cost: Money::ZERO,
            upstream: told.upstream.min(took),
            took,
        }
    }

    fn since(&self, begun: Instant) -> Duration {
        self.parts.clock.now().saturating_duration_since(begun)
    }
}

impl Flight {
    /// Asks, checks, and keeps what came.
    async fn run(self) -> Landed {
        if let (false, Some(found)) = (
            self.asked.caching.fresh,
            self.parts.cache.find(&self.key, self.asked.caching.max_age),
        ) {
            // An equal flight landed between this call's look-up and its turn.
            let via = Via::Hit { ttl: found.ttl };
            let turn = self.turn();
            return Ok(self.told(found.value, via, &turn));
        }
        let mut turn = self.turn();
        let answer = Arc::new(self.ask(&mut turn).await?);
        let stored = self.keep(&answer);
        let via = if self.asked.caching.fresh {
            Via::Forced { stored }
        } else {
            Via::Miss { stored }
        };
        Ok(self.told(answer, via, &turn))
    }

    /// Asks until the answer has the task's form: once more where it broke its schema, once more where it was cut.
    async fn ask(&self, turn: &mut Turn) -> Result<Answer, Error> {
        let source = &self.asked.source;
        let task = self.asked.task;
        let today = self
            .parts
            .clock
            .timestamp()
            .to_zoned(self.caller.org.timezone.clone())
            .date();
        let material = Material::of(source, MATERIAL_BYTES);
        let message = user_message(
            &material,
            self.asked.instructions.as_deref(),
            self.asked.language.as_deref(),
            today,
        );
        let rehearse = || task.rehearse(source, today);
        let mut question = Prepared {
            task,
            turns: vec![claude::Turn::User(message)],
            answer_tokens: self.settings.max_output_tokens,
            settings: &self.settings,
            rehearsed: &rehearse,
        };
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
            match verdict(task, &delivery.reply.body) {
                Verdict::Fine(own) => {
                    let known = self.known(&material, today);
                    return Ok(self.finished(own, &known, &material, delivery.target));
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

    fn finished(&self, own: Own, known: &Known, material: &Material, target: &Target) -> Answer {
        let task = self.asked.task;
        let source = &self.asked.source;
        Answer {
            id: self.new_id(),
            task: task.name().as_str(),
            record_id: source
                .record
                .as_ref()
                .and_then(|record| record.text("Id").map(str::to_owned)),
            text: own.text(self.asked.language.as_deref()),
            ungrounded: known.ungrounded(&own.said()),
            own,
            masked_fields: 0,
            input_truncated: material.truncated,
            simulated: target.simulated,
            model: target.model.clone(),
            provider: target.provider.clone(),
            prompt_version: task.prompt_version(),
        }
    }

    /// Everything that the answer may rightly say.
    fn known(&self, material: &Material, today: jiff::civil::Date) -> Known {
        let texts = material
            .values
            .iter()
            .chain(&material.labels)
            .map(String::as_str)
            .chain(self.asked.instructions.as_deref());
        Known::new(texts, self.asked.task.prompt(), today)
    }

    /// Keeps the answer, unless it may not be: the caller forbade it, it is a stand-in for a real one, or a record in it
    /// was purged meanwhile.
    fn keep(&self, answer: &Arc<Answer>) -> bool {
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
        self.parts
            .cache
            .keep(self.key.clone(), Arc::clone(answer), keeping)
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

    fn turn(&self) -> Turn {
        let request_id = self.asked.request_id.clone();
        Turn::new(
            request_id,
            self.caller.clone(),
            self.lane,
            self.patience.clone(),
        )
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
            rehearsed: target.simulated.then(|| (self.rehearsed)()),
        }
    }
}

fn scope(caller: &Caller, repeat: &Repeat) -> Scope {
    Scope {
        org: caller.org.id,
        path: repeat.path,
        key: repeat.key.clone(),
        item: repeat.item,
    }
}

/// Tells a claim how its call ended, and hands that on.
fn ended(claim: Option<Claim<Landed>>, landed: Landed) -> Landed {
    if let Some(claim) = claim {
        let (is_final, bytes) = match &landed {
            Ok(told) => (true, told.answer.bytes()),
            Err(error) => (error.is_final(), 256),
        };
        claim.end(landed.clone(), is_final, bytes);
    }
    landed
}

fn settings(caller: &Caller, task: &dyn Task) -> TaskSettings {
    caller
        .org
        .tasks
        .get(&task.name())
        .cloned()
        .unwrap_or_default()
}

fn route(caller: &Caller, alias: &crate::domain::Alias) -> Result<Arc<Route>, Error> {
    let models = &caller.org.models;
    models.get(alias).cloned().ok_or_else(|| {
        let known: Vec<&str> = models.keys().map(crate::domain::Alias::as_str).collect();
        Error::UnknownModel {
            named: alias.clone(),
            known: known.join(", "),
        }
    })
}

/// The name of a question: the org, the task and its prompt, the alias, the language, and the canonical input. An alias
/// that only the simulator answers has names of its own, so that no simulated answer outlives the change to a real one.
fn key(caller: &Caller, asked: &Asked, route: &Route) -> Key {
    let mut key = Key::of(caller.org.id)
        .part(asked.task.name().as_str().as_bytes())
        .part(asked.task.prompt_version().as_bytes())
        .part(route.alias.as_str().as_bytes())
        .part(&[u8::from(route.simulated())])
        .part(asked.language.as_deref().unwrap_or_default().as_bytes())
        .part(asked.instructions.as_deref().unwrap_or_default().as_bytes());
    canonical(&asked.source, &mut |bytes| key.add(bytes));
    key.finish()
}

/// What the model made of the question.
fn verdict(task: &dyn Task, body: &[u8]) -> Verdict {
    let broken = |draft: String, problem: &str| Verdict::Broken {
        draft,
        violations: vec![problem.to_owned()],
    };
    let Some(message) = claude::read(body) else {
        return broken(String::new(), "it is no message");
    };
    match message.stop {
        Stop::Refusal => return Verdict::Refused,
        Stop::CutOff => return Verdict::Cut,
        Stop::Done => {}
    }
    let (draft, text) = match message.answer {
        None => return broken("(nothing)".to_owned(), "it is empty"),
        Some(claude::Answer::Tool(draft)) => {
            let text = draft.to_string();
            (draft, text)
        }
        Some(claude::Answer::Text(text)) => match serde_json::from_str::<Value>(text.trim()) {
            Ok(draft) => (draft, text),
            Err(_) => return broken(text, "it is not one JSON object"),
        },
    };
    if let Err(violations) = task.shape().check(&draft) {
        return Verdict::Broken {
            draft: text,
            violations,
        };
    }
    match task.read(draft) {
        Ok(own) => Verdict::Fine(own),
        Err(_) => broken(text, "it does not have the task's fields"),
    }
}
