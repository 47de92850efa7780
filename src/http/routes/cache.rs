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

/// Which record to forget.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Which {
    /// The record's id, in 15 or 18 characters.
    #[param(example = "0065f00000QwErTAAV")]
    record_id: String,
}

/// What was forgotten.
#[derive(Debug, Serialize, ToSchema)]
pub struct Forgotten {
    /// The record's id, in 18 characters.
    record_id: String,
}

/// Forgets the cached answers about a record.
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
            format!("the query must be record_id=<Salesforce id>: {why}"),
        )
    };
    let Query(which) = which.map_err(|_| wrong("it is missing, or something else is there"))?;
    let record: SalesforceId = which
        .record_id
        .parse()
        .map_err(|error| wrong(&format!("{error}")))?;
    forget
        .run(&caller, record)
        .await
        .map_err(|error| Problem::about(&caller, &error))?;
    let record_id = record.to_string();
    Ok(Json(Forgotten { record_id }).into_response())
}
