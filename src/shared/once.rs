//! Which idempotency keys run, and how they ended, by all replicas alike.
//!
//! # Why
//! A key is claimed, renewed, finished and freed in one step each, on the server. Whoever runs a key says so each second; a
//! replica that is lost says nothing more, and its lease ends. Whoever waits for a key that runs elsewhere looks again and
//! again: a store that tells by itself would have to be listened to beside, and be trusted to have told.
//!
//! What ended is sealed, and bound to the name of its key: copied to another org's, it opens there no more.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis::{Script, Value};
use sha2::{Digest, Sha256};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::link::{Down, Link};
use super::seal::Seal;
use crate::domain::{IdempotencyKey, OrgId};
use crate::lifecycle::Lifecycle;

/// The keys of every org, as the store has them.
pub struct Once {
    link: Arc<Link>,
    seal: Seal,
    script: Script,
    lifecycle: Lifecycle,
    /// This replica's name, made up anew at each start.
    replica: String,
    next: AtomicU64,
}

/// Where the store keeps a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    base: String,
    rest: String,
}

/// How a key stands for a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// It was free and is this call's now.
    First,
    /// It runs elsewhere.
    Running,
    /// It has ended.
    Final {
        /// How.
        outcome: Vec<u8>,
        /// For so long it is known yet.
        life: Duration,
    },
    /// It came with another body before.
    Mismatch,
    /// It has ended, or something else stands at its place, and what that is nobody here can read.
    Unreadable,
}

/// How a key stands, as far as it can be told without its outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is free, or runs.
    Open,
    /// It has ended.
    Ended,
    /// It came with another body before.
    Mismatch,
}

/// A call's claim on a key. Dropped unfinished, the key is free again.
pub struct Hold {
    once: Arc<Once>,
    name: Name,
    claim: String,
    body: [u8; 32],
    /// Whether the store may have taken note of the claim.
    may_stand: bool,
    renewing: Option<DropGuard>,
}

/// How long a key runs of which nobody says so.
pub const LEASE: Duration = Duration::from_secs(5);
/// How often whoever runs a key says so.
const RENEWAL: Duration = Duration::from_secs(1);

impl Name {
    /// The name of `key` as one of `org`'s on `path`, for the item `item` of a bulk.
    pub fn of(org: OrgId, path: &str, key: &IdempotencyKey, item: u32) -> Self {
        let mut hash = Sha256::new();
        // Neither a path nor a key has a zero byte in it.
        for part in [path.as_bytes(), key.as_str().as_bytes()] {
            hash.update(part);
            hash.update([0]);
        }
        hash.update(item.to_le_bytes());
        let digest = hash.finalize();
        let rest = digest.iter().fold(String::new(), |mut rest, byte| {
            let _ = write!(rest, "{byte:02x}");
            rest
        });
        Self {
            base: format!("belay:{{{org}}}:once:"),
            rest,
        }
    }

    fn whole(&self) -> String {
        format!("{}{}", self.base, self.rest)
    }
}

impl Once {
    /// The keys behind `link`, as the replica `replica` keeps them; how they ended is sealed by `seal`.
    pub fn new(link: Arc<Link>, seal: Seal, replica: String, lifecycle: Lifecycle) -> Self {
        Self {
            link,
            seal,
            script: Script::new(include_str!("once.lua")),
            lifecycle,
            replica,
            next: AtomicU64::new(0),
        }
    }

    /// The way to the store.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// A claim on `name` by a call with this body, of which the store knows nothing yet.
    pub fn hold(self: &Arc<Self>, name: Name, body: [u8; 32]) -> Hold {
        self.hold_again(name, body, None)
    }

    /// The claim `claim` on `name`, as it was before, or a new one.
    pub fn hold_again(self: &Arc<Self>, name: Name, body: [u8; 32], claim: Option<String>) -> Hold {
        let claim = claim.unwrap_or_else(|| {
            let nth = self.next.fetch_add(1, Ordering::Relaxed);
            format!("{}-{nth}", self.replica)
        });
        Hold {
            once: Arc::clone(self),
            name,
            claim,
            body,
            may_stand: false,
            renewing: None,
        }
    }

    /// How each of `names`, all of one org, stands for a call with this body.
    ///
    /// # Errors
    /// Where the store is down.
    pub async fn look(&self, names: &[Name], body: &[u8; 32]) -> Result<Vec<Standing>, Down> {
        let Some(first) = names.first() else {
            return Ok(Vec::new());
        };
        let mut arguments: Vec<&[u8]> = vec![b"look", body];
        arguments.extend(names.iter().map(|name| name.rest.as_bytes()));
        let value = self.ask(&first.base, &arguments).await?;
        let states: Option<Vec<Standing>> = value.iter().map(standing).collect();
        states
            .filter(|states| states.len() == names.len())
            .ok_or_else(|| self.garbage())
    }

    async fn ask(&self, key: &str, arguments: &[&[u8]]) -> Result<Vec<Value>, Down> {
        match self.link.run_with(&self.script, key, arguments).await? {
            Value::Array(list) => Ok(list),
            _ => Err(self.garbage()),
        }
    }

    fn garbage(&self) -> Down {
        self.link.answered_garbage();
        Down
    }
}

impl Hold {
    /// Claims the key, or tells how it stands; while it runs elsewhere, whoever runs it knows that somebody waits for
    /// `patience`.
    ///
    /// # Errors
    /// Where the store is down. Whether it took note of the claim is not known then.
    pub async fn begin(&mut self, patience: Duration) -> Result<Begun, Down> {
        self.may_stand = true;
        let told = self
            .ask(&[
                b"begin",
                self.claim.as_bytes(),
                &self.body,
                &number(LEASE),
                &number(patience),
            ])
            .await?;
        let begun = self.begun(&told).ok_or_else(|| self.once.garbage())?;
        self.may_stand = begun == Begun::First;
        Ok(begun)
    }

    /// Says each second that the key runs, as long as this lives, also to a store that does not know it yet; `wait` is told
    /// for how long somebody elsewhere waits for it.
    pub fn renew(&mut self, wait: impl Fn(Duration) + Send + Sync + 'static) {
        self.may_stand = true;
        let ended = CancellationToken::new();
        self.renewing = Some(ended.clone().drop_guard());
        let once = Arc::clone(&self.once);
        let (key, claim, body) = (self.name.whole(), self.claim.clone(), self.body);
        self.once.lifecycle.spawn_detached(async move {
            let renewal = async {
                loop {
                    tokio::time::sleep(RENEWAL).await;
                    let lease = number(LEASE);
                    let arguments: [&[u8]; 4] = [b"renew", claim.as_bytes(), &body, &lease];
                    match once.ask(&key, &arguments).await.as_deref() {
                        Ok([Value::Int(0), Value::Int(waiting)]) => {
                            let waiting = u64::try_from(*waiting).unwrap_or_default();
                            wait(Duration::from_millis(waiting));
                        }
                        // In the dark it is said again; a key that another replica has by now is that one's.
                        Err(Down) => {}
                        Ok(_) => return,
                    }
                }
            };
            tokio::select! {
                () = ended.cancelled() => {}
                () = renewal => {}
            }
        });
    }

    /// Tells how the call has ended, known for `life` yet. Where another replica has the key by now, its outcome counts.
    ///
    /// # Errors
    /// Where the store is down; the key is free there when the lease ends.
    pub async fn finish(mut self, outcome: &[u8], life: Duration) -> Result<(), Down> {
        self.renewing = None;
        self.may_stand = false;
        let sealed = self.once.seal.close(&self.name.whole(), outcome);
        let sealed = sealed.ok_or(Down)?;
        let claim = self.claim.as_bytes();
        self.ask(&[b"finish", claim, &self.body, &sealed, &number(life)])
            .await?;
        Ok(())
    }

    /// Tells how the call has ended, as [`Self::finish`] does, where the store does not have it yet: it is asked first, since
    /// an outcome is long.
    ///
    /// # Errors
    /// Where the store is down.
    pub async fn offer(self, outcome: &[u8], life: Duration) -> Result<(), Down> {
        let claim = self.claim.as_bytes();
        match self.ask(&[b"lacks", claim, &self.body]).await?.as_slice() {
            [Value::Int(0)] => self.finish(outcome, life).await,
            _ => Ok(()),
        }
    }

    /// The name of the claim.
    pub fn claim(&self) -> &str {
        &self.claim
    }

    /// Frees the key. A store that cannot be told so learns it from the end of the lease.
    pub async fn free(mut self) {
        self.renewing = None;
        if std::mem::take(&mut self.may_stand) {
            let _ = self
                .ask(&[b"free", self.claim.as_bytes(), &self.body])
                .await;
        }
    }

    fn begun(&self, told: &[Value]) -> Option<Begun> {
        Some(match told {
            [Value::Int(0)] => Begun::First,
            [Value::Int(1)] => Begun::Running,
            [Value::Int(2), Value::BulkString(sealed), Value::Int(life)] => {
                match self.once.seal.open(&self.name.whole(), sealed) {
                    Some(outcome) => Begun::Final {
                        outcome,
                        life: Duration::from_millis(u64::try_from(*life).unwrap_or_default()),
                    },
                    None => Begun::Unreadable,
                }
            }
            [Value::Int(3)] => Begun::Mismatch,
            [Value::Int(4)] => Begun::Unreadable,
            _ => return None,
        })
    }

    async fn ask(&self, arguments: &[&[u8]]) -> Result<Vec<Value>, Down> {
        self.once.ask(&self.name.whole(), arguments).await
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if !std::mem::take(&mut self.may_stand) {
            return;
        }
        let once = Arc::clone(&self.once);
        let (key, claim, body) = (self.name.whole(), self.claim.clone(), self.body);
        self.renewing = None;
        self.once.lifecycle.spawn("idempotency", async move {
            let _ = once.ask(&key, &[b"free", claim.as_bytes(), &body]).await;
        });
    }
}

fn number(time: Duration) -> Vec<u8> {
    time.as_millis().max(1).to_string().into_bytes()
}

fn standing(state: &Value) -> Option<Standing> {
    Some(match state {
        Value::Int(-1..=1) => Standing::Open,
        // Nobody runs what cannot be read, so it costs nothing, either.
        Value::Int(2 | 4) => Standing::Ended,
        Value::Int(3) => Standing::Mismatch,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;
    use crate::domain::SalesforceId;
    use crate::shared::scripted::Server;
    use crate::shared::seal::Key;

    const LONG: Duration = Duration::from_mins(1);

    fn name(org: &str, item: u32) -> Name {
        let id: SalesforceId = org.parse().expect("an id");
        let key = IdempotencyKey::parse("one").expect("a key");
        Name::of(OrgId::new(id).expect("an org"), "/briefing", &key, item)
    }

    fn ours() -> Name {
        name("00D5f000000XyZaEAK", 0)
    }

    /// The keys as one replica keeps them, named `replica` and sealing with the `seal`th key.
    async fn replica(server: &Server, replica: &str, seal: u8) -> Arc<Once> {
        use base64::Engine as _;
        let lifecycle = Lifecycle::default();
        let link = server.link(&lifecycle).await;
        let key = base64::engine::general_purpose::STANDARD.encode([seal; 32]);
        let seal = Seal::new(&Key::parse(&key).expect("a key").into());
        Arc::new(Once::new(link, seal, replica.to_owned(), lifecycle))
    }

    async fn begin(hold: &mut Hold) -> Begun {
        hold.begin(LONG).await.expect("it is up")
    }

    /// What a replica that is lost leaves behind: nothing, once its lease has ended.
    async fn lease_ends(once: &Once) {
        let mut expire = redis::cmd("DEL");
        expire.arg(ours().whole());
        once.link.ask(&expire).await.expect("it is up");
    }

    #[tokio::test]
    async fn a_key_is_one_replicas_until_it_has_ended_for_all() {
        let server = Server::start();
        let (a, b) = (
            replica(&server, "a", 1).await,
            replica(&server, "b", 1).await,
        );
        let (mut first, mut second) = (a.hold(ours(), [1; 32]), b.hold(ours(), [1; 32]));
        assert_eq!(begin(&mut first).await, Begun::First);
        assert_eq!(begin(&mut first).await, Begun::First, "asked twice");
        assert_eq!(begin(&mut second).await, Begun::Running);
        let mut other = b.hold(ours(), [2; 32]);
        assert_eq!(begin(&mut other).await, Begun::Mismatch);
        let mut item = b.hold(name("00D5f000000XyZaEAK", 1), [2; 32]);
        assert_eq!(begin(&mut item).await, Begun::First);
        let mut theirs = b.hold(name("00D5f000000GbxQEAS", 0), [2; 32]);
        assert_eq!(begin(&mut theirs).await, Begun::First);

        first.finish(b"told", LONG).await.expect("it is up");
        let Begun::Final { outcome, life } = begin(&mut second).await else {
            panic!("it has ended");
        };
        assert_eq!(outcome, b"told");
        assert!(life <= LONG && life > LONG / 2, "{life:?}");
        assert_eq!(begin(&mut other).await, Begun::Mismatch);
        let names = [
            ours(),
            name("00D5f000000XyZaEAK", 1),
            name("00D5f000000XyZaEAK", 2),
        ];
        let look = async |body| b.look(&names, &[body; 32]).await.expect("it is up");
        assert_eq!(
            look(1).await,
            [Standing::Ended, Standing::Mismatch, Standing::Open]
        );
        assert_eq!(
            look(2).await,
            [Standing::Mismatch, Standing::Open, Standing::Open]
        );
        // Another replica whose key is another cannot read it, and knows that it has ended.
        let c = replica(&server, "c", 2).await;
        let mut third = c.hold(ours(), [1; 32]);
        assert_eq!(begin(&mut third).await, Begun::Unreadable);
    }

    #[tokio::test]
    async fn a_claim_that_is_dropped_frees_its_own_key_and_no_other() {
        let server = Server::start();
        let (a, b) = (
            replica(&server, "a", 1).await,
            replica(&server, "b", 1).await,
        );
        let (mut first, mut second) = (a.hold(ours(), [1; 32]), b.hold(ours(), [1; 32]));
        assert_eq!(begin(&mut first).await, Begun::First);
        assert_eq!(begin(&mut second).await, Begun::Running);
        second.free().await;
        let mut third = b.hold(ours(), [1; 32]);
        assert_eq!(
            begin(&mut third).await,
            Begun::Running,
            "it was not that one's"
        );
        drop(first);
        while begin(&mut third).await != Begun::First {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn who_has_lost_its_lease_neither_renews_nor_finishes_what_another_has() {
        let server = Server::start();
        let (a, b) = (
            replica(&server, "a", 1).await,
            replica(&server, "b", 1).await,
        );
        let (mut first, mut second) = (a.hold(ours(), [1; 32]), b.hold(ours(), [1; 32]));
        assert_eq!(begin(&mut first).await, Begun::First);
        lease_ends(&a).await;
        assert_eq!(begin(&mut second).await, Begun::First);
        let claim = first.claim().to_owned();
        first.finish(b"late", LONG).await.expect("it is up");
        let again = a.hold_again(ours(), [1; 32], Some(claim));
        again.offer(b"late", LONG).await.expect("it is up");
        second.finish(b"told", LONG).await.expect("it is up");
        let mut third = a.hold(ours(), [1; 32]);
        let begun = begin(&mut third).await;
        assert!(matches!(begun, Begun::Final { outcome, .. } if outcome == b"told"));
    }

    #[tokio::test]
    async fn an_outcome_that_could_not_be_told_is_told_later_by_the_same_claim() {
        let server = Server::start();
        let a = replica(&server, "a", 1).await;
        let mut first = a.hold(ours(), [1; 32]);
        assert_eq!(begin(&mut first).await, Begun::First);
        // It still stands as running there when the store is back.
        let again = a.hold_again(ours(), [1; 32], Some(first.claim().to_owned()));
        again.offer(b"told", LONG).await.expect("it is up");
        let mut second = a.hold(ours(), [1; 32]);
        assert!(matches!(begin(&mut second).await, Begun::Final { .. }));
    }

    #[tokio::test]
    async fn whoever_runs_a_key_hears_who_waits_for_it_and_claims_it_again_where_it_was_lost() {
        let server = Server::start();
        let (a, b) = (
            replica(&server, "a", 1).await,
            replica(&server, "b", 1).await,
        );
        let (mut first, mut second) = (a.hold(ours(), [1; 32]), b.hold(ours(), [1; 32]));
        assert_eq!(begin(&mut first).await, Begun::First);
        let (tell, mut told) = mpsc::unbounded_channel();
        first.renew(move |waiting| {
            let _ = tell.send(waiting);
        });
        assert_eq!(begin(&mut second).await, Begun::Running);
        let waiting = told.recv().await.expect("it is renewed");
        assert!(waiting > LONG / 2 && waiting <= LONG, "{waiting:?}");
        lease_ends(&a).await;
        assert_eq!(told.recv().await, Some(Duration::ZERO));
        assert_eq!(begin(&mut second).await, Begun::Running);
    }
}
