//! JSON as a plain tree, read within bounds and with every number as it was written.
//!
//! # Why
//! A JSON reader of our own, where `serde_json` stands beside it: that one turns `12345678901234567.89` into a
//! double, knows one depth for everything (128), and counts nothing. A record is read on every call, also on a hit
//! of the cache, so one pass does it all: structure and bounds are found here, while escapes and numbers are judged
//! by `serde_json`, and a property test holds the two readers against each other.

use std::borrow::Cow;
use std::collections::HashSet;

use serde_json::Value as Json;

use super::fault::{Fault, Place};

/// Objects and lists inside one another. Salesforce itself nests a query five levels deep, each a wrapper, a list and a record.
pub(super) const MAX_DEPTH: usize = 20;
/// Values in one record, parents and children included.
pub(super) const MAX_NODES: usize = 100_000;
/// Characters of a member's name. Salesforce: 40, and a namespace.
pub(super) const MAX_NAME_CHARS: usize = 255;
/// Characters of a number. Apex computes decimals of up to about 50 digits; a field holds 18.
pub(super) const MAX_NUMBER_CHARS: usize = 64;

/// A JSON value within the bounds, its members in their order, each name once.
/// What needs no unescaping is borrowed from the text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Tree<'t> {
    Null,
    Flag(bool),
    /// As it was written, and known to be a number that a double can approach.
    Number(Cow<'t, str>),
    Text(Cow<'t, str>),
    List(Vec<Tree<'t>>),
    Object(Members<'t>),
}

/// Names and values, in the order in which they came.
pub(super) type Members<'t> = Vec<(Cow<'t, str>, Tree<'t>)>;

impl<'t> Tree<'t> {
    /// Reads `text`, which stands at `place` in the request.
    pub(super) fn read(text: &'t str, place: &Place<'_>) -> Result<Self, Fault> {
        let mut reader = Reader {
            text,
            at: 0,
            bounds: Bounds::default(),
        };
        let tree = reader.value(place, 0)?;
        reader.skip_space();
        if reader.at < text.len() {
            return Err(reader.unlike_json(place, "the end"));
        }
        Ok(tree)
    }

    /// The same tree from a value that was read elsewhere.
    pub(super) fn of(value: Json, place: &Place<'_>) -> Result<Self, Fault> {
        of(value, place, 0, &mut Bounds::default())
    }
}

fn of<'t>(
    value: Json,
    place: &Place<'_>,
    depth: usize,
    bounds: &mut Bounds,
) -> Result<Tree<'t>, Fault> {
    bounds.count_node(place)?;
    Ok(match value {
        Json::Null => Tree::Null,
        Json::Bool(flag) => Tree::Flag(flag),
        Json::Number(number) => Tree::Number(number.to_string().into()),
        Json::String(text) => Tree::Text(text.into()),
        Json::Array(items) => {
            check_depth(depth + 1, place)?;
            let read = |(index, item)| of(item, &Place::Item(place, index), depth + 1, bounds);
            let items: Result<_, _> = items.into_iter().enumerate().map(read).collect();
            Tree::List(items?)
        }
        Json::Object(members) => {
            check_depth(depth + 1, place)?;
            let read = |(name, member): (String, Json)| {
                check_name(&name, place)?;
                let tree = of(member, &Place::Member(place, &name), depth + 1, bounds)?;
                Ok((name.into(), tree))
            };
            let members: Result<_, _> = members.into_iter().map(read).collect();
            Tree::Object(members?)
        }
    })
}

/// What has been read so far, against the limits.
#[derive(Default)]
struct Bounds {
    nodes: usize,
}

impl Bounds {
    fn count_node(&mut self, place: &Place<'_>) -> Result<(), Fault> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(place.fault(format!(
                "is one value too many: a record holds at most {MAX_NODES} values, its parents and children included"
            )));
        }
        Ok(())
    }
}

fn check_depth(depth: usize, place: &Place<'_>) -> Result<(), Fault> {
    if depth > MAX_DEPTH {
        return Err(place.fault(format!(
            "is nested too deep: objects and lists may stand {MAX_DEPTH} levels inside one another"
        )));
    }
    Ok(())
}

fn check_name(name: &str, place: &Place<'_>) -> Result<(), Fault> {
    if name.is_empty() {
        return Err(place.fault("has a member without a name"));
    }
    let chars = name.chars().count();
    if chars > MAX_NAME_CHARS {
        return Err(place.fault(format!(
            "has a member whose name is {chars} characters long; at most {MAX_NAME_CHARS} are read"
        )));
    }
    Ok(())
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    bounds: Bounds,
}

impl<'t> Reader<'t> {
    /// Reads one value; `depth` counts the objects and lists around it.
    fn value(&mut self, place: &Place<'_>, depth: usize) -> Result<Tree<'t>, Fault> {
        self.bounds.count_node(place)?;
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.object(place, depth + 1),
            Some(b'[') => self.list(place, depth + 1),
            Some(b'"') => self.string(place).map(Tree::Text),
            Some(b'-' | b'0'..=b'9') => self.number(place),
            _ if self.took("null") => Ok(Tree::Null),
            _ if self.took("true") => Ok(Tree::Flag(true)),
            _ if self.took("false") => Ok(Tree::Flag(false)),
            _ => Err(self.unlike_json(place, "a value")),
        }
    }

    fn object(&mut self, place: &Place<'_>, depth: usize) -> Result<Tree<'t>, Fault> {
        check_depth(depth, place)?;
        self.at += 1;
        let mut members = Vec::new();
        self.skip_space();
        if self.took("}") {
            return Ok(Tree::Object(members));
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Err(self.unlike_json(place, "a member's name in quotes"));
            }
            let name = self.string(place)?;
            check_name(&name, place)?;
            self.skip_space();
            if !self.took(":") {
                return Err(self.unlike_json(place, "a colon"));
            }
            let value = self.value(&Place::Member(place, &name), depth)?;
            members.push((name, value));
            self.skip_space();
            if self.took("}") {
                return Ok(Tree::Object(last_wins(members)));
            }
            if !self.took(",") {
                return Err(self.unlike_json(place, "a comma or }"));
            }
        }
    }

    fn list(&mut self, place: &Place<'_>, depth: usize) -> Result<Tree<'t>, Fault> {
        check_depth(depth, place)?;
        self.at += 1;
        let mut items = Vec::new();
        self.skip_space();
        if self.took("]") {
            return Ok(Tree::List(items));
        }
        loop {
            items.push(self.value(&Place::Item(place, items.len()), depth)?);
            self.skip_space();
            if self.took("]") {
                return Ok(Tree::List(items));
            }
            if !self.took(",") {
                return Err(self.unlike_json(place, "a comma or ]"));
            }
        }
    }

    /// Reads a string whose opening quote stands next.
    fn string(&mut self, place: &Place<'_>) -> Result<Cow<'t, str>, Fault> {
        let start = self.at;
        let rest = &self.text.as_bytes()[start + 1..];
        let mut escaped = false;
        let mut length = 0;
        loop {
            match rest.get(length) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    length += 2; // whatever follows does not end the string
                }
                Some(0..0x20) => {
                    return Err(place.fault(
                        "holds a line break or another control character that JSON wants escaped",
                    ));
                }
                Some(_) => length += 1,
                None => return Err(place.fault("is not valid JSON: a string does not end")),
            }
        }
        self.at = start + length + 2;
        if escaped {
            serde_json::from_str(&self.text[start..self.at])
                .map(Cow::Owned)
                .map_err(|_| place.fault("holds an escape that JSON does not know"))
        } else {
            Ok(Cow::Borrowed(&self.text[start + 1..self.at - 1]))
        }
    }

    fn number(&mut self, place: &Place<'_>) -> Result<Tree<'t>, Fault> {
        let rest = &self.text[self.at..];
        let length = rest
            .bytes()
            .take_while(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'))
            .count();
        let number = &rest[..length];
        if length > MAX_NUMBER_CHARS {
            return Err(place.fault(format!(
                "is a number of {length} characters; at most {MAX_NUMBER_CHARS} are read"
            )));
        }
        if serde_json::from_str::<serde_json::Number>(number).is_err() {
            return Err(place.fault("is not a number that JSON allows and a double can hold"));
        }
        self.at += length;
        Ok(Tree::Number(Cow::Borrowed(number)))
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Steps over `word` if it stands next.
    fn took(&mut self, word: &str) -> bool {
        let found = self.text.as_bytes()[self.at..].starts_with(word.as_bytes());
        if found {
            self.at += word.len();
        }
        found
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn unlike_json(&self, place: &Place<'_>, wanted: &str) -> Fault {
        place.fault(format!(
            "is not valid JSON: at byte {} should stand {wanted}",
            self.at
        ))
    }
}

/// `members` with each name once: of equal names the last counts, as in `serde_json`.
fn last_wins(members: Members<'_>) -> Members<'_> {
    if are_distinct(&members) {
        return members;
    }
    let mut seen = HashSet::new();
    let mut kept: Members<'_> = members
        .into_iter()
        .rev()
        .filter(|(name, _)| seen.insert(name.clone()))
        .collect();
    kept.reverse();
    kept
}

fn are_distinct(members: &Members<'_>) -> bool {
    /// Up to here comparing each with each is quicker than hashing.
    const FEW: usize = 24;
    if members.len() > FEW {
        let mut seen = HashSet::with_capacity(members.len());
        return members.iter().all(|(name, _)| seen.insert(name));
    }
    let is_new = |index: usize| {
        members[..index]
            .iter()
            .all(|(name, _)| *name != members[index].0)
    };
    (1..members.len()).all(is_new)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ROOT: Place<'static> = Place::Root("/record");

    fn read(text: &str) -> Result<Tree<'_>, Fault> {
        Tree::read(text, &ROOT)
    }

    fn why(text: &str) -> (String, String) {
        let fault = read(text).unwrap_err();
        assert!(fault.detail.chars().count() <= 255);
        (fault.pointer, fault.detail)
    }

    #[test]
    fn numbers_keep_every_digit_they_were_written_with() {
        for number in [
            "12345678901234567.89",
            "1.50",
            "-0",
            "1E+3",
            "184500.0",
            "99999999999999999999999999",
        ] {
            assert_eq!(read(number), Ok(Tree::Number(number.into())));
        }
    }

    #[test]
    fn of_equal_names_the_last_wins() {
        let tree = read(r#"{"a":1,"b":2,"a":3}"#).unwrap();
        let number = |text| Tree::Number(Cow::Borrowed(text));
        assert_eq!(
            tree,
            Tree::Object(vec![("b".into(), number("2")), ("a".into(), number("3"))])
        );
    }

    #[test]
    fn of_many_equal_names_too_the_last_wins() {
        let many = (0..100).map(|index| format!(r#""a{}":{index}"#, index % 50));
        let text = format!("{{{}}}", many.collect::<Vec<_>>().join(","));
        let tree = read(&text).unwrap();
        assert_eq!(
            tree,
            Tree::of(serde_json::from_str(&text).unwrap(), &ROOT).unwrap()
        );
        assert!(matches!(tree, Tree::Object(members) if members.len() == 50));
    }

    #[test]
    fn each_bound_is_told_with_its_limit_and_its_place() {
        let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(20), "]".repeat(20));
        let (pointer, detail) = why(&deep);
        assert_eq!(pointer, format!("/record/a{}", "/0".repeat(19)));
        assert!(detail.contains("20 levels"), "{detail}");
        assert!(read(&deep.replacen('[', "", 1).replacen(']', "", 1)).is_ok());

        let many = format!(r#"{{"a":[{}0]}}"#, "0,".repeat(MAX_NODES));
        let (pointer, detail) = why(&many);
        assert_eq!(pointer, "/record/a/99998");
        assert!(detail.contains("100000 values"), "{detail}");

        let (pointer, detail) = why(&format!(r#"{{"a":{{"{}":1}}}}"#, "n".repeat(256)));
        assert_eq!(pointer, "/record/a");
        assert!(
            detail.contains("256 characters") && detail.contains("255"),
            "{detail}"
        );

        let (pointer, detail) = why(&format!(r#"{{"a":{}}}"#, "1".repeat(65)));
        assert_eq!(pointer, "/record/a");
        assert!(detail.contains("64"), "{detail}");
    }

    #[test]
    fn a_million_open_brackets_are_a_fault_and_no_overflow() {
        assert!(why(&"[".repeat(1_000_000)).1.contains("20 levels"));
    }

    #[test]
    fn the_same_bounds_hold_for_a_value_that_was_read_elsewhere() {
        let mut deep = Json::from(1);
        for _ in 0..21 {
            deep = Json::Array(vec![deep]);
        }
        let fault = Tree::of(deep, &ROOT).unwrap_err();
        assert_eq!(fault.pointer, format!("/record{}", "/0".repeat(20)));
        let many = Json::Array(vec![Json::Null; MAX_NODES]);
        assert!(Tree::of(many, &ROOT).is_err());
        let name = serde_json::json!({ "n".repeat(256): 1 });
        assert!(Tree::of(name, &ROOT).is_err());
    }

    #[test]
    fn a_slip_in_the_text_is_told_by_what_should_stand_there() {
        assert_eq!(
            why(r#"{"Name":"Acme""#).1,
            "is not valid JSON: at byte 14 should stand a comma or }"
        );
        assert_eq!(
            why(r#"{"Name" "Acme"}"#).1,
            "is not valid JSON: at byte 8 should stand a colon"
        );
        assert_eq!(
            why("").1,
            "is not valid JSON: at byte 0 should stand a value"
        );
        assert_eq!(
            why("{} {}").1,
            "is not valid JSON: at byte 3 should stand the end"
        );
        let (pointer, detail) = why(r#"{"Name":"half a pair \ud83d"}"#);
        assert_eq!(pointer, "/record/Name");
        assert_eq!(detail, "holds an escape that JSON does not know");
        assert!(why("{\"Name\":\"a\nb\"}").1.contains("control character"));
        assert!(why(r#"{"Name":"Acme"#).1.contains("does not end"));
        assert!(why(r#"{"Name":"Acme\"#).1.contains("does not end"));
        assert!(why(r#"{"Amount":1e999}"#).1.contains("number"));
        assert!(why(r#"{"Amount":01}"#).1.contains("number"));
    }

    /// Any JSON, with escapes and all.
    fn json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            any::<f64>()
                .prop_filter("JSON has no infinity", |n| n.is_finite())
                .prop_map(Json::from),
            any::<String>().prop_map(Json::from),
        ];
        leaf.prop_recursive(5, 60, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
                prop::collection::vec((".{1,6}", inner), 0..6)
                    .prop_map(|members| Json::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_serde_json_writes_is_read_as_serde_json_reads_it(value in json(), pretty: bool) {
            let text = if pretty {
                serde_json::to_string_pretty(&value).unwrap()
            } else {
                value.to_string()
            };
            prop_assert_eq!(read(&text), Tree::of(value, &ROOT));
        }

        #[test]
        fn any_text_is_taken_or_refused_as_serde_json_does(text in r#"[\[\]{}:,"\\a0-9.eE+ tnu-]{0,12}|\PC{0,12}"#) {
            let named = !text.contains("\"\""); // we alone refuse empty names
            if named {
                prop_assert_eq!(read(&text).is_ok(), serde_json::from_str::<Json>(&text).is_ok());
            }
        }
    }
}
