//! An output format of one's own: a hosts file.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::io::{self, Write};

use portolan::Service;
use portolan::model::Address;
use portolan::output::{Footer, Format};
use portolan::source::Local;

/// Writes a line for each address.
struct Hosts<W>(W);

impl<W: Write + Send> Format for Hosts<W> {
    fn service(&mut self, service: &Service) -> io::Result<()> {
        for endpoint in &service.endpoints {
            if let (Address::Ip(ip), Some(port)) = (&endpoint.address, endpoint.port) {
                let name = service.name.as_ref().map_or_else(|| format!("port-{port}"), ToString::to_string);
                writeln!(self.0, "{ip} {name} # {port}")?;
            }
        }
        Ok(())
    }

    fn end(&mut self, _end: &Footer<'_>) -> io::Result<()> {
        self.0.flush()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut format = Hosts(io::stdout());
    let local = Local { tcp: true, ..Local::default() };
    for service in local.listing()?.services {
        format.service(&service.erase())?;
    }
    Ok(())
}
