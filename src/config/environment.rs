//! What the process's surroundings say: overrides from the environment, and the secrets that the file refers to.

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use toml::{Table, Value};

use super::mistakes::{Notebook, did_you_mean, looks_secret, shown_of_unknown};
use super::reader::{Entry, full_key};
use crate::domain::TaskName;
use crate::vaults::{Reference, Trouble, Values};

/// What every override begins with. A single underscore belongs to others, as in `BELAY_SERVICE_HOST`.
const PREFIX: &str = "BELAY__";

/// Tables whose values the environment may set, beside `tasks`.
const PLAIN: [&str; 8] = [
    "server",
    "secrets",
    "cache",
    "shared",
    "usage",
    "idempotency",
    "audit",
    "telemetry",
];

/// Tables that hold lists, or names that a variable cannot spell.
const IN_THE_FILE: [&str; 5] = ["orgs", "providers", "models", "prices", "capabilities"];

/// The process's surroundings, handed in so that tests have their own.
pub trait Surroundings {
    /// The environment variable `name`.
    fn variable(&self, name: &str) -> Option<String>;
    /// Every environment variable.
    fn variables(&self) -> Vec<(String, String)>;
    /// The content of the file at `path`.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn file(&self, path: &Path) -> std::io::Result<Vec<u8>>;
    /// What a vault keeps at `reference`.
    ///
    /// # Errors
    /// Why that cannot be had.
    fn kept(&self, reference: &Reference) -> Result<SecretString, Trouble> {
        let section = reference.kind.section();
        Err(Trouble(format!(
            "needs [{section}], which says where that vault is"
        )))
    }
}

/// The real surroundings.
#[derive(Debug, Clone, Copy, Default)]
pub struct Process;

/// Surroundings, with what vaults were asked for.
pub struct WithVaults<'a> {
    /// Everything else.
    pub around: &'a dyn Surroundings,
    /// What was asked for.
    pub values: &'a Values,
}

/// Looks secrets up where the file says they are.
pub struct Secrets<'a> {
    /// Where variables and files come from.
    pub around: &'a dyn Surroundings,
    /// What a relative path begins at: the folder of the config file.
    pub folder: PathBuf,
}

impl Surroundings for Process {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the environment"
    )]
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn variables(&self) -> Vec<(String, String)> {
        let text = |os: std::ffi::OsString| os.to_string_lossy().into_owned();
        std::env::vars_os()
            .map(|(name, value)| (text(name), text(value)))
            .collect()
    }

    fn file(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        std::fs::read(path)
    }
}

impl Surroundings for WithVaults<'_> {
    fn variable(&self, name: &str) -> Option<String> {
        self.around.variable(name)
    }

    fn variables(&self) -> Vec<(String, String)> {
        self.around.variables()
    }

    fn file(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        self.around.file(path)
    }

    fn kept(&self, reference: &Reference) -> Result<SecretString, Trouble> {
        match self.values.get(reference) {
            Some(value) => value.clone(),
            None => self.around.kept(reference),
        }
    }
}

/// Puts every `BELAY__…` variable of `around` into `table`, and remembers which key came from which.
pub fn overlay(table: &mut Table, around: &dyn Surroundings, notebook: &mut Notebook) {
    let mut variables = around.variables();
    variables.retain(|(name, _)| name.starts_with(PREFIX));
    variables.sort();
    for (name, text) in variables {
        let value = scalar(&text);
        match place(&name).and_then(|place| fits(&value).map(|()| place)) {
            Ok(place) => {
                if set(table, &place, value) {
                    notebook.variables.insert(full_key(&place), name);
                }
            }
            Err(problem) => notebook.note(&name, Some(shown_of_unknown(&name, &value)), problem),
        }
    }
}

/// The keys from the top of the file down to what the variable `name` sets.
fn place(name: &str) -> Result<Vec<String>, String> {
    let lower = name[PREFIX.len()..].to_ascii_lowercase();
    let parts: Vec<&str> = lower.split("__").collect();
    match parts[..] {
        [table, key] if PLAIN.contains(&table) && !key.is_empty() => {
            Ok(vec![table.to_owned(), key.to_owned()])
        }
        [table, ..] if PLAIN.contains(&table) => Err(format!(
            "sets nothing; write {PREFIX}{}__ and one key of [{table}]",
            table.to_ascii_uppercase()
        )),
        ["tasks", task, key] if !key.is_empty() => {
            let task = task.replace('_', "-");
            let known = TaskName::ALL.map(TaskName::as_str);
            if known.contains(&task.as_str()) {
                return Ok(vec!["tasks".to_owned(), task, key.to_owned()]);
            }
            Err(format!("names no task; there are: {}", known.join(", ")))
        }
        ["tasks", ..] => Err(format!(
            "sets nothing; write {PREFIX}TASKS__, a task, __ and one of its keys"
        )),
        [table, ..] if IN_THE_FILE.contains(&table) => Err(format!(
            "cannot come from the environment: lists can be set in the file only, and so can all of `{table}`"
        )),
        [table, ..] => {
            let tables = PLAIN.iter().copied().chain(["tasks"]);
            let near = did_you_mean(table, tables);
            Err(format!(
                "sets nothing; variables can set keys of: {}, tasks{near}",
                PLAIN.join(", ")
            ))
        }
        [] => Err("sets nothing".to_owned()),
    }
}

/// A variable's text as TOML would read it, else as the string that it is.
fn scalar(text: &str) -> Value {
    match text.trim().parse() {
        Ok(Value::Datetime(_)) | Err(_) => Value::String(text.to_owned()),
        Ok(value) => value,
    }
}

fn fits(value: &Value) -> Result<(), String> {
    if value.is_array() || value.is_table() {
        return Err("lists and tables can be set in the file only".to_owned());
    }
    Ok(())
}

/// Whether `value` stands at `place` now. It does not where the file has something else than a table on the way, which
/// is a mistake of its own.
fn set(table: &mut Table, place: &[String], value: Value) -> bool {
    match place {
        [] => false,
        [key] => {
            table.insert(key.clone(), value);
            true
        }
        [key, rest @ ..] => table
            .entry(key.clone())
            .or_insert_with(|| Value::Table(Table::new()))
            .as_table_mut()
            .is_some_and(|inner| set(inner, rest, value)),
    }
}

impl Secrets<'_> {
    /// The secret that `entry` refers to.
    pub fn reveal(&self, entry: &Entry<'_>) -> Option<SecretString> {
        self.revealed(entry, |byte| byte.is_ascii_graphic())
    }

    /// The value of a header that `entry` refers to: a secret, or a word and a secret, such as `Bearer` and a token.
    pub fn reveal_header(&self, entry: &Entry<'_>) -> Option<SecretString> {
        self.revealed(entry, |byte| byte.is_ascii_graphic() || byte == b' ')
    }

    fn revealed(&self, entry: &Entry<'_>, may_hold: fn(u8) -> bool) -> Option<SecretString> {
        const WANTED: &str = "must be a reference to a secret, env:NAME, file:PATH or one of a vault, never the secret itself";
        let Some(reference) = entry.plain() else {
            entry.note_redacted(WANTED);
            return None;
        };
        let secret = if let Some(name) = reference.strip_prefix("env:") {
            if !is_name(name) {
                entry.note_redacted(format!(
                    "{WANTED}; what follows env: is no name of a variable"
                ));
                return None;
            }
            self.around
                .variable(name)
                .ok_or_else(|| format!("the variable {name} is not set; set it to the secret"))
        } else if let Some(path) = reference.strip_prefix("file:").filter(|p| is_path(p)) {
            self.content(Path::new(path), "the secret")
        } else if let Some(kept) = self.kept(reference) {
            kept
        } else {
            entry.note_redacted(WANTED);
            return None;
        };
        match secret.and_then(|secret| sendable(secret, may_hold)) {
            Ok(secret) => Some(secret),
            Err(problem) => {
                entry.note(problem);
                None
            }
        }
    }

    /// The file of credentials that `entry` refers to; `of_whom` says whose.
    pub fn reveal_json(&self, entry: &Entry<'_>, of_whom: &str) -> Option<SecretString> {
        let wanted =
            format!("must be a file of credentials of {of_whom}, file:PATH or one of a vault");
        let reference = entry.plain().unwrap_or_default();
        let found = if let Some(path) = reference.strip_prefix("file:").filter(|p| is_path(p)) {
            self.content(Path::new(path), "the secret")
        } else if let Some(kept) = self.kept(reference) {
            kept
        } else {
            entry.note_redacted(wanted);
            return None;
        };
        match found.and_then(credentials) {
            Ok(secret) => Some(secret),
            Err(problem) => {
                entry.note(problem);
                None
            }
        }
    }

    /// The PEM that `entry` refers to; `what` says what is in it.
    pub fn reveal_pem(&self, entry: &Entry<'_>, what: &str) -> Option<String> {
        let wanted = format!(
            "must be a reference to {what} in PEM, env:NAME, file:PATH or one of a vault, never the text itself"
        );
        let reference = entry.plain().unwrap_or_default();
        let found = if let Some(name) = reference.strip_prefix("env:").filter(|n| is_name(n)) {
            let value = self.around.variable(name);
            value.ok_or_else(|| format!("the variable {name} is not set; set it to {what} in PEM"))
        } else if let Some(path) = reference.strip_prefix("file:").filter(|p| is_path(p)) {
            self.content(Path::new(path), what)
        } else if let Some(kept) = self.kept(reference) {
            kept
        } else {
            entry.note_redacted(wanted);
            return None;
        };
        found.map_err(|problem| entry.note(problem)).ok()
    }

    /// What a vault keeps there; `None` where `reference` is none to a vault.
    fn kept(&self, reference: &str) -> Option<Result<String, String>> {
        let reference = match Reference::parse(reference)? {
            Ok(reference) => reference,
            Err(wanted) => {
                return Some(Err(format!(
                    "is no reference that a vault knows; it must be {wanted}"
                )));
            }
        };
        let kept = self.around.kept(&reference);
        let kept = kept.map(|text| {
            text.expose_secret()
                .trim_end_matches(['\r', '\n'])
                .to_owned()
        });
        Some(kept.map_err(|Trouble(why)| why))
    }

    fn content(&self, path: &Path, what: &str) -> Result<String, String> {
        let bytes = self
            .around
            .file(&self.folder.join(path))
            .map_err(|error| format!("the file cannot be read ({error}); put {what} there"))?;
        let text = String::from_utf8(bytes)
            .map_err(|_| format!("the file is no text; it must hold {what} alone"))?;
        // Editors and `echo` end a file with a line break that is no part of the secret.
        Ok(text.trim_end_matches(['\r', '\n']).to_owned())
    }
}

/// Google's forms of credentials, each known by its `type`.
fn credentials(text: String) -> Result<SecretString, String> {
    const KINDS: [&str; 4] = [
        "service_account",
        "external_account",
        "authorized_user",
        "impersonated_service_account",
    ];
    let kind = serde_json::from_str::<serde_json::Value>(&text)
        .ok()
        .and_then(|json| json.get("type")?.as_str().map(str::to_owned));
    if kind.is_some_and(|kind| KINDS.contains(&kind.as_str())) {
        return Ok(SecretString::from(text));
    }
    Err(format!(
        "the file must hold JSON whose `type` is one of: {}",
        KINDS.join(", ")
    ))
}

/// A secret goes into a header, which takes visible characters only.
fn sendable(secret: String, may_hold: fn(u8) -> bool) -> Result<SecretString, String> {
    if secret.is_empty() {
        return Err("what it refers to is empty; it must hold the secret".to_owned());
    }
    if !secret.bytes().all(may_hold) {
        return Err(
            "what it refers to holds blanks, line breaks or letters beyond ASCII; it must hold the secret alone"
                .to_owned(),
        );
    }
    Ok(SecretString::from(secret))
}

/// What stands behind `env:`; a key that somebody pasted there is no name.
fn is_name(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && name.bytes().next().is_some_and(|b| !b.is_ascii_digit())
        && !looks_secret(name)
}

/// What stands behind `file:`; a key that somebody pasted there is no path.
fn is_path(path: &str) -> bool {
    !path.is_empty() && !looks_secret(path)
}

#[cfg(test)]
mod tests {
    use super::super::scripted::Scripted;
    use super::super::settings::read;
    use super::*;

    #[test]
    fn a_variable_overrides_the_file() {
        let around = Scripted::example()
            .with("BELAY__SERVER__BIND", "127.0.0.1:7000")
            .with("BELAY__SERVER__DOCS", "false")
            .with("BELAY__CACHE__BYTES", "1_000_000")
            .with("BELAY__TELEMETRY__LOGS", "\"pretty\"")
            .with("BELAY__TASKS__CASE_SUMMARY__CACHE_TTL_S", "60")
            .with("BELAY_LOG", "debug")
            .with("BELAY_SERVICE_HOST", "10.0.0.1");
        let settings = read(Scripted::EXAMPLE, &around).expect("a good config");
        assert_eq!(settings.server.bind.port(), 7000);
        assert!(!settings.server.docs);
        assert_eq!(settings.engine.cache_bytes, 1_000_000);
        assert_eq!(settings.logs, crate::telemetry::Settings::Pretty);
        let tasks = &settings.tenants[0].org.tasks;
        assert_eq!(tasks[&TaskName::CaseSummary].cache_ttl.as_secs(), 60);
        assert_eq!(tasks[&TaskName::Briefing].cache_ttl.as_secs(), 900);
    }

    #[test]
    fn a_wrong_variable_is_named_as_the_variable_that_it_is() {
        let around = Scripted::example()
            .with("BELAY__SERVER__BIND", "here")
            .with("BELAY__SERVER__BNID", "127.0.0.1:1")
            .with("BELAY__SERVER__TRUSTED_PROXIES", "[\"10.0.0.1\"]")
            .with("BELAY__SERVER__TLS", "on")
            .with("BELAY__SERVERS__BIND", "127.0.0.1:1")
            .with("BELAY__CACHE", "5")
            .with("BELAY__ORGS__0__NAME", "acme")
            .with("BELAY__SHARED__REDIS", "redis://localhost")
            .with("BELAY__TASKS__NOTES__MODEL", "fast")
            .with("BELAY__TELEMETRY__OTLP", "collector")
            .with("BELAY__IDEMPOTENCY__BYTES", "");
        let mistakes = read(Scripted::EXAMPLE, &around).expect_err("mistakes");
        let told = |name: &str| {
            let found: Vec<_> = mistakes.iter().filter(|m| m.key == name).collect();
            assert_eq!(found.len(), 1, "{name} in {mistakes}");
            found[0].problem.as_str()
        };
        assert!(told("BELAY__SERVER__BIND").contains("address and a port"));
        assert!(told("BELAY__SERVER__BNID").contains("did you mean `bind`?"));
        assert!(told("BELAY__SERVER__TRUSTED_PROXIES").contains("in the file only"));
        assert!(told("BELAY__SERVER__TLS").contains("must be a table"));
        assert!(told("BELAY__SERVERS__BIND").contains("did you mean `server`?"));
        assert!(told("BELAY__CACHE").contains("one key of [cache]"));
        assert!(told("BELAY__ORGS__0__NAME").contains("in the file only"));
        assert!(told("BELAY__SHARED__REDIS").contains("must be a reference to a secret"));
        assert!(told("BELAY__TASKS__NOTES__MODEL").contains("briefing, case-summary"));
        assert!(told("BELAY__TELEMETRY__OTLP").starts_with("must be the address of a collector"));
        assert!(told("BELAY__IDEMPOTENCY__BYTES").contains("whole number"));
        // A store that is begun so needs `replicas` beside, and has no place for a file of what was used.
        assert_eq!(mistakes.iter().count(), 13, "{mistakes}");
    }

    #[test]
    fn a_secret_comes_from_a_variable_or_a_file_without_its_last_line_break() {
        use crate::providers::Kind;
        use secrecy::ExposeSecret;

        let config = Scripted::EXAMPLE.replace("env:ANTHROPIC_API_KEY", "file:keys/claude");
        let around = Scripted::default().with_file("keys/claude", "sk-ant-from-a-file\r\n");
        let settings = read(&config, &around).expect("a good config");
        let Kind::Anthropic { api_key, .. } = &settings.providers[0].kind else {
            panic!("the example's first provider is Claude");
        };
        assert_eq!(api_key.expose_secret(), "sk-ant-from-a-file");
    }

    #[test]
    fn a_secret_that_is_not_there_is_told_and_one_that_is_written_out_never_repeated() {
        let problem = |reference: &str, around: &Scripted| {
            let config = Scripted::EXAMPLE.replace("env:ANTHROPIC_API_KEY", reference);
            let mistakes = read(&config, around).expect_err("a mistake");
            assert_eq!(mistakes.iter().count(), 1, "{mistakes}");
            mistakes.to_string()
        };
        let around = Scripted::default()
            .with("EMPTY", "")
            .with("LINES", "one\ntwo")
            .with_file("empty", "\n");

        assert!(problem("env:MISSING", &around).contains("the variable MISSING is not set"));
        assert!(problem("env:EMPTY", &around).contains("is empty"));
        assert!(problem("env:LINES", &around).contains("line breaks"));
        assert!(problem("file:missing", &around).contains("cannot be read"));
        assert!(problem("file:empty", &around).contains("is empty"));
        for plain in [
            "hunter2",
            "sk-ant-api03",
            "env:sk-ant-api03",
            "file:sk-ant-x",
            "file:",
            "env:",
        ] {
            let told = problem(plain, &around);
            assert!(told.contains("api_key = [redacted]"), "{told}");
            assert!(
                !told.contains("hunter2") && !told.contains("sk-ant"),
                "{told}"
            );
        }
        assert!(!problem("env:LINES", &around).contains("two"));
    }
}
