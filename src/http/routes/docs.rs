//! `GET /docs` and the two OpenAPI documents.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};

use crate::http::openapi::Documents;

/// The page, whole: no script, style or font from elsewhere.
const PAGE: &str = include_str!("../docs.html");
/// Nothing but what stands in the page, and calls to this very gateway.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; \
                      img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The OpenAPI 3.1 document.
pub async fn openapi(State(documents): State<Arc<Documents>>) -> Response {
    json(documents.openapi.clone())
}

/// The 3.0.3 document for External Services.
pub async fn openapi_salesforce(State(documents): State<Arc<Documents>>) -> Response {
    json(documents.salesforce.clone())
}

/// A page to read and try the endpoints.
pub async fn page() -> Response {
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
    ];
    (headers, PAGE).into_response()
}

fn json(text: String) -> Response {
    ([(CONTENT_TYPE, "application/json; charset=utf-8")], text).into_response()
}
