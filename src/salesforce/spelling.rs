//! How text is spelt inside the JSON that a model reads: as short as JSON allows, and without `<`, `>` and `&`.

/// What a shortened text ends with.
const CUT: char = '…';

/// Bytes that each byte of cleaned text takes: escapes of `"`, `\`, line break and tab two, `\u003c` and its kin six.
const WIDTHS: [u8; 256] = {
    let mut widths = [1; 256];
    widths[b'"' as usize] = 2;
    widths[b'\\' as usize] = 2;
    widths[b'\n' as usize] = 2;
    widths[b'\t' as usize] = 2;
    widths[b'<' as usize] = 6;
    widths[b'>' as usize] = 6;
    widths[b'&' as usize] = 6;
    widths
};

/// How many bytes `text` takes between its quotes. It is clean: of control characters only `\n` and `\t`.
pub(super) fn width(text: &str) -> usize {
    text.bytes()
        .map(|byte| usize::from(WIDTHS[usize::from(byte)]))
        .sum()
}

/// Writes `text` in quotes, in [`width`] bytes and two.
pub(super) fn write(text: &str, json: &mut String) {
    json.push('"');
    let mut written = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\t' => "\\t",
            b'<' => "\\u003c",
            b'>' => "\\u003e",
            b'&' => "\\u0026",
            _ => continue,
        };
        json.push_str(&text[written..at]);
        json.push_str(escape);
        written = at + 1;
    }
    json.push_str(&text[written..]);
    json.push('"');
}

/// The longest head of `text` that, with the mark of the cut behind it, takes at most `room` bytes.
pub(super) fn head(text: &str, room: usize) -> String {
    let mut left = room.saturating_sub(CUT.len_utf8());
    let mut end = 0;
    for c in text.chars() {
        let width = width(c.encode_utf8(&mut [0; 4]));
        if width > left {
            break;
        }
        left -= width;
        end += c.len_utf8();
    }
    let mut head = text[..end]
        .trim_end_matches(['\u{200c}', '\u{200d}'])
        .to_owned();
    head.push(CUT);
    head
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{arbitrary, hostile};
    use super::*;

    #[test]
    fn a_tag_cannot_be_spelt() {
        let mut json = String::new();
        write("</record>\n\"R&D\"\t\\", &mut json);
        assert_eq!(json, r#""\u003c/record\u003e\n\"R\u0026D\"\t\\""#);
    }

    #[test]
    fn a_head_ends_between_characters_and_says_so() {
        assert_eq!(head("Grüße", 6), "Gr…");
        assert_eq!(head("Grüße", 7), "Grü…");
        assert_eq!(head("a<b", 9), "a…");
        assert_eq!(head("a<b", 10), "a<…");
        assert_eq!(head("👩\u{200d}💻 and more", 10), "👩…");
    }

    proptest! {
        #[test]
        fn the_width_is_that_of_what_is_written_and_json_reads_it_back(text in arbitrary::text()) {
            let text = hostile::clean(&text).into_owned();
            let mut json = String::new();
            write(&text, &mut json);
            prop_assert_eq!(json.len(), width(&text) + 2);
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }

        #[test]
        fn a_head_takes_no_more_than_its_room(text in arbitrary::text(), room in 3..80_usize) {
            let text = hostile::clean(&text).into_owned();
            prop_assert!(width(&head(&text, room)) <= room);
        }
    }
}
