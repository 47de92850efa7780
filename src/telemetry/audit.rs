//! The audit line: what left the gateway, on whose behalf and what it cost; one JSON object a call, never a value.
//!
//! # Why
//! A thread of its own writes the lines, so that a slow disk keeps no call's worker waiting. What waits for it is
//! bounded: when the target stands still, calls stand still behind it rather than leave without their line. Those that
//! cannot wait, since they were dropped amid their way, have more room.
//! Lines are appended and never rewritten; who rotates the file copies and truncates it, or restarts the gateway.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Where the audit lines go. In the file: `audit.target`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Target {
    /// Standard output, where nothing else is written while the gateway serves.
    #[default]
    Stdout,
    /// The end of this file, which is made where it is not.
    File(PathBuf),
    /// Nowhere: a demo on a terminal. Not in the file.
    Nowhere,
}

/// Takes the lines.
#[derive(Clone)]
pub struct Audit {
    lines: Arc<Mutex<Option<Lines>>>,
    writer: Arc<Mutex<Option<JoinHandle<()>>>>,
}

/// The way to the writer, and the room that there is on it.
#[derive(Clone)]
struct Lines {
    to_writer: mpsc::UnboundedSender<Line>,
    room: Arc<Semaphore>,
    more_room: Arc<Semaphore>,
}

/// A line on its way, which gives its room back once it is written.
struct Line {
    bytes: Vec<u8>,
    _room: OwnedSemaphorePermit,
}

/// What one call did. Every member is a name, an id, a number or a hash.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Entry {
    /// When the call ended, in UTC.
    pub time: String,
    /// The call's id.
    pub request_id: String,
    /// The org's configured name.
    pub org: String,
    /// The org's Salesforce id.
    pub org_id: String,
    /// The configured id of the credential.
    pub credential_id: String,
    /// The user, where the credential proves one.
    pub user_id: Option<String>,
    /// The task.
    pub task: &'static str,
    /// The ids of the record asked about and of those within and beside it, at most 200.
    pub record_ids: Vec<String>,
    /// `Object.Field` of everything that went to a provider; nothing where none was asked.
    pub fields_sent: Vec<String>,
    /// Of these, the ones in which a value was masked.
    pub fields_masked: Vec<String>,
    /// How many values were masked.
    pub masked_values: u32,
    /// The model that answered.
    pub model: Option<String>,
    /// The provider that answered.
    pub provider: Option<String>,
    /// Tokens read, over all attempts.
    pub input_tokens: u64,
    /// Tokens written, over all attempts.
    pub output_tokens: u64,
    /// Searches of the web that the provider ran.
    pub web_searches: u64,
    /// What was charged.
    pub cost_usd: f64,
    /// `ok`, `cached`, `collapsed`, `replayed`, `preview`, or the code of the problem. A batch has a second line, of the same
    /// call, once it is `settled` or `charged-in-full`.
    pub outcome: &'static str,
    /// The SHA-256 of system prompt and question, in hexadecimal; none where nothing was sent.
    pub prompt_sha256: Option<String>,
}

/// How long the writer lets lines gather when it has written all.
const GATHERING: Duration = Duration::from_millis(1);
/// Lines that the writer takes at once.
const GATHERED: usize = 64;
/// Bytes that a pipe takes in one piece (`PIPE_BUF`), and so the most that is written at once, but for a longer line.
const AT_ONCE: usize = 4_096;
/// Lines that may wait for the writer while calls wait behind them.
const WAITING: usize = 4_096;
/// Lines that may wait beside these, of calls that cannot wait themselves.
const LEFT_BEHIND: usize = 65_536;

impl Audit {
    /// Opens `target`.
    ///
    /// # Errors
    /// Where its file cannot be appended to, or the writer's thread cannot be had.
    pub fn open(target: &Target) -> io::Result<Self> {
        let sink: Option<Box<dyn Write + Send>> = match target {
            Target::Stdout => Some(Box::new(io::stdout())),
            Target::File(path) => Some(Box::new(appended(path)?)),
            Target::Nowhere => None,
        };
        let Some(mut sink) = sink else {
            return Ok(Self {
                lines: Arc::default(),
                writer: Arc::default(),
            });
        };
        let (to_writer, mut waiting) = mpsc::unbounded_channel::<Line>();
        let lines = Lines {
            to_writer,
            room: Arc::new(Semaphore::new(WAITING)),
            more_room: Arc::new(Semaphore::new(LEFT_BEHIND)),
        };
        let writer = std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || {
                let (mut lines, mut torn) = (Vec::new(), false);
                while waiting.blocking_recv_many(&mut lines, GATHERED) > 0 {
                    torn = put_all(&mut *sink, &lines, torn);
                    lines.clear();
                    if waiting.is_empty() {
                        // The next lines gather meanwhile, so that not every call has to wake this thread.
                        std::thread::sleep(GATHERING);
                    }
                }
            })?;
        Ok(Self {
            lines: Arc::new(Mutex::new(Some(lines))),
            writer: Arc::new(Mutex::new(Some(writer))),
        })
    }

    /// Hands `entry` to the writer; waits where it is far behind. One who stops waiting has handed over nothing.
    pub async fn write(&self, entry: &Entry) {
        if let Some(lines) = self.lines()
            && let Ok(room) = Arc::clone(&lines.room).acquire_owned().await
        {
            lines.send(entry, room);
        }
    }

    /// As [`Self::write`] for whoever cannot wait, such as a call that panicked; told in the log where there is no room.
    pub fn write_now(&self, entry: &Entry) {
        let Some(lines) = self.lines() else { return };
        let room = Arc::clone(&lines.room).try_acquire_owned();
        let room = room.or_else(|_| Arc::clone(&lines.more_room).try_acquire_owned());
        if let Ok(room) = room {
            lines.send(entry, room);
        } else {
            tracing::error!(
                request_id = entry.request_id,
                "an audit line was lost: the writer is behind"
            );
        }
    }

    /// Lets the writer finish what waits; lines after this are not taken.
    pub async fn close(&self) {
        let lines = self
            .lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(lines);
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(writer) = writer {
            let _ = tokio::task::spawn_blocking(move || writer.join()).await;
        }
    }

    fn lines(&self) -> Option<Lines> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.clone()
    }
}

impl Lines {
    fn send(&self, entry: &Entry, room: OwnedSemaphorePermit) {
        let line = Line {
            bytes: line(entry),
            _room: room,
        };
        // The writer ends only after the last sender, so the line is always taken.
        let _ = self.to_writer.send(line);
    }
}

/// Writes `lines`, as many at once as a pipe takes in one piece: lines of several processes do not mix. One that cannot be
/// written is told of in the log and left. `torn` is whether the last one before them broke off, and told of the last of them.
fn put_all(sink: &mut dyn Write, lines: &[Line], mut torn: bool) -> bool {
    let mut rest = lines;
    while !rest.is_empty() {
        // What is left of a line that broke off must not spoil the next.
        let mut bytes = if torn { vec![b'\n'] } else { Vec::new() };
        let mut ends = Vec::new();
        for line in rest {
            if !ends.is_empty() && bytes.len() + line.bytes.len() > AT_ONCE {
                break;
            }
            bytes.extend_from_slice(&line.bytes);
            ends.push(bytes.len());
        }
        let mut written = 0;
        let Err(error) = put(sink, &bytes, &mut written) else {
            torn = false;
            rest = &rest[ends.len()..];
            continue;
        };
        let whole = ends.iter().take_while(|end| **end <= written).count();
        if let Some(broken) = rest[..ends.len()].get(whole) {
            let request_id = request_id(&broken.bytes);
            tracing::error!(%error, request_id, "an audit line could not be written");
            let begun_at = whole.checked_sub(1).map_or(0, |before| ends[before]);
            torn = written > begun_at || (torn && written == 0);
            rest = &rest[whole + 1..];
        } else {
            // All of it went out, and only that could not be made sure of.
            tracing::error!(%error, "audit lines may not have been written");
            torn = false;
            rest = &rest[whole..];
        }
    }
    torn
}

/// Writes `bytes`, in one go where the target takes it so. `written` tells how much of them went out, also where an error
/// ended that.
fn put(sink: &mut dyn Write, bytes: &[u8], written: &mut usize) -> io::Result<()> {
    while *written < bytes.len() {
        match sink.write(&bytes[*written..]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(more) => *written += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    sink.flush()
}

/// The id of the call that `line` is about, so that the log can name whose line is missing.
fn request_id(line: &[u8]) -> String {
    let entry: serde_json::Value = serde_json::from_slice(line).unwrap_or_default();
    entry["request_id"].as_str().unwrap_or_default().to_owned()
}

fn line(entry: &Entry) -> Vec<u8> {
    let mut line = serde_json::to_vec(entry).expect("names, numbers and lists of them");
    line.push(b'\n');
    line
}

/// The file at `path`, to be appended to and, where it is new, readable to its owner alone.
fn appended(path: &Path) -> io::Result<std::fs::File> {
    use std::os::unix::fs::OpenOptionsExt as _;

    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn entry(request_id: &str) -> Entry {
        Entry {
            request_id: request_id.to_owned(),
            task: "briefing",
            outcome: "ok",
            ..Entry::default()
        }
    }

    #[tokio::test]
    async fn lines_are_appended_to_what_the_file_holds_and_none_is_lost_at_the_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("audit.jsonl");
        for run in ["a", "b"] {
            let audit = Audit::open(&Target::File(path.clone())).expect("it can be opened");
            for _ in 0..100 {
                audit.write(&entry(run)).await;
            }
            audit.write_now(&entry(run));
            audit.close().await;
            audit.write(&entry("after the end")).await;
        }
        let text = std::fs::read_to_string(&path).expect("it is there");
        let ids: Vec<String> = text
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"))
            .map(|entry| entry["request_id"].as_str().expect("a text").to_owned())
            .collect();
        assert_eq!(ids.len(), 202);
        assert!(ids[..101].iter().all(|id| id == "a") && ids[101..].iter().all(|id| id == "b"));
    }

    #[tokio::test]
    async fn a_call_that_is_dropped_while_the_target_stands_still_keeps_its_line() {
        use std::io::Read as _;

        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.expect("it runs").success());
        let mut pipe = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .expect("a pipe");
        let audit = Audit::open(&Target::File(path)).expect("it can be opened");
        while audit.write(&entry("waits")).now_or_never().is_some() {}
        audit.write_now(&entry("left behind"));
        let read = tokio::task::spawn_blocking(move || {
            let (mut text, mut bytes) = (Vec::new(), [0; 8_192]);
            while !String::from_utf8_lossy(&text).contains("left behind") {
                let read = pipe.read(&mut bytes).expect("more lines");
                // Only the end can hold what is looked for.
                text.drain(..text.len().saturating_sub(1_000));
                text.extend_from_slice(&bytes[..read]);
            }
            pipe
        });
        tokio::time::timeout(std::time::Duration::from_secs(20), read)
            .await
            .expect("the line comes")
            .expect("no panic");
    }

    #[test]
    fn a_write_that_breaks_off_tells_how_much_went_out() {
        let mut room = [0; 4];
        let mut written = 0;
        let full = put(&mut &mut room[..], b"123456", &mut written);
        assert!(full.is_err());
        assert_eq!((written, &room), (4, b"1234"));
    }

    #[test]
    fn a_line_that_breaks_off_costs_no_other() {
        /// Takes so many bytes, then refuses once.
        struct Full {
            taken: Vec<u8>,
            room: usize,
        }

        impl Write for Full {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                if self.room == 0 {
                    self.room = usize::MAX;
                    return Err(io::ErrorKind::StorageFull.into());
                }
                let count = bytes.len().min(self.room);
                self.taken.extend_from_slice(&bytes[..count]);
                self.room -= count;
                Ok(count)
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }

        let more_room = Arc::new(Semaphore::new(8));
        let line = |text: &str| Line {
            bytes: format!("{text}\n").into_bytes(),
            _room: Arc::clone(&more_room).try_acquire_owned().expect("room"),
        };
        for (room, expected) in [
            (0, "bb\ncc\ndd\n"),
            (2, "aa\nbb\ncc\ndd\n"),
            (3, "aa\ncc\ndd\n"),
            (4, "aa\nb\ncc\ndd\n"),
            (6, "aa\nbb\ndd\n"),
            (8, "aa\nbb\ncc\ndd\n"),
            (9, "aa\nbb\ncc\n"),
        ] {
            let lines = [line("aa"), line("bb"), line("cc")];
            let mut full = Full {
                taken: Vec::new(),
                room,
            };
            let torn = put_all(&mut full, &lines, false);
            put_all(&mut full, &[line("dd")], torn);
            assert_eq!(String::from_utf8_lossy(&full.taken), expected, "{room}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_opened_stops_the_start() {
        let nowhere = Target::File("/nowhere/at/all/audit.jsonl".into());
        assert!(Audit::open(&nowhere).is_err());
    }
}
