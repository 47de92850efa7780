//! How a call has ended, in bytes that every replica reads.
//!
//! # Why
//! Replicas are replaced one by one, so two releases meet in the store. The first byte is the form; what a form gains later
//! has a value where it is missing, and what it loses is passed over, so that another form is rarely needed. A form that is
//! not known here is not read at all: what has ended does not run again.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::answer::{Answer, Landed, Told, Via};
use super::error::Error;
use crate::domain::{ModelId, Money, ProviderName, RequestId, TaskName, Usage};
use crate::engine::idempotency::Outcome;

/// The form of everything below.
const FORM: u8 = 1;
/// What stands after the form where there is an answer.
const ANSWERED: u8 = b'a';
/// What stands there where the model refused.
const REFUSED: u8 = b'r';
/// The size of an outcome that is no answer, about.
const SMALL: u32 = 256;

/// What a task was told, as it is written.
#[derive(Serialize, Deserialize)]
struct Written {
    id: String,
    task: String,
    record_id: Option<String>,
    text: String,
    own: Map<String, Value>,
    ungrounded: Vec<String>,
    masked_fields: u32,
    input_truncated: bool,
    simulated: bool,
    model: String,
    provider: String,
    prompt_version: String,
    request_id: String,
    usage: [u64; 6],
    cost_micros: u64,
    upstream_us: u64,
    took_us: u64,
}

impl Outcome for Landed {
    fn is_final(&self) -> bool {
        self.as_ref().err().is_none_or(Error::is_final)
    }

    fn bytes(&self) -> u32 {
        self.as_ref().map_or(SMALL, |told| told.answer.bytes())
    }

    fn packed(&self) -> Vec<u8> {
        let Ok(told) = self else {
            return vec![FORM, REFUSED];
        };
        let mut bytes = vec![FORM, ANSWERED];
        serde_json::to_writer(&mut bytes, &Written::from(told)).expect("plain data");
        bytes
    }

    fn unpacked(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [FORM, ANSWERED, written @ ..] => {
                let written: Written = serde_json::from_slice(written).ok()?;
                Some(Ok(written.read()?))
            }
            [FORM, REFUSED] => Some(Err(Error::ModelRefused)),
            _ => None,
        }
    }
}

impl Outcome for Result<Bytes, Error> {
    fn is_final(&self) -> bool {
        self.as_ref().err().is_none_or(Error::is_final)
    }

    fn bytes(&self) -> u32 {
        self.as_ref()
            .map_or(SMALL, |body| u32::try_from(body.len()).unwrap_or(u32::MAX))
    }

    fn packed(&self) -> Vec<u8> {
        match self {
            Ok(body) => [&[FORM, ANSWERED], &**body].concat(),
            Err(_) => vec![FORM, REFUSED],
        }
    }

    fn unpacked(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [FORM, ANSWERED, body @ ..] => Some(Ok(Bytes::copy_from_slice(body))),
            [FORM, REFUSED] => Some(Err(Error::ModelRefused)),
            _ => None,
        }
    }
}

impl From<&Told> for Written {
    fn from(told: &Told) -> Self {
        let Told { answer, usage, .. } = told;
        Self {
            id: answer.id.clone(),
            task: answer.task.to_owned(),
            record_id: answer.record_id.clone(),
            text: answer.text.clone(),
            own: answer.own.clone(),
            ungrounded: answer.ungrounded.clone(),
            masked_fields: answer.masked_fields,
            input_truncated: answer.input_truncated,
            simulated: answer.simulated,
            model: answer.model.to_string(),
            provider: answer.provider.to_string(),
            prompt_version: answer.prompt_version.clone().into_owned(),
            request_id: told.request_id.to_string(),
            usage: [
                usage.input_tokens,
                usage.output_tokens,
                usage.cache_write_5m_tokens,
                usage.cache_write_1h_tokens,
                usage.cache_read_tokens,
                usage.web_searches,
            ],
            cost_micros: told.cost.as_micros(),
            upstream_us: micros(told.upstream),
            took_us: micros(told.took),
        }
    }
}

impl Written {
    /// What was told, as a repeat is told it; `None` where it names what nobody here knows.
    fn read(self) -> Option<Told> {
        let answer = Answer {
            id: self.id,
            task: TaskName::parse(&self.task)?.as_str(),
            record_id: self.record_id,
            text: self.text,
            own: self.own,
            ungrounded: self.ungrounded,
            masked_fields: self.masked_fields,
            input_truncated: self.input_truncated,
            simulated: self.simulated,
            model: ModelId::parse(&self.model)?,
            provider: ProviderName::parse(&self.provider)?,
            prompt_version: self.prompt_version.into(),
        };
        let [input, output, five_minutes, an_hour, read, searches] = self.usage;
        Some(Told {
            answer: Arc::new(answer),
            request_id: RequestId::parse(&self.request_id)?,
            via: Via::Replayed,
            usage: Usage {
                input_tokens: input,
                output_tokens: output,
                cache_write_5m_tokens: five_minutes,
                cache_write_1h_tokens: an_hour,
                cache_read_tokens: read,
                web_searches: searches,
            },
            cost: Money::micros(self.cost_micros),
            upstream: Duration::from_micros(self.upstream_us),
            took: Duration::from_micros(self.took_us),
        })
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told() -> Told {
        let Value::Object(own) = json!({"z": [1, 2.5], "a": "grün"}) else {
            panic!("an object");
        };
        Told {
            answer: Arc::new(Answer {
                id: "brf_1".to_owned(),
                task: "briefing",
                record_id: Some("0065f00000AbCdE".to_owned()),
                text: "good news".to_owned(),
                own,
                ungrounded: vec!["42".to_owned()],
                masked_fields: 3,
                input_truncated: true,
                simulated: false,
                model: ModelId::parse("claude-opus-5-5").expect("a name"),
                provider: ProviderName::parse("claude").expect("a name"),
                prompt_version: "briefing-of-another-release".into(),
            }),
            request_id: RequestId::parse("req-1").expect("an id"),
            via: Via::Miss { stored: true },
            usage: Usage {
                input_tokens: 1,
                output_tokens: 2,
                cache_write_5m_tokens: 3,
                cache_write_1h_tokens: 4,
                cache_read_tokens: 5,
                web_searches: 6,
            },
            cost: Money::micros(7),
            upstream: Duration::from_micros(8),
            took: Duration::from_micros(9),
        }
    }

    #[test]
    fn an_outcome_is_read_as_it_was_written() {
        let first = told();
        let read = Landed::unpacked(&Ok(first.clone()).packed());
        let read = read.expect("it is of this release").expect("told");
        let first = Told {
            via: Via::Replayed,
            ..first
        };
        assert_eq!(format!("{first:?}"), format!("{read:?}"));
        let refused: Landed = Err(Error::ModelRefused);
        let read = Landed::unpacked(&refused.packed());
        assert!(matches!(read, Some(Err(Error::ModelRefused))));
        let body = Bytes::from_static(b"{\"any\": \"bytes\"}");
        let read = <Result<Bytes, Error>>::unpacked(&Ok(body.clone()).packed());
        assert_eq!(read.expect("one").expect("a body"), body);
    }

    #[test]
    fn what_another_release_adds_is_passed_over_and_another_form_is_not_read() {
        let mut written = serde_json::to_value(Written::from(&told())).expect("plain data");
        written["new"] = json!(true);
        let bytes = [&[FORM, ANSWERED], written.to_string().as_bytes()].concat();
        assert!(Landed::unpacked(&bytes).is_some());
        let mut other = Landed::packed(&Ok(told()));
        for length in 0..other.len() {
            assert!(Landed::unpacked(&other[..length]).is_none(), "{length}");
        }
        other[0] += 1;
        assert!(Landed::unpacked(&other).is_none());
        assert!(<Result<Bytes, Error>>::unpacked(&other).is_none());
    }
}
