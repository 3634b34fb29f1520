//! Row N5: spellings of addresses that a registration must not lead a check to.

use std::time::Duration;

use super::definition::{CheckDefaults, runnable};
use crate::model::{Address, CheckDefinition, Registration};
use crate::net::AddressPolicy;

const DEFAULTS: CheckDefaults = CheckDefaults { interval: Duration::from_secs(30), timeout: Duration::from_secs(5) };

/// Metadata services, link-local addresses and groups of hosts: never contacted.
const FORBIDDEN: [&str; 41] = [
    // 169.254.169.254, the metadata service of most clouds.
    "169.254.169.254",
    "169.254.169.254.",
    "169.254.43518",
    "169.16689662",
    "2852039166",
    "0xa9fea9fe",
    "0XA9FEA9FE",
    "0xa9.0xfe.0xa9.0xfe",
    "0251.0376.0251.0376",
    "025177524776",
    "169.254.169.0xfe",
    "0xa9.254.169.0376",
    "169.254.169.254%eth0",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "0:0:0:0:0:ffff:a9fe:a9fe",
    "0000:0000:0000:0000:0000:FFFF:A9FE:A9FE",
    "::169.254.169.254",
    "::a9fe:a9fe",
    "64:ff9b::169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a9fe:a9fe",
    "2002:a9fe:a9fe::",
    "2002:a9fe:a9fe::1",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]:80",
    "\u{ff11}\u{ff16}\u{ff19}.254.169.254",
    "169\u{3002}254\u{3002}169\u{3002}254",
    "169.254.169.254/",
    "http://169.254.169.254",
    "user@169.254.169.254",
    "169.254.169.254#web",
    "169.254.169.254\0",
    // Others.
    "169.254.0.1",
    "fe80::a9fe:a9fe",
    "fd00:ec2::254",
    "fd00:0ec2:0:0:0:0:0:0254",
    "100.100.100.200",
    "::ffff:168.63.129.16",
    "224.0.0.1",
    "255.255.255.255",
];

/// This machine: only contacted where that is allowed.
const OWN: [&str; 21] = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "127.255.255.254",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0x7f.0.0.0x1",
    "017700000001",
    "0177.0.0.1",
    "00000000177.0.0.1",
    "0",
    "0.0.0.0",
    "::",
    "::1",
    "0:0:0:0:0:0:0:1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
];

/// Whether a registration with this address is rejected, or its check is not run.
fn is_refused(policy: &AddressPolicy, text: &str) -> bool {
    let mut registration = Registration::new("web", "10.0.0.5:80".parse().unwrap());
    registration.address = text.to_owned();
    registration.checks.push(CheckDefinition::http("/"));
    if registration.problem().is_some() {
        return true;
    }

    let check = runnable(&registration, 0, DEFAULTS).unwrap();
    match check.endpoint.address {
        Address::Ip(ip) => policy.refusal(ip).is_some(),
        // The addresses of a name are looked at when it was resolved.
        _ => false,
    }
}

#[test]
fn no_spelling_of_a_forbidden_address_is_checked() {
    let (strict, local) = (AddressPolicy::for_registrations(false), AddressPolicy::for_registrations(true));
    for text in FORBIDDEN {
        assert!(is_refused(&strict, text), "{text:?}");
        assert!(is_refused(&local, text), "{text:?}, where own addresses are allowed");
    }
    for text in OWN {
        assert!(is_refused(&strict, text), "{text:?}");
    }
    for text in ["10.0.0.5", "192.0.2.1", "2001:db8::5", "web.internal", "web-1"] {
        assert!(!is_refused(&strict, text), "{text:?}");
    }
}
