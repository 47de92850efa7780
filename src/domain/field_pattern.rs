//! How a rule names fields: `Object.Field`.

use std::fmt;

/// `Object.Field`, where `*` stands for any characters: `*.SSN__c`, `Contact.Birth*`, `*.*`. Case does not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPattern {
    object: Box<str>,
    field: Box<str>,
}

impl FieldPattern {
    /// Takes `Object.Field`: two parts of letters, digits, underscores and `*`.
    pub fn parse(text: &str) -> Option<Self> {
        let (object, field) = text.split_once('.')?;
        let is_part = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'*'))
        };
        (is_part(object) && is_part(field)).then(|| Self {
            object: object.into(),
            field: field.into(),
        })
    }

    /// Whether this surely speaks of `field`; where the type is not known, only if its object is `*`.
    pub fn matches(&self, object: Option<&str>, field: &str) -> bool {
        let object_matches = match object {
            Some(object) => fits(&self.object, object),
            None => self.object.bytes().all(|byte| byte == b'*'),
        };
        object_matches && fits(&self.field, field)
    }

    /// Whether this may speak of `field`; where the type is not known, whatever its object is.
    pub fn may_match(&self, object: Option<&str>, field: &str) -> bool {
        object.is_none_or(|object| fits(&self.object, object)) && fits(&self.field, field)
    }
}

/// Whether `name` is what `pattern` says, in any case.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut in_pattern, mut in_name) = (0, 0);
    // Where to go on when what follows the last star did not fit: one character further in the name.
    let mut last_star = None;
    while in_name < name.len() {
        match pattern.get(in_pattern) {
            Some(b'*') => {
                last_star = Some((in_pattern, in_name));
                in_pattern += 1;
            }
            Some(byte) if byte.eq_ignore_ascii_case(&name[in_name]) => {
                in_pattern += 1;
                in_name += 1;
            }
            _ => {
                let Some((star, from)) = last_star else {
                    return false;
                };
                last_star = Some((star, from + 1));
                (in_pattern, in_name) = (star + 1, from + 1);
            }
        }
    }
    pattern[in_pattern..].iter().all(|&byte| byte == b'*')
}

impl fmt::Display for FieldPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.object, self.field)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> FieldPattern {
        FieldPattern::parse(text).unwrap()
    }

    #[test]
    fn a_pattern_names_objects_and_fields_in_any_case() {
        for (text, object, field, does) in [
            ("*.SSN__c", "Contact", "ssn__C", true),
            ("*.SSN__c", "Contact", "SSN2__c", false),
            ("Contact.Birth*", "contact", "Birthdate", true),
            ("Contact.Birth*", "Lead", "Birthdate", false),
            ("Contact.*Phone*", "Contact", "MobilePhone", true),
            ("Contact.*Phone*", "Contact", "Phone", true),
            ("Contact.*a*b*a", "Contact", "xaxbxbxa", true),
            ("Contact.*a*b*a", "Contact", "xaxbxbx", false),
            ("*__c.*", "Invoice__c", "Name", true),
            ("*.*", "Case", "Subject", true),
            ("Case.Subject", "Case", "Subject", true),
            ("Case.Subject", "CaseComment", "Subject", false),
        ] {
            assert_eq!(
                pattern(text).matches(Some(object), field),
                does,
                "{text} {object}.{field}"
            );
        }
        for wrong in [
            "",
            "Contact",
            "Contact.",
            ".Name",
            "Contact.Na me",
            "A.B.C",
            "Contact.Näme",
        ] {
            assert_eq!(FieldPattern::parse(wrong), None, "{wrong}");
        }
        assert_eq!(pattern("Contact.Birth*").to_string(), "Contact.Birth*");
    }

    proptest! {
        #[test]
        fn a_star_stands_for_any_characters(before in "[a-z]{0,4}", gap in "[a-z_]{0,6}", after in "[a-z]{0,4}") {
            let star = pattern(&format!("*.{before}*{after}"));
            let name = format!("{before}{gap}{after}");
            prop_assert!(star.matches(Some("Case"), &name));
        }
    }
}
