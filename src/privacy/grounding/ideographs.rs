//! Names in kanji and kana, which no capital marks: they are checked in fields for names only.
//!
//! # Why
//! `榊原 直哉` and `榊原直哉様` are one person, so spaces and titles do not count and a part of a name is enough. Between scripts nothing
//! can be compared: a katakana name may be a Latin one of the input, and `Naoya Sakakibara` one in kanji, and both pass.

use std::ops::Range;

/// What the input has in kanji and kana.
#[derive(Default)]
pub(super) struct Ideographs {
    /// Spaces left out, a bar between what stands apart.
    text: String,
    /// Whether the input writes foreign names in katakana, with the dot between.
    has_katakana: bool,
}

impl Ideographs {
    /// Whether the input has any.
    pub(super) fn are_used(&self) -> bool {
        self.text.chars().any(is_ideographic)
    }

    pub(super) fn read(&mut self, text: &str) {
        let mut any = false;
        for sign in text.chars().filter(|sign| !sign.is_whitespace()) {
            if is_ideographic(sign) {
                self.text.push(sign);
                any = true;
                self.has_katakana |= sign == '・';
            } else if any {
                self.text.push('|');
                any = false;
            }
        }
        self.text.push('|');
    }

    /// The names in kanji or kana that the input has not, part by part.
    pub(super) fn unknown(&self, text: &str) -> Option<Range<usize>> {
        const TITLES: [&str; 24] = [
            "様",
            "氏",
            "さん",
            "殿",
            "先生",
            "部長",
            "課長",
            "社長",
            "係長",
            "次長",
            "本部長",
            "取締役",
            "専務",
            "常務",
            "担当",
            "主任",
            "室長",
            "マネージャー",
            "ディレクター",
            "リーダー",
            "代表",
            "会長",
            "副社長",
            "執行役員",
        ];
        let start = text.find(is_ideographic)?;
        let end = text[start..]
            .find(|sign: char| !is_ideographic(sign) && sign != ' ')
            .map_or(text.len(), |len| start + len);
        let mut name = text[start..end].trim_end();
        while let Some(stem) = TITLES.iter().find_map(|title| name.strip_suffix(title)) {
            name = stem.trim_end();
        }
        let katakana = name
            .chars()
            .all(|sign| ('\u{30A0}'..='\u{30FF}').contains(&sign) || sign == ' ');
        let parts: Vec<_> = name
            .split([' ', '・'])
            .filter(|part| !part.is_empty())
            .collect();
        let together = parts.concat();
        let known = self.text.contains(&together) || self.text.contains(&parts.join("・"));
        let is_team = ["部", "課", "チーム", "室", "社", "側", "者", "役", "会"]
            .iter()
            .any(|end| name.ends_with(end));
        // A katakana name may be a Latin one of the input, transliterated.
        let unknown = !name.is_empty() && !known && !is_team && (!katakana || self.has_katakana);
        unknown.then(|| start..start + name.len())
    }
}

fn is_ideographic(sign: char) -> bool {
    matches!(sign, '\u{3041}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '々' | '\u{20000}'..='\u{2FFFF}')
}

/// Whether `key` may be Japanese in Latin letters: syllables that end in a vowel or `n`.
pub(super) fn is_romaji(key: &str) -> bool {
    let mut consonants = 0;
    for letter in key.chars() {
        match letter {
            'a' | 'e' | 'i' | 'o' | 'u' => consonants = 0,
            'l' | 'q' | 'v' | 'x' => return false,
            'n' if consonants == 0 => {}
            'a'..='z' if consonants < 2 => consonants += 1,
            _ => return false,
        }
    }
    consonants == 0
}
