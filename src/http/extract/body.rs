//! Bodies: read whole, within their size, their time and the room that there is for them.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRef, FromRequest, Request};
use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::Instant;

use crate::http::bodies::{Bodies, NoRoom};
use crate::http::call::Call;
use crate::http::problem::{Code, Problem};
use crate::http::settings::Settings;

/// A JSON body: its bytes, read whole, in time, within bounds, and known to be UTF-8.
pub struct JsonBody(pub Bytes);

/// A Messages body: as [`JsonBody`], with bounds of its own.
pub struct MessagesBody(pub Bytes);

impl<S> FromRequest<S> for JsonBody
where
    S: Send + Sync,
    Arc<Settings>: FromRef<S>,
    Arc<Bodies>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let settings = Arc::<Settings>::from_ref(state);
        let most = settings.body_bytes;
        let bodies = Arc::<Bodies>::from_ref(state);
        let body = json_body(request, most, settings.body_time, &bodies).await;
        body.map(Self)
    }
}

impl<S> FromRequest<S> for MessagesBody
where
    S: Send + Sync,
    Arc<Settings>: FromRef<S>,
    Arc<Bodies>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let settings = Arc::<Settings>::from_ref(state);
        let most = settings.messages_body_bytes;
        let bodies = Arc::<Bodies>::from_ref(state);
        let body = json_body(request, most, settings.body_time, &bodies).await;
        body.map(Self)
    }
}

/// The body of `request`, which is JSON by its headers and UTF-8, of at most so many bytes and in so much time. Its
/// caller is known by now: whoever proves nothing takes no room.
async fn json_body(
    request: Request,
    most: usize,
    time: Duration,
    bodies: &Bodies,
) -> Result<Bytes, Problem> {
    let call: Option<&Call> = request.extensions().get();
    let Some(caller) = call.and_then(Call::caller) else {
        let why = "a body was asked for before its caller was known";
        return Err(Problem::new(Code::Internal, why));
    };
    let mut filling = bodies.begin(caller.org.id);
    is_json(request.headers())?;
    if asks_to_send_too_much(request.headers(), most) {
        return Err(too_large(most));
    }
    read(request.into_body(), most, time, |chunk| {
        filling.push(chunk).map_err(|NoRoom| {
            Problem::retryable(
                Code::Overloaded,
                "the bodies of the org's calls, or of all calls, take up the room that there is for them",
                Duration::from_secs(1),
            )
        })
    })
    .await?;
    let body = filling.whole();
    if std::str::from_utf8(&body).is_err() {
        return Err(Problem::new(
            Code::InvalidRequest,
            "the body is not UTF-8, which JSON must be",
        ));
    }
    Ok(body)
}

/// The form of an OAuth request, `application/x-www-form-urlencoded`. Its caller is not known yet, so it is small.
pub struct FormBody(pub Vec<u8>);

/// Bytes of such a form: two JWTs of the longest, and room.
const FORM_BYTES: usize = 32_768;

impl<S> FromRequest<S> for FormBody
where
    S: Send + Sync,
    Arc<Settings>: FromRef<S>,
    Arc<Bodies>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let media_type = request.headers().get(CONTENT_TYPE);
        let media_type = media_type.and_then(|value| value.to_str().ok());
        let media_type = media_type.and_then(|text| text.split(';').next());
        let is_form = media_type.is_some_and(|text| {
            text.trim()
                .eq_ignore_ascii_case("application/x-www-form-urlencoded")
        });
        if !is_form {
            return Err(Problem::new(
                Code::InvalidRequest,
                "the body must be a form; set Content-Type: application/x-www-form-urlencoded",
            ));
        }
        let bodies = Arc::<Bodies>::from_ref(state);
        let _place = bodies.form().map_err(|NoRoom| {
            Problem::retryable(
                Code::Overloaded,
                "as many forms are being read as there is room for",
                Duration::from_secs(1),
            )
        })?;
        // It is no longer than a head, and takes no longer.
        let time = Arc::<Settings>::from_ref(state).header_time;
        let mut form = Vec::new();
        read(request.into_body(), FORM_BYTES, time, |chunk| {
            form.extend_from_slice(chunk);
            Ok(())
        })
        .await?;
        Ok(Self(form))
    }
}

/// A body without a `Content-Type` is taken for JSON; one that names something else is refused.
fn is_json(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return Ok(());
    };
    let text = value.to_str().unwrap_or_default().to_ascii_lowercase();
    let (media_type, parameters) = text.split_once(';').unwrap_or((&text, ""));
    let media_type = media_type.trim();
    let json = media_type == "application/json"
        || (media_type.starts_with("application/") && media_type.ends_with("+json"));
    let charset = parameters.split(';').find_map(|parameter| {
        let charset = parameter.trim().strip_prefix("charset=")?;
        Some(charset.trim_matches('"').to_owned())
    });
    if json
        && charset.is_none_or(|charset| matches!(charset.as_str(), "utf-8" | "utf8" | "us-ascii"))
    {
        return Ok(());
    }
    Err(Problem::new(
        Code::UnsupportedMediaType,
        "the body must be application/json in UTF-8; set Content-Type: application/json; charset=utf-8",
    ))
}

/// Whether a caller waits for leave to send a body that will be refused. One who does not wait sends it anyhow, and
/// would miss an answer that came before its end.
fn asks_to_send_too_much(headers: &HeaderMap, most: usize) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let length: Option<usize> = text(CONTENT_LENGTH).and_then(|length| length.parse().ok());
    text(EXPECT).is_some_and(|expect| expect.eq_ignore_ascii_case("100-continue"))
        && length.is_some_and(|length| length > most)
}

fn too_large(most: usize) -> Problem {
    Problem::new(
        Code::TooLarge,
        format!("the body must be at most {most} bytes, unpacked"),
    )
}

/// Reads a body to its end, within its size and its time, and hands each piece to `keep`.
async fn read(
    body: Body,
    most: usize,
    time: Duration,
    mut keep: impl FnMut(&Bytes) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let mut body = Limited::new(body, most);
    let end = Instant::now() + time;
    loop {
        let frame = tokio::time::timeout_at(end, body.frame()).await;
        let frame = frame.map_err(|_| {
            let seconds = time.as_secs();
            Problem::retryable(
                Code::RequestTimeout,
                format!("the body did not arrive within {seconds} s"),
                None,
            )
        })?;
        let Some(frame) = frame else {
            return Ok(());
        };
        let frame = frame.map_err(|error| {
            if is_too_large(&*error) {
                return too_large(most);
            }
            Problem::new(
                Code::InvalidRequest,
                "the body could not be read: it was cut off or is not what its headers say",
            )
        })?;
        if let Ok(chunk) = frame.into_data() {
            keep(&chunk)?;
        }
    }
}

/// Whether a length limit stands anywhere among the reasons, under whatever unpacked the body.
fn is_too_large(error: &(dyn StdError + 'static)) -> bool {
    let mut reason = Some(error);
    while let Some(error) = reason {
        if error.is::<LengthLimitError>() {
            return true;
        }
        reason = error.source().or_else(|| {
            let io = error.downcast_ref::<std::io::Error>()?;
            io.get_ref().map(|inner| inner as &(dyn StdError + 'static))
        });
    }
    false
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                let value = value.parse().expect("a header value");
                (HeaderName::from_static(name), value)
            })
            .collect()
    }

    #[test]
    fn only_json_in_utf_8_is_taken() {
        let takes = |value| is_json(&headers(&[("content-type", value)])).is_ok();
        assert!(takes("application/json"));
        assert!(takes("Application/JSON; charset=UTF-8"));
        assert!(takes("application/vnd.acme+json"));
        assert!(!takes("text/plain"));
        assert!(!takes("application/json; charset=iso-8859-1"));
        assert!(is_json(&HeaderMap::new()).is_ok());
    }
}
