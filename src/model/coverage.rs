//! What a listing covers.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Addresses, NamespaceScope, Ports, Transport};

/// Addresses and ports that a listing covers. A comparison with an earlier listing ignores everything else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// The network namespace.
    pub scope: NamespaceScope,
    /// The transport.
    pub transport: Transport,
    /// Whether TCP ports are scanned with half-open connections.
    #[serde(default)]
    pub half_open: bool,
    /// The addresses.
    pub addresses: Addresses,
    /// The ports, as people write them; none of hosts that were only looked for.
    #[serde(serialize_with = "as_text", deserialize_with = "of_text")]
    pub ports: Ports,
}

fn as_text<S: Serializer>(ports: &Ports, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(ports)
}

fn of_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Ports, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() { Ok(Ports::default()) } else { text.parse().map_err(serde::de::Error::custom) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::AddressRange;

    #[test]
    fn a_document_has_ranges_and_ports() {
        let ten = AddressRange::new([10, 0, 0, 0].into(), [10, 0, 0, 255].into());
        let coverage = Coverage {
            scope: NamespaceScope::Own,
            transport: Transport::Tcp,
            half_open: false,
            addresses: Addresses::new(ten.into_iter().chain([AddressRange::from(std::net::IpAddr::from([0; 16]))])),
            ports: [22, 80, 81].into_iter().collect(),
        };
        let text = serde_json::to_string(&coverage).unwrap();
        let expected = r#"{"scope":"own","transport":"tcp","half_open":false,"addresses":[["10.0.0.0","10.0.0.255"],["::","::"]],"ports":"22,80-81"}"#;
        assert_eq!(text, expected);
        assert_eq!(serde_json::from_str::<Coverage>(&text).unwrap(), coverage);
        assert!(serde_json::from_str::<Coverage>(&text.replace("10.0.0.0\"", "11.0.0.0\"")).is_err(), "backwards");

        let hosts = Coverage { ports: Ports::default(), scope: NamespaceScope::Gone, ..coverage };
        let text = serde_json::to_string(&hosts).unwrap();
        assert_eq!(serde_json::from_str::<Coverage>(&text).unwrap(), hosts);
    }
}
