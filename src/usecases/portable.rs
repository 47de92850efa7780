//! Answers as another replica reads them.
//!
//! # Why
//! A replica of another release may have other prompts and other types. So an answer is written by names, and one that does
//! not fit, or was given to another prompt, is not read at all: it is asked for anew.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::answer::Answer;
use super::parts::Cached;
use crate::domain::{ModelId, ProviderName, TaskName};
use crate::engine::behind::Portable;
use crate::tasks;

/// A task's answer, written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written<'a> {
    id: Cow<'a, str>,
    task: Cow<'a, str>,
    record_id: Option<Cow<'a, str>>,
    text: Cow<'a, str>,
    own: Cow<'a, Map<String, Value>>,
    ungrounded: Cow<'a, [String]>,
    masked_fields: u32,
    input_truncated: bool,
    simulated: bool,
    model: Cow<'a, str>,
    provider: Cow<'a, str>,
    prompt_version: Cow<'a, str>,
}

/// What an answer of a task begins with.
const OF_A_TASK: u8 = b'T';
/// What a relayed answer begins with.
const RELAYED: u8 = b'R';

impl Portable for Cached {
    fn pack(&self) -> Vec<u8> {
        match self {
            Self::Answer(answer) => {
                let mut bytes = vec![OF_A_TASK];
                serde_json::to_writer(&mut bytes, &Written::of(answer)).expect("plain data");
                bytes
            }
            Self::Relayed(body) => [&[RELAYED], &**body].concat(),
        }
    }

    fn unpack(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first()? {
            (&OF_A_TASK, rest) => {
                let written: Written<'_> = serde_json::from_slice(rest).ok()?;
                Some(Self::Answer(Arc::new(written.read()?)))
            }
            (&RELAYED, rest) => Some(Self::Relayed(Bytes::copy_from_slice(rest))),
            _ => None,
        }
    }
}

impl<'a> Written<'a> {
    fn of(answer: &'a Answer) -> Self {
        let Answer {
            id,
            task,
            record_id,
            text,
            own,
            ungrounded,
            masked_fields,
            input_truncated,
            simulated,
            model,
            provider,
            prompt_version,
        } = answer;
        Self {
            id: id.into(),
            task: (*task).into(),
            record_id: record_id.as_deref().map(Cow::Borrowed),
            text: text.into(),
            own: Cow::Borrowed(own),
            ungrounded: ungrounded.into(),
            masked_fields: *masked_fields,
            input_truncated: *input_truncated,
            simulated: *simulated,
            model: model.as_str().into(),
            provider: provider.as_str().into(),
            prompt_version: prompt_version.clone(),
        }
    }

    fn read(self) -> Option<Answer> {
        let task = tasks::named(TaskName::parse(&self.task)?);
        if task.prompt_version() != self.prompt_version {
            return None;
        }
        Some(Answer {
            id: self.id.into_owned(),
            task: task.name().as_str(),
            record_id: self.record_id.map(Cow::into_owned),
            text: self.text.into_owned(),
            own: self.own.into_owned(),
            ungrounded: self.ungrounded.into_owned(),
            masked_fields: self.masked_fields,
            input_truncated: self.input_truncated,
            simulated: self.simulated,
            model: ModelId::parse(&self.model)?,
            provider: ProviderName::parse(&self.provider)?,
            prompt_version: Cow::Borrowed(task.prompt_version()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Answer {
        let task = tasks::named(TaskName::Briefing);
        Answer {
            id: "brf_1".to_owned(),
            task: task.name().as_str(),
            record_id: None,
            text: "Größer\n".to_owned(),
            own: Map::from_iter([("headline".to_owned(), Value::from("Renewal"))]),
            ungrounded: vec!["$1".to_owned()],
            masked_fields: 2,
            input_truncated: true,
            simulated: false,
            model: ModelId::parse("claude-sonnet-5-5").expect("a model"),
            provider: ProviderName::parse("claude").expect("a name"),
            prompt_version: Cow::Borrowed(task.prompt_version()),
        }
    }

    #[test]
    fn an_answer_comes_back_as_it_went() {
        let went = Cached::Answer(Arc::new(answer()));
        let came = Cached::unpack(&went.pack()).expect("an answer");
        assert_eq!(format!("{came:?}"), format!("{went:?}"));
        let went = Cached::Relayed(Bytes::from_static(b"event: ping\n\n"));
        let came = Cached::unpack(&went.pack()).expect("an answer");
        assert_eq!(format!("{came:?}"), format!("{went:?}"));
    }

    #[test]
    fn what_another_release_wrote_is_not_read() {
        let other = Answer {
            prompt_version: Cow::Borrowed("briefing-0"),
            ..answer()
        };
        assert!(Cached::unpack(&Cached::Answer(Arc::new(other)).pack()).is_none());
        let text = String::from_utf8(Cached::Answer(Arc::new(answer())).pack()).expect("JSON");
        for (from, to) in [
            ("\"id\"", "\"ID\""),
            ("{\"id\"", "{\"new\":1,\"id\""),
            ("briefing\"", "poem\""),
            ("T{", "X{"),
            ("}", ""),
        ] {
            let other = text.replacen(from, to, 1);
            assert_ne!(other, text);
            assert!(Cached::unpack(other.as_bytes()).is_none(), "{other}");
        }
        assert!(Cached::unpack(b"").is_none());
    }
}
