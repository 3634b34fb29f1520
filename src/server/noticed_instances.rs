//! Instances that no change names, but a notice concerns: whether they are protected is a part of their JSON.

use super::view::ViewDraft;
use crate::registry::{Notice, Snapshot};

/// Takes over the instances of the services that the notices are about; after a gap of the clock, all of them.
pub(super) fn refresh_noticed(notices: &[Notice], snapshot: &Snapshot, draft: &mut ViewDraft) {
    let services: Option<Vec<(&str, &str)>> = notices.iter().map(|notice| notice.service()?.split_once('/')).collect();
    let Some(services) = services else {
        for instance in snapshot.instances() {
            draft.refresh(instance);
        }
        return;
    };

    for instance in services.into_iter().flat_map(|(namespace, name)| snapshot.service(namespace, name)) {
        draft.refresh(instance);
    }
}
