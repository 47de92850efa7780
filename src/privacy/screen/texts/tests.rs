//! What leaves of texts that hold records, and of JSON that a tool is given.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::domain::{Detector, FieldPattern};
use crate::salesforce::arbitrary;

fn patterns(texts: &[&str]) -> Vec<FieldPattern> {
    let parsed = texts.iter().map(|text| FieldPattern::parse(text).unwrap());
    parsed.collect()
}

fn careful() -> Privacy {
    Privacy {
        drop: patterns(&["*.SSN__c"]),
        mask: patterns(&["Contact.Name", "Opportunity.Amount"]),
        detect: Detector::ALL.into(),
        ..Privacy::default()
    }
}

fn text_left(text: &str) -> String {
    let passages = [("messages", Passage::Text(text.into()))];
    let screened = screen_passages(&passages, &careful());
    screened
        .left
        .into_iter()
        .next()
        .unwrap()
        .unwrap_or_else(|| text.to_owned())
}

fn json_left(value: &Json) -> Json {
    let json = value.to_string();
    let passages = [("messages", Passage::Json(&json))];
    let screened = screen_passages(&passages, &careful());
    match &screened.left[0] {
        Some(left) => serde_json::from_str(left).unwrap(),
        None => value.clone(),
    }
}

const CONTACT: &str = r#"{"attributes":{"type":"Contact","url":"/services/data/v66.0/sobjects/Contact/0035f00000HjKlMAAV"},"Id":"0035f00000HjKlMAAV","Name":"Jens Albrecht","SSN__c":"123-45-6789","Title":"CFO"}"#;

#[test]
fn a_record_inside_of_prose_goes_by_its_rules_and_the_prose_by_the_detectors() {
    let text = format!(
        "Write to jens@acme.example about {CONTACT}, and greet Jens Albrecht {{\"twice\"}}."
    );
    assert_eq!(
        text_left(&text),
        r#"Write to [EMAIL_1] about {"attributes":{"type":"Contact"},"Id":"0035f00000HjKlMAAV","Name":"[CONTACT_NAME_1]","Title":"CFO"}, and greet [CONTACT_NAME_1] {"twice"}."#
    );
}

#[test]
fn records_of_two_objects_each_go_by_their_own_rules() {
    let text = format!(
        r#"[{CONTACT}, {{"attributes":{{"type":"Lead"}},"Name":"Ana Prado","ssn__c":"1"}}]"#
    );
    let left: Json = serde_json::from_str(&text_left(&text)).unwrap();
    assert_eq!(left[0]["Name"], "[CONTACT_NAME_1]");
    assert_eq!(
        left[1],
        json!({"attributes": {"type": "Lead"}, "Name": "Ana Prado"})
    );
}

#[test]
fn a_record_is_found_however_deep_and_however_often_it_was_serialized() {
    let inner = json!({"ok": true, "result": CONTACT}).to_string();
    let text = json!({"tool": {"out": [inner]}}).to_string();
    let left = text_left(&text);
    assert!(!left.contains("123-45") && !left.contains("Jens"), "{left}");
    let read: Json = serde_json::from_str(&left).unwrap();
    let inner: Json = serde_json::from_str(read["tool"]["out"][0].as_str().unwrap()).unwrap();
    let record: Json = serde_json::from_str(inner["result"].as_str().unwrap()).unwrap();
    assert_eq!(record["Title"], "CFO");
}

#[test]
fn a_record_that_loses_nothing_stays_to_the_byte() {
    let text = r#"see { "attributes" : {"type":"Lead"}, "Score" : 1.50, "n": 12345678901234567890.10,
      "Owner":{"attributes":{"type":"User","url":"/services/data/v66.0/sobjects/User/0055f00000HjKlMAAV"},"Alias":"a"} } ok"#;
    assert_eq!(text_left(text), text);
}

#[test]
fn what_hides_beside_the_fields_of_a_record_does_not_leave() {
    for hidden in [
        r#"{"attributes":{"type":"Lead","note":"ana@acme.example"},"Rating":"Hot"}"#,
        r#"{"attributes":{"type":"Lead","url":"/ana@acme.example"},"Rating":"Hot"}"#,
        r#"{"attributes":{"type":"Lead"},"Rating":"ana@acme.example","Rating":"Hot"}"#,
        r#"{"attributes":{"type":"Lead"},"Rating":"Hot","Tasks":{"totalSize":0,"done":"ana@acme.example","records":[]}}"#,
        r#"{"attributes":{"type":"Lead"},"Rating":"Hot","Tasks":{"totalSize":0,"nextRecordsUrl":"ana@acme.example","records":[]}}"#,
        r#"{"attributes":{"type":"Lead"},"Id":"001...","Rating":"Hot","SSN__c":"ana@acme.example"}"#,
    ] {
        let left = text_left(hidden);
        assert!(!left.contains("ana@") && left.contains("Hot"), "{left}");
    }
}

#[test]
fn the_address_of_a_record_leaves_only_where_its_id_may() {
    let policy = Privacy {
        drop: patterns(&["Lead.Id"]),
        ..Privacy::default()
    };
    let text = r#"{"attributes":{"type":"Lead","url":"/services/data/v66.0/sobjects/Lead/00Q5f00000HjKlMAAV"},"Rating":"Hot"}"#;
    let passages = [("messages", Passage::Text(text.into()))];
    let left = &screen_passages(&passages, &policy).left[0];
    assert_eq!(
        left.as_deref(),
        Some(r#"{"attributes":{"type":"Lead"},"Rating":"Hot"}"#)
    );
}

#[test]
fn under_an_allow_list_only_what_it_names_leaves_of_a_record_in_a_text() {
    let policy = Privacy {
        allow: Some(patterns(&["Contact.Title"])),
        ..Privacy::default()
    };
    let passages = [("messages", Passage::Text(CONTACT.into()))];
    let screened = screen_passages(&passages, &policy);
    assert_eq!(
        screened.left[0].as_deref(),
        Some(r#"{"attributes":{"type":"Contact"},"Title":"CFO"}"#)
    );
    assert!(screened.sent.contains("Contact.Title") && !screened.sent.contains("Contact.Name"));
}

#[test]
fn strings_of_other_json_are_read_as_what_they_say() {
    for (text, left) in [
        (
            r#"{"note":"call\n+41 44 555 01 33 \u006eow"}"#,
            r#"{"note":"call\n[PHONE_1] now"}"#,
        ),
        (
            r#"x {"to":"jens\u0040acme.example"} y"#,
            r#"x {"to":"[EMAIL_1]"} y"#,
        ),
        (r#"{"Phone":"4155550133"}"#, r#"{"Phone":"[PHONE_1]"}"#),
    ] {
        assert_eq!(text_left(text), left);
    }
}

#[test]
fn of_json_every_string_name_and_number_is_data() {
    let value = json!({"to": ["jens@acme.example"], "ana@acme.example": 1, "card": 4_111_111_111_111_111_u64, "n": 7,
        "Contact": serde_json::from_str::<Json>(CONTACT).unwrap(), "text": "for Jens Albrecht"});
    assert_eq!(
        json_left(&value),
        json!({"to": ["[EMAIL_1]"], "[EMAIL_2]": 1, "card": "[CARD_1]", "n": 7,
            "Contact": {"attributes": {"type": "Contact"}, "Id": "0035f00000HjKlMAAV", "Name": "[CONTACT_NAME_1]", "Title": "CFO"},
            "text": "for [CONTACT_NAME_1]"})
    );
}

#[test]
fn what_says_nothing_stays_to_the_byte_and_unseen_characters_go() {
    let passages = [
        ("system", Passage::Text("Be kind. {\"a\": [1, 2]}".into())),
        ("messages", Passage::Json(r#"{ "a" : 1.0 }"#)),
        ("messages", Passage::Text("a\u{200b}b".into())),
        ("messages", Passage::Json(r#"{"a":"x\u200by"}"#)),
    ];
    let screened = screen_passages(&passages, &careful());
    let left: Vec<Option<&str>> = screened.left.iter().map(Option::as_deref).collect();
    assert_eq!(left, [None, None, Some("ab"), Some(r#"{"a":"xy"}"#)]);
    assert!(screened.masked.is_empty() && screened.vault.is_empty());
    assert_eq!(
        screened.sent,
        ["messages", "system"].map(str::to_owned).into()
    );
}

#[test]
fn unseen_characters_hide_no_record() {
    let text = CONTACT
        .replacen('{', "{\u{200b}", 1)
        .replacen("Title", "Ti\u{200b}tle", 1);
    let left = text_left(&format!(
        "{text}\u{feff} and {CONTACT}\r\n{{\r\n  \"a\": \"x\u{2028}y\"}}"
    ));
    assert!(!left.contains("123-45") && !left.contains("Jens"), "{left}");
    assert!(left.ends_with("\n{\n  \"a\": \"x y\"}"), "{left}");
}

#[test]
fn no_number_that_the_texts_write_is_given_to_a_placeholder() {
    let screened = screen_passages(
        &[
            ("system", Passage::Text("ana@acme.example".into())),
            ("messages", Passage::Json(r#"{"a":"[EMAIL\u005f1]"}"#)),
            (
                "messages",
                Passage::Text("x {\"a\":\"[EMAIL\\u005f2]\"}".into()),
            ),
        ],
        &careful(),
    );
    assert_eq!(screened.left[0].as_deref(), Some("[EMAIL_3]"));
}

#[test]
fn braces_that_open_nothing_cost_little() {
    for piece in [
        r#"{"a":"#,
        r#"{"a":{"x":1},"b":"#,
        r#"{":{"#,
        r#"{"a":["#,
        "{\"",
        "{ \"a{\":{\"{\":",
    ] {
        let text = format!("{}{CONTACT}", piece.repeat(10_000));
        let left = text_left(&text);
        assert!(
            left.ends_with("CFO\"}") && !left.contains("123-45"),
            "{piece}"
        );
    }
}

#[test]
fn whatever_is_repeated_costs_as_much_as_it_is_long() {
    // Anything that looks at the whole once more for each piece would take minutes, and most here did.
    const BYTES: usize = 150_000;
    for piece in [
        "a@b.c",
        "a@b.c\"@",
        "%61%40b.co",
        "a%40b.c",
        "a\u{200d}@b.co",
        "a@[",
        "a@b.co ",
        "&#64;a",
        "<b>a@",
        "<!--a@b.co-->",
        "4111 1111 ",
        "1",
        "1.",
        "+1 ",
        "::",
        "1:2",
        "DE89",
        "YUBiLmNv",
        "YUBiLmNv/",
        "[EMAIL_1]",
        "\\u0040a",
        "Jens Albrecht",
    ] {
        let text = format!("{CONTACT} {}", piece.repeat(BYTES / piece.len()));
        assert!(!text_left(&text).contains("123-45"), "{piece}");
    }
    let (name, items) = ("n".repeat(BYTES), "1,\"\",".repeat(BYTES / 5));
    let long_name = format!(r#"{{"{name}":[{items}1]}}"#);
    let passages = [("messages", Passage::Json(&long_name))];
    assert_eq!(screen_passages(&passages, &careful()).left, [None]);
    let fields: Vec<String> = (0..BYTES / 10).map(|nth| format!("\"f{nth}\":1")).collect();
    let long_type = format!(
        r#"{{"attributes":{{"type":"{name}"}},{}}}"#,
        fields.join(",")
    );
    assert!(text_left(&long_type).len() < 2 * long_type.len());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_dropped_field_leaves_wherever_its_record_stands(
        record in arbitrary::record(),
        before in "[a-z{\"\\[: \\\\]{0,12}",
        after in "[a-z}\"\\], ]{0,12}",
        nested in 0..3_u8
    ) {
        let mut record = record;
        record["attributes"] = json!({"type": "Case"});
        record["Secret__c"] = json!("s3cr3tvalue");
        let mut text = record.to_string();
        for _ in 0..nested {
            text = json!({"inner": text}).to_string();
        }
        let text = format!("{before} {text}{after}\u{200b}");
        let policy = Privacy { drop: patterns(&["Case.Secret__c"]), ..Privacy::default() };
        let passages = [("messages", Passage::Text(text.as_str().into()))];
        let screened = screen_passages(&passages, &policy);
        let left = screened.left[0].as_deref().unwrap_or(&text);
        prop_assert!(!left.contains("s3cr3tvalue"), "{}", left);
    }

    #[test]
    fn what_comes_back_is_what_was_there(
        pieces in prop::collection::vec(
            "(jens@acme\\.example|Jens@acme\\.example|\\[EMAIL_1\\]|\\{\"a\":\"ana@acme\\.example\"\\}|\\{\"|:|\"| |x|\\+41 44 555 01 33)",
            0..12
        )
    ) {
        let text = pieces.concat();
        let passages = [("messages", Passage::Text(text.as_str().into()))];
        let screened = screen_passages(&passages, &careful());
        let left = screened.left[0].as_deref().unwrap_or(&text);
        prop_assert_eq!(screened.vault.restore(left), text);
    }
}
