//! Looking for bytes of a kind, where most bytes of a text are of another.

use std::ops::Range;

/// A kind of bytes, to be looked up one by one.
pub struct Class([bool; 256]);

/// Bytes that are looked at together.
const AT_ONCE: usize = 32;

impl Class {
    /// The letters and digits of ASCII, and `others`.
    pub const fn letters_digits_and(others: &[u8]) -> Self {
        let mut has = [false; 256];
        let mut byte = 0;
        while byte < 128_u8 {
            has[byte as usize] = byte.is_ascii_alphanumeric();
            byte += 1;
        }
        let mut nth = 0;
        while nth < others.len() {
            has[others[nth] as usize] = true;
            nth += 1;
        }
        Self(has)
    }

    /// Whether `byte` is of them.
    pub const fn has(&self, byte: u8) -> bool {
        self.0[byte as usize]
    }
}

/// Where the first of `bytes` stands for which `is` holds. What compares, and looks nothing up, is tried on many at once.
pub fn first(bytes: &[u8], is: impl Fn(u8) -> bool) -> Option<usize> {
    let (whole, rest) = bytes.as_chunks::<AT_ONCE>();
    // Without an early end inside of a chunk, so that the compiler can take all of it in one step.
    let has = |chunk: &[u8; AT_ONCE]| chunk.iter().fold(false, |any, byte| any | is(*byte));
    let (chunks_before, chunk) = match whole.iter().position(has) {
        Some(nth) => (nth, whole[nth].as_slice()),
        None => (whole.len(), rest),
    };
    let within = chunk.iter().position(|byte| is(*byte))?;
    Some(chunks_before * AT_ONCE + within)
}

/// The words of `bytes`, every byte of `class`, that are at least as long as `shortest`, in order. Such a word covers one of
/// every so many bytes, so only these are looked at.
pub fn long_words(
    bytes: &[u8],
    shortest: usize,
    class: &Class,
) -> impl Iterator<Item = Range<usize>> {
    let (mut free, mut at) = (0, shortest - 1);
    std::iter::from_fn(move || {
        while at < bytes.len() {
            let is_part = |byte: &&u8| class.has(**byte);
            let before = bytes[free..at].iter().rev().take_while(is_part).count();
            let behind = bytes[at..].iter().take_while(is_part).count();
            let word = at - before..at + behind;
            free = word.end;
            at = word.end + shortest;
            if word.len() >= shortest {
                return Some(word);
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_where_a_look_at_each_finds_it(bytes in "[ab]{0,100}1?[ab1]{0,40}") {
            let bytes = bytes.as_bytes();
            let one_by_one = bytes.iter().position(u8::is_ascii_digit);
            prop_assert_eq!(first(bytes, |byte| byte.is_ascii_digit()), one_by_one);
        }

        #[test]
        fn no_long_word_is_missed_and_none_is_found_twice(text in "[a-c1 -]{0,60}") {
            const CLASS: Class = Class::letters_digits_and(b"-");
            let long: Vec<&str> = text.split(' ').filter(|word| word.len() >= 4).collect();
            let found = long_words(text.as_bytes(), 4, &CLASS);
            prop_assert_eq!(found.map(|word| &text[word]).collect::<Vec<_>>(), long);
        }
    }
}
