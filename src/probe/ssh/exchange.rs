//! The SSH key exchange (RFC 4253, 7; RFC 8731), only up to the server's host key.

use ring::agreement::{EphemeralPrivateKey, X25519};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

use crate::clean::Untrusted;
use crate::model::Identity;
use crate::net::{Connection, ConnectionError};

const KEXINIT: u8 = 20;
const ECDH_INIT: u8 = 30;
const ECDH_REPLY: u8 = 31;
/// The packet size that every implementation must support (RFC 4253, 6.1). A longer one is invalid.
const MAX_PACKET: usize = 35_000;
/// The most packets that are read to find the expected one, because IGNORE and DEBUG may come first.
const MAX_PACKETS: usize = 8;
/// The most algorithms per list that are kept.
const MAX_NAMES: usize = 64;
/// The KEXINIT lists that are kept, by position (7.1). Both directions are usually the same.
const LISTS: [(usize, &str); 4] = [(0, "kex_algorithms"), (1, "host_key_algorithms"), (2, "ciphers"), (4, "macs")];
/// The algorithms that portolan offers. It needs only X25519, and verifies no signature, so any host key type works.
const KEX: &str = "curve25519-sha256,curve25519-sha256@libssh.org";
const HOST_KEYS: &str =
    "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256,ssh-rsa";
const CIPHERS: &str =
    "chacha20-poly1305@openssh.com,aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes128-ctr,aes256-ctr";
const MACS: &str = "hmac-sha2-256,hmac-sha2-512,hmac-sha2-256-etm@openssh.com,hmac-sha1";

/// Adds the algorithms and the host key to an identity. `rest` holds the bytes after the version line.
pub(super) async fn exchange(peer: &mut Connection, rest: Vec<u8>, mut identity: Identity) -> Identity {
    // The algorithms are useful even without the key.
    let _ = converse(peer, rest, &mut identity).await;
    identity
}

async fn converse(peer: &mut Connection, mut buffer: Vec<u8>, identity: &mut Identity) -> Result<(), ConnectionError> {
    let random = SystemRandom::new();
    let mut cookie = [0; 16];
    random.fill(&mut cookie).map_err(no_random)?;
    let mut hello = concat!("SSH-2.0-portolan_", env!("CARGO_PKG_VERSION"), "\r\n").as_bytes().to_vec();
    hello.extend(packet(&kexinit(&cookie)));
    peer.write(&hello).await?;

    let kexinit = next(peer, &mut buffer, KEXINIT).await?;
    let lists = name_lists(&kexinit).ok_or(ConnectionError::Garbled("is not a KEXINIT"))?;
    for (at, name) in LISTS {
        let names: Vec<Untrusted> = names(lists[at]).take(MAX_NAMES).map(Untrusted::from_bytes).collect();
        *identity = std::mem::take(identity).fact(name, names);
    }
    if !names(lists[0]).any(|name| names(KEX.as_bytes()).any(|own| own == name)) {
        return Ok(());
    }

    let private = EphemeralPrivateKey::generate(&X25519, &random).map_err(no_random)?;
    let public = private.compute_public_key().map_err(no_random)?;
    let mut init = vec![ECDH_INIT];
    put_string(&mut init, public.as_ref());
    peer.write(&packet(&init)).await?;

    let reply = next(peer, &mut buffer, ECDH_REPLY).await?;
    let (key, _) = string(&reply[1..]).ok_or(ConnectionError::Garbled("has no host key"))?;
    let (kind, rest) = string(key).ok_or(ConnectionError::Garbled("has no key type"))?;
    *identity = std::mem::take(identity)
        .fact("host_key_type", Untrusted::from_bytes(&kind[..kind.len().min(64)]))
        .fact("host_key_fingerprint", format!("SHA256:{}", base64(digest(&SHA256, key).as_ref())))
        .fact_if("host_key_bits", rsa_bits(kind, rest));
    Ok(())
}

fn no_random(_: ring::error::Unspecified) -> ConnectionError {
    ConnectionError::Local(std::io::Error::other("no random numbers"))
}

/// The names of a comma-separated list.
fn names(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|byte| *byte == b',').filter(|name| !name.is_empty())
}

/// Reads until a packet of that kind arrives.
async fn next(peer: &mut Connection, buffer: &mut Vec<u8>, kind: u8) -> Result<Vec<u8>, ConnectionError> {
    for _ in 0..MAX_PACKETS {
        let payload = loop {
            if let Some(payload) = take_packet(buffer)? {
                break payload;
            }
            if peer.read(buffer).await? == 0 {
                return Err(ConnectionError::Closed);
            }
        };

        if payload.first() == Some(&kind) {
            return Ok(payload);
        }
    }

    Err(ConnectionError::TooLong)
}

/// Removes the first packet and returns its payload, once it is complete (RFC 4253, 6).
fn take_packet(buffer: &mut Vec<u8>) -> Result<Option<Vec<u8>>, ConnectionError> {
    let Some(length) = buffer.first_chunk::<4>() else { return Ok(None) };
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    if !(2..=MAX_PACKET).contains(&length) {
        return Err(ConnectionError::Garbled("is not an SSH packet"));
    }
    if buffer.len() < 4 + length {
        return Ok(None);
    }

    let rest = buffer.split_off(4 + length);
    let packet = std::mem::replace(buffer, rest);
    let padding = usize::from(packet[4]);

    match packet.get(5..(4 + length).saturating_sub(padding)) {
        Some(payload) => Ok(Some(payload.to_vec())),
        None => Err(ConnectionError::Garbled("is padded beyond its length")),
    }
}

/// An unencrypted packet: padded to a multiple of eight bytes, with at least four.
fn packet(payload: &[u8]) -> Vec<u8> {
    let mut padding = 8 - (5 + payload.len()) % 8;
    if padding < 4 {
        padding += 8;
    }

    let length = u32::try_from(1 + payload.len() + padding).unwrap_or(u32::MAX);
    let mut packet = length.to_be_bytes().to_vec();
    packet.push(u8::try_from(padding).unwrap_or(u8::MAX));
    packet.extend_from_slice(payload);
    packet.resize(packet.len() + padding, 0);
    packet
}

fn kexinit(cookie: &[u8; 16]) -> Vec<u8> {
    let mut payload = vec![KEXINIT];
    payload.extend_from_slice(cookie);
    for list in [KEX, HOST_KEYS, CIPHERS, CIPHERS, MACS, MACS, "none", "none", "", ""] {
        put_string(&mut payload, list.as_bytes());
    }
    // No guessed packet follows; four bytes are reserved.
    payload.extend_from_slice(&[0; 5]);
    payload
}

/// The ten name lists of a KEXINIT.
fn name_lists(payload: &[u8]) -> Option<Vec<&[u8]>> {
    let mut rest = payload.get(1 + 16..)?;
    let mut lists = Vec::with_capacity(10);
    for _ in 0..10 {
        let (list, after) = string(rest)?;
        lists.push(list);
        rest = after;
    }
    Some(lists)
}

fn put_string(bytes: &mut Vec<u8>, text: &[u8]) {
    bytes.extend_from_slice(&u32::try_from(text.len()).unwrap_or(0).to_be_bytes());
    bytes.extend_from_slice(text);
}

/// A string with its length in front, and the remaining bytes (RFC 4251, 5).
fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

/// The size of an RSA key: the key type precedes the exponent and the modulus (RFC 4253, 6.6).
fn rsa_bits(kind: &[u8], rest: &[u8]) -> Option<i64> {
    if kind != b"ssh-rsa" {
        return None;
    }
    let (modulus, _) = string(string(rest)?.1)?;
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let first = modulus.get(zeros)?;
    i64::try_from((modulus.len() - zeros) * 8).ok().map(|bits| bits - i64::from(first.leading_zeros()))
}

/// Base64 without padding, as OpenSSH writes fingerprints.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0_u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            text.push(char::from(DIGITS[(group >> (18 - 6 * place)) as usize & 63]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn base64_follows_rfc_4648() {
        for (bytes, text) in [(&b""[..], ""), (b"f", "Zg"), (b"fo", "Zm8"), (b"foo", "Zm9v"), (b"foobar", "Zm9vYmFy")] {
            assert_eq!(base64(bytes), text);
        }
    }

    #[test]
    fn packets_round_trip() {
        let payload = kexinit(&[7; 16]);
        let mut buffer = packet(&payload);
        assert_eq!(buffer.len() % 8, 0);
        buffer.extend_from_slice(b"rest");
        let read = take_packet(&mut buffer).unwrap().unwrap();
        assert_eq!((read.as_slice(), buffer.as_slice()), (payload.as_slice(), &b"rest"[..]));
        assert_eq!(name_lists(&read).unwrap()[0], KEX.as_bytes());
    }

    proptest! {
        #[test]
        fn any_bytes_are_accepted(bytes: Vec<u8>, length in 0..64_u32) {
            for mut buffer in [bytes.clone(), [&length.to_be_bytes()[..], &bytes].concat()] {
                let _ = take_packet(&mut buffer);
            }
            let _ = name_lists(&bytes);
            let _ = rsa_bits(b"ssh-rsa", &bytes);
        }
    }
}
