//! The body of a reply: where it ends, and its bytes without framing.

use super::head::{Framing, HeadError};

/// Decodes a body piece by piece.
#[derive(Debug)]
pub(super) struct Body {
    state: BodyState,
    /// The bytes, up to the limit.
    pub(super) bytes: Vec<u8>,
    most: usize,
    /// Whether bytes beyond the limit were dropped.
    cut: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodyState {
    /// Remaining bytes of a body with a length.
    Plain(u64),
    ToEnd,
    /// In a chunk's length line: the length so far, the number of characters, and whether only digits were read.
    Size(u64, u8, bool),
    Chunk(u64),
    /// The line end after a chunk.
    AfterChunk,
    /// In the trailers: the length of the line so far, and of all lines.
    Trailer(usize, usize),
    Done,
}

/// The longest chunk length line, including extensions.
const MAX_SIZE_LINE: u8 = 255;
/// Maximum length of the trailers in bytes.
const MAX_TRAILERS: usize = 8 * 1024;

impl Body {
    pub(super) fn new(framing: Framing, most: usize) -> Self {
        let state = match framing {
            Framing::None | Framing::Length(0) => BodyState::Done,
            Framing::Length(length) => BodyState::Plain(length),
            Framing::Chunked => BodyState::Size(0, 0, true),
            Framing::ToEnd => BodyState::ToEnd,
        };
        Self { state, bytes: Vec::new(), most, cut: false }
    }

    /// Whether reading can stop: the body has ended or reached its limit.
    pub(super) fn is_enough(&self) -> bool {
        self.state == BodyState::Done || self.bytes.len() >= self.most
    }

    /// Whether the body is complete, once the connection has ended.
    pub(super) fn is_whole(&self) -> bool {
        !self.cut && (self.state == BodyState::Done || self.state == BodyState::ToEnd && self.bytes.len() < self.most)
    }

    /// Decodes received bytes.
    pub(super) fn take(&mut self, mut input: &[u8]) -> Result<(), HeadError> {
        while !input.is_empty() && !self.is_enough() {
            match self.state {
                BodyState::Done => break,
                BodyState::ToEnd => {
                    self.keep(input);
                    break;
                }
                BodyState::Plain(left) | BodyState::Chunk(left) => {
                    let length = input.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    let (piece, rest) = input.split_at(length);
                    self.keep(piece);
                    input = rest;
                    let left = left - length as u64;
                    self.state = match self.state {
                        BodyState::Chunk(_) if left == 0 => BodyState::AfterChunk,
                        BodyState::Chunk(_) => BodyState::Chunk(left),
                        _ if left == 0 => BodyState::Done,
                        _ => BodyState::Plain(left),
                    };
                }
                BodyState::Size(..) | BodyState::AfterChunk | BodyState::Trailer(..) => {
                    self.state = self.state.after(input[0])?;
                    input = &input[1..];
                }
            }
        }

        Ok(())
    }

    fn keep(&mut self, piece: &[u8]) {
        let room = self.most - self.bytes.len();
        self.cut |= piece.len() > room;
        self.bytes.extend_from_slice(&piece[..piece.len().min(room)]);
    }
}

impl BodyState {
    /// The state after one more byte of framing.
    fn after(self, byte: u8) -> Result<Self, HeadError> {
        const BAD: HeadError = HeadError("has a chunk without a length");
        Ok(match (self, byte) {
            (Self::Size(size, seen, _), b'\n') if seen > 0 => match size {
                0 => Self::Trailer(0, 0),
                size => Self::Chunk(size),
            },
            (Self::Size(_, MAX_SIZE_LINE, _), _) => return Err(BAD),
            (Self::Size(size, seen, true), digit) if digit.is_ascii_hexdigit() => {
                let digit = char::from(digit).to_digit(16).unwrap_or(0);
                let size = size.checked_mul(16).and_then(|size| size.checked_add(digit.into()));
                Self::Size(size.ok_or(BAD)?, seen + 1, true)
            }
            // Extensions and spaces are ignored.
            (Self::Size(size, seen @ 1.., _), b';' | b' ' | b'\t' | b'\r') => Self::Size(size, seen + 1, false),
            (Self::Size(size, seen @ 1.., false), _) => Self::Size(size, seen + 1, false),
            (Self::AfterChunk, b'\r') => self,
            (Self::AfterChunk, b'\n') => Self::Size(0, 0, true),
            (Self::Trailer(0, _), b'\n') => Self::Done,
            (Self::Trailer(_, all), b'\n') => Self::Trailer(0, all + 1),
            (Self::Trailer(..), b'\r') => self,
            (Self::Trailer(_, MAX_TRAILERS..), _) => return Err(HeadError("has endless trailers")),
            (Self::Trailer(line, all), _) => Self::Trailer(line + 1, all + 1),
            _ => return Err(BAD),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn taken(framing: Framing, most: usize, input: &[u8], step: usize) -> Result<(Vec<u8>, bool), HeadError> {
        let mut body = Body::new(framing, most);
        for piece in input.chunks(step.max(1)) {
            body.take(piece)?;
        }
        Ok((body.bytes.clone(), body.is_whole()))
    }

    #[test]
    fn chunks_are_joined_wherever_they_are_split() {
        let input = b"5;x=y\r\nhello\r\n6 \r\n world\r\n0\r\nA: b\r\n\r\n";
        for step in 1..input.len() {
            assert_eq!(taken(Framing::Chunked, 100, input, step), Ok((b"hello world".to_vec(), true)));
        }
        assert_eq!(taken(Framing::Chunked, 100, &input[..12], 5), Ok((b"hello".to_vec(), false)));
    }

    #[test]
    fn a_body_without_an_end_is_truncated() {
        let (bytes, whole) = taken(Framing::Length(u64::MAX), 10, &[b'x'; 1000], 7).unwrap();
        assert!(bytes.len() == 10 && !whole);
        assert!(taken(Framing::Chunked, 10, b"ffffffffffffffffff\r\n", 5).is_err());
        assert!(taken(Framing::Chunked, 10, &[b'0'; 300], 5).is_err());
        assert!(taken(Framing::Chunked, 10, b"\r\n\r\n", 5).is_err());
        let trailers = [&b"0\r\n"[..], &b"a: b\r\n".repeat(10_000)].concat();
        assert!(taken(Framing::Chunked, 10, &trailers, 100).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_cause_a_panic(input: Vec<u8>, most in 0..100_usize, step in 1..20_usize, length: u64) {
            for framing in [Framing::Chunked, Framing::Length(length), Framing::ToEnd, Framing::None] {
                if let Ok((bytes, _)) = taken(framing, most, &input, step) {
                    prop_assert!(bytes.len() <= most.min(input.len()));
                }
            }
        }
    }
}
