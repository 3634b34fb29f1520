//! Changes of the registry by their kind and cause: registrations, removals, expired leases.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;

use super::encode::count_of;
use crate::registry::{Cause, Change, ChangeKind};

const KINDS: [ChangeKind; 3] = [ChangeKind::Added, ChangeKind::Updated, ChangeKind::Removed];
const CAUSES: [Cause; 8] = [
    Cause::Registered,
    Cause::Deregistered,
    Cause::Renewed,
    Cause::LeaseExpired,
    Cause::UnhealthyTooLong,
    Cause::Operator,
    Cause::Check,
    Cause::Node,
];

/// Counts changes.
#[derive(Debug, Default)]
pub(in crate::server) struct ChangeCounts([[AtomicU64; CAUSES.len()]; KINDS.len()]);

impl ChangeCounts {
    /// Counts changes that were published.
    pub(in crate::server) fn add(&self, changes: &[Change]) {
        for change in changes {
            let kind = KINDS.iter().position(|kind| *kind == change.kind);
            let cause = CAUSES.iter().position(|cause| *cause == change.cause);
            if let (Some(kind), Some(cause)) = (kind, cause) {
                self.0[kind][cause].fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Every combination that happened, and those that operators watch from the beginning.
    pub(super) fn encode(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Changes of instances by kind and cause";
        let mut metric = encoder.encode_descriptor("portolan_changes", help, None, MetricType::Counter)?;
        for (kind, counts) in KINDS.iter().zip(&self.0) {
            for (cause, count) in CAUSES.iter().zip(counts) {
                let count = count.load(Ordering::Relaxed);
                if count > 0 || is_watched(*kind, *cause) {
                    count_of(&mut metric, &vec![("kind", kind.as_str()), ("cause", cause.as_str())], count)?;
                }
            }
        }
        Ok(())
    }
}

/// Whether a counter is there before it counts, so that its first increase is seen as one.
fn is_watched(kind: ChangeKind, cause: Cause) -> bool {
    matches!(
        (kind, cause),
        (ChangeKind::Added, Cause::Registered)
            | (ChangeKind::Removed, Cause::Deregistered | Cause::LeaseExpired | Cause::UnhealthyTooLong)
            | (ChangeKind::Updated, Cause::LeaseExpired | Cause::Check)
    )
}
