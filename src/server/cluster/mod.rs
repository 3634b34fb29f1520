//! Several servers that share one store: each answers from its own memory, writes in its turn, and follows the others.

mod follow;
mod hints;
mod leases;
mod outbox;
mod renewals;
#[cfg(test)]
#[cfg(feature = "postgres")]
mod simulation;
mod turn;
mod turn_size;
mod writer;

#[cfg_attr(not(feature = "redis"), expect(unused_imports, reason = "nothing carries hints"))]
pub(super) use hints::HintCarrier;
pub(super) use hints::Hints;
pub(super) use writer::ClusterWriter;
