//! What calls used, by day, task, model and user, and how budgets stand: what a restart must not forget.
//!
//! One process keeps it in a [file](Settings::file), several in the store that they share, whose books have the budgets as
//! well. Where there is neither, it is in memory and ends with the process.
//!
//! # Why
//! * A call that reached a provider waits until what it used is written, so whoever has an answer finds it counted,
//!   whatever ends the process. Calls that come at once are written at once, added up, so this costs a call little.
//! * Before a call goes out, as much of its budgets is written down as gone as is, or up to a thousandth more, so that most
//!   calls wait for nothing. What a process that was killed had reserved counts as spent, and that thousandth with it; one
//!   that ends in order leaves the truth.
//! * A disk or a store that stands still keeps nobody from an answer for longer than a moment; what was used lies in
//!   memory until it can be written, and a metric tells.

mod basket;
mod common;
mod disk;
mod report;
mod row;
mod standing;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use basket::Written;
use basket::{Basket, Batch};
use common::Common;
use disk::Disk;
pub use disk::NoJournal;
pub use report::{By, Days, Group, Report};
pub use row::{Key, Sums};
pub use standing::{Purse, Standing};
use tokio_util::sync::CancellationToken;

use crate::domain::{Clock, OrgId};
use crate::shared::{Down, Link};
use crate::telemetry::Metrics;

/// Where the journal is, and for how long. In the file: `[usage]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The SQLite database. Default: none, and what is in memory ends with the process.
    pub file: Option<PathBuf>,
    /// How many days are kept. Default: 400.
    pub keep_days: u32,
}

/// What was used, and what of it waits to be written.
pub struct Journal {
    place: Place,
    basket: Basket,
    closing: CancellationToken,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
}

/// Where it is written.
enum Place {
    Memory(Arc<Disk>),
    File(Arc<Disk>),
    Common(Common),
}

/// Why what was used cannot be looked up now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotRead {
    /// The store of the replicas is away.
    #[error(transparent)]
    Dark(#[from] Down),
    /// The database does not tell; the log says why.
    #[error("what was used cannot be looked up")]
    Broken,
}

/// How long after a failure it is written again.
const AGAIN: Duration = Duration::from_secs(1);

impl Default for Settings {
    fn default() -> Self {
        Self {
            file: None,
            keep_days: 400,
        }
    }
}

impl Journal {
    /// The journal of this process alone, where `settings` say.
    ///
    /// # Errors
    /// Where their file cannot hold one.
    pub fn open(
        settings: &Settings,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, NoJournal> {
        let place = match &settings.file {
            Some(path) => Place::File(Arc::new(Disk::in_file(path, settings.keep_days)?)),
            None => Place::Memory(Arc::new(Disk::in_memory(settings.keep_days)?)),
        };
        Ok(Self::at(place, clock, metrics))
    }

    /// The journal of several replicas, behind `link`; this one is called `replica`.
    pub fn shared(
        settings: &Settings,
        link: Arc<Link>,
        replica: String,
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let place = Place::Common(Common::new(link, replica, settings.keep_days));
        Self::at(place, clock, metrics)
    }

    fn at(place: Place, clock: Arc<dyn Clock>, metrics: Arc<Metrics>) -> Self {
        Self {
            place,
            basket: Basket::default(),
            closing: CancellationToken::new(),
            clock,
            metrics,
        }
    }

    /// How budgets stood when the last process on this file ended, those of them that still run.
    ///
    /// # Errors
    /// Where the file does not tell.
    pub fn standings(&self) -> Result<Vec<Standing>, NoJournal> {
        match &self.place {
            Place::File(disk) => disk.standings(self.clock.timestamp()),
            Place::Memory(_) | Place::Common(_) => Ok(Vec::new()),
        }
    }

    /// Counts what a call used, and waits until that is written; not where it would be lost with the process all the same.
    pub async fn count(&self, key: Key, sums: Sums) {
        match &self.place {
            Place::Memory(_) => self.basket.add(key, sums),
            Place::File(_) | Place::Common(_) => {
                self.basket.add_in_haste(key, sums).wait().await;
            }
        }
    }

    /// Counts what nobody has to wait for.
    pub fn count_later(&self, key: Key, sums: Sums) {
        self.basket.add(key, sums);
    }

    /// Whether it keeps budgets: the file does.
    pub fn keeps_budgets(&self) -> bool {
        matches!(self.place, Place::File(_))
    }

    /// Notes how budgets stand; `is_awaited` where nothing may go out before that is written.
    ///
    /// Of one budget, what is noted last has to be what is so last: notes are made under the lock that guards it.
    pub fn stand(&self, standings: &[Standing], is_awaited: bool) -> Written {
        self.basket.stand(standings, is_awaited)
    }

    /// What `org` used on `days`, in groups told apart `by`, at most `room` of them.
    ///
    /// # Errors
    /// Where it cannot be looked up.
    pub async fn read(
        &self,
        org: OrgId,
        days: Days,
        by: By,
        room: usize,
    ) -> Result<Report, NotRead> {
        self.basket.flush().wait().await;
        match &self.place {
            Place::Memory(disk) | Place::File(disk) => {
                on_disk(disk, move |disk| disk.read(org, days, by, room)).await
            }
            Place::Common(common) => Ok(common.read(org, days, by, room).await?),
        }
    }

    /// Every org that has used anything.
    ///
    /// # Errors
    /// Where it cannot be looked up.
    pub async fn orgs(&self) -> Result<Vec<OrgId>, NotRead> {
        self.basket.flush().wait().await;
        match &self.place {
            Place::Memory(disk) | Place::File(disk) => on_disk(disk, Disk::orgs).await,
            Place::Common(common) => Ok(common.orgs().await?),
        }
    }

    /// Writes what comes, until it is closed.
    pub async fn keep(self: Arc<Self>) {
        let mut is_behind = false;
        loop {
            let mut batch = tokio::select! {
                batch = self.basket.next() => batch,
                () = self.closing.cancelled() => break,
            };
            if batch.is_empty() && !is_behind {
                batch.tell(true);
                continue;
            }
            let written = self.write(&mut batch).await;
            let was_behind = std::mem::replace(&mut is_behind, written.is_err());
            self.basket.could_write(!is_behind);
            batch.tell(!is_behind);
            if let Err(why) = written {
                self.metrics.usage_write_failures.inc();
                if !was_behind {
                    tracing::error!(
                        why,
                        "what was used cannot be written down; it is kept in memory and tried again"
                    );
                }
                self.basket.put_back(batch);
                tokio::select! {
                    () = tokio::time::sleep(AGAIN) => {}
                    () = self.closing.cancelled() => break,
                }
            }
        }
    }

    async fn write(&self, batch: &mut Batch) -> Result<(), String> {
        match &self.place {
            Place::Memory(disk) | Place::File(disk) => {
                let (disk, now) = (Arc::clone(disk), self.clock.timestamp());
                let taken = std::mem::take(batch);
                let writing = tokio::task::spawn_blocking(move || {
                    let written = disk.write(&taken, now);
                    (taken, written.map_err(|error| error.to_string()))
                });
                // It neither panics nor is stopped; a batch that is lost with it is told of like any other.
                let (back, written) = writing.await.map_err(|error| error.to_string())?;
                *batch = back;
                written
            }
            Place::Common(common) => common.write(batch).await.map_err(|down| down.to_string()),
        }
    }

    /// Writes what is left, and lets go of the file as soon as nobody reads it any more.
    pub async fn close(&self) {
        self.basket.flush().wait().await;
        self.closing.cancel();
    }
}

/// Reads from `disk` without keeping a worker from other calls.
async fn on_disk<T: Send + 'static>(
    disk: &Arc<Disk>,
    read: impl FnOnce(&Disk) -> rusqlite::Result<T> + Send + 'static,
) -> Result<T, NotRead> {
    let disk = Arc::clone(disk);
    let reading = tokio::task::spawn_blocking(move || read(&disk));
    match reading.await {
        Ok(Ok(read)) => Ok(read),
        Ok(Err(error)) => {
            tracing::error!(%error, "what was used cannot be looked up");
            Err(NotRead::Broken)
        }
        Err(_) => Err(NotRead::Broken),
    }
}
