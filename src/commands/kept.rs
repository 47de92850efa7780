//! What vaults keep for a config, asked for before the config is read and again every so often.

use std::path::Path;
use std::time::Duration;

use crate::config::{self, Process, Wanted, WithVaults};
use crate::vaults::{Reference, Trouble, Values, Vaults, renewed};

/// What vaults keep for a config.
pub struct Kept {
    wanted: Wanted,
    vaults: Option<Vaults>,
    values: Values,
}

impl Kept {
    /// What they keep for the config at `path`, now. What cannot be had is told when the config is read.
    pub async fn of(path: &Path) -> Self {
        let mut kept = Self {
            wanted: Wanted::default(),
            vaults: None,
            values: Values::new(),
        };
        kept.look_again(path).await;
        kept
    }

    /// The surroundings that a config is read in.
    pub fn around(&self) -> WithVaults<'_> {
        WithVaults {
            around: &Process,
            values: &self.values,
        }
    }

    /// After which time they should be asked again; `None` where nothing of theirs is wanted.
    pub fn refresh(&self) -> Option<Duration> {
        let vaults = self.wanted.vaults.as_ref()?;
        (!self.wanted.references.is_empty()).then_some(vaults.refresh)
    }

    /// Asks again, for what the config wants now. Tells whether a value has changed; one that cannot be had again stays.
    pub async fn look_again(&mut self, path: &Path) -> bool {
        let Some(wanted) = config::wanted(path, &Process) else {
            // A slip in the file is told by whoever reads it; what was fetched is good still when it is mended.
            return false;
        };
        let same = self.vaults.as_ref().map(Vaults::settings) == wanted.vaults.as_ref();
        if !same || self.vaults.is_none() {
            let vaults = wanted.vaults.clone().map(Vaults::new).transpose();
            self.vaults = vaults.unwrap_or_else(|trouble| {
                tracing::warn!("{trouble}");
                None
            });
        }
        self.wanted = wanted;
        let Some(vaults) = &self.vaults else {
            self.values.clear();
            return false;
        };
        let renewal = renewed(&self.values, vaults.fetch(&self.wanted.references).await);
        self.values = renewal.values;
        for (reference, trouble) in &renewal.lost {
            told(reference, trouble);
        }
        renewal.has_changed
    }
}

fn told(reference: &Reference, trouble: &Trouble) {
    tracing::warn!(%reference, "{trouble}; the last value stays in force");
}
