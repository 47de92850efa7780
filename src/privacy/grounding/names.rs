//! Names of persons, and whether the input has them.
//!
//! # Why
//! Nothing marks a name but its capitals, and those it shares with headings, products, places and, in German, with every noun.
//! An invented name must be found, but one false alarm costs the trust in ten true ones. So there are two
//! roads to a finding. With evidence (a given name, an honorific, a role before it, a name of the input continued in
//! another way) a name is held against the input in every language. Without, a run of capitals is a
//! name only in English and French prose, outside of headings, where no list knows a word of it and the input does not either.
//!
//! Known is what stands together in the input: `Jens Lindqvist` is an invention where Jens Albrecht and Marta Lindqvist are known.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::ideographs::{Ideographs, is_romaji};
use super::language::Language;
use super::runs::{
    camel_parts, has_honorific_behind, has_role_behind, headings, is_company_form, is_determiner,
    is_joined, is_nothing_but_a_name, named, neighbour_before, neighbour_behind, people, runs,
    spanning, starts_sentence,
};
use super::words::{Kind, Word, key, words};

/// The names and words of the input.
pub(super) struct Names {
    excluded: Arc<HashSet<String>>,
    ids: HashMap<String, u32>,
    /// Seen with a capital, or in a text without any.
    capital: HashSet<u32>,
    /// Given or family name of somebody.
    persons: HashSet<u32>,
    /// Given name of somebody.
    first: HashSet<u32>,
    /// Companies, which are no persons though a field may hold nothing but their name.
    organisations: HashSet<u32>,
    /// What stands side by side, with at most a word between.
    pairs: HashSet<(u32, u32)>,
    /// The last texts of one word each: first and last name are fields of their own.
    single: Vec<(usize, u32)>,
    ideographs: Ideographs,
}

/// Free text with what decides how its capitals are read.
struct Prose<'t> {
    text: &'t str,
    headings: Vec<Range<usize>>,
    language: Language,
}

impl Prose<'_> {
    fn is_heading(&self, at: usize) -> bool {
        let next = self.headings.partition_point(|line| line.end <= at);
        self.headings.get(next).is_some_and(|line| line.start <= at)
    }
}

/// Names of more words than this are titles.
const MAX_WORDS: usize = 4;

/// First and last name stand at most this many texts apart.
const REACH: usize = 4;

impl Names {
    pub(super) fn new(prompt: &'static str) -> Self {
        Self {
            excluded: excluded_by(prompt),
            ids: HashMap::new(),
            capital: HashSet::new(),
            persons: HashSet::new(),
            first: HashSet::new(),
            organisations: HashSet::new(),
            pairs: HashSet::new(),
            single: Vec::new(),
            ideographs: Ideographs::default(),
        }
    }

    /// Reads the text that is number `place` of the input.
    pub(super) fn read(&mut self, place: usize, text: &str) {
        let without_capitals = !text.chars().any(char::is_uppercase);
        let found = people(text, &self.excluded);
        let mut near: [Option<u32>; 2] = [None, None];
        for (at, word) in found.iter().enumerate() {
            if word.kind == Kind::Particle {
                continue;
            }
            let id = self.learn(&word.key);
            if word.kind != Kind::Plain || without_capitals {
                self.capital.insert(id);
            }
            let parts = word.key.split('-').filter(|part| *part != word.key);
            let parts: Vec<_> = parts.map(|part| self.learn(part)).collect();
            self.capital.extend(&parts);
            for part in camel_parts(word.text) {
                self.learn(&key(part));
            }
            for id in parts.into_iter().chain([id]) {
                let [before, last] = near;
                self.pairs
                    .extend(last.into_iter().flat_map(|last| [(last, id), (id, last)]));
                self.pairs.extend(before.map(|before| (before, id)));
            }
            near = [near[1], Some(id)];

            let previous = at.checked_sub(1).map(|before| &found[before]);
            let adjacent = previous.is_some_and(|before| is_joined(text, before, word));
            if word.is_name_like() && adjacent {
                match previous.map(|before| before.kind) {
                    Some(Kind::Given) => {
                        let first = self.learn(&found[at - 1].key);
                        self.first.insert(first);
                        self.persons.extend([first, id]);
                    }
                    Some(Kind::Honorific) => {
                        self.persons.insert(id);
                    }
                    _ => {}
                }
            }
        }
        if let [word] = &found[..]
            && word.kind != Kind::Plain
        {
            let id = self.learn(&word.key);
            self.single.retain(|(other, _)| place - other <= REACH);
            self.pairs.extend(
                self.single
                    .iter()
                    .flat_map(|(_, other)| [(*other, id), (id, *other)]),
            );
            self.single.push((place, id));
        }
        if let [first, .., last] = &found[..]
            && is_nothing_but_a_name(text, &found)
        {
            let (first, last) = (self.learn(&first.key), self.learn(&last.key));
            self.first.insert(first);
            self.persons.extend([first, last]);
        }
        for pair in found
            .windows(2)
            .filter(|pair| is_company_form(&pair[1].key) && is_joined(text, &pair[0], &pair[1]))
        {
            let name = self.learn(&pair[0].key);
            self.organisations.insert(name);
        }
        self.ideographs.read(text);
    }

    /// Reads an address, `jens.albrecht@northwind.example`: people and their companies are called so.
    pub(super) fn read_address(&mut self, address: &str) {
        let (local, domain) = address.split_once('@').unwrap_or((address, ""));
        for part in domain.split(['.', '-']) {
            let name = self.learn(&key(part));
            self.organisations.insert(name);
        }
        let ids: Vec<_> = local
            .split(|sign: char| !sign.is_alphabetic())
            .filter(|part| part.chars().count() > 1)
            .map(|part| self.learn(&key(part)))
            .collect();
        self.capital.extend(&ids);
        self.pairs
            .extend(ids.windows(2).map(|pair| (pair[0], pair[1])));
        if ids.len() > 1 {
            self.persons.extend(ids);
        }
    }

    fn learn(&mut self, key: &str) -> u32 {
        if let Some(id) = self.ids.get(key) {
            return *id;
        }
        let id = u32::try_from(self.ids.len()).unwrap_or(u32::MAX);
        self.ids.insert(key.to_owned(), id);
        id
    }

    /// The names in free text that the input does not have.
    pub(super) fn unknown_in_text(&self, text: &str, language: Language) -> Vec<Range<usize>> {
        let found = people(text, &self.excluded);
        let prose = Prose {
            text,
            headings: headings(text, &found),
            language,
        };
        runs(text, &found, |word| self.find(word).is_some())
            .into_iter()
            .filter_map(|run| {
                let before = neighbour_before(text, &found, &run);
                let behind = neighbour_behind(text, &found, &run);
                if behind.is_some_and(|word| is_company_form(&word.key)) {
                    return None;
                }
                let names = named(&found, &run);
                let has_honorific = before.is_some_and(|word| word.kind == Kind::Honorific)
                    || has_honorific_behind(text, &found, &run);
                if has_honorific && names.len() == 1 {
                    return (!self.is_capital(names[0])).then(|| {
                        let title = before.map_or(names[0].range.start, |word| word.range.start);
                        title..names[0].range.end
                    });
                }
                if names.len() < 2 {
                    return None;
                }
                let has_title = (has_honorific && !self.is_capital(names[0]))
                    || has_role_behind(text, &found, &run)
                    || (before.is_some_and(|word| word.kind == Kind::Role)
                        && self.has_none(&names));
                let name = match self.begin_of_person(&names, has_title) {
                    Some(begin) => person(&names[begin..], language),
                    None if self.is_stranger(&names, before, behind, &prose) => &names,
                    None => return None,
                };
                (!self.is_grounded(name)).then(|| spanning(name))
            })
            .collect()
    }

    /// The names in a field for a name that the input does not have.
    pub(super) fn unknown_in_field(&self, text: &str) -> Vec<Range<usize>> {
        let found = people(text, &self.excluded);
        let mut unknown: Vec<_> = runs(text, &found, |word| self.find(word).is_some())
            .into_iter()
            .filter(|run| {
                let names = named(&found, run);
                let single_known = names.len() == 1 && self.is_capital(names[0]);
                let has_person = names
                    .iter()
                    .any(|word| word.kind == Kind::Given || self.is_person(word));
                !names.is_empty()
                    && !single_known
                    && !self.is_grounded(&names)
                    && (has_person || !names.iter().all(|word| self.find(word).is_some()))
            })
            .map(|run| found[run.start].range.start..found[run.end - 1].range.end)
            .collect();
        unknown.extend(self.ideographs.unknown(text));
        unknown
    }

    /// Where in `names` there is evidence of a person.
    fn begin_of_person(&self, names: &[&Word<'_>], has_title: bool) -> Option<usize> {
        names[..names.len() - 1]
            .iter()
            .position(|word| word.kind == Kind::Given || self.is_first_name(word))
            .or(has_title.then_some(0))
    }

    /// Whether `names` are a person's although nothing says so: capitals in prose that nothing else explains.
    fn is_stranger(
        &self,
        names: &[&Word<'_>],
        before: Option<&Word<'_>>,
        behind: Option<&Word<'_>>,
        prose: &Prose<'_>,
    ) -> bool {
        let start = names[0].range.start;
        let begins = starts_sentence(&prose.text[..start]);
        let is_part_of_a_term = behind.is_some_and(|word| word.kind == Kind::Common)
            || before.is_some_and(|word| {
                is_determiner(&word.key)
                    || (word.kind == Kind::Common
                        && !starts_sentence(&prose.text[..word.range.start]))
            });
        let is_verb_and_name = begins && names[1..].iter().any(|word| self.is_capital(word));
        let is_transliterated =
            self.ideographs.are_used() && names.iter().all(|word| is_romaji(&word.key));
        matches!(prose.language, Language::English | Language::French)
            && names.len() <= MAX_WORDS
            && names
                .iter()
                .all(|word| self.find(word).is_none() || self.is_person(word))
            && !prose.is_heading(start)
            && !is_part_of_a_term
            && !is_verb_and_name
            && !is_transliterated
    }

    fn has_none(&self, names: &[&Word<'_>]) -> bool {
        names.iter().all(|word| self.find(word).is_none())
    }

    /// Whether `names` falls into known names, each known as a whole.
    fn is_grounded(&self, names: &[&Word<'_>]) -> bool {
        let mut at = 0;
        while at < names.len() {
            let pairs = names[at..]
                .windows(2)
                .take_while(|pair| self.is_pair(pair[0], pair[1]))
                .count();
            let alone = pairs == 0 && !(names.len() == 1 && self.is_capital(names[at]));
            if alone
                && (!self.is_capital(names[at])
                    || self.is_person(names[at])
                    || names[at].kind == Kind::Given)
            {
                return false;
            }
            at += pairs + 1;
        }
        true
    }

    fn is_pair(&self, one: &Word<'_>, other: &Word<'_>) -> bool {
        let (Some(one), Some(other)) = (self.find(one), self.find(other)) else {
            return false;
        };
        one == other || self.pairs.contains(&(one, other))
    }

    fn is_capital(&self, word: &Word<'_>) -> bool {
        self.find(word).is_some_and(|id| self.capital.contains(&id))
    }

    fn is_person(&self, word: &Word<'_>) -> bool {
        self.find(word)
            .is_some_and(|id| self.persons.contains(&id) && !self.organisations.contains(&id))
    }

    fn is_first_name(&self, word: &Word<'_>) -> bool {
        self.find(word).is_some_and(|id| self.first.contains(&id))
    }

    /// The input's word, also where the answer's has a genitive `s` or a second half.
    fn find(&self, word: &Word<'_>) -> Option<u32> {
        let key = word.key.as_str();
        let genitive = || key.strip_suffix('s').filter(|stem| stem.len() > 2);
        let half = || key.split('-').find_map(|part| self.ids.get(part));
        self.ids
            .get(key)
            .or_else(|| genitive().and_then(|stem| self.ids.get(stem)))
            .or_else(half)
            .copied()
    }
}

/// The words of `prompt` that are no names where it is asked. There are a few prompts and they never change, so each is
/// read once.
fn excluded_by(prompt: &'static str) -> Arc<HashSet<String>> {
    static READ: Mutex<BTreeMap<&str, Arc<HashSet<String>>>> = Mutex::new(BTreeMap::new());
    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    let excluded = read.entry(prompt).or_insert_with(|| {
        let found = words(prompt, &HashSet::new());
        let capital = found.into_iter().filter(|word| word.kind != Kind::Plain);
        Arc::new(capital.map(|word| word.key).collect())
    });
    Arc::clone(excluded)
}

/// The name that `names` begin with: where nouns have capitals, one may follow it.
fn person<'n, 'f, 't>(names: &'n [&'f Word<'t>], language: Language) -> &'n [&'f Word<'t>] {
    if matches!(language, Language::English | Language::French) {
        return names;
    }
    let len = if names[1].kind == Kind::Given { 3 } else { 2 };
    &names[..len.min(names.len())]
}
