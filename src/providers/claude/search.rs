//! A call in which the model searches the web: its body, and what its answer found.
//!
//! # Why
//! The search runs at the provider, inside the call. Two things about it differ from any other question. A long search
//! pauses, and goes on when its answer is sent back as it came: so an assistant's turn is raw JSON here, since a block
//! that was parsed and written again may no longer be what the provider signed. And citations do not combine with
//! structured output, so the answer is prose with its sources; a second call makes the task's answer of it.
//!
//! Only the model itself may call the tool, no code that it writes: so results and citations come as blocks of their
//! own, and nothing runs in a container that would outlive the call.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{Stop, room, stop};
use crate::domain::{Effort, Target, Thinking};

/// A question that the model may search the web for.
#[derive(Debug, Clone)]
pub struct SearchAsk<'a> {
    /// The static system prompt; the provider is told to cache it.
    pub system: &'a str,
    /// What is said: our question, then what a paused search has answered so far.
    pub turns: &'a [SearchTurn],
    /// The most searches that this call may run. What a paused call has used is the caller's to take off.
    pub max_uses: u32,
    /// The only domains that may be read; any where none is named.
    pub allowed_domains: &'a [String],
    /// Tokens of the answer itself.
    pub answer_tokens: u32,
    /// How hard the model should try, where it can be told.
    pub effort: Effort,
}

/// One turn of a search.
#[derive(Debug, Clone)]
pub enum SearchTurn {
    /// We ask.
    User(String),
    /// The content of a paused answer, as it came.
    Assistant(Box<RawValue>),
}

/// What an answer with searches says.
#[derive(Debug, Clone)]
pub struct SearchReply {
    /// Its content blocks, to the byte; a paused search goes on from them.
    pub content: Box<RawValue>,
    /// Its text; behind each cited passage the addresses it rests on, in square brackets.
    pub text: String,
    /// Address and title of every page that was found or cited, each once, in order.
    pub sources: Vec<(String, String)>,
    /// Whether the search goes on when the content is sent back.
    pub paused: bool,
    /// Why it ended, where it is not paused.
    pub stop: Stop,
}

/// The tool, by the version that came with the models 4.6.
const TOOL_KIND: &str = "web_search_20260318";

/// A longer address is no page's, and would crowd the others out of the question.
const ADDRESS_BYTES: usize = 2_048;

#[derive(Serialize)]
struct WireQuestion<'a> {
    model: &'a str,
    max_tokens: u32,
    system: Value,
    messages: Vec<WireTurn<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<Value>,
    tools: Value,
}

#[derive(Serialize)]
#[serde(tag = "role", rename_all = "lowercase")]
enum WireTurn<'a> {
    User { content: &'a str },
    Assistant { content: &'a RawValue },
}

#[derive(Deserialize)]
struct WireAnswer {
    #[serde(rename = "type")]
    kind: String,
    content: Box<RawValue>,
    stop_reason: Option<String>,
}

#[derive(Deserialize)]
struct WireBlock {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    citations: Option<Vec<WirePage>>,
    /// A list of pages, or one error.
    #[serde(default)]
    content: Option<Value>,
}

/// A page as a result or as a citation.
#[derive(Deserialize)]
struct WirePage {
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    title: Option<String>,
}

/// The body that lets `target` search, and the most tokens that may come back.
///
/// # Panics
/// Never: plain data is always written.
pub fn search_body(ask: &SearchAsk<'_>, target: &Target) -> (Bytes, u32) {
    let max_tokens = room(ask.answer_tokens, ask.effort, target);
    let mut tool = json!({
        "type": TOOL_KIND,
        "name": "web_search",
        "max_uses": ask.max_uses,
        "allowed_callers": ["direct"],
    });
    if !ask.allowed_domains.is_empty() {
        tool["allowed_domains"] = json!(ask.allowed_domains);
    }
    let capabilities = target.capabilities;
    let question = WireQuestion {
        model: target.model.as_str(),
        max_tokens,
        system: json!([{"type": "text", "text": ask.system, "cache_control": {"type": "ephemeral"}}]),
        messages: ask.turns.iter().map(WireTurn::of).collect(),
        thinking: (capabilities.thinking == Thinking::Optional)
            .then(|| json!({"type": "disabled"})),
        output_config: capabilities
            .effort
            .then(|| json!({"effort": ask.effort.as_str()})),
        tools: json!([tool]),
    };
    let body = serde_json::to_vec(&question).expect("plain data is always written");
    (Bytes::from(body), max_tokens)
}

/// Reads an answer with searches; `None` where `body` is no message.
pub fn read_search(body: &[u8]) -> Option<SearchReply> {
    let answer: WireAnswer = serde_json::from_slice(body).ok()?;
    if answer.kind != "message" {
        return None;
    }
    let blocks: Vec<WireBlock> = serde_json::from_str(answer.content.get()).ok()?;
    let mut text = String::new();
    let mut sources = Vec::new();
    for block in blocks {
        match block.kind.as_str() {
            "text" => {
                text.push_str(&block.text.unwrap_or_default());
                let cited = noted(block.citations.unwrap_or_default(), &mut sources).join(", ");
                if !cited.is_empty() {
                    text.extend([" [", &cited, "]"]);
                }
            }
            "web_search_tool_result" => {
                // A search that failed holds an error here, and the model says so in its text.
                let pages = block.content.map(serde_json::from_value::<Vec<WirePage>>);
                noted(pages.and_then(Result::ok).unwrap_or_default(), &mut sources);
            }
            _ => {}
        }
    }
    let reason = answer.stop_reason.as_deref();
    Some(SearchReply {
        content: answer.content,
        text,
        sources,
        paused: reason == Some("pause_turn"),
        stop: stop(reason),
    })
}

/// Notes the pages that are not among `sources` yet; the addresses of all of them, each once.
fn noted(pages: Vec<WirePage>, sources: &mut Vec<(String, String)>) -> Vec<String> {
    let mut addresses = Vec::new();
    for page in pages {
        let Some(url) = page.url.filter(|url| is_address(url)) else {
            continue;
        };
        if !sources.iter().any(|(known, _)| *known == url) {
            sources.push((url.clone(), page.title.unwrap_or_default()));
        }
        if !addresses.contains(&url) {
            addresses.push(url);
        }
    }
    addresses
}

/// Whether `url` is one that may be shown: of the web, in one piece, and no longer than addresses are.
fn is_address(url: &str) -> bool {
    let of_the_web = url.starts_with("https://") || url.starts_with("http://");
    of_the_web
        && url.len() <= ADDRESS_BYTES
        && !url.contains(|char: char| char.is_whitespace() || char.is_control())
}

impl<'a> WireTurn<'a> {
    fn of(turn: &'a SearchTurn) -> Self {
        match turn {
            SearchTurn::User(content) => Self::User { content },
            SearchTurn::Assistant(content) => Self::Assistant { content },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ModelId, ProviderName};
    use crate::providers::capabilities::{self, Surface};

    const REPLY: &str = include_str!("../golden/search_reply.json");

    fn written(model: &str, turns: &[SearchTurn], domains: &[String]) -> (String, u32) {
        let ask = SearchAsk {
            system: "You search.",
            turns,
            max_uses: 4,
            allowed_domains: domains,
            answer_tokens: 1_500,
            effort: Effort::Low,
        };
        let target = Target {
            provider: ProviderName::parse("claude").expect("a name"),
            model: ModelId::parse(model).expect("a model"),
            price: None,
            capabilities: capabilities::of(Surface::Claude, model),
            simulated: false,
        };
        let (body, room) = search_body(&ask, &target);
        (String::from_utf8(body.to_vec()).expect("UTF-8"), room)
    }

    #[test]
    fn a_search_reads_like_the_golden_file() {
        let turns = [SearchTurn::User("account".to_owned())];
        let domains = ["acme.example".to_owned(), "news.example".to_owned()];
        let (written, _) = written("claude-sonnet-5-5", &turns, &domains);

        let golden: Value =
            serde_json::from_str(include_str!("../golden/search.json")).expect("JSON");
        let written: Value = serde_json::from_str(&written).expect("JSON");
        assert_eq!(written, golden, "{written:#}");
    }

    #[test]
    fn without_named_domains_any_may_be_read() {
        let turns = [SearchTurn::User("account".to_owned())];
        let (written, room) = written("claude-opus-5-5", &turns, &[]);

        let written: Value = serde_json::from_str(&written).expect("JSON");
        assert!(written["tools"][0].get("allowed_domains").is_none());
        // It always thinks, and has to have room for that.
        assert!(written.get("thinking").is_none());
        assert_eq!((room, &written["max_tokens"]), (3_548, &json!(3_548)));
    }

    #[test]
    fn a_paused_search_goes_back_to_the_byte() {
        let reply = read_search(REPLY.as_bytes()).expect("a message");
        assert!(reply.paused);
        let content = reply.content.get().to_owned();
        let turns = [
            SearchTurn::User("account".to_owned()),
            SearchTurn::Assistant(reply.content),
        ];

        let (written, _) = written("claude-sonnet-5-5", &turns, &[]);
        assert!(REPLY.contains(&content));
        assert!(content.contains("\"future_member\": 1.50"));
        let turn = format!("{{\"role\":\"assistant\",\"content\":{content}}}]");
        assert!(written.contains(&turn), "{written}");
    }

    #[test]
    fn pages_found_and_cited_are_told_once_and_each_passage_names_its_own() {
        let reply = read_search(REPLY.as_bytes()).expect("a message");

        let sources: Vec<(&str, &str)> = reply
            .sources
            .iter()
            .map(|(url, title)| (url.as_str(), title.as_str()))
            .collect();
        assert_eq!(
            sources,
            [
                ("https://acme.example/about", "About Acme Freight"),
                ("https://news.example/acme?a=1&b=2", ""),
                ("https://register.example/acme", "Register"),
            ]
        );
        assert_eq!(
            reply.text,
            "I will look. Acme Freight carries parcels \
             [https://acme.example/about, https://register.example/acme]. Nothing more was found."
        );
    }

    #[test]
    fn an_address_that_is_too_long_for_one_is_no_page() {
        let page = |url: &str| json!({"type": "web_search_result", "url": url, "title": "x"});
        let long = format!("https://evil.example/{}", "a".repeat(ADDRESS_BYTES));
        let result = json!({"type": "web_search_tool_result", "content": [page(&long), page("https://port.example/a")]});
        let reply = json!({"type": "message", "content": [result], "stop_reason": "end_turn"});
        let read = read_search(reply.to_string().as_bytes()).unwrap();
        assert_eq!(
            read.sources,
            [("https://port.example/a".to_owned(), "x".to_owned())]
        );
    }

    #[test]
    fn how_a_search_ended_is_told() {
        let ended = |reason: &str| {
            let body = format!(r#"{{"type":"message","content":[],"stop_reason":"{reason}"}}"#);
            let reply = read_search(body.as_bytes()).expect("a message");
            (reply.paused, reply.stop)
        };
        assert_eq!(ended("end_turn"), (false, Stop::Done));
        assert_eq!(ended("pause_turn"), (true, Stop::Done));
        assert_eq!(ended("max_tokens"), (false, Stop::CutOff));
        assert_eq!(ended("refusal"), (false, Stop::Refusal));
        assert!(read_search(br#"{"type":"error","content":[]}"#).is_none());
        assert!(read_search(b"<html>").is_none());
    }
}
