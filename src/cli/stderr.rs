//! Standard error: errors, hints and notes.

use std::error::Error as _;
use std::io::{self, Write};

use crate::clean::{escaped, redacted};
use crate::error::Error;
use crate::model::PartialError;

/// Prints why a command failed: one line with the error, one with the hint.
///
/// Foreign text is cleaned and shortened where it enters a message. This last gate escapes but never shortens: the text
/// after a long value must remain readable.
pub(super) fn error(error: &Error) {
    write(&format!("error: {}\nhint: {}\n", escaped(&with_causes(error)), escaped(error.hint())));
}

/// Prints an error about one part of a result, while the rest is available.
pub(super) fn fault(fault: &PartialError) {
    write(&format!(
        "error: cannot {}: {}\nhint: {}\n",
        escaped(&fault.operation),
        escaped(&fault.cause),
        escaped(&fault.hint)
    ));
}

/// Prints an error that is a sentence of its own, with a hint.
pub(super) fn failure(text: &str, hint: &str) {
    write(&format!("error: {}\nhint: {}\n", escaped(text), escaped(hint)));
}

/// Prints a note such as a summary. The caller checks `--quiet` first.
pub(super) fn note(text: &str) {
    write(&format!("{}\n", escaped(text)));
}

/// The one gate: whatever is printed has no passwords. Uses a single write, so that lines of other processes cannot come between. A closed standard error is not a failure.
fn write(text: &str) {
    let _ = io::stderr().write_all(redacted(text).as_bytes());
}

fn with_causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let mut why = error.to_string();
        // "(os error 28)" means nothing to a user.
        if let Some(code) = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error)
            && let Some(plain) = why.strip_suffix(&format!(" (os error {code})"))
        {
            why.truncate(plain.len());
        }

        text.push_str(": ");
        text.push_str(&why);
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_with_its_cause() {
        let error = Error::io("read /etc/\u{1b}[2J\nx", io::Error::from_raw_os_error(2), "look");
        assert_eq!(escaped(&with_causes(&error)), "cannot read /etc/\\u{1b}[2J\\nx: No such file or directory");
    }
}
