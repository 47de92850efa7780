//! The config of a test: two orgs, and as many upstreams as it needs.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::io;
use std::path::Path;

use belay::config::{self, Settings, Surroundings};
use belay::identity::KeyHash;
use belay::telemetry::audit::Target;

use super::Upstream;
use super::openssl::Made;

/// Acme's key for the tasks.
pub const KEY: &str = "belay_acme-for-flow";
/// Acme's second key for the tasks, as during a rotation.
pub const SECOND_KEY: &str = "belay_acme-for-flow-next";
/// Acme's key that may not use the tasks.
pub const MESSAGES_KEY: &str = "belay_acme-for-messages";
/// Globex's key for the tasks.
pub const OTHER_KEY: &str = "belay_globex-for-flow";
/// Globex's key for the Claude API.
pub const OTHER_MESSAGES_KEY: &str = "belay_globex-for-messages";
/// Our own key at the upstream.
pub const UPSTREAM_KEY: &str = "sk-ant-scripted-upstream";
/// Acme's Salesforce id.
pub const ACME: &str = "00D5f000000XyZaEAK";
/// Globex's Salesforce id, in 15 characters.
const GLOBEX: &str = "00D5f000000GbxQ";

/// A config, line by line.
#[derive(Clone)]
pub struct Config {
    server: BTreeMap<String, String>,
    orgs: String,
    limits: BTreeMap<String, String>,
    providers: String,
    targets: Vec<String>,
    privacy: String,
    org: String,
    each_user: String,
    credentials: [String; 2],
    files: BTreeMap<String, String>,
    more: String,
}

/// The surroundings of every test: our key, the files beside the config, and nothing else.
struct Around<'a>(&'a BTreeMap<String, String>);

impl Config {
    /// Everything goes to `upstream`, and no limit is near.
    pub fn to(upstream: &Upstream) -> Self {
        Self::to_address(&upstream.address())
    }

    /// Everything goes to whatever listens at `address`.
    pub fn to_address(address: &str) -> Self {
        let bare = Self {
            server: BTreeMap::new(),
            orgs: String::new(),
            limits: BTreeMap::new(),
            providers: String::new(),
            targets: Vec::new(),
            privacy: String::new(),
            org: String::new(),
            each_user: String::new(),
            credentials: Default::default(),
            files: BTreeMap::new(),
            more: String::new(),
        };
        bare.target("claude", address)
            .limit("requests_per_minute", 100_000)
            .limit("tokens_per_minute", 1_000_000_000)
            .limit("calls_in_flight", 100)
            .server("bind", r#""127.0.0.1:0""#)
            .server("admin_bind", r#""127.0.0.1:0""#)
    }

    /// Where the first upstream fails, `upstream` is asked.
    pub fn then(self, upstream: &Upstream) -> Self {
        self.target("spare", &upstream.address())
    }

    /// Where all before it fail, `address` is asked, under `name`.
    pub fn also(self, name: &str, address: &str) -> Self {
        self.target(name, address)
    }

    /// So many calls at once at the upstream, of both orgs together.
    pub fn upstream_calls(mut self, count: u32) -> Self {
        let _ = writeln!(self.providers, "calls_in_flight = {count}");
        self
    }

    /// A limit of both orgs.
    pub fn limit(mut self, name: &str, value: impl Display) -> Self {
        self.limits.insert(name.to_owned(), value.to_string());
        self
    }

    /// A value of `[server]`, as TOML.
    pub fn server(mut self, name: &str, value: impl Display) -> Self {
        self.server.insert(name.to_owned(), value.to_string());
        self
    }

    /// Both orgs may use batches.
    pub fn batches(mut self) -> Self {
        self.orgs.push_str("batches = true\n");
        self.server("public_url", r#""https://belay.brackwater.example/""#)
    }

    /// The lines of `[orgs.privacy]`, of Acme only.
    pub fn privacy(mut self, lines: &str) -> Self {
        self.privacy = format!("[orgs.privacy]\n{lines}\n");
        self
    }

    /// More lines of `[[orgs]]`, of Acme only.
    pub fn org(mut self, lines: &str) -> Self {
        self.org = format!("{lines}\n");
        self
    }

    /// More lines of `[[orgs]]`, of both.
    pub fn both_orgs(mut self, lines: &str) -> Self {
        let _ = writeln!(self.orgs, "{lines}");
        self
    }

    /// The lines of `[orgs.limits.per_user]`, of Acme only.
    pub fn each_user(mut self, lines: &str) -> Self {
        self.each_user = format!("[orgs.limits.per_user]\n{lines}\n");
        self
    }

    /// One more of Acme's credentials, by its lines.
    pub fn credential(mut self, lines: &str) -> Self {
        let _ = writeln!(self.credentials[0], "[[orgs.credentials]]\n{lines}");
        self
    }

    /// One more of Globex's credentials, by its lines.
    pub fn credential_of_globex(mut self, lines: &str) -> Self {
        let _ = writeln!(self.credentials[1], "[[orgs.credentials]]\n{lines}");
        self
    }

    /// A file beside the config, for what refers to it as `file:NAME`.
    pub fn file(mut self, name: &str, content: &str) -> Self {
        self.files.insert(name.to_owned(), content.to_owned());
        self
    }

    /// Served by TLS with `server`, to clients of `authority` where one is given.
    pub fn tls(self, server: &Made, authority: Option<&Made>) -> Self {
        let own = r#"cert = "file:tls.crt", key = "file:tls.key""#;
        let own_files = self
            .file("tls.crt", &server.certificate)
            .file("tls.key", &server.key);
        match authority {
            None => own_files.server("tls", format!("{{ {own} }}")),
            Some(made) => own_files
                .file("ca.crt", &made.certificate)
                .server("tls", format!("{{ {own}, client_ca = \"file:ca.crt\" }}")),
        }
    }

    /// Acme is known by this client certificate, too.
    pub fn shows(self, id: &str, certificate: &Made) -> Self {
        self.credential(&format!(
            "kind = \"mtls\"\nid = \"{id}\"\nsha256 = \"{}\"\nscopes = [\"tasks\", \"messages\"]",
            certificate.fingerprint()
        ))
    }

    /// Puts the files where the config will be.
    pub fn write_files(&self, folder: &Path) {
        for (name, content) in &self.files {
            std::fs::write(folder.join(name), content).expect("it can be written");
        }
    }

    /// Whole sections, as TOML.
    pub fn more(mut self, text: &str) -> Self {
        self.more.push_str(text);
        self
    }

    /// One provider of these keys in place of all others, asked for `model`.
    pub fn only(mut self, keys: &str, model: &str) -> Self {
        self.providers = format!("[[providers]]\nname = \"cloud\"\n{keys}\n");
        self.targets = vec![format!("{{ provider = \"cloud\", model = \"{model}\" }}")];
        self
    }

    /// The file.
    pub fn text(&self) -> String {
        let lines = |values: &BTreeMap<String, String>| {
            values
                .iter()
                .fold(String::new(), |mut text, (name, value)| {
                    let _ = writeln!(text, "{name} = {value}");
                    text
                })
        };
        let limits = lines(&self.limits);
        let acme = [
            credential("flow", KEY, "tasks"),
            credential("flow-next", SECOND_KEY, "tasks"),
            credential("relay", MESSAGES_KEY, "messages"),
        ];
        let globex = [
            credential("flow", OTHER_KEY, "tasks"),
            credential("relay", OTHER_MESSAGES_KEY, "messages"),
        ];
        format!(
            "[server]\n{server}\n\
             [[orgs]]\nid = \"{ACME}\"\nname = \"acme\"\n{orgs}{org}{acme}{acme_too}[orgs.limits]\n{limits}\n{each_user}{privacy}\
             [[orgs]]\nid = \"{GLOBEX}\"\nname = \"globex\"\n{orgs}{globex}{globex_too}[orgs.limits]\n{limits}\n\
             {providers}\n[models.default]\ntargets = [{targets}]\n\
             [prices.\"claude-sonnet-5-5\"]\ninput = 2.0\noutput = 10.0\n{more}",
            server = lines(&self.server),
            acme = acme.concat(),
            acme_too = self.credentials[0],
            globex_too = self.credentials[1],
            each_user = self.each_user,
            privacy = self.privacy,
            org = self.org,
            globex = globex.concat(),
            orgs = self.orgs,
            providers = self.providers,
            targets = self.targets.join(", "),
            more = self.more,
        )
    }

    /// What the app is built from. Its audit lines go nowhere, unless the test says otherwise.
    pub fn settings(&self) -> Settings {
        let read = config::read(&self.text(), &Around(&self.files));
        let mut settings = read.unwrap_or_else(|mistakes| panic!("{mistakes}"));
        settings.audit = Target::Nowhere;
        settings
    }

    fn target(mut self, name: &str, address: &str) -> Self {
        let _ = writeln!(
            self.providers,
            "[[providers]]\nname = \"{name}\"\nkind = \"anthropic\"\napi_key = \"env:UPSTREAM_KEY\"\nbase_url = \"{address}\""
        );
        self.targets.push(format!(
            "{{ provider = \"{name}\", model = \"claude-sonnet-5-5\" }}"
        ));
        self
    }
}

fn credential(id: &str, key: &str, scope: &str) -> String {
    format!(
        "[[orgs.credentials]]\nkind = \"api_key\"\nid = \"{id}\"\nsha256 = \"{hash}\"\nscopes = [\"{scope}\"]\n",
        hash = KeyHash::of(key)
    )
}

impl Surroundings for Around<'_> {
    fn variable(&self, name: &str) -> Option<String> {
        (name == "UPSTREAM_KEY").then(|| UPSTREAM_KEY.to_owned())
    }

    fn variables(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    fn file(&self, path: &Path) -> io::Result<Vec<u8>> {
        let content = path.to_str().and_then(|name| self.0.get(name));
        let content = content.ok_or(io::ErrorKind::NotFound)?;
        Ok(content.clone().into_bytes())
    }
}
