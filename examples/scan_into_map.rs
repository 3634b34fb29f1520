//! Scans hosts and keeps their open ports in a map: `scan_into_map TARGET PORTS`.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::net::IpAddr;

use portolan::model::Address;
use portolan::source::Scan;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (target, ports) = args.next().zip(args.next()).ok_or("usage: scan_into_map TARGET PORTS")?;
    let scan = Scan { targets: vec![target], ports: Some(ports.parse()?), ..Scan::default() };

    let mut open: BTreeMap<IpAddr, Vec<u16>> = BTreeMap::new();
    for endpoint in scan.listing()?.services.into_iter().flat_map(|service| service.endpoints) {
        if let (Address::Ip(ip), Some(port)) = (endpoint.address, endpoint.port) {
            open.entry(ip).or_default().push(port);
        }
    }

    for (host, ports) in open {
        println!("{host} {ports:?}");
    }
    Ok(())
}
