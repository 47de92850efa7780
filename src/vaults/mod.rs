//! Secrets that a vault keeps: HashiCorp Vault or OpenBao, AWS Secrets Manager, Google Secret Manager.
//!
//! A config refers to them as it does to variables and files: `vault:PATH#FIELD`, `aws-sm:NAME` and `gcp-sm:NAME`, the last
//! two with a `#FIELD` where what is kept is a JSON object.
//!
//! # Why
//! Values are fetched as a whole, before a config is read and again every so often, and not when one is needed: so a call never
//! waits for a vault, what cannot be had is told at the start with everything else that is wrong, and a vault that is away
//! costs nothing while the last values are good. What has changed is a reload like any other.
//!
//! Each vault is asked by its own protocol over the one HTTP client; the clouds' credentials and signatures are those by which
//! their models are asked, too.

mod aws;
mod google;
mod hashicorp;
mod reference;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::Url;

pub use hashicorp::{Login, Settings as Hashicorp};
pub use reference::{Kind, Reference};

use crate::providers::Secret;

/// The vaults that a config names. In the file: `[secrets]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// How often values are asked for again. Default: 300 s.
    pub refresh: Duration,
    /// HashiCorp Vault or OpenBao.
    pub hashicorp: Option<Hashicorp>,
    /// AWS Secrets Manager.
    pub aws: Option<Aws>,
    /// Google Secret Manager.
    pub google: Option<Google>,
}

/// Where AWS Secrets Manager is; who asks it is said by AWS' default chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aws {
    /// Its region.
    pub region: String,
    /// Another address than the region's own.
    pub base_url: Option<Url>,
}

/// Where Google Secret Manager is, and who asks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Google {
    /// A file of credentials, in place of Google's default ones.
    pub credentials: Option<Secret>,
    /// Another address than Google's own.
    pub base_url: Option<Url>,
}

/// What the vaults keep, by reference: the value, or why there is none.
pub type Values = BTreeMap<Reference, Result<SecretString, Trouble>>;

/// Why a value cannot be had. The sentence continues after the reference, and holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Trouble(pub String);

/// The vaults, ready to be asked.
pub struct Vaults {
    settings: Settings,
    hashicorp: Option<hashicorp::Client>,
    aws: Option<aws::Client>,
    google: Option<google::Client>,
}

/// What one place in a vault holds.
enum Content {
    /// Fields with their values.
    Fields(Value),
    /// One text.
    Text(SecretString),
}

/// The longest that one answer of a vault may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The largest answer that is read.
const ANSWER_BYTES: usize = 1_000_000;
/// Places that are asked for at once.
const AT_ONCE: usize = 8;

impl Vaults {
    /// Those of `settings`. Nothing is asked yet.
    ///
    /// # Errors
    /// Where no HTTP client can be made.
    pub fn new(settings: Settings) -> Result<Self, Trouble> {
        let hashicorp = settings.hashicorp.as_ref().map(hashicorp::Client::new);
        let aws = settings.aws.as_ref().map(aws::Client::new);
        let google = settings.google.as_ref().map(google::Client::new);
        Ok(Self {
            hashicorp: hashicorp.transpose()?,
            aws: aws.transpose()?,
            google: google.transpose()?,
            settings,
        })
    }

    /// The vaults that they are.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What stands at each of `references`. Each place is asked for once, however many of its fields are referred to.
    pub async fn fetch(&self, references: &BTreeSet<Reference>) -> Values {
        let places: BTreeSet<(Kind, String)> = references
            .iter()
            .map(|one| (one.kind, one.place.clone()))
            .collect();
        let asked = places.into_iter().map(|place| async move {
            let answer = tokio::time::timeout(PATIENCE, self.ask(&place)).await;
            let late = || Trouble(format!("gave no answer within {} s", PATIENCE.as_secs()));
            (place, answer.unwrap_or_else(|_| Err(late())))
        });
        let asked = futures_util::stream::iter(asked).buffer_unordered(AT_ONCE);
        let answers: BTreeMap<_, _> = asked.collect().await;
        let values = references.iter().map(|one| {
            let value = match answers.get(&(one.kind, one.place.clone())) {
                Some(Ok(content)) => content.value(one.field.as_deref()),
                Some(Err(trouble)) => Err(trouble.clone()),
                None => Err(Trouble("was not asked for".to_owned())),
            };
            (one.clone(), value)
        });
        values.collect()
    }

    async fn ask(&self, (kind, place): &(Kind, String)) -> Result<Content, Trouble> {
        let missing = || {
            Trouble(format!(
                "needs [{}], which says where that vault is",
                kind.section()
            ))
        };
        match kind {
            Kind::Hashicorp => {
                self.hashicorp
                    .as_ref()
                    .ok_or_else(missing)?
                    .read(place)
                    .await
            }
            Kind::Aws => self.aws.as_ref().ok_or_else(missing)?.read(place).await,
            Kind::Google => self.google.as_ref().ok_or_else(missing)?.read(place).await,
        }
    }
}

impl Content {
    /// The value of `field`, or of the whole.
    fn value(&self, field: Option<&str>) -> Result<SecretString, Trouble> {
        let parsed;
        let fields = match (self, field) {
            (Self::Text(text), None) => return Ok(text.clone()),
            (Self::Fields(fields), _) => fields,
            (Self::Text(text), Some(_)) => {
                parsed = serde_json::from_str(text.expose_secret()).unwrap_or(Value::Null);
                &parsed
            }
        };
        let Some(fields) = fields.as_object() else {
            let why = "keeps no JSON object, so it has no fields; leave out what begins with #";
            return Err(Trouble(why.to_owned()));
        };
        match field.map(|field| fields.get(field)) {
            Some(Some(Value::String(text))) => Ok(text.clone().into()),
            Some(Some(_)) => Err(Trouble("has that field, which holds no text".to_owned())),
            Some(None) => {
                let names = fields.keys().map(String::as_str);
                let names: Vec<&str> = names.filter(|name| name.len() <= 64).take(10).collect();
                Err(Trouble(format!(
                    "has no such field; it has: {}",
                    names.join(", ")
                )))
            }
            None => Err(Trouble("needs a #FIELD behind it".to_owned())),
        }
    }
}

/// What changed or was lost from `old` to `new`; where nothing could be had, what was there stays.
pub fn renewed(old: &Values, new: Values) -> Renewal {
    let mut renewal = Renewal {
        has_changed: false,
        lost: Vec::new(),
        values: Values::new(),
    };
    for (reference, value) in new {
        let before = old.get(&reference);
        let value = match (before, value) {
            (Some(Ok(before)), Err(trouble)) => {
                renewal.lost.push((reference.clone(), trouble));
                Ok(before.clone())
            }
            (before, value) => {
                let same = match (before, &value) {
                    (Some(Ok(before)), Ok(now)) => before.expose_secret() == now.expose_secret(),
                    (Some(Err(_)), Err(_)) => true,
                    _ => false,
                };
                renewal.has_changed |= !same;
                value
            }
        };
        renewal.values.insert(reference, value);
    }
    renewal
}

/// What asking again came to.
pub struct Renewal {
    /// Whether any value is another than before.
    pub has_changed: bool,
    /// What could not be had again, and why.
    pub lost: Vec<(Reference, Trouble)>,
    /// The values from now on.
    pub values: Values,
}

/// Sends `request` and reads its answer: the status and the body, bounded.
async fn answered(request: reqwest::RequestBuilder) -> Result<(u16, Bytes), Trouble> {
    // What failed is told, and never what was sent.
    let failed = |error: reqwest::Error| {
        let what = if error.is_connect() {
            "cannot be reached"
        } else {
            "broke off its answer"
        };
        Trouble(format!("the vault {what}"))
    };
    let mut response = request.send().await.map_err(failed)?;
    let status = response.status().as_u16();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > ANSWER_BYTES {
            return Err(Trouble(
                "the vault's answer has no end worth waiting for".to_owned(),
            ));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((status, body.into()))
}

/// An answer as JSON.
fn json(body: &[u8]) -> Result<Value, Trouble> {
    serde_json::from_slice(body).map_err(|_| Trouble("the vault's answer is no JSON".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(text: &str) -> Reference {
        Reference::parse(text).expect("one").expect("a good one")
    }

    fn values(pairs: &[(&str, Result<&str, &str>)]) -> Values {
        let pairs = pairs.iter().map(|(name, value)| {
            let value = value.map(SecretString::from);
            (
                reference(name),
                value.map_err(|why| Trouble(why.to_owned())),
            )
        });
        pairs.collect()
    }

    #[test]
    fn what_cannot_be_had_again_stays_as_it_was_and_is_told() {
        let old = values(&[("aws-sm:a", Ok("one")), ("aws-sm:b", Ok("two"))]);
        let same = renewed(&old, old.clone());
        assert!(!same.has_changed && same.lost.is_empty());
        let away = values(&[("aws-sm:a", Err("away")), ("aws-sm:b", Ok("two"))]);
        let kept = renewed(&old, away);
        assert!(!kept.has_changed);
        assert_eq!(kept.lost.len(), 1);
        let a = kept.values[&reference("aws-sm:a")].as_ref();
        assert_eq!(a.expect("it stays").expose_secret(), "one");
        let other = values(&[("aws-sm:a", Ok("one")), ("aws-sm:b", Ok("three"))]);
        assert!(renewed(&kept.values, other).has_changed);
        // What was never there and is there now is a change as well.
        let never = values(&[("aws-sm:a", Err("away"))]);
        assert!(!renewed(&never, never.clone()).has_changed);
        assert!(renewed(&never, values(&[("aws-sm:a", Ok("one"))])).has_changed);
    }

    #[test]
    fn a_field_is_looked_up_and_what_is_there_instead_is_told_by_name_only() {
        let told = |content: &Content, field| match content.value(field) {
            Ok(value) => value.expose_secret().to_owned(),
            Err(Trouble(why)) => why,
        };
        let fields = Content::Fields(serde_json::json!({"key": "hunter2", "count": 3}));
        assert_eq!(told(&fields, Some("key")), "hunter2");
        assert!(told(&fields, Some("kye")).ends_with("it has: key, count"));
        assert!(told(&fields, Some("count")).contains("holds no text"));
        assert!(told(&fields, None).contains("needs a #FIELD"));
        let text = Content::Text("hunter2".into());
        assert_eq!(told(&text, None), "hunter2");
        assert!(told(&text, Some("key")).contains("keeps no JSON object"));
        let object = Content::Text(r#"{"key":"hunter3"}"#.into());
        assert_eq!(told(&object, Some("key")), "hunter3");
    }
}
