//! Validates a list of addresses: `validate_list HOST:PORT...`.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::net::SocketAddr;
use std::time::Duration;

use portolan::health::{Summary, Validator, ValidatorOptions};
use portolan::model::{Address, RawDetail, Transport};
use portolan::{Endpoint, Service};

/// A service at one address.
fn service(address: SocketAddr) -> Service {
    let endpoint = Endpoint::new(Address::Ip(address.ip()), Some(address.port()), Transport::Tcp);
    Service::new(format!("list/{address}"), "list", vec![endpoint], RawDetail(serde_json::Value::Null)).erase()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let addresses = std::env::args().skip(1).map(|text| text.parse()).collect::<Result<Vec<SocketAddr>, _>>()?;
    let mut options = ValidatorOptions::default();
    options.timeout = Duration::from_secs(1);
    options.retries = 0;

    let listing = Validator::new(options).validate(addresses.into_iter().map(service).collect()).await?;
    for service in &listing.services {
        println!("{} {:?}", service.id, service.health.as_ref().and_then(|health| health.score));
    }
    let summary = Summary::of(&listing.services);
    println!("{} of {} valid", summary.valid(), summary.total);
    Ok(())
}
