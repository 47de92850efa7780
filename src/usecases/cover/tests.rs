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
      {"type":"thinking","thinking":"jens@acme.example!","signature":"SEAL"},
      {"type":"redacted_thinking","data":"SEAL"} ]}], "z":null,"a" : 0 }"#;
    let body = body.replace("SEAL", &"Ab9+".repeat(20));
    let (left, _) = covered(&body);
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

/// Each of these has let its address or its card out, or a shape like it.
#[test]
fn nothing_leaves_unseen_wherever_it_stands() {
    let message = |content: &str| format!(r#""messages":[{{"role":"user","content":{content}}}]"#);
    let root = |members: &str| format!("{members},{}", message(r#""x""#));
    let block = |members: &str| message(&format!("[{{{members}}}]"));
    let tool = |members: &str| root(&format!(r#""tools":[{{"name":"f",{members}}}]"#));
    for members in [
        root(r#""stop_sequences":["E"]"#),
        root(
            r#""context_management":{"edits":[{"type":"compact_20260112","instructions":"of E"}]}"#,
        ),
        root(r#""compaction":{"instructions":"of E"}"#),
        root(r#""thinking":{"type":"disabled","note":"E"}"#),
        root(r#""tool_choice":{"type":"tool","name":"E"}"#),
        root(r#""container":{"id":"E"}"#),
        root(r#""diagnostics":{"x":"E"}"#),
        root(r#""diagnostics":{"x":C}"#),
        root(r#""service_tier":"E""#),
        root(r#""fallbacks":[{"x":"E"}]"#),
        root(r#""E":1"#),
        root(r#""new":{"C":{"E":"E"}}"#),
        root(r#""metadata":{"user_id":"E","E":C}"#),
        root(r#""output_config":"E""#),
        root(r#""output_config":{"effort":"E"}"#),
        root(r#""output_config":{"format":{"type":"json_schema","name":"E"}}"#),
        root(r#""output_config":{"new":{"E":1}}"#),
        root(r#""system":{"type":"text","text":"E"}"#),
        root(r#""system":["E"]"#),
        root(r#""tools":{"a":"E"}"#),
        root(r#""tools":["E"]"#),
        tool(r#""new":"E""#),
        tool(r#""description":{"x":"E"}"#),
        tool(r#""input_schema":{"properties":{"E":{"type":"string"}}}"#),
        tool(r#""input_schema":{"required":["E"]}"#),
        tool(r#""input_schema":{"properties":{"a":{"pattern":"E"}}}"#),
        tool(r#""input_schema":{"properties":["E"]}"#),
        tool(r#""input_schema":{"$id":"mailto:E"}"#),
        tool(r#""input_schema":{"minimum":C}"#),
        tool(r#""input_schema":{"E":1}"#),
        tool(r#""cache_control":{"note":"E"}"#),
        root(r#""tools":[{"name":"E","input_schema":{}}]"#),
        r#""messages":"E""#.to_owned(),
        r#""messages":{"role":"user","content":"E"}"#.to_owned(),
        r#""messages":["E"]"#.to_owned(),
        r#""messages":[[{"role":"user","content":"E"}]]"#.to_owned(),
        r#""messages":[{"role":"E","content":"x"}]"#.to_owned(),
        r#""messages":[{"role":"user","id":"E","content":"x"}]"#.to_owned(),
        r#""messages":[{"role":"user","content":"x","E":1}]"#.to_owned(),
        message(r#"{"type":"text","text":"E"}"#),
        message(r#"["E"]"#),
        message("C"),
        block(r#""type":"text","text":"x","cache_control":{"type":"ephemeral","note":"E"}"#),
        block(r#""type":"text","text":["E"]"#),
        block(r#""type":"text","text":"x","caller":{"who":"E"}"#),
        block(r#""type":"text","text":"x","encrypted_content":"E""#),
        block(r#""type":"text","text":"x","signature":{"x":"E"}"#),
        block(r#""type":"text","text":"x","C":1"#),
        block(r#""type":"text","text":"x","citations":[{"type":"E","encrypted_index":"C"}]"#),
        block(r#""type":"tool_result","tool_use_id":"E","content":"x""#),
        block(r#""type":"tool_result","tool_use_id":"t","content":{"x":"E"}"#),
        block(r#""type":"tool_use","id":"C","name":"n","input":{"C":C,"E":"E"}"#),
        block(r#""type":"E","text":"x""#),
        block(r#""type":"new","C":"x""#),
        block(r#""type":"new","x":{"role":"E","type":"E","id":C}"#),
        block(r#""type":"thinking","thinking":"E","signature":"s""#),
        block(r#""type":"redacted_thinking","data":"E""#),
        block(r#""type":"document","source":{"type":"text","media_type":"E","data":"x"}"#),
        block(r#""type":"search_result","source":"E","title":"x","content":[]"#),
    ] {
        let body = format!(r#"{{"model":"m",{members}}}"#);
        let body = body
            .replace('E', "jens@acme.example")
            .replace('C', "4111111111111111");
        let Ok((left, cover)) = Cover::of(&Bytes::from(body.clone()), &Arc::new(policy())) else {
            continue;
        };
        let left = String::from_utf8(left.to_vec()).unwrap();
        assert!(
            !left.contains("jens@acme") && !left.contains("41111111"),
            "{left}"
        );
        assert!(!cover.masked().is_empty(), "{body}");
    }
}

#[test]
fn what_must_stay_and_holds_something_is_refused_with_its_place() {
    for (body, pointer) in [
        (
            r#"{"tools":[{"name":"jens@acme.example"}]}"#,
            "/tools/0/name",
        ),
        (
            r#"{"tools":[{"name":"n","input_schema":{"properties":{"jens@acme.example":{}}}}]}"#,
            "/tools/0/input_schema/properties/…",
        ),
        (r#"{"tools":["x"]}"#, "/tools/0"),
        (r#"{"messages":{}}"#, "/messages"),
        (r#"{"messages":[{"content":{}}]}"#, "/messages/0/content"),
        (
            r#"{"messages":[{"content":["x"]}]}"#,
            "/messages/0/content/0",
        ),
        (r#"{"system":5}"#, "/system"),
        (r#"{"output_config":[]}"#, "/output_config"),
    ] {
        assert_eq!(refused(body, policy()).pointer, pointer);
    }
}

#[test]
fn no_file_leaves_by_another_spelling() {
    let long = "QUJD".repeat(1_100);
    for content in [
        r#"[{"type":"Image","source":{"type":"Base64","data":"eA"}}]"#,
        r#"[{"type":"new","source":{"media_type":"image/png","data":"eA"}}]"#,
        r#"[{"type":"new","deep":[{"source":{"type":"url","url":"x"}}]}]"#,
        r#"[{"type":"tool_result","content":[{"type":"image","source":{}}]}]"#,
        &format!(r#"[{{"type":"new","data":"{long}"}}]"#),
        &format!(
            r#"[{{"type":"text","text":"x","new":{{"a":["data:image/png;base64,{long}"]}}}}]"#
        ),
    ] {
        let body = format!(r#"{{"messages":[{{"role":"user","content":{content}}}]}}"#);
        let fault = refused(&body, policy());
        assert!(
            fault.pointer.starts_with("/messages/0/content/0"),
            "{content}"
        );
    }
    for shape in [
        r#"{"messages":[{"role":"user","content":{"type":"image","source":{"type":"base64","data":"eA"}}}]}"#,
        r#"{"messages":[],"system":{"type":"image","source":{"type":"base64","data":"eA"}}}"#,
    ] {
        refused(shape, policy());
    }
}

#[test]
fn long_names_over_long_lists_cost_no_more_than_they_are_long() {
    let body = format!(
        r#"{{"messages":[],"{}":[{}1]}}"#,
        "n".repeat(200_000),
        "1,[\"x\"],".repeat(20_000)
    );
    let (left, _) = covered(&body);
    assert_eq!(left, body);
}

#[test]
fn what_a_talk_with_tools_needs_stays_to_the_byte() {
    let body = r#"{"model":"claude-sonnet-5-5","max_tokens":64000,"stream":true,"temperature":0.7,"anthropic_version":"bedrock-2023-05-31",
      "thinking":{"type":"enabled","budget_tokens":32000,"display":"summarized"},"tool_choice":{"type":"tool","name":"get_case","disable_parallel_tool_use":true},
      "service_tier":"auto","stop_sequences":["\n\nHuman:","END"],"metadata":{"user_id":"u-1"},"betas":["context-1m-2025-08-07"],
      "context_management":{"edits":[{"type":"clear_tool_uses_20250919","trigger":{"type":"input_tokens","value":100000},"keep":{"type":"tool_uses","value":3},"exclude_tools":["get_case"]}]},
      "output_config":{"effort":"high","format":{"type":"json_schema","name":"answer","schema":{"$schema":"http://json-schema.org/draft-07/schema#","type":"object","properties":{"a":{"type":["string","null"],"pattern":"^\\d{3}-\\d{2}-\\d{4}$","maxLength":255}},"required":["a"],"additionalProperties":false}}},
      "tools":[{"type":"bash_20250124","name":"bash"},{"type":"computer_20250124","name":"computer","display_width_px":1024},
        {"name":"get_case","description":"d","strict":true,"cache_control":{"type":"ephemeral","ttl":"1h"},"input_schema":{"type":"object","properties":{"case_id":{"type":"string","format":"uuid","enum":["a","b"],"default":"a"}}}}],
      "messages":[{"role":"user","content":[{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}]},
        {"role":"assistant","content":[{"type":"tool_use","id":"toolu_01A09q90qw90lq917835lq9","name":"get_case","input":{"case_id":"a","n":1.50},"caller":{"type":"direct"}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_01A09q90qw90lq917835lq9","is_error":false,"content":null}]}]}"#;
    let (left, cover) = covered(body);
    assert_eq!(left, body);
    let sent: Vec<&str> = cover.sent().iter().map(String::as_str).collect();
    assert_eq!(
        sent,
        ["messages", "metadata", "others", "output_config", "tools"]
    );
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
