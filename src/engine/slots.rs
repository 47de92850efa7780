//! Calls under way at one provider, of all orgs together.
//!
//! # Why
//! A plain semaphore is fair to calls, and so unfair to orgs: one with 200 calls waiting would be served 200 times
//! before the next. Here orgs take turns, and calls of one org go in their order. A stream may keep its slot for ten
//! minutes, in which no turn comes: so an org that has slots takes no more of them than leaves some for another, at most
//! three for each that is free, and never the last. The only org of a gateway has them all.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::flight::Patience;
use crate::domain::OrgId;

/// The slots of one provider.
pub struct Slots {
    count: u32,
    are_shared: Box<AreShared>,
    state: Mutex<State>,
}

/// Tells whether there is more than one org.
type AreShared = dyn Fn() -> bool + Send + Sync;

struct State {
    free: u32,
    /// How many slots each org has that has any.
    taken: HashMap<OrgId, u32>,
    /// Orgs whose calls wait, in the order of their turns.
    lines: VecDeque<(OrgId, VecDeque<oneshot::Sender<Permit>>)>,
}

/// A slot, passed on when dropped.
pub struct Permit {
    slots: Arc<Slots>,
    org: OrgId,
}

/// Slots that an org may have for each that stays free.
const FOR_EACH_FREE: u32 = 3;

impl Slots {
    /// So many slots, all free, of orgs that share them as long as `are_shared` says so.
    pub fn new(count: u32, are_shared: impl Fn() -> bool + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            count,
            are_shared: Box::new(are_shared),
            state: Mutex::new(State {
                free: count,
                taken: HashMap::new(),
                lines: VecDeque::new(),
            }),
        })
    }

    /// How many there are, free or not.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Waits for a slot; `None` where none comes free before the patience ends.
    pub async fn take(self: &Arc<Self>, org: OrgId, patience: &Patience) -> Option<Permit> {
        let are_shared = (self.are_shared)();
        let mut turn = {
            let mut state = self.lock();
            if state.has_one_for(org, are_shared) {
                state.give_to(org);
                return Some(self.permit(org));
            }
            state.join(org)
        };
        loop {
            let end = patience.end();
            tokio::select! {
                permit = &mut turn => return permit.ok(),
                () = tokio::time::sleep_until(end) => {
                    if patience.end() <= end {
                        return None;
                    }
                }
                () = patience.changed() => {}
            }
        }
    }

    fn permit(self: &Arc<Self>, org: OrgId) -> Permit {
        Permit {
            slots: Arc::clone(self),
            org,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn join(&mut self, org: OrgId) -> oneshot::Receiver<Permit> {
        let (call, turn) = oneshot::channel();
        match self.lines.iter_mut().find(|(id, _)| *id == org) {
            Some((_, line)) => line.push_back(call),
            None => self.lines.push_back((org, VecDeque::from([call]))),
        }
        turn
    }

    /// Whether `org` may have one more.
    fn has_one_for(&self, org: OrgId, are_shared: bool) -> bool {
        let taken = self.taken.get(&org).copied().unwrap_or_default();
        let leaves_some = self.free > 1 && taken < self.free.saturating_mul(FOR_EACH_FREE);
        self.free > 0 && (taken == 0 || leaves_some || !are_shared)
    }

    fn give_to(&mut self, org: OrgId) {
        self.free -= 1;
        *self.taken.entry(org).or_default() += 1;
    }

    fn take_back_from(&mut self, org: OrgId) {
        self.free += 1;
        if let Some(taken) = self.taken.get_mut(&org) {
            *taken -= 1;
            if *taken == 0 {
                self.taken.remove(&org);
            }
        }
    }

    /// The first waiting call of the first org that may have a slot, which it now has; that org goes to the end.
    fn next(&mut self, are_shared: bool) -> Option<(OrgId, oneshot::Sender<Permit>)> {
        for (_, line) in &mut self.lines {
            line.retain(|call| !call.is_closed());
        }
        self.lines.retain(|(_, line)| !line.is_empty());
        let mut orgs = self.lines.iter();
        let nth = orgs.position(|(org, _)| self.has_one_for(*org, are_shared))?;
        let (org, mut line) = self.lines.remove(nth)?;
        let call = line.pop_front()?;
        if !line.is_empty() {
            self.lines.push_back((org, line));
        }
        self.give_to(org);
        Some((org, call))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let are_shared = (self.slots.are_shared)();
        let next = {
            let mut state = self.slots.lock();
            state.take_back_from(self.org);
            state.next(are_shared)
        };
        if let Some((org, call)) = next {
            // One who no longer waits drops the permit, and so passes it on.
            let _ = call.send(self.slots.permit(org));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;
    use crate::domain::{Deadline, SalesforceId};

    fn org(text: &str) -> OrgId {
        let id: SalesforceId = text.parse().expect("an id");
        OrgId::new(id).expect("an org")
    }

    fn patience() -> Patience {
        Patience::until(Deadline::after(Instant::now(), Duration::from_secs(10)))
    }

    #[tokio::test(start_paused = true)]
    async fn orgs_take_turns_however_many_calls_one_of_them_has() {
        let slots = Slots::new(1, || true);
        let (big, small) = (org("00D5f000000XyZa"), org("00D5f000000XyZb"));
        let first = slots.take(big, &patience()).await.expect("free");
        let served = Arc::new(Mutex::new(Vec::new()));
        let calls = [big, big, big, small].map(|org| {
            let (slots, served, patience) = (Arc::clone(&slots), Arc::clone(&served), patience());
            async move {
                let _permit = slots.take(org, &patience).await.expect("in time");
                served.lock().expect("no panic").push(org);
            }
        });
        let [a, b, c, d] = calls;
        let release = async {
            tokio::task::yield_now().await;
            drop(first);
        };
        tokio::join!(a, b, c, d, release);
        assert_eq!(*served.lock().expect("no panic"), [big, small, big, big]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slot_is_not_lost_on_one_who_stopped_waiting() {
        let slots = Slots::new(1, || true);
        let org = org("00D5f000000XyZa");
        let held = slots.take(org, &patience()).await.expect("free");
        assert!(slots.take(org, &patience()).await.is_none());
        drop(held);
        assert!(slots.take(org, &patience()).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn an_org_leaves_slots_for_another_however_long_it_keeps_its_own() {
        for (count, most) in [(2, 1), (3, 2), (5, 4), (64, 48)] {
            let slots = Slots::new(count, || true);
            let (big, small) = (org("00D5f000000XyZa"), org("00D5f000000XyZb"));
            let mut held = Vec::new();
            while let Some(permit) = slots.take(big, &patience()).await {
                held.push(permit);
            }
            assert_eq!(held.len(), most, "of {count}");
            assert!(slots.take(small, &patience()).await.is_some());
            held.pop();
            assert!(slots.take(big, &patience()).await.is_some());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_only_org_has_every_slot() {
        let slots = Slots::new(5, || false);
        let org = org("00D5f000000XyZa");
        let mut held = Vec::new();
        while let Some(permit) = slots.take(org, &patience()).await {
            held.push(permit);
        }
        assert_eq!(held.len(), 5);
    }
}
