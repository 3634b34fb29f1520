//! Host names, and link-local addresses with their interface.

use std::net::Ipv6Addr;

use super::ParseError;
use crate::clean::clean;

/// The kernel's limit for the name of an interface (`IFNAMSIZ`), less its end.
const LONGEST_INTERFACE: usize = 15;

/// A link-local address, and the name or number of its interface.
pub(super) fn zoned(ip: &str, zone: &str) -> Result<(Ipv6Addr, String), ParseError> {
    let form = "write a link-local address with its interface as fe80::1%eth0";
    let Ok(ip) = ip.parse::<Ipv6Addr>() else {
        return Err(ParseError::new(format!("'{}' before the % is not an IPv6 address", clean(ip)), form));
    };
    if !ip.is_unicast_link_local() {
        return Err(ParseError::new("only a link-local address has a zone (the part after %)", "leave the zone out"));
    }
    if zone.is_empty() || zone.len() > LONGEST_INTERFACE || zone.contains(|c: char| c == '/' || c.is_whitespace()) {
        return Err(ParseError::new(format!("'{}' is not an interface name", clean(zone)), form));
    }
    Ok((ip, zone.to_owned()))
}

/// A host name by RFC 1123, with the underscore that people use; 253 characters, labels of 63.
pub(super) fn host_name<'t>(text: &'t str, hint: &'static str) -> Result<&'t str, ParseError> {
    if ends_in_number(text) {
        // A word after the host, as for nc and telnet.
        let is_port = text.parse::<u16>().is_ok_and(|port| port > 0);
        let hint = "an address is four numbers from 0 to 255";
        let hint = if is_port { "to name a port, write HOST:PORT, or -p PORT for a scan" } else { hint };
        return Err(ParseError::new("it is not an IPv4 address", hint));
    }

    let bare = text.strip_suffix('.').unwrap_or(text);
    if bare.len() > 253 || !bare.split('.').all(is_label) {
        return Err(ParseError::new("it is neither an address nor a host name", hint));
    }
    Ok(text)
}

/// Whether a resolver would read the text as an IPv4 address in another notation: `127.1`, `0x7f.1` (WHATWG URL, 3.5, "ends
/// in a number"). Such a text is an address that was mistyped or hidden, not a name.
fn ends_in_number(text: &str) -> bool {
    let last = text.strip_suffix('.').unwrap_or(text).rsplit('.').next().unwrap_or_default();
    let is_hexadecimal = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    let is_hexadecimal = is_hexadecimal.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let is_octets = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || b".-,*".contains(&byte));
    is_octets || is_hexadecimal || (!last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A label of a host name. A non-ASCII name may be internationalized; the resolver decides.
fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_' || (!c.is_ascii() && c.is_alphanumeric()))
}
