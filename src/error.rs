//! What could not be done to what, and what to try.

use std::io;

/// The result of what can fail in portolan.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The operating system's words without its number, which tells a programmer something and a user nothing.
pub(crate) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// Why something could not be done at all.
///
/// A part that could not be read is not an `Error`: it is a [`PartialError`](crate::model::PartialError) of a listing that
/// goes on. `Display` is one line that names the operation and its object; the cause is `source()`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An option, an argument or an environment variable has a value that cannot be used.
    #[error("cannot use {what}: {why}")]
    Usage {
        /// The option and its value, as the user wrote them.
        what: String,
        /// What is wrong with it.
        why: String,
        /// What to try instead.
        hint: String,
    },
    /// A settings file cannot be used.
    #[error("cannot use settings {place}: {why}")]
    Settings {
        /// `FILE` or `FILE:LINE:COLUMN`, and the key where it is known.
        place: String,
        /// What is wrong there.
        why: String,
        /// What to try instead.
        hint: String,
    },
    /// A server refused: it does not know the client, or does not permit the request.
    #[error("cannot {what}: {why}")]
    Refused {
        /// The operation and its object: `list services`.
        what: String,
        /// The server's reply.
        why: String,
        /// What to try instead.
        hint: String,
    },
    /// A server could not be reached.
    #[error("cannot {what}: {why}")]
    Connection {
        /// The operation and its object: `list services`.
        what: String,
        /// What went wrong.
        why: String,
        /// What to try instead.
        hint: String,
    },
    /// Something took longer than it may.
    #[error("cannot {what}: {why}")]
    TimedOut {
        /// The operation and its object, with its limit: `wait for file within 3s`.
        what: String,
        /// The last that was known.
        why: String,
        /// What to try instead.
        hint: String,
    },
    /// Something that was asked for by name does not exist.
    #[error("cannot find {what}: {why}")]
    NotFound {
        /// What was asked for.
        what: String,
        /// Where it was looked for.
        why: String,
        /// What to try instead.
        hint: String,
    },
    /// A peer's reply does not follow its protocol.
    #[error("cannot {what}: {why}")]
    Protocol {
        /// The operation and its object: `list pods`.
        what: String,
        /// What is wrong with the reply.
        why: String,
        /// What to try instead.
        hint: String,
    },
    /// A limit of this program or of this machine was reached.
    #[error("cannot {what}: {why}")]
    Limit {
        /// The operation and its object.
        what: String,
        /// The limit.
        why: String,
        /// How to raise it, or how to stay below it.
        hint: String,
    },
    /// A permission is missing, and nothing of what was asked for can be done without it.
    #[error("cannot {what}: {why}")]
    Permission {
        /// The operation that needs it: `open raw sockets for --syn`.
        what: String,
        /// Which permission it is.
        why: String,
        /// How to get it, and what works without.
        hint: &'static str,
    },
    /// The operating system refused.
    #[error("cannot {what}")]
    Io {
        /// The operation and its object: `read /proc/net/tcp`.
        what: String,
        /// The operating system's answer.
        #[source]
        source: io::Error,
        /// What to try instead.
        hint: &'static str,
    },
}

impl Error {
    /// An operating system error on `what` ("read /etc/passwd").
    pub fn io(what: impl Into<String>, source: impl Into<io::Error>, hint: &'static str) -> Self {
        Self::Io { what: what.into(), source: source.into(), hint }
    }

    /// A value that cannot be used: `what` is the option with its value.
    pub fn usage(what: impl Into<String>, why: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage { what: what.into(), why: why.into(), hint: hint.into() }
    }

    /// What to try, for the line after the error.
    pub fn hint(&self) -> &str {
        match self {
            Self::Usage { hint, .. }
            | Self::Settings { hint, .. }
            | Self::Refused { hint, .. }
            | Self::Connection { hint, .. }
            | Self::TimedOut { hint, .. }
            | Self::NotFound { hint, .. }
            | Self::Protocol { hint, .. }
            | Self::Limit { hint, .. } => hint,
            Self::Permission { hint, .. } | Self::Io { hint, .. } => hint,
        }
    }
}

/// The known word that `word` is most likely a slip of: at most one slip in three letters.
pub(crate) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    // Nobody's key is longer, and the comparison is quadratic.
    if word.len() > 64 {
        return None;
    }
    let word = word.replace('_', "-").to_lowercase();
    let near = known.iter().map(|&known| (strsim::damerau_levenshtein(&word, known), known));
    near.filter(|&(slips, known)| slips * 3 <= known.len().max(3))
        .min_by_key(|&(slips, _)| slips)
        .map(|(_, known)| known)
}

/// The line and the character in it, both from 1, where byte `at` of `text` stands.
pub(crate) fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.as_bytes().get(..at).unwrap_or(text.as_bytes());
    let lines = || before.split(|&byte| byte == b'\n');
    (lines().count(), String::from_utf8_lossy(lines().next_back().unwrap_or_default()).chars().count() + 1)
}
