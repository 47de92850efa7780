//! Where an address leads, read as a browser reads it.

use std::borrow::Cow;
use std::sync::LazyLock;

use url::{ParseError, Url};

use crate::domain::LinkHost;

/// Stands for the page that a relative address is read on.
static HERE: LazyLock<Url> =
    LazyLock::new(|| Url::parse("https://here.invalid/").expect("a constant that the tests parse"));

/// Whether `address` leads to one of `hosts`, or nowhere else: to the page's own host, an e-mail or a phone.
///
/// It must do so in every way that it can be read, since nobody knows which of HTML and Markdown will unfold it.
pub(super) fn is_allowed(address: &str, hosts: &[LinkHost]) -> bool {
    let decoded = decoded(address);
    let readings = [
        Cow::Borrowed(address),
        unescaped(address),
        unescaped(&decoded),
        decoded.clone(),
    ];
    readings
        .iter()
        .all(|reading| leads_to_allowed(reading, hosts))
}

fn leads_to_allowed(address: &str, hosts: &[LinkHost]) -> bool {
    let url = match Url::parse(address) {
        Err(ParseError::RelativeUrlWithoutBase) => HERE.join(address),
        url => url,
    };
    let Ok(url) = url else {
        return false;
    };
    if !url.username().is_empty() || url.password().is_some() {
        return false; // a name before the host is there to be taken for it
    }
    match url.scheme() {
        "http" | "https" => url.host().is_some_and(|host| {
            HERE.host() == Some(host.clone()) || hosts.iter().any(|allowed| allowed.covers(&host))
        }),
        "mailto" | "tel" => true,
        _ => false,
    }
}

/// `text` with the character references of HTML as what they stand for, as far as an address can be spelt with them.
pub(super) fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        decoded.push_str(&rest[..at]);
        rest = &rest[at..];
        // An ampersand that refers to nothing is itself.
        let (c, bytes) = reference(rest).unwrap_or(('&', 1));
        decoded.push(c);
        rest = &rest[bytes..];
    }
    decoded.push_str(rest);
    Cow::Owned(decoded)
}

/// The character that the head of `text` refers to, and the bytes of the reference. A browser does without the semicolon.
fn reference(text: &str) -> Option<(char, usize)> {
    const NAMES: [(&str, char); 22] = [
        ("amp", '&'),
        ("colon", ':'),
        ("sol", '/'),
        ("bsol", '\\'),
        ("period", '.'),
        ("commat", '@'),
        ("quest", '?'),
        ("num", '#'),
        ("equals", '='),
        ("percnt", '%'),
        ("lowbar", '_'),
        ("hyphen", '-'),
        ("dash", '-'),
        ("Tab", '\t'),
        ("NewLine", '\n'),
        ("nbsp", ' '),
        ("lpar", '('),
        ("rpar", ')'),
        ("quot", '"'),
        ("apos", '\''),
        ("lt", '<'),
        ("gt", '>'),
    ];
    let body = &text[1..];
    if let Some(number) = body.strip_prefix('#') {
        let (digits, radix, before) = match number.strip_prefix(['x', 'X']) {
            Some(hex) => (hex, 16, 3),
            None => (number, 10, 2),
        };
        let length = digits
            .bytes()
            .take_while(|byte| char::from(*byte).is_digit(radix))
            .count();
        let c = char::from_u32(u32::from_str_radix(&digits[..length], radix).ok()?)?;
        let semicolon = usize::from(digits[length..].starts_with(';'));
        return Some((c, before + length + semicolon));
    }
    NAMES.iter().find_map(|&(name, c)| {
        let after = body.strip_prefix(name)?;
        after.starts_with(';').then_some((c, name.len() + 2))
    })
}

/// `text` without the backslashes that Markdown puts before punctuation.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut unescaped = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\\' && chars.peek().is_some_and(char::is_ascii_punctuation) {
            continue;
        }
        unescaped.push(c);
    }
    Cow::Owned(unescaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_as_a_browser_reads_them() {
        for (text, read) in [
            ("a&#47;b&#x2F;c&sol;d", "a/b/c/d"),
            ("&#106avascript", "javascript"),
            ("&amp;&unknown;&", "&&unknown;&"),
            ("&#;&#x;", "&#;&#x;"),
        ] {
            assert_eq!(decoded(text), read);
        }
    }
}
