//! HTTP for one request and one reply, limited in every direction, without redirects or decompression.

mod body;
mod exchange;
mod h2;
mod head;

pub(crate) use exchange::{Limits, Request, Response, exchange, exchange_until};
pub(crate) use h2::{H2Response as H2Answer, exchange as h2_exchange, exchange_until as h2_exchange_until};
pub(crate) use head::{Head, coding_list, parse_head};

/// A body while it arrives.
pub(crate) struct BodySoFar<'a> {
    /// The value of `Content-Type`, or nothing.
    pub(crate) content_type: &'a [u8],
    /// Its codings as a list of `Content-Encoding`, or nothing.
    pub(crate) codings: &'a [u8],
    /// All bytes so far, as they were sent.
    pub(crate) bytes: &'a [u8],
}

/// Whether enough of a body was read. It is asked after the head and after each piece.
pub(crate) type Enough<'a> = &'a mut (dyn FnMut(&BodySoFar<'_>) -> bool + Send);
