//! Bytes that may be a JSON object: untouched they stay the same, and a member that is put in can be read again.
#![no_main]

use belay::providers::claude::Members;
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let body = Bytes::copy_from_slice(body);
    let Ok(members) = Members::of(&body) else {
        return;
    };
    assert_eq!(members.to_bytes(), body);
    let changed = members.with("model", "\"x\"").without("stream").to_bytes();
    let read = Members::of(&changed).expect("it is still an object");
    assert_eq!(read.get("model"), Some("\"x\""));
    assert_eq!(read.get("stream"), None);
});
