//! The fields that an expression may name, by the kind of item.

/// The fields of an item.
#[derive(Clone, Copy, Debug)]
pub(in crate::server::consul) struct Schema(&'static [(&'static str, Field)]);

#[derive(Clone, Copy, Debug)]
enum Field {
    Text,
    Number,
    Flag,
    Texts,
    /// Texts by any key.
    TextMap,
    /// Items by any key.
    ItemMap(&'static Schema),
    Item(&'static Schema),
    Items(&'static Schema),
}

/// What can be asked of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldKind {
    Text,
    Number,
    Flag,
    List,
    Map,
}

impl Schema {
    /// The kind of the field that a path leads to; `None` if there is none.
    pub(super) fn kind_of(&self, path: &[String]) -> Option<FieldKind> {
        let (name, rest) = path.split_first()?;
        let (_, field) = self.0.iter().find(|(known, _)| known == name)?;
        match (field, rest) {
            (Field::Text, []) => Some(FieldKind::Text),
            (Field::Number, []) => Some(FieldKind::Number),
            (Field::Flag, []) => Some(FieldKind::Flag),
            (Field::Texts | Field::Items(_), []) => Some(FieldKind::List),
            (Field::TextMap | Field::ItemMap(_), []) => Some(FieldKind::Map),
            (Field::TextMap, [_]) => Some(FieldKind::Text),
            (Field::ItemMap(inner), [_, rest @ ..]) | (Field::Item(inner) | Field::Items(inner), rest) => {
                inner.kind_of(rest)
            }
            _ => None,
        }
    }
}

const ADDRESS: Schema = Schema(&[("Address", Field::Text), ("Port", Field::Number)]);

const WEIGHTS: Schema = Schema(&[("Passing", Field::Number), ("Warning", Field::Number)]);

/// A node, as in `catalog/nodes`.
pub(in crate::server::consul) const NODE: Schema = Schema(&[
    ("ID", Field::Text),
    ("Node", Field::Text),
    ("Address", Field::Text),
    ("Datacenter", Field::Text),
    ("TaggedAddresses", Field::TextMap),
    ("Meta", Field::TextMap),
]);

/// A service, as in `agent/services` and `catalog/node`.
pub(in crate::server::consul) const SERVICE: Schema = Schema(&[
    ("Kind", Field::Text),
    ("ID", Field::Text),
    ("Service", Field::Text),
    ("Tags", Field::Texts),
    ("Meta", Field::TextMap),
    ("Port", Field::Number),
    ("Address", Field::Text),
    ("TaggedAddresses", Field::ItemMap(&ADDRESS)),
    ("Weights", Field::Item(&WEIGHTS)),
    ("EnableTagOverride", Field::Flag),
]);

/// A check.
pub(in crate::server::consul) const CHECK: Schema = Schema(&[
    ("Node", Field::Text),
    ("CheckID", Field::Text),
    ("Name", Field::Text),
    ("Status", Field::Text),
    ("Notes", Field::Text),
    ("Output", Field::Text),
    ("ServiceID", Field::Text),
    ("ServiceName", Field::Text),
    ("ServiceTags", Field::Texts),
    ("Type", Field::Text),
]);

/// An instance with its node and its checks, as in `health/service`.
pub(in crate::server::consul) const HEALTH_ENTRY: Schema =
    Schema(&[("Node", Field::Item(&NODE)), ("Service", Field::Item(&SERVICE)), ("Checks", Field::Items(&CHECK))]);

/// An instance with its node, as in `catalog/service`.
pub(in crate::server::consul) const SERVICE_NODE: Schema = Schema(&[
    ("ID", Field::Text),
    ("Node", Field::Text),
    ("Address", Field::Text),
    ("Datacenter", Field::Text),
    ("TaggedAddresses", Field::TextMap),
    ("NodeMeta", Field::TextMap),
    ("ServiceKind", Field::Text),
    ("ServiceID", Field::Text),
    ("ServiceName", Field::Text),
    ("ServiceTags", Field::Texts),
    ("ServiceAddress", Field::Text),
    ("ServiceTaggedAddresses", Field::ItemMap(&ADDRESS)),
    ("ServiceWeights", Field::Item(&WEIGHTS)),
    ("ServiceMeta", Field::TextMap),
    ("ServicePort", Field::Number),
    ("ServiceEnableTagOverride", Field::Flag),
]);
