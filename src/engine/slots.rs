//! Calls under way at one provider, of all orgs together.
//!
//! # Why
//! A plain semaphore is fair to calls, and so unfair to orgs: one with 200 calls waiting would be served 200 times
//! before the next. Here orgs take turns, and calls of one org go in their order.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::flight::Patience;
use crate::domain::OrgId;

/// The slots of one provider.
pub struct Slots {
    state: Mutex<State>,
}

struct State {
    free: u32,
    /// Orgs whose calls wait, in the order of their turns.
    lines: VecDeque<(OrgId, VecDeque<oneshot::Sender<Permit>>)>,
}

/// A slot, passed on when dropped.
pub struct Permit {
    slots: Arc<Slots>,
}

impl Slots {
    /// So many slots, all free.
    pub fn new(count: u32) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                free: count,
                lines: VecDeque::new(),
            }),
        })
    }

    /// Waits for a slot; `None` where none comes free before the patience ends.
    pub async fn take(self: &Arc<Self>, org: OrgId, patience: &Patience) -> Option<Permit> {
        let mut turn = {
            let mut state = self.lock();
            if state.free > 0 {
                state.free -= 1;
                return Some(Permit {
                    slots: Arc::clone(self),
                });
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

    /// The first call of the org whose turn it is; that org goes to the end.
    fn next(&mut self) -> Option<oneshot::Sender<Permit>> {
        let (org, mut line) = self.lines.pop_front()?;
        let call = line.pop_front();
        if !line.is_empty() {
            self.lines.push_back((org, line));
        }
        call
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let next = {
            let mut state = self.slots.lock();
            let next = state.next();
            if next.is_none() {
                state.free += 1;
            }
            next
        };
        if let Some(call) = next {
            // One who no longer waits drops the permit, and so passes it on.
            let _ = call.send(Permit {
                slots: Arc::clone(&self.slots),
            });
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
        let slots = Slots::new(1);
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
        let slots = Slots::new(1);
        let org = org("00D5f000000XyZa");
        let held = slots.take(org, &patience()).await.expect("free");
        assert!(slots.take(org, &patience()).await.is_none());
        drop(held);
        assert!(slots.take(org, &patience()).await.is_some());
    }
}
