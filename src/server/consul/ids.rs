//! Ids: those of Consul are unique on a node, those of the registry everywhere.

use crate::model::NODES_NAMESPACE;

/// The id in the registry of a service of a node; `None` is the node of this server, whose ids stay as they are.
pub(super) fn registry_id(node: Option<&str>, service_id: &str) -> String {
    // A slash stands between the node and the id, so it is another character within an id.
    let escaped = service_id.replace('%', "%25").replace('/', "%2F");
    match node {
        Some(node) => format!("{node}/{escaped}"),
        None => escaped,
    }
}

/// The id in the registry of the record of a node. No node has the name of a namespace.
pub(super) fn node_id(node: &str) -> String {
    format!("{NODES_NAMESPACE}/{node}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_services_have_different_ids() {
        let ids = [
            registry_id(None, "a/b"),
            registry_id(None, "a%2Fb"),
            registry_id(Some("a"), "b"),
            registry_id(Some("a"), "b/c"),
            registry_id(None, "b"),
            node_id("b"),
        ];
        let mut distinct = ids.to_vec();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), ids.len(), "{ids:?}");
    }
}
