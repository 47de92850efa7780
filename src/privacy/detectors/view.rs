//! A text as a detector reads it: every spelling of a character as that character, each place still known in the text.
//!
//! # Why
//! `jens&#64;acme.example`, `jens%40acme.example` and `j<b>ens</b>@acme.example` show the reader one address, and so does
//! `０９０` in full-width digits a phone number. To teach every detector every spelling would double each; so the text is
//! read through this view. An ordinary text is its own view and is not copied.

use std::borrow::Cow;
use std::ops::Range;

use crate::domain::scan;

/// A longer entity is none.
const ENTITY_BYTES: usize = 12;
/// A longer tag is left as it is.
const TAG_BYTES: usize = 400;
/// Elements that stand inside of a word.
const INLINE: [&str; 19] = [
    "b", "i", "u", "s", "em", "strong", "span", "font", "wbr", "mark", "small", "big", "code",
    "tt", "ins", "del", "sub", "sup", "bdi",
];

/// What the detectors read.
pub(super) struct View<'t> {
    pub(super) text: Cow<'t, str>,
    folds: Vec<Fold>,
    /// Tags and comments that the view leaves out, as they stand in the source; something may hide in them.
    pub(super) hidden: Vec<Range<usize>>,
}

/// A place where view and source differ.
struct Fold {
    view: Range<usize>,
    source: Range<usize>,
}

impl<'t> View<'t> {
    pub(super) fn of(source: &'t str) -> Self {
        let mut view = Self {
            text: Cow::Borrowed(source),
            folds: Vec::new(),
            hidden: Vec::new(),
        };
        let mut written = String::new();
        let mut copied = 0;
        let mut at = 0;
        while let Some(next) = scan::first(&source.as_bytes()[at..], may_fold) {
            at += next;
            let Some(piece) = folded(&source[at..]) else {
                at += source[at..].chars().next().map_or(1, char::len_utf8);
                continue;
            };
            written.push_str(&source[copied..at]);
            let from = written.len();
            let end = at + piece.bytes;
            match piece.shows {
                Some(c) => written.push(c),
                None => view.hidden.push(at..end),
            }
            view.folds.push(Fold {
                view: from..written.len(),
                source: at..end,
            });
            (at, copied) = (end, end);
        }
        if copied > 0 {
            written.push_str(&source[copied..]);
            view.text = Cow::Owned(written);
        }
        view
    }

    /// Where what stands at `range` of the view stands in the source.
    pub(super) fn source(&self, range: &Range<usize>) -> Range<usize> {
        let start = match self.last_fold(|fold| fold.view.start <= range.start) {
            Some(fold) if range.start < fold.view.end => fold.source.start,
            Some(fold) => fold.source.end + (range.start - fold.view.end),
            None => range.start,
        };
        let end = match self.last_fold(|fold| fold.view.start < range.end) {
            Some(fold) if range.end <= fold.view.end => fold.source.end,
            Some(fold) => fold.source.end + (range.end - fold.view.end),
            None => range.end,
        };
        start..end
    }

    fn last_fold(&self, is_before: impl Fn(&Fold) -> bool) -> Option<&Fold> {
        let count = self.folds.partition_point(is_before);
        count.checked_sub(1).map(|last| &self.folds[last])
    }
}

/// Some bytes of the source, and the character that they show.
struct Piece {
    bytes: usize,
    shows: Option<char>,
}

#[expect(
    clippy::needless_bitwise_bool,
    reason = "a pattern would become a look-up, which cannot be done for many bytes at once"
)]
fn may_fold(byte: u8) -> bool {
    (byte == b'&') | (byte == b'%') | (byte == b'<') | (byte == b'\\') | (byte >= 0xc2)
}

/// What the head of `text` shows, where that is something else than its first character.
fn folded(text: &str) -> Option<Piece> {
    match text.as_bytes().first()? {
        b'&' => entity(text),
        b'%' => percent(text),
        b'<' => inline_tag(text),
        b'\\' => json_escape(text),
        _ => {
            let c = text.chars().next()?;
            let plain = plain(c)?;
            Some(Piece {
                bytes: c.len_utf8(),
                shows: Some(plain),
            })
        }
    }
}

/// `&#64;`, also without the semicolon, as browsers read it, and `&amp;#64;` where HTML was escaped again.
fn entity(text: &str) -> Option<Piece> {
    let again = text.strip_prefix("&amp;").filter(|rest| {
        let number = rest.strip_prefix('#').unwrap_or_default();
        number.starts_with(|c: char| c.is_ascii_digit() || c == 'x' || c == 'X')
    });
    let (body, before) = match again {
        Some(rest) => (rest, 5),
        None => (&text[1..], 1),
    };
    let (c, bytes) = match body.strip_prefix('#') {
        Some(number) => numbered(number)?,
        None => named(body)?,
    };
    Some(Piece {
        bytes: before + bytes,
        shows: Some(plain(c).unwrap_or(c)),
    })
}

/// The character that a reference by number means, and its bytes from the `#` on.
fn numbered(number: &str) -> Option<(char, usize)> {
    let (digits, radix, before) = match number.strip_prefix(['x', 'X']) {
        Some(hex) => (hex, 16, 2),
        None => (number, 10, 1),
    };
    let length = digits
        .bytes()
        .take(ENTITY_BYTES)
        .take_while(|&byte| char::from(byte).is_digit(radix))
        .count();
    let c = char::from_u32(u32::from_str_radix(&digits[..length], radix).ok()?)?;
    let semicolon = usize::from(digits[length..].starts_with(';'));
    Some((c, before + length + semicolon))
}

/// The character that a reference by name means, and its bytes.
fn named(body: &str) -> Option<(char, usize)> {
    let head = body.as_bytes().get(..ENTITY_BYTES.min(body.len()))?;
    let end = head.iter().position(|&byte| byte == b';')?;
    let c = match body.get(..end)? {
        "commat" => '@',
        "period" => '.',
        "nbsp" | "ensp" | "emsp" | "thinsp" => ' ',
        "plus" => '+',
        "lpar" => '(',
        "rpar" => ')',
        "hyphen" | "dash" | "ndash" | "mdash" | "minus" => '-',
        "sol" => '/',
        "lowbar" => '_',
        "amp" => '&',
        _ => return None,
    };
    Some((c, end + 1))
}

/// What a URL escapes inside an address or a number: `%40`, and `%2540` where that was escaped again.
fn percent(text: &str) -> Option<Piece> {
    let (code, bytes) = match text.get(1..3)? {
        "25" => (text.get(3..5)?, 5),
        code => (code, 3),
    };
    let c = match code {
        "40" => '@',
        "2B" | "2b" => '+',
        "2D" | "2d" => '-',
        "2E" | "2e" => '.',
        "5F" | "5f" => '_',
        "20" => ' ',
        _ => return None,
    };
    Some(Piece {
        bytes,
        shows: Some(c),
    })
}

/// `\u0040`, where JSON stands in a text.
fn json_escape(text: &str) -> Option<Piece> {
    let code = text.strip_prefix("\\u")?.get(..4)?;
    let c = char::from_u32(u32::from_str_radix(code, 16).ok()?)?;
    Some(Piece {
        bytes: 6,
        shows: Some(plain(c).unwrap_or(c)),
    })
}

/// A tag or a comment that parts no word.
fn inline_tag(text: &str) -> Option<Piece> {
    if text.starts_with("<!--") {
        let head = &text.as_bytes()[..TAG_BYTES.min(text.len())];
        let end = head.windows(3).position(|end| end == b"-->")?;
        return Some(Piece {
            bytes: end + 3,
            shows: None,
        });
    }
    let head = &text.as_bytes()[1..TAG_BYTES.min(text.len())];
    let end = head.iter().position(|&byte| byte == b'>')?;
    let tag = text.get(1..=end)?.trim_start_matches('/');
    let name_end = tag
        .find(|c: char| !c.is_ascii_alphanumeric())
        .unwrap_or(tag.len());
    let name = &tag[..name_end];
    INLINE
        .iter()
        .any(|inline| inline.eq_ignore_ascii_case(name))
        .then_some(Piece {
            bytes: end + 2,
            shows: None,
        })
}

/// The ASCII character that `c` is a form of.
fn plain(c: char) -> Option<char> {
    /// The zeros of the decimal digits that people type.
    const ZEROS: [u32; 8] = [0x660, 0x6f0, 0x966, 0x9e6, 0xae6, 0xbe6, 0xe50, 0xff10];
    match c {
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => Some(' '),
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' => Some('-'),
        '\u{2024}' => Some('.'),
        '\u{fe6b}' => Some('@'),
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0),
        '\u{1d7ce}'..='\u{1d7ff}' => char::from_digit((u32::from(c) - 0x1d7ce) % 10, 10),
        '\u{660}'..='\u{e59}' => ZEROS
            .iter()
            .find_map(|&zero| u32::from(c).checked_sub(zero).filter(|&digit| digit < 10))
            .and_then(|digit| char::from_digit(digit, 10)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_ordinary_text_is_its_own_view() {
        for text in [
            "",
            "Grüße <p>100 % & more</p>",
            "a\\b 50%",
            "東京 &co; &unknown;",
        ] {
            assert!(matches!(View::of(text).text, Cow::Borrowed(_)), "{text}");
        }
    }

    #[test]
    fn every_spelling_of_a_character_is_that_character() {
        for (text, view) in [
            ("a&#64;b&#x2e;c&commat;", "a@b.c@"),
            ("a&#64b&#x40 c&amp;#64;d&amp;#x40;e", "a@b@ c@d@e"),
            ("a%40b%2540c%2e", "a@b@c."),
            ("０９０－１２３４", "090-1234"),
            ("٠٣\u{a0}०१ 𝟙𝟚", "03 01 12"),
            ("a\\u0040b", "a@b"),
            (
                "j<b>en</b>s<SPAN class=\"x\">@</SPAN>y<!-- no -->z",
                "jens@yz",
            ),
            ("<td>1</td><td>２</td>", "<td>1</td><td>2</td>"),
        ] {
            assert_eq!(View::of(text).text, view);
        }
    }

    #[test]
    fn a_place_in_the_view_is_known_in_the_text() {
        let text = "an <b>j</b>ens&#64;acme.example.";
        let view = View::of(text);
        let start = view.text.find("jens").unwrap();
        let range = start..view.text.len() - 1;
        assert_eq!(&text[view.source(&range)], "j</b>ens&#64;acme.example");
        let at = view.text.find('@').unwrap();
        assert_eq!(&text[view.source(&(at..at + 1))], "&#64;");
        assert_eq!(view.hidden.len(), 2);
    }

    proptest! {
        #[test]
        fn all_of_the_view_is_all_of_the_text(text in "([a-z0-9@ü０]|&#64;|%40|<b>|</b>|<p>|&|%|<|\\\\u0040|\\\\){0,30}") {
            let view = View::of(&text);
            for (at, c) in view.text.char_indices() {
                let range = view.source(&(at..at + c.len_utf8()));
                prop_assert!(text.get(range).is_some_and(|piece| !piece.is_empty()));
            }
        }
    }
}
