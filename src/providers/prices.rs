//! What known models cost: list prices in US dollars per million tokens, as of 22 November 2026.
//!
//! A price in the config goes before this table. A model that neither knows has no price: an org without a budget may
//! use it, an org with one may not, since its cost cannot be bounded.

use crate::domain::Price;

/// The day the table was written.
pub const AS_OF: &str = "2026-11-22";

/// Input and output prices by model; the cache's follow from the input's: 1.25 × for five minutes, 2 × for an hour,
/// 0.1 × to read.
///
/// Haiku 5.5 is billed in tiers that begin at 0.10 / 0.50. The table holds a ceiling for it, so that a budget holds
/// whichever tier applies; an exact price belongs into the config.
const TABLE: &[(&str, f64, f64)] = &[
    ("claude-fable-5-1", 10.0, 50.0),
    ("claude-opus-5-5", 4.0, 20.0),
    ("claude-opus-5", 5.0, 25.0),
    ("claude-opus-4-8", 5.0, 25.0),
    ("claude-opus-4-7", 5.0, 25.0),
    ("claude-opus-4-6", 5.0, 25.0),
    ("claude-opus-4-5", 5.0, 25.0),
    ("claude-sonnet-5-5", 2.0, 10.0),
    ("claude-haiku-5-5", 1.0, 5.0),
    ("claude-haiku-4-5", 1.0, 5.0),
];

/// What one search of the web costs with every model, in micro-dollars: $10 for a thousand.
pub const WEB_SEARCH: u64 = 10_000;

/// The list price of `model`, if the table has it; an id with a date behind it counts as the model itself.
pub fn of(model: &str) -> Option<Price> {
    let (_, input, output) = TABLE.iter().find(|(name, ..)| {
        model.strip_prefix(name).is_some_and(|rest| {
            rest.is_empty()
                || rest
                    .strip_prefix('-')
                    .is_some_and(|date| date.len() == 8 && date.bytes().all(|b| b.is_ascii_digit()))
        })
    })?;
    from_usd(*input, *output)
}

/// A price from dollars per million tokens, the cache's prices following from the input's; a search at its list price.
pub fn from_usd(input: f64, output: f64) -> Option<Price> {
    let micros =
        |usd: f64| crate::domain::Money::from_usd(usd).map(crate::domain::Money::as_micros);
    Some(Price {
        input: micros(input)?,
        output: micros(output)?,
        cache_write_5m: micros(input * 1.25)?,
        cache_write_1h: micros(input * 2.0)?,
        cache_read: micros(input * 0.1)?,
        web_search: WEB_SEARCH,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dated_id_costs_what_its_model_costs() {
        assert_eq!(of("claude-haiku-4-5-20251001"), of("claude-haiku-4-5"));
        assert_eq!(of("claude-opus-5-5").map(|p| p.input), Some(4_000_000));
        assert_eq!(of("claude-opus-5").map(|p| p.output), Some(25_000_000));
    }

    #[test]
    fn an_unknown_model_has_no_price() {
        assert_eq!(of("claude-sonnet-5-50"), None);
        assert_eq!(of("gpt"), None);
    }
}
