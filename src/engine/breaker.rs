//! Stops asking a target that keeps failing, and tries it again with one call at a time.
//!
//! # Why
//! Per provider and model (a provider is one region): a model that is overloaded says nothing of its neighbour. Only
//! faults of theirs count; a request that was wrong says nothing of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::{Clock, ModelId, ProviderName, Target};
use crate::telemetry::Metrics;

/// The breakers of every target.
pub struct Breakers {
    states: Mutex<HashMap<Name, State>>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
}

/// Leave to ask a target; whoever has it says how it went. Dropped unsaid, nothing is counted.
pub struct Pass {
    breakers: Arc<Breakers>,
    name: Name,
    probe: bool,
    said: bool,
}

type Name = (ProviderName, ModelId);

#[derive(Debug, Default)]
struct State {
    faults_in_a_row: u32,
    /// Set while open; the target may be tried again from then on.
    open_until: Option<Instant>,
    times_opened: u32,
    probing: bool,
}

/// Faults in a row that open a breaker.
pub const THRESHOLD: u32 = 5;
/// How long it stays open the first time; doubled each time the probe fails.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// How long a caller should stay away while another's probe is under way.
const WHILE_PROBING: Duration = Duration::from_secs(1);

impl Breakers {
    /// All closed.
    pub fn new(clock: Arc<dyn Clock>, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            states: Mutex::default(),
            clock,
            metrics,
        })
    }

    /// Leave to ask `target`.
    ///
    /// # Errors
    /// How long to stay away, where its breaker is open.
    pub fn pass(self: &Arc<Self>, target: &Target) -> Result<Pass, Duration> {
        let name = (target.provider.clone(), target.model.clone());
        let mut states = self.lock();
        let state = states.entry(name.clone()).or_default();
        let mut probe = false;
        if let Some(until) = state.open_until {
            let left = until.saturating_duration_since(self.clock.now());
            if !left.is_zero() {
                return Err(left);
            }
            if state.probing {
                return Err(WHILE_PROBING);
            }
            state.probing = true;
            probe = true;
        }
        Ok(Pass {
            breakers: Arc::clone(self),
            name,
            probe,
            said: false,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Name, State>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, states: &HashMap<Name, State>, provider: &ProviderName) {
        let open = states
            .iter()
            .any(|((of, _), state)| of == provider && state.open_until.is_some());
        self.metrics.breaker(provider, open);
    }
}

impl Pass {
    /// The target answered.
    pub fn succeeded(self) {
        self.say(|state, _| *state = State::default());
    }

    /// The target has begun to answer: others need not wait until it has ended.
    pub fn answers(&mut self) {
        if std::mem::take(&mut self.probe) {
            let breakers = Arc::clone(&self.breakers);
            let mut states = breakers.lock();
            states.insert(self.name.clone(), State::default());
            breakers.show(&states, &self.name.0);
        }
    }

    /// The target failed, by a fault of its own.
    pub fn failed(self) {
        self.say(|state, now| {
            state.faults_in_a_row = state.faults_in_a_row.saturating_add(1);
            let was_open = state.open_until.is_some();
            if was_open || state.faults_in_a_row >= THRESHOLD {
                let pause = FIRST_PAUSE * 2_u32.saturating_pow(state.times_opened.min(8));
                state.open_until = Some(now + pause.min(LONGEST_PAUSE));
                state.times_opened += 1;
            }
        });
    }

    fn say(mut self, change: impl FnOnce(&mut State, Instant)) {
        self.said = true;
        let breakers = Arc::clone(&self.breakers);
        let mut states = breakers.lock();
        let state = states.entry(self.name.clone()).or_default();
        change(state, breakers.clock.now());
        if self.probe {
            state.probing = false;
        }
        breakers.show(&states, &self.name.0);
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.probe
            && !self.said
            && let Some(state) = self.breakers.lock().get_mut(&self.name)
        {
            state.probing = false;
        }
    }
}
