//! E-mail addresses, in any script.

use std::ops::Range;

use super::chars::is_unspaced;
use crate::domain::scan;

/// Longer parts are no address (RFC 5321, 4.5.3.1, and room for characters of several bytes).
const PART_CHARS: usize = 255;
/// A longer address in brackets is none.
const LITERAL_BYTES: usize = 48;
/// Where a domain ends so, it is the name of a file, `logo@2x.png`, unless it is a domain without that, too.
const FILES: [&str; 14] = [
    "png", "jpg", "jpeg", "gif", "svg", "webp", "bmp", "ico", "css", "js", "pdf", "docx", "xlsx",
    "json",
];

/// Every address of `text`, in order.
pub(super) fn find(text: &str, found: &mut dyn FnMut(Range<usize>, String)) {
    let mut from = 0;
    while let Some(next) = scan::first(&text.as_bytes()[from..], |byte| byte == b'@') {
        let at = from + next;
        from = at + 1;
        let Some(start) = local_part(text, at) else {
            continue;
        };
        if let Some(end) = domain(text, at + 1) {
            found(start..end, text[start..end].to_lowercase());
            from = end;
        }
    }
}

/// Where the part before the `@` at `at` begins.
fn local_part(text: &str, at: usize) -> Option<usize> {
    if text[..at].ends_with('"') {
        let quoted = text[..at - 1].rfind('"')?;
        return (at - quoted <= PART_CHARS).then_some(quoted);
    }
    let is_part = |c: char| {
        c.is_alphanumeric()
            || matches!(
                c,
                '.' | '_' | '%' | '+' | '-' | '\'' | '’' | '!' | '#' | '$' | '*' | '^' | '~'
            )
    };
    // Where words are set without spaces, an address begins where the script changes.
    let mut script = None;
    let mut start = at;
    for (index, c) in text[..at].char_indices().rev().take(PART_CHARS) {
        let unspaced = is_unspaced(c);
        let same = !c.is_alphabetic() || *script.get_or_insert(unspaced) == unspaced;
        if !is_part(c) || !same {
            break;
        }
        start = index;
    }
    let part = &text[start..at];
    let begins = part.find(|c: char| c.is_alphanumeric() || c == '_')?;
    Some(start + begins)
}

/// Where the domain that begins at `start` ends: at least two labels, the last one of letters; or an address in brackets.
fn domain(text: &str, start: usize) -> Option<usize> {
    if let Some(literal) = text[start..].strip_prefix('[') {
        let head = literal.as_bytes().iter().take(LITERAL_BYTES);
        let end = head.into_iter().position(|&byte| byte == b']')?;
        let is_address =
            |c: char| c.is_ascii_hexdigit() || matches!(c, '.' | ':' | 'I' | 'P' | 'v');
        return (end > 2 && literal[..end].chars().all(is_address)).then_some(start + end + 2);
    }
    let mut end = None;
    let mut labels = 0;
    let mut at = start;
    loop {
        let label = label(&text[at..]);
        if label.is_empty() {
            break;
        }
        labels += 1;
        at += label.len();
        let is_top = label.chars().count() >= 2
            && (label.chars().all(char::is_alphabetic) || label.starts_with("xn--"));
        let is_file = FILES.iter().any(|file| file.eq_ignore_ascii_case(label));
        if labels >= 2 && is_top && !is_file {
            end = Some(at);
        }
        if !text[at..].starts_with('.') || at - start > PART_CHARS {
            break;
        }
        at += 1;
    }
    end
}

/// The label at the head of `text`: letters, digits and hyphens of one script, a hyphen neither first nor last.
fn label(text: &str) -> &str {
    let mut script = None;
    let mut end = 0;
    for (index, c) in text.char_indices() {
        let unspaced = is_unspaced(c);
        let same = !c.is_alphabetic() || *script.get_or_insert(unspaced) == unspaced;
        let is_part = c.is_alphanumeric() || (c == '-' && index > 0);
        if !is_part || !same {
            break;
        }
        end = index + c.len_utf8();
    }
    text[..end].trim_end_matches('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        let mut all = Vec::new();
        find(text, &mut |range, _| all.push(range));
        all.into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn addresses_are_found_in_every_surrounding() {
        for (text, address) in [
            (
                "Jens Albrecht <j.albrecht@acme.example>",
                "j.albrecht@acme.example",
            ),
            (
                "mailto:jens+crm@acme.example?subject=x",
                "jens+crm@acme.example",
            ),
            ("(jens_a@mail.acme.example).", "jens_a@mail.acme.example"),
            ("an jens@acme.example.", "jens@acme.example"),
            ("'jens@acme.example'", "jens@acme.example"),
            ("o'hara@acme.example", "o'hara@acme.example"),
            (
                "jürgen.müller@bücher.example",
                "jürgen.müller@bücher.example",
            ),
            ("иван1@почта.рф", "иван1@почта.рф"),
            ("連絡先はjens@acme.exampleまで", "jens@acme.example"),
            ("x@xn--bcher-kva.xn--p1ai", "x@xn--bcher-kva.xn--p1ai"),
            (
                "\"jens albrecht\"@acme.example",
                "\"jens albrecht\"@acme.example",
            ),
            ("root@[192.0.2.7]", "root@[192.0.2.7]"),
            (
                "https://x.example/?e=jens@acme.example&y",
                "jens@acme.example",
            ),
            ("JENS@ACME.EXAMPLE", "JENS@ACME.EXAMPLE"),
            ("scan_jens@acme.example.pdf", "scan_jens@acme.example"),
        ] {
            assert_eq!(found(text), [address], "{text}");
        }
        assert_eq!(found("a@b.example,c@d.example;e@f.example").len(), 3);
    }

    #[test]
    fn handles_files_and_versions_are_no_addresses() {
        for text in [
            "@jens",
            "ask @jens.albrecht now",
            "a@b",
            "logo@2x.png",
            "react@18.2.0",
            "5 @ 12.50 EUR",
            "a @ b.example",
            "https://acme.example/@team/x",
            "user@localhost",
            "@",
            "a@.example",
            "a@-x",
            "@@@",
        ] {
            assert_eq!(found(text), Vec::<&str>::new(), "{text}");
        }
    }
}
