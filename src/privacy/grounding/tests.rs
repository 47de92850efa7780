//! The golden answers, and what must hold for any text at all.

use jiff::civil::Date;
use proptest::prelude::*;
use serde_json::Value;

use super::*;

const PROMPT: &str = "You prepare account executives and support agents. Write what the Salesforce record says, in the Language asked for, \
    under the headings Headline, Deal Context, Risk Factors, Talking Points and Next Steps.";
const TODAY: Date = Date::constant(2026, 11, 22);

/// An answer as a model gave it, the input it was written from, and inventions to hide in it.
struct Golden {
    file: String,
    value: Value,
}

impl Golden {
    fn all() -> Vec<Golden> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/privacy/grounding/golden");
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .expect("the golden answers stand beside the code")
            .map(|entry| entry.expect("the folder can be read").path())
            .collect();
        files.sort();
        files
            .into_iter()
            .map(|path| Golden {
                file: path
                    .file_stem()
                    .expect("a file has a name")
                    .to_string_lossy()
                    .into_owned(),
                value: serde_json::from_slice(&std::fs::read(&path).expect("the file can be read"))
                    .expect("the file is JSON"),
            })
            .collect()
    }

    fn list(&self, name: &str) -> Vec<&str> {
        self.value[name]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    }

    fn known(&self) -> Known {
        let today = self.value["today"]
            .as_str()
            .and_then(|day| day.parse().ok())
            .expect("a golden answer has its day");
        Known::new(self.list("input"), PROMPT, today)
    }

    fn answer(&self) -> Vec<Said<'_>> {
        let texts = self.list("answer").into_iter().map(Said::Text);
        texts
            .chain(self.list("names").into_iter().map(Said::Name))
            .collect()
    }
}

#[test]
fn twenty_golden_answers_raise_at_most_one_false_alarm() {
    let alarms: Vec<_> = Golden::all()
        .iter()
        .flat_map(|golden| {
            let found = golden.known().ungrounded(&golden.answer());
            found
                .into_iter()
                .map(|finding| format!("{}: {finding}", golden.file))
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(Golden::all().len() >= 20);
    assert!(alarms.len() <= 1, "{alarms:#?}");
}

#[test]
fn every_invention_planted_in_a_golden_answer_is_found_as_it_is_written() {
    let mut missed = Vec::new();
    for golden in Golden::all() {
        let known = golden.known();
        for planted in golden.value["planted"]
            .as_array()
            .expect("a golden answer has inventions")
        {
            let expected = planted["expect"]
                .as_str()
                .expect("an invention says what is found");
            let mut answer = golden.answer();
            // In the middle of the answer's last text, where a reader would meet it.
            let spoilt = planted["insert"].as_str().map(|insert| {
                format!(
                    "{}\n{insert} Ok.",
                    golden.list("answer").last().expect("an answer has text")
                )
            });
            answer.extend(spoilt.as_deref().map(Said::Text));
            answer.extend(planted["name"].as_str().map(Said::Name));
            let found = known.ungrounded(&answer);
            if !found.iter().any(|finding| finding == expected) {
                missed.push(format!("{}: {expected}, found {found:?}", golden.file));
            }
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
}

fn known(texts: &[&str]) -> Known {
    Known::new(texts.iter().copied(), PROMPT, TODAY)
}

fn ungrounded(input: &[&str], answer: &str) -> Vec<String> {
    known(input).ungrounded(&[Said::Text(answer)])
}

fn ungrounded_names(input: &[&str], name: &str) -> Vec<String> {
    known(input).ungrounded(&[Said::Name(name)])
}

const RECORD: [&str; 9] = [
    "Jens Albrecht",
    "CFO",
    "j.albrecht@northwind-freight.example",
    "Marta Lindqvist",
    "Head of Fleet IT",
    "Priya Raman",
    "Northwind Freight GmbH",
    "Competitor TrackWise quoted 12% below us",
    "Fleet Telematics Renewal FY27",
];

#[test]
fn a_known_name_is_grounded_by_its_parts() {
    for answer in [
        "The offer went to Jens Albrecht and to Mr. Albrecht.",
        "We sent it to J. Albrecht (CFO).",
        "Albrecht, Jens has the last word.",
        "Ask Jens Albrecht Monday whether the Northwind Freight board agrees.",
        "This is Jens Albrecht's wish, and Priya's.",
        "Herr Albrecht und Frau Lindqvist sind mit der Freigabe einverstanden.",
        "L’avis d’Albrecht et de Mme Lindqvist est attendu.",
        "Jens Albrecht von Northwind Freight hat das der Abteilung zugesagt.",
        "JENS ALBRECHT has signed the offer.",
    ] {
        assert_eq!(ungrounded(&RECORD, answer), [""; 0], "{answer}");
    }
    for name in [
        "Jens Albrecht",
        "Albrecht",
        "J. Albrecht",
        "Mr. Albrecht",
        "Jens Albrecht (CFO)",
        "Priya",
        "Jens, Marta",
        "CFO",
        "Legal",
        "Einkauf",
        "",
        "—",
        "Northwind procurement team",
    ] {
        assert_eq!(ungrounded_names(&RECORD, name), [""; 0], "{name}");
    }
}

#[test]
fn an_invented_or_mixed_name_is_found_in_every_language() {
    for (answer, name) in [
        (
            "The offer was sent to Jens Müller on Monday.",
            "Jens Müller",
        ),
        (
            "The contact for this is Jens Lindqvist, as the board said.",
            "Jens Lindqvist",
        ),
        (
            "We have heard that Oluwadamilare Ogunbiyi is against it.",
            "Oluwadamilare Ogunbiyi",
        ),
        (
            "Das Angebot ging an Jens Müller und die Abteilung.",
            "Jens Müller",
        ),
        (
            "Die Freigabe liegt bei Herrn Sonnleitner, nicht bei der Technik.",
            "Herrn Sonnleitner",
        ),
        (
            "Die Freigabe liegt bei dem CFO Quirin Sonnleitner und nicht bei uns.",
            "Quirin Sonnleitner",
        ),
        (
            "L’offre a été envoyée à Jens Moreau par le service.",
            "Jens Moreau",
        ),
        ("本件はJens Müller様に送付しました。", "Jens Müller"),
        (
            "The deal was lost to Anna von Falkenrath in the end.",
            "Anna von Falkenrath",
        ),
    ] {
        assert_eq!(ungrounded(&RECORD, answer), [name], "{answer}");
    }
    for name in ["Jens Müller", "Jens Lindqvist", "Thomas", "田中 健二"] {
        assert_eq!(ungrounded_names(&RECORD, name), [name]);
    }
    assert_eq!(
        ungrounded_names(&RECORD, "Thomas Berger (CFO)"),
        ["Thomas Berger"]
    );
}

#[test]
fn capitals_that_make_no_name_are_passed_over() {
    for answer in [
        "Executive Summary\nNorthwind Freight Renewal Strategy and Pricing Levers\nThe deal is on track.",
        "Next Steps: Schedule Call with Jens Albrecht. Confirm Payment Terms. Chief Financial Officer signs the Order Form.",
        "The Account Team should use Salesforce Maps and the Northwind Fleet Portal in New York on Monday Morning.",
        "Mit der Rechtsabteilung Änderungen abstimmen, Herrn Albrecht Referenzen nennen und Jens Albrecht Rückmeldung geben.",
        "Der Vorstand erwartet bis Freitag Klarheit, sonst droht Northwind Fahrzeugstillstand und dem Vertrieb Umsatzverlust.",
        "Bitte bei TrackWise Preisliste anfordern und der IT Schnittstellendokumentation senden.",
        "Le Directeur Financier et la Direction des Achats attendent l’Avenant de Traitement des Données.",
        "Objet : Proposition Commerciale Northwind Freight\nBonjour Monsieur Albrecht, merci pour votre accueil à la réunion.",
        "Dear Ms. Lindqvist,\n\nThank you for the call. Kind regards,\nPriya Raman",
        "Sehr geehrter Herr Albrecht,\n\nvielen Dank für das Gespräch. Mit freundlichen Grüßen\nPriya Raman",
    ] {
        assert_eq!(ungrounded(&RECORD, answer), [""; 0], "{answer}");
    }
}

#[test]
fn names_of_two_fields_and_of_notes_in_lower_case_are_known() {
    assert_eq!(
        ungrounded(
            &["FirstName", "Rosalind", "LastName", "Achterberg"],
            "We have met Rosalind Achterberg at the fair."
        ),
        [""; 0]
    );
    assert_eq!(
        ungrounded(
            &["call w/ kwabena adomako re budget"],
            "The budget of Kwabena Adomako is open."
        ),
        [""; 0]
    );
    assert_eq!(
        ungrounded_names(&["榊原 直哉", "物流本部長"], "榊原直哉様"),
        [""; 0]
    );
    assert_eq!(
        ungrounded_names(&["榊原 直哉", "物流本部長"], "榊原 健太"),
        ["榊原 健太"]
    );
}

#[test]
fn words_of_the_prompt_are_no_names() {
    let said = [Said::Text(
        "It was written by the assistant as Belinda Quartermaine would have it.",
    )];
    assert_eq!(known(&[]).ungrounded(&said), ["Belinda Quartermaine"]);
    let prompt = "Write as Belinda Quartermaine would.";
    assert_eq!(Known::new([], prompt, TODAY).ungrounded(&said), [""; 0]);
}

#[test]
fn findings_come_in_order_each_once_and_within_bounds() {
    let answer = "Bob paid $5,000 on 3 March 2024, then $5,000 and 15% to x@y.example.";
    assert_eq!(
        ungrounded(&[], answer),
        ["$5,000", "3 March 2024", "15%", "x@y.example"]
    );

    let many = (0..500)
        .map(|n| format!("${n}7,123"))
        .collect::<Vec<_>>()
        .join(" ");
    assert_eq!(ungrounded(&[], &many).len(), 50);
    let long = format!("{}@example.com", "a".repeat(500));
    assert_eq!(ungrounded(&[], &long)[0].chars().count(), 200);
}

#[test]
fn a_large_input_is_read_as_a_small_one_is() {
    let line = "Jens Albrecht said on Thursday, 12 Nov 2026, that EUR 184,500 is 12% too much; see 0065f00000QwErTAAV. ";
    let input = line.repeat(2_000);
    let answer = "The offer of 184.5k EUR went to Jens Albrecht. ".repeat(200);
    assert_eq!(ungrounded(&[&input], &answer), [""; 0]);
}

/// `whole.cents` with `group` between thousands and `point` before the cents.
fn spelt(whole: u64, cents: Option<u8>, group: &str, point: char) -> String {
    let digits = whole.to_string();
    let mut spelt = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            spelt.push_str(group);
        }
        spelt.push(digit);
    }
    cents.map_or(spelt.clone(), |cents| format!("{spelt}{point}{cents:02}"))
}

fn full_width(text: &str) -> String {
    text.chars()
        .map(|sign| match sign {
            '!'..='~' => char::from_u32(sign as u32 + 0xFEE0)
                .expect("the full-width forms stand in the same order"),
            other => other,
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(96) })]

    #[test]
    fn an_amount_in_any_spelling_of_any_language_matches_itself(whole in 1u64..1_000_000_000_000, cents in proptest::option::of(0u8..100)) {
        let field = format!("{whole}.{:02}", cents.unwrap_or(0));
        let known = Known::new([field.as_str()], "", TODAY);
        let (en, de) = (spelt(whole, cents, ",", '.'), spelt(whole, cents, ".", ','));
        let (fr, ch) = (spelt(whole, cents, "\u{202F}", ','), spelt(whole, cents, "’", '.'));
        for said in [
            format!("${en}"), format!("USD {en}"), format!("{en} dollars"), format!("{de} €"), format!("{de} Euro"), format!("EUR {de}"),
            format!("{fr} €"), format!("{fr}\u{A0}euros"), format!("CHF {ch}"), format!("{ch} Franken"), format!("¥{en}"), format!("{en}円"), full_width(&format!("{en}円")),
        ] {
            prop_assert_eq!(known.ungrounded(&[Said::Text(&format!("合計 {said} total"))]), Vec::<String>::new());
        }
    }

    #[test]
    fn a_rounded_amount_matches_what_it_was_rounded_from(whole in 100_000u64..1_000_000_000) {
        let field = whole.to_string();
        let known = Known::new([field.as_str()], "", TODAY);
        #[expect(clippy::cast_precision_loss, reason = "whole is below 2^53")]
        let value = whole as f64;
        for said in [
            format!("${:.1}k", value / 1e3), format!("{:.2} million dollars", value / 1e6), format!("{:.2} Mio. €", value / 1e6).replace('.', ",").replace("Mio,", "Mio."),
            format!("{:.2} M€", value / 1e6).replace('.', ","), format!("{:.1}万円", value / 1e4), format!("{}万{}円", whole / 10_000, whole % 10_000),
        ] {
            prop_assert_eq!(known.ungrounded(&[Said::Text(&said)]), Vec::<String>::new(), "{}", said);
        }
    }

    #[test]
    fn another_amount_never_matches(whole in 1_000u64..1_000_000_000) {
        let known = Known::new([whole.to_string().as_str()], "", TODAY);
        let said = format!("${}", spelt(whole * 2 + 1, None, ",", '.'));
        prop_assert_eq!(known.ungrounded(&[Said::Text(&said)]), vec![said.clone()]);
    }

    #[test]
    fn a_day_in_any_spelling_matches_itself(offset in -4000i32..4000) {
        let day = TODAY.checked_add(jiff::Span::new().days(offset)).expect("the years around today exist");
        let known = Known::new([day.to_string().as_str()], "", TODAY);
        let (y, m, d) = (day.year(), day.month(), day.day());
        let at = usize::try_from(m - 1).expect("months count from 1");
        let en = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"][at];
        let de = ["Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"][at];
        let fr = ["janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre", "décembre"][at];
        for said in [
            format!("{d} {en} {y}"), format!("{en} {d}, {y}"), format!("{} {d}", &en[..3]), format!("{en} {y}"), format!("{d}. {de} {y}"), format!("{d:02}.{m:02}.{y}"),
            format!("am {d}.{m}."), format!("{d} {fr} {y}"), format!("le {d} {fr}"), format!("{y}年{m}月{d}日"), format!("{m}月{d}日"), format!("{m}/{d}/{y}"), format!("{d}/{m}/{y}"), format!("{y}/{m}/{d}"),
        ] {
            prop_assert_eq!(known.ungrounded(&[Said::Text(&said)]), Vec::<String>::new(), "{}", said);
        }
    }

    #[test]
    fn no_text_makes_it_panic(input in any::<String>(), answer in any::<String>(), prompt in any::<String>()) {
        let known = Known::new([input.as_str(), "x"], prompt.leak(), TODAY);
        prop_assert!(known.ungrounded(&[Said::Text(&answer), Said::Name(&answer), Said::Text(&input)]).len() <= 50);
    }

    #[test]
    fn no_mix_of_what_it_looks_for_makes_it_panic(
        parts in proptest::collection::vec(
            prop_oneof![
                Just("$"), Just("€"), Just(" "), Just("1"), Just("０"), Just("."), Just(","), Just("万"), Just("%"), Just("k"), Just("月"), Just("日"), Just("年"), Just("/"),
                Just("-"), Just(":"), Just("Dec"), Just("von"), Just("Jens"), Just("Mr."), Just("É"), Just("'"), Just("’s"), Just("@a.b"), Just("\u{200B}"), Just("\u{301}"),
                Just("\n"), Just("様"), Just("12"), Just("2026"), Just("999999999999999999999"), Just("ー"), Just("next Tuesday"), Just("İ"), Just("ẞ"),
            ],
            0..40,
        )
    ) {
        let text = parts.concat();
        let known = Known::new([text.as_str()], text.clone().leak(), TODAY);
        for known in [known, Known::new([], "", TODAY)] {
            prop_assert!(known.ungrounded(&[Said::Text(&text), Said::Name(&text)]).len() <= 50);
        }
    }
}
