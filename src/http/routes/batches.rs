//! `/v1/messages/batches` and what lies below it: the Claude API's message batches.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use futures_util::stream;
use http::HeaderValue;
use http::header::CONTENT_TYPE;

use super::messages::{MessagesHeaders, WireMessage, json_bytes};
use crate::domain::{Caller, Deadline};
use crate::http::call::Call;
use crate::http::extract::{ForMessages, MessagesBody, PatientForTheFirst};
use crate::http::problem::{Code, Problem};
use crate::providers::Dialect;
use crate::usecases::batches::{About, Answered, TASK};
use crate::usecases::{Error, RelayBatches};

/// Hands in up to 100,000 Messages requests at once, to be answered within a day at half the price.
///
/// Each of `requests` has a `custom_id` and `params`, which is the request of `POST /v1/messages`; every `model` is one of
/// `GET /v1/models`, and one provider must take them all. The most that they can cost is charged to the org's budget at once
/// and corrected when the results are first read; it stays where nobody reads them within an hour of the batch's last day.
/// Only orgs that an operator has opened batches to have them.
#[utoipa::path(
    post, path = "/v1/messages/batches", tag = "messages", operation_id = "create_batch",
    params(MessagesHeaders),
    request_body = WireMessage,
    responses((status = 200, description = "The batch, as the provider tells it, under an id of the gateway", body = WireMessage)),
)]
pub async fn create(
    State(batches): State<RelayBatches>,
    call: Call,
    ForMessages(caller): ForMessages,
    PatientForTheFirst(by): PatientForTheFirst,
    dialect: Dialect,
    MessagesBody(body): MessagesBody,
) -> Result<Response, Problem> {
    call.is_for(TASK);
    let created = batches.create(&caller, body, dialect, (&call.id, by));
    answered(&call, &caller, created.await)
}

/// Refuses to list batches.
///
/// The gateway keeps no list: an id says by itself where its batch is. Keep the ids that creating a batch answers with.
#[utoipa::path(
    get, path = "/v1/messages/batches", tag = "messages", operation_id = "list_batches",
    responses((status = 404, description = "There is no list")),
)]
pub async fn list(call: Call, ForMessages(caller): ForMessages) -> Result<Response, Problem> {
    call.is_for(TASK);
    if !caller.org.batches {
        return Err(Problem::about(&caller, &Error::BatchesClosed));
    }
    Err(Problem::new(
        Code::NotFound,
        "the gateway keeps no list of batches; keep the ids that creating them answers with",
    ))
}

/// Tells how far a batch is.
///
/// `results_url` leads to the gateway's own address. An id that this org was not given is 404.
#[utoipa::path(
    get, path = "/v1/messages/batches/{id}", tag = "messages", operation_id = "retrieve_batch",
    params(("id" = String, Path, description = "The id of the batch"), MessagesHeaders),
    responses((status = 200, description = "The batch, as the provider tells it", body = WireMessage)),
)]
pub async fn retrieve(
    State(batches): State<RelayBatches>,
    call: Call,
    ForMessages(caller): ForMessages,
    PatientForTheFirst(by): PatientForTheFirst,
    dialect: Dialect,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let told = batches.retrieve(&caller, about(&call, &id, dialect, by));
    answered(&call, &caller, told.await)
}

/// Begins to end a batch before its time.
///
/// What is done by then has results, and is charged.
#[utoipa::path(
    post, path = "/v1/messages/batches/{id}/cancel", tag = "messages", operation_id = "cancel_batch",
    params(("id" = String, Path, description = "The id of the batch"), MessagesHeaders),
    responses((status = 200, description = "The batch, as the provider tells it", body = WireMessage)),
)]
pub async fn cancel(
    State(batches): State<RelayBatches>,
    call: Call,
    ForMessages(caller): ForMessages,
    PatientForTheFirst(by): PatientForTheFirst,
    dialect: Dialect,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let told = batches.cancel(&caller, about(&call, &id, dialect, by));
    answered(&call, &caller, told.await)
}

/// Has a batch forgotten that has ended, with its results.
///
/// Where nobody has read the results, the most that the batch can have cost stays charged.
#[utoipa::path(
    delete, path = "/v1/messages/batches/{id}", tag = "messages", operation_id = "delete_batch",
    params(("id" = String, Path, description = "The id of the batch"), MessagesHeaders),
    responses((status = 200, description = "What the provider says of it", body = WireMessage)),
)]
pub async fn delete(
    State(batches): State<RelayBatches>,
    call: Call,
    ForMessages(caller): ForMessages,
    PatientForTheFirst(by): PatientForTheFirst,
    dialect: Dialect,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let told = batches.delete(&caller, about(&call, &id, dialect, by));
    answered(&call, &caller, told.await)
}

/// Passes on the results of a batch that has ended.
///
/// One JSON object a line, each with the `custom_id` of its request, in any order. The first who reads them to their end
/// settles what the batch has cost.
#[utoipa::path(
    get, path = "/v1/messages/batches/{id}/results", tag = "messages", operation_id = "batch_results",
    params(("id" = String, Path, description = "The id of the batch"), MessagesHeaders),
    responses((status = 200, description = "The results, as the provider gave them", body = String, content_type = "application/x-jsonl")),
)]
pub async fn results(
    State(batches): State<RelayBatches>,
    call: Call,
    ForMessages(caller): ForMessages,
    PatientForTheFirst(by): PatientForTheFirst,
    dialect: Dialect,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let results = batches.results(&caller, about(&call, &id, dialect, by));
    let results = results
        .await
        .map_err(|error| Problem::about(&caller, &error))?;
    call.waited_for_providers(results.upstream);
    let body = stream::unfold(results, async |mut results| {
        let next = results.next().await?;
        Some((next, results))
    });
    let mut response = Response::new(Body::from_stream(body));
    let media_type = HeaderValue::from_static("application/x-jsonl; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    Ok(response)
}

fn about<'a>(call: &Call, id: &'a str, dialect: Dialect, by: Deadline) -> About<'a> {
    call.is_for(TASK);
    About {
        id,
        dialect,
        request_id: call.id.clone(),
        by,
    }
}

fn answered(
    call: &Call,
    caller: &Caller,
    answered: Result<Answered, Error>,
) -> Result<Response, Problem> {
    let answered = answered.map_err(|error| Problem::about(caller, &error))?;
    call.waited_for_providers(answered.upstream);
    Ok(json_bytes(answered.body))
}
