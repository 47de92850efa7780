//! `RateLimit` and `RateLimit-Policy`: draft-ietf-httpapi-ratelimit-headers-11.

use std::fmt::Write as _;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;

use crate::engine::limits::{Allowance, LimitName};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What Claude calls the size of a limit, what is left of it, and when it is whole again.
const CLAUDE_REQUESTS: [HeaderName; 3] = [
    HeaderName::from_static("anthropic-ratelimit-requests-limit"),
    HeaderName::from_static("anthropic-ratelimit-requests-remaining"),
    HeaderName::from_static("anthropic-ratelimit-requests-reset"),
];
const CLAUDE_TOKENS: [HeaderName; 3] = [
    HeaderName::from_static("anthropic-ratelimit-tokens-limit"),
    HeaderName::from_static("anthropic-ratelimit-tokens-remaining"),
    HeaderName::from_static("anthropic-ratelimit-tokens-reset"),
];

/// Writes what is left of the limits, the tightest first. Money is told by `/whoami`: the draft counts only in whole
/// units.
pub fn write(allowances: &[Allowance], headers: &mut HeaderMap) {
    let mut counted: Vec<(&Allowance, &str)> = allowances
        .iter()
        .filter_map(|allowance| Some((allowance, policy(allowance.name)?)))
        .collect();
    counted.sort_by(|(a, _), (b, _)| share(a).total_cmp(&share(b)));
    let (mut limits, mut policies) = (String::new(), String::new());
    for (allowance, policy) in counted {
        if !limits.is_empty() {
            limits.push_str(", ");
            policies.push_str(", ");
        }
        let name = name(allowance);
        // Writing to a string cannot fail.
        let _ = write!(limits, r#""{name}";r={}"#, whole(allowance.remaining));
        if let Some(reset) = allowance.resets_in.filter(|reset| !reset.is_zero()) {
            let _ = write!(limits, ";t={}", whole_seconds(reset));
        }
        let _ = write!(
            policies,
            r#""{name}";q={}{policy}"#,
            whole(allowance.maximum)
        );
    }
    for (header, text) in [(RATE_LIMIT, limits), (RATE_LIMIT_POLICY, policies)] {
        if let (false, Ok(value)) = (text.is_empty(), HeaderValue::from_str(&text)) {
            headers.insert(header, value);
        }
    }
}

/// Writes the minute's calls and tokens as Claude's clients read them; of two that hold at once the tighter.
pub fn write_as_claude(allowances: &[Allowance], now: Timestamp, headers: &mut HeaderMap) {
    for (limit, names) in [
        (LimitName::RequestsPerMinute, CLAUDE_REQUESTS),
        (LimitName::TokensPerMinute, CLAUDE_TOKENS),
    ] {
        let of_the_limit = allowances.iter().filter(|one| one.name == limit);
        let Some(tightest) = of_the_limit.min_by(|a, b| share(a).total_cmp(&share(b))) else {
            continue;
        };
        let reset = now + tightest.resets_in.unwrap_or_default();
        let texts = [
            whole(tightest.maximum).to_string(),
            whole(tightest.remaining).to_string(),
            format!("{reset:.0}"),
        ];
        for (name, text) in names.into_iter().zip(texts) {
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(name, value);
            }
        }
    }
}

/// The name of an allowance, the user's own told apart.
pub fn name(allowance: &Allowance) -> String {
    if allowance.of_the_user {
        format!("user_{}", allowance.name)
    } else {
        allowance.name.to_string()
    }
}

/// The window and unit of a limit that is counted in whole units.
fn policy(limit: LimitName) -> Option<&'static str> {
    match limit {
        LimitName::RequestsPerMinute => Some(";w=60"),
        LimitName::TokensPerMinute => Some(r#";qu="tokens";w=60"#),
        LimitName::CallsInFlight => Some(r#";qu="concurrent-requests""#),
        LimitName::BudgetPerDay | LimitName::BudgetPerMonth => None,
    }
}

fn share(allowance: &Allowance) -> f64 {
    allowance.remaining / allowance.maximum.max(1.0)
}

/// What is whole of `number`. A float takes some thousands of instructions to write, and an answer bears eight of them.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "limits are never negative, and a cast stops at the largest number"
)]
fn whole(number: f64) -> u64 {
    number as u64
}

fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tightest_limit_comes_first() {
        let allowance = |name, maximum, remaining| Allowance {
            name,
            of_the_user: false,
            maximum,
            remaining,
            resets_in: Some(Duration::from_millis(1_200)),
        };
        let mut headers = HeaderMap::new();
        let all = [
            allowance(LimitName::RequestsPerMinute, 600.0, 588.0),
            allowance(LimitName::CallsInFlight, 20.0, 3.0),
            allowance(LimitName::BudgetPerDay, 50.0, 0.1),
        ];
        write(&all, &mut headers);
        assert_eq!(
            headers[RATE_LIMIT],
            r#""calls_in_flight";r=3;t=2, "requests_per_minute";r=588;t=2"#
        );
        assert_eq!(
            headers[RATE_LIMIT_POLICY],
            r#""calls_in_flight";q=20;qu="concurrent-requests", "requests_per_minute";q=600;w=60"#
        );
    }

    #[test]
    fn claudes_clients_read_the_tighter_of_two_limits() {
        let allowance = |of_the_user, remaining| Allowance {
            name: LimitName::RequestsPerMinute,
            of_the_user,
            maximum: 60.0,
            remaining,
            resets_in: Some(Duration::from_secs(2)),
        };
        let mut headers = HeaderMap::new();
        let now = "2026-11-26T10:00:00Z".parse().expect("a time");
        let all = [allowance(false, 50.0), allowance(true, 7.5)];
        write_as_claude(&all, now, &mut headers);
        assert_eq!(headers["anthropic-ratelimit-requests-limit"], "60");
        assert_eq!(headers["anthropic-ratelimit-requests-remaining"], "7");
        assert_eq!(
            headers["anthropic-ratelimit-requests-reset"],
            "2026-11-26T10:00:02Z"
        );
        assert!(!headers.contains_key("anthropic-ratelimit-tokens-limit"));
    }
}
