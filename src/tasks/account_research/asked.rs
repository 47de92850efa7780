//! What an inquiry asks of the research.

use super::options::{AccountResearchOptions, ResearchField};
use crate::tasks::inquiry::{Inquiry, Options};

/// The fields that the caller asks for.
pub(super) fn asked<'a>(inquiry: &Inquiry<'a>) -> &'a [ResearchField] {
    own(inquiry).map_or(&[], |own| &own.fields)
}

/// The only domains that a search for this inquiry may read; any where none is named.
#[must_use]
pub(super) fn search_domains<'a>(inquiry: &Inquiry<'a>) -> &'a [String] {
    own(inquiry).map_or(&[], |own| &own.search_domains)
}

fn own<'a>(inquiry: &Inquiry<'a>) -> Option<&'a AccountResearchOptions> {
    match inquiry.options {
        Options::AccountResearch(own) => Some(own),
        Options::None | Options::EmailDraft(_) | Options::CallNotes(_) => None,
    }
}
