//! Nodes go down and come back, with all their instances.

use std::sync::Arc;

use super::state::State;
use super::{Cause, InstanceRecord, Now, Outcome};

impl State {
    pub(super) fn set_node(&mut self, node: &Arc<str>, down: bool, now: Now) -> Outcome {
        if down {
            self.down_nodes.insert_mut(Arc::clone(node));
        } else {
            self.down_nodes.remove_mut(&**node);
        }

        let mut outcome = Outcome::default();
        let ids: Vec<Arc<str>> = self.nodes.get(&**node).into_iter().flat_map(|ids| ids.iter()).cloned().collect();
        for id in ids {
            let Some(entry) = self.view.instances.get(&*id).cloned() else { continue };
            let mut record = InstanceRecord::clone(&entry.record);
            record.node_down = down;
            self.replace(entry, record, Cause::Node, now, &mut outcome);
        }
        outcome
    }
}
