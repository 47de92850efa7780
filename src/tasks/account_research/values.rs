//! Whether a text is a value of the field that it is meant for, as Salesforce would take it.

use std::sync::LazyLock;

use jiff::civil::Date;
use regex::Regex;
use url::Url;

use super::options::{FieldKind, ResearchField};
use crate::tasks::excerpt::units;

/// What privacy puts in place of a value, such as `[EMAIL_1]`.
static PLACEHOLDER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\[[A-Z][A-Z0-9_]*_[0-9]+\]").expect("the pattern is well-formed")
});

/// The rule of `field` that `value` breaks, such as `must be true or false`; `None` where it fits.
pub(in crate::tasks) fn broken_rule(field: &ResearchField, value: &str) -> Option<String> {
    let (fits, rule) = match field.kind() {
        FieldKind::Text => (true, ""),
        FieldKind::Number => (
            is_number(value),
            "must be a number without unit or separator",
        ),
        FieldKind::Url => (is_address(value), "must be a whole http or https address"),
        FieldKind::Picklist => (
            field.picklist_values.iter().any(|choice| choice == value),
            "must be one of the picklist's values",
        ),
        FieldKind::Date => (is_day(value), "must be a date such as 2026-11-25"),
        FieldKind::Checkbox => (["true", "false"].contains(&value), "must be true or false"),
    };
    if !fits {
        return Some(rule.to_owned());
    }
    let most = field.max_length();
    // A picklist's value is the org's own, however long it is.
    let too_long = field.kind() != FieldKind::Picklist && units(value) > most;
    too_long.then(|| format!("must have at most {most} characters"))
}

/// Whether `value` is nothing but a placeholder; what it stands for can be judged only when it is back.
pub(super) fn is_withheld(value: &str) -> bool {
    PLACEHOLDER
        .find(value)
        .is_some_and(|found| found.as_str() == value)
}

/// Whether a placeholder stands anywhere in `text`.
pub(super) fn holds_withheld(text: &str) -> bool {
    PLACEHOLDER.is_match(text)
}

/// A JSON number with nothing around it.
fn is_number(value: &str) -> bool {
    let bare = value.starts_with(|first: char| first == '-' || first.is_ascii_digit())
        && value.ends_with(|last: char| last.is_ascii_digit());
    bare && serde_json::from_str::<f64>(value).is_ok_and(f64::is_finite)
}

/// An address of the web that goes to the host it shows: in one piece, and with no name before an `@`.
fn is_address(value: &str) -> bool {
    let behind_the_scheme = value
        .strip_prefix("https://")
        .or_else(|| value.strip_prefix("http://"));
    // The parser would read over a third slash, and take a backslash for one.
    let written_out = behind_the_scheme.is_some_and(|rest| !rest.starts_with('/'));
    let breaks = |char: char| char.is_whitespace() || char.is_control() || char == '\\';
    let in_one_piece = !value.contains(breaks);
    let leads_to_a_host = |url: Url| {
        url.host_str().is_some_and(|host| !host.is_empty())
            && url.username().is_empty()
            && url.password().is_none()
    };
    written_out && in_one_piece && Url::parse(value).is_ok_and(leads_to_a_host)
}

/// A day as Salesforce holds it, which knows the years 1700 to 4000 only.
fn is_day(value: &str) -> bool {
    value
        .parse::<Date>()
        .is_ok_and(|day| day.to_string() == value && (1700..=4000).contains(&day.year()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(kind: FieldKind) -> ResearchField {
        ResearchField {
            field: "Any__c".to_owned(),
            kind: Some(kind),
            max_length: Some(30),
            picklist_values: match kind {
                FieldKind::Picklist => vec!["Oil & Gas".to_owned(), "x".repeat(40)],
                _ => Vec::new(),
            },
        }
    }

    #[test]
    fn what_fits_its_kind_passes() {
        let forty = "x".repeat(40);
        for (kind, fitting) in [
            (FieldKind::Text, vec!["Pumps\nand valves", "12 %"]),
            (FieldKind::Number, vec!["0", "240", "-1.5", "1e3", "0.25"]),
            (
                FieldKind::Url,
                vec![
                    "https://acme.example",
                    "http://acme.example:8080/a?b=c",
                    "https://bücher.example/",
                ],
            ),
            (FieldKind::Picklist, vec!["Oil & Gas", &forty]),
            (FieldKind::Date, vec!["2026-11-25", "1899-02-28"]),
            (FieldKind::Checkbox, vec!["true", "false"]),
        ] {
            for value in fitting {
                assert_eq!(broken_rule(&field(kind), value), None, "{value}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_its_kind_is_told_the_rule() {
        let long = format!("https://acme.example/{}", "a".repeat(20));
        for (kind, rule, wrong) in [
            (
                FieldKind::Number,
                "must be a number without unit or separator",
                vec![
                    "",
                    "240 people",
                    "1,200",
                    "1.200,5",
                    "+5",
                    ".5",
                    "5.",
                    "007",
                    " 5",
                    "5\n",
                    "NaN",
                    "1e999",
                    "0x10",
                    "[NUMBER]",
                    "true",
                    "\"5\"",
                ],
            ),
            (
                FieldKind::Url,
                "must be a whole http or https address",
                vec![
                    "",
                    "acme.example",
                    "www.acme.example",
                    "https:acme.example",
                    "https://",
                    "ftp://acme.example",
                    "javascript:alert(1)",
                    "https://acme.example/a b",
                    " https://acme.example",
                    "https://acme.example@evil.example",
                    "https://acme.example\n",
                    "https:///path",
                    "https://acme.example\\evil.example",
                ],
            ),
            (
                FieldKind::Picklist,
                "must be one of the picklist's values",
                vec!["", "oil & gas", "Oil &amp; Gas", "Oil & Gas ", "Oil"],
            ),
            (
                FieldKind::Date,
                "must be a date such as 2026-11-25",
                vec![
                    "",
                    "25.11.2026",
                    "2026-11",
                    "2026-02-30",
                    "20261125",
                    "2026-11-25T10:00:00",
                    "2026-11-25 ",
                    "-000001-01-01",
                    "0000-01-01",
                    "9999-12-31",
                    "tomorrow",
                ],
            ),
            (
                FieldKind::Checkbox,
                "must be true or false",
                vec!["", "True", "yes", "1", "null"],
            ),
            (
                FieldKind::Text,
                "must have at most 30 characters",
                // Sixteen emoji are 32 characters to Apex.
                vec![
                    "0123456789012345678901234567890",
                    "🚚🚚🚚🚚🚚🚚🚚🚚🚚🚚🚚🚚🚚🚚🚚🚚",
                ],
            ),
            (
                FieldKind::Url,
                "must have at most 30 characters",
                vec![long.as_str()],
            ),
        ] {
            for value in wrong {
                let told = broken_rule(&field(kind), value);
                assert_eq!(told.as_deref(), Some(rule), "{value:?}");
            }
        }
    }

    #[test]
    fn a_placeholder_is_known_by_its_brackets_and_number() {
        assert!(is_withheld("[EMAIL_1]") && is_withheld("[CUSTOMER_NO_12]"));
        for not_alone in ["[EMAIL_1] or so", "https://[EMAIL_1]"] {
            assert!(!is_withheld(not_alone) && holds_withheld(not_alone));
        }
        for other in ["[EMAIL]", "[1]", "[Email_1]", "EMAIL_1", ""] {
            assert!(!is_withheld(other) && !holds_withheld(other), "{other}");
        }
    }
}
