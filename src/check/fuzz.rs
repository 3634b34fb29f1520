//! Entry point of the fuzz targets for checks. Requires `--cfg fuzzing`.

use super::protocol::DIALOGS;
use super::{grpc, http, protocol};
use crate::net::{OldVersion, ask_version};
use crate::probe::fuzz::{block_on, peer};

/// Runs one check against a peer that sends `input`: an old TLS version, a protocol dialog, gRPC's health check or an
/// HTTP request. The first two bytes choose the check and the size of the chunks.
pub fn check(input: &[u8]) {
    let Some(([choice, chunk], bytes)) = input.split_first_chunk() else { return };
    let choice = usize::from(*choice);

    let mut protocols = DIALOGS.iter().map(|dialog| dialog.protocol).chain(["postgresql", "mysql"]);
    let rest = choice.saturating_sub(OldVersion::ALL.len());

    let _ = block_on(async {
        // Inside the runtime, because the deadline uses its clock.
        let mut peer = peer(bytes, *chunk);
        if let Some(version) = OldVersion::ALL.get(choice) {
            let _ = ask_version(&mut peer, *version, Some("a.test")).await;
        } else if let Some(protocol) = protocols.nth(rest / 2) {
            let _ = protocol::converse(protocol, rest % 2 == 1, &mut peer).await;
        } else if rest % 2 == 0 {
            let _ = grpc::serving_status(bytes);
        } else {
            let _ = http::read(peer).await;
        }
    });
}
