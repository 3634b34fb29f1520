//! Several servers that share one store: each answers from its own memory, writes in its turn, and follows the others.

mod follow;
mod hints;
mod outbox;
mod turn;
mod writer;

#[cfg_attr(not(feature = "redis"), expect(unused_imports, reason = "nothing carries hints"))]
pub(super) use hints::HintCarrier;
pub(super) use hints::Hints;
pub(crate) use outbox::stored as stored_lease;
pub(super) use writer::ClusterWriter;
