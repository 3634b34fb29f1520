//! A source of one's own: it works with every format, watch and check.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::time::Duration;

use portolan::model::{Address, Column, Completeness, Transport};
use portolan::source::{ItemSink, ListContext, ListFuture, collect};
use portolan::{Detail, Endpoint, Service, Source};

/// The services that this program knows.
struct Inventory;

/// What only this source knows of a service.
#[derive(Debug, serde::Serialize)]
struct Rack {
    rack: u32,
}

impl Detail for Rack {}

impl Source for Inventory {
    fn name(&self) -> &'static str {
        "inventory"
    }

    fn columns(&self) -> &'static [Column] {
        &[]
    }

    fn list<'a>(&'a self, _context: &'a ListContext, out: &'a mut dyn ItemSink) -> ListFuture<'a> {
        Box::pin(async move {
            for rack in 1..=3 {
                let address = Address::Ip([192, 0, 2, 7].into());
                let endpoints =
                    vec![Endpoint::new(address, Some(8000 + u16::try_from(rack).unwrap_or(0)), Transport::Tcp)];
                let service = Service::new(format!("inventory/rack-{rack}"), self.name(), endpoints, Rack { rack });
                if out.service(service.erase()).is_break() {
                    break;
                }
            }
            Ok(Completeness::Complete)
        })
    }

    fn interval(&self) -> Duration {
        Duration::from_mins(1)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let listing = collect(&Inventory).await?;
    print!("{}", listing.to_json()?);
    Ok(())
}
