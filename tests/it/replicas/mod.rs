//! Several replicas behave as one: three real processes behind one real Redis.

mod cache;
mod faults;
mod flights;
mod limits;
mod once;
mod outage;
mod rollout;
mod stores;
mod usage;

use std::time::Duration;

use crate::helpers::Config;
use crate::helpers::process::Belay;
use crate::helpers::redis::Redis;

/// What the replicas of a test seal with, where its config says so.
const SHARED_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// What takes its place.
const NEXT_KEY: &str = "IB8eHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgE=";

/// The longest that a command to the store may take in these tests: a busy machine is no outage.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Replicas of one gateway.
struct Replicas(Vec<Belay>);

/// What a config says of the store; `more` are further keys of `[shared]`.
fn shared(config: Config, more: &str) -> Config {
    config.more(&format!(
        "[shared]\nredis = \"env:REDIS_URL\"\nreplicas = 3\ntimeout_ms = {}\n{more}\n",
        TIMEOUT.as_millis()
    ))
}

/// The same, with a key, so that answers are kept there.
fn keyed(config: Config) -> Config {
    shared(config, "key = \"env:SHARED_KEY\"")
}

impl Replicas {
    /// Three of them by `config`, behind `redis`.
    async fn three(config: &Config, redis: &Redis) -> Self {
        Self::three_at(config, &redis.url()).await
    }

    /// Three of them by `config`, behind the store at `url`.
    async fn three_at(config: &Config, url: &str) -> Self {
        let mut all = Vec::new();
        for _ in 0..3 {
            all.push(Self::one_at(config, url).await);
        }
        Self(all)
    }

    /// One more by `config`, behind the store at `url`.
    async fn one_at(config: &Config, url: &str) -> Belay {
        let around = [
            ("REDIS_URL", url),
            ("SHARED_KEY", SHARED_KEY),
            ("NEXT_KEY", NEXT_KEY),
        ];
        Belay::serve_among(config, &around).await
    }

    /// The one whose turn it is.
    fn nth(&self, nth: usize) -> &Belay {
        &self.0[nth % self.0.len()]
    }
}
