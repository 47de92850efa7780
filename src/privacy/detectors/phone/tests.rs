//! Numbers of many countries, and what only looks like them.

use super::*;
use crate::privacy::detectors::digits::clusters;

/// What the detector finds, as the room's front door walks over the groups.
fn found_in<'t>(text: &'t str, name: &str) -> Vec<&'t str> {
    let mut all = Vec::new();
    for cluster in clusters(text) {
        let mut group = 0;
        while group < cluster.groups.len() {
            if let Some(date) = date_at(&cluster, group) {
                group = date.end;
            } else if let Some((groups, start, _)) = at(&cluster, group, is_phone_field(name)) {
                all.push(&text[start..cluster.span(&groups).end]);
                group = groups.end;
            } else {
                group += 1;
            }
        }
    }
    all
}

const NUMBERS: [(&str, &[&str]); 16] = [
    (
        "US",
        &[
            "(415) 555-0123",
            "415-555-0123",
            "415.555.0123",
            "+1 415 555 0123",
            "1-415-555-0123",
            "+14155550123",
            "1 (415) 555-0123",
        ],
    ),
    (
        "UK",
        &[
            "020 7946 0123",
            "+44 20 7946 0123",
            "07700 900123",
            "(020) 7946 0123",
            "+44 (0)20 7946 0123",
            "01632 960 123",
        ],
    ),
    (
        "DE",
        &[
            "030 5550147",
            "+49 30 5550147",
            "0171/5550147",
            "0049 30 5550147",
            "089 / 555 01 47",
            "(030) 555 01 47",
            "+49-171-5550147",
            "030 5550147-0",
            "004930123456",
        ],
    ),
    (
        "FR",
        &[
            "01 99 00 12 34",
            "01.99.00.12.34",
            "+33 1 99 00 12 34",
            "06-39-98-12-34",
        ],
    ),
    (
        "IT",
        &[
            "06 5550 1234",
            "+39 06 5550 1234",
            "347 555 0123",
            "347 5550123",
        ],
    ),
    (
        "ES",
        &[
            "912 345 678",
            "91 234 56 78",
            "+34 612 345 678",
            "612 34 56 78",
        ],
    ),
    ("NL", &["020 555 0123", "06-12345678", "+31 6 12345678"]),
    (
        "CH",
        &[
            "044 555 01 33",
            "+41 44 555 01 33",
            "+41 (0)44 555 01 33",
            "0041 44 555 01 33",
            "079 555 01 33",
        ],
    ),
    (
        "AT",
        &[
            "01 5550147",
            "+43 1 5550147",
            "0664 5550147",
            "0664/123 45 67",
        ],
    ),
    (
        "JP",
        &[
            "03-5550-1234",
            "090-5550-1234",
            "+81 3 5550 1234",
            "(03)5550-1234",
        ],
    ),
    ("IN", &["98765 43210", "+91 98765 43210", "022 5550 1234"]),
    (
        "BR",
        &[
            "(11) 95550-1234",
            "11 95550-1234",
            "+55 11 95550-1234",
            "(21) 5550-1234",
        ],
    ),
    ("AU", &["(02) 5550 1234", "0412 555 012", "+61 2 5550 1234"]),
    ("CN", &["138 5550 1234", "+86 138 5550 1234"]),
    ("RU", &["8 (495) 555-01-23", "+7 495 555-01-23"]),
    (
        "others",
        &[
            "+47 21 55 01 23",
            "+45 32 55 01 23",
            "+353 1 555 0123",
            "+351 21 555 0123",
            "+971 4 555 0123",
            "+852 5550 1234",
            "+27 21 555 0123",
        ],
    ),
];

#[test]
fn numbers_are_found_as_their_countries_write_them() {
    for (country, numbers) in NUMBERS {
        for number in numbers {
            assert_eq!(found_in(number, ""), [*number], "{country} {number}");
            let text = format!("Please ask ({number}), tomorrow.");
            let inside = found_in(&text, "");
            assert_eq!(inside, [*number], "{text}");
            let text = format!("reached under: {number}.");
            assert_eq!(found_in(&text, ""), [*number], "{text}");
        }
    }
}

#[test]
fn a_plain_run_of_digits_needs_the_word_or_the_field_beside_it() {
    for (text, number) in [
        ("Tel. 5550123", "5550123"),
        ("call me on 0305550147", "0305550147"),
        ("Mobil: 01715550147", "01715550147"),
        ("電話：0355501234", "0355501234"),
        ("tél 0199001234", "0199001234"),
        ("Phone no. 555-0123", "555-0123"),
        ("WhatsApp 4155550123", "4155550123"),
        ("phone=4155550123", "4155550123"),
    ] {
        assert_eq!(found_in(text, ""), [number], "{text}");
    }
    assert_eq!(found_in("0305550147", "MobilePhone__c"), ["0305550147"]);
    assert_eq!(found_in("555 0123", "Fax"), ["555 0123"]);
    assert_eq!(found_in("0305550147", "Name"), Vec::<&str>::new());
}

#[test]
fn two_numbers_side_by_side_are_two() {
    assert_eq!(
        found_in("030 5550147 / 0171 5550148", ""),
        ["030 5550147", "0171 5550148"]
    );
    assert_eq!(found_in("2026-11-25 415-555-0123", ""), ["415-555-0123"]);
    assert_eq!(found_in("+1 415 555 0123 2026", ""), ["+1 415 555 0123"]);
    assert_eq!(found_in("room 12 415-555-0123", ""), ["415-555-0123"]);
}

#[test]
fn versions_dates_amounts_and_order_numbers_are_no_phones() {
    for text in [
        "1.2.3.4",
        "v10.0.19045",
        "10.0.19045.3803",
        "2026-11-25",
        "25.11.2026",
        "11/25/2026",
        "25. 11. 2026",
        "1,234,567.89",
        "EUR 184 500",
        "EUR 912 345 678",
        "912 345 678 EUR",
        "$ 415 555 0123.00",
        "1.234.567,89",
        "PO 4500012345",
        "ORD-2026-000123",
        "INV-415-555-0123",
        "order 415-555-0123",
        "0065f00000QwErTAAV",
        "10:30:00",
        "2026-11-14T16:40:12.000+0000",
        "12.5%",
        "4500012345",
        "00041877",
        "978-3-16-148410-0",
        "0-19-852663-6",
        "12345-6789",
        "2026",
        "+12.5 %",
        "+184 500 000 EUR",
        "14.2.1",
        "37 duplicates, 40,000",
        "20-00-00",
        "2026-000123",
        "47.3769, 8.5417",
        "0.1278",
        "FY27 184500.0",
        "#415-555-0123",
        "3 x 400 = 1200",
        "100 000 000",
        "0000 1234 5678",
    ] {
        assert_eq!(found_in(text, "Description"), Vec::<&str>::new(), "{text}");
    }
}

#[test]
fn spellings_of_one_number_have_one_key() {
    let key = |text: &str| {
        let cluster = clusters(text).next().unwrap();
        at(&cluster, 0, false).unwrap().2
    };
    assert_eq!(key("+41 44 555 01 33"), "+41445550133");
    assert_eq!(key("+41 (0)44 5550133"), "+41445550133");
    assert_eq!(key("0041 44 555 01 33"), "+41445550133");
    assert_eq!(key("044 555 01 33"), "0445550133");
}
