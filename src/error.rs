//! Errors: what failed, on what, why, and what to try.

use std::io;

/// The result type of portolan.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The operating system's message without its error number, which does not help a user.
pub(crate) fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

/// Why an operation failed as a whole.
///
/// If only a part of a listing cannot be read, that is a [`PartialError`](crate::model::PartialError), and the listing
/// continues. `Display` is one line that names the operation and its object; the cause is `source()`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The value of an option, an argument or an environment variable is invalid.
    #[error("cannot use {what}: {why}")]
    Usage {
        /// The option and its value, as the user wrote them.
        what: String,
        /// The problem with the value.
        why: String,
        /// What to try instead.
        hint: String,
    },
    /// A settings file is invalid.
    #[error("cannot use settings {place}: {why}")]
    Settings {
        /// `FILE` or `FILE:LINE:COLUMN`, and the key if it is known.
        place: String,
        /// The problem at that place.
        why: String,
        /// What to try instead.
        hint: String,
    },
    /// A server refused the request: authentication or authorization failed.
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
        /// The cause.
        why: String,
        /// What to try instead.
        hint: String,
    },
    /// An operation exceeded its time limit.
    #[error("cannot {what}: {why}")]
    TimedOut {
        /// The operation and its object, with its limit: `wait for file within 3s`.
        what: String,
        /// The last known state.
        why: String,
        /// What to try instead.
        hint: String,
    },
    /// The requested object does not exist.
    #[error("cannot find {what}: {why}")]
    NotFound {
        /// The requested object.
        what: String,
        /// Where portolan searched.
        why: String,
        /// What to try instead.
        hint: String,
    },
    /// A peer's reply does not follow its protocol.
    #[error("cannot {what}: {why}")]
    Protocol {
        /// The operation and its object: `list pods`.
        what: String,
        /// The problem with the reply.
        why: String,
        /// What to try instead.
        hint: String,
    },
    /// A limit of this program or of this machine is exceeded.
    #[error("cannot {what}: {why}")]
    Limit {
        /// The operation and its object.
        what: String,
        /// The limit.
        why: String,
        /// How to raise the limit, or how to stay below it.
        hint: String,
    },
    /// A permission is missing that the whole operation requires.
    #[error("cannot {what}: {why}")]
    Permission {
        /// The operation that needs it: `open raw sockets for --syn`.
        what: String,
        /// The missing permission.
        why: String,
        /// How to get the permission, and what works without it.
        hint: &'static str,
    },
    /// The operating system reported an error.
    #[error("cannot {what}")]
    Io {
        /// The operation and its object: `read /proc/net/tcp`.
        what: String,
        /// The operating system's error.
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

    /// An invalid value. `what` is the option with its value.
    pub fn usage(what: impl Into<String>, why: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Usage { what: what.into(), why: why.into(), hint: hint.into() }
    }

    /// What to try: the line after the error.
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

/// The known word that `word` is most likely a typo of: at most one typo in three letters.
pub(crate) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    // No key is longer, and the comparison is quadratic.
    if word.len() > 64 {
        return None;
    }

    let word = word.replace('_', "-").to_lowercase();
    let near = known.iter().map(|&known| (strsim::damerau_levenshtein(&word, known), known));
    near.filter(|&(typos, known)| typos * 3 <= known.len().max(3))
        .min_by_key(|&(typos, _)| typos)
        .map(|(_, known)| known)
}

/// The line and column of byte `at` in `text`, both counted from 1.
pub(crate) fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.as_bytes().get(..at).unwrap_or(text.as_bytes());
    let lines = before.split(|&byte| byte == b'\n');
    let last = lines.clone().next_back().unwrap_or_default();
    (lines.count(), String::from_utf8_lossy(last).chars().count() + 1)
}
