//! The verdict on one address: registered, listening, replying.

use crate::model::Certainty;

/// What three facts about an address say together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DriftVerdict {
    /// It is registered, and it replies.
    Agrees,
    /// It is registered, and nothing listens.
    NotListening,
    /// It is registered, something may listen, and nothing replies.
    NotReplying,
    /// Something listens or replies that no registry has.
    Unregistered,
    /// No registry has it, and nothing listens.
    Absent,
    /// The facts do not suffice.
    CannotTell,
}

impl DriftVerdict {
    /// Its name in all formats.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::NotListening => "not listening",
            Self::NotReplying => "not replying",
            Self::Unregistered => "unregistered",
            Self::Absent => "absent",
            Self::CannotTell => "cannot tell",
        }
    }
}

/// The verdict on an address.
///
/// A reply proves that something listens, but where the sockets are visible and none listens, something else forwards the
/// connection, such as address translation: what it leads to is unknown.
///
/// ```
/// use portolan::drift::{DriftVerdict, verdict};
/// use portolan::model::Certainty::{No, Unknown, Yes};
///
/// assert_eq!(verdict(Yes, No, No), DriftVerdict::NotListening);
/// assert_eq!(verdict(Yes, Unknown, Yes), DriftVerdict::Agrees);
/// assert_eq!(verdict(Yes, Unknown, Unknown), DriftVerdict::CannotTell);
/// ```
pub const fn verdict(registered: Certainty, listening: Certainty, replying: Certainty) -> DriftVerdict {
    use Certainty::{No, Unknown, Yes};

    match (registered, listening, replying) {
        (Yes, Yes | Unknown, Yes) => DriftVerdict::Agrees,
        (Yes, Yes | Unknown, No) => DriftVerdict::NotReplying,
        (Yes, No, No | Unknown) => DriftVerdict::NotListening,
        (No, Yes, _) | (No, Unknown, Yes) => DriftVerdict::Unregistered,
        (No, No, No | Unknown) => DriftVerdict::Absent,
        (Unknown, _, _) | (Yes | No, No, Yes) | (Yes, Yes | Unknown, Unknown) | (No, Unknown, No | Unknown) => {
            DriftVerdict::CannotTell
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use DriftVerdict::{Absent, Agrees, CannotTell, NotListening, NotReplying, Unregistered};

    /// The table of `docs/drift.md`: rows by registered and listening, columns by replying, each in the order of
    /// [`Certainty::ALL`].
    const CELLS: [[DriftVerdict; 3]; 9] = [
        [Agrees, NotReplying, CannotTell],
        [CannotTell, NotListening, NotListening],
        [Agrees, NotReplying, CannotTell],
        [Unregistered, Unregistered, Unregistered],
        [CannotTell, Absent, Absent],
        [Unregistered, CannotTell, CannotTell],
        [CannotTell, CannotTell, CannotTell],
        [CannotTell, CannotTell, CannotTell],
        [CannotTell, CannotTell, CannotTell],
    ];

    #[test]
    fn all_27_cells_are_as_the_table_says() {
        let page = include_str!("../../docs/drift.md");
        let rows = Certainty::ALL.into_iter().flat_map(|a| Certainty::ALL.map(|b| (a, b)));

        for ((registered, listening), expected) in rows.zip(CELLS) {
            let cells = Certainty::ALL.map(|replying| verdict(registered, listening, replying));
            assert_eq!(cells, expected, "{registered:?} {listening:?}");

            let words = cells.map(DriftVerdict::as_str).join(" | ");
            let row = format!("| {} | {} | {words} |", word(registered), word(listening));
            assert!(page.contains(&row), "docs/drift.md lacks {row}");
        }
    }

    fn word(certainty: Certainty) -> &'static str {
        if certainty == Certainty::Unknown { "cannot tell" } else { certainty.as_str() }
    }

    #[test]
    fn what_is_unknown_is_never_a_drift() {
        for (one, other) in Certainty::ALL.into_iter().flat_map(|a| Certainty::ALL.map(|b| (a, b))) {
            assert_eq!(verdict(Certainty::Unknown, one, other), CannotTell, "a registry that was down");
        }
        assert_eq!(verdict(Certainty::Yes, Certainty::Unknown, Certainty::Unknown), CannotTell, "another host");
    }
}
