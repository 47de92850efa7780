//! An e-mail's plain text as HTML, for the body of an e-mail that Salesforce sends or shows.
//!
//! # Why
//! The HTML is computed and never asked of the model: what a model writes as markup may be broken, or carry a tracking
//! image that a record asked for. Here every character of the text is escaped, and the only tags are our own: `<p>`,
//! `<br>` and `<a href>` around a web address that stands in the text for all to read.

use std::sync::LazyLock;

use regex::Regex;
use url::Url;

use crate::tasks::page::PAGE;

/// Stands at the end of a page that was cut.
const CUT: &str = "<p>…</p>";

/// A web address with whatever punctuation follows it; it ends at a blank, a quote, or a script that has no blanks.
static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"(?i)https?://[^\s<>"`«»“”„‘’\p{Han}\p{Hiragana}\p{Katakana}\u{3000}-\u{303f}\u{ff01}-\u{ff60}]+"#)
        .expect("the pattern is valid")
});

/// `text` as paragraphs, at most 32,000 UTF-16 units long: cut behind a paragraph, or inside the first one where
/// that alone is too long, never inside a tag, a link or an entity.
pub(super) fn page(text: &str) -> String {
    let room = PAGE - units(CUT);
    let mut html = String::new();
    let mut used = 0;
    for lines in paragraphs(text) {
        let (paragraph, is_whole) = paragraph(&lines, room - used);
        if is_whole || html.is_empty() {
            used += units(&paragraph);
            html.push_str(&paragraph);
        }
        if !is_whole {
            html.push_str(CUT);
            break;
        }
    }
    html
}

/// The paragraphs of `text`, which empty lines keep apart, each as its lines.
fn paragraphs(text: &str) -> Vec<Vec<&str>> {
    let mut paragraphs = vec![Vec::new()];
    for line in text.lines().map(str::trim) {
        match (line.is_empty(), paragraphs.last_mut()) {
            (false, Some(lines)) => lines.push(line),
            _ => paragraphs.push(Vec::new()),
        }
    }
    paragraphs.retain(|lines| !lines.is_empty());
    paragraphs
}

/// As many pieces of a paragraph as fit into `room` units, and whether these were all.
fn paragraph(lines: &[&str], room: usize) -> (String, bool) {
    const OPEN: &str = "<p>";
    const CLOSE: &str = "</p>";
    let mut html = OPEN.to_owned();
    let mut used = units(OPEN) + units(CLOSE);
    let mut is_whole = true;
    for piece in pieces(lines) {
        used += units(&piece);
        if used > room {
            is_whole = false;
            break;
        }
        html.push_str(&piece);
    }
    html.push_str(CLOSE);
    (html, is_whole)
}

/// The parts of a paragraph that cannot be cut: characters, links, line breaks.
fn pieces(lines: &[&str]) -> Vec<String> {
    let mut pieces = Vec::new();
    for (nth, line) in lines.iter().enumerate() {
        if nth > 0 {
            pieces.push("<br>".to_owned());
        }
        let mut from = 0;
        for found in ADDRESS.find_iter(line) {
            let before = &line[..found.start()];
            let written = without_punctuation(found.as_str());
            let stands_alone = !before.ends_with(|char: char| char.is_ascii_alphanumeric());
            if let Some(target) = target(written).filter(|_| stands_alone) {
                pieces.extend(line[from..found.start()].chars().map(escaped));
                pieces.push(link(&target, written));
                from = found.start() + written.len();
            }
        }
        pieces.extend(line[from..].chars().map(escaped));
    }
    pieces
}

/// Where an address leads, the way that browsers read it. None for one that poses as another by a name before an `@`.
fn target(written: &str) -> Option<Url> {
    let target = Url::parse(written).ok()?;
    let is_plain = target.username().is_empty() && target.password().is_none();
    (is_plain && target.host_str().is_some()).then_some(target)
}

fn link(target: &Url, written: &str) -> String {
    let [href, label] = [target.as_str(), written].map(|text| text.chars().map(escaped).collect());
    let (href, label): (String, String) = (href, label);
    format!("<a href=\"{href}\">{label}</a>")
}

/// An address without the marks behind it that belong to the sentence: `.`, or a bracket that it did not open.
fn without_punctuation(address: &str) -> &str {
    let mut address = address;
    loop {
        let shorter = address.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '…', '*']);
        let opens = |bracket| shorter.matches(bracket).count();
        let shorter = match shorter.chars().next_back() {
            Some(')') if opens('(') < opens(')') => &shorter[..shorter.len() - 1],
            Some(']') if opens('[') < opens(']') => &shorter[..shorter.len() - 1],
            _ => shorter,
        };
        if shorter.len() == address.len() {
            return address;
        }
        address = shorter;
    }
}

/// A character as HTML shows it, in text and in an attribute; nothing where it shows none.
fn escaped(char: char) -> String {
    match char {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        '\'' => "&#39;".to_owned(),
        '\t' => " ".to_owned(),
        char if char.is_control() => String::new(),
        char => char.to_string(),
    }
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn empty_lines_part_paragraphs_and_single_breaks_stay_breaks() {
        assert_eq!(
            page("Hello Ada,\n\n\n  The quote is in.\n \nKind regards,\r\nSam\n"),
            "<p>Hello Ada,</p><p>The quote is in.</p><p>Kind regards,<br>Sam</p>"
        );
        assert_eq!(page(" \n\n "), "");
    }

    #[test]
    fn no_character_of_the_text_can_become_markup() {
        assert_eq!(
            page("<img src=\"https://evil.example/x.png\" onerror='a()'> & \u{0}co"),
            "<p>&lt;img src=&quot;<a href=\"https://evil.example/x.png\">https://evil.example/x.png</a>&quot; \
             onerror=&#39;a()&#39;&gt; &amp; co</p>"
        );
    }

    #[test]
    fn a_web_address_becomes_a_link_without_the_punctuation_around_it() {
        for (written, shown) in [
            (
                "See https://acme.example/a?b=1&c='2'.",
                "See <a href=\"https://acme.example/a?b=1&amp;c=%272\">https://acme.example/a?b=1&amp;c=&#39;2</a>&#39;.",
            ),
            (
                "(HTTP://acme.example/a_(b))",
                "(<a href=\"http://acme.example/a_(b)\">HTTP://acme.example/a_(b)</a>)",
            ),
            (
                "詳細はhttps://acme.exampleをご覧ください",
                "詳細は<a href=\"https://acme.example/\">https://acme.example</a>をご覧ください",
            ),
            (
                "https://münchen.example/straße",
                "<a href=\"https://xn--mnchen-3ya.example/stra%C3%9Fe\">https://münchen.example/straße</a>",
            ),
        ] {
            assert_eq!(page(written), format!("<p>{shown}</p>"));
        }
    }

    #[test]
    fn nothing_else_becomes_a_link() {
        for text in [
            "javascript:alert(1)",
            "ftp://acme.example and www.acme.example",
            "data:text/html,x",
            "xhttps://acme.example",
            "https://",
            "https://acme.example@evil.example/",
        ] {
            assert!(!page(text).contains("<a "), "{text}");
        }
    }

    #[test]
    fn a_backslash_cannot_hide_where_a_link_leads() {
        assert_eq!(
            page(r"https://evil.example\@acme.example"),
            "<p><a href=\"https://evil.example/@acme.example\">https://evil.example\\@acme.example</a></p>"
        );
    }

    #[test]
    fn a_long_text_is_cut_behind_a_paragraph_and_marked() {
        let long = format!("{}\n\n", "&".repeat(1_999)).repeat(4);
        let html = page(&long);

        assert_eq!(html.matches("<p>").count(), 4);
        assert!(html.ends_with("&amp;</p><p>…</p>"));
        assert_eq!(html.matches("&amp;").count(), 3 * 1_999);
    }

    #[test]
    fn one_endless_paragraph_is_cut_between_characters() {
        let html = page(&"\"".repeat(8_000));
        assert!(html.ends_with("&quot;</p><p>…</p>"));
        assert!(units(&html) <= PAGE && units(&html) > PAGE - 10);
    }

    /// The text that a browser would show, from the tags and entities that we write.
    fn shown(html: &str) -> String {
        let tags = Regex::new(r#"<(p|/p|/a|br|a href="[^"<>]*")>"#).unwrap();
        let text = tags.replace_all(html, "");
        assert!(!text.contains(['<', '>', '"', '\'']), "{html}");
        let text = text.replace("&lt;", "<").replace("&gt;", ">");
        let text = text.replace("&quot;", "\"").replace("&#39;", "'");
        text.replace("&amp;", "&")
    }

    proptest! {
        #[test]
        fn any_text_is_shown_as_it_was_written(text in any::<String>()) {
            let without_blanks = |text: &str| -> String {
                text.chars().filter(|char| !char.is_whitespace() && !char.is_control()).collect()
            };
            prop_assert_eq!(without_blanks(&shown(&page(&text))), without_blanks(&text));
        }

        #[test]
        fn any_markup_stays_text(text in "([<>&\"' \n.)a]|https://a[.]example/){0,40}") {
            shown(&page(&text));
        }

        #[test]
        fn no_page_is_too_long(piece in "([&\"<a]|https://a[.]example/&){1,40}", times in 1usize..400) {
            let html = page(&piece.repeat(times));
            prop_assert!(units(&html) <= PAGE);
            prop_assert_eq!(html.matches("<p>").count(), html.matches("</p>").count());
            shown(&html);
        }
    }
}
