//! Tells what was used, day by day.

use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::Error;
use crate::domain::{Caller, Clock, OrgId, OrgName};
use crate::engine::limits::Limits;
use crate::identity::Directory;
use crate::shared::Down;
use crate::usage::{By, Days, Journal, NotRead, Report};

/// Tells an org, or whoever runs the gateway, what was used.
#[derive(Clone)]
pub struct ReadUsage {
    journal: Arc<Journal>,
    limits: Arc<Limits>,
    directory: Arc<Directory>,
    clock: Arc<dyn Clock>,
}

/// What is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// The first day. Default: the first of the last day's month.
    pub first: Option<Date>,
    /// The last day. Default: today, where the org is.
    pub last: Option<Date>,
    /// What is told apart.
    pub by: By,
}

/// Why it is not told.
#[derive(Debug, Clone, thiserror::Error)]
pub enum NotTold {
    /// The days are none that can be asked about. The sentence says what would be right.
    #[error("{0}")]
    Days(String),
    /// Whatever else keeps a caller from it.
    #[error(transparent)]
    Other(#[from] Error),
}

/// What one org used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    /// Whose.
    pub org: OrgId,
    /// Its name in the config; none where it is not there any more.
    pub name: Option<OrgName>,
    /// Where its days begin.
    pub timezone: TimeZone,
    /// On which days.
    pub days: Days,
    /// What.
    pub report: Report,
}

/// Groups that one answer has: with the longest of names they stay below what Apex takes.
const GROUPS: usize = 5_000;
/// Groups that whoever runs the gateway is told, of all orgs.
const GROUPS_OF_ALL: usize = 50_000;
/// The most days that one answer is about.
const DAYS: u32 = 366;

impl ReadUsage {
    /// Reads `journal`.
    pub fn new(
        journal: Arc<Journal>,
        limits: Arc<Limits>,
        directory: Arc<Directory>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            journal,
            limits,
            directory,
            clock,
        }
    }

    /// Counts as a call, and tells what the caller's org used.
    ///
    /// # Errors
    /// Where the org's calls a minute are used up, the days make no sense, or it cannot be looked up now.
    pub async fn run(&self, caller: &Caller, asked: Asked) -> Result<Used, NotTold> {
        let limited = self.limits.admit_request(caller).await;
        limited.map_err(Error::from)?;
        let org = &caller.org;
        let name = Some(org.name.clone());
        self.of(org.id, name, &org.timezone, asked, GROUPS).await
    }

    /// Tells what every org used, the ones that are not in the config any more included.
    ///
    /// # Errors
    /// Where the days make no sense, or it cannot be looked up now.
    pub async fn of_all(&self, asked: Asked, only: Option<OrgId>) -> Result<Vec<Used>, NotTold> {
        let known = self.directory.orgs();
        let mut ids: Vec<OrgId> = if let Some(org) = only {
            vec![org]
        } else {
            let used = self.journal.orgs().await.map_err(Error::from)?;
            known.iter().map(|org| org.id).chain(used).collect()
        };
        ids.sort_unstable();
        ids.dedup();
        let (mut all, mut room) = (Vec::new(), GROUPS_OF_ALL);
        for id in ids {
            let org = known.iter().find(|org| org.id == id);
            let (name, timezone) = match org {
                Some(org) => (Some(org.name.clone()), org.timezone.clone()),
                None => (None, TimeZone::UTC),
            };
            let used = self
                .of(id, name, &timezone, asked, room.min(GROUPS))
                .await?;
            room -= used.report.groups.len();
            all.push(used);
        }
        Ok(all)
    }

    async fn of(
        &self,
        org: OrgId,
        name: Option<OrgName>,
        timezone: &TimeZone,
        asked: Asked,
        room: usize,
    ) -> Result<Used, NotTold> {
        let today = self.clock.timestamp().to_zoned(timezone.clone()).date();
        let days = days(asked, today).map_err(NotTold::Days)?;
        let read = self.journal.read(org, days, asked.by, room).await;
        Ok(Used {
            org,
            name,
            timezone: timezone.clone(),
            days,
            report: read.map_err(Error::from)?,
        })
    }
}

/// The days that are asked about on the day `today`.
fn days(asked: Asked, today: Date) -> Result<Days, String> {
    let last = asked.last.unwrap_or(today);
    let first = asked.first.unwrap_or(last.first_of_month());
    if first > last {
        return Err(format!(
            "from is {first}, which is after to, {last}: the first day comes first"
        ));
    }
    let days = Days { first, last };
    if days.count() > DAYS {
        return Err(format!(
            "from {first} to {last} are {} days, and one answer is about {DAYS} at most: ask for less at a time",
            days.count()
        ));
    }
    Ok(days)
}

impl From<NotRead> for Error {
    fn from(why: NotRead) -> Self {
        match why {
            NotRead::Dark(Down) => Self::dark(),
            NotRead::Broken => Self::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        text.parse().expect("a date")
    }

    fn asked(first: Option<&str>, last: Option<&str>) -> Result<Days, String> {
        let asked = Asked {
            first: first.map(date),
            last: last.map(date),
            by: By::ALL,
        };
        days(asked, date("2026-11-27"))
    }

    #[test]
    fn days_that_are_not_named_are_those_of_the_month_so_far() {
        let told = |first, last| {
            Ok(Days {
                first: date(first),
                last: date(last),
            })
        };
        assert_eq!(asked(None, None), told("2026-11-01", "2026-11-27"));
        assert_eq!(
            asked(None, Some("2026-10-31")),
            told("2026-10-01", "2026-10-31")
        );
        assert_eq!(
            asked(Some("2026-01-01"), None),
            told("2026-01-01", "2026-11-27")
        );
    }

    #[test]
    fn days_that_run_back_and_too_many_of_them_are_told_apart() {
        let back = asked(Some("2026-11-28"), None).expect_err("no days");
        assert!(back.contains("after to"), "{back}");
        assert!(asked(Some("2024-12-01"), Some("2025-12-01")).is_ok());
        let many = asked(Some("2024-12-01"), Some("2025-12-02")).expect_err("too many");
        assert!(many.contains("are 367 days"), "{many}");
    }
}
