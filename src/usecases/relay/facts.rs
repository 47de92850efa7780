//! What of a Messages request a budget has to know: how far it can go beyond the bytes of its body.
//!
//! # Why
//! Bodies are large and this stands on the hot path, so it is one pass that keeps nothing: texts are skipped, blocks are
//! looked at by their `type` alone. What does not have the known form is for the provider to refuse, but where an org has a
//! budget: a request that two readers may read in two ways can cost what nobody reserved.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::providers::Reach;
use crate::providers::claude::texts::is_the_clients;
use crate::salesforce::Fault;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// How far the call can go.
    pub reach: Reach,
    /// Whether it wants the provider to search or read the web, which not every cloud can.
    pub wants_the_web: bool,
    /// What no bound can be given for, which an org with a budget does not let through.
    pub unbounded: Option<Fault>,
}

#[derive(Deserialize)]
struct WireRequest {
    #[serde(default)]
    system: Content,
    #[serde(default)]
    messages: Vec<WireTurn>,
    #[serde(default)]
    tools: Option<Vec<WireTool>>,
    #[serde(default)]
    mcp_servers: Option<IgnoredAny>,
    #[serde(default)]
    fallbacks: Option<IgnoredAny>,
    #[serde(default)]
    speed: Option<String>,
    #[serde(default)]
    inference_geo: Option<String>,
}

#[derive(Deserialize)]
struct WireTurn {
    #[serde(default)]
    content: Content,
}

#[derive(Deserialize)]
struct WireTool {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    max_uses: Option<u32>,
}

/// Text, which says nothing here, or blocks, of which the pictures and files are counted.
#[derive(Debug, Default)]
struct Content {
    images: u32,
    files: bool,
}

/// One block of a content.
#[derive(Deserialize)]
struct Block {
    #[serde(rename = "type", default)]
    kind: Kind,
    #[serde(default)]
    source: Source,
    #[serde(default)]
    content: Content,
}

/// A block's `type`, as far as it matters.
#[derive(Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Other,
    Image,
    Document,
    File,
}

/// What a block's `source` is.
#[derive(Debug, Default)]
struct Source {
    is_text: bool,
    content: Content,
}

/// What inference in a named region costs on top of the list price.
const GEO_PERCENT: u32 = 10;

impl Facts {
    /// Reads `body`, which is a JSON object.
    pub fn of(body: &[u8]) -> Self {
        let Ok(request) = serde_json::from_slice::<WireRequest>(body) else {
            let reach = Reach {
                boundless: true,
                ..Reach::default()
            };
            let mut facts = Self {
                reach,
                ..Self::default()
            };
            facts.refuse(
                "",
                "does not have the form of a Messages request, so no budget can bound it",
            );
            return facts;
        };
        let mut facts = Self::default();
        facts.content(&request.system);
        for turn in &request.messages {
            facts.content(&turn.content);
        }
        for (index, tool) in request.tools.iter().flatten().enumerate() {
            facts.tool(index, tool);
        }
        facts.reach.boundless |= request.mcp_servers.is_some();
        if request.inference_geo.is_some_and(|geo| geo != "global") {
            facts.reach.surcharge_percent = GEO_PERCENT;
        }
        if request.speed.is_some_and(|speed| speed != "standard") {
            facts.refuse(
                "/speed",
                "has a price of its own, which no budget knows; leave it out",
            );
        }
        if request.fallbacks.is_some() {
            facts.refuse(
                "/fallbacks",
                "may lead to a dearer model, which no budget knows; leave it out: the gateway fails over by itself",
            );
        }
        facts
    }

    fn content(&mut self, content: &Content) {
        self.reach.images = self.reach.images.saturating_add(content.images);
        self.reach.boundless |= content.files;
    }

    fn tool(&mut self, index: usize, tool: &WireTool) {
        let kind = tool.kind.as_deref().unwrap_or("custom");
        self.reach.boundless |= !is_the_clients(kind);
        self.wants_the_web |= kind.starts_with("web_");
        if kind.starts_with("web_search") {
            match tool.max_uses {
                Some(uses) => self.reach.searches = self.reach.searches.saturating_add(uses),
                None => self.refuse(
                    &format!("/tools/{index}/max_uses"),
                    "is missing: each search costs money, so an org with a budget says how many there may be",
                ),
            }
        } else if kind.contains("code_execution") {
            self.refuse(
                &format!("/tools/{index}"),
                "runs code at a price by the hour, which no budget knows; leave it out",
            );
        }
    }

    fn refuse(&mut self, pointer: &str, detail: &str) {
        self.unbounded.get_or_insert(Fault::at(pointer, detail));
    }
}

impl Content {
    fn take(&mut self, block: &Block) {
        self.images = self
            .images
            .saturating_add(block.content.images)
            .saturating_add(block.source.content.images)
            .saturating_add(u32::from(block.kind == Kind::Image));
        self.files |= block.content.files
            || block.source.content.files
            || block.kind == Kind::File
            || (block.kind == Kind::Document && !block.source.is_text);
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Blocks;

        impl<'de> Visitor<'de> for Blocks {
            type Value = Content;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a block or a list of blocks")
            }

            fn visit_str<E>(self, _: &str) -> Result<Content, E> {
                Ok(Content::default())
            }

            fn visit_unit<E>(self) -> Result<Content, E> {
                Ok(Content::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Content, A::Error> {
                let mut content = Content::default();
                while let Some(block) = seq.next_element::<Block>()? {
                    content.take(&block);
                }
                Ok(content)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Content, A::Error> {
                let mut content = Content::default();
                content.take(&Block::deserialize(MapAccessDeserializer::new(map))?);
                Ok(content)
            }
        }

        deserializer.deserialize_any(Blocks)
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<str>::deserialize(deserializer)?;
        Ok(match &*name {
            "image" => Self::Image,
            "document" => Self::Document,
            "container_upload" => Self::File,
            _ => Self::Other,
        })
    }
}

impl<'de> Deserialize<'de> for Source {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Wire {
            #[serde(rename = "type", default)]
            kind: String,
            #[serde(default)]
            content: Content,
        }

        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Source;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a source")
            }

            fn visit_unit<E>(self) -> Result<Source, E> {
                Ok(Source::default())
            }

            fn visit_str<E>(self, _: &str) -> Result<Source, E> {
                // A search result names its source by an address that nobody reads.
                Ok(Source::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Source, A::Error> {
                let wire = Wire::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Source {
                    is_text: matches!(wire.kind.as_str(), "text" | "content"),
                    content: wire.content,
                })
            }
        }

        deserializer.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn facts(body: &Value) -> Facts {
        Facts::of(body.to_string().as_bytes())
    }

    #[test]
    fn texts_and_the_clients_own_tools_are_bounded_by_their_bytes() {
        let found = facts(&json!({
            "model": "default", "max_tokens": 5, "system": [{"type": "text", "text": "s"}],
            "messages": [
                {"role": "user", "content": "hello"},
                {"role": "assistant", "content": [
                    {"type": "thinking", "thinking": "t", "signature": "x"},
                    {"type": "tool_use", "id": "1", "name": "f", "input": {"content": 5, "type": 1}},
                ]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "text"}]},
                {"role": "user", "content": [{"type": "document", "source": {"type": "text", "data": "d"}}]},
                {"role": "user", "content": [{"type": "of_the_future", "x": [1, {"y": null}]}]},
            ],
            "tools": [{"name": "f", "input_schema": {"type": "object"}}, {"type": "bash_20250124", "name": "bash"}],
            "inference_geo": "global", "speed": "standard",
        }));
        assert_eq!(found, Facts::default());
    }

    #[test]
    fn pictures_are_counted_at_every_depth() {
        let image = json!({"type": "image", "source": {"type": "url", "url": "https://x.example"}});
        let found = facts(&json!({"messages": [{"role": "user", "content": [
            image, {"type": "tool_result", "content": [image]},
            {"type": "document", "source": {"type": "content", "content": [image]}},
        ]}]}));
        assert_eq!(found.reach.images, 3);
        assert!(!found.reach.boundless);
    }

    #[test]
    fn what_is_read_elsewhere_is_bounded_by_the_context_alone() {
        for body in [
            json!({"messages": [{"content": [{"type": "document", "source": {"type": "base64", "data": "JVBE"}}]}]}),
            json!({"messages": [{"content": [{"type": "container_upload", "file_id": "f"}]}]}),
            json!({"tools": [{"type": "web_fetch_20260318", "name": "web_fetch"}]}),
            json!({"tools": [{"type": "web_search_20260318", "name": "web_search", "max_uses": 3}]}),
            json!({"mcp_servers": []}),
        ] {
            let found = facts(&body);
            assert!(found.reach.boundless, "{body}");
            assert_eq!(found.unbounded, None, "{body}");
        }
        let searching = json!({"tools": [{"type": "web_search_20260318", "max_uses": 3}]});
        assert_eq!(facts(&searching).reach.searches, 3);
        assert!(facts(&searching).wants_the_web);
    }

    #[test]
    fn what_has_no_bound_is_named() {
        let pointer = |body: Value| facts(&body).unbounded.expect("refused").pointer;
        assert_eq!(pointer(json!({"speed": "fast"})), "/speed");
        assert_eq!(pointer(json!({"fallbacks": []})), "/fallbacks");
        let searching = json!({"tools": [{"name": "f"}, {"type": "web_search_20260318"}]});
        assert_eq!(pointer(searching), "/tools/1/max_uses");
        let odd = [
            "{\"messages\":{\"not\":\"a list\"}}",
            "{\"messages\":[{\"content\":\"x\",\"content\":\"x\"}],\"speed\":\"fast\"}",
            "{\"tools\":[{\"type\":\"web_search_20260318\",\"max_uses\":1000.0}]}",
        ];
        for body in odd {
            let found = Facts::of(body.as_bytes());
            assert!(found.reach.boundless && found.unbounded.is_some(), "{body}");
        }
        for kind in [
            "code_execution_20260120",
            "bash_code_execution_20260120",
            "text_editor_code_execution_20260120",
        ] {
            let running = json!({"tools": [{"type": kind}]});
            assert!(facts(&running).reach.boundless, "{kind}");
            assert_eq!(pointer(running), "/tools/0", "{kind}");
        }
    }

    #[test]
    fn a_region_of_its_own_costs_more() {
        let found = facts(&json!({"inference_geo": "us"}));
        assert_eq!(found.reach.surcharge_percent, 10);
    }
}
