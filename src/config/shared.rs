//! `[shared]`: the store behind several replicas.

use std::num::NonZeroU32;
use std::time::Duration;

use secrecy::ExposeSecret as _;

use super::environment::Secrets;
use super::reader::{Entry, Section};
use super::tls::certifier;
use crate::shared::seal::{Key, Keys};
use crate::shared::{Address, OnOutage, Settings};

/// Reads the section, where it stands at all.
pub fn read(root: &mut Section<'_>, secrets: &Secrets<'_>) -> Option<Settings> {
    let mut section = root.section_if_there("shared")?;
    let address = section
        .need(
            "redis",
            "it must be env:NAME or file:PATH of the address of a Redis or Valkey",
        )
        .and_then(|entry| {
            let text = secrets.reveal(&entry)?;
            let read = Address::parse(text.expose_secret());
            read.map_err(|why| entry.note(format!("refers to an address that {why}")))
                .ok()
        });
    let root_of_trust = section
        .take("ca")
        .map(|entry| certifier(&entry, secrets, "the store"));
    let keys = section.take("key").map(|entry| sealing(entry, secrets));
    let time = section
        .take("timeout_ms")
        .and_then(|entry| entry.whole(5..=5_000))
        .map_or(Duration::from_millis(50), Duration::from_millis);
    let on_outage = section
        .take("on_outage")
        .and_then(|entry| entry.choice(&["local", "refuse"]));
    let replicas = section
        .need(
            "replicas",
            "it must be how many replicas there are at most: each holds its share of every limit while the store is away",
        )
        .and_then(|entry| entry.whole(1..=1_000))
        .and_then(|count| u32::try_from(count).ok())
        .and_then(NonZeroU32::new);
    section.done();
    Some(Settings {
        address: address?,
        root: match root_of_trust {
            None => None,
            Some(pem) => Some(pem?),
        },
        keys: match keys {
            None => None,
            Some(keys) => Some(keys?),
        },
        time,
        on_outage: match on_outage {
            Some("refuse") => OnOutage::Refuse,
            _ => OnOutage::Local,
        },
        replicas: replicas?,
    })
}

/// What is sealed with: one key, or for a rotation two.
fn sealing(entry: Entry<'_>, secrets: &Secrets<'_>) -> Option<Keys> {
    const WANTED: &str = "must be env:NAME or file:PATH of a key, or for a rotation a list of two: the first seals, both open";
    let of = |entry: &Entry<'_>| {
        let text = secrets.reveal(entry)?;
        let read = Key::parse(text.expose_secret());
        read.map_err(|why| entry.note(format!("refers to what {why}")))
            .ok()
    };
    match entry.len() {
        None => of(&entry).map(Keys::from),
        Some(1 | 2) => {
            let listed = entry.items(WANTED);
            let mut keys = listed.iter().map(of).collect::<Option<Vec<_>>>()?;
            let other = (keys.len() == 2).then(|| keys.pop()).flatten();
            let key = keys.pop()?;
            if other.as_ref() == Some(&key) {
                listed.last()?.note("is the same key again; remove one");
            }
            Some(Keys { key, other })
        }
        Some(_) => {
            entry.note(WANTED);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::scripted::Scripted;
    use super::super::settings::read as read_all;
    use super::*;

    fn with(section: &str) -> Result<Option<Settings>, String> {
        let config = Scripted::replicated(section);
        let around = Scripted::example()
            .with("REDIS_URL", "rediss://belay:hunter2@cache.example:6380/1")
            .with("KEY_A", &format!("{}=", "A".repeat(43)))
            .with("KEY_B", &format!("{}A=", "B".repeat(42)))
            .with("WRONG", "http://cache.example");
        let read = read_all(&config, &around).map_err(|mistakes| mistakes.to_string());
        read.map(|settings| settings.shared)
    }

    #[test]
    fn the_store_comes_as_it_is_written() {
        let little = with("redis = \"env:REDIS_URL\"\nreplicas = 3");
        let little = little.expect("a good config").expect("a store");
        assert_eq!(little.time, Duration::from_millis(50));
        assert_eq!(little.on_outage, OnOutage::Local);
        assert_eq!(little.replicas.get(), 3);
        let all = with(
            "redis = \"env:REDIS_URL\"\nreplicas = 2\ntimeout_ms = 20\non_outage = \"refuse\"",
        );
        let all = all.expect("a good config").expect("a store");
        assert_eq!(
            (all.time, all.on_outage),
            (Duration::from_millis(20), OnOutage::Refuse)
        );
        assert!(!format!("{all:?}").contains("hunter2"));
        let none = read_all(Scripted::EXAMPLE, &Scripted::example());
        assert_eq!(none.expect("a good config").shared, None);
    }

    #[test]
    fn what_is_sealed_with_is_a_key_or_the_two_of_a_rotation() {
        const STORE: &str = "redis = \"env:REDIS_URL\"\nreplicas = 3\nkey = ";
        let keys = |written: &str| with(&format!("{STORE}{written}"));
        let one = keys("\"env:KEY_A\"").expect("a good config");
        let one = one.and_then(|shared| shared.keys).expect("a key");
        assert_eq!(one.other, None);
        let both = keys("[\"env:KEY_B\", \"env:KEY_A\"]").expect("a good config");
        let both = both.and_then(|shared| shared.keys).expect("two keys");
        assert_eq!(both.other, Some(one.key.clone()));
        assert_ne!(both.key, one.key);
        assert!(!format!("{both:?}").contains("AAAA"));
        let told = |written: &str| keys(written).expect_err("a mistake");
        let twice = told("[\"env:KEY_A\", \"env:KEY_A\"]");
        assert!(twice.contains("the same key again"), "{twice}");
        for wrong in ["[]", "[\"env:KEY_A\", \"env:KEY_B\", \"env:KEY_A\"]"] {
            let wrong = told(wrong);
            assert!(wrong.contains("the first seals, both open"), "{wrong}");
        }
        let none = told("\"env:REDIS_URL\"");
        assert!(none.contains("32 random bytes in base64"), "{none}");
        assert!(!none.contains("hunter2"), "{none}");
    }

    #[test]
    fn a_store_that_cannot_be_meant_is_told_what_would_be_right() {
        let told = |section: &str| with(section).expect_err("a mistake");
        assert!(told("replicas = 3").contains("shared.redis: is missing"));
        assert!(told("redis = \"env:REDIS_URL\"").contains("shared.replicas: is missing"));
        let address = told("redis = \"env:WRONG\"\nreplicas = 3");
        assert!(address.contains("must begin with redis://"), "{address}");
        assert!(!address.contains("cache.example"), "{address}");
        let plain = told("redis = \"redis://:hunter2@cache\"\nreplicas = 3");
        assert!(plain.contains("[redacted]") && !plain.contains("hunter2"));
        let none = told("redis = \"env:REDIS_URL\"\nreplicas = 0");
        assert!(none.contains("from 1 to 1,000"), "{none}");
        let word = told("redis = \"env:ANTHROPIC_API_KEY\"\nreplicas = 1");
        assert!(word.starts_with("shared.redis"), "{word}");
    }
}
