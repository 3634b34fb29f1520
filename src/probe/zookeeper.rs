//! ZooKeeper (its administrator's guide, "The Four Letter Words"): `srvr`, which is answered unless it was taken away.

use super::words::{lines, version};
use super::{PortTarget, Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::Identity;

pub(super) struct Zookeeper;

impl Probe for Zookeeper {
    fn word(&self) -> &'static str {
        "zookeeper"
    }

    fn ports(&self) -> &'static [u16] {
        &[2181]
    }

    fn likelihood(&self) -> u8 {
        3
    }

    fn hello(&self, _asked: &PortTarget) -> Option<Vec<u8>> {
        Some(b"srvr".to_vec())
    }

    fn recognise(&self, said: &ServerBytes<'_>) -> Option<Identity> {
        let identity = Identity::of("zookeeper").product("ZooKeeper");
        if said.to == Some("zookeeper")
            && said.bytes.starts_with(b"srvr is not executed because it is not in the whitelist")
        {
            return Some(identity);
        }
        let told = said.bytes.strip_prefix(b"Zookeeper version: ")?;
        if !said.ended {
            return None;
        }
        let value = |name: &[u8]| lines(told).find_map(|line| line.strip_prefix(name));
        let number = |name: &[u8]| std::str::from_utf8(value(name)?).ok()?.parse::<i64>().ok();
        // `3.8.0-5a02a05eddb59aee6ac762f7ea82e92a68eb9c0f, built on ...`: upstream's version, and a commit.
        let own = told.split(|byte| *byte == b'-').next().unwrap_or_default();
        Some(
            identity
                .version(version(own))
                .fact_if("mode", value(b"Mode: ").map(Untrusted::from_bytes))
                .fact_if("connections", number(b"Connections: "))
                .fact_if("nodes", number(b"Node count: ")),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::told;

    #[test]
    fn the_version_and_the_mode_are_told() {
        // The answer in the guide's section on `srvr`, with the fields of 3.8.
        let answer = b"Zookeeper version: 3.8.0-5a02a05eddb59aee6ac762f7ea82e92a68eb9c0f, built on 2022-02-25 08:49 UTC\n\
Latency min/avg/max: 0/0.0/0\nReceived: 1\nSent: 0\nConnections: 1\nOutstanding: 0\nZxid: 0x0\nMode: standalone\nNode count: 5\n";
        let identity = told(&Zookeeper, answer, Some("zookeeper")).unwrap();
        assert_eq!((identity.version, &identity.facts["mode"]), (Some("3.8.0".into()), &"standalone".into()));
        assert_eq!(identity.facts["nodes"], 5.into());
        let denied = b"srvr is not executed because it is not in the whitelist.\n";
        assert_eq!(told(&Zookeeper, denied, Some("zookeeper")).unwrap().version, None);
        assert_eq!(told(&Zookeeper, b"This ZooKeeper\n", Some("zookeeper")), None);
    }
}
