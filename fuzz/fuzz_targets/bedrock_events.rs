//! Bytes of an event stream, cut anywhere: nothing panics, and a stream that has ended stays ended.
#![no_main]

use belay::providers::bedrock::events::Translation;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<u8>, Vec<u8>)| {
    let (bytes, sizes) = input;
    let mut translation = Translation::default();
    let mut rest = bytes.as_slice();
    let mut sizes = sizes.iter().cycle();
    while !rest.is_empty() {
        let size = sizes.next().map_or(rest.len(), |size| usize::from(*size).max(1));
        let (piece, behind) = rest.split_at(size.min(rest.len()));
        let was_over = translation.is_over();
        let (events, fault) = translation.take(piece);
        assert!(!was_over || (events.is_empty() && fault.is_none()));
        rest = behind;
    }
    translation.end();
    assert!(translation.is_over());
});
