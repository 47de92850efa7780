//! Which parts of a Messages body hold words, which hold data, and which cannot be looked into.
//!
//! # Why
//! Everything is named, every string, number and member's name at every depth: what is left out leaves unseen, and whoever
//! lists what may be left out has never thought of all. What differs is only how a part is read and whether it may
//! become another. Exempt is what is one of a few known words, and what is sealed: long runs of base64 where the wire
//! has them, which no one but the provider reads. What has another shape than the wire's is refused, since nobody
//! knows how the provider would read it.

use std::fmt::Write as _;
use std::ops::Range;

use crate::domain::json_text::{Kind, Member, Node};

/// A part of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where its value stands in the body.
    pub at: Range<usize>,
    /// The member of the body that it belongs to.
    pub part: &'static str,
    /// What it is.
    pub what: What,
    /// Whether it means something to the wire as it is, so that it can't become another.
    pub stays: bool,
}

/// What a part of a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A string of words.
    Text,
    /// A string that names something: a tool, a field, a kind.
    Name,
    /// A value whose names, strings and numbers are data.
    Data,
    /// A picture or another file, or the name of one.
    File,
    /// A tool that reads the web at the provider.
    Web,
    /// A tool that is not run by the client.
    Code,
    /// Servers that the provider is to call.
    Servers,
    /// Something that should be an object.
    NoObject,
    /// Something that should be a list of objects.
    NoList,
    /// Something that should be a text or a list of objects.
    NoContent,
}

/// The part of a body that says how to answer and speaks of nobody, or should not.
pub const SETTINGS: &str = "settings";

/// Members of a body that are settings.
const SETTING_NAMES: [&str; 19] = [
    "max_tokens",
    "stream",
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
    "billing_policy",
];
/// Members of any block that name something for the wire.
const NAMES: [&str; 7] = [
    "type",
    "id",
    "tool_use_id",
    "name",
    "tool_name",
    "toolset_name",
    "server_name",
];
/// Members of any block that hold what only the provider can read.
const SEALED: [&str; 4] = [
    "signature",
    "encrypted_content",
    "encrypted_index",
    "encrypted_stdout",
];
/// What is shorter is not sealed: it may be somebody's number.
const SEALED_BYTES: usize = 40;
/// A longer run of base64 in something unknown is a file.
const FILE_BYTES: usize = 4_096;
/// Words of the wire that stand in every body.
const WORDS: [&str; 15] = [
    "user",
    "assistant",
    "system",
    "text",
    "tool_use",
    "tool_result",
    "thinking",
    "ephemeral",
    "object",
    "string",
    "number",
    "integer",
    "boolean",
    "array",
    "null",
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
    if let Some(tools) = root.get("tools") {
        walk.objects(tools, Walk::tool);
    }
    walk.part = "system";
    if let Some(system) = root.get("system") {
        walk.content(system);
    }
    walk.part = "messages";
    if let Some(messages) = root.get("messages") {
        walk.objects(messages, Walk::message);
    }
    for member in root.members() {
        walk.part = SETTINGS;
        match &*member.name {
            // The model is one that the org has, or nothing is sent.
            "tools" | "system" | "messages" | "model" => {}
            "mcp_servers" => walk.push(&member.value, What::Servers),
            "output_config" | "output_format" => {
                walk.part = "output_config";
                walk.format(&member.value);
            }
            "metadata" => {
                walk.part = "metadata";
                walk.data(&member.value);
            }
            name if SETTING_NAMES.contains(&name) => walk.setting(&member.value, false),
            _ => {
                walk.part = "others";
                walk.member(member);
            }
        }
    }
    walk.found
}

/// Whether the name of a member reads like one: others may hold what must not be told.
fn is_plain(name: &str) -> bool {
    const BYTES: usize = 100;
    (1..=BYTES).contains(&name.len())
        && name.bytes().any(|byte| byte.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_$-./~".contains(&byte))
}

/// The JSON pointer of what begins at a byte of the body that `root` was read of; a name that does not read like one is
/// not told.
pub fn pointer(root: &Node<'_>, at: usize) -> String {
    /// Longer pointers help nobody.
    const BYTES: usize = 1_000;
    let mut pointer = String::new();
    let mut node = root;
    while node.at.start != at && pointer.len() < BYTES {
        match &node.kind {
            Kind::List(items) => {
                let nth = items.partition_point(|item| item.at.end <= at);
                let Some(item) = items.get(nth) else { break };
                // Writing to a string never fails.
                let _ = write!(pointer, "/{nth}");
                node = item;
            }
            Kind::Object(members) => {
                let nth = members.partition_point(|member| member.value.at.end <= at);
                let Some(member) = members.get(nth) else {
                    break;
                };
                let name = if is_plain(&member.name) {
                    member.name.replace('~', "~0").replace('/', "~1")
                } else {
                    "…".to_owned()
                };
                let _ = write!(pointer, "/{name}");
                if member.at.start == at {
                    break;
                }
                node = &member.value;
            }
            _ => break,
        }
    }
    pointer
}

struct Walk<'w> {
    body: &'w str,
    part: &'static str,
    found: Vec<Found>,
}

impl Walk<'_> {
    fn push(&mut self, node: &Node<'_>, what: What) {
        self.found(&node.at, what, false);
    }

    fn found(&mut self, at: &Range<usize>, what: What, stays: bool) {
        self.found.push(Found {
            at: at.clone(),
            part: self.part,
            what,
            stays,
        });
    }

    fn kind(&self, node: &Node<'_>) -> String {
        let kind = node.get("type").and_then(|kind| kind.text(self.body));
        kind.unwrap_or_default().into_owned()
    }

    /// What should be a list of objects, each of which is `read`.
    fn objects(&mut self, list: &Node<'_>, read: impl Fn(&mut Self, &Node<'_>)) {
        match &list.kind {
            Kind::List(items) => {
                for item in items {
                    if matches!(item.kind, Kind::Object(_)) {
                        read(self, item);
                    } else {
                        self.push(item, What::NoObject);
                    }
                }
            }
            Kind::Word => {}
            _ => self.push(list, What::NoList),
        }
    }

    fn message(&mut self, message: &Node<'_>) {
        for member in message.members() {
            match &*member.name {
                "role" | "id" => self.name(&member.value),
                "content" => self.content(&member.value),
                _ => self.member(member),
            }
        }
    }

    /// Words, or blocks.
    fn content(&mut self, content: &Node<'_>) {
        match &content.kind {
            Kind::Text => self.push(content, What::Text),
            Kind::List(_) => self.objects(content, Self::block),
            Kind::Word => {}
            _ => self.push(content, What::NoContent),
        }
    }

    fn block(&mut self, block: &Node<'_>) {
        let kind = self.kind(block);
        let kind = kind.as_str();
        let is_file = matches!(
            kind,
            "image" | "container_upload" | "video" | "audio" | "file"
        );
        if is_file || self.is_file(block, kind) {
            return self.push(block, What::File);
        }
        let is_signed = kind == "thinking"
            && block
                .get("signature")
                .is_some_and(|signature| self.is_sealed(signature));
        for member in block.members() {
            let value = &member.value;
            match (kind, &*member.name) {
                // To change what a model thought would break the seal.
                ("thinking", "thinking") if is_signed && value.kind == Kind::Text => {}
                ("redacted_thinking", "data") => self.sealed(value),
                (_, name) if SEALED.contains(&name) => self.sealed(value),
                (_, name) if NAMES.contains(&name) => self.setting(value, true),
                (_, "cache_control" | "caller" | "allowed_callers") => self.setting(value, true),
                ("tool_use" | "server_tool_use" | "mcp_tool_use", "input") => self.data(value),
                ("tool_result" | "mcp_tool_result" | "search_result", "content") => {
                    self.content(value);
                }
                ("document", "source") => self.source(value),
                _ => self.member(member),
            }
        }
    }

    /// Whether a block carries or names a file.
    fn is_file(&self, block: &Node<'_>, kind: &str) -> bool {
        if block.get("file_id").is_some_and(|id| id.kind != Kind::Word) {
            return true;
        }
        match block.get("source") {
            None => false,
            Some(source) => match source.kind {
                Kind::Object(_) => !matches!(self.kind(source).as_str(), "text" | "content"),
                Kind::Text => kind == "document",
                _ => kind == "document" || source.kind != Kind::Word,
            },
        }
    }

    /// What a document is made of.
    fn source(&mut self, source: &Node<'_>) {
        for member in source.members() {
            match &*member.name {
                "type" | "media_type" => self.name(&member.value),
                "content" => self.content(&member.value),
                _ => self.member(member),
            }
        }
    }

    /// Everything in a value of which only the form is known.
    fn inside(&mut self, node: &Node<'_>) {
        match &node.kind {
            Kind::Text if self.is_like_a_file(node) => self.push(node, What::File),
            Kind::Text => self.push(node, What::Text),
            Kind::Number => self.push(node, What::Data),
            Kind::Word | Kind::Deep => {}
            Kind::List(items) => {
                for item in items {
                    self.inside(item);
                }
            }
            Kind::Object(members) => {
                let kind = self.kind(node);
                if BLOCKS.contains(&kind.as_str()) {
                    return self.block(node);
                }
                if self.is_file(node, &kind) {
                    return self.push(node, What::File);
                }
                if node.get("attributes").is_some() {
                    // It may be a record, which goes by the rules of its fields.
                    return self.data(node);
                }
                for member in members {
                    let value = &member.value;
                    match &*member.name {
                        "type" if value.kind == Kind::Text => {
                            self.found(&value.at, What::Name, false);
                        }
                        name if SEALED.contains(&name) => self.sealed(value),
                        _ => self.member(member),
                    }
                }
            }
        }
    }

    /// A member of which nothing is known, nor of its name.
    fn member(&mut self, member: &Member<'_>) {
        self.found(&member.at, What::Name, false);
        self.inside(&member.value);
    }

    fn data(&mut self, node: &Node<'_>) {
        match node.kind {
            Kind::Text => self.push(node, What::Text),
            Kind::Word => {}
            _ => self.push(node, What::Data),
        }
    }

    /// What names something for the wire.
    fn name(&mut self, node: &Node<'_>) {
        self.setting(node, true);
    }

    /// A value that says how to answer: its words name something, but for instructions.
    fn setting(&mut self, node: &Node<'_>, is_name: bool) {
        match &node.kind {
            Kind::Word | Kind::Deep => {}
            Kind::Number => self.found(&node.at, What::Data, true),
            Kind::Text if self.is_word(node) => {}
            Kind::Text if is_name || self.is_identifier(node) => {
                self.found(&node.at, What::Name, true);
            }
            Kind::Text => self.push(node, What::Text),
            Kind::List(items) => {
                for item in items {
                    self.setting(item, is_name);
                }
            }
            Kind::Object(members) => {
                for member in members {
                    self.found(&member.at, What::Name, true);
                    if member.name == "instructions" {
                        self.inside(&member.value);
                    } else {
                        self.setting(&member.value, is_name);
                    }
                }
            }
        }
    }

    fn is_word(&self, node: &Node<'_>) -> bool {
        let text = &self.body[node.at.start + 1..node.at.end - 1];
        WORDS.contains(&text)
    }

    fn is_identifier(&self, node: &Node<'_>) -> bool {
        let text = &self.body[node.at.start + 1..node.at.end - 1];
        let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        text.len() <= 64 && text.bytes().all(is_part)
    }

    /// What only the provider can read, or else whatever it is.
    fn sealed(&mut self, node: &Node<'_>) {
        if !self.is_sealed(node) {
            self.inside(node);
        }
    }

    fn is_sealed(&self, node: &Node<'_>) -> bool {
        node.kind == Kind::Text
            && node.at.len() >= SEALED_BYTES
            && self.body[node.at.start + 1..node.at.end - 1]
                .bytes()
                .all(is_base64)
    }

    /// Whether a string is so long a run of base64 that it is rather a file than words.
    fn is_like_a_file(&self, node: &Node<'_>) -> bool {
        if node.at.len() <= FILE_BYTES {
            return false;
        }
        let mut run = 0;
        self.body[node.at.clone()].bytes().any(|byte| {
            // Its lines may be broken, which is written with a backslash.
            let goes_on = is_base64(byte) || byte == b'\\';
            run = if goes_on { run + 1 } else { 0 };
            run > FILE_BYTES
        })
    }

    fn tool(&mut self, tool: &Node<'_>) {
        if let Some(kind) = tool.get("type").filter(|kind| kind.kind != Kind::Word) {
            let kind = kind.text(self.body).unwrap_or_default();
            if !is_the_clients(&kind) {
                self.push(tool, what_runs_elsewhere(&kind));
            }
        }
        for member in tool.members() {
            let value = &member.value;
            match &*member.name {
                "input_schema" => self.schema(value),
                "description" | "input_examples" => self.data(value),
                "user_location" => self.inside(value),
                name => {
                    self.found(&member.at, What::Name, true);
                    // To look for a placeholder's domain would find nothing.
                    let is_name = NAMES.contains(&name) || name.ends_with("_domains");
                    self.setting(value, is_name);
                }
            }
        }
    }

    fn format(&mut self, format: &Node<'_>) {
        match &format.kind {
            Kind::Word => {}
            Kind::Object(members) => {
                for member in members {
                    match &*member.name {
                        "effort" | "type" | "name" => self.name(&member.value),
                        "schema" => self.schema(&member.value),
                        "format" => self.format(&member.value),
                        _ => {
                            self.found(&member.at, What::Name, true);
                            self.inside(&member.value);
                        }
                    }
                }
            }
            _ => self.push(format, What::NoObject),
        }
    }

    /// A JSON schema: the names of properties are the tool's own, its words and examples may be anybody's.
    fn schema(&mut self, schema: &Node<'_>) {
        match &schema.kind {
            Kind::Text => self.push(schema, What::Text),
            Kind::Number => self.found(&schema.at, What::Data, true),
            Kind::List(items) => {
                for item in items {
                    self.schema(item);
                }
            }
            Kind::Object(members) => {
                for member in members {
                    self.found(&member.at, What::Name, true);
                    self.keyword(member);
                }
            }
            Kind::Word | Kind::Deep => {}
        }
    }

    fn keyword(&mut self, member: &Member<'_>) {
        let value = &member.value;
        match &*member.name {
            "type" | "format" | "pattern" | "required" | "dependentRequired"
            | "contentEncoding" | "contentMediaType" => self.name(value),
            name if name.starts_with('$') && value.kind == Kind::Text && name != "$comment" => {
                self.name(value);
            }
            "enum" | "const" | "default" | "examples" | "example" => self.data(value),
            "properties" | "patternProperties" | "dependentSchemas" | "definitions" | "$defs"
                if matches!(value.kind, Kind::Object(_)) =>
            {
                for property in value.members() {
                    self.found(&property.at, What::Name, true);
                    self.schema(&property.value);
                }
            }
            _ => self.schema(value),
        }
    }
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'_' | b'-')
}

/// Whether a tool of this `type` is run by the client, so that all it brings in stands in the next request.
pub fn is_the_clients(kind: &str) -> bool {
    kind == "custom"
        || ["bash_", "text_editor_", "computer_", "memory_"]
            .iter()
            .filter_map(|head| kind.strip_prefix(head))
            .any(is_date)
}

/// What a tool is that is not the client's; what is not known may do anything.
fn what_runs_elsewhere(kind: &str) -> What {
    let reads_the_web = ["web_search_", "web_fetch_"]
        .iter()
        .filter_map(|head| kind.strip_prefix(head))
        .any(is_date);
    if reads_the_web {
        What::Web
    } else if kind.starts_with("mcp_") {
        What::Servers
    } else {
        What::Code
    }
}

/// `20260318`, as kinds of tools end.
fn is_date(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(body: &str) -> Vec<(String, What)> {
        let root = Node::read(body).unwrap();
        let found = request(body, &root);
        found
            .into_iter()
            .map(|found| (pointer(&root, found.at.start), found.what))
            .collect()
    }

    fn parts(body: &str, is_wanted: impl Fn(&Found) -> bool) -> Vec<String> {
        let root = Node::read(body).unwrap();
        let found = request(body, &root);
        found
            .into_iter()
            .filter(is_wanted)
            .map(|found| body[found.at].to_owned())
            .collect()
    }

    fn texts(body: &str) -> Vec<String> {
        parts(body, |found| found.what != What::Name && !found.stays)
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
            {"type":"text","text":"a","cache_control":{"type":"ephemeral"},"citations":[{"type":"x","cited_text":"b","encrypted_index":"SEAL"}]},
            {"type":"tool_use","id":"-","name":"-","input":{"c":1}},
            {"type":"tool_result","tool_use_id":"-","content":"d"},
            {"type":"tool_result","tool_use_id":"-","content":[{"type":"text","text":"e"},{"type":"search_result","source":"f","title":"g","content":[{"type":"text","text":"h"}]}]},
            {"type":"document","source":{"type":"text","media_type":"-","data":"i"},"title":"j","context":"k"},
            {"type":"document","source":{"type":"content","content":[{"type":"text","text":"l"}]}},
            {"type":"thinking","thinking":"-","signature":"SEAL"},
            {"type":"thinking","thinking":"m"},
            {"type":"redacted_thinking","data":"SEAL"},
            {"type":"new","id":"-","name":"-","words":"n","deeper":[{"name":"o","type":"-","signature":"p","encrypted_content":"SEAL"}],"-":true}
        ]}]}"#;
        let body = body.replace("SEAL", &"Ab9+".repeat(20));
        let mut all = texts(&body).concat();
        all.retain(|c| c.is_alphanumeric() || c == '-');
        assert_eq!(all, "abc1defghijklmnop");
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
            .filter(|(_, what)| !matches!(what, What::Text | What::Data | What::Name))
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

    #[test]
    fn what_names_something_for_the_wire_stays_but_is_named_too() {
        let body = r#"{"max_tokens":1,"thinking":{"type":"za","budget":2},"tools":[{"name":"-b","type":"custom","input_schema":{
            "required":["-c"],"properties":{"-c":{"type":"string","pattern":"-d","minimum":3,"$id":"-e"}}}}],
            "messages":[{"role":"-f","content":[{"type":"tool_use","id":"-g","name":"-h","input":{}},{"type":"-i","cache_control":{"type":"-j","ttl":"-k"}}]}]}"#;
        let mut stay = parts(body, |found| found.stays);
        stay.sort();
        let mut stay = stay.concat();
        stay.retain(|c| c.is_alphanumeric() || c == '-');
        for part in [
            "za", "-b", "-c", "-d", "-e", "-f", "-g", "-h", "-i", "-j", "-k", "1", "2", "3",
        ] {
            assert!(stay.contains(part), "{part} in {stay}");
        }
        assert_eq!(stay.matches("-c").count(), 2);
    }

    #[test]
    fn only_tools_of_known_kinds_are_the_clients() {
        for (kind, what) in [
            ("custom", None),
            ("bash_20250124", None),
            ("text_editor_20250728", None),
            ("computer_20250124", None),
            ("memory_20250818", None),
            ("web_search_20260318", Some(What::Web)),
            ("mcp_toolset", Some(What::Servers)),
            ("WEB_search", Some(What::Code)),
            ("web_browser", Some(What::Code)),
            ("bash_code_execution_20260120", Some(What::Code)),
            ("text_editor_code_execution", Some(What::Code)),
            ("advisor_20260301", Some(What::Code)),
            ("browser_20260101", Some(What::Code)),
            ("", Some(What::Code)),
        ] {
            let body = format!(r#"{{"tools":[{{"name":"n","type":"{kind}"}}]}}"#);
            let refused = found(&body)
                .into_iter()
                .find(|(pointer, _)| pointer == "/tools/0");
            assert_eq!(refused.map(|(_, what)| what), what, "{kind}");
        }
        assert_eq!(found(r#"{"tools":[{"type":["custom"]}]}"#)[0].1, What::Code);
    }

    #[test]
    fn a_pointer_is_found_when_it_is_asked_for_and_never_long() {
        let body = format!(r#"{{"a/b":[0,{{"{}":[1]}}]}}"#, "e".repeat(500));
        let root = Node::read(&body).unwrap();
        let at = body.find("[1]").unwrap() + 1;
        assert_eq!(pointer(&root, at), "/a~1b/1/…/0");
        assert_eq!(pointer(&root, 0), "");
        assert_eq!(pointer(&root, body.find("\"eee").unwrap()), "/a~1b/1/…");
        // Such a name may be what must not be told.
        for name in ["jens@acme.example", "4111111111111111", "Jens A", ""] {
            let body = format!(r#"{{"{name}":[1]}}"#);
            let root = Node::read(&body).unwrap();
            assert_eq!(
                pointer(&root, body.find('1').unwrap().max(body.len() - 3)),
                "/…/0"
            );
        }
    }
}
