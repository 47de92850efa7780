//! `belay openapi`.

use url::Url;

use super::{Reader, page};
use crate::http::openapi::Documents;
use crate::http::router;

/// Prints the document for `reader`.
pub fn run(reader: Option<Reader>, public_url: Option<&Url>) {
    let documents = Documents::new(router::documentation(), public_url);
    match reader {
        None => page::print(&documents.openapi),
        Some(Reader::Salesforce) => page::print(&documents.salesforce),
    }
}
