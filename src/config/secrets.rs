//! `[secrets]`: the vaults that values can be referred to in, and every reference to them.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use toml::{Table, Value};

use super::addresses;
use super::environment::{Secrets, Surroundings, overlay};
use super::mistakes::Notebook;
use super::reader::Section;
use super::tls::certifier;
use crate::providers::Secret;
use crate::vaults::{Aws, Google, Hashicorp, Login, Reference, Settings};

/// What has to be fetched before a config can be read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wanted {
    /// The vaults, where any are named.
    pub vaults: Option<Settings>,
    /// Every reference to them.
    pub references: BTreeSet<Reference>,
}

/// How often values are asked for again, unless the file says otherwise.
const REFRESH: Duration = Duration::from_mins(5);

/// What the config at `path` wants of vaults; `None` where it, or its `[secrets]`, cannot be read, which is told when it is
/// read for good.
pub fn wanted(path: &Path, around: &dyn Surroundings) -> Option<Wanted> {
    let text = String::from_utf8(around.file(path).ok()?).ok()?;
    let mut table = text.parse::<Table>().ok()?;
    // Mistakes are told when the config is read for good; one elsewhere shall not hide the vaults.
    overlay(&mut table, around, &mut Notebook::default());
    let notebook = Notebook::default();
    let mut references = BTreeSet::new();
    gather(&Value::Table(table.clone()), &mut references);
    let secrets = Secrets {
        around,
        folder: path.parent().unwrap_or(Path::new("")).to_owned(),
    };
    let mut root = Section::root(table, &notebook);
    let vaults = read(&mut root, &secrets);
    drop(root);
    let vaults = notebook.close(vaults).ok()?;
    Some(Wanted { vaults, references })
}

fn gather(value: &Value, into: &mut BTreeSet<Reference>) {
    match value {
        Value::String(text) => into.extend(Reference::parse(text).and_then(Result::ok)),
        Value::Array(list) => list.iter().for_each(|one| gather(one, into)),
        Value::Table(table) => table.values().for_each(|one| gather(one, into)),
        _ => {}
    }
}

/// Reads the section, where it stands at all.
pub fn read(root: &mut Section<'_>, secrets: &Secrets<'_>) -> Option<Settings> {
    let mut section = root.section_if_there("secrets")?;
    let refresh = section
        .take("refresh_s")
        .and_then(|entry| entry.seconds(1..=86_400));
    let hashicorp = section
        .table_if_there("vault")
        .map(|table| hashicorp(table, secrets));
    let aws = section.table_if_there("aws").map(aws);
    let google = section
        .table_if_there("gcp")
        .map(|table| google(table, secrets));
    section.done();
    // A vault that is named badly leaves none: what is wrong with it has been noted.
    let whole = |good: bool| good.then_some(());
    whole(!matches!(hashicorp, Some(None)))?;
    whole(!matches!(aws, Some(None)))?;
    whole(!matches!(google, Some(None)))?;
    Some(Settings {
        refresh: refresh.unwrap_or(REFRESH),
        hashicorp: hashicorp.flatten(),
        aws: aws.flatten(),
        google: google.flatten(),
    })
}

fn hashicorp(mut section: Section<'_>, secrets: &Secrets<'_>) -> Option<Hashicorp> {
    let address = section
        .need(
            "address",
            "it must be where the vault is, such as https://vault.example:8200",
        )
        .and_then(|entry| addresses::base_url(&entry));
    let token = section.take("token").map(|entry| secrets.reveal(&entry));
    let token = token.map(|token| Some(Login::Token(Secret::from(token?))));
    let approle = section
        .table_if_there("approle")
        .map(|table| approle(table, secrets));
    let kubernetes = section
        .table_if_there("kubernetes")
        .map(|table| kubernetes(table, secrets));
    let namespace = section.take("namespace");
    let namespace = namespace.map(|entry| entry.text().map(str::to_owned));
    let ca = section
        .take("ca")
        .map(|entry| certifier(&entry, secrets, "the vault"));
    let mut logins = [token, approle, kubernetes].into_iter().flatten();
    let login = logins.next();
    if login.is_none() || logins.next().is_some() {
        section.note("needs one of `token`, `approle` and `kubernetes`: who asks the vault");
    }
    section.done();
    Some(Hashicorp {
        address: address?,
        login: login??,
        namespace: match namespace {
            None => None,
            Some(namespace) => Some(namespace?),
        },
        ca: match ca {
            None => None,
            Some(ca) => Some(ca?),
        },
    })
}

fn approle(mut section: Section<'_>, secrets: &Secrets<'_>) -> Option<Login> {
    let mut secret = |name| {
        let entry = section.need(name, "it must be env:NAME or file:PATH of it");
        entry.and_then(|entry| secrets.reveal(&entry))
    };
    let (role_id, secret_id) = (secret("role_id"), secret("secret_id"));
    let mount = mount(&mut section, "approle");
    section.done();
    Some(Login::AppRole {
        mount: mount?,
        role_id: role_id?.into(),
        secret_id: secret_id?.into(),
    })
}

fn kubernetes(mut section: Section<'_>, secrets: &Secrets<'_>) -> Option<Login> {
    let role = section
        .need("role", "it must be the role that the pod logs in as")
        .and_then(|entry| Some(entry.text()?.to_owned()));
    let token = section
        .need(
            "token",
            "it must be file:PATH of the service account's token",
        )
        .and_then(|entry| secrets.reveal(&entry));
    let mount = mount(&mut section, "kubernetes");
    section.done();
    Some(Login::Kubernetes {
        mount: mount?,
        role: role?,
        token: token?.into(),
    })
}

/// Where a way of logging in is mounted.
fn mount(section: &mut Section<'_>, usual: &str) -> Option<String> {
    let Some(entry) = section.take("mount") else {
        return Some(usual.to_owned());
    };
    let wanted = "must be a path of letters, digits and - _ /, such as approle";
    entry.parsed(wanted, |text| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_/".contains(&b);
        (!text.is_empty() && text.bytes().all(plain)).then(|| text.trim_matches('/').to_owned())
    })
}

fn aws(mut section: Section<'_>) -> Option<Aws> {
    let region = section
        .need(
            "region",
            "it must be the region of the secrets, such as eu-central-1",
        )
        .and_then(|entry| {
            let wanted = "must be a region, such as eu-central-1";
            entry.parsed(wanted, |text| {
                let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
                (!text.is_empty() && text.bytes().all(plain)).then(|| text.to_owned())
            })
        });
    let base_url = section.take("base_url");
    let base_url = base_url.map(|entry| addresses::base_url(&entry));
    section.done();
    Some(Aws {
        region: region?,
        base_url: match base_url {
            None => None,
            Some(url) => Some(url?),
        },
    })
}

fn google(mut section: Section<'_>, secrets: &Secrets<'_>) -> Option<Google> {
    let credentials = section
        .take("credentials")
        .map(|entry| secrets.reveal_json(&entry, "a Google service account or external account"));
    let base_url = section.take("base_url");
    let base_url = base_url.map(|entry| addresses::base_url(&entry));
    section.done();
    Some(Google {
        credentials: match credentials {
            None => None,
            Some(credentials) => Some(credentials?.into()),
        },
        base_url: match base_url {
            None => None,
            Some(url) => Some(url?),
        },
    })
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::super::environment::WithVaults;
    use super::super::scripted::Scripted;
    use super::super::settings::read as read_all;
    use super::*;
    use crate::vaults::{Trouble, Values};

    const VAULT: &str = "address = \"http://127.0.0.1:8200\"";
    const REFERENCE: &str = "vault:secret/data/belay#claude_key";

    fn config(section: &str) -> String {
        let config = Scripted::EXAMPLE.replace("env:ANTHROPIC_API_KEY", REFERENCE);
        format!("{config}\n{section}\n")
    }

    fn around(config: &str) -> Scripted {
        Scripted::example()
            .with("VAULT_TOKEN", "hvs.scripted")
            .with_file("/etc/belay/belay.toml", config)
    }

    fn told(section: &str) -> String {
        let config = config(section);
        let read = read_all(&config, &around(&config));
        read.expect_err("a mistake").to_string()
    }

    #[test]
    fn what_is_wanted_is_known_before_the_config_can_be_read() {
        let config = config(&format!(
            "[secrets]\nrefresh_s = 7\n[secrets.vault]\n{VAULT}\ntoken = \"env:VAULT_TOKEN\""
        ));
        let wanted = wanted(Path::new("/etc/belay/belay.toml"), &around(&config));
        let wanted = wanted.expect("it can be read");
        let vaults = wanted.vaults.expect("a vault");
        assert_eq!(vaults.refresh.as_secs(), 7);
        assert!(!format!("{vaults:?}").contains("hvs."));
        let references: Vec<String> = wanted.references.iter().map(ToString::to_string).collect();
        assert_eq!(references, [REFERENCE]);
        let elsewhere = around(&config).with("BELAY__SERVER__BNID", "127.0.0.1:1");
        let wanted = super::wanted(Path::new("/etc/belay/belay.toml"), &elsewhere);
        assert!(wanted.is_some_and(|wanted| wanted.vaults.is_some()));
        let none = super::wanted(Path::new("/nowhere"), &Scripted::default());
        assert_eq!(none, None);
    }

    #[test]
    fn what_a_vault_keeps_stands_where_a_variable_would() {
        let config = config("");
        let reference = Reference::parse(REFERENCE)
            .expect("one")
            .expect("a good one");
        let read = |value: Result<SecretString, Trouble>| {
            let values = Values::from([(reference.clone(), value)]);
            let scripted = around(&config);
            let around = WithVaults {
                around: &scripted,
                values: &values,
            };
            read_all(&config, &around).map_err(|mistakes| mistakes.to_string())
        };
        assert!(read(Ok("sk-ant-kept\n".into())).is_ok());
        let denied = read(Err(Trouble("may not be read".to_owned()))).expect_err("a mistake");
        assert!(
            denied.starts_with(&format!(
                "providers[0].api_key = \"{REFERENCE}\": may not be read"
            )),
            "{denied}"
        );
    }

    #[test]
    fn what_cannot_be_meant_is_told_with_what_would_be_right() {
        let nowhere = told("");
        assert!(nowhere.contains("providers[0].api_key"), "{nowhere}");
        assert!(nowhere.contains("needs [secrets.vault]"), "{nowhere}");
        let nobody = told(&format!("[secrets.vault]\n{VAULT}"));
        assert!(
            nobody.contains("secrets.vault: needs one of `token`, `approle` and `kubernetes`"),
            "{nobody}"
        );
        let two = told(&format!(
            "[secrets.vault]\n{VAULT}\ntoken = \"env:VAULT_TOKEN\"\nkubernetes = {{ role = \"belay\", token = \"env:VAULT_TOKEN\" }}"
        ));
        assert!(two.contains("needs one of `token`"), "{two}");
        let clear = told(
            "[secrets.vault]\naddress = \"http://vault.example\"\ntoken = \"env:VAULT_TOKEN\"",
        );
        assert!(clear.contains("secrets.vault.address"), "{clear}");
        let never = told("[secrets]\nrefresh_s = 0");
        assert!(never.contains("secrets.refresh_s = 0"), "{never}");
        let region = told("[secrets.aws]\nregion = \"Frankfurt am Main\"");
        assert!(region.contains("such as eu-central-1"), "{region}");
    }
}
