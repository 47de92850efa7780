//! Answers that may be given again.
//!
//! # Why
//! * The org is an argument of the one function that makes a key, so no key can be made without it: a cache that
//!   forgets its tenant is the commonest leak among gateways.
//! * A purge is a mark in time, not a search: an entry counts only if it was *asked for* after the last purge of every
//!   record it speaks of. So a flight that began before a purge cannot bring the old answer back.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant as StdInstant};

use moka::Expiry;
use moka::sync::Cache as Moka;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::domain::{Clock, OrgId, SalesforceId};
use crate::shared::shelf::Mark;

/// What was asked, by whom: the name of a cached answer and of a flight.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    org: OrgId,
    digest: [u8; 32],
}

/// Feeds a key part by part; each part bears its length, so that no two lists of parts look alike.
pub struct KeyMaker {
    org: OrgId,
    hash: Sha256,
}

/// Answers in memory, bounded by their weight.
pub struct Cache<V> {
    entries: Moka<Key, Arc<Entry<V>>>,
    purges: RwLock<HashMap<OrgId, Purges>>,
    clock: Arc<dyn Clock>,
}

/// An answer found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<V> {
    /// The answer.
    pub value: V,
    /// How long it may still be given.
    pub ttl: Duration,
}

/// What is stored of an answer beside itself.
#[derive(Debug, Clone)]
pub struct Keeping {
    /// The records that the answer speaks of.
    pub records: Arc<[SalesforceId]>,
    /// When it was asked for.
    pub asked: Instant,
    /// How long it may be given.
    pub ttl: Duration,
    /// Its size in memory, about.
    pub bytes: u32,
}

/// What an answer was kept with elsewhere, to be kept here as well.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Of what it speaks.
    pub marks: Arc<[Mark]>,
    /// When it was known that nothing of that was purged.
    pub asked: Instant,
    /// How long it may be given, from when it was first kept.
    pub ttl: Duration,
    /// How much of that is left.
    pub left: Duration,
    /// Its size in memory, about.
    pub bytes: u32,
}

struct Entry<V> {
    value: V,
    marks: Arc<[Mark]>,
    asked: Instant,
    ttl: Duration,
    bytes: u32,
    stored: Instant,
    /// What was left of its time when it came here.
    left: Duration,
}

/// What one org has purged.
#[derive(Debug, Default)]
struct Purges {
    /// Everything asked for before this is forgotten.
    all: Option<Instant>,
    records: HashMap<Mark, Instant>,
}

struct ByTtl;

/// Marks of purged records that are kept for an org; past that the whole org's cache is purged instead.
const MARKS: usize = 10_000;

impl Key {
    /// Begins a key of `org`.
    pub fn of(org: OrgId) -> KeyMaker {
        let mut maker = KeyMaker {
            org,
            hash: Sha256::new(),
        };
        maker.add(org.to_string().as_bytes());
        maker
    }

    /// Whose it is.
    pub fn org(&self) -> OrgId {
        self.org
    }

    /// The digest, for whoever must show that two calls asked the same.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    #[cfg(test)]
    pub(crate) fn for_test(text: &str) -> Self {
        let id: SalesforceId = "00D5f000000XyZaEAK".parse().expect("an id");
        let org = OrgId::new(id).expect("an org");
        Self::of(org).part(text.as_bytes()).finish()
    }
}

impl KeyMaker {
    /// Adds one part.
    #[must_use]
    pub fn part(mut self, bytes: &[u8]) -> Self {
        self.add(bytes);
        self
    }

    /// Adds one part, in place.
    pub fn add(&mut self, bytes: &[u8]) {
        self.hash.update((bytes.len() as u64).to_le_bytes());
        self.hash.update(bytes);
    }

    /// The key.
    pub fn finish(self) -> Key {
        Key {
            org: self.org,
            digest: self.hash.finalize().into(),
        }
    }
}

impl<V: Clone + Send + Sync + 'static> Cache<V> {
    /// An empty cache that holds at most `bytes`.
    pub fn new(bytes: u64, clock: Arc<dyn Clock>) -> Self {
        let entries = Moka::builder()
            .max_capacity(bytes)
            .weigher(|_: &Key, entry: &Arc<Entry<V>>| entry.bytes)
            .expire_after(ByTtl)
            .build();
        Self {
            entries,
            purges: RwLock::default(),
            clock,
        }
    }

    /// The answer to `key`, if there is one that is no older than `max_age` and speaks of nothing purged.
    pub fn find(&self, key: &Key, max_age: Option<Duration>) -> Option<Found<V>> {
        let entry = self.entries.get(key)?;
        let age = self.clock.now().saturating_duration_since(entry.stored);
        let ttl = entry.ttl.checked_sub(age).filter(|left| !left.is_zero())?;
        let is_old = max_age.is_some_and(|max| age > max);
        if is_old || self.is_purged(key.org, &entry.marks, entry.asked) {
            return None;
        }
        Some(Found {
            value: entry.value.clone(),
            ttl,
        })
    }

    /// Keeps `value` under `key`. False where it may not be kept: no time to live, or purged since it was asked for.
    pub fn keep(&self, key: Key, value: V, keeping: &Keeping) -> bool {
        let kept = Kept {
            marks: keeping.marks(key.org),
            asked: keeping.asked,
            ttl: keeping.ttl,
            left: keeping.ttl,
            bytes: keeping.bytes,
        };
        self.adopt(key, value, kept)
    }

    /// Keeps what was kept elsewhere before. False where it may not be kept, as with [`Self::keep`].
    pub fn adopt(&self, key: Key, value: V, kept: Kept) -> bool {
        let Kept {
            marks,
            asked,
            ttl,
            left,
            bytes,
        } = kept;
        if left.is_zero() || self.is_purged(key.org, &marks, asked) {
            return false;
        }
        let now = self.clock.now();
        let stored = now.checked_sub(ttl.saturating_sub(left)).unwrap_or(now);
        let entry = Entry {
            value,
            marks,
            asked,
            ttl,
            bytes,
            stored,
            left,
        };
        self.entries.insert(key, Arc::new(entry));
        true
    }

    /// Forgets every answer of `org` that speaks of what `mark` names, those still being made included.
    pub fn forget(&self, org: OrgId, mark: Mark) {
        self.purge(org, [(mark, self.clock.now())]);
    }

    /// Forgets every answer of `org` that speaks of one of `marks` and was asked for before it was purged.
    pub fn purge(&self, org: OrgId, marks: impl IntoIterator<Item = (Mark, Instant)>) {
        let mut purges = self
            .purges
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let of_org = purges.entry(org).or_default();
        for (mark, at) in marks {
            let known = of_org.records.len();
            if mark == Mark::ALL {
                of_org.all = of_org.all.max(Some(at));
            } else if known >= MARKS && !of_org.records.contains_key(&mark) {
                of_org.records.clear();
                of_org.all = Some(self.clock.now());
            } else {
                let when = of_org.records.entry(mark).or_insert(at);
                *when = at.max(*when);
            }
        }
    }

    fn is_purged(&self, org: OrgId, of: &[Mark], asked: Instant) -> bool {
        let purges = self
            .purges
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let Some(of_org) = purges.get(&org) else {
            return false;
        };
        let before = |mark: &Instant| asked <= *mark;
        of_org.all.as_ref().is_some_and(before)
            || of
                .iter()
                .any(|mark| of_org.records.get(mark).is_some_and(before))
    }
}

impl Keeping {
    /// The records that the answer speaks of, as a purge names them.
    pub fn marks(&self, org: OrgId) -> Arc<[Mark]> {
        let records = self.records.iter();
        records.map(|record| Mark::of(org, *record)).collect()
    }
}

impl<V> Expiry<Key, Arc<Entry<V>>> for ByTtl {
    fn expire_after_create(
        &self,
        _: &Key,
        entry: &Arc<Entry<V>>,
        _: StdInstant,
    ) -> Option<Duration> {
        Some(entry.left)
    }

    fn expire_after_update(
        &self,
        _: &Key,
        entry: &Arc<Entry<V>>,
        _: StdInstant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(entry.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::SystemClock;

    fn id(text: &str) -> SalesforceId {
        text.parse().expect("an id")
    }

    fn org(text: &str) -> OrgId {
        OrgId::new(id(text)).expect("an org")
    }

    fn keeping(asked: Instant) -> Keeping {
        Keeping {
            records: Arc::new([id("0065f00000QwErT")]),
            asked,
            ttl: Duration::from_mins(1),
            bytes: 100,
        }
    }

    #[test]
    fn equal_questions_of_two_orgs_have_different_keys() {
        let key = |of| Key::of(org(of)).part(b"same").finish();
        assert_eq!(key("00D5f000000XyZa"), key("00D5f000000XyZa"));
        assert_ne!(key("00D5f000000XyZa"), key("00D5f000000XyZb"));
        let digest = |of| key(of).digest();
        assert_ne!(digest("00D5f000000XyZa"), digest("00D5f000000XyZb"));
    }

    #[test]
    fn parts_cannot_be_shifted_into_each_other() {
        let key = |a: &[u8], b: &[u8]| Key::of(org("00D5f000000XyZa")).part(a).part(b).finish();
        assert_ne!(key(b"ab", b"c"), key(b"a", b"bc"));
    }

    #[test]
    fn a_purge_holds_for_the_record_in_its_org_and_for_what_was_already_asked() {
        let cache = Cache::new(10_000, Arc::new(SystemClock));
        let (here, there) = (org("00D5f000000XyZa"), org("00D5f000000XyZb"));
        let (ours, theirs) = (Key::of(here).finish(), Key::of(there).finish());
        let asked = Instant::now();
        assert!(cache.keep(ours.clone(), 1, &keeping(asked)));
        assert!(cache.keep(theirs.clone(), 2, &keeping(asked)));

        cache.forget(here, Mark::of(here, id("0065f00000QwErT")));

        assert_eq!(cache.find(&ours, None), None);
        assert_eq!(cache.find(&theirs, None).map(|f| f.value), Some(2));
        assert!(
            !cache.keep(ours.clone(), 3, &keeping(asked)),
            "asked before the purge"
        );
        assert!(cache.keep(ours, 4, &keeping(Instant::now() + Duration::from_millis(1))));
    }

    #[test]
    fn an_answer_older_than_its_time_is_not_given() {
        let cache = Cache::new(10_000, Arc::new(SystemClock));
        let key = Key::for_test("a");
        let mut short = keeping(Instant::now());
        short.ttl = Duration::ZERO;
        assert!(!cache.keep(key.clone(), 1, &short));
        assert!(cache.keep(key.clone(), 1, &keeping(Instant::now())));
        assert!(cache.find(&key, Some(Duration::from_mins(1))).is_some());
    }
}
