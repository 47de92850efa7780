//! US social security numbers.

use std::ops::Range;

use super::chars::{after, before, is_word, word_after, words_before, words_of_name};
use super::digits::Cluster;

/// Groups from `first` on that make a social security number, and its digits. Written with hyphens it speaks for itself;
/// in any other way it needs the words beside it, or in `name`, the name of the field.
pub(super) fn at(
    cluster: &Cluster<'_>,
    first: usize,
    name: &str,
) -> Option<(Range<usize>, String)> {
    let lengths = |count: usize| -> Option<Vec<usize>> {
        let groups = first..first + count;
        (groups.end <= cluster.groups.len())
            .then(|| groups.map(|group| cluster.digits(group).len()).collect())
    };
    let (groups, hyphens) = if lengths(3).is_some_and(|lengths| lengths == [3, 2, 4]) {
        let gaps = [cluster.gap(first + 1), cluster.gap(first + 2)];
        match gaps {
            ["-", "-"] => (first..first + 3, true),
            [" ", " "] | [".", "."] => (first..first + 3, false),
            _ => return None,
        }
    } else if lengths(1) == Some(vec![9]) {
        (first..first + 1, false)
    } else {
        return None;
    };
    let digits = cluster.joined(groups.clone());
    let span = cluster.span(&groups);
    let stands = stands_alone(cluster.text, &span) && is_issued(&digits);
    (stands && (hyphens || is_named(cluster.text, &span, name))).then_some((groups, digits))
}

/// Areas 000, 666 and 900 on, group 00 and serial 0000 are not given out.
fn is_issued(digits: &str) -> bool {
    let (area, rest) = digits.split_at(3);
    let (group, serial) = rest.split_at(2);
    area != "000" && area != "666" && !area.starts_with('9') && group != "00" && serial != "0000"
}

fn stands_alone(text: &str, span: &Range<usize>) -> bool {
    let parts = |c: Option<char>| c.is_none_or(|c| (!is_word(c) || c == '_') && c != '-');
    parts(before(text, span.start)) && parts(after(text, span.end))
}

fn is_named(text: &str, span: &Range<usize>, name: &str) -> bool {
    let says = |words: &[String]| {
        words.iter().any(|word| word == "ssn")
            || words.windows(2).any(|pair| {
                let pair = [pair[0].as_str(), pair[1].as_str()];
                pair == ["social", "security"] || pair == ["security", "social"]
            })
    };
    says(&words_before(text, span.start, 5))
        || says(&words_of_name(name))
        || word_after(text, span.end).starts_with("ssn")
        || text[span.end..]
            .trim_start_matches(' ')
            .get(..4)
            .is_some_and(|next| next.eq_ignore_ascii_case("(ssn"))
}

#[cfg(test)]
mod tests {
    use super::super::digits::clusters;
    use super::*;

    fn found(text: &str, name: &str) -> Vec<String> {
        clusters(text)
            .flat_map(|cluster| {
                (0..cluster.groups.len())
                    .filter_map(|first| at(&cluster, first, name))
                    .map(|(_, digits)| digits)
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    #[test]
    fn numbers_with_hyphens_or_their_name_are_found() {
        for (text, name) in [
            ("123-45-6789", ""),
            ("born 1980, 123-45-6789.", ""),
            ("SSN 123456789", ""),
            ("Social Security Number: 123 45 6789", ""),
            ("123456789 (SSN)", ""),
            ("123456789", "SSN__c"),
            ("123.45.6789", "SocialSecurityNumber__c"),
        ] {
            assert_eq!(found(text, name), ["123456789"], "{text}");
        }
    }

    #[test]
    fn numbers_that_were_never_given_out_or_say_nothing_are_not() {
        for text in [
            "000-45-6789",
            "666-45-6789",
            "900-45-6789",
            "123-00-6789",
            "123-45-0000",
            "123456789",
            "123 45 6789",
            "A-123-45-6789",
            "123-45-67890",
            "1-123-45-6789",
            "123-45-6789-1",
        ] {
            assert_eq!(found(text, "Name"), Vec::<String>::new(), "{text}");
        }
    }
}
