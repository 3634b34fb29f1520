//! ZooKeeper (its administrator's guide, "The Four Letter Words"): the command `srvr`, which is enabled by default.

use super::words::{lines, version};
use super::{PortTarget, Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::Identity;

pub(super) struct Zookeeper;

impl Probe for Zookeeper {
    fn protocol(&self) -> &'static str {
        "zookeeper"
    }

    fn ports(&self) -> &'static [u16] {
        &[2181]
    }

    fn likelihood(&self) -> u8 {
        3
    }

    fn hello(&self, _target: &PortTarget) -> Option<Vec<u8>> {
        Some(b"srvr".to_vec())
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        let identity = Identity::of("zookeeper").product("ZooKeeper");
        if received.reply_to == Some("zookeeper")
            && received.bytes.starts_with(b"srvr is not executed because it is not in the whitelist")
        {
            return Some(identity);
        }

        let reply = received.bytes.strip_prefix(b"Zookeeper version: ")?;
        if !received.ended {
            return None;
        }

        // `3.8.0-5a02a05eddb59aee6ac762f7ea82e92a68eb9c0f, built on ...`: the version and a commit.
        let own_version = reply.split(|byte| *byte == b'-').next().unwrap_or_default();
        let identity = identity
            .version(version(own_version))
            .fact_if("mode", value(reply, b"Mode: ").map(Untrusted::from_bytes))
            .fact_if("connections", number(reply, b"Connections: "))
            .fact_if("nodes", number(reply, b"Node count: "));
        Some(identity)
    }
}

fn value<'a>(reply: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    lines(reply).find_map(|line| line.strip_prefix(name))
}

fn number(reply: &[u8], name: &[u8]) -> Option<i64> {
    std::str::from_utf8(value(reply, name)?).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::recognise_tcp;

    #[test]
    fn the_version_and_the_mode_are_read() {
        // The answer in the guide's section on `srvr`, with the fields of 3.8.
        let answer = b"Zookeeper version: 3.8.0-5a02a05eddb59aee6ac762f7ea82e92a68eb9c0f, built on 2022-02-25 08:49 UTC\n\
Latency min/avg/max: 0/0.0/0\nReceived: 1\nSent: 0\nConnections: 1\nOutstanding: 0\nZxid: 0x0\nMode: standalone\nNode count: 5\n";
        let identity = recognise_tcp(&Zookeeper, answer, Some("zookeeper")).unwrap();
        assert_eq!((identity.version, &identity.facts["mode"]), (Some("3.8.0".into()), &"standalone".into()));
        assert_eq!(identity.facts["nodes"], 5.into());
        let denied = b"srvr is not executed because it is not in the whitelist.\n";
        assert_eq!(recognise_tcp(&Zookeeper, denied, Some("zookeeper")).unwrap().version, None);
        assert_eq!(recognise_tcp(&Zookeeper, b"This ZooKeeper\n", Some("zookeeper")), None);
    }
}
