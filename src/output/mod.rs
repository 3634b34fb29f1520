//! Output formats, one per file. README.md describes how to add one.

mod address;
mod changes;
#[cfg(feature = "cli")]
mod chart;
mod csv;
mod events;
mod explain;
mod grid;
#[cfg(feature = "html")]
mod html;
mod json;
mod junit;
#[cfg(feature = "live")]
mod live;
mod name;
mod ndjson;
mod nmap_xml;
mod place;
mod prometheus;
mod prometheus_sd;
#[cfg(feature = "cli")]
mod table;
#[cfg(all(test, feature = "cli"))]
mod tests;
mod xml;

#[cfg(feature = "serve")]
pub(crate) use xml::XmlWriter;
mod yaml;

use std::io::{self, Write};

use jiff::Timestamp;

use crate::model::{
    Column, Completeness, Coverage, DetailLevel, Endpoint, Filters, HostFacts, PartialError, ScannedHost, Service,
};
pub(crate) use changes::{Changes, DiffContext, OldListing};
pub(crate) use csv::write_csv;
pub use events::EventFormat;
pub(crate) use grid::{Align, GridColumn, GridLayout, write_grid};
pub(crate) use json::{write_document, write_pretty_value, write_value};
#[cfg(feature = "live")]
pub(crate) use live::{KeyPress, MousePress, ProcessSample, View, ViewAction};
use place::place_with_path;
#[cfg(feature = "cli")]
pub(crate) use table::{Field, TableLayout};

/// Writes services as they arrive.
///
/// A format that needs all services before it can write the first one (a table and its widths) keeps what it needs
/// until `end`.
pub trait Format: Send {
    /// Writes or stores one service.
    ///
    /// # Errors
    /// The writer's.
    fn service(&mut self, service: &Service) -> io::Result<()>;

    /// Takes note of a port of an earlier listing that is not listed, because no reply says whether it is open.
    ///
    /// # Errors
    /// The writer's.
    fn unanswered(&mut self, _service: &Service) -> io::Result<()> {
        Ok(())
    }

    /// Writes the rest. Called once, also for an incomplete listing.
    ///
    /// # Errors
    /// The writer's.
    fn end(&mut self, end: &Footer<'_>) -> io::Result<()>;

    /// Flushes everything written so far.
    ///
    /// # Errors
    /// The writer's.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a format needs before the first service.
#[derive(Clone, Copy, Debug)]
pub struct RenderOptions {
    /// The source's columns, beside the common fields.
    pub columns: &'static [Column],
    /// Whether services were identified. If so, port numbers are not used as guesses.
    pub identified: bool,
    /// Start of the listing.
    pub generated: Timestamp,
    /// Width of the terminal in characters; `None` for files and pipes, where nothing is truncated.
    pub width: Option<u16>,
    /// Whether colour and bold are allowed.
    pub color: bool,
    /// Whether the terminal opens links (OSC 8).
    pub links: bool,
}

impl RenderOptions {
    /// The protocol of an endpoint: identified, or guessed from its port number.
    fn service<'e>(&self, endpoint: &'e Endpoint) -> &'e str {
        match &endpoint.identity {
            Some(identity) => identity.protocol(),
            None if self.identified => "",
            None => endpoint.port_service.as_deref().unwrap_or_default(),
        }
    }
}

/// What a format needs after the last service.
#[derive(Clone, Copy, Debug)]
pub struct Footer<'a> {
    /// End of the listing; of a stored one, which does not say it, its start.
    pub finished: Timestamp,
    /// Whether the listing holds every service.
    pub completeness: Completeness,
    /// Parts that could not be read.
    pub errors: &'a [PartialError],
    /// Facts that are missing because of missing permissions.
    pub limits: &'a [PartialError],
    /// Port counts per host, from sources that count them.
    pub hosts: Option<&'a [ScannedHost]>,
    /// The number of hosts that did not reply to host discovery, from sources that look for hosts.
    pub absent_hosts: u64,
    /// The addresses and ports that the listing covers, from sources that report them.
    pub coverage: &'a [Coverage],
    /// The command line, without secrets; empty if there is none.
    pub args: &'a str,
    /// The machine that the services are on, where a source lists one.
    pub host: Option<&'a HostFacts>,
    /// The filters of the listing.
    pub filters: &'a Filters,
}

impl<'a> Footer<'a> {
    /// The end of a listing without errors, limits or facts about hosts.
    pub fn new(finished: Timestamp, completeness: Completeness, filters: &'a Filters) -> Self {
        Self {
            finished,
            completeness,
            errors: &[],
            limits: &[],
            hosts: None,
            absent_hosts: 0,
            coverage: &[],
            args: "",
            host: None,
            filters,
        }
    }
}

/// How consumers read a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Line by line: each line is useful on its own.
    ByLine,
    /// As one sorted document.
    Whole,
}

/// Registers formats: name for `-o`, constructor, detail level, delivery, and the feature it needs. The doc comment is the
/// help text.
macro_rules! formats {
    ($($(#[$doc:meta])* $variant:ident => $open:path, $depth:ident, $read:ident $(, $feature:literal)?;)*) => {
        /// The output formats.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
        pub enum FormatName {
            $($(#[$doc])* $(#[cfg(feature = $feature)])? $variant,)*
        }

        impl FormatName {
            /// Opens the format on a writer.
            ///
            /// # Errors
            /// The writer's: some formats begin with a header.
            pub fn open<'w>(self, out: &'w mut (dyn Write + Send), page: RenderOptions) -> io::Result<Box<dyn Format + 'w>> {
                Ok(match self { $($(#[cfg(feature = $feature)])? Self::$variant => Box::new($open(out, page)?),)* })
            }

            /// Opens the format on a writer; a table with this layout.
            ///
            /// # Errors
            /// The writer's: some formats begin with a header.
            #[cfg(feature = "cli")]
            pub(crate) fn open_laid_out<'w>(
                self,
                out: &'w mut (dyn Write + Send),
                page: RenderOptions,
                layout: &TableLayout,
            ) -> io::Result<Box<dyn Format + 'w>> {
                match self {
                    Self::Table => Ok(Box::new(table::Table::laid_out(out, page, false, layout.clone()))),
                    Self::Wide => Ok(Box::new(table::Table::laid_out(out, page, true, layout.clone()))),
                    _ => self.open(out, page),
                }
            }

            /// The detail level that the format shows.
            pub fn depth(self) -> DetailLevel {
                match self { $($(#[cfg(feature = $feature)])? Self::$variant => DetailLevel::$depth,)* }
            }

            /// How consumers read the format.
            pub fn read(self) -> Delivery {
                match self { $($(#[cfg(feature = $feature)])? Self::$variant => Delivery::$read,)* }
            }
        }
    };
}

formats! {
    /// Aligned columns
    Table => table::Table::brief, Brief, Whole, "cli";
    /// All columns that fit the terminal
    Wide => table::Table::wide, Full, Whole, "cli";
    /// JSON document
    Json => json::Json::new, Full, Whole;
    /// One JSON object per line
    Ndjson => ndjson::Ndjson::new, Full, ByLine;
    /// One endpoint per line, for spreadsheets
    Csv => csv::Csv::new, Full, ByLine;
    /// YAML document
    Yaml => yaml::Yaml::new, Full, Whole;
    /// Targets for Prometheus file and HTTP service discovery
    PrometheusSd => prometheus_sd::PrometheusSd::new, Brief, Whole;
    /// nmap XML, for ndiff and other nmap tools
    NmapXml => nmap_xml::NmapXml::new, Full, Whole;
    /// Health as JUnit XML, for CI
    Junit => junit::Junit::new, Full, Whole;
    /// Health as Prometheus metrics
    Prometheus => prometheus::Prometheus::new, Full, Whole;
    /// Each deduction from the score and its hint
    Explain => explain::Explain::new, Full, Whole;
    /// One page for a browser, with everything in it
    Html => html::Html::new, Brief, Whole, "html";
    /// A picture: processes, services and their endpoints
    Svg => chart::Svg::begin, Full, Whole, "cli";
    /// The same picture in the language of Graphviz
    Dot => chart::Dot::begin, Full, Whole, "cli";
    /// The same picture for GitHub, GitLab and wikis
    Mermaid => chart::Mermaid::begin, Full, Whole, "cli";
    /// Ids only
    Name => name::Name::new, Names, ByLine;
    /// Addresses with ports, one per line
    Address => address::Addresses::new, Names, ByLine;
}
