//! Addresses of network cards.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The address of an Ethernet card, `52:54:00:12:34:56`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HardwareAddress(pub [u8; 6]);

impl HardwareAddress {
    /// The number of its manufacturer, which the IEEE assigns; `None`: software chose the address.
    pub fn manufacturer(self) -> Option<u32> {
        let [a, b, c, ..] = self.0;
        (a & 0x02 == 0).then(|| u32::from_be_bytes([0, a, b, c]))
    }
}

impl fmt::Display for HardwareAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            write!(f, "{}{byte:02x}", if at == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

impl Serialize for HardwareAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HardwareAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes: Option<Vec<u8>> = text.split(':').map(|part| u8::from_str_radix(part, 16).ok()).collect();
        let bytes = bytes.and_then(|bytes| <[u8; 6]>::try_from(bytes).ok());
        bytes
            .map(Self)
            .ok_or_else(|| D::Error::custom("an address of a network card has six numbers, as in 52:54:00:12:34:56"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_back_and_knows_its_manufacturer() {
        let address = HardwareAddress([0x00, 0x00, 0x0c, 1, 2, 0xff]);
        let text = serde_json::to_string(&address).unwrap();
        assert_eq!(text, "\"00:00:0c:01:02:ff\"");
        assert_eq!(serde_json::from_str::<HardwareAddress>(&text).unwrap(), address);
        assert_eq!(address.manufacturer(), Some(0x00_000c));
        assert_eq!(HardwareAddress([0x52, 0x54, 0, 1, 2, 3]).manufacturer(), None);
        for wrong in ["\"00:00:0c:01:02\"", "\"00:00:0c:01:02:03:04\"", "\"00-00-0c-01-02-03\"", "7"] {
            assert!(serde_json::from_str::<HardwareAddress>(wrong).is_err(), "{wrong}");
        }
    }
}
