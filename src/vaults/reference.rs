//! How a config refers to what a vault keeps.

use std::fmt;

/// A place in a vault, and a field of what is kept there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// Which vault.
    pub kind: Kind,
    /// The place in it, as its protocol names it.
    pub place: String,
    /// Which field; `None` for the whole.
    pub field: Option<String>,
}

/// A kind of vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// HashiCorp Vault or OpenBao.
    Hashicorp,
    /// AWS Secrets Manager.
    Aws,
    /// Google Secret Manager.
    Google,
}

impl Kind {
    /// Every kind there is.
    pub const ALL: [Self; 3] = [Self::Hashicorp, Self::Aws, Self::Google];

    /// What a reference to it begins with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Hashicorp => "vault:",
            Self::Aws => "aws-sm:",
            Self::Google => "gcp-sm:",
        }
    }

    /// Where the config says where it is.
    pub fn section(self) -> &'static str {
        match self {
            Self::Hashicorp => "secrets.vault",
            Self::Aws => "secrets.aws",
            Self::Google => "secrets.gcp",
        }
    }

    fn wanted(self) -> &'static str {
        match self {
            Self::Hashicorp => {
                "vault:PATH#FIELD, the path as the API has it, such as vault:secret/data/belay#claude_key"
            }
            Self::Aws => "aws-sm:NAME or an ARN, with #FIELD where a JSON object is kept",
            Self::Google => {
                "gcp-sm:projects/PROJECT/secrets/SECRET, with /versions/N for another than the latest, and #FIELD where a JSON object is kept"
            }
        }
    }
}

impl Reference {
    /// The reference that `text` is; `None` where it is none to a vault, and what would be right where it is a broken one.
    pub fn parse(text: &str) -> Option<Result<Self, &'static str>> {
        let kind = Kind::ALL
            .into_iter()
            .find(|kind| text.starts_with(kind.prefix()))?;
        let rest = &text[kind.prefix().len()..];
        let (place, field) = match rest.rsplit_once('#') {
            Some((place, field)) => (place, Some(field)),
            None => (rest, None),
        };
        let is_plain = |text: &str, more: &[u8]| {
            !text.is_empty()
                && text.len() <= 512
                && text
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b) || more.contains(&b))
        };
        let fits = match kind {
            Kind::Hashicorp => {
                let whole = is_plain(place, b"/") && !place.starts_with('/');
                whole && field.is_some() && !place.split('/').any(|part| part == "..")
            }
            Kind::Aws => is_plain(place, b"/+=@:"),
            Kind::Google => is_a_secret_of_google(place, is_plain),
        };
        let fits = fits && field.is_none_or(|field| is_plain(field, b" /"));
        Some(if fits {
            Ok(Self {
                kind,
                place: place.to_owned(),
                field: field.map(str::to_owned),
            })
        } else {
            Err(kind.wanted())
        })
    }
}

/// `projects/P/secrets/S`, perhaps with `/versions/V`.
fn is_a_secret_of_google(place: &str, is_plain: impl Fn(&str, &[u8]) -> bool) -> bool {
    let parts: Vec<&str> = place.split('/').collect();
    let plain = |part: &str| is_plain(part, b":");
    match parts[..] {
        ["projects", project, "secrets", secret] => plain(project) && plain(secret),
        ["projects", project, "secrets", secret, "versions", version] => {
            plain(project) && plain(secret) && plain(version)
        }
        _ => false,
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.kind.prefix(), self.place)?;
        match &self.field {
            Some(field) => write!(f, "#{field}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_reads_as_it_is_written() {
        for text in [
            "vault:secret/data/belay#claude_key",
            "vault:kv1/belay#key",
            "aws-sm:belay/claude",
            "aws-sm:arn:aws:secretsmanager:eu-central-1:111122223333:secret:belay-AbCdEf#key",
            "gcp-sm:projects/acme-ai/secrets/belay",
            "gcp-sm:projects/acme-ai/secrets/belay/versions/3#key",
        ] {
            let reference = Reference::parse(text).expect("one").expect("a good one");
            assert_eq!(reference.to_string(), text);
        }
        for text in ["env:NAME", "file:/run/key", "sk-ant-x", ""] {
            assert_eq!(Reference::parse(text), None);
        }
    }

    #[test]
    fn a_broken_one_is_told_what_would_be_right() {
        for text in [
            "vault:secret/data/belay",
            "vault:#key",
            "vault:/secret#key",
            "vault:secret/../sys#key",
            "vault:secret?x=1#key",
            "aws-sm:",
            "aws-sm:a b",
            "aws-sm:a#",
            "gcp-sm:belay",
            "gcp-sm:projects//secrets/belay",
            "gcp-sm:projects/a/secrets/b/versions",
        ] {
            let wanted = Reference::parse(text).expect("one").expect_err(text);
            let begins = text.split_once(':').expect("a prefix").0;
            assert!(wanted.starts_with(begins), "{text}: {wanted}");
        }
    }
}
