//! Ids only, one per line, for scripts.

use std::io::{self, Write};

use super::{Footer, Format, RenderOptions};
use crate::model::Service;

pub(super) struct Name<'w> {
    out: &'w mut (dyn Write + Send),
}

impl<'w> Name<'w> {
    pub(super) fn new(out: &'w mut (dyn Write + Send), _page: RenderOptions) -> io::Result<Self> {
        Ok(Self { out })
    }
}

impl Format for Name<'_> {
    fn service(&mut self, service: &Service) -> io::Result<()> {
        writeln!(self.out, "{}", service.id)
    }

    fn end(&mut self, _end: &Footer<'_>) -> io::Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
