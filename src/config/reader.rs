//! Reads a TOML table key by key and notes every mistake instead of stopping at the first.
//!
//! A [`Section`] is a table of which each key is taken once; what is left over at the end is a key that nobody knows.
//! An [`Entry`] is one value with its place. Every reading of an entry that fails has noted why, so its caller goes on
//! with a default and leaves the outcome to the notebook.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::time::Duration;

use toml::{Table, Value};

use super::mistakes::{
    Notebook, REDACTED, did_you_mean, looks_secret, nearest, shown, shown_of_unknown,
};

/// A table that is being read.
pub struct Section<'n> {
    key: String,
    table: Table,
    asked: Vec<&'static str>,
    notebook: &'n Notebook,
}

/// One value and its place.
pub struct Entry<'n> {
    key: String,
    value: Value,
    notebook: &'n Notebook,
}

/// Values that must each be given once, and where each was.
pub struct Once<K>(BTreeMap<K, String>);

impl<'n> Section<'n> {
    /// The whole file.
    pub fn root(table: Table, notebook: &'n Notebook) -> Self {
        Self::new(String::new(), table, notebook)
    }

    fn new(key: String, table: Table, notebook: &'n Notebook) -> Self {
        Self {
            key,
            table,
            asked: Vec::new(),
            notebook,
        }
    }

    /// Where it stands.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The full name of the key `name` in here.
    pub fn key_of(&self, name: &str) -> String {
        let separator = if self.key.is_empty() { "" } else { "." };
        format!("{}{separator}{}", self.key, quoted(name))
    }

    /// Whether `name` stands here.
    pub fn has(&self, name: &str) -> bool {
        self.table.contains_key(name)
    }

    /// The value of `name`, if there is one. From now on `name` is a key that is known here.
    pub fn take(&mut self, name: &'static str) -> Option<Entry<'n>> {
        self.asked.push(name);
        self.take_unlisted(name)
    }

    /// The value of `name`, without proposing that key to whoever has mistyped one.
    pub fn take_unlisted(&mut self, name: &str) -> Option<Entry<'n>> {
        let value = self.table.remove(name)?;
        Some(Entry {
            key: self.key_of(name),
            value,
            notebook: self.notebook,
        })
    }

    /// The value of `name`, which must not be missing; `wanted` is what belongs there.
    pub fn need(&mut self, name: &'static str, wanted: &str) -> Option<Entry<'n>> {
        let entry = self.take(name);
        if entry.is_none() {
            self.note_missing(name, wanted);
        }
        entry
    }

    /// Notes that `name` is missing, and what belongs there.
    pub fn note_missing(&self, name: &str, wanted: &str) {
        self.note_at(&self.key_of(name), format!("is missing; {wanted}"));
    }

    /// Notes what is wrong at `key`, a full name anywhere in the file.
    pub fn note_at(&self, key: &str, problem: impl Into<String>) {
        self.notebook.note(key, None, problem);
    }

    /// The table `name`; an empty one where it is missing or no table.
    pub fn section(&mut self, name: &'static str) -> Section<'n> {
        let key = self.key_of(name);
        let table = self.take(name).and_then(Entry::into_table);
        Section::new(key, table.unwrap_or_default(), self.notebook)
    }

    /// Notes that the table as a whole is wrong.
    pub fn note(&self, problem: impl Into<String>) {
        self.notebook.note(&self.key, None, problem);
    }

    /// The table `name`, where it stands at all; one that is no table is noted, and stands empty.
    pub fn section_if_there(&mut self, name: &'static str) -> Option<Section<'n>> {
        let key = self.key_of(name);
        let table = self.take(name)?.into_table();
        Some(Section::new(key, table.unwrap_or_default(), self.notebook))
    }

    /// The table `name`, where it stands and is one; anything else is noted.
    pub fn table_if_there(&mut self, name: &'static str) -> Option<Section<'n>> {
        let entry = self.take(name)?;
        let is_one = entry.value.is_table();
        let key = entry.key.clone();
        let table = entry.into_table();
        is_one.then(|| Section::new(key, table.unwrap_or_default(), self.notebook))
    }

    /// The tables of the list `name`; none where it is missing.
    pub fn sections(&mut self, name: &'static str) -> Vec<Section<'n>> {
        let header = header(&self.key_of(name));
        let wanted = format!("must be a list of tables, each of which begins with [[{header}]]");
        self.take(name)
            .map_or_else(Vec::new, |list| list.into_sections(&wanted))
    }

    /// The tables of the list `name`, of which there is at least one; `wanted` is told otherwise.
    pub fn need_sections(&mut self, name: &'static str, wanted: &str) -> Vec<Section<'n>> {
        let Some(list) = self.need(name, &format!("it {wanted}")) else {
            return Vec::new();
        };
        if list.is_empty_list() {
            list.note_without_value(format!("is empty; {wanted}"));
        }
        list.into_sections(wanted)
    }

    /// The keys in here, for tables whose keys the operator chooses.
    pub fn names(&self) -> Vec<String> {
        self.table.keys().cloned().collect()
    }

    /// Every table in here by its name, for sections whose keys the operator chooses.
    pub fn named(mut self) -> Vec<(String, Section<'n>)> {
        let names = self.names();
        let tables = names.into_iter().filter_map(|name| {
            let key = self.key_of(&name);
            let table = self.take_unlisted(&name)?.into_table()?;
            Some((name, Section::new(key, table, self.notebook)))
        });
        tables.collect()
    }

    /// Notes every key that nobody has asked for.
    pub fn done(self) {
        for (name, value) in &self.table {
            let problem = match nearest(name, self.asked.iter().copied()) {
                Some(near) => format!("is not a key that belongs here; did you mean `{near}`?"),
                None if self.asked.is_empty() => {
                    "is not a key that belongs here; remove it".to_owned()
                }
                None => format!(
                    "is not a key that belongs here; these do: {}",
                    self.asked.join(", ")
                ),
            };
            let value = shown_of_unknown(name, value);
            self.notebook.note(&self.key_of(name), Some(value), problem);
        }
    }
}

impl<'n> Entry<'n> {
    /// Where it stands.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Notes that the value is wrong.
    pub fn note(&self, problem: impl Into<String>) {
        let value = Some(shown(&self.value));
        self.notebook.note(&self.key, value, problem);
    }

    /// Notes that the value is wrong, and does not show it.
    pub fn note_redacted(&self, problem: impl Into<String>) {
        let value = Some(REDACTED.to_owned());
        self.notebook.note(&self.key, value, problem);
    }

    /// Notes that the key itself is wrong, whatever its value.
    pub fn note_without_value(&self, problem: impl Into<String>) {
        self.notebook.note(&self.key, None, problem);
    }

    /// The value, where it is a string; nothing is noted otherwise.
    pub fn plain(&self) -> Option<&str> {
        self.value.as_str()
    }

    /// The value, where it is a string that says something.
    pub fn text(&self) -> Option<&str> {
        self.text_or("must be a string in quotes")
    }

    /// The value, where it is a string that says something; `wanted` is told otherwise.
    pub fn text_or(&self, wanted: &str) -> Option<&str> {
        match self.value.as_str() {
            Some(text) if text.trim().is_empty() => {
                self.note(format!("is empty; {wanted}"));
                None
            }
            Some(text) => Some(text),
            None => {
                self.note(wanted);
                None
            }
        }
    }

    /// What `parse` makes of the string; `wanted` is told where it makes nothing of it.
    pub fn parsed<T>(&self, wanted: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let parsed = parse(self.text_or(wanted)?);
        if parsed.is_none() {
            self.note(wanted);
        }
        parsed
    }

    /// The value, where it is one of `words`.
    pub fn choice(&self, words: &[&'static str]) -> Option<&'static str> {
        let wanted = format!("must be one of: {}", words.join(", "));
        let text = self.text_or(&wanted)?;
        let choice = words.iter().copied().find(|word| *word == text);
        if choice.is_none() {
            self.note(wanted + &did_you_mean(text, words.iter().copied()));
        }
        choice
    }

    /// The value, where it is a whole number in `range`.
    pub fn whole(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let number = self.value.as_integer().and_then(|n| u64::try_from(n).ok());
        let fits = number.filter(|number| range.contains(number));
        if fits.is_none() {
            let (least, most) = (grouped(*range.start()), grouped(*range.end()));
            self.note(format!("must be a whole number from {least} to {most}"));
        }
        fits
    }

    /// The value, where it is a whole number that counts something.
    pub fn count(&self) -> Option<NonZeroU32> {
        let number = self.whole(1..=u64::from(u32::MAX))?;
        u32::try_from(number).ok().and_then(NonZeroU32::new)
    }

    /// The value as a time, where it is a whole number of seconds in `range`.
    pub fn seconds(&self, range: RangeInclusive<u64>) -> Option<Duration> {
        self.whole(range).map(Duration::from_secs)
    }

    /// The value, where it is an amount of dollars in `range`.
    pub fn dollars(&self, range: RangeInclusive<f64>) -> Option<f64> {
        let (least, most) = (range.start(), range.end());
        let wanted = format!("must be US dollars, a number from {least} to {most}");
        self.number(range, &wanted)
    }

    /// The value, where it is a number in `range`; `wanted` is told otherwise.
    pub fn number(&self, range: RangeInclusive<f64>, wanted: &str) -> Option<f64> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "what is out of range stays out of range"
        )]
        let number = match self.value {
            Value::Integer(whole) => Some(whole as f64),
            Value::Float(number) => Some(number),
            _ => None,
        };
        let fits = number.filter(|number| range.contains(number));
        if fits.is_none() {
            self.note(wanted);
        }
        fits
    }

    /// The value, where it is true or false.
    pub fn flag(&self) -> Option<bool> {
        let flag = self.value.as_bool();
        if flag.is_none() {
            self.note("must be true or false, without quotes");
        }
        flag
    }

    /// Whether the value is a list without items.
    pub fn is_empty_list(&self) -> bool {
        self.value.as_array().is_some_and(Vec::is_empty)
    }

    /// How many items a list has; `None` where the value is no list.
    pub fn len(&self) -> Option<usize> {
        self.value.as_array().map(Vec::len)
    }

    /// The items of a list; none where the value is no list, which `wanted` is told of.
    pub fn items(self, wanted: &str) -> Vec<Entry<'n>> {
        if self.value.is_array() {
            return self.into_items();
        }
        if self.notebook.variables.contains_key(&self.key) {
            self.note("is a list, and lists can be set in the file only");
        } else {
            self.note(wanted);
        }
        Vec::new()
    }

    /// The tables of a list that is written in place; `wanted` is told where it is none.
    pub fn sections_of(self, wanted: &str) -> Vec<Section<'n>> {
        self.into_sections(wanted)
    }

    fn into_items(self) -> Vec<Entry<'n>> {
        let (key, notebook) = (self.key, self.notebook);
        let Value::Array(values) = self.value else {
            return Vec::new();
        };
        let items = values.into_iter().enumerate().map(|(index, value)| Entry {
            key: format!("{key}[{index}]"),
            value,
            notebook,
        });
        items.collect()
    }

    fn into_sections(self, wanted: &str) -> Vec<Section<'n>> {
        if !self.value.is_array() {
            self.note(wanted);
        }
        let tables = self.into_items().into_iter().filter_map(|item| {
            if !item.value.is_table() {
                item.note(wanted);
            }
            let (key, notebook) = (item.key.clone(), item.notebook);
            Some(Section::new(key, item.into_plain_table()?, notebook))
        });
        tables.collect()
    }

    fn into_table(self) -> Option<Table> {
        if !self.value.is_table() {
            let header = header(&self.key);
            self.note(format!("must be a table, which begins with [{header}]"));
        }
        self.into_plain_table()
    }

    fn into_plain_table(self) -> Option<Table> {
        match self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }
}

impl<K> Default for Once<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord> Once<K> {
    /// Takes `value`, which stands at `key`.
    ///
    /// # Errors
    /// Where the same value stood before.
    pub fn take(&mut self, value: K, key: &str) -> Result<(), String> {
        if let Some(first) = self.0.get(&value) {
            return Err(first.clone());
        }
        self.0.insert(value, key.to_owned());
        Ok(())
    }
}

/// The full name of a key, from the top of the file down.
pub fn full_key(names: &[String]) -> String {
    let names: Vec<_> = names.iter().map(|name| quoted(name)).collect();
    names.join(".")
}

/// `key` as a header names it: without the places in lists.
fn header(key: &str) -> String {
    let mut parts = key.split('[');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |header, part| {
        header + part.split_once(']').map_or(part, |(_, rest)| rest)
    })
}

/// A number with its thousands set apart, as people write it.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `name` as a file would have to write it, on one line.
fn quoted(name: &str) -> String {
    let bare = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    if looks_secret(name) {
        REDACTED.to_owned()
    } else if !name.is_empty() && name.len() <= 80 && name.bytes().all(bare) {
        name.to_owned()
    } else {
        shown(&Value::String(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(text: &str, read: impl Fn(&mut Section<'_>)) -> Vec<String> {
        let notebook = Notebook::default();
        let table = text.parse().expect("TOML");
        let mut section = Section::root(table, &notebook);
        read(&mut section);
        section.done();
        match notebook.close(()) {
            Ok(()) => Vec::new(),
            Err(mistakes) => mistakes.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn every_mistake_in_one_table_is_noted() {
        let mistakes = noted(
            "size = 0\nloud = \"yes\"\nname = \" \"\ncolour = \"blue\"\nmode = \"fats\"",
            |section| {
                assert_eq!(section.take("size").and_then(|e| e.count()), None);
                assert_eq!(section.take("loud").and_then(|e| e.flag()), None);
                assert!(section.take("name").is_some_and(|e| e.text().is_none()));
                assert_eq!(
                    section
                        .take("mode")
                        .and_then(|e| e.choice(&["slow", "fast"])),
                    None
                );
                assert!(section.need("place", "say where").is_none());
            },
        );
        assert_eq!(
            mistakes,
            [
                "size = 0: must be a whole number from 1 to 4,294,967,295",
                "loud = \"yes\": must be true or false, without quotes",
                "name = \" \": is empty; must be a string in quotes",
                "mode = \"fats\": must be one of: slow, fast; did you mean `fast`?",
                "place: is missing; say where",
                "colour = \"blue\": is not a key that belongs here; these do: size, loud, name, mode, place",
            ]
        );
    }

    #[test]
    fn a_list_of_tables_written_as_one_table_is_told_how_to_be_written() {
        let mistakes = noted("[orgs]\nname = \"acme\"", |section| {
            assert!(section.sections("orgs").is_empty());
        });
        assert_eq!(
            mistakes,
            ["orgs = {…}: must be a list of tables, each of which begins with [[orgs]]"]
        );
    }

    #[test]
    fn a_header_names_no_place_in_a_list() {
        assert_eq!(header("orgs[0].limits.per_user"), "orgs.limits.per_user");
        assert_eq!(header("server"), "server");
    }

    #[test]
    fn a_key_with_odd_characters_stays_on_its_line() {
        let mistakes = noted("\"a\\nb/c\" = 1", |_| {});
        assert_eq!(
            mistakes,
            ["\"a\\nb/c\" = 1: is not a key that belongs here; remove it"]
        );
    }

    #[test]
    fn numbers_are_grouped_for_people() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(400_000), "400,000");
        assert_eq!(grouped(268_435_456), "268,435,456");
    }
}
