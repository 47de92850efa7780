//! The admin port: `/metrics`, `/livez`, `/readyz`.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};

use crate::lifecycle::Lifecycle;
use crate::telemetry::Metrics;
use crate::usecases::ReadBudgets;

/// Every number, for Prometheus: in the form that it asks for.
pub async fn metrics(
    State((metrics, budgets)): State<(Arc<Metrics>, ReadBudgets)>,
    headers: HeaderMap,
) -> Response {
    budgets.run();
    let accept = headers.get_all(ACCEPT).iter();
    let asks_for_open = accept
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains("application/openmetrics-text"));
    let (media_type, page) = if asks_for_open {
        let media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        (media_type, metrics.page())
    } else {
        (
            "text/plain; version=0.0.4; charset=utf-8",
            metrics.plain_page(),
        )
    };
    ([(CONTENT_TYPE, media_type)], page).into_response()
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
