//! International bank account numbers: the length of their country, and mod 97 (ISO 13616).

use std::ops::Range;

use super::chars::{after, before, is_word};

/// Characters of an IBAN, by country.
const LENGTHS: [(&[u8; 2], usize); 89] = [
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BI", 27),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DJ", 27),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FK", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HN", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MN", 20),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NI", 28),
    (b"NL", 18),
    (b"NO", 15),
    (b"OM", 23),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"RU", 33),
    (b"SA", 24),
    (b"SC", 31),
    (b"SD", 18),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"SO", 23),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
    (b"YE", 30),
];

/// The IBAN whose check digits begin at `digits`, and its letters and digits without what parts them.
pub(super) fn at(text: &str, digits: usize) -> Option<(Range<usize>, String)> {
    let start = digits.checked_sub(2)?;
    let country: [u8; 2] = text.as_bytes()[start..digits].try_into().ok()?;
    let country = country.map(|byte| byte.to_ascii_uppercase());
    let &(_, length) = LENGTHS.iter().find(|(known, _)| **known == country)?;
    let begins =
        before(text, start).is_none_or(|c| !is_word(c) || c == '_') || is_announced(&text[..start]);
    if !begins {
        return None;
    }
    let mut iban = String::with_capacity(length);
    let mut at = start;
    let mut parted = true;
    while iban.len() < length {
        let c = after(text, at)?;
        if c.is_ascii_alphanumeric() {
            iban.push(c.to_ascii_uppercase());
            parted = false;
        } else if matches!(c, ' ' | '-' | '.') && !parted {
            parted = true;
        } else {
            return None;
        }
        at += 1;
    }
    let ends = after(text, at).is_none_or(|c| !is_word(c) || c == '_');
    (ends && passes_mod_97(&iban)).then_some((start..at, iban))
}

/// Whether the word IBAN stands right before a find, as in a list without spaces.
fn is_announced(before: &str) -> bool {
    let from = before.len().saturating_sub(4);
    before
        .get(from..)
        .is_some_and(|word| word.eq_ignore_ascii_case("IBAN"))
}

/// The first four characters behind the rest, letters as 10 to 35: the whole leaves 1 when divided by 97.
fn passes_mod_97(iban: &str) -> bool {
    let (head, rest) = iban.split_at(4);
    let remainder = rest.chars().chain(head.chars()).fold(0, |remainder, c| {
        let value = c.to_digit(36).unwrap_or_default();
        let shift = if value < 10 { 10 } else { 100 };
        (remainder * shift + value) % 97
    });
    remainder == 1
}

#[cfg(test)]
mod tests {
    use super::super::digits::clusters;
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        clusters(text)
            .filter_map(|cluster| at(text, cluster.groups[0].start))
            .map(|(range, _)| &text[range])
            .collect()
    }

    #[test]
    fn ibans_are_found_with_and_without_spaces() {
        for (text, iban) in [
            ("DE89370400440532013000", "DE89370400440532013000"),
            (
                "IBAN: DE89 3704 0044 0532 0130 00.",
                "DE89 3704 0044 0532 0130 00",
            ),
            ("IBANDE89370400440532013000", "DE89370400440532013000"),
            (
                "gb29 nwbk 6016 1331 9268 19 and",
                "gb29 nwbk 6016 1331 9268 19",
            ),
            (
                "FR14 2004 1010 0505 0001 3M02 606",
                "FR14 2004 1010 0505 0001 3M02 606",
            ),
            ("CH93-0076-2011-6238-5295-7", "CH93-0076-2011-6238-5295-7"),
            ("NO9386011117947", "NO9386011117947"),
            (
                "MT84MALT011000012345MTLCAST001S",
                "MT84MALT011000012345MTLCAST001S",
            ),
        ] {
            assert_eq!(found(text), [iban], "{text}");
        }
    }

    #[test]
    fn what_fails_its_check_or_its_length_is_no_iban() {
        for text in [
            "DE89370400440532013001",
            "DE8937040044053201300",
            "DE893704004405320130000",
            "XX89370400440532013000",
            "CODE89370400440532013000",
            "DE89  3704 0044 0532 0130 00",
            "AT 2026",
            "DE89",
        ] {
            assert_eq!(found(text), Vec::<&str>::new(), "{text}");
        }
    }
}
