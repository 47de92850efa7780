//! The file as a whole: its sections in the order in which they lean on each other, and what they become.

use std::path::Path;

use secrecy::ExposeSecret;
use toml::Table;

use super::environment::{Secrets, Surroundings, overlay};
use super::mistakes::{Mistakes, Notebook};
use super::models::{self, Prices};
use super::reader::Section;
use super::secrets as vault_settings;
use super::telemetry as watched;
use super::{addresses, capabilities, credentials, orgs, providers, shared, tasks, tls, usage};
use crate::domain::OrgName;
use crate::identity::{Certificate, Credential, KeyHash, Roster, Tenant, Tokens};
use crate::providers::Kind;
use crate::telemetry::audit::Target;
use crate::telemetry::metrics::{CertificateEnd, CertificateUse};
use crate::{engine, http, lifecycle, telemetry};

/// The settings of every room.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the gateway listens, and what it lets in.
    pub server: http::Settings,
    /// How long a stop may take.
    pub lifecycle: lifecycle::Settings,
    /// The upstreams.
    pub providers: Vec<crate::providers::Settings>,
    /// Every org, its policy and routes inside.
    pub tenants: Vec<Tenant>,
    /// What access tokens are signed with, where any are given.
    pub tokens: Option<Tokens>,
    /// The store behind several replicas, where there are several.
    pub shared: Option<crate::shared::Settings>,
    /// Where what was used is kept.
    pub usage: crate::usage::Settings,
    /// Sizes and times of the core.
    pub engine: engine::Settings,
    /// The vaults that secrets are kept in, where any are named.
    pub vaults: Option<crate::vaults::Settings>,
    /// How log lines look.
    pub logs: telemetry::Settings,
    /// Where traces and metrics go, where somebody collects them.
    pub otlp: Option<telemetry::otlp::Settings>,
    /// Where the audit lines go.
    pub audit: telemetry::audit::Target,
    /// What the file says of prices, by `model` or `provider/model`. The routes hold them already; a reader of the
    /// config wants to know where a price comes from.
    pub prices: Prices,
    /// What the file says that models can do, by `model` or `provider/model`; the routes hold it already.
    pub capabilities: capabilities::Given,
}

impl Settings {
    /// Whether clients are asked for a certificate: where there is an authority for them, or an org that shows one.
    #[must_use]
    pub fn asks_for_certificates(&self) -> bool {
        let has_authority = |tls: &http::tls::Settings| tls.client_ca.is_some();
        self.server.tls.as_ref().is_some_and(has_authority)
            || self
                .tenants
                .iter()
                .flat_map(|one| &one.credentials)
                .any(|credential| {
                    matches!(credential.proof, crate::identity::Proof::Certificate { .. })
                })
    }

    /// When every certificate ends that is shown or trusted.
    #[must_use]
    pub fn certificate_ends(&self) -> Vec<CertificateEnd> {
        let end = |org: Option<&OrgName>, purpose, one: &Certificate| CertificateEnd {
            org: org.cloned(),
            purpose,
            not_after: one.not_after,
        };
        let tls = self.server.tls.as_ref();
        let own = tls.into_iter().flat_map(|tls| &tls.chain);
        let own = own.map(|one| end(None, CertificateUse::Server, one));
        let authority = tls.and_then(|tls| tls.client_ca.as_ref());
        let authority = authority.into_iter().flat_map(|ca| &ca.certificates);
        let authority = authority.map(|one| end(None, CertificateUse::ClientCa, one));
        let orgs = self.tenants.iter().flat_map(|tenant| {
            let certificates = tenant.credentials.iter().flat_map(Credential::certificates);
            certificates.map(|one| end(Some(&tenant.org.name), CertificateUse::Credential, one))
        });
        own.chain(authority).chain(orgs).collect()
    }

    /// Who is known: the orgs, and what access tokens are signed with.
    #[must_use]
    pub fn roster(&self) -> Roster {
        Roster {
            tenants: self.tenants.clone(),
            tokens: self.tokens.clone(),
        }
    }
}

/// Reads a config. A relative path in it begins at the process's own folder.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read(text: &str, around: &dyn Surroundings) -> Result<Settings, Mistakes> {
    read_in(Path::new(""), text, around)
}

/// Reads the config at `path`. A relative path in it begins at its folder.
///
/// # Errors
/// Everything that is wrong with it; a file that cannot be read is a mistake, too.
pub fn load(path: &Path, around: &dyn Surroundings) -> Result<Settings, Mistakes> {
    let unreadable = |why: String| {
        let problem = format!("{why}; it must be a config in TOML that this process may read");
        Mistakes::one(path.display().to_string(), problem)
    };
    let bytes = around
        .file(path)
        .map_err(|error| unreadable(format!("cannot be read ({error})")))?;
    let text = String::from_utf8(bytes).map_err(|_| unreadable("is no UTF-8 text".to_owned()))?;
    read_in(path.parent().unwrap_or(Path::new("")), &text, around)
}

/// What runs where there is no config: on loopback, one org `sandbox` that `key` opens, and the simulator; the Claude
/// API in its place where `ANTHROPIC_API_KEY` is set. Variables override values as they do in a file.
///
/// # Errors
/// Where a variable is wrong.
pub fn sandbox(key: &KeyHash, around: &dyn Surroundings) -> Result<Settings, Mistakes> {
    // An empty variable is how some launchers write one that is not set.
    let with_claude = around
        .variable("ANTHROPIC_API_KEY")
        .is_some_and(|key| !key.is_empty());
    let upstream = if with_claude {
        r#"
        providers = [{ name = "claude", kind = "anthropic", api_key = "env:ANTHROPIC_API_KEY" }]
        [models]
        default.targets = [{ provider = "claude", model = "claude-sonnet-5-5" }]
        fast.targets = [{ provider = "claude", model = "claude-haiku-5-5" }]
        "#
    } else {
        r#"
        providers = [{ name = "simulator", kind = "simulator" }]
        [models]
        default.targets = [{ provider = "simulator", model = "simulator" }]
        fast.targets = [{ provider = "simulator", model = "simulator" }]
        "#
    };
    // No real org has this id.
    let org = format!(
        r#"
        [[orgs]]
        id = "00D000000000000EAA"
        name = "sandbox"
        [[orgs.credentials]]
        kind = "api_key"
        id = "sandbox"
        sha256 = "{key}"
        scopes = ["tasks", "messages", "jobs"]
        "#
    );
    read(&format!("{upstream}{org}"), around)
}

/// Sections that differ between the two and take a restart to change; orgs, providers, models, prices and tasks take none.
#[must_use]
pub fn differs_beyond_reload(old: &Settings, new: &Settings) -> Vec<&'static str> {
    [
        (
            "server",
            is_same_server(&old.server, &new.server) && old.lifecycle == new.lifecycle,
        ),
        ("shared", old.shared == new.shared),
        ("usage", old.usage == new.usage),
        ("cache", old.engine.cache_bytes == new.engine.cache_bytes),
        (
            "idempotency",
            old.engine.idempotency_bytes == new.engine.idempotency_bytes,
        ),
        ("telemetry", old.logs == new.logs && old.otlp == new.otlp),
        ("audit", old.audit == new.audit),
    ]
    .into_iter()
    .filter_map(|(section, same)| (!same).then_some(section))
    .collect()
}

/// Whether the providers of the two differ, be it by a secret alone.
#[must_use]
pub fn providers_differ(old: &Settings, new: &Settings) -> bool {
    let (old, new) = (&old.providers, &new.providers);
    old.len() != new.len() || !old.iter().zip(new).all(|(old, new)| is_same(old, new))
}

/// Other certificates take no restart; TLS where there was none, or none where there was, does.
fn is_same_server(old: &http::Settings, new: &http::Settings) -> bool {
    let bare = |server: &http::Settings| http::Settings {
        tls: None,
        ..server.clone()
    };
    bare(old) == bare(new) && old.tls.is_some() == new.tls.is_some()
}

fn is_same(one: &crate::providers::Settings, other: &crate::providers::Settings) -> bool {
    let same_kind = match (&one.kind, &other.kind) {
        (
            Kind::Anthropic { api_key, base_url },
            Kind::Anthropic {
                api_key: other_key,
                base_url: other_url,
            },
        ) => api_key.expose_secret() == other_key.expose_secret() && base_url == other_url,
        (Kind::Bedrock(one), Kind::Bedrock(other)) => one == other,
        (Kind::Vertex(one), Kind::Vertex(other)) => one == other,
        (Kind::Foundry(one), Kind::Foundry(other)) => one == other,
        (Kind::Simulator { latency }, Kind::Simulator { latency: other }) => latency == other,
        (
            Kind::Anthropic { .. }
            | Kind::Bedrock(_)
            | Kind::Vertex(_)
            | Kind::Foundry(_)
            | Kind::Simulator { .. },
            _,
        ) => false,
    };
    same_kind
        && one.name == other.name
        && one.calls_in_flight == other.calls_in_flight
        && one.versions == other.versions
}

fn read_in(folder: &Path, text: &str, around: &dyn Surroundings) -> Result<Settings, Mistakes> {
    let mut table: Table = text.parse().map_err(|error| syntax(text, &error))?;
    let mut notebook = Notebook::default();
    overlay(&mut table, around, &mut notebook);
    let secrets = Secrets {
        around,
        folder: folder.to_owned(),
    };
    let settings = sections(table, &secrets, &notebook);
    notebook.close(settings)
}

/// Where the text stops being TOML. The line itself is not repeated: it may hold a secret.
fn syntax(text: &str, error: &toml::de::Error) -> Mistakes {
    let at = error.span().map_or(0, |span| span.start).min(text.len());
    let before = String::from_utf8_lossy(&text.as_bytes()[..at]);
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .map_or(0, |line| line.chars().count())
        + 1;
    let problem = format!("is no TOML: {}", error.message().replace('\n', ", "));
    Mistakes::one(format!("line {line}, column {column}"), problem)
}

/// Every section. What others refer to comes first.
fn sections(table: Table, secrets: &Secrets<'_>, notebook: &Notebook) -> Settings {
    let mut root = Section::root(table, notebook);
    let vaults = vault_settings::read(&mut root, secrets);
    let (server, lifecycle) = server(root.section("server"), secrets);
    let mut providers = providers::read(&mut root, secrets);
    let prices = models::prices(&mut root);
    let capabilities = capabilities::read(&mut root);
    let mut models = models::read(&mut root, &providers, &prices, &capabilities);
    for provider in &mut providers.built {
        provider.versions = models.versions.remove(&provider.name).unwrap_or_default();
    }
    let tasks = tasks::read(&mut root, &models);
    let public_url = server.public_url.as_ref();
    let around = credentials::Around {
        secrets,
        public_url,
        has_tokens: root.has("tokens"),
    };
    let tokens = credentials::tokens(&mut root, secrets, public_url);
    let tenants = orgs::read(&mut root, &models, &tasks, &around);
    let engine = engine(&mut root);
    let has_shared = root.has("shared");
    let usage = usage::read(root.section("usage"), secrets, has_shared);
    let shared = shared::read(&mut root, secrets);
    let (logs, otlp) = watched::read(root.section("telemetry"), secrets);
    let audit = audit(root.section("audit"), secrets);
    root.done();
    Settings {
        server,
        lifecycle,
        providers: providers.built,
        tenants,
        tokens,
        shared,
        usage,
        engine,
        vaults,
        logs,
        otlp,
        audit,
        prices,
        capabilities,
    }
}

fn server(
    mut section: Section<'_>,
    secrets: &Secrets<'_>,
) -> (http::Settings, lifecycle::Settings) {
    let usual = http::Settings::default();
    let bind = section.take("bind");
    let admin_bind = section.take("admin_bind");
    let server = http::Settings {
        bind: bind
            .as_ref()
            .and_then(addresses::socket)
            .unwrap_or(usual.bind),
        admin_bind: admin_bind
            .as_ref()
            .and_then(addresses::socket)
            .unwrap_or(usual.admin_bind),
        public_url: section
            .take("public_url")
            .and_then(|entry| addresses::public_url(&entry)),
        body_bytes: section
            .take("body_bytes")
            .and_then(|entry| entry.whole(1_000..=100_000_000))
            .and_then(|bytes| usize::try_from(bytes).ok())
            .unwrap_or(usual.body_bytes),
        messages_body_bytes: section
            .take("messages_body_bytes")
            .and_then(|entry| entry.whole(1_000..=256_000_000))
            .and_then(|bytes| usize::try_from(bytes).ok())
            .unwrap_or(usual.messages_body_bytes),
        docs: section
            .take("docs")
            .and_then(|entry| entry.flag())
            .unwrap_or(usual.docs),
        trusted_proxies: section
            .take("trusted_proxies")
            .map(addresses::proxies)
            .unwrap_or_default(),
        tls: tls::read(&mut section, secrets),
        ..usual
    };
    if addresses::collide(server.bind, server.admin_bind) {
        let problem = format!(
            "cannot be listened on beside the other door, {}; give each a port of its own",
            if admin_bind.is_some() {
                server.bind
            } else {
                server.admin_bind
            }
        );
        match admin_bind.or(bind) {
            Some(entry) => entry.note(problem),
            None => section.note(problem),
        }
    }
    let usual = lifecycle::Settings::default();
    let lifecycle = lifecycle::Settings {
        drain_delay: section
            .take("drain_delay_s")
            .and_then(|entry| entry.seconds(0..=600))
            .unwrap_or(usual.drain_delay),
        drain: section
            .take("drain_s")
            .and_then(|entry| entry.seconds(0..=3_600))
            .unwrap_or(usual.drain),
    };
    section.done();
    (server, lifecycle)
}

fn engine(root: &mut Section<'_>) -> engine::Settings {
    let usual = engine::Settings::default();
    let mut bytes = |name, range| {
        let mut section = root.section(name);
        let bytes = section.take("bytes").and_then(|entry| entry.whole(range));
        section.done();
        bytes
    };
    engine::Settings {
        // No bytes at all is a cache that keeps nothing.
        cache_bytes: bytes("cache", 0..=1 << 40).unwrap_or(usual.cache_bytes),
        // A key that is not kept would let a repeat be charged again, so this cannot be switched off.
        idempotency_bytes: bytes("idempotency", 1_000_000..=1 << 40)
            .unwrap_or(usual.idempotency_bytes),
        ..usual
    }
}

/// `stdout` or `file:PATH`. A relative path begins at the folder of the config, as those of secrets do.
fn audit(mut section: Section<'_>, secrets: &Secrets<'_>) -> Target {
    let target = section.take("target").and_then(|entry| {
        entry.parsed("must be stdout or file:PATH", |text| {
            if text == "stdout" {
                return Some(Target::Stdout);
            }
            let path = text.strip_prefix("file:").filter(|path| !path.is_empty())?;
            Some(Target::File(secrets.folder.join(path)))
        })
    });
    section.done();
    target.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::super::describe;
    use super::super::scripted::{Scripted, mistake};
    use super::*;
    use crate::domain::Scope;
    use crate::identity::Proof;

    #[test]
    fn the_example_is_accepted() {
        let settings = read(Scripted::EXAMPLE, &Scripted::example()).expect("a good config");
        assert_eq!(settings.server.bind.to_string(), "127.0.0.1:8080");
        assert_eq!(settings.server.body_bytes, 5_000_000);
        assert_eq!(settings.lifecycle, lifecycle::Settings::default());
        assert_eq!(settings.engine, engine::Settings::default());
        assert_eq!(settings.logs, telemetry::Settings::Json);
        assert_eq!(settings.audit, Target::Stdout);
    }

    #[test]
    fn five_mistakes_are_all_named() {
        let config = Scripted::EXAMPLE
            .replace("127.0.0.1:8080", "localhost")
            .replace(
                "requests_per_minute = 600",
                "requests_per_minute = \"many\"",
            )
            .replace("env:ANTHROPIC_API_KEY", "sk-ant-written-out")
            .replace(
                "claude\", model = \"claude-haiku",
                "aws\", model = \"claude-haiku",
            )
            .replace("[cache]", "[cache]\ncolour = \"blue\"");
        let mistakes = read(&config, &Scripted::example()).expect_err("mistakes");
        let keys: Vec<_> = mistakes
            .iter()
            .map(|mistake| mistake.key.as_str())
            .collect();
        assert_eq!(
            keys,
            [
                "server.bind",
                "providers[0].api_key",
                "models.fast.targets[0].provider",
                "orgs[0].limits.requests_per_minute",
                "cache.colour",
            ]
        );
        assert_eq!(mistakes.to_string().lines().count(), 5);
        assert!(!mistakes.to_string().contains("written-out"));
    }

    #[test]
    fn an_empty_file_is_told_what_it_needs() {
        let mistakes = read("", &Scripted::default()).expect_err("mistakes");
        let keys: Vec<_> = mistakes
            .iter()
            .map(|mistake| mistake.key.as_str())
            .collect();
        assert_eq!(keys, ["providers", "models.default", "orgs"]);
    }

    #[test]
    fn broken_toml_is_told_by_line_and_column_and_without_the_line() {
        let told = mistake("\"env:ANTHROPIC_API_KEY\"", "sk-ant-hunter2");
        assert!(told.starts_with("line 45, column 11: is no TOML"), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
        let told = mistake("admin_bind", "bind");
        assert!(told.starts_with("line 5, column 1: "), "{told}");
    }

    #[test]
    fn a_file_that_cannot_be_read_is_a_mistake() {
        let told = load(Path::new("no/belay.toml"), &Scripted::default());
        let told = told.expect_err("a mistake").to_string();
        assert!(told.starts_with("no/belay.toml: cannot be read"), "{told}");
    }

    #[test]
    fn a_relative_path_begins_at_the_folder_of_the_config() {
        let config = Scripted::EXAMPLE.replace("env:ANTHROPIC_API_KEY", "file:keys/claude");
        let around = Scripted::default()
            .with_file("/etc/belay/belay.toml", &config)
            .with_file("/etc/belay/keys/claude", "sk-ant-scripted\n");
        assert!(load(Path::new("/etc/belay/belay.toml"), &around).is_ok());
    }

    #[test]
    fn the_audit_goes_to_standard_output_or_to_a_file_beside_the_config() {
        let audit = |text: &str| {
            let config = Scripted::EXAMPLE.replace("target = \"stdout\"", text);
            let around = Scripted::example().with_file("/etc/belay/belay.toml", &config);
            load(Path::new("/etc/belay/belay.toml"), &around).map(|settings| settings.audit)
        };
        for (text, target) in [
            ("", Target::Stdout),
            ("target = \"stdout\"", Target::Stdout),
            (
                "target = \"file:audit.jsonl\"",
                Target::File("/etc/belay/audit.jsonl".into()),
            ),
        ] {
            assert_eq!(audit(text).expect("a good config"), target);
        }
        let told = audit("target = \"syslog\"")
            .expect_err("a mistake")
            .to_string();
        assert!(told.contains("must be stdout or file:PATH"), "{told}");
    }

    #[test]
    fn each_number_of_the_server_has_its_range() {
        assert!(mistake("drain_delay_s = 5", "drain_delay_s = 601").contains("0 to 600"));
        assert!(mistake("drain_s = 120", "drain_s = 3601").contains("0 to 3,600"));
        assert!(mistake("body_bytes = 5_000_000", "body_bytes = 10").contains("1,000 to"));
        assert!(mistake("bytes = 67_108_864", "bytes = 0").starts_with("idempotency.bytes = 0"));
        assert!(mistake("docs = true", "docs = \"yes\"").contains("true or false"));
        assert!(mistake("logs = \"json\"", "logs = \"text\"").contains("json, pretty"));
    }

    #[test]
    fn a_value_in_place_of_a_table_is_told_how_to_be_written() {
        let config = Scripted::EXAMPLE
            .replace("[cache]\nbytes = 268_435_456", "")
            .replace("[server]", "cache = 5\n[server]");
        let told = read(&config, &Scripted::example()).expect_err("a mistake");
        assert_eq!(
            told.to_string(),
            "cache = 5: must be a table, which begins with [cache]"
        );
    }

    #[test]
    fn the_two_doors_have_two_ports() {
        let told = mistake("127.0.0.1:9090", "127.0.0.1:8080");
        assert!(told.starts_with("server.admin_bind"), "{told}");
        assert!(told.contains("a port of its own"), "{told}");
        let told = mistake("127.0.0.1:8080", "0.0.0.0:9090");
        assert!(told.contains("a port of its own"), "{told}");
    }

    #[test]
    fn without_a_file_the_simulator_answers_on_loopback() {
        let key = KeyHash::of("made up");
        let settings = sandbox(&key, &Scripted::default()).expect("good");
        assert!(settings.server.bind.ip().is_loopback());
        assert_eq!(settings.providers[0].kind.as_str(), "simulator");
        let tenant = &settings.tenants[0];
        assert_eq!(tenant.org.name.as_str(), "sandbox");
        let proof = &tenant.credentials[0].proof;
        assert!(matches!(proof, Proof::ApiKey(hash) if *hash == key));
        assert!(tenant.credentials[0].scopes.contains(&Scope::Tasks));
        assert!(tenant.org.models.values().all(|route| route.simulated()));

        let around = Scripted::default().with("ANTHROPIC_API_KEY", "");
        let settings = sandbox(&key, &around).expect("good");
        assert_eq!(settings.providers[0].kind.as_str(), "simulator");
    }

    #[test]
    fn without_a_file_claude_answers_where_its_key_is_and_variables_count() {
        let around = Scripted::example().with("BELAY__SERVER__BIND", "127.0.0.1:0");
        let settings = sandbox(&KeyHash::of("made up"), &around).expect("good");
        assert_eq!(settings.providers[0].kind.as_str(), "anthropic");
        assert_eq!(settings.server.bind.port(), 0);
        let wrong = around.with("BELAY__SERVER__DOCS", "maybe");
        let told = sandbox(&KeyHash::of("made up"), &wrong).expect_err("a mistake");
        assert!(
            told.to_string().starts_with("BELAY__SERVER__DOCS"),
            "{told}"
        );
    }

    #[test]
    fn what_takes_a_restart_is_told_apart_from_what_does_not() {
        let around = Scripted::example();
        let old = read(Scripted::EXAMPLE, &around).expect("a good config");
        let differs = |that: &str, this: &str| {
            let new = read(&Scripted::EXAMPLE.replacen(that, this, 1), &around);
            differs_beyond_reload(&old, &new.expect("a good config"))
        };
        assert!(differs("requests_per_minute = 600", "requests_per_minute = 6").is_empty());
        assert!(differs("claude-opus-5-5", "claude-opus-5").is_empty());
        assert_eq!(differs("drain_s = 120", "drain_s = 12"), ["server"]);
        assert!(differs("latency_ms = 250", "latency_ms = 251").is_empty());
        assert_eq!(differs("bytes = 268_435_456", "bytes = 1"), ["cache"]);
        assert_eq!(
            differs("bytes = 67_108_864", "bytes = 68_000_000"),
            ["idempotency"]
        );
        assert_eq!(differs("\"json\"", "\"pretty\""), ["telemetry"]);

        let rotated = around.clone().with("ANTHROPIC_API_KEY", "sk-ant-rotated");
        let new = read(Scripted::EXAMPLE, &rotated).expect("a good config");
        assert!(differs_beyond_reload(&old, &new).is_empty());
        assert!(providers_differ(&old, &new) && !providers_differ(&old, &old));
    }

    #[test]
    fn a_secret_is_printed_nowhere() {
        let settings = read(Scripted::EXAMPLE, &Scripted::example()).expect("a good config");
        assert!(!format!("{settings:?}").contains(Scripted::KEY));
        assert!(!describe(&settings, Timestamp::UNIX_EPOCH).contains(Scripted::KEY));

        let around = Scripted::example().with("ANTHROPIC_API_KEY", "sk-ant-two words");
        let mistakes = read(Scripted::EXAMPLE, &around).expect_err("a mistake");
        assert!(!mistakes.to_string().contains("sk-ant"), "{mistakes}");
        assert!(!format!("{mistakes:?}").contains("sk-ant"), "{mistakes:?}");
    }

    #[test]
    fn times_come_in_the_units_of_their_names() {
        let config = Scripted::EXAMPLE.replace("drain_delay_s = 5", "drain_delay_s = 0");
        let settings = read(&config, &Scripted::example()).expect("a good config");
        assert_eq!(settings.lifecycle.drain_delay, Duration::ZERO);
    }

    /// The example with some lines gone, twice, or with something else in them.
    fn garbled() -> impl Strategy<Value = String> {
        let lines = Scripted::EXAMPLE.lines().count();
        let change = (0..lines, 0..5_u8, 0..60_usize, ".{0,6}");
        proptest::collection::vec(change, 0..12).prop_map(|changes| {
            let mut lines: Vec<String> = Scripted::EXAMPLE.lines().map(str::to_owned).collect();
            for (index, kind, at, noise) in changes {
                let line = &mut lines[index];
                match kind {
                    0 => line.clear(),
                    1 => *line = format!("{line}\n{line}"),
                    2 => *line = line.replace('"', ""),
                    3 => *line = line.replace(|c: char| c.is_ascii_digit(), &noise),
                    _ => {
                        let at = line.char_indices().nth(at).map_or(line.len(), |(at, _)| at);
                        line.insert_str(at, &noise);
                    }
                }
            }
            lines.join("\n")
        })
    }

    proptest! {
        #[test]
        fn whatever_stands_in_the_file_is_answered_and_not_died_of(config in garbled()) {
            match read(&config, &Scripted::example()) {
                Ok(settings) => prop_assert!(!describe(&settings, Timestamp::UNIX_EPOCH).is_empty()),
                Err(mistakes) => prop_assert!(!mistakes.to_string().is_empty()),
            }
        }
    }
}
