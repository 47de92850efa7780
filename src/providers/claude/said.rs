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
    /// A string that is shown.
    Prose,
    /// A string that repeats what was sent.
    Quote,
    /// A value that a tool is given.
    Input,
}

/// What is said in a reply, a message or an error, in order.
pub fn reply(text: &str, root: &Node<'_>) -> Vec<Said> {
    let mut said = Vec::new();
    for member in root.members() {
        match &*member.name {
            "content" => {
                for block in member.value.items() {
                    said.extend(block_said(text, block));
                }
            }
            "stop_details" => quote(&member.value, "explanation", &mut said),
            "error" => quote(&member.value, "message", &mut said),
            _ => {}
        }
    }
    said
}

/// What is said in one block of a reply.
pub fn block_said(text: &str, block: &Node<'_>) -> Vec<Said> {
    let mut said = Vec::new();
    let kind = block.get("type").and_then(|kind| kind.text(text));
    for member in block.members() {
        match (kind.as_deref(), &*member.name, &member.value.kind) {
            (Some("text"), "text", Kind::Text) => said.push(Said {
                at: member.value.at.clone(),
                how: How::Prose,
            }),
            (Some("text"), "citations", _) => {
                for citation in member.value.items() {
                    said.extend(citation_said(citation));
                }
            }
            (Some("tool_use" | "server_tool_use" | "mcp_tool_use"), "input", _) => {
                said.push(Said {
                    at: member.value.at.clone(),
                    how: How::Input,
                });
            }
            _ => {}
        }
    }
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
            said.push(Said {
                at: member.value.at.clone(),
                how: How::Quote,
            });
        }
    }
    said
}

fn quote(node: &Node<'_>, name: &str, said: &mut Vec<Said>) {
    let text = node.get(name).filter(|value| value.kind == Kind::Text);
    said.extend(text.map(|value| Said {
        at: value.at.clone(),
        how: How::Quote,
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_reply_what_is_said_is_named() {
        let text = r#"{"type":"message","content":[{"type":"text","text":"a","citations":[{"cited_text":"b","url":"-"}]},
            {"type":"thinking","thinking":"-","signature":"-"},{"type":"tool_use","name":"-","input":{"c":"d"}},
            {"type":"web_search_tool_result","content":[{"title":"-"}]}],"stop_details":{"explanation":"e"}}"#;
        let root = Node::read(text).unwrap();
        let said: Vec<&str> = reply(text, &root)
            .into_iter()
            .map(|said| &text[said.at])
            .collect();
        assert_eq!(said, [r#""a""#, r#""b""#, r#"{"c":"d"}"#, r#""e""#]);
    }
}
