//! The part of BER (X.690) that SNMP and LDAP use: elements of a tag, a length and a content.

use super::bytes::Bytes;

/// A sequence of elements.
#[derive(Clone, Copy, Debug)]
pub(super) struct Elements<'a>(pub(super) Bytes<'a>);

impl<'a> Elements<'a> {
    pub(super) fn of(content: &'a [u8]) -> Self {
        Self(Bytes(content))
    }

    /// The next element: its tag and its content.
    pub(super) fn any(&mut self) -> Option<(u8, &'a [u8])> {
        let (tag, first) = (self.0.u8()?, self.0.u8()?);
        let length = match first {
            0..=0x7f => usize::from(first),
            // Up to four length octets; longer ones do not occur, and both protocols forbid indefinite lengths.
            0x81..=0x84 => {
                self.0.take(usize::from(first - 0x80))?.iter().fold(0, |sum, octet| sum << 8 | usize::from(*octet))
            }
            _ => return None,
        };
        Some((tag, self.0.take(length)?))
    }

    /// The content of the next element, if it has this tag.
    pub(super) fn next(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.any().filter(|(found, _)| *found == tag).map(|(_, content)| content)
    }

    /// The elements inside the next element, if it has this tag.
    pub(super) fn inside(&mut self, tag: u8) -> Option<Self> {
        self.next(tag).map(Self::of)
    }

    /// The next element as a non-negative number.
    pub(super) fn number(&mut self) -> Option<u32> {
        let content = self.next(0x02)?;
        let small = !content.is_empty() && content.len() <= 5;
        small.then(|| content.iter().fold(0_u64, |sum, octet| sum << 8 | u64::from(*octet)))?.try_into().ok()
    }
}

/// Whether the first element is complete.
pub(super) fn is_complete(bytes: &[u8]) -> bool {
    Elements::of(bytes).any().is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn elements_are_read_in_order() {
        let mut elements = Elements::of(b"\x02\x01\x05\x04\x81\x02ab\x30\x80");
        assert_eq!((elements.number(), elements.next(0x04), elements.any()), (Some(5), Some(&b"ab"[..]), None));
        assert_eq!(Elements::of(b"\x04\x84\xff\xff\xff\xff").any(), None);
        assert_eq!(Elements::of(b"\x02\x05\0\xff\xff\xff\xff").number(), Some(u32::MAX));
    }

    proptest! {
        #[test]
        fn reading_ends(bytes: Vec<u8>) {
            let mut elements = Elements::of(&bytes);
            let count = std::iter::from_fn(|| elements.any()).count();
            prop_assert!(count <= bytes.len());
        }
    }
}
