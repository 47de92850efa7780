//! Words of base64 that say something: a token, a part of a JWT, a text that a Flow encoded.
//!
//! # Why
//! A model reads base64 about as well as plain text. Long runs, which are files, are no part of what it reads; of the
//! shorter ones those that decode to a text are decoded and looked through, and left alone when nothing is found.

use std::ops::Range;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::domain::scan;

/// Shorter words hold no address.
const SHORTEST: usize = 16;

/// Both alphabets.
const BASE64: scan::Class = scan::Class::letters_digits_and(b"+/-_");

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Every word of `text` that decodes to a text for which `holds` is true, in order.
pub(super) fn find(text: &str, holds: impl Fn(&str) -> bool, found: &mut dyn FnMut(Range<usize>)) {
    let bytes = text.as_bytes();
    for whole in scan::long_words(bytes, SHORTEST, &BASE64) {
        let padding = bytes[whole.end..]
            .iter()
            .take_while(|&&byte| byte == b'=')
            .count()
            .min(2);
        word(text, &(whole.start..whole.end + padding), &holds, found);
    }
}

/// The word at `range` as a whole, or else what the slashes of a path part in it.
fn word(
    text: &str,
    range: &Range<usize>,
    holds: &impl Fn(&str) -> bool,
    found: &mut dyn FnMut(Range<usize>),
) {
    if decodes_to(&text[range.clone()], holds) {
        return found(range.clone());
    }
    let mut start = range.start;
    for piece in text[range.clone()].split('/') {
        let end = start + piece.len();
        if piece.len() >= SHORTEST && piece.len() < range.len() && decodes_to(piece, holds) {
            found(start..end);
        }
        start = end + 1;
    }
}

fn decodes_to(word: &str, holds: &impl Fn(&str) -> bool) -> bool {
    let word = word.trim_end_matches('=');
    let decoded = STANDARD.decode(word).or_else(|_| URL_SAFE.decode(word));
    let Ok(decoded) = decoded else {
        return false;
    };
    String::from_utf8(decoded).is_ok_and(|decoded| holds(&decoded))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        let mut all = Vec::new();
        find(text, |decoded| decoded.contains('@'), &mut |range| {
            all.push(range);
        });
        all.into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn an_encoded_text_is_found_wherever_it_stands() {
        let word = STANDARD.encode("mail jens@acme.example now");
        let safe = URL_SAFE.encode("??>>jens@acme.example");
        for text in [
            word.clone(),
            format!("token={word}."),
            format!("https://x.example/path/{word}/more"),
            format!("{safe} x"),
            format!("über {word} und"),
            word.trim_end_matches('=').to_owned(),
            format!("eyJhbGciOiJIUzI1NiJ9.{word}.x"),
        ] {
            assert_eq!(found(&text).len(), 1, "{text}");
        }
        assert_eq!(
            found(&format!("{word} {word}")),
            [word.as_str(), word.as_str()]
        );
    }

    #[test]
    fn a_long_word_is_not_decoded_to_something_that_it_does_not_say() {
        for text in [
            "Donaudampfschifffahrtsgesellschaft",
            "0065f00000QwErTAAV",
            "https://acme.example/a/b/c/d/e/f/g/h",
            "",
        ] {
            assert_eq!(found(text), Vec::<&str>::new(), "{text}");
        }
    }
}
