//! What an answer says it used.
//!
//! # Why
//! Money hangs on it, and it comes from outside. So it is read apart from the answer: an answer that cannot be read any
//! further still tells its usage, and a usage that makes no sense spoils no answer. What is not a count is not guessed at;
//! then nobody knows what was used, and the bound is charged.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::domain::Usage;

/// A message as far as it says what it is and what it used.
#[derive(Deserialize)]
struct Outline<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default, borrow)]
    usage: Option<&'a RawValue>,
}

/// What a message says of itself.
pub struct Told {
    /// What it used, where that makes sense.
    pub usage: Option<Usage>,
}

/// Usage as it is written, whole or of the beginning of a stream.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(super) struct WireUsage {
    #[serde(default)]
    input_tokens: Count,
    #[serde(default)]
    output_tokens: Count,
    #[serde(default)]
    cache_creation_input_tokens: Count,
    #[serde(default)]
    cache_read_input_tokens: Count,
    #[serde(default)]
    cache_creation: Option<CacheCreation>,
    #[serde(default)]
    server_tool_use: Option<ServerTools>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct CacheCreation {
    #[serde(default)]
    ephemeral_5m_input_tokens: Count,
    #[serde(default)]
    ephemeral_1h_input_tokens: Count,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct ServerTools {
    #[serde(default)]
    web_search_requests: Count,
}

/// How many of something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Count {
    /// It does not say.
    #[default]
    Untold,
    /// So many.
    Told(u64),
    /// No number of things.
    Nonsense,
}

/// What `body` says of itself; `None` where it is no message, whatever stands in it.
pub fn told(body: &[u8]) -> Option<Told> {
    let outline: Outline<'_> = serde_json::from_slice(body).ok()?;
    (outline.kind == "message").then(|| Told {
        usage: outline
            .usage
            .and_then(|usage| WireUsage::read(usage)?.told()),
    })
}

/// Whether `body` tells how many tokens a request comes to.
pub fn is_count(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Counted {
        input_tokens: Count,
    }

    serde_json::from_slice::<Counted>(body)
        .is_ok_and(|counted| counted.input_tokens.number().is_some())
}

/// What `body` says it used; `None` where it is no message or does not say.
pub fn usage(body: &[u8]) -> Option<Usage> {
    WireUsage::of_message(body)?.told()
}

impl WireUsage {
    /// That of a message.
    pub(super) fn of_message(body: &[u8]) -> Option<Self> {
        let outline: Outline<'_> = serde_json::from_slice(body).ok()?;
        Self::read(outline.usage?)
    }

    pub(super) fn read(raw: &RawValue) -> Option<Self> {
        serde_json::from_str(raw.get()).ok()
    }

    /// Whether it tells what was written, as only the whole answer's does.
    pub(super) fn tells_output(&self) -> bool {
        self.output_tokens != Count::Untold
    }

    /// What counts once `later` is known: its numbers are those of the whole answer, so none of them gets less.
    pub(super) fn then(self, later: Self) -> Self {
        Self {
            input_tokens: self.input_tokens.or_more(later.input_tokens),
            output_tokens: self.output_tokens.or_more(later.output_tokens),
            cache_creation_input_tokens: self
                .cache_creation_input_tokens
                .or_more(later.cache_creation_input_tokens),
            cache_read_input_tokens: self
                .cache_read_input_tokens
                .or_more(later.cache_read_input_tokens),
            cache_creation: later.cache_creation.or(self.cache_creation),
            server_tool_use: later.server_tool_use.or(self.server_tool_use),
        }
    }

    /// Each token in one member only; `None` where a number is missing or is none. A cache write whose time is not told
    /// counts as five minutes, which is what we ask for.
    pub(super) fn told(&self) -> Option<Usage> {
        let written = self.cache_creation_input_tokens.or_none()?;
        let (five_minutes, an_hour) = match &self.cache_creation {
            Some(parts) => {
                let an_hour = parts.ephemeral_1h_input_tokens.or_none()?;
                let five_minutes = parts.ephemeral_5m_input_tokens.or_none()?;
                (five_minutes.max(written.saturating_sub(an_hour)), an_hour)
            }
            None => (written, 0),
        };
        let searches = self.server_tool_use.map(|tools| tools.web_search_requests);
        Some(Usage {
            input_tokens: self.input_tokens.number()?,
            output_tokens: self.output_tokens.number()?,
            cache_write_5m_tokens: five_minutes,
            cache_write_1h_tokens: an_hour,
            cache_read_tokens: self.cache_read_input_tokens.or_none()?,
            web_searches: searches.unwrap_or_default().or_none()?,
        })
    }
}

impl Count {
    fn number(self) -> Option<u64> {
        match self {
            Self::Told(number) => Some(number),
            Self::Untold | Self::Nonsense => None,
        }
    }

    /// None of it where it does not say.
    fn or_none(self) -> Option<u64> {
        match self {
            Self::Untold => Some(0),
            Self::Told(number) => Some(number),
            Self::Nonsense => None,
        }
    }

    fn or_more(self, later: Self) -> Self {
        match (self, later) {
            (Self::Nonsense, _) | (_, Self::Nonsense) => Self::Nonsense,
            (Self::Told(first), Self::Told(later)) => Self::Told(first.max(later)),
            (Self::Told(_), Self::Untold) => self,
            (Self::Untold, later) => later,
        }
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a count")
            }

            fn visit_u64<E>(self, number: u64) -> Result<Count, E> {
                Ok(Count::Told(number))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Count, E> {
                Ok(Count::Nonsense)
            }

            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a whole number far below 2^53"
            )]
            fn visit_f64<E>(self, number: f64) -> Result<Count, E> {
                let is_count = number.fract() == 0.0 && (0.0..1e15).contains(&number);
                Ok(if is_count {
                    Count::Told(number as u64)
                } else {
                    Count::Nonsense
                })
            }

            fn visit_unit<E>(self) -> Result<Count, E> {
                Ok(Count::Untold)
            }

            fn visit_str<E>(self, _: &str) -> Result<Count, E> {
                Ok(Count::Nonsense)
            }

            fn visit_bool<E>(self, _: bool) -> Result<Count, E> {
                Ok(Count::Nonsense)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Count, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Count::Nonsense)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Count, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Count::Nonsense)
            }
        }

        deserializer.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(usage: &str) -> Option<Usage> {
        let body =
            format!(r#"{{"type":"message","content":[{{"text":{{"odd":[1]}}}}],"usage":{usage}}}"#);
        let usage = super::usage(body.as_bytes());
        assert_eq!(
            super::told(body.as_bytes()).expect("a message").usage,
            usage
        );
        usage
    }

    #[test]
    fn usage_counts_each_token_once() {
        let usage = told(
            r#"{"input_tokens":10,"output_tokens":5,"cache_creation_input_tokens":7,"cache_read_input_tokens":3,"cache_creation":{"ephemeral_5m_input_tokens":4,"ephemeral_1h_input_tokens":3}}"#,
        );
        let usage = usage.expect("told");
        assert_eq!(usage.all_tokens(), 25);
        assert_eq!(usage.cache_write_1h_tokens, 3);
        let older = told(
            r#"{"input_tokens":10,"output_tokens":5,"cache_creation_input_tokens":7,"cache_read_input_tokens":null}"#,
        );
        assert_eq!(older.expect("told").cache_write_5m_tokens, 7);
        assert_eq!(super::usage(br#"{"type":"message"}"#), None);
    }

    #[test]
    fn a_cache_write_that_its_parts_do_not_tell_is_counted_all_the_same() {
        let usage = told(
            r#"{"input_tokens":1,"output_tokens":1,"cache_creation_input_tokens":900,"cache_creation":{"ephemeral_5m_input_tokens":0}}"#,
        );
        assert_eq!(usage.expect("told").cache_write_5m_tokens, 900);
    }

    #[test]
    fn what_is_no_count_is_no_usage_and_spoils_no_message() {
        assert_eq!(
            told(r#"{"input_tokens":10.0,"output_tokens":5}"#).map(|usage| usage.input_tokens),
            Some(10)
        );
        for usage in [
            r#"{"input_tokens":-1,"output_tokens":5}"#,
            r#"{"input_tokens":1.5,"output_tokens":5}"#,
            r#"{"input_tokens":"10","output_tokens":5}"#,
            r#"{"input_tokens":1,"output_tokens":[5]}"#,
            r#"{"output_tokens":5}"#,
            r#"{"input_tokens":1,"output_tokens":5,"cache_creation":7}"#,
            "null",
            "[]",
            "7",
        ] {
            assert_eq!(told(usage), None, "{usage}");
        }
    }

    #[test]
    fn searches_are_counted_where_the_answer_tells_them() {
        let searches = |tools: &str| {
            told(&format!(
                r#"{{"input_tokens":10,"output_tokens":5,"server_tool_use":{tools}}}"#
            ))
            .expect("told")
            .web_searches
        };
        assert_eq!(
            searches(r#"{"web_search_requests":3,"web_fetch_requests":0}"#),
            3
        );
        assert_eq!(searches(r#"{"web_search_requests":null}"#), 0);
        assert_eq!(searches("null"), 0);
    }

    #[test]
    fn a_message_is_one_however_deep_and_odd_it_is() {
        let deep = format!(
            r#"{{"type":"message","content":[{{"input":{}1{}}},"\ud83d"],"usage":{{"input_tokens":1,"output_tokens":2}}}}"#,
            "[".repeat(400),
            "]".repeat(400)
        );
        assert!(super::told(deep.as_bytes()).is_some());
        assert_eq!(
            super::usage(deep.as_bytes()).map(|usage| usage.all_tokens()),
            Some(3)
        );
        assert!(is_count(br#"{"input_tokens": 14, "x": 1}"#) && !is_count(b"<html>"));
        assert!(super::told(br#"{"type":"error"}"#).is_none() && super::told(b"<html>").is_none());
    }
}
