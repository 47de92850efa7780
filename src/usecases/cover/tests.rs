//! What leaves of Messages bodies and what comes back, through the front door.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::Cover;
use crate::domain::{Detector, FieldPattern, LinkHost, Privacy};
use crate::salesforce::Fault;

fn patterns(texts: &[&str]) -> Vec<FieldPattern> {
    let parsed = texts.iter().map(|text| FieldPattern::parse(text).unwrap());
    parsed.collect()
}

fn policy() -> Privacy {
    Privacy {
        drop: patterns(&["*.SSN__c"]),
        mask: patterns(&["Contact.Name"]),
        detect: Detector::ALL.into(),
        link_hosts: vec![LinkHost::parse("acme.example").unwrap()],
        ..Privacy::default()
    }
}

fn covered(body: &str) -> (String, Cover) {
    let (left, cover) = Cover::of(&Bytes::from(body.to_owned()), &Arc::new(policy())).unwrap();
    (String::from_utf8(left.to_vec()).unwrap(), cover)
}

fn refused(body: &str, policy: Privacy) -> Fault {
    let fault = Cover::of(&Bytes::from(body.to_owned()), &Arc::new(policy)).unwrap_err();
    assert!(fault.detail.chars().count() <= 255, "{}", fault.detail);
    fault
}

fn uncovered(cover: &Cover, reply: &str) -> String {
    String::from_utf8(cover.uncover(&Bytes::from(reply.to_owned())).to_vec()).unwrap()
}

/// A cover that masked `jens@acme.example` as `[EMAIL_1]` and `Jens "J" Albrecht` as `[CONTACT_NAME_1]`.
fn cover() -> Cover {
    let record = json!({"attributes": {"type": "Contact"}, "Name": "Jens \"J\" Albrecht"});
    let body = json!({"system": "jens@acme.example", "messages": [{"role": "user", "content": record.to_string()}]});
    let (left, cover) = covered(&body.to_string());
    assert!(
        left.contains("[EMAIL_1]") && left.contains("[CONTACT_NAME_1]"),
        "{left}"
    );
    cover
}

#[test]
fn a_body_without_anything_to_mask_leaves_as_the_same_bytes() {
    let body = Bytes::from_static(b" {\"model\" : \"m\", \"max_tokens\":1e2,\n\"messages\":[{\"role\":\"user\",\"content\":\"caf\\u00e9 \\/ [x]\"}] } ");
    let (left, cover) = Cover::of(&body, &Arc::new(policy())).unwrap();
    assert_eq!(left.as_ptr(), body.as_ptr());
    assert_eq!(left, body);
    assert!(cover.masked().is_empty() && cover.masked_fields() == 0);
    assert_eq!(cover.sent(), &["messages".to_owned()].into());
}

#[test]
fn only_the_strings_that_hold_something_change_and_all_else_stays_to_the_byte() {
    let body = r#"{ "max_tokens" : 100.00, "messages":[ {"role":"user","content":[
      {"text":"for jens@acme.example", "type":"text" , "new":12345678901234567890.5, "cache_control":{"type":"ephemeral"}},
      {"type":"thinking","thinking":"jens@acme.example","signature":"jens@acme.example"},
      {"type":"redacted_thinking","data":"jens@acme.example"} ]}], "z":null,"a" : 0 }"#;
    let (left, _) = covered(body);
    assert_eq!(left, body.replace("for jens@acme.example", "for [EMAIL_1]"));
}

#[test]
fn one_address_has_one_placeholder_in_tools_system_and_messages() {
    let (left, cover) = covered(
        r#"{"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"of jens@acme.example and ana@acme.example"}]}],
        "system":[{"type":"text","text":"You write for jens@acme.example"}],
        "tools":[{"name":"mail","description":"mails eva@acme.example","input_schema":{"type":"object","properties":{"to":{"enum":["jens@acme.example"],"type":"string"}}}}],
        "metadata":{"user_id":"ana@acme.example"}}"#,
    );
    let left: Value = serde_json::from_str(&left).unwrap();
    assert_eq!(
        left,
        json!({
            "messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "of [EMAIL_2] and [EMAIL_3]"}]}],
            "system": [{"type": "text", "text": "You write for [EMAIL_2]"}],
            "tools": [{"name": "mail", "description": "mails [EMAIL_1]", "input_schema": {"type": "object", "properties": {"to": {"enum": ["[EMAIL_2]"], "type": "string"}}}}],
            "metadata": {"user_id": "[EMAIL_3]"}
        })
    );
    let masked: Vec<&str> = cover.masked().iter().map(String::as_str).collect();
    assert_eq!(masked, ["messages", "metadata", "system", "tools"]);
    assert_eq!(cover.masked_fields(), 6);
    assert!(!format!("{cover:?}").contains("acme"));
}

#[test]
fn records_go_by_their_rules_in_prose_in_tool_results_and_in_tool_inputs() {
    let record = r#"{"attributes":{"type":"Contact"},"Name":"Jens Albrecht","SSN__c":"123-45-6789","Title":"CFO"}"#;
    let left_of_it =
        json!({"attributes": {"type": "Contact"}, "Name": "[CONTACT_NAME_1]", "Title": "CFO"});
    let input: Value = serde_json::from_str(record).unwrap();
    let body = json!({"messages": [
        {"role": "user", "content": format!("Brief me on {record}, please, as Jens Albrecht would.")},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "n", "input": {"records": [input]}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": format!("[{record},{record}]")}]}]},
    ]});
    let (left, cover) = covered(&body.to_string());
    assert!(!left.contains("123-45") && !left.contains("Jens"), "{left}");
    let left: Value = serde_json::from_str(&left).unwrap();
    assert_eq!(
        left["messages"][0]["content"],
        format!("Brief me on {left_of_it}, please, as [CONTACT_NAME_1] would.")
    );
    assert_eq!(
        left["messages"][1]["content"][0]["input"]["records"][0],
        left_of_it
    );
    let result = left["messages"][2]["content"][0]["content"][0]["text"].as_str();
    assert_eq!(
        result,
        Some(format!("[{left_of_it},{left_of_it}]").as_str())
    );
    assert!(cover.masked().contains("Contact.Name") && cover.sent().contains("Contact.Title"));
    assert!(!cover.sent().contains("Contact.SSN__c"));
}

#[test]
fn escapes_and_unseen_characters_hide_nothing() {
    for content in [
        r"jens\u0040acme.example",
        r"\u006aens@acme.example",
        r"j\u200bens@acme.example",
        r"jens@ac\u00adme.example",
        r#"{\"a\":\"jens\\u0040acme.example\"}"#,
    ] {
        let body = format!(r#"{{"messages":[{{"role":"user","content":"{content}"}}]}}"#);
        let (left, cover) = covered(&body);
        assert!(!left.contains("acme"), "{left}");
        assert_eq!(cover.masked_fields(), 1);
    }
    let (left, _) = covered(r#"{"messages":[{"role":"user","content":"\ud83d\ude00 a\u200bb"}]}"#);
    assert_eq!(left, r#"{"messages":[{"role":"user","content":"😀 ab"}]}"#);
}

#[test]
fn a_placeholder_that_the_request_writes_itself_keeps_its_meaning() {
    let (left, cover) = covered(
        r#"{"system":"Keep \u005bEMAIL_1] and [EMAIL_2] as they are","messages":[{"role":"user","content":"jens@acme.example"}]}"#,
    );
    assert!(left.contains(r#""content":"[EMAIL_3]""#), "{left}");
    let reply = r#"{"type":"message","content":[{"type":"text","text":"[EMAIL_1], [EMAIL_2], [EMAIL_3]"}]}"#;
    assert!(uncovered(&cover, reply).contains("[EMAIL_1], [EMAIL_2], jens@acme.example"));
}

#[test]
fn what_cannot_be_looked_into_is_refused_with_its_place_and_what_to_do() {
    let message = |block: &str| {
        format!(
            r#"{{"messages":[{{"role":"user","content":[{{"type":"text","text":"x"}},{block}]}}]}}"#
        )
    };
    for block in [
        r#"{"type":"image","source":{"type":"base64","media_type":"image/png","data":"x"}}"#,
        r#"{"type":"document","source":{"type":"url","url":"https://acme.example/x.pdf"}}"#,
        r#"{"type":"container_upload","file_id":"f"}"#,
    ] {
        let fault = refused(&message(block), policy());
        assert_eq!(fault.pointer, "/messages/0/content/1");
        assert!(fault.detail.contains("messages = false"));
    }
    let servers = refused(
        r#"{"mcp_servers":[{"url":"https://acme.example"}],"messages":[]}"#,
        policy(),
    );
    assert_eq!(servers.pointer, "/mcp_servers");
    let tool = |kind: &str| {
        format!(
            r#"{{"tools":[{{"name":"n","input_schema":{{}}}},{{"type":"{kind}","name":"w"}}],"messages":[]}}"#
        )
    };
    for kind in [
        "web_search_20260318",
        "web_fetch_20260209",
        "code_execution_20260120",
    ] {
        assert_eq!(refused(&tool(kind), policy()).pointer, "/tools/1");
    }
    let searching = || Privacy {
        web_search: true,
        ..policy()
    };
    assert_eq!(
        refused(&tool("code_execution_20260120"), searching()).pointer,
        "/tools/1"
    );
    let body = Bytes::from(tool("web_search_20260318"));
    assert!(Cover::of(&body, &Arc::new(searching())).is_ok());
}

#[test]
fn an_org_that_sends_named_fields_only_sends_no_prompt() {
    let strict = Privacy {
        allow: Some(patterns(&["Contact.Name"])),
        allow_text: false,
        ..policy()
    };
    let fault = refused(r#"{"messages":[]}"#, strict);
    assert_eq!(fault.pointer, "/messages");
    assert!(fault.detail.contains("allow_text = false"));
}

#[test]
fn a_body_that_can_be_read_in_two_ways_or_not_at_all_is_refused() {
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(300_000), "]".repeat(300_000));
    for (body, pointer) in [
        ("", ""),
        ("{", ""),
        ("[]", ""),
        (
            r#"{"messages":[{"role":"user","content":"a","content":"b"}]}"#,
            "/messages/0/content",
        ),
        (r#"{"messages":[],"m\u0065ssages":[]}"#, "/messages"),
        (
            r#"{"messages":[{"role":"user","content":[{"type":"tool_use","input":{"a/b":{"c":1,"c":1}}}]}]}"#,
            "/messages/0/content/0/input/a~1b/c",
        ),
        (
            r#"{"messages":[{"role":"user","content":"\ud83d"}]}"#,
            "/messages/0/content",
        ),
        (deep.as_str(), &format!("/a{}", "/0".repeat(127))),
    ] {
        assert_eq!(
            refused(body, policy()).pointer,
            pointer,
            "{}",
            &body[..body.len().min(90)]
        );
    }
    let latin = Bytes::from_static(b"{\"a\":\"\xe9\"}");
    assert_eq!(
        Cover::of(&latin, &Arc::new(policy())).unwrap_err().pointer,
        ""
    );
}

#[test]
fn a_reply_gets_its_values_back_and_loses_links_that_lead_elsewhere() {
    let reply = r#"{ "type":"message", "id" : "msg_1", "content":[
      {"type":"thinking","thinking":"[EMAIL_1]","signature":"[EMAIL_1]"},
      {"type":"text","text":"Dear [CONTACT_NAME_1] <\u005bEMAIL_1]>, see [x](https://evil.example/?d=[EMAIL_1]) and https://acme.example/[EMAIL_1]","citations":[{"cited_text":"[EMAIL_1]","url":"https://evil.example"}]},
      {"type":"tool_use","id":"t","name":"n","input":{"to": "[EMAIL_1]" , "n":1.50,"deep":[{"[EMAIL_1]":"https://evil.example [contact_name_1]"}]}}
    ],"stop_details":{"explanation":"[EMAIL_1]"},"usage":{"input_tokens":1} }"#;
    assert_eq!(
        uncovered(&cover(), reply),
        r#"{ "type":"message", "id" : "msg_1", "content":[
      {"type":"thinking","thinking":"[EMAIL_1]","signature":"[EMAIL_1]"},
      {"type":"text","text":"Dear Jens \"J\" Albrecht <jens@acme.example>, see x and https://acme.example/jens@acme.example","citations":[{"cited_text":"jens@acme.example","url":"https://evil.example"}]},
      {"type":"tool_use","id":"t","name":"n","input":{"to": "jens@acme.example" , "n":1.50,"deep":[{"jens@acme.example":"https://evil.example Jens \"J\" Albrecht"}]}}
    ],"stop_details":{"explanation":"jens@acme.example"},"usage":{"input_tokens":1} }"#
    );
}

#[test]
fn an_error_that_repeats_the_request_gets_its_values_back() {
    let reply =
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"no: [EMAIL_1]"}}"#;
    assert_eq!(
        uncovered(&cover(), reply),
        reply.replace("[EMAIL_1]", "jens@acme.example")
    );
}

#[test]
fn what_a_provider_says_of_a_request_is_uncovered_too() {
    assert_eq!(
        cover().uncover_text("no: [EMAIL_1], see [x](https://evil.example)"),
        "no: jens@acme.example, see x"
    );
}

#[test]
fn a_reply_without_anything_to_change_and_what_is_no_reply_pass_as_the_same_bytes() {
    for reply in [
        r#"{"type":"message","content":[{"type":"text","text":"Hi [EMAIL_9]"}],"x" : 1.0}"#,
        r#"{"input_tokens":12}"#,
        "<html>[EMAIL_1]</html>",
        "",
    ] {
        let reply = Bytes::from_static(reply.as_bytes());
        assert_eq!(cover().uncover(&reply).as_ptr(), reply.as_ptr());
    }
}

#[test]
fn neither_half_a_character_nor_a_deep_input_lets_a_link_through() {
    let deep = format!("{}{}", "[".repeat(9_000), "]".repeat(9_000));
    let reply = format!(
        r#"{{"type":"message","content":[{{"type":"tool_use","input":{deep}}},{{"type":"text","text":"\ud83d [x](https://evil.example) \\ud83d"}}]}}"#
    );
    let left = uncovered(&cover(), &reply);
    assert!(
        left.contains(r#""text":"� x \\ud83d""#),
        "{}",
        &left[18_000..]
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_address_leaves_wherever_it_stands_and_all_come_back(
        texts in prop::collection::vec("(jens@acme\\.example|\\[EMAIL_1\\]|\"|\\\\|\n|é|😀| |a|\\{\"b\":|\\}|\u{200b}){0,8}", 8)
    ) {
        let body = json!({
            "system": [{"type": "text", "text": texts[0]}],
            "messages": [
                {"role": "user", "content": texts[1]},
                {"role": "assistant", "content": [
                    {"type": "thinking", "thinking": texts[2]},
                    {"type": "tool_use", "id": "t", "name": "n", "input": {"a": [texts[3]], "b": {"c": texts[4]}}},
                ]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "t", "content": texts[5]},
                    {"type": "new", "words": {"x": texts[6]}},
                ]},
            ],
            "new": texts[7],
        });
        let body = body.to_string();
        let (left, cover) = covered(&body);
        let read: Value = serde_json::from_str(&left).unwrap();
        prop_assert!(!left.contains("jens@acme"));
        let input = &read["messages"][1]["content"][1]["input"];
        let reply = json!({"type": "message", "content": [{"type": "tool_use", "input": input}]}).to_string();
        let back: Value = serde_json::from_str(&uncovered(&cover, &reply)).unwrap();
        let clean = |text: &str| text.replace('\u{200b}', "");
        prop_assert_eq!(&back["content"][0]["input"], &json!({"a": [clean(&texts[3])], "b": {"c": clean(&texts[4])}}));
    }
}
