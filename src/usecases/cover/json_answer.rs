//! An answer that is JSON, as structured output and many a prompt want it.
//!
//! # Why
//! A value that is put back may hold a quote or a line break, and would break the JSON around it. So where a text is JSON, by
//! itself or in a fence of Markdown, its strings are uncovered one by one and written as strings again.

use super::Cover;
use crate::domain::json_text::{Node, NotJson, with_strings};

/// The longest word behind the marks of a fence.
const FENCE_BYTES: usize = 16;

/// `text` with the values put back and without foreign links, whether it is JSON or not.
pub(super) fn shown(text: &str, cover: &Cover) -> String {
    if cover.vault.is_empty() || !may_be_json(text) {
        return cover.prose(text);
    }
    let uncovered = with_strings(text, |string| {
        let uncovered = cover.prose(string);
        (uncovered != string).then_some(uncovered)
    });
    match uncovered {
        Some(uncovered) => cover.prose(&uncovered),
        None => cover.prose(text),
    }
}

/// Whether `text` is an object or a list of JSON, or may become one when more follows.
pub(super) fn may_be_json(text: &str) -> bool {
    let text = text.trim_start();
    let Some(fenced) = text.strip_prefix("```") else {
        return text.bytes().all(|byte| byte == b'`') || is_value(text, "");
    };
    match fenced.split_once('\n') {
        Some((word, json)) => is_fence(word) && (json.trim().is_empty() || is_value(json, "```")),
        None => is_fence(fenced),
    }
}

fn is_fence(word: &str) -> bool {
    let word = word.trim();
    word.len() <= FENCE_BYTES && word.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Whether `text` is an object or a list, whole or cut off, and behind it maybe `end`.
fn is_value(text: &str, end: &str) -> bool {
    let text = text.trim_start();
    if !text.starts_with(['{', '[']) {
        return false;
    }
    match Node::read_at(text, 0) {
        Ok(node) => {
            let rest = text[node.at.end..].trim();
            end.starts_with(rest)
        }
        Err(NotJson { at, .. }) => is_cut_off(&text[at..]),
    }
}

/// Whether `rest`, at which a reader of JSON got stuck, may go on as JSON.
fn is_cut_off(rest: &str) -> bool {
    let is_word = ["true", "false", "null"]
        .iter()
        .any(|word| word.starts_with(rest));
    let is_escape = rest.strip_prefix("\\u").is_some_and(|digits| {
        digits.len() < 4 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    });
    is_word || is_escape || rest == "\\"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_known_by_any_head_of_it() {
        for json in [
            r#" {"a": [true, false, null, -1.5e3, "x\u00e9\"y"], "b": {}}  "#,
            "```json\n{\"a\": 1}\n```\n",
            "```\n[1, \"x\"]\n```",
        ] {
            for end in 0..=json.len() {
                assert!(may_be_json(&json[..end]), "{}", &json[..end]);
            }
        }
    }

    #[test]
    fn prose_is_known_by_its_first_words() {
        for prose in [
            "Dear",
            "[EMAIL_1] wrote",
            "[1](https://acme.example)",
            "{curly}",
            "```apex\nint",
            "````",
            "```a very long line of words",
            "[1] first",
            "{\"a\":1} and more",
            "{\"a\":\"\\x\"",
        ] {
            assert!(!may_be_json(prose), "{prose}");
        }
    }
}
