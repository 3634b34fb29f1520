use super::{End, Format, Page};
use crate::model::Service;
use std::io::{self, Write};
pub(super) struct Csv<'w> {
    out: &'w mut dyn Write,
}
impl<'w> Csv<'w> {
    pub(super) fn new(out: &'w mut dyn Write, _page: Page) -> io::Result<Self> {
        Ok(Self { out })
    }
    pub(super) fn brief(out: &'w mut dyn Write, page: Page) -> io::Result<Self> {
        Self::new(out, page)
    }
    pub(super) fn wide(out: &'w mut dyn Write, page: Page) -> io::Result<Self> {
        Self::new(out, page)
    }
}
impl Format for Csv<'_> {
    fn service(&mut self, service: &Service) -> io::Result<()> {
        writeln!(self.out, "{}", service.id)
    }
    fn end(&mut self, _end: &End<'_>) -> io::Result<()> {
        Ok(())
    }
}
