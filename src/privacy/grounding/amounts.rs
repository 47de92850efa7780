//! Amounts and percentages: which numbers of a text are such, and whether the input has them.
//!
//! # Why
//! A number alone says little: `3` calls, clause `7.2` and `48` hours are counted or named on every line, and to doubt
//! each would bury the one that matters. So a number is checked when something says that it is an amount: a currency, a
//! magnitude, percent, a thousands separator or four digits. Years, versions and case numbers are none.

use std::ops::Range;

use super::numbers::{Literal, Reading, literal_at};
use super::units;

/// A number in a text, with what its surroundings say of it.
#[derive(Debug)]
pub(super) struct Figure {
    /// With its currency, magnitude or percent sign.
    pub(super) range: Range<usize>,
    kind: Kind,
    readings: Vec<Reading>,
    /// Whether the text calls it a rough one, so that a coarse rounding will do.
    hedged: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Percent,
    /// With a currency, a magnitude or the shape of an amount.
    Amount,
    /// A count, a year, a name: not checked, but known where the input has it.
    Plain,
}

/// The numbers of the input.
#[derive(Default)]
pub(super) struct Amounts {
    values: Vec<f64>,
    /// What may stand as a percentage: 12 for `12%`, `0.12` and a field's `12.0`.
    shares: Vec<f64>,
}

impl Amounts {
    pub(super) fn read(&mut self, text: &str) {
        for figure in figures(text) {
            let alone = stands_alone(text, &figure.range);
            for reading in figure.readings {
                if figure.kind != Kind::Percent {
                    self.values.push(reading.value);
                }
                if figure.kind == Kind::Percent || alone || reading.decimal {
                    self.shares.push(reading.value);
                }
                if reading.decimal && reading.value <= 1.0 {
                    self.shares.push(reading.value * 100.0);
                }
            }
        }
    }

    /// Ends the reading; before it nothing is found.
    pub(super) fn seal(&mut self) {
        for values in [&mut self.values, &mut self.shares] {
            values.sort_unstable_by(f64::total_cmp);
            values.dedup();
        }
    }

    /// Where `text` has amounts and percentages that the input has not.
    pub(super) fn unknown(&self, text: &str) -> Vec<Range<usize>> {
        figures(text)
            .into_iter()
            .filter(|figure| figure.kind != Kind::Plain && !self.have(figure))
            .map(|figure| figure.range)
            .collect()
    }

    /// Whether some number of the input is exactly `value`.
    pub(super) fn have_value(&self, value: f64) -> bool {
        has_within(&self.values, value, 0.0)
    }

    fn have(&self, figure: &Figure) -> bool {
        figure.readings.iter().any(|reading| {
            let half = reading.unit / 2.0;
            if figure.kind == Kind::Percent {
                // 0 and 100 % are turns of phrase more often than figures.
                reading.value == 0.0
                    || (reading.value - 100.0).abs() < f64::EPSILON
                    || has_within(&self.shares, reading.value, half.min(0.5))
            } else {
                // A round number may come from far away, 200 000 from 150 000; without a hedge a twentieth must do.
                let tolerance = if figure.hedged {
                    half
                } else {
                    half.min(reading.value * 0.05)
                };
                reading.value == 0.0 || has_within(&self.values, reading.value, tolerance)
            }
        })
    }
}

fn has_within(sorted: &[f64], value: f64, tolerance: f64) -> bool {
    let slack = tolerance + value.abs() * 1e-9;
    let first = sorted.partition_point(|known| *known < value - slack);
    sorted
        .get(first)
        .is_some_and(|known| *known <= value + slack)
}

/// Whether the number is a value by itself: a whole text, or what stands behind a label at the end of a line.
fn stands_alone(text: &str, range: &Range<usize>) -> bool {
    let before = text[..range.start].trim_end_matches([' ', '"', '-']);
    let behind = text[range.end..].trim_start_matches([' ', '"', ',', '}']);
    (before.is_empty() || before.ends_with([':', '=', '\n']))
        && (behind.is_empty() || behind.starts_with('\n'))
}

fn figures(text: &str) -> Vec<Figure> {
    let bytes = text.as_bytes();
    let mut figures = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at].is_ascii_digit() {
            let literal = literal_at(text, at);
            let figure = figure(text, &literal);
            at = figure.range.end;
            figures.push(figure);
        } else {
            at += 1;
        }
    }
    figures
}

/// The figure around `literal`.
fn figure(text: &str, literal: &Literal) -> Figure {
    let before = &text[..literal.range.start];
    let currency_before = units::currency_before(before);
    let start = literal.range.start - currency_before.unwrap_or(0);
    let hedged = units::is_hedged(&text[..start]);
    let mut end = literal.range.end;

    // `14.2.1 %` is no percentage that anything could be compared with.
    if let Some((len, factor)) = units::percent(&text[end..])
        && !literal.readings.is_empty()
    {
        return Figure {
            range: literal.range.start..end + len,
            kind: Kind::Percent,
            readings: literal
                .readings
                .iter()
                .map(|reading| reading.times(factor))
                .collect(),
            hedged,
        };
    }

    let mut readings = literal.readings.clone();
    let mut scaled = false;
    if let Some(magnitude) = units::magnitude(&text[end..]) {
        let behind = end + magnitude.len;
        let has_currency =
            currency_before.is_some() || units::currency_behind(&text[behind..]).is_some();
        if has_currency || !magnitude.needs_currency {
            scaled = true;
            readings = scaled_by(&readings, magnitude, &text[end..behind]);
            end = behind;
            if magnitude.continues {
                end = add_what_follows(text, end, &mut readings);
            }
        }
    }
    let currency_behind = units::currency_behind(&text[end..]);
    end += currency_behind.unwrap_or(0);
    if !scaled && currency_before.is_some() {
        readings.extend(scaled_by_range(text, end, &literal.readings));
    }

    let kind = if scaled
        || currency_before.is_some()
        || currency_behind.is_some()
        || looks_like_amount(text, literal)
    {
        Kind::Amount
    } else {
        Kind::Plain
    };
    let kind = if readings.is_empty() {
        Kind::Plain
    } else {
        kind
    };
    Figure {
        range: start..end,
        kind,
        readings,
        hedged,
    }
}

fn scaled_by(readings: &[Reading], magnitude: units::Magnitude, written: &str) -> Vec<Reading> {
    let mut scaled: Vec<_> = readings
        .iter()
        .map(|reading| reading.times(magnitude.factor))
        .collect();
    if written.ends_with('T') {
        // `T€` is a thousand in German, `$1.2T` a trillion in English.
        scaled.extend(readings.iter().map(|reading| reading.times(1e12)));
    }
    scaled
}

/// Adds the lower parts of a number such as `1億2,000万` or `18万4500` and gives its end.
fn add_what_follows(text: &str, mut end: usize, readings: &mut Vec<Reading>) -> usize {
    while text.as_bytes().get(end).is_some_and(u8::is_ascii_digit) {
        let part = literal_at(text, end);
        let (Some(lower), Some(higher)) = (part.readings.last(), readings.last()) else {
            break;
        };
        end = part.range.end;
        let magnitude = units::magnitude(&text[end..]).filter(|magnitude| magnitude.continues);
        let lower = lower.times(magnitude.map_or(1.0, |magnitude| magnitude.factor));
        end += magnitude.map_or(0, |magnitude| magnitude.len);
        *readings = vec![Reading {
            value: higher.value + lower.value,
            unit: lower.unit,
            decimal: false,
        }];
    }
    end
}

/// What the first number of `$150-200k` means as well: its magnitude stands behind the second.
fn scaled_by_range(text: &str, end: usize, readings: &[Reading]) -> Vec<Reading> {
    let rest = &text[end..];
    let Some(upper) = ["-", "~", "to ", "bis ", "à ", "and ", "und ", "et "]
        .iter()
        .find_map(|join| rest.trim_start_matches(' ').strip_prefix(join))
    else {
        return Vec::new();
    };
    let upper = upper.trim_start_matches([' ', '$', '€', '£']);
    if !upper.starts_with(|first: char| first.is_ascii_digit()) {
        return Vec::new();
    }
    let literal = literal_at(upper, 0);
    units::magnitude(&upper[literal.range.end..])
        .map(|magnitude| {
            readings
                .iter()
                .map(|reading| reading.times(magnitude.factor))
                .collect()
        })
        .unwrap_or_default()
}

/// Whether a number without any unit is an amount by its shape.
fn looks_like_amount(text: &str, literal: &Literal) -> bool {
    let before = &text[..literal.range.start];
    let behind = &text[literal.range.end..];
    if literal.zero_led
        || literal.whole_digits < 4
        || units::ends_with_letter(before)
        || units::begins_with_letter(behind)
        || before.ends_with(['_', '#', '@'])
        || behind.starts_with(['_', '@'])
    {
        return false;
    }
    // `INV-20418`, `A/20418`; but not the upper end of `10,000-20,000`
    if let Some(joined) = before.strip_suffix(['-', '/'])
        && units::ends_with_letter(joined)
    {
        return false;
    }
    if literal.grouped {
        return true;
    }
    let is_year = literal
        .readings
        .iter()
        .all(|reading| (1900.0..=2100.0).contains(&reading.value))
        && literal.whole_digits == 4;
    !is_year && !behind.starts_with('年') && !is_named(before)
}

/// Whether a text that ends like `before` gives its next number as a name: `ISO 27001`, `case 41877`, `Rechnung Nr. 20418`.
fn is_named(before: &str) -> bool {
    const NAMES: [&str; 27] = [
        "no", "nr", "num", "number", "nummer", "numéro", "n°", "case", "ticket", "order",
        "invoice", "id", "ref", "room", "version", "release", "build", "port", "code", "rechnung",
        "fall", "auftrag", "commande", "facture", "dossier", "quote", "contract",
    ];
    let before = before.trim_end_matches([' ', '.', ':', '#']);
    if before.ends_with(['号', '番']) {
        return true;
    }
    let start = before
        .char_indices()
        .rev()
        .take_while(|(_, letter)| letter.is_alphanumeric() || *letter == '°')
        .last()
        .map_or(before.len(), |(at, _)| at);
    let word = &before[start..];
    let is_acronym = word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_uppercase());
    is_acronym || NAMES.contains(&word.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::super::page::Page;
    use super::*;

    fn unknown(input: &[&str], answer: &str) -> Vec<String> {
        let mut amounts = Amounts::default();
        for text in input {
            amounts.read(Page::of(text).text());
        }
        amounts.seal();
        let page = Page::of(answer);
        amounts
            .unknown(page.text())
            .iter()
            .map(|range| page.written(range).to_owned())
            .collect()
    }

    #[test]
    fn an_amount_is_known_in_every_spelling_and_rounding() {
        for answer in [
            "$184,500",
            "184.500 €",
            "184 500 €",
            "184\u{202F}500 €",
            "EUR 184500",
            "184.5k",
            "185k",
            "~$185K",
            "0.18 million",
            "0,18 Mio.",
            "18万4500円",
            "18.5万",
            "約18万円",
            "１８４，５００円",
            "CHF 184'500.-",
            "184,5 T€",
            "184,5 k€",
            "US$184.5K",
            "TEUR",
            "184.500,00 EUR",
            "$180,000",
            "about $200,000",
            "€184.5K",
        ] {
            assert_eq!(unknown(&["184500.0"], answer), [""; 0], "{answer}");
        }
        assert_eq!(
            unknown(
                &["1800000"],
                "1,8 Mio. €, 1,8 million d'euros, 1.8M, $1.8m, 180万ドル"
            ),
            [""; 0]
        );
        assert_eq!(
            unknown(
                &["412000000.0"],
                "€412M, 0.41 bn EUR, 4億1200万ユーロ, 412 Millionen Euro"
            ),
            [""; 0]
        );
        assert_eq!(
            unknown(
                &["~EUR 40k a month", "EUR 150-200k"],
                "40.000 €, $150k to 200,000 EUR"
            ),
            [""; 0]
        );
    }

    #[test]
    fn another_amount_is_named_as_it_is_written() {
        for answer in [
            "$150,000",
            "150.000 €",
            "200k",
            "1,9 Mio. €",
            "US$184,600.00",
            "15万円",
            "18万5500円",
            "EUR 40",
            "$200,000",
            "194 500 €",
            "2,4 Millionen Euro",
            "€190K",
            "1845 Euro",
        ] {
            assert_eq!(
                unknown(&["184500.0", "12 Nov"], answer),
                [answer],
                "{answer}"
            );
        }
    }

    #[test]
    fn counts_years_versions_and_names_are_no_amounts() {
        for answer in [
            "3 risks and 37 duplicates in 2026 or FY27, Q4 2026",
            "release 14.2.1, clause 7.2, case 00041877, Case 41878, ISO 27001, INV-20418, #20418",
            "48 h, Net 60, 24/7, 1st, 12m contract, 250kg, 2025-2028, im Jahr 2027, 2027年度",
            "$0 so far",
        ] {
            assert_eq!(unknown(&[], answer), [""; 0], "{answer}");
        }
    }

    #[test]
    fn a_percentage_needs_a_percentage() {
        for input in [
            "12%",
            "12.0",
            "0.12",
            "12 percent below",
            "Discount: 12",
            "１２％",
            "12 Prozent",
        ] {
            assert_eq!(
                unknown(&[input], "12 % / 12% / 12 percent / 12パーセント"),
                [""; 0],
                "{input}"
            );
        }
        assert_eq!(unknown(&["12 calls", "14.2"], "12% off"), ["12%"]);
        assert_eq!(
            unknown(&["10%"], "10% or 15 Prozent or 20 pour cent, 3割"),
            ["15 Prozent", "20 pour cent", "3割"]
        );
        assert_eq!(unknown(&["67.4"], "67%"), [""; 0]);
        assert_eq!(unknown(&[], "14.2.1 %, 0,0,0%"), [""; 0]);
    }
}
