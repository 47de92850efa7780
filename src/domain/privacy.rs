//! What one org lets out of its data: rules by object and field, detectors, and what may stand beside them.
//!
//! Plain data and its arithmetic. What is done by it stands in the room `privacy`, where it comes from in `config`.
//!
//! # Why
//! A record may come without its type, and then nobody knows whether `Contact.Birthdate` speaks of it. Each rule errs
//! to the safe side: what drops or masks holds for a record of unknown type whatever object it names, and what allows
//! holds only where it names them all.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use regex::{Regex, RegexBuilder};
use url::Host;

use super::field_pattern::FieldPattern;

/// Bytes that a compiled pattern of an org may take.
const REGEX_BYTES: usize = 1 << 20;
/// Characters of an own pattern's name, which becomes part of every placeholder.
const NAME_CHARS: usize = 40;

/// What one org lets out. By default nothing stands in the way: no rule, no detector.
#[derive(Debug, Clone, PartialEq)]
pub struct Privacy {
    /// When given, only these fields leave.
    pub allow: Option<Vec<FieldPattern>>,
    /// These never leave.
    pub drop: Vec<FieldPattern>,
    /// These leave as placeholders.
    pub mask: Vec<FieldPattern>,
    /// What is looked for in all that is left.
    pub detect: BTreeSet<Detector>,
    /// What is looked for beside that, the more important first.
    pub patterns: Vec<OwnPattern>,
    /// Where links and images of an answer may lead.
    pub link_hosts: Vec<LinkHost>,
    /// Whether free text may go along under an allow list, which speaks of fields only.
    pub allow_text: bool,
    /// Whether a task may search the web, and so tell a third party whom it looks for.
    pub web_search: bool,
    /// Whether the rules hold for the Claude API and the LLM Open Connector, too, where the caller writes the prompt.
    pub messages: bool,
}

/// What can be found in a text by its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Detector {
    /// An e-mail address.
    Email,
    /// A phone number, international or as its country writes it.
    Phone,
    /// A payment card number that passes Luhn.
    Card,
    /// A US social security number.
    Ssn,
    /// An international bank account number that passes mod 97.
    Iban,
    /// An IP address.
    Ip,
}

/// What an org looks for beside the detectors; its name becomes the placeholder's.
#[derive(Debug, Clone)]
pub struct OwnPattern {
    /// Capitals, digits and underscores, a capital first.
    pub name: String,
    /// What is found; a match of no characters is none.
    pub regex: Regex,
}

/// A host that links may lead to, and all hosts below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkHost(Host<String>);

impl Default for Privacy {
    fn default() -> Self {
        Self {
            allow: None,
            drop: Vec::new(),
            mask: Vec::new(),
            detect: BTreeSet::new(),
            patterns: Vec::new(),
            link_hosts: Vec::new(),
            allow_text: true,
            web_search: false,
            messages: true,
        }
    }
}

impl Privacy {
    /// Whether the allow list, if there is one, lets `field` out. A record of unknown type is let out by `*` alone.
    pub fn allows(&self, object: Option<&str>, field: &str) -> bool {
        self.allow
            .as_ref()
            .is_none_or(|allow| allow.iter().any(|pattern| pattern.matches(object, field)))
    }

    /// Whether `field` never leaves. A record of unknown type is taken for each that a rule names.
    pub fn drops(&self, object: Option<&str>, field: &str) -> bool {
        let drops = |pattern: &FieldPattern| pattern.may_match(object, field);
        self.drop.iter().any(drops)
    }

    /// Whether `field` leaves as a placeholder. A record of unknown type is taken for each that a rule names.
    pub fn masks(&self, object: Option<&str>, field: &str) -> bool {
        let masks = |pattern: &FieldPattern| pattern.may_match(object, field);
        self.mask.iter().any(masks)
    }

    /// Whether free text may go along.
    pub fn lets_text_out(&self) -> bool {
        self.allow.is_none() || self.allow_text
    }

    /// Every rule as one text, for the key of a cached answer: equal texts let out the same.
    ///
    /// The order of rules does not show, that of own patterns does, since the first of two that match names the find.
    pub fn fingerprint(&self) -> String {
        let rules = |rules: &[FieldPattern]| {
            let mut rules: Vec<String> = rules
                .iter()
                .map(|rule| rule.to_string().to_ascii_lowercase())
                .collect();
            rules.sort_unstable();
            rules.dedup();
            rules.join(",")
        };
        let mut text = String::new();
        if let Some(allow) = &self.allow {
            let _ = writeln!(text, "allow {}", rules(allow));
        }
        let _ = writeln!(text, "drop {}", rules(&self.drop));
        let _ = writeln!(text, "mask {}", rules(&self.mask));
        for detector in &self.detect {
            let _ = writeln!(text, "detect {}", detector.as_str());
        }
        for pattern in &self.patterns {
            let _ = writeln!(
                text,
                "pattern {} {:?}",
                pattern.name,
                pattern.regex.as_str()
            );
        }
        let hosts: BTreeSet<String> = self.link_hosts.iter().map(LinkHost::to_string).collect();
        for host in hosts {
            let _ = writeln!(text, "link {host}");
        }
        let _ = write!(
            text,
            "text {} search {} messages {}",
            self.allow_text, self.web_search, self.messages
        );
        text
    }
}

impl Detector {
    /// All there are.
    pub const ALL: [Self; 6] = [
        Self::Email,
        Self::Phone,
        Self::Card,
        Self::Ssn,
        Self::Iban,
        Self::Ip,
    ];

    /// The name in the config.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Card => "card",
            Self::Ssn => "ssn",
            Self::Iban => "iban",
            Self::Ip => "ip",
        }
    }

    /// The detector of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|detector| detector.as_str() == text)
    }
}

impl OwnPattern {
    /// Takes a name of capitals, digits and underscores, and a regex that always matches something.
    ///
    /// # Errors
    /// A sentence about what is wrong with one of the two.
    pub fn new(name: &str, regex: &str) -> Result<Self, String> {
        let is_name = name.starts_with(|first: char| first.is_ascii_uppercase())
            && name.len() <= NAME_CHARS
            && name
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
            && !name.ends_with('_')
            && !name.contains("__");
        if !is_name {
            return Err(format!(
                "the name must be capitals, digits and single underscores such as CUSTOMER_NO, at most {NAME_CHARS}"
            ));
        }
        let regex = RegexBuilder::new(regex)
            .size_limit(REGEX_BYTES)
            .build()
            .map_err(|why| match why {
                regex::Error::CompiledTooBig(_) => {
                    "the regex is too large: shorten it, or lower its repetitions".to_owned()
                }
                why => format!("the regex cannot be read: {why}"),
            })?;
        if regex.is_match("") {
            return Err(
                "the regex matches the empty text: let it ask for one character at least"
                    .to_owned(),
            );
        }
        Ok(Self {
            name: name.to_owned(),
            regex,
        })
    }
}

impl PartialEq for OwnPattern {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.regex.as_str() == other.regex.as_str()
    }
}

impl LinkHost {
    /// Takes a host by itself: `acme.my.salesforce.com`, no scheme, port or path.
    pub fn parse(text: &str) -> Option<Self> {
        let host = Host::parse(text.strip_suffix('.').unwrap_or(text)).ok()?;
        let is_host = match &host {
            Host::Domain(domain) => {
                !domain.is_empty()
                    && !domain.contains('*')
                    && domain.split('.').all(|label| !label.is_empty())
            }
            Host::Ipv4(_) | Host::Ipv6(_) => true,
        };
        is_host.then_some(Self(host))
    }

    /// Whether `host` is this one, or a domain below it.
    pub fn covers(&self, host: &Host<&str>) -> bool {
        match (&self.0, host) {
            (Host::Domain(own), Host::Domain(other)) => {
                let other = other.strip_suffix('.').unwrap_or(other);
                other
                    .strip_suffix(own.as_str())
                    .is_some_and(|before| before.is_empty() || before.ends_with('.'))
            }
            (Host::Ipv4(own), Host::Ipv4(other)) => own == other,
            (Host::Ipv6(own), Host::Ipv6(other)) => own == other,
            _ => false,
        }
    }
}

impl fmt::Display for LinkHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> FieldPattern {
        FieldPattern::parse(text).unwrap()
    }

    #[test]
    fn a_record_of_unknown_type_is_dropped_by_every_rule_and_allowed_by_the_widest_alone() {
        let privacy = Privacy {
            allow: Some(vec![pattern("Contact.Name"), pattern("*.City")]),
            drop: vec![pattern("Lead.Rating")],
            mask: vec![pattern("Lead.Company")],
            ..Privacy::default()
        };
        assert!(!privacy.allows(None, "Name") && privacy.allows(None, "city"));
        assert!(privacy.drops(None, "Rating") && !privacy.drops(Some("Contact"), "Rating"));
        assert!(privacy.masks(None, "Company") && !privacy.masks(Some("Contact"), "Company"));
    }

    #[test]
    fn a_fingerprint_tells_rules_apart_and_not_their_order() {
        let base = Privacy {
            drop: vec![pattern("A.B"), pattern("c.D")],
            patterns: vec![OwnPattern::new("KD", "KD-[0-9]+").unwrap()],
            ..Privacy::default()
        };
        let print = base.fingerprint();
        let turned = Privacy {
            drop: vec![pattern("C.d"), pattern("a.b")],
            ..base.clone()
        };
        assert_eq!(turned.fingerprint(), print);
        let others = [
            Privacy {
                allow: Some(vec![]),
                ..base.clone()
            },
            Privacy {
                drop: vec![],
                mask: base.drop.clone(),
                ..base.clone()
            },
            Privacy {
                detect: [Detector::Ip].into(),
                ..base.clone()
            },
            Privacy {
                patterns: vec![OwnPattern::new("KD", "KD-[0-9]").unwrap()],
                ..base.clone()
            },
            Privacy {
                link_hosts: vec![LinkHost::parse("acme.example").unwrap()],
                ..base.clone()
            },
            Privacy {
                allow_text: false,
                ..base.clone()
            },
            Privacy {
                web_search: true,
                ..base.clone()
            },
            Privacy {
                messages: false,
                ..base.clone()
            },
        ];
        let prints: BTreeSet<String> = others.iter().map(Privacy::fingerprint).collect();
        assert_eq!(prints.len(), others.len());
        assert!(!prints.contains(&print));
    }

    #[test]
    fn an_own_pattern_that_cannot_work_is_refused_with_a_sentence() {
        assert!(OwnPattern::new("CUSTOMER_NO", "KD-[0-9]{8}").is_ok());
        for (name, regex, why) in [
            ("customer", "x", "the name must be capitals"),
            ("A__B", "x", "the name must be capitals"),
            ("A_", "x", "the name must be capitals"),
            ("", "x", "the name must be capitals"),
            ("A", "(", "the regex cannot be read"),
            ("A", "[0-9]*", "the regex matches the empty text"),
            ("A", "(\\w{1000}){1000}", "the regex is too large"),
        ] {
            let told = OwnPattern::new(name, regex).unwrap_err();
            assert!(told.starts_with(why), "{name} {regex}: {told}");
        }
    }

    #[test]
    fn a_detector_is_found_by_its_name() {
        for detector in Detector::ALL {
            assert_eq!(Detector::parse(detector.as_str()), Some(detector));
        }
        assert_eq!(Detector::parse("mail"), None);
    }

    #[test]
    fn a_link_host_covers_itself_and_what_is_below() {
        let host = LinkHost::parse("Acme.Example").unwrap();
        for (other, does) in [
            ("acme.example", true),
            ("acme.example.", true),
            ("a.b.acme.example", true),
            ("notacme.example", false),
            ("acme.example.evil.example", false),
            ("example", false),
        ] {
            assert_eq!(host.covers(&Host::Domain(other)), does, "{other}");
        }
        for wrong in [
            "",
            "https://acme.example",
            "acme.example:443",
            "acme.example/x",
            "*.acme.example",
            "a..b",
        ] {
            assert_eq!(LinkHost::parse(wrong), None, "{wrong}");
        }
        assert_eq!(
            LinkHost::parse("bücher.example").unwrap().to_string(),
            "xn--bcher-kva.example"
        );
    }
}
