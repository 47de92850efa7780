//! Money, in whole micro-dollars.

use std::fmt;
use std::ops::{Add, AddAssign};

use super::usage::Usage;

/// An amount in millionths of a US dollar. Whole numbers, so that a thousand settlements lose nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(u64);

/// What a model costs, in micro-dollars per million tokens; a search in micro-dollars each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// Input that is neither written to nor read from the prompt cache.
    pub input: u64,
    /// Output, thinking included.
    pub output: u64,
    /// Input written to the prompt cache for five minutes.
    pub cache_write_5m: u64,
    /// Input written to the prompt cache for an hour.
    pub cache_write_1h: u64,
    /// Input read from the prompt cache.
    pub cache_read: u64,
    /// One search of the web.
    pub web_search: u64,
    /// What a token costs in a batch, in millionths of its price; searches cost the same there.
    pub batch_share: u32,
}

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// So many millionths of a dollar.
    pub const fn micros(micros: u64) -> Self {
        Self(micros)
    }

    /// The amount in millionths of a dollar.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Dollars as a config writes them, rounded to the micro-dollar; `None` below zero or past nine billion.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is checked first"
    )]
    pub fn from_usd(usd: f64) -> Option<Self> {
        (usd.is_finite() && (0.0..=9e9).contains(&usd)).then(|| Self((usd * 1e6).round() as u64))
    }

    /// Dollars, for people and JSON.
    #[expect(
        clippy::cast_precision_loss,
        reason = "exact up to nine billion dollars"
    )]
    pub fn as_usd(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// What is left after `other`; zero where `other` is more.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Add for Money {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl fmt::Display for Money {
    /// `$50.00`; sub-cent amounts keep their digits: `$0.0042`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dollars, micros) = (self.0 / 1_000_000, self.0 % 1_000_000);
        if micros % 10_000 == 0 {
            write!(f, "${dollars}.{:02}", micros / 10_000)
        } else {
            let digits = format!("{micros:06}");
            write!(f, "${dollars}.{}", digits.trim_end_matches('0'))
        }
    }
}

impl Price {
    /// What `usage` costs, rounded up to the micro-dollar.
    pub fn of(&self, usage: &Usage) -> Money {
        let parts = [
            (usage.input_tokens, self.input),
            (usage.output_tokens, self.output),
            (usage.cache_write_5m_tokens, self.cache_write_5m),
            (usage.cache_write_1h_tokens, self.cache_write_1h),
            (usage.cache_read_tokens, self.cache_read),
        ];
        let sum: u128 = parts
            .iter()
            .map(|&(tokens, price)| u128::from(tokens) * u128::from(price))
            .sum();
        let tokens = Money(u64::try_from(sum.div_ceil(1_000_000)).unwrap_or(u64::MAX));
        tokens + Money(usage.web_searches.saturating_mul(self.web_search))
    }

    /// The price with so many percent on top.
    #[must_use]
    pub fn with_surcharge(&self, percent: u32) -> Self {
        self.scaled(1_000_000_u32.saturating_add(percent.saturating_mul(10_000)))
    }

    /// The most that a call of at most so many tokens and searches can cost, whatever the prompt cache does with its input.
    pub fn at_most(&self, input_tokens: u64, output_tokens: u64, web_searches: u64) -> Money {
        let dearest = self
            .input
            .max(self.cache_write_5m)
            .max(self.cache_write_1h)
            .max(self.cache_read);
        Price {
            input: dearest,
            ..*self
        }
        .of(&Usage {
            input_tokens,
            output_tokens,
            web_searches,
            ..Usage::default()
        })
    }

    /// The same model's price in a batch, each part rounded up, so that what a budget reserves stays a bound.
    #[must_use]
    pub fn batched(&self) -> Self {
        self.scaled(self.batch_share)
    }

    /// The price with its tokens at so many millionths of theirs, each part rounded up.
    #[must_use]
    pub fn scaled(&self, millionths: u32) -> Self {
        let part = |price: u64| {
            let part = (u128::from(price) * u128::from(millionths)).div_ceil(1_000_000);
            u64::try_from(part).unwrap_or(u64::MAX)
        };
        Self {
            input: part(self.input),
            output: part(self.output),
            cache_write_5m: part(self.cache_write_5m),
            cache_write_1h: part(self.cache_write_1h),
            cache_read: part(self.cache_read),
            ..*self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two dollars in, ten out.
    const SONNET: Price = Price {
        input: 2_000_000,
        output: 10_000_000,
        cache_write_5m: 2_500_000,
        cache_write_1h: 4_000_000,
        cache_read: 200_000,
        web_search: 10_000,
        batch_share: 500_000,
    };

    #[test]
    fn a_bill_adds_every_kind_of_token_and_rounds_up_once() {
        let usage = Usage {
            input_tokens: 812,
            output_tokens: 431,
            cache_write_5m_tokens: 1_000,
            cache_write_1h_tokens: 0,
            cache_read_tokens: 3,
            web_searches: 0,
        };
        // 1624 + 4310 + 2500 + 0.6
        assert_eq!(SONNET.of(&usage), Money::micros(8_435));
    }

    #[test]
    fn a_search_is_billed_each_beside_the_tokens() {
        let usage = Usage {
            input_tokens: 1_000,
            web_searches: 3,
            ..Usage::default()
        };
        assert_eq!(SONNET.of(&usage), Money::micros(2_000 + 30_000));
    }

    #[test]
    fn the_bound_takes_the_dearest_price_of_input() {
        assert_eq!(
            SONNET.at_most(1_000, 100, 2),
            Money::micros(4_000 + 1_000 + 20_000)
        );
    }

    #[test]
    fn a_batch_costs_its_share_of_every_token_and_the_whole_search() {
        let batched = Price {
            cache_read: 200_001,
            ..SONNET
        }
        .batched();
        assert_eq!(batched.input, 1_000_000);
        assert_eq!(batched.output, 5_000_000);
        assert_eq!(batched.cache_write_1h, 2_000_000);
        assert_eq!(batched.cache_read, 100_001);
        assert_eq!(batched.web_search, 10_000);
    }

    #[test]
    fn money_reads_like_a_price() {
        let text = |micros| Money::micros(micros).to_string();
        assert_eq!(text(50_000_000), "$50.00");
        assert_eq!(text(4_200), "$0.0042");
        assert_eq!(text(1_500_000), "$1.50");
    }
}
