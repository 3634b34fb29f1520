//! LDAP (RFC 4511): the root entry (RFC 4512, 5.1), which is readable without a bind.

use std::sync::LazyLock;

use super::ber::{Elements, is_complete};
use super::words::{list, product_and_version};
use super::{PortTarget, Probe, ServerBytes};
use crate::clean::Untrusted;
use crate::model::{Fact, Identity, Transport};
use crate::net::StartTls;

pub(super) struct Ldap;

/// SearchRequest with message id 1: base "", this object only, at most one entry and five seconds, `(objectClass=*)`.
const SEARCH: &[u8] = b"\x04\0\x0a\x01\0\x0a\x01\0\x02\x01\x01\x02\x01\x05\x01\x01\0\x87\x0bobjectClass";
/// The requested attributes.
const ATTRIBUTES: [&str; 10] = [
    "objectClass",
    "namingContexts",
    "supportedLDAPVersion",
    "supportedSASLMechanisms",
    "vendorName",
    "vendorVersion",
    "dnsHostName",
    "defaultNamingContext",
    "isGlobalCatalogReady",
    "supportedExtension",
];
/// Those requested over UDP, where the reply has to fit into a datagram.
const DATAGRAM_ATTRIBUTES: [&str; 7] = [
    "objectClass",
    "namingContexts",
    "supportedLDAPVersion",
    "vendorName",
    "vendorVersion",
    "dnsHostName",
    "isGlobalCatalogReady",
];
/// The same message without a connection (RFC 1798, and Active Directory).
static DATAGRAM: LazyLock<Vec<u8>> = LazyLock::new(|| request(&DATAGRAM_ATTRIBUTES));
/// The longest entry that is read.
const MAX_BYTES: usize = 8 * 1024;
/// The OID of StartTLS in `supportedExtension`.
const STARTTLS: &[u8] = b"1.3.6.1.4.1.1466.20037";

impl Probe for Ldap {
    fn protocol(&self) -> &'static str {
        "ldap"
    }

    fn ports(&self) -> &'static [u16] {
        &[389, 3268]
    }

    fn tls_ports(&self) -> &'static [u16] {
        &[636, 3269]
    }

    fn udp_ports(&self) -> &'static [u16] {
        &[389]
    }

    fn likelihood(&self) -> u8 {
        5
    }

    fn udp_likelihood(&self) -> u8 {
        0
    }

    fn hello(&self, _target: &PortTarget) -> Option<Vec<u8>> {
        Some(request(&ATTRIBUTES))
    }

    fn udp_payload(&self) -> Option<&'static [u8]> {
        Some(&DATAGRAM)
    }

    fn recognise(&self, received: &ServerBytes<'_>) -> Option<Identity> {
        // The entry precedes the result; a server that denies it sends only the result.
        let mut identity = if is_complete(received.bytes) { parse_reply(received.bytes)? } else { return None };
        if received.transport == Transport::Udp {
            // It was not requested.
            identity.facts.remove("starttls_offered");
        }
        Some(identity)
    }

    fn unavailable(&self, reply: &[u8]) -> Option<String> {
        // RFC 4511, appendix A: busy, unavailable, other. The rest refuses this request.
        let Some(Fact::Number(code)) = parse_reply(reply)?.facts.remove("result_code") else { return None };
        let meaning = match code {
            51 => "busy",
            52 => "unavailable",
            80 => "other",
            _ => return None,
        };
        Some(format!("refuses: {meaning} ({code})"))
    }

    fn max_bytes(&self) -> usize {
        MAX_BYTES
    }

    fn starttls(&self) -> Option<StartTls> {
        Some(StartTls::Ldap)
    }
}

fn request(attributes: &[&str]) -> Vec<u8> {
    let attributes: Vec<u8> = attributes.iter().flat_map(|name| element(0x04, name.as_bytes())).collect();
    let search = [SEARCH, &element(0x30, &attributes)].concat();
    element(0x30, &[b"\x02\x01\x01", &*element(0x63, &search)].concat())
}

/// Encodes an element with a content of less than 64 KiB.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap_or(u16::MAX).to_be_bytes();
    [&[tag, 0x82, length[0], length[1]], content].concat()
}

fn parse_reply(bytes: &[u8]) -> Option<Identity> {
    let mut message = Elements::of(bytes).inside(0x30)?;
    let id = message.number()?;
    let (tag, content) = message.any()?;

    match tag {
        // SearchResultEntry.
        0x64 if id == 1 => entry(content),
        // SearchResultDone, or the notice of disconnection (RFC 4511, 4.4.1).
        0x65 if id == 1 => result(content),
        0x78 if id == 0 => result(content),
        _ => None,
    }
}

fn result(content: &[u8]) -> Option<Identity> {
    let code = Elements::of(content).next(0x0a).filter(|code| code.len() == 1)?[0];
    Some(Identity::of("ldap").fact("result_code", code))
}

fn entry(content: &[u8]) -> Option<Identity> {
    let mut content = Elements::of(content);
    if !content.next(0x04)?.is_empty() {
        return None;
    }
    let attributes = content.inside(0x30)?;

    let identity = Identity::of("ldap")
        .fact_if("naming_contexts", list(values(attributes, "namingContexts")))
        .fact_if("ldap_versions", list(values(attributes, "supportedLDAPVersion")))
        .fact_if("sasl_mechanisms", list(values(attributes, "supportedSASLMechanisms")))
        .fact_if("hostname", values(attributes, "dnsHostName").next().map(Untrusted::from_bytes))
        .fact("starttls_offered", has_value(attributes, "supportedExtension", STARTTLS));

    let identity = match values(attributes, "vendorName").next() {
        Some(name) => identity.product(Untrusted::from_bytes(name)),
        None if has_value(attributes, "objectClass", b"OpenLDAProotDSE") => identity.product("OpenLDAP"),
        None if values(attributes, "isGlobalCatalogReady").next().is_some() => identity.product("Active Directory"),
        None => identity,
    };

    // `389-Directory/2.3.1 B2023.010.0000`, `8.1.0`.
    let Some(version) = values(attributes, "vendorVersion").next() else { return Some(identity) };
    Some(match product_and_version(version) {
        Some((_, version)) => identity.version(version),
        None => identity.version(Untrusted::from_bytes(version)),
    })
}

/// The values of an attribute.
fn values<'a>(mut attributes: Elements<'a>, name: &str) -> impl Iterator<Item = &'a [u8]> {
    let mut values = std::iter::from_fn(|| attributes.inside(0x30)).find_map(|mut attribute| {
        let found = attribute.next(0x04)?.eq_ignore_ascii_case(name.as_bytes());
        found.then(|| attribute.inside(0x31)).flatten()
    });
    std::iter::from_fn(move || values.as_mut()?.next(0x04))
}

fn has_value(attributes: Elements<'_>, name: &str, wanted: &[u8]) -> bool {
    values(attributes, name).any(|value| value.eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::probe::recognise_tcp;

    fn attribute(name: &str, values: &[&str]) -> Vec<u8> {
        let values: Vec<u8> = values.iter().flat_map(|value| element(0x04, value.as_bytes())).collect();
        element(0x30, &[element(0x04, name.as_bytes()), element(0x31, &values)].concat())
    }

    fn root(attributes: &[Vec<u8>]) -> Vec<u8> {
        let entry = [element(0x04, b""), element(0x30, &attributes.concat())].concat();
        element(0x30, &[b"\x02\x01\x01".to_vec(), element(0x64, &entry)].concat())
    }

    #[test]
    fn the_root_entry_is_read() {
        // The attributes of RFC 4512, 5.1, with OpenLDAP's own class.
        let entry = root(&[
            attribute("objectClass", &["top", "OpenLDAProotDSE"]),
            attribute("namingContexts", &["dc=test,dc=local"]),
            attribute("supportedExtension", &["1.3.6.1.4.1.1466.20037"]),
        ]);
        let identity = recognise_tcp(&Ldap, &entry, Some("ldap")).unwrap();
        assert_eq!(identity.product, Some("OpenLDAP".into()));
        assert_eq!(identity.facts["naming_contexts"], vec!["dc=test,dc=local"].into());
        assert_eq!(identity.facts["starttls_offered"], true.into());

        let entry =
            root(&[attribute("vendorName", &["389 Project"]), attribute("vendorVersion", &["389-Directory/2.3.1 B1"])]);
        let identity = recognise_tcp(&Ldap, &entry, Some("ldap")).unwrap();
        assert_eq!((identity.product, identity.version), (Some("389 Project".into()), Some("2.3.1".into())));
    }

    #[test]
    fn a_refusal_is_recognised() {
        // RFC 4511, 4.1.9: insufficientAccessRights (50).
        let identity =
            recognise_tcp(&Ldap, b"\x30\x0c\x02\x01\x01\x65\x07\x0a\x01\x32\x04\0\x04\0", Some("ldap")).unwrap();
        assert_eq!(identity.facts["result_code"], 50.into());
        let datagram = b"\x30\x0b\x02\x01\x01\x64\x06\x04\0\x30\x02\x30\0";
        let received = ServerBytes { bytes: datagram, transport: Transport::Udp, reply_to: Some("ldap"), ended: true };
        assert!(!Ldap.recognise(&received).unwrap().facts.contains_key("starttls_offered"));
        assert_eq!(recognise_tcp(&Ldap, b"\x30\x0c\x02\x01\x02\x65\x07\x0a\x01\x32\x04\0\x04\0", Some("ldap")), None);
    }

    proptest! {
        #[test]
        fn any_entry_is_accepted(content: Vec<u8>, name in "[a-zA-Z]{0,3}") {
            let _ = (entry(&content), entry(&[b"\x04\0", &*element(0x30, &content)].concat()), parse_reply(&content));
            let _ = values(Elements::of(&content), &name).count();
        }
    }
}
