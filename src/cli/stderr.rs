//! Everything that is said beside the data.

use std::error::Error as _;
use std::io::{self, Write};

use crate::clean::escaped;
use crate::error::Error;
use crate::model::PartialError;

/// Tells why the command could not be done: one line, and one of what to try.
///
/// Foreign text is cleaned, and cut, where it enters a message. Here is the last gate, which cuts nothing off: what
/// comes after a long value must still be read.
pub(super) fn error(error: &Error) {
    write(&format!("error: {}\nhint: {}\n", escaped(&with_causes(error)), escaped(error.hint())));
}

/// Tells of a part that could not be read, while the rest was.
pub(super) fn fault(fault: &PartialError) {
    write(&format!(
        "error: cannot {}: {}\nhint: {}\n",
        escaped(&fault.operation),
        escaped(&fault.cause),
        escaped(&fault.hint)
    ));
}

/// Tells something beside the data, such as a summary. The caller asks `--quiet` first.
pub(super) fn note(text: &str) {
    write(&format!("{}\n", escaped(text)));
}

/// In one write, so that no other process's words come between; that nobody listens is no failure.
fn write(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

fn with_causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let mut why = error.to_string();
        // "(os error 28)" tells a programmer something and a user nothing.
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
