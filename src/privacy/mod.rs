//! What an org may expect of its data, beyond what shapes can promise.
//!
//! Here stands what looks at words and values. [`screen`] leaves of a question what its org lets out, with placeholders for
//! the rest; its [`Vault`] puts the values back into the answer. [`links`] takes out of an answer the links that lead
//! elsewhere. [`grounding`] holds an answer against the input it was written from and names what the input does not say.
//!
//! # Why
//! * **What leaves is decided here, before anything is rendered or computed**, and what comes out is a source like any
//!   other. So no task, prompt or fallback can forget a rule: there is nothing left to forget it about.
//! * **A placeholder, not a gap.** `[EMAIL_1]` lets a model speak of what it does not know, and the reader gets it back.
//! * **Checks in code.** A model that invents an amount invents it fluently, and the reader of a briefing has no time to look
//!   each figure up. A second model as the judge, of what is private as of what is true, would cost a call, wait as
//!   long again and err in its own way; plain code costs milliseconds, says the same every time and can be read here.
//!
//! So the room is pure: values in, values out, no clock, no network, no setting but the org's policy, which is handed in.
//! What is done with a finding is left to the tasks; the grounding check neither changes an answer nor refuses it.

mod detectors;
pub mod grounding;
mod known;
pub mod links;
mod mentions;
mod rules;
mod screen;
mod vault;

pub use screen::{Passage, Passages, Screened, screen, screen_passages, withheld};
pub use vault::Vault;

use jiff::civil::Date;

use crate::domain::{Detector, Privacy};
use crate::salesforce::Source;
use grounding::{Known, Said};

/// Loads every list and expression of the room, so that the first caller does not wait for them.
pub fn prepare(today: Date) {
    let policy = Privacy {
        detect: Detector::ALL.into(),
        ..Privacy::default()
    };
    let source = Source {
        text: Some("Call +49 30 23125147 or write to box@mail.example".to_owned()),
        ..Source::default()
    };
    let screened = screen(&source, &[], &policy);
    let restored = screened.vault.restore("[EMAIL_1], https://mail.example");
    let unlinked = links::keep_allowed(&restored, &[]);
    let known = Known::new([unlinked.as_str()], "", today);
    let _findings = known.ungrounded(&[Said::Text("Jens Albrecht, $1, 1 May")]);
}
