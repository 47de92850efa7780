//! Names by Salesforce's rules.

use std::collections::HashSet;

/// What the first connection of an org is called, and what the others begin with.
const PREFIX: &str = "Belay";

/// The name of each connection, in the order of the credentials' `ids`: the first is what every example calls.
pub fn of_connections<'a>(ids: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut taken = HashSet::new();
    let names = ids.into_iter().enumerate().map(|(index, id)| {
        let name = if index == 0 {
            PREFIX.to_owned()
        } else {
            unique(&format!("{PREFIX}_{id}"))
        };
        // Upper and lower case are the same to Salesforce.
        let mut counted = name.clone();
        let mut count = 2;
        while !taken.insert(counted.to_ascii_lowercase()) {
            counted = format!("{name}_{count}");
            count += 1;
        }
        counted
    });
    names.collect()
}

/// `text` as a unique name: what does not fit becomes an underscore.
pub fn unique(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii_alphanumeric() {
            name.push(character);
        } else if !name.is_empty() && !name.ends_with('_') {
            name.push('_');
        }
    }
    let name = name.trim_end_matches('_');
    if name.starts_with(|first: char| first.is_ascii_alphabetic()) {
        name.to_owned()
    } else {
        format!("{PREFIX}_{name}").trim_end_matches('_').to_owned()
    }
}

/// Whether something in Setup can bear `text` as its unique name: letters, digits and single underscores, of which none
/// comes last, behind a letter.
pub fn is_unique_name(text: &str) -> bool {
    unique(text) == text
}

/// A name as a person reads it.
pub fn label(name: &str) -> String {
    name.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_connection_is_what_examples_call_and_no_two_are_called_the_same() {
        let names = of_connections(["flow", "flow-next", "Flow.Next", "belay", ""]);
        assert_eq!(
            names,
            [
                "Belay",
                "Belay_flow_next",
                "Belay_Flow_Next_2",
                "Belay_belay",
                "Belay_2"
            ]
        );
    }

    #[test]
    fn a_unique_name_has_letters_digits_and_single_underscores_behind_a_letter() {
        for good in ["a", "acme_prod_2026", "A1"] {
            assert!(is_unique_name(good), "{good}");
        }
        for bad in ["", "1a", "_a", "a_", "a__b", "a.b", "a-b", "a@b", "ä"] {
            assert!(!is_unique_name(bad), "{bad}");
            assert!(is_unique_name(&unique(bad)), "{bad}");
        }
        assert_eq!(unique("acme.prod@2026-"), "acme_prod_2026");
    }
}
