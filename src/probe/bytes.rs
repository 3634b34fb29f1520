//! Reads a message field by field. What is not there is `None`, so that no parser looks beyond the end.

use std::fmt::Write as _;

/// What is left of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    /// The next `count` bytes.
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// The next `N` bytes as an array.
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    /// One octet.
    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[octet]| octet)
    }

    /// A number of two octets, the greater first.
    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// A number of four octets, the greater first.
    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// A number of two octets, the smaller first.
    pub(super) fn u16_le(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    /// A number of four octets, the smaller first.
    pub(super) fn u32_le(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// A number of eight octets, the smaller first.
    pub(super) fn u64_le(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// What stands before the next octet `end`, which is taken too.
    pub(super) fn until(&mut self, end: u8) -> Option<&'a [u8]> {
        let at = self.0.iter().position(|octet| *octet == end)?;
        let taken = self.take(at)?;
        self.take(1)?;
        Some(taken)
    }

    /// A text behind its length of one octet.
    pub(super) fn short_text(&mut self) -> Option<&'a [u8]> {
        let length = self.u8()?;
        self.take(length.into())
    }

    /// A text behind its length of two octets.
    pub(super) fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.u16()?;
        self.take(length.into())
    }

    /// A part behind its length of four octets.
    pub(super) fn part(&mut self) -> Option<&'a [u8]> {
        let length = self.u32()?;
        self.take(usize::try_from(length).ok()?)
    }
}

/// Octets in hexadecimal digits.
pub(super) fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::with_capacity(2 * octets.len()), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_taken_that_is_not_there() {
        let mut bytes = Bytes(b"\x01\x02\x03\0ab\xff");
        assert_eq!((bytes.u16(), bytes.until(0)), (Some(0x0102), Some(&b"\x03"[..])));
        assert_eq!((bytes.u32(), bytes.until(b'x')), (None, None));
        assert_eq!((bytes.take(2), bytes.short_text(), bytes.u8()), (Some(&b"ab"[..]), None, None));
        assert_eq!(Bytes(b"\xff\xff\xff\xff").part(), None);
    }
}
