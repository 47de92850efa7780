//! What a briefing by template looks at.

use jiff::civil::Date;

use super::entries::{Entry, activities};
use super::fields::{Field, Fields};
use super::people::{Person, people};
use crate::salesforce::Source;

/// An Opportunity with what belongs to it, sorted.
pub(super) struct Deal<'s> {
    pub(super) source: &'s Source,
    pub(super) fields: Fields<'s>,
    /// The newest first, planned ones among them.
    pub(super) activities: Vec<Entry<'s>>,
    pub(super) people: Vec<Person>,
    pub(super) today: Date,
}

impl<'s> Deal<'s> {
    pub(super) fn of(source: &'s Source, today: Date) -> Self {
        Self {
            source,
            fields: Fields::of(source),
            activities: activities(source),
            people: people(source),
            today,
        }
    }

    /// What has happened, the newest first.
    pub(super) fn done(&self) -> impl Iterator<Item = &Entry<'s>> {
        self.activities
            .iter()
            .filter(|entry| entry.is_done(self.today))
    }

    /// Whether the stage says nothing of an end.
    pub(super) fn is_open(&self) -> bool {
        let stage = self.fields.line("StageName").unwrap_or_default();
        !stage.to_lowercase().starts_with("closed")
    }

    /// The first field that names a competitor.
    pub(super) fn competitor_field(&self) -> Option<Field> {
        self.fields.named_like(&["competitor"]).into_iter().next()
    }
}
