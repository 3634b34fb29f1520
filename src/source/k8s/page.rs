//! A page of a list, and the token of the next one, which is read first.

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ListMeta;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::failure::ApiFailure;
use crate::clean::clean;

/// A page of a list.
#[derive(Deserialize)]
#[serde(bound(deserialize = "K: Deserialize<'de>"))]
pub(super) struct ListPage<K> {
    #[serde(default)]
    metadata: ListMeta,
    /// Some servers write null for an empty list. None of a list leaves it out.
    #[serde(default = "Option::default", deserialize_with = "items")]
    items: Option<Vec<K>>,
    #[serde(default)]
    kind: String,
    /// Of a `Status` in place of a list: its code and its message.
    #[serde(default)]
    code: u16,
    #[serde(default)]
    message: String,
}

/// The objects of a list that names them, or null.
fn items<'de, K: Deserialize<'de>, D: Deserializer<'de>>(field: D) -> Result<Option<Vec<K>>, D::Error> {
    let items: Option<Vec<K>> = Deserialize::deserialize(field)?;
    Ok(Some(items.unwrap_or_default()))
}

impl<K> ListPage<K> {
    /// The objects. A gateway may send a failure with the status 200, as kubectl knows.
    pub(super) fn objects(self) -> Result<(Vec<K>, ListMeta), ApiFailure> {
        match self.items {
            Some(items) if self.kind != "Status" => Ok((items, self.metadata)),
            None if self.kind != "Status" => Err(ApiFailure::Malformed("the list has no items".to_owned())),
            _ => {
                let message = clean(&self.message);
                Err(ApiFailure::Answer { code: self.code, message, after: None, token: None })
            }
        }
    }
}

/// The token of the page after this one. Kubernetes writes the metadata before the objects, which are not read; `None` also if
/// another server does not.
pub(super) fn next_token(page: &[u8]) -> Option<String> {
    let mut token = None;
    // An error only says that the reading ended before the objects.
    let _ = PageHead(&mut token).deserialize(&mut serde_json::Deserializer::from_slice(page));
    token.filter(|token| !token.is_empty())
}

/// Reads the fields before the objects.
struct PageHead<'t>(&'t mut Option<String>);

impl<'de> DeserializeSeed<'de> for PageHead<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for PageHead<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "metadata" => {
                    *self.0 = map.next_value::<ListMeta>()?.continue_;
                    return Ok(());
                }
                "items" => return Ok(()),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::next_token;

    #[test]
    fn the_token_is_read_without_the_objects() {
        let cases = [
            (r#"{"kind":"PodList","metadata":{"resourceVersion":"7","continue":"abc"},"items":[{"#, Some("abc")),
            (r#"{"metadata":{"continue":""},"items":[]}"#, None),
            (r#"{"metadata":{},"items":[]}"#, None),
            (r#"{"items":[],"metadata":{"continue":"abc"}}"#, None),
            (r#"{"metadata":{"contin"#, None),
            ("[]", None),
            ("", None),
        ];
        for (page, expected) in cases {
            assert_eq!(next_token(page.as_bytes()).as_deref(), expected, "{page}");
        }
    }
}
