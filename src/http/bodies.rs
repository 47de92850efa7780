//! How many bytes of bodies are in memory at once.
//!
//! # Why
//! A packed body is a thousandth of what it becomes, so neither the wire nor a bound on calls keeps memory safe: each
//! byte is weighed as it is unpacked. No body waits for room: those that hold some would wait for one another.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use crate::domain::OrgId;

/// The room for bodies: one for all orgs together, and a quarter of it for each, so that none takes all of it.
pub struct Bodies {
    all: Arc<Semaphore>,
    each: usize,
    orgs: Mutex<HashMap<OrgId, Arc<Semaphore>>>,
    forms: Semaphore,
}

/// A body that is being read.
pub struct Filling {
    all: Arc<Semaphore>,
    org: Arc<Semaphore>,
    held: Held,
}

/// Gives its room back when dropped.
struct Held {
    bytes: Vec<u8>,
    permits: Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)>,
}

/// The org, or the gateway, has no room for more.
#[derive(Debug)]
pub struct NoRoom;

/// Forms that are read at once. They come from strangers, who could otherwise take every place that calls have with forms
/// that never end.
const FORMS: usize = 1_024;

impl Bodies {
    /// Room for so many bytes; one org may have a quarter, and always enough for its `largest` body.
    pub fn new(bytes: usize, largest: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(bytes.max(largest))),
            each: (bytes / 4).max(largest),
            orgs: Mutex::default(),
            forms: Semaphore::new(FORMS),
        }
    }

    /// A place for a form while it is read.
    ///
    /// # Errors
    /// Where as many are being read.
    pub fn form(&self) -> Result<SemaphorePermit<'_>, NoRoom> {
        self.forms.try_acquire().map_err(|_| NoRoom)
    }

    /// An empty body of `org`.
    pub fn begin(&self, org: OrgId) -> Filling {
        let mut orgs = self.orgs.lock().unwrap_or_else(PoisonError::into_inner);
        let room = orgs.entry(org);
        let org = room.or_insert_with(|| Arc::new(Semaphore::new(self.each)));
        Filling {
            all: Arc::clone(&self.all),
            org: Arc::clone(org),
            held: Held {
                bytes: Vec::new(),
                permits: None,
            },
        }
    }
}

impl Filling {
    /// Puts `more` behind what is there.
    ///
    /// # Errors
    /// Where there is no room for it.
    pub fn push(&mut self, more: &[u8]) -> Result<(), NoRoom> {
        let weight = u32::try_from(more.len()).map_err(|_| NoRoom)?;
        let take = |room: &Arc<Semaphore>| Arc::clone(room).try_acquire_many_owned(weight);
        let org = take(&self.org).map_err(|_| NoRoom)?;
        let all = take(&self.all).map_err(|_| NoRoom)?;
        match &mut self.held.permits {
            Some((of_org, of_all)) => {
                of_org.merge(org);
                of_all.merge(all);
            }
            None => self.held.permits = Some((org, all)),
        }
        self.held.bytes.extend_from_slice(more);
        Ok(())
    }

    /// The whole body. Its room is free again once its last clone is gone.
    pub fn whole(self) -> Bytes {
        Bytes::from_owner(self.held)
    }
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::SalesforceId;

    fn org(text: &str) -> OrgId {
        let id: SalesforceId = text.parse().expect("an id");
        OrgId::new(id).expect("an org")
    }

    #[test]
    fn an_org_has_a_quarter_of_the_room_and_gives_it_back_with_the_last_clone_of_a_body() {
        let bodies = Bodies::new(400, 10);
        let (a, b) = (org("00D5f000000XyZa"), org("00D5f000000XyZb"));
        let mut first = bodies.begin(a);
        first.push(&[0; 100]).expect("a quarter");
        let mut second = bodies.begin(a);
        assert!(second.push(&[0]).is_err());
        bodies.begin(b).push(&[0; 100]).expect("a room of its own");

        let body = first.whole();
        let clone = body.clone();
        drop(body);
        assert!(second.push(&[0]).is_err());
        drop(clone);
        second.push(&[0; 100]).expect("free again");
    }

    #[test]
    fn all_orgs_together_have_no_more_than_there_is() {
        let bodies = Bodies::new(100, 100);
        let mut first = bodies.begin(org("00D5f000000XyZa"));
        first.push(&[0; 60]).expect("free");
        let mut other = bodies.begin(org("00D5f000000XyZb"));
        assert!(other.push(&[0; 60]).is_err());
        drop(first);
        other.push(&[0; 100]).expect("nothing stayed taken");
    }
    #[test]
    fn only_so_many_forms_are_read_at_once_whatever_room_there_is() {
        let bodies = Bodies::new(1_000, 100);
        let mut held: Vec<_> = (0..FORMS).map_while(|_| bodies.form().ok()).collect();
        assert_eq!(held.len(), FORMS);
        assert!(bodies.form().is_err());
        held.pop();
        assert!(bodies.form().is_ok());
        bodies
            .begin(org("00D5f000000XyZaEAK"))
            .push(&[0; 100])
            .expect("a room of its own");
    }
}
