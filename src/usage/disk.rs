//! The journal of one process: an SQLite database, in a file or in memory.
//!
//! # Why
//! What is committed is in the system's hands before a call is answered, so it survives the process whatever ends that;
//! it is not forced onto the disk with every call, so the machine's own end may take the last moments with it, and never
//! more. One connection writes and another reads, so that a long report keeps no call waiting.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use rusqlite::types::Type;
use rusqlite::{Connection, Row, params};

use super::basket::Batch;
use super::report::{By, Days, Gathering, Report};
use super::row::{Key, Sums};
use super::standing::{Purse, Standing};
use crate::domain::{LimitName, Money, OrgId, SalesforceId, UserId};

/// The database, open.
pub(super) struct Disk {
    writer: Arc<Mutex<Connection>>,
    reader: Arc<Mutex<Connection>>,
    keep: u32,
    /// The day on which what is too old was last thrown away.
    swept: Mutex<Option<Date>>,
    /// Held as long as the file is ours.
    _lock: Option<File>,
}

/// Why a file cannot hold the journal. The sentence continues after the file's name.
#[derive(Debug, thiserror::Error)]
pub enum NoJournal {
    /// Another process writes to it.
    #[error(
        "is in use by another process; each needs a file of its own, or several share [shared]"
    )]
    InUse,
    /// It is a database of something else.
    #[error("is a database of something else")]
    Foreign,
    /// It was written by a later release.
    #[error("was written by a later release of Belay")]
    Later,
    /// It has lost its form.
    #[error("is damaged: {0}; move it away to begin anew, or put a copy in its place")]
    Damaged(String),
    /// The system does not let us.
    #[error("cannot be used: {0}")]
    Refused(#[from] io::Error),
    /// SQLite does not.
    #[error("cannot be used: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// `BLAY`, by which a file says whose it is.
const APPLICATION: i64 = 0x424C_4159;
/// The form of the tables.
const FORM: i64 = 1;
/// How long a statement waits for somebody who looks into the file by hand.
const FOR_OTHERS: Duration = Duration::from_secs(5);

const UPSERT: &str = "
    INSERT INTO usage VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
    ON CONFLICT DO UPDATE SET
      calls = calls + excluded.calls,
      from_cache = from_cache + excluded.from_cache,
      failed = failed + excluded.failed,
      attempts = attempts + excluded.attempts,
      input_tokens = input_tokens + excluded.input_tokens,
      output_tokens = output_tokens + excluded.output_tokens,
      web_searches = web_searches + excluded.web_searches,
      cost_micros = cost_micros + excluded.cost_micros";
const SELECT: &str = "
    SELECT day, task, model, user, calls, from_cache, failed, attempts, input_tokens, output_tokens, web_searches,
      cost_micros
    FROM usage WHERE org = ?1 AND day BETWEEN ?2 AND ?3";

impl Disk {
    /// Opens the database at `path`, which is made where it is not.
    ///
    /// # Errors
    /// Where that file cannot be one, or is not one of ours.
    pub fn in_file(path: &Path, keep: u32) -> Result<Self, NoJournal> {
        let lock = locked(path)?;
        // Before SQLite makes it, as a file that only its owner reads; those beside it follow it in that.
        OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path)?;
        let writer = open(path)?;
        let reader = Connection::open(path)?;
        reader.busy_timeout(FOR_OTHERS)?;
        Ok(Self {
            writer: Arc::new(Mutex::new(writer)),
            reader: Arc::new(Mutex::new(reader)),
            keep,
            swept: Mutex::default(),
            _lock: Some(lock),
        })
    }

    /// An empty one, which ends with the process.
    ///
    /// # Errors
    /// Where there is no memory for it.
    pub fn in_memory(keep: u32) -> Result<Self, NoJournal> {
        let only = Connection::open_in_memory()?;
        set_up(&only)?;
        let only = Arc::new(Mutex::new(only));
        Ok(Self {
            writer: Arc::clone(&only),
            reader: only,
            keep,
            swept: Mutex::default(),
            _lock: None,
        })
    }

    /// How every budget stands whose day or month has not ended.
    pub fn standings(&self, now: Timestamp) -> Result<Vec<Standing>, NoJournal> {
        let connection = held(&self.reader);
        let mut select = connection.prepare(
            "SELECT org, user, name, ends_ms, gone_micros FROM budget WHERE ends_ms > ?1",
        )?;
        let standings = select.query_map([now.as_millisecond()], standing)?;
        Ok(standings.collect::<Result<_, _>>()?)
    }

    /// Writes all of `batch`, or nothing; once a day, throws away what is older than it is kept.
    pub fn write(&self, batch: &Batch, now: Timestamp) -> rusqlite::Result<()> {
        let mut connection = held(&self.writer);
        let transaction = connection.transaction()?;
        {
            let mut upsert = transaction.prepare_cached(UPSERT)?;
            for (key, sums) in &batch.rows {
                let sums = sums.numbers().map(signed);
                upsert.execute(params![
                    key.org.as_str(),
                    key.day.to_string(),
                    key.task,
                    key.model.as_deref().unwrap_or_default(),
                    key.user.as_deref().unwrap_or_default(),
                    sums[0],
                    sums[1],
                    sums[2],
                    sums[3],
                    sums[4],
                    sums[5],
                    sums[6],
                    sums[7],
                ])?;
            }
            let mut replace = transaction
                .prepare_cached("INSERT OR REPLACE INTO budget VALUES (?1, ?2, ?3, ?4, ?5)")?;
            for standing in batch.standings.values() {
                let purse = &standing.purse;
                replace.execute(params![
                    purse.org.as_str(),
                    purse.user.as_ref().map_or("", |user| &*user.0),
                    purse.limit.as_str(),
                    standing.ends.as_millisecond(),
                    signed(standing.gone.as_micros()),
                ])?;
            }
        }
        let today = now.to_zoned(TimeZone::UTC).date();
        let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        if *swept != Some(today) {
            self.sweep(&transaction, now, today)?;
        }
        transaction.commit()?;
        *swept = Some(today);
        Ok(())
    }

    /// Throws away what is older than it is kept.
    fn sweep(&self, within: &Connection, now: Timestamp, today: Date) -> rusqlite::Result<()> {
        // An org may be a day behind.
        let oldest = today.saturating_sub((i64::from(self.keep) + 1).days());
        within.execute("DELETE FROM usage WHERE day < ?1", [oldest.to_string()])?;
        within.execute(
            "DELETE FROM budget WHERE ends_ms <= ?1",
            [now.as_millisecond()],
        )?;
        Ok(())
    }

    /// What `org` used on these days.
    pub fn read(&self, org: OrgId, days: Days, by: By, room: usize) -> rusqlite::Result<Report> {
        let connection = held(&self.reader);
        let mut select = connection.prepare_cached(SELECT)?;
        let between = [
            org.to_string(),
            days.first.to_string(),
            days.last.to_string(),
        ];
        let mut rows = select.query(between)?;
        let mut gathering = Gathering::new(by, room);
        while let Some(row) = rows.next()? {
            let (key, sums) = line(org, row)?;
            gathering.add(key, sums);
        }
        Ok(gathering.report())
    }

    /// Every org of which there is a line.
    pub fn orgs(&self) -> rusqlite::Result<Vec<OrgId>> {
        let connection = held(&self.reader);
        let mut select = connection.prepare_cached("SELECT DISTINCT org FROM usage")?;
        let orgs = select.query_map([], |row| org(row, 0))?;
        orgs.collect()
    }
}

/// The lock beside the file at `path`: SQLite's own is given back between two transactions.
fn locked(path: &Path) -> Result<File, NoJournal> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(PathBuf::from(beside))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(std::fs::TryLockError::WouldBlock) => Err(NoJournal::InUse),
        Err(std::fs::TryLockError::Error(error)) => Err(error.into()),
    }
}

fn open(path: &Path) -> Result<Connection, NoJournal> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(FOR_OTHERS)?;
    let number = |pragma: &str| -> rusqlite::Result<i64> {
        connection.pragma_query_value(None, pragma, |row| row.get(0))
    };
    let tables = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| {
        row.get::<_, i64>(0)
    });
    let is_new = match tables {
        Ok(count) => count == 0,
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
            return Err(NoJournal::Foreign);
        }
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseCorrupt) => {
            return Err(NoJournal::Damaged(
                "SQLite does not find its tables".to_owned(),
            ));
        }
        Err(error) => return Err(error.into()),
    };
    if !is_new && number("application_id")? != APPLICATION {
        return Err(NoJournal::Foreign);
    }
    if number("user_version")? > FORM {
        return Err(NoJournal::Later);
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    let found: String = connection.pragma_query_value(None, "quick_check", |row| row.get(0))?;
    if found != "ok" {
        return Err(NoJournal::Damaged(found));
    }
    if is_new {
        set_up(&connection)?;
    }
    Ok(connection)
}

/// Makes the tables, all of them or none.
fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    let tables = include_str!("disk.sql");
    connection.execute_batch(&format!(
        "BEGIN; {tables} PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {FORM}; COMMIT;"
    ))
}

fn held(connection: &Mutex<Connection>) -> MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

fn standing(row: &Row<'_>) -> rusqlite::Result<Standing> {
    let limit = match &*row.get::<_, String>(2)? {
        "budget_usd_per_day" => LimitName::BudgetPerDay,
        "budget_usd_per_month" => LimitName::BudgetPerMonth,
        other => return Err(nonsense(2, format!("{other} is no budget"))),
    };
    let ends = Timestamp::from_millisecond(row.get(3)?).map_err(|error| nonsense(3, error))?;
    let purse = Purse {
        org: org(row, 0)?,
        user: some(row.get(1)?).map(|user| UserId(user.into())),
        limit,
    };
    Ok(Standing {
        purse,
        ends,
        gone: Money::micros(unsigned(row.get(4)?)),
    })
}

fn line(org: OrgId, row: &Row<'_>) -> rusqlite::Result<(Key, Sums)> {
    let mut numbers = [0; Sums::COUNT];
    for (nth, number) in numbers.iter_mut().enumerate() {
        *number = unsigned(row.get(4 + nth)?);
    }
    let day = row.get::<_, String>(0)?;
    let key = Key {
        org,
        day: Date::from_str(&day).map_err(|error| nonsense(0, error))?,
        task: row.get::<_, String>(1)?.into(),
        model: some(row.get(2)?).map(Into::into),
        user: some(row.get(3)?).map(Into::into),
    };
    Ok((key, Sums::of(numbers)))
}

fn org(row: &Row<'_>, column: usize) -> rusqlite::Result<OrgId> {
    let id: String = row.get(column)?;
    let id = id.parse::<SalesforceId>().ok().and_then(OrgId::new);
    id.ok_or_else(|| nonsense(column, "no id of an org"))
}

fn nonsense(
    column: usize,
    why: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, why.into())
}

fn some(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
