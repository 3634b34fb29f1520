//! How words of a fixed vocabulary are read from a document: protocols, checks, sources.
//!
//! Output writes such words as they are, because this program chose them. A document may have been written by anyone,
//! so a word from it must be short and must not hold what a terminal would obey.

use std::borrow::Cow;

use serde::de::{Deserialize, Deserializer, Error};

use crate::clean::{clean, is_dangerous};

/// The longest word that is read.
const MAX_WORD_BYTES: usize = 256;

/// Reads a word.
pub(super) fn word<'de, D: Deserializer<'de>, T: From<String>>(deserializer: D) -> Result<T, D::Error> {
    checked(String::deserialize(deserializer)?).map(T::from)
}

/// Reads a word or nothing.
pub(super) fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Cow<'static, str>>, D::Error> {
    Option::<String>::deserialize(deserializer)?.map(|text| checked(text).map(Cow::Owned)).transpose()
}

/// Reads a list of words.
pub(super) fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Cow<'static, str>>, D::Error> {
    Vec::<String>::deserialize(deserializer)?.into_iter().map(|text| checked(text).map(Cow::Owned)).collect()
}

fn checked<E: Error>(text: String) -> Result<String, E> {
    if text.len() > MAX_WORD_BYTES || text.contains(is_dangerous) {
        let shown: String = text.chars().take(20).collect();
        return Err(E::custom(format!("'{}' is not a word", clean(&shown))));
    }

    Ok(text)
}
