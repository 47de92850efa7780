//! Dates as they are written: every spelling that the check reads, and what it may mean.
//!
//! # Why
//! The patterns run from the surest to the most doubtful, and what one has read is closed to the next: so `18.12.2026` is never
//! `12.20` as well. A spelling that is no date (`31 February`, `release 14.2.10`, "option 3 may fail") is left for others to read.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::LazyLock;

use jiff::civil::Date;
use regex::{Captures, Regex};

use super::page::compiled;
use super::units::begins_with_letter;

/// A date as far as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Partial {
    Day(Date),
    DayOfYear { month: i8, day: i8 },
    Month { year: i16, month: i8 },
}

/// A date in a text.
#[derive(Debug)]
pub(super) struct Dated {
    pub(super) range: Range<usize>,
    pub(super) readings: Vec<Partial>,
    /// Whether a time of day stands beside it.
    pub(super) instant: bool,
    /// `18.12.`, `12/18`: a version or a fraction as well, so its digits stay readable as a number.
    pub(super) unsure: bool,
}

const MONTHS: &str = "January|February|March|April|June|July|August|September|October|November|December|Januar|Jänner|Februar|März|Mai|Juni|Juli|Oktober|Dezember|\
    janvier|février|fevrier|mars|avril|juin|juillet|août|aout|septembre|octobre|novembre|décembre|decembre|janv|févr|fév|avr|juil|déc|\
    Jan|Feb|Mär|Mrz|Mar|Apr|May|Jun|Jul|Aug|Sept|Sep|Oct|Okt|Nov|Dec|Dez";

static ISO: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r"(?-u:\b)(?P<y>(?:19|20)\d\d)(?:-(?P<m>\d{1,2})-|/(?P<m2>\d{1,2})/|\.(?P<m3>\d{1,2})\.)(?P<d>\d{1,2})(?:(?P<t>[T ]\d{1,2}:\d\d[0-9:.]*(?:Z|[+-]\d\d:?\d\d)?)|(?-u:\b))",
    )
});
static IDEOGRAPHIC: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r"(?:(?P<y>\d{4})年 ?|令和(?P<r>\d{1,2})年 ?)?(?P<m>\d{1,2})月(?: ?(?P<d>\d{1,2})日)?(?P<t> ?(?:\([^)]{1,4}\))? ?\d{1,2}(?::\d\d|時))?",
    )
});
static DAY_MONTH: LazyLock<Regex> = LazyLock::new(|| {
    compiled(&format!(
        r"(?-u:\b)(?P<d>\d{{1,2}})(?:st|nd|rd|th|er|\.)?[ -]?(?:of |de )?(?P<mon>(?i:{MONTHS}))(?-u:\b)\.?(?:(?:, ?|-| (?:de )?)(?P<y>(?:19|20)\d\d)(?-u:\b))?(?P<t>,? (?:at |um |à )?\d{{1,2}}[:h]\d\d)?"
    ))
});
static MONTH_DAY: LazyLock<Regex> = LazyLock::new(|| {
    compiled(&format!(
        r"(?-u:\b)(?P<mon>(?i:{MONTHS}))(?-u:\b)\.?[ -](?P<d>\d{{1,2}})(?:st|nd|rd|th)?(?-u:\b)(?:,? ?(?P<y>(?:19|20)\d\d)(?-u:\b))?(?P<t>,? (?:at )?\d{{1,2}}:\d\d)?"
    ))
});
static MONTH_YEAR: LazyLock<Regex> = LazyLock::new(|| {
    compiled(&format!(
        r"(?-u:\b)(?P<mon>(?i:{MONTHS}))(?-u:\b)\.?,? (?:de |of )?(?P<y>(?:19|20)\d\d)(?-u:\b)"
    ))
});
static LONE_MONTH: LazyLock<Regex> =
    LazyLock::new(|| compiled(&format!(r"(?-u:\b)(?P<mon>(?i:{MONTHS}))(?-u:\b)")));
static DOTTED: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r"(?-u:\b)(?P<d>\d{1,2})\. ?(?P<m>\d{1,2})\.(?: ?(?P<y>(?:19|20)\d\d)(?-u:\b)|(?P<yy>\d\d)(?-u:\b))?",
    )
});
static SLASHED: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r"(?-u:\b)(?P<a>\d{1,2})(?:/(?P<b>\d{1,2})(?:/(?P<y>(?:20)?\d\d))?|-(?P<b2>\d{1,2})-(?P<y2>20\d\d))(?-u:\b)",
    )
});

/// What a pattern's parts mean in their text; none where they are no date.
type Read = fn(&str, &Captures<'_>) -> Option<Vec<Partial>>;

/// The dates of `text` in order, each place read once.
pub(super) fn find(text: &str) -> Vec<Dated> {
    if !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return Vec::new();
    }
    let mut found: Vec<Dated> = Vec::new();
    // The earlier the pattern, the surer its reading.
    let patterns: [(&LazyLock<Regex>, Read); 7] = [
        (&ISO, |_, parts| whole(parts)),
        (&IDEOGRAPHIC, |_, parts| whole(parts)),
        (&DAY_MONTH, |_, parts| {
            if is_modal(parts) { None } else { whole(parts) }
        }),
        (&MONTH_DAY, month_first),
        (&MONTH_YEAR, |_, parts| whole(parts)),
        (&DOTTED, |_, parts| whole(parts)),
        (&SLASHED, |_, parts| either_order(parts)),
    ];
    let mut taken: Vec<Range<usize>> = Vec::new();
    for (pattern, read) in patterns {
        let mut fresh = Vec::new();
        for parts in pattern.captures_iter(text) {
            let range = within_sentence(&parts);
            let before = taken.partition_point(|other| other.end <= range.start);
            if taken
                .get(before)
                .is_some_and(|other| other.start < range.end)
            {
                continue;
            }
            // The patterns know the ends of ASCII words only, which is several times faster: `12 décès` has no month.
            let cut = parts
                .name("mon")
                .is_some_and(|month| begins_with_letter(&text[month.end()..]));
            if let Some(readings) = read(text, &parts).filter(|_| !cut) {
                let has_year = ["y", "yy", "y2", "r"]
                    .iter()
                    .any(|name| parts.name(name).is_some());
                fresh.push(Dated {
                    range,
                    readings,
                    instant: parts.name("t").is_some(),
                    unsure: !has_year
                        && parts.name("mon").is_none()
                        && parts
                            .name("d")
                            .is_none_or(|d| !text[d.end()..].starts_with('日')),
                });
            }
        }
        taken.extend(fresh.iter().map(|dated| dated.range.clone()));
        taken.sort_unstable_by_key(|range| range.start);
        found.append(&mut fresh);
    }
    found.retain(|dated| !dated.readings.is_empty());
    found.sort_unstable_by_key(|dated| dated.range.start);
    found
}
/// Where the date stands, without the full stop of a sentence that ends in a month's name.
fn within_sentence(parts: &Captures<'_>) -> Range<usize> {
    let range = parts.get_match().range();
    match parts.name("mon") {
        Some(_) if parts.get_match().as_str().ends_with('.') => range.start..range.end - 1,
        _ => range,
    }
}

/// The months that `text` names without a day or year.
pub(super) fn lone_months(text: &str) -> HashSet<i8> {
    static IDEOGRAPHIC_MONTH: LazyLock<Regex> = LazyLock::new(|| compiled(r"(?P<m>\d{1,2})月"));
    LONE_MONTH
        .captures_iter(text)
        .filter(|parts| !is_modal(parts))
        .filter_map(|parts| month_named(&parts["mon"]))
        .chain(
            IDEOGRAPHIC_MONTH
                .captures_iter(text)
                .filter_map(|parts| number(&parts, &["m"])),
        )
        .collect()
}

/// Whether the month is the English verb, or a verb as much as a month.
fn is_modal(parts: &Captures<'_>) -> bool {
    parts
        .name("mon")
        .is_some_and(|month| matches!(month.as_str(), "may" | "mar"))
        && parts.name("y").is_none()
}

fn month_named(name: &str) -> Option<i8> {
    let name = name.to_lowercase();
    let starts = [
        ("jan", 1),
        ("jän", 1),
        ("feb", 2),
        ("fév", 2),
        ("fev", 2),
        ("mar", 3),
        ("mär", 3),
        ("mrz", 3),
        ("apr", 4),
        ("avr", 4),
        ("may", 5),
        ("mai", 5),
        ("juil", 7),
        ("juin", 6),
        ("jul", 7),
        ("jun", 6),
        ("aug", 8),
        ("aoû", 8),
        ("aou", 8),
        ("sep", 9),
        ("oct", 10),
        ("okt", 10),
        ("nov", 11),
        ("dec", 12),
        ("déc", 12),
        ("dez", 12),
    ];
    starts
        .iter()
        .find(|(start, _)| name.starts_with(start))
        .map(|(_, month)| *month)
}

fn number<T: std::str::FromStr>(parts: &Captures<'_>, names: &[&str]) -> Option<T> {
    names
        .iter()
        .find_map(|name| parts.name(name))?
        .as_str()
        .parse()
        .ok()
}

fn year(parts: &Captures<'_>) -> Option<i16> {
    if let Some(reign) = number::<i16>(parts, &["r"]) {
        return Some(2018 + reign); // Reiwa 1 was 2019
    }
    number::<i16>(parts, &["y", "y2", "yy"]).map(|year| if year < 100 { 2000 + year } else { year })
}

/// The date whose parts the pattern has named; none where they make no date, empty where there is nothing to check.
fn whole(parts: &Captures<'_>) -> Option<Vec<Partial>> {
    if parts.name("yy").is_some() && (parts["d"].len() < 2 || parts["m"].len() < 2) {
        return None; // `14.2.10` is a version
    }
    let month = match parts.name("mon") {
        Some(name) => month_named(name.as_str())?,
        None => number(parts, &["m", "m2", "m3"])?,
    };
    let day = match parts.name("d") {
        Some(day) => Some(day.as_str().parse().ok()?),
        None => None,
    };
    match (year(parts), day) {
        (Some(year), Some(day)) => Some(vec![Partial::Day(Date::new(year, month, day).ok()?)]),
        (Some(year), None) => {
            Date::new(year, month, 1).ok()?;
            Some(vec![Partial::Month { year, month }])
        }
        (None, Some(day)) => {
            Date::new(2024, month, day).ok()?; // a leap year
            Some(vec![Partial::DayOfYear { month, day }])
        }
        (None, None) => Some(Vec::new()),
    }
}

/// `December 18`, but not what stands in "in September 12% less" or "in March 3 deals".
fn month_first(text: &str, parts: &Captures<'_>) -> Option<Vec<Partial>> {
    let range = parts.get_match().range();
    let before = text[..range.start].trim_end_matches(' ');
    let behind = text[range.end..].trim_start_matches(' ');
    let is_count = parts.name("y").is_none()
        && [" in", " im", " en", "In", "Im", "En"]
            .iter()
            .any(|word| before.ends_with(word));
    let goes_on = behind.starts_with('%')
        || behind
            .strip_prefix(['.', ','])
            .is_some_and(|rest| rest.starts_with(|next: char| next.is_ascii_digit()));
    if is_modal(parts) || is_count || goes_on {
        return None;
    }
    whole(parts)
}

/// `12/11/2026` in America and elsewhere.
fn either_order(parts: &Captures<'_>) -> Option<Vec<Partial>> {
    let (a, b): (i8, i8) = (number(parts, &["a"])?, number(parts, &["b", "b2"])?);
    if (a, b) == (24, 7) {
        return None;
    }
    let readings: Vec<_> = [(a, b), (b, a)]
        .into_iter()
        .filter_map(|(day, month)| match year(parts) {
            Some(year) => Date::new(year, month, day).ok().map(Partial::Day),
            None => Date::new(2024, month, day)
                .ok()
                .map(|_| Partial::DayOfYear { month, day }),
        })
        .collect();
    (!readings.is_empty()).then_some(readings)
}

/// Whether the words around `18.12.` or `12/18` say that it is a day.
pub(super) fn is_meant_as_date(text: &str, range: &Range<usize>) -> bool {
    const BEFORE: [&str; 30] = [
        "on", "by", "until", "since", "from", "before", "after", "due", "am", "bis", "vom", "zum",
        "ab", "seit", "dem", "den", "der", "vor", "nach", "fällig", "le", "au", "du", "avant",
        "dès", "(", "montag", "dienstag", "mittwoch", "freitag",
    ];
    const BEHIND: [&str; 12] = [
        "(月", "(火", "(水", "(木", "(金", "(土", "(日", "まで", "に", "の", "時点", "付",
    ];
    let before = text[..range.start].trim_end_matches([' ', ',']);
    let word = before
        .char_indices()
        .rev()
        .take_while(|(_, letter)| letter.is_alphabetic())
        .last()
        .map_or(before.len(), |(at, _)| at);
    let word = before[word..].to_lowercase();
    BEFORE.contains(&word.as_str())
        || BEHIND
            .iter()
            .any(|sign| text[range.end..].starts_with(sign))
}
