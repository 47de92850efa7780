//! Surroundings that a test writes itself, and the config that tests begin with.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::environment::Surroundings;
use super::settings::read;

/// Variables and files that exist nowhere else.
#[derive(Debug, Clone, Default)]
pub struct Scripted {
    variables: BTreeMap<String, String>,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Scripted {
    /// A whole config.
    pub const EXAMPLE: &str = include_str!("example.toml");

    /// The key in the surroundings of the example.
    pub const KEY: &str = "sk-ant-scripted";

    /// What the example needs around it.
    pub fn example() -> Self {
        Self::default().with("ANTHROPIC_API_KEY", Self::KEY)
    }

    /// The example, with `section` for the replicas that it is one of.
    pub fn replicated(section: &str) -> String {
        let alone = Self::EXAMPLE
            .lines()
            .filter(|line| !line.contains("usage.db"));
        let alone: Vec<&str> = alone.collect();
        format!("{}\n[shared]\n{section}\n", alone.join("\n"))
    }

    /// With this variable, too.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// With this file, too.
    pub fn with_file(mut self, path: &str, content: &str) -> Self {
        self.files.insert(path.into(), content.into());
        self
    }
}

impl Surroundings for Scripted {
    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    fn variables(&self) -> Vec<(String, String)> {
        self.variables.clone().into_iter().collect()
    }

    fn file(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = self.files.get(path).cloned();
        file.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }
}

/// Everything told of the example with `this` in place of `that`.
pub fn mistakes(that: &str, this: &str) -> Vec<String> {
    assert!(Scripted::EXAMPLE.contains(that), "{that} is in the example");
    let config = Scripted::EXAMPLE.replacen(that, this, 1);
    match read(&config, &Scripted::example()) {
        Ok(_) => Vec::new(),
        Err(mistakes) => mistakes.iter().map(ToString::to_string).collect(),
    }
}

/// The one thing told of the example with `this` in place of `that`.
pub fn mistake(that: &str, this: &str) -> String {
    let mut mistakes = mistakes(that, this);
    assert_eq!(mistakes.len(), 1, "{mistakes:#?}");
    mistakes.remove(0)
}
