//! The key of a call, and the hash that every process agrees on.

use std::net::{IpAddr, SocketAddr};

/// What a call is about: strategies that hash send the same key to the same endpoint. The others ignore it.
///
/// ```
/// use portolan::balance::PickKey;
///
/// let keys: [PickKey<'_>; 3] = [().into(), "user-42".into(), std::net::IpAddr::from([192, 0, 2, 7]).into()];
/// assert_eq!(keys[0], PickKey::None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PickKey<'a> {
    /// No key: hashing strategies take turns.
    #[default]
    None,
    /// Any bytes: a user, a session, a path.
    Bytes(&'a [u8]),
    /// The address of a client.
    Ip(IpAddr),
}

impl PickKey<'_> {
    /// The hash of the key, the same in every process and release; `None` without a key.
    pub fn hash(self) -> Option<u64> {
        match self {
            Self::None => None,
            Self::Bytes(bytes) => Some(hash(bytes, 0)),
            Self::Ip(ip) => Some(hash_ip(ip)),
        }
    }

    /// The hash of the client's address: text such as `192.0.2.7:5000`, without its port, counts as an address.
    pub fn ip_hash(self) -> Option<u64> {
        match self {
            Self::Bytes(bytes) => Some(ip_of(bytes).map_or_else(|| hash(bytes, 0), hash_ip)),
            key => key.hash(),
        }
    }
}

fn ip_of(bytes: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(bytes).ok()?;
    text.parse().ok().or_else(|| text.parse().ok().map(|address: SocketAddr| address.ip()))
}

fn hash_ip(ip: IpAddr) -> u64 {
    match ip.to_canonical() {
        IpAddr::V4(ip) => hash(&ip.octets(), 0),
        IpAddr::V6(ip) => hash(&ip.octets(), 0),
    }
}

impl From<()> for PickKey<'_> {
    fn from((): ()) -> Self {
        Self::None
    }
}

impl<'a> From<&'a str> for PickKey<'a> {
    fn from(text: &'a str) -> Self {
        Self::Bytes(text.as_bytes())
    }
}

impl<'a> From<&'a String> for PickKey<'a> {
    fn from(text: &'a String) -> Self {
        Self::Bytes(text.as_bytes())
    }
}

impl<'a> From<&'a [u8]> for PickKey<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<IpAddr> for PickKey<'_> {
    fn from(ip: IpAddr) -> Self {
        Self::Ip(ip)
    }
}

impl<'a, K: Into<PickKey<'a>>> From<Option<K>> for PickKey<'a> {
    fn from(key: Option<K>) -> Self {
        key.map_or(Self::None, Into::into)
    }
}

/// Odd numbers with evenly mixed bits, from SplitMix64.
const MULTIPLIERS: [u64; 3] = [0x9e37_79b9_7f4a_7c15, 0xbf58_476d_1ce4_e5b9, 0x94d0_49bb_1331_11eb];

/// A hash of bytes, by folded multiplications of eight bytes each, as in wyhash. It is part of the interface: clients of
/// different releases must agree, so it never changes.
pub(crate) fn hash(bytes: &[u8], seed: u64) -> u64 {
    let [first, each, last] = MULTIPLIERS;
    let (words, rest) = bytes.as_chunks::<8>();
    let mut state = seed ^ first;
    for word in words {
        state = fold(state ^ u64::from_le_bytes(*word), each);
    }

    let mut padded = [0; 8];
    for (to, from) in padded.iter_mut().zip(rest) {
        *to = *from;
    }
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    state = fold(state ^ u64::from_le_bytes(padded), last);
    fold(state ^ length, each)
}

/// Both halves of the product of two numbers.
fn fold(a: u64, b: u64) -> u64 {
    let (low, high) = a.carrying_mul(b, 0);
    low ^ high
}

/// A number below `limit`, proportional to a random or hashed number, without a division.
pub(super) fn scale(number: u64, limit: u64) -> usize {
    let (_, high) = number.carrying_mul(limit, 0);
    usize::try_from(high).unwrap_or(0)
}
