//! A client's own Messages request, read as far as the gateway must know it.

use std::ops::Range;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::facts::Facts;
use crate::domain::{Alias, Effort, Org, RequestId, Target};
use crate::engine::dispatch::Question;
use crate::providers::claude::{self, Fit, Members, NoMembers};
use crate::providers::{Dialect, Outgoing, Reach};
use crate::salesforce::Fault;
use crate::usecases::answer::{Caching, Repeat};

/// A Messages request on its way.
#[derive(Debug, Clone)]
pub struct Message {
    members: Members,
    facts: Facts,
    max_tokens: u32,
    fit: Option<Fit>,
    /// The model that the client names: an alias, or the id of a target.
    pub model: Alias,
    /// Whether the answer is to come in events.
    pub stream: bool,
    /// Which API the client speaks.
    pub dialect: Dialect,
    /// What the client allows the cache to do.
    pub caching: Caching,
    /// The client's key for repeats.
    pub repeat: Option<Repeat>,
    /// The id of the call.
    pub request_id: RequestId,
}

impl Message {
    /// Reads `body`, which asks for an answer.
    ///
    /// # Errors
    /// What is wrong with it, as far as the gateway has to know it: the rest is for the provider to say.
    pub fn of(body: &Bytes, dialect: Dialect, request_id: RequestId) -> Result<Self, Fault> {
        let mut message = Self::to_be_counted(body, dialect, request_id)?;
        message.max_tokens = match message.member("max_tokens") {
            Some(Ok(tokens)) => tokens,
            Some(Err(())) => {
                return Err(Fault::at("/max_tokens", "must be a whole number of tokens"));
            }
            None => {
                return Err(Fault::at(
                    "/max_tokens",
                    "is missing; it must be a whole number",
                ));
            }
        };
        message.stream = match message.member::<Option<bool>>("stream") {
            None => false,
            Some(Ok(stream)) => stream.unwrap_or(false),
            Some(Err(())) => return Err(Fault::at("/stream", "must be true or false")),
        };
        Ok(message)
    }

    /// Reads `body`, whose tokens are to be counted.
    ///
    /// # Errors
    /// As [`Message::of`].
    ///
    /// # Panics
    /// Never: the name that stands in for the model until it is read is a plain one.
    pub fn to_be_counted(
        body: &Bytes,
        dialect: Dialect,
        request_id: RequestId,
    ) -> Result<Self, Fault> {
        let members = Members::of(body).map_err(|why| match why {
            NoMembers::NoObject => Fault::at("", "must be one JSON object"),
            NoMembers::Twice(name) => Fault::at("", format!("has the member {name} twice")),
        })?;
        let mut message = Self {
            members,
            facts: Facts::of(body),
            max_tokens: 0,
            fit: None,
            model: Alias::parse("default").expect("a plain name"),
            stream: false,
            dialect,
            caching: Caching::default(),
            repeat: None,
            request_id,
        };
        message.model = match message.member::<String>("model") {
            Some(Ok(name)) => Alias::parse(&name).ok_or_else(|| {
                Fault::at(
                    "/model",
                    "must be the name of a model, 1 to 128 characters of A-Z a-z 0-9 . _ : @ -",
                )
            })?,
            Some(Err(())) => return Err(Fault::at("/model", "must be the name of a model")),
            None => {
                return Err(Fault::at(
                    "/model",
                    "is missing; GET /v1/models lists the names",
                ));
            }
        };
        Ok(message)
    }

    /// The same request for a caller that cannot read a stream.
    #[must_use]
    pub fn whole(mut self) -> Self {
        if std::mem::take(&mut self.stream) {
            self.members = self.members.with("stream", "false");
        }
        self
    }

    /// The same request, whose room and thinking each target is told in its own way: for a body that the gateway wrote.
    #[must_use]
    pub fn fitted(self, fit: Fit) -> Self {
        Self {
            fit: Some(fit),
            ..self
        }
    }

    /// How hard a [`fitted`](Self::fitted) request asks the model to try, which its body does not say.
    pub fn effort(&self) -> Option<&'static str> {
        self.fit
            .map(|fit| fit.effort.map_or("its own", Effort::as_str))
    }

    /// Everything by which a repeat of the request is the same: its body, and the API that it is written for.
    pub fn identity(&self) -> Vec<u8> {
        let Dialect { version, betas } = &self.dialect;
        let mut identity = self.body().to_vec();
        for part in [version, betas] {
            identity.push(0);
            identity.extend_from_slice(part.as_deref().unwrap_or_default().as_bytes());
        }
        identity
    }

    /// The body as the client wrote it, but for what was changed since.
    pub fn body(&self) -> Bytes {
        self.members.to_bytes()
    }

    /// The same request with another body, of which nothing but texts has changed.
    ///
    /// # Panics
    /// Where `body` is no JSON object.
    #[must_use]
    pub fn with_body(mut self, body: &Bytes) -> Self {
        self.members = Members::of(body).expect("an object stays an object");
        self
    }

    /// Where in the body the name of the model stands.
    ///
    /// # Panics
    /// Never: without the name of a model it is no message, and nobody changes that name in here.
    pub fn place_of_model(&self) -> Range<usize> {
        self.members.place("model").expect("it was read")
    }

    /// The most tokens that may come back.
    pub fn max_tokens(&self) -> u32 {
        self.max_tokens
    }

    /// How far it can go beyond what the bytes of its body tell.
    pub fn reach(&self) -> Reach {
        self.facts.reach
    }

    /// Why `org` may not send it: it has a budget, and no bound can be given for this.
    pub fn unbounded_for(&self, org: &Org) -> Option<&Fault> {
        let limits = [&org.limits, &org.per_user];
        let budgeted = limits
            .iter()
            .any(|limits| limits.budget_per_day.is_some() || limits.budget_per_month.is_some());
        self.facts.unbounded.as_ref().filter(|_| budgeted)
    }

    /// The member `name`, if there is one.
    fn member<T: DeserializeOwned>(&self, name: &str) -> Option<Result<T, ()>> {
        let raw = self.members.get(name)?;
        Some(serde_json::from_str(raw).map_err(|_| ()))
    }
}

impl Question for Message {
    fn outgoing(&self, target: &Target) -> Outgoing {
        let model = serde_json::to_string(target.model.as_str()).expect("a text");
        let members = self.members.clone().with("model", model);
        let (members, max_tokens) = match self.fit {
            Some(fit) => claude::fitted(members, fit, target),
            None => (members, self.max_tokens),
        };
        Outgoing {
            body: members.to_bytes(),
            model: target.model.clone(),
            max_tokens,
            reach: self.facts.reach,
            rehearsed: None,
            dialect: self.dialect.clone(),
        }
    }

    fn suits(&self, target: &Target) -> bool {
        target.capabilities.web_search || !self.facts.wants_the_web
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ModelId, ProviderName};
    use crate::providers::{Surface, capabilities};

    fn read(body: &str) -> Result<Message, Fault> {
        let id = RequestId::parse("r1").expect("an id");
        Message::of(&Bytes::from(body.to_owned()), Dialect::default(), id)
    }

    #[test]
    fn only_the_model_changes_and_every_other_byte_stays() {
        let body =
            "{ \"x_new\":1.50e1,\n  \"model\" : \"fast\", \"max_tokens\":7,\"messages\":[ ] } ";
        let target = Target {
            provider: ProviderName::parse("claude").expect("a name"),
            model: ModelId::parse("claude-haiku-5-5").expect("a model"),
            price: None,
            capabilities: capabilities::of(Surface::Claude, "claude-haiku-5-5"),
            simulated: false,
        };
        let outgoing = read(body).expect("a request").outgoing(&target);
        let expected = body.replace("\"fast\"", "\"claude-haiku-5-5\"");
        assert_eq!(outgoing.body, expected);
        assert_eq!(outgoing.max_tokens, 7);
    }

    #[test]
    fn what_the_gateway_must_know_is_named_where_it_is_wrong() {
        for (body, pointer) in [
            ("[]", ""),
            (
                "{\"model\":\"a\",\"mod\\u0065l\":\"b\",\"max_tokens\":1}",
                "",
            ),
            ("{\"max_tokens\":1}", "/model"),
            ("{\"model\":7,\"max_tokens\":1}", "/model"),
            ("{\"model\":\"a\"}", "/max_tokens"),
            ("{\"model\":\"a\",\"max_tokens\":1.5}", "/max_tokens"),
            ("{\"model\":\"a\",\"max_tokens\":1,\"stream\":1}", "/stream"),
        ] {
            assert_eq!(read(body).expect_err(body).pointer, pointer, "{body}");
        }
    }

    #[test]
    fn a_name_leads_to_no_host_region_or_path() {
        for name in [
            "a/b", "../v1/x", "..%2f", "a;b", "a%2fb", "a\\nb", "a b", "http://x", "",
        ] {
            let body = format!("{{\"model\":\"{name}\",\"max_tokens\":1}}");
            assert_eq!(read(&body).expect_err(name).pointer, "/model");
        }
    }

    #[test]
    fn a_caller_that_reads_no_stream_asks_for_none() {
        let message =
            read("{\"model\":\"a\",\"max_tokens\":1,\"stream\": true}").expect("a request");
        assert!(message.stream);
        let whole = message.whole();
        assert!(!whole.stream);
        assert_eq!(
            whole.body(),
            "{\"model\":\"a\",\"max_tokens\":1,\"stream\": false}"
        );
    }
}
