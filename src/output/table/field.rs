//! What a cell of a table shows: a field that every source has, or a column of its own.

use std::cmp::Ordering;
use std::fmt::{self, Write};
use std::net::SocketAddr;

use crate::model::{Address, Column, ColumnVisibility, Endpoint, Service};
use crate::output::RenderOptions;

/// A field of a row. People choose, sort and group by them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Field {
    /// The transport.
    Proto,
    /// The address with its port.
    Address,
    /// The protocol: identified, or guessed from the port number.
    Service,
    Name,
    Namespace,
    /// The port alone: no column of a table, but a field to sort and group by.
    Port,
    /// A column of the source.
    Of(&'static Column),
}

/// The columns of every source.
pub(in crate::output) const COMMON: [Field; 5] =
    [Field::Proto, Field::Address, Field::Service, Field::Name, Field::Namespace];

/// Other names of columns, as people guess them.
const ALIASES: [(&str, &str); 6] = [
    ("interface", "interfaces"),
    ("protocol", "proto"),
    ("transport", "proto"),
    ("cmd", "command"),
    ("health", "state"),
    ("ns", "namespace"),
];

impl PartialEq for Field {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Field {
    /// The field of this name, in any case and with `-` or `_`; `None` if the source has no such column.
    pub(crate) fn named(name: &str, columns: &'static [Column]) -> Option<Self> {
        let name = name.trim().to_lowercase().replace('-', "_");
        let all = || COMMON.into_iter().chain([Self::Port]).chain(columns.iter().map(Self::Of));
        let find = |name: &str| all().find(|field| field.name() == name);
        find(&name).or_else(|| ALIASES.iter().find(|(alias, _)| *alias == name).and_then(|(_, name)| find(name)))
    }

    /// The names of all fields, for errors.
    pub(crate) fn names(columns: &'static [Column]) -> Vec<&'static str> {
        let columns = columns.iter().map(|column| column.name);
        COMMON.iter().map(|field| field.name()).chain(["port"]).chain(columns).collect()
    }

    /// Lower case, words joined by `_`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Proto => "proto",
            Self::Address => "address",
            Self::Service => "service",
            Self::Name => "name",
            Self::Namespace => "namespace",
            Self::Port => "port",
            Self::Of(column) => column.name,
        }
    }

    /// Whether only a full listing has it.
    pub(crate) fn needs_detail(self) -> bool {
        matches!(self, Self::Of(Column { shown: ColumnVisibility::Wide | ColumnVisibility::Data, .. }))
    }

    /// Whether it says what a tree of processes says already.
    pub(super) fn is_of_process(self) -> bool {
        matches!(self.name(), "name" | "process" | "pid" | "pids" | "parents")
    }

    pub(super) fn column(self) -> Option<&'static Column> {
        match self {
            Self::Of(column) => Some(column),
            _ => None,
        }
    }

    /// Writes the cell of a row; nothing if it is unknown.
    pub(crate) fn write(
        self,
        page: &RenderOptions,
        service: &Service,
        endpoint: Option<&Endpoint>,
        out: &mut String,
    ) -> fmt::Result {
        match (self, endpoint) {
            (Self::Proto, Some(endpoint)) => out.push_str(endpoint.transport.as_str()),
            (Self::Address, Some(endpoint)) => {
                write!(out, "{endpoint}")?;
                if matches!(&endpoint.address, Address::Unix(path) if path.is_lossy()) {
                    out.push_str(" (not UTF-8)");
                }
            }
            (Self::Service, Some(endpoint)) => out.push_str(page.service(endpoint)),
            (Self::Port, Some(endpoint)) => {
                if let Some(port) = endpoint.port {
                    write!(out, "{port}")?;
                }
            }
            (Self::Name, _) => {
                if let Some(name) = &service.name {
                    write!(out, "{name}")?;
                }
            }
            (Self::Namespace, _) => {
                if let Some(namespace) = &service.namespace {
                    write!(out, "{namespace}")?;
                }
            }
            (Self::Of(column), endpoint) => (column.cell)(service, endpoint, out)?,
            (Self::Proto | Self::Address | Self::Service | Self::Port, None) => {}
        }

        Ok(())
    }

    /// Whether its values are grouped by their address alone: each connection of a client has a port of its own.
    pub(super) fn is_grouped_by_address(self) -> bool {
        self.name() == "peer"
    }

    /// The heading of a row, with --group-by.
    ///
    /// # Errors
    /// If the column cannot be written.
    pub(super) fn group(
        self,
        page: &RenderOptions,
        service: &Service,
        endpoint: Option<&Endpoint>,
    ) -> Result<String, fmt::Error> {
        let mut group = String::new();
        self.write(page, service, endpoint, &mut group)?;
        let address = group.parse::<SocketAddr>().ok().filter(|_| self.is_grouped_by_address());
        Ok(address.map_or(group, |address| address.ip().to_canonical().to_string()))
    }

    /// The value of a service to sort by: that of its first endpoint.
    pub(crate) fn sort_value(self, page: &RenderOptions, service: &Service) -> SortValue {
        let endpoint = service.endpoints.first();

        match (self, endpoint) {
            (Self::Address, Some(endpoint)) => SortValue::Address(endpoint.address.clone(), endpoint.port),
            (Self::Proto, Some(endpoint)) => SortValue::Number(f64::from(endpoint.transport as u8)),
            _ => {
                let mut text = String::new();
                let number = self.column().and_then(|column| column.number);
                // Writing to a String cannot fail; a column that fails has no value.
                let _ = match number {
                    Some(number) => number(service, endpoint, &mut text),
                    None => self.write(page, service, endpoint, &mut text),
                };
                SortValue::of(text)
            }
        }
    }
}

/// A value to sort by.
#[derive(Clone, Debug)]
pub(crate) enum SortValue {
    Address(Address, Option<u16>),
    Number(f64),
    Text(String),
    None,
}

impl SortValue {
    fn of(text: String) -> Self {
        if text.is_empty() {
            return Self::None;
        }
        text.parse().map_or(Self::Text(text), Self::Number)
    }

    /// The order of two values; those that are missing come last in either direction.
    pub(crate) fn compare(&self, other: &Self, descending: bool) -> Ordering {
        let order = match (self, other) {
            (Self::None, Self::None) => return Ordering::Equal,
            (Self::None, _) => return Ordering::Greater,
            (_, Self::None) => return Ordering::Less,
            (Self::Address(one, port), Self::Address(other, other_port)) => (one, port).cmp(&(other, other_port)),
            (Self::Number(one), Self::Number(other)) => one.total_cmp(other),
            (Self::Number(_), _) | (_, Self::Address(..)) => Ordering::Less,
            (_, Self::Number(_)) | (Self::Address(..), _) => Ordering::Greater,
            (Self::Text(one), Self::Text(other)) => one.to_lowercase().cmp(&other.to_lowercase()),
        };
        if descending { order.reverse() } else { order }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_found_as_people_write_it() {
        for name in ["NAMESPACE", "namespace", " Namespace ", "ns"] {
            assert_eq!(Field::named(name, &[]).map(Field::name), Some("namespace"), "{name}");
        }
        assert!(Field::named("nonsense", &[]).is_none());
    }

    #[test]
    fn missing_values_are_last_in_both_directions() {
        let text = |text: &str| SortValue::of(text.to_owned());
        for descending in [false, true] {
            assert_eq!(text("").compare(&text("a"), descending), Ordering::Greater);
            assert_eq!(text("9").compare(&text(""), descending), Ordering::Less);
        }
        assert_eq!(text("9").compare(&text("10"), false), Ordering::Less, "numbers are compared as numbers");
        assert_eq!(text("9").compare(&text("10"), true), Ordering::Greater);
        assert_eq!(text("b").compare(&text("A"), false), Ordering::Greater);
    }
}
