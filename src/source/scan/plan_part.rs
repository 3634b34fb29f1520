//! A part of a scan.

use crate::model::{Ports, Transport};

/// The ports of one transport to scan on every host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PlanPart {
    pub(super) transport: Transport,
    pub(super) ports: Ports,
}
