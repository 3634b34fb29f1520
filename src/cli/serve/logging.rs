//! The log of a server, on standard error: one line for each event, whatever a client put into it.

use std::io::{self, Write};

use tracing_subscriber::fmt::{MakeWriter, layer};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, reload};

use crate::clean::{escaped, is_dangerous};
use crate::error::{Error, Result};
use crate::server::LogLevel;

/// What takes events or spans.
pub(super) type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Starts the log, and what exports spans. `filter` was checked before.
///
/// # Errors
/// The process has a log already.
pub(super) fn start(filter: &str, is_json: bool, spans: Option<BoxedLayer>) -> Result<LogLevel> {
    let (level, handle) = reload::Layer::new(EnvFilter::new(filter));
    let lines = layer().with_ansi(false).with_target(false).with_writer(Lines { is_json });
    let lines: BoxedLayer = if is_json { lines.json().flatten_event(true).boxed() } else { lines.boxed() };

    let layers: Vec<BoxedLayer> = [lines.with_filter(level).boxed()].into_iter().chain(spans).collect();
    let started = tracing_subscriber::registry().with(layers).try_init();
    started.map_err(|error| Error::usage("the log", error.to_string(), "this is a bug in portolan"))?;
    Ok(LogLevel::new(filter, move |filter| handle.reload(EnvFilter::new(filter)).is_ok()))
}

/// Writes each event as one line in which nothing moves a cursor, hides text or looks like another line.
#[derive(Clone, Copy, Debug)]
struct Lines {
    is_json: bool,
}

impl<'l> MakeWriter<'l> for Lines {
    type Writer = Self;

    fn make_writer(&'l self) -> Self {
        *self
    }
}

impl Write for Lines {
    /// Takes a whole event, which ends with a line break.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        // Most lines are plain ASCII, and each change of the registry writes one.
        let is_plain = event.strip_suffix(b"\n").unwrap_or(event).iter().all(|byte| matches!(byte, 0x20..0x7f));
        if is_plain {
            io::stderr().write_all(event)?;
            return Ok(event.len());
        }
        let text = String::from_utf8_lossy(event);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        if line.contains(is_dangerous) {
            io::stderr().write_all(clean_line(line, self.is_json).as_bytes())?;
        } else {
            io::stderr().write_all(event)?;
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The line with its end, and with escapes in place of what a terminal would obey: those of JSON, or those of Rust.
fn clean_line(line: &str, is_json: bool) -> String {
    if !is_json {
        return format!("{}\n", escaped(line));
    }
    let mut clean = String::with_capacity(line.len() + 64);
    for letter in line.chars() {
        if is_dangerous(letter) {
            clean.extend(letter.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            clean.push(letter);
        }
    }
    clean.push('\n');

    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line_and_json_reads_back() {
        let name = "a\nb\u{1b}[2Jc\u{202e}d\u{e0041}e\u{9b}";
        let text = clean_line(name, false);
        assert_eq!(text, "a\\nb\\u{1b}[2Jc\\u{202e}d\\u{e0041}e\\u{9b}\n");

        let json = serde_json::to_string(name).unwrap();
        let line = clean_line(&json, true);
        assert!(!line.trim_end_matches('\n').contains(is_dangerous), "{line}");
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), name);
    }
}
