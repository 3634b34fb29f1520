//! Names in certificates, in a form that can be compared.

use std::net::IpAddr;

use x509_parser::asn1_rs::Tag;
use x509_parser::extensions::GeneralName;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// A distinguished name in canonical form (RFC 5280, 7.1): two names are equal regardless of the case of ASCII letters,
/// of repeated spaces, and of the string type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct DistinguishedName(Vec<String>);

impl DistinguishedName {
    pub(super) fn of(name: &X509Name<'_>) -> Self {
        let parts = name.iter_rdn().map(|part| {
            // The order within a multi-valued part has no meaning.
            let mut attributes: Vec<String> = part.iter().map(attribute).collect();
            attributes.sort();
            attributes.concat()
        });
        Self(parts.collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the name is in the subtree of `base`.
    pub(super) fn is_within(&self, base: &Self) -> bool {
        self.0.starts_with(&base.0)
    }
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let value = match text(attribute) {
        Some(text) => text.split_ascii_whitespace().collect::<Vec<_>>().join(" ").to_ascii_lowercase(),
        // Not a text: the bytes with their type.
        None => format!("{}#{:?}", attribute.attr_value().tag().0, attribute.as_slice()),
    };
    format!("{}={}:{value},", attribute.attr_type().to_id_string(), value.len())
}

/// The text of an attribute, of any string type.
pub(super) fn text(attribute: &AttributeTypeAndValue<'_>) -> Option<String> {
    let bytes = attribute.as_slice();
    match attribute.attr_value().tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::NumericString | Tag::VisibleString => {
            String::from_utf8(bytes.to_vec()).ok()
        }
        // In practice Latin-1.
        Tag::TeletexString => Some(bytes.iter().map(|byte| char::from(*byte)).collect()),
        Tag::BmpString if bytes.len().is_multiple_of(2) => {
            let units = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            String::from_utf16(&units.collect::<Vec<_>>()).ok()
        }
        Tag::UniversalString if bytes.len().is_multiple_of(4) => {
            let codes = bytes.chunks_exact(4).map(|four| u32::from_be_bytes([four[0], four[1], four[2], four[3]]));
            codes.map(char::from_u32).collect()
        }
        _ => None,
    }
}

/// A name for which a certificate is issued, or a subtree of such names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum AlternativeName {
    Dns(String),
    Email(String),
    Uri(String),
    /// An address, or an address and a mask.
    Ip(Vec<u8>),
    Directory(DistinguishedName),
    /// Another kind, or a name that is not valid.
    Other,
}

impl AlternativeName {
    pub(super) fn of(name: &GeneralName<'_>) -> Self {
        match name {
            GeneralName::DNSName(text) => Self::Dns(text.to_ascii_lowercase()),
            GeneralName::RFC822Name(text) => Self::Email((*text).to_owned()),
            GeneralName::URI(text) => Self::Uri((*text).to_owned()),
            GeneralName::IPAddress(bytes) => Self::Ip(bytes.to_vec()),
            GeneralName::DirectoryName(name) => Self::Directory(DistinguishedName::of(name)),
            _ => Self::Other,
        }
    }

    /// Whether this name of a certificate covers a requested DNS name in lower case, without a final dot. A wildcard
    /// stands for one whole label, with at least two labels after it (RFC 9525, 6.3).
    pub(super) fn covers_dns(&self, requested: &str) -> bool {
        let Self::Dns(name) = self else { return false };
        let Some(base) = name.strip_prefix("*.") else { return name == requested };

        let rest = requested.split_once('.').filter(|(label, _)| !label.is_empty());
        base.contains('.') && rest.is_some_and(|(_, rest)| rest == base)
    }

    /// Whether this name of a certificate is a requested address.
    pub(super) fn covers_ip(&self, requested: IpAddr) -> bool {
        let Self::Ip(bytes) = self else { return false };
        match requested {
            IpAddr::V4(v4) => bytes == &v4.octets(),
            IpAddr::V6(v6) => bytes == &v6.octets(),
        }
    }

    /// Whether this name is in a subtree of the same kind (RFC 5280, 4.2.1.10); `None` if the subtree is of another kind.
    pub(super) fn is_within(&self, subtree: &Self) -> Option<bool> {
        match (self, subtree) {
            (Self::Dns(name), Self::Dns(base)) => Some(is_dns_within(name, base)),
            (Self::Email(name), Self::Email(base)) => Some(is_email_within(name, base)),
            (Self::Uri(name), Self::Uri(base)) => Some(is_uri_within(name, base)),
            (Self::Ip(address), Self::Ip(range)) => Some(is_ip_within(address, range)),
            (Self::Directory(name), Self::Directory(base)) => Some(name.is_within(base)),
            _ => None,
        }
    }
}

/// `example.org` includes its subdomains; `.example.org` is only its subdomains.
fn is_dns_within(name: &str, base: &str) -> bool {
    match name.strip_suffix(base) {
        None => false,
        Some(rest) => rest.is_empty() || base.is_empty() || base.starts_with('.') || rest.ends_with('.'),
    }
}

/// A mailbox, a host, or a domain that begins with a dot.
fn is_email_within(name: &str, base: &str) -> bool {
    let Some((mailbox, host)) = name.rsplit_once('@') else { return false };
    match base.rsplit_once('@') {
        Some((base_mailbox, base_host)) => mailbox == base_mailbox && host.eq_ignore_ascii_case(base_host),
        None => is_host_within(host, base),
    }
}

fn is_uri_within(name: &str, base: &str) -> bool {
    let url = url::Url::parse(name).ok();
    url.as_ref().and_then(url::Url::host_str).is_some_and(|host| is_host_within(host, base))
}

/// A host exactly, or any host in a domain that begins with a dot.
fn is_host_within(host: &str, base: &str) -> bool {
    let (host, base) = (host.to_ascii_lowercase(), base.to_ascii_lowercase());
    if base.starts_with('.') { host.ends_with(&base) } else { base.is_empty() || host == base }
}

fn is_ip_within(address: &[u8], range: &[u8]) -> bool {
    let (network, mask) = range.split_at(range.len() / 2);
    range.len() == address.len() * 2
        && address.iter().zip(network).zip(mask).all(|((byte, network), mask)| byte & mask == network & mask)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_one_whole_label() {
        for (name, requested, covered) in [
            ("www.shop.test", "www.shop.test", true),
            ("*.shop.test", "www.shop.test", true),
            ("*.shop.test", "shop.test", false),
            ("*.shop.test", "a.www.shop.test", false),
            ("*.shop.test", ".shop.test", false),
            ("*.test", "shop.test", false),
            ("*", "test", false),
            ("w*.shop.test", "www.shop.test", false),
            ("www.*.test", "www.shop.test", false),
        ] {
            assert_eq!(AlternativeName::Dns(name.to_owned()).covers_dns(requested), covered, "{name} {requested}");
        }
    }

    #[test]
    fn subtrees_are_compared_by_their_kind() {
        let dns = |text: &str| AlternativeName::Dns(text.to_owned());
        let email = |text: &str| AlternativeName::Email(text.to_owned());
        let uri = |text: &str| AlternativeName::Uri(text.to_owned());
        for (name, subtree, within) in [
            (dns("shop.test"), dns("shop.test"), Some(true)),
            (dns("a.shop.test"), dns("shop.test"), Some(true)),
            (dns("ashop.test"), dns("shop.test"), Some(false)),
            (dns("shop.test"), dns(".shop.test"), Some(false)),
            (dns("a.shop.test"), dns(".shop.test"), Some(true)),
            (dns("a.test"), dns(""), Some(true)),
            // As OpenSSL and browsers do: a wildcard is compared as it is written.
            (dns("*.shop.test"), dns("bad.shop.test"), Some(false)),
            (dns("*.shop.test"), dns("shop.test"), Some(true)),
            (email("a@shop.test"), email("a@SHOP.test"), Some(true)),
            (email("a@shop.test"), email("b@shop.test"), Some(false)),
            (email("a@x.shop.test"), email(".shop.test"), Some(true)),
            (uri("https://x.shop.test/a"), uri(".shop.test"), Some(true)),
            (uri("https://x.shop.test/a"), uri("shop.test"), Some(false)),
            (
                AlternativeName::Ip(vec![10, 1, 2, 3]),
                AlternativeName::Ip(vec![10, 1, 0, 0, 255, 255, 0, 0]),
                Some(true),
            ),
            (
                AlternativeName::Ip(vec![10, 2, 2, 3]),
                AlternativeName::Ip(vec![10, 1, 0, 0, 255, 255, 0, 0]),
                Some(false),
            ),
            (AlternativeName::Ip(vec![0; 16]), AlternativeName::Ip(vec![10, 1, 0, 0, 255, 255, 0, 0]), Some(false)),
            (dns("a.test"), email("a.test"), None),
        ] {
            assert_eq!(name.is_within(&subtree), within, "{name:?} {subtree:?}");
        }
    }
}
