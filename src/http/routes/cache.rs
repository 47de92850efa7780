//! `DELETE /cache`.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::SalesforceId;
use crate::http::extract::ForTasks;
use crate::http::problem::{Code, Problem};
use crate::usecases::Forget;

/// What to forget: a record, or everything.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// The record's id, in 15 or 18 characters.
    #[param(example = "0065f00000QwErTAAV")]
    record_id: Option<String>,
    /// `true` forgets what is known of every record; it stands in place of `record_id`.
    everything: Option<bool>,
}

/// What was forgotten.
#[derive(Debug, Serialize, ToSchema)]
pub struct Forgotten {
    /// The record's id, in 18 characters; absent where everything was forgotten.
    #[serde(skip_serializing_if = "Option::is_none")]
    record_id: Option<String>,
    /// Whether every answer of the org was forgotten.
    everything: bool,
}

/// Forgets the cached answers about a record, or all of them.
///
/// Of the caller's own org only. An answer that is being made is not kept either.
#[utoipa::path(
    delete, path = "/cache", tag = "cache",
    params(Which),
    responses((status = 200, description = "They are forgotten", body = Forgotten)),
)]
pub async fn forget(
    State(forget): State<Forget>,
    ForTasks(caller): ForTasks,
    which: Result<Query<Which>, QueryRejection>,
) -> Result<Response, Problem> {
    let wrong = |why: &str| {
        Problem::new(
            Code::InvalidRequest,
            format!("the query must be record_id=<Salesforce id>, or everything=true: {why}"),
        )
    };
    let Query(which) = which.map_err(|_| wrong("it is something else"))?;
    let record = match (which.record_id, which.everything) {
        (Some(id), None | Some(false)) => {
            let id: SalesforceId = id.parse().map_err(|error| wrong(&format!("{error}")))?;
            Some(id)
        }
        (None, Some(true)) => None,
        (Some(_), Some(true)) => return Err(wrong("it is both")),
        (None, None | Some(false)) => return Err(wrong("it is neither")),
    };
    forget
        .run(&caller, record)
        .await
        .map_err(|error| Problem::about(&caller, &error))?;
    let forgotten = Forgotten {
        record_id: record.map(|record| record.to_string()),
        everything: record.is_none(),
    };
    Ok(Json(forgotten).into_response())
}
