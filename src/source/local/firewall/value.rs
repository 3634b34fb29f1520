//! What is known of the bytes of packets that no one has sent yet.

use std::sync::Arc;

/// Maximum number of alternatives: with more of them nothing is known.
const MAX_ALTERNATIVES: usize = 256;

/// What some bytes of a packet may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// The sender chooses them, or they are unknown.
    Any,
    /// One of these.
    OneOf(Arc<[Vec<u8>]>),
}

/// For which of the packets a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    Always,
    /// For some of them, or it is unknown.
    Sometimes,
    Never,
}

impl Value {
    pub(super) fn known(bytes: &[u8]) -> Self {
        Self::OneOf([bytes.to_vec()].into())
    }

    /// Nothing is known if there is no alternative, or too many.
    pub(super) fn one_of(alternatives: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let mut alternatives: Vec<Vec<u8>> = alternatives.into_iter().take(MAX_ALTERNATIVES + 1).collect();
        alternatives.dedup();
        if alternatives.is_empty() || alternatives.len() > MAX_ALTERNATIVES {
            return Self::Any;
        }
        Self::OneOf(alternatives.into())
    }

    /// For which alternatives a condition holds.
    pub(super) fn test(&self, condition: impl Fn(&[u8]) -> bool) -> Holds {
        let Self::OneOf(alternatives) = self else { return Holds::Sometimes };
        let count = alternatives.iter().filter(|bytes| condition(bytes)).count();
        match count {
            0 => Holds::Never,
            _ if count == alternatives.len() => Holds::Always,
            _ => Holds::Sometimes,
        }
    }

    pub(super) fn map(&self, change: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Self {
        let Self::OneOf(alternatives) = self else { return Self::Any };
        match alternatives.iter().map(|bytes| change(bytes)).collect::<Option<Vec<_>>>() {
            Some(changed) => Self::one_of(changed),
            None => Self::Any,
        }
    }

    /// Some of the bytes.
    pub(super) fn part(&self, offset: usize, length: usize) -> Self {
        self.map(|bytes| Some(bytes.get(offset..offset.checked_add(length)?)?.to_vec()))
    }

    /// These bytes and the next ones, in every combination.
    pub(super) fn followed_by(&self, next: &Self) -> Self {
        let (Self::OneOf(first), Self::OneOf(next)) = (self, next) else { return Self::Any };
        if first.len().saturating_mul(next.len()) > MAX_ALTERNATIVES {
            return Self::Any;
        }
        Self::one_of(first.iter().flat_map(|first| next.iter().map(move |next| [first.as_slice(), next].concat())))
    }
}

impl Holds {
    pub(super) fn not(self) -> Self {
        match self {
            Self::Always => Self::Never,
            Self::Sometimes => Self::Sometimes,
            Self::Never => Self::Always,
        }
    }

    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Never, _) | (_, Self::Never) => Self::Never,
            (Self::Always, Self::Always) => Self::Always,
            _ => Self::Sometimes,
        }
    }

    pub(super) fn negated_if(self, is_negated: bool) -> Self {
        if is_negated { self.not() } else { self }
    }
}

impl From<bool> for Holds {
    fn from(holds: bool) -> Self {
        if holds { Self::Always } else { Self::Never }
    }
}

/// What a rule decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RuleVerdict {
    Accept,
    Drop,
    Continue,
    Return,
    Jump(String),
    Goto(String),
    /// A program decides, or it is unknown.
    Unknown,
}

/// What a register or an element of a map holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Data {
    Bytes(Vec<u8>),
    Verdict(RuleVerdict),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_holds_for_all_some_or_none_of_the_alternatives() {
        let value = Value::one_of([vec![0, 22], vec![0, 80]]);
        assert_eq!(value.test(|bytes| bytes[0] == 0), Holds::Always);
        assert_eq!(value.test(|bytes| bytes == [0, 22]), Holds::Sometimes);
        assert_eq!(value.test(|bytes| bytes == [0, 23]), Holds::Never);
        assert_eq!(Value::Any.test(|_| true), Holds::Sometimes);
    }

    #[test]
    fn parts_and_combinations_keep_every_alternative() {
        let value = Value::one_of([vec![1, 2], vec![3, 4]]);
        assert_eq!(value.part(1, 1), Value::one_of([vec![2], vec![4]]));
        assert_eq!(value.part(1, 2), Value::Any);
        let both = Value::known(&[9]).followed_by(&value);
        assert_eq!(both, Value::one_of([vec![9, 1, 2], vec![9, 3, 4]]));
        assert_eq!(Value::one_of((0..300_u16).map(|n| n.to_be_bytes().to_vec())), Value::Any);
    }
}
