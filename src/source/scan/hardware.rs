//! The network cards of scanned hosts, from the kernel's neighbour table.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::manufacturers::Manufacturers;
use crate::model::{HardwareAddress, ScanDetail};
use crate::net::neighbours;

/// The table is read again for a host that it did not have, but not more often.
const MIN_AGE: Duration = Duration::from_secs(1);

/// The table as it was last read.
#[derive(Default)]
pub(super) struct Hardware {
    cards: BTreeMap<IpAddr, Option<HardwareAddress>>,
    read: Option<Instant>,
    manufacturers: Manufacturers,
}

impl Hardware {
    /// Adds the card of a host, and its manufacturer, to a result.
    pub(super) fn add_to(&mut self, detail: &mut ScanDetail, ip: IpAddr) {
        detail.mac = self.card(ip);
        detail.vendor = detail.mac.and_then(|mac| self.manufacturers.name(mac));
    }

    fn card(&mut self, ip: IpAddr) -> Option<HardwareAddress> {
        if ip.is_loopback() {
            return None;
        }
        let is_old = self.read.is_none_or(|read| read.elapsed() >= MIN_AGE);
        if is_old && !self.cards.contains_key(&ip) {
            self.read = Some(Instant::now());
            self.cards = neighbours().unwrap_or_default();
        }
        self.cards.get(&ip).copied().flatten()
    }
}
