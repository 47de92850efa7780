//! The journal of several replicas, in the store that they share.
//!
//! # Why
//! Whether a store that did not answer has written is not known, so every batch has a number, and a batch goes out again
//! unchanged until it is known to be there: what is told twice counts once.

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::civil::Date;
use redis::{Script, Value};
use serde_json::json;

use super::basket::Batch;
use super::report::{By, Days, Gathering, Report};
use super::row::{Key, Sums};
use crate::domain::{OrgId, SalesforceId};
use crate::shared::{Down, Link};

/// The way to the store, and what it has not taken note of yet.
pub(super) struct Common {
    link: Arc<Link>,
    script: Script,
    /// This replica's name, made up anew at each start.
    replica: String,
    keep: u32,
    orgs: Mutex<HashMap<OrgId, Told>>,
}

/// What the store was told of one org.
#[derive(Default)]
struct Told {
    /// How many batches it has taken note of.
    count: u64,
    /// The next one, where it went out and nobody knows what became of it.
    open: Option<HashMap<Key, Sums>>,
    /// Whether the org is known to be in the list of all.
    is_listed: bool,
}

/// Every org of which there is a line.
const ORGS: &str = "belay:usage:orgs";
/// Orgs that the store is told about, and days that are read, at once.
const AT_ONCE: usize = 16;

impl Common {
    /// The journal behind `link`, which keeps so many days.
    pub fn new(link: Arc<Link>, replica: String, keep: u32) -> Self {
        Self {
            link,
            script: Script::new(include_str!("common.lua")),
            replica,
            keep,
            orgs: Mutex::default(),
        }
    }

    /// Writes what it can of `batch`, and leaves in it what it could not.
    pub async fn write(&self, batch: &mut Batch) -> Result<(), Down> {
        let mut orgs: HashMap<OrgId, HashMap<Key, Sums>> = HashMap::new();
        for (key, sums) in batch.rows.drain() {
            orgs.entry(key.org).or_default().insert(key, sums);
        }
        // What went out before goes first, whether or not there is more of its org.
        for (org, told) in &*self.told() {
            if told.open.is_some() {
                orgs.entry(*org).or_default();
            }
        }
        let left: Vec<HashMap<Key, Sums>> = stream::iter(orgs)
            .map(|(org, rows)| self.tell(org, rows))
            .buffer_unordered(AT_ONCE)
            .filter_map(async |left| left)
            .collect()
            .await;
        let failed = !left.is_empty();
        batch.rows.extend(left.into_iter().flatten());
        if failed { Err(Down) } else { Ok(()) }
    }

    /// Tells the store about `org`; what it could not be told comes back.
    async fn tell(&self, org: OrgId, rows: HashMap<Key, Sums>) -> Option<HashMap<Key, Sums>> {
        if self.tell_open(org).await.is_err() {
            return Some(rows);
        }
        if rows.is_empty() {
            return None;
        }
        self.told().entry(org).or_default().open = Some(rows);
        // It is remembered here until the store has it.
        self.tell_open(org).await.err().map(|Down| HashMap::new())
    }

    /// Tells the store what it may have been told before.
    async fn tell_open(&self, org: OrgId) -> Result<(), Down> {
        let (ask, is_listed) = {
            let told = self.told();
            let Some(told) = told.get(&org) else {
                return Ok(());
            };
            let Some(open) = &told.open else {
                return Ok(());
            };
            (self.ask(told.count + 1, open), told.is_listed)
        };
        if !is_listed {
            let mut list = redis::cmd("SADD");
            list.arg(ORGS).arg(org.as_str());
            self.link.ask(&list).await?;
        }
        self.link.run(&self.script, &base(org), &ask).await?;
        let mut told = self.told();
        let told = told.entry(org).or_default();
        told.count += 1;
        told.open = None;
        told.is_listed = true;
        Ok(())
    }

    fn ask(&self, nth: u64, rows: &HashMap<Key, Sums>) -> String {
        let mut days: BTreeMap<String, BTreeMap<String, [u64; Sums::COUNT]>> = BTreeMap::new();
        for (key, sums) in rows {
            let line = json!([key.task, key.model, key.user]).to_string();
            let day = days.entry(key.day.to_string()).or_default();
            day.insert(line, sums.numbers());
        }
        let ask = json!({
            "replica": self.replica,
            "nth": nth,
            "keep": u64::from(self.keep + 1) * 86_400,
            "days": days,
        });
        ask.to_string()
    }

    /// What `org` used on these days.
    pub async fn read(&self, org: OrgId, days: Days, by: By, room: usize) -> Result<Report, Down> {
        let days: Vec<(Date, Value)> = stream::iter(days.each())
            .map(async |day| {
                let mut all = redis::cmd("HGETALL");
                all.arg(format!("{}day:{day}", base(org)));
                Ok((day, self.link.ask(&all).await?))
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        let mut gathering = Gathering::new(by, room);
        for (day, lines) in days {
            let lines: HashMap<String, String> =
                redis::from_redis_value(lines).map_err(|_| self.nonsense())?;
            for (line, numbers) in lines {
                let (key, sums) = read(org, day, &line, &numbers).ok_or_else(|| self.nonsense())?;
                gathering.add(key, sums);
            }
        }
        Ok(gathering.report())
    }

    /// Every org of which there is a line.
    pub async fn orgs(&self) -> Result<Vec<OrgId>, Down> {
        let mut members = redis::cmd("SMEMBERS");
        members.arg(ORGS);
        let told = self.link.ask(&members).await?;
        let told: Vec<String> = redis::from_redis_value(told).map_err(|_| self.nonsense())?;
        let orgs = told.iter().filter_map(|id| SalesforceId::from_str(id).ok());
        Ok(orgs.filter_map(OrgId::new).collect())
    }

    fn nonsense(&self) -> Down {
        self.link.answered_garbage();
        Down
    }

    fn told(&self) -> MutexGuard<'_, HashMap<OrgId, Told>> {
        self.orgs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The beginning of an org's keys.
fn base(org: OrgId) -> String {
    format!("belay:{{{org}}}:usage:")
}

/// A line as it lies in the store.
fn read(org: OrgId, day: Date, line: &str, numbers: &str) -> Option<(Key, Sums)> {
    let (task, model, user): (String, Option<Arc<str>>, Option<Arc<str>>) =
        serde_json::from_str(line).ok()?;
    let mut sums = [0; Sums::COUNT];
    let mut told = numbers.split(' ');
    for sum in &mut sums {
        *sum = told.next()?.parse().ok()?;
    }
    let key = Key {
        org,
        day,
        task: task.into(),
        model,
        user,
    };
    Some((key, Sums::of(sums)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::Lifecycle;
    use crate::shared::scripted::Server;

    fn batch(calls: u64) -> (Batch, HashMap<Key, Sums>) {
        let key = Key {
            org: OrgId::new("00D5f000000XyZaEAK".parse().expect("an id")).expect("an org"),
            day: day(),
            task: "briefing".into(),
            model: Some("claude-sonnet-5-5".into()),
            user: None,
        };
        let sums = Sums {
            calls,
            ..Sums::default()
        };
        let mut batch = Batch::default();
        batch.rows.insert(key, sums);
        let rows = batch.rows.clone();
        (batch, rows)
    }

    fn day() -> Date {
        "2026-11-27".parse().expect("a date")
    }

    #[tokio::test]
    async fn what_went_out_and_was_not_answered_is_told_again_and_counts_once() {
        let (server, lifecycle) = (Server::start(), Lifecycle::default());
        let common = Common::new(server.link(&lifecycle).await, "one".to_owned(), 400);
        let (mut first, rows) = batch(5);
        common.write(&mut first).await.expect("the server is there");
        let org = rows.keys().next().expect("one").org;
        // As after an answer that was lost on its way.
        let told = Told {
            count: 0,
            open: Some(rows),
            is_listed: false,
        };
        common.told().insert(org, told);
        let (mut second, _) = batch(2);
        common
            .write(&mut second)
            .await
            .expect("the server is there");

        let days = Days {
            first: day(),
            last: day(),
        };
        let report = common.read(org, days, By::ALL, 10).await;
        assert_eq!(report.expect("the server is there").totals.calls, 7);
        assert_eq!(common.orgs().await, Ok(vec![org]));
    }
}
