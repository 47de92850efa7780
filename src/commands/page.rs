//! What a command prints, to its end or to where its reader stops.

use std::io::Write as _;

/// Prints `text`. Whoever has read enough, as `head` has, ends nothing by that.
pub fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
