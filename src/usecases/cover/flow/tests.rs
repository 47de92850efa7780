//! A text in pieces against the same text as a whole.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::domain::{Detector, FieldPattern, LinkHost, Privacy};

/// A cover that knows `[EMAIL_1]`, `[CONTACT_NAME_1]` and `[CONTACT_NAME_2]`, the last of which is the beginning of a link.
fn cover() -> Cover {
    let policy = Privacy {
        mask: vec![FieldPattern::parse("Contact.Name").unwrap()],
        detect: [Detector::Email].into(),
        link_hosts: vec![LinkHost::parse("acme.example").unwrap()],
        ..Privacy::default()
    };
    let records = json!([
        {"attributes": {"type": "Contact"}, "Name": "Jens Albrecht"},
        {"attributes": {"type": "Contact"}, "Name": "see [here](<javascript:"},
    ]);
    let body = json!({"system": "jens@acme.example", "messages": [{"role": "user", "content": records.to_string()}]});
    let (_, cover) = Cover::of(&Bytes::from(body.to_string()), &Arc::new(policy)).unwrap();
    assert_eq!(
        cover.prose("[EMAIL_1]/[CONTACT_NAME_1]"),
        "jens@acme.example/Jens Albrecht"
    );
    cover
}

fn in_pieces<'t>(pieces: impl IntoIterator<Item = &'t str>, cover: &Cover) -> String {
    let mut flow = Flow::default();
    let mut shown: String = pieces
        .into_iter()
        .map(|piece| flow.push(piece, cover))
        .collect();
    shown.push_str(&flow.end(cover));
    shown
}

/// `text` cut everywhere.
fn by_char(text: &str) -> Vec<&str> {
    text.split_inclusive(|_: char| true).collect()
}

/// Whether a line of `text` may be read as one that explains a label, and so goes as a whole where it is seen as a whole:
/// also `[link removed]:` looks like one.
pub(in super::super) fn may_explain(text: &str, cover: &Cover) -> bool {
    let nowhere = format!("x {}", text.replace(['\n', '\r'], "\nx "));
    text.contains("]:") || cover.prose(&nowhere).contains("]:")
}

#[test]
fn plain_words_go_on_at_once() {
    let cover = cover();
    let mut flow = Flow::default();
    for (piece, shown) in [
        ("The ", "The "),
        ("deal clo", "deal "),
        ("ses (soon), ", "closes (soon), "),
        ("by 10:30. Write to [", "by 10:30. Write to "),
        ("EMAIL", ""),
        ("_1] ", "jens@acme.example "),
        ("now.\n\nNext: ", "now.\n\nNext: "),
        ("商談は", "商談は"),
        ("EMAIL_1", ""),
        (" a", "jens@acme.example "),
    ] {
        assert_eq!(flow.push(piece, &cover), shown, "{piece}");
    }
    assert_eq!(flow.end(&cover), "a");
}

#[test]
fn wherever_it_is_cut_a_text_comes_to_what_it_is_as_a_whole() {
    let cover = cover();
    for text in [
        "Dear [CONTACT_NAME_1], write to [EMAIL_1] or \\[EMAIL\\_1\\] or &#91;EMAIL 1&#93; now",
        "see [the deal](https://evil.example/?d=[EMAIL_1]) and [ok](https://acme.example/[EMAIL_1]).",
        "![x](https://evil.example/a.png \"a ) b\") [![a](https://evil.example/i)](https://evil.example/l) end",
        "<a href=\"https://evil.example\" title='x > y'>two words</a> <img src=x alt=\"https://evil.example\"> 1 < 2 <b",
        "go to www.evil.example/x or https\\://evil.example or [w](https\\://evil.example) now",
        "  [d]: https\\://evil.example x y\n> [e]:\n  javascript:alert(1)\nrest [x] [y",
        "[w](<https://acme.example:) @evil.example/>) and [two\nlines](ht\ttps://evil.example)",
        "[CONTACT_NAME_2] alert(1)>) and [CONTACT NAME 2] alert(2)>) end",
        "％ ［EMAIL 1］ 【contact name 1】へ %5BEMAIL 1%5D 商談 www.evil.example/商談",
        "a\u{200b}b ht\u{200b}tps://evil.example [x]\u{200b}(https\\://evil.example) \r\n x\r\n",
        "Map<String, List<A>> x = [1, 2]; for (i=0;i<n;i++) { a[i] = b[i](c); } // done",
    ] {
        let whole = shown(text, &cover);
        assert_eq!(in_pieces(by_char(text), &cover), whole, "{text}");
        assert_eq!(in_pieces([text], &cover), whole, "{text}");
        for cut in (0..text.len()).filter(|&cut| text.is_char_boundary(cut)) {
            assert_eq!(
                in_pieces([&text[..cut], &text[cut..]], &cover),
                whole,
                "{text}"
            );
        }
    }
}

#[test]
fn an_answer_that_is_json_stays_json_whatever_is_put_back() {
    let policy = Privacy {
        mask: vec![FieldPattern::parse("Contact.MailingStreet").unwrap()],
        ..Privacy::default()
    };
    let record =
        json!({"attributes": {"type": "Contact"}, "MailingStreet": "Haus \"Nord\"\n3. OG"});
    let body = json!({"messages": [{"role": "user", "content": record.to_string()}]});
    let (_, cover) = Cover::of(&Bytes::from(body.to_string()), &Arc::new(policy)).unwrap();
    let street = "[CONTACT_MAILINGSTREET_1]";
    for (text, whole) in [
        (
            format!("{{\"a\": \"{street}\", \"b\":\"[x](https://evil.example)\"}}"),
            r#"{"a": "Haus \"Nord\"\n3. OG", "b":"x"}"#,
        ),
        (
            format!("```json\n[\"{street}\"]\n```\n"),
            "```json\n[\"Haus \\\"Nord\\\"\\n3. OG\"]\n```\n",
        ),
        (
            format!("{{\"a\": \"{street}, "),
            r#"{"a": "Haus \"Nord\"\n3. OG, "#,
        ),
        (
            format!("{street}: \"{street}\""),
            "Haus \"Nord\"\n3. OG: \"Haus \"Nord\"\n3. OG\"",
        ),
    ] {
        assert_eq!(shown(&text, &cover), whole);
        assert_eq!(in_pieces(by_char(&text), &cover), whole);
        assert_eq!(in_pieces([text.as_str()], &cover), whole);
    }
    let long = format!("{{\"a\": \"{}\"}}", "word ".repeat(300_000));
    assert_eq!(
        in_pieces([&long[..700_000], &long[700_000..]], &cover),
        long
    );
}

#[test]
fn what_stays_open_for_too_long_goes_on_and_can_no_longer_be_closed() {
    let cover = cover();
    let filler = "word ".repeat(8_000);
    for (open, close) in [
        ("[x ", "](https\\://evil.example) "),
        ("[x](", "https\\://evil.example) "),
        ("[x](<", "https\\://evil.example>) "),
        ("<a title='", "' href='h\nttps:evil.example'>x</a> "),
        ("<x ", "<a href='h\nttps:evil.example'>x</a> "),
        ("[CONTACT_NAME_2]", "alert(1)>) "),
        ("[d ", "]: https\\://evil.example\n"),
    ] {
        let text = format!("{open}{filler}{close}[EMAIL_1] end");
        let shown = in_pieces(by_char(&text), &cover);
        assert_eq!(cover.prose(&shown), shown, "{open}");
        assert!(
            shown.len() > filler.len() && shown.ends_with("jens@acme.example end"),
            "{open}"
        );
    }
    let mut flow = Flow::default();
    let shown = flow.push(&format!("[{filler}"), &cover);
    assert!(shown.len() + HELD_BYTES >= filler.len());
}

#[test]
fn what_begins_like_tags_without_end_costs_little() {
    let text = "<a <b x='".repeat(8_000);
    assert_eq!(in_pieces([text.as_str()], &cover()).len(), text.len());
}

#[test]
fn a_word_of_any_length_is_no_way_around() {
    let cover = cover();
    let text = format!("{}https://acme.example", "x".repeat(HELD_BYTES - 20));
    for more in [".evil.example/", "@evil.example/ [EMAIL_1]"] {
        for cut in 0..60 {
            let text = format!("{}{more}", &text[cut..]);
            let shown = in_pieces(by_char(&text), &cover);
            assert_eq!(cover.prose(&shown), shown);
            assert!(!shown.contains("acme.example.evil") && !shown.contains("acme.example@evil"));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pieces_come_to_what_the_whole_comes_to(
        words in prop::collection::vec(
            "(\\{|\\}|:\"|\\[|\\]|\\(|\\)|!|<|>|\"|'|=| | |\n|\t|x|a|/|商|は|\\.|\\\\|\\]\\(|a href=|</a>|<a |https:|http://|//|https\\\\://|www\\.|evil\\.example|acme\\.example|@|:|\u{200b}|\r|_|1|EMAIL_1|\\[EMAIL_1\\]|\\[email 1\\]|%5BEMAIL 1%5D|［EMAIL 1］|CONTACT_NAME_1|\\[CONTACT_NAME_2\\]|javascript:|-)",
            0..30
        ),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)
    ) {
        let cover = cover();
        let text = words.concat();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| text.floor_char_boundary(cut.index(text.len() + 1))).collect();
        cuts.sort_unstable();
        cuts.insert(0, 0);
        cuts.push(text.len());
        let pieces = cuts.windows(2).map(|pair| &text[pair[0]..pair[1]]);
        let by_pieces = in_pieces(pieces, &cover);
        let by_chars = in_pieces(by_char(&text), &cover);
        // What is shown is nothing that the rule for whole texts would change.
        prop_assert_eq!(&cover.prose(&by_pieces), &by_pieces);
        prop_assert_eq!(&cover.prose(&by_chars), &by_chars);
        if !may_explain(&text, &cover) {
            prop_assert_eq!(&by_pieces, &shown(&text, &cover));
            prop_assert_eq!(&by_chars, &by_pieces);
        }
    }
}
