//! A ClientHello of one old TLS version, and whether the server accepts it: rustls begins with TLS 1.2.

use super::{Connection, ConnectionError};

/// The versions that are tested one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OldVersion {
    /// SSL 3.0, prohibited by RFC 7568.
    Ssl3,
    /// TLS 1.0, deprecated by RFC 8996.
    Tls10,
    /// TLS 1.1, deprecated by RFC 8996.
    Tls11,
    /// TLS 1.2.
    Tls12,
}

impl OldVersion {
    /// All versions, newest first.
    pub(crate) const ALL: [Self; 4] = [Self::Tls12, Self::Tls11, Self::Tls10, Self::Ssl3];

    /// OpenSSL's name.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ssl3 => "SSLv3",
            Self::Tls10 => "TLSv1.0",
            Self::Tls11 => "TLSv1.1",
            Self::Tls12 => "TLSv1.2",
        }
    }

    const fn bytes(self) -> [u8; 2] {
        match self {
            Self::Ssl3 => [3, 0],
            Self::Tls10 => [3, 1],
            Self::Tls11 => [3, 2],
            Self::Tls12 => [3, 3],
        }
    }
}

/// Cipher suites of that time, strong and weak, by their IANA numbers: every server has one of these.
const SUITES: [u16; 24] = [
    0xc02f, 0xc02b, 0xc030, 0xc02c, // ECDHE with AES-GCM
    0xc027, 0xc023, 0xc013, 0xc009, 0xc014, 0xc00a, // ECDHE with AES-CBC
    0x009e, 0x009f, 0x0067, 0x0033, 0x0039, // DHE
    0x009c, 0x009d, 0x003c, 0x002f, 0x0035, // RSA
    0x000a, 0x0016, 0x0005, 0x0004, // 3DES and RC4
];

/// The server's reaction to a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VersionOutcome {
    /// The server accepts the version.
    Yes,
    /// The server refuses, or continues in another version.
    No,
}

/// Tests whether the server accepts `version`, over a connection where TLS begins. `name` is sent by SNI.
///
/// # Errors
/// If there is no reply, or for a local failure; a closed connection is a refusal.
pub(crate) async fn ask_version(
    peer: &mut Connection,
    version: OldVersion,
    name: Option<&str>,
) -> Result<VersionOutcome, ConnectionError> {
    let exchange = async {
        peer.write(&client_hello(version, name)).await?;
        let mut answer = Vec::new();
        // The first record's header, and the header and version of a ServerHello.
        peer.fill(&mut answer, 11).await?;
        Ok(answer)
    };

    match exchange.await {
        Ok(answer) => Ok(if accepts(&answer, version) { VersionOutcome::Yes } else { VersionOutcome::No }),
        Err(error @ (ConnectionError::TimedOut | ConnectionError::Local(_))) => Err(error),
        Err(_) => Ok(VersionOutcome::No),
    }
}

/// Whether a record begins a ServerHello of that version (RFC 5246, 7.4.1.3).
fn accepts(record: &[u8], version: OldVersion) -> bool {
    const HANDSHAKE: u8 = 22;
    const SERVER_HELLO: u8 = 2;
    matches!(record, [HANDSHAKE, 3, _, _, _, SERVER_HELLO, _, _, _, major, minor, ..] if [*major, *minor] == version.bytes())
}

/// RFC 5246, 7.4.1.2, in its own record. The random bytes are constant: no secret depends on them.
fn client_hello(version: OldVersion, name: Option<&str>) -> Vec<u8> {
    let mut body = version.bytes().to_vec();
    body.extend_from_slice(b"portolan asks which versions are");
    body.push(0);
    body.extend(length(SUITES.len() * 2));
    body.extend(SUITES.iter().flat_map(|suite| suite.to_be_bytes()));
    body.extend([1, 0]);
    // SSL 3.0 has no extensions, and some of its servers reject them.
    if version != OldVersion::Ssl3 {
        let extensions = extensions(version, name);
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

fn extensions(version: OldVersion, name: Option<&str>) -> Vec<u8> {
    let mut all = Vec::new();
    // RFC 6066, 3; a name is at most 253 bytes long.
    if let Some(name) = name.filter(|name| name.len() <= 253) {
        let body = [&length(name.len() + 3)[..], &[0], &length(name.len()), name.as_bytes()].concat();
        add_extension(&mut all, 0, &body);
    }

    // Groups: x25519, P-256, P-384, P-521; points: uncompressed (RFC 8422, 5.1).
    add_extension(&mut all, 10, &[0, 8, 0, 29, 0, 23, 0, 24, 0, 25]);
    add_extension(&mut all, 11, &[1, 0]);
    if version == OldVersion::Tls12 {
        // RSA-PSS, ECDSA and RSA with SHA-2 and SHA-1.
        add_extension(&mut all, 13, &[0, 18, 8, 4, 8, 5, 8, 6, 4, 3, 5, 3, 6, 3, 4, 1, 5, 1, 2, 1]);
    }

    all
}

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
        for version in OldVersion::ALL {
            for name in [None, Some("a.test"), Some(&*"x".repeat(300))] {
                let hello = client_hello(version, name);
                assert_eq!(usize::from(u16::from_be_bytes([hello[3], hello[4]])), hello.len() - 5);
                assert_eq!(usize::from(u16::from_be_bytes([hello[7], hello[8]])), hello.len() - 9);
                assert_eq!(hello[9..11], version.bytes());
            }
        }
    }

    #[test]
    fn only_a_server_hello_of_the_same_version_accepts() {
        let hello = [22, 3, 1, 0, 80, 2, 0, 0, 76, 3, 1];
        assert!(accepts(&hello, OldVersion::Tls10));
        assert!(!accepts(&hello, OldVersion::Tls11), "it would go on in another version");
        assert!(!accepts(&[21, 3, 1, 0, 2, 2, 70, 0, 0, 3, 1], OldVersion::Tls10), "an alert");
        assert!(!accepts(b"HTTP/1.1 400", OldVersion::Tls10));
        assert!(!accepts(&[], OldVersion::Tls10));
    }
}
