//! The findings of services in DNS.

use crate::model::FindingKind;

/// Every kind, for `portolan explain`.
pub(super) static KINDS: &[&FindingKind] = &[&DIFFER, &TARGET, &PORT];

pub(super) static DIFFER: FindingKind = FindingKind::of_source(
    "dns-servers-differ",
    "Two servers return different records for the name: clients get one set or the other",
    "`dig @SERVER NAME SRV` shows the records of each; compare the serial numbers of the zone (`dig @SERVER ZONE SOA`)",
);

pub(super) static TARGET: FindingKind = FindingKind::of_source(
    "dns-target-unresolved",
    "The target of an SRV record has no address: no client can reach the instance",
    "`dig TARGET` shows its records; add an address for it, or remove the SRV record",
);

pub(super) static PORT: FindingKind = FindingKind::of_source(
    "dns-srv-port-zero",
    "An SRV record has port 0: no client can connect to the instance",
    "correct the record: PRIORITY WEIGHT PORT TARGET",
);
