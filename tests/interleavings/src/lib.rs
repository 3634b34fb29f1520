//! Every interleaving of portolan's hand-written atomics, under loom.
//!
//! It compiles the files that hold them, and nothing else of portolan. `tests/loom` runs it.
#![cfg(loom)]

#[allow(dead_code)]
#[path = "../../../src/engine/breaker/state.rs"]
mod state;

#[path = "../../../src/engine/pool/gate.rs"]
mod gate;

#[path = "../../../src/engine/pool/sleepers.rs"]
mod sleepers;

#[cfg(test)]
mod breaker;
#[cfg(test)]
mod handshake;
#[cfg(test)]
mod pool;
