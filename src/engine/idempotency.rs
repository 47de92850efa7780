//! A repeat is a repeat: the first final outcome of a key is given again.
//!
//! # Why
//! An Apex Queueable or a Flow runs again after a fault, and must not pay twice. What is kept is the outcome and not the
//! bytes that were sent, so that a repeat may ask for another size.
//!
//! Where replicas have a store in common, this replica's memory stands in front of it: what ended here is given again
//! without asking, and of the calls that repeat each other here one alone asks. An outcome is told to the store before it
//! is told to its caller, so that a repeat of it finds it at every replica.
//!
//! Three things the store cannot know, and what becomes of them:
//! * It is away. Then each replica is by itself, or turns calls away, as its outages are to be met. What ended in the dark
//!   is told when it is back; so is everything that this replica knows, since the store may have lost it.
//! * Its value cannot be read here: another release has written it, or another key has sealed it. The call has ended, so it
//!   does not run again; its repeat is told to come back, and another replica may know how to read it.
//! * Its lease ended under a call that still runs, since its replica was not heard of for so long. Then another may run it,
//!   and the outcome of whoever has the key counts.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use moka::sync::Cache as Moka;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::flight::Patience;
use crate::domain::{IdempotencyKey, OrgId};
use crate::shared::once::{self, Begun, Hold, Name, Once};
use crate::shared::{Down, OnOutage};

/// What a key is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope {
    /// The org; nobody sees another's.
    pub org: OrgId,
    /// The path, with its bulk form apart.
    pub path: &'static str,
    /// What the caller named.
    pub key: IdempotencyKey,
    /// Which item of a bulk; 0 for a single call.
    pub item: u32,
}

/// The SHA-256 of the body that came with a key.
pub type BodyHash = [u8; 32];

/// How a call ended, as it is told again.
pub trait Outcome: Clone + Send + Sync + 'static {
    /// Whether a repeat is told this again; otherwise it runs anew.
    fn is_final(&self) -> bool;

    /// The size of it in memory, about.
    fn bytes(&self) -> u32;

    /// It in bytes that other replicas read, also those of the next release.
    fn packed(&self) -> Vec<u8>;

    /// What [`Self::packed`] made, wherever that was; `None` where nobody here can read it.
    fn unpacked(bytes: &[u8]) -> Option<Self>;
}

/// Outcomes by key, for a day, bounded by their weight.
pub struct Idempotency<V> {
    own: Arc<Own<V>>,
    common: Option<Common>,
}

/// What several replicas know together.
#[derive(Clone)]
pub struct Common {
    /// The keys of every org.
    pub once: Arc<Once>,
    /// What becomes of calls with a key while they cannot be looked up.
    pub on_outage: OnOutage,
}

/// What this replica knows.
struct Own<V> {
    running: Mutex<HashMap<Scope, Running<V>>>,
    finals: Moka<Scope, Arc<Final<V>>>,
    /// What has ended here and the store is still to be told of.
    untold: Mutex<VecDeque<Scope>>,
    more_untold: Notify,
}

struct Running<V> {
    body: BodyHash,
    patience: Patience,
    outcome: watch::Receiver<Option<V>>,
}

struct Final<V> {
    body: BodyHash,
    outcome: V,
    bytes: u32,
    until: Instant,
    /// The name of the claim that it was run by, where it was run here.
    claim: Option<String>,
}

/// What a key means for a call.
pub enum Begin<V> {
    /// The key is new: run, and tell the claim how it ended.
    First(Claim<V>),
    /// It has ended, before or while the call waited for it.
    Replay(V),
    /// It still runs, and the call can wait no longer.
    Late,
    /// The key came with another body before.
    Mismatch,
    /// Nobody here can tell: the store is away, or what it keeps cannot be read.
    Unknown,
}

/// What a key means as far as this replica knows.
enum Here<V> {
    New(Claim<V>),
    Ended(V),
    Running(watch::Receiver<Option<V>>),
    Mismatch,
}

/// A call's claim on its key. Dropped untold, the key is free again.
pub struct Claim<V> {
    scope: Scope,
    body: BodyHash,
    patience: Patience,
    own: Arc<Own<V>>,
    hold: Option<Box<Hold>>,
    tell: watch::Sender<Option<V>>,
}

/// What the keys of a bulk mean for it as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Some of it still has to run.
    Open,
    /// All of it has ended, so that a repeat costs nothing.
    Ended,
    /// One of its keys came with another body before.
    Mismatch,
}

/// How long a final outcome is kept.
const DAY: Duration = Duration::from_hours(24);
/// How often a call looks again at a key that runs elsewhere.
const LOOK_AGAIN: Duration = Duration::from_millis(75);
/// How long whoever has to tell the store something waits between two attempts.
const AGAIN: Duration = Duration::from_millis(250);

impl<V: Outcome> Idempotency<V> {
    /// No key was seen yet; outcomes of at most `bytes` are kept here. Without `common` no other replica is asked or told.
    pub fn new(bytes: u64, common: Option<Common>) -> Self {
        let finals = Moka::builder()
            .max_capacity(bytes)
            .weigher(|_: &Scope, kept: &Arc<Final<V>>| kept.bytes)
            .time_to_live(DAY)
            .build();
        Self {
            own: Arc::new(Own {
                running: Mutex::default(),
                finals,
                untold: Mutex::default(),
                more_untold: Notify::new(),
            }),
            common,
        }
    }

    /// What `scope` means for a call with this body, whose patience a repeat may extend. While the first still runs, the
    /// call waits for it until `by`, and runs itself where the first ends without an outcome.
    pub async fn begin(
        &self,
        scope: &Scope,
        body: BodyHash,
        patience: &Patience,
        by: Instant,
    ) -> Begin<V> {
        loop {
            let claim = match self.own.begin(scope, body, patience) {
                Here::Mismatch => return Begin::Mismatch,
                Here::Ended(outcome) => return Begin::Replay(outcome),
                Here::Running(outcome) => match wait(outcome, by).await {
                    Some(Some(outcome)) => return Begin::Replay(outcome),
                    Some(None) => continue,
                    None => return Begin::Late,
                },
                Here::New(claim) => claim,
            };
            return match &self.common {
                None => Begin::First(claim),
                Some(common) => common.begin(claim, by).await,
            };
        }
    }

    /// What `scopes`, all of one org and of one call with this body, mean for that call.
    pub async fn standing(&self, scopes: &[Scope], body: BodyHash) -> Standing {
        if scopes.iter().any(|scope| self.own.is_mismatch(scope, body)) {
            return Standing::Mismatch;
        }
        let open: Vec<&Scope> = scopes
            .iter()
            .filter(|scope| self.own.find(scope).is_none())
            .collect();
        if open.is_empty() {
            return if scopes.is_empty() {
                Standing::Open
            } else {
                Standing::Ended
            };
        }
        let Some(common) = &self.common else {
            return Standing::Open;
        };
        let names: Vec<Name> = open.into_iter().map(Scope::name).collect();
        match common.once.look(&names, &body).await {
            Ok(all) if all.contains(&once::Standing::Mismatch) => Standing::Mismatch,
            Ok(all) if all.iter().all(|one| *one == once::Standing::Ended) => Standing::Ended,
            // Each item finds out by itself what becomes of it in the dark.
            Ok(_) | Err(Down) => Standing::Open,
        }
    }

    /// Tells the store what it could not be told, and never ends; at once where there is no store.
    pub async fn keep(&self) {
        let Some(Common { once, .. }) = &self.common else {
            return;
        };
        let mut up = once.link().changes();
        loop {
            tokio::select! {
                changed = up.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    if *up.borrow_and_update() {
                        self.own.all_are_untold();
                    }
                }
                () = self.own.more_untold.notified() => {}
            }
            while let Some(scope) = self.own.next_untold() {
                if self.own.offer(once, &scope).await.is_ok() {
                    continue;
                }
                self.own.untold().push_front(scope);
                if !once.link().is_up() {
                    break; // When it is up again, everything is told.
                }
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

impl Common {
    /// What the store says of the key of `claim`.
    async fn begin<V: Outcome>(&self, mut claim: Claim<V>, by: Instant) -> Begin<V> {
        let mut hold = self.once.hold(claim.scope.name(), claim.body);
        let mut ran_at: Option<Instant> = None;
        loop {
            let now = Instant::now();
            let patience = claim.patience.end().saturating_duration_since(now);
            match hold.begin(patience).await {
                Ok(Begun::Running) => ran_at = Some(now),
                Ok(Begun::Final { outcome, life }) => {
                    return match V::unpacked(&outcome) {
                        Some(outcome) => {
                            claim.known(outcome.clone(), life);
                            Begin::Replay(outcome)
                        }
                        None => unreadable(&claim.scope),
                    };
                }
                Ok(Begun::Mismatch) => return Begin::Mismatch,
                Ok(Begun::Unreadable) => return unreadable(&claim.scope),
                // What ran elsewhere a moment ago may well still run; the store has as long to come back as whoever runs it.
                Err(Down) if ran_at.is_some_and(|at| now < at + once::LEASE) => {}
                Err(Down) if self.on_outage == OnOutage::Refuse => return Begin::Unknown,
                Ok(Begun::First) | Err(Down) => break,
            }
            if now + LOOK_AGAIN >= by {
                tokio::time::sleep_until(by).await;
                return Begin::Late;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        let patience = claim.patience.clone();
        hold.renew(move |waiting| patience.extend(Instant::now() + waiting));
        claim.hold = Some(Box::new(hold));
        Begin::First(claim)
    }
}

impl Scope {
    fn name(&self) -> Name {
        Name::of(self.org, self.path, &self.key, self.item)
    }
}

impl<V> Own<V> {
    fn running(&self) -> MutexGuard<'_, HashMap<Scope, Running<V>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn untold(&self) -> MutexGuard<'_, VecDeque<Scope>> {
        self.untold.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V: Outcome> Own<V> {
    fn begin(self: &Arc<Self>, scope: &Scope, body: BodyHash, patience: &Patience) -> Here<V> {
        let mut running = self.running();
        if let Some(first) = running.get(scope) {
            if first.body != body {
                return Here::Mismatch;
            }
            first.patience.extend(patience.end());
            return Here::Running(first.outcome.clone());
        }
        if let Some(kept) = self.find(scope) {
            if kept.body != body {
                return Here::Mismatch;
            }
            return Here::Ended(kept.outcome.clone());
        }
        let (tell, outcome) = watch::channel(None);
        let first = Running {
            body,
            patience: patience.clone(),
            outcome,
        };
        running.insert(scope.clone(), first);
        Here::New(Claim {
            scope: scope.clone(),
            body,
            patience: patience.clone(),
            own: Arc::clone(self),
            hold: None,
            tell,
        })
    }

    /// How `scope` has ended, where that is known here.
    fn find(&self, scope: &Scope) -> Option<Arc<Final<V>>> {
        let kept = self.finals.get(scope)?;
        (Instant::now() < kept.until).then_some(kept)
    }

    fn is_mismatch(&self, scope: &Scope, body: BodyHash) -> bool {
        let running = self.running();
        running.get(scope).is_some_and(|first| first.body != body)
            || self.find(scope).is_some_and(|kept| kept.body != body)
    }

    fn is_untold(&self, scope: Scope) {
        self.untold().push_back(scope);
        self.more_untold.notify_one();
    }

    fn next_untold(&self) -> Option<Scope> {
        self.untold().pop_front()
    }

    /// The store may have lost everything. What is told is no more than what is kept here.
    fn all_are_untold(&self) {
        let mut untold = self.untold();
        untold.clear();
        untold.extend(self.finals.iter().map(|(scope, _)| (*scope).clone()));
    }

    async fn offer(&self, once: &Arc<Once>, scope: &Scope) -> Result<(), Down> {
        let Some(kept) = self.find(scope) else {
            return Ok(());
        };
        let life = kept.until.saturating_duration_since(Instant::now());
        let packed = kept.outcome.packed();
        let hold = once.hold_again(scope.name(), kept.body, kept.claim.clone());
        hold.offer(&packed, life).await
    }
}

impl<V: Outcome> Claim<V> {
    /// Tells how the call ended: first the store, then whoever waits here. A final outcome is kept, any other frees the key.
    pub async fn end(mut self, outcome: V) {
        let hold = self.hold.take();
        if outcome.is_final() {
            let claim = hold.as_ref().map(|hold| hold.claim().to_owned());
            self.keep(outcome.clone(), DAY, claim);
            if let Some(hold) = hold
                && hold.finish(&outcome.packed(), DAY).await.is_err()
            {
                self.own.is_untold(self.scope.clone());
            }
        } else if let Some(hold) = hold {
            hold.free().await;
        }
        self.tell.send_replace(Some(outcome));
    }

    /// It has ended elsewhere.
    fn known(self, outcome: V, life: Duration) {
        self.keep(outcome.clone(), life, None);
        self.tell.send_replace(Some(outcome));
    }

    fn keep(&self, outcome: V, life: Duration, claim: Option<String>) {
        let bytes = outcome.bytes();
        let kept = Final {
            body: self.body,
            outcome,
            bytes,
            until: Instant::now() + life,
            claim,
        };
        self.own.finals.insert(self.scope.clone(), Arc::new(kept));
    }
}

impl<V> Drop for Claim<V> {
    fn drop(&mut self) {
        self.own.running().remove(&self.scope);
    }
}

fn unreadable<V>(Scope { org, path, .. }: &Scope) -> Begin<V> {
    tracing::warn!(%org, path, "how a call with an idempotency key ended cannot be read in the store");
    Begin::Unknown
}

/// The first call's outcome; of `Some(None)` the first has ended without one, and of `None` it has not come by `by`.
async fn wait<V: Clone>(mut outcome: watch::Receiver<Option<V>>, by: Instant) -> Option<Option<V>> {
    let ended = outcome.wait_for(Option::is_some);
    match tokio::time::timeout_at(by, ended).await {
        Ok(Ok(outcome)) => Some(outcome.clone()),
        Ok(Err(_)) => Some(None),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::domain::{Deadline, SalesforceId};
    use crate::lifecycle::Lifecycle;
    use crate::shared::seal::Key;
    use crate::shared::{self, Address, Link, Seal};
    use crate::telemetry::Metrics;

    impl Outcome for &'static str {
        fn is_final(&self) -> bool {
            *self != "busy"
        }

        fn bytes(&self) -> u32 {
            10
        }

        fn packed(&self) -> Vec<u8> {
            self.as_bytes().to_vec()
        }

        fn unpacked(bytes: &[u8]) -> Option<Self> {
            (bytes == b"answer").then_some("answer")
        }
    }

    fn scope(item: u32) -> Scope {
        let id: SalesforceId = "00D5f000000XyZaEAK".parse().expect("an id");
        Scope {
            org: OrgId::new(id).expect("an org"),
            path: "/briefing",
            key: IdempotencyKey::parse("k1").expect("a key"),
            item,
        }
    }

    async fn begin(keys: &Idempotency<&'static str>, item: u32, body: u8) -> Begin<&'static str> {
        let now = Instant::now();
        let patience = Patience::until(Deadline::after(now, Duration::from_secs(5)));
        let by = patience.end();
        keys.begin(&scope(item), [body; 32], &patience, by).await
    }

    #[tokio::test]
    async fn the_first_final_outcome_is_given_again_and_another_body_is_refused() {
        let keys = Idempotency::new(1_000, None);
        let Begin::First(claim) = begin(&keys, 0, 1).await else {
            panic!("a new key");
        };
        let (joined, ()) = tokio::join!(begin(&keys, 0, 1), claim.end("answer"));
        assert!(matches!(joined, Begin::Replay("answer")));
        let again = begin(&keys, 0, 1).await;
        assert!(matches!(again, Begin::Replay("answer")));
        assert!(matches!(begin(&keys, 0, 2).await, Begin::Mismatch));
        assert!(matches!(begin(&keys, 1, 2).await, Begin::First(_)));
    }

    #[tokio::test]
    async fn an_outcome_that_may_be_tried_again_frees_the_key() {
        let keys = Idempotency::new(1_000, None);
        let Begin::First(claim) = begin(&keys, 0, 1).await else {
            panic!("a new key");
        };
        claim.end("busy").await;
        let Begin::First(dropped) = begin(&keys, 0, 2).await else {
            panic!("free again");
        };
        drop(dropped);
        assert!(matches!(begin(&keys, 0, 3).await, Begin::First(_)));
    }

    /// Keys in common behind a store that is away.
    fn in_the_dark(on_outage: OnOutage) -> Idempotency<&'static str> {
        let settings = shared::Settings {
            address: Address::parse("redis://127.0.0.1:1").expect("an address"),
            root: None,
            keys: None,
            time: Duration::from_millis(50),
            on_outage,
            replicas: NonZeroU32::MIN,
        };
        let key = Key::parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
        let once = Once::new(
            Arc::new(Link::new(&settings, Arc::new(Metrics::new()))),
            Seal::new(&key.expect("a key").into()),
            "a".to_owned(),
            Lifecycle::default(),
        );
        let once = Arc::new(once);
        Idempotency::new(1_000, Some(Common { once, on_outage }))
    }

    #[tokio::test]
    async fn in_the_dark_a_replica_goes_by_its_own_keys_or_by_none() {
        let keys = in_the_dark(OnOutage::Local);
        let Begin::First(claim) = begin(&keys, 0, 1).await else {
            panic!("a new key here");
        };
        claim.end("answer").await;
        let again = begin(&keys, 0, 1).await;
        assert!(matches!(again, Begin::Replay("answer")));
        assert_eq!(keys.own.untold().len(), 1);
        let standing = keys.standing(&[scope(0), scope(1)], [1; 32]).await;
        assert_eq!(standing, Standing::Open);
        let keys = in_the_dark(OnOutage::Refuse);
        assert!(matches!(begin(&keys, 0, 1).await, Begin::Unknown));
    }

    #[tokio::test(start_paused = true)]
    async fn a_repeat_waits_for_the_first_no_longer_than_it_can_and_runs_where_that_has_no_outcome()
    {
        let keys = Idempotency::new(1_000, None);
        let Begin::First(claim) = begin(&keys, 0, 1).await else {
            panic!("a new key");
        };
        assert!(matches!(begin(&keys, 0, 1).await, Begin::Late));
        let (next, ()) = tokio::join!(begin(&keys, 0, 1), async { drop(claim) });
        assert!(matches!(next, Begin::First(_)));
    }
}
