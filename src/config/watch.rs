//! Has the config changed, or a secret that it refers to?
//!
//! # Why
//! Content is compared, not times or inodes: a mounted config map is changed by swapping a link several folders up,
//! which tells a watcher of the file nothing. The files are few and small, so reading them again costs less than being
//! told wrong.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use sha2::{Digest, Sha256};

use super::environment::Surroundings;
use super::mistakes::Mistakes;
use super::settings::{Settings, load};
use crate::vaults::{Reference, Trouble};

/// The SHA-256 of a file's content; `None` for a file that cannot be read.
type Content = Option<[u8; 32]>;

/// The files that one reading of a config saw, by their content.
#[derive(Debug, Clone)]
pub struct Watched(BTreeMap<PathBuf, Content>);

/// Surroundings that remember which files were asked for.
struct Remembering<'a> {
    around: &'a dyn Surroundings,
    files: RefCell<BTreeMap<PathBuf, Content>>,
}

/// Reads the config at `path`, and remembers every file that this took: a config with mistakes, too, is watched until
/// they are gone.
pub fn load_watched(
    path: &Path,
    around: &dyn Surroundings,
) -> (Result<Settings, Mistakes>, Watched) {
    let remembering = Remembering {
        around,
        files: RefCell::default(),
    };
    let settings = load(path, &remembering);
    (settings, Watched(remembering.files.into_inner()))
}

impl Watched {
    /// Whether any of the files is another than when it was read: changed, gone, or there at last.
    #[must_use]
    pub fn has_changed(&self, around: &dyn Surroundings) -> bool {
        self.0
            .iter()
            .any(|(path, content)| hash(&around.file(path)) != *content)
    }

    /// Which files are watched.
    #[must_use = "naming them does nothing by itself"]
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.0.keys().map(PathBuf::as_path)
    }
}

impl Surroundings for Remembering<'_> {
    fn variable(&self, name: &str) -> Option<String> {
        self.around.variable(name)
    }

    fn variables(&self) -> Vec<(String, String)> {
        self.around.variables()
    }

    fn file(&self, path: &Path) -> io::Result<Vec<u8>> {
        let read = self.around.file(path);
        self.files.borrow_mut().insert(path.to_owned(), hash(&read));
        read
    }

    fn kept(&self, reference: &Reference) -> Result<SecretString, Trouble> {
        self.around.kept(reference)
    }
}

fn hash(read: &io::Result<Vec<u8>>) -> Content {
    read.as_ref().ok().map(|bytes| Sha256::digest(bytes).into())
}

#[cfg(test)]
mod tests {
    use super::super::environment::Process;
    use super::super::scripted::Scripted;
    use super::*;

    const PATH: &str = "/etc/belay/belay.toml";

    fn around(config: &str) -> Scripted {
        Scripted::default()
            .with_file(PATH, config)
            .with_file("/run/claude", "sk-ant-scripted")
    }

    fn config() -> String {
        Scripted::EXAMPLE.replace("env:ANTHROPIC_API_KEY", "file:/run/claude")
    }

    #[test]
    fn a_change_of_the_file_or_of_a_secret_is_seen() {
        let first = around(&config());
        let (settings, watched) = load_watched(Path::new(PATH), &first);
        assert!(settings.is_ok());
        assert_eq!(watched.files().count(), 2);
        assert!(!watched.has_changed(&first));
        assert!(watched.has_changed(&first.clone().with_file(PATH, "")));
        assert!(watched.has_changed(&first.clone().with_file("/run/claude", "sk-ant-other")));
        assert!(watched.has_changed(&Scripted::default()));
    }

    #[test]
    fn a_bad_config_is_watched_until_it_is_good() {
        let missing = Scripted::default().with_file(PATH, &config());
        let (settings, watched) = load_watched(Path::new(PATH), &missing);
        assert!(settings.is_err());
        assert!(!watched.has_changed(&missing));
        assert!(watched.has_changed(&around(&config())));
    }

    #[cfg(unix)]
    #[test]
    fn a_config_map_that_swaps_its_link_is_seen() {
        use std::os::unix::fs::symlink;

        let folder = tempfile::tempdir().expect("a folder");
        let write = |version: &str, text: &str| {
            let data = folder.path().join(version);
            std::fs::create_dir(&data).expect("a folder");
            std::fs::write(data.join("belay.toml"), text).expect("a file");
            let fresh = folder.path().join("..fresh");
            symlink(&data, &fresh).expect("a link");
            std::fs::rename(&fresh, folder.path().join("..data")).expect("a swap");
        };
        write("..1", "[server]");
        let path = folder.path().join("belay.toml");
        symlink("..data/belay.toml", &path).expect("a link");

        let (_, watched) = load_watched(&path, &Process);
        assert!(!watched.has_changed(&Process));
        write("..2", "[server]\ndocs = false");
        assert!(watched.has_changed(&Process));
    }
}
