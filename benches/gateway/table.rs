//! The table: printed as it comes, and written as Markdown.

use std::fmt::Write as _;

/// Lines so far.
#[derive(Default)]
pub struct Table {
    markdown: String,
}

impl Table {
    /// Begins a part with these columns.
    pub fn begin(&mut self, title: &str, columns: &[&str]) {
        let _ = writeln!(self.markdown, "\n**{title}**\n");
        println!("\n{title}");
        self.row(columns);
        let _ = writeln!(self.markdown, "|{}", " --- |".repeat(columns.len()));
    }

    /// One more line.
    pub fn row(&mut self, cells: &[impl AsRef<str>]) {
        let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
        let _ = writeln!(self.markdown, "| {} |", cells.join(" | "));
        let mut line = String::new();
        for (nth, cell) in cells.iter().enumerate() {
            let width = if nth == 0 { 34 } else { 13 };
            let _ = write!(line, "{cell:<width$}");
        }
        println!("{}", line.trim_end());
    }

    /// All of it.
    pub fn markdown(&self) -> &str {
        self.markdown.trim_start()
    }
}
