//! The keys of `[[providers]]` of the clouds: `bedrock`, `vertex` and `foundry`.

use std::path::Path;

use super::addresses;
use super::environment::Secrets;
use super::reader::{Entry, Section};
use crate::providers::{Kind, bedrock, foundry, vertex};

/// Keys that only a cloud has, for a provider whose kind nobody knows.
pub const KEYS: [&str; 10] = [
    "region",
    "bearer",
    "profile",
    "api",
    "project",
    "credentials",
    "resource",
    "entra",
    "base_url",
    "latency_ms",
];

/// A provider of kind `bedrock`.
pub fn bedrock(section: &mut Section<'_>, secrets: &Secrets<'_>) -> Option<Kind> {
    let region = section
        .need("region", "it must be a region of AWS, such as us-east-1")
        .and_then(|entry| host_part(&entry, "a region of AWS, such as us-east-1"));
    let bearer = section.take("bearer");
    let profile = section.take("profile");
    if let (Some(_), Some(profile)) = (&bearer, &profile) {
        profile.note("is never read beside `bearer`; keep one of the two");
    }
    let sign_in = match bearer {
        Some(entry) => secrets
            .reveal(&entry)
            .map(|key| bedrock::SignIn::Bearer(key.into())),
        None => Some(bedrock::SignIn::Chain {
            profile: profile.as_ref().and_then(Entry::text).map(str::to_owned),
        }),
    };
    let api = section
        .take("api")
        .map(|entry| entry.choice(&["invoke", "messages"]));
    let base_url = section
        .take("base_url")
        .map(|entry| addresses::base_url(&entry));
    Some(Kind::Bedrock(bedrock::Settings {
        region: region?,
        sign_in: sign_in?,
        api: match api {
            None | Some(Some("invoke")) => bedrock::Api::Invoke,
            Some(Some(_)) => bedrock::Api::Messages,
            Some(None) => return None,
        },
        base_url: match base_url {
            None => None,
            Some(base_url) => Some(base_url?),
        },
    }))
}

/// A provider of kind `vertex`.
pub fn vertex(section: &mut Section<'_>, secrets: &Secrets<'_>) -> Option<Kind> {
    let project = section
        .need("project", "it must be the id of a Google Cloud project")
        .and_then(|entry| host_part(&entry, "the id of a Google Cloud project, such as acme-ai"));
    let wanted = "a region of Vertex AI, such as europe-west1, or us, eu or global";
    let region = section
        .need("region", &format!("it must be {wanted}"))
        .and_then(|entry| host_part(&entry, wanted));
    let credentials = section
        .take("credentials")
        .map(|entry| secrets.reveal_json(&entry, "a Google service account or external account"));
    let base_url = section
        .take("base_url")
        .map(|entry| addresses::base_url(&entry));
    Some(Kind::Vertex(vertex::Settings {
        project: project?,
        region: region?,
        credentials: match credentials {
            None => None,
            Some(credentials) => Some(credentials?.into()),
        },
        base_url: match base_url {
            None => None,
            Some(base_url) => Some(base_url?),
        },
    }))
}

/// A provider of kind `foundry`.
pub fn foundry(section: &mut Section<'_>, secrets: &Secrets<'_>) -> Option<Kind> {
    let resource = section.take("resource");
    let address = section.take("base_url");
    if resource.is_none() && address.is_none() {
        section.note_missing(
            "resource",
            "it must be the name of a Foundry resource, unless `base_url` says where it is",
        );
    }
    let named = resource.is_some();
    let resource = resource
        .and_then(|entry| host_part(&entry, "the name of a Foundry resource, such as acme-ai"));
    let sign_in = match (section.take("api_key"), section.section_if_there("entra")) {
        (Some(key), None) => secrets
            .reveal(&key)
            .map(|key| foundry::SignIn::Key(key.into())),
        (None, Some(entra)) => entra_of(entra, secrets).map(foundry::SignIn::Entra),
        (Some(key), Some(entra)) => {
            key.note_redacted("is never sent beside `entra`; keep one of the two");
            entra_of(entra, secrets);
            None
        }
        (None, None) => {
            section.note_missing(
                "api_key",
                "it must be env:NAME or file:PATH of our key, unless `entra` says who we are",
            );
            None
        }
    };
    let address = address.map(|entry| addresses::base_url(&entry));
    if (named && resource.is_none()) || matches!(address, Some(None)) {
        return None;
    }
    let base_url = address.flatten();
    (named || base_url.is_some()).then_some(())?;
    Some(Kind::Foundry(foundry::Settings {
        resource: resource.unwrap_or_default(),
        sign_in: sign_in?,
        base_url,
    }))
}

/// `entra = { … }`: an application with a secret, one with another issuer's token, or the machine's own identity.
fn entra_of(mut section: Section<'_>, secrets: &Secrets<'_>) -> Option<foundry::Entra> {
    let tenant_id = section.take("tenant_id");
    let client_id = section.take("client_id");
    let client_secret = section.take("client_secret");
    let token = section.take("federated_token");
    let managed = section
        .take("managed_identity")
        .and_then(|entry| entry.flag())
        .unwrap_or(false);
    let authority = section
        .take("authority")
        .map(|entry| addresses::base_url(&entry));
    let ways = [client_secret.is_some(), token.is_some(), managed];
    if ways.iter().filter(|way| **way).count() != 1 {
        section.note("must have one of: client_secret, federated_token, managed_identity = true");
    }
    if !managed {
        for (entry, name) in [(&tenant_id, "tenant_id"), (&client_id, "client_id")] {
            if entry.is_none() {
                section.note_missing(name, "it must be the id that Entra shows for it");
            }
        }
    }
    let id = |entry: Option<Entry<'_>>| {
        entry.map(|entry| {
            entry.parsed(
                "must be an id of Entra: letters, digits, dots and hyphens",
                |text| {
                    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
                    (text.len() <= 128 && text.bytes().all(fits) && !text.contains(".."))
                        .then(|| text.to_owned())
                },
            )
        })
    };
    let (tenant_id, client_id) = (id(tenant_id), id(client_id));
    let secret = client_secret.map(|entry| secrets.reveal(&entry));
    let token = token.map(|entry| {
        entry.parsed(
            "must be file:PATH of the token, which is read for each of ours",
            |text| {
                let path = text.strip_prefix("file:").filter(|path| !path.is_empty())?;
                Some(secrets.folder.join(Path::new(path)))
            },
        )
    });
    section.done();
    let identity = match (secret, token, managed) {
        (Some(secret), None, false) => foundry::Identity::Secret {
            tenant_id: tenant_id??,
            client_id: client_id??,
            client_secret: secret?.into(),
        },
        (None, Some(token), false) => foundry::Identity::Federated {
            tenant_id: tenant_id??,
            client_id: client_id??,
            token: token?,
        },
        (None, None, true) => foundry::Identity::Managed {
            client_id: match client_id {
                None => None,
                Some(id) => Some(id?),
            },
        },
        _ => return None,
    };
    Some(foundry::Entra {
        identity,
        authority: match authority {
            None => None,
            Some(authority) => Some(authority?),
        },
    })
}

/// A name that becomes part of a host or a path, so it can lead nowhere else.
fn host_part(entry: &Entry<'_>, what: &str) -> Option<String> {
    let wanted = format!("must be {what}: lower-case letters, digits and hyphens");
    entry.parsed(&wanted, |text| {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let fits = text.len() <= 63
            && text.bytes().all(plain)
            && !text.starts_with('-')
            && !text.ends_with('-');
        fits.then(|| text.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::super::describe;
    use super::super::scripted::Scripted;
    use super::super::settings::read;
    use super::*;

    fn around() -> Scripted {
        Scripted::example()
            .with("CLOUD_KEY", "hunter2")
            .with_file(
                "sa.json",
                "{\n \"type\": \"service_account\", \"private_key\": \"hunter2\"\n}\n",
            )
            .with_file("odd.json", "{\"type\": \"hunter2\"}")
    }

    /// The example with a provider of these keys.
    fn with(keys: &str) -> String {
        Scripted::EXAMPLE.replace(
            "[models.default]",
            &format!("[[providers]]\nname = \"cloud\"\n{keys}\n[models.default]"),
        )
    }

    /// The provider of these keys.
    fn kind(keys: &str) -> Result<Kind, Vec<String>> {
        let config = with(keys);
        let page = |settings: &super::super::Settings| {
            let page = describe(settings, Timestamp::UNIX_EPOCH);
            assert!(!page.contains("hunter2"), "{page}");
        };
        read(&config, &around())
            .inspect(page)
            .map(|settings| settings.providers[2].kind.clone())
            .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_reader_of_the_config_is_told_how_each_signs_in() {
        for (keys, told) in [
            (
                "kind = \"bedrock\"\nregion = \"us-east-1\"",
                "bedrock in us-east-1 at https://bedrock-runtime.us-east-1.amazonaws.com, by InvokeModel, signed with the credentials of the AWS default chain; 200 calls at once",
            ),
            (
                "kind = \"bedrock\"\nregion = \"us-east-1\"\nbearer = \"env:CLOUD_KEY\"\napi = \"messages\"",
                "by the Messages API, Bedrock API key [redacted];",
            ),
            (
                "kind = \"vertex\"\nproject = \"acme-ai\"\nregion = \"global\"",
                "vertex in global at https://aiplatform.googleapis.com/v1, project acme-ai, Google's default credentials;",
            ),
            (
                "kind = \"foundry\"\nresource = \"acme-ai\"\napi_key = \"env:CLOUD_KEY\"",
                "foundry at https://acme-ai.services.ai.azure.com/anthropic, key [redacted];",
            ),
            (
                "kind = \"foundry\"\nresource = \"acme-ai\"\nentra = { tenant_id = \"t-1\", client_id = \"c-1\", client_secret = \"env:CLOUD_KEY\" }",
                "Entra application c-1 of t-1, secret [redacted];",
            ),
        ] {
            let config = with(keys);
            let settings = read(&config, &around()).expect("a good config");
            let page = describe(&settings, Timestamp::UNIX_EPOCH);
            assert!(page.contains(told), "{told} in {page}");
        }
    }

    fn mistake(keys: &str) -> String {
        let mistakes = kind(keys).expect_err("a mistake");
        assert_eq!(mistakes.len(), 1, "{mistakes:#?}");
        assert!(!mistakes[0].contains("hunter2"), "{mistakes:#?}");
        mistakes[0].clone()
    }

    #[test]
    fn bedrock_signs_by_the_chain_or_by_a_bearer_key() {
        let Ok(Kind::Bedrock(chain)) = kind("kind = \"bedrock\"\nregion = \"us-east-1\"") else {
            panic!("a good provider");
        };
        assert_eq!(
            chain.base(),
            "https://bedrock-runtime.us-east-1.amazonaws.com"
        );
        assert_eq!(chain.sign_in, bedrock::SignIn::Chain { profile: None });
        let bearer = "kind = \"bedrock\"\nregion = \"eu-west-1\"\nbearer = \"env:CLOUD_KEY\"\napi = \"messages\"";
        let Ok(Kind::Bedrock(bearer)) = kind(bearer) else {
            panic!("a good provider");
        };
        assert_eq!(
            bearer.base(),
            "https://bedrock-runtime.eu-west-1.amazonaws.com/anthropic"
        );
        assert_eq!(bearer.sign_in, bedrock::SignIn::Bearer("hunter2".into()));
    }

    #[test]
    fn what_is_wrong_with_bedrock_is_told() {
        assert!(mistake("kind = \"bedrock\"").contains("region: is missing"));
        for region in ["us-east-1.evil.example", "US", "-us", "us/", "us_east", ""] {
            let told = mistake(&format!("kind = \"bedrock\"\nregion = \"{region}\""));
            assert!(told.contains("such as us-east-1"), "{told}");
        }
        let told = mistake("kind = \"bedrock\"\nregion = \"us-east-1\"\napi = \"converse\"");
        assert!(told.contains("must be one of: invoke, messages"), "{told}");
        let told = mistake("kind = \"bedrock\"\nregion = \"us-east-1\"\nbearer = \"hunter2\"");
        assert!(told.contains("bearer = [redacted]"), "{told}");
        let both = "kind = \"bedrock\"\nregion = \"us-east-1\"\nbearer = \"env:CLOUD_KEY\"\nprofile = \"acme\"";
        assert!(mistake(both).contains("keep one of the two"));
        let told = mistake("kind = \"bedrock\"\nregion = \"us-east-1\"\nproject = \"acme\"");
        assert!(told.contains("is not a key that belongs here"), "{told}");
    }

    #[test]
    fn vertex_takes_a_project_a_region_and_a_file_of_credentials() {
        let keys = "kind = \"vertex\"\nproject = \"acme-ai\"\nregion = \"eu\"\ncredentials = \"file:sa.json\"";
        let Ok(Kind::Vertex(vertex)) = kind(keys) else {
            panic!("a good provider");
        };
        assert_eq!(vertex.base(), "https://aiplatform.eu.rep.googleapis.com/v1");
        assert!(vertex.credentials.is_some() && !vertex.is_global());
        let told = kind("kind = \"vertex\"").expect_err("mistakes");
        assert_eq!(told.len(), 2, "{told:#?}");
        let odd = keys.replace("sa.json", "odd.json");
        assert!(mistake(&odd).contains("service_account, external_account"));
        let odd = keys.replace("file:sa.json", "env:CLOUD_KEY");
        assert!(mistake(&odd).contains("must be a file of"));
        let told = mistake(&keys.replace("acme-ai", "acme/../x"));
        assert!(told.contains("the id of a Google Cloud project"), "{told}");
    }

    #[test]
    fn foundry_takes_a_key_or_one_way_into_entra() {
        let key = "kind = \"foundry\"\nresource = \"acme-ai\"\napi_key = \"env:CLOUD_KEY\"";
        let Ok(Kind::Foundry(by_key)) = kind(key) else {
            panic!("a good provider");
        };
        assert_eq!(
            by_key.base(),
            "https://acme-ai.services.ai.azure.com/anthropic"
        );
        let entra = |inside: &str| {
            kind(&format!(
                "kind = \"foundry\"\nresource = \"acme-ai\"\nentra = {{ {inside} }}"
            ))
        };
        let ids = "tenant_id = \"t-1\", client_id = \"c-1\"";
        for (inside, wanted) in [
            (
                format!("{ids}, client_secret = \"env:CLOUD_KEY\""),
                foundry::Identity::Secret {
                    tenant_id: "t-1".into(),
                    client_id: "c-1".into(),
                    client_secret: "hunter2".into(),
                },
            ),
            (
                format!("{ids}, federated_token = \"file:/var/run/token\""),
                foundry::Identity::Federated {
                    tenant_id: "t-1".into(),
                    client_id: "c-1".into(),
                    token: "/var/run/token".into(),
                },
            ),
            (
                "managed_identity = true".to_owned(),
                foundry::Identity::Managed { client_id: None },
            ),
        ] {
            let Ok(Kind::Foundry(foundry)) = entra(&inside) else {
                panic!("a good provider: {inside}");
            };
            let foundry::SignIn::Entra(told) = foundry.sign_in else {
                panic!("by Entra");
            };
            assert_eq!(told.identity, wanted);
        }
        let told = entra("tenant_id = \"t/../x\", client_id = \"c\", managed_identity = true");
        assert_eq!(told.expect_err("a mistake").len(), 1);
        let told = entra(ids).expect_err("a mistake");
        assert!(
            told[0].contains("must have one of: client_secret"),
            "{told:#?}"
        );
        assert!(
            mistake("kind = \"foundry\"\nresource = \"acme-ai\"").contains("api_key: is missing")
        );
        assert!(
            mistake("kind = \"foundry\"\napi_key = \"env:CLOUD_KEY\"")
                .contains("resource: is missing")
        );
        let both = format!("{key}\nentra = {{ managed_identity = true }}");
        assert!(mistake(&both).contains("keep one of the two"));
    }
}
