//! Payment card numbers: 13 to 19 digits of a known issuer that pass Luhn.

use std::ops::Range;

use super::digits::Cluster;

/// Groups from `first` on that make a card number, and its digits.
pub(super) fn at(cluster: &Cluster<'_>, first: usize) -> Option<(Range<usize>, String)> {
    let mut digits = String::new();
    let mut longest = None;
    for group in first..cluster.groups.len() {
        let parts = if group == first {
            ""
        } else {
            cluster.gap(group)
        };
        if !matches!(parts, "" | " " | "-" | "." | " - ") {
            break;
        }
        digits.push_str(cluster.digits(group));
        if digits.len() > 19 {
            break;
        }
        if is_card(&digits) {
            longest = Some((first..group + 1, digits.clone()));
        }
    }
    longest
}

/// Whether all of `digits` is a card number.
pub(super) fn is_card(digits: &str) -> bool {
    is_issued(digits) && passes_luhn(digits)
}

/// Whether a number of that length begins as those of a card issuer do (ISO/IEC 7812, as the networks publish it).
fn is_issued(digits: &str) -> bool {
    let length = digits.len();
    let Some(head) = digits.get(..4).and_then(|head| head.parse::<u32>().ok()) else {
        return false;
    };
    match head {
        4000..=4999 => matches!(length, 13 | 16 | 19), // Visa
        5100..=5599 | 2221..=2720 => length == 16,     // Mastercard
        3400..=3499 | 3700..=3799 => length == 15,     // American Express
        3000..=3059 | 3600..=3699 | 3800..=3999 => (14..=19).contains(&length), // Diners Club
        6011 | 6440..=6599 | 3528..=3589 | 6200..=6299 => (16..=19).contains(&length), // Discover, JCB, UnionPay
        5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761..=6763 => (13..=19).contains(&length), // Maestro
        _ => false,
    }
}

fn passes_luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, byte)| {
            let digit = u32::from(byte - b'0');
            match (place % 2, digit) {
                (0, digit) => digit,
                (_, digit) if digit > 4 => digit * 2 - 9,
                (_, digit) => digit * 2,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::super::digits::clusters;
    use super::*;

    fn found(text: &str) -> Vec<String> {
        clusters(text)
            .flat_map(|cluster| {
                (0..cluster.groups.len())
                    .filter_map(|first| at(&cluster, first))
                    .map(|(_, digits)| digits)
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    #[test]
    fn cards_are_found_in_every_grouping() {
        for text in [
            "4111111111111111",
            "4111 1111 1111 1111",
            "4111-1111-1111-1111",
            "4111.1111.1111.1111",
            "paid by 5555 5555 5555 4444 in May",
            "2223003122003222",
            "3782 822463 10005",
            "378282246310005",
            "30569309025904",
            "6011-1111-1111-1117",
            "3530111333300000",
            "6200000000000005",
            "no 12 4111 1111 1111 1111",
        ] {
            assert_eq!(found(text).len(), 1, "{text}");
        }
    }

    #[test]
    fn an_order_number_is_no_card() {
        for text in [
            "4111111111111112",
            "4500012345",
            "1234567812345670",
            "4500 0123 4500 0123",
            "9999999999999995",
            "411111111111111",
            "41111111111111111111111",
            "2026-11-25 4111",
            "0000 0000 0000 0000",
        ] {
            assert_eq!(found(text), Vec::<String>::new(), "{text}");
        }
    }
}
