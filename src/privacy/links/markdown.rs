//! Links and images of Markdown.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::REMOVED;
use super::address::is_allowed;
use crate::domain::LinkHost;

/// Links in links that are taken out in one pass.
const NESTED: usize = 4;

/// `[text](address "title")`, an image with `!`. Of nested ones the innermost.
static INLINE: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r#"(?s)!?\[(?P<words>[^\[\]]*)\]\(\s*(?P<address><[^<>]*>|[^()]*?(?:\([^()]*\)[^()]*?)*)(?:\s+(?:"[^"]*"|'[^']*'|\([^()]*\)))?\s*\)"#,
    )
});
/// `[label]: address "title"`, on a line of its own.
static DEFINITION: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r"(?m)^[ \t>]*\[(?P<label>[^\[\]]+)\]:[ \t]*\n?[ \t]*(?P<address><[^<>\n]*>|[^\s]+)[^\n]*",
    )
});
/// `[text][label]`, `[label][]` and `[label]`, an image with `!`.
static REFERENCE: LazyLock<Regex> =
    LazyLock::new(|| compiled(r"!?\[(?P<words>[^\[\]]*)\](?:\[(?P<label>[^\[\]]*)\])?"));

/// `text` without links and images that lead elsewhere; their words stay.
pub(super) fn keep_allowed(text: &str, hosts: &[LinkHost]) -> String {
    let mut text = Cow::Borrowed(text);
    // From the innermost outward, as deep as an honest text nests.
    for _ in 0..NESTED {
        let next = INLINE.replace_all(&text, |found: &Captures<'_>| {
            if is_allowed(bare(&found["address"]), hosts) {
                found[0].to_owned()
            } else {
                words(&found["words"])
            }
        });
        if next == text {
            break;
        }
        text = Cow::Owned(next.into_owned());
    }
    let mut gone = HashSet::new();
    let text = DEFINITION.replace_all(&text, |found: &Captures<'_>| {
        if is_allowed(bare(&found["address"]), hosts) {
            found[0].to_owned()
        } else {
            gone.insert(found["label"].trim().to_lowercase());
            String::new()
        }
    });
    if gone.is_empty() {
        return text.into_owned();
    }
    let text = REFERENCE.replace_all(&text, |found: &Captures<'_>| {
        let label = found
            .name("label")
            .map(|label| label.as_str().trim())
            .filter(|label| !label.is_empty())
            .unwrap_or(found["words"].trim());
        if gone.contains(&label.to_lowercase()) {
            words(&found["words"])
        } else {
            found[0].to_owned()
        }
    });
    text.into_owned()
}

/// An address without the angles that allow spaces in it.
fn bare(address: &str) -> &str {
    let address = address.trim();
    address
        .strip_prefix('<')
        .and_then(|address| address.strip_suffix('>'))
        .unwrap_or(address)
}

fn words(words: &str) -> String {
    if words.trim().is_empty() {
        REMOVED.to_owned()
    } else {
        words.to_owned()
    }
}

fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is a constant that the tests compile")
}
