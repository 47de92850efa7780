//! The days that words such as "next Tuesday" or "within two weeks" may mean.
//!
//! # Why
//! A note says "by Wednesday evening" and a good answer works out the day. Which day a word counts from is not
//! written: it is the day of writing, so each day up to today that stands in the same text or close by is taken,
//! and today where there is none. What this lets through is less than what it would be wrong to doubt.

use std::collections::HashSet;
use std::sync::LazyLock;

use jiff::civil::{Date, Weekday};
use jiff::{Span, ToSpan};
use regex::Regex;

use super::page::compiled;

/// A word of time in a text.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mention {
    Weekday(Weekday),
    /// Tomorrow or yesterday.
    NextDay,
    Span(Span),
    /// Some day of this or the next week.
    Week,
    EndOfMonth,
}

/// How many texts away a day may stand from the word that counts from it: a comment's date is a field beside its body.
const REACH: usize = 4;
/// A note with more days or words of time than this is a calendar, and nothing counts from it.
const MAX_STATED_NEARBY: usize = 24;
const MAX_DAYS: usize = 20_000;

static WEEKDAYS: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r"(?-u:\b)(?:(?i:(?P<mon>monday|montag|lundi)|(?P<tue>tuesday|dienstag|mardi)|(?P<wed>wednesday|mittwoch|mercredi)|(?P<thu>thursday|donnerstag|jeudi)|(?P<fri>friday|freitag|vendredi)|(?P<sat>saturday|samstag|sonnabend|samedi)|(?P<sun>sunday|sonntag|dimanche))|(?P<mon2>Mon)|(?P<tue2>Tues?)|(?P<wed2>Wed)|(?P<thu2>Thu(?:rs?)?)|(?P<fri2>Fri)|(?P<sat2>Sat)|(?P<sun2>Sun))s?(?-u:\b)",
    )
});
static IDEOGRAPHIC_WEEKDAYS: LazyLock<Regex> =
    LazyLock::new(|| compiled(r"(?P<day>[月火水木金土日])曜"));
static NEXT_DAY: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r"(?i)(?-u:\b)(?:tomorrow|yesterday|morgen|gestern|demain|hier|lendemain)(?-u:\b)|明日|昨日|翌日",
    )
});
static SPAN: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r"(?i)(?-u:\b)(?P<n>\d{1,3}|one|a|two|three|four|five|six|seven|eight|nine|ten|fourteen|eine[mnr]?|zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|vierzehn|une?|deux|trois|quatre|cinq|huit|dix|quinze)[ -](?:business |working |calendar |weiteren? )?(?:(?P<d>days?|tage?n?|jours?)|(?P<w>weeks?|wochen?|semaines?)|(?P<m>months?|monate?n?|mois))(?-u:\b)|(?P<n2>\d{1,3}) ?(?:(?P<d2>日)|(?P<w2>週間)|(?P<m2>[かヶカヵ]月))(?:以内|後|間|前)?",
    )
});
static DAY_AFTER_NEXT: LazyLock<Regex> = LazyLock::new(|| {
    compiled(r"(?i)(?-u:\b)(?:day after tomorrow|après-demain)(?-u:\b)|\bübermorgen(?-u:\b)|明後日")
});
static WEEK: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r"(?i)(?-u:\b)(?:(?:this|next|following|coming|end of(?: the)?) week|eow|(?:diese|nächste|kommende|folgende)[rn]? woche|ende der woche|cette semaine|semaine prochaine|fin de (?:la )?semaine)(?-u:\b)|[今来]週|週末",
    )
});
static END_OF_MONTH: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r"(?i)(?-u:\b)end of|(?-u:\b)(?:month|quarter|year|monats|quartals|jahres)[ -]?ende?(?-u:\b)|(?-u:\b)ende (?:des|der|[jfmasond])|(?-u:\b)fin (?:de|du|d')|(?-u:\b)eo[mqy](?-u:\b)|月末|四半期末|年末|期末",
    )
});

/// The words of time in `text`.
pub(super) fn mentions(text: &str) -> Vec<Mention> {
    let mut mentions: Vec<_> = WEEKDAYS
        .captures_iter(text)
        .filter_map(|parts| {
            let names = [
                ("mon", "mon2"),
                ("tue", "tue2"),
                ("wed", "wed2"),
                ("thu", "thu2"),
                ("fri", "fri2"),
                ("sat", "sat2"),
                ("sun", "sun2"),
            ];
            names
                .into_iter()
                .zip(1..)
                .find(|((full, short), _)| parts.name(full).or(parts.name(short)).is_some())
        })
        .chain(
            IDEOGRAPHIC_WEEKDAYS
                .captures_iter(text)
                .filter_map(|parts| {
                    let names = ["月", "火", "水", "木", "金", "土", "日"].map(|name| (name, name));
                    names
                        .into_iter()
                        .zip(1..)
                        .find(|((name, _), _)| *name == &parts["day"])
                }),
        )
        .filter_map(|(_, day)| Weekday::from_monday_one_offset(day).ok())
        .map(Mention::Weekday)
        .collect();
    if NEXT_DAY.is_match(text) {
        mentions.push(Mention::NextDay);
    }
    if DAY_AFTER_NEXT.is_match(text) {
        mentions.push(Mention::Span(2.days()));
    }
    if WEEK.is_match(text) {
        mentions.push(Mention::Week);
    }
    if END_OF_MONTH.is_match(text) {
        mentions.push(Mention::EndOfMonth);
    }
    mentions.extend(SPAN.captures_iter(text).filter_map(|parts| {
        let n = counted(parts.name("n").or(parts.name("n2"))?.as_str())?;
        let has = |name: &str, other: &str| parts.name(name).or(parts.name(other)).is_some();
        Some(Mention::Span(if has("d", "d2") {
            n.days()
        } else if has("w", "w2") {
            n.weeks()
        } else {
            n.months()
        }))
    }));
    mentions
}

fn counted(word: &str) -> Option<i64> {
    let word = word.to_lowercase();
    let words: [(&[&str], i64); 12] = [
        (
            &["one", "a", "un", "une", "eine", "einem", "einen", "einer"],
            1,
        ),
        (&["two", "zwei", "deux"], 2),
        (&["three", "drei", "trois"], 3),
        (&["four", "vier", "quatre"], 4),
        (&["five", "fünf", "cinq"], 5),
        (&["six", "sechs"], 6),
        (&["seven", "sieben"], 7),
        (&["eight", "acht", "huit"], 8),
        (&["nine", "neun"], 9),
        (&["ten", "zehn", "dix"], 10),
        (&["fourteen", "vierzehn"], 14),
        (&["quinze"], 15),
    ];
    word.parse().ok().or_else(|| {
        words
            .iter()
            .find(|(names, _)| names.contains(&word.as_str()))
            .map(|(_, n)| *n)
    })
}

/// The days that `mentions` may mean, each counted from the `stated` days near it, or from `today`.
///
/// Both lists name the text that each stands in and ascend by it.
pub(super) fn days_meant(
    mentions: &[(usize, Mention)],
    stated: &[(usize, Date)],
    today: Date,
) -> HashSet<Date> {
    let mut days = HashSet::new();
    for (place, mention) in mentions {
        if days.len() > MAX_DAYS {
            break;
        }
        let first = stated.partition_point(|(other, _)| *other < place.saturating_sub(REACH));
        let mut nearby = stated[first..]
            .iter()
            .take_while(|(other, _)| *other <= place + REACH)
            .map(|(_, day)| *day)
            .filter(|day| *day <= today)
            .take(MAX_STATED_NEARBY)
            .peekable();
        let alone = nearby.peek().is_none().then_some(today);
        for from in nearby.chain(alone) {
            meant(*mention, from, &mut days);
        }
    }
    days
}

fn meant(mention: Mention, from: Date, days: &mut HashSet<Date>) {
    match mention {
        Mention::Weekday(weekday) => {
            // Some mean the week after by "next", and a late note may speak of it without.
            days.extend(
                [-1, 1, 2]
                    .iter()
                    .filter_map(|nth| from.nth_weekday(*nth, weekday).ok()),
            );
            if from.weekday() == weekday {
                days.insert(from);
            }
        }
        Mention::NextDay => days.extend(from.tomorrow().into_iter().chain(from.yesterday())),
        Mention::Span(span) => {
            days.extend(
                from.checked_add(span)
                    .into_iter()
                    .chain(from.checked_sub(span)),
            );
        }
        Mention::Week => {
            let monday =
                from.saturating_sub(i64::from(from.weekday().to_monday_zero_offset()).days());
            days.extend((0..14).filter_map(|n: i64| monday.checked_add(n.days()).ok()));
        }
        Mention::EndOfMonth => {
            let months =
                (0..12).filter_map(|n: i64| from.first_of_month().checked_add(n.months()).ok());
            days.extend(months.map(Date::last_of_month));
        }
    }
}
