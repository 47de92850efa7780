//! What stands behind the cache where there are several replicas: the shelf that all of them share.
//!
//! # Why
//! * Memory is asked first, and the shelf only where memory has nothing: one question, which finds the answer, or makes this
//!   replica the one that asks for it, or says that another one does.
//! * Who waits for another replica's flight looks again and again until the answer is there or the lease has ended. A
//!   message from one to the other was turned down: it would be lost with the replica that should have sent it.
//! * Whatever the shelf does not answer in its time is asked of a provider, as if there were no shelf. So the worst that a
//!   store can do is to let a question be asked once a replica.
//! * A purge is told to the shelf by whoever was asked for it, again and again until it is told, and heard of by all within
//!   [`HEARING`]. While this replica has purges that the shelf does not know it takes no answer from there.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::cache::{Cache, Found, Keeping, Kept, Key};
use super::flight::Patience;
use crate::domain::{Clock, OrgId};
use crate::lifecycle::Lifecycle;
use crate::shared::Shelf;
use crate::shared::shelf::{self, Mark, Moment, Place, RENEWAL, Terms, There, Want};

/// An answer that another replica can read.
pub trait Portable: Clone + Send + Sync + 'static {
    /// It, as bytes.
    fn pack(&self) -> Vec<u8>;
    /// What [`Self::pack`] made bytes of; `None` where this release does not know it.
    fn unpack(bytes: &[u8]) -> Option<Self>;
}

/// The shelf behind the cache.
pub struct Behind<V> {
    cache: Arc<Cache<V>>,
    shelf: Arc<Shelf>,
    clock: Arc<dyn Clock>,
    lifecycle: Lifecycle,
    orgs: Mutex<HashMap<OrgId, Purges>>,
}

/// What one org has purged, between this replica and the shelf.
#[derive(Default)]
struct Purges {
    /// The latest that was heard of.
    heard: Moment,
    /// What the shelf does not know yet.
    untold: Vec<Mark>,
}

/// What somebody wants to know.
#[derive(Debug, Clone, Copy)]
pub struct Asking {
    /// When the call came in.
    pub begun: Instant,
    /// The oldest answer that will do.
    pub max_age: Option<Duration>,
    /// Whether no answer from before will do.
    pub anew: bool,
}

/// What becomes of a question that memory has no answer to.
pub enum Lead<V> {
    /// It was answered before.
    Known(Found<V>),
    /// Another replica's flight has answered it meanwhile.
    Landed(Found<V>),
    /// It is to be asked here.
    Fly(Flying),
    /// Another replica asks, and nobody waits for that any more.
    Late,
}

/// One question that is asked here, in place of all replicas where they know of it. Dropped, it has ended without an answer.
#[derive(Default)]
pub struct Flying {
    /// When it was asked; `None` where the shelf was not there to say.
    asked: Option<Moment>,
    lease: Option<Lease>,
}

/// What a look at the shelf came to.
enum Looked<V> {
    /// An answer that will do.
    Found(Found<V>),
    /// No such answer, and it is asked for here from this moment on.
    Ours(Moment),
    /// No such answer.
    Nothing(Moment),
}

/// An answer, and for how long there has been one.
struct Aged<V> {
    found: Found<V>,
    age: Duration,
}

/// That other replicas wait.
struct Lease {
    shelf: Arc<Shelf>,
    lifecycle: Lifecycle,
    place: Place,
    token: String,
    has_ended: bool,
}

/// How often each replica hears of purges. A purge is seen by all within a second.
const HEARING: Duration = Duration::from_millis(300);
/// How often one who waits for another replica's flight looks.
const LOOKING: Duration = Duration::from_millis(75);
/// What stands before an answer in the store: how long it may be given, and its size in memory.
const HEAD: usize = 12;
/// Bytes that are packed or unpacked where they come; more are handed to a thread of their own.
const SMALL: usize = 16 * 1_024;
/// Purges that wait to be told one by one; past that, everything is purged.
const UNTOLD: usize = 10_000;

impl<V: Portable> Behind<V> {
    /// `shelf` behind `cache`.
    pub fn new(
        cache: Arc<Cache<V>>,
        shelf: Shelf,
        clock: Arc<dyn Clock>,
        lifecycle: Lifecycle,
    ) -> Self {
        Self {
            cache,
            shelf: Arc::new(shelf),
            clock,
            lifecycle,
            orgs: Mutex::default(),
        }
    }

    /// The answer to `key` that lies on the shelf, and what is asked from here on where it will not do.
    pub async fn find(&self, key: &Key, asking: Asking) -> (Option<Found<V>>, Flying) {
        match self.look(key, asking, Want::Look, "").await {
            Some(Looked::Found(found)) => (Some(found), Flying::default()),
            Some(Looked::Nothing(asked) | Looked::Ours(asked)) => (None, Flying::since(asked)),
            None => (None, Flying::default()),
        }
    }

    /// The answer to `key`, or who asks for it: one replica of all.
    pub async fn lead(&self, key: &Key, asking: Asking, patience: &Patience) -> Lead<V> {
        let token = self.shelf.token();
        let mut has_waited = false;
        let mut want = if asking.anew { Want::Take } else { Want::Lead };
        loop {
            match self.look(key, asking, want, &token).await {
                None => return Lead::Fly(Flying::default()),
                Some(Looked::Found(found)) if has_waited => return Lead::Landed(found),
                Some(Looked::Found(found)) => return Lead::Known(found),
                Some(Looked::Ours(asked)) => {
                    return Lead::Fly(Flying {
                        asked: Some(asked),
                        lease: Some(self.lease(key, token)),
                    });
                }
                Some(Looked::Nothing(asked)) if asking.anew => {
                    return Lead::Fly(Flying::since(asked));
                }
                Some(Looked::Nothing(_)) if self.clock.now() >= patience.end() => {
                    return Lead::Late;
                }
                Some(Looked::Nothing(_)) => {
                    has_waited = true;
                    want = Want::Lead;
                    tokio::time::sleep(LOOKING).await;
                }
            }
        }
    }

    /// Puts the answer that `flying` brought on the shelf; the caller does not wait for that.
    pub fn keep(&self, key: &Key, value: &V, keeping: &Keeping, flying: Flying) {
        let Flying { asked, mut lease } = flying;
        let Some(asked) = asked else {
            return;
        };
        let place = place(key);
        let terms = Terms {
            asked,
            ttl: keeping.ttl,
            marks: keeping.marks(key.org()),
        };
        let common = Arc::clone(&self.shelf);
        let (value, bytes) = (value.clone(), keeping.bytes);
        self.hears_of(key.org());
        self.lifecycle.spawn("shelf", async move {
            let closing = {
                let (common, place, ttl) = (Arc::clone(&common), place.clone(), terms.ttl);
                move || common.close(&place, &written(&value, ttl, bytes))
            };
            let Some(sealed) = aside(bytes as usize, closing).await.flatten() else {
                return;
            };
            let token = lease.as_ref().map_or("", |lease| &lease.token);
            let kept = common.keep(&place, token, &terms, &sealed).await;
            if let (Ok(true), Some(lease)) = (kept, &mut lease) {
                lease.has_ended = true;
            }
        });
    }

    /// Forgets every answer of `org` that speaks of what `mark` names, at every replica.
    pub async fn forget(&self, org: OrgId, mark: Mark) {
        self.cache.forget(org, mark);
        let is_alone = {
            let mut orgs = self.orgs();
            let untold = &mut orgs.entry(org).or_default().untold;
            if untold.len() >= UNTOLD {
                untold.clear();
                untold.push(Mark::ALL);
            }
            untold.push(mark);
            untold.len() == 1
        };
        // Nobody waits until all is told that the store has missed.
        if is_alone {
            self.tell(org).await;
        }
    }

    /// Hears what other replicas have purged, and tells what they do not know; never ends.
    pub async fn keep_up(self: Arc<Self>) {
        loop {
            tokio::time::sleep(HEARING).await;
            if self.shelf.is_up() {
                let orgs: Vec<OrgId> = self.orgs().keys().copied().collect();
                join_all(orgs.into_iter().map(|org| self.hear(org))).await;
            }
        }
    }

    async fn hear(&self, org: OrgId) {
        self.tell(org).await;
        let heard = self.orgs().entry(org).or_default().heard;
        let Ok(news) = self.shelf.news(org, heard).await else {
            return;
        };
        let now = self.clock.now();
        let Some((_, latest)) = news.purged.last().copied() else {
            return;
        };
        // What was purged before this process could tell the time concerns nothing that it keeps.
        let marks = news.purged.into_iter().filter_map(|(mark, at)| {
            let at = now.checked_sub(news.now.since(at))?;
            Some((mark, at))
        });
        self.cache.purge(org, marks);
        self.orgs().entry(org).or_default().heard = latest;
    }

    /// Tells the shelf what it does not know of `org`'s purges.
    async fn tell(&self, org: OrgId) {
        let untold = {
            let orgs = self.orgs();
            orgs.get(&org)
                .map_or_else(Vec::new, |org| org.untold.clone())
        };
        for mark in untold {
            if self.shelf.purge(org, mark).await.is_err() {
                return;
            }
            let mut orgs = self.orgs();
            let untold = &mut orgs.entry(org).or_default().untold;
            if let Some(told) = untold.iter().position(|one| *one == mark) {
                untold.remove(told);
            }
        }
    }

    /// What the shelf says of `key`; `None` where it is not to be asked.
    async fn look(&self, key: &Key, asking: Asking, want: Want, token: &str) -> Option<Looked<V>> {
        self.hears_of(key.org());
        if !self.shelf.has_answers() || self.has_untold(key.org()) {
            return None;
        }
        let place = place(key);
        let before = self.clock.now();
        let (now, there) = self.shelf.look(&place, want, token).await.ok()?;
        let kept = match there {
            There::Kept(kept) => kept,
            There::Ours => return Some(Looked::Ours(self.asked(now, asking))),
            There::Nothing => return Some(Looked::Nothing(self.asked(now, asking))),
        };
        if !asking.anew
            && let Some(found) = self.read(key, &place, kept, before).await
            && asking.max_age.is_none_or(|max| found.age <= max)
        {
            return Some(Looked::Found(found.found));
        }
        // An answer lies there that will not do.
        if want == Want::Look {
            return Some(Looked::Nothing(self.asked(now, asking)));
        }
        let (now, there) = self.shelf.look(&place, Want::Take, token).await.ok()?;
        let asked = self.asked(now, asking);
        Some(match there {
            There::Ours => Looked::Ours(asked),
            There::Kept(_) | There::Nothing => Looked::Nothing(asked),
        })
    }

    /// What lies on the shelf, kept in memory from now on.
    async fn read(
        &self,
        key: &Key,
        place: &Place,
        kept: shelf::Kept,
        before: Instant,
    ) -> Option<Aged<V>> {
        let shelf::Kept {
            sealed,
            left,
            marks,
        } = kept;
        let size = sealed.len();
        let opening = {
            let (common, place) = (Arc::clone(&self.shelf), place.clone());
            move || read(&common.open(&place, &sealed)?)
        };
        let (value, ttl, bytes) = aside(size, opening).await.flatten()?;
        let left = left.min(ttl);
        let of_here = Kept {
            marks,
            asked: before,
            ttl,
            left,
            bytes,
        };
        // Where it was purged meanwhile, it is not given either.
        let is_kept = self.cache.adopt(key.clone(), V::clone(&value), of_here);
        is_kept.then(|| Aged {
            found: Found { value, ttl: left },
            age: ttl.saturating_sub(left),
        })
    }

    /// When a call was asked whose server's time is `now`. Rather too early: what was purged after that is not kept.
    fn asked(&self, now: Moment, asking: Asking) -> Moment {
        now.before(self.clock.now().saturating_duration_since(asking.begun))
    }

    fn lease(&self, key: &Key, token: String) -> Lease {
        Lease {
            shelf: Arc::clone(&self.shelf),
            lifecycle: self.lifecycle.clone(),
            place: place(key),
            token,
            has_ended: false,
        }
    }

    /// From now on this replica hears of `org`'s purges.
    fn hears_of(&self, org: OrgId) {
        self.orgs().entry(org).or_default();
    }

    fn has_untold(&self, org: OrgId) -> bool {
        let orgs = self.orgs();
        orgs.get(&org).is_some_and(|org| !org.untold.is_empty())
    }

    fn orgs(&self) -> MutexGuard<'_, HashMap<OrgId, Purges>> {
        self.orgs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flying {
    fn since(asked: Moment) -> Self {
        Self {
            asked: Some(asked),
            lease: None,
        }
    }

    /// Does `work`, and tells other replicas meanwhile that it is under way.
    pub async fn hold<T>(&self, work: impl Future<Output = T>) -> T {
        let Some(lease) = &self.lease else {
            return work.await;
        };
        tokio::select! {
            done = work => done,
            never = lease.renew() => match never {},
        }
    }
}

impl Lease {
    /// Renews it as long as anybody waits for that.
    async fn renew(&self) -> Infallible {
        loop {
            tokio::time::sleep(RENEWAL).await;
            // Where the store is away, the lease may end; another replica then asks the same.
            let _ = self.shelf.renew(&self.place, &self.token).await;
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        let (common, place) = (Arc::clone(&self.shelf), self.place.clone());
        let token = std::mem::take(&mut self.token);
        self.lifecycle.spawn_detached(async move {
            // What is not told ends by itself.
            let _ = common.leave(&place, &token).await;
        });
    }
}

fn place(key: &Key) -> Place {
    Place::of(key.org(), &key.digest())
}

/// An answer as it is sealed.
fn written<V: Portable>(value: &V, ttl: Duration, bytes: u32) -> Vec<u8> {
    let ttl = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
    let packed = value.pack();
    let mut whole = Vec::with_capacity(HEAD + packed.len());
    whole.extend_from_slice(&ttl.to_le_bytes());
    whole.extend_from_slice(&bytes.to_le_bytes());
    whole.extend_from_slice(&packed);
    whole
}

/// What [`written`] wrote: the answer, how long it may be given, and its size in memory.
fn read<V: Portable>(whole: &[u8]) -> Option<(V, Duration, u32)> {
    let (ttl, rest) = whole.split_first_chunk()?;
    let (bytes, packed) = rest.split_first_chunk()?;
    let ttl = Duration::from_millis(u64::from_le_bytes(*ttl));
    Some((V::unpack(packed)?, ttl, u32::from_le_bytes(*bytes)))
}

/// Does `work` on `bytes`: here, or on a thread of its own where it would keep other calls waiting; `None` where it panics.
async fn aside<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    if bytes <= SMALL {
        return Some(work());
    }
    tokio::task::spawn_blocking(work).await.ok()
}
