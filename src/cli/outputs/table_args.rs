//! `--columns`, `--sort` and the like: what people choose of a table's looks.

use std::str::FromStr;

use clap::Args;

use crate::clean::clean;
use crate::cli::Global;
use crate::error::{Error, Result, nearest};
use crate::health::COLUMNS as HEALTH_COLUMNS;
use crate::model::{Column, ParseError, Service};
use crate::output::{Field, FormatName, RenderOptions, TableLayout};
use crate::probe::COLUMNS as IDENTITY_COLUMNS;
use crate::source::columns_of_all;

/// How tables look, and in which order services come.
#[derive(Args, Clone, Debug, Default)]
pub(in crate::cli) struct TableArgs {
    /// Show these columns of the table, in this order; an unknown name is an error that lists the valid ones
    #[arg(
        long,
        value_name = "NAMES",
        value_delimiter = ',',
        global = true,
        help_heading = "Output",
        conflicts_with = "watch"
    )]
    columns: Vec<String>,
    /// Sort by a column; FIELD:desc sorts in reverse
    ///
    /// Applies to all formats. Numbers are sorted as numbers, addresses as addresses; services without a value come last.
    #[arg(long, value_name = "FIELD[:desc]", global = true, help_heading = "Output", conflicts_with = "watch")]
    sort: Option<SortSpec>,
    /// Put the rows of each process, port, interface, unit, or other column under a heading
    #[arg(long, value_name = "FIELD", global = true, help_heading = "Output", conflicts_with_all = ["watch", "tree"])]
    group_by: Option<String>,
    /// With --group-by, print only the number of rows for each value, the largest first
    #[arg(long, global = true, help_heading = "Output", requires = "group_by")]
    counts: bool,
    /// Show listeners below their processes, and processes below those that started them
    #[arg(long, global = true, help_heading = "Output", conflicts_with = "watch")]
    tree: bool,
    /// Leave out the line with the names of the columns
    #[arg(long = "no-headers", id = "headerless", global = true, help_heading = "Output", conflicts_with = "watch")]
    headerless: bool,
}

/// A value of `--sort`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SortSpec {
    field: String,
    descending: bool,
}

impl FromStr for SortSpec {
    type Err = ParseError;

    fn from_str(text: &str) -> std::result::Result<Self, ParseError> {
        let (field, direction) = text.split_once(':').unwrap_or((text, "asc"));
        let descending = match direction {
            "asc" => false,
            "desc" => true,
            _ => return Err(ParseError::new("there is no such direction", "write FIELD or FIELD:desc")),
        };
        Ok(Self { field: field.to_owned(), descending })
    }
}

/// An order of services.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct SortOrder {
    field: Field,
    descending: bool,
}

impl SortOrder {
    /// The services in this order; equal ones keep theirs.
    pub(super) fn sorted(self, page: &RenderOptions, services: Vec<Service>) -> Vec<Service> {
        let keyed = services.into_iter().map(|service| (self.field.sort_value(page, &service), service));
        let mut keyed: Vec<_> = keyed.collect();
        keyed.sort_by(|(one, _), (other, _)| one.compare(other, self.descending));
        keyed.into_iter().map(|(_, service)| service).collect()
    }
}

impl TableArgs {
    /// The global options for these ones. An option for tables on the command line prevails over another format in a setting.
    pub(in crate::cli) fn with_format(&self, global: &Global) -> Global {
        let is_of_table = global.columns_on_line || self.group_by.is_some() || self.tree || self.headerless;
        let is_table = matches!(global.format, FormatName::Table | FormatName::Wide | FormatName::Explain);
        let overrides = is_of_table && !is_table && !global.has_format_on_line();
        Global { format: if overrides { FormatName::Table } else { global.format }, ..global.clone() }
    }

    /// The layout of tables and the order of services, for a source with these columns. Columns that only a setting names do
    /// not concern other formats.
    ///
    /// # Errors
    /// A name that no column has, or an option for tables where standard output has another format.
    pub(in crate::cli) fn resolve(
        &self,
        columns: &'static [Column],
        global: &Global,
    ) -> Result<(TableLayout, Option<SortOrder>)> {
        let of_tables = [
            ("--columns", global.columns_on_line),
            ("--group-by", self.group_by.is_some()),
            ("--tree", self.tree),
            ("--no-headers", self.headerless),
        ];
        let is_table = matches!(global.format, FormatName::Table | FormatName::Wide);
        if let Some((option, _)) = of_tables.iter().find(|(_, given)| *given && !is_table) {
            return Err(Error::usage(*option, "it applies to tables only", "leave it out, or write -o table"));
        }
        if self.tree && Field::named("process", columns).is_none() {
            return Err(Error::usage(
                "--tree",
                "only this machine has a tree of processes",
                "use `portolan local --tree`",
            ));
        }

        let chosen = self.columns.iter().filter(|_| is_table);
        let chosen = chosen.map(|name| chosen_field("columns", name, columns, global.columns_on_line));
        let layout = TableLayout {
            columns: chosen.filter_map(Result::transpose).collect::<Result<_>>()?,
            headers: !self.headerless,
            group_by: self.group_by.as_ref().map(|name| field("--group-by", name, columns)).transpose()?,
            counts: self.counts,
            tree: self.tree,
            ..TableLayout::default()
        };
        let sort = match &self.sort {
            Some(SortSpec { field: name, descending }) => chosen_field("sort", name, columns, global.sort_on_line)?
                .map(|field| SortOrder { field, descending: *descending }),
            None => None,
        };
        Ok((layout, sort))
    }
}

/// The column with a name that an option gives, or else a setting: `None` if it is in a setting, and only other listings have
/// the column.
fn chosen_field(option: &str, name: &str, columns: &'static [Column], on_line: bool) -> Result<Option<Field>> {
    if on_line {
        return field(&format!("--{option}"), name, columns).map(Some);
    }

    let mut others = columns_of_all().chain([IDENTITY_COLUMNS, HEALTH_COLUMNS]);
    if Field::named(name, columns).is_none() && others.any(|columns| Field::named(name, columns).is_some()) {
        return Ok(None);
    }
    field(&format!("the setting {option} ="), name, columns).map(Some)
}

fn field(option: &str, name: &str, columns: &'static [Column]) -> Result<Field> {
    Field::named(name, columns).ok_or_else(|| {
        let known = Field::names(columns);
        let list = format!("the columns are {}", known.join(", "));
        let hint = match nearest(name, &known) {
            Some(near) => format!("did you mean '{near}'? {list}"),
            None => list,
        };
        Error::usage(format!("{option} '{}'", clean(name)), "there is no such column", hint)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_direction_follows_the_field() {
        let key = |field: &str, descending| SortSpec { field: field.to_owned(), descending };
        assert_eq!("pid".parse(), Ok(key("pid", false)));
        assert_eq!("pid:desc".parse(), Ok(key("pid", true)));
        assert_eq!("pid:asc".parse(), Ok(key("pid", false)));
        assert!("pid:down".parse::<SortSpec>().is_err());
    }

    #[test]
    fn a_setting_may_name_a_column_of_another_listing() {
        let connections = crate::source::local::CONNECTION_COLUMNS;
        assert_eq!(chosen_field("columns", "scope", connections, false).unwrap(), None);
        assert!(chosen_field("columns", "peer", connections, false).unwrap().is_some());
        let refused = |name, on_line| chosen_field("columns", name, connections, on_line).unwrap_err().to_string();
        assert_eq!(refused("scope", true), "cannot use --columns 'scope': there is no such column");
        assert_eq!(refused("scoep", false), "cannot use the setting columns = 'scoep': there is no such column");
    }
}
