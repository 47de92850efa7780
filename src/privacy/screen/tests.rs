//! What leaves and what comes back, through the room's front door.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::domain::{Detector, FieldPattern, OwnPattern};
use crate::salesforce::{Material, arbitrary, readable};

fn patterns(texts: &[&str]) -> Vec<FieldPattern> {
    texts
        .iter()
        .map(|text| FieldPattern::parse(text).unwrap())
        .collect()
}

fn careful() -> Privacy {
    Privacy {
        drop: patterns(&["*.SSN__c"]),
        mask: patterns(&[
            "Contact.Name",
            "Contact.Birthdate",
            "Opportunity.Amount",
            "*.OptOut__c",
        ]),
        detect: Detector::ALL.into(),
        patterns: vec![OwnPattern::new("CUSTOMER_NO", "KD-[0-9]{8}").unwrap()],
        ..Privacy::default()
    }
}

fn source(record: Json) -> Source {
    Source {
        record: Some(Record::parse(record, "/record").unwrap()),
        ..Source::default()
    }
}

fn sent(screened: &Screened) -> Json {
    serde_json::from_str(&Material::of(&screened.source, usize::MAX).json).unwrap()
}

fn names(names: &BTreeSet<String>) -> Vec<&str> {
    names.iter().map(String::as_str).collect()
}

fn deal() -> Source {
    let mut source = source(json!({
        "attributes": {"type": "Opportunity"}, "Id": "0065f00000QwErTAAV", "Amount": 184_500.0, "Probability": 70,
        "NextStep": "Call jens albrecht on +41 44 555 01 33, offer 184500", "SSN__c": "123-45-6789",
        "Account": {"attributes": {"type": "Account"}, "Name": "Acme", "Card__c": 4_111_111_111_111_111_u64,
            "BillingAddress": {"city": "Bath", "street": "c/o ana@acme.example"}},
        "Roles": [{"attributes": {"type": "OpportunityContactRole"}, "Contact": {"attributes": {"type": "Contact"},
            "Name": "Jens Albrecht", "Email": "J.Albrecht@acme.example", "Birthdate": "1980-05-17", "OptOut__c": true}}]
    }));
    source.facts = vec![(
        "Mail of KD-12345678".into(),
        "j.albrecht@ACME.example".into(),
    )];
    source.text = Some("Jens Albrecht's fax: 0445550134".into());
    source
}

#[test]
fn what_is_masked_leaves_as_placeholders_that_are_stable_within_the_call() {
    let screened = screen(
        &deal(),
        &["Write as JENS ALBRECHT <j.albrecht@acme.example> does"],
        &careful(),
    );
    assert_eq!(
        sent(&screened),
        json!({
            "record": {
                "sObject": "Opportunity", "Id": "0065f00000QwErTAAV", "Amount": "[OPPORTUNITY_AMOUNT_1]", "Probability": 70,
                "NextStep": "Call [CONTACT_NAME_1_2] on [PHONE_1], offer [OPPORTUNITY_AMOUNT_2]",
                "Account": {"sObject": "Account", "Name": "Acme", "Card__c": "[CARD_1]",
                    "BillingAddress": {"city": "Bath", "street": "c/o [EMAIL_1]"}},
                "Roles": [{"sObject": "OpportunityContactRole", "Contact": {"sObject": "Contact",
                    "Name": "[CONTACT_NAME_1]", "Email": "[EMAIL_2]", "Birthdate": "[CONTACT_BIRTHDATE_1]",
                    "OptOut__c": "[CONTACT_OPTOUT_1]"}}]
            },
            "facts": [{"label": "Mail of [CUSTOMER_NO_1]", "value": "[EMAIL_2_2]"}],
            "text": "[CONTACT_NAME_1]'s fax: [PHONE_2]"
        })
    );
    assert_eq!(
        screened.texts,
        ["Write as [CONTACT_NAME_1_3] <[EMAIL_2_3]> does"]
    );
    assert_eq!(screened.vault.hits(), 16);
    assert_eq!(
        screened.vault.restore("Dear [contact_name_1], [EMAIL_2], [PHONE_1], [OPPORTUNITY_AMOUNT_1], [CONTACT_OPTOUT_1]"),
        "Dear Jens Albrecht, J.Albrecht@acme.example, +41 44 555 01 33, 184500.0, true"
    );
    assert_eq!(
        screened.vault.restore(&screened.texts[0]),
        "Write as JENS ALBRECHT <j.albrecht@acme.example> does"
    );
}

#[test]
fn the_audit_hears_names_of_fields_and_no_value() {
    let screened = screen(&deal(), &["ana@acme.example"], &careful());
    assert_eq!(
        names(&screened.masked),
        [
            "Account.BillingAddress",
            "Account.Card__c",
            "Contact.Birthdate",
            "Contact.Email",
            "Contact.Name",
            "Contact.OptOut__c",
            "Opportunity.Amount",
            "Opportunity.NextStep",
            "facts",
            "text",
            "texts"
        ]
    );
    let sent = names(&screened.sent);
    assert!(
        sent.contains(&"Opportunity.Id")
            && sent.contains(&"Account.Name")
            && sent.contains(&"facts")
    );
    assert!(!sent.contains(&"Opportunity.SSN__c") && !sent.contains(&"texts"));
    assert!(!format!("{screened:?}").contains("Acme"));
}

#[test]
fn a_value_in_a_name_leaves_as_a_placeholder_too() {
    let screened = screen(
        &source(
            json!({"Notes": {"ana@acme.example": "x"}, "KD-12345678": 1, "Contact": {"Name": "Notes"}}),
        ),
        &[],
        &careful(),
    );
    assert_eq!(
        sent(&screened)["record"],
        json!({"Notes": {"[EMAIL_1]": "x"}, "[CUSTOMER_NO_1]": 1, "Contact": {"Name": "[NAME_1]"}})
    );
    assert!(screened.sent.contains("[CUSTOMER_NO_1]"));
}

#[test]
fn unseen_characters_and_encodings_hide_nothing() {
    let encoded = STANDARD.encode("write to ana@acme.example");
    let screened = screen(
        &source(
            json!({"A__c": "ana\u{200b}@acme.example", "B__c": "ana&#64;acme.example", "C__c": format!("x {encoded} y")}),
        ),
        &[],
        &careful(),
    );
    assert_eq!(
        sent(&screened)["record"],
        json!({"A__c": "[EMAIL_1]", "B__c": "[EMAIL_2]", "C__c": "x [ENCODED_1] y"})
    );
    assert_eq!(
        screened.vault.restore("[EMAIL_2] [ENCODED_1]"),
        format!("ana&#64;acme.example {encoded}")
    );
}

#[test]
fn ids_types_dates_and_plain_numbers_stay() {
    let record = json!({
        "attributes": {"type": "Case"}, "Id": "5005f00000LmNoPAAV", "ContactId": "0035f00000EdCrFAAV", "OwnerId": "0055f00000ZxCvB",
        "CreatedDate": "2026-11-14T16:40:12.000+0000", "CloseDate": "2026-12-18", "CaseNumber": "00041877", "Amount": 41_445_550_133_u64
    });
    let screened = screen(&source(record), &[], &careful());
    assert!(screened.masked.is_empty() && screened.vault.is_empty() && screened.vault.hits() == 0);
}

#[test]
fn a_masked_relationship_is_masked_in_every_field() {
    let policy = Privacy {
        mask: patterns(&["Case.Contact"]),
        ..Privacy::default()
    };
    let record = json!({"attributes": {"type": "Case"}, "Subject": "Hi",
        "Contact": {"attributes": {"type": "Contact"}, "Name": "Ana Prado", "Score__c": 7, "Empty__c": null, "Blank__c": " "}});
    let screened = screen(&source(record), &[], &policy);
    assert_eq!(
        sent(&screened)["record"]["Contact"],
        json!({"sObject": "Contact", "Name": "[CONTACT_NAME_1]", "Score__c": "[CONTACT_SCORE_1]"})
    );
}

#[test]
fn free_text_stays_behind_an_allow_list_that_does_not_let_it_out() {
    let policy = Privacy {
        allow: Some(patterns(&["Opportunity.Amount"])),
        allow_text: false,
        ..Privacy::default()
    };
    let screened = screen(&deal(), &["secret wish", ""], &policy);
    assert_eq!(
        sent(&screened),
        json!({"record": {"sObject": "Opportunity", "Amount": 184_500.0}})
    );
    assert_eq!(screened.texts, ["", ""]);
    assert_eq!(
        screened
            .source
            .record
            .as_ref()
            .unwrap()
            .id()
            .unwrap()
            .key_prefix(),
        "006"
    );
    assert_eq!(names(&screened.sent), ["Opportunity.Amount"]);
}

#[test]
fn a_text_that_writes_placeholders_itself_keeps_its_meaning() {
    let text = "[EMAIL_1] is not a@b.example, nor is EMAIL_2 or [email 3]; c@d.example";
    let screened = screen(&Source::default(), &[text], &careful());
    assert_eq!(
        screened.texts,
        ["[EMAIL_1] is not [EMAIL_4], nor is EMAIL_2 or [email 3]; [EMAIL_5]"]
    );
    assert_eq!(screened.vault.restore(&screened.texts[0]), text);
}

/// Texts in which values stand beside all that looks like them, in several spellings.
fn planted() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => prop::sample::select(vec![
            "ana@acme.example", "ANA@acme.example", "jörg@bücher.example", "bo%40acme.example", "c&#64;d.example",
            "+41 44 555 01 33", "+41445550133", "(415) 555-0123", "4111 1111 1111 1111", "4111-1111-1111-1111", "123-45-6789", "DE89 3704 0044 0532 0130 00", "192.0.2.7", "2001:db8::1", "KD-12345678",
            "YW5hQGFjbWUuZXhhbXBsZQ==",
        ]).prop_map(str::to_owned),
        2 => prop::sample::select(vec![
            "[EMAIL_1]", "EMAIL_2", "\\[", "\\]", "[", "]", "&#91;", "&#93;", "%5B", "_", "-", "@", ".", "<b>", "</b>", "+", "(", "\n", "1", " 1] ",
        ]).prop_map(str::to_owned),
        2 => "[ -~]{0,8}",
        1 => Just(" ".to_owned()),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn values(json: &Json, found: &mut Vec<String>) {
    match json {
        Json::Object(members) => members.values().for_each(|value| values(value, found)),
        Json::Array(items) => items.iter().for_each(|value| values(value, found)),
        Json::String(text) => found.push(text.clone()),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

proptest! {
    #[test]
    fn a_masked_text_restored_is_the_text(texts in prop::collection::vec(planted(), 1..4)) {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let screened = screen(&Source::default(), &texts, &careful());
        for (masked, text) in screened.texts.iter().zip(&texts) {
            prop_assert_eq!(screened.vault.restore(masked), readable(text), "{}", masked);
        }
    }
}

proptest! {
    // Whole records take their time to make.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn in_any_record_what_is_masked_does_not_leave_and_comes_back(
        plan in arbitrary::plan(), at in any::<prop::sample::Index>(), text in planted()
    ) {
        let mut source = plan.source();
        let held = format!("{text} Zebulon Quist, zq@acme.example; {text}");
        let secret = Record::parse(json!({"attributes": {"type": "Contact"}, "Name": "Zebulon Quist", "SSN__c": "drop-me", "Note": held}), "/").unwrap();
        let mut fields: Vec<_> = source.record.as_ref().map(|record| record.fields().to_vec()).unwrap_or_default();
        fields.insert(at.index(fields.len() + 1), ("Planted__r".into(), Value::Parent(Box::new(secret))));
        source.record = Some(source.record.unwrap_or_default().with_fields(fields));

        let screened = screen(&source, &[], &careful());
        let material = Material::of(&screened.source, usize::MAX);
        for secret in ["Zebulon", "Quist", "zq@acme", "drop-me", "SSN__c"] {
            prop_assert!(!material.json.contains(secret), "{} in {}", secret, material.json);
        }
        prop_assert!(screened.vault.restore(&material.json).contains("Zebulon Quist, zq@acme.example"));
    }

    #[test]
    fn without_rules_and_detectors_everything_leaves_as_it_is(plan in arbitrary::plan()) {
        let source = plan.source();
        let screened = screen(&source, &[], &Privacy::default());
        prop_assert_eq!(Material::of(&screened.source, usize::MAX).json, Material::of(&source, usize::MAX).json);
        prop_assert!(screened.vault.is_empty() && screened.masked.is_empty());
    }

    #[test]
    fn when_all_is_masked_no_value_is_left(plan in arbitrary::plan()) {
        let policy = Privacy { mask: patterns(&["*.*"]), ..Privacy::default() };
        let mut source = plan.source();
        source.text = None;
        let screened = screen(&source, &[], &policy);
        let mut left = Vec::new();
        values(&sent(&screened)["record"], &mut left);
        for value in left {
            let is_type = ["Case", "Contact", "pkg__Thing__c"].contains(&value.as_str());
            prop_assert!(is_type || value.trim().starts_with('[') && value.trim().ends_with(']'), "{}", value);
        }
    }
}

#[test]
fn a_masked_number_is_masked_in_every_number_and_however_it_is_grouped() {
    let screened = screen(
        &source(json!({
            "attributes": {"type": "Opportunity"}, "Amount": 987_654, "Description": "987,654 or 987.654, 987 654, 987'654",
            "Histories": [{"attributes": {"type": "OpportunityHistory"}, "Amount": 987_654, "Was__c": 987_654.0, "Id__c": 987_655}]
        })),
        &[],
        &careful(),
    );
    let left = sent(&screened).to_string();
    assert!(!left.contains("654"), "{left}");
    assert!(left.contains("987655"), "{left}");
    let told = sent(&screened)["record"]["Description"].to_string();
    assert_eq!(
        screened.vault.restore(&told),
        "\"987,654 or 987.654, 987 654, 987'654\""
    );
}

#[test]
fn a_word_is_withheld_where_a_text_would_be_masked() {
    let source = source(json!({"attributes": {"type": "Contact"}, "Name": "Jens Albrecht"}));
    let words = ["Hot", "ana@acme.example", "jens albrecht", "KD-12345678"];
    assert_eq!(
        withheld(&words, &source, &careful()),
        [false, true, true, true]
    );
    assert_eq!(withheld(&words, &source, &Privacy::default()), [false; 4]);
}
