//! What known models cost: list prices in US dollars per million tokens, as of 22 November 2026.
//!
//! A price in the config goes before this table. A model that neither knows has no price: an org without a budget may
//! use it, an org with one may not, since its cost cannot be bounded.

use super::capabilities::Surface;
use super::spelling;
use crate::domain::{Money, Price};

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
    ("claude-sonnet-4-6", 3.0, 15.0),
    ("claude-sonnet-4-5", 3.0, 15.0),
    ("claude-haiku-5-5", 1.0, 5.0),
    ("claude-haiku-4-5", 1.0, 5.0),
];

/// Reading from the cache, where it is not a tenth of the input.
const CACHE_READS: &[(&str, f64)] = &[("claude-fable-5-1", 0.25)];

/// What one search of the web costs with every model, in micro-dollars: $10 for a thousand.
pub const WEB_SEARCH: u64 = 10_000;

/// A batch costs half.
const BATCH_SHARE: u32 = 500_000;

/// What Bedrock and Vertex bill where a call must stay in one region or geography, in millionths: a tenth more.
const IN_REGION: u32 = 1_100_000;

/// The list price of `model` at `surface`, by any of its spellings, if the table has it.
pub fn of(surface: Surface, model: &str) -> Option<Price> {
    let plain = spelling::plain(model);
    let (_, input, output) = TABLE.iter().find(|(name, ..)| *name == plain)?;
    let mut price = from_usd(*input, *output)?;
    if let Some((_, read)) = CACHE_READS.iter().find(|(name, _)| *name == plain) {
        price.cache_read = Money::from_usd(*read)?.as_micros();
    }
    let stays = match surface {
        Surface::Bedrock => !spelling::is_global(model),
        Surface::Vertex { global } => !global,
        Surface::Claude | Surface::Foundry | Surface::Simulator => false,
    };
    Some(if stays {
        price.scaled(IN_REGION)
    } else {
        price
    })
}

/// A price from dollars per million tokens, the cache's prices following from the input's; a search at its list price.
pub fn from_usd(input: f64, output: f64) -> Option<Price> {
    let micros = |usd: f64| Money::from_usd(usd).map(Money::as_micros);
    Some(Price {
        input: micros(input)?,
        output: micros(output)?,
        cache_write_5m: micros(input * 1.25)?,
        cache_write_1h: micros(input * 2.0)?,
        cache_read: micros(input * 0.1)?,
        web_search: WEB_SEARCH,
        batch_share: BATCH_SHARE,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Usage;

    const GLOBAL: Surface = Surface::Vertex { global: true };
    const REGIONAL: Surface = Surface::Vertex { global: false };

    #[test]
    fn a_dated_id_costs_what_its_model_costs() {
        let of = |model| of(Surface::Claude, model);
        assert_eq!(of("claude-haiku-4-5-20251001"), of("claude-haiku-4-5"));
        assert_eq!(of("claude-opus-5-5").map(|p| p.input), Some(4_000_000));
        assert_eq!(of("claude-opus-5").map(|p| p.output), Some(25_000_000));
    }

    #[test]
    fn an_unknown_model_has_no_price() {
        assert_eq!(of(Surface::Claude, "claude-sonnet-5-50"), None);
        assert_eq!(of(Surface::Claude, "gpt"), None);
        let profile = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3";
        assert_eq!(of(Surface::Bedrock, profile), None);
        assert_eq!(of(Surface::Foundry, "our-deployment"), None);
    }

    /// A thousand of everything but searches, of which there is one.
    const THOUSAND: Usage = Usage {
        input_tokens: 1_000,
        output_tokens: 1_000,
        cache_write_5m_tokens: 1_000,
        cache_write_1h_tokens: 1_000,
        cache_read_tokens: 1_000,
        web_searches: 1,
    };

    /// What came in a small call: some input, some output, and a cache that was read.
    const SMALL: Usage = Usage {
        input_tokens: 812,
        output_tokens: 431,
        cache_write_5m_tokens: 0,
        cache_write_1h_tokens: 0,
        cache_read_tokens: 1_203,
        web_searches: 0,
    };

    #[test]
    fn bills_are_these_to_the_micro_dollar() {
        // (surface, model, usage, the bill, the bill in a batch), worked out by hand.
        let bills = [
            // 2,000 + 10,000 + 2,500 + 4,000 + 200, and 10,000 for the search.
            (
                Surface::Claude,
                "claude-sonnet-5-5",
                THOUSAND,
                28_700,
                19_350,
            ),
            // 812 × 2 + 431 × 10 + 1,203 × 0.2 = 1,624 + 4,310 + 240.6
            (Surface::Claude, "claude-sonnet-5-5", SMALL, 6_175, 3_088),
            // 10,000 + 50,000 + 12,500 + 20,000 + 250
            (
                Surface::Claude,
                "claude-fable-5-1",
                THOUSAND,
                102_750,
                56_375,
            ),
            // 4,000 + 20,000 + 5,000 + 8,000 + 400
            (
                Surface::Foundry,
                "claude-opus-5-5",
                THOUSAND,
                47_400,
                28_700,
            ),
            // 3,000 + 15,000 + 3,750 + 6,000 + 300 = 28,050, and a tenth more.
            (
                Surface::Bedrock,
                "us.anthropic.claude-sonnet-4-6",
                THOUSAND,
                40_855,
                25_428,
            ),
            (
                Surface::Bedrock,
                "global.anthropic.claude-sonnet-4-6",
                THOUSAND,
                38_050,
                24_025,
            ),
            // 1,000 + 5,000 + 1,250 + 2,000 + 100 = 9,350, and a tenth more.
            (
                Surface::Bedrock,
                "anthropic.claude-haiku-4-5-20251001-v1:0",
                THOUSAND,
                20_285,
                15_143,
            ),
            (
                REGIONAL,
                "claude-haiku-4-5@20251001",
                THOUSAND,
                20_285,
                15_143,
            ),
            (
                GLOBAL,
                "claude-haiku-4-5@20251001",
                THOUSAND,
                19_350,
                14_675,
            ),
            // 812 × 5.5 + 431 × 27.5 + 1,203 × 0.55 = 4,466 + 11,852.5 + 661.65
            (REGIONAL, "claude-opus-4-8", SMALL, 16_981, 8_491),
            (GLOBAL, "claude-opus-4-8", SMALL, 15_437, 7_719),
        ];
        for (surface, model, usage, bill, batched) in bills {
            let price = of(surface, model).expect("a price");
            assert_eq!(price.of(&usage).as_micros(), bill, "{model} at {surface:?}");
            let in_a_batch = price.batched().of(&usage).as_micros();
            assert_eq!(in_a_batch, batched, "{model} in a batch at {surface:?}");
        }
    }
}
