//! Addresses that stand in a text by themselves.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::REMOVED;
use super::address::{decoded, is_allowed};
use crate::domain::LinkHost;

/// What an address begins with.
static OPENING: LazyLock<Regex> = LazyLock::new(|| {
    const FORMS: [&str; 5] = [
        r"[a-z][a-z0-9+.\-]{0,30}:[/\\]{2}",
        r"(?-u:\b)(?:https?|ftp|wss?):[^\s<>]",
        r"(?-u:\b)www[0-9]{0,3}\.[^\s<>.]",
        r"(?-u:\b)data:(?:[a-z]+/|[;,])|(?:java|vb)script:[^\s<>]",
        // Relative to the scheme of the page: a host has a dot or is an address in brackets.
        r"(?:^|[^:\w/\\])(?P<relative>[/\\]{2}(?:[\w.\-~%]*\.\w|\[))",
    ];
    Regex::new(&format!("(?i)(?:{})", FORMS.join("|")))
        .expect("the pattern is a constant that the tests compile")
});

/// `text` without addresses that lead elsewhere, also where they are spelt with character references.
pub(super) fn keep_allowed_in_text(text: &str, hosts: &[LinkHost]) -> String {
    let kept = keep_allowed(text, hosts);
    if let Cow::Owned(shown) = decoded(&kept) {
        let shown_kept = keep_allowed(&shown, hosts);
        if shown_kept != shown && openings(&kept) != openings(&shown) {
            return escaped(&shown_kept);
        }
    }
    kept
}

/// `text` with every opening of an address that leads elsewhere broken, whatever stands around it.
pub(super) fn broken(text: &str, hosts: &[LinkHost]) -> String {
    let mut text = keep_allowed(text, hosts);
    while OPENING.is_match(&text) {
        let next = OPENING.replace_all(&text, " ").into_owned();
        if next == text {
            break;
        }
        text = next;
    }
    text
}

fn openings(text: &str) -> usize {
    OPENING.find_iter(text).count()
}

fn keep_allowed(text: &str, hosts: &[LinkHost]) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut copied = 0;
    let mut openings = OPENING
        .captures_iter(text)
        .map(|found| {
            let whole = found.name("relative").unwrap_or_else(|| found.get_match());
            whole.range()
        })
        .peekable();
    while let Some(opening) = openings.next() {
        if opening.start < copied {
            continue;
        }
        // A `www.` right behind a scheme is its host and no address of its own.
        let is_host =
            |next: &&Range<usize>| next.start == opening.end && is_www(&text[next.start..]);
        let next = openings.peek().filter(|next| !is_host(next));
        let next = next.map_or(text.len(), |next| next.start);
        let end = end_of(text, opening.start, opening.end, next);
        let address = &text[opening.start..end];
        let absolute = if is_www(address) {
            Cow::Owned(format!("http://{address}"))
        } else {
            Cow::Borrowed(address)
        };
        if is_allowed(&absolute, hosts) {
            continue;
        }
        let in_angles = text[copied..opening.start].ends_with('<') && text[end..].starts_with('>');
        kept.push_str(&text[copied..opening.start - usize::from(in_angles)]);
        kept.push_str(REMOVED);
        copied = end + usize::from(in_angles);
    }
    kept.push_str(&text[copied..]);
    kept
}

fn is_www(address: &str) -> bool {
    address
        .get(..3)
        .is_some_and(|head| head.eq_ignore_ascii_case("www"))
}

/// Where the address ends: at a space, a bracket or quote that no address holds, or where the next one begins; not with
/// the punctuation of its sentence.
fn end_of(text: &str, start: usize, opened: usize, next: usize) -> usize {
    let rest = &text[opened..next.max(opened)];
    let is_end = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '`');
    let end = opened + rest.find(is_end).unwrap_or(rest.len());
    let address = &text[start..end];
    let trimmed = address.trim_end_matches([
        '.', ',', ';', ':', '!', '?', ')', ']', '}', '\'', '*', '_', '。', '、',
    ]);
    // A bracket that the address opened is its own: `…/a_(1)`.
    let opens = trimmed.matches('(').count();
    let closes = trimmed.matches(')').count();
    let mut end = start + trimmed.len();
    if opens > closes && text[end..].starts_with(')') {
        end += 1;
    }
    end.max(opened)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
