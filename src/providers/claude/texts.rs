//! Which parts of a Messages body hold words, which hold data, and which cannot be looked into.
//!
//! # Why
//! To know that `cache_control` says nothing of anybody and `tool_use.input` may is knowledge of the wire. What is done
//! about it is for others: here a body is walked and its parts are named. What is not known is taken for words, so that a
//! new kind of block is looked through before anybody has taught it to this file.

use std::ops::Range;

use crate::domain::json_text::{Kind, Member, Node};

/// A part of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where its value stands in the body.
    pub at: Range<usize>,
    /// The same as a JSON pointer.
    pub pointer: String,
    /// The member of the body that it belongs to.
    pub part: &'static str,
    /// What it is.
    pub what: What,
}

/// What a part of a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A string of words.
    Text,
    /// A value whose names, strings and numbers are data.
    Data,
    /// A picture or another file, or the name of one.
    File,
    /// A tool that reads the web at the provider.
    Web,
    /// A tool that runs code at the provider.
    Code,
    /// Servers that the provider is to call.
    Servers,
}

/// Members of a body in which nobody is spoken of.
const SETTINGS: [&str; 22] = [
    "model",
    "max_tokens",
    "stream",
    "stop_sequences",
    "temperature",
    "top_p",
    "top_k",
    "thinking",
    "tool_choice",
    "service_tier",
    "speed",
    "inference_geo",
    "container",
    "diagnostics",
    "cache_control",
    "context_management",
    "fallbacks",
    "anthropic_version",
    "anthropic_beta",
    "betas",
    "compaction",
    "billing_policy",
];
/// Members of any block that the wire needs as they are.
const MARKS: [&str; 10] = [
    "type",
    "role",
    "cache_control",
    "tool_use_id",
    "signature",
    "encrypted_content",
    "encrypted_index",
    "encrypted_stdout",
    "media_type",
    "allowed_callers",
];
/// Those that name something for the wire where a block or a tool begins, and further inside may be anybody's.
const NAMES: [&str; 8] = [
    "id",
    "name",
    "caller",
    "tool_name",
    "toolset_name",
    "server_name",
    "allowed_domains",
    "blocked_domains",
];
/// Blocks that are known beside those that need no more than to be read through.
const BLOCKS: [&str; 15] = [
    "text",
    "image",
    "document",
    "search_result",
    "thinking",
    "redacted_thinking",
    "tool_use",
    "server_tool_use",
    "mcp_tool_use",
    "tool_result",
    "mcp_tool_result",
    "container_upload",
    "video",
    "audio",
    "file",
];

/// The parts of the request `body`, which `root` was read of, in the order in which a model reads them: tools, `system`,
/// messages, then all others. So what is numbered by it stays the same from one turn of a talk to the next.
pub fn request(body: &str, root: &Node<'_>) -> Vec<Found> {
    let mut walk = Walk {
        body,
        part: "tools",
        found: Vec::new(),
    };
    for (nth, tool) in root
        .get("tools")
        .into_iter()
        .flat_map(Node::items)
        .enumerate()
    {
        walk.tool(tool, &format!("/tools/{nth}"));
    }
    walk.part = "system";
    if let Some(system) = root.get("system") {
        walk.content(system, "/system");
    }
    walk.part = "messages";
    let messages = root.get("messages").into_iter().flat_map(Node::items);
    for (nth, message) in messages.enumerate() {
        walk.message(message, &format!("/messages/{nth}"));
    }
    for member in root.members() {
        let pointer = below("", &member.name);
        match &*member.name {
            "tools" | "system" | "messages" => {}
            name if SETTINGS.contains(&name) => {}
            "mcp_servers" => walk.push(&member.value, &pointer, What::Servers),
            "output_config" | "output_format" => {
                walk.part = "output_config";
                walk.format(&member.value, &pointer);
            }
            "metadata" => {
                walk.part = "metadata";
                walk.data(&member.value, &pointer);
            }
            _ => {
                walk.part = "others";
                walk.inside(&member.value, &pointer);
            }
        }
    }
    walk.found
}

struct Walk<'w> {
    body: &'w str,
    part: &'static str,
    found: Vec<Found>,
}

impl Walk<'_> {
    fn push(&mut self, node: &Node<'_>, pointer: &str, what: What) {
        self.found.push(Found {
            at: node.at.clone(),
            pointer: pointer.to_owned(),
            part: self.part,
            what,
        });
    }

    fn message(&mut self, message: &Node<'_>, pointer: &str) {
        for member in message.members() {
            let pointer = below(pointer, &member.name);
            match &*member.name {
                "role" | "id" => {}
                "content" => self.content(&member.value, &pointer),
                _ => self.inside(&member.value, &pointer),
            }
        }
    }

    /// Words, or blocks, or whatever a tool gave instead.
    fn content(&mut self, content: &Node<'_>, pointer: &str) {
        match &content.kind {
            Kind::Text => self.push(content, pointer, What::Text),
            Kind::List(blocks) => {
                for (nth, block) in blocks.iter().enumerate() {
                    self.block(block, &format!("{pointer}/{nth}"));
                }
            }
            _ => self.data(content, pointer),
        }
    }

    fn block(&mut self, block: &Node<'_>, pointer: &str) {
        let kind = block.get("type").and_then(|kind| kind.text(self.body));
        let kind = kind.as_deref().unwrap_or_default();
        match kind {
            "image" | "container_upload" | "video" | "audio" | "file" => {
                return self.push(block, pointer, What::File);
            }
            "redacted_thinking" => return,
            "thinking" if self.is_signed(block) => return,
            _ => {}
        }
        if self.is_file(block, kind) {
            return self.push(block, pointer, What::File);
        }
        if !matches!(block.kind, Kind::Object(_)) {
            return self.inside(block, pointer);
        }
        for member in block.members() {
            let pointer = below(pointer, &member.name);
            match (kind, &*member.name) {
                (_, name) if MARKS.contains(&name) || NAMES.contains(&name) => {}
                ("tool_use" | "server_tool_use" | "mcp_tool_use", "input") => {
                    self.data(&member.value, &pointer);
                }
                ("tool_result" | "mcp_tool_result", "content") => {
                    self.content(&member.value, &pointer);
                }
                ("document", "source") => self.source(&member.value, &pointer),
                _ => self.member(member, &pointer),
            }
        }
    }

    /// Whether a block of thinking bears the mark by which the provider knows it again.
    fn is_signed(&self, block: &Node<'_>) -> bool {
        let signature = block.get("signature").and_then(|node| node.text(self.body));
        signature.is_some_and(|signature| !signature.is_empty())
    }

    /// Whether a block carries or names a file.
    fn is_file(&self, block: &Node<'_>, kind: &str) -> bool {
        if block.get("file_id").is_some_and(|id| id.kind == Kind::Text) {
            return true;
        }
        let Some(source) = block.get("source") else {
            return false;
        };
        let source_kind = source.get("type").and_then(|kind| kind.text(self.body));
        match source_kind.as_deref() {
            Some("text" | "content") => false,
            Some("base64" | "url" | "file") => true,
            _ => kind == "document",
        }
    }

    /// What a document is made of.
    fn source(&mut self, source: &Node<'_>, pointer: &str) {
        for member in source.members() {
            let pointer = below(pointer, &member.name);
            match &*member.name {
                name if MARKS.contains(&name) => {}
                "content" => self.content(&member.value, &pointer),
                _ => self.member(member, &pointer),
            }
        }
    }

    /// Everything in a value of which only the form is known.
    fn inside(&mut self, node: &Node<'_>, pointer: &str) {
        match &node.kind {
            Kind::Text => self.push(node, pointer, What::Text),
            Kind::Number => self.push(node, pointer, What::Data),
            Kind::Word | Kind::Deep => {}
            Kind::List(items) => {
                for (nth, item) in items.iter().enumerate() {
                    self.inside(item, &format!("{pointer}/{nth}"));
                }
            }
            Kind::Object(members) => {
                let kind = node.get("type").and_then(|kind| kind.text(self.body));
                let kind = kind.as_deref().unwrap_or_default();
                if BLOCKS.contains(&kind) {
                    return self.block(node, pointer);
                }
                if self.is_file(node, kind) {
                    return self.push(node, pointer, What::File);
                }
                for member in members {
                    if !MARKS.contains(&&*member.name) {
                        self.member(member, &below(pointer, &member.name));
                    }
                }
            }
        }
    }

    /// A member of which nothing is known; its name is words, too, unless it reads like a name.
    fn member(&mut self, member: &Member<'_>, pointer: &str) {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if !member.name.bytes().all(is_name) {
            self.found.push(Found {
                at: member.at.clone(),
                pointer: pointer.to_owned(),
                part: self.part,
                what: What::Text,
            });
        }
        self.inside(&member.value, pointer);
    }

    fn data(&mut self, node: &Node<'_>, pointer: &str) {
        let what = match node.kind {
            Kind::Text => What::Text,
            _ => What::Data,
        };
        self.push(node, pointer, what);
    }

    fn tool(&mut self, tool: &Node<'_>, pointer: &str) {
        let kind = tool.get("type").and_then(|kind| kind.text(self.body));
        let kind = kind.as_deref().unwrap_or_default();
        let what = [
            ("web_", What::Web),
            ("code_execution", What::Code),
            ("mcp_", What::Servers),
        ]
        .into_iter()
        .find(|(head, _)| kind.starts_with(head));
        if let Some((_, what)) = what {
            self.push(tool, pointer, what);
        }
        for member in tool.members() {
            let pointer = below(pointer, &member.name);
            match &*member.name {
                name if MARKS.contains(&name) || NAMES.contains(&name) => {}
                "input_schema" => self.schema(&member.value, &pointer),
                "input_examples" => self.data(&member.value, &pointer),
                _ => self.member(member, &pointer),
            }
        }
    }

    fn format(&mut self, format: &Node<'_>, pointer: &str) {
        for member in format.members() {
            let pointer = below(pointer, &member.name);
            match &*member.name {
                "effort" | "type" | "name" => {}
                "schema" => self.schema(&member.value, &pointer),
                "format" => self.format(&member.value, &pointer),
                _ => self.member(member, &pointer),
            }
        }
    }

    /// A JSON schema: the names of properties are the tool's own, its words and examples may be anybody's.
    fn schema(&mut self, schema: &Node<'_>, pointer: &str) {
        match &schema.kind {
            Kind::Text => self.push(schema, pointer, What::Text),
            Kind::List(items) => {
                for (nth, item) in items.iter().enumerate() {
                    self.schema(item, &format!("{pointer}/{nth}"));
                }
            }
            Kind::Object(members) => {
                for member in members {
                    self.keyword(member, &below(pointer, &member.name));
                }
            }
            Kind::Word | Kind::Number | Kind::Deep => {}
        }
    }

    fn keyword(&mut self, member: &Member<'_>, pointer: &str) {
        match &*member.name {
            "type" | "format" | "pattern" | "required" | "dependentRequired"
            | "contentEncoding" | "contentMediaType" => {}
            name if name.starts_with('$')
                && member.value.kind == Kind::Text
                && name != "$comment" => {}
            "enum" | "const" | "default" | "examples" | "example" => {
                self.data(&member.value, pointer);
            }
            "properties" | "patternProperties" | "dependentSchemas" | "definitions" | "$defs" => {
                for property in member.value.members() {
                    self.schema(&property.value, &below(pointer, &property.name));
                }
            }
            _ => self.schema(&member.value, pointer),
        }
    }
}

/// The pointer of the member `name` of what stands at `pointer`.
pub fn below(pointer: &str, name: &str) -> String {
    let name = name.replace('~', "~0").replace('/', "~1");
    format!("{pointer}/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(body: &str) -> Vec<(String, What)> {
        let root = Node::read(body).unwrap();
        let found = request(body, &root);
        found
            .into_iter()
            .map(|found| (found.pointer, found.what))
            .collect()
    }

    fn texts(body: &str) -> Vec<String> {
        let root = Node::read(body).unwrap();
        let found = request(body, &root);
        found
            .into_iter()
            .map(|found| body[found.at].to_owned())
            .collect()
    }

    #[test]
    fn a_body_is_read_in_the_order_of_the_model() {
        let body = r#"{"messages":[{"role":"user","content":"3"}],"metadata":{"user_id":"4"},"model":"m","system":"2",
            "tools":[{"name":"n","description":"1","input_schema":{"type":"object"}}]}"#;
        assert_eq!(
            texts(body),
            [r#""1""#, r#""2""#, r#""3""#, r#"{"user_id":"4"}"#]
        );
    }

    #[test]
    fn of_each_block_what_may_speak_of_somebody_is_named() {
        let body = r#"{"messages":[{"role":"user","content":[
            {"type":"text","text":"a","cache_control":{"type":"ephemeral"},"citations":[{"type":"x","cited_text":"b","encrypted_index":"-"}]},
            {"type":"tool_use","id":"-","name":"-","input":{"c":1}},
            {"type":"tool_result","tool_use_id":"-","content":"d"},
            {"type":"tool_result","tool_use_id":"-","content":[{"type":"text","text":"e"},{"type":"search_result","source":"f","title":"g","content":[{"type":"text","text":"h"}]}]},
            {"type":"document","source":{"type":"text","media_type":"-","data":"i"},"title":"j","context":"k"},
            {"type":"document","source":{"type":"content","content":[{"type":"text","text":"l"}]}},
            {"type":"thinking","thinking":"-","signature":"-"},
            {"type":"thinking","thinking":"m"},
            {"type":"redacted_thinking","data":"-"},
            {"type":"new","id":"-","name":"-","words":"n","deeper":[{"name":"o","type":"-","signature":"-"}],"p@q":true}
        ]}]}"#;
        let mut all = texts(body).concat();
        all.retain(|c| c.is_alphanumeric() || c == '-');
        assert_eq!(all, "abc1defghijklmnopq");
    }

    #[test]
    fn what_cannot_be_looked_into_is_named_with_its_place() {
        let body = r#"{"mcp_servers":[],"messages":[{"role":"user","content":[
            {"type":"image","source":{"type":"base64","data":"x"}},
            {"type":"document","source":{"type":"base64","data":"x"}},
            {"type":"document","source":{"type":"url","url":"x"}},
            {"type":"document","source":{"type":"file","file_id":"x"}},
            {"type":"container_upload","file_id":"x"},
            {"type":"tool_result","content":[{"type":"image","source":{"type":"url","url":"x"}}]},
            {"type":"new","inner":{"a":{"file_id":"x"}}},
            {"type":"web_fetch_tool_result","content":{"type":"web_fetch_result","content":{"type":"document","source":{"type":"base64","data":"x"}}}}
        ]}],"tools":[{"type":"web_search_20260318","name":"web_search"},{"type":"web_fetch_20260209","name":"w"},
            {"type":"code_execution_20260120","name":"c"},{"type":"mcp_toolset","mcp_server_name":"m"},{"type":"bash_20250124","name":"bash"}]}"#;
        let places: Vec<(String, What)> = found(body)
            .into_iter()
            .filter(|(_, what)| !matches!(what, What::Text | What::Data))
            .collect();
        let at = |pointer: &str, what| (pointer.to_owned(), what);
        assert_eq!(
            places,
            [
                at("/tools/0", What::Web),
                at("/tools/1", What::Web),
                at("/tools/2", What::Code),
                at("/tools/3", What::Servers),
                at("/messages/0/content/0", What::File),
                at("/messages/0/content/1", What::File),
                at("/messages/0/content/2", What::File),
                at("/messages/0/content/3", What::File),
                at("/messages/0/content/4", What::File),
                at("/messages/0/content/5/content/0", What::File),
                at("/messages/0/content/6/inner/a", What::File),
                at("/messages/0/content/7/content/content", What::File),
                at("/mcp_servers", What::Servers),
            ]
        );
    }

    #[test]
    fn a_schema_keeps_its_names_and_shows_its_words() {
        let body = r#"{"tools":[{"name":"-","input_schema":{"type":"object","title":"a","required":["-"],"properties":{
            "description":{"type":"string","description":"b","enum":["c","d"],"pattern":"-"},
            "x":{"$ref":"-","anyOf":[{"const":"e"},{"default":"f","examples":["g"]}]}}}}],
            "output_config":{"effort":"-","format":{"type":"-","schema":{"description":"h"}}}}"#;
        let mut all = texts(body).concat();
        all.retain(|c| c.is_alphanumeric() || c == '-');
        assert_eq!(all, "abcdefgh");
    }
}
