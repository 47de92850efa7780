//! Names and texts as External Services can take them over into Apex.

use std::collections::BTreeSet;

use super::reserved_words::is_reserved;

/// The longest description that External Services keeps, in UTF-16 units.
const DESCRIPTION_UNITS: usize = 1_333;

/// As long as an operation's name may be; an Apex method is named after it.
const OPERATION_ID_CHARS: usize = 40;

/// `text`, short enough for External Services, which keeps 1,333 characters and drops the rest without a sign.
pub(super) fn cut(text: &str) -> String {
    if text.encode_utf16().count() <= DESCRIPTION_UNITS {
        return text.to_owned();
    }
    let mut units = 0;
    let kept: String = text
        .chars()
        .take_while(|char| {
            units += char.len_utf16();
            units < DESCRIPTION_UNITS
        })
        .collect();
    format!("{}…", kept.trim_end())
}

/// `case_summary_bulk` or `/case-summary/bulk` as External Services likes a name: `caseSummaryBulk`, 40 characters at most.
pub(super) fn operation_id(id: &str) -> String {
    let mut words = id
        .split(|char: char| !char.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    let first = words.next().unwrap_or_default();
    let lead = first
        .chars()
        .next()
        .map(|lead| lead.to_ascii_lowercase().to_string());
    let head = lead.unwrap_or_default() + first.get(1..).unwrap_or_default();
    let whole = words.fold(head, |name, word| name + &capitalised(word));
    whole.chars().take(OPERATION_ID_CHARS).collect()
}

/// An Apex class name for the schema `name`: `Bulk_BriefingRequest` becomes `BulkBriefingRequest`.
///
/// Apex knows no case, so two names that differ in nothing else are told apart by a number.
pub(super) fn class_name(name: &str, taken: &mut BTreeSet<String>) -> String {
    let mut plain: String = name
        .split(|char: char| !char.is_ascii_alphanumeric())
        .map(capitalised)
        .collect();
    if !plain.starts_with(|first: char| first.is_ascii_alphabetic()) || is_reserved(&plain) {
        plain.insert_str(0, "Belay");
    }
    let mut free = plain.clone();
    let mut number = 2;
    while !taken.insert(free.to_ascii_lowercase()) {
        free = format!("{plain}{number}");
        number += 1;
    }
    free
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_ascii_uppercase().to_string() + chars.as_str()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_named_in_camel_case() {
        assert_eq!(operation_id("case_summary_bulk"), "caseSummaryBulk");
        assert_eq!(operation_id("/case-summary/{task}"), "caseSummaryTask");
        assert_eq!(operation_id("Briefing"), "briefing");
        assert_eq!(operation_id("draftEmail"), "draftEmail");
    }

    #[test]
    fn an_operation_name_stays_within_forty_characters() {
        let id = operation_id(&"research_".repeat(9));

        assert_eq!(id.len(), 40);
        assert!(id.starts_with("researchResearch"));
    }

    #[test]
    fn a_schema_becomes_an_apex_class_name() {
        let mut taken = BTreeSet::new();

        for (schema, class) in [
            ("Problem", "Problem"),
            ("Bulk_BriefingRequest", "BulkBriefingRequest"),
            ("bulk__item", "BulkItem"),
            ("3rd", "Belay3rd"),
            ("List", "BelayList"),
            ("problem", "Problem2"),
        ] {
            assert_eq!(class_name(schema, &mut taken), class);
        }
    }

    #[test]
    fn a_long_description_is_cut_and_says_so() {
        let text = cut(&"😀 ".repeat(600));

        assert!(text.encode_utf16().count() <= DESCRIPTION_UNITS);
        assert!(text.ends_with("😀…"));
        assert_eq!(cut("short"), "short");
        assert_eq!(cut(&"x".repeat(1_333)), "x".repeat(1_333));
    }
}
