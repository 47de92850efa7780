//! The id of an org, a user or a record, as Salesforce writes it.
//!
//! # Why
//! An id comes in two lengths: 15 characters where case matters, and 18, where three more tell the case of the
//! first 15. Both name the same thing, so the rest of the house knows only the longer form: two ids are equal
//! exactly when they print alike. The three characters are a check as well, and a mistyped id is refused here,
//! with a sentence, rather than found nowhere later.

use std::fmt;
use std::str::FromStr;

use serde::de::{Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An id that is known to be well-formed. It prints, compares and hashes as its 18 characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SalesforceId([u8; 18]);

/// Why a text is no Salesforce id. The sentence continues after the name of the value; it never repeats the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAnId {
    /// Neither 15 nor 18 characters.
    #[error("is {chars} characters long; a Salesforce id has 15 or 18")]
    Length {
        /// How many characters there are.
        chars: usize,
    },
    /// Something else than `A-Z`, `a-z` or `0-9`.
    #[error("holds something other than ASCII letters and digits at position {position}")]
    Character {
        /// Where, counted from 1.
        position: usize,
    },
    /// The last three of 18 characters do not fit the first 15.
    #[error("its check suffix is {found}, and would be {expected}")]
    Suffix {
        /// The three characters that came.
        found: String,
        /// The three characters that the first 15 ask for.
        expected: String,
    },
}

impl SalesforceId {
    /// All 18 characters.
    ///
    /// # Panics
    /// Never: parsing lets only ASCII in.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("parsing let only ASCII in")
    }

    /// The first three characters, which tell the kind of record: `006` is an Opportunity, `00D` an org.
    #[must_use]
    pub fn key_prefix(&self) -> &str {
        &self.as_str()[..3]
    }
}

/// The three characters that follow `id`: each tells of five characters which of them are capitals, the first of the five in the lowest bit.
fn suffix(id: &[u8; 15]) -> [u8; 3] {
    const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
    let digit = |from: usize| {
        let capitals = (0..5)
            .filter(|bit| id[from + bit].is_ascii_uppercase())
            .map(|bit| 1 << bit)
            .sum::<usize>();
        DIGITS[capitals]
    };
    [digit(0), digit(5), digit(10)]
}

impl FromStr for SalesforceId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let chars = text.chars().count();
        if chars != 15 && chars != 18 {
            return Err(NotAnId::Length { chars });
        }
        if let Some(at) = text.chars().position(|c| !c.is_ascii_alphanumeric()) {
            return Err(NotAnId::Character { position: at + 1 });
        }
        let (id, found) = text
            .as_bytes()
            .split_first_chunk::<15>()
            .expect("15 or 18 ASCII characters");
        let expected = suffix(id);
        if !found.is_empty() && found != expected {
            let readable = |suffix: &[u8]| String::from_utf8_lossy(suffix).into_owned();
            return Err(NotAnId::Suffix {
                found: readable(found),
                expected: readable(&expected),
            });
        }
        let mut whole = [0; 18];
        whole[..15].copy_from_slice(id);
        whole[15..].copy_from_slice(&expected);
        Ok(Self(whole))
    }
}

impl fmt::Display for SalesforceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for SalesforceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SalesforceId({})", self.as_str())
    }
}

impl Serialize for SalesforceId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for SalesforceId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Id;
        impl Visitor<'_> for Id {
            type Value = SalesforceId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a Salesforce id of 15 or 18 characters")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<SalesforceId, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Id).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(text: &str) -> SalesforceId {
        text.parse().unwrap()
    }

    #[test]
    fn fifteen_characters_gain_their_check_suffix() {
        assert_eq!(id("00D5f000000XyZa").as_str(), "00D5f000000XyZaEAK");
        assert_eq!(id("0065f00000QwErT").to_string(), "0065f00000QwErTAAV");
        assert_eq!(id("00T5f000008aAaA").to_string(), "00T5f000008aAaAEAU");
    }

    #[test]
    fn both_lengths_of_an_id_are_equal() {
        assert_eq!(id("00D5f000000XyZa"), id("00D5f000000XyZaEAK"));
        assert_eq!(id("00D5f000000XyZa").key_prefix(), "00D");
    }

    #[test]
    fn ids_that_differ_only_in_case_are_different() {
        assert_ne!(id("0065f00000QwErT"), id("0065f00000qwErT"));
    }

    #[test]
    fn each_fault_is_a_sentence_about_the_value() {
        let why = |text: &str| text.parse::<SalesforceId>().unwrap_err().to_string();
        assert_eq!(
            why("00D5f000000XyZaEA"),
            "is 17 characters long; a Salesforce id has 15 or 18"
        );
        assert_eq!(
            why(""),
            "is 0 characters long; a Salesforce id has 15 or 18"
        );
        assert_eq!(
            why("00D5f000000XyZaAAK"),
            "its check suffix is AAK, and would be EAK"
        );
        assert_eq!(
            why("00D5f000000XyZaeak"),
            "its check suffix is eak, and would be EAK"
        );
        assert_eq!(
            why("00D5f0 0000XyZa"),
            "holds something other than ASCII letters and digits at position 7"
        );
        assert_eq!(
            why("00D5f00ü000XyZa"),
            "holds something other than ASCII letters and digits at position 8"
        );
    }

    #[test]
    fn json_carries_it_as_a_string_of_18() {
        let read: SalesforceId = serde_json::from_str("\"00D5f000000XyZa\"").unwrap();
        assert_eq!(
            serde_json::to_string(&read).unwrap(),
            "\"00D5f000000XyZaEAK\""
        );
        let why = serde_json::from_str::<SalesforceId>("\"00D\"").unwrap_err();
        assert!(
            why.to_string()
                .starts_with("is 3 characters long; a Salesforce id has 15 or 18")
        );
    }

    proptest! {
        #[test]
        fn every_fifteen_letters_and_digits_come_back_from_their_long_form(text in "[A-Za-z0-9]{15}") {
            let short = id(&text);
            prop_assert_eq!(&short.as_str()[..15], text.as_str());
            prop_assert_eq!(id(short.as_str()), short);
        }

        #[test]
        fn no_text_makes_parsing_panic_or_repeat_it(text in ".{0,60}") {
            if let Err(why) = text.parse::<SalesforceId>() {
                prop_assert!(why.to_string().len() < 90);
            }
        }
    }
}
