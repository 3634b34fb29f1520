//! Keys of three parts, looked up by borrowed parts.

use std::fmt;
use std::hash::{Hash, Hasher};

use hashbrown::Equivalent;

/// A key for looking up in a cache of `K`: `K` itself, or a borrowed form that hashes and compares like it.
///
/// A borrowed form makes a hit free of allocations; only storing a new entry calls [`to_key`](Self::to_key).
pub trait Lookup<K>: Hash + Equivalent<K> {
    /// The owned key.
    fn to_key(&self) -> K;
}

impl<K: Hash + Eq + Clone> Lookup<K> for K {
    fn to_key(&self) -> K {
        self.clone()
    }
}

impl Lookup<String> for str {
    fn to_key(&self) -> String {
        self.to_owned()
    }
}

/// A structured key, borrowed, for looking up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRef<'a> {
    /// The owner of the entry, so that two users of one cache never collide.
    pub namespace: &'a str,
    /// The subject of the entry.
    pub key: &'a str,
    /// The version: entries of different versions are different entries.
    pub version: u64,
}

/// A structured key, owned: up to 29 bytes of text are stored inline, longer text in one allocation.
///
/// A look-up then finds entry and key in the same cache line.
#[derive(Clone)]
pub struct Key {
    version: u64,
    text: KeyText,
}

/// Namespace and key, joined; the namespace ends at `split`.
#[derive(Clone)]
enum KeyText {
    Inline { split: u8, len: u8, bytes: [u8; INLINE] },
    Heap { split: usize, bytes: Box<[u8]> },
}

/// Makes [`KeyText`] 32 bytes, and a cache entry of a [`Key`] exactly one cache line.
const INLINE: usize = 29;

impl Key {
    /// Bytes on the heap, for [`Cache::with_bytes`](super::Cache::with_bytes).
    pub fn heap_bytes(&self) -> usize {
        match &self.text {
            KeyText::Inline { .. } => 0,
            KeyText::Heap { bytes, .. } => bytes.len(),
        }
    }

    /// Namespace and key.
    #[inline]
    fn parts(&self) -> (&[u8], &[u8]) {
        match &self.text {
            KeyText::Inline { split, len, bytes } => bytes[..usize::from(*len)].split_at(usize::from(*split)),
            KeyText::Heap { split, bytes } => bytes.split_at(*split),
        }
    }
}

impl From<KeyRef<'_>> for Key {
    fn from(parts: KeyRef<'_>) -> Self {
        let (split, len) = (parts.namespace.len(), parts.namespace.len() + parts.key.len());
        let text = match (u8::try_from(split), u8::try_from(len)) {
            (Ok(split), Ok(short)) if len <= INLINE => {
                let mut bytes = [0; INLINE];
                bytes[..usize::from(split)].copy_from_slice(parts.namespace.as_bytes());
                bytes[usize::from(split)..len].copy_from_slice(parts.key.as_bytes());
                KeyText::Inline { split, len: short, bytes }
            }
            _ => KeyText::Heap { split, bytes: [parts.namespace.as_bytes(), parts.key.as_bytes()].concat().into() },
        };
        Self { version: parts.version, text }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (namespace, key) = self.parts();
        let (namespace, key) = (String::from_utf8_lossy(namespace), String::from_utf8_lossy(key));
        KeyRef { namespace: &namespace, key: &key, version: self.version }.fmt(f)
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.version == other.version && self.parts() == other.parts()
    }
}

impl Eq for Key {}

impl Hash for KeyRef<'_> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_parts(self.namespace.as_bytes(), self.key.as_bytes(), self.version, state);
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (namespace, key) = self.parts();
        hash_parts(namespace, key, self.version, state);
    }
}

#[inline]
fn hash_parts<H: Hasher>(namespace: &[u8], key: &[u8], version: u64, state: &mut H) {
    state.write(namespace);
    state.write(key);
    // The length separates ("ab", "c") from ("a", "bc"), whose bytes are the same.
    state.write_u64(version ^ (namespace.len() as u64).rotate_right(16));
}

impl Equivalent<Key> for KeyRef<'_> {
    #[inline]
    fn equivalent(&self, other: &Key) -> bool {
        let (namespace, key) = other.parts();
        self.version == other.version && same(key, self.key.as_bytes()) && same(namespace, self.namespace.as_bytes())
    }
}

/// Equality of short texts. From 8 to 16 bytes, as most names and addresses are, two overlapping words are compared,
/// whatever the length: no call, and no branch on it.
#[inline]
fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    if one.len() <= 16
        && let (Some(head), Some(other_head)) = (one.first_chunk::<8>(), other.first_chunk::<8>())
        && let (Some(tail), Some(other_tail)) = (one.last_chunk::<8>(), other.last_chunk::<8>())
    {
        let (head, tail) = (word(head) ^ word(other_head), word(tail) ^ word(other_tail));
        return head | tail == 0;
    }
    one == other
}

#[inline]
fn word(bytes: &[u8; 8]) -> u64 {
    u64::from_ne_bytes(*bytes)
}

impl Lookup<Key> for KeyRef<'_> {
    fn to_key(&self) -> Key {
        Key::from(*self)
    }
}
