//! Log lines, one JSON object each.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// How log lines look. In the file: `telemetry.logs`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Settings {
    /// One JSON object a line, for machines.
    #[default]
    Json,
    /// Coloured lines, for a person at a terminal.
    Pretty,
}

/// A panic is told by its place alone, as a log line: its message may quote the text that it stumbled over.
pub fn tell_panics_by_their_place() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "a defect: the code panicked");
    }));
}

/// Sends log lines to standard error from now on; does nothing where a subscriber stands already.
///
/// `filter` is a `tracing` filter such as `info` or `belay=debug`.
pub fn init(settings: Settings, filter: &str) {
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let registry = tracing_subscriber::registry().with(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    // A second subscriber can only be a test's; the first stays.
    let _ = match settings {
        Settings::Json => registry
            .with(lines.json().flatten_event(true).with_current_span(false))
            .try_init(),
        Settings::Pretty => registry.with(lines).try_init(),
    };
}
