//! Country codes, and how long the numbers behind them are (ITU-T E.164 and the countries' own plans).

/// Country codes with the fewest and the most digits of a number, the code among them.
const COUNTRIES: [(&str, usize, usize); 66] = [
    ("1", 11, 11),
    ("7", 11, 11),
    ("20", 10, 12),
    ("27", 11, 11),
    ("30", 12, 12),
    ("31", 10, 11),
    ("32", 10, 11),
    ("33", 11, 11),
    ("34", 11, 11),
    ("36", 10, 11),
    ("39", 8, 13),
    ("40", 11, 11),
    ("41", 11, 11),
    ("43", 8, 15),
    ("44", 11, 12),
    ("45", 10, 10),
    ("46", 9, 12),
    ("47", 10, 10),
    ("48", 11, 11),
    ("49", 8, 15),
    ("51", 10, 11),
    ("52", 12, 13),
    ("53", 10, 10),
    ("54", 12, 13),
    ("55", 12, 13),
    ("56", 11, 11),
    ("57", 11, 12),
    ("58", 12, 12),
    ("60", 10, 12),
    ("61", 11, 11),
    ("62", 10, 14),
    ("63", 11, 12),
    ("64", 10, 12),
    ("65", 10, 10),
    ("66", 10, 11),
    ("81", 11, 12),
    ("82", 10, 12),
    ("84", 11, 12),
    ("86", 12, 13),
    ("90", 12, 12),
    ("91", 12, 12),
    ("92", 11, 12),
    ("93", 11, 11),
    ("94", 11, 11),
    ("95", 9, 12),
    ("98", 12, 12),
    ("212", 12, 12),
    ("213", 11, 12),
    ("216", 11, 11),
    ("234", 11, 13),
    ("254", 12, 12),
    ("351", 12, 12),
    ("352", 8, 14),
    ("353", 10, 12),
    ("354", 10, 12),
    ("358", 9, 14),
    ("359", 11, 12),
    ("370", 11, 11),
    ("372", 10, 11),
    ("380", 12, 12),
    ("385", 11, 12),
    ("386", 11, 11),
    ("420", 12, 12),
    ("852", 11, 11),
    ("966", 11, 12),
    ("971", 11, 12),
];

/// Whether `digits` begin with the code of a country that is listed.
pub(super) fn is_known(digits: &str) -> bool {
    COUNTRIES.iter().any(|(code, ..)| digits.starts_with(code))
}

/// Whether all of `digits` is an international number without its plus. Of a country that is not listed, any of a fair
/// length is.
pub(super) fn is_number(digits: &str) -> bool {
    let country = COUNTRIES.iter().find(|(code, ..)| digits.starts_with(code));
    match country {
        Some(&(_, fewest, most)) => (fewest..=most).contains(&digits.len()),
        None => !digits.starts_with('0') && (9..=super::MAX_DIGITS).contains(&digits.len()),
    }
}
