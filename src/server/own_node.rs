//! The node of this server.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::settings::ServerSettings;

/// What the node of this server is in the catalog.
#[derive(Clone, Debug)]
pub(super) struct OwnNode {
    pub(super) name: String,
    pub(super) id: String,
    pub(super) address: String,
    pub(super) datacenter: String,
    pub(super) meta: BTreeMap<String, String>,
    /// The port of this API.
    pub(super) port: u16,
    /// Tells its nodes apart from those of another registry.
    epoch: String,
}

impl OwnNode {
    /// The node of a server that listens there. `epoch` identifies the registry.
    pub(super) fn new(settings: &ServerSettings, listen: Option<SocketAddr>, epoch: &str) -> Self {
        // The wildcard address is none that a client can connect to.
        let specific = listen.map(|address| address.ip()).filter(|ip| !ip.is_unspecified());
        let address = settings.advertise.or(specific).map_or_else(|| "127.0.0.1".to_owned(), |ip| ip.to_string());
        Self {
            id: settings.node_id.map_or_else(|| uuid_of(epoch, &settings.node), |id| id.to_string()),
            name: settings.node.clone(),
            address,
            datacenter: settings.cluster.clone(),
            meta: settings.node_meta.clone(),
            port: listen.map_or(0, |address| address.port()),
            epoch: epoch.to_owned(),
        }
    }

    /// The same id for the same node of the same registry.
    pub(super) fn id_of(&self, node: &str) -> String {
        uuid_of(&self.epoch, node)
    }
}

/// A UUID made of two texts (RFC 9562, version 8).
fn uuid_of(registry: &str, node: &str) -> String {
    // FNV-1a with 128 bits: the id only has to be the same again, and to differ from others.
    let bytes = registry.bytes().chain([0]).chain(node.bytes());
    let hash = bytes.fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, |hash: u128, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    });
    uuid::Builder::from_custom_bytes(hash.to_be_bytes()).into_uuid().to_string()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn ids_of_nodes_are_uuids_that_stay() {
        let [one, again, other, elsewhere] =
            [("e1", "a"), ("e1", "a"), ("e1", "b"), ("e2", "a")].map(|(registry, node)| uuid_of(registry, node));
        assert_eq!(one, again);
        assert!(one != other && one != elsewhere);
        assert!(Uuid::try_parse(&one).is_ok());
    }
}
