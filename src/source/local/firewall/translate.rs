//! The destinations that rules give packets.

use std::net::IpAddr;

use super::expression::Expression;
use super::registers::Registers;
use super::value::{Data, Value};

/// A destination that packets may get: an address and a port, each as before where there is none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::source::local) struct Translation {
    /// `None`: an address of this host.
    pub(in crate::source::local) address: Option<IpAddr>,
    pub(in crate::source::local) port: Option<u16>,
}

/// Maximum number of destinations of one rule.
const MAX_TRANSLATIONS: usize = 64;
/// The lengths of addresses.
const ADDRESS_BYTES: [usize; 2] = [4, 16];

/// The destinations that a rule may give packets with addresses of that length, and whether these are all.
pub(super) fn translations(
    expression: &Expression,
    registers: &Registers,
    address_bytes: usize,
) -> (Vec<Translation>, bool) {
    let (address, port) = match expression {
        Expression::TranslateTo { address, port } => {
            return (vec![Translation { address: *address, port: *port }], true);
        }
        Expression::Translate { address, port } => (*address, *port),
        Expression::Redirect { port } => (None, *port),
        _ => return (Vec::new(), true),
    };

    // Both may come from one element of a map: only pairs of the same element belong together.
    let joined = match (address, port) {
        (Some(address), Some(port)) if Registers::distance(address, port) == address_bytes => {
            registers.get(address, address_bytes + 2)
        }
        _ => Value::Any,
    };
    if let Value::OneOf(pairs) = &joined {
        return limited(pairs.iter().filter_map(|pair| split(pair, address_bytes)));
    }

    let addresses = address.map(|register| registers.get(register, address_bytes));
    let ports = port.map(|register| registers.get(register, 2));
    let (Some(addresses), Some(ports)) = (alternatives(addresses, ip), alternatives(ports, number)) else {
        return (Vec::new(), false);
    };
    let pairs = addresses.iter().flat_map(|address| ports.iter().map(move |port| (*address, *port)));
    limited(pairs.map(|(address, port)| Translation { address, port }))
}

fn limited(mut all: impl Iterator<Item = Translation>) -> (Vec<Translation>, bool) {
    let first: Vec<Translation> = all.by_ref().take(MAX_TRANSLATIONS).collect();
    let are_all = all.next().is_none();
    (first, are_all)
}

/// The destinations that a rule gives packets by its constants alone. `None`: they depend on the packet.
pub(super) fn constant_translations(rule: &[Expression]) -> Option<Vec<Translation>> {
    let mut registers = Registers::default();
    let mut found = Vec::new();
    for expression in rule {
        match expression {
            Expression::Immediate { register, data: Data::Bytes(bytes) } => {
                registers.set(*register, &Value::known(bytes));
            }
            Expression::Load { register, .. }
            | Expression::Mask { to: register, .. }
            | Expression::Lookup { target: Some(register), .. } => registers.set(*register, &Value::Any),
            Expression::Write | Expression::Unknown => return None,
            // The family of a table for both is that of the packet.
            other @ (Expression::Translate { .. } | Expression::TranslateTo { .. } | Expression::Redirect { .. }) => {
                let by_family = ADDRESS_BYTES.map(|bytes| translations(other, &registers, bytes));
                if !by_family.iter().any(|(_, are_all)| *are_all) {
                    return None;
                }
                found.extend(by_family.into_iter().flat_map(|(known, _)| known));
            }
            _ => {}
        }
    }

    Some(found)
}

/// The alternatives of a value, or one `None` where there is no value. `None`: they are unknown.
fn alternatives<T>(value: Option<Value>, read: impl Fn(&[u8]) -> Option<T>) -> Option<Vec<Option<T>>> {
    match value {
        None => Some(vec![None]),
        Some(Value::Any) => None,
        Some(Value::OneOf(alternatives)) => Some(alternatives.iter().map(|bytes| read(bytes)).collect()),
    }
}

fn split(pair: &[u8], address_bytes: usize) -> Option<Translation> {
    let (address, port) = pair.split_at_checked(address_bytes)?;
    Some(Translation { address: Some(ip(address)?), port: Some(number(port)?) })
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => bytes.first_chunk::<4>().map(|octets| IpAddr::from(*octets)),
        16 => bytes.first_chunk::<16>().map(|octets| IpAddr::from(*octets)),
        _ => None,
    }
}

pub(super) fn number(bytes: &[u8]) -> Option<u16> {
    bytes.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}
