//! What every org and its users have used, kept in the store.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Unit;
use redis::{Script, Value};
use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256};

use super::link::{Down, Link};
use crate::domain::limit::end_of;
use crate::domain::{Caller, Clock, LimitName, Limits, Money, OrgId, UserId};
use crate::lifecycle::Lifecycle;

/// The books of every org, as this replica sees them.
pub struct Books {
    link: Arc<Link>,
    script: Script,
    clock: Arc<dyn Clock>,
    lifecycle: Lifecycle,
    settings: Settings,
    /// This replica's name, made up anew at each start.
    replica: String,
    next: AtomicU64,
    orgs: Mutex<HashMap<OrgId, Page>>,
    /// Whether the clock here counts in place of the server's.
    #[cfg(test)]
    pub(crate) by_own_clock: bool,
}

/// How replicas keep to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// At most so many replicas: what one may have in the dark.
    pub replicas: u32,
    /// How long a replica that is not heard of holds what it held.
    pub lease: Duration,
    /// How often it is heard of, at least.
    pub beat: Duration,
    /// How long a store that came back empty waits for what replicas know.
    pub youth: Duration,
}

/// What this replica knows of one org.
#[derive(Default)]
struct Page {
    /// Which memory of the store it last saw.
    memory: String,
    org: Account,
    users: HashMap<UserId, Account>,
    /// The records that it holds, as the store has them.
    open: HashMap<String, Json>,
    /// What it may spend in the dark.
    apart: Apart,
    /// What is set apart for every replica, as the store last told.
    slices: Json,
    /// The last caller, whose limits a beat goes by.
    caller: Option<Caller>,
}

/// Money for bad times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Apart {
    amount: Money,
    /// What calls of the dark have spent of it, and may still.
    used: Money,
    day: i64,
    month: i64,
    /// Which dark this is: the store counts each once.
    dark: u64,
    /// Whether the store is being told, so that nothing may be spent of it any more.
    is_closing: bool,
}

/// Money that a call of the dark may spend, out of what was set apart. Dropped unsettled, all of it is spent.
pub struct Lent {
    books: Arc<Books>,
    caller: Caller,
    id: String,
    dark: u64,
    windows: Apart,
    bound: Money,
    settled: bool,
}

/// One account, as the store last told it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Account {
    /// When the calls of the minute are whole again, in microseconds since 1970.
    pub requests: i64,
    /// The same of its tokens.
    pub tokens: i64,
    /// Calls under way.
    pub slots: i64,
    /// Of them items of a bulk.
    pub bulk: i64,
    /// The day's money.
    pub day: Spending,
    /// The month's.
    pub month: Spending,
}

/// The money of one window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spending {
    /// When the window ends, in milliseconds since 1970.
    pub ends: i64,
    /// What was spent in it.
    pub spent: Money,
    /// What is reserved beside.
    pub held: Money,
}

/// What one upstream attempt needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Whether it still needs a slot.
    pub slot: bool,
    /// Whether it is an item of a bulk.
    pub bulk: bool,
    /// Tokens by estimate.
    pub tokens: u64,
    /// The most that it can cost.
    pub cost: Money,
}

/// Whether the store has let a call in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict<T> {
    /// It has.
    LetIn(T),
    /// A limit is used up for now.
    Refused {
        /// Which limit.
        limit: LimitName,
        /// Whether it is the user's own.
        of_the_user: bool,
        /// When it may have room; `None` where that hangs on what is under way.
        opens_in: Option<Duration>,
    },
    /// The store may have lost what replicas still know, and gives no money until they had the time to tell.
    Forgetful {
        /// When it will.
        opens_in: Duration,
    },
}

/// What was reserved, by the names of its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reserved {
    /// The slot.
    pub slot: Option<String>,
    /// Tokens and money.
    pub hold: String,
}

/// Why the script let nobody in.
#[derive(Clone, Copy)]
struct Refused {
    of_the_user: bool,
    limit: Option<LimitName>,
    opens_in: Option<Duration>,
}

/// What the script answered.
struct Told {
    refused: Option<Refused>,
    memory: String,
    apart: Money,
    accounts: Vec<Account>,
    slices: Option<Json>,
}

/// Fields of an account in an answer.
const FIELDS: usize = 10;
/// What stands before the accounts in an answer.
const BEFORE: usize = 7;
/// A record that this replica does not know is given back when no answer about it can be under way any more.
const PATIENCE: Duration = Duration::from_secs(10);
/// Users of one org whose accounts are remembered here.
const USERS: usize = 10_000;
/// How long one who has to tell the store something waits between two attempts.
const AGAIN: Duration = Duration::from_millis(250);

impl Default for Settings {
    fn default() -> Self {
        Self {
            replicas: 1,
            lease: Duration::from_secs(5),
            beat: Duration::from_millis(500),
            youth: Duration::from_millis(1_500),
        }
    }
}

impl Books {
    /// The books behind `link`, as the replica `replica` keeps them.
    pub fn new(
        link: Arc<Link>,
        settings: Settings,
        replica: String,
        clock: Arc<dyn Clock>,
        lifecycle: Lifecycle,
    ) -> Self {
        Self {
            link,
            script: Script::new(include_str!("books.lua")),
            clock,
            lifecycle,
            settings,
            replica,
            next: AtomicU64::new(0),
            orgs: Mutex::default(),
            #[cfg(test)]
            by_own_clock: false,
        }
    }

    /// Counts one call against requests a minute.
    ///
    /// # Errors
    /// Where the store is down.
    pub async fn admit(&self, caller: &Caller) -> Result<Verdict<()>, Down> {
        let told = self.ask(caller, json!({"op": "admit"})).await?;
        Ok(told.verdict(()))
    }

    /// Reserves what `need` names, all of it or nothing.
    ///
    /// # Errors
    /// Where the store is down. What it may have reserved all the same is given back by itself.
    pub async fn reserve(&self, caller: &Caller, need: &Need) -> Result<Verdict<Reserved>, Down> {
        let reserved = Reserved {
            slot: need.slot.then(|| self.name()),
            hold: self.name(),
        };
        let ask = json!({
            "op": "reserve",
            "slot": reserved.slot,
            "hold": reserved.hold,
            "bulk": need.bulk,
            "tokens": need.tokens,
            "cost": need.cost.as_micros(),
        });
        let told = self.ask(caller, ask).await?;
        if told.refused.is_none() {
            self.note_open(caller, &reserved, need);
        }
        Ok(told.verdict(reserved))
    }

    /// Tells what a hold has really used; again and again until the store has taken note.
    pub fn settle(
        self: &Arc<Self>,
        caller: &Caller,
        hold: String,
        (used, cost): (u64, Money),
        after: impl FnOnce() + Send + 'static,
    ) {
        let ask = settlement(&hold, used, cost);
        self.tell(caller, hold, ask, after);
    }

    /// Tells what a hold has really used, once.
    ///
    /// # Errors
    /// Where the store is down.
    pub async fn settle_now(
        &self,
        caller: &Caller,
        hold: &str,
        used: u64,
        cost: Money,
    ) -> Result<(), Down> {
        self.ask(caller, settlement(hold, used, cost)).await?;
        Ok(())
    }

    /// Gives a slot back; again and again until the store has taken note.
    pub fn leave(
        self: &Arc<Self>,
        caller: &Caller,
        slot: String,
        after: impl FnOnce() + Send + 'static,
    ) {
        let ask = leaving(&slot);
        self.tell(caller, slot, ask, after);
    }

    /// Gives a slot back, once.
    ///
    /// # Errors
    /// Where the store is down.
    pub async fn leave_now(&self, caller: &Caller, slot: &str) -> Result<(), Down> {
        self.ask(caller, leaving(slot)).await?;
        Ok(())
    }

    /// Looks how things stand.
    ///
    /// # Errors
    /// Where the store is down.
    pub async fn look(&self, caller: &Caller) -> Result<(), Down> {
        self.ask(caller, json!({"op": "look"})).await?;
        Ok(())
    }

    /// How the org stands, and its user, as the store last told; `None` where it never has.
    pub fn standing(&self, caller: &Caller) -> Option<(Account, Option<Account>)> {
        let pages = self.pages();
        let page = pages.get(&caller.org.id)?;
        let user = caller.user.as_ref().map(|user| {
            let known = page.users.get(user);
            known.copied().unwrap_or_default()
        });
        Some((page.org, user))
    }

    /// Tells the store that this replica is alive, of every org it knows, and sets money apart.
    pub async fn beat(&self) {
        let callers: Vec<Caller> = {
            let pages = self.pages();
            pages
                .values()
                .filter_map(|page| page.caller.clone())
                .collect()
        };
        for caller in callers {
            let open: Vec<String> = {
                let pages = self.pages();
                let page = pages.get(&caller.org.id);
                page.map_or_else(Vec::new, |page| page.open.keys().cloned().collect())
            };
            let mut ask = json!({
                "op": "look",
                "open": open,
                "patience": millis(PATIENCE),
            });
            if has_budget(&caller.org.limits) {
                ask["replicas"] = json!(self.settings.replicas);
            }
            if self.ask(&caller, ask).await.is_err() {
                return;
            }
        }
    }

    /// Beats, and never ends: what is under way when the process stops still is this replica's.
    pub async fn keep(self: Arc<Self>) {
        loop {
            tokio::time::sleep(self.settings.beat).await;
            if self.link.is_up() {
                self.beat().await;
            }
        }
    }

    /// Lends what a call may cost out of the money that was set apart; `None` where too little of it is left, or none was.
    pub fn lend(self: &Arc<Self>, caller: &Caller, bound: Money) -> Option<Lent> {
        let now = self.clock.timestamp().as_millisecond();
        let mut pages = self.pages();
        let apart = &mut pages.get_mut(&caller.org.id)?.apart;
        let used = apart.used + bound;
        if apart.is_closing || used > apart.amount || now >= apart.day.min(apart.month) {
            return None;
        }
        apart.used = used;
        Some(Lent {
            books: Arc::clone(self),
            caller: caller.clone(),
            id: self.name(),
            dark: apart.dark,
            windows: *apart,
            bound,
            settled: false,
        })
    }

    /// Asks the script about `caller`, and takes in how things stand. What was spent in the dark is told first.
    async fn ask(&self, caller: &Caller, ask: Json) -> Result<Told, Down> {
        self.lighten(caller).await?;
        let told = self.ask_once(caller, ask).await?;
        if self.takes_in(caller, &told) {
            self.seed(caller).await?;
        }
        Ok(told)
    }

    /// Tells the store what was spent in the dark, if anything was.
    async fn lighten(&self, caller: &Caller) -> Result<(), Down> {
        let apart = {
            let mut pages = self.pages();
            let Some(page) = pages.get_mut(&caller.org.id) else {
                return Ok(());
            };
            if page.apart.used == Money::ZERO || !self.link.is_up() {
                return Ok(());
            }
            page.apart.is_closing = true;
            page.apart
        };
        let ask = json!({
            "op": "light",
            "id": format!("{}-dark-{}", self.replica, apart.dark),
            "spent": spent(apart.used, &apart),
        });
        let mut as_org = caller.clone();
        as_org.user = None;
        self.ask_once(&as_org, ask).await?;
        let mut pages = self.pages();
        if let Some(page) = pages.get_mut(&caller.org.id)
            && page.apart.dark == apart.dark
        {
            page.apart = Apart {
                dark: apart.dark + 1,
                ..Apart::default()
            };
        }
        Ok(())
    }

    async fn ask_once(&self, caller: &Caller, mut ask: Json) -> Result<Told, Down> {
        let now = self.clock.timestamp();
        let org = limits(&caller.org.limits);
        let members = ask.as_object_mut().expect("it was made as an object");
        members.insert("org".to_owned(), Json::Object(org));
        if let Some(user) = &caller.user {
            let mut account = limits(&caller.org.per_user);
            account.insert("name".to_owned(), json!(name_of(user)));
            members.insert("user".to_owned(), Json::Object(account));
        }
        let zone = &caller.org.timezone;
        for (name, unit) in [("day", Unit::Day), ("month", Unit::Month)] {
            let end = end_of(now, zone, unit);
            let next = end_of(end, zone, unit);
            let ends = [end.as_millisecond(), next.as_millisecond()];
            members.insert(name.to_owned(), json!(ends));
        }
        members.insert("replica".to_owned(), json!(self.replica));
        members.insert("lease".to_owned(), json!(micros(self.settings.lease)));
        members.insert("youth".to_owned(), json!(millis(self.settings.youth)));
        members.insert("fresh".to_owned(), json!(self.name()));
        #[cfg(test)]
        if self.by_own_clock {
            members.insert("now".to_owned(), json!(now.as_microsecond()));
        }
        let key = format!("belay:{{{}}}:", caller.org.id);
        let value = self.link.run(&self.script, &key, &ask.to_string()).await?;
        Told::read(value).ok_or_else(|| {
            self.link.answered_garbage();
            Down
        })
    }

    /// Remembers how things stand; true where the store has lost what this replica knows.
    fn takes_in(&self, caller: &Caller, told: &Told) -> bool {
        let mut pages = self.pages();
        let page = pages.entry(caller.org.id).or_default();
        if !page.memory.is_empty() && page.memory != told.memory {
            return true;
        }
        page.memory.clone_from(&told.memory);
        page.caller = Some(caller.clone());
        if let Some(org) = told.accounts.first() {
            page.org = *org;
            if page.apart.used == Money::ZERO {
                page.apart = Apart {
                    amount: told.apart,
                    day: org.day.ends,
                    month: org.month.ends,
                    ..page.apart
                };
            }
        }
        if let Some(slices) = &told.slices {
            page.slices.clone_from(slices);
        }
        if let (Some(user), Some(account)) = (&caller.user, told.accounts.get(1)) {
            if page.users.len() >= USERS && !page.users.contains_key(user) {
                page.users.clear();
            }
            page.users.insert(user.clone(), *account);
        }
        false
    }

    /// Tells a store that came back empty what this replica knows.
    async fn seed(&self, caller: &Caller) -> Result<(), Down> {
        let (org, users, open, slices) = {
            let pages = self.pages();
            let Some(page) = pages.get(&caller.org.id) else {
                return Ok(());
            };
            let slices = page.slices.clone();
            (page.org, page.users.clone(), page.open.clone(), slices)
        };
        // The org first, with everything that is open; then each user, as the one who calls.
        let mut as_org = caller.clone();
        as_org.user = None;
        let mut ask = json!({"op": "seed", "records": open});
        if slices.is_object() {
            ask["slices"] = slices;
        }
        let told = self.ask_seeding(&as_org, ask, org, None).await?;
        for (user, account) in users {
            let mut as_user = as_org.clone();
            as_user.user = Some(user);
            let ask = json!({"op": "seed", "records": {}});
            self.ask_seeding(&as_user, ask, org, Some(account)).await?;
        }
        let mut pages = self.pages();
        let page = pages.entry(caller.org.id).or_default();
        page.memory.clear();
        drop(pages);
        self.takes_in(&as_org, &told);
        Ok(())
    }

    async fn ask_seeding(
        &self,
        caller: &Caller,
        mut ask: Json,
        org: Account,
        user: Option<Account>,
    ) -> Result<Told, Down> {
        ask["known_org"] = known(&org);
        if let Some(user) = user {
            ask["known_user"] = known(&user);
        }
        self.ask_once(caller, ask).await
    }

    /// Tells the store about the record `id` until it has taken note, or the process ends; then does `after`.
    fn tell(
        self: &Arc<Self>,
        caller: &Caller,
        id: String,
        ask: Json,
        after: impl FnOnce() + Send + 'static,
    ) {
        let (books, caller) = (Arc::clone(self), caller.clone());
        self.lifecycle.spawn("settlement", async move {
            loop {
                if books.ask(&caller, ask.clone()).await.is_ok() {
                    let mut pages = books.pages();
                    if let Some(page) = pages.get_mut(&caller.org.id) {
                        page.open.remove(&id);
                    }
                    drop(pages);
                    after();
                    return;
                }
                if books.lifecycle.is_stopping() && !books.link.is_up() {
                    // What nobody tells is charged in full when the lease ends.
                    return;
                }
                tokio::time::sleep(AGAIN).await;
            }
        });
    }

    fn note_open(&self, caller: &Caller, reserved: &Reserved, need: &Need) {
        let user = caller.user.as_ref().map(name_of);
        let mut pages = self.pages();
        let page = pages.entry(caller.org.id).or_default();
        let mut hold = json!({
            "k": "hold",
            "tokens": need.tokens,
            "cost": need.cost.as_micros(),
            "day": page.org.day.ends,
            "month": page.org.month.ends,
        });
        let mut slot = json!({"k": "slot", "cost": 0});
        if need.bulk {
            slot["bulk"] = json!(true);
        }
        if let Some(user) = user {
            hold["user"] = json!(user);
            slot["user"] = json!(user);
        }
        page.open.insert(reserved.hold.clone(), hold);
        if let Some(id) = &reserved.slot {
            page.open.insert(id.clone(), slot);
        }
    }

    /// A name that no other record, of no other replica, has.
    fn name(&self) -> String {
        let nth = self.next.fetch_add(1, Ordering::Relaxed);
        format!("{}-{nth}", self.replica)
    }

    fn pages(&self) -> MutexGuard<'_, HashMap<OrgId, Page>> {
        self.orgs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lent {
    /// Tells what was really spent.
    pub fn settle(mut self, cost: Money) {
        self.charge(cost);
    }

    fn charge(&mut self, cost: Money) {
        if std::mem::replace(&mut self.settled, true) {
            return;
        }
        let back = self.bound.saturating_sub(cost);
        if back == Money::ZERO {
            return;
        }
        let mut pages = self.books.pages();
        let Some(page) = pages.get_mut(&self.caller.org.id) else {
            return;
        };
        let apart = &mut page.apart;
        if apart.dark == self.dark && !apart.is_closing {
            apart.used = apart.used.saturating_sub(back);
            return;
        }
        // The light is back, and the whole of it was told as spent.
        let ask = json!({"op": "refund", "id": self.id, "spent": spent(back, &self.windows)});
        drop(pages);
        let mut as_org = self.caller.clone();
        as_org.user = None;
        self.books.tell(&as_org, self.id.clone(), ask, || {});
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.charge(self.bound);
    }
}

impl Told {
    fn read(value: Value) -> Option<Self> {
        let Value::Array(list) = value else {
            return None;
        };
        let number = |nth: usize| match list.get(nth) {
            Some(Value::Int(number)) => Some(*number),
            _ => None,
        };
        let memory = match list.get(5)? {
            Value::BulkString(bytes) => String::from_utf8(bytes.clone()).ok()?,
            Value::SimpleString(text) => text.clone(),
            _ => return None,
        };
        let refused = match number(0)? {
            1 => None,
            _ => Some(Refused {
                of_the_user: number(1)? == 1,
                limit: limit_of(number(2)?),
                opens_in: u64::try_from(number(3)?).ok().map(Duration::from_micros),
            }),
        };
        let money = |nth| Some(Money::micros(u64::try_from(number(nth)?).ok()?));
        let spending = |nth: usize| {
            Some(Spending {
                ends: number(nth)?,
                spent: money(nth + 1)?,
                held: money(nth + 2)?,
            })
        };
        let account = |nth: usize| {
            Some(Account {
                requests: number(nth)?,
                tokens: number(nth + 1)?,
                slots: number(nth + 2)?,
                bulk: number(nth + 3)?,
                day: spending(nth + 4)?,
                month: spending(nth + 7)?,
            })
        };
        let count = list.len().checked_sub(BEFORE)? / FIELDS;
        let accounts: Option<Vec<_>> = (0..count)
            .map(|nth| account(BEFORE + nth * FIELDS))
            .collect();
        Some(Self {
            refused,
            memory,
            apart: money(6)?,
            accounts: accounts.filter(|accounts| !accounts.is_empty())?,
            slices: match list.last() {
                Some(Value::BulkString(text)) => serde_json::from_slice(text).ok(),
                _ => None,
            },
        })
    }

    fn verdict<T>(&self, let_in: T) -> Verdict<T> {
        match self.refused {
            None => Verdict::LetIn(let_in),
            Some(Refused {
                limit: None,
                opens_in,
                ..
            }) => Verdict::Forgetful {
                opens_in: opens_in.unwrap_or_default(),
            },
            Some(Refused {
                limit: Some(limit),
                of_the_user,
                opens_in,
            }) => Verdict::Refused {
                limit,
                of_the_user,
                opens_in,
            },
        }
    }
}

/// The limit that the script tells by this number; `None` for its memory, which is none.
pub(crate) fn limit_of(number: i64) -> Option<LimitName> {
    match number {
        0 => Some(LimitName::RequestsPerMinute),
        1 => Some(LimitName::TokensPerMinute),
        2 => Some(LimitName::CallsInFlight),
        3 => Some(LimitName::BudgetPerDay),
        4 => Some(LimitName::BudgetPerMonth),
        _ => None,
    }
}

/// Limits as the script reads them; none is left out.
fn limits(limits: &Limits) -> Map<String, Json> {
    let rate = |limit: Option<std::num::NonZeroU32>| limit.map(|size| u64::from(size.get()));
    let money = |budget: Option<Money>| budget.map(Money::as_micros);
    [
        ("requests", rate(limits.requests_per_minute)),
        ("tokens", rate(limits.tokens_per_minute)),
        ("slots", rate(limits.calls_in_flight)),
        ("day", money(limits.budget_per_day)),
        ("month", money(limits.budget_per_month)),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), json!(value?))))
    .collect()
}

/// What this replica knows of an account, for a store that may not.
fn known(account: &Account) -> Json {
    json!({
        "requests": account.requests,
        "tokens": account.tokens,
        "day_end": account.day.ends,
        "day_spent": account.day.spent.as_micros(),
        "month_end": account.month.ends,
        "month_spent": account.month.spent.as_micros(),
    })
}

/// An amount and the windows that it belongs to.
fn spent(cost: Money, windows: &Apart) -> Json {
    json!({"cost": cost.as_micros(), "day": windows.day, "month": windows.month})
}

fn settlement(hold: &str, used: u64, cost: Money) -> Json {
    json!({"op": "settle", "id": hold, "used": used, "cost": cost.as_micros()})
}

fn leaving(slot: &str) -> Json {
    json!({"op": "leave", "id": slot})
}

fn has_budget(limits: &Limits) -> bool {
    limits.budget_per_day.is_some() || limits.budget_per_month.is_some()
}

/// A user in a key: enough to tell it from others, not enough to name it.
fn name_of(user: &UserId) -> String {
    use std::fmt::Write as _;
    let digest = Sha256::digest(user.0.as_bytes());
    digest[..16].iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
