//! Changes of configurations, of traffic and of what agents report, as events.

use bytes::Bytes;
use serde_json::json;
use tracing::info;

use super::event::Event;
use super::service_key::ServiceKey;
use super::times;
use crate::model::{CONFIG_NAMESPACE, DRIFT_NAMESPACE, TRAFFIC_NAMESPACE};
use crate::registry::{DocumentChange, DocumentSubject};

/// A change as clients read it that follow a configuration.
pub(super) fn document_event(change: &DocumentChange) -> Event {
    let (namespace, name) = match &change.subject {
        DocumentSubject::Config(name) => (CONFIG_NAMESPACE, name),
        DocumentSubject::Traffic(service) => (TRAFFIC_NAMESPACE, service),
        DocumentSubject::Drift(host) => (DRIFT_NAMESPACE, host),
    };
    let event = json!({
        "index": change.index,
        "type": change.kind.as_str(),
        "time": times::written(change.at),
        "source": "portolan",
        "namespace": namespace,
        "service": &**name,
        "changed": [],
        "previous": change.previous,
        "item": change.item,
    });

    Event {
        index: change.index,
        kind: change.kind.as_str(),
        service: ServiceKey::new(namespace, name),
        previous: change.previous,
        json: Bytes::from(event.to_string()),
    }
}

/// Logs a change, without the value of a configuration.
pub(super) fn log_document(change: &DocumentChange) {
    let index = change.index;

    match &change.subject {
        DocumentSubject::Config(name) => {
            let (version, author) = (change.item["version"].as_u64(), change.item["author"].as_str());
            let is_deleted = change.item["value"].is_null() && change.item["deleted"] == true;
            let text = if is_deleted { "configuration deleted" } else { "configuration changed" };
            info!(name = &**name, version, author, index, "{text}");
        }
        DocumentSubject::Traffic(service) => {
            let shift = &change.item["shift"];
            let (percent, phase) = (shift["percent"].as_u64(), shift["phase"].as_str());
            let (reason, strategy) = (shift["reason"].as_str(), change.item["strategy"].as_str());
            info!(service = &**service, percent, phase, reason, strategy, index, "traffic changed");
        }
        DocumentSubject::Drift(host) => {
            let [added, updated, removed] =
                ["added", "updated", "removed"].map(|part| change.item[part].as_array().map_or(0, Vec::len));
            let agent = change.item["agent"].as_str();
            info!(host = &**host, agent, added, updated, removed, index, "drift changed");
        }
    }
}
