//! Who goes next.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::Ledger;
use crate::engine::flight::Patience;

/// Which calls go before which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// A further attempt of a call that is under way: somebody has waited for it already.
    Again,
    /// A call by itself: a person waits.
    Single,
    /// An item of a bulk.
    Bulk,
}

/// Those who wait, in the order in which they will go.
#[derive(Debug, Default)]
pub(super) struct Turnstile {
    lanes: [VecDeque<Ticket>; 3],
    next_number: u64,
}

/// One who waits.
#[derive(Debug)]
struct Ticket {
    number: u64,
    bell: Arc<Notify>,
}

/// A place in a lane; dropped, it is given up and the next is called.
pub(super) struct Place {
    lane: Lane,
    number: u64,
    bell: Arc<Notify>,
    /// Weak, and empty once the place was left in order.
    ledger: Weak<Ledger>,
}

/// Single calls and bulk items that may wait in one org at once. Each holds its request in memory.
const WAITING: usize = 512;

impl Turnstile {
    /// Whether someone at `place`, or a newcomer, is first in line.
    pub fn may_go(&self, lane: Lane, place: Option<&Place>) -> bool {
        let first_lane = self.lanes[..lane as usize].iter().all(VecDeque::is_empty);
        first_lane
            && self.lanes[lane as usize]
                .front()
                .is_none_or(|first| place.is_some_and(|place| place.number == first.number))
    }

    /// Takes a place at the end of `lane`; `None` where the lane is full.
    pub fn join(&mut self, lane: Lane, ledger: &Arc<Ledger>) -> Option<Place> {
        let queue = &mut self.lanes[lane as usize];
        if queue.len() >= WAITING {
            return None;
        }
        let (number, bell) = (self.next_number, Arc::new(Notify::new()));
        self.next_number += 1;
        queue.push_back(Ticket {
            number,
            bell: Arc::clone(&bell),
        });
        Some(Place {
            lane,
            number,
            bell,
            ledger: Arc::downgrade(ledger),
        })
    }

    /// Gives `place` up and calls the next.
    pub fn leave(&mut self, place: Option<Place>) {
        if let Some(mut place) = place {
            place.ledger = Weak::new();
            self.strike(place.lane, place.number);
        }
        self.ring();
    }

    /// Calls whoever is first in line.
    pub fn ring(&self) {
        if let Some(first) = self.lanes.iter().find_map(VecDeque::front) {
            first.bell.notify_one();
        }
    }

    fn strike(&mut self, lane: Lane, number: u64) {
        self.lanes[lane as usize].retain(|ticket| ticket.number != number);
    }
}

impl Place {
    /// Waits until called, until `wake`, or until the patience changes.
    pub async fn wait(&self, wake: Instant, patience: &Patience) {
        tokio::select! {
            () = self.bell.notified() => {}
            () = tokio::time::sleep_until(wake) => {}
            () = patience.changed() => {}
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(ledger) = self.ledger.upgrade() {
            let mut state = ledger.lock();
            state.turnstile.strike(self.lane, self.number);
            state.turnstile.ring();
        }
    }
}
