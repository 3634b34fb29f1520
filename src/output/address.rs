//! Addresses with their ports, one per line, for the arguments of other programs: `10.0.0.5:22`, `[::1]:80`.

use std::collections::HashSet;
use std::io::{self, Write};

use super::{Footer, Format, RenderOptions};
use crate::model::Service;

pub(super) struct Addresses<'w> {
    out: &'w mut (dyn Write + Send),
    /// Several services may share an address: names of virtual hosts, TCP and UDP.
    written: HashSet<String>,
}

impl<'w> Addresses<'w> {
    pub(super) fn new(out: &'w mut (dyn Write + Send), _page: RenderOptions) -> io::Result<Self> {
        Ok(Self { out, written: HashSet::new() })
    }
}

impl Format for Addresses<'_> {
    fn service(&mut self, service: &Service) -> io::Result<()> {
        for endpoint in &service.endpoints {
            let line = endpoint.to_string();
            if !self.written.contains(&line) {
                writeln!(self.out, "{line}")?;
                self.written.insert(line);
            }
        }
        Ok(())
    }

    fn end(&mut self, _end: &Footer<'_>) -> io::Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
