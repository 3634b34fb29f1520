//! Entry point of the fuzz targets for checks. Requires `--cfg fuzzing`.

use super::path::{Anchors, Node, find};
use super::protocol::DIALOGS;
use super::{grpc, http, protocol};
use crate::net::hello::{Offer, OfferedParameters, Version, offer};
use crate::probe::fuzz::{block_on, peer};

/// Runs one check against a peer that sends `input`: a TLS version, a protocol dialog, gRPC's health check, an HTTP request
/// or a certificate. The first two bytes choose the check and the size of the chunks.
pub fn check(input: &[u8]) {
    let Some(([choice, chunk], bytes)) = input.split_first_chunk() else { return };
    let choice = usize::from(*choice);

    let mut protocols = DIALOGS.iter().map(|dialog| dialog.protocol).chain(["postgresql", "mysql"]);
    let rest = choice.saturating_sub(Version::OLD.len());

    let _ = block_on(async {
        // Inside the runtime, because the deadline uses its clock.
        let mut peer = peer(bytes, *chunk);
        if let Some(version) = Version::OLD.get(choice) {
            let _ =
                offer(&mut peer, Offer { version: *version, name: Some("a.test"), parameters: OfferedParameters::All })
                    .await;
        } else if let Some(protocol) = protocols.nth(rest / 2) {
            let _ = protocol::converse(protocol, rest % 2 == 1, &mut peer).await;
        } else if rest % 3 == 0 {
            let _ = grpc::serving_status(bytes);
        } else if rest % 3 == 1 {
            // A certificate that may be its own issuer, and its own anchor.
            let nodes = || Node::new(bytes.to_vec().into()).into_iter().collect::<Vec<_>>();
            let _ = find(&nodes(), &Anchors::new(nodes()), 0);
            let _ = find(&nodes(), &Anchors::default(), 0);
        } else {
            let _ = http::read(peer).await;
        }
    });
}
