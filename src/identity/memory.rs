//! What must be remembered of proofs: which assertions were used, and who keeps failing.
//!
//! # Why
//! Several replicas have to agree on both, so they stand behind a trait: [`InMemory`] serves one process, and a store that
//! replicas share can take its place. Everything in it is hashed and bounded, since whoever fails chooses what is noted.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _};
use jiff::Timestamp;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::domain::{Clock, OrgId};

/// What every replica must know of the proofs that another has seen.
pub trait Memory: Send + Sync {
    /// Notes that an assertion was used; it must be known again until `until`.
    fn uses(&self, assertion: Assertion, until: Timestamp) -> BoxFuture<'_, Use>;

    /// Notes a proof that failed, and tells how many of this suspect's have, and for how long they count.
    fn failed(&self, suspect: Suspect) -> BoxFuture<'_, Tally>;
}

/// An assertion that counts once, by its org and the hash of its credential and `jti`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Assertion {
    org: OrgId,
    hash: [u8; 32],
}

/// Whether an assertion came for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// It did.
    First,
    /// It came before.
    Again,
    /// There is no room to remember it, so it cannot be told.
    NoRoom,
    /// Its time is over meanwhile, so whether it came before may be forgotten already.
    TooLate,
}

/// Who may be guessing: an address or the id of a key, hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Suspect([u8; 32]);

/// How many proofs of a suspect have failed in the minute that began with the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// That many, the last one inside.
    pub failures: u32,
    /// Until they are forgotten.
    pub forgotten_in: Duration,
}

/// The memory of one process.
pub struct InMemory {
    clock: Arc<dyn Clock>,
    used: Mutex<HashMap<OrgId, HashMap<[u8; 32], Timestamp>>>,
    failures: Cache<Suspect, Arc<Mutex<(Instant, u32)>>>,
}

/// Assertions of one org that are remembered at once: 600 calls a minute for eleven minutes, ten times over.
const ASSERTIONS_OF_AN_ORG: usize = 66_000;
/// Suspects that are remembered at once. Past that the ones who were quiet longest are forgotten.
const SUSPECTS: u64 = 50_000;
/// How long a failure counts.
const MINUTE: Duration = Duration::from_mins(1);

impl Assertion {
    /// The assertion `jti` of a credential.
    pub fn of(org: OrgId, credential_id: &str, jti: &str) -> Self {
        Self {
            org,
            hash: hash(&[credential_id.as_bytes(), jti.as_bytes()]),
        }
    }

    /// Whose it is.
    pub fn org(&self) -> OrgId {
        self.org
    }

    /// Its hash, in hexadecimal digits.
    pub fn hash_text(&self) -> String {
        hex::encode(self.hash)
    }
}

impl Suspect {
    /// Whoever calls from `address`; of IPv6 the network that one customer is given, 64 bits.
    pub fn at(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(hash(&[b"address", &v4.octets()])),
            IpAddr::V6(v6) => Self(hash(&[b"address", &v6.octets()[..8]])),
        }
    }

    /// Whoever names the key `id`.
    pub fn naming(id: &str) -> Self {
        Self(hash(&[b"key", id.as_bytes()]))
    }

    /// The hash, in hexadecimal digits.
    pub fn hash_text(&self) -> String {
        hex::encode(self.0)
    }
}

impl InMemory {
    /// An empty memory.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            used: Mutex::default(),
            failures: Cache::builder()
                .max_capacity(SUSPECTS)
                // The usual policy lets nobody new in while those inside come often, and so would not count them.
                .eviction_policy(EvictionPolicy::lru())
                .time_to_idle(2 * MINUTE)
                .build(),
        }
    }

    fn note_use(&self, assertion: Assertion, until: Timestamp) -> Use {
        let now = self.clock.timestamp();
        // A request judges its proofs by the moment of its arrival, and its body may have taken its time since.
        if until <= now {
            return Use::TooLate;
        }
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let of_org = used.entry(assertion.org).or_default();
        if of_org
            .get(&assertion.hash)
            .is_some_and(|until| *until > now)
        {
            return Use::Again;
        }
        // Before it grows, what has expired makes room; and it grows by as much as is left, so that this is rare.
        if of_org.len() >= of_org.capacity().min(ASSERTIONS_OF_AN_ORG) {
            of_org.retain(|_, until| *until > now);
            if of_org.len() >= ASSERTIONS_OF_AN_ORG {
                return Use::NoRoom;
            }
            if of_org.len() > of_org.capacity() / 2 {
                of_org.reserve(of_org.len());
            }
        }
        of_org.insert(assertion.hash, until);
        Use::First
    }

    fn note_failure(&self, suspect: Suspect) -> Tally {
        let now = self.clock.now();
        let tally = self
            .failures
            .get_with(suspect, || Arc::new(Mutex::new((now, 0))));
        let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, failures) = &mut *tally;
        if now.saturating_duration_since(*since) >= MINUTE {
            (*since, *failures) = (now, 0);
        }
        *failures = failures.saturating_add(1);
        Tally {
            failures: *failures,
            forgotten_in: MINUTE.saturating_sub(now.saturating_duration_since(*since)),
        }
    }
}

impl Memory for InMemory {
    fn uses(&self, assertion: Assertion, until: Timestamp) -> BoxFuture<'_, Use> {
        std::future::ready(self.note_use(assertion, until)).boxed()
    }

    fn failed(&self, suspect: Suspect) -> BoxFuture<'_, Tally> {
        std::future::ready(self.note_failure(suspect)).boxed()
    }
}

/// One hash over all parts, each with its length, so that no two lists of parts are alike.
fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;
    use crate::domain::SystemClock;

    fn org() -> OrgId {
        OrgId::new("00D5f000000XyZaEAK".parse().expect("an id")).expect("an org")
    }

    fn other() -> OrgId {
        OrgId::new("00D5f000000GbxQ".parse().expect("an id")).expect("an org")
    }

    fn memory() -> InMemory {
        InMemory::new(Arc::new(SystemClock))
    }

    fn later() -> Timestamp {
        SystemClock.timestamp() + MINUTE
    }

    #[tokio::test]
    async fn an_assertion_is_known_again_by_its_org_credential_and_jti() {
        let memory = memory();
        let uses = async |org, id, jti| memory.uses(Assertion::of(org, id, jti), later()).await;
        assert_eq!(uses(org(), "a", "1").await, Use::First);
        assert_eq!(uses(org(), "a", "1").await, Use::Again);
        assert_eq!(uses(org(), "a", "2").await, Use::First);
        assert_eq!(uses(org(), "b", "1").await, Use::First);
        assert_eq!(uses(other(), "a", "1").await, Use::First);
        // No two lists of parts are alike.
        assert_eq!(uses(org(), "a1", "").await, Use::First);
    }

    #[tokio::test]
    async fn an_org_that_fills_its_room_takes_none_of_another_and_nothing_is_forgotten() {
        let memory = memory();
        let uses = async |org, jti: usize| {
            let assertion = Assertion::of(org, "a", &jti.to_string());
            memory.uses(assertion, later()).await
        };
        for jti in 0..ASSERTIONS_OF_AN_ORG {
            assert_eq!(uses(org(), jti).await, Use::First);
        }
        assert_eq!(uses(org(), usize::MAX).await, Use::NoRoom);
        assert_eq!(uses(org(), 0).await, Use::Again);
        assert_eq!(uses(other(), 0).await, Use::First);
    }

    /// A wall clock that goes where it is put, in seconds from some moment.
    #[derive(Default)]
    struct Wall(AtomicI64);

    impl Clock for Wall {
        fn now(&self) -> Instant {
            Instant::now()
        }

        fn timestamp(&self) -> Timestamp {
            at(self.0.load(Ordering::Relaxed))
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("a time")
    }

    #[test]
    fn what_has_expired_makes_room_before_more_is_taken() {
        let wall = Arc::new(Wall::default());
        let memory = InMemory::new(Arc::<Wall>::clone(&wall));
        let room = || memory.used.lock().expect("no panic")[&org()].capacity();
        let mut most = 0;
        for nth in 0..100_000 {
            wall.0.store(nth / 10, Ordering::Relaxed);
            let assertion = Assertion::of(org(), "a", &nth.to_string());
            assert_eq!(memory.note_use(assertion, at(nth / 10 + 60)), Use::First);
            most = most.max(room());
        }
        // Of ten in a second that count for a minute, 600 are worth keeping, and some room to spare.
        assert!(most < 10 * 600, "{most}");
        for nth in 99_500..100_000 {
            let assertion = Assertion::of(org(), "a", &nth.to_string());
            assert_eq!(memory.note_use(assertion, at(20_000)), Use::Again, "{nth}");
        }
    }

    #[test]
    fn an_assertion_that_comes_too_late_is_never_the_first() {
        let wall = Arc::new(Wall::default());
        let memory = InMemory::new(Arc::<Wall>::clone(&wall));
        let uses = || memory.note_use(Assertion::of(org(), "a", "1"), at(60));
        assert_eq!(uses(), Use::First);
        wall.0.store(59, Ordering::Relaxed);
        assert_eq!(uses(), Use::Again);
        wall.0.store(60, Ordering::Relaxed);
        assert_eq!(uses(), Use::TooLate);
        // Nor where the clock goes back.
        wall.0.store(-5, Ordering::Relaxed);
        assert_eq!(uses(), Use::Again);
    }

    #[test]
    fn a_new_suspect_is_counted_also_where_all_room_is_taken_by_busy_ones() {
        let memory = memory();
        let fails = |id: &str| memory.note_failure(Suspect::naming(id)).failures;
        for _ in 0..4 {
            for nth in 0..SUSPECTS {
                fails(&nth.to_string());
            }
        }
        for nth in 1..=12 {
            assert_eq!(fails("new"), nth);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn failures_count_for_a_minute_from_the_first() {
        let memory = memory();
        let suspect = Suspect::at([192, 0, 2, 1].into());
        let failures = async || memory.failed(suspect).await;
        assert_eq!(failures().await.failures, 1);
        tokio::time::advance(Duration::from_secs(40)).await;
        let second = failures().await;
        assert_eq!((second.failures, second.forgotten_in.as_secs()), (2, 20));
        tokio::time::advance(Duration::from_secs(20)).await;
        assert_eq!(failures().await.failures, 1);
    }

    #[tokio::test]
    async fn the_addresses_of_one_ipv6_network_are_one_suspect() {
        let at = |text: &str| Suspect::at(text.parse().expect("an address"));
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff:2"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
        assert_eq!(at("::ffff:192.0.2.1"), at("192.0.2.1"));
        assert_ne!(at("192.0.2.1"), at("192.0.2.2"));
    }
}
