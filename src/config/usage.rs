//! `[usage]`: where what was used is kept.

use super::environment::Secrets;
use super::reader::Section;
use crate::usage::Settings;

/// Reads the section. Where replicas share a store, what was used is there, and no file has a place.
pub fn read(mut section: Section<'_>, secrets: &Secrets<'_>, has_shared: bool) -> Settings {
    let usual = Settings::default();
    let file = section.take("file").and_then(|entry| {
        let path = entry.text_or("must be the path of a file, such as usage.db")?;
        if path.is_empty() || path.ends_with('/') {
            entry.note("must be the path of a file, such as usage.db");
            return None;
        }
        if has_shared {
            entry.note("and [shared] exclude each other: with [shared], what was used is kept in that store; remove one");
            return None;
        }
        Some(secrets.folder.join(path))
    });
    let keep_days = section
        .take("keep_days")
        .and_then(|entry| entry.whole(1..=4_000))
        .and_then(|days| u32::try_from(days).ok());
    section.done();
    Settings {
        file,
        keep_days: keep_days.unwrap_or(usual.keep_days),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::scripted::Scripted;
    use super::super::settings::read as read_all;
    use super::*;

    fn with(lines: &str) -> Result<Settings, String> {
        let (before, rest) = Scripted::EXAMPLE
            .split_once("[usage]")
            .expect("it has the section");
        let after = rest.find("\n[").map_or("", |end| &rest[end..]);
        let around = Scripted::example().with("REDIS_URL", "redis://127.0.0.1");
        let read = read_all(&format!("{before}{lines}{after}"), &around);
        read.map(|settings| settings.usage)
            .map_err(|mistakes| mistakes.to_string())
    }

    #[test]
    fn usage_is_in_memory_for_400_days_unless_it_is_said_otherwise() {
        let usual = with("").expect("a good config");
        assert_eq!((usual.file, usual.keep_days), (None, 400));
        let said = with("[usage]\nfile = \"/var/lib/belay/usage.db\"\nkeep_days = 31");
        let said = said.expect("a good config");
        assert_eq!(
            said.file.as_deref(),
            Some(Path::new("/var/lib/belay/usage.db"))
        );
        assert_eq!(said.keep_days, 31);
    }

    #[test]
    fn a_file_beside_a_shared_store_and_what_is_no_file_are_mistakes() {
        for (lines, key, told) in [
            (
                "[usage]\nfile = \"u.db\"\n[shared]\nredis = \"env:REDIS_URL\"\nreplicas = 2",
                "usage.file",
                "exclude each other",
            ),
            ("[usage]\nfile = \"\"", "usage.file", "the path of a file"),
            (
                "[usage]\nfile = \"data/\"",
                "usage.file",
                "the path of a file",
            ),
            ("[usage]\nfile = 1", "usage.file", "the path of a file"),
            ("[usage]\nkeep_days = 0", "usage.keep_days", "1"),
            (
                "[usage]\npath = \"u.db\"",
                "usage.path",
                "these do: file, keep_days",
            ),
        ] {
            let mistake = with(lines).expect_err(lines);
            assert!(
                mistake.contains(key) && mistake.contains(told),
                "{lines}: {mistake}"
            );
        }
    }
}
