//! IP addresses of both versions; a software version is none.

use std::net::Ipv6Addr;
use std::ops::Range;

use super::chars::{after, before, is_word, words_before, words_of_name};
use super::digits::Cluster;
use crate::domain::scan;

/// Words after which four numbers with dots are a version.
const VERSIONS: [&str; 14] = [
    "v", "ver", "version", "versions", "release", "build", "firmware", "rev", "revision", "patch",
    "update", "driver", "sdk", "upgrade",
];

/// The four groups from `first` on, where they are an address of version 4.
pub(super) fn v4_at(cluster: &Cluster<'_>, first: usize, name: &str) -> Option<Range<usize>> {
    let groups = first..first + 4;
    if groups.end > cluster.groups.len() {
        return None;
    }
    let is_part = |group: usize| {
        let digits = cluster.digits(group);
        digits.parse::<u8>().is_ok() && (digits == "0" || !digits.starts_with('0'))
    };
    let dotted = (first + 1..groups.end).all(|group| cluster.gap(group) == ".");
    if !dotted || !groups.clone().all(is_part) {
        return None;
    }
    let span = cluster.span(&groups);
    let text = cluster.text;
    let begins =
        before(text, span.start).is_none_or(|c| (!is_word(c) || c == '_') && c != '.' && c != '-');
    let more = &text[span.end..];
    let ends = after(text, span.end).is_none_or(|c| !is_word(c) || c == '_')
        && !(more.starts_with(['.', '-'])
            && more[1..].starts_with(|c: char| c.is_ascii_alphanumeric()));
    let is_version =
        |words: Vec<String>| words.iter().any(|word| VERSIONS.contains(&word.as_str()));
    let version = is_version(words_before(text, span.start, 2)) || is_version(words_of_name(name));
    (begins && ends && !version).then_some(groups)
}

/// Every address of version 6 in `text`, in order. `a::b` of a program is none: it names no group of three.
pub(super) fn find_v6(text: &str, found: &mut dyn FnMut(Range<usize>)) {
    let bytes = text.as_bytes();
    let is_part = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let mut from = 0;
    while let Some(next) = scan::first(&bytes[from..], |byte| byte == b':') {
        let colon = from + next;
        // An address begins with one group of at most four characters, or with the colon.
        let head = bytes[from..colon]
            .iter()
            .rev()
            .take_while(|byte| byte.is_ascii_hexdigit())
            .count();
        let start = colon - head;
        let end = colon
            + bytes[colon..]
                .iter()
                .take_while(|&&byte| is_part(byte))
                .count();
        from = end.max(colon + 1);
        let address = text[start..end].trim_end_matches('.');
        let address = match address.strip_suffix(':') {
            Some(shorter) if !shorter.ends_with(':') => shorter,
            _ => address,
        };
        let long_group = || address.split(':').any(|group| group.len() >= 3);
        let stands = before(text, start).is_none_or(|c| !is_word(c))
            && after(text, start + address.len()).is_none_or(|c| !is_word(c));
        if (4..=45).contains(&address.len())
            && stands
            && long_group()
            && address.parse::<Ipv6Addr>().is_ok()
        {
            found(start..start + address.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::digits::clusters;
    use super::*;

    fn v4(text: &str) -> Vec<&str> {
        clusters(text)
            .flat_map(|cluster| {
                (0..cluster.groups.len())
                    .filter_map(|first| v4_at(&cluster, first, "Comment"))
                    .map(|groups| cluster.span(&groups))
                    .collect::<Vec<_>>()
            })
            .map(|span| &text[span])
            .collect()
    }

    fn v6(text: &str) -> Vec<&str> {
        let mut all = Vec::new();
        find_v6(text, &mut |range| all.push(range));
        all.into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn addresses_are_found() {
        for (text, address) in [
            ("from 192.0.2.17.", "192.0.2.17"),
            ("http://192.0.2.17:8080/x", "192.0.2.17"),
            ("10.0.0.0/8", "10.0.0.0"),
            ("[203.0.113.9]", "203.0.113.9"),
            ("ip=198.51.100.4,", "198.51.100.4"),
        ] {
            assert_eq!(v4(text), [address], "{text}");
        }
        for (text, address) in [
            ("from 2001:db8::8a2e:370:7334.", "2001:db8::8a2e:370:7334"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("fe80::1", "fe80::1"),
            (
                "IP: 2001:0db8:85a3:0000:0000:8a2e:0370:7334",
                "2001:0db8:85a3:0000:0000:8a2e:0370:7334",
            ),
            ("::ffff:192.0.2.128", "::ffff:192.0.2.128"),
        ] {
            assert_eq!(v6(text), [address], "{text}");
        }
    }

    #[test]
    fn versions_times_and_programs_are_no_addresses() {
        for text in [
            "v1.2.3.4",
            "version 1.2.3.4",
            "Release: 10.0.19.45",
            "10.0.19045.1",
            "1.2.3.4.5",
            "1.2.3",
            "256.1.1.1",
            "01.02.03.04",
            "1.2.3.4-beta",
            "build 1.2.3.4",
        ] {
            assert_eq!(v4(text), Vec::<&str>::new(), "{text}");
        }
        for text in [
            "10:30:00",
            "std::string",
            "a::b",
            "00:1A:2B:3C:4D:5E",
            "::",
            "16:40:12.000",
            "note: fine",
            "Account::Name",
        ] {
            assert_eq!(v6(text), Vec::<&str>::new(), "{text}");
        }
    }
}
