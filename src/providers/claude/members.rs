//! The top-level members of a JSON object, changed without writing the rest of it again.
//!
//! # Why
//! What passes through stays bytes: a signature of a thinking block, the spelling of a number, a member that nobody here
//! knows must reach the model as they came. So a body is not parsed and written, but cut at the places of its members,
//! and every byte between two cuts is the caller's. A name that stands twice is refused: two readers of such a body may
//! each believe another one, and then what was checked is not what is sent.

use std::collections::HashSet;
use std::ops::Range;

use bytes::Bytes;

use crate::domain::json_text::{Kind, Node, unquoted};

/// A JSON object, cut into its members.
#[derive(Debug, Clone)]
pub struct Members {
    body: Bytes,
    held: Vec<Member>,
    added: Vec<(String, String)>,
}

/// Why a body cannot be cut into members.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoMembers {
    /// It is no JSON, or JSON of another kind.
    #[error("the body is no JSON object")]
    NoObject,
    /// One name stands twice, however it is spelled; the name as JSON, cut.
    #[error("the member {0} stands twice")]
    Twice(String),
}

#[derive(Debug, Clone)]
struct Member {
    name: String,
    /// Where the quote that opens the name stands.
    start: usize,
    value: Range<usize>,
    edit: Edit,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Edit {
    Kept,
    Left,
    Replaced(String),
}

/// Characters of a name that are told back.
const TOLD_CHARS: usize = 64;

impl Members {
    /// Cuts `body`; white space around the object is part of it.
    ///
    /// # Errors
    /// Where it is no JSON object, or has a member twice.
    pub fn of(body: &Bytes) -> Result<Self, NoMembers> {
        let text = std::str::from_utf8(body).map_err(|_| NoMembers::NoObject)?;
        let root = Node::read(text).map_err(|_| NoMembers::NoObject)?;
        let Kind::Object(members) = root.kind else {
            return Err(NoMembers::NoObject);
        };
        let mut seen = HashSet::with_capacity(members.len());
        let mut held = Vec::with_capacity(members.len());
        for member in members {
            let name = unquoted(&text[member.at.clone()]).ok_or(NoMembers::NoObject)?;
            held.push(Member {
                name: name.clone().into_owned(),
                start: member.at.start,
                value: member.value.at,
                edit: Edit::Kept,
            });
            if let Some(twice) = seen.replace(name) {
                let told: String = twice.chars().take(TOLD_CHARS).collect();
                return Err(NoMembers::Twice(format!("{told:?}")));
            }
        }
        Ok(Self {
            body: body.clone(),
            held,
            added: Vec::new(),
        })
    }

    /// The value of `name` as it is written, if there is one.
    pub fn get(&self, name: &str) -> Option<&str> {
        if let Some((_, raw)) = self.added.iter().find(|(known, _)| known == name) {
            return Some(raw);
        }
        let member = self.held.iter().find(|member| member.name == name)?;
        match &member.edit {
            Edit::Kept => std::str::from_utf8(self.body.get(member.value.clone())?).ok(),
            Edit::Replaced(raw) => Some(raw),
            Edit::Left => None,
        }
    }

    /// Where the value of `name` stands in the body, if it stands there as it came.
    pub fn place(&self, name: &str) -> Option<Range<usize>> {
        let kept = |member: &&Member| member.name == name && member.edit == Edit::Kept;
        let member = self.held.iter().find(kept)?;
        Some(member.value.clone())
    }

    /// Without the member `name`; the comma that set it apart goes with it.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.added.retain(|(known, _)| known != name);
        if let Some(member) = self.held.iter_mut().find(|member| member.name == name) {
            member.edit = Edit::Left;
        }
        self
    }

    /// With `raw`, which is JSON, as the value of `name`: in the place where it stands, else behind all others.
    #[must_use]
    pub fn with(mut self, name: &str, raw: impl Into<String>) -> Self {
        let there = |member: &&mut Member| member.name == name && member.edit != Edit::Left;
        if let Some(member) = self.held.iter_mut().find(there) {
            member.edit = Edit::Replaced(raw.into());
        } else if let Some((_, value)) = self.added.iter_mut().find(|(known, _)| known == name) {
            *value = raw.into();
        } else {
            self.added.push((name.to_owned(), raw.into()));
        }
        self
    }

    /// The object; the body itself where nothing was changed.
    pub fn to_bytes(&self) -> Bytes {
        let untouched = self.held.iter().all(|member| member.edit == Edit::Kept);
        if untouched && self.added.is_empty() {
            return self.body.clone();
        }
        // Up to the first member's name, or to the brace that closes an object without any.
        let inside = self
            .held
            .first()
            .map_or_else(|| self.closing_brace(), |first| first.start);
        let mut object = Vec::with_capacity(self.body.len() + 256);
        object.extend_from_slice(&self.body[..inside]);
        let mut end = inside;
        let mut any = false;
        for member in &self.held {
            if member.edit != Edit::Left {
                if any {
                    // The comma, with the white space around it.
                    object.extend_from_slice(&self.body[end..member.start]);
                }
                any = true;
                object.extend_from_slice(&self.body[member.start..member.value.start]);
                match &member.edit {
                    Edit::Replaced(raw) => object.extend_from_slice(raw.as_bytes()),
                    Edit::Kept | Edit::Left => {
                        object.extend_from_slice(&self.body[member.value.clone()]);
                    }
                }
            }
            end = member.value.end;
        }
        for (name, raw) in &self.added {
            let comma = if any { "," } else { "" };
            any = true;
            let name = serde_json::Value::from(name.as_str());
            object.extend_from_slice(format!("{comma}{name}:{raw}").as_bytes());
        }
        object.extend_from_slice(&self.body[end..]);
        object.into()
    }

    fn closing_brace(&self) -> usize {
        let brace = self.body.iter().rposition(|byte| *byte == b'}');
        brace.unwrap_or(self.body.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::*;

    fn cut(body: &str) -> Members {
        Members::of(&Bytes::copy_from_slice(body.as_bytes())).expect("an object")
    }

    fn text(members: &Members) -> String {
        String::from_utf8(members.to_bytes().to_vec()).expect("UTF-8")
    }

    #[test]
    fn a_member_is_replaced_and_every_other_byte_stays() {
        let body = " {\n  \"model\" :  \"default\" ,\"n\":1.50e+2,\t\"x\": {\"model\": \"inner\", \"model\": 2} }\n";
        let changed = cut(body).with("model", "\"claude-sonnet-5-5\"");
        assert_eq!(
            text(&changed),
            body.replace("\"default\"", "\"claude-sonnet-5-5\"")
        );
        assert_eq!(changed.get("model"), Some("\"claude-sonnet-5-5\""));
        assert_eq!(changed.get("n"), Some("1.50e+2"));
        assert_eq!(changed.get("inner"), None);
        assert_eq!(changed.place("model"), None);
        assert_eq!(
            changed.place("n").map(|place| &body[place]),
            Some("1.50e+2")
        );
        assert_eq!(text(&cut(body)), body);
    }

    #[test]
    fn a_member_leaves_with_its_comma_wherever_it_stood() {
        let body = "{ \"a\": 1 , \"b\": 2 , \"c\": 3 }";
        assert_eq!(text(&cut(body).without("a")), "{ \"b\": 2 , \"c\": 3 }");
        assert_eq!(text(&cut(body).without("b")), "{ \"a\": 1 , \"c\": 3 }");
        assert_eq!(text(&cut(body).without("c")), "{ \"a\": 1 , \"b\": 2 }");
        assert_eq!(text(&cut(body).without("a").without("b")), "{ \"c\": 3 }");
        assert_eq!(
            text(&cut(body).without("a").without("b").without("c")),
            "{  }"
        );
        assert_eq!(text(&cut(body).without("d")), body);
        assert_eq!(cut(body).without("a").get("a"), None);
    }

    #[test]
    fn a_new_member_comes_last() {
        assert_eq!(text(&cut("{}").with("a", "1")), "{\"a\":1}");
        assert_eq!(text(&cut("{ }").with("a", "1")), "{ \"a\":1}");
        assert_eq!(
            text(&cut("{\"b\":2}").with("a", "1").with("a", "[3]")),
            "{\"b\":2,\"a\":[3]}"
        );
        assert_eq!(
            text(&cut("{\"b\":2}").without("b").with("b", "3")),
            "{\"b\":3}"
        );
        let quoted = cut("{}").with("a\"b", "1");
        assert_eq!(text(&quoted), "{\"a\\\"b\":1}");
        assert_eq!(quoted.get("a\"b"), Some("1"));
    }

    #[test]
    fn a_name_is_known_however_it_is_spelled_and_never_twice() {
        let spelled = cut(r#"{"mod\u0065l":"default"}"#);
        assert_eq!(spelled.get("model"), Some("\"default\""));
        assert_eq!(text(&spelled.with("model", "1")), r#"{"mod\u0065l":1}"#);
        let twice = Bytes::from(r#"{"model":1,"mod\u0065l":2}"#);
        let refused = Members::of(&twice).expect_err("twice");
        assert_eq!(refused, NoMembers::Twice("\"model\"".into()));
        assert_eq!(refused.to_string(), "the member \"model\" stands twice");
    }

    #[test]
    fn what_is_no_object_has_no_members() {
        for body in [
            "",
            "[]",
            "1",
            "{",
            "{\"a\":1,}",
            "{\"a\"}",
            "{}{}",
            "\u{feff}{}",
            "{a:1}",
        ] {
            let refused = Members::of(&Bytes::copy_from_slice(body.as_bytes()));
            assert_eq!(refused.err(), Some(NoMembers::NoObject), "{body:?}");
        }
        let latin = Bytes::from_static(b"{\"a\":\"\xfc\"}");
        assert_eq!(Members::of(&latin).err(), Some(NoMembers::NoObject));
    }

    #[test]
    fn nesting_without_end_ends_nothing() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(200_000), "]".repeat(200_000));
        assert_eq!(cut(&deep).get("a").map(str::len), Some(400_000));
    }

    proptest! {
        #[test]
        fn an_edited_object_is_the_object_that_was_meant(
            names in prop::collection::btree_set("[a-z\"\\\\é]{1,3}", 0..6),
            pretty in any::<bool>(),
            edits in prop::collection::vec(("[a-z\"\\\\é]{1,3}", prop::option::of(0_u32..9)), 0..4),
        ) {
            let mut meant: Map<String, Value> = names
                .iter()
                .enumerate()
                .map(|(index, name)| (name.clone(), serde_json::json!([index, {"a": name}])))
                .collect();
            let body = if pretty {
                serde_json::to_string_pretty(&meant)
            } else {
                serde_json::to_string(&meant)
            };
            let mut members = cut(&body.expect("JSON"));
            for (name, edit) in edits {
                members = if let Some(value) = edit {
                    meant.insert(name.clone(), value.into());
                    members.with(&name, value.to_string())
                } else {
                    meant.remove(&name);
                    members.without(&name)
                };
            }
            let read: Value = serde_json::from_str(&text(&members)).expect("JSON");
            prop_assert_eq!(read, Value::Object(meant));
        }

        #[test]
        fn no_bytes_upset_it(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Members::of(&bytes.into());
        }
    }
}
