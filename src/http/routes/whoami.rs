//! `GET /whoami`.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::domain::{Caller, CredentialKind, Scope};
use crate::engine::limits::Allowance;
use crate::http::call::Call;
use crate::http::limit_headers;
use crate::http::problem::Problem;
use crate::usecases::ReadAllowances;

/// What a call proved, and what it may still use.
#[derive(Debug, Serialize, ToSchema)]
pub struct WhoAmI {
    /// The Salesforce id of the org, in 18 characters.
    #[schema(example = "00D5f000000XyZaEAK")]
    org_id: String,
    /// The org's configured name.
    #[schema(example = "acme-prod")]
    org_name: String,
    /// The configured id of the credential.
    #[schema(example = "flow")]
    credential_id: String,
    /// The protocol by which it was proved.
    #[schema(example = "api_key")]
    credential_kind: &'static str,
    /// The user, where the credential proves one; an API key does not.
    user_id: Option<String>,
    /// The user's name, where the credential proves that, too.
    username: Option<String>,
    /// By which protocol each part of this was proved.
    proofs: Vec<WireProof>,
    /// What the credential may be used for.
    #[schema(example = json!(["tasks"]))]
    scopes: Vec<&'static str>,
    /// The limits that are set, and what is left of them.
    allowances: Vec<WireAllowance>,
}

/// One protocol, and what it proved.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Proof)]
pub struct WireProof {
    /// The protocol.
    #[schema(example = "jwt")]
    kind: &'static str,
    /// The configured id of the credential.
    #[schema(example = "acme_prod_2026")]
    credential_id: String,
    /// `org`, or `org and user`.
    #[schema(example = "org and user")]
    proves: &'static str,
}

/// A limit and what is left of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Allowance)]
pub struct WireAllowance {
    /// The limit's name in the config; a user's own begins with `user_`.
    #[schema(example = "requests_per_minute")]
    name: String,
    /// Its size; US dollars where it is a budget.
    #[schema(example = 600)]
    #[serde(serialize_with = "plainly")]
    maximum: f64,
    /// What is left.
    #[schema(example = 588)]
    #[serde(serialize_with = "plainly")]
    remaining: f64,
    /// Milliseconds until it is whole again; null where that hangs on calls under way.
    #[schema(example = 1200)]
    resets_in_ms: Option<u64>,
}

/// Tells who is calling: the smoke test of a Named Credential.
///
/// The org, credential, user and scopes that this call proved, its limits and what is left of them.
#[utoipa::path(
    get, path = "/whoami", tag = "identity",
    responses((status = 200, description = "What the call proved", body = WhoAmI)),
)]
pub async fn whoami(
    State(allowances): State<ReadAllowances>,
    _call: Call,
    caller: Caller,
) -> Result<Response, Problem> {
    let left = allowances
        .run(&caller)
        .await
        .map_err(|error| Problem::about(&caller, &error))?;
    let answer = WhoAmI {
        org_id: caller.org.id.to_string(),
        org_name: caller.org.name.to_string(),
        credential_id: caller.credential_id.to_string(),
        credential_kind: caller.credential_kind.as_str(),
        user_id: caller.user.as_ref().map(|user| user.0.to_string()),
        username: caller.username.as_deref().map(str::to_owned),
        proofs: proofs(&caller),
        scopes: caller.scopes.iter().copied().map(Scope::as_str).collect(),
        allowances: left.iter().map(WireAllowance::from).collect(),
    };
    Ok(Json(answer).into_response())
}

/// The credential, and the client certificate beside it.
fn proofs(caller: &Caller) -> Vec<WireProof> {
    let credential = WireProof {
        kind: caller.credential_kind.as_str(),
        credential_id: caller.credential_id.to_string(),
        proves: match caller.user {
            Some(_) => "org and user",
            None => "org",
        },
    };
    let certificate = caller.certificate_id.as_ref().map(|id| WireProof {
        kind: CredentialKind::Mtls.as_str(),
        credential_id: id.to_string(),
        proves: "org",
    });
    [credential].into_iter().chain(certificate).collect()
}

impl From<&Allowance> for WireAllowance {
    fn from(allowance: &Allowance) -> Self {
        Self {
            name: limit_headers::name(allowance),
            maximum: allowance.maximum,
            remaining: allowance.remaining,
            resets_in_ms: allowance
                .resets_in
                .map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
        }
    }
}

/// Whole numbers without a fraction: `600`, and `49.99` where it is money.
#[expect(
    clippy::cast_possible_truncation,
    clippy::trivially_copy_pass_by_ref,
    reason = "limits are far below 2^53, and serde hands out references"
)]
fn plainly<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if number.fract() == 0.0 {
        serializer.serialize_i64(*number as i64)
    } else {
        serializer.serialize_f64(*number)
    }
}
