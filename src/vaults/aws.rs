//! AWS Secrets Manager, by its JSON API: `GetSecretValue` of the current version.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Aws, Content, Trouble, answered, json};
use crate::domain::{Clock, ProviderName, SystemClock};
use crate::providers::bedrock::credentials::Credentials;
use crate::providers::bedrock::sign::{self, Purpose};
use crate::providers::wire;

/// Secrets Manager of a region, ready to be asked.
pub struct Client {
    http: reqwest::Client,
    url: String,
    region: String,
    credentials: Credentials,
    clock: Arc<dyn Clock>,
}

const PURPOSE: Purpose = Purpose {
    service: "secretsmanager",
    content_type: "application/x-amz-json-1.1",
    target: Some("secretsmanager.GetSecretValue"),
};

impl Client {
    /// That of `settings`. Nothing is asked yet.
    pub fn new(settings: &Aws) -> Result<Self, Trouble> {
        let host = format!("https://secretsmanager.{}.amazonaws.com", settings.region);
        let url = wire::base(settings.base_url.as_ref(), &host, "") + "/";
        let client = wire::client_of(&url)
            .map_err(|_| Trouble("no HTTP client can be made for AWS".to_owned()))?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let name = ProviderName::parse("aws-sm").expect("a name");
        Ok(Self {
            http: client,
            url,
            region: settings.region.clone(),
            credentials: Credentials::of_the_chain(
                name,
                settings.region.clone(),
                None,
                Arc::clone(&clock),
            ),
            clock,
        })
    }

    /// What is kept under `id`, a name or an ARN.
    pub async fn read(&self, id: &str) -> Result<Content, Trouble> {
        let body = json!({"SecretId": id}).to_string();
        let credentials = self.credentials.fetch().await;
        let told = |trouble: crate::providers::kept::Trouble| {
            Trouble(format!("cannot be read: {trouble}"))
        };
        let credentials = credentials.map_err(told)?.value;
        let now = self.clock.timestamp().into();
        let bytes = body.as_bytes();
        let headers = sign::signed(&self.url, bytes, &PURPOSE, &credentials, &self.region, now)
            .map_err(told)?;
        let request = self.http.post(&self.url).headers(headers).body(body);
        let (status, body) = answered(request).await?;
        if status != 200 {
            // Whoever refuses before the service does may say so in another form.
            let answer = json(&body).unwrap_or_default();
            let kind = answer["__type"].as_str().unwrap_or_default();
            // A namespace may stand before the name.
            let kind = kind.rsplit('#').next().unwrap_or_default();
            return Err(Trouble(match kind {
                "ResourceNotFoundException" => {
                    "is not there: AWS Secrets Manager has no such secret in this region".to_owned()
                }
                "AccessDeniedException" => {
                    "may not be read by whoever asks: AWS denies secretsmanager:GetSecretValue"
                        .to_owned()
                }
                kind if !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric()) => {
                    format!("cannot be read: AWS answered {status}, {kind}")
                }
                _ => format!("cannot be read: AWS answered {status}"),
            }));
        }
        match json(&body)?["SecretString"].take() {
            Value::String(text) => Ok(Content::Text(text.into())),
            _ => Err(Trouble(
                "keeps bytes and no text; store it as SecretString".to_owned(),
            )),
        }
    }
}
