//! The dates of the input, and whether an answer's are among them.
//!
//! # Why
//! A briefing says `18 December` where the record says `2026-12-18`, and `12/11` where nobody knows which is the month.
//! So a date is what its parts say: every reading counts, and a part that is not written matches anything. An instant
//! also counts a day earlier and later, since the reader's clock may stand in another zone than the org's.

use std::collections::HashSet;
use std::ops::Range;

use jiff::civil::Date;

use super::calendar::{Partial, find, is_meant_as_date, lone_months};
use super::page::Page;
use super::relative::{self, Mention};

/// The dates of the input.
pub(super) struct Days {
    today: Date,
    whole: HashSet<Date>,
    /// Month and day, of the whole dates too.
    of_year: HashSet<(i8, i8)>,
    months: HashSet<(i16, i8)>,
    /// Named without a year: "budget is gone until April".
    month_names: HashSet<i8>,
    years: HashSet<i16>,
    /// Days by the number of the text they stand in.
    stated: Vec<(usize, Date)>,
    mentions: Vec<(usize, Mention)>,
    /// What the words of time may mean.
    meant: HashSet<Date>,
    meant_of_year: HashSet<(i8, i8)>,
}

impl Days {
    pub(super) fn new(today: Date) -> Self {
        let mut days = Self {
            today,
            whole: HashSet::new(),
            of_year: HashSet::new(),
            months: HashSet::new(),
            month_names: HashSet::new(),
            years: HashSet::new(),
            stated: Vec::new(),
            mentions: Vec::new(),
            meant: HashSet::new(),
            meant_of_year: HashSet::new(),
        };
        days.learn(today);
        days
    }

    /// Reads the text that is number `place` of the input, and takes its dates from the page.
    pub(super) fn read(&mut self, place: usize, page: &mut Page<'_>) {
        let found = find(page.text());
        for dated in &found {
            for reading in &dated.readings {
                match *reading {
                    Partial::Day(day) => {
                        self.learn(day);
                        self.stated.push((place, day));
                        if dated.instant {
                            day.yesterday()
                                .into_iter()
                                .chain(day.tomorrow())
                                .for_each(|near| self.learn(near));
                        }
                    }
                    Partial::DayOfYear { month, day } => {
                        self.of_year.insert((month, day));
                        self.stated
                            .extend(self.nearest(month, day).map(|day| (place, day)));
                    }
                    Partial::Month { year, month } => {
                        self.months.insert((year, month));
                        self.years.insert(year);
                    }
                }
            }
        }
        page.take(
            found
                .into_iter()
                .filter(|dated| !dated.unsure)
                .map(|dated| dated.range),
        );
        self.month_names.extend(lone_months(page.text()));
        self.mentions.extend(
            relative::mentions(page.text())
                .into_iter()
                .map(|mention| (place, mention)),
        );
    }

    /// Ends the reading: works out what "next Tuesday" may have meant beside the days that stand around it.
    pub(super) fn seal(&mut self) {
        self.meant = relative::days_meant(&self.mentions, &self.stated, self.today);
        self.meant_of_year = self
            .meant
            .iter()
            .map(|day| (day.month(), day.day()))
            .collect();
    }

    /// Takes the dates from `page` and gives those that the input does not have. `is_number` knows the input's numbers.
    pub(super) fn unknown(
        &self,
        page: &mut Page<'_>,
        is_number: impl Fn(f64) -> bool,
    ) -> Vec<Range<usize>> {
        let (taken, unknown): (Vec<_>, Vec<_>) = {
            let text = page.text();
            let found: Vec<_> = find(text)
                .into_iter()
                .filter(|dated| !dated.unsure || is_meant_as_date(text, &dated.range))
                .collect();
            let unknown = found
                .iter()
                .filter(|dated| !dated.readings.iter().any(|reading| self.have(*reading)))
                .filter(|dated| {
                    // `release 14.2.` at the end of a sentence
                    let digits = text[dated.range.clone()].trim_end_matches('.');
                    !(dated.unsure && digits.parse().is_ok_and(&is_number))
                })
                .map(|dated| dated.range.clone())
                .collect();
            (
                found.into_iter().map(|dated| dated.range).collect(),
                unknown,
            )
        };
        page.take(taken);
        unknown
    }

    fn learn(&mut self, day: Date) {
        self.whole.insert(day);
        self.of_year.insert((day.month(), day.day()));
        self.months.insert((day.year(), day.month()));
        self.years.insert(day.year());
    }

    fn have(&self, date: Partial) -> bool {
        match date {
            Partial::Day(day) => {
                self.whole.contains(&day)
                    || self.meant.contains(&day)
                    // The day stands in the input without this year: right if no day of the input has another one.
                    || (self.of_year.contains(&(day.month(), day.day()))
                        && !self.has_day_of_year_with_year(day)
                        && self.is_plausible(day.year()))
            }
            Partial::DayOfYear { month, day } => {
                self.of_year.contains(&(month, day)) || self.meant_of_year.contains(&(month, day))
            }
            Partial::Month { year, month } => {
                self.months.contains(&(year, month))
                    || (self.is_plausible(year)
                        && (self.month_names.contains(&month)
                            || self.of_year.iter().any(|(known, _)| *known == month)
                                && !self.months.iter().any(|(_, known)| *known == month)))
            }
        }
    }

    fn has_day_of_year_with_year(&self, day: Date) -> bool {
        self.years.iter().any(|year| {
            Date::new(*year, day.month(), day.day()).is_ok_and(|other| self.whole.contains(&other))
        })
    }

    fn is_plausible(&self, year: i16) -> bool {
        year.abs_diff(self.today.year()) <= 1 || self.years.contains(&year)
    }

    /// The day of this or a neighbouring year that lies closest to today.
    fn nearest(&self, month: i8, day: i8) -> Option<Date> {
        let year = self.today.year();
        [year - 1, year, year + 1]
            .into_iter()
            .filter_map(|year| Date::new(year, month, day).ok())
            .min_by_key(|date| {
                self.today
                    .until(*date)
                    .map_or(i32::MAX, |span| span.get_days().abs())
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown(input: &[&str], answer: &str) -> Vec<String> {
        let mut days = Days::new(Date::constant(2026, 11, 22));
        for (place, text) in input.iter().enumerate() {
            days.read(place, &mut Page::of(text));
        }
        days.seal();
        let mut page = Page::of(answer);
        let unknown = days.unknown(&mut page, |number| (number - 14.2).abs() < 1e-9);
        unknown
            .iter()
            .map(|range| page.written(range).to_owned())
            .collect()
    }

    #[test]
    fn a_day_is_known_in_every_spelling() {
        for answer in [
            "2026-12-18",
            "18 December 2026",
            "December 18, 2026",
            "Dec 18",
            "18th of December",
            "18. Dezember",
            "18.12.2026",
            "am 18.12.",
            "am 18.12.26",
            "12/18/2026",
            "18/12/2026",
            "18-12-2026",
            "le 18 décembre",
            "2026年12月18日",
            "１２月１８日",
            "by 12/18",
            "12/18(金)",
            "18-Dec-2026",
            "December 2026",
            "décembre 2026",
            "2026年12月",
            "2026/12/18",
            "令和8年12月18日",
            "le 18 déc. 2026",
            "Friday, December 18th",
            "Freitag, den 18.12.2026",
        ] {
            assert_eq!(unknown(&["2026-12-18"], answer), [""; 0], "{answer}");
        }
    }

    #[test]
    fn another_day_is_named_as_it_is_written() {
        for answer in [
            "2026-12-19",
            "19 December 2026",
            "December 19, 2026",
            "Dec 19",
            "19. Dezember",
            "19.12.2026",
            "12/19/2026",
            "19/12/2026",
            "18 décembre 2027",
            "2026年12月19日",
            "12月19日",
            "December 2027",
            "January 2027",
            "2027年1月",
            "1er mars",
        ] {
            assert_eq!(unknown(&["2026-12-18"], answer), [answer], "{answer}");
        }
        assert_eq!(
            unknown(&["2026-12-18"], "bis 19.12. oder by 12/19"),
            ["19.12.", "12/19"]
        );
    }

    #[test]
    fn an_instant_counts_in_neighbouring_time_zones() {
        assert_eq!(
            unknown(
                &["2026-11-14T23:40:12.000+0000"],
                "14 Nov, 15 Nov 00:40, 16 Nov"
            ),
            ["16 Nov"]
        );
    }

    #[test]
    fn a_day_without_a_year_is_one_of_these_years() {
        assert_eq!(
            unknown(&["signs on 15 Dec"], "December 15, 2026; 15.12.2031"),
            ["15.12.2031"]
        );
        assert_eq!(
            unknown(&["gone until April"], "April 2027, May 2027"),
            ["May 2027"]
        );
        assert_eq!(unknown(&["2025-03-04"], "March 4, 2026"), ["March 4, 2026"]);
    }

    #[test]
    fn today_is_known() {
        assert_eq!(
            unknown(&[], "22 November 2026, November 2026, 21 November"),
            ["21 November"]
        );
    }

    #[test]
    fn what_only_looks_like_a_date_is_passed_over() {
        for answer in [
            "release 14.2. It is out",
            "open 24/7, 1/2 done, 3/4",
            "option 3 may fail",
            "in September 12% below",
            "In March 3 deals closed",
            "12 décès",
            "Q4 2026, FY27, 2025-2028, 14.2.10",
            "by Thursday or next Tuesday",
            "31 February",
        ] {
            assert_eq!(unknown(&[], answer), [""; 0], "{answer}");
        }
    }

    #[test]
    fn a_weekday_of_the_input_may_be_given_as_its_day() {
        let input = [
            "2026-11-14T16:40:12.000+0000",
            "Our auditors arrive on Thursday.",
        ];
        assert_eq!(
            unknown(
                &input,
                "auditors on 19 November, or 26.11.2026, or 18 November"
            ),
            ["18 November"]
        );
        assert_eq!(
            unknown(
                &["2026-11-04", "promised within two weeks"],
                "by 18 November, by 17 November"
            ),
            ["17 November"]
        );
    }

    #[test]
    fn a_week_and_the_day_after_tomorrow_may_be_given_as_their_days() {
        for input in [
            "by the end of the week",
            "EOW",
            "bis Ende der Woche",
            "nächste Woche",
            "d'ici la fin de la semaine",
            "la semaine prochaine",
            "来週中",
        ] {
            let said = "by 15 November, by 20 November, by 27 November, by 2 December";
            assert_eq!(
                unknown(&[input], said),
                ["15 November", "2 December"],
                "{input}"
            );
        }
        for input in ["day after tomorrow", "übermorgen", "après-demain", "明後日"] {
            let said = "24 November, 26 November";
            assert_eq!(unknown(&[input], said), ["26 November"], "{input}");
        }
        assert_eq!(unknown(&["every week"], "27 November"), ["27 November"]);
    }
}
