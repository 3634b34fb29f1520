//! The comparison of one look.

use super::across;
use super::dns;
use super::item::DriftItem;
use super::kinds;
use super::listeners::ListenerTable;
use super::subject::Subject;
use super::unregistered::unregistered;
use super::{DriftInput, RegistryView};
use crate::model::FindingKind;

/// Compares what registries say with what listens here and what replies. Every registered endpoint has at least one item, and
/// every listener without a registration has one; sorted by id.
pub fn compare(input: &DriftInput) -> Vec<DriftItem> {
    let table = ListenerTable::new(input);
    let mut items = Vec::new();

    for (index, view) in input.registries.iter().enumerate().filter(|(_, view)| view.looked_up.is_none()) {
        for registered in view.endpoints.iter().filter(|registered| input.selects(view, registered)) {
            items.extend(Subject::new(input, &table, (index, view), registered).items());
        }
        items.extend(reported(index, view));
    }

    items.extend(across::duplicates(input));
    items.extend(across::differences(input));
    items.extend(dns::differences(input));
    if input.selects_local() {
        items.extend(unregistered(input));
    }

    // Names of registries and ids of instances may repeat.
    items.sort_by(|a, b| a.id.cmp(&b.id));
    items.dedup_by(|a, b| a.id == b.id);
    items
}

/// The kinds of drift that a registry reports itself, by its own codes.
const REPORTED: [(&str, &FindingKind); 4] = [
    ("k8s-none-ready", &kinds::NO_READY_ENDPOINT),
    ("k8s-no-endpoints", &kinds::NO_READY_ENDPOINT),
    ("k8s-no-pod", &kinds::SELECTOR_EMPTY),
    ("k8s-target-port", &kinds::TARGET_PORT),
];

/// The drifts that a registry reports itself.
fn reported(index: usize, view: &RegistryView) -> impl Iterator<Item = DriftItem> {
    view.findings.iter().filter_map(move |reported| {
        let (_, kind) = REPORTED.into_iter().find(|(code, _)| *code == reported.finding.code())?;
        Some(DriftItem::of_service((index, view), reported).with(kind, reported.finding.text.clone()))
    })
}
