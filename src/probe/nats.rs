//! NATS (docs.nats.io, "NATS Client Protocol"): the greeting is INFO with a JSON object.

use serde::Deserialize;

use super::{Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::Identity;

pub(super) struct Nats;

/// INFO has about 500 bytes, and grows with the members of the cluster.
const MAX_BYTES: usize = 4 * 1024;

/// The fields of INFO that are read.
#[derive(Deserialize)]
struct Info {
    server_id: Option<String>,
    server_name: Option<String>,
    version: String,
    cluster: Option<String>,
    #[serde(default)]
    auth_required: bool,
    #[serde(default)]
    tls_required: bool,
    #[serde(default)]
    tls_available: bool,
    #[serde(default)]
    jetstream: bool,
    max_payload: Option<i64>,
}

impl Probe for Nats {
    fn protocol(&self) -> &'static str {
        "nats"
    }

    fn ports(&self) -> &'static [u16] {
        &[4222]
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        let line = received.line()?;
        let is_refusal = received.reply_to.is_none() && is_refusal(line);
        info(line).or_else(|| is_refusal.then(refused))
    }

    fn max_bytes(&self) -> usize {
        MAX_BYTES
    }
}

/// `-ERR 'Authorization Violation'`: the text is in quotes.
fn is_refusal(line: &[u8]) -> bool {
    line.strip_prefix(b"-ERR '").is_some_and(|text| text.trim_ascii_end().ends_with(b"'"))
}

fn refused() -> Identity {
    Identity::of("nats").fact("refused", true)
}

fn info(line: &[u8]) -> Option<Identity> {
    // Operations are case-insensitive.
    let (operation, object) = line.split_at_checked(b"INFO ".len())?;
    if !operation.eq_ignore_ascii_case(b"INFO ") {
        return None;
    }
    let info: Info = serde_json::from_slice(object.trim_ascii()).ok()?;
    Some(
        Identity::of("nats")
            .product("nats-server")
            .version(info.version)
            .fact("auth_required", info.auth_required)
            .fact("tls_required", info.tls_required)
            .fact("tls_offered", info.tls_required || info.tls_available)
            .fact("jetstream", info.jetstream)
            .fact_if("server_id", info.server_id.map(Untrusted::from))
            .fact_if("server_name", info.server_name.map(Untrusted::from))
            .fact_if("cluster", info.cluster.map(Untrusted::from))
            .fact_if("max_payload_bytes", info.max_payload),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::probe::recognise_tcp;

    #[test]
    fn info_is_read() {
        // The example of the protocol's page, shortened.
        let greeting =
            b"INFO {\"server_id\":\"Zk0GQ3JBSrg3oyxCRRlE09\",\"version\":\"1.2.0\",\"proto\":1,\"go\":\"go1.10.3\",\
\"host\":\"0.0.0.0\",\"port\":4222,\"max_payload\":1048576,\"client_id\":2392} \r\n";
        let identity = recognise_tcp(&Nats, greeting, None).unwrap();
        assert_eq!(identity.version, Some("1.2.0".into()));
        assert_eq!(identity.facts["max_payload_bytes"], 1_048_576.into());
        assert_eq!(recognise_tcp(&Nats, b"INFO {\"version\":1}\r\n", None), None);
        assert!(recognise_tcp(&Nats, b"info {\"server_id\":\"A\",\"version\":\"2.10.4\"}\r\n", None).is_some());
        assert!(recognise_tcp(&Nats, b"-ERR 'Authorization Violation'\r\n", None).is_some());
        assert_eq!(recognise_tcp(&Nats, b"-ERR 'Authorization Violation'\r\n", Some("http")), None);
        assert_eq!(recognise_tcp(&Nats, b"-ERR busy\r\n", None), None);
    }

    proptest! {
        #[test]
        fn any_line_is_accepted(line: Vec<u8>) {
            let _ = info(&[b"INFO ".as_slice(), &line].concat());
        }
    }
}
