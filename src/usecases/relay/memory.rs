//! Answers of the Claude API that an org lets the gateway give again.
//!
//! # Why
//! Only where the org turns it on, for a client that asks twice may want two answers. What is kept is the answer to the
//! byte under the request to the byte: a gateway that does not read requests cannot say that two of them mean the same. Kept is
//! only what the model brought to its end, so a stream that was cut is never given again.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use tokio::time::Instant;

use super::Message;
use crate::domain::{Caller, Privacy, Route, SalesforceId, scan};
use crate::engine::behind::{Asking, Flying};
use crate::engine::cache::{Found, Keeping, Key};
use crate::providers::claude::Stop;
use crate::usecases::Parts;
use crate::usecases::parts::Cached;

/// The place of one request's answer.
pub struct Memory {
    key: Key,
    keeping: Keeping,
    asks_anew: bool,
    kept: Option<BytesMut>,
    flying: Flying,
}

/// The longest answer that is kept.
const BYTES: usize = 1_000_000;
/// Record ids of a request by which its answer is forgotten.
const IDS: usize = 1_000;

impl Memory {
    /// The place for the answer to `message`; `None` where nothing may be kept.
    pub fn of(caller: &Caller, message: &Message, route: &Route, now: Instant) -> Option<Self> {
        let ttl = caller.org.messages_cache_ttl;
        if ttl.is_zero() || message.caching.no_store {
            return None;
        }
        let policy = caller.org.privacy.as_deref().map(Privacy::fingerprint);
        let body = message.body();
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let key = Key::of(caller.org.id)
            .part(super::TASK.as_bytes())
            .part(&[u8::from(message.stream), u8::from(route.simulated())])
            .part(text(&message.dialect.version).as_bytes())
            .part(text(&message.dialect.betas).as_bytes())
            .part(policy.unwrap_or_default().as_bytes())
            .part(message.effort().unwrap_or_default().as_bytes())
            .part(&body)
            .finish();
        Some(Self {
            key,
            keeping: Keeping {
                records: ids(&body),
                asked: now,
                ttl,
                bytes: 0,
            },
            asks_anew: message.caching.fresh,
            kept: Some(BytesMut::new()),
            flying: Flying::default(),
        })
    }

    /// The answer, if it is known and wanted.
    pub async fn find(&mut self, parts: &Parts, message: &Message) -> Option<Found<Bytes>> {
        let max_age = message.caching.max_age;
        if !self.asks_anew
            && let Some(found) = parts.cache.find(&self.key, max_age)
        {
            return found.relayed();
        }
        let asking = Asking {
            begun: self.keeping.asked,
            max_age,
            anew: self.asks_anew,
        };
        let (found, flying) = parts.find_behind(&self.key, asking).await;
        self.flying = flying;
        found?.relayed()
    }

    /// Takes in a piece of the answer.
    pub fn add(&mut self, piece: &[u8]) {
        if let Some(kept) = &mut self.kept {
            if kept.len() + piece.len() > BYTES {
                self.kept = None;
            } else {
                kept.extend_from_slice(piece);
            }
        }
    }

    /// Keeps what was taken in, where the model brought it to its end by itself.
    pub fn keep(mut self, parts: &Parts, stop: Option<Stop>, stand_in: bool) {
        let Some(kept) = self.kept.take().filter(|_| stop == Some(Stop::Done)) else {
            return;
        };
        if !stand_in {
            let bytes = u32::try_from(kept.len()).unwrap_or(u32::MAX);
            self.keeping.bytes = bytes.saturating_add(512);
            let value = Cached::Relayed(kept.freeze());
            parts.keep(&self.key, &value, &self.keeping, self.flying);
        }
    }
}

/// Everything in `body` that reads like a record's id.
fn ids(body: &[u8]) -> Arc<[SalesforceId]> {
    const CLASS: scan::Class = scan::Class::letters_digits_and(b"");
    let ids = scan::long_words(body, SHORT_ID, &CLASS)
        .map(|word| &body[word])
        .filter(|word| matches!(word.len(), SHORT_ID | 18) && word.iter().any(u8::is_ascii_digit))
        .filter_map(|word| std::str::from_utf8(word).ok()?.parse().ok());
    ids.take(IDS).collect()
}

/// Characters of the shorter form of a record's id.
const SHORT_ID: usize = 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ids_of_a_request_are_found_in_both_lengths() {
        let found = ids(
            br#"{"content":"About 0065f00000QwErTAAV and \"0035f00000HjKlM\", not 0065f00000QwErTAAX or extraordinarily"}"#,
        );
        let prefixes: Vec<&str> = found.iter().map(SalesforceId::key_prefix).collect();
        assert_eq!(prefixes, ["006", "003"]);
    }
}
