//! One call, and what came back.

use base64::Engine as _;
use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;

/// A call that is not sent yet.
pub struct Call(pub RequestBuilder);

/// An answer, whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

impl Call {
    /// With this header.
    pub fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    /// With this key as `Authorization: Bearer`.
    pub fn bearer(self, key: &str) -> Self {
        Self(self.0.bearer_auth(key))
    }

    /// With this credential as `Authorization: Basic`.
    pub fn basic(self, id: &str, key: &str) -> Self {
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{id}:{key}"));
        self.header("authorization", &format!("Basic {pair}"))
    }

    /// With exactly the headers that Salesforce puts on a callout.
    pub fn by_salesforce(self) -> Self {
        self.header("user-agent", "SFDC-Callout/67.0")
            .header("cache-control", "no-cache")
            .header("pragma", "no-cache")
            .header(
                "accept",
                "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2",
            )
    }

    /// With this patience.
    pub fn waiting(self, seconds: u64) -> Self {
        self.header("prefer", &format!("wait={seconds}"))
    }

    /// With this body, as JSON.
    pub fn json(self, body: &Value) -> Self {
        Self(self.0.json(body))
    }

    /// With this body, and without saying what it is.
    pub fn body(self, body: impl Into<reqwest::Body>) -> Self {
        Self(self.0.body(body))
    }

    /// The answer.
    pub async fn send(self) -> Answer {
        self.try_send().await.expect("an answer")
    }

    /// The answer, if there is one.
    pub async fn try_send(self) -> reqwest::Result<Answer> {
        let response = self.0.send().await?;
        Ok(Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.bytes().await?.to_vec(),
        })
    }
}

impl Answer {
    /// A header that came at most once, as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let first = values.next()?;
        assert!(values.next().is_none(), "{name} came twice");
        Some(first.to_str().expect("ASCII"))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("UTF-8")
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// The body of a success, which is JSON and says how long it is.
    pub fn expect_ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        assert_eq!(
            self.header("content-type"),
            Some("application/json; charset=utf-8")
        );
        self.expect_length();
        self.json()
    }

    /// The document of a problem, with everything that every problem has.
    pub fn expect_problem(&self, status: u16, code: &str) -> Value {
        let told = self.text();
        assert_eq!(self.status, status, "{told}");
        let problem = self.json();
        let members = problem.as_object().expect("an object");
        assert_eq!(problem["code"], code, "{told}");
        assert_eq!(problem["status"], status, "{told}");
        assert_eq!(problem["type"], format!("/problems/{code}"));
        assert_eq!(
            problem["request_id"].as_str(),
            self.header("x-request-id"),
            "{told}"
        );
        let detail = problem["detail"].as_str().expect("a text");
        assert!((1..=255).contains(&detail.chars().count()), "{detail}");
        assert!(problem["title"].is_string() && problem["retryable"].is_boolean());
        assert!(problem["errors"].is_array());
        assert_eq!(members.len(), 9, "{told}");
        self.expect_length();
        self.expect_wait(&problem);
        problem
    }

    /// Whole seconds, rounded up, on every 429, 503 and 504, and on nothing else.
    fn expect_wait(&self, problem: &Value) {
        let ms = problem["retry_after_ms"].as_u64().expect("a number");
        let wait = self.header("retry-after").map(str::parse::<u64>);
        let due = matches!(
            StatusCode::from_u16(self.status),
            Ok(StatusCode::TOO_MANY_REQUESTS
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT)
        );
        match wait {
            Some(seconds) => {
                assert!(due, "Retry-After on a {}", self.status);
                assert_eq!(seconds, Ok(ms.div_ceil(1_000).max(1)));
            }
            None => assert!(!due, "no Retry-After on a {}", self.status),
        }
    }

    fn expect_length(&self) {
        let length = self.body.len().to_string();
        assert_eq!(self.header("content-length"), Some(length.as_str()));
    }
}
