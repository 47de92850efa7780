//! Streams cut anywhere against the replies that they come to.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::flow::tests::may_explain;
use super::super::json_answer::shown;
use super::*;
use crate::domain::{Detector, FieldPattern, LinkHost, Privacy};

fn cover() -> Cover {
    let policy = Privacy {
        mask: vec![FieldPattern::parse("Contact.Name").unwrap()],
        detect: [Detector::Email].into(),
        link_hosts: vec![LinkHost::parse("acme.example").unwrap()],
        ..Privacy::default()
    };
    let record = json!({"attributes": {"type": "Contact"}, "Name": "Jens \"J\" Albrecht"});
    let body = json!({"system": "jens@acme.example", "messages": [{"role": "user", "content": record.to_string()}]});
    Cover::of(&Bytes::from(body.to_string()), &Arc::new(policy))
        .unwrap()
        .1
}

fn event(data: &Value) -> String {
    format!(
        "event: {}\ndata: {data}\n\n",
        data["type"].as_str().unwrap()
    )
}

fn start(index: u64, block: &Value) -> String {
    event(&json!({"type": "content_block_start", "index": index, "content_block": block}))
}

fn delta(index: u64, delta: &Value) -> String {
    event(&json!({"type": "content_block_delta", "index": index, "delta": delta}))
}

fn text(index: u64, text: &str) -> String {
    delta(index, &json!({"type": "text_delta", "text": text}))
}

fn input(index: u64, json: &str) -> String {
    delta(
        index,
        &json!({"type": "input_json_delta", "partial_json": json}),
    )
}

fn stop(index: u64) -> String {
    event(&json!({"type": "content_block_stop", "index": index}))
}

fn fed<'c>(chunks: impl IntoIterator<Item = &'c [u8]>) -> String {
    let mut uncovering = cover().uncover_stream();
    let mut out = Vec::new();
    for chunk in chunks {
        out.extend_from_slice(&uncovering.feed(chunk));
    }
    out.extend_from_slice(&uncovering.finish());
    assert!(uncovering.feed(b"data: {}\n\n").is_empty() && uncovering.finish().is_empty());
    String::from_utf8(out).unwrap()
}

fn whole(stream: &str) -> String {
    fed([stream.as_bytes()])
}

/// What the events of a stream say.
fn said(stream: &str) -> Vec<Value> {
    stream
        .split("\n\n")
        .filter_map(|event| {
            let data = event.lines().find_map(|line| line.strip_prefix("data: "))?;
            Some(serde_json::from_str(data).unwrap())
        })
        .collect()
}

/// Text and tool's input of the block `index`, put together as a client does.
fn block(stream: &str, index: u64) -> (String, String) {
    let (mut text, mut input) = (String::new(), String::new());
    for event in said(stream) {
        if event["index"] == index {
            let start = event["content_block"]["text"].as_str();
            text += event["delta"]["text"]
                .as_str()
                .or(start)
                .unwrap_or_default();
            input += event["delta"]["partial_json"].as_str().unwrap_or_default();
        }
    }
    (text, input)
}

#[test]
fn what_needs_no_change_passes_byte_for_byte_in_order() {
    let stream = [
        "\u{feff}: hello\r\n\r\n",
        "event: message_start\ndata:  {\"type\":\"message_start\",\"message\":{\"content\":[], \"usage\":{\"input_tokens\":1.0}}}\n\n",
        "event: ping\r\ndata: {\"type\": \"ping\"}\r\n\r\n",
        ": keep-alive\n",
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\"}}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"[EMAIL_1] https://evil.example\"}}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"[EMAIL_1]\"}}\n\n",
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
        "id: 7\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\ndata: \"index\":1,\"delta\":{\"text\":\"Plain w\\u00f6rds \",\"type\":\"text_delta\"}}\n\n",
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\" \"}}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":2,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\": 1.0}\"}}\n\n",
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":2}\n\n",
        "event: new\ndata: {\"type\":\"new\",\"text\":\"Plain\"}\n\n\n",
        "data\n\n",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    ]
    .concat();
    assert_eq!(whole(&stream), stream);
    assert_eq!(fed(stream.as_bytes().chunks(1)), stream);
}

#[test]
fn a_placeholder_and_a_link_come_back_wherever_deltas_and_bytes_are_cut() {
    let words = "Hi [CONTACT_NAME_1] <[EMAIL_1]>, see [x](https://evil.example/?d=[EMAIL_1]) or 😀 \\[EMAIL\\_1\\]";
    let wanted = "Hi Jens \"J\" Albrecht <jens@acme.example>, see x or 😀 jens@acme.example";
    for cut in (0..words.len()).filter(|&cut| words.is_char_boundary(cut)) {
        let stream = [
            start(0, &json!({"type": "text", "text": ""})),
            text(0, &words[..cut]),
            text(0, &words[cut..]),
            stop(0),
        ]
        .concat();
        assert_eq!(block(&whole(&stream), 0).0, wanted);
    }
    let letters: String = words.chars().map(|c| text(0, &c.to_string())).collect();
    for size in [1, 2, 3, 7, 50] {
        let stream = format!("{letters}{}", stop(0));
        assert_eq!(block(&fed(stream.as_bytes().chunks(size)), 0).0, wanted);
    }
}

#[test]
fn words_go_out_with_the_event_that_brought_them_and_what_waited_before_the_block_ends() {
    let mut uncovering = cover().uncover_stream();
    let plain = text(3, "The deal ");
    assert_eq!(uncovering.feed(plain.as_bytes()), plain);
    assert_eq!(
        uncovering.feed(text(3, "of [EMA").as_bytes()),
        text(3, "of ")
    );
    assert_eq!(uncovering.feed(text(3, "IL_").as_bytes()), "");
    let ping = "event: ping\ndata: {\"type\":\"ping\"}\n\n";
    assert_eq!(uncovering.feed(ping.as_bytes()), ping);
    assert_eq!(uncovering.feed(text(3, "1]").as_bytes()), "");
    let stop = stop(3);
    assert_eq!(
        uncovering.feed(stop.as_bytes()),
        format!(
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":3,\"delta\":{{\"type\":\"text_delta\",\"text\":\"jens@acme.example\"}}}}\n\n{stop}"
        )
    );
}

#[test]
fn a_tool_is_given_its_values_however_its_input_is_cut() {
    let json =
        r#"{"to": "\u005bEMAIL_1]", "n": 1.50, "who":["[CONTACT_NAME_1]"], "[EMAIL_1]":null}"#;
    let wanted = r#"{"to": "jens@acme.example", "n": 1.50, "who":["Jens \"J\" Albrecht"], "jens@acme.example":null}"#;
    for cut in 0..json.len() {
        let stream = [
            input(1, ""),
            input(1, &json[..cut]),
            text(0, "x [EM"),
            input(1, &json[cut..]),
            stop(1),
            stop(0),
        ]
        .concat();
        let out = whole(&stream);
        assert_eq!(block(&out, 1).1, wanted);
        assert_eq!(block(&out, 0).0, "x [EM");
    }
    // Cut off by `max_tokens`.
    let stream = [
        input(1, r#"{"to":["[EMAIL_1] and [CONTACT_NAME_1] \"#),
        stop(1),
    ]
    .concat();
    assert_eq!(
        block(&whole(&stream), 1).1,
        r#"{"to":["jens@acme.example and Jens \"J\" Albrecht \"#
    );
}

#[test]
fn whatever_else_repeats_the_request_gets_its_values_back() {
    let citation = delta(
        0,
        &json!({"type": "citations_delta", "citation": {"type": "char_location", "cited_text": "[EMAIL_1]"}}),
    );
    let error = event(&json!({"type": "error", "error": {"type": "x", "message": "[EMAIL_1]"}}));
    let refusal = event(
        &json!({"type": "message_delta", "delta": {"stop_details": {"explanation": "[EMAIL_1]"}}}),
    );
    let begun = start(0, &json!({"type": "tool_use", "input": {"a": "[EMAIL_1]"}}));
    for event in [citation, error, refusal, begun] {
        assert_eq!(
            whole(&event),
            event.replace("[EMAIL_1]", "jens@acme.example")
        );
    }
    let stream = [
        start(0, &json!({"type": "text", "text": "a [EMAI"})),
        text(0, "L_1] b"),
        stop(0),
    ]
    .concat();
    assert_eq!(block(&whole(&stream), 0).0, "a jens@acme.example b");
}

#[test]
fn no_link_leaves_in_an_event_that_is_not_known() {
    const LINK: &str = "[x](https://evil.example) of [EMAIL_1]";
    let shown = |event: &str| event.replace(LINK, "x of jens@acme.example");
    for event in [
        event(&json!({"type": "new", "a": {"b": [LINK]}})),
        format!("data: {}\n\n", json!({"a": LINK})),
        start(0, &json!({"type": "new", "a": [LINK]})),
        start(0, &json!({"type": "text", "text": "", "a": LINK})),
        delta(0, &json!({"type": "new_delta", "a": [LINK]})),
        delta(0, &json!({"a": LINK})),
        event(&json!({"type": "error", "error": {"message": LINK}})),
    ] {
        assert_eq!(whole(&event), shown(&event));
    }
    assert_eq!(
        block(&whole(&delta(0, &json!({"text": LINK}))), 0).0,
        "x of jens@acme.example"
    );
    for unread in [
        "data: https://evil.example\n\n",
        "data: {\"type\":\"text\n\n",
    ] {
        assert_eq!(whole(unread), "");
    }
    assert_eq!(fed([b"data: \xff https://evil.example\n\n".as_slice()]), "");
}

#[test]
fn what_waits_goes_out_before_an_error_and_when_the_stream_is_cut() {
    let error = event(&json!({"type": "error", "error": {"type": "x", "message": "m"}}));
    let out = whole(&format!("{}{error}", text(0, "to [EMAIL_1]")));
    assert!(out.ends_with(&error));
    assert_eq!(block(&out, 0).0, "to jens@acme.example");
    let cut = format!(
        "{}{}",
        text(0, "to [EMAIL_1] "),
        text(1, "[x](https://evil.example)")
    );
    for end in 0..cut.len() {
        let out = fed([&cut.as_bytes()[..end]]);
        assert!(!out.contains("EMAIL_1]") && !out.contains("evil"), "{out}");
        said(&out);
    }
}

#[test]
fn blocks_that_are_written_at_once_do_not_mix() {
    let stream: String = ["[EMA", "IL_1", "] x"]
        .iter()
        .flat_map(|piece| [text(0, piece), text(5, piece)])
        .chain([stop(5), stop(0)])
        .collect();
    let out = whole(&stream);
    for index in [0, 5] {
        assert_eq!(block(&out, index).0, "jens@acme.example x");
    }
}

#[test]
fn a_stream_that_asks_for_too_much_ends_with_an_error() {
    let many: String = (0..2_000).map(|index| text(index, "[")).collect();
    let long = vec![b'x'; 33_000_000];
    let piece = input(0, &"x".repeat(8_000_000)).repeat(3);
    for stream in [many.as_bytes(), &long, piece.as_bytes()] {
        let mut uncovering = cover().uncover_stream();
        let out = uncovering.feed(stream);
        assert!(out.starts_with(b"event: error\n") || out.ends_with(b"\n\n"));
        assert!(out.len() < 1_000 && !out.is_empty());
        assert!(uncovering.gave_up());
        assert!(uncovering.feed(b"event: ping\n\n").is_empty() && uncovering.finish().is_empty());
    }
}

#[test]
fn printing_it_for_a_log_shows_no_value() {
    let mut uncovering = cover().uncover_stream();
    uncovering.feed(text(0, "[EMAIL_1").as_bytes());
    let printed = format!("{uncovering:?}");
    assert!(
        !printed.contains("acme") && !printed.contains("[EMAIL"),
        "{printed}"
    );
    assert_eq!(uncovering.cover().masked_fields(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_stream_says_what_the_whole_reply_says(
        pieces in prop::collection::vec(
            (0..3_u64, "(\\{\"x\":\"|\"\\}|\\[|\\]|\\(|<|>| | |\n|x|é|😀|\"|\\\\|:|/|\\[EMAIL_1\\]|EMAIL_1|\\[CONTACT|_NAME_1\\]|\\]\\(https://evil\\.example|https://acme\\.example|www\\.evil\\.example){0,4}"),
            0..12
        ),
        size in 1..40_usize,
        crlf in any::<bool>()
    ) {
        let mut stream = String::new();
        let mut texts = [String::new(), String::new(), String::new()];
        for (index, piece) in &pieces {
            texts[usize::try_from(*index).unwrap()] += piece;
            stream += &if *index == 2 { input(2, piece) } else { text(*index, piece) };
        }
        stream += &[stop(0), stop(2), stop(1)].concat();
        if crlf {
            stream = stream.replace('\n', "\r\n");
        }
        let out = fed(stream.as_bytes().chunks(size)).replace("\r\n", "\n");
        let cover = cover();
        for index in [0, 1] {
            let (said, _) = block(&out, index);
            prop_assert_eq!(cover.prose(&said), said.as_str());
            let text = &texts[usize::try_from(index).unwrap()];
            if !may_explain(text, &cover) {
                prop_assert_eq!(said, shown(text, &cover));
            }
        }
        let json = &texts[2];
        prop_assert_eq!(block(&out, 2).1, cover.input(json).unwrap_or_else(|| json.clone()));
    }

    #[test]
    fn no_bytes_make_it_panic(
        lines in prop::collection::vec("(event: content_block_delta|data: |data:|\\{\"type\":\"content_block_delta\"|,\"index\":|1|,\"delta\":\\{|\"type\":\"text_delta\"|,\"text\":\"\\[E\"\\}\\}|\n|\r|\r\n|:|x|\\}){0,12}", 0..6),
        size in 1..20_usize
    ) {
        let stream = lines.concat();
        let out = fed(stream.as_bytes().chunks(size));
        prop_assert_eq!(out, whole(&stream));
    }
}
