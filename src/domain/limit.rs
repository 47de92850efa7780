//! The names of limits, and when a budget's day or month ends.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Unit, ZonedRound};

/// The name of a limit, as the config, `/whoami` and the metrics have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LimitName {
    /// Calls a minute.
    RequestsPerMinute,
    /// Tokens a minute.
    TokensPerMinute,
    /// Calls under way at once.
    CallsInFlight,
    /// Money a day.
    BudgetPerDay,
    /// Money a month.
    BudgetPerMonth,
}

impl LimitName {
    /// The name as the config, `/whoami` and the metrics have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RequestsPerMinute => "requests_per_minute",
            Self::TokensPerMinute => "tokens_per_minute",
            Self::CallsInFlight => "calls_in_flight",
            Self::BudgetPerDay => "budget_usd_per_day",
            Self::BudgetPerMonth => "budget_usd_per_month",
        }
    }
}

impl std::fmt::Display for LimitName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// When the budget of a day or month ends that runs at `now`: the next midnight, or the midnight before the next month's first, in `timezone`.
pub fn end_of(now: Timestamp, timezone: &TimeZone, unit: Unit) -> Timestamp {
    let local = now.to_zoned(timezone.clone());
    let end = match unit {
        Unit::Month => local
            .first_of_month()
            .and_then(|first| first.checked_add(1.month()))
            .and_then(|next| next.start_of_day()),
        _ => local.checked_add(1.day()).and_then(|next| {
            next.round(
                ZonedRound::new()
                    .smallest(Unit::Day)
                    .mode(jiff::RoundMode::Trunc),
            )
        }),
    };
    // Only the calendar's last day has no tomorrow.
    end.map_or(Timestamp::MAX, |end| end.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ts(text: &str) -> Timestamp {
        text.parse().expect("a timestamp")
    }

    #[test]
    fn a_budget_day_ends_at_midnight_where_the_org_is() {
        let now = ts("2026-11-22T22:30:00Z");
        let utc = end_of(now, &TimeZone::UTC, Unit::Day);
        assert_eq!(utc, ts("2026-11-23T00:00:00Z"));
        let plus_two = TimeZone::fixed(jiff::tz::offset(2));
        let there = end_of(now, &plus_two, Unit::Day);
        assert_eq!(there, ts("2026-11-23T22:00:00Z"));
    }

    #[test]
    fn a_budget_month_ends_where_the_next_begins() {
        let end = end_of(ts("2026-12-31T23:59:59Z"), &TimeZone::UTC, Unit::Month);
        assert_eq!(end, ts("2027-01-01T00:00:00Z"));
    }
}
