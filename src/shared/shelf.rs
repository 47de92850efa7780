//! What replicas keep in common of an org's answers: the answers themselves, who is asking for one, and what was purged.
//!
//! # Why
//! * The store sees no word of a record: an answer is sealed, a question is its digest, and a record is a [`Mark`].
//! * An answer lies there with the [`Moment`] at which it was asked for, by the server's clock. A purge is a moment as well,
//!   so that what was asked before it is neither kept nor given after it, whichever replica asked and however long it took.
//! * Who asks for an answer holds a lease and renews it. A replica that is lost renews nothing, and the next one asks.

use std::fmt::{self, Write as _};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis::{Script, ScriptInvocation, Value};
use sha2::{Digest, Sha256};

use super::link::{Down, Link};
use super::seal::{Keys, Seal};
use crate::domain::{OrgId, SalesforceId};

/// The answers of every org, as the store has them.
pub struct Shelf {
    link: Arc<Link>,
    script: Script,
    seal: Option<Seal>,
    /// This replica's name, made up anew at each start.
    replica: String,
    next: AtomicU64,
}

/// Where the answer to one question lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    base: String,
    name: String,
}

/// A record as a purge names it: no more than tells records of an org apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mark([u8; 12]);

/// A moment by the server's clock, in microseconds since 1970.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

/// What somebody wants of the answer at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// The answer or nothing.
    Look,
    /// The answer, or else to ask for it.
    Lead,
    /// To ask for it, whatever lies there.
    Take,
}

/// What is at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum There {
    /// An answer.
    Kept(Kept),
    /// Nothing, and whoever looked asks for it now.
    Ours,
    /// Nothing that anybody may have, or somebody else asks for it.
    Nothing,
}

/// An answer as it lies there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Itself.
    pub sealed: Vec<u8>,
    /// How long it may still be given.
    pub left: Duration,
    /// Of what it speaks.
    pub marks: Arc<[Mark]>,
}

/// What is kept with an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// When it was asked for.
    pub asked: Moment,
    /// How long it may be given.
    pub ttl: Duration,
    /// Of what it speaks.
    pub marks: Arc<[Mark]>,
}

/// What was purged, and when.
pub struct News {
    /// The server's time.
    pub now: Moment,
    /// Each mark with its moment, the latest last.
    pub purged: Vec<(Mark, Moment)>,
}

/// The form of an answer in the store. What has another is not found, so replicas of two releases do not read each other.
const FORM: u32 = 1;
/// How long a flight that is not heard of counts as under way.
const LEASE: Duration = Duration::from_secs(3);
/// How often it is heard of.
pub const RENEWAL: Duration = Duration::from_millis(700);
/// How long a purge is remembered: the longest that an answer may be kept is 30 days, and it is asked for before that.
const REMEMBERED: Duration = Duration::from_hours(31 * 24);
/// The most records that an answer speaks of one by one; past that, any purge may mean it, and it is not kept here.
const MARKS: usize = 9_999;
/// Characters of a mark.
const MARK_LENGTH: usize = 24;

impl Mark {
    /// Everything of an org.
    pub const ALL: Self = Self([0; 12]);
    /// How [`Self::ALL`] is written.
    const ALL_TEXT: &str = "all";

    /// The mark of `record` in `org`.
    ///
    /// # Panics
    /// Never: a hash is longer than a mark.
    pub fn of(org: OrgId, record: SalesforceId) -> Self {
        let hash = Sha256::new()
            .chain_update("belay purge")
            .chain_update(org.to_string())
            .chain_update(record.as_str())
            .finalize();
        Self(*hash.first_chunk().expect("a hash is longer than a mark"))
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ALL {
            return f.write_str(Self::ALL_TEXT);
        }
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mark({self})")
    }
}

impl FromStr for Mark {
    type Err = Down;

    fn from_str(text: &str) -> Result<Self, Down> {
        if text == Self::ALL_TEXT {
            return Ok(Self::ALL);
        }
        let mut bytes = [0; 12];
        let digits = text.as_bytes();
        if digits.len() != MARK_LENGTH {
            return Err(Down);
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| Down)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| Down)?;
        }
        Ok(Self(bytes))
    }
}

impl Moment {
    /// The moment so much earlier.
    #[must_use]
    pub fn before(self, earlier: Duration) -> Self {
        Self(self.0.saturating_sub(micros(earlier)))
    }

    /// From `earlier` until now; nothing where it is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Place {
    /// Where the answer to the question of this `digest` lies. Without the org there is no place.
    pub fn of(org: OrgId, digest: &[u8; 32]) -> Self {
        let mut name = format!("{FORM}:");
        for byte in digest {
            // Writing into a text cannot fail.
            let _ = write!(name, "{byte:02x}");
        }
        Self {
            base: base(org),
            name,
        }
    }

    /// The whole name, which its answer is bound to.
    fn key(&self) -> String {
        format!("{}answer:{}", self.base, self.name)
    }
}

impl Shelf {
    /// The shelf over `link`; without `keys` it holds no answers, and only what was purged is shared.
    pub fn new(link: Arc<Link>, keys: Option<&Keys>, replica: String) -> Self {
        Self {
            link,
            script: Script::new(include_str!("shelf.lua")),
            seal: keys.map(Seal::new),
            replica,
            next: AtomicU64::new(0),
        }
    }

    /// Whether answers can be asked of it now.
    pub fn has_answers(&self) -> bool {
        self.seal.is_some() && self.link.is_up()
    }

    /// Whether it can be asked at all.
    pub fn is_up(&self) -> bool {
        self.link.is_up()
    }

    /// A name for one flight, which no other has.
    pub fn token(&self) -> String {
        let nth = self.next.fetch_add(1, Ordering::Relaxed);
        format!("{}-{nth}", self.replica)
    }

    /// What is at `place`, and when; `token` names the flight of whoever wants it.
    ///
    /// # Errors
    /// Where the store is down.
    pub async fn look(
        &self,
        place: &Place,
        want: Want,
        token: &str,
    ) -> Result<(Moment, There), Down> {
        let mut call = self.call(&place.base);
        call.arg(want.op())
            .arg(&place.name)
            .arg(token)
            .arg(millis(LEASE));
        let told = self.list(&call).await?;
        let told = match told.as_slice() {
            [now, Value::Nil, Value::Int(0)] => moment(now).map(|now| (now, There::Nothing)),
            [now, Value::Nil, Value::Int(_)] => moment(now).map(|now| (now, There::Ours)),
            [
                now,
                Value::BulkString(sealed),
                Value::Int(left),
                Value::BulkString(marks),
            ] => moment(now).map(|now| (now, There::Kept(Kept::of(sealed, *left, marks)))),
            _ => None,
        };
        told.ok_or_else(|| self.garbage())
    }

    /// What an answer says that lay at `place`; `None` where it was not put there by a replica with this key.
    pub fn open(&self, place: &Place, sealed: &[u8]) -> Option<Vec<u8>> {
        self.seal.as_ref()?.open(&place.key(), sealed)
    }

    /// `value`, to be put at `place`.
    pub fn close(&self, place: &Place, value: &[u8]) -> Option<Vec<u8>> {
        self.seal.as_ref()?.close(&place.key(), value)
    }

    /// Puts an answer at `place`, unless what it speaks of was purged since it was asked for. The flight of `token` has landed
    /// by that.
    ///
    /// # Errors
    /// Where the store is down.
    pub async fn keep(
        &self,
        place: &Place,
        token: &str,
        terms: &Terms,
        sealed: &[u8],
    ) -> Result<bool, Down> {
        if terms.marks.len() > MARKS {
            return Ok(false);
        }
        let marks: String = terms.marks.iter().map(ToString::to_string).collect();
        let mut call = self.call(&place.base);
        call.arg("keep")
            .arg(&place.name)
            .arg(token)
            .arg(format!("{:016}", terms.asked.0))
            .arg(millis(terms.ttl).max(1))
            .arg(format!("{:04}", terms.marks.len()))
            .arg(marks)
            .arg(sealed);
        Ok(self.number(&call).await? == 1)
    }

    /// Tells that the flight of `token` is still under way.
    ///
    /// # Errors
    /// Where the store is down.
    pub async fn renew(&self, place: &Place, token: &str) -> Result<(), Down> {
        let mut call = self.call(&place.base);
        call.arg("renew")
            .arg(&place.name)
            .arg(token)
            .arg(millis(LEASE));
        self.number(&call).await.map(|_| ())
    }

    /// Tells that the flight of `token` has ended without an answer for others.
    ///
    /// # Errors
    /// Where the store is down.
    pub async fn leave(&self, place: &Place, token: &str) -> Result<(), Down> {
        let mut call = self.call(&place.base);
        call.arg("leave").arg(&place.name).arg(token);
        self.number(&call).await.map(|_| ())
    }

    /// Purges what `mark` means of `org`.
    ///
    /// # Errors
    /// Where the store is down.
    pub async fn purge(&self, org: OrgId, mark: Mark) -> Result<(), Down> {
        let base = base(org);
        let mut call = self.call(&base);
        call.arg("purge")
            .arg(mark.to_string())
            .arg(millis(REMEMBERED));
        self.number(&call).await.map(|_| ())
    }

    /// What was purged of `org` after `since`.
    ///
    /// # Errors
    /// Where the store is down.
    pub async fn news(&self, org: OrgId, since: Moment) -> Result<News, Down> {
        let base = base(org);
        let mut call = self.call(&base);
        call.arg("news").arg(since.0);
        let told = self.list(&call).await?;
        let news = told.split_first().and_then(|(now, purged)| {
            Some(News {
                now: moment(now)?,
                // A mark that somebody else has put there means nothing.
                purged: purged.chunks_exact(2).filter_map(mark_and_moment).collect(),
            })
        });
        news.ok_or_else(|| self.garbage())
    }

    fn call(&self, base: &str) -> ScriptInvocation<'_> {
        self.script.key(base)
    }

    async fn list(&self, call: &ScriptInvocation<'_>) -> Result<Vec<Value>, Down> {
        match self.link.invoke(call).await? {
            Value::Array(told) => Ok(told),
            _ => Err(self.garbage()),
        }
    }

    async fn number(&self, call: &ScriptInvocation<'_>) -> Result<i64, Down> {
        match self.link.invoke(call).await? {
            Value::Int(told) => Ok(told),
            _ => Err(self.garbage()),
        }
    }

    fn garbage(&self) -> Down {
        self.link.answered_garbage();
        Down
    }
}

impl Kept {
    /// What lies there; what nobody can read opens no more.
    fn of(sealed: &[u8], left: i64, marks: &[u8]) -> Self {
        let marks = marks_of(marks);
        Self {
            sealed: marks.as_ref().map_or_else(Vec::new, |_| sealed.to_vec()),
            left: Duration::from_millis(u64::try_from(left).unwrap_or(0)),
            marks: marks.unwrap_or_default(),
        }
    }
}

impl Want {
    fn op(self) -> &'static str {
        match self {
            Self::Look => "look",
            Self::Lead => "lead",
            Self::Take => "take",
        }
    }
}

/// What every key of `org` begins with, its hash tag inside.
fn base(org: OrgId) -> String {
    format!("belay:{{{org}}}:")
}

fn moment(value: &Value) -> Option<Moment> {
    let Value::Int(micros) = value else {
        return None;
    };
    u64::try_from(*micros).ok().map(Moment)
}

fn marks_of(text: &[u8]) -> Option<Arc<[Mark]>> {
    let marks = text.chunks(MARK_LENGTH).map(|mark| {
        let text = std::str::from_utf8(mark).ok()?;
        text.parse().ok()
    });
    marks.collect()
}

fn mark_and_moment(pair: &[Value]) -> Option<(Mark, Moment)> {
    let [Value::BulkString(mark), Value::BulkString(at)] = pair else {
        return None;
    };
    let mark = std::str::from_utf8(mark).ok()?.parse().ok()?;
    let at = std::str::from_utf8(at).ok()?.parse().ok()?;
    Some((mark, Moment(at)))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::scripted::Server;
    use super::*;
    use crate::lifecycle::Lifecycle;

    fn org(text: &str) -> OrgId {
        OrgId::new(text.parse().expect("an id")).expect("an org")
    }

    fn here() -> OrgId {
        org("00D5f000000XyZa")
    }

    fn mark() -> Mark {
        Mark::of(here(), "0065f00000QwErT".parse().expect("an id"))
    }

    fn terms(asked: Moment) -> Terms {
        Terms {
            asked,
            ttl: Duration::from_mins(1),
            marks: Arc::new([mark()]),
        }
    }

    async fn shelf(server: &Server, lifecycle: &Lifecycle) -> Shelf {
        let key = crate::shared::seal::Key::parse("c2VhbHMgd2hhdCB0aHJlZSByZXBsaWNhcyBzaGFyZSE=")
            .expect("a key");
        Shelf::new(
            server.link(lifecycle).await,
            Some(&key.into()),
            "one".to_owned(),
        )
    }

    #[test]
    fn a_mark_tells_orgs_and_records_apart_and_comes_back_from_its_text() {
        let record = "0065f00000QwErT".parse().expect("an id");
        assert_eq!(mark(), Mark::of(here(), record));
        assert_ne!(mark(), Mark::of(org("00D5f000000XyZb"), record));
        for one in [mark(), Mark::ALL] {
            assert_eq!(one.to_string().parse(), Ok(one));
        }
        assert!(!mark().to_string().contains("QwErT"));
        for wrong in ["", "ALL", "é00000000000000000000000", "00"] {
            assert_eq!(wrong.parse::<Mark>(), Err(Down), "{wrong}");
        }
    }

    #[tokio::test]
    async fn one_asks_until_it_keeps_or_leaves_and_what_was_purged_meanwhile_is_not_kept() {
        let (server, lifecycle) = (Server::start(), Lifecycle::default());
        let shelf = shelf(&server, &lifecycle).await;
        let place = Place::of(here(), &[7; 32]);
        let look = async |want, token| shelf.look(&place, want, token).await.expect("it is up");
        assert_eq!(look(Want::Look, "").await.1, There::Nothing);
        let (asked, there) = look(Want::Lead, "a").await;
        assert_eq!(there, There::Ours);
        assert_eq!(look(Want::Lead, "b").await.1, There::Nothing);
        shelf.leave(&place, "b").await.expect("it is up");
        assert_eq!(look(Want::Take, "b").await.1, There::Nothing, "it is a's");

        let sealed = shelf.close(&place, b"an answer").expect("sealed");
        let terms = terms(asked);
        assert_eq!(shelf.keep(&place, "a", &terms, &sealed).await, Ok(true));
        let There::Kept(kept) = look(Want::Lead, "b").await.1 else {
            panic!("it was kept");
        };
        assert_eq!(
            shelf.open(&place, &kept.sealed).as_deref(),
            Some(&b"an answer"[..])
        );
        let elsewhere = Place::of(org("00D5f000000XyZb"), &[7; 32]);
        assert_eq!(shelf.open(&elsewhere, &kept.sealed), None);
        assert_eq!(
            (kept.marks.to_vec(), look(Want::Take, "b").await.1),
            (vec![mark()], There::Ours)
        );

        shelf.purge(here(), mark()).await.expect("it is up");
        assert_eq!(look(Want::Look, "").await.1, There::Nothing);
        assert_eq!(shelf.keep(&place, "b", &terms, &sealed).await, Ok(false));
        let (asked, there) = look(Want::Lead, "c").await;
        assert_eq!(there, There::Ours, "b has landed");
        let terms = Terms { asked, ..terms };
        assert_eq!(shelf.keep(&place, "c", &terms, &sealed).await, Ok(true));
        shelf.purge(here(), Mark::ALL).await.expect("it is up");
        assert_eq!(look(Want::Look, "").await.1, There::Nothing);
    }

    #[tokio::test]
    async fn news_are_what_was_purged_since_and_too_many_marks_are_one() {
        let (server, lifecycle) = (Server::start(), Lifecycle::default());
        let shelf = shelf(&server, &lifecycle).await;
        let news = async |since| shelf.news(here(), since).await.expect("it is up").purged;
        assert_eq!(news(Moment::default()).await, []);
        shelf.purge(here(), mark()).await.expect("it is up");
        let first = news(Moment::default()).await;
        assert_eq!((first.len(), first[0].0), (1, mark()));
        assert_eq!(news(first[0].1).await, []);
        for nth in 0..10_000_u32 {
            let mut bytes = [1; 12];
            bytes[..4].copy_from_slice(&nth.to_be_bytes());
            shelf.purge(here(), Mark(bytes)).await.expect("it is up");
        }
        let last = news(first[0].1).await;
        assert_eq!((last.len(), last[0].0), (1, Mark::ALL));
        assert!(last[0].1 > first[0].1);
    }
}
