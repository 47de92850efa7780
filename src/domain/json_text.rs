//! JSON as a text in which every value knows where it stands, so that one string can be changed and no other byte.
//!
//! # Why
//! A body that is parsed into values and written again is another body: digits of numbers, spaces and escapes change, and
//! what a provider has signed is no longer what it signed. So nothing is parsed away here. A [`Node`] says what stands
//! where, whoever wants to change something writes it in place ([`spliced`]), and the rest stays to the byte.

use std::borrow::Cow;
use std::ops::Range;

use super::scan;

/// Objects and lists inside one another that are looked into. `serde_json` reads as many.
const MAX_DEPTH: usize = 128;

/// A value and where it stands, in bytes of its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node<'t> {
    /// Where, a string with its quotes.
    pub at: Range<usize>,
    /// What stands there.
    pub kind: Kind<'t>,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind<'t> {
    /// Null, true or false.
    Word,
    /// A number.
    Number,
    /// A string.
    Text,
    /// A list.
    List(Vec<Node<'t>>),
    /// An object, its members in their order, equal names included.
    Object(Vec<Member<'t>>),
    /// An object or a list that stands too deep to be looked into.
    Deep,
}

/// A name and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member<'t> {
    /// Where the name stands, with its quotes.
    pub at: Range<usize>,
    /// What it says; one whose escapes mean nothing stands as it is written.
    pub name: Cow<'t, str>,
    /// Its value.
    pub value: Node<'t>,
}

/// A text that is no JSON, and how far it seemed to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotJson {
    /// The byte that should be another.
    pub at: usize,
    /// Where the objects and lists begin that were still open there: nor is what begins with them.
    pub open: Vec<usize>,
}

/// A part of a text, and what is to stand there instead.
pub type Edit = (Range<usize>, String);

impl<'t> Node<'t> {
    /// Reads the JSON value that `text` is.
    ///
    /// # Errors
    /// Where it is none, or more than one.
    pub fn read(text: &'t str) -> Result<Self, NotJson> {
        let mut reader = Reader::at(text, 0);
        let node = reader.value()?;
        reader.skip_space();
        if reader.at < text.len() {
            return Err(reader.stuck());
        }
        Ok(node)
    }

    /// Reads the JSON value that begins at a byte of `text`; other words may follow it. No part of it stands too deep.
    ///
    /// # Errors
    /// Where none does.
    pub fn read_at(text: &'t str, at: usize) -> Result<Self, NotJson> {
        let mut reader = Reader::at(text, at);
        reader.skips_deep = false;
        reader.value()
    }

    /// The value of the last member called `name`, as most readers of JSON would take it.
    pub fn get(&self, name: &str) -> Option<&Node<'t>> {
        let mut members = self.members().iter().rev();
        members
            .find(|member| member.name == name)
            .map(|member| &member.value)
    }

    /// Its members; none where it is no object.
    pub fn members(&self) -> &[Member<'t>] {
        match &self.kind {
            Kind::Object(members) => members,
            _ => &[],
        }
    }

    /// Its items; none where it is no list.
    pub fn items(&self) -> &[Node<'t>] {
        match &self.kind {
            Kind::List(items) => items,
            _ => &[],
        }
    }

    /// What it says, where it is a string of `text`.
    pub fn text<'s>(&self, text: &'s str) -> Option<Cow<'s, str>> {
        match self.kind {
            Kind::Text => unquoted(&text[self.at.clone()]),
            _ => None,
        }
    }
}

/// What a JSON string says; None where it holds half a character or an escape that JSON does not know.
pub fn unquoted(literal: &str) -> Option<Cow<'_, str>> {
    if literal.contains('\\') {
        return serde_json::from_str(literal).ok().map(Cow::Owned);
    }
    let inside = literal.strip_prefix('"')?.strip_suffix('"')?;
    Some(Cow::Borrowed(inside))
}

/// `text` as a JSON string.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    let mut rest = text;
    while let Some(next) = scan::first(rest.as_bytes(), is_escaped) {
        let (plain, escaped) = rest.split_at(next);
        let (escaped, behind) = escaped.split_at(1);
        let escape = serde_json::Value::from(escaped).to_string();
        quoted.push_str(plain);
        quoted.push_str(&escape[1..escape.len() - 1]);
        rest = behind;
    }
    quoted.push_str(rest);
    quoted.push('"');
    quoted
}

/// Whether a string of JSON cannot hold `byte` as it is.
#[expect(
    clippy::needless_bitwise_bool,
    reason = "a pattern would become a look-up, which cannot be done for many bytes at once"
)]
fn is_escaped(byte: u8) -> bool {
    (byte == b'"') | (byte == b'\\') | (byte < 0x20)
}

/// `text` with all `edits` made, which stand in order and apart.
pub fn spliced(text: &str, edits: &[Edit]) -> String {
    let mut spliced = String::with_capacity(text.len());
    let mut copied = 0;
    for (at, instead) in edits {
        spliced.push_str(&text[copied..at.start]);
        spliced.push_str(instead);
        copied = at.end;
    }
    spliced.push_str(&text[copied..]);
    spliced
}

/// `json`, which may be cut off anywhere, with each of its strings, names among them, as `change` wants it; None where it
/// wants no change.
pub fn with_strings(json: &str, change: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut edits: Vec<Edit> = Vec::new();
    let mut reader = Reader::at(json, 0);
    while let Some(next) = json[reader.at..].find('"') {
        reader.at += next;
        let start = reader.at;
        if reader.string().is_err() {
            edits.extend(cut_string(json, start, &change));
            break;
        }
        let at = start..reader.at;
        let changed = unquoted(&json[at.clone()]).and_then(|text| change(&text));
        edits.extend(changed.map(|changed| (at, quoted(&changed))));
    }
    (!edits.is_empty()).then(|| spliced(json, &edits))
}

/// The change of a string that begins at `start` and does not end.
fn cut_string(json: &str, start: usize, change: impl Fn(&str) -> Option<String>) -> Option<Edit> {
    /// Escapes that may belong to one character.
    const HALVES: usize = 2;
    let mut end = json.len();
    for _ in 0..=HALVES {
        let literal = format!("{}\"", &json[start..end]);
        if let Some(text) = unquoted(&literal) {
            let mut changed = quoted(&change(&text)?);
            changed.pop();
            return Some((start..end, changed));
        }
        end = start + json[start..end].rfind('\\')?;
    }
    None
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    open: Vec<usize>,
    skips_deep: bool,
}

impl<'t> Reader<'t> {
    fn at(text: &'t str, at: usize) -> Self {
        Self {
            text,
            at,
            open: Vec::new(),
            skips_deep: true,
        }
    }

    fn value(&mut self) -> Result<Node<'t>, NotJson> {
        self.skip_space();
        let start = self.at;
        let kind = match self.peek() {
            Some(b'{' | b'[') if self.open.len() == MAX_DEPTH => {
                if !self.skips_deep {
                    return Err(self.stuck());
                }
                self.skip_deep()?;
                Kind::Deep
            }
            Some(b'{') => Kind::Object(self.object()?),
            Some(b'[') => Kind::List(self.list()?),
            Some(b'"') => {
                self.string()?;
                Kind::Text
            }
            Some(b'-' | b'0'..=b'9') => {
                self.number()?;
                Kind::Number
            }
            _ => {
                let rest = &self.text.as_bytes()[start..];
                let words = ["null", "true", "false"];
                let word = words.iter().find(|word| rest.starts_with(word.as_bytes()));
                self.at += word.ok_or_else(|| self.stuck())?.len();
                Kind::Word
            }
        };
        let at = start..self.at;
        Ok(Node { at, kind })
    }

    fn object(&mut self) -> Result<Vec<Member<'t>>, NotJson> {
        self.open.push(self.at);
        self.at += 1;
        let mut members = Vec::new();
        self.skip_space();
        if !self.took(b'}') {
            loop {
                self.skip_space();
                if self.peek() != Some(b'"') {
                    return Err(self.stuck());
                }
                let at = self.string()?;
                let literal = &self.text[at.clone()];
                let name = unquoted(literal)
                    .unwrap_or_else(|| Cow::Borrowed(&literal[1..literal.len() - 1]));
                self.skip_space();
                self.take(b':')?;
                let value = self.value()?;
                members.push(Member { at, name, value });
                self.skip_space();
                if self.took(b'}') {
                    break;
                }
                self.take(b',')?;
            }
        }
        self.open.pop();
        Ok(members)
    }

    fn list(&mut self) -> Result<Vec<Node<'t>>, NotJson> {
        self.open.push(self.at);
        self.at += 1;
        let mut items = Vec::new();
        self.skip_space();
        if !self.took(b']') {
            loop {
                items.push(self.value()?);
                self.skip_space();
                if self.took(b']') {
                    break;
                }
                self.take(b',')?;
            }
        }
        self.open.pop();
        Ok(items)
    }

    /// Steps over an object or a list by its brackets alone.
    fn skip_deep(&mut self) -> Result<(), NotJson> {
        let mut depth = 0_usize;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.string()?;
                    continue;
                }
                Some(b'{' | b'[') => depth += 1,
                Some(b'}' | b']') => depth -= 1,
                Some(_) => {}
                None => return Err(self.stuck()),
            }
            self.at += 1;
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// Steps over a string.
    fn string(&mut self) -> Result<Range<usize>, NotJson> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(start..self.at);
                }
                Some(b'\\') => {
                    let rest = &self.text.as_bytes()[self.at + 1..];
                    let length = match rest.first() {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
                        Some(b'u') if is_hex(rest.get(1..5)) => 6,
                        _ => return Err(self.stuck()),
                    };
                    self.at += length;
                }
                Some(0..0x20) | None => return Err(self.stuck()),
                Some(_) => self.at += self.plain_bytes(),
            }
        }
    }

    /// How many bytes from here on stand in a string for themselves.
    fn plain_bytes(&self) -> usize {
        let rest = &self.text.as_bytes()[self.at..];
        scan::first(rest, is_escaped).unwrap_or(rest.len())
    }

    fn number(&mut self) -> Result<(), NotJson> {
        self.took(b'-');
        if !self.took(b'0') {
            self.digits()?;
        }
        if self.took(b'.') {
            self.digits()?;
        }
        if self.took(b'e') || self.took(b'E') {
            let _sign = self.took(b'+') || self.took(b'-');
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), NotJson> {
        if !self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(self.stuck());
        }
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn took(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn take(&mut self, byte: u8) -> Result<(), NotJson> {
        if self.took(byte) {
            Ok(())
        } else {
            Err(self.stuck())
        }
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn stuck(&self) -> NotJson {
        NotJson {
            at: self.at,
            open: self.open.clone(),
        }
    }
}

fn is_hex(digits: Option<&[u8]>) -> bool {
    digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_value_knows_where_it_stands() {
        let text = r#" {"a" : [1, "x\u00e9"], "b":{"c":null}} "#;
        let node = Node::read(text).unwrap();
        let list = node.get("a").unwrap();
        assert_eq!(&text[list.at.clone()], r#"[1, "x\u00e9"]"#);
        assert_eq!(list.items()[1].text(text).unwrap(), "xé");
        assert_eq!(&text[node.members()[1].at.clone()], r#""b""#);
        assert_eq!(
            node.get("b").unwrap().get("c").map(|node| &node.kind),
            Some(&Kind::Word)
        );
    }

    #[test]
    fn a_value_is_found_inside_of_prose_and_what_is_cut_off_tells_what_was_open() {
        let text = r#"see {"a":1} and {"b":[2"#;
        let node = Node::read_at(text, 4).unwrap();
        assert_eq!(&text[node.at], r#"{"a":1}"#);
        let not = Node::read_at(text, 16).unwrap_err();
        assert_eq!((not.at, not.open), (text.len(), vec![16, 21]));
    }

    #[test]
    fn what_stands_too_deep_is_stepped_over() {
        let text = format!(
            r#"{{"a":{}"]"{},"b":1}}"#,
            "[".repeat(500_000),
            "]".repeat(500_000)
        );
        let node = Node::read(&text).unwrap();
        assert_eq!(node.get("b").unwrap().kind, Kind::Number);
        assert!(Node::read(&"[".repeat(500_000)).is_err());
    }

    #[test]
    fn a_change_leaves_every_other_byte() {
        let text = r#"{"a" : "x", "n":1.50, "b":"y"}"#;
        let node = Node::read(text).unwrap();
        let at = |name: &str| node.get(name).unwrap().at.clone();
        let edits = [(at("a"), quoted("\"")), (at("b"), quoted("z"))];
        assert_eq!(spliced(text, &edits), r#"{"a" : "\"", "n":1.50, "b":"z"}"#);
    }

    #[test]
    fn half_a_character_is_no_text() {
        assert_eq!(unquoted(r#""\ud83d""#), None);
        assert_eq!(unquoted(r#""\ud83d\ude00""#).unwrap(), "😀");
        let node = Node::read(r#"{"\ud83d":1}"#).unwrap();
        assert_eq!(node.members()[0].name, r"\ud83d");
    }

    #[test]
    fn strings_are_changed_in_what_is_cut_off_too() {
        let change = |text: &str| text.contains('x').then(|| text.replace('x', "\"y\""));
        for (json, changed) in [
            (r#"{"x": ["a", "bx"]"#, Some(r#"{"\"y\"": ["a", "b\"y\""]"#)),
            (r#"{"a":"x and \u00"#, Some(r#"{"a":"\"y\" and \u00"#)),
            (r#"{"a":"x\ud83d"#, Some(r#"{"a":"\"y\"\ud83d"#)),
            (r#"{"a":"x\ud83d\u"#, Some(r#"{"a":"\"y\"\ud83d\u"#)),
            (r#"{"a":"\"#, None),
            (r#"{"a":"b", "c"#, None),
        ] {
            assert_eq!(with_strings(json, change).as_deref(), changed, "{json}");
        }
    }

    fn agrees(text: &str) -> Result<(), TestCaseError> {
        let ours = Node::read(text).is_ok();
        match serde_json::from_str::<Value>(text) {
            Ok(_) => prop_assert!(ours, "{text}"),
            // Numbers that no double holds and half characters are sound where they are not looked at.
            Err(why) if ours => prop_assert!(
                ["number out of range", "surrogate", "hex escape"]
                    .iter()
                    .any(|known| why.to_string().contains(known)),
                "{text}: {why}"
            ),
            Err(_) => {}
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn whatever_serde_json_reads_is_read(
            text in r#"(\{|\}|\[|\]|,|:|"|"a"|"\\u00e9"|\\|\\n|\\ud83d|-|0|1|\.5|e9|E\+|null|true|fals|e| |\n){0,12}"#
        ) {
            agrees(&text)?;
        }

        #[test]
        fn a_text_is_quoted_as_serde_json_does(text in any::<String>(), plain in "[a-z\\\\\"\n\t\u{1}\u{7f}ü]{0,80}") {
            prop_assert_eq!(quoted(&text), Value::from(text).to_string());
            prop_assert_eq!(quoted(&plain), Value::from(plain).to_string());
        }

        #[test]
        fn so_is_whatever_it_writes(value in crate::salesforce::arbitrary::record()) {
            agrees(&value.to_string())?;
            agrees(&serde_json::to_string_pretty(&value).unwrap())?;
        }
    }
}
