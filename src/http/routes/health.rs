//! `GET /healthz`.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

/// That the gateway is there.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
}

/// Tells that the gateway is there, to anybody.
///
/// For `callout:Belay/healthz`, which also shows that the URL of a Named Credential is right.
#[utoipa::path(
    get, path = "/healthz", tag = "identity",
    security(()),
    responses((status = 200, description = "It is there", body = Health)),
)]
pub async fn healthz() -> Json<Health> {
    Json(Health { status: "ok" })
}
