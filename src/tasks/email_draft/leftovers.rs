//! What gives a draft away: blanks that somebody was meant to fill in, markup, labels.
//!
//! # Why
//! An e-mail goes out as it stands, often from a Flow that nobody watches, and `Hello [Your Name]` costs more than no
//! e-mail at all. What the data itself holds to the letter is no leftover, though: a customer may well write about
//! `{{name}}` or `<div>`, and a ticket number may stand in brackets.

use std::sync::LazyLock;

use regex::Regex;

use crate::salesforce::{Material, Source};
use crate::tasks::headings::email_draft::HEADINGS;

/// What must not stand in an e-mail, and how that is told.
struct Rule {
    pattern: Regex,
    told: &'static str,
}

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    [
        (
            r"\[[^\[\]\n]*\p{L}[^\[\]\n]*\]",
            "must not hold words in square brackets that the data does not have: do without what is not known",
        ),
        (
            r"\{[^{}\n]*\p{L}[^{}\n]*\}|%%\w+%%|%[A-Z_]{3,}%",
            "must not hold merge fields in braces or percent signs: do without what is not known",
        ),
        (
            r"</?[\p{L}!][^<>\n]*>",
            "must not hold words or tags in angle brackets: write plain text, and do without what is not known",
        ),
        (
            r"\b[Xx]{3,}\b|_{3,}|[○〇◯●]{2,}",
            "must not hold XXX or another blank in place of a value: do without what is not known",
        ),
        (
            r"\*\*[^*\n]+\*\*|__[^_\n]+__|`[^`\n]+`|```|(?m:^#{1,6} |^\* |^\|.*\|$)",
            "must not hold markdown: write plain text",
        ),
    ]
    .into_iter()
    .map(|(pattern, told)| Rule {
        pattern: Regex::new(pattern).expect("the pattern is valid"),
        told,
    })
    .collect()
});

/// What stands for a value that was withheld: `[EMAIL_1]`. It is put back before anybody reads the e-mail.
static WITHHELD: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?i)\[[A-Z0-9_]+_[0-9]+\]").expect("the pattern is valid"));

/// What is wrong with a draft's subject and body, by place and rule, never with the value.
pub(super) fn violations(subject: &str, body: &str, source: &Source) -> Vec<String> {
    let mut violations = Vec::new();
    for (place, text) in [("/subject", subject), ("/body_text", body)] {
        if text.trim().is_empty() {
            violations.push(format!("{place} must not be blank"));
        }
    }
    if subject.trim().contains(ends_line) {
        violations.push("/subject must be one line".to_owned());
    }
    if is_labelled(subject) {
        violations.push("/subject must not begin with a label such as Subject:".to_owned());
    }
    if body.lines().any(is_labelled) {
        violations.push("/body_text must not hold a line that begins with Subject:".to_owned());
    }
    let material = LazyLock::new(|| Material::of(source, usize::MAX));
    for (place, text) in [("/subject", subject), ("/body_text", body)] {
        let broken = RULES.iter().filter(|rule| {
            let mut found = rule.pattern.find_iter(text);
            found.any(|found| !is_withheld(found.as_str()) && !stands_in(&material, found.as_str()))
        });
        violations.extend(broken.map(|rule| format!("{place} {}", rule.told)));
    }
    violations
}

/// Whether `text` can stand in an e-mail whatever stands around it: no sign in it opens or closes anything.
pub(in crate::tasks) fn is_plain(text: &str) -> bool {
    let text = WITHHELD.replace_all(text, " ");
    let is_marked = text.contains(['[', ']', '{', '}', '<', '>', '`'])
        || ["**", "__"].iter().any(|mark| text.contains(mark));
    !is_marked && !RULES.iter().any(|rule| rule.pattern.is_match(&text))
}

fn ends_line(char: char) -> bool {
    matches!(
        char,
        '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

/// Whether `line` begins with the word for a subject and a colon, in a language that we have the word in.
fn is_labelled(line: &str) -> bool {
    let line = line.trim_start().to_lowercase();
    HEADINGS.all().into_iter().any(|words| {
        let rest = line.strip_prefix(&words.subject.to_lowercase());
        rest.is_some_and(|rest| rest.trim_start().starts_with([':', '：']))
    })
}

fn is_withheld(found: &str) -> bool {
    WITHHELD
        .find(found)
        .is_some_and(|withheld| withheld.as_str() == found)
}

/// Whether the data has `found` to the letter, but for its blanks.
fn stands_in(material: &Material, found: &str) -> bool {
    let on_one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let found = on_one_line(found);
    let texts = material.values.iter().chain(&material.labels);
    texts
        .map(|text| on_one_line(text))
        .any(|text| text.contains(&found))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::salesforce::Record;

    fn in_body(body: &str) -> Vec<String> {
        violations("Your renewal", body, &Source::default())
    }

    #[test]
    fn blanks_that_somebody_was_meant_to_fill_in_are_found() {
        for body in [
            "Hello [Your Name],",
            "Hallo [Name des Ansprechpartners],",
            "[お名前]様",
            "Hello {{name}},",
            "Hello {!Contact.FirstName},",
            "Hello ${name},",
            "Hello %%first_name%%,",
            "Hello %FIRSTNAME%,",
            "It costs <insert price>.",
            "It costs <b>much</b>.",
            "It costs XXX euros.",
            "Until xxxx, please.",
            "See you on ____.",
            "株式会社〇〇御中",
        ] {
            let found = in_body(body);
            assert_eq!(found.len(), 1, "{body}: {found:?}");
            assert!(found[0].starts_with("/body_text must not hold "), "{body}");
        }
    }

    #[test]
    fn markdown_is_found() {
        for body in [
            "The **price** stands.",
            "The __price__ stands.",
            "Run `retry`.",
            "Dear all,\n\n# Renewal",
            "Open:\n* terms",
            "```\ncode\n```",
            "| a | b |",
        ] {
            let found = in_body(body);
            assert_eq!(
                found,
                ["/body_text must not hold markdown: write plain text"]
            );
        }
    }

    #[test]
    fn what_an_e_mail_may_well_hold_is_not_found() {
        for body in [
            "Hello [CONTACT_NAME_2], write to [EMAIL_1] or [email_3].",
            "As said [1], 5 * 3 * 2 = 30 & 7 < 8 > 2, and C# is fine.",
            "Open points:\n- terms\n- price\n\nMore at https://acme.example/a_b_c and 100 %.",
            "Size XXL, snake_case, 2 × 3, 50% or 60% off.",
            "Our subject: pumps. What is objected: nothing.",
            "【ご連絡】来週の件",
        ] {
            assert_eq!(in_body(body), Vec::<String>::new(), "{body}");
        }
    }

    #[test]
    fn what_the_data_holds_to_the_letter_is_no_leftover() {
        let source = Source {
            record: Some(
                Record::parse(
                    json!({ "Subject": "Mails show {{name}} and <div>", "Description": "[Case\n41]" }),
                    "/record",
                )
                .unwrap(),
            ),
            ..Source::default()
        };
        let body = "You see {{name}} and <div>.";

        assert_eq!(violations("Re: [Case 41]", body, &source).len(), 0);
        assert_eq!(in_body(body).len(), 2);
        assert_eq!(violations("Re: [Case 42]", body, &source).len(), 1);
    }

    #[test]
    fn a_subject_is_one_line_without_a_label() {
        for (subject, told) in [
            ("One\ntwo", "/subject must be one line"),
            ("One\u{2028}two", "/subject must be one line"),
            (
                "Subject: Renewal",
                "/subject must not begin with a label such as Subject:",
            ),
            (
                "OBJET\u{a0}: devis",
                "/subject must not begin with a label such as Subject:",
            ),
            (
                "件名：更新",
                "/subject must not begin with a label such as Subject:",
            ),
            (" \t", "/subject must not be blank"),
        ] {
            let found = violations(subject, "Hello.", &Source::default());
            assert_eq!(found, [told], "{subject}");
        }
        let fine = violations("Subjects: three", "Hello.", &Source::default());
        assert_eq!(fine, Vec::<String>::new());
    }

    #[test]
    fn a_body_has_no_subject_line_and_is_not_blank() {
        assert_eq!(
            in_body("Betreff: Angebot\n\nGuten Tag,"),
            ["/body_text must not hold a line that begins with Subject:"]
        );
        assert_eq!(in_body("\n \n"), ["/body_text must not be blank"]);
    }

    #[test]
    fn every_violation_is_told_at_once() {
        let found = violations("Subject: **New**", "[Name], XXX", &Source::default());

        assert_eq!(found.len(), 4);
    }

    #[test]
    fn a_text_is_plain_when_nothing_in_it_can_pair_with_its_surroundings() {
        for plain in [
            "Acme renewal",
            "[EMAIL_1] (new)",
            "顧客",
            "12% off & more - \"so\"",
            "5 * 3",
        ] {
            assert!(is_plain(plain), "{plain}");
        }
        for marked in [
            "Acme [new",
            "a] b",
            "{x",
            "5 > 3",
            "a**b",
            "XXX",
            "a__b",
            "[EMAIL_",
            "%%x%%",
        ] {
            assert!(!is_plain(marked), "{marked}");
        }
    }
}
