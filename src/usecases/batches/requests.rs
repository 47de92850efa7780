//! What a client hands in, read as far as the gateway must know it.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::domain::{Alias, ModelId, Org, RequestId};
use crate::providers::claude::{Members, NoMembers};
use crate::providers::{Dialect, Reach};
use crate::salesforce::Fault;
use crate::usecases::relay::Message;

/// The requests of a batch. Each is kept as a few numbers: there may be a hundred thousand.
#[derive(Debug)]
pub struct Requests {
    body: Bytes,
    /// Each model that they name, and the first request that does.
    pub models: Vec<(Alias, usize)>,
    /// In their order.
    pub all: Vec<Request>,
}

/// One of them.
#[derive(Debug)]
pub struct Request {
    /// Which of the models it names.
    pub model: usize,
    /// Where in the body it does.
    place: Range<usize>,
    /// Bytes of its parameters.
    bytes: usize,
    /// The most tokens that may come back.
    pub max_tokens: u32,
    /// How far it can go beyond its bytes.
    pub reach: Reach,
}

/// Requests that one batch may have, as Claude has it.
const MOST: usize = 100_000;

/// The items of a list, as many as are of use, and how many there are.
struct Items<'a> {
    first: Vec<&'a RawValue>,
    count: usize,
}

impl Requests {
    /// Reads `body`, which `org` hands in.
    ///
    /// # Errors
    /// What is wrong with it, as far as the gateway has to know it, and what has no bound where the org has a budget.
    pub fn of(body: &Bytes, org: &Org, request_id: &RequestId) -> Result<Self, Fault> {
        let members = cut(body, "")?;
        let wanted = "must be a list of 1 to 100000 requests, each with custom_id and params";
        let list = members
            .get("requests")
            .ok_or_else(|| Fault::at("/requests", format!("is missing; it {wanted}")))?;
        let items: Items<'_> =
            serde_json::from_str(list).map_err(|_| Fault::at("/requests", wanted))?;
        if !(1..=MOST).contains(&items.count) {
            return Err(Fault::at("/requests", wanted));
        }
        let mut requests = Self {
            body: body.clone(),
            models: Vec::new(),
            all: Vec::with_capacity(items.count),
        };
        let mut known: HashMap<Alias, usize> = HashMap::new();
        for (nth, item) in items.first.into_iter().enumerate() {
            // A raw value borrows from the body, so its place is how far it begins behind the body's own beginning.
            let start = item.get().as_ptr().addr() - body.as_ptr().addr();
            let item = body.slice(start..start + item.get().len());
            let pointer = format!("/requests/{nth}");
            let params = cut(&item, &pointer)?.place("params").ok_or_else(|| {
                Fault::at(&pointer, "must be an object with custom_id and params")
            })?;
            let start = start + params.start;
            let params = item.slice(params);
            let inside = |fault: Fault| Fault {
                pointer: format!("{pointer}/params{}", fault.pointer),
                ..fault
            };
            let message =
                Message::of(&params, Dialect::default(), request_id.clone()).map_err(inside)?;
            if let Some(fault) = message.unbounded_for(org) {
                return Err(inside(fault.clone()));
            }
            let place = message.place_of_model();
            let next = requests.models.len();
            let model = *known.entry(message.model.clone()).or_insert(next);
            if model == next {
                requests.models.push((message.model.clone(), nth));
            }
            requests.all.push(Request {
                model,
                place: start + place.start..start + place.end,
                bytes: params.len(),
                max_tokens: message.max_tokens(),
                reach: message.reach(),
            });
        }
        Ok(requests)
    }

    /// The body with `names` in place of the models that the requests name; every other byte stays.
    pub fn with_models(&self, names: &[ModelId]) -> Bytes {
        // A model's id holds nothing that JSON escapes.
        let names: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
        let longest = names.iter().map(String::len).max().unwrap_or_default();
        let mut body = Vec::with_capacity(self.body.len() + self.all.len() * longest);
        let mut end = 0;
        for request in &self.all {
            body.extend_from_slice(&self.body[end..request.place.start]);
            body.extend_from_slice(names[request.model].as_bytes());
            end = request.place.end;
        }
        body.extend_from_slice(&self.body[end..]);
        body.into()
    }
}

impl Request {
    /// Bytes of its parameters once they name `model`.
    pub fn bytes_naming(&self, model: &ModelId) -> u64 {
        let quoted = model.as_str().len() + 2;
        (self.bytes - self.place.len() + quoted) as u64
    }
}

/// The members of `body`, which stands at `pointer`.
fn cut(body: &Bytes, pointer: &str) -> Result<Members, Fault> {
    Members::of(body).map_err(|why| match why {
        NoMembers::NoObject => Fault::at(pointer, "must be one JSON object"),
        NoMembers::Twice(name) => Fault::at(pointer, format!("has the member {name} twice")),
    })
}

impl<'de> Deserialize<'de> for Items<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;

        impl<'de> Visitor<'de> for List {
            type Value = Items<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Items<'de>, A::Error> {
                let mut first = Vec::new();
                while first.len() < MOST
                    && let Some(item) = seq.next_element()?
                {
                    first.push(item);
                }
                let mut count = first.len();
                // What lies beyond is counted and not kept.
                while seq.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Items { first, count })
            }
        }

        deserializer.deserialize_seq(List)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use jiff::tz::TimeZone;

    use super::*;
    use crate::domain::{Limits, Money, OrgId, OrgName};

    fn org() -> Org {
        let id = "00D5f000000XyZaEAK".parse().expect("an id");
        Org {
            id: OrgId::new(id).expect("an org"),
            name: OrgName::parse("acme").expect("a name"),
            timezone: TimeZone::UTC,
            limits: Limits {
                budget_per_day: Some(Money::micros(1)),
                ..Limits::default()
            },
            per_user: Limits::default(),
            models: BTreeMap::new(),
            tasks: Arc::default(),
            messages_cache_ttl: std::time::Duration::ZERO,
            privacy: None,
            batches: true,
        }
    }

    fn read(body: &str) -> Result<Requests, Fault> {
        let id = RequestId::parse("r1").expect("an id");
        Requests::of(&Bytes::copy_from_slice(body.as_bytes()), &org(), &id)
    }

    fn model(name: &str) -> ModelId {
        ModelId::parse(name).expect("a model")
    }

    #[test]
    fn only_the_models_change_and_every_other_byte_stays() {
        let body = "{ \"x_new\":1.50e1,\"requests\" : [\n {\"custom_id\":\"a\", \"params\":{\"mod\\u0065l\": \"fast\",\"max_tokens\":7, \"messages\":[]}},\
            {\"params\" :{ \"max_tokens\":9,\"model\":\"default\" },\"custom_id\":\"b\" },{\"custom_id\":\"c\",\"params\":{\"model\":\"fast\",\"max_tokens\":7}} ] } ";
        let requests = read(body).expect("requests");
        let named: Vec<_> = requests
            .models
            .iter()
            .map(|(name, first)| (name.as_str(), *first))
            .collect();
        assert_eq!(named, [("fast", 0), ("default", 1)]);
        let sent = requests.with_models(&[model("claude-haiku-5-5"), model("claude-sonnet-5-5")]);
        let expected = body
            .replace("\"fast\"", "\"claude-haiku-5-5\"")
            .replace("\"default\"", "\"claude-sonnet-5-5\"");
        assert_eq!(sent, expected);
        let params = "{ \"max_tokens\":9,\"model\":\"claude-sonnet-5-5\" }";
        let second = &requests.all[1];
        let bytes = second.bytes_naming(&model("claude-sonnet-5-5"));
        assert_eq!((second.max_tokens, bytes), (9, params.len() as u64));
    }

    #[test]
    fn what_is_wrong_is_named_where_it_is() {
        let one = |params: &str| {
            format!(
                "{{\"requests\":[{{\"params\":{{\"model\":\"a\",\"max_tokens\":1}}}},{{\"custom_id\":\"b\",\"params\":{params}}}]}}"
            )
        };
        for (body, pointer) in [
            ("[]".to_owned(), ""),
            ("{}".to_owned(), "/requests"),
            ("{\"requests\":{}}".to_owned(), "/requests"),
            ("{\"requests\":[]}".to_owned(), "/requests"),
            ("{\"requests\":[],\"requests\":[]}".to_owned(), ""),
            ("{\"requests\":[7]}".to_owned(), "/requests/0"),
            (
                "{\"requests\":[{\"custom_id\":\"a\"}]}".to_owned(),
                "/requests/0",
            ),
            (
                "{\"requests\":[{\"params\":{},\"params\":{}}]}".to_owned(),
                "/requests/0",
            ),
            (one("7"), "/requests/1/params"),
            (one("{\"max_tokens\":1}"), "/requests/1/params/model"),
            (
                one("{\"model\":\"a/b\",\"max_tokens\":1}"),
                "/requests/1/params/model",
            ),
            (one("{\"model\":\"a\"}"), "/requests/1/params/max_tokens"),
            (
                one("{\"model\":\"a\",\"max_tokens\":1,\"speed\":\"fast\"}"),
                "/requests/1/params/speed",
            ),
        ] {
            assert_eq!(read(&body).expect_err(&body).pointer, pointer, "{body}");
        }
    }

    #[test]
    fn more_requests_than_a_batch_may_have_are_refused_unread() {
        let many = |count: usize| format!("{{\"requests\":[{}]}}", vec!["1"; count].join(","));
        let told = |count| read(&many(count)).expect_err("no requests").pointer;
        assert_eq!(told(MOST), "/requests/0");
        assert_eq!(told(MOST + 1), "/requests");
    }
}
