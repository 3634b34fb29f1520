//! A TOML or YAML document as a tree, and where each part of it stands.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};

use crate::clean::clean;

/// A value of a document.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum DocumentNode {
    Null,
    Bool(bool),
    /// As it reads: `200`, `1.5`.
    Number(String),
    Text(String),
    List(Vec<DocumentNode>),
    Table(Vec<(String, DocumentNode)>),
}

impl DocumentNode {
    /// What it is, for errors.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

impl<'de> Deserialize<'de> for DocumentNode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = DocumentNode;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<DocumentNode, E> {
        Ok(DocumentNode::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<DocumentNode, E> {
        Ok(DocumentNode::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<DocumentNode, E> {
        Ok(DocumentNode::Number(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<DocumentNode, E> {
        Ok(DocumentNode::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<DocumentNode, E> {
        Ok(DocumentNode::Number(value.to_string()))
    }

    fn visit_str<E>(self, text: &str) -> Result<DocumentNode, E> {
        Ok(DocumentNode::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<DocumentNode, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(DocumentNode::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<DocumentNode, A::Error> {
        let mut table: Vec<(String, DocumentNode)> = Vec::new();
        while let Some(key) = entries.next_key::<String>()? {
            if table.iter().any(|(known, _)| *known == key) {
                return Err(A::Error::custom(format!("the key '{}' is there twice", clean(&key))));
            }
            table.push((key, entries.next_value()?));
        }
        Ok(DocumentNode::Table(table))
    }
}

/// The value of a key of a table.
pub(super) fn find<'n>(entries: &'n [(String, DocumentNode)], key: &str) -> Option<&'n DocumentNode> {
    entries.iter().find(|(name, _)| name == key).map(|(_, node)| node)
}

/// A step from a value to a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    Item(usize),
}

/// `service[0].ask.path`, without the position of the service in its list.
pub(super) fn written(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(&clean(key)),
            Step::Key(key) => text.extend([".", &clean(key)]),
            Step::Item(at) => text.extend(["[", &at.to_string(), "]"]),
        }
    }
    text
}

/// Reads a document up to a place and fails there, so that the parser's error has its position: a key at its name, an item
/// at its beginning.
pub(super) struct Locate<'p> {
    path: &'p [Step],
    reached: &'p Cell<bool>,
}

impl<'p> Locate<'p> {
    pub(super) fn new(path: &'p [Step], reached: &'p Cell<bool>) -> Self {
        Self { path, reached }
    }

    fn fail<E: de::Error>(&self) -> E {
        self.reached.set(true);
        E::custom("here")
    }
}

impl<'de> DeserializeSeed<'de> for Locate<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Locate<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Err(self.fail())
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<(), E> {
        Err(self.fail())
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<(), E> {
        Err(self.fail())
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<(), E> {
        Err(self.fail())
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<(), E> {
        Err(self.fail())
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<(), E> {
        Err(self.fail())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Some((Step::Item(wanted), rest)) = self.path.split_first() else { return Err(self.fail()) };
        for _ in 0..*wanted {
            items.next_element::<IgnoredAny>()?;
        }
        items.next_element_seed(Locate { path: rest, reached: self.reached })?;
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let Some((Step::Key(wanted), rest)) = self.path.split_first() else { return Err(self.fail()) };
        let key = LocateKey { wanted, is_last: rest.is_empty(), reached: self.reached };
        while let Some(is_it) = entries.next_key_seed(&key)? {
            if is_it {
                return entries.next_value_seed(Locate { path: rest, reached: self.reached });
            }
            entries.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

/// Whether a key is the wanted one. Fails there if the path ends with it.
struct LocateKey<'p> {
    wanted: &'p str,
    is_last: bool,
    reached: &'p Cell<bool>,
}

impl<'de> DeserializeSeed<'de> for &LocateKey<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        let key = String::deserialize(deserializer)?;
        if key == self.wanted && self.is_last {
            self.reached.set(true);
            return Err(D::Error::custom("here"));
        }
        Ok(key == self.wanted)
    }
}
