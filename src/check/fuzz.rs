//! What the fuzz targets call: what checks read of a peer's bytes, with a peer that says what the fuzzer thinks of. Only there
//! with `--cfg fuzzing`.

use super::protocol::MANNERS;
use super::{grpc, protocol, request};
use crate::net::{OldVersion, ask_version};
use crate::probe::fuzz::{block_on, peer};

/// Asks a peer that says `input` whether it speaks an old version of TLS, whether it is well by its own protocol or by
/// gRPC's health check, or for a page of HTTP. The first two bytes choose which, and how much comes at once.
pub fn check(input: &[u8]) {
    let Some(([which, at_once], said)) = input.split_first_chunk() else { return };
    let which = usize::from(*which);
    let words = || MANNERS.iter().map(|manners| manners.word).chain(["postgresql", "mysql"]);
    let after = which.saturating_sub(OldVersion::ALL.len());
    let _ = block_on(async {
        // Its deadline is the runtime's, so that it is made inside.
        let mut peer = peer(said, *at_once);
        if let Some(version) = OldVersion::ALL.get(which) {
            let _ = ask_version(&mut peer, *version, Some("a.test")).await;
        } else if let Some(word) = words().nth(after / 2) {
            let _ = protocol::ask(word, after % 2 == 1, &mut peer).await;
        } else if after % 2 == 0 {
            let _ = grpc::meaning(said);
        } else {
            let _ = request::read(peer).await;
        }
    });
}
