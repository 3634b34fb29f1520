//! One JSON object per line, one per service. An incomplete listing ends in `{"type":"end","complete":false,…}`.

use std::io::{self, Write};

use serde::Serialize;

use super::json::write_json;
use super::{Footer, Format, RenderOptions};
use crate::model::{Completeness, PartialError, Service};

pub(super) struct Ndjson<'w> {
    out: &'w mut (dyn Write + Send),
    scratch: Vec<u8>,
}

/// The last line of an incomplete listing.
#[derive(Serialize)]
struct LastLine<'a> {
    r#type: &'static str,
    complete: bool,
    errors: &'a [PartialError],
}

impl<'w> Ndjson<'w> {
    pub(super) fn new(out: &'w mut (dyn Write + Send), _page: RenderOptions) -> io::Result<Self> {
        Ok(Self { out, scratch: Vec::new() })
    }
}

impl Format for Ndjson<'_> {
    fn service(&mut self, service: &Service) -> io::Result<()> {
        write_json(self.out, &mut self.scratch, service, false)?;
        self.out.write_all(b"\n")
    }

    fn end(&mut self, end: &Footer<'_>) -> io::Result<()> {
        if end.completeness == Completeness::Incomplete {
            let line = LastLine { r#type: "end", complete: false, errors: end.errors };
            write_json(self.out, &mut self.scratch, &line, false)?;
            self.out.write_all(b"\n")?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
