//! Looking for the next byte of a kind, where most bytes of a text are of another.

/// Bytes that are looked at together.
const AT_ONCE: usize = 32;

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
    }
}
