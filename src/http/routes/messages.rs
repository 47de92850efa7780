//! `POST /v1/messages`, `POST /v1/messages/count_tokens`, `GET /v1/models` and `GET /v1/models/{id}`: the Claude API.

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use super::wire;
use crate::http::call::Call;
use crate::http::extract::{ForMessages, MessagesBody, PatientForTheFirst, Wishes};
use crate::http::problem::{Code, Problem};
use crate::providers::Dialect;
use crate::usecases::relay::models::{self, Model};
use crate::usecases::relay::{COUNTING, Kept, Message, Relayed, TASK};
use crate::usecases::{CountTokens, ReadAllowances, RelayMessage};

/// Headers of a Messages call that go on to the provider, beside the patience.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "shown in the document; read by the extractors")]
pub struct MessagesHeaders {
    /// Which generation of the API the client speaks; goes on unchanged.
    #[param(rename = "anthropic-version", required = false, example = "2026-10-21")]
    anthropic_version: String,
    /// Betas that the client uses, separated by commas; go on unchanged.
    #[param(rename = "anthropic-beta", required = false)]
    anthropic_beta: String,
    /// The caller's patience in seconds until the first byte of the answer, as `wait=25`; 600 where nothing is said.
    #[param(rename = "Prefer", required = false, example = "wait=25")]
    prefer: String,
}

/// A Messages request or answer, in Claude's own form.
#[derive(Debug, ToSchema)]
#[schema(as = ClaudeMessage, value_type = Object)]
#[expect(dead_code, reason = "shown in the document")]
pub struct WireMessage(Value);

/// A page of models.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ClaudeModels)]
pub struct Page {
    /// The models.
    data: Vec<WireModel>,
    /// Whether more come behind the last.
    has_more: bool,
    /// The first of the page.
    first_id: Option<String>,
    /// The last of the page.
    last_id: Option<String>,
}

/// Something that `model` may name: an alias of the gateway, or a model behind one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ClaudeModel)]
pub struct WireModel {
    /// Always `model`.
    #[serde(rename = "type")]
    #[schema(example = "model")]
    kind: &'static str,
    /// The name.
    #[schema(example = "default")]
    id: String,
    /// The name, for people.
    display_name: String,
    /// When it was made, which the gateway does not know: always the beginning of 1970.
    created_at: &'static str,
    /// Tokens in and out that fit into one call.
    max_input_tokens: u32,
    /// The most tokens of an answer.
    max_tokens: u32,
    /// What it can do.
    #[schema(value_type = Object)]
    capabilities: Value,
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// Models on a page, 1 to 1,000; 20 where nothing is said.
    #[serde(rename = "limit")]
    #[param(rename = "limit", minimum = 1, maximum = 1000)]
    most: Option<usize>,
    /// The page behind this model.
    after_id: Option<String>,
    /// The page before this model.
    before_id: Option<String>,
}

/// Asks a model, in Claude's own form: a drop-in for the Claude API.
///
/// `model` is one of `GET /v1/models`; every other byte of the request goes on as it is, and the answer comes back so, whole
/// or, with `"stream": true`, in events. An Apex callout cannot read a stream, so it is answered whole. Errors have Claude's
/// form, and `x-should-retry: false` where the gateway has tried already what there is to try.
#[utoipa::path(
    post, path = "/v1/messages", tag = "messages",
    params(MessagesHeaders),
    request_body = WireMessage,
    responses((status = 200, description = "The answer, as the provider gave it", body = WireMessage)),
)]
pub async fn create(
    State(relay): State<RelayMessage>,
    call: Call,
    ForMessages(caller): ForMessages,
    PatientForTheFirst(by): PatientForTheFirst,
    dialect: Dialect,
    wishes: Wishes,
    MessagesBody(body): MessagesBody,
) -> Result<Response, Problem> {
    call.is_for(TASK);
    let mut message = match Message::of(&body, dialect, call.id.clone()) {
        // Apex cannot read a stream.
        Ok(message) if call.from_salesforce => message.whole(),
        Ok(message) => message,
        Err(fault) => {
            let problem = Problem::invalid(vec![fault]);
            let code = problem.code.as_str();
            relay.refused(&caller, &call.id, code).await;
            return Err(problem);
        }
    };
    message.caching = wishes.caching;
    if wishes.idempotency_key.is_some() {
        message.repeat = wire::repeat(&wishes, "/v1/messages", &message.identity(), 0);
    }
    let relayed = relay.run(&caller, message, by).await;
    let relayed = relayed.map_err(|error| Problem::about(&caller, &error))?;
    Ok(match relayed {
        Relayed::Whole { body, upstream } => {
            call.waited_for_providers(upstream);
            json_bytes(body)
        }
        Relayed::Known {
            body,
            in_events: wanted,
            kept,
        } => {
            let mut response = if wanted {
                in_events(Body::from(body))
            } else {
                json_bytes(body)
            };
            let (name, status) = cache_status(kept);
            response.headers_mut().insert(name, status);
            response
        }
        Relayed::Events { events, upstream } => {
            call.waited_for_providers(upstream);
            let body = stream::unfold(events, async |mut events| {
                let next = events.next().await?;
                Some((next, events))
            });
            in_events(Body::from_stream(body))
        }
    })
}

/// Tells how many tokens a request would come to.
///
/// The request is that of `POST /v1/messages` without what only an answer needs. It costs nothing but one of the minute's
/// calls.
#[utoipa::path(
    post, path = "/v1/messages/count_tokens", tag = "messages",
    params(MessagesHeaders),
    request_body = WireMessage,
    responses((status = 200, description = "The count, as the provider gave it", body = WireMessage)),
)]
pub async fn count_tokens(
    State(count): State<CountTokens>,
    call: Call,
    ForMessages(caller): ForMessages,
    PatientForTheFirst(by): PatientForTheFirst,
    dialect: Dialect,
    MessagesBody(body): MessagesBody,
) -> Result<Response, Problem> {
    call.is_for(COUNTING);
    let message = Message::to_be_counted(&body, dialect, call.id.clone())
        .map_err(|fault| Problem::invalid(vec![fault]))?;
    let counted = count.run(&caller, message, by).await;
    counted
        .map(json_bytes)
        .map_err(|error| Problem::about(&caller, &error))
}

/// Lists what `model` may name: the org's aliases, and the models behind them.
#[utoipa::path(
    get, path = "/v1/models", tag = "messages",
    params(Which),
    responses((status = 200, description = "A page of models", body = Page)),
)]
pub async fn list(
    State(allowances): State<ReadAllowances>,
    ForMessages(caller): ForMessages,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Response, Problem> {
    let counted = allowances.run(&caller).await;
    counted.map_err(|error| Problem::about(&caller, &error))?;
    let wrong = |detail: &'static str| Problem::new(Code::InvalidRequest, detail);
    let Query(which) = which.map_err(|_| wrong("limit must be a whole number from 1 to 1000"))?;
    let most = which.most.unwrap_or(20);
    if !(1..=1_000).contains(&most) {
        return Err(wrong("limit must be a whole number from 1 to 1000"));
    }
    let all = models::all(&caller.org);
    let place = |id: &str| all.iter().position(|model| model.name.as_str() == id);
    let (start, end) = match (&which.after_id, &which.before_id) {
        (Some(_), Some(_)) => return Err(wrong("after_id and before_id do not go together")),
        (None, None) => (0, most),
        (Some(id), None) => {
            let place = place(id).ok_or_else(|| wrong("after_id is no model of this org"))?;
            (place + 1, place + 1 + most)
        }
        (None, Some(id)) => {
            let place = place(id).ok_or_else(|| wrong("before_id is no model of this org"))?;
            (place.saturating_sub(most), place)
        }
    };
    let end = end.min(all.len());
    let data: Vec<WireModel> = all[start.min(end)..end]
        .iter()
        .map(WireModel::from)
        .collect();
    let has_more = match which.before_id {
        Some(_) => start > 0,
        None => end < all.len(),
    };
    Ok(Json(Page {
        has_more,
        first_id: data.first().map(|model| model.id.clone()),
        last_id: data.last().map(|model| model.id.clone()),
        data,
    })
    .into_response())
}

/// Tells of one model that `model` may name.
#[utoipa::path(
    get, path = "/v1/models/{id}", tag = "messages",
    params(("id" = String, Path, description = "The name of the model", example = "default")),
    responses((status = 200, description = "The model", body = WireModel)),
)]
pub async fn retrieve(
    State(allowances): State<ReadAllowances>,
    ForMessages(caller): ForMessages,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let counted = allowances.run(&caller).await;
    counted.map_err(|error| Problem::about(&caller, &error))?;
    let all = models::all(&caller.org);
    let model = all.iter().find(|model| model.name.as_str() == id);
    model
        .map(|model| Json(WireModel::from(model)).into_response())
        .ok_or_else(|| {
            let known: Vec<&str> = all.iter().map(|model| model.name.as_str()).collect();
            let known = known.join(", ");
            let org = &caller.org.name;
            Problem::new(
                Code::NotFound,
                format!("there is no such model of {org}; it has {known}"),
            )
        })
}

impl From<&Model> for WireModel {
    fn from(model: &Model) -> Self {
        let can = &model.capabilities;
        let supported = |supported: bool| json!({"supported": supported});
        Self {
            kind: "model",
            id: model.name.to_string(),
            display_name: model.name.to_string(),
            created_at: "1970-01-01T00:00:00Z",
            max_input_tokens: can.context_tokens,
            max_tokens: can.max_output_tokens,
            capabilities: json!({
                "structured_outputs": supported(can.structured_output),
                "effort": supported(can.effort),
            }),
        }
    }
}

/// The header that tells why an answer was known (RFC 9211).
pub fn cache_status(kept: Kept) -> (HeaderName, HeaderValue) {
    let status = match kept {
        Kept::For(ttl) => format!("belay; hit; ttl={}", ttl.as_secs()),
        Kept::ByItsKey => "belay; hit; detail=idempotency-key".to_owned(),
    };
    (
        HeaderName::from_static("cache-status"),
        HeaderValue::from_str(&status).expect("ASCII"),
    )
}

pub(super) fn json_bytes(body: Bytes) -> Response {
    let mut response = Response::new(Body::from(body));
    let media_type = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}

fn in_events(body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream; charset=utf-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // What stands in front of the gateway must not wait for the end.
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    response
}
