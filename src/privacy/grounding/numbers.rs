//! Number literals: digits with the separators of any language, and the values they may mean.

use std::ops::Range;

/// Digits with separators as they stand in a text, before any sign, unit or magnitude.
#[derive(Debug, Clone)]
pub(super) struct Literal {
    pub(super) range: Range<usize>,
    /// What it may mean, the grouped reading last: `1.234` is 1.234 or 1 234. Empty for what is no number, as `14.2.1`.
    pub(super) readings: Vec<Reading>,
    /// Whether some reading takes a separator for a thousands separator.
    pub(super) grouped: bool,
    /// Digits before any decimal sign, in the longest reading.
    pub(super) whole_digits: usize,
    /// `00041877`: written like this only as a name for something.
    pub(super) zero_led: bool,
}

/// One value that a literal may mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Reading {
    pub(super) value: f64,
    /// The place value of the last digit that says something: 100 for `184,500`, 0.1 for `18.5`.
    pub(super) unit: f64,
    /// Whether it has a fractional part.
    pub(super) decimal: bool,
}

impl Reading {
    pub(super) fn times(self, factor: f64) -> Self {
        Self {
            value: self.value * factor,
            unit: self.unit * factor,
            decimal: self.decimal,
        }
    }
}

/// More digits than this are a card number, a barcode or noise.
const MAX_DIGITS: usize = 15;

/// The literal that begins with the digit at `start` of a folded text.
pub(super) fn literal_at(text: &str, start: usize) -> Literal {
    let bytes = text.as_bytes();
    let mut parts = vec![digits_at(text, start)];
    let mut signs: Vec<u8> = Vec::new();
    let mut end = start + parts[0].len();
    while let Some(sign) = bytes.get(end).copied() {
        let next = digits_at(text, end + 1);
        let goes_on = match sign {
            b'.' | b',' => !next.is_empty(),
            b' ' | b'\'' => next.len() == 3 && leads(parts[0]) && signs.iter().all(|s| *s == sign),
            _ => false,
        };
        if !goes_on {
            break;
        }
        signs.push(sign);
        parts.push(next);
        end += 1 + next.len();
    }
    let (readings, grouped) = meanings(&parts, &signs);
    let whole_digits = if grouped || signs.is_empty() {
        let decimals = usize::from(signs.windows(2).any(|pair| pair[0] != pair[1]));
        parts[..parts.len() - decimals]
            .iter()
            .map(|part| part.len())
            .sum()
    } else {
        parts[0].len()
    };
    Literal {
        range: start..end,
        readings,
        grouped,
        whole_digits,
        zero_led: parts[0].len() > 1 && parts[0].starts_with('0'),
    }
}

fn digits_at(text: &str, start: usize) -> &str {
    let rest = text.get(start..).unwrap_or_default();
    let len = rest.bytes().take_while(u8::is_ascii_digit).count();
    &rest[..len]
}

/// Whether `part` can stand before a thousands separator.
fn leads(part: &str) -> bool {
    part.len() <= 3 && !part.starts_with('0')
}

fn meanings(parts: &[&str], signs: &[u8]) -> (Vec<Reading>, bool) {
    if parts.iter().map(|part| part.len()).sum::<usize>() > MAX_DIGITS {
        return (Vec::new(), false);
    }
    let threes = |parts: &[&str]| leads(parts[0]) && parts[1..].iter().all(|part| part.len() == 3);
    match signs {
        [] => (vec![reading(parts, "")], false),
        [b'.' | b','] => {
            let mut readings = vec![reading(&parts[..1], parts[1])];
            if threes(parts) {
                readings.push(reading(parts, ""));
            }
            let grouped = readings.len() > 1;
            (readings, grouped)
        }
        [first, others @ ..] if others.iter().all(|sign| sign == first) => {
            if threes(parts) || (*first == b',' && is_indian(parts)) {
                (vec![reading(parts, "")], true)
            } else {
                (Vec::new(), false)
            }
        }
        [first, between @ .., b'.' | b','] if between.iter().all(|sign| sign == first) => {
            let (fraction, whole) = parts.split_last().expect("a literal has digits");
            if threes(whole) || (*first == b',' && is_indian(whole)) {
                (vec![reading(whole, fraction)], true)
            } else {
                (Vec::new(), false)
            }
        }
        _ => (Vec::new(), false),
    }
}

/// Lakh and crore: `1,23,45,678`.
fn is_indian(parts: &[&str]) -> bool {
    match parts {
        [first, middle @ .., last] => {
            first.len() <= 2 && last.len() == 3 && middle.iter().all(|part| part.len() == 2)
        }
        [] | [_] => false,
    }
}

fn reading(whole: &[&str], fraction: &str) -> Reading {
    let digits = whole.concat();
    let value = format!("{digits}.{fraction}0")
        .parse()
        .expect("digits with one point are a number");
    let unit = if fraction.is_empty() {
        let zeros = digits.len() - digits.trim_end_matches('0').len();
        power_of_ten(if zeros == digits.len() { 0 } else { zeros })
    } else {
        power_of_ten(fraction.len()).recip()
    };
    Reading {
        value,
        unit,
        decimal: !fraction.is_empty(),
    }
}

fn power_of_ten(exponent: usize) -> f64 {
    (0..exponent).fold(1.0, |power, _| power * 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<f64> {
        literal_at(text, 0)
            .readings
            .iter()
            .map(|reading| reading.value)
            .collect()
    }

    #[test]
    fn separators_of_every_language_are_read() {
        for text in [
            "184500",
            "184,500.00",
            "184.500,00",
            "184 500",
            "184'500.00",
            "1,84,500",
            "184500.0",
        ] {
            assert_eq!(values(text), [184_500.0], "{text}");
        }
    }

    #[test]
    fn one_separator_before_three_digits_has_two_meanings() {
        assert_eq!(values("184.500"), [184.5, 184_500.0]);
        assert_eq!(values("0.125"), [0.125]);
        assert_eq!(values("1,8"), [1.8]);
    }

    #[test]
    fn versions_addresses_and_long_rows_of_digits_are_no_numbers() {
        for text in ["14.2.1", "192.168.10.1", "4111111111111111111"] {
            assert_eq!(values(text), [0.0; 0], "{text}");
        }
    }

    #[test]
    fn a_full_stop_or_comma_of_the_sentence_is_left_out() {
        assert_eq!(literal_at("184,500, and", 0).range, 0..7);
        assert_eq!(literal_at("2026. Then", 0).range, 0..4);
        assert_eq!(
            literal_at("60 184 500", 0).range,
            0..10,
            "a plain space cannot be told from a separator"
        );
        assert_eq!(literal_at("2026 184 500", 0).range, 0..4);
    }

    #[test]
    fn the_unit_is_the_last_digit_that_says_something() {
        let unit = |text| {
            literal_at(text, 0)
                .readings
                .last()
                .map(|reading| reading.unit)
        };
        assert_eq!(unit("184,500"), Some(100.0));
        assert_eq!(unit("18.50"), Some(0.01));
        assert_eq!(unit("0"), Some(1.0));
    }
}
