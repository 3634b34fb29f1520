//! Several servers that share one store: each answers from its own memory, writes in its turn, and follows the others.

mod follow;
mod outbox;
mod turn;
mod writer;

pub(super) use writer::ClusterWriter;
