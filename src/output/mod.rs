//! How results look. One file per format; README.md says how to add one.

mod changes;
mod csv;
mod events;
mod explain;
mod grid;
mod json;
mod junit;
#[cfg(feature = "live")]
mod live;
mod name;
mod ndjson;
mod nmap_xml;
mod prometheus;
mod prometheus_sd;
mod table;
mod yaml;

use std::io::{self, Write};

use jiff::Timestamp;

use crate::model::{Column, Completeness, DetailLevel, Endpoint, HostFacts, PartialError, ScannedHost, Service};
pub(crate) use changes::{Changes, DiffContext};
pub use events::EventFormat;
pub(crate) use grid::{Align, write_grid};
pub(crate) use json::write_document;
#[cfg(feature = "live")]
pub(crate) use live::{KeyPress, View};

/// A way to write services down, one by one as they come.
///
/// A format that needs all of them to write the first (a table and its widths) keeps what it must until `end`.
pub trait Format: Send {
    /// Takes a service.
    ///
    /// # Errors
    /// What the writer says.
    fn service(&mut self, service: &Service) -> io::Result<()>;

    /// Takes the last word. Called once, also when the answer is not whole.
    ///
    /// # Errors
    /// What the writer says.
    fn end(&mut self, end: &Footer<'_>) -> io::Result<()>;

    /// Lets what was taken so far be seen, as far as the format writes before the end.
    ///
    /// # Errors
    /// What the writer says.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is known before the first service.
#[derive(Clone, Copy, Debug)]
pub struct RenderOptions {
    /// What the source can show beside the common fields.
    pub columns: &'static [Column],
    /// Whether services were asked what they are. Then no guess from a port's number stands where the answers do.
    pub identified: bool,
    /// When the answer was asked for.
    pub generated: Timestamp,
    /// The width of the terminal in characters; `None` writes no terminal and cuts nothing off.
    pub width: Option<u16>,
    /// Whether colour and bold may be used.
    pub color: bool,
}

impl RenderOptions {
    /// The word for what speaks at an endpoint: its own where it was asked, a guess where nobody was.
    fn service<'e>(&self, endpoint: &'e Endpoint) -> &'e str {
        match &endpoint.identity {
            Some(identity) => identity.protocol(),
            None if self.identified => "",
            None => endpoint.port_service.as_deref().unwrap_or_default(),
        }
    }
}

/// What is known after the last service.
#[derive(Clone, Copy, Debug)]
pub struct Footer<'a> {
    /// When that was.
    pub finished: Timestamp,
    /// Whether these were all.
    pub completeness: Completeness,
    /// Parts that could not be read.
    pub errors: &'a [PartialError],
    /// What could not be seen of the services, for want of rights.
    pub limits: &'a [PartialError],
    /// What became of each host's ports, where a source counts them.
    pub hosts: Option<&'a [ScannedHost]>,
    /// The machine that the services are on, where a source lists one.
    pub host: Option<&'a HostFacts>,
}

/// How a format is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Line by line: each is worth something before the next is there.
    ByLine,
    /// As one document, whose order people compare.
    Whole,
}

/// Registers formats: the word for `-o`, its constructor, how much of a service it shows, and whether somebody may read
/// it line by line, before its end is there.
macro_rules! formats {
    ($($(#[$doc:meta])* $variant:ident => $open:path, $depth:ident, $read:ident;)*) => {
        /// The formats that there are.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
        pub enum FormatName {
            $($(#[$doc])* $variant,)*
        }

        impl FormatName {
            /// Opens the format on a writer.
            ///
            /// # Errors
            /// What the writer says: some formats begin with a header.
            pub fn open<'w>(self, out: &'w mut (dyn Write + Send), page: RenderOptions) -> io::Result<Box<dyn Format + 'w>> {
                Ok(match self { $(Self::$variant => Box::new($open(out, page)?),)* })
            }

            /// How much of each service the format shows.
            pub fn depth(self) -> DetailLevel {
                match self { $(Self::$variant => DetailLevel::$depth,)* }
            }

            /// How it is read.
            pub fn read(self) -> Delivery {
                match self { $(Self::$variant => Delivery::$read,)* }
            }
        }
    };
}

formats! {
    /// Aligned columns for people
    Table => table::Table::brief, Brief, Whole;
    /// The same with everything that is known, as far as the terminal is wide
    Wide => table::Table::wide, Full, Whole;
    /// One document
    Json => json::Json::new, Full, Whole;
    /// One JSON object per line
    Ndjson => ndjson::Ndjson::new, Full, ByLine;
    /// One endpoint per line, for spreadsheets
    Csv => csv::Csv::new, Full, ByLine;
    /// One document
    Yaml => yaml::Yaml::new, Full, Whole;
    /// Targets for Prometheus' file and HTTP service discovery
    PrometheusSd => prometheus_sd::PrometheusSd::new, Brief, Whole;
    /// The XML of nmap, for ndiff and whatever else reads that
    NmapXml => nmap_xml::NmapXml::new, Full, Whole;
    /// Health as JUnit XML, for CI
    Junit => junit::Junit::new, Full, Whole;
    /// Health as metrics, for Prometheus
    Prometheus => prometheus::Prometheus::new, Full, Whole;
    /// Every deduction from a score with what to do about it
    Explain => explain::Explain::new, Full, Whole;
    /// Only ids
    Name => name::Name::new, Names, ByLine;
}
