//! One line per endpoint, or per service without endpoints (RFC 4180), for spreadsheets. A cell that a spreadsheet
//! would run as a formula begins with `'`. Numbers are plain: bytes, seconds, milliseconds where the name says so.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::{Footer, Format, RenderOptions};
use crate::clean::clean;
use crate::model::Service;

pub(super) struct Csv<'w> {
    writer: csv::Writer<&'w mut (dyn Write + Send)>,
    page: RenderOptions,
    cell: String,
}

/// The columns of every source.
const COMMON: [&str; 9] = ["id", "transport", "address", "port", "interface", "service", "name", "namespace", "source"];

impl<'w> Csv<'w> {
    pub(super) fn new(out: &'w mut (dyn Write + Send), page: RenderOptions) -> io::Result<Self> {
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record(COMMON.into_iter().chain(page.columns.iter().map(|column| column.name)))?;
        Ok(Self { writer, page, cell: String::new() })
    }

    /// Writes one cell, filled by `fill`.
    fn cell(&mut self, fill: impl FnOnce(&mut String) -> std::fmt::Result) -> io::Result<()> {
        self.cell.clear();
        fill(&mut self.cell).map_err(io::Error::other)?;
        disarm(&mut self.cell);
        Ok(self.writer.write_field(&self.cell)?)
    }
}

/// Marks a cell that a spreadsheet would run as a formula as text.
fn disarm(cell: &mut String) {
    let is_number = cell.parse::<f64>().is_ok();
    if !is_number && cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        cell.insert(0, '\'');
    }
}

/// Writes rows that are not services, below a line with the names of their columns.
///
/// # Errors
/// As `out`.
pub(crate) fn write_csv<const N: usize>(
    out: &mut (dyn Write + Send),
    columns: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(columns)?;
    for mut row in rows {
        row.iter_mut().for_each(disarm);
        writer.write_record(&row)?;
    }
    writer.flush()
}

impl Format for Csv<'_> {
    fn service(&mut self, service: &Service) -> io::Result<()> {
        let page = self.page;
        for endpoint in service.rows() {
            self.cell(|out| write!(out, "{}", service.id))?;
            self.cell(|out| endpoint.map_or(Ok(()), |endpoint| out.write_str(endpoint.transport.as_str())))?;
            self.cell(|out| endpoint.map_or(Ok(()), |endpoint| write!(out, "{}", endpoint.address)))?;
            self.cell(|out| optional(endpoint.and_then(|endpoint| endpoint.port), out))?;
            self.cell(|out| optional(endpoint.and_then(|endpoint| endpoint.interface.as_ref()), out))?;
            self.cell(|out| optional(endpoint.map(|endpoint| page.service(endpoint)), out))?;
            self.cell(|out| optional(service.name.as_ref(), out))?;
            self.cell(|out| optional(service.namespace.as_ref(), out))?;
            self.cell(|out| out.write_str(&clean(&service.source)))?;

            for column in page.columns {
                self.cell(|out| (column.number.unwrap_or(column.cell))(service, endpoint, out))?;
            }

            self.writer.write_record(None::<&[u8]>)?;
        }
        Ok(())
    }

    fn end(&mut self, _end: &Footer<'_>) -> io::Result<()> {
        self.writer.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

fn optional(value: Option<impl std::fmt::Display>, out: &mut String) -> std::fmt::Result {
    value.map_or(Ok(()), |value| write!(out, "{value}"))
}
