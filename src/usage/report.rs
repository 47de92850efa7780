//! What is told of the journal: lines of a range of days, brought together as asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;

use super::row::{Key, Sums};

/// Which days, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    /// The first.
    pub first: Date,
    /// The last.
    pub last: Date,
}

/// What lines are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is asked for by its own name"
)]
pub struct By {
    /// The day.
    pub day: bool,
    /// The task.
    pub task: bool,
    /// The model.
    pub model: bool,
    /// The user.
    pub user: bool,
}

/// What lines of the journal have in common; a member that they are not told apart by is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    /// The day.
    pub day: Option<Date>,
    /// The task.
    pub task: Option<Box<str>>,
    /// The model.
    pub model: Option<Arc<str>>,
    /// The user.
    pub user: Option<Arc<str>>,
}

/// What an org used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// All of it.
    pub totals: Sums,
    /// The first groups by day, task, model and user.
    pub groups: BTreeMap<Group, Sums>,
    /// Whether there are more.
    pub is_cut: bool,
}

/// Brings lines together, of which it keeps so many groups.
pub(super) struct Gathering {
    by: By,
    room: usize,
    report: Report,
}

impl Days {
    /// How many there are.
    pub fn count(self) -> u32 {
        let days = self.last.duration_since(self.first).as_hours() / 24 + 1;
        u32::try_from(days).unwrap_or_default()
    }

    /// Each of them.
    pub(super) fn each(self) -> impl Iterator<Item = Date> {
        let days = self.first.series(jiff::Span::new().days(1));
        days.take_while(move |day| *day <= self.last)
    }
}

impl By {
    /// Everything.
    pub const ALL: Self = Self {
        day: true,
        task: true,
        model: true,
        user: true,
    };
}

impl Gathering {
    /// Nothing yet; groups by `by`, at most `room` of them.
    pub fn new(by: By, room: usize) -> Self {
        Self {
            by,
            room,
            report: Report::default(),
        }
    }

    /// Takes a line in.
    pub fn add(&mut self, key: Key, sums: Sums) {
        let Self { by, room, report } = self;
        let group = Group {
            day: by.day.then_some(key.day),
            task: by.task.then(|| key.task.into()),
            model: key.model.filter(|_| by.model),
            user: key.user.filter(|_| by.user),
        };
        report.totals += sums;
        *report.groups.entry(group).or_default() += sums;
        // The last falls out: with so many before it, it will never be among the first, so no group comes back halved.
        if report.groups.len() > *room {
            report.groups.pop_last();
            report.is_cut = true;
        }
    }

    /// What came together.
    pub fn report(self) -> Report {
        self.report
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::OrgId;

    fn date(text: &str) -> Date {
        text.parse().expect("a date")
    }

    #[test]
    fn days_are_counted_with_both_ends() {
        let days = Days {
            first: date("2026-02-27"),
            last: date("2026-03-01"),
        };
        assert_eq!(days.count(), 3);
        assert_eq!(days.each().count(), 3);
    }

    proptest! {
        /// Whatever the order, the groups that are told are the first ones, whole.
        #[test]
        fn what_is_told_of_many_groups_is_the_first_of_them_whole(
            lines in prop::collection::vec((0_u8..3, 0_u8..4, 1_u64..5), 1..80),
            room in 1_usize..8,
        ) {
            let org = OrgId::new("00D5f000000XyZaEAK".parse().expect("an id")).expect("an org");
            let key = |day: u8, user: u8| Key {
                org,
                day: date(&format!("2026-11-0{}", day + 1)),
                task: "briefing".into(),
                model: None,
                user: Some(format!("user-{user}").into()),
            };
            let gathered = |room| {
                let mut gathering = Gathering::new(By::ALL, room);
                for (day, user, calls) in &lines {
                    gathering.add(key(*day, *user), Sums { calls: *calls, ..Sums::default() });
                }
                gathering.report()
            };
            let (all, cut) = (gathered(usize::MAX), gathered(room));
            prop_assert_eq!(all.totals, cut.totals);
            prop_assert_eq!(cut.is_cut, all.groups.len() > room);
            let first: BTreeMap<_, _> = all.groups.into_iter().take(room).collect();
            prop_assert_eq!(first, cut.groups);
        }
    }
}
