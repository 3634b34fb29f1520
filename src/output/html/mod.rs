//! One page for a browser, with everything in it: no network, no other file. For tickets, reports and people without a
//! terminal.

mod changes;
mod page;
mod row;

use std::io::{self, Write};

pub(super) use self::changes::{ChangeRow, changes_page};
use self::row::Row;
use super::{Footer, Format, RenderOptions};
use crate::model::{Column, Service};

pub(super) struct Html<'w> {
    out: &'w mut (dyn Write + Send),
    page: RenderOptions,
    columns: Vec<&'static Column>,
    rows: Vec<Row>,
    services: usize,
}

impl<'w> Html<'w> {
    pub(super) fn new(out: &'w mut (dyn Write + Send), page: RenderOptions) -> io::Result<Self> {
        let columns = page.columns.iter().filter(|column| column.is_in_table(false)).collect();
        Ok(Self { out, page, columns, rows: Vec::new(), services: 0 })
    }
}

impl Format for Html<'_> {
    fn service(&mut self, service: &Service) -> io::Result<()> {
        self.services += 1;
        for endpoint in service.rows() {
            let row = Row::of(service, endpoint, self.page, &self.columns).map_err(io::Error::other)?;
            self.rows.push(row);
        }
        Ok(())
    }

    fn end(&mut self, end: &Footer<'_>) -> io::Result<()> {
        let page = page::HtmlPage {
            generated: self.page.generated,
            columns: &self.columns,
            rows: &self.rows,
            services: self.services,
            end,
        };
        self.out.write_all(page.render().into_string().as_bytes())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
