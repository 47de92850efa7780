//! HashiCorp Vault and OpenBao, by their HTTP API: a login where one is needed, and the reading of a path.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use super::{Content, Trouble, answered, json};
use crate::providers::{Secret, wire};

/// Where the vault is, and who asks it. In the file: `[secrets.vault]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Its address.
    pub address: Url,
    /// Who asks.
    pub login: Login,
    /// The namespace that paths are in, where there are any.
    pub namespace: Option<String>,
    /// The authority that certified it, in PEM, where that is one of the operator's own.
    pub ca: Option<String>,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// Whoever holds this token.
    Token(Secret),
    /// A role, by its ids.
    AppRole {
        /// Where that way of logging in is mounted.
        mount: String,
        /// The role's id.
        role_id: Secret,
        /// The secret beside it.
        secret_id: Secret,
    },
    /// A pod, by the token of its service account.
    Kubernetes {
        /// Where that way of logging in is mounted.
        mount: String,
        /// The role there.
        role: String,
        /// The token.
        token: Secret,
    },
}

/// The vault, ready to be asked.
pub struct Client {
    http: reqwest::Client,
    settings: Settings,
    /// What the last login gave.
    token: Mutex<Option<Token>>,
}

/// A token that a login gave.
struct Token {
    text: SecretString,
    /// When another is asked for; `None` for one that does not end.
    until: Option<Instant>,
}

impl Client {
    /// The vault of `settings`. Nothing is asked yet.
    pub fn new(settings: &Settings) -> Result<Self, Trouble> {
        let client = wire::client_trusting(&settings.address, settings.ca.as_deref())
            .map_err(|_| Trouble("no HTTP client can be made for the vault".to_owned()))?;
        Ok(Self {
            http: client,
            settings: settings.clone(),
            token: Mutex::new(None),
        })
    }

    /// What stands at `path`. Of the second version of the key-value store only the newest data is told.
    pub async fn read(&self, path: &str) -> Result<Content, Trouble> {
        let (mut status, mut body) = self.get(path, false).await?;
        if status == 403 && !matches!(self.settings.login, Login::Token(_)) {
            // The token may have ended before its time: another login tells.
            (status, body) = self.get(path, true).await?;
        }
        match status {
            200 => {}
            403 => {
                return Err(Trouble(
                    "may not be read by whoever asks: the vault denies it".to_owned(),
                ));
            }
            404 => {
                return Err(Trouble(
                    "is not there: the vault has nothing at that path".to_owned(),
                ));
            }
            other => {
                return Err(Trouble(format!(
                    "cannot be read: the vault answered {other}"
                )));
            }
        }
        let mut answer = json(&body)?;
        let mut data = answer["data"].take();
        let is_second_version = data["data"].is_object() && data["metadata"].is_object();
        Ok(Content::Fields(if is_second_version {
            data["data"].take()
        } else {
            data
        }))
    }

    async fn get(&self, path: &str, anew: bool) -> Result<(u16, bytes::Bytes), Trouble> {
        let token = self.token(anew).await?;
        let request = self.http.get(self.at(path));
        answered(
            self.dressed(request)
                .header("X-Vault-Token", sensitive(&token)?),
        )
        .await
    }

    async fn token(&self, anew: bool) -> Result<SecretString, Trouble> {
        if let Login::Token(token) = &self.settings.login {
            return Ok(token.expose().to_owned().into());
        }
        let mut held = self.token.lock().await;
        if let Some(token) = &*held
            && !anew
            && token.until.is_none_or(|until| now() < until)
        {
            return Ok(token.text.clone());
        }
        let fresh = self.log_in().await?;
        Ok(held.insert(fresh).text.clone())
    }

    async fn log_in(&self) -> Result<Token, Trouble> {
        let (mount, body) = match &self.settings.login {
            Login::Token(_) => unreachable!("a token needs no login"),
            Login::AppRole {
                mount,
                role_id,
                secret_id,
            } => {
                let ids = json!({"role_id": role_id.expose(), "secret_id": secret_id.expose()});
                (mount, ids)
            }
            Login::Kubernetes { mount, role, token } => {
                (mount, json!({"role": role, "jwt": token.expose()}))
            }
        };
        let request = self.http.post(self.at(&format!("auth/{mount}/login")));
        let (status, body) = answered(self.dressed(request).json(&body)).await?;
        if status != 200 {
            return Err(Trouble(format!(
                "cannot be read: the vault refused the login at auth/{mount} with {status}"
            )));
        }
        let mut answer = json(&body)?;
        let auth = &mut answer["auth"];
        let lives = auth["lease_duration"].as_u64().filter(|lives| *lives > 0);
        let Value::String(text) = auth["client_token"].take() else {
            return Err(Trouble(
                "cannot be read: the vault's login gave no token".to_owned(),
            ));
        };
        Ok(Token {
            text: text.into(),
            // A third of its life is left for what is on its way.
            until: lives.map(|lives| now() + Duration::from_secs(lives) * 2 / 3),
        })
    }

    fn at(&self, path: &str) -> String {
        let address = self.settings.address.as_str().trim_end_matches('/');
        format!("{address}/v1/{path}")
    }

    fn dressed(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        let request = request.header("X-Vault-Request", "true");
        match &self.settings.namespace {
            Some(namespace) => request.header("X-Vault-Namespace", namespace),
            None => request,
        }
    }
}

fn sensitive(token: &SecretString) -> Result<http::HeaderValue, Trouble> {
    let mut value = http::HeaderValue::from_str(token.expose_secret())
        .map_err(|_| Trouble("cannot be read: the vault's token cannot be sent".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Leases are short and measured by whoever holds them, so this is the runtime's own clock.
fn now() -> Instant {
    Instant::now()
}
