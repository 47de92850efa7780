//! Links and images of HTML: tags whose attributes lead or load from elsewhere.

use super::address::{decoded, is_allowed};
use super::bare;
use crate::domain::LinkHost;

/// Attributes whose whole value is an address.
const ADDRESSES: [&str; 13] = [
    "href",
    "src",
    "action",
    "formaction",
    "background",
    "poster",
    "cite",
    "data",
    "longdesc",
    "xlink:href",
    "lowsrc",
    "dynsrc",
    "codebase",
];

/// A longer tag is none; what it holds is then looked through as text.
const TAG_BYTES: usize = 2048;

/// One tag with its attributes, values as they are written.
struct Tag<'t> {
    name: &'t str,
    closes: bool,
    attributes: Vec<(&'t str, &'t str)>,
    /// Behind its `>`.
    end: usize,
}

/// `html` without tags that lead elsewhere. What an `a` stands around stays, of an image its description.
pub(super) fn keep_allowed(html: &str, hosts: &[LinkHost]) -> String {
    let mut kept = String::with_capacity(html.len());
    let mut copied = 0;
    let mut at = 0;
    // No tag ends behind the last of these.
    let last = html.rfind('>').unwrap_or_default();
    // Whether each `a` that is open was kept.
    let mut open_links = Vec::new();
    while let Some(next) = html[at..].find('<') {
        let start = at + next;
        if start > last {
            break;
        }
        let Some(tag) = Tag::at(html, start) else {
            at = start + 1;
            continue;
        };
        let is_link = tag.name.eq_ignore_ascii_case("a");
        let stays = if tag.closes && is_link {
            open_links.pop().unwrap_or(true)
        } else {
            let stays = tag.leads_to_allowed(hosts);
            if is_link {
                open_links.push(stays);
            }
            stays
        };
        if !stays {
            kept.push_str(&html[copied..start]);
            if tag.name.eq_ignore_ascii_case("img") {
                kept.push_str(tag.attribute("alt").unwrap_or_default());
            }
            copied = tag.end;
        }
        at = tag.end;
    }
    kept.push_str(&html[copied..]);
    kept
}

impl<'t> Tag<'t> {
    /// The tag that begins at `start`, read as a browser reads it; None where none does.
    fn at(html: &'t str, start: usize) -> Option<Self> {
        let bytes = &html.as_bytes()[..html.len().min(start + TAG_BYTES)];
        let closes = bytes.get(start + 1) == Some(&b'/');
        let from = start + 1 + usize::from(closes);
        if !bytes.get(from)?.is_ascii_alphabetic() {
            return None;
        }
        let mut at = from
            + run(&bytes[from..], |byte| {
                !is_space(byte) && !matches!(byte, b'/' | b'>')
            });
        let name = html.get(from..at)?;
        // `<https://…>` is an address between angles and no tag.
        if name.contains(':') && bytes[at..].starts_with(b"//") {
            return None;
        }
        let mut attributes = Vec::new();
        loop {
            at += run(&bytes[at..], |byte| is_space(byte) || byte == b'/');
            if *bytes.get(at)? == b'>' {
                break;
            }
            let from = at;
            // A first `=` is part of the name.
            at += 1 + run(&bytes[at + 1..], |byte| {
                !is_space(byte) && !matches!(byte, b'/' | b'>' | b'=')
            });
            let attribute = html.get(from..at)?;
            let spaces = run(&bytes[at..], is_space);
            if bytes.get(at + spaces) != Some(&b'=') {
                attributes.push((attribute, ""));
                continue;
            }
            at += spaces + 1;
            at += run(&bytes[at..], is_space);
            let first = *bytes.get(at)?;
            let is_quoted = matches!(first, b'"' | b'\'');
            let from = at + usize::from(is_quoted);
            let length = if is_quoted {
                bytes[from..].iter().position(|&byte| byte == first)?
            } else {
                run(&bytes[from..], |byte| !is_space(byte) && byte != b'>')
            };
            let (value, end) = (from..from + length, from + length + usize::from(is_quoted));
            attributes.push((attribute, html.get(value)?));
            at = end;
        }
        Some(Self {
            name,
            closes,
            attributes,
            end: at + 1,
        })
    }

    fn attribute(&self, name: &str) -> Option<&'t str> {
        let mut attributes = self.attributes.iter();
        attributes
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|&(_, value)| value)
    }

    fn leads_to_allowed(&self, hosts: &[LinkHost]) -> bool {
        self.attributes.iter().all(|(name, value)| {
            let is_address = ADDRESSES
                .iter()
                .any(|address| address.eq_ignore_ascii_case(name));
            let value = decoded(value);
            (!is_address || is_allowed(&value, hosts))
                && bare::keep_allowed_in_text(&value, hosts) == value
        })
    }
}

fn run(bytes: &[u8], is_part: impl Fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|&&byte| is_part(byte)).count()
}

fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace()
}
