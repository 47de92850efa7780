//! An answer as plain text that a person reads in Flow, in an e-mail or in a text area.

use super::excerpt::clip;

/// As long as the text may be: a long text area of Salesforce holds 32,768 characters.
pub(super) const PAGE: usize = 32_000;

/// A page under way: sections apart by an empty line, lists with dashes, no markup.
#[derive(Debug, Default)]
pub(super) struct Page {
    sections: Vec<String>,
}

impl Page {
    /// Adds a paragraph without a heading.
    pub(super) fn line(mut self, text: &str) -> Self {
        self.sections.push(text.to_owned());
        self
    }

    /// Adds a paragraph under a heading.
    pub(super) fn section(mut self, heading: &str, text: &str) -> Self {
        self.sections.push(format!("{heading}\n{text}"));
        self
    }

    /// Adds a list under a heading, and nothing where the list is empty.
    pub(super) fn list(mut self, heading: &str, entries: impl IntoIterator<Item = String>) -> Self {
        let lines: Vec<String> = entries
            .into_iter()
            .map(|entry| format!("- {entry}"))
            .collect();
        if !lines.is_empty() {
            self.sections
                .push(format!("{heading}\n{}", lines.join("\n")));
        }
        self
    }

    /// The page as text, at most [`PAGE`] characters long.
    pub(super) fn text(self) -> String {
        clip(self.sections.join("\n\n"), PAGE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_stand_apart_and_an_empty_list_leaves_no_heading() {
        let page = Page::default()
            .line("Headline")
            .section("Context", "Text.")
            .list("Risks", Vec::new())
            .list("Steps", ["one".to_owned(), "two".to_owned()]);

        assert_eq!(
            page.text(),
            "Headline\n\nContext\nText.\n\nSteps\n- one\n- two"
        );
    }

    #[test]
    fn a_page_of_emoji_fits_into_a_long_text_area_too() {
        let text = Page::default().line(&"🚚".repeat(20_000)).text();

        assert!(text.encode_utf16().count() <= PAGE);
        assert!(text.ends_with("🚚…"));
    }
}
