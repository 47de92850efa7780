//! The admin port: `/metrics`, `/livez`, `/readyz`.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;

use crate::lifecycle::Lifecycle;
use crate::usecases::ReadBudgets;

/// Every number, for Prometheus.
pub async fn metrics(State(budgets): State<ReadBudgets>) -> Response {
    let media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, media_type)], budgets.run()).into_response()
}

/// The process is alive.
pub async fn livez() -> &'static str {
    "ok\n"
}

/// The process takes calls; red from the moment it begins to stop.
pub async fn readyz(State(lifecycle): State<Lifecycle>) -> Response {
    if lifecycle.is_draining() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining\n").into_response()
    } else {
        "ok\n".into_response()
    }
}
