//! HTTP for one request and one reply, limited in every direction, without redirects or decompression.

mod body;
mod exchange;
mod h2;
mod head;

pub(crate) use exchange::{Limits, Request, Response, exchange};
pub(crate) use h2::{H2Response as H2Answer, exchange as h2_exchange};
pub(crate) use head::{Head, parse_head};
