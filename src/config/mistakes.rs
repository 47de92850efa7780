//! What is wrong with a config, and how it is told without giving a secret away.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

use toml::Value;

/// What stands in place of a secret.
pub const REDACTED: &str = "[redacted]";

/// Characters of a value that are shown.
const SHOWN_CHARS: usize = 80;

/// Everything that is wrong with a config, at once.
#[derive(Debug, thiserror::Error)]
pub struct Mistakes(Vec<Mistake>);

/// One thing that is wrong with a config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where it stands: `orgs[0].limits.requests_per_minute`, or the variable that set it.
    pub key: String,
    /// What stands there, cut to 80 characters; a secret as `[redacted]`.
    pub value: Option<String>,
    /// What is wrong with it, and what would be right.
    pub problem: String,
}

/// Where mistakes are written down while the config is read.
#[derive(Default)]
pub struct Notebook {
    mistakes: RefCell<Vec<Mistake>>,
    /// The keys that the environment has set, each with its variable.
    pub variables: BTreeMap<String, String>,
}

impl Mistakes {
    /// A config with this one mistake.
    pub(super) fn one(key: String, problem: String) -> Self {
        Self(vec![Mistake {
            key,
            value: None,
            problem,
        }])
    }

    /// Each of them, in the order in which they were found.
    #[must_use = "iterating does nothing by itself"]
    pub fn iter(&self) -> std::slice::Iter<'_, Mistake> {
        self.0.iter()
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{mistake}")?;
        }
        Ok(())
    }
}

impl<'a> IntoIterator for &'a Mistakes {
    type Item = &'a Mistake;
    type IntoIter = std::slice::Iter<'a, Mistake>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            key,
            value,
            problem,
        } = self;
        match value {
            Some(value) => write!(f, "{key} = {value}: {problem}"),
            None => write!(f, "{key}: {problem}"),
        }
    }
}

impl Notebook {
    /// Writes down that what stands at `key` is wrong.
    pub fn note(&self, key: &str, value: Option<String>, problem: impl Into<String>) {
        let key = self.variables.get(key).map_or(key, String::as_str);
        self.mistakes.borrow_mut().push(Mistake {
            key: key.to_owned(),
            value,
            problem: problem.into(),
        });
    }

    /// `settings`, where nothing has been written down.
    ///
    /// # Errors
    /// Everything that has been.
    pub fn close<T>(self, settings: T) -> Result<T, Mistakes> {
        let mistakes = self.mistakes.into_inner();
        if mistakes.is_empty() {
            Ok(settings)
        } else {
            Err(Mistakes(mistakes))
        }
    }
}

/// How `value` may be printed: on one line, cut, and redacted where it looks like a secret in the wrong place.
pub fn shown(value: &Value) -> String {
    let text = match value {
        Value::String(text) if looks_secret(text) => return REDACTED.to_owned(),
        Value::String(text) => format!("{text:?}"),
        // What is inside could be anything, and its own keys are judged one by one.
        Value::Table(_) => "{…}".to_owned(),
        Value::Array(_) => "[…]".to_owned(),
        plain => plain.to_string(),
    };
    cut(&text)
}

/// How the value of a key that nobody knows may be printed: redacted where the key sounds like a secret's.
pub fn shown_of_unknown(key: &str, value: &Value) -> String {
    const SECRETIVE: [&str; 8] = [
        "key",
        "secret",
        "token",
        "password",
        "passwd",
        "bearer",
        "credential",
        "auth",
    ];
    let key = key.to_ascii_lowercase();
    if value.is_str() && SECRETIVE.iter().any(|word| key.contains(word)) {
        return REDACTED.to_owned();
    }
    shown(value)
}

/// Whether a person has probably put a secret where none belongs.
///
/// Beginnings of well-known keys, addresses that hold a password, and long unbroken strings of letters and digits.
pub fn looks_secret(text: &str) -> bool {
    const BEGINNINGS: [&str; 6] = ["sk-", "belay_", "AKIA", "eyJ", "Bearer ", "Basic "];
    let random = |word: &str| {
        word.len() >= 32
            && word.bytes().any(|b| b.is_ascii_digit())
            && word.bytes().any(|b| b.is_ascii_alphabetic())
            && word
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'_'))
    };
    BEGINNINGS.iter().any(|start| text.starts_with(start))
        || (text.contains(':') && text.contains('@'))
        || random(text)
}

/// The one of `known` that `word` was probably meant to be.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count() / 3).clamp(1, 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `; did you mean …?`, where there is something to propose.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

fn cut(text: &str) -> String {
    if text.chars().count() <= SHOWN_CHARS {
        return text.to_owned();
    }
    let mut start: String = text.chars().take(SHOWN_CHARS - 1).collect();
    start.push('…');
    start
}

/// Characters to insert, delete, replace or swap with their neighbour to get from one word to the other, upper and lower
/// case being the same.
fn distance(one: &str, other: &str) -> usize {
    // A word longer than any key is near none, and costs no time.
    if one.len() > 64 {
        return usize::MAX;
    }
    let letters = |word: &str| word.to_lowercase().chars().collect::<Vec<_>>();
    let (one, other) = (letters(one), letters(other));
    // rows[i][j]: from the first i letters of one word to the first j of the other.
    let mut rows = vec![vec![0; other.len() + 1]; one.len() + 1];
    for i in 0..=one.len() {
        for j in 0..=other.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let same = one[i - 1] == other[j - 1];
                let swapped =
                    i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1];
                let best = (rows[i - 1][j - 1] + usize::from(!same))
                    .min(rows[i - 1][j] + 1)
                    .min(rows[i][j - 1] + 1);
                if swapped {
                    best.min(rows[i - 2][j - 2] + 1)
                } else {
                    best
                }
            };
        }
    }
    rows[one.len()][other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_understood() {
        let known = ["bind", "admin_bind", "body_bytes", "docs"];
        assert_eq!(nearest("bnd", known), Some("bind"));
        assert_eq!(nearest("bnid", known), Some("bind"));
        assert_eq!(nearest("body_byte", known), Some("body_bytes"));
        assert_eq!(nearest("Docs", known), Some("docs"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest(&"b".repeat(100_000), known), None);
    }

    #[test]
    fn a_value_takes_one_line_of_at_most_80_characters() {
        let long = shown(&Value::String("two\nlines ".repeat(40)));
        assert_eq!(long.chars().count(), 80);
        assert!(!long.contains('\n'));
    }

    #[test]
    fn a_secret_in_the_wrong_place_is_not_repeated() {
        for secret in [
            "sk-ant-api03-abc",
            "belay_c2VjcmV0",
            "https://user:pass@host.example",
            "0a1b2c3d4e5f60718293a4b5c6d7e8f9",
        ] {
            assert_eq!(shown(&Value::String(secret.into())), REDACTED);
        }
        let short = Value::String("hunter2".into());
        assert_eq!(shown_of_unknown("api_kee", &short), "\"hunter2\"");
        assert_eq!(shown_of_unknown("my_password", &short), REDACTED);
    }

    #[test]
    fn each_mistake_is_one_line() {
        let mistakes = Mistakes(vec![
            Mistake {
                key: "server.bind".into(),
                value: Some("\"here\"".into()),
                problem: "must be an address and a port".into(),
            },
            Mistake {
                key: "orgs".into(),
                value: None,
                problem: "is missing".into(),
            },
        ]);
        assert_eq!(
            mistakes.to_string(),
            "server.bind = \"here\": must be an address and a port\norgs: is missing"
        );
    }
}
