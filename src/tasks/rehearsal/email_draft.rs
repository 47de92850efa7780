//! An e-mail by template.
//!
//! It tells the customer what they may know: names, the subject, days, their own words. Stage, probability, internal
//! comments and the notes of activities stay out, as in a real e-mail.

use jiff::civil::Date;
use serde_json::{Value, json};

use super::entries::{Entry, activities, emails, thread};
use super::fields::{Fields, filled};
use super::people::people;
use super::words::asks;
use super::{quoted, sentence};
use crate::salesforce::{Record, Source, Value as Held};
use crate::tasks::email_draft::leftovers::is_plain;
use crate::tasks::email_draft::options::Purpose;
use crate::tasks::excerpt::{LINE, excerpt, sentences};

/// Units of a quote.
const QUOTE: usize = 400;

/// An e-mail under way: what it says, and on which facts it rests.
struct Mail<'s> {
    source: &'s Source,
    fields: Fields<'s>,
    today: Date,
    facts: Vec<Value>,
}

/// A value that can stand in an e-mail, with the place where it was found.
struct Fact {
    value: String,
    origin: &'static str,
}

/// What a reply answers.
#[derive(Default)]
struct Letter {
    writer: Option<Fact>,
    subject: Option<Fact>,
    day: Option<Fact>,
    words: Option<Fact>,
}

/// An e-mail from the record's own facts.
pub(in crate::tasks) fn email_draft(source: &Source, purpose: Purpose, today: Date) -> Value {
    let mut mail = Mail {
        source,
        fields: Fields::of(source),
        today,
        facts: Vec::new(),
    };
    let (subject, paragraphs) = match purpose {
        Purpose::FollowUp => mail.follow_up(),
        Purpose::Renewal => mail.renewal(),
        Purpose::Introduction => mail.introduction(),
        Purpose::Reply => mail.reply(),
    };
    json!({
        "subject": excerpt(&subject, LINE),
        "body_text": paragraphs.join("\n\n"),
        "tone": "neutral",
        "facts_used": mail.facts,
    })
}

impl Mail<'_> {
    fn follow_up(&mut self) -> (String, Vec<String>) {
        let opening = self
            .about()
            .map(|about| sentence(&format!("I am following up on this: {about}")));
        let latest = self
            .latest()
            .map(|latest| sentence(&format!("Our last contact: {latest}")));
        let recipient = self.recipient();
        let close = "What would be the next step for you?";
        let paragraphs = self.letter(recipient, [opening, latest], close);
        (self.subject("Following up"), paragraphs)
    }

    fn renewal(&mut self) -> (String, Vec<String>) {
        let opening = self.about().map(|about| {
            sentence(&format!(
                "I would like to prepare the renewal with you: {about}"
            ))
        });
        let figures = self.figures();
        let recipient = self.recipient();
        let close = "Please tell me what should stay and what should change.";
        let paragraphs = self.letter(recipient, [opening, figures], close);
        (self.subject("Renewal"), paragraphs)
    }

    fn introduction(&mut self) -> (String, Vec<String>) {
        let opening = self.about().map(|about| {
            sentence(&format!(
                "I would like to introduce myself as your contact for this: {about}"
            ))
        });
        let recipient = self.recipient();
        let close = "May I ask what matters most to you there?";
        let paragraphs = self.letter(recipient, [opening], close);
        (self.subject("Introduction"), paragraphs)
    }

    fn reply(&mut self) -> (String, Vec<String>) {
        let letter = self.answered();
        let topic = letter.subject.or_else(|| self.topic());
        let topic = topic.map(|topic| self.told(topic));
        let topic = topic.as_deref().map(without_reply_mark);
        let day = letter.day.map(|day| format!(" of {}", self.told(day)));
        let thanks = topic.map(|topic| {
            let day = day.unwrap_or_default();
            let topic = quoted(topic);
            sentence(&format!("Thank you for your message{day}: {topic}"))
        });
        let answered = letter.words.map(|words| {
            let words = quoted(&self.told(words));
            sentence(&format!("You write: {words}"))
        });
        let standing = self.standing();
        let recipient = letter.writer.or_else(|| self.recipient());
        let close = "Is there anything to add before I answer in full?";
        let paragraphs = self.letter(recipient, [thanks, answered, standing], close);
        let subject = topic.map(|topic| format!("Re: {topic}"));
        let subject = subject.unwrap_or_else(|| "Your message".to_owned());
        (subject, paragraphs)
    }

    /// The paragraphs from greeting to signature. Where nothing is `said`, the e-mail says that there is nothing to say.
    fn letter<const N: usize>(
        &mut self,
        recipient: Option<Fact>,
        said: [Option<String>; N],
        close: &str,
    ) -> Vec<String> {
        let greeting = match recipient {
            Some(recipient) => format!("Hello {},", self.told(recipient)),
            None => "Hello,".to_owned(),
        };
        let mut paragraphs = vec![greeting];
        paragraphs.extend(said.into_iter().flatten());
        paragraphs.push(if paragraphs.len() == 1 {
            "The data given holds nothing to write about.".to_owned()
        } else {
            close.to_owned()
        });
        let closing = "Kind regards";
        paragraphs.push(match self.sender() {
            Some(sender) => format!("{closing}\n{}", self.told(sender)),
            None => closing.to_owned(),
        });
        paragraphs
    }

    /// A subject that names what `about` names first.
    fn subject(&self, purpose: &str) -> String {
        match self.topic().or_else(|| self.company()) {
            Some(topic) => format!("{purpose}: {}", topic.value),
            None => purpose.to_owned(),
        }
    }

    /// Notes that the e-mail rests on `fact`, and gives its words.
    fn told(&mut self, Fact { value, origin }: Fact) -> String {
        self.facts
            .push(json!({ "fact": excerpt(&value, LINE), "origin": origin }));
        value
    }

    /// What it is about, and whom: `"Acme renewal", Acme Freight`.
    fn about(&mut self) -> Option<String> {
        let topic = self.topic().map(|topic| quoted(&self.told(topic)));
        let company = self.company().map(|company| self.told(company));
        let parts: Vec<String> = [topic, company].into_iter().flatten().collect();
        filled(parts.join(", "))
    }

    fn topic(&self) -> Option<Fact> {
        match self.object() {
            Some("Contact" | "Lead" | "Account") => None,
            Some("Case") => self.first(&["Subject", "CaseNumber"]),
            Some(_) | None => self.first(&["Name", "Opportunity", "Subject"]),
        }
    }

    fn company(&self) -> Option<Fact> {
        match self.object() {
            Some("Account") => self.first(&["Name"]),
            Some(_) | None => self.first(&["Account.Name", "Company", "SuppliedCompany"]),
        }
    }

    /// Whom the e-mail goes to.
    fn recipient(&self) -> Option<Fact> {
        match self.object() {
            Some("Contact" | "Lead") => self
                .first(&["Name"])
                .or_else(|| self.first(&["FirstName"]))
                .or_else(|| self.first(&["LastName"])),
            Some(_) | None => self
                .first(&["Contact.Name", "SuppliedName"])
                .or_else(|| self.first_person()),
        }
    }

    fn first_person(&self) -> Option<Fact> {
        let person = people(self.source).into_iter().next()?;
        Fact::of(person.name(), "the first of the contacts")
    }

    /// Who signs: the owner, unless that is a queue.
    fn sender(&self) -> Option<Fact> {
        let record = self.source.record.as_ref();
        let is_queue = |owner: &Record| owner.object() == Some("Group");
        match record.and_then(|record| record.get("Owner")) {
            Some(Held::Parent(owner)) if is_queue(owner) => None,
            _ => self.first(&["Owner.Name"]),
        }
    }

    /// What happened last that the customer knows of.
    fn latest(&mut self) -> Option<String> {
        let fact = if self.object() == Some("Case") {
            let thread = thread(self.source);
            let known = thread.iter().rev().find(|entry| !entry.is_internal())?;
            Fact::of(&seen(known, true)?, "the latest entry of the thread")
        } else {
            let activities = activities(self.source);
            let done = activities.iter().find(|entry| entry.is_done(self.today))?;
            Fact::of(&seen(done, false)?, "the latest activity")
        };
        fact.map(|fact| self.told(fact))
    }

    /// What a renewal is about in figures.
    fn figures(&mut self) -> Option<String> {
        let amount = self.fields.amount("Amount");
        let amount = amount.and_then(|amount| Fact::of(&amount, "Amount"));
        let day = self.first(&["CloseDate"]);
        let amount = amount.map(|amount| format!("the amount {}", self.told(amount)));
        let day = day.map(|day| format!("the date {}", self.told(day)));
        let parts: Vec<String> = [amount, day].into_iter().flatten().collect();
        filled(parts.join(" and ")).map(|figures| sentence(&format!("So far I have {figures}")))
    }

    /// How a case stands.
    fn standing(&mut self) -> Option<String> {
        if self.object() != Some("Case") {
            return None;
        }
        let status = self.first(&["Status"])?;
        let number = self.first(&["CaseNumber"]);
        let number = number.map(|number| format!(" {}", self.told(number)));
        let status = self.told(status);
        let number = number.unwrap_or_default();
        Some(sentence(&format!(
            "The status of your case{number} is {status}"
        )))
    }

    /// The newest e-mail that the customer wrote, else what stands at the head of the text.
    fn answered(&self) -> Letter {
        let received = emails(self.source);
        let newest = received
            .iter()
            .find(|(entry, _)| !entry.is_sent())
            .map(|(entry, record)| Letter::of(entry, record));
        newest.unwrap_or_else(|| {
            let text = self.source.text.as_deref();
            Letter {
                words: text.and_then(|text| Fact::of(&gist(text), "text")),
                ..Letter::default()
            }
        })
    }

    fn object(&self) -> Option<&str> {
        self.source.record.as_ref()?.object()
    }

    /// The value of the first of `paths` that has one which can stand in an e-mail.
    fn first(&self, paths: &[&'static str]) -> Option<Fact> {
        paths
            .iter()
            .find_map(|path| Fact::of(&self.fields.line(path)?, path))
    }
}

impl Fact {
    /// None for a value that could be taken for markup or a blank.
    fn of(value: &str, origin: &'static str) -> Option<Self> {
        let value = filled(value).filter(|value| is_plain(value))?.to_owned();
        Some(Self { value, origin })
    }
}

impl Letter {
    fn of(entry: &Entry<'_>, record: &Record) -> Self {
        let writer = record
            .text("FromName")
            .and_then(|name| Fact::of(&excerpt(name, LINE), "FromName of the e-mail"));
        let subject = entry.title.as_deref();
        let day = entry.day.map(|day| day.to_string());
        let words = entry.body.map(gist);
        Self {
            writer,
            subject: subject.and_then(|subject| Fact::of(subject, "Subject of the e-mail")),
            day: day.and_then(|day| Fact::of(&day, "the day of the e-mail")),
            words: words.and_then(|words| Fact::of(&words, "the text of the e-mail")),
        }
    }
}

/// What `text` asks for; its beginning where it asks for nothing.
fn gist(text: &str) -> String {
    let asked: Vec<String> = sentences(text)
        .into_iter()
        .filter(|sentence| asks(sentence))
        .collect();
    let asked = filled(asked.join(" "));
    excerpt(asked.as_deref().unwrap_or(text), QUOTE)
}

/// An entry as the customer saw it: when, about what and, where they could read them, its words.
fn seen(entry: &Entry<'_>, with_words: bool) -> Option<String> {
    let day = entry.day.map(|day| day.to_string());
    let title = entry.title.as_deref().map(quoted);
    let words = entry.body.filter(|_| with_words);
    let words = words.map(|words| quoted(&excerpt(words, QUOTE)));
    let parts: Vec<String> = [day, title, words].into_iter().flatten().collect();
    filled(parts.join(", "))
}

/// A subject without the `Re:` that an earlier reply put before it.
fn without_reply_mark(subject: &str) -> &str {
    let marked = subject
        .get(..3)
        .is_some_and(|mark| mark.eq_ignore_ascii_case("re:"));
    let rest = if marked {
        subject[3..].trim_start()
    } else {
        ""
    };
    if rest.is_empty() { subject } else { rest }
}
