//! A case summary by template.

use serde_json::{Value, json};

use super::entries::{Entry, thread};
use super::fields::{Fields, filled};
use super::words::{asks, mood};
use super::{facts_told, quoted, sentence};
use crate::salesforce::Source;
use crate::tasks::excerpt::{ENTRIES, ENTRY, PARAGRAPH, excerpt, sentences};

/// Units of a quote inside a paragraph or an entry of a list.
const QUOTE: usize = 400;
/// Units of a longer text inside a paragraph.
const TEXT: usize = 2_000;
/// Entries of the thread that the history tells behind the first one.
const TOLD: usize = 6;
/// Entries at the end of the thread whose questions may still be open.
const RECENT: usize = 3;

/// All that the template looks at.
struct Case<'s> {
    source: &'s Source,
    fields: Fields<'s>,
    thread: Vec<Entry<'s>>,
}

/// A summary from the record's own facts.
pub(in crate::tasks) fn case_summary(source: &Source) -> Value {
    let case = Case {
        source,
        fields: Fields::of(source),
        thread: thread(source),
    };
    json!({
        "situation": excerpt(&case.situation(), PARAGRAPH),
        "history": excerpt(&case.history(), PARAGRAPH),
        "next_step": excerpt(&case.next_step(), PARAGRAPH),
        "sentiment": case.sentiment(),
        "open_questions": case.open_questions(),
    })
}

impl Case<'_> {
    fn situation(&self) -> String {
        let lines = [self.opening(), self.standing(), self.description()];
        let mut lines: Vec<String> = lines.into_iter().flatten().collect();
        if lines.len() < 2 {
            let fields = self.fields.all().into_iter().take(ENTRIES);
            lines.extend(fields.map(|field| sentence(&field.told())));
        }
        if lines.is_empty() {
            return "The data given says nothing about this case.".to_owned();
        }
        lines.join(" ")
    }

    fn opening(&self) -> Option<String> {
        let number = self
            .fields
            .line("CaseNumber")
            .map(|number| format!("case {number}"));
        let subject = self.fields.line("Subject").map(|subject| quoted(&subject));
        let what: Vec<String> = [number, subject].into_iter().flatten().collect();
        let what = filled(what.join(", "))?;
        let company = self.fields.first(&["Account.Name", "SuppliedCompany"]);
        let person = self.fields.first(&["Contact.Name", "SuppliedName"]);
        let customer = match (person, company) {
            (Some(person), Some(company)) => format!(", from {person} ({company})"),
            (Some(one), None) | (None, Some(one)) => format!(", from {one}"),
            (None, None) => String::new(),
        };
        Some(format!("This is {what}{customer}."))
    }

    fn standing(&self) -> Option<String> {
        let opened = self.fields.day("CreatedDate");
        facts_told(&[
            ("status", self.fields.line("Status")),
            ("priority", self.fields.line("Priority")),
            ("opening day", opened.map(|day| day.to_string())),
            ("origin", self.fields.line("Origin")),
            ("owner", self.fields.line("Owner.Name")),
        ])
    }

    fn description(&self) -> Option<String> {
        let text = self.fields.excerpt("Description", TEXT)?;
        Some(sentence(&format!(
            "The description says: {}",
            quoted(&text)
        )))
    }

    fn history(&self) -> String {
        let mut lines = Vec::new();
        if let [first, rest @ ..] = &self.thread[..] {
            lines.push(self.count());
            lines.push(sentence(&format!("First, {}", first.told(QUOTE))));
            let skipped = rest.len().saturating_sub(TOLD);
            if skipped > 0 {
                lines.push("Entries in between are left out here.".to_owned());
            }
            let later = rest[skipped..].iter();
            lines.extend(later.map(|entry| sentence(&format!("Then, {}", entry.told(QUOTE)))));
        }
        let notes = self.source.text.as_deref();
        if let Some(text) = notes.and_then(|text| filled(excerpt(text, TEXT))) {
            lines.push(sentence(&format!(
                "The text beside the record says: {}",
                quoted(&text)
            )));
        }
        // Who sends facts has no list to put a comment into.
        let comments = self.fields.named_like(&["comment"]);
        lines.extend(comments.iter().map(|field| sentence(&field.told())));
        if lines.is_empty() {
            return "The data given holds no comment and no e-mail.".to_owned();
        }
        lines.join(" ")
    }

    /// How many entries there are, and over which days.
    fn count(&self) -> String {
        let days = self.thread.iter().filter_map(|entry| entry.day);
        let span = match (days.clone().min(), days.max()) {
            (Some(first), Some(last)) if first < last => format!(" from {first} to {last}"),
            (Some(day), _) => format!(" of {day}"),
            (None, _) => String::new(),
        };
        match self.thread.len() {
            1 => format!("The thread has one entry{span}."),
            count => format!("The thread has {count} entries{span}."),
        }
    }

    fn next_step(&self) -> String {
        let status = self.fields.line("Status").unwrap_or_default();
        let Some(last) = self.thread.last() else {
            return self.first_step();
        };
        let told = sentence(&last.told(TEXT));
        if status.to_lowercase().starts_with("closed") {
            return format!("The status is {status}. The last entry is this, {told}");
        }
        let asked = self.open_questions();
        let opening = if questions_of(last).is_empty() {
            "Go on from the last entry"
        } else {
            "Answer the last entry first"
        };
        let earlier = asked
            .get(questions_of(last).len())
            .map(|question| format!(" Still open from before: {}", sentence(question)));
        format!("{opening}, {told}{}", earlier.unwrap_or_default())
    }

    /// What to do in a case without a thread.
    fn first_step(&self) -> String {
        let subject = self.fields.first(&["Subject", "Name"]);
        subject.map_or_else(
            || "Ask the customer what the case is about.".to_owned(),
            |subject| {
                let reported = quoted(&subject);
                sentence(&format!("Begin with what was reported: {reported}"))
            },
        )
    }

    /// How the latest text sounds that lets one tell.
    fn sentiment(&self) -> &'static str {
        let bodies = self.thread.iter().rev().filter_map(|entry| entry.body);
        let texts = [
            self.source.text.as_deref(),
            self.fields.whole("Description"),
        ];
        let mut texts = bodies.chain(texts.into_iter().flatten()).peekable();
        if texts.peek().is_none() {
            return "unclear";
        }
        texts.find_map(mood).unwrap_or("calm")
    }

    /// What the latest entries ask, the newest first; without a thread, what the case itself asks.
    fn open_questions(&self) -> Vec<String> {
        let latest = self.thread.iter().rev().take(RECENT);
        let mut questions: Vec<String> = latest.flat_map(questions_of).collect();
        if self.thread.is_empty() {
            let texts = [
                self.fields.whole("Description"),
                self.source.text.as_deref(),
            ];
            questions.extend(texts.into_iter().flatten().flat_map(questions_in));
        }
        questions.truncate(ENTRIES);
        questions
    }
}

/// What an entry asks, each question with the entry's day.
fn questions_of(entry: &Entry<'_>) -> Vec<String> {
    let asked = entry.body.map(questions_in).unwrap_or_default();
    let told = asked.into_iter().map(|question| match entry.heading() {
        Some(heading) => excerpt(&format!("{heading}: {question}"), ENTRY),
        None => question,
    });
    told.collect()
}

/// The sentences of `text` that ask for something, as quotes.
fn questions_in(text: &str) -> Vec<String> {
    let asked = sentences(text)
        .into_iter()
        .filter(|sentence| asks(sentence));
    asked
        .map(|sentence| quoted(&excerpt(&sentence, QUOTE)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_that_came_as_a_fact_is_told() {
        let fact = |label: &str, value: &str| (label.to_owned(), value.to_owned());
        let source = Source {
            facts: vec![
                fact("Subject", "Wrong address"),
                fact("Comment of 18 November 2026", "Customer asks again."),
            ],
            ..Source::default()
        };

        let told = case_summary(&source);
        assert_eq!(
            told["history"],
            "Comment of 18 November 2026: Customer asks again."
        );
        assert_eq!(
            told["next_step"],
            "Begin with what was reported: \"Wrong address\"."
        );
    }
}
