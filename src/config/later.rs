//! Keys and kinds that the contract has and this release does not: refused as "not yet", never silently ignored.

use super::reader::Section;

/// A key that comes later, and what it is for.
type Later = (&'static str, &'static str);

/// In `[telemetry]`.
pub const IN_TELEMETRY: &[Later] = &[("otlp", "tracing over OTLP")];

/// What is told of `name`, where it is one of `later`.
pub fn not_yet(name: &str, later: &[Later]) -> Option<String> {
    let (_, what) = later.iter().find(|(key, _)| *key == name)?;
    Some(format!(
        "not yet: {what} comes with a later release; remove it"
    ))
}

/// Notes each of `later` that stands in `section`, and takes it out.
pub fn refuse(section: &mut Section<'_>, later: &[Later]) {
    for (key, _) in later {
        if let Some(entry) = section.take_unlisted(key) {
            let told = not_yet(key, later).expect("the key is one of them");
            entry.note_without_value(told);
        }
    }
}
