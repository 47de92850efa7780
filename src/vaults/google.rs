//! Google Secret Manager, by its REST API: `access` of a version.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{Content, Google, Trouble, answered, json};
use crate::domain::ProviderName;
use crate::providers::vertex::credentials::Credentials;
use crate::providers::wire;

/// Secret Manager, ready to be asked.
pub struct Client {
    http: reqwest::Client,
    base: String,
    credentials: Credentials,
}

impl Client {
    /// That of `settings`. Nothing is asked yet.
    pub fn new(settings: &Google) -> Result<Self, Trouble> {
        let host = "https://secretmanager.googleapis.com";
        let base = wire::base(settings.base_url.as_ref(), host, "");
        let client = wire::client_of(&base)
            .map_err(|_| Trouble("no HTTP client can be made for Google".to_owned()))?;
        let name = ProviderName::parse("gcp-sm").expect("a name");
        Ok(Self {
            http: client,
            base,
            credentials: Credentials::new(name, settings.credentials.clone()),
        })
    }

    /// What is kept as `name`: of its latest version, unless it names another.
    pub async fn read(&self, name: &str) -> Result<Content, Trouble> {
        let version = if name.contains("/versions/") {
            ""
        } else {
            "/versions/latest"
        };
        let token = self.credentials.token().await;
        let token = token.map_err(|trouble| Trouble(format!("cannot be read: {trouble}")))?;
        let url = format!("{}/v1/{name}{version}:access", self.base);
        let (status, body) = answered(self.http.get(url).bearer_auth(token)).await?;
        match status {
            200 => {}
            403 => {
                return Err(Trouble(
                    "may not be read by whoever asks: Google denies secretmanager.versions.access"
                        .to_owned(),
                ));
            }
            404 => {
                return Err(Trouble(
                    "is not there: Google has no such secret or version".to_owned(),
                ));
            }
            other => return Err(Trouble(format!("cannot be read: Google answered {other}"))),
        }
        let answer = json(&body)?;
        let payload = &answer["payload"];
        let data = payload["data"]
            .as_str()
            .and_then(|data| STANDARD.decode(data).ok());
        let Some(data) = data else {
            return Err(Trouble(
                "cannot be read: Google's answer holds no data".to_owned(),
            ));
        };
        if !is_whole(&data, &payload["dataCrc32c"]) {
            return Err(Trouble(
                "was damaged on its way: its checksum is another".to_owned(),
            ));
        }
        match String::from_utf8(data) {
            Ok(text) => Ok(Content::Text(text.into())),
            Err(_) => Err(Trouble("keeps bytes and no text".to_owned())),
        }
    }
}

/// Whether `data` has the checksum that came with it, where one did: CRC-32C, as a number or as text.
fn is_whole(data: &[u8], checksum: &Value) -> bool {
    let told = match checksum {
        Value::Null => return true,
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    };
    told == Some(u64::from(crc32c::crc32c(data)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_published_check() {
        assert!(is_whole(b"123456789", &Value::from("3808858755")));
        assert!(is_whole(b"123456789", &Value::from(3_808_858_755_u64)));
        assert!(is_whole(b"anything", &Value::Null));
        assert!(!is_whole(b"123456788", &Value::from("3808858755")));
        assert!(!is_whole(b"123456789", &Value::from("a word")));
    }
}
