//! What no reader sees, and a model does: control, bidirectional, zero-width and tag characters, and encoded files.
//!
//! # Why
//! Whoever may write an e-mail to the org may write into its records, so record text can hold instructions that a
//! person looking at the page never notices. What shows nothing goes. Two joiners stay where they carry spelling:
//! U+200C and U+200D between letters of scripts that are written joined (Persian `می‌خواهم`, Devanagari), and U+200D
//! between emoji. Direction marks go without exception: the order in which a model reads is the order of the text.

use std::borrow::Cow;

use crate::domain::scan;

/// A run of base64 as long as this is a file, not a word.
const BLOB_BYTES: usize = 1000;
/// Both alphabets, and what fills up the end.
const BASE64: scan::Class = scan::Class::letters_digits_and(b"+/=-_");

const NON_JOINER: char = '\u{200c}';
const JOINER: char = '\u{200d}';

/// `text` without what no eye sees. `\n` and `\t` stay; every other way to end a line becomes `\n`.
#[must_use]
pub fn clean(text: &str) -> Cow<'_, str> {
    let Some(first) = first_suspect(text) else {
        return Cow::Borrowed(text);
    };
    let mut cleaned = String::with_capacity(text.len());
    cleaned.push_str(&text[..first]);
    let mut rest = text[first..].chars().peekable();
    while let Some(c) = rest.next() {
        let before = || cleaned.chars().next_back();
        let after = rest.peek().copied();
        match c {
            '\r' if after == Some('\n') => {}
            '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => cleaned.push('\n'),
            JOINER | NON_JOINER if !joins(before(), c, after) => {}
            '\u{fe0e}' | '\u{fe0f}' if !styles(before(), after) => {}
            JOINER | NON_JOINER | '\u{fe0e}' | '\u{fe0f}' => cleaned.push(c),
            _ if is_suspect(c) => {}
            _ => cleaned.push(c),
        }
    }
    Cow::Owned(cleaned)
}

/// `text` as a model may read it: cleaned, and without files that were encoded into it.
#[must_use]
pub fn readable(text: &str) -> Cow<'_, str> {
    match without_blobs(text) {
        Cow::Borrowed(text) => clean(text),
        Cow::Owned(text) => Cow::Owned(clean(&text).into_owned()),
    }
}

/// Where the first suspect character of `text` begins.
fn first_suspect(text: &str) -> Option<usize> {
    /// The bytes that a suspect character may begin with; almost no text is decoded further than to these.
    const MAY_BEGIN: [bool; 256] = {
        let leads = [0x7f, 0xc2, 0xcd, 0xd8, 0xe1, 0xe2, 0xe3, 0xef, 0xf0, 0xf3];
        let mut may = [false; 256];
        let mut index = 0;
        while index < 0x20 {
            may[index] = index != b'\n' as usize && index != b'\t' as usize;
            index += 1;
        }
        index = 0;
        while index < leads.len() {
            may[leads[index]] = true;
            index += 1;
        }
        may
    };
    // Most text is plain to its end, and is seen to be in large steps.
    let mut from = scan::first(text.as_bytes(), is_not_plain)?;
    while let Some(next) = text.as_bytes()[from..]
        .iter()
        .position(|&byte| MAY_BEGIN[usize::from(byte)])
    {
        let at = from + next;
        let c = text[at..].chars().next()?;
        if is_suspect(c) {
            return Some(at);
        }
        from = at + c.len_utf8();
    }
    None
}

/// Whether `byte` is something else than a character of ASCII that shows, a line break or a tab.
#[expect(
    clippy::needless_bitwise_bool,
    reason = "a pattern would become a look-up, which cannot be done for many bytes at once"
)]
fn is_not_plain(byte: u8) -> bool {
    (byte >= 0x7f) | ((byte < 0x20) & (byte != b'\n') & (byte != b'\t'))
}

/// Whether `c` shows nothing by itself, so that its neighbours decide at best.
fn is_suspect(c: char) -> bool {
    match c {
        '\n' | '\t' | ' '..='~' => false,
        '\0'..='\x1f' | '\x7f'..='\u{9f}' // control
        | '\u{ad}' | '\u{34f}' // soft hyphen, grapheme joiner
        | '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' // bidirectional; 2066 to 2069 below
        | '\u{115f}'..='\u{1160}' | '\u{3164}' | '\u{ffa0}' // Hangul fillers
        | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}' // Khmer and Mongolian, unseen
        | '\u{200b}'..='\u{200d}' | '\u{feff}' // zero width
        | '\u{2028}'..='\u{2029}' // ends of line
        | '\u{2060}'..='\u{206f}' // invisible operators, isolates, deprecated formats
        | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' // variation selectors
        | '\u{fff0}'..='\u{fffb}' // annotations
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' // shorthand and music formats
        | '\u{e0000}'..='\u{e00ff}' | '\u{e01f0}'..='\u{e0fff}' // tags, and what is set aside beside them
        => true,
        _ => false,
    }
}

/// Whether a joiner between `before` and `after` is part of how a word or an emoji is written.
fn joins(before: Option<char>, joiner: char, after: Option<char>) -> bool {
    let (Some(before), Some(after)) = (before, after) else {
        return false;
    };
    let in_word = is_joining_letter(before) && is_joining_letter(after);
    let in_emoji =
        joiner == JOINER && (is_pictograph(before) || before == '\u{fe0f}') && is_pictograph(after);
    in_word || in_emoji
}

/// Whether a variation selector chooses between the text and the emoji form of what stands before it.
fn styles(before: Option<char>, after: Option<char>) -> bool {
    match before {
        Some('0'..='9' | '#' | '*') => after == Some('\u{20e3}'), // a keycap
        Some(before) => is_pictograph(before),
        None => false,
    }
}

/// The blocks of scripts whose spelling knows the joiners: Arabic and its kin, the Indic ones, Tibetan, Myanmar, Khmer, Mongolian.
fn is_joining_letter(c: char) -> bool {
    matches!(c,
        '\u{600}'..='\u{8ff}' | '\u{900}'..='\u{dff}' | '\u{f00}'..='\u{109f}' | '\u{1780}'..='\u{18af}'
        | '\u{1a20}'..='\u{1b7f}' | '\u{a840}'..='\u{a8ff}' | '\u{a980}'..='\u{a9ff}' | '\u{fb50}'..='\u{fdff}'
        | '\u{fe70}'..='\u{fefe}' | '\u{11000}'..='\u{11fff}')
}

/// The blocks that emoji come from, skin tones among them.
fn is_pictograph(c: char) -> bool {
    matches!(c,
        '\u{a9}' | '\u{ae}' | '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{2190}'..='\u{21ff}'
        | '\u{2300}'..='\u{23ff}' | '\u{24c2}' | '\u{25a0}'..='\u{27bf}' | '\u{2900}'..='\u{297f}'
        | '\u{2b00}'..='\u{2bff}' | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}' | '\u{1f000}'..='\u{1faff}')
}

/// `text` without its long runs of base64: a Blob field, or an image inside rich text.
fn without_blobs(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let runs = scan::long_words(bytes, BLOB_BYTES, &BASE64);
    let mut kept = String::new();
    let mut kept_to = 0;
    for blob in runs.filter(|run| is_mixed(&bytes[run.clone()])) {
        kept.push_str(&text[kept_to..blob.start]);
        kept_to = blob.end;
    }
    if kept_to == 0 {
        return Cow::Borrowed(text);
    }
    kept.push_str(&text[kept_to..]);
    Cow::Owned(kept)
}

/// Capitals, small letters and digits, as encoded bytes have them; a ruled line or a row of x has not.
fn is_mixed(run: &[u8]) -> bool {
    run.iter().any(u8::is_ascii_uppercase)
        && run.iter().any(u8::is_ascii_lowercase)
        && run.iter().any(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::arbitrary;
    use super::*;

    #[test]
    fn ordinary_text_is_not_even_copied() {
        for text in [
            "",
            "Grüße, 東京\n\tü",
            "שלום עולם",
            "نَصٌّ عربي",
            "हिन्दी",
            "a\u{a0}b\u{202f}c",
        ] {
            assert!(matches!(clean(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn what_shows_nothing_goes() {
        for hidden in [
            "\0",
            "\u{7}",
            "\u{1b}",
            "\u{7f}",
            "\u{9b}",
            "\u{ad}",
            "\u{34f}",
            "\u{61c}",
            "\u{115f}",
            "\u{3164}",
            "\u{180e}",
            "\u{200b}",
            "\u{200c}",
            "\u{200d}",
            "\u{200e}",
            "\u{200f}",
            "\u{202a}",
            "\u{202e}",
            "\u{2060}",
            "\u{2066}",
            "\u{2069}",
            "\u{206f}",
            "\u{feff}",
            "\u{fe00}",
            "\u{fe0f}",
            "\u{fff9}",
            "\u{e0001}",
            "\u{e0041}",
            "\u{e007f}",
            "\u{e0100}",
        ] {
            assert_eq!(
                clean(&format!("pay{hidden}ment")),
                "payment",
                "{}",
                hidden.escape_unicode()
            );
        }
    }

    #[test]
    fn every_suspect_character_is_found() {
        for c in (0..=0x0010_ffff).filter_map(char::from_u32) {
            let mut buffer = [0; 4];
            let found = first_suspect(c.encode_utf8(&mut buffer)).is_some();
            assert_eq!(found, is_suspect(c), "{}", c.escape_unicode());
        }
    }

    #[test]
    fn every_end_of_a_line_is_one_line_break() {
        assert_eq!(
            clean("a\r\nb\rc\u{85}d\u{2028}e\u{2029}f\ng\th"),
            "a\nb\nc\nd\ne\nf\ng\th"
        );
    }

    #[test]
    fn emoji_stay_whole() {
        for emoji in ["👩‍💻", "❤️‍🔥", "👨‍👩‍👧‍👦", "🧑🏽‍🚀", "🏳️‍🌈", "1️⃣", "☎︎", "🙂‍↔️"]
        {
            assert_eq!(clean(emoji), emoji);
        }
        assert_eq!(clean("👩\u{200d}"), "👩");
        assert_eq!(clean("\u{200d}👩\u{fe0f}\u{fe0f}"), "👩\u{fe0f}");
        assert_eq!(clean("1\u{fe0f}2"), "12");
    }

    #[test]
    fn persian_and_hindi_keep_the_joiners_that_they_are_spelt_with() {
        for word in ["می\u{200c}خواهم", "क्\u{200d}ष", "ශ්\u{200d}රී"] {
            assert_eq!(clean(word), word);
        }
        assert_eq!(clean("می\u{200c}\u{200d}\u{200c}خواهم"), "می\u{200c}خواهم");
        assert_eq!(clean("\u{200c}می\u{200c} a\u{200d}b"), "می ab");
    }

    #[test]
    fn hebrew_and_arabic_keep_their_points_and_lose_their_direction_marks() {
        assert_eq!(
            clean("\u{200f}שָׁלוֹם\u{200e} \u{202b}مَرْحَبًا\u{202c}"),
            "שָׁלוֹם مَرْحَبًا"
        );
    }

    #[test]
    fn a_file_inside_a_text_is_nothing_to_read() {
        let blob = "iVBORw0KGgo+/AA9".repeat(100);
        assert_eq!(readable(&blob), "");
        assert_eq!(
            readable(&format!("<img src=\"data:image/png;base64,{blob}\"> after")),
            "<img src=\"data:image/png;base64,\"> after"
        );
        let two = format!("über {blob} mid {blob}.");
        assert_eq!(readable(&two), "über  mid .");
    }

    #[test]
    fn a_long_text_is_no_file() {
        for text in [
            "x".repeat(32_000),
            "-".repeat(5000),
            "Report 7 of the day. ".repeat(500),
            "ü".repeat(5000),
            "Ab1/".repeat(200),
        ] {
            assert!(
                matches!(readable(&text), Cow::Borrowed(_)),
                "{}",
                &text[..10]
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_clean_stays_as_it_is(text in arbitrary::text()) {
            let once = clean(&text).into_owned();
            prop_assert_eq!(clean(&once), once.as_str());
        }

        #[test]
        fn only_files_are_taken_out(text in "([A-Za-z0-9+/]{900,1100}|[ -~]{0,50}| ){0,6}") {
            let whole = without_blobs(&text).into_owned();
            let by_hand: String = text
                .split_inclusive(|c: char| !c.is_ascii() || !BASE64.has(c as u8))
                .map(|run| {
                    let end = run.find(|c: char| !c.is_ascii() || !BASE64.has(c as u8)).unwrap_or(run.len());
                    if end >= BLOB_BYTES && is_mixed(&run.as_bytes()[..end]) { &run[end..] } else { run }
                })
                .collect();
            prop_assert_eq!(whole, by_hand);
        }
    }
}
