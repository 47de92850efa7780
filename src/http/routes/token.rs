//! `POST /oauth/token` and what `/.well-known` says of it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CACHE_CONTROL, PRAGMA};
use http::{HeaderMap, HeaderValue};
use jsonwebtoken::jwk::JwkSet;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{Entropy, Scope};
use crate::http::call::Call;
use crate::http::extract::{FormBody, basic, refused};
use crate::http::problem::{Code, Problem, WireTokenError};
use crate::identity::access_token::written;
use crate::identity::grants::{CLIENT_CREDENTIALS, JWT_BEARER};
use crate::identity::{Directory, Guard, NoGrant, Refusal, TokenRequest};
use crate::usecases::ReadAllowances;

/// An access token (RFC 6749, 5.1).
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "RFC 6749 calls its members so")]
pub struct AccessToken {
    /// The token, for `Authorization: Bearer`.
    access_token: String,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds for which it counts.
    #[schema(example = 900)]
    expires_in: i64,
    /// What it may be used for, by blanks.
    #[schema(example = "tasks messages")]
    scope: String,
}

/// What a client may ask for.
#[derive(ToSchema)]
#[schema(as = TokenRequest)]
#[expect(dead_code, reason = "shown in the document; read as a form")]
pub struct WireTokenRequest {
    /// `client_credentials`, or `urn:ietf:params:oauth:grant-type:jwt-bearer`.
    #[schema(example = "client_credentials")]
    grant_type: String,
    /// The configured id of the client.
    client_id: Option<String>,
    /// The client's secret, unless it comes by Basic.
    client_secret: Option<String>,
    /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`.
    client_assertion_type: Option<String>,
    /// A JWT of the client in place of a secret (RFC 7523, 2.2).
    client_assertion: Option<String>,
    /// A JWT of the org as the grant itself (RFC 7523, 2.1).
    assertion: Option<String>,
    /// Some of the credential's scopes, by blanks; all of them where none is named.
    scope: Option<String>,
}

/// The gateway as an authorization server (RFC 8414).
#[derive(Serialize, ToSchema)]
pub struct AuthorizationServer {
    /// The gateway's address as its callers know it.
    issuer: String,
    /// Where tokens are given.
    token_endpoint: String,
    /// Where the keys are that tokens are signed with.
    jwks_uri: String,
    /// Every scope there is.
    scopes_supported: Vec<&'static str>,
    /// None: nobody signs in with a browser.
    response_types_supported: Vec<&'static str>,
    /// Both grants.
    grant_types_supported: [&'static str; 2],
    /// How a client proves itself.
    token_endpoint_auth_methods_supported: [&'static str; 3],
    /// What a client signs with.
    token_endpoint_auth_signing_alg_values_supported: [&'static str; 2],
}

/// Public keys (RFC 7517).
#[derive(ToSchema)]
#[expect(dead_code, reason = "shown in the document; the library writes them")]
pub struct PublicKeys {
    /// The keys, the one that signs first.
    keys: Vec<serde_json::Value>,
}

/// Gives an access token for a client's secret, or for a JWT that the org signed.
///
/// What a Named Credential of the protocol OAuth 2.0 asks for by itself: client credentials with a secret in the body, as
/// Basic or as an assertion, and the JWT bearer flow. A proof that fails is 401.
#[utoipa::path(
    post, path = "/oauth/token", tag = "identity",
    security(()),
    request_body(content = WireTokenRequest, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "A token", body = AccessToken),
        (status = 400, description = "The request is none, or asks for what is not there", body = WireTokenError),
        (status = 401, description = "Nobody was recognised", body = WireTokenError),
    ),
)]
pub async fn give_token(
    State((directory, guard)): State<(Arc<Directory>, Arc<Guard>)>,
    State((entropy, allowances)): State<(Arc<dyn Entropy>, ReadAllowances)>,
    call: Call,
    headers: HeaderMap,
    FormBody(form): FormBody,
) -> Result<Response, Problem> {
    let by_basic = headers.contains_key(AUTHORIZATION);
    let asked = asked(&headers, &form);
    let proved = asked.clone().and_then(|request| {
        let proved = directory.proves(&request, call.now)?;
        call.is_by(&proved.caller);
        Ok(proved)
    });
    let given = match proved {
        Ok(eligible) => {
            // A call like any other, once it is known whose.
            let counted = allowances.run(&eligible.caller).await;
            counted.map_err(|error| Problem::about(&eligible.caller, &error))?;
            directory.give(eligible, entropy.bits(), call.now).await
        }
        Err(why) => Err(why),
    };
    let given = match given {
        Ok(given) => given,
        Err(why) => {
            let problem = match why {
                NoGrant::InvalidClient(refusal) | NoGrant::InvalidGrant(refusal) => {
                    let named = asked.ok().and_then(|request| request.names());
                    Some(refused(&call, &guard, refusal, named.as_deref()).await)
                }
                _ => None,
            };
            return Err(Problem::no_grant(&why, by_basic, problem));
        }
    };
    let mut response = Json(AccessToken {
        access_token: given.token,
        token_type: "Bearer",
        expires_in: given.expires_in_s,
        scope: written(&given.caller.scopes),
    })
    .into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    Ok(response)
}

/// What is asked for, with what stands in the header beside it.
fn asked(headers: &HeaderMap, form: &[u8]) -> Result<TokenRequest, NoGrant> {
    let unreadable = NoGrant::InvalidClient(Refusal::Unreadable);
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let client = match (values.next(), values.next()) {
        (None, _) => None,
        (Some(value), None) => {
            let value = value.to_str().map_err(|_| unreadable.clone())?;
            let (id, secret) = basic(value).ok_or(unreadable)?;
            Some((decoded(id), decoded(secret)))
        }
        (Some(_), Some(_)) => return Err(unreadable),
    };
    TokenRequest::parse(form, client)
}

/// A client writes its id and secret into Basic as it writes them into a form (RFC 6749, 2.3.1), or as they are.
fn decoded(text: String) -> String {
    if !text.contains('%') {
        return text;
    }
    let pair = format!("x={text}");
    let mut pairs = url::form_urlencoded::parse(pair.as_bytes());
    pairs.next().map_or(text, |(_, value)| value.into_owned())
}

/// Tells what an OAuth client must know of this gateway (RFC 8414).
#[utoipa::path(
    get, path = "/.well-known/oauth-authorization-server", tag = "identity",
    security(()),
    responses((status = 200, description = "The gateway as an authorization server", body = AuthorizationServer)),
)]
pub async fn authorization_server(
    State(directory): State<Arc<Directory>>,
) -> Result<Json<AuthorizationServer>, Problem> {
    let issuer = directory.issuer().ok_or_else(not_offered)?;
    Ok(Json(AuthorizationServer {
        token_endpoint: format!("{issuer}/oauth/token"),
        jwks_uri: format!("{issuer}/.well-known/jwks.json"),
        issuer,
        scopes_supported: Scope::ALL.map(Scope::as_str).to_vec(),
        response_types_supported: Vec::new(),
        grant_types_supported: [CLIENT_CREDENTIALS, JWT_BEARER],
        token_endpoint_auth_methods_supported: [
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
        ],
        token_endpoint_auth_signing_alg_values_supported: ["RS256", "RS512"],
    }))
}

/// Shows the keys that access tokens are signed with (RFC 7517).
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "identity",
    security(()),
    responses((status = 200, description = "The public halves", body = PublicKeys)),
)]
pub async fn token_keys(State(directory): State<Arc<Directory>>) -> Result<Json<JwkSet>, Problem> {
    let keys = directory.public_keys();
    keys.map(Json).ok_or_else(not_offered)
}

fn not_offered() -> Problem {
    Problem::new(Code::NotFound, NoGrant::NotOffered.to_string())
}
