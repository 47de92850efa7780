//! A task's request and answer as they go over the wire.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::domain::{Alias, Money, Usage};
use crate::http::call::Call;
use crate::http::extract::Wishes;
use crate::salesforce::{Fault, Record, Source};
use crate::tasks::{Options, Task};
use crate::usecases::answer::{Asked, Caching, Repeat};
use crate::usecases::{Told, Via};

/// What a task is asked about, and how.
///
/// The document shows one such request a task, closed, in words of its own and with the task's own members beside
/// these; what fits it has no member that is neither.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
pub struct TaskRequest {
    /// The record, exactly as `JSON.serialize(sObject)` writes it: attributes, parents, child query results and nulls.
    #[schema(value_type = Option<Object>)]
    record: Option<Value>,
    /// The record as text: the JSON that `JSON.serialize(sObject)` writes.
    record_json: Option<String>,
    /// The record as a list of labels and values, at most 500; labels as Salesforce shows them, such as Stage, Amount or
    /// Close Date, are understood best.
    #[schema(max_items = 500)]
    facts: Option<Vec<FactItem>>,
    /// Records that belong to it and did not come as its children.
    related: Option<RelatedRecords>,
    /// Free text that belongs to the record, such as an e-mail thread, the newest first. More than the model should read
    /// is cut, and the answer says `input_truncated`.
    text: Option<String>,
    /// What the answer should stress, such as "focus on renewal risk"; at most 2,000 characters.
    #[schema(max_length = 2000)]
    instructions: Option<String>,
    /// The language of the answer as a BCP 47 tag or a Salesforce locale, such as `de` or `pt_BR`. Without it: the record's own.
    #[schema(max_length = 35, pattern = "^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$")]
    language: Option<String>,
    /// The alias of another model than the task's own, such as `fast`, as the gateway's config names it.
    #[schema(max_length = 128)]
    model: Option<String>,
    /// Whether to ask anew although an answer is cached; false where nothing is said.
    fresh: Option<bool>,
    /// Whether to answer what would be sent, after privacy, and send nothing. A bulk has no previews.
    #[expect(dead_code, reason = "the handler has looked at it before")]
    preview: Option<bool>,
    /// The members that only one task has.
    #[serde(flatten)]
    #[schema(ignore)]
    own: Map<String, Value>,
}

/// A label and what it says.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Fact)]
pub struct FactItem {
    /// What the value is, such as "Stage".
    #[schema(min_length = 1, max_length = 255)]
    label: String,
    /// The value as text; null where there is none.
    #[serde(default)]
    #[schema(max_length = 131_072)]
    value: Option<String>,
}

/// Records that belong to the one asked about, by kind.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RelatedRecords {
    /// Contacts, or contact roles.
    #[schema(value_type = Option<Vec<Object>>, max_items = 2000)]
    contacts: Option<Vec<Value>>,
    /// Tasks and Events.
    #[schema(value_type = Option<Vec<Object>>, max_items = 2000)]
    activities: Option<Vec<Value>>,
    /// Case comments or feed items.
    #[schema(value_type = Option<Vec<Object>>, max_items = 2000)]
    comments: Option<Vec<Value>>,
    /// E-mail messages.
    #[schema(value_type = Option<Vec<Object>>, max_items = 2000)]
    emails: Option<Vec<Value>>,
    /// Opportunities.
    #[schema(value_type = Option<Vec<Object>>, max_items = 2000)]
    opportunities: Option<Vec<Value>>,
}

/// The answer of a task.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the contract's members, which Apex reads one by one"
)]
pub struct TaskAnswer<T> {
    /// The answer's own id. A cached answer keeps it.
    #[schema(example = "brf_01JD8Z6QK3M4T9W0V5XN2C7RBE")]
    id: String,
    /// The task that gave it, such as `briefing`.
    task: &'static str,
    /// The id of the record; null where none came.
    record_id: Option<String>,
    /// The whole answer as readable text, at most 32,000 characters; left out of a bulk with `omit_text`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, max_length = 32000)]
    text: Option<String>,
    /// The task's own fields.
    #[serde(flatten)]
    own: T,
    /// Amounts, dates, percentages, e-mail addresses, record ids and names that the answer says and the input does not.
    ungrounded: Vec<String>,
    /// How many values were masked before the model saw them.
    masked_fields: u32,
    /// Whether more came than the model should read, so that the oldest was left out.
    input_truncated: bool,
    /// Whether texts were cut for the size that the caller can take.
    truncated: bool,
    /// Whether it came from the cache, and so cost nothing.
    cached: bool,
    /// Whether the simulator made it up.
    simulated: bool,
    /// The model that gave it.
    model: String,
    /// The provider that gave it.
    provider: String,
    /// The version of the prompt, such as `briefing-1`.
    prompt_version: String,
    /// What this very call used; nothing where it came from the cache or from another call.
    usage: AnswerUsage,
    /// The id of the call.
    request_id: String,
    /// Milliseconds from the call to its answer.
    duration_ms: u64,
}

/// What a call used.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
#[schema(as = Usage)]
pub struct AnswerUsage {
    /// Tokens read, from the provider's own cache or not.
    input_tokens: u64,
    /// Tokens written, thinking included.
    output_tokens: u64,
    /// What that cost, in US dollars.
    cost_usd: f64,
}

impl TaskRequest {
    /// What is asked, once everything about it has been checked. `at` is the place of this request in the body.
    ///
    /// # Errors
    /// Everything that is wrong with it, by place.
    pub fn into_asked(
        self,
        task: &'static dyn Task,
        call: &Call,
        wishes: &Wishes,
        repeat: Option<Repeat>,
        at: &str,
    ) -> Result<Asked, Vec<Fault>> {
        let mut faults = Vec::new();
        let model = self.model.as_deref().map(Alias::parse);
        if model == Some(None) {
            faults.push(fault(
                at,
                "model",
                "must be the alias of a model, such as default",
            ));
        }
        let caching = Caching {
            fresh: wishes.caching.fresh || self.fresh == Some(true),
            ..wishes.caching
        };
        let (language, instructions) = (self.language.clone(), self.instructions.clone());
        let options = task.options(self.own.clone()).unwrap_or_else(|more| {
            faults.extend(more.into_iter().map(|fault| beneath(at, fault)));
            Options::None
        });
        let source = self.into_source((task, &options), at, &mut faults);
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Asked {
            task,
            source: Arc::new(source),
            options,
            instructions: instructions.filter(|text| !text.trim().is_empty()),
            language: language.map(|tag| tag.replace('_', "-").to_ascii_lowercase()),
            model: model.flatten(),
            caching,
            repeat,
            request_id: call.id.clone(),
        })
    }

    fn into_source(
        self,
        (task, options): (&dyn Task, &Options),
        at: &str,
        faults: &mut Vec<Fault>,
    ) -> Source {
        let ways = [
            self.record.is_some(),
            self.record_json.is_some(),
            self.facts.is_some(),
        ];
        let names = ["record", "record_json", "facts"];
        let mut given = names.into_iter().zip(ways).filter(|(_, given)| *given);
        if let (Some((first, _)), Some((second, _))) = (given.next(), given.next()) {
            let detail =
                format!("must not come beside {second}: send one of record, record_json and facts");
            faults.push(fault(at, first, &detail));
        }
        let (parsed, place) = match (self.record, self.record_json) {
            (Some(value), _) => {
                let place = format!("{at}/record");
                (Some(Record::parse(value, &place)), place)
            }
            (None, Some(text)) => {
                let place = format!("{at}/record_json");
                (Some(Record::parse_text(&text, &place)), place)
            }
            (None, None) => (None, String::new()),
        };
        let record = parsed.and_then(|parsed| parsed.map_err(|more| faults.extend(more)).ok());
        if let Some(other) = record
            .as_ref()
            .and_then(Record::object)
            .filter(|object| !task.objects().contains(object))
        {
            let other: String = other.chars().take(60).collect();
            let about = task.objects().join(", ");
            faults.push(fault(
                &place,
                "attributes/type",
                &format!("is {other}, and this task is about: {about}"),
            ));
        }
        let came = record.is_some() || ways.contains(&true);
        let facts = self.facts.unwrap_or_default();
        let source = Source {
            record,
            related: self
                .related
                .map(|related| related.into_lists(at, faults))
                .unwrap_or_default(),
            facts: facts
                .into_iter()
                .filter_map(|fact| Some((fact.label, fact.value?)))
                .collect(),
            text: self.text.filter(|text| !text.trim().is_empty()),
        };
        // One that came and could not be read is not missing, and what is wrong with it has been told.
        if !came || faults.is_empty() {
            let missing = task.missing(&source, options);
            faults.extend(missing.map(|fault| beneath(at, fault)));
        }
        source
    }
}

impl RelatedRecords {
    fn into_lists(self, at: &str, faults: &mut Vec<Fault>) -> Vec<(String, Vec<Record>)> {
        let lists = [
            ("contacts", self.contacts),
            ("activities", self.activities),
            ("comments", self.comments),
            ("emails", self.emails),
            ("opportunities", self.opportunities),
        ];
        let mut parsed = Vec::new();
        for (name, values) in lists {
            let mut records = Vec::new();
            for (nth, value) in values.into_iter().flatten().enumerate() {
                match Record::parse(value, &format!("{at}/related/{name}/{nth}")) {
                    Ok(record) => records.push(record),
                    Err(more) => faults.extend(more),
                }
            }
            if !records.is_empty() {
                parsed.push((name.to_owned(), records));
            }
        }
        parsed
    }
}

impl TaskAnswer<Map<String, Value>> {
    /// What a caller is told.
    pub fn new(told: &Told, omit_text: bool) -> Self {
        let answer = &told.answer;
        Self {
            id: answer.id.clone(),
            task: answer.task,
            record_id: answer.record_id.clone(),
            text: (!omit_text).then(|| answer.text.clone()),
            own: answer.own.clone(),
            ungrounded: answer.ungrounded.clone(),
            masked_fields: answer.masked_fields,
            input_truncated: answer.input_truncated,
            truncated: false,
            cached: matches!(told.via, Via::Hit { .. }),
            simulated: answer.simulated,
            model: answer.model.to_string(),
            provider: answer.provider.to_string(),
            prompt_version: answer.prompt_version.clone().into_owned(),
            usage: AnswerUsage::new(&told.usage, told.cost),
            request_id: told.request_id.to_string(),
            duration_ms: u64::try_from(told.took.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

impl AnswerUsage {
    fn new(usage: &Usage, cost: Money) -> Self {
        Self {
            input_tokens: usage.all_input_tokens(),
            output_tokens: usage.output_tokens,
            cost_usd: cost.as_usd(),
        }
    }
}

/// How a repeat of `body` on `path` is known, where the caller named a key.
pub fn repeat(wishes: &Wishes, path: &'static str, body: &[u8], item: u32) -> Option<Repeat> {
    wishes.idempotency_key.clone().map(|key| Repeat {
        key,
        path,
        body: Sha256::digest(body).into(),
        item,
    })
}

/// A fault whose place counts from the request, at its place in the body.
fn beneath(at: &str, fault: Fault) -> Fault {
    Fault {
        pointer: format!("{at}{}", fault.pointer),
        ..fault
    }
}

fn fault(at: &str, member: &str, detail: &str) -> Fault {
    Fault {
        pointer: format!("{at}/{member}"),
        detail: detail.to_owned(),
    }
}
