//! Placeholders for what an org does not let out, and the way back.
//!
//! # Why
//! A model may write a placeholder in its own way: in small letters, with a possessive, escaped for Markdown or HTML, with the
//! brackets gone. All of these are read, and each name stands for exactly one spelling of one value, so none is guessed at. What
//! the input itself writes in that form keeps its meaning: its numbers are never given out, and what is not known stays as it
//! is. So restoring a masked text gives the text, to the letter.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::domain::scan;

/// A longer number is none of ours.
const NUMBER_DIGITS: usize = 9;
/// Characters of a label.
const LABEL_CHARS: usize = 40;

/// The forms in which a placeholder may come back; one group each, in `body`, all of it but what stands around.
static WRITTEN: LazyLock<Regex> = LazyLock::new(|| {
    const LOOSE: &str = r"[A-Za-z][A-Za-z0-9]*(?:\\?[_\s-][A-Za-z0-9]+)*\\?[_\s-][0-9]{1,9}";
    const TIGHT: &str = r"[A-Za-z][A-Za-z0-9]*(?:\\?_[A-Za-z0-9]+)*\\?_[0-9]{1,9}";
    let pairs = [
        (r"\[", r"\]"),
        (r"\\\[", r"\\\]"),
        ("&#91;", "&#93;"),
        ("&#[xX]5[bB];", "&#[xX]5[dD];"),
        ("&lsqb;", "&rsqb;"),
        ("&lbrack;", "&rbrack;"),
        ("%5[bB]", "%5[dD]"),
        ("［", "］"),
        ("【", "】"),
    ];
    let mut forms: Vec<String> = pairs
        .iter()
        .map(|(open, close)| format!("{open}({LOOSE}){close}"))
        .collect();
    forms.push(format!(r"(?-u:\b)({TIGHT})(?-u:\b)"));
    Regex::new(&forms.join("|")).expect("the pattern is a constant that the tests compile")
});

/// The values that were masked in one call, by placeholder.
///
/// `Debug` tells how many there are and no value.
#[derive(Default)]
pub struct Vault {
    /// By name, without brackets.
    values: HashMap<String, String>,
    /// The name for a label and a key.
    names: HashMap<(String, String), String>,
    /// The names for its other spellings, by the first's name.
    spellings: HashMap<(String, String), String>,
    /// The last number given out, by label.
    numbers: HashMap<String, u32>,
    /// Numbers that the input writes as if they were a placeholder's.
    taken: BTreeSet<u32>,
    hits: u32,
}

impl Vault {
    /// How many values were replaced, each time one was.
    pub fn hits(&self) -> u32 {
        self.hits
    }

    /// Whether nothing was masked.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// `text` with every placeholder, in whatever form it came back, as its value. One that is not ours stays.
    pub fn restore(&self, text: &str) -> String {
        self.restore_as(text, str::to_owned)
    }

    /// As [`Vault::restore`], each value escaped for HTML.
    pub fn restore_html(&self, text: &str) -> String {
        self.restore_as(text, |value| {
            let mut escaped = String::with_capacity(value.len());
            for c in value.chars() {
                match c {
                    '&' => escaped.push_str("&amp;"),
                    '<' => escaped.push_str("&lt;"),
                    '>' => escaped.push_str("&gt;"),
                    '"' => escaped.push_str("&quot;"),
                    '\'' => escaped.push_str("&#39;"),
                    c => escaped.push(c),
                }
            }
            escaped
        })
    }

    fn restore_as(&self, text: &str, written: impl Fn(&str) -> String) -> String {
        if self.is_empty() {
            return text.to_owned();
        }
        let restored = WRITTEN.replace_all(text, |found: &Captures<'_>| {
            let body = found.iter().skip(1).flatten().next();
            let value = body.and_then(|body| self.values.get(&name_of(body.as_str())));
            match value {
                Some(value) => written(value),
                None => found[0].to_owned(),
            }
        });
        restored.into_owned()
    }

    /// Keeps the numbers that `text` writes as if they were a placeholder's from being given out.
    pub(super) fn leave_out(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let mut at = 0;
        while let Some(next) = scan::first(&bytes[at..], |byte| byte.is_ascii_digit()) {
            let start = at + next;
            let end = start
                + bytes[start..]
                    .iter()
                    .take_while(|byte| byte.is_ascii_digit())
                    .count();
            at = end;
            let tight = bytes[..start].ends_with(b"_");
            let loose = text[..start].ends_with(|c: char| c.is_whitespace() || c == '-');
            let closes = || text[end..].starts_with([']', '\\', '&', '%', '］', '】']);
            if end - start <= NUMBER_DIGITS && (tight || (loose && closes())) {
                self.taken.extend(text[start..end].parse::<u32>().ok());
            }
        }
    }

    /// The placeholder for a value; counts as one hit. All with its label and key have the same, but for another spelling,
    /// which is named after the first (`[EMAIL_1_2]`): so a model sees that they are one, and each goes back to the letter.
    pub(super) fn placeholder(&mut self, label: &str, key: &str, value: &str) -> String {
        self.hits = self.hits.saturating_add(1);
        let first = self.first(label, key, value);
        if self.values.get(&first).is_some_and(|kept| kept == value) {
            return format!("[{first}]");
        }
        let spelling = (first, value.to_owned());
        if let Some(name) = self.spellings.get(&spelling) {
            return format!("[{name}]");
        }
        self.numbers.entry(spelling.0.clone()).or_insert(1);
        let name = self.kept(&spelling.0, value);
        let placeholder = format!("[{name}]");
        self.spellings.insert(spelling, name);
        placeholder
    }

    /// The name of the first spelling that has this label and key; `value` is that where none was yet.
    pub(super) fn first(&mut self, label: &str, key: &str, value: &str) -> String {
        let both = (label.to_owned(), key.to_owned());
        if let Some(name) = self.names.get(&both) {
            return name.clone();
        }
        let name = self.kept(label, value);
        self.names.insert(both, name.clone());
        name
    }

    /// Keeps `value` under a name that is `label` with a number of its own.
    fn kept(&mut self, label: &str, value: &str) -> String {
        let last = self.numbers.entry(label.to_owned()).or_default();
        *last += 1;
        while self.taken.contains(last) {
            *last += 1;
        }
        let name = format!("{label}_{last}");
        self.values.insert(name.clone(), value.to_owned());
        name
    }
}

/// The label for a masked field: `Contact.Name` is `CONTACT_NAME`.
pub(super) fn label_of(object: Option<&str>, field: &str) -> String {
    let mut label = String::new();
    for part in object.into_iter().chain([field]) {
        let part = part
            .strip_suffix("__c")
            .or_else(|| part.strip_suffix("__C"))
            .unwrap_or(part);
        if !label.is_empty() {
            label.push('_');
        }
        for c in part.chars() {
            if label.len() >= LABEL_CHARS {
                break;
            }
            match c {
                c if c.is_ascii_alphanumeric() => label.push(c.to_ascii_uppercase()),
                _ if label.ends_with('_') => {}
                _ => label.push('_'),
            }
        }
    }
    let label: &str = &label[..label.len().min(LABEL_CHARS)];
    let label = label.trim_matches('_');
    if label.starts_with(|first: char| first.is_ascii_alphabetic()) {
        label.to_owned()
    } else {
        format!("FIELD_{label}").trim_end_matches('_').to_owned()
    }
}

/// The name that `body` is a way to write.
fn name_of(body: &str) -> String {
    body.chars()
        .filter(|&c| c != '\\')
        .map(|c| match c {
            c if c == '-' || c.is_whitespace() => '_',
            c => c.to_ascii_uppercase(),
        })
        .collect()
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("values", &self.values.len())
            .field("hits", &self.hits)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vault() -> Vault {
        let mut vault = Vault::default();
        vault.placeholder("EMAIL", "jens@acme.example", "Jens@acme.example");
        vault.placeholder("CONTACT_NAME", "jens", "Jens <Albrecht>");
        vault
    }

    #[test]
    fn a_placeholder_comes_back_in_whatever_form_the_model_gives_it() {
        let vault = vault();
        for (written, restored) in [
            ("[EMAIL_1]", "Jens@acme.example"),
            ("[email_1]", "Jens@acme.example"),
            ("[Email_1]'s", "Jens@acme.example's"),
            (
                "[EMAIL 1], [EMAIL-1]",
                "Jens@acme.example, Jens@acme.example",
            ),
            (r"\[EMAIL\_1\]", "Jens@acme.example"),
            (r"[EMAIL\_1]", "Jens@acme.example"),
            ("&#91;EMAIL_1&#93;", "Jens@acme.example"),
            ("&lbrack;EMAIL_1&rbrack;", "Jens@acme.example"),
            ("mailto:%5BEMAIL_1%5D", "mailto:Jens@acme.example"),
            ("**EMAIL_1**", "**Jens@acme.example**"),
            ("mailto:EMAIL_1?x", "mailto:Jens@acme.example?x"),
            ("【EMAIL_1】へ", "Jens@acme.exampleへ"),
            (
                "[EMAIL_1, CONTACT_NAME_1]",
                "[Jens@acme.example, Jens <Albrecht>]",
            ),
            ("[contact name 1]", "Jens <Albrecht>"),
            ("[Contact-Name_1]", "Jens <Albrecht>"),
            ("[Contact\nName\u{a0}1]", "Jens <Albrecht>"),
            ("%5BEMAIL\t1%5D", "Jens@acme.example"),
        ] {
            assert_eq!(vault.restore(written), restored, "{written}");
        }
        assert_eq!(
            vault.restore_html("<b>[CONTACT_NAME_1]</b>"),
            "<b>Jens &lt;Albrecht&gt;</b>"
        );
    }

    #[test]
    fn what_is_no_placeholder_of_the_call_stays() {
        let vault = vault();
        for text in [
            "[EMAIL_2]",
            "[EMAIL_01]",
            "EMAIL_11",
            "MY_EMAIL_1",
            "EMAIL_1_2",
            "send email 1 first",
            "[EMAIL]",
            "[1]",
            "[PHONE_1]",
            "xEMAIL_1",
        ] {
            assert_eq!(vault.restore(text), text);
        }
        assert_eq!(Vault::default().restore("[EMAIL_1]"), "[EMAIL_1]");
    }

    #[test]
    fn one_value_has_one_placeholder_and_every_use_counts() {
        let mut vault = vault();
        assert_eq!(
            vault.placeholder("EMAIL", "jens@acme.example", "Jens@acme.example"),
            "[EMAIL_1]"
        );
        assert_eq!(
            vault.placeholder("EMAIL", "ana@acme.example", "ana@acme.example"),
            "[EMAIL_2]"
        );
        assert_eq!(vault.hits(), 4);
        assert!(!format!("{vault:?}").contains("acme"));
    }

    #[test]
    fn another_spelling_is_named_after_the_first_and_goes_back_to_the_letter() {
        let mut vault = vault();
        for _ in 0..2 {
            let placeholder = vault.placeholder("EMAIL", "jens@acme.example", "JENS@acme.example");
            assert_eq!(placeholder, "[EMAIL_1_2]");
        }
        let text = "[EMAIL_1], [email_1_2], [EMAIL 1 2] and EMAIL_1_2";
        assert_eq!(
            vault.restore(text),
            "Jens@acme.example, JENS@acme.example, JENS@acme.example and JENS@acme.example"
        );
        assert_eq!(vault.placeholder("EMAIL_1", "x", "x"), "[EMAIL_1_3]");
    }

    #[test]
    fn numbers_that_the_input_writes_are_not_given_out() {
        let mut vault = Vault::default();
        for text in [
            "see [EMAIL_1] and [phone 2]",
            r"\[EMAIL\_3\]",
            "[x-4]",
            "C_5",
            "[7]",
            "Q 8 x",
            "Net 9",
        ] {
            vault.leave_out(text);
        }
        assert_eq!(vault.taken, [1, 2, 3, 4, 5].into());
        assert_eq!(vault.placeholder("EMAIL", "a", "a"), "[EMAIL_6]");
    }

    #[test]
    fn a_label_is_the_name_of_the_field_in_capitals() {
        for (object, field, label) in [
            (Some("Contact"), "Name", "CONTACT_NAME"),
            (Some("Invoice__c"), "pkg__Tax_No__c", "INVOICE_PKG_TAX_NO"),
            (None, "Birthdate", "BIRTHDATE"),
            (None, "名前", "FIELD"),
            (None, "1x", "FIELD_1X"),
            (Some("A"), "_x_", "A_X"),
        ] {
            assert_eq!(label_of(object, field), label);
        }
        assert_eq!(label_of(None, &"x".repeat(90)).len(), 40);
    }

    proptest! {
        #[test]
        fn a_text_with_placeholders_put_in_comes_back(
            pieces in prop::collection::vec("([ -~]{0,12}|\\[|\\]|\\\\\\[|&#91;|EMAIL|_|[0-9]|email_2|\\[EMAIL_1\\])", 1..8)
        ) {
            let mut vault = Vault::default();
            for piece in &pieces {
                vault.leave_out(piece);
            }
            vault.leave_out(&pieces.concat());
            vault.leave_out(&pieces.join("="));
            let text = pieces.join("=");
            let masked: Vec<String> = pieces
                .iter()
                .map(|piece| format!("{piece}{}", vault.placeholder("EMAIL", "=", "=")))
                .collect();
            let masked = masked.concat();
            let masked = masked.strip_suffix("]").and_then(|text| text.rsplit_once('[')).unwrap().0;
            prop_assert_eq!(vault.restore(masked), text);
        }
    }
}
