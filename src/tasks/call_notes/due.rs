//! Whether a due date is one that a call can have led to.

use jiff::ToSpan;
use jiff::civil::Date;

/// What is wrong with `text` as a due date agreed on in a call of `call_date`; `None` where nothing is.
///
/// A day before the call may be right, since notes also tell what was due; a year before it is a slip.
pub(in crate::tasks) fn fault(text: &str, call_date: Date) -> Option<&'static str> {
    let Some(day) = day(text) else {
        return Some("must be null or a day that exists, written as YYYY-MM-DD");
    };
    let earliest = call_date.saturating_sub(1.year());
    let latest = call_date.saturating_add(2.years());
    let is_near = (earliest..=latest).contains(&day);
    (!is_near).then_some("lies too far from the day of the call")
}

/// The day that `text` names in full and in no other form than `YYYY-MM-DD`, which is how Apex reads one.
pub(in crate::tasks) fn day(text: &str) -> Option<Date> {
    let day: Date = text.parse().ok()?;
    (day.to_string() == text).then_some(day)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_day_around_the_call_can_be_due() {
        for text in [
            "2026-11-12",
            "2026-11-17",
            "2025-11-12",
            "2028-11-12",
            "2028-02-29",
        ] {
            assert_eq!(fault(text, date(2026, 11, 12)), None, "{text}");
        }
    }

    #[test]
    fn a_day_far_from_the_call_is_a_slip() {
        for text in ["2025-11-11", "2028-11-13", "0001-01-01", "9999-12-31"] {
            assert_eq!(
                fault(text, date(2026, 11, 12)),
                Some("lies too far from the day of the call"),
                "{text}"
            );
        }
        assert_eq!(fault("9999-12-31", Date::MAX), None);
        assert!(fault("2026-11-12", Date::MIN).is_some());
    }

    #[test]
    fn what_is_no_day_in_the_one_form_is_told_so() {
        for text in [
            "",
            "next Tuesday",
            "2026-02-30",
            "2026-13-01",
            "17.11.2026",
            "20261117",
            "2026-11-17 ",
            "2026-11-17T00:00:00",
            "2026-1-7",
            "+002026-11-17",
            "２０２６-11-17",
        ] {
            assert_eq!(
                fault(text, date(2026, 11, 12)),
                Some("must be null or a day that exists, written as YYYY-MM-DD"),
                "{text}"
            );
        }
    }
}
