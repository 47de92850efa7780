//! Call notes by template: lines that hold a telling word, as they stand.

use std::sync::LazyLock;

use jiff::civil::Date;
use regex::Regex;
use serde_json::{Value, json};

use super::note_words::{HEADINGS, OPENINGS, TOPICS, Topic, VERBS};
use super::words::says;
use crate::salesforce::{Source, clean};
use crate::tasks::call_notes::due;
use crate::tasks::call_notes::quote::Notes;
use crate::tasks::call_notes::unsaid::says_nothing;
use crate::tasks::excerpt::{ENTRY, LINE, excerpt, sentences};

/// As many steps as the answer may have.
const STEPS: usize = 15;
/// Units of a step inside the Task's description.
const TOLD: usize = 200;

static ISO_DAY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}\b").expect("a pattern of ours is valid")
});

/// One thing to do, as a line tells it.
struct Step {
    what: String,
    owner: Option<&'static str>,
    due_date: Option<String>,
}

/// Findings and steps from the notes' own lines; null where no word tells.
pub(in crate::tasks) fn call_notes(source: &Source, call_date: Date) -> Value {
    let text = clean(source.text.as_deref().unwrap_or_default());
    let notes = Notes::of(&text);
    let lines: Vec<&str> = text.lines().map(without_bullet).collect();
    let meddic: serde_json::Map<String, Value> = TOPICS
        .iter()
        .map(|topic| (topic.name.to_owned(), topic.finding(&lines, &notes)))
        .collect();
    let steps = lines.iter().filter_map(|line| Step::of(line, call_date));
    let steps: Vec<Step> = steps.take(STEPS).collect();
    json!({
        "meddic": meddic,
        "next_steps": steps.iter().map(Step::as_json).collect::<Vec<_>>(),
        "follow_up_task": follow_up(&steps),
    })
}

impl Topic {
    /// The first line about it that its own check takes for evidence, labelled ones first.
    fn finding(&self, lines: &[&str], notes: &Notes) -> Value {
        let labelled = lines.iter().filter_map(|line| {
            let said = self.labels.iter().find_map(|label| behind(line, label))?;
            Some((*line, said.to_owned(), "medium"))
        });
        let spoken = lines.iter().filter(|line| !is_heading(line));
        let hinted = spoken.filter_map(|line| {
            let said = pieces(line).into_iter().find(|it| self.is_hinted_at(it))?;
            Some((*line, said, "low"))
        });
        let mut found = labelled.chain(hinted).filter_map(|(line, said, confidence)| {
            let (summary, evidence) = (excerpt(&said, ENTRY), excerpt(line, ENTRY));
            let is_fine = !says_nothing(&summary) && notes.fault(&evidence).is_none();
            is_fine.then(|| json!({ "summary": summary, "evidence": evidence, "confidence": confidence }))
        });
        found.next().unwrap_or(Value::Null)
    }

    fn is_hinted_at(&self, sentence: &str) -> bool {
        let denied = |stem: &&str| {
            ["no", "not", "kein", "keine", "keinen"]
                .iter()
                .any(|no| says(sentence, &[&format!("{no} {stem}")]))
        };
        let hinted = self
            .stems
            .iter()
            .any(|stem| says(sentence, &[stem]) && !denied(stem));
        hinted && (!self.with_figure || sentence.chars().any(char::is_numeric))
    }
}

impl Step {
    /// The step that `line` tells of; `None` where it opens like any other line.
    fn of(line: &str, call_date: Date) -> Option<Self> {
        let opened = OPENINGS.iter().find_map(|(opening, owner)| {
            let rest = behind(line, opening)?;
            Some((rest, *owner))
        });
        let asked = VERBS.iter().find_map(|verb| {
            let rest = line.get(verb.len()..)?;
            let is_word = !rest.starts_with(char::is_alphanumeric);
            (is_word && stripped(line, verb).is_some()).then_some((line, None))
        });
        let (what, owner) = opened.or(asked)?;
        let what = excerpt(without_bullet(what), ENTRY);
        (!says_nothing(&what)).then(|| Self {
            due_date: due_date(&what, call_date),
            what,
            owner,
        })
    }

    fn as_json(&self) -> Value {
        json!({ "what": self.what, "owner": self.owner, "due_date": self.due_date })
    }
}

/// The Task for the first step, with all steps in its description.
fn follow_up(steps: &[Step]) -> Value {
    let first = steps.first();
    // Of a step that is one long number nothing is left once it is cut to a line.
    let subject = first
        .map(|step| excerpt(&step.what, LINE))
        .filter(|subject| !says_nothing(subject))
        .unwrap_or("Follow up on the call".to_owned());
    let lines: Vec<String> = steps
        .iter()
        .map(|step| format!("- {}", excerpt(&step.what, TOLD)))
        .collect();
    let description = if lines.is_empty() {
        "The data given names no next step.".to_owned()
    } else {
        format!("The notes name these steps:\n{}", lines.join("\n"))
    };
    json!({
        "subject": subject,
        "due_date": first.and_then(|step| step.due_date.as_deref()),
        "priority": "Normal",
        "description": description,
    })
}

/// A line whole; one that is a paragraph, sentence by sentence. Shorthand such as `ca.` would end a sentence too early.
fn pieces(line: &str) -> Vec<String> {
    if line.encode_utf16().count() <= LINE {
        vec![line.to_owned()]
    } else {
        sentences(line)
    }
}

/// Whether `line` says whom the call was with rather than what was said.
fn is_heading(line: &str) -> bool {
    HEADINGS.iter().any(|opening| {
        let rest = stripped(line, opening);
        rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
    })
}

/// The one day that `line` writes in full, where the check takes it.
fn due_date(line: &str, call_date: Date) -> Option<String> {
    let mut days = ISO_DAY.find_iter(line).map(|day| day.as_str());
    let day = days.next().filter(|_| days.next().is_none())?;
    due::fault(day, call_date).is_none().then(|| day.to_owned())
}

/// What stands behind `opening` at the beginning of `line`.
fn behind<'l>(line: &'l str, opening: &str) -> Option<&'l str> {
    let rest = stripped(line, opening)?.trim();
    (!rest.is_empty()).then_some(rest)
}

/// `line` without `opening`, in whatever case it is written.
fn stripped<'l>(line: &'l str, opening: &str) -> Option<&'l str> {
    let head = line.get(..opening.len())?;
    head.eq_ignore_ascii_case(opening)
        .then(|| &line[opening.len()..])
}

fn without_bullet(line: &str) -> &str {
    let mut rest = line.trim();
    // An arrow opens a step, so its first half is no bullet.
    while !rest.starts_with("->")
        && let Some(behind) = rest.strip_prefix(['-', '*', '•', '·', '・'])
    {
        rest = behind.trim_start();
    }
    rest
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::TaskName;
    use crate::privacy::grounding::Known;
    use crate::tasks::{Inquiry, named};

    const TODAY: Date = date(2026, 11, 22);

    fn source(text: &str) -> Source {
        Source {
            text: Some(text.to_owned()),
            ..Source::default()
        }
    }

    fn rehearsed(text: &str) -> Value {
        call_notes(&source(text), TODAY)
    }

    #[test]
    fn a_line_with_a_telling_word_is_quoted_and_every_other_part_is_null() {
        let draft = rehearsed(
            "Call w/ Ruth (CFO), who loves it.\n- Tomas likes the API. He tests it.\n- no champion in IT",
        );

        assert_eq!(
            draft["meddic"],
            json!({
                "metrics": null, "economic_buyer": null, "decision_criteria": null,
                "decision_process": null, "identified_pain": null,
                "champion": {
                    "summary": "Tomas likes the API. He tests it.",
                    "evidence": "Tomas likes the API. He tests it.",
                    "confidence": "low",
                },
            })
        );
    }

    #[test]
    fn a_labelled_line_goes_before_a_hint_unless_it_says_nothing() {
        let draft = rehearsed("Ruth loves it\nCHAMPION: Tomas in IT\nEB: unknown");

        assert_eq!(draft["meddic"]["champion"]["summary"], "Tomas in IT");
        assert_eq!(draft["meddic"]["champion"]["confidence"], "medium");
        assert_eq!(draft["meddic"]["economic_buyer"], Value::Null);
    }

    #[test]
    fn of_a_paragraph_the_sentence_that_tells_is_the_summary() {
        let line = format!(
            "{} Tomas likes the API. He tests it.",
            "They talked. ".repeat(30)
        );
        let draft = rehearsed(&line);

        assert_eq!(
            draft["meddic"]["champion"]["summary"],
            "Tomas likes the API."
        );
        assert_eq!(
            draft["meddic"]["champion"]["evidence"],
            excerpt(&line, ENTRY)
        );
    }

    #[test]
    fn a_line_that_cannot_be_cut_between_words_is_no_evidence() {
        let draft = rehearsed(&format!("Tomas likes {}\nRuth loves it", "x".repeat(1_200)));

        assert_eq!(draft["meddic"]["champion"]["summary"], "Ruth loves it");
    }

    #[test]
    fn metrics_need_a_figure() {
        assert_eq!(
            rehearsed("they lose crates")["meddic"]["metrics"],
            Value::Null
        );
        let draft = rehearsed("they lose 40 crates a month");
        assert_eq!(
            draft["meddic"]["metrics"]["summary"],
            "they lose 40 crates a month"
        );
    }

    #[test]
    fn a_step_opens_like_one_and_is_due_on_a_day_that_it_writes_in_full() {
        let draft = rehearsed(
            "Call with Ruth\nme: send the offer by 2026-11-27\n- -> reference by next Tuesday\n\
             Send slides 2026-11-24 or 2026-11-25\nSender unknown\nTODO: \nto do: tbd\n\
             action: book a room 2036-01-01\nICH: Angebot schicken",
        );

        assert_eq!(
            draft["next_steps"],
            json!([
                { "what": "send the offer by 2026-11-27", "owner": "me", "due_date": "2026-11-27" },
                { "what": "reference by next Tuesday", "owner": null, "due_date": null },
                { "what": "Send slides 2026-11-24 or 2026-11-25", "owner": null, "due_date": null },
                { "what": "book a room 2036-01-01", "owner": null, "due_date": null },
                { "what": "Angebot schicken", "owner": "ich", "due_date": null },
            ])
        );
        let task = &draft["follow_up_task"];
        assert_eq!(task["subject"], "send the offer by 2026-11-27");
        assert_eq!(task["due_date"], "2026-11-27");
        assert!(
            task["description"]
                .as_str()
                .unwrap()
                .ends_with("\n- Angebot schicken")
        );
    }

    #[test]
    fn notes_without_a_step_still_have_a_task() {
        let task = &rehearsed("Lunch.")["follow_up_task"];

        assert_eq!(task["subject"], "Follow up on the call");
        assert_eq!(task["due_date"], Value::Null);
        let task = &rehearsed(&format!("me: {} send", "0.".repeat(200)))["follow_up_task"];
        assert_eq!(task["subject"], "Follow up on the call");
    }

    /// Lines as reps write them, and as nobody does.
    fn notes() -> impl Strategy<Value = String> {
        let openings: Vec<String> = OPENINGS
            .iter()
            .map(|(opening, _)| *opening)
            .chain(VERBS)
            .chain(TOPICS.iter().flat_map(|topic| topic.labels.iter().copied()))
            .chain(["- ", "* ", "> ", "", "…", "<p>", "\""])
            .map(str::to_owned)
            .collect();
        let stems: Vec<String> = TOPICS
            .iter()
            .flat_map(|topic| topic.stems.iter().map(|stem| (*stem).to_owned()))
            .collect();
        let odd = prop_oneof![
            3 => "[A-Za-z0-9 .,%?!-]{0,40}",
            1 => ".{0,40}",
            1 => Just("2026-12-01".to_owned()),
            1 => Just("unknown".to_owned()),
            1 => ("[a-z0-9…*]{1,6}[ .]", 1usize..500).prop_map(|(word, times)| word.repeat(times)),
        ];
        let line = (
            prop::sample::select(openings),
            odd.clone(),
            prop::sample::select(stems),
            odd,
        )
            .prop_map(|(opening, before, stem, after)| {
                format!("{opening} {before} {stem} {after}")
            });
        prop::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n"))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(150))]

        #[test]
        fn any_notes_give_an_answer_that_passes_every_check(text in notes()) {
            let task = named(TaskName::CallNotes);
            let source = source(&text);
            let inquiry = Inquiry::plain(&source, TODAY);
            let draft = task.rehearse(&inquiry);

            prop_assert_eq!(task.shape().check(&draft), Ok(()));
            prop_assert_eq!(task.check(&draft, &inquiry), Vec::<String>::new());
            let own = task.read(draft, &inquiry).unwrap();
            // The answer has single spaces, and the check reads no percentage in `1  %`.
            let text = clean(&text);
            let lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
            let lines: Vec<String> = lines.map(|words| words.join(" ")).collect();
            let texts = lines.iter().map(String::as_str).chain([&*text]);
            let known = Known::new(texts, task.prompt(), TODAY);
            prop_assert_eq!(known.ungrounded(&own.said()), Vec::<String>::new());
        }
    }
}
