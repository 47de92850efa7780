//! Which parts of a Messages reply a model wrote, and which repeat what it was sent.

use std::ops::Range;

use crate::domain::json_text::{Kind, Node};

/// A part of a reply that a model wrote, or that repeats the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Where its value stands.
    pub at: Range<usize>,
    /// How it is to be read.
    pub how: How,
}

/// How a part of a reply is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// A string that is shown, of which a stream may bring more.
    Prose,
    /// A string that is shown as it is.
    Phrase,
    /// A string that repeats what was sent.
    Quote,
    /// A value that a tool is given.
    Input,
}

/// What is said in a reply, a message or an error, in order.
pub fn reply(text: &str, root: &Node<'_>) -> Vec<Said> {
    let mut said = Vec::new();
    for member in root.members() {
        let value = &member.value;
        match &*member.name {
            "content" if matches!(value.kind, Kind::List(_)) => {
                for block in value.items() {
                    said.extend(block_said(text, block));
                }
            }
            "stop_sequence" => push(value, How::Quote, &mut said),
            "type" | "id" | "role" | "model" | "stop_reason" | "request_id" => {}
            _ => every_string(value, &mut said),
        }
    }
    said
}

/// What is said in one block of a reply. What a model thought stays, since it is signed, and so do the pages that a
/// search has found, which nobody is shown as they are and which go back into the next request.
pub fn block_said(text: &str, block: &Node<'_>) -> Vec<Said> {
    if !matches!(block.kind, Kind::Object(_)) {
        return everything(block);
    }
    let mut said = Vec::new();
    let kind = block.get("type").and_then(|kind| kind.text(text));
    for member in block.members() {
        let value = &member.value;
        match (kind.as_deref(), &*member.name) {
            (Some("text"), "text") if value.kind == Kind::Text => {
                push(value, How::Prose, &mut said);
            }
            (Some("text"), "citations") if matches!(value.kind, Kind::List(_)) => {
                for citation in value.items() {
                    said.extend(citation_said(citation));
                }
            }
            (Some("tool_use" | "server_tool_use" | "mcp_tool_use"), "input") => {
                push(value, How::Input, &mut said);
            }
            (_, "type" | "id" | "tool_use_id" | "signature")
            | (Some("tool_use" | "server_tool_use" | "mcp_tool_use"), "name")
            | (Some("thinking"), "thinking")
            | (Some("redacted_thinking"), "data")
            | (Some("web_search_tool_result" | "web_fetch_tool_result"), "content") => {}
            _ => every_string(value, &mut said),
        }
    }
    said
}

/// Every string of what no more is known of.
pub fn everything(node: &Node<'_>) -> Vec<Said> {
    let mut said = Vec::new();
    every_string(node, &mut said);
    said
}

/// What a citation repeats.
pub fn citation_said(citation: &Node<'_>) -> Vec<Said> {
    let mut said = Vec::new();
    for member in citation.members() {
        let repeats = matches!(
            &*member.name,
            "cited_text" | "document_title" | "title" | "source"
        );
        if repeats && member.value.kind == Kind::Text {
            push(&member.value, How::Quote, &mut said);
        }
    }
    said
}

fn push(node: &Node<'_>, how: How, said: &mut Vec<Said>) {
    if node.kind == Kind::Text || how == How::Input {
        said.push(Said {
            at: node.at.clone(),
            how,
        });
    }
}

fn every_string(node: &Node<'_>, said: &mut Vec<Said>) {
    match &node.kind {
        Kind::Text => push(node, How::Phrase, said),
        Kind::List(items) => items.iter().for_each(|item| every_string(item, said)),
        Kind::Object(members) => members
            .iter()
            .for_each(|member| every_string(&member.value, said)),
        Kind::Word | Kind::Number | Kind::Deep => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_reply_what_is_said_is_named() {
        let text = r#"{"type":"message","content":[{"type":"text","text":"a","citations":[{"cited_text":"b","url":"-"}]},
            {"type":"thinking","thinking":"-","signature":"-"},{"type":"tool_use","name":"-","input":{"c":"d"}},
            {"type":"web_search_tool_result","content":[{"title":"-"}]}],"stop_details":{"explanation":"e"},"stop_sequence":"f"}"#;
        let root = Node::read(text).unwrap();
        let said: Vec<&str> = reply(text, &root)
            .into_iter()
            .map(|said| &text[said.at])
            .collect();
        assert_eq!(
            said,
            [r#""a""#, r#""b""#, r#"{"c":"d"}"#, r#""e""#, r#""f""#]
        );
    }

    #[test]
    fn what_is_not_known_is_all_said() {
        let text = r#"{"content":[{"type":"new","id":"-","a":"a","deep":[{"b":"b"}]},{"type":"text","text":"c","new":"d"},"e",{"text":"f"}],"new":["g"],"usage":{"n":1}}"#;
        let root = Node::read(text).unwrap();
        let said: Vec<String> = reply(text, &root)
            .into_iter()
            .map(|said| text[said.at].replace('"', ""))
            .collect();
        assert_eq!(said.concat(), "abcdefg");
    }
}
