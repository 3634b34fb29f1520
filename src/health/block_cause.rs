//! Why a requested check could not run.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a requested check could not run. Evidence files hold it as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub(crate) enum BlockCause {
    /// The run was stopped first.
    Stopped,
    /// The run's deadline passed first.
    DeadlinePassed,
    /// A failure on this side.
    Local(String),
}

impl BlockCause {
    /// Whether the run ended before the check did.
    pub(crate) fn is_end_of_run(&self) -> bool {
        matches!(self, Self::Stopped | Self::DeadlinePassed)
    }
}

impl fmt::Display for BlockCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stopped => "the run was stopped",
            Self::DeadlinePassed => "the run's deadline passed",
            Self::Local(cause) => cause,
        })
    }
}

impl From<BlockCause> for String {
    fn from(cause: BlockCause) -> Self {
        cause.to_string()
    }
}

impl From<String> for BlockCause {
    /// Reads a cause back from an evidence file.
    fn from(text: String) -> Self {
        let ends_of_run = [Self::Stopped, Self::DeadlinePassed];
        ends_of_run.into_iter().find(|cause| cause.to_string() == text).unwrap_or(Self::Local(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_text_in_evidence_files() {
        for cause in [BlockCause::Stopped, BlockCause::DeadlinePassed, BlockCause::Local("no descriptors".to_owned())] {
            let text = serde_json::to_string(&cause).unwrap();
            assert_eq!(text, format!("\"{cause}\""));
            assert_eq!(serde_json::from_str::<BlockCause>(&text).unwrap(), cause);
        }
    }
}
