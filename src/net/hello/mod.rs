//! A ClientHello of one TLS version with every cipher suite and group, and how the server replies: rustls begins with TLS
//! 1.2, and has only the best of each.

mod reply;
mod suites;

use rustls::pki_types::CertificateDer;

use super::tls::supports_suite;
use super::{Connection, ConnectionError};
use reply::{Reading, Reply};
pub(crate) use suites::is_strong_suite;
use suites::{GROUPS, SUITES, SUITES_13, group_name, suite_name};

/// The versions that are tested one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    /// SSL 3.0, prohibited by RFC 7568.
    Ssl3,
    /// TLS 1.0, deprecated by RFC 8996.
    Tls10,
    /// TLS 1.1, deprecated by RFC 8996.
    Tls11,
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

impl Version {
    /// All versions before TLS 1.3, newest first.
    pub(crate) const OLD: [Self; 4] = [Self::Tls12, Self::Tls11, Self::Tls10, Self::Ssl3];

    /// OpenSSL's name.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ssl3 => "SSLv3",
            Self::Tls10 => "TLSv1.0",
            Self::Tls11 => "TLSv1.1",
            Self::Tls12 => "TLSv1.2",
            Self::Tls13 => "TLSv1.3",
        }
    }

    const fn bytes(self) -> [u8; 2] {
        match self {
            Self::Ssl3 => [3, 0],
            Self::Tls10 => [3, 1],
            Self::Tls11 => [3, 2],
            Self::Tls12 => [3, 3],
            Self::Tls13 => [3, 4],
        }
    }

    /// The version in the field of old hellos, where TLS 1.3 calls itself 1.2.
    fn legacy_bytes(self) -> [u8; 2] {
        self.min(Self::Tls12).bytes()
    }
}

/// What to offer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer<'a> {
    pub(crate) version: Version,
    /// The name for SNI.
    pub(crate) name: Option<&'a str>,
    pub(crate) parameters: OfferedParameters,
}

/// Which suites, groups and signature schemes are offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OfferedParameters {
    /// Everything there is.
    All,
    /// Only strong suites.
    StrongSuites,
    /// What OpenSSL's client offers of groups and signature schemes.
    OpenSsl,
    /// What portolan's TLS library has.
    Own,
}

impl OfferedParameters {
    fn has_suite(self, name: &str) -> bool {
        match self {
            Self::All | Self::OpenSsl => true,
            Self::StrongSuites => is_strong_suite(name),
            Self::Own => supports_suite(name),
        }
    }

    fn has_group(self, name: &str) -> bool {
        match self {
            Self::All | Self::StrongSuites => true,
            Self::OpenSsl => OWN_GROUPS.contains(&name) || matches!(name, "secp521r1" | "x448"),
            Self::Own => OWN_GROUPS.contains(&name),
        }
    }

    fn has_scheme(self, scheme: u16) -> bool {
        match self {
            Self::All | Self::StrongSuites => true,
            // Its security level leaves out SHA-1.
            Self::OpenSsl => !matches!(scheme, 0x0201..=0x0203),
            // RSASSA-PSS only with keys of RSA, and nothing with curves or digests that the library lacks.
            Self::Own => OWN_SCHEMES.contains(&scheme),
        }
    }
}

/// The groups that portolan's TLS library has beside hybrids.
pub(crate) const OWN_GROUPS: [&str; 3] = ["x25519", "secp256r1", "secp384r1"];
/// Its signature schemes.
const OWN_SCHEMES: [u16; 9] = [0x0403, 0x0503, 0x0807, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601];

/// The choice of a server that accepts a version, and what it sends in clear text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerChoice {
    pub(crate) version: Version,
    pub(crate) suite: String,
    /// The group of the key exchange, if the server names it.
    pub(crate) group: Option<String>,
    /// The certificates. TLS 1.3 encrypts them.
    pub(crate) chain: Vec<CertificateDer<'static>>,
}

/// Maximum bytes of a server's first messages.
const MAX_BYTES: usize = 256 << 10;

/// Offers one version over a connection where TLS begins; `None` if the server refuses it, or continues in another version.
///
/// # Errors
/// If there is no reply, or for a local failure; a closed connection is a refusal.
pub(crate) async fn offer(peer: &mut Connection, offer: Offer<'_>) -> Result<Option<ServerChoice>, ConnectionError> {
    let exchange = async {
        peer.write(&client_hello(offer)).await?;
        let mut bytes = Vec::new();
        peer.read_until(&mut bytes, MAX_BYTES, |bytes| reply::read(bytes).is_complete()).await?;
        Ok(bytes)
    };

    match exchange.await {
        Ok(bytes) => Ok(accepted(reply::read(&bytes), offer.version)),
        Err(error @ (ConnectionError::TimedOut | ConnectionError::Local(_))) => Err(error),
        Err(_) => Ok(None),
    }
}

fn accepted(reading: Reading, version: Version) -> Option<ServerChoice> {
    let Reply { version: chosen, suite, group, chain } = reading.into_reply()?;
    let chain = chain.into_iter().map(CertificateDer::from).collect();
    let choice = ServerChoice { version, suite: suite_name(suite), group: group.map(group_name), chain };
    (chosen == version.bytes()).then_some(choice)
}

/// RFC 5246, 7.4.1.2, in its own record. The random bytes are constant: no secret depends on them.
fn client_hello(offer: Offer<'_>) -> Vec<u8> {
    let Offer { version, parameters, .. } = offer;
    let offered = if version == Version::Tls13 { &SUITES_13[..] } else { &SUITES[..] };
    let mut suites: Vec<u16> =
        offered.iter().filter(|(_, name)| parameters.has_suite(name)).map(|(suite, _)| *suite).collect();
    // TLS_EMPTY_RENEGOTIATION_INFO_SCSV (RFC 5746, 3.3): some servers require it.
    suites.push(0x00ff);

    let mut body = version.legacy_bytes().to_vec();
    body.extend_from_slice(b"portolan asks which versions are");
    body.push(0);
    body.extend(length(suites.len() * 2));
    body.extend(suites.iter().flat_map(|suite| suite.to_be_bytes()));
    body.extend([1, 0]);
    // SSL 3.0 has no extensions, and some of its servers reject them.
    if version != Version::Ssl3 {
        let mut extensions = extensions(offer);
        pad(&mut extensions, body.len());
        body.extend(length(extensions.len()));
        body.extend(extensions);
    }

    let mut handshake = vec![1, 0];
    handshake.extend(length(body.len()));
    handshake.extend(body);
    // The record of a first hello says at most 3.1: old servers reject higher values (RFC 5246, E.1).
    let record = version.bytes().min([3, 1]);

    let mut bytes = vec![22, record[0], record[1]];
    bytes.extend(length(handshake.len()));
    bytes.extend(handshake);
    bytes
}

/// Fills a hello up to 512 bytes: some servers hang on sizes between 256 and 511 (RFC 7685).
fn pad(extensions: &mut Vec<u8>, before: usize) {
    const HEADERS: usize = 4 + 2;
    let size = HEADERS + before + extensions.len();
    if (256..512).contains(&size) {
        let padding = (512 - size).saturating_sub(4);
        add_extension(extensions, 21, &vec![0; padding]);
    }
}

fn extensions(offer: Offer<'_>) -> Vec<u8> {
    let mut all = Vec::new();
    // RFC 6066, 3; a name is at most 253 bytes long.
    if let Some(name) = offer.name.filter(|name| name.len() <= 253) {
        let body = [&length(name.len() + 3)[..], &[0], &length(name.len()), name.as_bytes()].concat();
        add_extension(&mut all, 0, &body);
    }

    // Groups, and points: uncompressed (RFC 8422, 5.1).
    let groups = GROUPS.iter().filter(|(_, name)| offer.parameters.has_group(name));
    let groups: Vec<u8> = groups.flat_map(|(group, _)| group.to_be_bytes()).collect();
    add_extension(&mut all, 10, &[&length(groups.len())[..], &groups].concat());
    add_extension(&mut all, 11, &[1, 0]);
    if offer.version >= Version::Tls12 {
        let schemes = SCHEMES.iter().filter(|scheme| offer.parameters.has_scheme(**scheme));
        let schemes: Vec<u8> = schemes.flat_map(|scheme| scheme.to_be_bytes()).collect();
        add_extension(&mut all, 13, &[&length(schemes.len())[..], &schemes].concat());
    }
    if offer.version == Version::Tls13 {
        add_extension(&mut all, 43, &[2, 3, 4]);
        add_extension(&mut all, 45, &[1, 1]);
        // No key share: the server names the group that it wants (RFC 8446, 4.2.8).
        add_extension(&mut all, 51, &[0, 0]);
    }
    all
}

/// Signature schemes (RFC 8446, 4.2.3), the old ones last.
const SCHEMES: [u16; 20] = [
    0x0403, 0x0503, 0x0603, 0x0807, 0x0808, // ECDSA and EdDSA
    0x0804, 0x0805, 0x0806, 0x0809, 0x080a, 0x080b, // RSA-PSS
    0x0401, 0x0501, 0x0601, // RSA
    0x0303, 0x0301, 0x0402, // SHA-224, and DSA
    0x0203, 0x0201, 0x0202, // SHA-1
];

fn add_extension(all: &mut Vec<u8>, kind: u16, body: &[u8]) {
    all.extend(kind.to_be_bytes());
    all.extend(length(body.len()));
    all.extend_from_slice(body);
}

/// A length in two bytes; everything here is shorter than 64 KiB.
fn length(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_consistent() {
        for version in Version::OLD.into_iter().chain([Version::Tls13]) {
            for name in [None, Some("a.test"), Some(&*"x".repeat(300))] {
                for parameters in [
                    OfferedParameters::All,
                    OfferedParameters::StrongSuites,
                    OfferedParameters::OpenSsl,
                    OfferedParameters::Own,
                ] {
                    let hello = client_hello(Offer { version, name, parameters });
                    assert_eq!(usize::from(u16::from_be_bytes([hello[3], hello[4]])), hello.len() - 5);
                    assert_eq!(usize::from(u16::from_be_bytes([hello[7], hello[8]])), hello.len() - 9);
                    assert_eq!(hello[9..11], version.legacy_bytes());
                    assert!(version == Version::Ssl3 || !(256..512).contains(&(hello.len() - 5)), "{}", hello.len());
                }
            }
        }
    }

    #[test]
    fn strong_suites_are_those_that_browsers_would_take() {
        assert!(is_strong_suite("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"));
        assert!(is_strong_suite("TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256"));
        for weak in [
            "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
            "TLS_RSA_WITH_AES_128_GCM_SHA256",
            "TLS_DH_anon_WITH_AES_128_GCM_SHA256",
            "TLS_ECDH_RSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_RSA_WITH_NULL_SHA",
        ] {
            assert!(!is_strong_suite(weak), "{weak}");
        }
    }
}
